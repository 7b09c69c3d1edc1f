# The books of a fit: regret, divergence on fresh data, distance to the optimal matching, and the
# average iterate.

explicit_fit <- function() {
  cached("explicit_iterates", brenier(make_banana(300), control = list(
    implicit = FALSE, step = 0.3, schedule = "sqrt", iterates = TRUE, tol = 1e-5, max_atoms = 8,
    folds = 0, min_width = 0.3
  )))
}

test_that("regret, bound, stability and identity are those of the trace", {
  for (fit in list(banana_fit(), explicit_fit())) {
    r <- regret(fit)
    expect_identical(names(r), c("iter", "regret", "bound", "stability", "identity"))
    expect_identical(r$regret, fit$trace$regret)
    expect_true(all(r$regret <= r$bound + 1e-12))
    expect_lt(max(r$identity, na.rm = TRUE), 1e-12)
    expect_true(all(diff(r$stability) > -1e-12)) # Bregman divergences are not negative
    # what the regret leaves of the bound is the semi-dual above its least value
    s <- summary(r)
    expect_equal(s$fall, (r$bound - r$regret)[1] - rev(r$bound - r$regret)[1], tolerance = 1e-12)
    expect_equal(s$regret, s$fall + s$stability, tolerance = 1e-9)
  }
  expect_true(is.infinite(summary(regret(banana_fit()))$time))
  expect_output(print(summary(regret(banana_fit()))), "Newton steps have no finite size")
  s <- summary(regret(explicit_fit()))
  trace <- explicit_fit()$trace
  expect_equal(s$time, sum(trace$eta * trace$step, na.rm = TRUE))
  expect_equal(s$average, s$regret / s$time)
  expect_output(print(s), "KL\\(mixture of the iterates")
})

test_that("learned steps obey the identity as exact ones do", {
  x <- make_banana(120)
  for (learner in c("semidual", "logistic", "score")) {
    fit <- brenier(x, learner = learner, control = small_control(4))
    expect_lt(max(regret(fit)$identity, na.rm = TRUE), 1e-12)
    expect_true(fit$converged)
  }
})

test_that("a fit without books, or of another class, is refused", {
  fit <- brenier(faithful, control = list(max_atoms = 0, ledger = 0))
  expect_refused(regret(fit), "argument")
  expect_refused(regret(banana_fit(), layer = 2), "argument")
  expect_refused(regret(1), "type")
  expect_refused(kl_bounds(1, faithful), "type")
  expect_refused(map_error(1), "type")
})

test_that("the bounds of the divergence are below the truth, and zero where nothing is left", {
  # The fresh data are N(0, I), as those of the fit, and N(0, 4 I): the divergence is known.
  standard <- function(seed) withr::with_seed(seed, matrix(rnorm(4000), 2000))
  fit <- brenier(standard(1), control = list(max_atoms = 0))
  fresh <- standard(5)
  none <- kl_bounds(fit, fresh, control = list(folds = 2))
  # below zero by what the fits to the halves cost, some 10 coefficients for 1000 points; not above
  expect_true(all(none$bound < 4 * none$se))
  expect_true(all(none$bound > -4 * none$se - 0.05))
  wide <- kl_bounds(fit, 2 * fresh, control = list(max_atoms = 0))
  moments <- function(x) list(mean = colMeans(x), cov = cov(x) * (nrow(x) - 1) / nrow(x))
  model <- moments(fit$x)
  data <- list(mean = 2 * moments(fresh)$mean, cov = 4 * diag(2))
  kl <- function(p, q) {
    d <- q$mean - p$mean
    0.5 * (sum(diag(solve(q$cov, p$cov))) + sum(d * solve(q$cov, d)) - 2 +
             log(det(q$cov) / det(p$cov)))
  }
  truth <- c(kl(data, model), kl(model, data))
  # a normal ratio is all that there is: the bounds are the divergences, to sampling error
  expect_true(all(abs(wide$bound - truth) < 4 * wide$se + 0.03))
  expect_refused(kl_bounds(fit), "argument")
  expect_refused(kl_bounds(fit, fresh[1:10, ]), "argument")
  given <- kl_bounds(fan_fit(), make_fan(400, seed = 9), control = small_control(4))
  expect_true(all(is.finite(given$bound)))
  expect_output(print(given), "lower bounds in nats")
})

