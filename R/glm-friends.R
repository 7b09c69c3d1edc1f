#' Regressions in other packages
#'
#' Methods by which marginaleffects and bayesplot work with posteriors of [brenier_glm()]. They are there
#' as soon as these packages are.
#'
#' @details
#' * *marginaleffects* takes models that its option names:
#'   `options(marginaleffects_model_classes = "brenier_glm")` before the first `predictions()`, `slopes()`
#'   or `comparisons()`. Intervals come from 1000 draws of the approximation, the same ones at each call,
#'   so that the two ends of a comparison go together;
#' * *bayesplot*: `pp_check(post, "dens_overlay")` for any of its `ppc_` functions of `y` and `yrep`, and
#'   `mcmc_areas(as_draws(post))` and the like;
#' * *tidybayes*: `spread_draws(post, wt)`, `add_epred_draws(new, post)`, `add_linpred_draws()`,
#'   `add_predicted_draws()`.
#'
#' All of these take draws as they are, without their weights. Where [pareto_khat()] is above 0.5 give
#' them `posterior::resample_draws(as_draws(post))` instead of the posterior, or `as_draws(post, refine =
#' "importance")`.
#'
#' @param model,object A posterior of [brenier_glm()].
#' @param newdata A data frame; by default the data of the fit.
#' @param type `"response"` or `"link"`; for `pp_check()` the name of a function of bayesplot, without `ppc_`.
#' @param ndraws Number of replications of the data.
#' @param seed As for [simulate.brenier_posterior()].
#' @param vcov Not used: the draws tell the uncertainty.
#' @param ... For `pp_check()` arguments of that function, otherwise not used.
#' @return `pp_check()` returns a ggplot object. The others return what marginaleffects asks for.
#' @section Errors:
#' `brenier_error_argument` for a wrong `type`.
#' @name brenier_friends
#' @examplesIf requireNamespace("bayesplot", quietly = TRUE)
#' post <- brenier_glm(mpg ~ wt, data = mtcars)
#' bayesplot::pp_check(post, ndraws = 20, seed = 1)
#' @exportS3Method bayesplot::pp_check
pp_check.brenier_glm <- function(object, type = "dens_overlay", ndraws = 50, seed = NULL, ...) {
  known <- sub("^ppc_", "", grep("^ppc_.*", getNamespaceExports("bayesplot"), value = TRUE))
  type <- check_choice(type, sort(known), "type")
  yrep <- posterior_predict.brenier_glm(object, ndraws = ndraws, seed = seed)
  getExportedValue("bayesplot", paste0("ppc_", type))(as.double(object$y), unname(yrep), ...)
}

#' @rdname brenier_friends
#' @exportS3Method marginaleffects::get_predict
get_predict.brenier_glm <- function(model, newdata = NULL, type = "response", ...) {
  type <- check_choice(type, c("response", "link"), "type")
  eta <- glm_draws(model, newdata, 1000, 1)$eta
  draws <- unname(if (type == "link") eta else glm_mean(model, eta))
  ids <- newdata$rowid %||% seq_len(ncol(draws))
  structure(data.frame(rowid = ids, estimate = apply(draws, 2, stats::median)), posterior_draws = t(draws))
}

#' @rdname brenier_friends
#' @exportS3Method marginaleffects::get_coef
get_coef.brenier_glm <- function(model, ...) stats::coef(model)

#' @rdname brenier_friends
#' @exportS3Method marginaleffects::get_vcov
get_vcov.brenier_glm <- function(model, vcov = NULL, ...) NULL
