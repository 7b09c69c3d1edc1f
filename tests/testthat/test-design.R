# Covariates: from formula or matrix to columns, and the same for new data.

control <- gaussian_control(tol = 1e-12)

data <- withr::with_seed(1, {
  n <- 90
  data.frame(
    x = rnorm(n), z = rexp(n), f = factor(rep(c("u", "v", "w"), n / 3)),
    s = rep(c("yes", "no"), n / 2), l = rnorm(n) > 0, o = factor(rep(1:3, n / 3), ordered = TRUE),
    y = rnorm(n), y2 = rexp(n)
  )
})
data$y <- data$y + data$x - 2 * data$z + as.integer(data$f)

expect_lm <- function(formula, data, new = data[c(8, 3, 5), ], ...) {
  fit <- brenier(formula, data, control = control, ...)
  by_lm <- lm(formula, data, ...)
  # predict.lm() warns where columns were dropped, and leaves them out as the fit does
  truth <- suppressWarnings(predict(by_lm, new))
  expect_equal(predict(fit, new, "mean"), as.matrix(truth), tolerance = 1e-8, ignore_attr = TRUE)
  kept <- names(which(!is.na(if (is.matrix(coef(by_lm))) coef(by_lm)[, 1] else coef(by_lm))))
  expect_identical(fit$design$columns, setdiff(kept, "(Intercept)"))
  fit
}

test_that("covariates of every kind make the columns of lm()", {
  expect_lm(y ~ x + s + l + o, data)
  expect_lm(cbind(y, y2) ~ x * f + log(z), data)
  expect_lm(y ~ poly(x, 3) + splines::bs(z, df = 5) + scale(l), data)
  expect_lm(y ~ (x + z + f)^2 - x:z, data)
  expect_lm(y ~ . - l - o, data)
  expect_lm(y ~ factor(round(x)) + cut(z, c(-1, 1, 100)), data)
  expect_lm(y ~ x + f, data, new = data.frame(x = 3, f = "w"))
  # Contrasts and levels are those of the fit, whatever the session and newdata have.
  contrasts(data$f) <- contr.sum(3)
  fit <- expect_lm(y ~ x + f, data)
  withr::local_options(contrasts = c("contr.helmert", "contr.poly"))
  new <- data.frame(x = 1:2, f = factor(c("w", "u"), levels = c("w", "u")))
  expect_equal(predict(fit, new, "mean")[, 1], predict(lm(y ~ x + f, data), new), tolerance = 1e-8)
})

test_that("columns that say nothing new are dropped, as lm() drops them", {
  constant <- transform(data, k = 1, twin = x, sum = x + z, g = factor(rep("a", n)))
  # ... and told
  dropped <- function(code, text) {
    expect_warning(fit <- code, text, class = "brenier_warning_collinear")
    fit$design$columns
  }
  expect_identical(dropped(expect_lm(y ~ k + x, constant), "`k` is left out"), "x")
  expect_identical(dropped(expect_lm(y ~ x + twin + z + I(2 * x), constant),
                           "`twin` and `I\\(2 \\* x\\)` are"), c("x", "z"))
  expect_identical(dropped(expect_lm(y ~ x + sum + z, constant), "`z`"), c("x", "sum"))
  expect_length(dropped(expect_lm(y ~ f + I(f == "v") + x, constant), "f == "), 3)
  expect_length(dropped(expect_lm(y ~ f * s + o, data), "`o`"), 5)
  expect_no_warning(expect_lm(y ~ poly(x, 3) + x:f, data)) # a part of x:f is new
  # Nothing but constants: the law of y.
  expect_warning(fit <- brenier(y ~ k, constant, control = control), "`k`")
  expect_identical(potential_of(fit), potential_of(brenier(~y, data, control = control)))
  expect_warning(fit <- brenier(data$y, given = cbind(1, data$x, 2 * data$x), control = control), "given3")
  expect_identical(fit$design$columns, "given2")
})

