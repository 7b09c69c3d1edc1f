# Kernel flows against closed forms, quadrature and fresh data. Gradients are tested against differences
# in tests/c/test-kde-flow.c.

eight_tight <- function(n, seed) {
  withr::with_seed(seed, {
    k <- sample.int(8, n, replace = TRUE)
    cbind(a = 2 * cos(k * pi / 4), b = 2 * sin(k * pi / 4)) + rnorm(2 * n, sd = 0.1)
  })
}

test_that("eight Gaussians are reached with the right masses, nearer than an independent sample", {
  y <- eight_tight(1600, 1)
  fresh <- eight_tight(1500, 2)
  init <- withr::with_seed(3, matrix(rnorm(800, sd = 0.5), 400, dimnames = list(NULL, c("a", "b"))))
  reach <- function(...) kde_flow(y, init = init, whiten = FALSE, ...)
  flow <- reach(bandwidth = c(from = 1, to = 0.1))
  # the distance of as many independent points: 0.0074 on average
  expect_lt(energy_distance(flow$particles, fresh, permutations = 0)$value, 0.0027)
  angle <- round(atan2(flow$particles[, 2], flow$particles[, 1]) / (pi / 4)) %% 8
  expect_lt(max(abs(table(factor(angle, 0:7)) / 400 - 1 / 8)), 0.02)
  expect_identical(rises(flow), 0L)
  # a small bandwidth from the start leaves the masses wrong
  fixed <- reach(bandwidth = 0.1, energy = "plugin")
  expect_gt(energy_distance(fixed$particles, fresh, permutations = 0)$value, 0.0054)
})

test_that("the plug-in field goes the wrong way where the exact gradient does not", {
  # p = 0.05 N(0, 1) + 0.95 N(4, 1) after smoothing, one particle at 0.3
  smooth_kl <- function(at) {
    integrate(function(t) {
      p <- 0.05 * dnorm(t) + 0.95 * dnorm(t, 4)
      dnorm(t, at) * (dnorm(t, at, log = TRUE) - log(p))
    }, at - 9, at + 9, rel.tol = 1e-10)$value
  }
  expect_equal(smooth_kl(0.3), 2.582, tolerance = 1e-3)
  end <- function(energy) {
    flow <- kde_flow(c(0, 4, 4 + 1e-7), weights = c(0.05, 0.475, 0.475), init = cbind(0.3),
                     energy = energy, bandwidth = 1, whiten = FALSE, steps = 200,
                     control = list(tol = 1e-8, samples = 128, longest = Inf))
    flow$particles[[1, 1]]
  }
  expect_equal(end("plugin"), 0.028, tolerance = 0.02)
  expect_gt(smooth_kl(end("plugin")), 2.7) # it rose
  # the minimum of the smoothed divergence
  expect_equal(end("smooth"), 3.97, tolerance = 0.01)
  expect_equal(smooth_kl(end("smooth")), 0.0413, tolerance = 0.01)
  # its gradient, whose value by quadrature is -0.457, and its value
  slope <- (smooth_kl(0.3 + 1e-3) - smooth_kl(0.3 - 1e-3)) / 2e-3
  expect_equal(slope, -0.457, tolerance = 1e-3)
  problem <- flow_problem("smooth", cbind(c(0, 4)), c(0.05, 0.95), clip = 50)
  problem$draws <- kernel_draws(2^14, 1, "gaussian")
  found <- .Call(C_brenier_flow, cbind(0.3), problem, NULL)
  expect_equal(found$velocity[1], -slope, tolerance = 1e-3)
})

