# A grid as a cloud: its cells as points, its masses as weights.
cloud_of <- function(density) {
  at <- as.matrix(do.call(expand.grid, lapply(dim(density), function(n) (seq_len(n) - 0.5) / n)))
  list(points = at, mass = as.vector(density) / sum(density))
}
middle <- function(n) (seq_len(n) - 0.5) / n

test_that("points on a grid have the iterates of the grid", {
  x <- middle(14)
  mu <- outer(1 + x, 1 + 0.5 * cos(2 * pi * x))
  nu <- outer(1.2 - 0.4 * x, middle(11), function(a, b) a + sin(3 * b))
  nu[3, 5] <- 0
  from <- cloud_of(mu)
  to <- cloud_of(nu)
  times <- c(0, 0.02, 0.04, 0.2)
  start <- rowSums(from$points^2) / 2 + 0.1 * from$points[, 1]^2
  # cells that are empty are points of mass zero
  grid <- sinkhorn_flow(mu, nu, times, 0.02, start = start)
  points <- sinkhorn_flow(from$points, to$points, times, 0.02, start = start, a = from$mass,
                          b = to$mass)
  expect_lt(max(abs(as.vector(grid$potential) - as.vector(points$potential))), 1e-12)
  expect_lt(max(abs(as.vector(grid$ratio) - as.vector(points$ratio))), 1e-10)
  expect_equal(points$trace, grid$trace, tolerance = 1e-10)
  # debiased, by its definition: the conjugate on the points instead of that between cells
  xy <- from$points %*% t(to$points)
  raised <- function(u, v) (u + apply(xy - rep(v, each = nrow(xy)), 1, max)) / 2
  run <- function(times, start, ...) {
    sinkhorn_flow(from$points, to$points, times, 0.02, start = start, a = from$mass, b = to$mass, ...)
  }
  lower <- run(times, 2 * start - raised(start, run(0, start)$conjugate))
  debiased <- run(times, start, debias = TRUE)
  for (k in seq_along(times)) {
    expect_equal(debiased$potential[, k], raised(lower$potential[, k], lower$conjugate[, k]),
                 tolerance = 1e-12)
  }
  expect_equal(debiased$ratio, lower$ratio, tolerance = 1e-10)
  expect_gt(max(abs(debiased$potential - points$potential)), 1e-3)
})

test_that("points of a quadrature of normal laws have the iterates of the closed form", {
  y <- x <- seq(-8, 8, length.out = 801)
  exact <- function(...) gaussian_flow(list(mean = 0.2, cov = 1), list(mean = -0.3, cov = 0.64), ...)
  times <- c(0, 0.1, 0.5)
  inner <- abs(x) < 2
  for (debias in c(FALSE, TRUE)) {
    flow <- sinkhorn_flow(data.frame(x), data.frame(x = y), times, 0.1, debias,
                          a = dnorm(x, 0.2), b = dnorm(y, -0.3, 0.8))
    law <- exact(times, 0.1, debias, start = list(slope = 1, shift = 0.2))
    for (k in seq_along(times)) {
      fit <- coef(lm(flow$potential[inner, k] ~ poly(x[inner] - 0.2, 2, raw = TRUE)))
      tolerance <- if (debias) 1e-4 else 1e-7
      expect_lt(abs(2 * fit[[3]] - law$slope[1, 1, k]), tolerance)
      expect_lt(abs(fit[[2]] - law$shift[k, 1]), tolerance)
    }
  }
  # the model of the cycle is normal: the gradient of v, whose slope is (B + epsilon / s^2)^-1
  flow <- sinkhorn_flow(data.frame(x), data.frame(x = y), times, 0.1, a = dnorm(x, 0.2),
                        b = dnorm(y, -0.3, 0.8))
  law <- exact(times, 0.1, start = list(slope = 1, shift = 0.2))
  b <- law$slope[1, 1, 3] + 0.1
  at <- c(-1, 0, 1.5)
  expect_equal(drop(predict(flow, at)), 0.2 + (at - law$shift[3, 1]) / b, tolerance = 1e-8,
               ignore_attr = TRUE)
})

