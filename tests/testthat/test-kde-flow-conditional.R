# y given x is normal with mean sin(2 x) and standard deviation 0.3 + 0.15 |x|.
make_wave <- function(n, seed = 1) {
  withr::with_seed(seed, {
    x <- rnorm(n)
    data.frame(x = x, y = sin(2 * x) + (0.3 + 0.15 * abs(x)) * rnorm(n))
  })
}

# The law that a kernel of width h sees at a covariate, in integrals: responses of covariates near by
# along their linear regression, and how many of n points it rests on.
seen_at <- function(at, h, n) {
  x <- seq(-6, 6, by = 0.01)
  w <- dnorm(x) * dnorm(x, at, h)
  w <- w / sum(w)
  m <- sin(2 * x)
  y <- m - (x - at) * sum(w * (x - sum(w * x)) * m) / sum(w * (x - sum(w * x))^2)
  mean <- sum(w * y)
  c(mean = mean, sd = sqrt(sum(w * ((y - mean)^2 + (0.3 + 0.15 * abs(x))^2))),
    n = n * sum(dnorm(x) * dnorm(x, at, h))^2 / sum(dnorm(x) * dnorm(x, at, h)^2) * 0.01)
}

test_that("draws at new covariates have the law of the response there", {
  data <- make_wave(800)
  flow <- kde_flow(y ~ x, data = data, n = 500, steps = 250, bandwidth = c(from = 1.4, to = 0.22))
  at <- c(-1.2, 0, 0.7)
  seen <- vapply(at, seen_at, c(mean = 0, sd = 0, n = 0), covariate_bandwidth(flow) * sd(data$x), 800)
  expect_lt(max(abs(seen["mean", ] - sin(2 * at))), 0.1) # the bend over a bandwidth
  expect_lt(max(abs(seen["sd", ] - 0.3 - 0.15 * abs(at))), 0.03)
  error <- function(steps) {
    s <- simulate(flow, 400, seed = 1, newdata = data.frame(x = at), steps = steps)
    expect_identical(names(s), c("row", "y"))
    expect_identical(s$row, rep(1:3, each = 400))
    se <- seen["sd", ] * sqrt(1 / seen["n", ] + 1 / 400)
    list(mean = max(abs(tapply(s$y, s$row, mean) - seen["mean", ]) / se),
         sd = max(abs(tapply(s$y, s$row, sd) - seen["sd", ]) / (se / sqrt(2))))
  }
  flowed <- error(100)
  expect_lt(flowed$mean, 3)
  expect_lt(flowed$sd, 3)
  # particles as they are have the right mean, and a spread that flowing on mends
  near <- error(0)
  expect_lt(near$mean, 3)
  expect_gt(near$sd, 3)
})

test_that("two modes stay two modes", {
  d <- withr::with_seed(1, data.frame(x = runif(1500, -1, 1)))
  d$y <- withr::with_seed(2, (1 + d$x) * sample(c(-1, 1), 1500, TRUE) + 0.15 * rnorm(1500))
  flow <- kde_flow(y ~ x, data = d, n = 600, steps = 250, bandwidth = c(from = 1.4, to = 0.16))
  s <- simulate(flow, 500, seed = 1, newdata = data.frame(x = 0.6))$y
  expect_equal(mean(s > 0), 0.5, tolerance = 0.2)
  expect_equal(c(mean(s[s < 0]), mean(s[s > 0])), c(-1.6, 1.6), tolerance = 0.05)
  expect_lt(max(tapply(s, s > 0, sd)), 0.25)
  expect_lt(mean(abs(s) < 0.8), 0.02)
})

