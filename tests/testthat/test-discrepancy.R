# Distances between samples against plain formulas, other packages and closed forms.

x <- withr::with_seed(1, matrix(rnorm(120), 40))
y <- withr::with_seed(2, matrix(rnorm(90, 0.5), 30))

# All pairs, and all pairs of different rows.
naive_distance <- function(x, y, k) {
  z <- rbind(x, y)
  K <- outer(seq_len(nrow(z)), seq_len(nrow(z)), Vectorize(function(i, j) k(z[i, ], z[j, ])))
  a <- seq_len(nrow(x))
  mean_of <- function(K, diagonal) if (diagonal) mean(K) else mean(K[row(K) != col(K)])
  vapply(c(TRUE, FALSE), function(diagonal) {
    mean_of(K[a, a], diagonal) + mean_of(K[-a, -a], diagonal) - 2 * mean(K[a, -a])
  }, 0)
}

test_that("energy distance and MMD are their formulas", {
  e <- energy_distance(x, y, permutations = 0)
  expect_equal(c(e$value, e$unbiased), naive_distance(x, y, function(a, b) -sqrt(sum((a - b)^2))),
               tolerance = 1e-12)
  profiles <- list(gaussian = function(r) exp(-r^2 / 2), laplace = function(r) exp(-r),
                   matern32 = function(r) (1 + sqrt(3) * r) * exp(-sqrt(3) * r),
                   imq = function(r) 1 / sqrt(1 + r^2))
  for (kernel in names(profiles)) {
    m <- mmd(x, y, bandwidth = 0.8, kernel = kernel, permutations = 0)
    k <- function(a, b) profiles[[kernel]](sqrt(sum((a - b)^2)) / 0.8)
    expect_equal(c(m$value, m$unbiased), naive_distance(x, y, k), tolerance = 1e-12)
  }
  expect_equal(mmd(x, y, permutations = 0)$bandwidth, median(dist(y)))
  expect_identical(as.numeric(e), e$value)
})

test_that("other packages agree", {
  skip_if_not_installed("energy")
  e <- energy_distance(x, y, permutations = 0)$value
  expect_equal(e * 40 * 30 / 70, as.numeric(energy::eqdist.e(rbind(x, y), c(40, 30))),
               tolerance = 1e-12)
})

test_that("permutations hold their level, and find a difference", {
  p <- withr::with_seed(3, replicate(200, {
    energy_distance(matrix(rnorm(20)), matrix(rnorm(24)), permutations = 39)$p_value
  }))
  # rejections at 10%: 20 of 200 with standard deviation 4.2
  expect_lt(abs(sum(p <= 0.1) - 20), 17)
  expect_lt(mmd(x, y, seed = 1)$p_value, 0.02)
  expect_lt(sliced_wasserstein(x, y, permutations = 59, seed = 1)$p_value, 0.06)
})

test_that("standard errors are those of repeated samples", {
  runs <- withr::with_seed(4, replicate(200, {
    e <- energy_distance(matrix(rnorm(60)), matrix(rnorm(80, 1)), permutations = 0)
    c(e$value, e$se)
  }))
  # a standard deviation of 200 runs is known to 5%
  expect_equal(mean(runs[2, ]), sd(runs[1, ]), tolerance = 0.2)
})

test_that("sliced Wasserstein distances: one dimension, shifts, unequal sizes", {
  a <- matrix(c(0, 1, 3))
  expect_equal(sliced_wasserstein(a, a + 2, seed = 1)$value, 2)
  # quantile functions 0, 1, 3 on thirds and 0, 4 on halves
  expect_equal(sliced_wasserstein(a, matrix(c(0, 4)), p = 1, seed = 1)$value, (0 + 1 / 6 + 3 / 6 + 1 / 3))
  expect_equal(sliced_wasserstein(a, matrix(c(0, 4)), seed = 1)$value,
               sqrt(1 / 6 * 1 + 1 / 6 * 9 + 1 / 3 * 1))
  # a shift by v has the mean of (u'v)^2 = |v|^2 / d
  s <- sliced_wasserstein(x, sweep(x, 2, c(3, 0, 0), "+"), projections = 2000, seed = 1)
  expect_equal(s$value, sqrt(3), tolerance = 0.05)
  expect_lt(abs(s$value - sqrt(3)), 4 * s$se)
  expect_equal(sliced_wasserstein(x, x, seed = 1)$value, 0)
})