test_that("the moments at rest are those of the data", {
  y <- cbind(x = qnorm(ppoints(200)))
  y <- y / sqrt(mean(y^2)) * sqrt(0.994)
  init <- cbind(x = 0.3 + 0.7 * qnorm(ppoints(100)))
  at_rest <- function(h, ..., step = 0.2) {
    flow <- kde_flow(y, init = init, bandwidth = h, whiten = FALSE, steps = 400, step = step,
                     control = list(tol = 0), ...)
    c(mean(flow$particles), mean(flow$particles^2) - mean(flow$particles)^2)
  }
  # variances of the same runs on random data with that variance, which differ by their tails
  for (h in c(0.3, 0.6)) {
    near <- function(variance, tolerance, ...) {
      expect_equal(at_rest(h, ...), c(0, variance[[if (h == 0.3) 1 else 2]]), tolerance = tolerance)
    }
    near(c(0.978, 0.990), 0.015, energy = "plugin")
    near(c(0.980, 0.980), 0.015, energy = "mixture")
    near(c(0.980, 0.980), 0.015, energy = "mixture", divergence = "reverse_kl")
    near(c(0.980, 0.980), 0.015, energy = "mixture", divergence = "chisq")
    near(c(1.005, 0.993), 0.015, energy = "bregman")
    near(c(0.983, 0.979), 0.015, energy = "data", divergence = "reverse_kl")
    near(c(0.986, 0.991), 0.015, divergence = "mmd", step = 1) # slow
  }
  # slower still: neither mean nor variance has arrived
  slow <- at_rest(0.3, energy = "particle")
  expect_true(slow[1] > 0.05 && slow[1] < 0.15 && slow[2] > 0.75 && slow[2] < 0.9)
})

test_that("masses of far modes: found by a bandwidth that falls, not by a small one", {
  draw <- function(n) {
    left <- seq_len(n) <= 0.05 * n
    cbind(x = ifelse(left, -2, 2) + rnorm(n, sd = 0.3), y = rnorm(n, sd = 0.3))
  }
  y <- withr::with_seed(1, draw(800))
  init <- withr::with_seed(2, matrix(rnorm(400), 200, dimnames = list(NULL, c("x", "y"))))
  share <- function(...) mean(kde_flow(y, init = init, whiten = FALSE, steps = 200, ...)$particles[, 1] < 0)
  for (divergence in list("kl", c(reverse_kl = 1, chisq = 1), "energy")) {
    expect_equal(share(divergence = divergence, bandwidth = c(from = 3, to = 0.15)), 0.05, tolerance = 0.31)
  }
  # what started on the left stays there
  expect_gt(share(bandwidth = 0.15), 0.3)
})

test_that("energies never rise within a bandwidth, whatever the divergence", {
  for (divergence in list("kl", "reverse_kl", "chisq", "neyman", "hellinger", "js", "alpha", "mmd",
                          "energy", c(reverse_kl = 1, chisq = 1))) {
    flow <- quick_flow(faithful, divergence = divergence, step = 1)
    expect_identical(rises(flow), 0L)
    expect_lt(utils::tail(stats::na.omit(flow$trace$energy_distance), 1), 0.1)
  }
  for (energy in c("data", "particle", "smooth", "bregman")) {
    expect_identical(rises(quick_flow(faithful, energy = energy)), 0L)
  }
  expect_true(all(is.na(quick_flow(faithful, energy = "plugin")$trace$energy)))
  expect_identical(rises(quick_flow(faithful, control = list(optimiser = "lbfgs"))), 0L)
})

test_that("particles that are the data stay there", {
  y <- unique(as.matrix(faithful)) # copies would be parted
  for (divergence in c("kl", "js", "mmd", "energy")) {
    flow <- kde_flow(y, init = y, steps = 3, divergence = divergence, control = list(tol = 0))
    expect_equal(flow$particles, y, tolerance = 1e-6, ignore_attr = TRUE)
  }
})

test_that("spheres and tori: points stay on them and the law is reached", {
  x <- withr::with_seed(1, matrix(rnorm(900), 300) + rep(c(2, 0, 0), each = 300))
  x <- x / sqrt(rowSums(x^2))
  flow <- kde_flow(x, sphere = TRUE, n = 100, steps = 200)
  expect_equal(rowSums(flow$particles^2), rep(1, 100), tolerance = 1e-12)
  expect_identical(rises(flow), 0L)
  expect_equal(colMeans(flow$particles), colMeans(x), tolerance = 0.05, ignore_attr = TRUE)
  # two angles, one of them across the cut
  angle <- withr::with_seed(2, cbind(a = rnorm(300, pi, 0.4), b = rnorm(300)))
  flow <- kde_flow(angle, torus = TRUE, n = 100, steps = 200)
  mean_of <- function(x) colMeans(cbind(cos(x), sin(x)))
  expect_equal(mean_of(flow$particles), mean_of(angle), tolerance = 0.05, ignore_attr = TRUE)
  expect_lte(max(abs(flow$particles)), pi)
})

