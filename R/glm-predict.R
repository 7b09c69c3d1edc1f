#' Draws of a regression: predictions, log likelihood, intervals
#'
#' Methods for the generics of the package rstantools. They are there as soon as that package is
#' installed: load it, or write `rstantools::posterior_predict(post)`.
#'
#' @details
#' Draws are those of the approximation, not weighted. `loo()` weighs them: it is
#' [loo::loo_approximate_posterior()] with the log densities of target and approximation at the draws.
#' With plain `loo::loo(log_lik(post))` the approximation is taken for the posterior.
#'
#' @param object,x A posterior of [brenier_glm()].
#' @param newdata A data frame; by default the data of the fit. `log_lik()` needs the response in
#'   it. For `posterior_predict()` of a `binomial()` response the numbers of trials are taken from the
#'   response in `newdata`, and are 1 where that is not there.
#' @param ndraws Number of draws; `NULL` is 1000.
#' @param seed A seed, as for [simulate.brenier_posterior()].
#' @param transform Whether the linear predictor is to be taken through the inverse link.
#' @param prob Probability of the central intervals.
#' @param pars Names of parameters; all by default.
#' @param ... None, but for `re_formula` and `re.form`, which other packages give to such verbs: there are no
#'   group effects that they could leave out.
#' @return Matrices with a row a draw and a column an observation: `posterior_linpred()` the linear
#'   predictor, `posterior_epred()` the mean of the response (a probability for `binomial()`),
#'   `posterior_predict()` draws of the response (successes), `log_lik()` the log likelihood times
#'   the weight. `posterior_interval()` has a row a parameter, `predictive_interval()` a row an
#'   observation, and two columns. `prior_summary()`: the priors as they were used, see [brenier_priors].
#'   `nsamples()`: 1000, the number of draws by default. `loo()`: see [loo::loo()].
#' @name posterior_predict.brenier_glm
#' @family posteriors
#' @template definitions
#' @section Errors:
#' `brenier_error_variable` where `newdata` lacks a variable or has a level that the fit has not seen,
#' `brenier_error_argument` for a wrong number of draws or probability.
#' @examplesIf requireNamespace("rstantools", quietly = TRUE)
#' post <- brenier_glm(mpg ~ wt, data = mtcars)
#' rstantools::posterior_interval(post, prob = 0.9)
#' dim(rstantools::posterior_predict(post, data.frame(wt = 2:4), ndraws = 100, seed = 1))
NULL

#' The dots, but for what speaks of group effects.
#' @noRd
check_rstan_dots <- function(..., known) {
  dots <- list(...)
  dots[intersect(names(dots), c("re_formula", "re.form"))] <- NULL
  do.call(check_no_dots, c(dots, list(known = known)))
}

#' list(eta, aux, at): the linear predictor, draws by observations, and draws of the auxiliary parameter.
#' @noRd
glm_draws <- function(object, newdata, ndraws, seed) {
  at <- glm_newdata(object, newdata)
  ndraws <- check_count(ndraws %||% 1000, "ndraws", 1)
  check_drawn(ndraws, nrow(at$X), "ndraws")
  x <- posterior_draws(object, ndraws, seed)$x
  eta <- x[, coef_names(object), drop = FALSE] %*% t(at$X)
  eta <- eta + rep(at$offset, each = nrow(eta))
  dimnames(eta) <- list(NULL, at$names)
  list(eta = eta, aux = if (length(object$link$aux)) x[, object$link$aux], at = at)
}

glm_mean <- function(object, eta) {
  mu <- inverse_link(object, eta)
  dimnames(mu) <- dimnames(eta)
  mu
}

#' The response in new data, with weights 1 where newdata does not have those of the fit.
#' @noRd
response_of <- function(object, newdata) {
  terms <- object$terms
  have <- all(all.vars(terms[[2]]) %in% names(newdata))
  if (!have) return(NULL)
  frame <- stats::model.frame(stats::update(stats::formula(terms), . ~ 1), newdata,
                              na.action = stats::na.pass)
  w <- tryCatch(eval(object$call$weights, newdata, environment(object$formula)),
                error = function(e) NULL)
  if (length(w) != nrow(newdata)) w <- NULL
  if (object$link$name == "binomial" && is.factor(frame[[1]])) {
    frame[[1]] <- factor(frame[[1]], levels(object$model[[1]]))
  }
  glm_response(frame, w, object$link)
}

#' @rdname posterior_predict.brenier_glm
#' @exportS3Method rstantools::posterior_linpred
posterior_linpred.brenier_glm <- function(object, transform = FALSE, newdata = NULL, ndraws = 1000,
                                          seed = NULL, ...) {
  check_rstan_dots(..., known = c("transform", "newdata", "ndraws", "seed"))
  eta <- glm_draws(object, newdata, ndraws, seed)$eta
  if (check_flag(transform, "transform")) glm_mean(object, eta) else eta
}