test_that("the Stein discrepancy is its formula, and judges", {
  naive <- function(x, s, k) { # derivatives of the kernel by differences
    e <- 1e-4
    n <- nrow(x)
    U <- matrix(0, n, n)
    for (i in 1:n) for (j in 1:n) {
      at <- function(p, q) k(sum((x[i, ] + p - x[j, ] - q)^2))
      total <- sum(s[i, ] * s[j, ]) * at(0, 0)
      for (c in seq_len(ncol(x))) {
        u <- replace(numeric(ncol(x)), c, e)
        total <- total + s[i, c] * (at(0, u) - at(0, -u)) / (2 * e) +
          s[j, c] * (at(u, 0) - at(-u, 0)) / (2 * e) +
          (at(u, u) - at(u, -u) - at(-u, u) + at(-u, -u)) / (4 * e^2)
      }
      U[i, j] <- total
    }
    c(mean(U), mean(U[row(U) != col(U)]))
  }
  small <- x[1:8, ]
  kernels <- list(imq = function(r2) 1 / sqrt(1 + r2 / 1.44), gaussian = function(r2) exp(-r2 / 2.88),
                  matern32 = function(r2) (1 + sqrt(3 * r2) / 1.2) * exp(-sqrt(3 * r2) / 1.2))
  for (kernel in names(kernels)) {
    k <- ksd(small, function(x) -x, bandwidth = 1.2, kernel = kernel, permutations = 0)
    # the third derivative of the Matern kernel jumps at 0: differences have an error of that size
    expect_equal(c(k$value, k$unbiased), naive(small, -small, kernels[[kernel]]),
                 tolerance = if (kernel == "matern32") 1e-3 else 1e-6)
  }
  good <- withr::with_seed(5, matrix(rnorm(300), 150))
  expect_gt(ksd(good, function(x) -x, seed = 1)$p_value, 0.05)
  expect_lt(ksd(good + 0.5, function(x) -x, seed = 1)$p_value, 0.02)
  expect_identical(ksd(good, -good, seed = 1), ksd(good, function(x) -x, seed = 1))
})

test_that("large offsets lose nothing, rows in another order change nothing", {
  e <- energy_distance(x, y, permutations = 0)$value
  expect_equal(energy_distance(x + 1e6, y + 1e6, permutations = 0)$value, e, tolerance = 1e-8)
  expect_equal(energy_distance(x[40:1, ], y, permutations = 0)$value, e, tolerance = 1e-13)
})

test_that("printing and wrong arguments", {
  expect_output(print(energy_distance(x, y, seed = 1)), "p = 0.0")
  expect_output(print(sliced_wasserstein(x, y, seed = 1)), "not tested")
  expect_refused(energy_distance(x, y[, 1:2]), "argument")
  expect_refused(energy_distance(x[1, , drop = FALSE], y), "rows")
  expect_refused(energy_distance(x, rbind(y, NA)), "missing")
  expect_refused(mmd(x, y, bandwidth = 0), "argument")
  expect_refused(mmd(x, 0 * y), "argument")
  expect_refused(mmd(x, y, kernel = "energy"), "argument")
  expect_refused(sliced_wasserstein(x, y, p = 3), "argument")
  expect_refused(ksd(x, function(x) 1), "argument")
})

test_that("one point has no discrepancy from a score", {
  expect_refused(ksd(matrix(1, 1, 2), function(x) -x), "rows")
})