test_that("laws given covariates", {
  d <- make_fan(400)
  flow <- kde_flow(y ~ x, data = d, steps = 150)
  expect_identical(sort(flow$given[, 1]), sort(d$x))
  at <- simulate(flow, 300, seed = 1, newdata = data.frame(x = c(0.2, 0.8)))
  truth <- cbind(c(0.4, 1.6), c(0.4, 1))
  expect_equal(tapply(at$y, at$row, mean), truth[, 1], tolerance = 0.25, ignore_attr = TRUE)
  expect_equal(tapply(at$y, at$row, sd), truth[, 2], tolerance = 0.25, ignore_attr = TRUE)
  expect_true(all(is.na(simulate(flow, 2, newdata = data.frame(x = NA_real_))$y)))
})

test_that("draws, densities and ratios", {
  flow <- kde_flow(~ eruptions, data = faithful, n = 80, steps = 60)
  expect_identical(names(as_draws(flow))[1], "eruptions")
  expect_identical(posterior::ndraws(as_draws(flow)), 80L)
  expect_true(all(simulate(flow, 50, seed = 1)$eruptions %in% flow$particles))
  density <- function(t) exp(predict(flow, cbind(t)))
  expect_equal(integrate(density, -2, 9, rel.tol = 1e-8)$value, 1, tolerance = 1e-5)
  h <- flow$bandwidth * sqrt(mean((faithful$eruptions - mean(faithful$eruptions))^2))
  by_hand <- function(t, x) vapply(t, function(s) mean(dnorm(s, x, h)), 0)
  at <- c(2, 3, 4.5)
  expect_equal(density(at), by_hand(at, flow$particles), tolerance = 1e-10)
  expect_equal(predict(flow, cbind(at), type = "log_ratio"),
               log(by_hand(at, flow$particles) / by_hand(at, faithful$eruptions)), tolerance = 1e-9)
  # every kernel has its integral, in the plane by rings
  for (kernel in c("gaussian", "laplace", "matern32")) {
    for (d in 1:3) {
      k <- function(r) switch(kernel, gaussian = exp(-r^2 / 0.98), laplace = exp(-r / 0.7),
                              matern32 = (1 + sqrt(3) * r / 0.7) * exp(-sqrt(3) * r / 0.7))
      rings <- integrate(function(r) k(r) * c(2, 2 * pi, 4 * pi)[d] * r^(d - 1), 0, 60, rel.tol = 1e-9)
      expect_equal(log_mass(kernel, 0.7, d), log(rings$value), tolerance = 1e-7)
    }
    other <- kde_flow(~ eruptions, data = faithful, n = 40, steps = 5, kernel = kernel)
    expect_equal(sum(exp(predict(other, cbind(seq(-20, 30, by = 1e-3))))) * 1e-3, 1, tolerance = 1e-4)
  }
  imq <- kde_flow(~ eruptions, data = faithful, n = 40, steps = 5, kernel = "imq")
  expect_true(all(is.finite(predict(imq, type = "log_ratio"))))
  expect_refused(predict(imq), "argument")
  # on a circle, a torus and a sphere
  angle <- withr::with_seed(1, cbind(rnorm(60), rnorm(60, 3)))
  circle <- kde_flow(angle[, 1], torus = TRUE, n = 30, steps = 5)
  expect_equal(integrate(function(t) exp(predict(circle, cbind(t))), -pi, pi)$value, 1, tolerance = 1e-5)
  torus <- kde_flow(angle, torus = TRUE, n = 30, steps = 5)
  t <- seq(-pi, pi, length.out = 101)[-1]
  expect_equal(sum(exp(predict(torus, as.matrix(expand.grid(t, t))))) * (t[2] - t[1])^2, 1, tolerance = 1e-6)
  expect_length(predict(torus, type = "log_ratio"), 30)
  globe <- withr::with_seed(1, matrix(rnorm(180), 60))
  globe <- kde_flow(globe / sqrt(rowSums(globe^2)), sphere = TRUE, n = 30, steps = 5)
  at <- expand.grid(height = (seq_len(200) - 0.5) / 100 - 1, turn = t)
  at <- with(at, cbind(sqrt(1 - height^2) * cos(turn), sqrt(1 - height^2) * sin(turn), height))
  expect_equal(mean(exp(predict(globe, at))) * 4 * pi, 1, tolerance = 5e-3)
  expect_refused(predict(globe, 2 * at), "argument")
  # a bounded parameter: the Jacobian is within
  target <- as_target(function(p) 2 * log(p) - 2 * p, init = c(rate = 1),
                      gradient = function(p) 2 / p - 2, lower = 0)
  gamma <- kde_flow(target = target, n = 60, steps = 20)
  expect_equal(integrate(function(t) exp(predict(gamma, cbind(t))), 0, 60)$value, 1, tolerance = 1e-4)
  expect_true(all(simulate(gamma, 50, smooth = TRUE, seed = 1)$rate > 0))
  expect_refused(predict(kde_flow(faithful, divergence = "energy", n = 20, steps = 2)), "argument")
  # the smoothed particles fit the data: draws add the kernel
  fit <- kde_flow(~ eruptions, data = faithful, n = 80, steps = 60, energy = "data",
                  divergence = "reverse_kl")
  expect_gt(sd(simulate(fit, 4000, seed = 1)$eruptions), sd(fit$particles))
})

