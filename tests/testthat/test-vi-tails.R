# Stretched tails, and more draws where khat is not good.

set.seed(1)
counts <- data.frame(x = rnorm(200), n = rpois(200, 2), hit = rbinom(200, 1, 0.3))
poisson_fit <- function(...) brenier_glm(n ~ x, poisson(), counts, seed = 1, ...)

test_that("the layer of stretches is that of the formula", {
  set.seed(2)
  y <- matrix(3 * rnorm(60), 20)
  delta <- matrix(runif(12), 3)
  e <- evaluate_layer(tail_layer(delta), y)
  steps <- tail_steps(y)
  at <- function(of) vapply(1:3, function(i) drop(of[[i]] %*% delta[i, ]), numeric(20))
  expect_equal(e$map, y + at(steps$slope), tolerance = 1e-12)
  expect_equal(e$logdet, rowSums(log(1 + at(steps$curve))), tolerance = 1e-12)
})

test_that("the slope of the density pulled back is that of differences", {
  slope <- function(x) cbind(-x[, 1]^3 - x[, 2], -x[, 1] - 2 * x[, 2])
  post <- brenier_vi(function(x) -x[, 1]^4 / 4 - x[, 1] * x[, 2] - x[, 2]^2, c(a = 0, b = 0), slope,
                     vectorised = TRUE)
  y <- matrix(c(0.5, -2, 3, 1, 0.2, -1), 3)
  value <- function(y) pulled_back(post$target, post$state, y)$value
  got <- pulled_back(post$target, post$state, y)$slope
  h <- 1e-4
  for (i in 1:2) {
    e <- matrix(h * (1:2 == i), 3, 2, byrow = TRUE)
    expect_equal(got[, i], (value(y + e) - value(y - e)) / (2 * h), tolerance = 1e-4)
  }
})

test_that("stretches of a linear model are found, and none below 0", {
  y <- fit_points(2048, 2) * rep(c(1, 1.5), 1024)
  steps <- tail_steps(y)
  design <- do.call(cbind, lapply(1:2, function(i) -y[, i] * steps$slope[[i]] + steps$curve[[i]]))
  truth <- c(0.3, 0, 0, 0, 0, 0.2, 0, 0)
  for (light in c(1, 0.1)) {
    expect_equal(fit_tails(5 - drop(design %*% truth), design, light), truth,
                 tolerance = 0.1) # the penalty keeps them smaller
    expect_equal(fit_tails(rep(2, 2048), design, light), numeric(8), tolerance = 1e-6)
    expect_equal(fit_tails(drop(design %*% truth), design, light)[c(1, 6)], c(0, 0))
  }
})

test_that("a regression that is nearly normal has tails that can be trusted", {
  post <- poisson_fit()
  expect_true("tails" %in% post$history$stage)
  expect_lt(post$khat, 0.5)
  expect_true(post$converged)
  expect_lt(post$kl_gap, 0.002)
  # on draws of its own: weights have a mean of 1, and the chain its inverse
  y <- with_seed(3, matrix(rnorm(2e4), ncol = 2))
  draws <- push_draws(post$layers, y)
  w <- exp(target_value(post$target, draws$z) - draws$log_density - post$log_evidence)
  expect_lt(abs(mean(w) - 1), 4 * sd(w) / 100)
  expect_lt(khat_of(log(w)), 0.5)
  expect_equal(log_density(post$layers, draws$z[1:50, ]), draws$log_density[1:50], tolerance = 1e-8)
})

test_that("a normal law that is asked for stays one", {
  post <- brenier_glm(hit ~ x, binomial(), counts, potential = "ridge", control = list(max_atoms = 0))
  expect_false("tails" %in% post$history$stage)
  expect_equal(post$layers[[1]]$potential$n_atoms, 0L)
})

test_that("where khat is not good there are more draws, the same each time", {
  heavy <- function(x) -2 * rowSums(log1p(x^2 / 3)) # t with 3 degrees of freedom
  fit <- function() brenier_vi(
    heavy, c(a = 0, b = 0), function(x) -4 * x / (3 + x^2), vectorised = TRUE,
    potential = "ridge", control = list(max_atoms = 0, validation = 1000)
  )
  set.seed(4)
  before <- .Random.seed
  post <- fit()
  expect_identical(.Random.seed, before)
  expect_gt(post$khat, 0.5)
  expect_gt(post$draws, 1000)
  expect_lte(post$draws, 16000)
  expect_false(post$converged && post$khat >= 0.7)
  expect_identical(fit()$khat, post$khat)
})
