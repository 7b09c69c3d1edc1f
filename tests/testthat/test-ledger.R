books <- c("jeffreys", "regret", "regret_bound", "identity")

# J(u) = mean of u over the data + mean of u* over the points that stand for N(0, I), with the
# formulas of the help page and points found by predict().
reference_semidual <- function(fit) {
  y <- ledger_points(fit$control$ledger, fit$x)
  x <- whitened(fit, predict(fit, y, type = "inverse"))
  w <- fit$weights / sum(fit$weights)
  on_data <- reference_potential(potential_of(fit), whitened(fit, fit$x))$value
  on_model <- reference_potential(potential_of(fit), x)$value
  sum(w * on_data) + mean(rowSums(x * y) - on_model)
}

weighted_fit <- function() {
  weights <- withr::with_seed(2, runif(nrow(faithful)))
  cached("weighted", brenier(faithful, weights = weights, control = small_control()))
}

explicit_fit <- function() {
  control <- small_control(4, implicit = FALSE, step = 0.1, schedule = "constant", max_iter = 30)
  cached("explicit", suppressWarnings(brenier(faithful, control = control)))
}

ledger_fits <- function() {
  list(faithful_fit(), eruptions_fit(), banana_fit(), weighted_fit(), explicit_fit())
}

test_that("every step obeys the three-point identity", {
  for (fit in ledger_fits()) {
    steps <- fit$trace[-nrow(fit$trace), ]
    expect_false(anyNA(steps[books]))
    # Sums of some hundred terms of size up to 10 d: rounding is near 1e-15.
    expect_lt(max(steps$identity), 1e-12)
    expect_true(is.na(tail(fit$trace$identity, 1)) && is.na(tail(fit$trace$jeffreys, 1)))
  }
})

test_that("the regret stays below its bound, which only grows", {
  for (fit in ledger_fits()) {
    trace <- fit$trace
    if (trace$round[1] == 0) expect_identical(trace$regret[1], 0)
    # Rounding, as above.
    expect_true(all(trace$regret <= trace$regret_bound + 1e-12))
    expect_true(all(diff(trace$regret_bound) >= -1e-12))
  }
})

test_that("the sums telescope to the semi-dual at both ends, atoms added and dropped included", {
  # Where round 0 took no step, the first row already has atoms: there J is not known beforehand.
  from_start <- Filter(function(fit) fit$trace$round[1] == 0, ledger_fits())
  expect_gte(length(from_start), 3)
  for (fit in from_start) {
    # What is left of the bound is J less its least value on the path.
    left <- fit$trace$regret_bound - fit$trace$regret
    # J is d at the start: u = |x|^2/2, and data and points have unit covariance.
    # The points are solved to 1e-8 or better, and enter J squared; the rest is rounding.
    expect_equal(left[1] - tail(left, 1), fit$d - reference_semidual(fit), tolerance = 1e-9)
  }
})

test_that("Jeffreys' divergence is large where the fit moves and vanishes where it ends", {
  for (fit in list(faithful_fit(), banana_fit())) {
    steps <- head(fit$trace, -1)
    # Between the sample and the best law of a class lie about as many nats as coefficients over n.
    floor <- (5 + steps$atoms) / fit$n
    expect_gt(max(steps$jeffreys / floor), 4)
    expect_lt(max(abs(tail(steps$jeffreys / floor, 3))), 1)
  }
  # The whitened sample has the moments of N(0, I): u starts at its optimum, and only the barrier,
  # which is below 1e-2, moves it.
  gauss <- brenier(faithful, control = gaussian_control())$trace
  expect_lt(max(abs(head(gauss$jeffreys, -1))), 1e-3)
  expect_lt(tail(gauss$regret, 1), 1e-4)
})

test_that("the ledger changes nothing but its columns", {
  with <- eruptions_fit()
  without <- brenier(~eruptions, data = faithful, control = small_control(ledger = 0))
  expect_identical(potential_of(without), potential_of(with))
  others <- setdiff(names(with$trace), c(books, "seconds"))
  expect_identical(without$trace[others], with$trace[others])
  expect_true(all(is.na(without$trace[books])))
  before <- withr::with_seed(3, runif(1))
  expect_identical(withr::with_seed(3, {
    ledger_points(256, matrix(0, 5, 2))
    runif(1)
  }), before)
})

test_that("the points have the moments of N(0, I)", {
  for (d in c(1, 3, 200)) {
    y <- ledger_points(256, matrix(0, 5, d))
    expect_identical(dim(y), c(as.integer(max(256, 2 * d)), as.integer(d)))
    # Rounding of means of 256 terms, and of a Cholesky factor.
    expect_lt(max(abs(colMeans(y))), 1e-13)
    expect_equal(crossprod(y) / nrow(y), diag(d), tolerance = 1e-11)
  }
  expect_identical(dim(ledger_points(0, matrix(0, 5, 2))), c(0L, 2L))
  expect_identical(dim(ledger_points(256, matrix(0, 5, 257))), c(0L, 257L))
})

test_that("covariates of the points are those of evenly spaced rows", {
  z <- cbind(7, seq_len(512), -seq_len(512))
  y <- ledger_points(256, z, 1)
  expect_identical(dim(y), c(256L, 3L))
  expect_identical(y[, 2], seq(1, 511, by = 2))
  expect_identical(y[, 3], -y[, 2])
  # fewer rows than points come again as often
  expect_identical(as.vector(table(ledger_points(256, z[1:4, ], 1)[, 2])), rep(64L, 4))
})
