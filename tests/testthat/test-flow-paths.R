mu3 <- list(mean = c(1, -1, 0.5), cov = matrix(c(2, 0.6, 0.1, 0.6, 1, -0.2, 0.1, -0.2, 0.5), 3))
nu3 <- list(mean = c(0, 2, -1), cov = matrix(c(1, -0.3, 0, -0.3, 0.7, 0.2, 0, 0.2, 1.5), 3))
centers <- function(n) (seq_len(n) - 0.5) / n
torus <- function(n, times, epsilon = 0) {
  x <- centers(n)
  sinkhorn_flow(1 + 0.5 * cos(2 * pi * x) + 0.2 * sin(4 * pi * x), 1 - 0.4 * cos(2 * pi * (x - 0.1)),
                times, epsilon, start = x^2 / 2, periodic = TRUE)
}
at_time <- function(paths, time) {
  unname(as.matrix(as.data.frame(paths)[paths$time == time, -(1:2), drop = FALSE]))
}

# How many standard errors the mean and covariance of draws of a normal law are off, at most.
off <- function(x, mean, cov) {
  n <- nrow(x)
  se <- sqrt((outer(diag(cov), diag(cov)) + cov^2) / n)
  max(abs(colMeans(x) - mean) / sqrt(diag(cov) / n), abs(stats::cov(x) - cov) / se)
}

# The same of the means of f under the model of a grid flow at its k-th time.
off_grid <- function(paths, k, f) {
  flow <- attr(paths, "flow")
  mass <- as.double(flow$mu$density) * exp(matrix(flow$ratio, ncol = nrow(flow$trace))[, k])
  mass <- mass / sum(mass)
  exact <- f(as.matrix(expand.grid(flow$mu$centers)))
  drawn <- f(at_time(paths, flow$trace$time[k]))
  mean <- colSums(mass * exact)
  max(abs(colMeans(drawn) - mean) / sqrt((colSums(mass * exact^2) - mean^2) / nrow(drawn)))
}

test_that("particles between normal laws have the moments of the closed form, and of two times", {
  start <- list(slope = matrix(c(1, 0.4, 0, 0.4, 2, 0.1, 0, 0.1, 0.8), 3), shift = c(1, 0, 2))
  times <- c(0, 0.2, 1, 4)
  flow <- gaussian_flow(mu3, nu3, times, start = start)
  for (noise in c(TRUE, FALSE)) {
    paths <- simulate(flow, 4e4, seed = 1, noise = noise)
    for (k in seq_along(times)) {
      expect_lt(off(at_time(paths, times[k]), flow$model_mean[k, ], flow$model_cov[, , k]), 4)
    }
  }
  # without noise grad u_t(X_t) stays; with it, it forgets, as exp(-t) at unit laws
  image <- function(k) {
    t(flow$slope[, , k] %*% (t(at_time(paths, times[k])) - mu3$mean) + flow$shift[k, ])
  }
  expect_equal(image(4), image(1), tolerance = 1e-10)
  unit <- list(mean = 0, cov = 1)
  still <- simulate(gaussian_flow(unit, unit, c(0, 0.5, 1.2)), 1e5, seed = 2)
  x <- cbind(at_time(still, 0), at_time(still, 0.5), at_time(still, 1.2))
  expect_lt(off(x, numeric(3), exp(-abs(outer(c(0, 0.5, 1.2), c(0, 0.5, 1.2), `-`)))), 4)
})

test_that("the exact steps between normal laws are those of the equation", {
  # small steps of Euler's method with the drift and diffusion as the help page has them
  n <- 2e4
  h <- 0.01
  times <- seq(0, 0.5, h)
  flow <- gaussian_flow(mu3, nu3, times)
  exact <- simulate(flow, n, seed = 3, times = c(0, 0.5))
  x <- at_time(exact, 0)
  begin <- x
  withr::local_seed(4)
  for (k in seq_along(times)[-1]) {
    # at the middle of the step
    a <- solve((flow$slope[, , k - 1] + flow$slope[, , k]) / 2)
    drift <- -t(a %*% solve(mu3$cov, t(x) - mu3$mean))
    x <- x + h * drift + sqrt(2 * h) * matrix(rnorm(3 * n), n) %*% chol(a)
  }
  # the law of both times together
  joint <- cbind(at_time(exact, 0), at_time(exact, 0.5))
  expect_lt(off(cbind(begin, x), colMeans(joint), cov(joint)), 5.5) # of two samples: sqrt(2) more
})

