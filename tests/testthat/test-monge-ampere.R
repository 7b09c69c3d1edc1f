centers <- function(n, lower = 0, upper = 1) lower + (upper - lower) * (seq_len(n) - 0.5) / n
wave <- function(x, a = 0.5) 1 + a * cos(2 * pi * x)
slope <- function(x) 0.4 + 1.2 * x

# The exact map of one coordinate, from densities on [0, 1] with these distribution functions.
wave_cdf <- function(x, a = 0.5) x + a * sin(2 * pi * x) / (2 * pi)
slope_quantile <- function(p) (-0.4 + sqrt(0.16 + 2.4 * p)) / 1.2

test_that("the line is exact", {
  # uniform to 2 y: T = sqrt(x), W2^2 = 1/3 + 1/2 - 2 * 2/5
  error <- vapply(c(100, 200), function(n) {
    ma <- monge_ampere(rep(1, n), centers(n))
    expect_lt(max(abs(ma$map - sqrt(centers(n)))[-1]), 2 / n)
    ma$distance^2 - (1 / 3 + 1 / 2 - 4 / 5)
  }, 0)
  expect_lt(abs(error[2]), 2e-5)
  expect_gt(abs(error[1] / error[2]), 2)
  # piecewise constant densities: quantile functions by hand
  ma <- monge_ampere(c(1, 1, 1, 1), grid_density(c(3, 1, 1, 3), 2, 4))
  q <- function(p) {
    ifelse(p < 3 / 8, 2 + p * 4 / 3, ifelse(p < 5 / 8, 2.5 + 4 * (p - 3 / 8), 3.5 + (p - 5 / 8) * 4 / 3))
  }
  exact <- integrate(function(p) (q(p) - p)^2, 0, 1, rel.tol = 1e-12, subdivisions = 1000)$value
  expect_equal(ma$distance^2, exact, tolerance = 1e-10)
  expect_equal(ma$map, q(centers(4)), tolerance = 1e-12)
})

test_that("the line takes gaps: mass jumps over them", {
  ma <- monge_ampere(rep(1, 100), c(rep(1, 25), rep(0, 50), rep(1, 25)))
  expect_equal(ma$distance^2, integrate(function(p) (ifelse(p < .5, p / 2, .5 + p / 2) - p)^2, 0, 1)$value,
               tolerance = 1e-8)
  expect_true(all(ma$map[1:50] < 0.25 + 1e-9) && all(ma$map[51:100] > 0.75 - 1e-9))
})

separable <- function(d, n, method = "auto") {
  f <- function(x) apply(wave(x), 1, prod)
  g <- function(x) apply(slope(x), 1, prod)
  box <- list(rep(0, d), rep(1, d))
  monge_ampere(grid_density(f, box[[1]], box[[2]], n), grid_density(g, box[[1]], box[[2]], n), method)
}

# 1-D: integral of (x - T(x))^2 under the wave
one_squared <- integrate(function(x) (x - slope_quantile(wave_cdf(x)))^2 * wave(x), 0, 1,
                         rel.tol = 1e-10)$value

test_that("products of maps of the line are found, to second order", {
  error <- vapply(c(64, 128), function(n) {
    ma <- separable(2, n)
    expect_identical(ma$method, "newton")
    expect_true(ma$converged)
    exact <- slope_quantile(wave_cdf(centers(n)))
    expect_equal(ma$distance^2, 2 * one_squared, tolerance = 2 / n^2)
    max(abs(ma$map[, , 1] - exact), abs(ma$map[, , 2] - rep(exact, each = n)))
  }, 0)
  expect_lt(error[2], 5e-4)
  expect_gt(error[1] / error[2], 3.2)
  ma <- separable(3, 24)
  exact <- slope_quantile(wave_cdf(centers(24)))
  expect_lt(max(abs(ma$map[, 5, 9, 1] - exact), abs(ma$map[7, 3, , 3] - exact)), 6e-3)
  expect_equal(ma$distance^2, 3 * one_squared, tolerance = 5e-3)
})

