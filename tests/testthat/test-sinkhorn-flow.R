centers <- function(n) (seq_len(n) - 0.5) / n
torus_mu <- function(x) 1 + 0.5 * cos(2 * pi * x) + 0.2 * sin(4 * pi * x)
torus_nu <- function(x) 1 - 0.4 * cos(2 * pi * (x - 0.1))
on_torus <- function(n, times, epsilon = 0, ...) {
  x <- centers(n)
  sinkhorn_flow(torus_mu(x), torus_nu(x), times, epsilon, start = x^2 / 2, periodic = TRUE, ...)
}

# The flow on the torus by Fourier series and the classical Runge-Kutta method: w = u - x^2 / 2 at x.
spectral <- function(x, time, n = 64, step = 5e-6) {
  k <- 2 * pi * c(0:(n / 2 - 1), 0, -(n / 2 - 1):-1)
  k2 <- (2 * pi * c(0:(n / 2), -(n / 2 - 1):-1))^2
  at <- (0:(n - 1)) / n
  rate <- function(w) {
    hat <- fft(w)
    slope <- Re(fft(1i * k * hat, inverse = TRUE)) / n
    bend <- Re(fft(-k2 * hat, inverse = TRUE)) / n
    log(torus_nu(at + slope)) + log(1 + bend) - log(torus_mu(at))
  }
  w <- numeric(n)
  for (i in seq_len(round(time / step))) {
    k1 <- rate(w)
    k2_ <- rate(w + step / 2 * k1)
    k3 <- rate(w + step / 2 * k2_)
    w <- w + step / 6 * (k1 + 2 * k2_ + 2 * k3 + rate(w + step * k3))
  }
  hat <- fft(w) / n
  drop(Re(exp(1i * outer(x, k)) %*% hat))
}

test_that("the flow on a torus agrees with a spectral one, to second order in the grid", {
  error <- vapply(c(64, 128), function(n) {
    x <- centers(n)
    max(abs(on_torus(n, 0.01, tol = 1e-9)$potential - x^2 / 2 - spectral(x, 0.01)))
  }, 0)
  expect_lt(error[2], 2e-6)
  expect_gt(error[1] / error[2], 3.5)
})

test_that("Sinkhorn on the torus is off by epsilon times known numbers: order one", {
  x <- centers(256)
  w <- spectral(x, 0.01)
  epsilon <- c(2e-3, 1e-3, 5e-4, 2.5e-4)
  ratio <- vapply(epsilon, function(e) {
    miss <- on_torus(256, 0.01, e)$potential - x^2 / 2 - w
    max(abs(miss - mean(miss))) / e
  }, 0)
  expect_equal(ratio[1:3], c(0.227, 0.237, 0.243), tolerance = 4e-3)
  order <- coef(lm(log(ratio * epsilon) ~ log(epsilon)))[[2]]
  expect_gt(order, 0.9)
  expect_lt(order, 1.1)
})

test_that("Sinkhorn cycles are those of dense sums", {
  n <- 40
  x <- centers(n)
  mu <- 1 + x
  nu <- torus_nu(x)
  epsilon <- 0.003
  kernel <- -outer(x, x, function(a, b) (a - b)^2) / (2 * epsilon)
  log_sum <- function(m) apply(m, 1, function(row) max(row) + log(sum(exp(row - max(row)))))
  f <- 0 * x
  for (k in 1:3) {
    g <- epsilon * log_sum(t(kernel - f / epsilon + log(mu / sum(mu))))
    f <- epsilon * log_sum(t(t(kernel) - g / epsilon + log(nu / sum(nu))))
  }
  flow <- sinkhorn_flow(mu, nu, 3 * epsilon, epsilon)
  expect_equal(as.vector(flow$potential), f + x^2 / 2, tolerance = 1e-12)
  # and no temperature underflows
  expect_true(all(is.finite(sinkhorn_flow(mu, nu, 1e-7, 1e-7)$potential)))
})

test_that("a product of laws flows as its factors do", {
  x <- centers(24)
  a <- list(1 + 0.5 * x, torus_mu(x), 1.2 - 0.4 * x)
  b <- list(torus_nu(x), 0.7 + x, 1 + 0.3 * cos(pi * x))
  times <- c(0.01, 0.04)
  for (epsilon in c(0, 0.01)) {
    parts <- lapply(1:3, function(k) sinkhorn_flow(a[[k]], b[[k]], times, epsilon, tol = 1e-9)$potential)
    for (d in 2:3) {
      n <- rep(24, d)
      whole <- sinkhorn_flow(Reduce(outer, a[1:d]), Reduce(outer, b[1:d]), times, epsilon, tol = 1e-7)
      sums <- array(outer_sum(lapply(parts[1:d], function(p) p[, 2])), n)
      last <- array(whole$potential[prod(n) + seq_len(prod(n))], n)
      expect_lt(max(abs(last - sums)), if (epsilon > 0) 1e-12 else 2e-6)
    }
  }
})