test_that("the chain of plans between normal laws has their marginals, and becomes the diffusion", {
  flow <- gaussian_flow(mu3, nu3, c(0.1, 0.3, 1), epsilon = 0.1)
  paths <- simulate(flow, 4e4, seed = 5)
  for (k in 1:3) {
    back <- solve(flow$slope[, , k] + 0.1 * solve(mu3$cov))
    mean <- mu3$mean + drop(back %*% (nu3$mean - flow$shift[k, ]))
    expect_lt(off(at_time(paths, flow$trace$time[k]), mean, back %*% nu3$cov %*% back + 0.1 * back), 4)
  }
  unit <- list(mean = 0, cov = 1)
  chain <- simulate(gaussian_flow(unit, unit, c(0, 0.5), epsilon = 0.01), 4e4, seed = 6)
  lag <- cov(at_time(chain, 0), at_time(chain, 0.5))
  expect_equal(drop(lag), exp(-0.5), tolerance = 0.025)
})

test_that("particles on grids have the marginals of the flow: one, two and three dimensions", {
  waves <- function(x) {
    do.call(cbind, lapply(seq_len(ncol(x)), function(k) cbind(cos(pi * x[, k]), sin(2 * pi * x[, k]))))
  }
  for (noise in c(TRUE, FALSE)) {
    paths <- simulate(torus(128, c(0, 0.005, 0.03)), 1e4, seed = 7, noise = noise)
    for (k in 1:3) {
      expect_lt(off_grid(paths, k, function(x) cbind(waves(2 * x), cos(8 * pi * x))), 4)
    }
  }
  x <- centers(32)
  mu <- 1 + outer(x, x, function(a, b) a * sin(3 * b))
  nu <- 1 + 0.8 * outer(x, x, function(a, b) cos(2 * a + 3 * b))
  flow <- sinkhorn_flow(mu, nu, c(0, 0.05, 0.3), tol = 1e-5)
  paths <- simulate(flow, 1e4, seed = 8)
  for (k in 1:3) {
    expect_lt(off_grid(paths, k, function(x) cbind(waves(x), x[, 1] * x[, 2])), 4)
  }
  # from a draw that is independent they are no farther than draws are
  mass <- as.double(mu * exp(flow$ratio[, , 3]))
  cell <- withr::with_seed(9, sample.int(1024, 2000, TRUE, mass))
  draws <- as.matrix(expand.grid(x, x))[cell, ] + withr::with_seed(10, runif(4000, -1, 1) / 64)
  apart <- energy_distance(at_time(paths, 0.3)[1:2000, ], unname(draws))
  expect_gt(apart$p_value, 0.01)
  far <- energy_distance(at_time(paths, 0)[1:2000, ], unname(draws))
  expect_lt(far$p_value, 0.01)

  x <- centers(12)
  cube <- outer(outer(1 + x, 1.5 - x), 1 + 0.5 * cos(pi * x))
  paths <- simulate(sinkhorn_flow(cube, array(1, rep(12, 3)), c(0, 0.1), tol = 1e-5), 4000, seed = 11)
  for (k in 1:2) expect_lt(off_grid(paths, k, waves), 4)
})

test_that("without noise particles on a line keep their ranks", {
  x <- centers(256)
  flow <- sinkhorn_flow(1 + x, 1.5 + cos(3 * x), c(0, 0.05, 0.4))
  paths <- simulate(flow, 200, seed = 12, noise = FALSE)
  rank_of <- function(k) {
    mass <- flow$mu$density * exp(flow$ratio[, k])
    approx((0:256) / 256, c(0, cumsum(mass)) / sum(mass), at_time(paths, flow$trace$time[k])[, 1])$y
  }
  for (k in 2:3) {
    moved <- abs(rank_of(k) - rank_of(1))
    expect_lt(median(moved), 1e-4)
    expect_lt(max(moved), 4e-3) # next to a face, where r starts with a slope that the flow removes
  }
})

