# Rounds before the last are solved to 1e-2 whatever tol is, so these fits have the same atoms.
loose <- brenier(make_banana(150), control = small_control(8, tol = 1e-2))
tight <- brenier(make_banana(150), control = small_control(8, tol = 1e-9))

test_that("the certificate bounds the gap to a tighter fit", {
  expect_identical(potential_of(tight)$direction, potential_of(loose)$direction)
  expect_identical(potential_of(tight)$width, potential_of(loose)$width)
  a <- certificate(loose)
  b <- certificate(tight)
  expect_true(a$met && b$met)
  expect_lte(a$gap, 1e-2)
  expect_lte(b$gap, 1e-9)
  # There is something to bound.
  expect_gt(a$objective - b$objective, 1e-6)
  expect_lte(a$objective - b$objective, a$gap)
  # The lower bound lies below the minimum, which lies below the tight objective.
  expect_lte(a$lower_bound, b$objective)
  expect_lte(a$lower_bound, b$lower_bound + 1e-9) # not better than the minimum itself
})

test_that("no potential with these atoms is below the lower bound", {
  for (fit in list(loose, tight, banana_fit(), eruptions_fit())) {
    p <- potential_of(fit)
    first <- p$d + p$n_quadratic
    w <- p$direction[, seq_len(p$n_quadratic), drop = FALSE]
    bound <- certificate(fit)$lower_bound - 1e-12 # rounding
    tried <- 0
    lowest <- Inf
    withr::local_seed(1)
    while (tried < 200) {
      other <- p
      # From far off to very near.
      at <- free(p)
      other$coef[at] <- p$coef[at] + rnorm(length(at)) * 10^runif(1, -6, 0)
      other$coef[-seq_len(first)] <- abs(other$coef[-seq_len(first)])
      Q <- w %*% (other$coef[p$d + seq_len(p$n_quadratic)] * t(w))
      if (min(eigen(Q, symmetric = TRUE)$values) < p$kappa) next
      tried <- tried + 1
      lowest <- min(lowest, reference_objective(fit, other))
    }
    expect_gte(lowest, bound)
  }
})

test_that("every state of the trace has a bound that holds", {
  minimum <- certificate(tight)$lower_bound
  best <- certificate(tight)$objective
  final <- tight$trace[tight$trace$round == max(tight$trace$round), ]
  expect_gt(nrow(final), 3)
  # The atoms are the last ones in these rows: objective - gap is a lower bound of one minimum.
  expect_true(all(final$objective - final$gap <= best + 1e-12))
  expect_true(all(final$objective >= minimum - 1e-12))
})

test_that("a fit that stopped early is flagged by its certificate", {
  control <- small_control(8, max_iter = 5)
  early <- suppressWarnings(brenier(make_banana(150), control = control))
  expect_false(certificate(early)$met)
  expect_gt(certificate(early)$gap, early$control$tol)
})

test_that("a certificate prints whether it was met", {
  expect_snapshot(certificate(tight), transform = scrub)
  early <- suppressWarnings(brenier(make_banana(150), control = small_control(8, max_iter = 5)))
  expect_snapshot(certificate(early), transform = scrub)
})

test_that("only a fit has a certificate", {
  expect_refused(certificate(faithful), "type")
  expect_refused(certificate(NULL), "type")
})

test_that("each layer has its objective and bound", {
  fit <- brenier(make_banana(200), layers = 2, control = small_control(8))
  bound <- certificate(fit)
  expect_length(bound$objective, length(fit$layers))
  expect_true(all(bound$objective - bound$lower_bound <= bound$gap + 1e-12)) # rounding
  expect_true(bound$met)
  expect_identical(glance(fit)$iterations, sum(tapply(fit$trace$iter, fit$trace$layer, max)))
})