test_that("the identities of the flow hold: dissipation, variational inequality, bounds", {
  n <- 256
  x <- centers(n)
  h <- 1e-4
  flow <- on_torus(n, c(0.005 - h, 0.005, 0.005 + h, 0.02, 0.05, 0.1), tol = 1e-8)
  trace <- flow$trace
  expect_equal((trace$objective[3] - trace$objective[1]) / (2 * h), -trace$jeffreys[2], tolerance = 1e-3)
  # for a law sigma that is neither: the mean of u over it and of u* over nu
  mu <- flow$mu$density / n
  sigma <- (1 + 0.7 * sin(2 * pi * x)) / n
  rho <- mu * exp(flow$ratio[, 2])
  kl <- function(a, b) sum(a * log(a / b))
  divergence <- trace$objective + colSums((sigma - as.vector(mu)) * flow$potential)
  expect_equal((divergence[3] - divergence[1]) / (2 * h), kl(sigma, mu) - kl(sigma, rho) - kl(rho, mu),
               tolerance = 1e-3)
  expect_true(all(trace$jeffreys <= trace$bound))
  expect_true(all(diff(trace$kl) < 0) && all(diff(trace$kl_reverse) < 0))
  # the maximum principle
  expect_true(all(diff(trace$high) < 0) && all(diff(trace$low) > 0))
  # modes decay at about 44 a unit of time
  rate <- -log(trace$jeffreys[6] / trace$jeffreys[5]) / 0.05 / 2
  expect_equal(rate, 44, tolerance = 0.05)
})

test_that("the identities hold on a square too, between laws that are no products", {
  n <- 48
  x <- centers(n)
  h <- 2e-3
  mu <- 1 + outer(x, x, function(a, b) a * sin(3 * b))
  nu <- 1 + 0.8 * outer(x, x, function(a, b) cos(2 * a + 3 * b))
  flow <- sinkhorn_flow(mu, nu, c(0, 0.05 - h, 0.05, 0.05 + h, 0.2), tol = 1e-7)
  trace <- flow$trace
  expect_equal((trace$objective[4] - trace$objective[2]) / (2 * h), -trace$jeffreys[3], tolerance = 0.01)
  mass <- mu / sum(mu)
  sigma <- outer(2 - x, 1 + 0.5 * sin(3 * x))
  sigma <- sigma / sum(sigma)
  rho <- mass * exp(flow$ratio[, , 3])
  kl <- function(a, b) sum(a * log(a / b))
  divergence <- trace$objective + apply(flow$potential, 3, function(u) sum((sigma - mass) * u))
  expect_equal((divergence[4] - divergence[2]) / (2 * h),
               kl(sigma, mass) - kl(sigma, rho) - kl(rho, mass), tolerance = 0.01)
  expect_true(all(trace$jeffreys <= trace$bound))
  expect_true(all(diff(trace$kl) < 0) && all(diff(trace$kl_reverse) < 0))
  expect_true(all(diff(trace$high) < 0) && all(diff(trace$low) > 0))
})

test_that("the default tolerance is below what the grid leaves", {
  n <- 256
  x <- centers(n)
  times <- c(0.002, 0.01, 0.05)
  flow <- on_torus(n, times)
  exact <- on_torus(n, times, tol = 1e-9)
  fine <- on_torus(3 * n, times, tol = 1e-9)
  for (k in 1:3) {
    apart <- function(u) max(abs(u - mean(u)))
    of_time <- apart(flow$potential[, k] - exact$potential[, k])
    of_grid <- apart(exact$potential[, k] - fine$potential[seq(2, 3 * n, by = 3), k])
    expect_lt(of_time, 0.6 * of_grid)
    expect_lt(of_time, 1e-6) # the tolerance
  }
  expect_lt(flow$trace$steps[3], 200)
})

test_that("the end of the flow is the optimal map", {
  x <- centers(64)
  mu <- 1 + 0.5 * cos(2 * pi * x)
  nu <- 0.5 + x
  flow <- sinkhorn_flow(mu, nu, 3)
  expect_lt(flow$trace$jeffreys, 1e-10)
  expect_lt(abs(flow$trace$gap), 1e-9)
  map <- diff(flow$potential[, 1]) * 64
  exact <- monge_ampere(mu, nu)$map
  expect_lt(max(abs(map - (exact[-1] + exact[-64]) / 2)), 1e-3)
})

