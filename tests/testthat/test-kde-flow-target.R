# Kernel flows to known targets, against closed forms and maps of the same targets.

test_that("known targets have the variances of theory", {
  run <- function(energy, h) {
    flow <- kde_flow(target = function(x) -x[, 1]^2 / 2, gradient = function(x) -x, vectorised = TRUE,
                     init = c(a = 0.5), n = 400, energy = energy, bandwidth = h, steps = 250,
                      control = list(tol = 0))
    c(mean(flow$particles), mean(flow$particles^2) - mean(flow$particles)^2)
  }
  blob <- function(h) (1 + sqrt(1 + 4 * h^2)) / 2 - h^2
  expect_equal(run("plugin", 0.3), c(0, 1 - 0.09), tolerance = 0.015) # .901 of the run of 400
  # finite numbers of particles: the run of 400 has .638 and .916 at 0.6
  expect_equal(run("plugin", 0.6), c(0, 1 - 0.36), tolerance = 0.02)
  expect_equal(run("blob", 0.6), c(0, blob(0.6)), tolerance = 0.02)
  expect_equal(run("blob", 0.3), c(0, blob(0.3)), tolerance = 0.01)
  expect_equal(run("smoothed", 0.6), c(0, 1), tolerance = 0.03)
  expect_equal(run("svgd", 0.6), c(0, 1), tolerance = 0.02)
  expect_equal(run("ksd", 0.6), c(0, 1), tolerance = 0.02)
})

test_that("blob particles and a Brenier map agree on a target", {
  root <- matrix(c(2, 1, 0, 0.5), 2)
  precision <- solve(tcrossprod(root))
  f <- function(x) -rowSums((x %*% precision) * x) / 2
  g <- function(x) -x %*% precision
  post <- brenier_vi(f, c(a = 0, b = 0), g, vectorised = TRUE, control = list(max_atoms = 0))
  reach <- function(...) {
    kde_flow(target = f, gradient = g, vectorised = TRUE, init = c(a = 0, b = 0), n = 300, ...)
  }
  expect_identical(agreement(reach(), post, seed = 1, permutations = 99)$agree, "yes")
  # without whitening the bandwidth suits the wide direction: a tenth of the sd of b
  expect_output(print(agreement(reach(whiten = FALSE), post, seed = 1, permutations = 99)),
                "do NOT agree.*by up to 10% \\(b\\)")
  flow <- reach(bandwidth = c(from = 1, to = 0.2))
  expect_identical(rises(flow), 0L)
  found <- agreement(flow, post, seed = 1)
  expect_identical(found$agree, "yes")
  expect_output(print(found), "They agree")
  expect_lt(found$distance$value, 2 * found$distance$floor)
  # by hand, in coordinates over the sds of the draws
  draws <- as.matrix(simulate(post, 1000, seed = 1))
  sds <- rep(apply(draws, 2, sd), each = 300)
  expect_equal(found$distance$value, energy_distance(
    flow$particles / sds, draws / rep(apply(draws, 2, sd), each = 1000), permutations = 0
  )$value, tolerance = 1e-10)
  expect_equal(found$variables$map_sd, unname(apply(draws, 2, sd)), tolerance = 1e-12)
  expect_gt(found$ksd["map", "p_value"], 0.01)
  expect_lt(max(abs(found$variables$shift)), 0.15)
  # a small error, and a large one
  moved <- flow
  moved$particles <- flow$particles + rep(c(0.6, 0), each = 300)
  moved$z <- flow$space$to(moved$particles)
  wrong <- agreement(moved, post, seed = 1, permutations = 99)
  expect_identical(wrong$agree, "no")
  expect_output(print(wrong), "means differ by up to 0.2.*\\(a\\)")
  expect_lt(wrong$ksd["particles", "p_value"], 0.05)
  expect_refused(agreement(kde_flow(faithful, steps = 2), post), "argument")
  expect_refused(agreement(flow, 1), "argument")
  other <- brenier_vi(f, c(a = 0, c = 0), g, vectorised = TRUE, control = list(max_atoms = 0))
  expect_refused(agreement(flow, other), "argument")
})

# A normal law with these standard deviations, and correlation 0.8 of all pairs.
wide_normal <- function(sds) {
  d <- length(sds)
  precision <- solve(outer(sds, sds) * (0.8 + 0.2 * diag(d)))
  list(f = function(x) -rowSums((x %*% precision) * x) / 2, g = function(x) -x %*% precision,
       init = stats::setNames(rep(1, d), letters[seq_len(d)]))
}

