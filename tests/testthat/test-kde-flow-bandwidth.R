# Bandwidths of kernel flows: rules against their formulas, schedules.

test_that("every rule gives a bandwidth of the right size, equivariant under scale", {
  z <- withr::with_seed(1, matrix(rnorm(400), 200))
  rules <- c("normal", "silverman", "median", "cv", "ess", "heat",
             if (requireNamespace("ks", quietly = TRUE)) "plugin")
  for (rule in rules) {
    h <- bandwidth_of(rule, z)
    expect_true(h > 0.1 && h < 1.5)
    expect_equal(bandwidth_of(rule, 1000 * z), 1000 * h, tolerance = 0.02)
  }
  # the normal scale rule of the gradient is exact for the identity
  expect_equal(bandwidth_of("normal", z), (4 / (200 * 6))^(1 / 8) * exp(mean(log(apply(z, 2, sd))))
               * sqrt(199 / 200), tolerance = 1e-12)
  expect_equal(bandwidth_of("sj", z[, 1, drop = FALSE]), bw.SJ(z[, 1]))
  # the residual of the heat equation by matrices, on a grid
  apart <- outer(1:200, 1:200, Vectorize(function(i, j) sum((z[i, ] - z[j, ])^2)))
  residual <- function(h) {
    k <- exp(-apart / (2 * h^2))
    score <- -(z - (k %*% z) / rowSums(k)) / h^2
    flux <- -k / h^2 * (tcrossprod(z, score) - rep(rowSums(z * score), each = 200))
    mean((h^2 * rowSums(k * (apart / h^4 - 2 / h^2) - flux) / rowSums(k))^2)
  }
  grid <- exp(seq(log(0.1), log(2), by = 0.02))
  expect_equal(bandwidth_of("heat", z), grid[which.min(vapply(grid, residual, 0))], tolerance = 0.02)
  # the cross-validated one against a search on a grid
  own <- function(h) {
    k <- exp(-as.matrix(dist(z))^2 / (2 * h^2))
    diag(k) <- 0
    mean(log(rowSums(k))) - 2 * log(h)
  }
  grid <- seq(0.2, 0.8, by = 0.002)
  expect_equal(bandwidth_of("cv", z), grid[which.max(vapply(grid, own, 0))], tolerance = 0.02)
})

test_that("the gap rule reaches from every datum to a particle, within its ends", {
  y <- as.matrix(faithful)
  flow <- quick_flow(y, bandwidth = "gap")
  h <- unique(flow$trace$bandwidth)
  expect_gt(length(h), 3)
  z <- flow$problem$y
  first <- suppressWarnings(kde_flow(y, bandwidth = "gap", n = 60, steps = 1, control = list(paths = 60)))
  start <- flow$space$to(first$paths[1, , ])
  gap <- max(apply(z, 1, function(at) min(sqrt(colSums((t(start) - at)^2)))))
  expect_equal(first$bandwidth, min(gap, 1.4), tolerance = 1e-8)
  expect_gte(min(h), bandwidth_of("normal", z))
  expect_lte(max(h), 1.4 * spread_of(z, rep(1, 272)) + 1e-12)
  expect_refused(kde_flow(target = function(x) -sum(x^2), gradient = function(x) -2 * x, init = 1,
                          bandwidth = "gap"), "argument")
})

test_that("nearest neighbours by hand, ties and itself among them", {
  x <- cbind(c(0, 1, 1, 5), 0)
  expect_equal(nearest_distances(x, x, 2, own = TRUE), cbind(c(1, 0, 0, 4), c(1, 1, 1, 4)))
  expect_equal(nearest_distances(cbind(3, 4), x)[, 1], sqrt(20))
})

test_that("bandwidths: several at once, schedules, functions", {
  two <- quick_flow(faithful, bandwidth = c(0.2, 0.6))
  expect_identical(two$bandwidth, c(0.2, 0.6))
  expect_identical(rises(two), 0L)
  fall <- quick_flow(faithful, bandwidth = c(from = 1, to = 0.25))
  expect_equal(range(fall$trace$bandwidth), c(0.25, 1), tolerance = 1e-12)
  expect_equal(quick_flow(faithful, bandwidth = function(t) 1 - t / 2)$trace$bandwidth[1], 1)
})

test_that("bandwidths at their limits", {
  # two sites of 50: each point has more than 30 others at any bandwidth
  z <- matrix(rep(c(0, 1), each = 50))
  expect_identical(effective_bandwidth(z, 1), exp(-8))
  expect_identical(floor_bandwidth(matrix(1, 5, 2), rep(1, 5), 10, 2), 0)
  expect_identical(bandwidth_stages("silverman", 5, NULL, NULL, 20, 2)$rule, "silverman")
  x <- as.matrix(faithful)
  expect_error(lacking(check_rule)("plugin", x, 2), "package ks", class = "brenier_error_package")
})