test_that("the distance to the optimal matching is in its bracket", {
  one <- map_error(brenier(faithful$waiting, control = small_control()))
  expect_true(one$lower <= one$distance && one$distance <= one$upper)
  expect_gt(one$gap, 0)
  # Without atoms the map of a sample that is the reference is the identity, and so is the matching.
  y <- reference_points(400, 2)
  same <- brenier(y, control = list(max_atoms = 0))
  skip_if_not_installed("clue")
  two <- map_error(same, points = 400)
  expect_lt(two$distance, 1e-12) # the square of the tolerance of the certificate
  expect_equal(c(two$lambda, two$L), c(1, 1), tolerance = 1e-6)
  two <- map_error(banana_fit(), points = 100)
  expect_true(two$lower <= two$distance && two$distance <= two$upper)
  expect_refused(map_error(fan_fit()), "argument")
})

test_that("the bounds of the curvature hold at every point", {
  p <- potential_of(banana_fit())
  bounds <- curvature_bounds(p)
  z <- withr::with_seed(1, matrix(rnorm(400, sd = 3), ncol = 2))
  h <- 1e-5
  for (k in 1:2) {
    ahead <- sweep(z, 2, h * (1:2 == k), "+")
    behind <- sweep(z, 2, h * (1:2 == k), "-")
    slope <- (evaluate(p, ahead, map = TRUE)$map - evaluate(p, behind, map = TRUE)$map)[, k] / (2 * h)
    expect_true(all(slope >= bounds[1] - 1e-6 & slope <= bounds[2] + 1e-6))
  }
})

test_that("draws of the average iterate are a mixture of those of the iterates", {
  fit <- explicit_fit()
  iterates <- fit$layers[[1]]$iterates
  expect_identical(ncol(iterates), 1L + length(potential_of(fit)$coef))
  draws <- simulate(fit, 4000, seed = 1, average = TRUE)
  expect_identical(draws, simulate(fit, 4000, seed = 1, average = TRUE))
  # Means of the mixture: those of its parts, by quasi-random points.
  y <- reference_points(512, 2)
  layer <- fit$layers[[1]]
  parts <- vapply(seq_len(nrow(iterates)), function(k) {
    layer$potential$coef <- iterates[k, -1]
    colMeans(backward(list(layer), y))
  }, numeric(2))
  mean <- drop(parts %*% iterates[, 1]) / sum(iterates[, 1])
  se <- apply(draws, 2, sd) / sqrt(4000)
  expect_true(all(abs(colMeans(draws) - mean) < 4 * se + 0.01))
  expect_refused(simulate(banana_fit(), 3, average = TRUE), "argument")
  expect_refused(simulate(fit, 3, average = 2), "argument")
})

test_that("steps obey the evolution variational identity and dissipate Jeffreys' divergence", {
  # Normal laws, where all is known: data N(0, S), model N(0, B^-2) of u(x) = x'Bx/2, and any third
  # law N(0, R). For the exact flow d/dt B(R|t) = KL(R||data) - KL(R||model) - KL(model||data), and
  # with R = S d/dt J = -Jeffreys. A step of size eta has both up to eta/2 times the second derivative in
  # time, which is below 8 here.
  S <- matrix(c(1.5, 0.4, 0.4, 0.8), 2)
  R <- matrix(c(0.7, -0.2, -0.2, 1.1), 2)
  x <- rbind(diag(2), -diag(2)) %*% chol(2 * S) # covariance S exactly
  root <- function(A) {
    e <- eigen(A, symmetric = TRUE)
    e$vectors %*% (t(e$vectors) * sqrt(e$values))
  }
  kl <- function(P, Q) 0.5 * (sum(diag(solve(Q, P))) - 2 - log(det(P) / det(Q)))
  bregman <- function(R, B) 0.5 * sum(diag(B %*% R)) + 0.5 * sum(diag(solve(B))) - sum(diag(root(R)))
  after <- function(steps, eta) {
    control <- brenier_control(max_atoms = 0, implicit = FALSE, schedule = "constant", step = eta,
                               max_iter = steps, kappa = 0.01, min_width = 0.1)
    p <- run_core(x, 2, rep(1, 4), x[0, ], numeric(), control, 0, NULL)$potential
    at <- 2 + seq_len(p$n_quadratic)
    w <- p$direction[, seq_len(p$n_quadratic)]
    w %*% (t(w) * p$coef[at])
  }
  for (eta in c(1e-3, 1e-4)) {
    for (steps in c(1, 400)) {
      B <- if (steps == 1) diag(2) else after(steps, eta)
      B_next <- after(if (steps == 1) 1 else steps + 1, eta)
      model <- solve(B %*% B)
      evi <- kl(R, S) - kl(R, model) - kl(model, S)
      expect_lt(abs((bregman(R, B_next) - bregman(R, B)) / eta - evi), 4 * eta)
      jeffreys <- kl(S, model) + kl(model, S)
      expect_lt(abs((bregman(S, B_next) - bregman(S, B)) / eta + jeffreys), 4 * eta)
    }
  }
})