test_that("cycles between samples are those of dense sums, with any masses", {
  x <- withr::with_seed(1, matrix(rnorm(60), 20))
  y <- withr::with_seed(2, matrix(rexp(48), 16))
  a <- c(0, 2:20)
  epsilon <- 0.3
  log_sum <- function(m) apply(m, 1, function(row) max(row) + log(sum(exp(row - max(row)))))
  xy <- x %*% t(y)
  u <- rowSums(x^2) / 2
  for (k in 0:3) {
    v <- epsilon * log_sum(t((xy - u) / epsilon + log(a / sum(a))))
    if (k < 3) u <- epsilon * log_sum(t((t(xy) - v) / epsilon + log(1 / 16)))
  }
  flow <- sinkhorn_flow(as.data.frame(x), y, c(0, 3) * epsilon, epsilon, a = a)
  expect_equal(flow$potential[, 2], u, tolerance = 1e-12)
  expect_equal(flow$conjugate[, 2], v, tolerance = 1e-12)
  expect_equal(predict(flow, type = "potential"), v, tolerance = 1e-12)
  expect_equal(flow$trace$objective[2], sum(a * u) / sum(a) + mean(v), tolerance = 1e-12)
  # the gradient of the potential is the map
  h <- 1e-5
  step <- c(h, 0, 0)
  slope <- (predict(flow, y + rep(step, each = 16), type = "potential") -
              predict(flow, y - rep(step, each = 16), type = "potential")) / (2 * h)
  expect_equal(predict(flow)[, 1], slope, tolerance = 1e-8, ignore_attr = TRUE)
})

test_that("it ends where sinkhorn() does, whatever the unit", {
  x <- as.matrix(faithful[1:40, ]) %*% diag(c(1, 0.1))
  y <- as.matrix(faithful[41:90, ]) %*% diag(c(1, 0.1))
  flow <- sinkhorn_flow(x, y, c(0, 400), 2)
  end <- sinkhorn(x, y, epsilon = 4, control = list(tol = 1e-12))
  u <- (rowSums(x^2) - end$f) / 2
  apart <- flow$potential[, 2] - u
  expect_lt(diff(range(apart)), 1e-9)
  expect_lt(flow$trace$jeffreys[2], 1e-15)
  expect_true(all(diff(sinkhorn_flow(x, y, 0:5, 1)$trace$kl) < 0))
  far <- sinkhorn_flow(1e6 * x, 1e6 * y, c(0, 4e12), 1e12)
  near <- sinkhorn_flow(x, y, c(0, 4), 1)
  expect_equal(far$potential, 1e12 * near$potential, tolerance = 1e-11)
})

test_that("what is points and what is a density", {
  flowers <- iris[c(1:20, 51:70), 1:4]
  points <- sinkhorn_flow(flowers[1:20, ], flowers[21:40, ], 1, 0.5)
  again <- function(...) expect_equal(sinkhorn_flow(..., times = 1, epsilon = 0.5)$trace, points$trace)
  matrices <- list(as.matrix(flowers[1:20, ]), as.matrix(flowers[21:40, ]))
  bare <- lapply(matrices, unname)
  again(matrices[[1]], matrices[[2]])
  again(bare[[1]], flowers[21:40, ])
  again(bare[[1]], bare[[2]], a = rep(1, 20))
  expect_s3_class(sinkhorn_flow(bare[[1]], bare[[2]], 1, 0.5)$mu, "grid_density")
  counts <- table(cut(faithful$eruptions, 4), cut(faithful$waiting, 4))
  expect_s3_class(sinkhorn_flow(counts, counts, 1, 0.5)$mu, "grid_density")
})

test_that("neither threads nor the generator change anything, and limits are told", {
  before <- brenier_threads()
  withr::defer(brenier_threads(before))
  x <- withr::with_seed(3, data.frame(a = rnorm(2100), b = rnorm(2100)))
  y <- withr::with_seed(4, data.frame(b = rexp(2000), a = rexp(2000)))
  run <- function(threads) {
    brenier_threads(threads)
    sinkhorn_flow(x, y, c(0, 0.5), 0.25, debias = TRUE)
  }
  set.seed(7)
  state <- .Random.seed
  expect_identical(run(1), run(2))
  expect_identical(.Random.seed, state)
  # columns meet by their names
  expect_identical(run(1)$potential, sinkhorn_flow(x, y[2:1], c(0, 0.5), 0.25, TRUE)$potential)
  expect_warning(flow <- sinkhorn_flow(x, y, c(0, 1, 1.25), 0.25, max_iter = 4),
                 class = "brenier_warning_not_converged")
  expect_identical(flow$trace$time, c(0, 1))
  expect_false(flow$converged)
  expect_output(print(flow), "NOT all times")
})