test_that("back and forth agrees with Newton's method, on other grids for both laws too", {
  newton <- separable(2, 96)
  forth <- separable(2, 96, "back-and-forth")
  expect_true(forth$converged)
  expect_equal(forth$distance, newton$distance, tolerance = 1e-4)
  expect_lt(mean(abs(forth$map - newton$map)), 2e-3)
  f <- grid_density(function(x) apply(wave(x), 1, prod), c(0, 0), c(1, 1), c(50, 70))
  g <- grid_density(function(x) apply(slope(x), 1, prod), c(0, 0), c(1, 1), c(81, 40))
  for (method in c("newton", "back-and-forth")) {
    ma <- suppressWarnings(monge_ampere(f, g, method))
    expect_equal(ma$distance^2, 2 * one_squared, tolerance = 5e-3)
    expect_identical(dim(ma$map), c(50L, 70L, 2L))
    expect_identical(dim(ma$inverse), c(81L, 40L, 2L))
  }
})

test_that("translation and dilation are exact, far from the origin and in any unit", {
  f <- function(x) 1 + x[, 1] * x[, 2] + 0.3 * sin(5 * x[, 1])
  mu <- grid_density(f, c(0, 0), c(1, 2), 40)
  nu <- grid_density(function(y) f(sweep(y, 2, c(1e3, -7)) / 3), c(1e3, -7), c(1e3 + 3, -1), 40)
  for (method in c("newton", "back-and-forth")) {
    ma <- suppressWarnings(monge_ampere(mu, nu, method))
    x <- as.matrix(expand.grid(mu$centers))
    expect_lt(max(abs(matrix(ma$map, ncol = 2) - sweep(3 * x, 2, c(1e3, -7), `+`))), 1e-6)
    w <- as.vector(mu$density) / sum(mu$density)
    h <- c(1, 2) / 40
    moments <- colSums(w * sweep(2 * x, 2, c(1e3, -7), `+`)^2) + 4 * h^2 / 12
    expect_equal(ma$distance^2, sum(moments), tolerance = 1e-9)
  }
  # the distance has the unit of the coordinates
  base <- separable(2, 32)
  for (unit in c(1e-4, 1e5)) {
    f <- function(x) apply(wave(x / unit), 1, prod)
    g <- function(x) apply(slope(x / unit), 1, prod)
    ma <- monge_ampere(grid_density(f, c(0, 0), c(unit, unit), 32),
                       grid_density(g, c(0, 0), c(unit, unit), 32))
    expect_equal(ma$distance / unit, base$distance, tolerance = 1e-9)
  }
})

test_that("normal laws: the linear map, and the distance", {
  cov <- matrix(c(1.5, 0.5, 0.5, 0.8), 2)
  inverse <- solve(cov)
  f <- function(x) exp(-rowSums(x^2) / 2)
  g <- function(x) exp(-rowSums((x %*% inverse) * x) / 2)
  ma <- suppressWarnings(monge_ampere(grid_density(f, c(-5, -5), c(5, 5), 96),
                                      grid_density(g, c(-6, -5), c(6, 5), 96)))
  exact <- gaussian_flow(list(mean = c(0, 0), cov = diag(2)), list(mean = c(0, 0), cov = cov), 0)$limit
  expect_equal(ma$distance, exact$distance, tolerance = 3e-3)
  x <- as.matrix(expand.grid(seq(-1.5, 1.5, 0.5), seq(-1.5, 1.5, 0.5)))
  expect_lt(max(abs(predict(ma, x) - x %*% exact$slope)), 0.03)
  # two narrow ones, with next to nothing along an edge of the box
  hill <- function(m) function(x) exp(-50 * rowSums(sweep(x, 2, m)^2))
  ma <- suppressWarnings(monge_ampere(grid_density(hill(c(0.3, 0.35)), c(0, 0), c(1, 1), 128),
                                      grid_density(hill(c(0.7, 0.6)), c(0, 0), c(1, 1), 128)))
  # of the truncated laws, by their quantiles
  expect_equal(ma$distance^2, 0.221748194906, tolerance = 1e-4)
})

