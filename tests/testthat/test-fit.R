potentials <- list(faithful = faithful_fit(), eruptions = eruptions_fit(), banana = banana_fit())

test_that("the core evaluates the potential of the help page", {
  for (fit in potentials) {
    expect_gt(potential_of(fit)$n_atoms, 0)
    z <- withr::with_seed(1, matrix(rnorm(50 * fit$d, sd = 3), 50))
    got <- evaluate(potential_of(fit), z, map = TRUE, logdet = TRUE, value = TRUE)
    # A few rounding errors of sums of some twenty terms of size up to 100.
    expect_equal(got, reference_potential(potential_of(fit), z), tolerance = 1e-12)
  }
})

test_that("the potential is in its class", {
  for (fit in potentials) {
    p <- potential_of(fit)
    expect_true(all(p$coef[atoms_of(p)] > 0))
    quadratic <- seq_len(p$n_quadratic)
    w <- p$direction[, quadratic, drop = FALSE]
    Q <- w %*% (p$coef[p$d + quadratic] * t(w))
    least <- min(eigen(Q, symmetric = TRUE)$values)
    expect_gt(least, p$kappa)
    # Eigenvalues of a matrix of norm about 1.
    expect_equal(tail(fit$trace$min_eigenvalue, 1), least, tolerance = 1e-12)
    # Directions are normalised in double precision.
    expect_equal(colSums(p$direction^2), rep(1, ncol(p$direction)), tolerance = 1e-12)
    chosen <- p$n_quadratic + seq_len(p$n_atoms - p$n_tails)
    expect_true(all(p$width[chosen] >= fit$min_width))
  }
})

test_that("the objective that is reported is the one that is documented", {
  for (fit in potentials) {
    # Means of some hundred terms of size up to 100.
    expect_equal(tail(fit$trace$objective, 1), reference_objective(fit), tolerance = 1e-12)
  }
})

test_that("an independent optimiser finds no better coefficients than the certificate allows", {
  fit <- eruptions_fit()
  best <- least_objective(fit)
  # 1e-12: rounding of the objective.
  expect_gte(best, certificate(fit)$lower_bound - 1e-12)
  expect_lte(best, certificate(fit)$objective + 1e-12)
})

test_that("folds and rounds are those that the validation chose", {
  fit <- faithful_fit()
  v <- fit$validation
  # Widths that lost on the first folds are not in the table.
  expect_true(all(v$min_width %in% c(0.05, 0.1, 0.2)))
  expect_identical(unique(v$layer), 1L)
  best <- v[which.min(v$loss), ]
  expect_identical(fit$min_width, best$min_width)
  expect_equal(fit$held_out$folds, 5)
  # The held-out loss in whitened units, back in the units of the data.
  expect_identical(fit$held_out$se, best$se)
  expect_equal(fit$held_out$log_likelihood,
               -best$loss + log(det(whitening_of(fit)$matrix)) - log(2 * pi), tolerance = 1e-12)
  # The Gaussian law, round 0, is far from these data: atoms must help by much more than the error.
  expect_lt(best$loss, v$loss[1] - 4 * best$se)
})

test_that("a width that is worse on two folds is not tried on the others", {
  run <- function(loss) list(rounds = data.frame(validation = c(3, loss)))
  two <- function(a, b) list(run(a), run(b))
  expect_identical(promising(list(list(), list()), 1), c(TRUE, TRUE))
  expect_identical(promising(list(list(run(1)), list(run(2))), 2), c(TRUE, TRUE))
  # best on one fold, or best on average; the third is neither
  expect_identical(promising(list(two(1, 2.5), two(2, 1.4), two(1.5, 2)), 3),
                   c(TRUE, TRUE, FALSE))
  expect_identical(promising(list(two(1, 5), two(5, 1), two(1.1, 1.1)), 3), c(TRUE, TRUE, TRUE))
  # what was dropped before stays out
  expect_identical(promising(list(c(two(1, 1), list(run(1))), two(0, 0)), 4), c(TRUE, FALSE))
})

test_that("one fold holds out a part, and no fold nothing", {
  data <- make_banana(200)
  one <- brenier(data, control = list(folds = 1, validation = 0.3, max_atoms = 8, min_width = 0.1))
  expect_equal(one$held_out$folds, 1)
  expect_identical(unique(one$validation$min_width), 0.1)
  none <- brenier(data, control = small_control(8))
  expect_null(none$validation)
  expect_identical(none$held_out, list(log_likelihood = NA_real_, se = NA_real_, folds = 0L))
  expect_identical(n_chosen(none), 8L)
})

