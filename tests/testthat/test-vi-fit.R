# What brenier_vi() does with targets that it should get exactly right, and with bad ones.

quick_vi <- function(...) {
  brenier_vi_control(points = 256, validation = 1024, max_points = 512, max_gradients = 2e4, ...)
}

test_that("a normal law is recovered to eight digits", {
  root <- matrix(c(2, 1, 0.5, 0, 0.3, -0.2, 0, 0, 5), 3)
  precision <- solve(root %*% t(root))
  mean <- c(10, -3, 0.1)
  for (potential in c("both", "ridge", "softmax")) {
    post <- brenier_vi(
      function(x) -rowSums((sweep(x, 2, mean) %*% precision) * sweep(x, 2, mean)) / 2,
      c(a = 0, b = 0, c = 0), function(x) -sweep(x, 2, mean) %*% precision, vectorised = TRUE,
      potential = potential
    )
    expect_equal(post$elbo, 1.5 * log(2 * pi) + log(abs(det(root))), tolerance = 1e-8)
    expect_lt(post$elbo_se, 1e-8)
    place <- post$layers[[1]]$whitening
    expect_equal(place$center, mean, tolerance = 1e-8)
    expect_equal(crossprod(place$root), root %*% t(root), tolerance = 1e-8)
    expect_equal(post$khat, -Inf)
    expect_true(post$converged)
    expect_lt(post$evaluations$gradient, 3000)
  }
})

test_that("a conjugate regression has the posterior of the closed form", {
  # y ~ N(X b, 1/t), b ~ N(0, 10/t), t ~ Gamma(2, 1): b is a t law, t gamma
  X <- cbind(1, sin(1:12), (1:12) / 6)
  y <- c(0.2, 1.1, 0.7, -0.4, 0.3, 0.9, 2.1, 1.8, 1.4, 0.8, 0.9, 2.2)
  P <- crossprod(X) + diag(3) / 10
  m <- drop(solve(P, crossprod(X, y)))
  shape <- 2 + 6
  rate <- 1 + (sum(y^2) - sum(m * (P %*% m))) / 2
  f <- function(p) {
    b <- p[, 1:3, drop = FALSE]
    t <- p[, 4]
    r <- sweep(b, 2, m)
    (shape + 1.5 - 1) * log(t) - t * (rate + rowSums((r %*% P) * r) / 2)
  }
  g <- function(p) {
    r <- sweep(p[, 1:3, drop = FALSE], 2, m)
    cbind(-p[, 4] * r %*% P,
          (shape + 0.5) / p[, 4] - (rate + rowSums((r %*% P) * r) / 2))
  }
  post <- brenier_vi(f, c(b = rep(0, 3), t = 1), g, vectorised = TRUE, lower = c(-Inf, -Inf, -Inf, 0))
  log_z <- 1.5 * log(2 * pi) - determinant(P)$modulus[1] / 2 + lgamma(shape) - shape * log(rate)
  expect_lt(log_z - post$elbo, 0.02)
  expect_lt(abs(post$log_evidence - log_z), 4 * post$kl_gap_se + 1e-3)
  s <- summary(post)$parameters
  sd <- sqrt(c(diag(solve(P)) * rate / (shape - 1), shape / rate^2))
  expect_lt(max(abs(s$mean - c(m, shape / rate)) / sd), 0.05)
  expect_lt(max(abs(s$sd / sd - 1)), 0.05)
  expect_lt(post$khat, 0.7)
})

