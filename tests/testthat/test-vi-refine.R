# Draws of a posterior against the target, leave-one-out, plots.

skewed_vi <- function() {
  cached("skewed_vi", brenier_vi(
    function(x) -x[, 1]^2 / 2 - (x[, 2] - x[, 1]^2 / 2)^2 / 2, c(a = 0, b = 0),
    function(x) {
      r <- x[, 2] - x[, 1]^2 / 2
      cbind(x[, 1] * r - x[, 1], -r)
    }, vectorised = TRUE, potential = "softmax",
    control = brenier_vi_control(points = 256, max_points = 256, validation = 1024, components = 2)
  ))
}

test_that("refined draws have the moments of the target", {
  post <- skewed_vi()
  expect_gt(post$kl_gap, 1e-3) # there is something to mend
  for (refine in c("importance", "metropolis")) {
    draws <- as_draws(post, 20000, seed = 1, refine = refine)
    expect_s3_class(draws, "draws_df")
    expect_named(as.data.frame(draws), c("a", "b", "lp__", "lp_approx__", ".chain", ".iteration",
                                         ".draw"))
    # E b = 1/2, E b^2 = 1 + 3/4, E a^2 b = 3/2; errors of some thousand effective draws
    expect_equal(mean(draws$b), 0.5, tolerance = 0.1)
    expect_equal(mean(draws$b^2), 1.75, tolerance = 0.12)
    expect_equal(mean(draws$a^2 * draws$b), 1.5, tolerance = 0.2)
    expect_identical(draws, as_draws(post, 20000, seed = 1, refine = refine))
  }
  expect_gt(attr(draws, "acceptance"), 0.5)
  expect_error(as_draws(post, refine = "mcmc"), class = "brenier_error_argument")
})

test_that("a Metropolis sampler has the target as its law, and says when it hardly moves", {
  frame <- posterior::as_draws_df(data.frame(x = with_seed(2, sample.int(4000))))
  # proposals uniform on two values, the second three times as likely under the target
  log_weight <- log(ifelse(frame$x %% 2 == 0, 3, 1))
  kept <- with_seed(1, metropolis(frame, log_weight))
  expect_equal(mean(kept$x %% 2 == 0), 0.75, tolerance = 0.05)
  stuck <- replace(numeric(4000), 10, 50)
  expect_warning(with_seed(1, metropolis(frame, stuck)), class = "brenier_warning_acceptance")
  expect_equal(mean(with_seed(1, suppressWarnings(metropolis(frame, stuck)))$x == frame$x[10]), 1)
})

test_that("leave-one-out is that of the closed form", {
  skip_if_not_installed("loo")
  y <- c(-0.3, 0.1, 0.8, 1.4, 0.5)
  post <- brenier_vi(function(m) -sum((y - m)^2) / 2, c(mean = 0), function(m) sum(y - m))
  log_lik <- function(draws) outer(draws[, "mean"], y, function(m, y) dnorm(y, m, log = TRUE))
  result <- loo::loo(post, log_lik, ndraws = 20000, seed = 1) # a standard error of .02
  left <- vapply(seq_along(y), function(i) dnorm(y[i], mean(y[-i]), sqrt(1 + 1 / 4), log = TRUE), 0)
  expect_equal(result$estimates["elpd_loo", "Estimate"], sum(left), tolerance = 0.01)
  expect_error(loo::loo(post, 3), class = "brenier_error_argument")
  expect_error(loo::loo(post, function(draws) 1), class = "brenier_error_argument")
})

test_that("khat of weights that are mostly equal is a number", {
  expect_false(is.nan(khat_of(c(rep(0, 4000), seq(1e-7, 1e-6, length.out = 50)))))
})

test_that("every plot draws, and wrong arguments are errors", {
  post <- skewed_vi()
  for (which in c("pairs", "marginals", "weights", "trace", "residuals")) {
    expect_equal(pages(plot(post, which, ndraws = 300)), 1)
  }
  expect_equal(pages(plot(post, variables = "b", ndraws = 300)), 1)
  expect_error(plot(post, "pears"), class = "brenier_error_argument")
  expect_error(plot(post, variables = "c"), class = "brenier_error_argument")
  expect_error(plot(post, level = 2), class = "brenier_error_argument")
  # where the weights say nothing, the two densities of a parameter are one
  m <- marginal_densities(sin(1:500), rep(1, 500))
  expect_equal(m$plain$y, m$weighted$y)
})
