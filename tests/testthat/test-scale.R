# Scales that depend on the covariates: the first coordinates of a conditional fit.

make_scaled <- function(n, seed = 1, gamma = c(0.5, -0.3)) {
  withr::with_seed(seed, {
    g <- matrix(rnorm(2 * n), n)
    mean <- 1 + g %*% c(2, -1)
    list(g = g, y = cbind(y = drop(mean + exp(0.2 + g %*% gamma) * rnorm(n))))
  })
}

test_that("location and log scale are recovered", {
  # Fisher's information of a log scale is 2 a point: standard error 1/sqrt(2n), 0.007; of five
  # seeds the mean within three of its own, 0.01. The penalty moves gamma by 4/(2n) of itself, 2e-4.
  found <- vapply(1:5, function(seed) {
    data <- make_scaled(1e4, seed)
    scales <- fit_scales(data$y, data$g, rep(1, 1e4))
    c(scales$log_scale, scales$intercept, scales$coef)
  }, numeric(5))
  expect_lt(max(abs(rowMeans(found) - c(0.5, -0.3, 1, 2, -1))), 0.01)
})

test_that("the fit solves its estimating equations, weights are copies", {
  data <- make_scaled(60)
  w <- rep(1:2, 30)
  scales <- fit_scales(data$y, data$g, w)
  # Weighted residuals are orthogonal to 1 and g.
  s <- drop(data$g %*% scales$log_scale)
  z <- drop(scales$scaled)
  expect_equal(z, (drop(data$y) - drop(cbind(1, data$g) %*% c(scales$intercept, scales$coef))) * exp(-s))
  expect_lt(max(abs(crossprod(cbind(1, data$g), w * z * exp(-s)))), 1e-7 * sum(w))
  # The penalised restricted likelihood, from lm.wfit(), is stationary there.
  profile <- function(gamma) {
    s <- drop(data$g %*% gamma)
    X <- cbind(1, data$g)
    level <- uniroot(function(a) {
      p <- w * exp(-2 * (s + a))
      fit <- lm.wfit(X, drop(data$y), p)
      sum(p * fit$residuals^2) - (sum(w) - 3)
    }, c(-3, 3), tol = 1e-12)$root
    p <- w * exp(-2 * (s + level))
    fit <- lm.wfit(X, drop(data$y), p)
    -sum(w * (s + level)) - sum(p * fit$residuals^2) / 2 -
      as.numeric(determinant(crossprod(X * sqrt(p)))$modulus) / 2 - scale_penalty * sum(gamma^2) / 2
  }
  twice <- rep(seq_len(60), w)
  copies <- fit_scales(data$y[twice, , drop = FALSE], data$g[twice, ], rep(1, length(twice)))
  expect_equal(copies$log_scale, scales$log_scale, tolerance = 1e-6)
  at <- drop(scales$log_scale)
  slope <- vapply(1:2, function(k) {
    h <- replace(c(0, 0), k, 1e-4)
    (profile(at + h) - profile(at - h)) / 2e-4
  }, 0)
  expect_lt(max(abs(slope)), 1e-4)
})

test_that("a fit with scales has its exact density, map and inverse", {
  fit <- cached("scaled", {
    data <- make_scaled(400, 3)
    brenier(data$y, given = data$g, control = list(folds = 2, min_width = 0.2, max_atoms = 8))
  })
  expect_false(is.null(whitening_of(fit)$covariates$log_scale))
  new <- data.frame(make_scaled(20, 4)$g)
  names(new) <- fit$design$variables
  new$y <- seq(-3, 5, length.out = 20)
  map <- predict(fit, new, "map")
  far <- new
  slope <- derivative(function(y) {
    far$y <- drop(y)
    predict(fit, far, "map")
  }, cbind(new$y), 1)
  expect_equal(predict(fit, new, "log_density"), drop(dnorm(map, log = TRUE) + log(slope)),
               tolerance = 1e-7)
  expect_equal(predict(fit, new, "inverse", at = map)[, 1], setNames(new$y, rownames(new)), tolerance = 1e-9)
  # What the fit says was held out is the mean of what the folds' own fits give: of the size of
  # the truth, minus the entropy -1.419 - .2 (three standard errors of 400 points, .035 each).
  expect_lt(abs(fit$held_out$log_likelihood + 1.419 + 0.2), 0.106)
})

test_that("beyond the data the scale stays", {
  fit <- cached("scaled", stop())
  at <- function(s) {
    new <- data.frame(rbind(s * c(0.5, -0.3)))
    names(new) <- fit$design$variables
    diff(drop(predict(fit, new, "quantile", level = c(0.25, 0.75))))
  }
  w <- whitening_of(fit)$covariates
  g <- standardised(w, rbind(1e3 * c(0.5, -0.3)))
  expect_equal(drop(log_scales(w, g)), w$range[2])
  expect_true(is.finite(at(1e3)))
  expect_gt(at(2) / at(-2), 2)
})

test_that("a constant scale is left alone, and so is a fit without atoms", {
  data <- make_scaled(300, 5, gamma = c(0, 0))
  fit <- brenier(data$y, given = data$g, control = list(folds = 2, min_width = 0.4, max_atoms = 4))
  expect_null(whitening_of(fit)$covariates$log_scale)
  data <- make_scaled(300, 5)
  fit <- brenier(data$y, given = data$g, control = list(max_atoms = 0))
  expect_null(whitening_of(fit)$covariates$log_scale)
})
