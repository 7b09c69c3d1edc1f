# Laws given covariates: fits and what is predicted from them. The covariates themselves, and new data,
# are in test-design.R.

laws <- function() list(fan_fit(), pair_fit())

# Covariates to look at: the ends, the middle, and beyond the data.
some_given <- function(fit) {
  if (fit$d == 1) return(data.frame(x = c(0, 0.3, 1, 1.5)))
  data.frame(x = c(-1, 0, 2), f = c("u", "v", "w"))
}

# `new` with every row as often as there are points, and the points in it.
with_response <- function(fit, new, y) {
  y <- as.matrix(y)
  out <- new[rep(seq_len(nrow(new)), each = nrow(y)), , drop = FALSE]
  cbind(out, structure(as.data.frame(y[rep(seq_len(nrow(y)), nrow(new)), ]), names = fit$variables),
        row.names = NULL)
}

# A fine grid over all but 1e-10 of the law at one row of covariates, as density_grid() has it.
law_grid <- function(fit, new) {
  radius <- sqrt(qchisq(1 - 1e-10, fit$d))
  circle <- if (fit$d == 1) rbind(-1, 1) else cbind(cos(0:99 * pi / 50), sin(0:99 * pi / 50))
  new_rows <- new[rep(1, nrow(circle)), , drop = FALSE]
  border <- predict(fit, new_rows, "inverse", at = radius * circle)
  axes <- lapply(seq_len(fit$d), function(k) {
    step <- fit$min_width / 3 / whitening_of(fit)$matrix[k, k]
    ends <- range(border[, k])
    seq(ends[1] - step, ends[2] + step, by = step)
  })
  y <- as.matrix(expand.grid(axes))
  colnames(y) <- fit$variables
  step <- vapply(axes, function(a) a[2] - a[1], 0)
  list(y = y, mass = predict(fit, with_response(fit, new, y)) * prod(step))
}

test_that("without atoms the fit is lm()", {
  data <- make_pair(120)
  data$w <- rep(c(1, 2, 0.5), 40)
  formulas <- list(
    a ~ x, a ~ f, b ~ x * f, cbind(a, b) ~ x + f, cbind(a, b) ~ poly(x, 3) + x:f,
    cbind(a, b) ~ splines::ns(x, 3) + I(x^2)
  )
  for (formula in formulas) for (weighted in c(FALSE, TRUE)) {
    call <- list(formula = formula, data = data, subset = quote(x < 1.5))
    if (weighted) call$weights <- quote(w)
    by_lm <- do.call(lm, call)
    fit <- do.call(brenier, c(call, list(control = gaussian_control(tol = 1e-12))))
    new <- make_pair(7, seed = 2)
    # The whitened data start at the optimum, and the barrier moves Q by its weight, 1e-12.
    expect_equal(predict(fit, new, "mean"), as.matrix(predict(by_lm, new)), tolerance = 1e-8,
                 ignore_attr = TRUE)
    r <- as.matrix(residuals(by_lm))
    w <- if (weighted) by_lm$weights else rep(1, nrow(r))
    S <- crossprod(r * sqrt(w)) / sum(w)
    # T is affine: its slope is an inverse root of the covariance of the law.
    steps <- predict(fit, with_response(fit, new[1, c("x", "f")], rbind(0, diag(fit$d))), "map")
    slope <- t(sweep(steps[-1, , drop = FALSE], 2, steps[1, ]))
    expect_equal(solve(crossprod(slope)), S, tolerance = 1e-8, ignore_attr = TRUE)
    expect_equal(whitening_of(fit)$root %*% whitening_of(fit)$root, S, tolerance = 1e-10,
                 ignore_attr = TRUE)
    # The same numbers as a law.
    at <- fit$x - as.matrix(fitted(by_lm))
    log_normal <- -mahalanobis(at, rep(0, fit$d), S) / 2 - log(det(2 * pi * S)) / 2
    expect_equal(predict(fit, type = "log_density"), log_normal, tolerance = 1e-8,
                 ignore_attr = TRUE)
    expect_identical(nobs(fit), nobs(by_lm))
  }
})