test_that("a radial map onto a disk, whose density vanishes outside", {
  f <- function(x) exp(-rowSums(x^2) / 2)
  g <- function(x) rowSums(x^2) < 1
  ma <- suppressWarnings(monge_ampere(grid_density(f, c(-4, -4), c(4, 4), 128),
                                      grid_density(function(x) as.double(g(x)), c(-1, -1), c(1, 1), 128)))
  expect_identical(ma$method, "back-and-forth")
  y <- as.matrix(expand.grid(seq(-1.4, 1.4, 0.4), seq(-1.3, 1.3, 0.4)))
  r <- sqrt(rowSums(y^2))
  expect_lt(max(abs(predict(ma, y) - y / r * sqrt(1 - exp(-r^2 / 2)))), 0.02)
  # |x - T|^2 by the radius
  exact <- integrate(function(r) (r - sqrt(1 - exp(-r^2 / 2)))^2 * r * exp(-r^2 / 2), 0, 4)$value /
    (1 - exp(-8))
  expect_equal(ma$distance^2, exact, tolerance = 5e-3)
})

disk <- function(x, m, r) as.double((x[, 1] - m[1])^2 + (x[, 2] - m[2])^2 < r^2)
square <- function(f, n = 96) grid_density(f, c(0, 0), c(1, 1), n)

test_that("supports may be disconnected, have holes, be no longer convex", {
  # a disk of radius r torn into two halves that are moved apart by s each way: W2 = s, map x + s sign
  r <- 0.2
  s <- 0.15
  whole <- square(function(x) disk(x, c(0.5, 0.5), r), 128)
  torn <- square(function(x) {
    left <- x[, 1] < 0.5
    disk(cbind(x[, 1] + ifelse(left, s, -s), x[, 2]), c(0.5, 0.5), r) *
      (abs(x[, 1] - 0.5) > s)
  }, 128)
  joined <- suppressWarnings(monge_ampere(torn, whole))
  apart <- suppressWarnings(monge_ampere(whole, torn))
  expect_equal(joined$distance, s, tolerance = 0.01)
  expect_equal(apart$distance, s, tolerance = 0.01)
  # The steps end in a cycle. Where it is left depends on the last digit: .066 to .128 over twenty changes
  # of the density by 1e-13. The limit is six columns of cells along the tear.
  expect_lt(joined$error, 12 / 128 / (pi * r))
  inside <- cbind(c(0.4, 0.45, 0.55, 0.6), c(0.5, 0.4, 0.6, 0.5))
  expect_lt(max(abs(predict(apart, inside) - inside - cbind(c(-s, -s, s, s), 0))), 0.01)
  # the hole of a ring: by the radius, where the map from a disk is known
  ring <- square(function(x) disk(x, c(0.5, 0.5), 0.4) - disk(x, c(0.5, 0.5), 0.2), 128)
  full <- square(function(x) disk(x, c(0.5, 0.5), 0.4), 128)
  ma <- suppressWarnings(monge_ampere(full, ring))
  out <- function(r) sqrt(0.04 + r^2 * 0.12 / 0.16)
  exact <- integrate(function(r) (out(r) - r)^2 * 2 * r / 0.16, 0, 0.4)$value
  expect_equal(ma$distance^2, exact, tolerance = 0.01)
  expect_false(any(is.na(ma$map)))
  # a corner cut out of the square, and a block out of a cube, whose images are found from both sides
  corner <- square(function(x) as.double(x[, 1] < 0.5 | x[, 2] < 0.5))
  flat <- matrix(1, 96, 96)
  there <- suppressWarnings(monge_ampere(flat, corner))
  back <- suppressWarnings(monge_ampere(corner, flat))
  expect_equal(there$distance, back$distance, tolerance = 2e-3)
  expect_lt(abs(there$gap), 0.01 * there$distance^2)
  block <- array(1, c(16, 16, 16))
  block[5:12, 5:12, 5:12] <- 0
  hollow <- suppressWarnings(monge_ampere(array(1, c(16, 16, 16)), block))
  expect_identical(hollow$method, "back-and-forth")
  expect_equal(hollow$distance, suppressWarnings(monge_ampere(block, array(1, c(16, 16, 16))))$distance,
               tolerance = 0.02)
})