test_that("the held-out likelihood is that of fresh data", {
  # 1500 points, so that folds and the whole differ little; 20000 fresh points.
  fit <- brenier(make_banana(1500), control = list(folds = 2, min_width = 0.1))
  fresh <- predict(fit, make_banana(20000, seed = 2), type = "log_density")
  # Error of the difference; 0.05 for the smaller samples of the folds and the best of many rounds.
  se <- sqrt(fit$held_out$se^2 + var(fresh) / 20000)
  expect_lt(abs(mean(fresh) - fit$held_out$log_likelihood), 3 * se + 0.05)
  # The truth has -2.15; a Gaussian has about -2.9.
  expect_gt(mean(fresh), -2.30)
})

for (shape in c("moons", "eight")) {
  test_that(paste("the tails hold on", shape), {
    make <- get(paste0("make_", shape))
    fit <- brenier(make(600), control = list(folds = 2, min_width = 0.1, max_atoms = 40))
    fresh <- predict(fit, make(5000, seed = 2), type = "log_density")
    se <- sqrt(fit$held_out$se^2 + var(fresh) / 5000)
    # A point in a gap of the data must not cost a nat: held-out and fresh agree.
    expect_gt(mean(fresh), fit$held_out$log_likelihood - 3 * se - 0.05)
    expect_gt(min(fresh), -40)
  })
}

test_that("data of every dimension are fitted, evaluated, inverted and drawn", {
  sizes <- list(c(d = 1, n = 60), c(2, 60), c(3, 80), c(13, 120), c(50, 160))
  for (size in sizes) {
    x <- make_normal(size[[2]], size[[1]])
    fit <- brenier(x^2 * sign(x), control = small_control(4))
    expect_true(fit$converged)
    expect_identical(fit$d, ncol(x))
    expect_identical(dim(residuals(fit)), dim(x))
    expect_true(all(is.finite(predict(fit, type = "log_density"))))
    back <- predict(fit, residuals(fit), type = "inverse")
    # The inverse is asked for to 1e-12, in coordinates of condition number below 1e3.
    expect_equal(unname(back), unname(fit$x), tolerance = 1e-9)
    expect_identical(dim(simulate(fit, 3, seed = 1)), c(3L, ncol(x)))
  }
})

test_that("a fit that runs out of iterations or time is returned with a warning", {
  data <- make_banana(200)
  for (control in list(small_control(8, max_iter = 3), small_control(8, max_seconds = 0))) {
    expect_warning(fit <- brenier(data, control = control), class = "brenier_warning_not_converged")
    expect_false(fit$converged)
    expect_false(certificate(fit)$met)
    expect_false(glance(fit)$converged)
    expect_true(all(is.finite(predict(fit, type = "log_density"))))
    expect_equal(predict(fit, residuals(fit), type = "inverse"), as.matrix(data), tolerance = 1e-9,
                 ignore_attr = TRUE)
    expect_output(print(fit), "NOT converged")
  }
  expect_snapshot(fit <- brenier(data, control = small_control(8, max_iter = 3)), transform = scrub)
  expect_snapshot(fit <- brenier(data, control = small_control(8, max_seconds = 0)),
                  transform = scrub)
})

test_that("the status says why the fit ended", {
  status <- function(...) {
    suppressWarnings(brenier(make_banana(200), control = small_control(8, ...)))
  }
  expect_identical(status(max_iter = 3)$status, "max_iterations")
  expect_identical(max(status(max_iter = 3)$trace$iter), 3)
  expect_identical(status(max_seconds = 0)$status, "max_time")
  expect_identical(status()$status, "ok")
})

test_that("an interrupt ends a run, which returns its state", {
  # An error of the progress report is taken as an interrupt is.
  z <- whitened(banana_fit(), make_banana(400))
  control <- small_control(min_width = 0.1)
  calls <- 0
  stop_at_9 <- function(values) {
    calls <<- calls + 1
    if (calls == 9) stop("interrupt")
  }
  run <- function(progress) {
    withr::with_seed(1, run_core(z, 2, rep(1, nrow(z)), z[0, ], numeric(), control, 20, progress))
  }
  broken <- run(stop_at_9)
  expect_identical(calls, 9)
  expect_identical(broken$status, "interrupted")
  expect_identical(max(broken$trace$iter), 9)
  expect_true(all(is.finite(unlist(reference_potential(broken$potential, z)))))
  # The session is as before: the whole run gives what it always gives.
  whole <- run(NULL)
  expect_identical(whole$status, "ok")
  expect_identical(whole$potential, run(function(values) NULL)$potential)
  # Up to the interrupt the two runs are one.
  expect_identical(whole$trace$objective[1:9], broken$trace$objective[1:9])
})

test_that("an interrupt in a fold ends the validation with a state", {
  x <- as.matrix(make_banana(400))
  progress <- new.env()
  progress$report <- function(values) stop("interrupt")
  control <- brenier_control(min_width = 0.1)
  folds <- withr::with_seed(1, make_folds(x, 2, seq_len(400), 0.2))
  shared <- list(weights = rep(1, 400), control = control, progress = progress)
  out <- validate(folds, list(list(min_width = 0.1)), shared)
  expect_identical(out$interrupted$status, "interrupted")
  expect_identical(out$interrupted$potential$d, 2L)
})