test_that("a normal law on a grid moves as between normal laws, at two times together", {
  x <- seq(-6, 6, length.out = 241)
  law <- function(mean, s) list(x = x, y = dnorm(x, mean, s))
  times <- c(0, 0.3, 0.8)
  grid <- sinkhorn_flow(law(0.3, 1), law(0, 0.8), times)
  paths <- simulate(grid, 2e4, seed = 13)
  flow <- gaussian_flow(list(mean = 0.3, cov = 1), list(mean = 0, cov = 0.64), times)
  exact <- simulate(flow, 2e5, seed = 14)
  joint <- function(paths) sapply(times, function(t) at_time(paths, t))
  expect_lt(off(joint(paths), colMeans(joint(exact)), cov(joint(exact))), 4.5)
})

test_that("steps on grids are of weak order one", {
  flow <- torus(128, c(0, 0.04))
  x <- centers(128)
  mass <- flow$mu$density * exp(flow$ratio[, 2])
  exact <- sum(mass * sin(4 * pi * x)) / sum(mass)
  step <- c(0.005, 0.0025, 0.00125)
  bias <- vapply(step, function(h) {
    mean(sin(4 * pi * at_time(simulate(flow, 1e5, seed = 15, times = 0.04, step = h), 0.04))) - exact
  }, 0)
  order <- coef(lm(log(abs(bias)) ~ log(step)))[[2]]
  expect_gt(order, 0.7) # a bias of -0.054, -0.027, -0.014, each with a standard error of 0.002
  expect_lt(order, 1.3)
})

test_that("particles between samples follow Sinkhorn's plans", {
  x <- withr::with_seed(1, data.frame(p = rnorm(7), q = rnorm(7)))
  y <- withr::with_seed(2, data.frame(p = rexp(5), q = rexp(5)))
  a <- c(0, 1, 2, 1, 3, 1, 2)
  epsilon <- 0.3
  flow <- sinkhorn_flow(x, y, epsilon * 0:3, epsilon, a = a)
  n <- 2e4
  paths <- simulate(flow, n, seed = 3)
  expect_named(paths, c("time", "particle", "p", "q"))
  row_of <- function(k) match(at_time(paths, epsilon * k)[, 1], x$p)
  # the plans by their definition, rows of x
  inner <- as.matrix(x) %*% t(as.matrix(y))
  plan <- function(k, j) {
    weight <- exp((inner - flow$potential[, k] - rep(flow$conjugate[, j], each = 7)) / epsilon)
    weight * outer(a / sum(a), rep(1 / 5, 5))
  }
  for (k in 1:3) {
    after <- plan(k, k)
    expect_equal(colSums(after), rep(1 / 5, 5), tolerance = 1e-12)
    expect_equal(rowSums(after), as.vector(a / sum(a) * exp(flow$ratio[, k])), tolerance = 1e-10)
    count <- tabulate(row_of(k - 1), 7)
    expect_identical(count[1], 0L)
    expected <- n * rowSums(after)[-1]
    expect_lt(sum((count[-1] - expected)^2 / expected), qchisq(0.999, 5))
    # y given x by the next u, x given y by that u
    back <- plan(k + 1, k + 1)
    given_x <- plan(k + 1, k)
    move <- (given_x / rowSums(given_x)) %*% (t(back) / colSums(back))
    seen <- table(factor(row_of(k - 1), 2:7), factor(row_of(k), 2:7))
    expected <- rowSums(seen) * move[-1, -1]
    big <- expected > 5
    expect_lt(sum(((seen - expected)^2 / expected)[big]), qchisq(0.999, sum(big)))
  }
})

