# Maps between two samples, and the side of the potential.

quakes_points <- function() as.matrix(quakes[, c("lat", "long")])

test_that("without atoms the map between samples is the optimal one of normal laws", {
  y <- quakes_points()
  fit <- brenier(faithful, reference = y, control = list(max_atoms = 0))
  cov_of <- function(x) stats::cov.wt(x, method = "ML")$cov
  power <- function(A, p) {
    e <- eigen(A, symmetric = TRUE)
    e$vectors %*% (t(e$vectors) * e$values^p)
  }
  A <- cov_of(faithful)
  root <- power(A, 0.5)
  B <- solve(root) %*% power(root %*% cov_of(y) %*% root, 0.5) %*% solve(root)
  expected <- sweep(sweep(as.matrix(faithful), 2, colMeans(faithful)) %*% B, 2, colMeans(y), "+")
  expect_equal(unname(predict(fit, type = "map")), unname(expected), tolerance = 1e-9)
})

test_that("the map between samples is a gradient, goes back, and meets the second sample", {
  y <- quakes_points()[1:300, ]
  fit <- brenier(faithful, reference = y, control = small_control(6))
  map <- predict(fit, faithful, type = "map")
  expect_identical(colnames(map), colnames(y))
  expect_equal(unname(predict(fit, map, type = "inverse")), unname(as.matrix(faithful)),
               tolerance = 1e-8)
  # symmetric derivative in the units of the data: the gradient of a function
  at <- as.matrix(faithful)[c(3, 50, 200), ]
  h <- c(1e-5, 1e-4)
  J <- vapply(1:2, function(k) {
    step <- h[k] * (1:2 == k)
    (predict(fit, sweep(at, 2, step, "+"), type = "map") -
       predict(fit, sweep(at, 2, step, "-"), type = "map")) / (2 * h[k])
  }, matrix(0, 3, 2))
  expect_equal(J[, 1, 2], J[, 2, 1], tolerance = 1e-5)
  expect_true(all(J[, 1, 1] > 0 & J[, 2, 2] > 0))
  # with the linear features alone the means agree
  expect_equal(colMeans(map), colMeans(y), tolerance = 1e-3)
  draws <- simulate(fit, 50, seed = 1)
  expect_identical(names(draws), names(faithful))
  for (type in c("density", "log_density", "rank", "mean", "quantile")) {
    expect_refused(predict(fit, type = type), "argument")
  }
  expect_refused(quantile_region(fit), "argument")
  expect_refused(kl_bounds(fit, faithful), "argument")
  expect_true(is.na(logLik(fit)))
  expect_output(print(fit), "300 points of the reference")
})

test_that("both sides give a law that integrates to one, and its map and inverse", {
  x <- make_banana(150)[, 1, drop = FALSE]
  for (side in c("data", "reference")) {
    fit <- brenier(x, learner = "semidual", orientation = side, control = small_control(4))
    at <- seq(-8, 8, length.out = 4001)
    expect_equal(sum(predict(fit, at)) * diff(at)[1], 1, tolerance = 1e-4)
    y <- c(-2, 0, 1)
    expect_equal(drop(predict(fit, predict(fit, y, type = "inverse"), type = "map")), y,
                 tolerance = 1e-9, ignore_attr = TRUE)
    expect_true(all(diff(predict(fit, at, type = "map")) > 0))
  }
  one <- brenier(x, learner = "semidual", control = list(max_atoms = 0))
  two <- brenier(x, learner = "semidual", orientation = "reference", control = list(max_atoms = 0))
  expect_equal(predict(one, at, type = "map"), predict(two, at, type = "map"), tolerance = 1e-6)
})

test_that("what does not go together is refused before any work", {
  expect_refused(brenier(faithful, learner = "likelihood", reference = quakes_points()), "argument")
  expect_refused(brenier(faithful, learner = "score", orientation = "data"), "argument")
  expect_refused(brenier(faithful, learner = "score", reference = quakes_points()), "argument")
  expect_refused(brenier(faithful, learner = "semidual", layers = 2), "argument")
  expect_refused(brenier(faithful, learner = "semidual", potential = "both"), "argument")
  expect_refused(brenier(waiting ~ eruptions, faithful, learner = "semidual"), "argument")
  expect_refused(brenier(faithful, learner = "gan"), "argument")
  expect_refused(brenier(faithful, reference = faithful$waiting), "argument")
  expect_refused(brenier(faithful, reference = quakes_points()[1:2, ]), "rows")
  bad <- quakes_points()
  bad[3, 1] <- NA
  expect_refused(brenier(faithful, reference = bad), "missing")
})