test_that("scales and correlations of a target are those of a Gaussian law fitted to it", {
  sds <- c(1, 5, 20, 100)
  law <- wide_normal(sds)
  reach <- function(..., init = law$init) {
    kde_flow(target = law$f, gradient = law$g, vectorised = TRUE, init = init, ...)
  }
  post <- brenier_vi(law$f, law$init, law$g, vectorised = TRUE, control = list(max_atoms = 0))
  flow <- reach(n = 300)
  expect_identical(flow$status, "ok")
  # that fit included
  expect_gt(flow$gradients, 300 * flow$evaluations)
  expect_output(print(flow), "gradient at [0-9]+ points")
  expect_identical(agreement(flow, post, seed = 1, permutations = 99)$agree, "yes")
  expect_equal(apply(flow$particles, 2, sd), sds, tolerance = 0.12, ignore_attr = TRUE)
  expect_gt(min(cor(flow$particles)), 0.75)
  # the same particles in other units
  other <- list(f = function(x) law$f(x / 1e4), g = function(x) law$g(x / 1e4) / 1e4)
  scaled <- kde_flow(target = other$f, gradient = other$g, vectorised = TRUE, init = law$init * 1e4, n = 300)
  expect_equal(scaled$particles / 1e4, flow$particles, tolerance = 1e-2)
  # all sds of the flow that is not whitened are wrong
  plain <- suppressWarnings(reach(n = 300, whiten = FALSE, steps = 60))
  expect_lt(sd(plain$particles[, 1]), 0.5)
  # particles of the user, far away
  far <- rep(c(300, 0, 0, 0), each = 50) + matrix(stats::qnorm(stats::ppoints(200)), 50)
  found <- reach(init = far, steps = 300)
  expect_lt(max(abs(colMeans(found$particles)) / sds), 0.1)
  for (energy in c("svgd", "ksd")) {
    found <- reach(energy = energy, n = 200)
    # fewer than 300 particles shrink more
    expect_equal(apply(found$particles, 2, sd), sds, tolerance = c(svgd = 0.1, ksd = 0.06)[[energy]],
                 ignore_attr = TRUE)
  }
})

test_that("blobs are too narrow in high dimension, as the help says", {
  spread <- function(energy, d) {
    flow <- kde_flow(target = function(x) -rowSums(x^2) / 2, gradient = function(x) -x, vectorised = TRUE,
                     init = stats::setNames(numeric(d), paste0("x", seq_len(d))), n = 500, energy = energy)
    mean(apply(flow$particles, 2, sd))
  }
  expect_equal(spread("blob", 5), 0.9, tolerance = 0.01)
  expect_equal(spread("blob", 10), 0.75, tolerance = 0.01)
  expect_equal(spread("ksd", 10), 0.99, tolerance = 0.005)
  expect_equal(spread("svgd", 10), 0.85, tolerance = 0.01)
})

test_that("a posterior: particles and map agree without a word of warning", {
  x <- withr::with_seed(1, cbind(1, rnorm(100), rnorm(100, sd = 10)))
  y <- withr::with_seed(2, rbinom(100, 1, plogis(x %*% c(0.5, 1, -0.1))))
  f <- function(b) drop(tcrossprod(b, x) %*% y) - rowSums(log1p(exp(tcrossprod(b, x)))) - rowSums(b^2) / 18
  g <- function(b) (rep(y, each = nrow(b)) - plogis(tcrossprod(b, x))) %*% x - b / 9
  init <- c(a = 0, b = 0, c = 0)
  post <- brenier_vi(f, init, g, vectorised = TRUE)
  for (energy in c("blob", "ksd")) {
    flow <- kde_flow(target = f, gradient = g, vectorised = TRUE, init = init, n = 200, energy = energy)
    found <- agreement(flow, post, seed = 1, permutations = 99)
    expect_identical(found$agree, "yes")
    expect_lt(max(abs(found$variables$shift)), 0.1)
    expect_false(any(grepl("NOT", utils::capture.output(print(found)))))
  }
})

test_that("without a Gaussian law the units are those of the target, and the printout says so", {
  wall <- function(...) {
    suppressWarnings(kde_flow(
      target = function(x) ifelse(x[, 1] > 0, -x[, 1], -Inf),
      gradient = function(x) ifelse(x > 0, -1, NaN), vectorised = TRUE, init = cbind(a = 1:30 / 10),
      steps = 5, ...
    ))
  }
  expect_output(print(wall()), "NOT whitened")
  expect_output(print(summary(wall())), "No Gaussian")
  expect_false(wall(whiten = FALSE)$whitened)
  expect_refused(kde_flow(gradient = function(x) -x, init = c(a = 1), whiten = TRUE), "argument")
  expect_refused(wall(whiten = NA), "argument")
})