test_that("the local regression is exact on lines, and shrinks where there are few points", {
  x <- seq(-1, 1, length.out = 400)
  z <- cbind(3 * x, x)
  local <- points_at(z, 1, 0.3, 1, 0.2)
  expect_equal(sum(local$weight), 1)
  # the slope is shrunk as by two points a bandwidth away; without these all would be at 0.9
  away <- x[dnorm(x, 0.3, 0.2) > 1e-8 * max(dnorm(x, 0.3, 0.2))] - 0.3
  sum_of_squares <- sum(local$weight * (away - sum(local$weight * away))^2) / sum(local$weight^2)
  left <- 3 * 2 * 0.2^2 / (sum_of_squares + 2 * 0.2^2)
  expect_equal(local$y, cbind(0.9 + left * away), ignore_attr = TRUE, tolerance = 1e-12)
  expect_identical(points_at(z[1, , drop = FALSE], 1, 0, 1, 0.2)$y, z[1, 1, drop = FALSE])
  w <- points_at(z, seq_len(400), 0.3, 1, 0.2)$weight
  by_hand <- seq_len(400) * dnorm(x, 0.3, 0.2)
  by_hand <- by_hand[by_hand > 1e-8 * max(by_hand)]
  expect_equal(w, by_hand / sum(by_hand), tolerance = 1e-6)
})

test_that("several responses, factors, kinds without a bandwidth, seeds", {
  d <- make_wave(300)
  d$g <- factor(rep(c("a", "b", "c"), 100))
  d$u <- d$y + as.integer(d$g) + withr::with_seed(5, 0.3 * rnorm(300))
  flow <- kde_flow(cbind(y, u) ~ x + g, data = d, steps = 60)
  new <- data.frame(x = c(0, NA, 0.5), g = c("b", "a", "c"))
  withr::with_seed(9, {
    before <- .Random.seed
    s <- simulate(flow, 20, seed = 4, newdata = new)
    expect_identical(.Random.seed, before)
  })
  expect_identical(s, simulate(flow, 20, seed = 4, newdata = new))
  expect_identical(names(s), c("row", "y", "u"))
  expect_identical(which(is.na(s$u)), 21:40)
  expect_equal(mean(s$u[1:20] - s$y[1:20]), 2, tolerance = 0.2)
  expect_identical(nrow(simulate(flow, 2, seed = 1)), 600L)
  for (kind in c("energy", "sliced", "mmd")) {
    flow <- kde_flow(y ~ x, data = d, divergence = kind, steps = 60)
    s <- simulate(flow, 200, seed = 1, newdata = data.frame(x = 0), steps = 40)
    expect_equal(c(mean(s$y), sd(s$y)), c(0, 0.35), tolerance = 0.5)
  }
  flow <- kde_flow(y ~ x, data = d, energy = "data", steps = 60)
  expect_gt(length(unique(simulate(flow, 50, seed = 1, newdata = data.frame(x = 0))$y)), 45)
})

test_that("covariates that nothing is known about are refused", {
  d <- make_wave(200)
  d$g <- factor(rep(c("a", "b"), 100))
  flow <- kde_flow(y ~ x + g, data = d, steps = 20)
  ask <- function(...) simulate(flow, 2, seed = 1, newdata = data.frame(...))
  expect_error(ask(x = c(0, 40), g = "a"), "row 2", class = "brenier_error_argument")
  expect_error(ask(x = 1e300, g = "a"), "far from all data", class = "brenier_error_argument")
  expect_error(ask(x = 0, g = "z"), class = "brenier_error")
  expect_error(ask(x = "zero", g = "a"), class = "brenier_error_type")
  expect_error(ask(g = "a"), class = "brenier_error_variable")
  expect_error(simulate(flow, 2, newdata = "x"), class = "brenier_error_type")
  expect_error(simulate(flow, 2, newdata = d[1, ], steps = -1), class = "brenier_error_argument")
  expect_true(all(is.na(ask(x = Inf, g = "a")$y)))
  plain <- kde_flow(~y, data = d, steps = 5)
  expect_error(simulate(plain, 2, steps = 5), "steps", class = "brenier_error_argument")
})

test_that("draws that are interrupted give the rows that there are and say so", {
  flow <- kde_flow(y ~ x, data = make_wave(100), steps = 10)
  times <- 0
  draws <- with_part(draws_given, flow_given = function(...) {
    times <<- times + 1
    if (times < 2) flow_given(...) else list(status = "interrupted")
  })
  expect_warning(y <- withr::with_seed(1, draws(flow, cbind(c(-1, 0, 1)), 2, 5, FALSE)),
                 class = "brenier_warning_interrupted")
  expect_identical(is.na(y[, 1]), rep(c(FALSE, TRUE, TRUE), each = 2))
  expect_identical(times, 2)
})