test_that("what is converged is so by the error that is told", {
  ma <- suppressWarnings(monge_ampere(square(function(x) disk(x, c(0.3, 0.5), 0.2)),
                                      square(function(x) disk(x, c(0.6, 0.5), 0.3))))
  if (ma$converged) expect_lte(ma$error, 3 * ma$tol) else expect_gt(ma$error, ma$tol)
  expect_equal(ma$distance^2, 0.3^2 + 0.1^2 / 2, tolerance = 5e-3)
})

test_that("boxes of any shape and steps of any ratio are taken", {
  # flat laws on long boxes across each other: the map stretches each axis
  ma <- monge_ampere(grid_density(matrix(1, 300, 8), c(0, 0), c(1, 0.02)),
                     grid_density(matrix(1, 10, 200), c(0, 0), c(0.03, 5)))
  expect_equal(ma$distance^2, ((1 - 0.03)^2 + (0.02 - 5)^2) / 3, tolerance = 2e-5)
  expect_equal(ma$distance^2 + ma$gap, ((1 - 0.03)^2 + (0.02 - 5)^2) / 3, tolerance = 1e-9)
  expect_lt(max(abs(ma$map[, 1, 1] - 0.03 * ma$mu$centers[[1]])), 1e-9)
})

test_that("the swap gives the inverse, and potentials are conjugate", {
  f <- grid_density(function(x) 1 + 0.6 * cos(2 * pi * x[, 1]) * cos(2 * pi * x[, 2]), c(0, 0), c(1, 1), 64)
  g <- grid_density(function(x) exp(-4 * (x[, 1] - x[, 2])^2), c(0, 0), c(1, 1), 64)
  there <- monge_ampere(f, g)
  back <- monge_ampere(g, f)
  expect_equal(there$distance, back$distance, tolerance = 3e-4)
  expect_lt(max(abs(there$inverse - back$map)), 0.01)
  x <- as.matrix(expand.grid(seq(0.05, 0.95, 0.1), seq(0.05, 0.95, 0.1)))
  expect_lt(max(abs(predict(there, predict(there, x), "inverse") - x)), 5e-3)
  # u + u* >= <x, y> for all pairs, with equality at y = T(x)
  some <- seq(1, 64, 7)
  at <- as.matrix(expand.grid(f$centers))[as.vector(outer(some, 64 * (some - 1), `+`)), ]
  sums <- outer(predict(there, at, "potential"), predict(there, at, "conjugate"), `+`) - tcrossprod(at)
  expect_gt(min(sums), -1e-6)
  moved <- predict(there, at)
  expect_lt(max(abs(predict(there, at, "potential") + predict(there, moved, "conjugate") -
                      rowSums(at * moved))), 5e-4)
})

test_that("means of functions agree with the target, and the error says how well", {
  ma <- separable(2, 64)
  x <- centers(64)
  w <- ma$mu$density / sum(ma$mu$density)
  v <- ma$nu$density / sum(ma$nu$density)
  for (h in list(function(x, y) x * y, function(x, y) cos(7 * x + 3 * y), function(x, y) pmax(x - y, 0))) {
    expect_lt(abs(sum(w * h(ma$map[, , 1], ma$map[, , 2])) - sum(v * outer(x, x, h))), 1e-3)
  }
  expect_equal(sum(ma$pushforward) / 64^2, 1)
  expect_equal(sum(abs(ma$pushforward - ma$nu$density)) / 64^2, ma$error)
  expect_lt(ma$error, 0.02)
  # a wrong map has a large one
  same <- .Call(C_brenier_grid_push, grid_of(ma$mu), as.double(ma$mu$density),
                as.double(outer(x^2 / 2, x^2 / 2, `+`)), grid_of(ma$nu), 3L)
  expect_equal(same, as.double(ma$mu$density) / 64^2, tolerance = 1e-10)
})

test_that("displacement is a geodesic", {
  ma <- separable(2, 64)
  middle <- displacement(ma, 0.5)
  expect_equal(monge_ampere(ma$mu, middle)$distance, ma$distance / 2, tolerance = 5e-3)
  frames <- displacement(ma, c(0, 1), n = 64)
  expect_equal(frames[[1]]$density, ma$mu$density, tolerance = 1e-6)
  expect_lt(mean(abs(frames[[2]]$density - ma$nu$density)), 0.02)
})