test_that("a seed decides, threads do not, and the generator of the user is left alone", {
  set.seed(4)
  before <- .Random.seed
  a <- quick_flow(faithful, seed = 2)
  expect_identical(.Random.seed, before)
  expect_identical(quick_flow(faithful, seed = 2, threads = 2)$particles, a$particles)
  expect_false(identical(quick_flow(faithful, seed = 3)$particles, a$particles))
})

test_that("weights count like copies", {
  y <- as.matrix(faithful)[1:60, ]
  w <- rep(1:3, 20)
  init <- as.matrix(faithful)[100:149, ]
  a <- kde_flow(y, weights = w, init = init, bandwidth = 0.5, steps = 20)
  b <- kde_flow(y[rep(1:60, w), ], init = init, bandwidth = 0.5, steps = 20)
  expect_equal(a$particles, b$particles, tolerance = 1e-8)
  zero <- kde_flow(rbind(y, c(99, 99)), weights = c(w, 0), init = init, bandwidth = 0.5, steps = 20)
  expect_equal(zero$particles, a$particles, tolerance = 1e-12)
})

test_that("duplicates part and outliers stay finite", {
  init <- as.matrix(faithful)[rep(1, 40), ]
  flow <- kde_flow(faithful, init = init, steps = 100)
  expect_identical(anyDuplicated(flow$particles), 0L)
  expect_lt(utils::tail(stats::na.omit(flow$trace$energy_distance), 1), 0.1)
  far <- rbind(as.matrix(faithful)[1:50, ], c(1e6, -1e6))
  for (energy in c("mixture", "plugin", "bregman")) {
    flow <- kde_flow(faithful, init = far, energy = energy, steps = 20)
    expect_true(all(is.finite(flow$particles)))
  }
  expect_true(all(is.finite(quick_flow(rbind(as.matrix(faithful), c(1e4, 1e4)))$particles)))
})

