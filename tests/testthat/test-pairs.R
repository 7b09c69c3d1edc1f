# Sums over pairs against matrices of R.

pair_sums <- function(what, x, y, kernel = "gaussian", scale = 1, tolerance = 0, log_weight = NULL,
                      shift = NULL, a = NULL) {
  out <- .Call(C_brenier_pairs, what, x, y, kernel, scale, tolerance, log_weight, shift, a)
  if (what == "lse") out$sums <- drop(out$sums)
  out
}

points_pair <- function(n, m, d, seed = 1) {
  withr::with_seed(seed, list(x = matrix(rnorm(n * d), n), y = matrix(rnorm(m * d), m)))
}

squares <- function(x, y) {
  Reduce(`+`, lapply(seq_len(ncol(x)), function(k) outer(x[, k], y[, k], `-`)^2))
}

kernel_of <- list(
  gaussian = function(s, h) exp(-s / (2 * h^2)),
  laplace = function(s, h) exp(-sqrt(s) / h),
  matern32 = function(s, h) (1 + sqrt(3 * s) / h) * exp(-sqrt(3 * s) / h),
  imq = function(s, h) 1 / sqrt(1 + s / h^2),
  energy = function(s, h) -sqrt(s)
)

test_that("sums of every kernel are those of its matrix", {
  for (d in c(1, 2, 3, 7, 20)) {
    p <- points_pair(35, 61, d)
    w <- sin(1:61)
    w[5] <- -Inf
    a <- cbind(cos(1:61), 1)
    for (kernel in names(kernel_of)) {
      k <- kernel_of[[kernel]](squares(p$x, p$y), 1.3) %*% diag(exp(w))
      got <- pair_sums("value", p$x, p$y, kernel, 1.3, log_weight = w, a = a)$sums
      expect_equal(got, k %*% a, tolerance = 1e-13)
      if (kernel != "energy") {
        lse <- pair_sums("lse", p$x, p$y, kernel, 1.3, log_weight = w)$sums
        expect_equal(lse, log(rowSums(k)), tolerance = 1e-13)
      }
    }
  }
})

test_that("von Mises-Fisher sums are those of its matrix", {
  p <- lapply(points_pair(20, 30, 3), function(x) x / sqrt(rowSums(x^2)))
  k <- exp(5 * (tcrossprod(p$x, p$y) - 1))
  expect_equal(pair_sums("lse", p$x, p$y, "vmf", sqrt(1 / 5))$sums, log(rowSums(k)),
               tolerance = 1e-13)
})

test_that("a matrix of costs may forbid pairs", {
  cost <- matrix((1:60) %% 7, 6)
  cost[2, ] <- Inf
  cost[3, 1:9] <- Inf
  lse <- pair_sums("lse", cost, NULL, "stored", .01)$sums
  expect_identical(lse[2:3], c(-Inf, -cost[3, 10] / .01))
  top <- apply(-cost[-2, ], 1, max) / .01
  expect_equal(lse[-2], top + log(rowSums(exp(-cost[-2, ] / .01 - top))), tolerance = 1e-14)
})

test_that("shifts by the last iterate, by none and by nonsense give one answer", {
  p <- points_pair(50, 80, 2)
  w <- 40 * cos(1:80)
  plain <- pair_sums("lse", p$x, p$y, scale = .05, log_weight = w)$sums
  expect_true(all(is.finite(plain)))
  for (shift in list(plain, plain + 3, rep(-1e5, 50), rep(1e5, 50), rep(Inf, 50))) {
    got <- pair_sums("lse", p$x, p$y, scale = .05, log_weight = w, shift = shift)$sums
    expect_equal(got, plain, tolerance = 1e-14)
  }
})

test_that("the gradient of lse is that of its differences", {
  p <- points_pair(8, 30, 3)
  for (kernel in c("gaussian", "laplace", "matern32", "imq")) {
    lse <- function(x) pair_sums("lse", x, p$y, kernel, .7)$sums
    grad <- pair_sums("gradient", p$x, p$y, kernel, .7, shift = lse(p$x))$sums
    step <- 1e-5
    for (k in 1:3) {
      e <- outer(rep(step, 8), seq_len(3) == k)
      expect_equal(grad[, k], (lse(p$x + e) - lse(p$x - e)) / (2 * step), tolerance = 1e-7)
    }
  }
})

test_that("a shift of the points by a million changes nothing but their own digits", {
  p <- points_pair(40, 60, 2)
  far <- lapply(p, `+`, 2^20)
  near <- lapply(far, `-`, 2^20)
  for (kernel in c("gaussian", "laplace", "matern32", "imq")) {
    expect_equal(pair_sums("lse", far$x, far$y, kernel, .1)$sums,
                 pair_sums("lse", near$x, near$y, kernel, .1)$sums, tolerance = 1e-14)
  }
})

test_that("a tolerance is kept, and saves pairs", {
  for (d in 1:3) {
    p <- points_pair(4000, 5000, d)
    w <- 3 * p$y[, 1]
    exact <- pair_sums("lse", p$x, p$y, scale = .1, log_weight = w)
    expect_identical(exact$visited, 4000 * 5000)
    rough <- pair_sums("lse", p$x, p$y, scale = .1, log_weight = w, tolerance = 1e-6)
    expect_lt(max(abs(rough$sums - exact$sums)), 1e-6)
    expect_lt(rough$visited, c(.1, .3, .7)[d] * exact$visited)
  }
})

test_that("threads change nothing and levels of instructions the last digits", {
  old <- list(brenier_threads(), brenier_simd())
  withr::defer({
    brenier_threads(old[[1]])
    brenier_simd(old[[2]])
  })
  p <- points_pair(1500, 1400, 3)
  run <- function(threads, level, tolerance) {
    brenier_threads(threads)
    brenier_simd(level)
    pair_sums("lse", p$x, p$y, scale = .4, tolerance = tolerance)$sums
  }
  for (tolerance in c(0, 1e-7)) {
    expect_identical(run(2, "auto", tolerance), run(1, "auto", tolerance))
    expect_equal(run(1, "auto", tolerance), run(1, "baseline", tolerance), tolerance = 1e-13)
  }
})

test_that("one point, no weight and a kernel without logarithm are told apart", {
  x <- matrix(c(1, 2), 1)
  expect_identical(pair_sums("lse", x, x)$sums, 0)
  expect_identical(pair_sums("lse", x, x, log_weight = -Inf)$sums, -Inf)
  expect_identical(pair_sums("value", x, x, log_weight = -Inf, shift = -Inf, a = 1)$sums, matrix(0))
  expect_error(pair_sums("lse", x, x, "energy"))
})