test_that("an intercept may be in the span of a factor", {
  with <- brenier(y ~ f + x, data, control = control)
  without <- brenier(y ~ 0 + f + x, data, control = control)
  expect_equal(predict(without, type = "log_density"), predict(with, type = "log_density"),
               tolerance = 1e-8)
  expect_equal(logLik(without), logLik(with), tolerance = 1e-8)
  expect_refused(brenier(y ~ 0 + x, data), "formula")
  expect_refused(brenier(y ~ x - 1, data), "formula")
  expect_refused(brenier(y ~ 0, data), "formula")
})

test_that("rows, weights and missing values go as in lm()", {
  gaps <- data
  gaps$x[4] <- NA
  gaps$y[c(4, 9)] <- NA
  gaps$f[1] <- NA
  by_lm <- lm(y ~ x + f, gaps, subset = z < 3, weights = z)
  fit <- brenier(y ~ x + f, gaps, subset = z < 3, weights = z, control = control)
  expect_identical(fit$na.action, by_lm$na.action)
  expect_identical(fit$n, nobs(by_lm))
  expect_identical(rownames(fit$x), names(fitted(by_lm)))
  expect_equal(predict(fit, type = "mean")[, "y"], fitted(by_lm), tolerance = 1e-8,
               ignore_attr = TRUE)
  # An NA in one of two responses takes the row.
  gaps$y2[20] <- NA
  both <- brenier(cbind(y, y2) ~ x, gaps, control = control)
  expect_identical(as.vector(both$na.action), c(4L, 9L, 20L))
  expect_refused(brenier(y ~ x, gaps, na.action = na.pass), "missing")
  expect_error(brenier(y ~ x, gaps, na.action = na.fail), class = "brenier_error")
  # A level that is only in rows of weight zero has no law, and does not disturb the others.
  zero <- brenier(y ~ f, data, weights = as.double(data$f != "v"), control = control)
  left <- brenier(y ~ f, droplevels(data[data$f != "v", ]), control = control)
  expect_equal(predict(zero, data[1:3, ])[-2], predict(left, data[c(1, 3), ]), tolerance = 1e-8)
})

test_that("covariates of any size and in any units will do", {
  plain <- predict(brenier(y ~ x + z, data, control = control), type = "log_density")
  for (unit in c(1e-290, 1e-200, 1e-9, 1e9, 1e200, 1e290)) {
    scaled <- transform(data, x = unit * x)
    fit <- brenier(y ~ x + z, scaled, control = control)
    expect_identical(fit$design$columns, c("x", "z"))
    # A shift of the size of the values costs no more than their rounding.
    expect_equal(predict(fit, type = "log_density"), plain, tolerance = 1e-8)
  }
  shifted <- brenier(y ~ I(x + 1e6) + z, data, control = control)
  expect_equal(predict(shifted, type = "log_density"), plain, tolerance = 1e-7)
})

test_that("rows of new data without a covariate have no law", {
  fit <- brenier(cbind(y, y2) ~ x + f, data, control = control)
  new <- data.frame(x = c(0, NA, 1, Inf), f = c("u", "v", NA, "w"), y = 1, y2 = 2)
  gone <- c(FALSE, TRUE, TRUE, TRUE)
  for (type in c("density", "log_density", "map", "rank", "mean", "quantile")) {
    for (rows in list(1:4, 2, 2:4)) {
      expect_no_warning(value <- predict(fit, new[rows, ], type))
      first <- if (is.null(dim(value))) value else value[seq_len(dim(value)[1])]
      expect_identical(is.na(unname(first)), gone[rows])
      expect_false(any(is.nan(first)))
    }
    # The others are as they are alone.
    whole <- predict(fit, new, type)
    alone <- predict(fit, new[1, ], type)
    if (length(dim(whole)) == 3) whole <- matrix(whole, 4)
    if (length(dim(alone)) == 3) alone <- matrix(alone, 1)
    expect_equal(as.matrix(whole)[1, ], as.matrix(alone)[1, ], tolerance = 1e-12)
  }
  expect_identical(unname(is.na(predict(fit, new, "inverse", at = cbind(0, 1))[, 1])), gone)
  draws <- simulate(fit, 2, seed = 1, newdata = new)
  expect_identical(is.na(draws$y), rep(gone, each = 2))
  # A response that is missing is no law that is missing.
  new$y <- c(NA, 1, 1, 1)
  expect_true(all(is.na(predict(fit, new))))
  expect_false(anyNA(predict(fit, new[1, ], "mean")))
  expect_refused(quantile_region(fit, newdata = new), "missing")
  # A term may make one, with the warning of R that goes with it.
  logs <- brenier(y ~ log(z), data, control = control)
  expect_warning(value <- predict(logs, data.frame(z = c(1, -1, 2)), "mean"), "NaN")
  expect_identical(is.na(value[, 1]), c(FALSE, TRUE, FALSE), ignore_attr = TRUE)
  # The same for a matrix, and an infinite response.
  given <- brenier(data$y, data$x, control = control)
  new <- data.frame(given1 = c(0, NA, Inf, 0), x1 = c(1, 1, 1, Inf))
  expect_identical(is.na(predict(given, new)), c(FALSE, TRUE, TRUE, FALSE), ignore_attr = TRUE)
  expect_identical(predict(given, new)[[4]], 0)
})