test_that("without the self term the energy falls all the same, and the law is reached", {
  for (energy in c("mixture", "particle", "bregman")) {
    flow <- quick_flow(faithful, energy = energy, self = FALSE)
    expect_identical(rises(flow), 0L)
    expect_lt(utils::tail(stats::na.omit(flow$trace$energy_distance), 1), 0.1)
  }
  # differences of the energy along a direction, one particle alone
  z <- withr::with_seed(1, rbind(matrix(rnorm(40), 20), c(9, 0)))
  y <- withr::with_seed(2, matrix(rnorm(60), 30))
  direction <- withr::with_seed(3, matrix(rnorm(42), 21))
  problem <- flow_problem("mixture", y, rep(1 / 30, 30), clip = 50, self = FALSE)
  stage <- open_stage(problem, 0.6)
  energy <- function(t) flow_at(stage, z + t * direction)$energy
  slope <- (8 * (energy(1e-3) - energy(-1e-3)) - energy(2e-3) + energy(-2e-3)) / 12e-3
  at <- flow_at(stage, z)
  expect_equal(slope, -sum(at$velocity * direction) / 21 / at$unit, tolerance = 1e-8)
  # particles that are the data move then
  flow <- kde_flow(y, init = y, steps = 1, bandwidth = 0.6, self = FALSE, whiten = FALSE)
  expect_gt(flow$speed, 0.01)
  expect_refused(kde_flow(y, self = NA), "argument")
  expect_refused(kde_flow(y, divergence = "energy", self = FALSE), "argument")
  expect_refused(kde_flow(y, n = 1, self = FALSE), "argument")
  flow <- kde_flow(target = function(x) -x[, 1]^2 / 2, gradient = function(x) -x, vectorised = TRUE,
                   init = c(a = 0.5), n = 100, bandwidth = 0.6, steps = 100, self = FALSE)
  expect_identical(rises(flow), 0L)
})

test_that("an interrupt and a target that fails leave what there is, flagged", {
  calls <- 0
  gradient <- function(x) {
    calls <<- calls + 1
    if (calls == 8) rlang::interrupt()
    -x
  }
  reach <- function(...) {
    calls <<- 0
    expect_warning(
      flow <- kde_flow(target = function(x) -rowSums(x^2) / 2, gradient = gradient, vectorised = TRUE,
                       init = c(a = 1), n = 20, steps = 50, ...),
      class = "brenier_warning_interrupted"
    )
    expect_identical(flow$status, "interrupted")
    flow
  }
  # during the fit of the scales
  expect_null(reach()$trace)
  expect_output(print(reach()), "INTERRUPTED")
  flow <- reach(whiten = FALSE)
  expect_true(nrow(flow$trace) > 0 && nrow(flow$trace) < 50)
  expect_output(print(flow), "INTERRUPTED")
  expect_true(all(is.finite(flow$particles)))
  # log density -Inf below 0: steps are shortened, the particles stay inside
  flow <- suppressWarnings(kde_flow(
    target = function(x) ifelse(x[, 1] > 0, -x[, 1], -Inf),
    gradient = function(x) ifelse(x > 0, -1, NaN), vectorised = TRUE, init = cbind(a = 1:30 / 10), steps = 30
  ))
  expect_true(all(flow$particles > 0))
})

test_that("a summary tells copies of the data from draws of their law", {
  y <- eight_tight(400, 1)
  z <- rbind(y[1:100, ] + 1e-6, eight_tight(100, 2))
  still <- function(init) {
    summary(suppressWarnings(kde_flow(y, init = init, steps = 1, step = 1e-12, divergence = "energy")))
  }
  copies <- still(z)
  # two to three in a hundred of independent points in the plane: 1/10^2, and ties of none
  expect_equal(copies$memorisation$share, 0.5, tolerance = 0.03)
  expect_lt(copies$memorisation$floor, 0.04)
  expect_output(print(copies), "copy the data")
  fresh <- still(z[101:200, ])
  expect_lt(fresh$memorisation$share, fresh$memorisation$floor + 3 * fresh$memorisation$se)
  expect_lt(abs(log(fresh$memorisation$nearest / fresh$memorisation$nearest_floor)), 0.4)
  expect_output(print(fresh), "as many independent draws would have")
  expect_false(any(grepl("copy", fresh$advice)))
  # by hand: ratios of distances on the line
  flow <- kde_flow(c(0, 1, 3, 7), init = cbind(c(0.05, 0.5, 5)), steps = 1, step = 1e-12, whiten = FALSE,
                   divergence = "energy")
  expect_equal(summary(flow)$memorisation$share, 1 / 3)
  expect_equal(summary(flow)$memorisation$nearest, 0.5)
  expect_equal(summary(flow)$memorisation$nearest_floor, 1.5)
  expect_null(summary(kde_flow(y ~ x, data = make_fan(50), steps = 2))$memorisation)
})