test_that("few directions that are not normal are found in many dimensions", {
  d <- 20
  a <- rep(2 / sqrt(d), d)
  side <- function(x) 2 * (x %*% a)[, 1] / 0.49
  f <- function(x) {
    -(rowSums(x^2) + 4) / 0.98 - d / 2 * log(2 * pi * 0.49) +
      pmax(log(0.6) - side(x) / 2, log(0.4) + side(x) / 2) + log1p(exp(-abs(side(x) + log(4 / 6))))
  }
  g <- function(x) -x / 0.49 + outer(1 - 2 * plogis(-side(x) + log(1.5)), a) / 0.49
  post <- brenier_vi(f, numeric(d), g, vectorised = TRUE)
  expect_lt(-post$elbo, 0.05)
  expect_gt(-post$elbo, -3 * post$elbo_se)
  expect_length(post$layers[[1]]$active, 1)
  expect_lt(post$evaluations$gradient, 1.01e5)
  share <- mean(as.matrix(simulate(post, 4000, seed = 1)) %*% a < 0)
  # the inequality of Pinsker, and two standard errors of the share
  expect_lt(abs(share - 0.6), sqrt((3 * post$elbo_se - post$elbo) / 2) + 2 * sqrt(0.24 / 4000))
  draws <- as_draws(post, 5, seed = 2)
  x <- as.matrix(simulate(post, 5, seed = 2))
  expect_equal(predict(post, x), draws$lp_approx__, tolerance = 1e-8)
})

test_that("layers are fitted to what those before leave, and stay exact", {
  f <- function(x) -x[, 1]^2 / 2 - 2 * (x[, 2] - x[, 1]^2)^2 - log(2 * pi) + log(2)
  g <- function(x) {
    r <- 4 * (x[, 2] - x[, 1]^2)
    cbind(2 * x[, 1] * r - x[, 1], -r)
  }
  one <- brenier_vi(f, c(a = 0, b = 0), g, vectorised = TRUE, potential = "softmax",
                    control = quick_vi(components = 3))
  two <- update(one, layers = 1)
  expect_length(two$layers, 2)
  expect_gt(two$elbo, one$elbo + 0.02)
  expect_gt(two$evaluations$gradient, one$evaluations$gradient)
  draws <- as_draws(two, 20, seed = 1)
  expect_equal(predict(two, cbind(draws$a, draws$b)), draws$lp_approx__, tolerance = 1e-8)
  grid <- as.matrix(expand.grid(a = seq(-5, 5, 0.05), b = seq(-4, 16, 0.05)))
  expect_equal(sum(exp(predict(two, grid))) * 0.0025, 1, tolerance = 0.01)
  more <- update(one, control = list(components = 6, points = 512))
  expect_equal(more$layers[[1]]$potential$n_components, 6)
  expect_gt(more$elbo, one$elbo - 0.02)
  expect_error(update(one, control = 3), class = "brenier_error_argument")
  expect_error(update(one, atoms = 3), class = "brenier_error_argument")
})

test_that("tempering finds modes that are apart, and a covering fit weighs them", {
  f <- function(x) log(0.5 * exp(-(x - 5)^2 / 2) + 0.5 * exp(-(x + 5)^2 / 2)) - log(2 * pi) / 2
  g <- function(x) -x + 5 * tanh(5 * x)
  one <- brenier_vi(function(x) f(x[, 1]), c(a = 4), g, vectorised = TRUE, control = quick_vi())
  expect_equal(one$elbo, log(0.5), tolerance = 0.02)
  both <- brenier_vi(function(x) f(x[, 1]), c(a = 4), g, vectorised = TRUE,
                     control = quick_vi(temper = 16))
  expect_gt(both$elbo, -0.25)
  expect_equal(mean(simulate(both, 4000, seed = 1)$a > 0), 0.5, tolerance = 0.1)
  cover <- brenier_vi(function(x) f(x[, 1]), c(a = 4), g, vectorised = TRUE, cover = TRUE,
                      control = quick_vi(temper = 16))
  expect_true(cover$covering)
  expect_lt(abs(cover$log_evidence), 0.05)
  expect_gt(cover$is_ess, 0.8 * cover$draws)
  expect_gte(cover$is_ess / cover$draws, both$is_ess / both$draws)
  expect_error(update(cover), class = "brenier_error_argument")
})

test_that("densities without a finite integral are an error that says so", {
  fit <- function(f, g, ...) brenier_vi(f, c(a = 1, b = 2), g, control = quick_vi(), ...)
  for (f in list(function(x) sum(x), function(x) -x[[1]]^2 / 2, function(x) 0)) {
    slope <- function(x) vapply(1:2, function(k) {
      h <- replace(numeric(2), k, 1e-4)
      (f(x + h) - f(x - h)) / 2e-4
    }, 0)
    error <- expect_error(fit(f, slope), class = "brenier_error_target")
    expect_match(conditionMessage(error), "finite\\s+integral")
  }
  expect_error(fit(function(x) sum(x^2) / 2, function(x) x), class = "brenier_error_target")
})