test_that("densities come from functions, fits, images and kernel estimates", {
  fit <- brenier(~ eruptions + waiting, data = faithful, control = list(folds = 0, max_atoms = 8))
  of_fit <- grid_density(fit, n = 32)
  expect_equal(of_fit$mass, 1, tolerance = 0.05)
  kernel <- density(faithful$eruptions)
  expect_equal(grid_density(kernel)$centers[[1]], kernel$x)
  list_2d <- list(x = 1:5, y = 1:4, z = matrix(1, 5, 4))
  expect_equal(grid_density(list_2d)$upper, c(5.5, 4.5))
  if (requireNamespace("MASS", quietly = TRUE)) {
    estimate <- MASS::kde2d(faithful$eruptions, faithful$waiting, n = 24)
    expect_equal(grid_density(estimate)$centers[[2]], estimate$y)
  }
  # functions are called with some points at a time, once for each cell
  seen <- 0
  long <- grid_density(function(x) {
    seen <<- seen + nrow(x)
    x[, 1] + 2 * x[, 2] + 4 * x[, 3]
  }, c(0, 0, 0), c(1, 2, 3), n = c(50, 60, 70))
  expect_equal(seen, 50 * 60 * 70)
  expect_equal(long$density[7, 8, 9] / long$density[50, 60, 70],
               sum(c(1, 2, 4) * mapply(`[`, long$centers, 7:9)) /
                 sum(c(1, 2, 4) * mapply(`[`, long$centers, c(50, 60, 70))))
  ma <- suppressWarnings(monge_ampere(volcano - 90, volcano[, 61:1] - 90))
  expect_lt(ma$error, 0.1)
  expect_output(print(grid_density(volcano)), "87 x 61")
})

test_that("threads, interrupts by time and limits are told", {
  before <- brenier_threads()
  withr::defer(brenier_threads(before))
  f <- function(x) apply(wave(x), 1, prod)
  mu <- grid_density(f, c(0, 0), c(1, 1), c(530, 500))
  solve_with <- function(threads, method) {
    brenier_threads(threads)
    monge_ampere(mu, matrix(1, 500, 530), method, tol = 0.05)[c("distance", "gap", "map", "inverse", "error")]
  }
  for (method in c("newton", "back-and-forth")) {
    expect_identical(solve_with(1, method), solve_with(2, method))
  }
  expect_warning(ma <- monge_ampere(grid_density(f, c(0, 0), c(1, 1), 128), matrix(1, 128, 128),
                                    max_seconds = 0),
                 class = "brenier_warning_not_converged")
  expect_false(ma$converged)
  expect_true(all(is.finite(ma$map)))
  expect_output(print(ma), "NOT converged")
  # one cell to one cell: the distance is right, the map of a grid cannot be, and that is said
  spot <- function(i, j) replace(matrix(0, 32, 32), cbind(i, j), 1)
  expect_warning(ma <- monge_ampere(spot(5, 5), spot(20, 28)), class = "brenier_warning_not_converged")
  expect_equal(ma$distance, sqrt(15^2 + 23^2) / 32, tolerance = 2e-3)
  expect_gt(ma$error, 0.5)
})