test_that("modes that are known are counted", {
  centre <- cbind(a = 2 * cos(1:8 * pi / 4), b = 2 * sin(1:8 * pi / 4))
  init <- rbind(centre[rep(1:6, 1:6), ], centre[7, ] + c(0.2, 0.25)) # 7 is farther than 3 sd
  flow <- kde_flow(eight_tight(300, 1), init = init, steps = 1, step = 1e-12, divergence = "energy",
                   control = list(jitter = 0))
  s <- summary(flow, modes = list(mean = centre, sd = 0.1, weight = c(1:6, 1, 1)))
  expect_equal(s$modes$table$share, c(1:6, 1, 0) / 22)
  expect_equal(s$modes$table$within, c(1:6, 0, 0) / 22)
  expect_identical(s$modes$covered, 6L)
  expect_equal(s$modes$quality, 21 / 22)
  expect_equal(s$modes$deviation, max(abs(c(1:6, 1, 0) / 22 - c(1:6, 1, 1) / 23)))
  expect_output(print(s), "2 of the modes are missed")
  # one mode of two: the mean error of a binomial share
  x <- kde_flow(c(-1, 1, 1.1), init = cbind(c(-1, 1)), steps = 1, step = 1e-12, divergence = "energy")
  expect_equal(summary(x, modes = list(mean = c(-1, 1), sd = 1))$modes$floor, 0.25, tolerance = 0.1)
  expect_refused(summary(flow, modes = centre), "argument")
  expect_refused(summary(flow, modes = list(mean = centre)), "argument")
  expect_refused(summary(flow, modes = list(mean = centre[, 1], sd = 1)), "argument")
  expect_refused(summary(flow, modes = list(mean = centre, sd = 0)), "argument")
  expect_refused(summary(flow, modes = list(mean = centre, sd = 1, weight = 1:3)), "argument")
})

test_that("print and summary say what is not good", {
  far <- quick_flow(faithful, init = as.matrix(faithful)[1:60, ] + 30, energy = "plugin")
  expect_output(print(far), "NOT stationary")
  expect_output(print(summary(far)), "farther from the data")
  expect_warning(wide <- kde_flow(make_normal(100, 11), n = 30, steps = 3),
                 class = "brenier_warning_dimension")
  expect_output(print(summary(wide)), "principal components")
  expect_no_warning(kde_flow(make_normal(100, 11), n = 30, steps = 3, divergence = "sliced"))
})

test_that("wrong arguments are refused", {
  y <- as.matrix(faithful)
  expect_refused(kde_flow(), "argument")
  expect_refused(kde_flow(y, target = sum), "argument")
  expect_refused(kde_flow(y, divergence = "kll"), "argument")
  expect_refused(kde_flow(y, divergence = c(kl = -1)), "argument")
  expect_refused(kde_flow(y, divergence = "chisq", energy = "bregman"), "argument")
  expect_refused(kde_flow(y, divergence = "mmd", energy = "data"), "argument")
  expect_refused(kde_flow(y, energy = "mix"), "argument")
  expect_refused(kde_flow(y, bandwidth = -1), "argument")
  expect_refused(kde_flow(y, bandwidth = "sj"), "argument")
  expect_refused(kde_flow(y, bandwidth = function(t) NA), "argument")
  expect_refused(kde_flow(y, steps = 0), "argument")
  expect_refused(kde_flow(y, step = 2), "argument")
  expect_refused(kde_flow(y, n = 0), "argument")
  expect_refused(kde_flow(y, init = y[, 1]), "argument")
  expect_refused(kde_flow(y, sphere = TRUE), "argument")
  expect_refused(kde_flow(y, control = list(clipp = 3)), "argument")
  expect_refused(kde_flow(y, energy = "plugin", control = list(optimiser = "lbfgs")), "argument")
  expect_refused(kde_flow(y, stesp = 3), "argument")
  expect_refused(kde_flow(rbind(y, NA)), "missing")
  expect_refused(kde_flow(rbind(y, Inf)), "not_finite")
  expect_refused(kde_flow(y[1, , drop = FALSE]), "rows")
  expect_refused(kde_flow(y[0, ]), "empty")
  expect_refused(kde_flow(cbind(y, 1)), "constant")
  expect_refused(kde_flow(y * 1e200), "scale")
  expect_refused(kde_flow(y, weights = 0 * y[, 1]), "empty")
  expect_refused(kde_flow(target = function(x) 0, gradient = function(x) x), "argument")
  expect_refused(kde_flow(target = function(x) 0, init = 1), "argument")
  expect_refused(kde_flow(gradient = function(x) -x, init = 1, energy = "blob"), "argument")
  expect_refused(kde_flow(target = function(x) NaN, gradient = function(x) x, init = 1), "target")
  expect_refused(kde_flow(target = function(x) 0, gradient = function(x) 1:3, init = 1), "target")
})

