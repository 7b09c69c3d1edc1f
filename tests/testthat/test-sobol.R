test_that("points fill a matrix and lie strictly inside the cube", {
  for (d in c(1, 2, 50, 256)) {
    x <- sobol_points(100, d)
    expect_true(is.double(x))
    expect_identical(dim(x), c(100L, as.integer(d)))
    expect_true(all(x > 0 & x < 1))
  }
  expect_identical(dim(sobol_points(0, 3)), c(0L, 3L))
  expect_identical(dim(sobol_points(7L, 3L)), c(7L, 3L))
})

test_that("every block of 2^k points has one point in each stratum of each dimension", {
  x <- sobol_points(1024, 256)
  for (k in c(0, 1, 4, 7, 10)) {
    n <- 2^k
    for (start in seq(0, 1024 - n, by = n)) {
      strata <- floor(x[start + seq_len(n), , drop = FALSE] * n)
      empty <- n * ncol(x) - sum(apply(strata, 2, function(s) length(unique(s))))
      if (empty > 0) break
    }
    expect_identical(empty, 0)
  }
})

test_that("the first two dimensions are a (0, m, 2)-net", {
  x <- sobol_points(256, 2)
  for (a in 0:8) {
    box <- floor(x[, 1] * 2^a) * 2^(8 - a) + floor(x[, 2] * 2^(8 - a))
    expect_setequal(box, 0:255)
  }
})

test_that("the seed decides the points, and the generator moves on", {
  first <- withr::with_seed(1, list(sobol_points(16, 3), runif(1), sobol_points(16, 3)))
  again <- withr::with_seed(1, list(sobol_points(16, 3), runif(1), sobol_points(16, 3)))
  expect_identical(first, again)
  expect_true(all(first[[1]] != first[[3]]))
  # More points of one scramble continue the fewer, and cost the generator the same.
  more <- withr::with_seed(1, list(sobol_points(64, 3), runif(1)))
  expect_identical(more[[1]][1:16, ], first[[1]])
  expect_identical(more[[2]], first[[2]])
  expect_false(first[[2]] == withr::with_seed(1, runif(1)))
})

test_that("every generator of R will do", {
  # Knuth's gives 30 random bits a draw: the last bits of the points must still be random.
  for (kind in c("Mersenne-Twister", "Knuth-TAOCP-2002", "Wichmann-Hill")) {
    x <- withr::with_seed(1, sobol_points(1, 256), .rng_kind = kind)
    last <- (x * 2^32 - 0.5) %% 2
    # 256 fair coins: five standard deviations, 40, are passed once in a million.
    expect_lt(abs(sum(last) - 128), 40)
  }
})

test_that("normal points are the quantiles of the points", {
  x <- withr::with_seed(2, sobol_points(512, 3))
  z <- withr::with_seed(2, sobol_points(512, 3, normal = TRUE))
  expect_identical(dim(z), dim(x))
  # pnorm() and qnorm() are good to some units of the last place.
  expect_equal(pnorm(z), x, tolerance = 1e-13)
  # The smallest point is 2^-33.
  expect_true(all(abs(z) <= -qnorm(2^-33)))
})

test_that("means are far closer to the integral than those of independent draws", {
  # E prod_j 2 U_j = 1 in 5 dimensions; the standard deviation of a mean of 4096 draws is 0.028.
  # For these points the root mean square error is near 0.0006; 0.003 leaves a factor of five.
  errors <- withr::with_seed(3, replicate(10, mean(apply(2 * sobol_points(4096, 5), 1, prod)) - 1))
  expect_lt(sqrt(mean(errors^2)), 0.003)
  # Second moments of the normal points, by a like margin: 0.022 for independent draws.
  z <- withr::with_seed(4, sobol_points(4096, 5, normal = TRUE))
  expect_lt(max(abs(crossprod(z) / 4096 - diag(5))), 0.005)
})

test_that("sizes out of range are refused", {
  expect_error(sobol_points(10, 0), "range")
  expect_error(sobol_points(10, 257), "range")
  expect_error(sobol_points(-1, 2), "range")
  expect_error(sobol_points(NA, 2), "range")
  expect_error(sobol_points(2^31, 2), "range")
})