test_that("an interrupted fit warns with a class of its own", {
  fit <- banana_fit()
  fit$converged <- FALSE
  fit$status <- "interrupted"
  expect_warning(warn_if_not_converged(fit), class = "brenier_warning_interrupted")
})

test_that("directions of atoms that came and went stay within their room", {
  # Above 12 dimensions each atom brings a quadratic direction, which stays when the atom vanishes.
  run <- withr::with_seed(8, {
    z <- scale(matrix(rnorm(30 * 13), 30))
    run_core(z, 13, rep(1, 30), z[0, ], numeric(), small_control(16, min_width = 0.2), 12, NULL)
  })
  expect_lte(run$potential$n_quadratic, 13 + 16)
})

test_that("copies of a row are held out together, ties of rounding are not", {
  points <- as.matrix(make_banana(20))
  copies <- points[rep(1:20, each = 10), ]
  expect_identical(max(groups_of(copies)), 20L)
  expect_true(all(tapply(groups_of(copies), rep(1:20, each = 10), function(g) all(g == g[1]))))
  expect_identical(groups_of(as.matrix(faithful)), seq_len(272))
  # Split, the copies would be predicted at the resolution of the least width: the fit of ten copies
  # must not promise more than that of one by much more than the noise of 20 points.
  once <- brenier(points)$held_out
  many <- brenier(copies)$held_out
  expect_lt(many$log_likelihood, once$log_likelihood + 4 * once$se)
})

test_that("held out means held out: without atoms, the normal law of the other folds", {
  # Above 12 dimensions Q is not a full matrix: what the folds share must not tell of the part held out.
  for (d in c(3, 20)) {
    z <- make_normal(120, d)
    fit <- brenier(z, control = brenier_control(max_atoms = 1, min_width = 0.2))
    part <- with_seed(1, fold_of(120, 5, 0.2))
    honest <- mean(unlist(lapply(1:5, function(k) {
      rest <- z[part != k, ]
      center <- colMeans(rest)
      S <- crossprod(sweep(rest, 2, center)) / nrow(rest)
      q <- mahalanobis(z[part == k, ], center, S)
      -(q + d * log(2 * pi) + as.numeric(determinant(S)$modulus)) / 2
    })))
    reported <- whitening_of(fit)$logdet - d / 2 * log(2 * pi) - fit$validation$loss[1]
    # the rounds are solved to 0.01 nats in the sample, 5 times that where it was not seen
    expect_equal(reported, honest, tolerance = 0.05 / abs(honest))
  }
})

# The data of some tests are discrete on purpose, which is said.
discrete_fit <- function(...) {
  expect_warning(fit <- brenier(...), class = "brenier_warning_discrete")
  fit
}

test_that("a fold whose rest lies in a subspace is left out", {
  x <- cbind(c(0, 1, 2, 0), c(0, 0, 0, 1))[rep(1:4, 25), ]
  expect_gt(discrete_fit(x)$held_out$log_likelihood, -20)
  y <- cbind(withr::with_seed(1, rnorm(20)), c(1, rep(0, 19)))
  expect_gt(discrete_fit(y)$held_out$log_likelihood, -20)
  control <- brenier_control(folds = 1, validation = 0.89)
  expect_s3_class(discrete_fit(rep(c(1, 2, 4), each = 20), control = control), "brenier")
})

test_that("folds of different length are compared round by round, each as it ended", {
  runs <- list(
    list(rounds = data.frame(validation = c(3, 2), validation_square = c(9, 4), atoms = 0:1),
         held = c(1, 1)),
    list(rounds = data.frame(validation = c(3, 2, 1), validation_square = c(9, 4, 1), atoms = 0:2),
         held = c(1, 1))
  )
  expect_equal(over_folds(runs)$loss, c(3, 2, 1.5))
  expect_equal(over_folds(runs)$se, sqrt(c(0, 0, 0.25) / 4))
})

test_that("there is a certificate with more atoms than symmetric matrices have dimensions", {
  z <- withr::with_seed(1, scale(matrix(rexp(150 * 13), 150)))
  control <- small_control(95, min_width = 0.2)
  run <- run_core(z, 13, rep(1, 150), z[0, ], numeric(), control, 40, NULL)
  expect_lte(run$potential$n_quadratic, 91)
  expect_true(is.finite(run$gap))
})

test_that("a limit that the last step needed is no failure", {
  control <- function(k) small_control(4, max_iter = k)
  steps <- max(brenier(faithful, control = control(1000))$trace$iter)
  expect_silent(fit <- brenier(faithful, control = control(steps)))
  expect_true(fit$converged)
})