test_that("spaces, bandwidths and settings that are none are refused", {
  y <- as.matrix(faithful)
  refused <- function(...) {
    expect_error(kde_flow(y, n = 10, steps = 1, ...), class = "brenier_error_argument")
  }
  refused(sphere = TRUE, torus = 1)
  refused(sphere = 3)
  refused(bandwidth = list(1))
  refused(control = list(50))
  known <- kde_flow(target = function(x) -sum(x^2), gradient = function(x) -2 * x, init = c(a = 0),
                    n = 10, steps = 1)
  expect_error(predict(known, 0, type = "log_ratio"), class = "brenier_error_argument")
  expect_error(predict(known, matrix(0, 1, 2)), class = "brenier_error_argument")
})

test_that("integrals of kernels are those of quadrature", {
  in_one <- function(k) integrate(k, -Inf, Inf)$value
  h <- 0.7
  expect_equal(exp(log_mass("laplace", h, 1)), in_one(function(x) exp(-abs(x) / h)), tolerance = 1e-6)
  expect_equal(exp(log_mass("matern32", h, 1)),
               in_one(function(x) (1 + sqrt(3) * abs(x) / h) * exp(-sqrt(3) * abs(x) / h)), tolerance = 1e-6)
  expect_equal(exp(log_mass("gaussian", h, 1)), in_one(function(x) exp(-x^2 / (2 * h^2))), tolerance = 1e-6)
  radial <- function(k) integrate(function(r) 2 * pi * r * k(r), 0, Inf)$value
  expect_equal(exp(log_mass("laplace", h, 2)), radial(function(r) exp(-r / h)), tolerance = 1e-6)
  expect_equal(exp(log_mass("matern32", h, 2)),
               radial(function(r) (1 + sqrt(3) * r / h) * exp(-sqrt(3) * r / h)), tolerance = 1e-6)
})

test_that("settings that exclude each other are refused by name", {
  x <- as.matrix(faithful)
  circle <- cbind(a = cos(1:40), b = sin(1:40))
  refused <- function(..., text = NULL) {
    expect_error(kde_flow(..., n = 20, steps = 2), text, class = "brenier_error_argument")
  }
  refused(circle, sphere = TRUE, whiten = TRUE, text = "whiten")
  refused(circle, sphere = TRUE, torus = TRUE, text = "not both")
  refused(waiting ~ eruptions, data = faithful, whiten = FALSE, text = "must be TRUE")
  refused(x, energy = "smooth", kernel = "laplace", text = "Gaussian kernel")
  refused(x, init = matrix(0, 3, 2), text = "20 rows")
  flow <- kde_flow(x, n = 20, steps = 2)
  expect_error(summary(flow, modes = list(mean = c(1, 2), sd = 1, size = 3)), "size",
               class = "brenier_error_argument")
  energy <- kde_flow(x, n = 20, steps = 2, divergence = "energy")
  expect_error(predict(energy, x, type = "log_ratio"), "kernel estimates", class = "brenier_error_argument")
  expect_match(flow_status(list(status = "ok")), "stationary to the tolerance")
})
