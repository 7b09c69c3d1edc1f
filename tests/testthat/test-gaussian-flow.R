one <- function(variance, mean = 0) list(mean = mean, cov = variance)
mu3 <- list(mean = c(1, -1, 0.5), cov = matrix(c(2, 0.6, 0.1, 0.6, 1, -0.2, 0.1, -0.2, 0.5), 3))
nu3 <- list(mean = c(0, 2, -1), cov = matrix(c(1, -0.3, 0, -0.3, 0.7, 0.2, 0, 0.2, 1.5), 3))

test_that("the flow in one dimension has its known digits", {
  # b(t) = (r/s) tanh(t/(rs) + artanh(b0 s/r)), or coth; s = 2, r = 1, b0 = 1
  flow <- gaussian_flow(one(4), one(1), c(0, 1, 2))
  expect_equal(flow$slope[1, 1, ], c(1, 0.639765422194, 0.547242974874), tolerance = 1e-11)
  b <- flow$slope[1, 1, ]
  expect_equal(flow$trace$gap, (2 * b - 1)^2 / (2 * b), tolerance = 1e-12)
  expect_equal(flow$trace$jeffreys, (2 * b - 1 / (2 * b))^2 / 2, tolerance = 1e-12)
  expect_equal(flow$rates, 0.5)
  expect_equal(flow$limit$distance, 1)
})

test_that("the flow solves its equation, from any start and for long times", {
  start <- list(slope = matrix(c(1, 0.4, 0, 0.4, 2, 0.1, 0, 0.1, 0.3), 3), shift = c(1, 0, 2))
  h <- 1e-4
  s <- solve(mu3$cov)
  r <- solve(nu3$cov)
  for (t in c(0.3, 2)) {
    flow <- gaussian_flow(mu3, nu3, t + c(-h, 0, h), start = start)
    b <- flow$slope[, , 2]
    expect_equal((flow$slope[, , 3] - flow$slope[, , 1]) / (2 * h), s - b %*% r %*% b,
                 tolerance = 1e-6)
    expect_equal((flow$shift[3, ] - flow$shift[1, ]) / (2 * h),
                 drop(-b %*% r %*% (flow$shift[2, ] - nu3$mean)), tolerance = 1e-6)
  }
  at0 <- gaussian_flow(mu3, nu3, 0, start = start)
  expect_equal(at0$slope[, , 1], start$slope)
  expect_equal(at0$shift[1, ], start$shift)
  late <- gaussian_flow(mu3, nu3, 1e4, start = start)
  optimal <- late$limit$slope
  expect_equal(optimal %*% mu3$cov %*% optimal, nu3$cov)
  expect_equal(late$slope[, , 1], optimal, tolerance = 1e-12)
  expect_equal(late$model_cov[, , 1], mu3$cov, tolerance = 1e-10)
})

test_that("energy dissipates by Jeffreys' divergence, and the last iterate obeys its bound", {
  h <- 1e-4
  flow <- gaussian_flow(mu3, nu3, c(1 - h, 1, 1 + h))
  expect_equal(diff(flow$trace$objective[c(1, 3)]) / (2 * h), -flow$trace$jeffreys[2],
               tolerance = 1e-6)
  flow <- gaussian_flow(mu3, nu3, 2^(-6:6))
  expect_true(all(flow$trace$jeffreys <= flow$trace$bound))
  expect_true(all(diff(flow$trace$kl) < 0))
  # J by its formula, the difference of large numbers that the gap avoids
  b <- flow$slope[, , 3]
  moved <- flow$shift[3, ] - nu3$mean
  expect_equal(flow$trace$objective[3], sum(mu3$mean * nu3$mean) + (
    sum(diag(b %*% mu3$cov)) + sum(diag(solve(b, nu3$cov))) + sum(moved * solve(b, moved))
  ) / 2, tolerance = 1e-12)
})

