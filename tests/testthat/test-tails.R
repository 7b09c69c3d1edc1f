# Heavy tails, many dimensions, and contents of regions under the true law.

heavy <- function(n, d = 1, seed = 1) withr::with_seed(seed, matrix(rt(n * d, df = 3), n))

# Shares of fresh points in the regions differ from the levels by the error of n points to fit by and of
# m to count: three standard errors of each.
expect_content <- function(share, level, n, m) {
  error <- 3 * sqrt(level * (1 - level)) * (1 / sqrt(n) + 1 / sqrt(m))
  expect_true(all(abs(share - level) < error))
}

test_that("a t law with three degrees of freedom is fitted, drawn and cut", {
  level <- c(0.5, 0.9, 0.99)
  for (d in 1:2) {
    fit <- brenier(heavy(1000, d), control = list(folds = 2, min_width = 0.2))
    expect_true(fit$converged)
    expect_true(all(is.finite(predict(fit, type = "log_density"))))
    draws <- as.matrix(simulate(fit, 1e4, seed = 1))
    expect_true(all(is.finite(draws)))
    # No draw runs away: not three times as far as the farthest of the data.
    expect_lt(max(abs(draws)), 3 * max(abs(fit$x)))
    fresh <- heavy(1e5, d, seed = 2)
    expect_content(colMeans(quantile_region(fit, level)$contains(fresh)), level, 1000, 1e5)
    # Every fresh point has a density; the mean is near the truth, far above the normal law.
    log_density <- predict(fit, fresh, "log_density")
    expect_true(all(is.finite(log_density)))
    truth <- rowSums(dt(fresh, 3, log = TRUE))
    expect_lt(mean(truth - log_density), 0.1 * d)
    gaussian <- brenier(heavy(1000, d), control = gaussian_control())
    expect_gt(mean(truth - predict(gaussian, fresh, "log_density")), 0.15 * d)
  }
  # The normal law has the wrong contents: the test can fail.
  share <- colMeans(quantile_region(gaussian, level)$contains(fresh))
  expect_gt(max(abs(share - level)), 0.05)
})

test_that("one wild point does not spoil the others", {
  x <- c(withr::with_seed(1, rnorm(300)), 1e6)
  fit <- brenier(x, control = small_control(8))
  expect_true(all(is.finite(predict(fit, type = "log_density"))))
  back <- predict(fit, residuals(fit), "inverse")
  expect_lt(max(abs(back[1:300] - x[1:300])), 1e-9 * 1e6)
})

test_that("regions hold their level of the true law", {
  level <- c(0.5, 0.9)
  fit <- brenier(make_banana(1500), control = list(folds = 2, min_width = 0.1))
  share <- colMeans(quantile_region(fit, level)$contains(make_banana(40000, seed = 2)))
  expect_content(share, level, 1500, 40000)
  # Given covariates: of the true law at one value of them. A tenth of the points of the fit, at least,
  # lie near it.
  control <- list(folds = 2, min_width = 0.2)
  fit <- brenier(cbind(a, b) ~ x + f, make_pair(3000), control = control)
  contains <- quantile_region(fit, level)$contains
  for (f in c("u", "v")) {
    at <- make_pair(60000, seed = 2)
    at <- at[at$f == f & abs(at$x - 0.5) < 0.25, ]
    expect_content(colMeans(contains(at)), level, 300, nrow(at))
  }
})

test_that("fifty dimensions are fitted with a few atoms", {
  x <- make_normal(400, 50)
  x[, 1] <- x[, 1]^2
  fit <- brenier(x, control = list(max_atoms = 8, folds = 2, min_width = 0.2))
  expect_true(fit$converged)
  fresh <- make_normal(400, 50)[1:20, ] + 0.1
  expect_true(all(is.finite(predict(fit, fresh, "log_density"))))
  expect_true(all(is.finite(as.matrix(simulate(fit, 20, seed = 1)))))
  expect_equal(predict(fit, predict(fit, fresh, "map"), "inverse"), fresh, tolerance = 1e-9,
               ignore_attr = TRUE)
  expect_true(is.finite(fit$gap) && is.finite(fit$held_out$log_likelihood))
  # And given covariates: 47 responses, and three numbers.
  fit <- brenier(x[, -(1:3)], given = x[, 1:3], control = small_control(4, min_width = 0.2))
  expect_true(fit$converged)
  given <- data.frame(given1 = 0:1, given2 = 0, given3 = 1)
  expect_true(all(is.finite(predict(fit, given, "mean"))))
  expect_true(all(is.finite(as.matrix(simulate(fit, 3, seed = 1, newdata = given)))))
})