test_that("covariates may stand beside the new data", {
  beside <- data$x
  fit <- brenier(y ~ beside + z, data, control = control)
  expect_equal(predict(fit, data, "mean")[, 1], fitted(lm(y ~ x + z, data)), tolerance = 1e-8,
               ignore_attr = TRUE)
  expect_refused(predict(fit, data[1:3, ], "mean"), "variable")
  fit <- brenier(y ~ beside, data, control = control)
  expect_refused(predict(fit, data[1:3, ], "mean"), "variable")
})

test_that("new data that give no covariates are refused, once and clearly", {
  fit <- brenier(y ~ x + f, data, control = control)
  good <- data.frame(x = 0, f = "u", y = 1)
  change <- function(...) utils::modifyList(good, list(...))
  for (type in c("density", "mean")) {
    expect_refused(predict(fit, change(f = "unseen"), type), "variable")
    expect_refused(predict(fit, change(f = NULL), type), "variable")
    expect_refused(predict(fit, change(x = "a"), type), "type")
    expect_refused(predict(fit, change(x = factor("u")), type), "type")
    expect_refused(predict(fit, change(f = 1), type), "type")
    expect_refused(predict(fit, good[0, ], type), "empty")
  }
  expect_refused(predict(fit, change(y = NULL)), "variable")
  expect_refused(predict(fit, change(y = "a")), "type")
  expect_length(predict(fit, change(y = NULL), "mean"), 1)
  expect_refused(predict(fit, 1, "mean"), "type")
  expect_refused(predict(fit, list(x = 0, f = "u"), "mean"), "type")
  expect_refused(simulate(fit, newdata = change(x = NULL)), "variable")
  expect_refused(quantile_region(fit, newdata = change(x = NULL)), "variable")
  expect_refused(predict(fit, good, "inverse"), "argument")
  expect_refused(predict(fit, good, "inverse", at = 1:2), "argument")
  expect_refused(predict(fit, good, "inverse", at = cbind(1, 2)), "argument")
  expect_refused(predict(fit, good, "quantile", level = 1), "argument")
  given <- brenier(data$y, data[c("x", "z")], control = control)
  expect_refused(predict(given, data["x"], "mean"), "variable")
  expect_refused(predict(given, data.frame(x = "a", z = 1), "mean"), "type")
  # No covariates: no new data for the law.
  plain <- brenier(~y, data, control = control)
  expect_refused(predict(plain, data, "mean"), "argument")
  expect_refused(simulate(plain, newdata = data), "argument")
  expect_refused(quantile_region(plain, newdata = data), "argument")
})