test_that("logLik() is that of lm(), with its degrees of freedom", {
  data <- make_pair(120)
  by_lm <- lm(a ~ x * f, data)
  fit <- brenier(a ~ x * f, data, control = gaussian_control(tol = 1e-12))
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(by_lm)), tolerance = 1e-9)
  expect_equal(attr(logLik(fit), "df"), attr(logLik(by_lm), "df"))
  expect_equal(BIC(fit), BIC(by_lm), tolerance = 1e-9)
  # Two responses: as many coefficients each, and three covariances.
  expect_equal(attr(logLik(pair_fit()), "df"), 2 * 4 + 3 + n_chosen(pair_fit()))
})

test_that("the core evaluates the conditional potential of the help page", {
  for (fit in laws()) {
    p <- potential_of(fit)
    expect_gt(p$given, 0)
    expect_gt(p$n_atoms, 0)
    z <- withr::with_seed(1, matrix(rnorm(50 * (p$d + p$given), sd = 2), 50))
    got <- evaluate(p, z, map = TRUE, logdet = TRUE, value = TRUE)
    expect_equal(got, reference_potential(p, z), tolerance = 1e-12)
    expect_equal(tail(fit$trace$objective, 1), reference_objective(fit), tolerance = 1e-12)
    # The part of a direction that is of the response has length one.
    expect_equal(colSums(p$direction[seq_len(p$d), , drop = FALSE]^2), rep(1, ncol(p$direction)),
                 tolerance = 1e-12)
  }
  # What changes the scale of the fan is gates, and it needs them.
  expect_true("gate" %in% tidy(fan_fit())$profile)
})

test_that("an independent optimiser finds no better coefficients of a conditional map", {
  fit <- brenier(y ~ x, make_fan(300), control = small_control(6))
  best <- least_objective(fit)
  # 1e-12: rounding of the objective.
  expect_gte(best, certificate(fit)$lower_bound - 1e-12)
  expect_lte(best, certificate(fit)$objective + 1e-12)
})

test_that("the density integrates to one for every value of the covariates", {
  for (fit in laws()) for (i in seq_len(nrow(some_given(fit)))) {
    # The grid leaves out 1e-10; the rest is the error of the trapezoidal rule.
    expect_equal(sum(law_grid(fit, some_given(fit)[i, , drop = FALSE])$mass), 1, tolerance = 1e-6)
  }
})

test_that("a conditional map in one dimension rises in the response, for every covariate", {
  fit <- fan_fit()
  for (x in c(-2, 0, 0.5, 1, 3)) {
    map <- predict(fit, data.frame(x = x, y = seq(-20, 20, length.out = 1001)), "map")
    expect_true(all(diff(drop(map)) > 0))
  }
})

test_that("the Jacobian in the response is symmetric, positive definite, and gives the density", {
  fit <- pair_fit()
  new <- some_given(fit)
  y <- withr::with_seed(1, matrix(rnorm(60, sd = 2), 30))
  points <- with_response(fit, new, y)
  map <- function(shift) {
    points[fit$variables] <- points[fit$variables] + shift
    predict(fit, points, "map")
  }
  h <- 1e-3 # see derivative()
  J <- lapply(1:2, function(k) {
    e <- rep(h * (1:2 == k), each = nrow(points))
    (8 * (map(e) - map(-e)) - (map(2 * e) - map(-2 * e))) / (12 * h)
  })
  # In whitened coordinates the map is a gradient: S^(1/2) times the transposed Jacobian.
  J <- array(c(J[[1]], J[[2]]), c(nrow(points), 2, 2)) # row, coordinate of T, variable
  white <- lapply(seq_len(nrow(points)), function(i) J[i, , ] %*% whitening_of(fit)$root)
  asymmetry <- vapply(white, function(j) abs(j[1, 2] - j[2, 1]), 0)
  expect_lt(max(asymmetry), 1e-7)
  least <- vapply(white, function(j) min(eigen((j + t(j)) / 2)$values), 0)
  expect_gt(min(least), tail(fit$trace$min_eigenvalue, 1) - 1e-7)
  log_det <- apply(J, 1, function(j) log(det(j)))
  expect_equal(predict(fit, points, "log_density"),
               -rowSums(map(0)^2) / 2 - log(2 * pi) + log_det, tolerance = 1e-6, ignore_attr = TRUE)
})