test_that("the chain on grids has the marginals of the iterates, round a torus too", {
  waves <- function(x) cbind(cos(2 * pi * x), sin(2 * pi * x), cos(4 * pi * x))
  paths <- simulate(torus(64, c(0, 0.01, 0.03), 0.01), 1e4, seed = 16)
  for (k in 1:3) expect_lt(off_grid(paths, k, waves), 4)
  x <- centers(16)
  holed <- outer(replace(1 + 0 * x, 3:5, 0), 1 + x)
  flow <- sinkhorn_flow(outer(1 + x, 1.5 - x), holed, c(0, 0.1), 0.05)
  paths <- simulate(flow, 5000, seed = 17)
  for (k in 1:2) expect_lt(off_grid(paths, k, function(x) cbind(x, x[, 1] * x[, 2], cos(pi * x))), 4)
})

test_that("a seed gives the same particles, whatever the threads, the unit and the times", {
  before <- brenier_threads()
  withr::defer(brenier_threads(before))
  x <- centers(24)
  mu <- outer(1 + x, 1.5 - x)
  flow <- sinkhorn_flow(mu, matrix(1, 24, 24), c(0, 0.05), tol = 1e-5)
  points <- sinkhorn_flow(faithful[1:60, ], faithful[61:100, ], 0:2, 1)
  run <- function(threads) {
    brenier_threads(threads)
    list(simulate(flow, 2000, seed = 1), simulate(flow, 2000, seed = 1, noise = FALSE),
         simulate(points, 2000, seed = 1))
  }
  set.seed(7)
  state <- .Random.seed
  expect_identical(run(1), run(2))
  expect_identical(.Random.seed, state)
  expect_false(identical(simulate(flow, 5), simulate(flow, 5)))
  expect_false(identical(.Random.seed, state))

  large <- sinkhorn_flow(grid_density(mu, 0, 1e6), grid_density(matrix(1, 24, 24), 0, 1e6),
                         c(0, 0.05) * 1e12, tol = 1e-5)
  expect_equal(at_time(simulate(large, 50, seed = 2), 0.05e12),
               1e6 * at_time(simulate(flow, 50, seed = 2), 0.05), tolerance = 1e-9)
  # times may go beyond those of the flow, and leave the first out
  beyond <- simulate(flow, 50, seed = 3, times = c(0.05, 0.08))
  expect_identical(unique(beyond$time), c(0.05, 0.08))
  expect_identical(at_time(beyond, 0.05), at_time(simulate(flow, 50, seed = 3), 0.05))
  for (k in 0:1) expect_identical(nrow(simulate(flow, k, seed = 1)), 2L * k)
  # a later start is that of the model then
  late <- simulate(sinkhorn_flow(mu, matrix(1, 24, 24), 0.3), 4000, seed = 4)
  expect_lt(off_grid(late, 1, function(x) cbind(x, cos(pi * x))), 4)
})

test_that("what cannot be simulated is refused with its name", {
  refused <- function(expr, argument) {
    condition <- expect_error(expr, class = "brenier_error_argument")
    expect_identical(condition$argument, argument)
  }
  unit <- list(mean = 0, cov = 1)
  flow <- gaussian_flow(unit, unit, c(0.5, 1))
  iterates <- gaussian_flow(unit, unit, c(0.5, 1), 0.5)
  grid <- sinkhorn_flow(rep(1, 8), rep(1, 8), c(0, 0.1))
  for (n in list(-1, 1.5, NA, "2", c(1, 2), 1e12)) refused(simulate(flow, n), "nsim")
  for (times in list(0.1, c(1, 0.7), NA, numeric(), "1", Inf)) {
    refused(simulate(flow, 1, times = times), "times")
  }
  refused(simulate(iterates, 1, times = 0.7), "times")
  refused(simulate(iterates, 1, times = 0), "times")
  refused(simulate(flow, 1, seed = "a"), "seed")
  refused(simulate(flow, 1, noise = 2), "noise")
  refused(simulate(iterates, 1, noise = FALSE), "noise")
  refused(simulate(flow, 1, step = 0.1), "step")
  refused(simulate(iterates, 1, step = 0.1), "step")
  for (step in list(0, -1, NA, "1", Inf)) refused(simulate(grid, 1, step = step), "step")
  refused(simulate(flow, 1, newdata = 1), "newdata")
  refused(simulate(gaussian_flow(unit, unit, 0:1, 0.5, TRUE), 1), "object")
  x <- data.frame(a = 1:3, b = c(2, 1, 0))
  refused(simulate(sinkhorn_flow(x, x, 0:1, 0.5, TRUE), 1), "object")
  expect_warning(none <- sinkhorn_flow(1 + centers(16), rep(1, 16), 1, max_iter = 1))
  refused(simulate(none, 1), "object")
  # one point, equal points
  expect_identical(at_time(simulate(sinkhorn_flow(x[1, ], x, 0:1, 0.5), 3), 1), cbind(rep(1, 3), 2))
})