test_that("descent of the Stein discrepancy: its gradient, and where it is blind", {
  # a law with a Hessian that varies: log pi = -x'x/2 + sin(a + 2 b)/2
  f <- function(x) -rowSums(x^2) / 2 + sin(x[, 1] + 2 * x[, 2]) / 2
  g <- function(x) -x + cos(x[, 1] + 2 * x[, 2]) / 2 * rep(1:2, each = nrow(x))
  z <- withr::with_seed(1, matrix(rnorm(24), 12))
  direction <- withr::with_seed(2, matrix(rnorm(24), 12))
  ask <- function(z, h) list(value = NULL, gradient = g(z))
  for (kernel in c("gaussian", "imq")) {
    stage <- open_stage(flow_problem("ksd", kernel = kernel), 1.3)
    energy <- function(t) flow_at(stage, z + t * direction, ask)$energy
    slope <- (8 * (energy(1e-3) - energy(-1e-3)) - energy(2e-3) + energy(-2e-3)) / 12e-3
    at <- flow_at(stage, z, ask)
    expect_equal(slope, -sum(at$velocity * direction) / 12 / at$unit, tolerance = 1e-8)
    expect_equal(at$energy, ksd(z, g, bandwidth = 1.3, kernel = kernel, permutations = 0)$value,
                 tolerance = 1e-10)
  }
  reach <- function(...) kde_flow(vectorised = TRUE, energy = "ksd", ...)
  for (optimiser in c("lbfgs", "gradient")) {
    flow <- reach(target = f, gradient = g, init = c(a = 0, b = 0), n = 60, steps = 60,
                  control = list(optimiser = optimiser))
    expect_identical(rises(flow), 0L)
    expect_lt(utils::tail(flow$trace$energy, 1), 0.1 * ksd(flow$paths[1, , ], g, permutations = 0)$value)
  }
  expect_output(print(flow), "kernel Stein discrepancy, exact gradient")
  # the score is enough
  flow <- reach(gradient = g, init = z, steps = 30)
  expect_equal(flow$trace$evaluations[1] > 0, TRUE)
  # two modes at -4 and 4: particles on the plane between them stay there, where the law has no mass
  two <- function(x) cbind(-x[, 1] + 4 * tanh(4 * x[, 1]), -x[, 2])
  flat <- reach(gradient = two, init = cbind(a = 0, b = stats::qnorm(stats::ppoints(30))), steps = 50)
  expect_lt(max(abs(flat$particles[, 1])), 1e-6)
  # and it does not see the masses of the modes, only that each has its shape
  shape <- withr::with_seed(3, matrix(rnorm(400), 200))
  split <- function(left) ksd(shape + c(rep(-4, left), rep(4, 200 - left), numeric(200)), two,
                              bandwidth = 1, permutations = 0)$value
  expect_lt(split(10), 1.5 * split(100))
  expect_refused(reach(gradient = g, init = z, kernel = "laplace"), "argument")
})

test_that("targets of as_target() flow in their coordinates and come back as parameters", {
  # Gamma(3, 2) of a positive parameter: mean 1.5, variance 0.75
  target <- as_target(function(p) 2 * log(p) - 2 * p, init = c(rate = 1),
                      gradient = function(p) 2 / p - 2, lower = 0)
  # a small bandwidth: the bias of the variance is its fourth power
  flow <- kde_flow(target = target, n = 150, steps = 200, bandwidth = c(from = 0.6, to = 0.15))
  expect_identical(colnames(flow$particles), "rate")
  expect_true(all(flow$particles > 0))
  expect_equal(mean(flow$particles), 1.5, tolerance = 0.03)
  expect_equal(mean((flow$particles - 1.5)^2), 0.75, tolerance = 0.1)
  expect_refused(kde_flow(target = target, init = c(1, 2)), "argument")
  # against a map in the same coordinates
  found <- agreement(flow, brenier_vi(target), seed = 1, permutations = 99)
  expect_true(found$agree %in% c("yes", "nearly"))
  expect_equal(found$variables$mean, mean(flow$particles))
  expect_lt(max(found$ksd$value), 0.05)
})

test_that("a start of other rows, and a law that is nowhere finite about it, are refused", {
  law <- function(x) -sum(x^2) / 2
  slope <- function(x) -x
  expect_error(kde_flow(target = law, gradient = slope, init = matrix(0, 3, 2), n = 4, steps = 2), "4 rows",
               class = "brenier_error_argument")
  nowhere <- list(d = 2, start = matrix(0, 1, 2))
  ask <- function(z) list(value = rep(c(-Inf, 0), c(nrow(z) - 1, 1)), gradient = 0 * z)
  expect_error(target_start(nowhere, ask, NULL, 8), class = "brenier_error_target")
  # where a few are refused, others stand in for them
  some <- function(z) list(value = replace(numeric(nrow(z)), 1:2, -Inf), gradient = 0 * z)
  z <- target_start(nowhere, some, NULL, 8)
  expect_identical(z[1:2, ], z[3:4, ])
  expect_error(kde_flow(target = as_target(law, c(0, 0), slope), init = 1:3, n = 4, steps = 2),
               class = "brenier_error_argument")
})

test_that("agreement goes without a Stein discrepancy where a gradient is not finite", {
  law <- function(x) -sum(x^2) / 2
  flow <- kde_flow(target = law, gradient = function(x) -x, init = c(a = 0), n = 30, steps = 10)
  post <- brenier_vi(law, c(a = 0), function(x) -x, control = list(max_atoms = 0))
  flow$law$ask <- function(z, ...) list(value = 0 * z[, 1], gradient = z * NaN)
  found <- agreement(flow, post, draws = 50, permutations = 9, seed = 1)
  expect_null(found$ksd)
  expect_output(print(found), "no finite gradient")
})