test_that("quantiles of one response are those of the density", {
  fit <- fan_fit()
  level <- c(0.001, 0.05, 0.5, 0.95)
  new <- some_given(fit)
  q <- predict(fit, new, "quantile", level = level)
  expect_identical(dimnames(q), list(rownames(new), c("0.1%", "5%", "50%", "95%")))
  for (i in seq_len(nrow(new))) {
    density <- function(y) predict(fit, data.frame(x = new$x[i], y = y))
    below <- vapply(q[i, ], function(end) {
      integrate(density, -30, end, rel.tol = 1e-10, subdivisions = 2000)$value
    }, 0)
    expect_equal(below, level, tolerance = 1e-7, ignore_attr = TRUE) # of the quadrature
  }
  expect_lt(max(abs(predict(fit, cbind(new, y = q[, 3]), "map"))), 1e-9)
})

test_that("means, and quantiles of several responses, are those of the density", {
  for (fit in laws()) {
    new <- some_given(fit)
    means <- predict(fit, new, "mean")
    expect_identical(colnames(means), fit$variables)
    quantiles <- predict(fit, new, "quantile", level = 0.3)
    for (i in seq_len(nrow(new))) {
      grid <- law_grid(fit, new[i, , drop = FALSE])
      centre <- colSums(grid$y * grid$mass)
      sd <- sqrt(colSums(sweep(grid$y, 2, centre)^2 * grid$mass))
      # As documented: means of 1024 points, about a hundredth of a standard deviation.
      expect_lt(max(abs(means[i, ] - centre) / sd), 0.02)
      if (fit$d == 1) next
      expect_identical(dim(quantiles), c(nrow(new), 2L, 1L))
      for (k in 1:2) {
        # standard error of such a share of independent points: 0.014
        at <- sort(unique(grid$y[, k]))
        upto <- cumsum(tapply(grid$mass, match(grid$y[, k], at), sum))
        share <- approx(at + diff(at)[1] / 2, upto, quantiles[i, k, 1])$y
        expect_equal(share, 0.3, tolerance = 0.07)
      }
    }
  }
})

test_that("map and inverse undo each other for every covariate", {
  for (fit in laws()) {
    new <- some_given(fit)
    y <- withr::with_seed(1, matrix(rnorm(100 * fit$d, sd = 6), 100))
    points <- with_response(fit, new, y)
    back <- predict(fit, points, "inverse", at = predict(fit, points, "map"))
    expect_lt(max(abs(back - points[fit$variables])), 1e-9 * 30)
    each <- new[rep(seq_len(nrow(new)), each = 100), , drop = FALSE]
    at <- y[rep(1:100, nrow(new)), , drop = FALSE]
    there <- predict(fit, each, "inverse", at = at)
    colnames(there) <- fit$variables
    expect_equal(predict(fit, cbind(each, there), "map"), at, tolerance = 1e-9, ignore_attr = TRUE)
    # One point serves all rows.
    expect_identical(predict(fit, new, "inverse", at = at[1, , drop = FALSE]),
                     predict(fit, new, "inverse", at = at[rep(1, nrow(new)), , drop = FALSE]))
  }
})

test_that("the types of a prediction agree with each other", {
  for (fit in laws()) {
    map <- predict(fit, type = "map")
    expect_identical(dim(map), dim(fit$x))
    rank <- predict(fit, type = "rank")
    expect_true(all(rank >= 0 & rank < 1))
    expect_equal(rank, pchisq(rowSums(map^2), fit$d), tolerance = 1e-14)
    expect_identical(predict(fit), exp(predict(fit, type = "log_density")))
    expect_identical(residuals(fit), map)
    expect_equal(as.numeric(logLik(fit)), sum(predict(fit, type = "log_density")), tolerance = 1e-12)
    # At the minimum neither the residuals nor what covariates say of them has a mean; the certificate
    # bounds half its square.
    g <- whitened(fit, fit$x, fit$given)[, -seq_len(fit$d), drop = FALSE]
    expect_lt(sum((crossprod(cbind(1, g), map) / fit$n)^2) / 2, fit$gap + 1e-12)
  }
})

