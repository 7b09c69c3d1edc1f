# Generators against fresh data, least squares by hand, and the energy that they descend.

quick_generator <- function(...) {
  drift_generator(..., n = 200, features = 40, steps = 40, bandwidth = c(from = 1.4, to = 0.4))
}

test_that("fresh draws have the law of the data", {
  y <- make_banana(600)
  gen <- drift_generator(~ a + b, data = y, n = 300, features = 60, steps = 150)
  fresh <- make_banana(1000, seed = 5)
  draws <- simulate(gen, 1000, seed = 1)
  expect_identical(names(draws), c("a", "b"))
  d <- energy_distance(draws, fresh, permutations = 0)$value
  expect_lt(d, 0.02)
  # the normal law with the same moments, from which it started
  normal <- withr::with_seed(1, matrix(rnorm(2000), 1000) %*% chol(cov(y))) + rep(colMeans(y), each = 1000)
  expect_lt(d, energy_distance(normal, fresh, permutations = 0)$value / 4)
  expect_lt(gen$distance$energy_distance, 0.02)
  expect_gt(gen$distance$floor, 0)
  expect_equal(colMeans(draws), colMeans(fresh), tolerance = 0.15)
})

test_that("a step is the least-squares fit to the targets of the field", {
  y <- withr::with_seed(1, cbind(a = rexp(80), b = rnorm(80)))
  gen <- drift_generator(y, n = 60, features = 10, steps = 1, bandwidth = 0.7, energy = "plugin",
                         control = list(longest = Inf, tolerance = 0))
  u <- with_seed(1, new_net(60, 2, 10))$latents
  mean_of <- function(to) {
    t(apply(u, 1, function(at) {
      k <- exp(-colSums((t(to) - at)^2) / (2 * 0.7^2))
      colSums(k * to) / sum(k)
    }))
  }
  phi <- cbind(1, u, pmax(sweep(u %*% gen$directions, 2, gen$offsets), 0))
  white <- gen$space$to(y)
  expect_equal(crossprod(white) / 80, diag(2), tolerance = 1e-8, ignore_attr = TRUE)
  field <- mean_of(white) - mean_of(u)
  fit <- lm.fit(phi, u + 0.5 * field)$fitted.values
  expect_equal(phi %*% gen$coefficients, fit, tolerance = 1e-8, ignore_attr = TRUE)
  expect_equal(predict(gen, u), gen$space$from(fit), tolerance = 1e-8, ignore_attr = TRUE)
})

test_that("energies never rise, also where moves are cut short", {
  for (divergence in c("kl", "chisq", "energy")) {
    gen <- quick_generator(faithful, divergence = divergence, control = list(longest = 0.05))
    same <- diff(gen$trace$bandwidth) == 0
    expect_false(any(diff(gen$trace$energy)[same] > 0))
  }
})

test_that("draws: seeds, weights, files; the user's generator is left alone", {
  set.seed(3)
  before <- .Random.seed
  gen <- drift_generator(~ eruptions + waiting, data = faithful, weights = rep(1:2, 136), n = 200,
                         features = 40, steps = 40, bandwidth = c(from = 1.4, to = 0.4))
  expect_identical(.Random.seed, before)
  expect_identical(quick_generator(faithful, weights = rep(1:2, 136))$coefficients, gen$coefficients)
  expect_identical(simulate(gen, 5, seed = 2), simulate(gen, 5, seed = 2))
  expect_identical(nrow(simulate(gen, 0)), 0L)
  file <- withr::local_tempfile()
  saveRDS(gen, file)
  expect_identical(simulate(readRDS(file), 5, seed = 2), simulate(gen, 5, seed = 2))
  expect_identical(dim(predict(gen, cbind(0, 1:3))), c(3L, 2L))
  linear <- drift_generator(~ eruptions, data = faithful, n = 50, features = 0, steps = 20)
  expect_equal(diff(predict(linear, cbind(1:4))[, 1], differences = 2), c(0, 0), tolerance = 1e-8)
  expect_output(print(linear), "NOT those of the data")
  expect_output(print(gen), "40 random ridge functions of 2 normal latents.*multiplications a draw")
})

test_that("wrong arguments are refused", {
  y <- as.matrix(faithful)
  expect_refused(drift_generator(), "argument")
  expect_refused(drift_generator(eruptions ~ waiting, data = faithful), "argument")
  expect_refused(drift_generator(y, n = 100, features = 51), "argument")
  expect_refused(drift_generator(y, features = -1), "argument")
  expect_refused(drift_generator(y, n = 2), "argument")
  expect_refused(drift_generator(y, control = list(optimiser = "lbfgs")), "argument")
  expect_refused(drift_generator(y, divergence = "kll"), "argument")
  expect_refused(drift_generator(y, steps = NA), "argument")
  expect_refused(drift_generator(rbind(y, NA)), "missing")
  expect_refused(drift_generator(rbind(y, Inf)), "not_finite")
  expect_refused(drift_generator(y[0, ]), "empty")
  expect_refused(drift_generator(y[1, , drop = FALSE]), "rows")
  expect_refused(drift_generator(cbind(y, 1)), "constant")
  gen <- quick_generator(y)
  expect_refused(predict(gen, cbind(1)), "argument")
  expect_refused(predict(gen, cbind(1, NA)), "missing")
  expect_refused(simulate(gen, -1), "argument")
})