test_that("wrong densities and arguments are refused with their name", {
  refused <- function(expr, argument) {
    condition <- expect_error(expr, class = "brenier_error_argument")
    expect_identical(condition$argument, argument)
  }
  good <- matrix(1, 8, 8)
  refused(monge_ampere(replace(good, 3, NA), good), "mu")
  refused(monge_ampere(good, replace(good, 3, Inf)), "nu")
  refused(monge_ampere(good, -good), "nu")
  refused(monge_ampere(0 * good, good), "mu")
  refused(monge_ampere(good[1:3, ], good), "mu")
  refused(monge_ampere(numeric(0), good), "mu")
  refused(monge_ampere("a", good), "mu")
  refused(monge_ampere(array(1, rep(4, 4)), good), "mu")
  refused(monge_ampere(good, rep(1, 8)), "nu")
  refused(monge_ampere(good, good, "fast"), "method")
  refused(monge_ampere(good, replace(good, 1, 0), "newton"), "method")
  refused(monge_ampere(good, good, tol = 0), "tol")
  refused(monge_ampere(good, good, max_iter = 0), "max_iter")
  refused(monge_ampere(good, good, speed = 1), "speed")
  refused(grid_density(good, 1, 1), "upper")
  refused(grid_density(good, c(0, 0, 0)), "lower")
  refused(grid_density(function(x) 1, c(0, 0), c(1, 1)), "x")
  refused(grid_density(function(x) x[, 1], 0, 1, n = 2), "n")
  refused(grid_density(list(x = c(1, 2, 4, 5), y = 1:4)), "x")
  refused(grid_density(list(x = 1:5, y = 1:5, z = matrix(1, 5, 4))), "x")
  refused(grid_density(list(x = 1:5, y = 1:4)), "x")
  refused(grid_density(function(x) x[, 1], 0, 1, n = 64, 3), "...")
  refused(monge_ampere(faithful, good), "mu")
  refused(monge_ampere(good, good > 0), "nu")
  ma <- monge_ampere(good, good)
  expect_equal(ma$distance, 0, tolerance = 1e-6)
  refused(predict(ma, 1:3), "newdata")
  refused(predict(ma, cbind(0.5, 0.5), "jump"), "type")
  refused(displacement(ma, 2), "t")
  expect_true(all(is.na(predict(ma, cbind(2, 0.5)))))
  refused(plot(ma, "map"), "which")
  refused(plot(monge_ampere(array(1, c(4, 4, 4)), array(1, c(4, 4, 4))), "grid"), "which")
  # huge and tiny values are only a unit
  expect_equal(monge_ampere(1e300 * good, 1e-300 * good)$distance, 0, tolerance = 1e-6)
})

test_that("every plot draws a page", {
  ma <- suppressWarnings(separable(2, 16))
  for (which in c("density", "grid", "interpolation", "trace")) expect_identical(pages(plot(ma, which)), 1L)
  line <- monge_ampere(1:8, 8:1)
  for (which in c("density", "grid", "interpolation")) expect_identical(pages(plot(line, which)), 1L)
  expect_identical(pages(plot(suppressWarnings(separable(3, 8)), "interpolation")), 1L)
  expect_output(print(summary(ma)), "moved")
})

test_that("grids of four dimensions, and what is no solution, are refused", {
  expect_refused(grid_density(function(x) 1, rep(0, 4), rep(1, 4)), "argument")
  expect_refused(displacement(1), "type")
})

test_that("axes can be left out, one time is one frame, and a solution in closed form has no trace", {
  hill <- function(m) grid_density(function(x) exp(-20 * rowSums((x - m)^2)) + 0.05, c(0, 0), c(1, 1), n = 16)
  fit <- suppressWarnings(monge_ampere(hill(0.4), hill(0.6)))
  axes <- function(...) sum(drawn(plot(fit, "interpolation", t = 0.5, ...))$names == "C_axis")
  expect_identical(axes(), 2L)
  expect_identical(axes(yaxt = "n"), 1L)
  expect_identical(axes(axes = FALSE), 0L)
  expect_identical(pages(plot(fit, "interpolation", t = 0.5)), 1L)
  line <- monge_ampere(1 + (1:50) / 50, 2 - (1:50) / 50)
  expect_error(plot(line, "trace"), "exact", class = "brenier_error_argument")
})

test_that("Newton's method that is cut short is refused where it alone was asked for", {
  hill <- function(m) grid_density(function(x) exp(-20 * rowSums((x - m)^2)) + 0.05, c(0, 0), c(1, 1), n = 16)
  expect_error(monge_ampere(hill(0.3), hill(0.7), method = "newton", max_iter = 1),
               "back-and-forth", class = "brenier_error_argument")
  fit <- suppressWarnings(monge_ampere(hill(0.4), hill(0.6)))
  expect_equal(predict(fit), predict(fit, as.matrix(expand.grid(fit$mu$centers))))
})

test_that("densities that are none are refused by what is wrong", {
  expect_error(grid_density(fan_fit(), 0, 1), "without covariates", class = "brenier_error_argument")
  expect_error(grid_density(1:(2^30 + 8)), "2\\^30 cells", class = "brenier_error_argument")
  expect_error(grid_density(array(1, rep(4, 4))), "at most 3", class = "brenier_error_argument")
})