test_that("NaN, infinite values and gradients that are not finite are backed away from", {
  f <- function(x) -rowSums(x^2) / 2
  g <- function(x) -x
  fit <- function(f, g) brenier_vi(f, c(1, 1), g, vectorised = TRUE, control = quick_vi())
  half <- fit(function(x) ifelse(x[, 1] > 0, f(x), NaN), g)
  expect_gt(half$evaluations$refused, 0)
  expect_true(all(simulate(half, 200, seed = 1)$x1 > -1))
  expect_lt(half$elbo, log(pi) + 3 * half$elbo_se)
  expect_gt(half$elbo, log(pi) - 2)
  high <- fit(function(x) ifelse(x[, 1] > 2, Inf, f(x)), g)
  expect_true(is.finite(high$elbo))
  expect_gt(high$evaluations$refused, 0)
  lost <- fit(f, function(x) ifelse(x > 2, NaN, -x))
  expect_equal(lost$elbo, log(2 * pi), tolerance = 0.01)
  # a length that is wrong for many rows at once is asked for row by row
  short <- fit(function(x) if (nrow(x) > 3) 1 else f(x), g)
  expect_equal(short$elbo, log(2 * pi), tolerance = 1e-8)
})

test_that("a slow target ends in time with what there is", {
  asked <- 0
  slow <- function(x) {
    asked <<- asked + 1
    Sys.sleep(0.02)
    -sum(x^2) / 2
  }
  post <- brenier_vi(slow, c(1, 2), function(x) -x, control = list(max_seconds = 1))
  # 50 calls fill the limit, and the fewer the busier the machine; one batch may be under way
  expect_lt(asked, 70)
  expect_equal(post$status, "max_time")
  expect_false(post$converged)
  expect_output(print(post), "limit of time")
  expect_lt(post$draws, 1000)
  # time is over before there is a Gaussian law
  calls <- 0
  late <- function(x) {
    calls <<- calls + 1
    if (calls > 25) Sys.sleep(0.3)
    -sum(x^2) / 2 - sum(x^4)
  }
  post <- brenier_vi(late, c(1, 2), function(x) -x - 4 * x^3, control = list(max_seconds = 0.5))
  expect_equal(post$status, "max_time")
  expect_equal(post$history$stage, "none")
  expect_s3_class(simulate(post, 3, seed = 1), "data.frame")
})

test_that("an interrupt leaves the best fit so far wherever it comes", {
  f <- function(x) -x[, 1]^2 / 2 - 2 * (x[, 2] - x[, 1]^2)^2
  g <- function(x) {
    r <- 4 * (x[, 2] - x[, 1]^2)
    cbind(2 * x[, 1] * r - x[, 1], -r)
  }
  for (at in c(20, 30, 45)) { # while the mode, the Gaussian law, the components are sought
    calls <- 0
    stopping <- function(x) {
      calls <<- calls + 1
      if (calls == at) rlang::interrupt()
      f(x)
    }
    post <- brenier_vi(stopping, c(0, 0), g, vectorised = TRUE, control = quick_vi())
    expect_equal(post$status, "interrupted")
    expect_false(post$converged)
    expect_true(is.finite(post$elbo))
  }
})

test_that("coordinates of a layer may stay as they are", {
  set.seed(1)
  y <- fit_points(64, 3)
  potential <- start_components(y[, 1:2], c(1, 0.3), 3L, 0.02)
  layer <- list(potential = potential, active = c(1L, 3L), side = "reference")
  e <- evaluate_layer(layer, y)
  expect_identical(e$map[, 2], y[, 2])
  inside <- evaluate(potential, y[, c(1, 3)], map = TRUE, logdet = TRUE)
  expect_equal(e$map[, c(1, 3)], inside$map)
  expect_equal(e$logdet, inside$logdet)
  back <- evaluate_inverse(layer, e$map, TRUE)
  expect_equal(back$map, y, tolerance = 1e-9)
  expect_equal(back$logdet, -e$logdet, tolerance = 1e-9)
})
