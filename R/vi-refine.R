# Draws of a posterior, and what brings them nearer to the target.

#' @rdname simulate.brenier_posterior
#' @export
as_draws.brenier_posterior <- function(x, ndraws = 1000, seed = NULL,
                                       refine = c("none", "importance", "metropolis"), ...) {
  check_no_dots(..., known = c("ndraws", "seed", "refine"))
  refine <- check_choice(refine, c("none", "importance", "metropolis"), "refine")
  with_seed(seed, {
    draws <- posterior_draws(x, check_count(ndraws, "ndraws", 1), NULL)
    lp <- target_value(x$target, draws$z) - draws$logdet
    lp_approx <- draws$log_density - draws$logdet
    frame <- posterior::as_draws_df(
      data.frame(draws$x, lp__ = lp, lp_approx__ = lp_approx, check.names = FALSE)
    )
    log_weight <- lp - lp_approx
    switch(refine,
      # the column of posterior::weight_draws(), which in version 1.4 needs the package testthat
      none = {
        frame$.log_weight <- log_weight
        frame
      },
      importance = resampled(frame, log_weight),
      metropolis = metropolis(frame, log_weight)
    )
  })
}

resampled <- function(frame, log_weight) {
  w <- exp(log_weight - max(log_weight))
  w <- pmin(w, mean(w) * sqrt(length(w)))
  posterior::resample_draws(frame, weights = w, method = "stratified")
}

#' Independence Metropolis: draw i is a proposal, taken with probability min(1, ratio of weights).
#' @noRd
metropolis <- function(frame, log_weight) {
  n <- length(log_weight)
  limit <- log(stats::runif(n))
  at <- integer(n)
  # it starts from a draw by its weight, so that there is nothing to warm up
  now <- sample.int(n, 1, prob = exp(log_weight - max(log_weight)))
  for (i in seq_len(n)) {
    if (isTRUE(limit[i] < log_weight[i] - log_weight[now])) now <- i
    at[i] <- now
  }
  rate <- mean(diff(at) != 0)
  if (isTRUE(rate < 0.2)) {
    brenier_warn(c(
      "The Metropolis sampler took {format(100 * rate, digits = 2)}% of its proposals.",
      i = "Its draws repeat; improve the approximation, see {.fn brenier_vi_control}."
    ), "acceptance")
  }
  own <- setdiff(names(frame), c(".chain", ".iteration", ".draw"))
  kept <- posterior::as_draws_df(as.data.frame(frame)[at, own, drop = FALSE])
  attr(kept, "acceptance") <- rate
  kept
}

#' Leave-one-out cross-validation of a posterior
#'
#' The expected log predictive density by [loo::loo_approximate_posterior()], which corrects for
#' the approximation by its density at the draws.
#'
#' @param x A posterior of [brenier_vi()].
#' @param log_lik A function of a matrix of draws, a row a draw and a column a parameter, that
#'   returns the log likelihood of each observation: a matrix with a row a draw and a column an
#'   observation.
#' @param ndraws Number of draws.
#' @param seed A seed of the draws.
#' @param ... None.
#' @return As [loo::loo_approximate_posterior()].
#' @name loo.brenier_posterior
#' @family posteriors
#' @section Errors:
#' `brenier_error_argument` where `log_lik` is no function, or does not return a row a draw.
#' @examplesIf requireNamespace("loo", quietly = TRUE)
#' y <- c(-0.3, 0.1, 0.8, 1.4)
#' post <- brenier_vi(function(m) -sum((y - m)^2) / 2, c(mean = 0), function(m) sum(y - m))
#' loo::loo(post, function(draws) outer(draws[, "mean"], y, function(m, y) dnorm(y, m, log = TRUE)))
#' @exportS3Method loo::loo
loo.brenier_posterior <- function(x, log_lik, ndraws = 1000, seed = NULL, ...) {
  check_no_dots(..., known = c("log_lik", "ndraws", "seed"))
  if (missing(log_lik) || !is.function(log_lik)) {
    brenier_abort(c(
      "{.arg log_lik} must be a function, not {if (missing(log_lik)) 'missing' else shown(log_lik)}.",
      i = "It takes a matrix of draws to the log likelihoods of the observations, see
           {.help loo.brenier_posterior}."
    ), "argument", argument = "log_lik")
  }
  draws <- as_draws.brenier_posterior(x, check_count(ndraws, "ndraws", 100), seed)
  frame <- as.data.frame(draws)
  value <- log_lik(as.matrix(frame[x$variables]))
  if (!is.matrix(value) || !is.numeric(value) || nrow(value) != nrow(frame)) {
    brenier_abort(c(
      "{.arg log_lik} must return a matrix with a row for each of the {nrow(frame)} draws, not
       {shown(value)}."
    ), "argument", argument = "log_lik")
  }
  loo::loo_approximate_posterior(value, log_p = frame$lp__, log_g = frame$lp_approx__)
}