test_that("wrong points, masses and times are refused with their name", {
  refused <- function(expr, argument, class = "brenier_error_argument") {
    condition <- expect_error(expr, class = class)
    expect_identical(condition$argument, argument)
  }
  x <- data.frame(a = c(0, 1, 3), b = c(1, 2, 5))
  y <- data.frame(a = c(1, 2), b = 0:1)
  refused(sinkhorn_flow(x, y, 1), "epsilon")
  refused(sinkhorn_flow(x, y, 1, -1), "epsilon")
  refused(sinkhorn_flow(x, y, 1e-20, 1e-20), "epsilon")
  refused(sinkhorn_flow(x, y, 0.15, 0.1), "times")
  refused(sinkhorn_flow(x, y, NA, 0.1), "times")
  refused(sinkhorn_flow(x, y, 1, 0.5, debias = NA), "debias")
  refused(sinkhorn_flow(x, y["a"], 1, 0.5), "nu")
  refused(sinkhorn_flow(x, function(x) 1, 1, 0.5), "nu")
  refused(sinkhorn_flow(x, grid_density(rep(1, 8)), 1, 0.5), "nu")
  refused(sinkhorn_flow(NULL, y, 1, 0.5), "mu")
  refused(sinkhorn_flow(replace(x, 1, NA_real_), y, 1, 0.5), "mu", "brenier_error_missing")
  refused(sinkhorn_flow(x, replace(y, 1, Inf), 1, 0.5), "nu", "brenier_error_not_finite")
  refused(sinkhorn_flow(x[0, ], y, 1, 0.5), "mu", "brenier_error_empty")
  refused(sinkhorn_flow(transform(x, a = "p"), y, 1, 0.5), "mu", "brenier_error_type")
  refused(sinkhorn_flow(x * 1e160, y, 1, 0.5), "mu", "brenier_error_scale")
  refused(sinkhorn_flow(x, y, 1, 0.5, a = 1:2), "a")
  refused(sinkhorn_flow(x, y, 1, 0.5, a = c(1, -1, 1)), "a")
  refused(sinkhorn_flow(x, y, 1, 0.5, b = c(0, 0)), "b", "brenier_error_empty")
  refused(sinkhorn_flow(x, y, 1, 0.5, start = 1:2), "start")
  refused(sinkhorn_flow(x, y, 1, 0.5, periodic = TRUE), "periodic")
  refused(sinkhorn_flow(x, y, 1, 0.5, max_iter = 0), "max_iter")
  flow <- sinkhorn_flow(x, y, 0:1, 0.5)
  refused(predict(flow, time = 0.5), "time")
  refused(predict(flow, 1:3), "newdata")
  refused(predict(flow, type = "density"), "type")
  refused(predict(sinkhorn_flow(x, y, 1, 0.5, TRUE)), "object")
  # one point, equal points, a point on its own
  expect_identical(dim(sinkhorn_flow(x[1, ], y, 0:1, 0.5)$potential), c(1L, 2L))
  same <- sinkhorn_flow(x[c(1, 1, 2), ], y, 0:1, 0.5)$potential
  expect_identical(same[1, ], same[2, ])
  expect_identical(sinkhorn_flow(x[1, ], x[1, ], 0:1, 0.5)$trace$jeffreys, c(0, 0))
})

test_that("flows between points print, summarise and draw", {
  flow <- sinkhorn_flow(faithful[1:30, ], faithful[31:60, ], 0:4, 1)
  expect_output(print(flow), "30 and 30 points in 2 dimensions")
  expect_identical(summary(flow), flow$trace)
  expect_identical(pages(plot(flow, sinkhorn_flow(faithful[1:30, ], faithful[31:60, ], 0:4, 0.5))), 1L)
  expect_identical(colnames(predict(flow)), names(faithful))
})