test_that("normal laws on a grid are those of the closed form", {
  x <- seq(-6, 6, length.out = 301)
  law <- function(s) list(x = x, y = dnorm(x, 0, s))
  exact <- function(...) gaussian_flow(list(mean = 0, cov = 1), list(mean = 0, cov = 0.64), ...)$slope[1, 1, ]
  bend <- function(flow) {
    middle <- 140:162
    u <- flow$potential[middle, ncol(flow$potential)]
    2 * coef(lm(u ~ poly(x[middle], 2, raw = TRUE)))[[3]]
  }
  start <- x^2 / 2
  for (debias in c(FALSE, TRUE)) {
    flow <- sinkhorn_flow(law(1), law(0.8), 0.4, 0.1, debias, start = start)
    expect_equal(bend(flow), exact(0.4, 0.1, debias), tolerance = 2e-3)
  }
  raw <- abs(exact(0.4, 0.1) - exact(0.4))
  expect_lt(abs(exact(0.4, 0.1, TRUE) - exact(0.4)), raw / 10)
})

test_that("limits and threads", {
  before <- brenier_threads()
  withr::defer(brenier_threads(before))
  x <- centers(64)
  mu <- outer(1 + x, torus_mu(x))
  run <- function(threads) {
    brenier_threads(threads)
    sinkhorn_flow(mu, matrix(1, 64, 64), 0.01, tol = 1e-5)$potential
  }
  expect_identical(run(1), run(2))
  expect_warning(flow <- sinkhorn_flow(mu, matrix(1, 64, 64), c(0, 0.5), max_iter = 3),
                 class = "brenier_warning_not_converged")
  expect_identical(nrow(flow$trace), 1L)
  expect_false(flow$converged)
  expect_output(print(flow), "NOT all times")
})

test_that("wrong arguments are refused with their name", {
  refused <- function(expr, argument) {
    condition <- expect_error(expr, class = "brenier_error_argument")
    expect_identical(condition$argument, argument)
  }
  a <- rep(1, 16)
  refused(sinkhorn_flow(replace(a, 2, 0), a, 1), "mu")
  refused(sinkhorn_flow(a, replace(a, 2, 0), 1), "nu")
  refused(sinkhorn_flow(a, matrix(1, 4, 4), 1), "nu")
  refused(sinkhorn_flow(a, grid_density(a, 0, 2), 1, periodic = TRUE), "nu")
  refused(sinkhorn_flow(a, a, -1), "times")
  refused(sinkhorn_flow(a, a, 0.15, 0.1), "times")
  refused(sinkhorn_flow(a, a, 1, NA), "epsilon")
  refused(sinkhorn_flow(a, a, 1, start = 1:3), "start")
  refused(sinkhorn_flow(a, a, 1, start = -centers(16)^2), "start")
  refused(sinkhorn_flow(a, a, 1, tol = -1), "tol")
  refused(sinkhorn_flow(a, a, 1, speed = 2), "speed")
  # densities that vanish are no matter at a temperature
  expect_true(all(is.finite(sinkhorn_flow(replace(a, 2, 0), a, 0.2, 0.1)$potential)))
  flow <- sinkhorn_flow(a, a, c(0, 1))
  refused(plot(flow, 1), "...")
})

test_that("flows print and draw", {
  x <- centers(32)
  flow <- sinkhorn_flow(1 + x, torus_nu(x), c(0, 0.01, 0.02))
  iterates <- sinkhorn_flow(1 + x, torus_nu(x), c(0, 0.01, 0.02), 0.01)
  expect_output(print(flow), "Parabolic")
  expect_output(print(iterates), "temperature 0.01")
  expect_identical(pages(plot(flow, iterates)), 1L)
  gaussian <- sinkhorn_flow(list(mean = 0, cov = 4), list(mean = 1, cov = 1), 1:3)
  expect_s3_class(gaussian, "gaussian_flow")
  expect_output(print(gaussian), "normal laws")
  expect_identical(pages(plot(gaussian)), 1L)
})

test_that("the least semi-dual is not known where a density is 0", {
  empty <- grid_density(replace(rep(1, 16), 3, 0))
  expect_identical(least_semi_dual(empty, grid_density(rep(1, 16)), FALSE), NA_real_)
})