test_that("draws given covariates follow the law there", {
  fit <- fan_fit()
  new <- some_given(fit)
  draws <- simulate(fit, 4000, seed = 1, newdata = new)
  expect_identical(names(draws), c("row", "y"))
  expect_identical(draws$row, rep(1:4, each = 4000L))
  level <- c(0.05, 0.5, 0.9)
  q <- predict(fit, new, "quantile", level = level)
  for (i in 1:4) {
    below <- colMeans(outer(draws$y[draws$row == i], q[i, ], "<="))
    expect_true(all(abs(below - level) < 4 * sqrt(level * (1 - level) / 4000)))
  }
  fit <- pair_fit()
  draws <- simulate(fit, 2000, seed = 2, newdata = some_given(fit))
  rank <- predict(fit, cbind(some_given(fit)[draws$row, ], draws[c("a", "b")]), "rank")
  for (i in 1:3) expect_gt(ks.test(rank[draws$row == i], "punif")$p.value, 0.01) # with this seed
  expect_identical(simulate(fit, 1, seed = 3), simulate(fit, 1, seed = 3, newdata = make_pair(500)))
  expect_identical(dim(simulate(fit, 0, newdata = some_given(fit))), c(0L, 3L))
})

test_that("intervals hold their level where the scale changes, and only with atoms", {
  gaussian <- brenier(y ~ x, data = make_fan(4000), control = gaussian_control())
  n <- 20000
  off <- vapply(list(c(0, 0.1), c(0.45, 0.55), c(0.9, 1)), function(range) {
    fresh <- make_fan(n, seed = 2, x = range)
    content <- function(fit) {
      ends <- predict(fit, fresh, "quantile", level = c(0.05, 0.95))
      mean(fresh$y >= ends[, 1] & fresh$y <= ends[, 2])
    }
    # Binomial error of the fresh points, and that of the fit: some 400 of its points lie in such a
    # range, which leaves 0.015 to a share of 0.9.
    error <- 3 * sqrt(0.09 / n + 0.09 / 400)
    expect_lt(abs(content(fan_fit()) - 0.9), error)
    abs(content(gaussian) - 0.9) - error
  }, 0)
  expect_true(all(off[c(1, 3)] > 0.03))
})

test_that("regions given covariates hold their level of the law", {
  fit <- fan_fit()
  new <- some_given(fit)
  region <- quantile_region(fit, c(0.5, 0.9), newdata = new)
  expect_named(region$contour, c("row", "level", "lower", "upper"))
  expect_equal(region$contour$lower, c(t(predict(fit, new, "quantile", level = c(0.25, 0.05)))),
               tolerance = 1e-9)
  fit <- pair_fit()
  level <- c(0.5, 0.9)
  region <- quantile_region(fit, level, newdata = some_given(fit), n = 50)
  expect_named(region$contour, c("row", "level", "a", "b"))
  expect_identical(nrow(region$contour), 3L * 2L * 51L)
  border <- cbind(some_given(fit)[region$contour$row, ], region$contour[c("a", "b")])
  rank <- predict(fit, border, "rank")
  # The inverse is good to 1e-9.
  expect_equal(rank, region$contour$level, tolerance = 1e-8, ignore_attr = TRUE)
  for (i in 1:3) {
    grid <- law_grid(fit, some_given(fit)[i, ])
    inside <- region$contains(with_response(fit, some_given(fit)[i, ], grid$y))
    # Cells on the border are counted in or out.
    expect_equal(colSums(grid$mass * inside), level, tolerance = 0.02, ignore_attr = TRUE)
  }
  expect_null(quantile_region(fit)$contour)
})

test_that("the held-out likelihood of a conditional law is that of fresh data", {
  fit <- fan_fit()
  fresh <- make_fan(20000, seed = 3)
  log_density <- predict(fit, fresh, "log_density")
  se <- sqrt(fit$held_out$se^2 + var(log_density) / 20000)
  expect_lt(abs(mean(log_density) - fit$held_out$log_likelihood), 3 * se)
  # The truth is a normal law; atoms recover most of what the Gaussian fit loses, 0.18.
  truth <- dnorm(fresh$y, 2 * fresh$x, 0.2 + fresh$x, log = TRUE)
  expect_lt(mean(truth - log_density), 0.03)
})

