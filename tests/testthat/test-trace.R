test_that("the trace has the documented columns, one row a step and one for the end", {
  fit <- faithful_fit()
  expect_named(fit$trace, c("layer", "iter", "round", "objective", "validation", "kl", "eta",
                            "step", "min_eigenvalue", "decrement", "gap", "barrier", "atoms",
                            "evaluations", "seconds", "jeffreys", "regret", "regret_bound",
                            "identity"))
  trace <- fit$trace
  expect_identical(trace$layer, rep(1L, nrow(trace)))
  expect_identical(trace$iter, as.double(seq_len(nrow(trace)) - 1))
  expect_identical(tail(trace$gap, 1), fit$gap)
  expect_identical(tail(trace$atoms, 1), as.double(n_chosen(fit)))
  expect_identical(which(is.na(trace$step)), nrow(trace))
  expect_true(all(trace$step[-nrow(trace)] > 0 & trace$step[-nrow(trace)] <= 1))
  # They only grow, or fall.
  expect_true(all(diff(trace$round) >= 0))
  expect_true(all(diff(trace$barrier)[diff(trace$round) == 0] <= 0))
  expect_true(all(diff(trace$evaluations) > 0))
  expect_true(all(diff(trace$seconds) >= 0))
  expect_true(all(trace$min_eigenvalue > fit$control$kappa))
})

test_that("steps lower objective plus barrier while atoms and barrier stay", {
  trace <- banana_fit()$trace
  # The barrier itself is not in the trace. Within a round it may trade against the objective by at
  # most what its weight and parameter allow: the gap that centre() leaves, 1e-2.
  same <- diff(trace$round) == 0
  expect_true(all(diff(trace$objective)[same] < 1e-2))
  expect_lt(tail(trace$objective, 1), trace$objective[1] - 0.1)
})

test_that("kl counts from the certified bound of the final atoms", {
  fit <- banana_fit()
  bound <- certificate(fit)$lower_bound
  # Differences of numbers near 1.
  expect_equal(fit$trace$kl, fit$trace$objective - bound, tolerance = 1e-12)
  expect_gte(min(fit$trace$kl), 0)
  expect_equal(tail(fit$trace$kl, 1), fit$gap, tolerance = 1e-6)
})

test_that("the column of the validation is the held-out loss of the round", {
  fit <- faithful_fit()
  path <- fit$validation[fit$validation$min_width == fit$min_width, ]
  last <- tail(fit$trace, 1)
  expect_identical(last$validation, min(fit$validation$loss))
  expect_identical(fit$trace$validation, path$loss[pmin(fit$trace$round, which.min(path$loss) - 1) + 1])
})
