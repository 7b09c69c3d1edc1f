# Verbs of lm(), glm() and their kin that have no answer here. R would return NULL, or fail in words of
# its own; an error says where the answer is.

abort_verb <- function(what, remedy) {
  brenier_abort(c(what, i = remedy), "argument", argument = "object")
}

#' @importFrom stats anova confint deviance df.residual median quantile sigma
#' @export
coef.brenier <- function(object, ...) {
  abort_verb("A map has no coefficients of variables.", c(
    "What a covariate does: {.code predict(fit, newdata, type = \"mean\")} or {.val quantile} at two of
     its values. The atoms: {.code tidy(fit)}."
  ))
}

#' @export
confint.brenier <- function(object, parm, level = 0.95, ...) abort_uncertain()

#' @export
vcov.brenier <- function(object, ...) abort_uncertain()

abort_uncertain <- function() {
  abort_verb("A map has no standard errors.",
             "Refit to resampled rows, or see {.code held_out} of the fit and {.fn kl_bounds}.")
}

#' @export
anova.brenier <- function(object, ...) {
  abort_verb("There is no analysis of variance of maps.",
             "Compare fits by {.code glance(fit)$held_out}, or by {.fn kl_bounds} of fresh data.")
}

#' @export
deviance.brenier <- function(object, ...) abort_deviance()

#' @export
df.residual.brenier <- function(object, ...) abort_deviance()

#' @export
sigma.brenier <- function(object, ...) abort_deviance()

abort_deviance <- function() {
  abort_verb("A map has no deviance and no residual variance.",
             "It has {.fn logLik}; {.fn summary} gives moments of the residuals.")
}

#' @export
quantile.brenier <- function(x, ...) abort_quantile()

#' @export
median.brenier <- function(x, na.rm = FALSE, ...) abort_quantile()

#' @export
mean.brenier <- function(x, ...) abort_quantile()

abort_quantile <- function() {
  abort_verb("Means and quantiles of a fit come from {.fn predict}.", paste(
    "{.code predict(fit, type = \"mean\")}, or {.code type = \"quantile\", level = 0.5}; regions",
    "from {.fn quantile_region}."
  ))
}

#' @export
as.matrix.brenier <- function(x, ...) {
  abort_verb("A fit is no matrix.", "Draws are {.code simulate(fit, nsim)}, the data {.code fit$x}.")
}

#' @export
anova.brenier_posterior <- function(object, ...) abort_compare()

#' @export
logLik.brenier_posterior <- function(object, ...) abort_compare()

#' @export
deviance.brenier_posterior <- function(object, ...) abort_compare()

abort_compare <- function() {
  abort_verb("A posterior has no one log likelihood, and no tests.",
             "Compare models by {.fn loo::loo}, or by {.code log_evidence} of the fits.")
}

#' @export
quantile.brenier_posterior <- function(x, ...) abort_parameters()

#' @export
median.brenier_posterior <- function(x, na.rm = FALSE, ...) abort_parameters()

#' @export
mean.brenier_posterior <- function(x, ...) abort_parameters()

abort_parameters <- function() {
  abort_verb("Moments and quantiles of the parameters are in {.code summary(post)}.", paste(
    "Others are of draws: {.code posterior::summarise_draws(as_draws(post))}, or",
    "{.code as.matrix(post)}."
  ))
}