test_that("a fit follows the units of response and covariates", {
  data <- make_pair(120)
  control <- gaussian_control(tol = 1e-12)
  plain <- predict(brenier(cbind(a, b) ~ x + f, data, control = control), type = "log_density")
  moved <- brenier(cbind(3 - 1e5 * a, 1 + 1e-7 * b) ~ I(7 - 1e9 * x) + f, data, control = control)
  expect_equal(predict(moved, type = "log_density") + log(1e5 * 1e-7), plain, tolerance = 1e-7)
  # With atoms, for powers of two: the same whitened data to rounding, and the tolerance of the fit.
  data <- make_fan(200)
  plain <- brenier(y ~ x, data, control = small_control(6))
  moved <- brenier(I(1024 * y) ~ I(x / 64), data, control = small_control(6))
  expect_equal(moved$log_likelihood + 200 * log(1024), plain$log_likelihood,
               tolerance = 200 * 2e-6 / abs(plain$log_likelihood))
})

test_that("a response without covariates has the law of the one-sided formula", {
  control <- small_control(4)
  plain <- brenier(~ a + b, make_pair(100), control = control)
  fit <- brenier(cbind(a, b) ~ 1, make_pair(100), control = control)
  expect_identical(potential_of(fit), potential_of(plain))
  expect_identical(predict(fit, make_pair(5)), predict(plain, make_pair(5)))
  expect_identical(predict(fit, type = "mean"), predict(plain, type = "mean"))
  expect_identical(fit$design, NULL)
  fit <- brenier(log(a + 5) ~ 1, make_pair(100), control = control)
  expect_identical(predict(fit, make_pair(5)), predict(fit, matrix(log(make_pair(5)$a + 5))),
                   ignore_attr = TRUE)
})

test_that("given covariates are those of a formula", {
  data <- make_pair(150)
  data$z <- data$a^2
  control <- small_control(6)
  formula <- brenier(cbind(a, b) ~ x + z, data, control = control)
  given <- brenier(data[c("a", "b")], given = data[c("x", "z")], control = control)
  expect_identical(given$layers, formula$layers)
  for (type in c("density", "map", "mean", "quantile")) {
    expect_identical(predict(given, data[3:9, ], type), predict(formula, data[3:9, ], type),
                     ignore_attr = TRUE)
  }
  matrices <- brenier(as.matrix(data[c("a", "b")]), cbind(data$x, data$z), control = control)
  expect_identical(matrices$layers, formula$layers)
  one <- brenier(data$a, data$x, control = control)
  expect_identical(one$design$columns, "given1")
  expect_identical(potential_of(one), potential_of(brenier(a ~ x, data, control = control)))
  expect_equal(formula(one), x1 ~ given1, ignore_attr = TRUE)
  expect_equal(formula(given), cbind(a, b) ~ x + z, ignore_attr = TRUE)
})

test_that("the parts of a conditional fit are those of the model", {
  fit <- pair_fit()
  expect_equal(formula(fit), cbind(a, b) ~ x + f, ignore_attr = TRUE)
  expect_identical(attr(terms(fit), "term.labels"), c("x", "f"))
  expect_identical(nobs(fit), 500L)
  frame <- model.frame(fit)
  expect_named(frame, c("a", "b", "x", "fv", "fw"))
  expect_equal(frame$fv, as.numeric(make_pair(500)$f == "v"))
  expect_named(augment(fit, newdata = make_pair(3)),
               c("x", "f", "a", "b", ".log_density", ".rank"))
  expect_identical(names(tidy(fit))[5:9], c("a", "b", "given1", "given2", "given3"))
  expect_identical(n_chosen(update(fit, control = small_control(2))), 2L)
  expect_identical(update(fit, a ~ ., control = gaussian_control())$variables, "a")
  expect_identical(update(fit, . ~ . - f, control = gaussian_control())$design$columns, "x")
  expect_identical(update(fit, . ~ x:f, control = gaussian_control())$d, 2L)
  file <- withr::local_tempfile(fileext = ".rds")
  saveRDS(fit, file)
  again <- readRDS(file)
  for (type in c("density", "mean")) {
    expect_identical(predict(again, make_pair(9), type), predict(fit, make_pair(9), type))
  }
  expect_identical(simulate(again, 2, seed = 1), simulate(fit, 2, seed = 1))
})

test_that("a conditional fit prints what it is given", {
  expect_snapshot(print(pair_fit()), transform = scrub)
  expect_snapshot(print(brenier(y ~ x, make_fan(60), control = gaussian_control())),
                  transform = scrub)
  expect_snapshot(quantile_region(fan_fit(), newdata = data.frame(x = 0:1)), transform = scrub)
})
