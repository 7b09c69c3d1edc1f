test_that("on the line it is the mean of sorted differences", {
  x <- c(3, 0, 1)
  y <- c(5, 8, 6.5)
  for (p in c(1, 2, 3.5)) {
    expect_equal(wasserstein(x, y, p), mean(abs(sort(x) - sort(y))^p)^(1 / p))
  }
  expect_equal(wasserstein(x, x), 0)
  expect_equal(wasserstein(1e149 * x, 1e149 * y) / 1e149, wasserstein(x, y))
  expect_equal(wasserstein(x * 1e-200, y * 1e-200) / 1e-200, wasserstein(x, y))
})

test_that("masses count as repeated points do", {
  x <- c(3, 0, 1)
  y <- c(5, 8, 6.5, 2)
  repeated <- wasserstein(rep(x, c(2, 1, 3)), rep(y, c(1, 1, 0, 4)), 1.5)
  expect_equal(wasserstein(x, y, 1.5, c(2, 1, 3), c(1, 1, 0, 4)), repeated)
  # the integral of the difference of quantile functions
  cdf_x <- ecdf(rep(x, c(2, 1, 3)))
  cdf_y <- ecdf(rep(y, c(1, 1, 0, 4)))
  t <- seq(-1, 9, length.out = 1e5)
  expect_equal(wasserstein(x, y, 1, c(2, 1, 3), c(1, 1, 0, 4)), mean(abs(cdf_x(t) - cdf_y(t))) * 10,
               tolerance = 1e-3)
})

test_that("in the plane it is the best assignment", {
  skip_if_not_installed("transport")
  skip_if_not_installed("clue")
  x <- withr::with_seed(1, matrix(rnorm(40), 20))
  y <- withr::with_seed(2, matrix(rnorm(40, 1), 20))
  cost <- as.matrix(dist(rbind(x, y)))[1:20, 21:40]
  for (p in 1:2) {
    best <- mean(cost[cbind(1:20, clue::solve_LSAP(cost^p))]^p)^(1 / p)
    expect_equal(wasserstein(x, y, p), best, tolerance = 1e-6)
  }
  expect_equal(wasserstein(x[1, , drop = FALSE], y, 1), mean(cost[1, ]))
})

test_that("normal laws have the closed form, and samples come near it", {
  expect_equal(wasserstein_gaussian(0, 1, 3, 4), sqrt(9 + 1))
  S <- matrix(c(2, 0.5, 0.5, 1), 2)
  expect_equal(wasserstein_gaussian(c(0, 0), S, c(1, 2), S), sqrt(5))
  expect_equal(wasserstein_gaussian(c(0, 0), S, c(0, 0), 0 * S), sqrt(3))
  # commuting: the distance of the roots
  expect_equal(wasserstein_gaussian(c(0, 0), diag(c(1, 4)), c(0, 0), diag(c(9, 1))), sqrt(4 + 1))
  z <- qnorm(ppoints(2000))
  expect_equal(wasserstein(z, 3 + 2 * z), wasserstein_gaussian(0, 1, 3, 4), tolerance = 1e-3)
})

test_that("bad input is refused by name", {
  expect_error(wasserstein(1:3, 1:3, p = 0.5), class = "brenier_error_argument")
  expect_error(wasserstein(1:3, matrix(1, 2, 2)), class = "brenier_error_argument")
  expect_error(wasserstein(1:3, c(1, NA)), class = "brenier_error_missing")
  expect_error(wasserstein(1:3, 1:2, a = 1:2), class = "brenier_error_argument")
  expect_error(wasserstein_gaussian(0, -1, 0, 1), class = "brenier_error_argument")
  expect_error(wasserstein_gaussian(0, 1, c(0, 1), diag(2)), class = "brenier_error_argument")
  expect_error(wasserstein_gaussian(c(0, 0), matrix(c(1, 0, 2, 1), 2), c(0, 1), diag(2)),
               class = "brenier_error_argument")
})

test_that("one place is at no distance from itself, and a package that is not there is named", {
  expect_identical(wasserstein(c(2, 2), 2), 0)
  expect_identical(wasserstein(matrix(1, 3, 2), matrix(1, 2, 2)), 0)
  x <- matrix(1:4 / 2, 2)
  expect_error(lacking(power_by_simplex)(x, x, 2, c(1, 1) / 2, c(1, 1) / 2), "transport",
               class = "brenier_error_package")
})

test_that("the certificate of a map in the plane names the package that it needs", {
  expect_error(lacking(brenier:::map_error.brenier)(banana_fit()), "clue", class = "brenier_error_argument")
})
