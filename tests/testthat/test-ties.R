counts <- function(n = 400, mean = 4) withr::with_seed(1, rpois(n, mean))

inflated <- function(n = 300) withr::with_seed(2, ifelse(runif(n) < 0.4, 0, 0.5 + rexp(n)))

expect_discrete <- function(code) {
  warned <- NULL
  fit <- withCallingHandlers(code, warning = function(w) {
    warned <<- c(warned, list(w))
    invokeRestart("muffleWarning")
  })
  expect_length(warned, 1)
  expect_s3_class(warned[[1]], c("brenier_warning_discrete", "brenier_warning"))
  list(fit = fit, text = conditionMessage(warned[[1]]))
}

test_that("few values, or one value of many rows, are discrete", {
  is_discrete <- function(v) unname(discrete(matrix(v)))
  expect_true(is_discrete(rep(1:12, 5)))
  expect_false(is_discrete(rep(1:13, 5)))
  expect_false(is_discrete(c(rep(1:12, 5)[-1])))
  expect_true(is_discrete(c(rep(0, 31), 1:69)))
  expect_false(is_discrete(c(rep(0, 30), 1:70)))
  expect_identical(discrete(cbind(a = rep(0:1, 50), b = 1:100, c = rep(1:10, 10))),
                   c(a = TRUE, b = FALSE, c = TRUE))
  # Rounded measurements are none.
  expect_false(any(discrete(as.matrix(faithful))))
  expect_false(any(discrete(as.matrix(iris[1:3]))))
})

test_that("the warning names the discrete variables, once, and the fit is made", {
  data <- data.frame(count = counts(), size = withr::with_seed(3, rnorm(400)))
  seen <- expect_discrete(brenier(data, control = gaussian_control()))
  expect_s3_class(seen$fit, "brenier")
  expect_match(seen$text, "`count` of `x` looks discrete", fixed = TRUE)
  expect_match(seen$text, paste("takes", length(unique(data$count)), "values in 400 rows"))
  expect_match(seen$text, "jitter = TRUE", fixed = TRUE)
  expect_no_match(seen$text, "size")
  # The data are as they were.
  expect_identical(seen$fit$x, as.matrix(data, rownames.force = TRUE))
  data$two <- rep(0:1, 200)
  seen <- expect_discrete(brenier(~ two + size + count, data, control = gaussian_control()))
  expect_match(seen$text, "`two` and `count` of `data` look discrete: `two` takes 2 values")
  seen <- expect_discrete(brenier(inflated(), control = gaussian_control()))
  expect_match(seen$text, "`x1` of `x` looks discrete", fixed = TRUE)
  # A discrete covariate is as good as any.
  expect_silent(brenier(size ~ count + two, data, control = gaussian_control()))
  expect_discrete(brenier(cbind(size, count) ~ two, data, control = gaussian_control()))
  # Rows of weight zero do not count.
  expect_silent(brenier(c(counts(), data$size), weights = rep(0:1, each = 400),
                        control = gaussian_control()))
  expect_snapshot(fit <- brenier(data, control = gaussian_control()))
})

test_that("jitter moves tied values by half the smaller gap at most, and no others", {
  x <- cbind(a = rep(c(0, 1, 10), 20), b = rep(c(5, 7), 30), c = 1:60)
  moved <- withr::with_seed(1, jittered(x, 1:3))
  shift <- abs(moved - x)
  expect_lte(max(shift[x[, "a"] < 10, "a"]), 0.5)
  expect_lte(max(shift[x[, "a"] == 10, "a"]), 4.5)
  expect_gt(max(shift[x[, "a"] == 10, "a"]), 3)
  expect_lte(max(shift[, "b"]), 1)
  expect_identical(moved[, "c"], x[, "c"])
  # Evenly: 400 copies of a value against the uniform law, with this seed.
  many <- withr::with_seed(2, jittered(cbind(rep(0:1, 400)), 1))
  expect_gt(ks.test(many[rep(0:1, 400) == 1, ] - 0.5, "punif")$p.value, 0.01)
  expect_lt(anyDuplicated(many), 1)
  x <- inflated()
  fit <- expect_silent(brenier(x, jitter = TRUE, control = gaussian_control()))
  expect_identical(fit$x[x > 0], x[x > 0])
  expect_true(all(abs(fit$x[x == 0]) <= min(x[x > 0]) / 2))
})

test_that("jitter leaves continuous data alone", {
  control <- gaussian_control()
  expect_identical(brenier(faithful, jitter = TRUE, control = control)$layers,
                   brenier(faithful, control = control)$layers)
})

test_that("the law of jittered counts is theirs to half a unit", {
  y <- withr::with_seed(3, 5 + 3 * rnorm(1000) + rexp(1000))
  fit <- brenier(round(y / 3), jitter = TRUE, control = small_control(12))
  expect_identical(round(fit$x[, 1]), round(y / 3))
  level <- c(0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
  # Half a unit, and a tenth for the fit of twelve atoms to 1000 rows.
  off <- predict(fit, type = "quantile", level = level) - quantile(y / 3, level)
  expect_lt(max(abs(off)), 0.6)
  # What a value had in rows, its unit has in probability: three binomial errors and 0.01.
  for (k in -1:5) {
    p <- integrate(function(x) predict(fit, x), k - 0.5, k + 0.5)$value
    share <- mean(round(y / 3) == k)
    expect_lt(abs(p - share), 3 * sqrt(share * (1 - share) / 1000) + 0.01)
  }
  # Without jitter the density stands on the values.
  sharp <- suppressWarnings(brenier(round(y / 3), control = small_control(12)))
  expect_gt(sharp$log_likelihood, fit$log_likelihood)
})

test_that("the law of a zero-inflated variable keeps its zeros where they are", {
  x <- inflated(600)
  fit <- brenier(x, jitter = TRUE, control = small_control(16))
  p <- integrate(function(x) predict(fit, x), -0.25, 0.25, subdivisions = 500)$value
  share <- mean(x == 0)
  # The share, but for what the smooth edges of the block leak.
  expect_equal(p, share, tolerance = 0.06 / share)
  expect_lt(integrate(function(x) predict(fit, x), -Inf, -0.5)$value, 0.02)
})

test_that("jitter is drawn from the seed of the fit and leaves the session's alone", {
  fit <- function(...) brenier(counts(100), jitter = TRUE, control = gaussian_control(), ...)$x
  withr::local_seed(5)
  before <- .Random.seed
  first <- fit(seed = 3)
  expect_identical(.Random.seed, before)
  runif(1)
  expect_identical(fit(seed = 3), first)
  expect_identical(fit(), fit(seed = 1))
  expect_false(identical(fit(seed = 4), first))
})

test_that("responses are jittered, covariates are not", {
  data <- data.frame(y = counts(200), x = rep(0:1, 100))
  fit <- expect_silent(brenier(y ~ x, data, jitter = TRUE, control = gaussian_control()))
  expect_identical(fit$given[, 1], as.double(data$x))
  expect_true(all(abs(fit$x[, "y"] - data$y) <= 0.5))
  expect_gt(min(abs(fit$x[, "y"] - data$y)), 0)
})

test_that("jitter is a flag", {
  for (wrong in list(NA, 1, "yes", c(TRUE, FALSE), NULL)) {
    expect_error(brenier(faithful, jitter = wrong), class = "brenier_error_argument")
  }
  expect_refused(brenier(faithful, jitter = 0.5), "argument")
})