#' @rdname posterior_predict.brenier_glm
#' @exportS3Method rstantools::posterior_epred
posterior_epred.brenier_glm <- function(object, newdata = NULL, ndraws = 1000, seed = NULL, ...) {
  check_rstan_dots(..., known = c("newdata", "ndraws", "seed"))
  glm_mean(object, glm_draws(object, newdata, ndraws, seed)$eta)
}

#' @rdname posterior_predict.brenier_glm
#' @exportS3Method rstantools::posterior_predict
posterior_predict.brenier_glm <- function(object, newdata = NULL, ndraws = 1000, seed = NULL, ...) {
  check_rstan_dots(..., known = c("newdata", "ndraws", "seed"))
  with_seed(seed, {
    draws <- glm_draws(object, newdata, ndraws, NULL)
    mu <- glm_mean(object, draws$eta)
    size <- if (is.null(newdata)) object$size else response_of(object, draws$at$data)$size %||% 1
    size <- rep(rep_len(size, ncol(mu)), each = nrow(mu))
    y <- suppressWarnings(object$link$draw(mu, size, draws$aux)) # NA where mu is
    matrix(as.double(y), nrow(mu), dimnames = dimnames(mu))
  })
}

#' @rdname posterior_predict.brenier_glm
#' @exportS3Method rstantools::log_lik
log_lik.brenier_glm <- function(object, newdata = NULL, ndraws = 1000, seed = NULL, ...) {
  check_rstan_dots(..., known = c("newdata", "ndraws", "seed"))
  glm_log_lik(object, glm_draws(object, newdata, ndraws, seed))
}

glm_log_lik <- function(object, draws) {
  data <- draws$at$data
  response <- if (is.null(data)) list(y = object$y, size = object$size, w = object$weights) else
    response_of(object, data)
  if (is.null(response)) {
    brenier_abort("{.arg newdata} must have the response.", "variable", argument = "newdata")
  }
  mu <- glm_mean(object, draws$eta)
  each <- function(v) rep(v, each = nrow(mu))
  value <- object$link$log_lik(each(response$y), each(response$size), mu, draws$aux) * each(response$w)
  matrix(value, nrow(mu), dimnames = dimnames(mu))
}

central <- function(x, prob) {
  prob <- check_number(prob, "prob", 0, 1, open = TRUE)
  q <- c((1 - prob) / 2, (1 + prob) / 2)
  t(apply(x, 2, stats::quantile, probs = q, na.rm = TRUE))
}

#' @rdname posterior_predict.brenier_glm
#' @exportS3Method rstantools::posterior_interval
posterior_interval.brenier_glm <- function(object, prob = 0.9, pars = NULL, ...) {
  check_no_dots(..., known = c("prob", "pars"))
  if (!is.null(pars) && !all(pars %in% object$variables)) {
    brenier_abort("{.arg pars} must be among {.val {object$variables}}, not {shown(pars)}.", "argument",
                  argument = "pars")
  }
  central(glm_points(object, 8192)[, pars %||% object$variables, drop = FALSE], prob)
}

#' @rdname posterior_predict.brenier_glm
#' @exportS3Method rstantools::predictive_interval
predictive_interval.brenier_glm <- function(object, prob = 0.9, newdata = NULL, ndraws = 1000,
                                            seed = NULL, ...) {
  check_no_dots(..., known = c("prob", "newdata", "ndraws", "seed"))
  central(posterior_predict.brenier_glm(object, newdata, ndraws, seed), prob)
}

#' @rdname posterior_predict.brenier_glm
#' @exportS3Method rstantools::prior_summary
prior_summary.brenier_glm <- function(object, ...) object$priors

#' @rdname posterior_predict.brenier_glm
#' @exportS3Method rstantools::nsamples
nsamples.brenier_glm <- function(object, ...) 1000L

#' @rdname posterior_predict.brenier_glm
#' @exportS3Method loo::loo
loo.brenier_glm <- function(x, ndraws = 1000, seed = NULL, ...) {
  draws <- posterior_draws(x, check_count(ndraws, "ndraws", 1), seed)
  at <- glm_newdata(x, NULL)
  eta <- draws$x[, coef_names(x), drop = FALSE] %*% t(at$X)
  eta <- eta + rep(at$offset, each = nrow(eta))
  log_lik <- glm_log_lik(x, list(eta = eta, at = at,
                                 aux = if (length(x$link$aux)) draws$x[, x$link$aux]))
  loo::loo_approximate_posterior(log_lik, log_p = target_value(x$target, draws$z),
                                 log_g = draws$log_density, ...)
}
