# Affine coordinates of points and of their covariates.

test_that("whitened data have mean zero and identity covariance", {
  for (y in list(as.matrix(faithful), make_normal(60, 13), 1e8 + make_normal(60, 3))) {
    w <- seq_len(nrow(y)) / sum(seq_len(nrow(y)))
    colnames(y) <- paste0("x", seq_len(ncol(y)))
    whitening <- whiten(y, w * 7, "x")
    z <- to_white(whitening, y)
    # 1e8 has eight digits of a double left, the others sixteen less the condition number.
    tolerance <- if (max(y) > 1e7) 1e-6 else 1e-10
    expect_lt(max(abs(colSums(w * z))), tolerance)
    expect_lt(max(abs(crossprod(z * sqrt(w)) - diag(ncol(y)))), tolerance)
    expect_equal(whitening$matrix, t(whitening$matrix), tolerance = 1e-10)
    expect_gt(min(eigen(whitening$matrix, symmetric = TRUE)$values), 0)
    expect_equal(whitening$logdet, as.numeric(determinant(whitening$matrix)$modulus),
                 tolerance = 1e-10)
    expect_equal(from_white(whitening, z), y, tolerance = 1e-10, ignore_attr = TRUE)
  }
})

# Points with covariates that lean on each other, weights, and what lm.wfit() makes of them.
leaning <- withr::with_seed(1, {
  n <- 80
  given <- matrix(rnorm(3 * n), n) %*% matrix(c(1, 0.6, 0, 0, 1, 0.3, 0, 0, 2), 3) + 5
  x <- given %*% matrix(c(1, -2, 0.5, 0, 3, 1), 3) + matrix(rexp(2 * n), n)
  colnames(x) <- c("a", "b")
  list(x = x, given = given, w = runif(n))
})
leaning$by_lm <- lm.wfit(cbind(1, leaning$given), leaning$x, leaning$w)

test_that("with covariates the whitened points are the residuals of a regression", {
  share <- leaning$w / sum(leaning$w)
  whitening <- whiten(leaning$x, 7 * leaning$w, "x", leaning$given)
  z <- to_white(whitening, leaning$x, leaning$given)
  expect_identical(dim(z), c(80L, 5L))
  g <- z[, 3:5]
  z <- z[, 1:2]
  # Rounding times condition numbers below 1e2.
  expect_lt(max(abs(colSums(share * cbind(z, g)))), 1e-12)
  expect_lt(max(abs(crossprod(z * sqrt(share)) - diag(2))), 1e-12)
  expect_lt(max(abs(crossprod(g * sqrt(share)) - diag(3))), 1e-12)
  # Nothing of the points is left that the covariates would say.
  expect_lt(max(abs(crossprod(g * share, z))), 1e-12)
  r <- leaning$by_lm$residuals
  S <- crossprod(r * sqrt(share))
  e <- eigen(S, symmetric = TRUE)
  expect_equal(z, unname(r %*% e$vectors %*% (t(e$vectors) / sqrt(e$values))), tolerance = 1e-10)
  expect_equal(whitening$logdet, -log(det(S)) / 2, tolerance = 1e-12)
  expect_equal(whitening$root %*% whitening$matrix, diag(2), tolerance = 1e-12)
  # Each coordinate is near the covariate that it came from.
  expect_gt(min(diag(cor(g, leaning$given))), 0.8)
})

test_that("white coordinates go back, for the covariates of other points too", {
  whitening <- whiten(leaning$x, leaning$w, "x", leaning$given)
  new <- withr::with_seed(2, matrix(rnorm(30, sd = 9), 10))
  x <- withr::with_seed(3, matrix(rnorm(20, sd = 30), 10))
  z <- to_white(whitening, x, new)
  expect_equal(from_white(whitening, z[, 1:2], new), x, tolerance = 1e-12, ignore_attr = TRUE)
  # White zero is the fitted value.
  expect_equal(from_white(whitening, matrix(0, 10, 2), new), cbind(1, new) %*% leaning$by_lm$coef,
               tolerance = 1e-12, ignore_attr = TRUE)
  expect_identical(dim(from_white(whitening, z[0, 1:2], new[0, ])), c(0L, 2L))
  # One row alone is that row among others, but for the order of sums.
  expect_equal(to_white(whitening, x[4, , drop = FALSE], new[4, , drop = FALSE])[1, ], z[4, ],
               tolerance = 1e-13)
})

test_that("covariates have as many coordinates as dimensions", {
  plain <- whiten(leaning$x, leaning$w, "x", leaning$given)
  z <- to_white(plain, leaning$x, leaning$given)[, 1:2]
  twice <- cbind(leaning$given, 0, leaning$given[, 2] - 3 * leaning$given[, 1], 4)
  whitening <- whiten(leaning$x, leaning$w, "x", twice)
  more <- to_white(whitening, leaning$x, twice)
  expect_identical(dim(more), c(80L, 5L))
  expect_equal(more[, 1:2], z, tolerance = 1e-10)
  share <- leaning$w / sum(leaning$w)
  expect_lt(max(abs(crossprod(more[, 3:5] * sqrt(share)) - diag(3))), 1e-10)
  none <- whiten(leaning$x, leaning$w, "x", cbind(rep(2, 80), 0))
  expect_null(none$covariates)
  expect_identical(none, whiten(leaning$x, leaning$w, "x"))
  expect_identical(whiten(leaning$x, leaning$w, "x", leaning$given[, 0]), none)
})

test_that("the units of points and covariates cost no digits", {
  plain <- to_white(whiten(leaning$x, leaning$w, "x", leaning$given), leaning$x, leaning$given)
  units <- c(1e-250, 1, 1e250)
  given <- sweep(leaning$given, 2, units, "*")
  x <- sweep(leaning$x, 2, c(1e120, 1e-120), "*")
  whitening <- whiten(x, leaning$w, "x", given)
  z <- to_white(whitening, x, given)
  expect_equal(z[, 3:5], plain[, 3:5], tolerance = 1e-10)
  share <- leaning$w / sum(leaning$w)
  expect_lt(max(abs(crossprod(z * sqrt(share)) - diag(5))), 1e-10)
  expect_equal(from_white(whitening, z[, 1:2], given) / x, matrix(1, 80, 2), tolerance = 1e-9,
               ignore_attr = TRUE)
})