test_that("formulas that name no conditional law are refused", {
  expect_refused(brenier(y ~ x + offset(z), data), "formula")
  expect_refused(brenier(y ~ y + x, data), "formula")
  expect_refused(brenier(f ~ x, data), "type")
  expect_refused(brenier(s ~ x, data), "type")
  expect_refused(brenier(l ~ x, data), "type")
  expect_refused(brenier(cbind(y, s) ~ x, data), "type")
  expect_refused(brenier(yy ~ x, data), "variable")
  expect_refused(brenier(y ~ xx, data), "variable")
  expect_refused(brenier(y ~ I(x / 0), data), "not_finite")
  expect_refused(brenier(I(y / 0) ~ x, data), "not_finite")
  expect_refused(brenier(y ~ x, data, subset = x > 100), "empty")
  expect_refused(brenier(cbind(y, y2) ~ x, data, subset = x > 100), "empty")
})

test_that("responses that have no law given the covariates are refused", {
  expect_refused(brenier(I(0 * y) ~ x, data), "constant")
  expect_refused(brenier(cbind(y, k = 1) ~ x, data), "constant")
  expect_refused(brenier(I(3 - 2 * x) ~ x + f, data), "collinear")
  expect_refused(brenier(cbind(y, e = x - as.integer(f)) ~ x + f, data), "collinear")
  # Each has a law, together they have not.
  expect_refused(brenier(cbind(y, e = x - y) ~ x, data), "collinear")
  expect_refused(brenier(y ~ x + f, data[1:5, ]), "rows")
  expect_s3_class(brenier(y ~ x + f, data[1:6, ], control = control), "brenier")
})

test_that("given covariates that are no numbers, or too few, are refused", {
  expect_refused(brenier(data$y, data$x[-1]), "argument")
  expect_refused(brenier(data$y, data$f), "type")
  expect_refused(brenier(data$y, data[c("x", "f")]), "type")
  expect_refused(brenier(data$y, replace(data$x, 3, NA)), "missing")
  expect_refused(brenier(data$y, replace(data$x, 3, Inf)), "not_finite")
})

test_that("text of as many levels as rows is named, with its levels and what to do", {
  d <- data.frame(h = faithful$waiting[1:200], x = faithful$eruptions[1:200],
                  date = as.character(as.Date("2020-01-01") + 0:199))
  expect_error(brenier(h ~ date, d), "date.*200 levels in 200 rows", class = "brenier_error_rows")
  expect_error(brenier(h ~ x + date, d), "as.Date", class = "brenier_error_rows")
  expect_error(brenier(h ~ factor(date), d), "factor\\(date\\)", class = "brenier_error_rows")
  # two factors that together are too many: the larger one is named
  d$half <- rep(1:100, 2)
  d$most <- c(1:120, 1:80)
  expect_error(brenier(h ~ factor(half) + factor(most), d), "factor\\(most\\).*120 levels",
               class = "brenier_error_rows")
  expect_s3_class(brenier(h ~ as.Date(date), d, control = gaussian_control()), "brenier")
})

test_that("newdata may be a matrix, a covariate too", {
  fit <- fan_fit()
  at <- cbind(x = c(0.2, 0.8))
  expect_equal(predict(fit, at, "quantile", level = 0.9),
               predict(fit, as.data.frame(at), "quantile", level = 0.9), ignore_attr = "dimnames")
  with_y <- cbind(at, y = c(1, 2))
  expect_equal(predict(fit, with_y), predict(fit, as.data.frame(with_y)), ignore_attr = "names")
  data <- make_fan(60)
  data$m <- cbind(data$x, data$x^2)
  wide <- brenier(y ~ m, data = data, control = gaussian_control())
  expect_identical(wide$design$variables, "m")
  expect_null(wide$design$data$m)
  expect_length(wide$design$columns, 2)
})

test_that("contrasts that cannot be had are told in the words of R", {
  data <- make_fan(60)
  data$g <- factor(rep(c("u", "v"), 30))
  attr(data$g, "contrasts") <- "no_such_contrasts"
  expect_error(brenier(y ~ x + g, data = data), "no_such_contrasts", class = "brenier_error_variable")
  expect_error(brenier_glm(y ~ x + g, data = data), "no_such_contrasts", class = "brenier_error_variable")
})