test_that("particles that stop on the way keep the times that they reached", {
  walk <- list(start = function(n) matrix(0, n, 1), position = identity,
               move = function(x, from, to) if (to < 2) x + 1)
  found <- brenier:::walk_times(walk, 3, c(0, 0, 1, 2, 3))
  expect_identical(found$at, list(matrix(0, 3, 1), matrix(1, 3, 1)))
  expect_identical(found$status, "stalled")
  walk$move <- function(x, from, to) rlang::interrupt()
  expect_identical(brenier:::walk_times(walk, 3, c(0, 0, 1))$status, "interrupted")
  expect_warning(brenier:::warn_of_walk("interrupted", 1, 2), class = "brenier_warning_interrupted")
  expect_warning(brenier:::warn_of_walk("stalled", 1, 2), class = "brenier_warning_not_converged")
})

test_that("particles draw", {
  flow <- torus(64, c(0, 0.01, 0.02, 0.03, 0.04))
  paths <- simulate(flow, 300, seed = 1)
  record <- drawn(plot(paths))
  line <- coordinates(record, "C_plotXY")
  expect_identical(pages(plot(paths, c("paths", "marginals"))), 2L)
  # jumps round the torus are gaps of the line
  y <- matrix(at_time(paths, 0)[1:200], 1)
  for (t in flow$trace$time[-1]) y <- rbind(y, at_time(paths, t)[1:200])
  jumps <- sum(abs(diff(y)) > 0.5)
  expect_gt(jumps, 5)
  longest <- line[[which.max(lengths(lapply(line, `[[`, "x")))]]
  expect_length(longest$x, 200 * 6 + jumps)
  expect_lt(max(abs(diff(longest$y)), na.rm = TRUE), 0.5)
  plane <- simulate(gaussian_flow(mu3, nu3, 0:2), 20, seed = 1)
  expect_identical(pages(plot(plane)), 1L)
  expect_identical(pages(plot(plane, "marginals")), 3L)
  expect_identical(pages(plot(plane[plane$time == 1, ], variables = "x2")), 1L)
  points <- sinkhorn_flow(faithful[1:30, ], faithful[31:60, ], 0:4, 1)
  expect_identical(pages(plot(simulate(points, 20, seed = 1, times = c(0, 3)), "marginals", 1)), 1L)
  expect_identical(pages(plot(simulate(gaussian_flow(mu3, nu3, 0:2, 0.5), 20), "marginals", 1)), 1L)
  for (bad in list(list(which = "path"), list(variables = 4), list(colour = 1))) {
    expect_error(do.call(plot, c(list(plane), bad)), class = "brenier_error_argument")
  }
  expect_error(plot(plane[0, ]), class = "brenier_error_argument")
})

test_that("no density is drawn at times that the flow has not", {
  points <- sinkhorn_flow(faithful[1:20, ], faithful[21:40, ], 0:2, 1)
  expect_null(flow_marginal(points, 0.5, 1, 0:100))
  expect_length(flow_marginal(points, 1, 1, 0:5)$x, 12)
})

test_that("particles stop where the flow that carries them stops", {
  over <- function(...) list(reached = 0)
  points <- sinkhorn_flow(faithful[1:20, ], faithful[21:40, ], 0:2, 1)
  halted <- chain_walk(points, points$mu, points$a, points$nu, points$b, 1, over, identity)
  expect_null(halted$move(1:3, 0, 1))
  grid <- torus(16, c(0, 0.01, 0.02))
  halted <- with_part(grid_walk, flow_grid = over)(grid, TRUE, 1e-3)
  expect_null(halted$move(0.5, 0, 0.01))
})