test_that("the evolution variational inequality is an identity, for a law that is neither", {
  sigma <- list(mean = c(0, 1, 2), cov = matrix(c(1, 0.2, 0, 0.2, 3, 0.5, 0, 0.5, 0.8), 3))
  h <- 1e-4
  flow <- gaussian_flow(mu3, nu3, c(0.7 - h, 0.7, 0.7 + h))
  # the mean of u under sigma plus that of u* under nu, from the slope and the shift
  moved <- sigma$mean - mu3$mean
  value <- function(k) {
    b <- flow$slope[, , k]
    q <- flow$shift[k, ]
    sum(diag(b %*% (sigma$cov + outer(moved, moved)))) / 2 + sum(q * moved) + sum(mu3$mean * nu3$mean) +
      (sum(diag(solve(b, nu3$cov))) + sum((nu3$mean - q) * solve(b, nu3$mean - q))) / 2
  }
  kl <- function(a, b) {
    away <- a$mean - b$mean
    (sum(diag(solve(b$cov, a$cov))) - 3 + log(det(b$cov) / det(a$cov)) + sum(away * solve(b$cov, away))) / 2
  }
  model <- list(mean = flow$model_mean[2, ], cov = flow$model_cov[, , 2])
  expect_equal((value(3) - value(1)) / (2 * h), kl(sigma, mu3) - kl(sigma, model) - kl(model, mu3),
               tolerance = 1e-7)
})

test_that("Sinkhorn is off by order epsilon, debiased by order epsilon squared", {
  order_of <- function(debias) {
    epsilon <- 0.1 / 2^(0:4)
    exact <- gaussian_flow(mu3, nu3, 1)$slope
    error <- vapply(epsilon, function(e) {
      max(abs(gaussian_flow(mu3, nu3, 1, e, debias)$slope - exact))
    }, 0)
    unname(coef(lm(log(error) ~ log(epsilon)))[2])
  }
  expect_gt(order_of(FALSE), 0.9)
  expect_lt(order_of(FALSE), 1.1)
  expect_gt(order_of(TRUE), 1.8)
  expect_lt(order_of(TRUE), 2.2)
  # the limit is off by (epsilon / 2) S^(-1)
  far <- gaussian_flow(mu3, nu3, 50, 0.01)
  expect_equal(far$limit$slope - far$slope[, , 1], 0.005 * solve(mu3$cov), tolerance = 0.02)
})

test_that("wrong laws, times and starts are refused with their name", {
  refused <- function(expr, argument) {
    condition <- expect_error(expr, class = "brenier_error_argument")
    expect_identical(condition$argument, argument)
  }
  good <- one(1)
  refused(gaussian_flow(1, good, 1), "mu")
  refused(gaussian_flow(one(-1), good, 1), "mu")
  refused(gaussian_flow(good, one(NA), 1), "nu")
  refused(gaussian_flow(good, nu3, 1), "nu")
  refused(gaussian_flow(good, list(mean = Inf, cov = 1), 1), "nu")
  refused(gaussian_flow(list(mean = 1:2, cov = matrix(1:4, 2)), nu3, 1), "mu")
  for (times in list(NULL, -1, c(1, 1), c(2, 1), NA, "1", Inf)) {
    refused(gaussian_flow(good, good, times), "times")
  }
  refused(gaussian_flow(good, good, 0.15, 0.1), "times")
  refused(gaussian_flow(good, good, 1, -1), "epsilon")
  refused(gaussian_flow(good, good, 1, 0.5, NA), "debias")
  refused(gaussian_flow(good, good, 1, start = list(slope = -1, shift = 0)), "start")
  refused(gaussian_flow(good, good, 1, start = list(slope = 1)), "start")
  refused(gaussian_flow(one(1e-3), good, 1, 0.5, TRUE), "start")
  refused(gaussian_flow(good, good, 1, speed = 1), "speed")
})

test_that("a start with a shift of another size is refused", {
  normal <- list(mean = c(0, 0), cov = diag(2))
  expect_error(gaussian_flow(normal, normal, 0:2, start = list(slope = diag(2), shift = 1)), "shift",
               class = "brenier_error_argument")
})
