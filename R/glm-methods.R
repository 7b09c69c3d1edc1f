#' Coefficients, fitted values and predictions of a regression
#'
#' @param object,x,formula,fitted A posterior of [brenier_glm()], for `coef()` and `vcov()` also of
#'   [brenier_vi()].
#' @param newdata A data frame with the variables of the formula. By default the data of the fit.
#' @param type For `predict()` the linear predictor `"link"`, the mean of the response `"response"`,
#'   or the `"log_density"` of the approximation at the parameters in `newdata`, see
#'   [predict.brenier_posterior()]. For `residuals()` `"response"` or `"pearson"`, these over the standard
#'   deviation that the family has at the mean parameters.
#' @param parm,level Names or numbers of the parameters, by default all that `coef()` has, and the
#'   probability of the intervals.
#' @param se.fit Whether posterior standard deviations are wanted too.
#' @param ... None.
#' @return
#'   * `coef()`: posterior **means** of the coefficients, without the auxiliary parameter, or of all
#'     parameters of [brenier_vi()]; `vcov()` their posterior covariance;
#'     `confint()` central intervals, by quantiles, not by a normal law. All numbers here are of
#'     the approximation, from 8192 quasi-random points, and
#'     1024 for fitted values: there is no noise of draws in them;
#'   * `fitted()`, `predict(type = "response")`: posterior means of the mean of the response, a probability
#'     for `binomial()`. With `se.fit` a list of `fit` and `se.fit`. Rows of `newdata` with missing values
#'     have `NA`;
#'   * `residuals()`: response, or proportion of successes, less its fitted value;
#'   * `nobs()`: observations whose weight is not 0; `formula()`, `terms()`, `model.frame()`, `family()`: as
#'     of [stats::glm()].
#' @section Errors:
#' `brenier_error_variable` where `newdata` lacks a variable or has a level that the fit has not seen,
#' `brenier_error_type`, `brenier_error_argument`.
#' @name coef.brenier_glm
#' @family posteriors
#' @template definitions
#' @examples
#' post <- brenier_glm(mpg ~ wt, data = mtcars)
#' coef(post)
#' predict(post, data.frame(wt = c(2, 3)), type = "response", se.fit = TRUE)
NULL

#' Parameters at n quasi-random points, a row each.
#' @noRd
glm_points <- function(object, n) {
  y <- with_seed(2, fit_points(max(n, 4 * (object$d + 2)), object$d))
  target_parameters(object$target, push_draws(object$layers, y)$z)$x
}

coef_names <- function(object) colnames(object$design$X)

#' @rdname coef.brenier_glm
#' @export
coef.brenier_posterior <- function(object, ...) {
  check_no_dots(..., known = "object")
  colMeans(glm_points(object, 8192))
}

#' @rdname coef.brenier_glm
#' @export
vcov.brenier_posterior <- function(object, ...) {
  check_no_dots(..., known = "object")
  stats::cov(glm_points(object, 8192))
}

#' @rdname coef.brenier_glm
#' @export
confint.brenier_posterior <- function(object, parm, level = 0.95, ...) {
  check_no_dots(..., known = c("object", "parm", "level"))
  known <- names(coef(object))
  if (missing(parm)) parm <- known
  at <- if (is.numeric(parm)) parm else match(parm, known)
  if (length(at) == 0 || !all(at %in% seq_along(known))) {
    brenier_abort("{.arg parm} must be among {.val {known}}, not {.val {parm}}.", "argument",
                  argument = "parm")
  }
  level <- check_number(level, "level", 0, 1, open = TRUE)
  ends <- c(1 - level, 1 + level) / 2
  draws <- glm_points(object, 8192)[, known[at], drop = FALSE]
  structure(t(apply(draws, 2, stats::quantile, probs = ends, names = FALSE)),
            dimnames = list(known[at], paste(format(100 * ends, trim = TRUE, digits = 3), "%")))
}

#' @rdname coef.brenier_glm
#' @importFrom stats coef
#' @export
coef.brenier_glm <- function(object, ...) {
  check_no_dots(..., known = "object")
  colMeans(glm_points(object, 8192)[, coef_names(object), drop = FALSE])
}

#' @rdname coef.brenier_glm
#' @importFrom stats vcov
#' @export
vcov.brenier_glm <- function(object, ...) {
  check_no_dots(..., known = "object")
  stats::cov(glm_points(object, 8192)[, coef_names(object), drop = FALSE])
}

#' @rdname coef.brenier_glm
#' @importFrom stats fitted
#' @export
fitted.brenier_glm <- function(object, ...) {
  check_no_dots(..., known = "object")
  value <- predict(object, type = "response")
  stats::napredict(object$na.action, value)
}

#' @rdname coef.brenier_glm
#' @export
residuals.brenier_glm <- function(object, type = c("response", "pearson"), ...) {
  check_no_dots(..., known = c("object", "type"))
  type <- check_choice(type, c("response", "pearson"), "type")
  mu <- predict(object, type = "response")
  value <- ifelse(object$size > 0, object$y / object$size, 0) - mu
  if (type == "pearson") {
    aux <- if (length(object$link$aux)) mean(glm_points(object, 8192)[, object$link$aux])
    value <- value * sqrt(object$weights * object$size / object$link$variance(mu, aux))
  }
  stats::naresid(object$na.action, stats::setNames(value, rownames(object$model)))
}

#' @rdname coef.brenier_glm
#' @export
predict.brenier_glm <- function(object, newdata = NULL, type = c("link", "response", "log_density"),
                                se.fit = FALSE, ...) {
  type <- check_choice(type, c("link", "response", "log_density"), "type")
  if (type == "log_density") return(predict.brenier_posterior(object, newdata, ...))
  check_no_dots(..., known = c("object", "newdata", "type", "se.fit"))
  check_flag(se.fit, "se.fit")
  at <- glm_newdata(object, newdata)
  draws <- glm_points(object, 1024)[, coef_names(object), drop = FALSE]
  mean <- se <- numeric(nrow(at$X))
  for (start in seq(1, nrow(at$X), by = 1024)) { # no matrix of all rows by all draws
    rows <- start:min(start + 1023, nrow(at$X))
    eta <- at$X[rows, , drop = FALSE] %*% t(draws) + at$offset[rows]
    if (type == "response") eta <- inverse_link(object, eta)
    mean[rows] <- rowMeans(eta)
    if (se.fit) se[rows] <- sqrt(rowMeans((eta - mean[rows])^2))
  }
  names(mean) <- names(se) <- at$names
  if (se.fit) list(fit = mean, se.fit = se) else mean
}

#' linkinv() drops dimensions for some links, and keeps probabilities off 0 and 1.
#' @noRd
inverse_link <- function(object, eta) {
  mu <- switch(object$link$link, logit = stats::plogis(eta), probit = stats::pnorm(eta),
               cloglog = -expm1(-exp(eta)), log = exp(eta), identity = eta)
  matrix(mu, nrow(eta))
}

#' The design and offset of new data: list(X, offset, names, and data).
#' @noRd
glm_newdata <- function(object, newdata, offset = NULL) {
  if (is.null(newdata)) {
    return(list(X = object$design$X, offset = object$offset, names = rownames(object$model)))
  }
  X <- new_covariates(list(design = object$design, given = NULL), newdata)
  newdata <- as.data.frame(newdata)
  frame <- covariate_frame(object$design, newdata)
  offset <- stats::model.offset(frame) %||% 0
  if (!is.null(object$call$offset)) {
    offset <- offset + eval(object$call$offset, newdata, environment(object$formula))
  }
  list(X = X, offset = rep_len(as.double(offset), nrow(X)), names = rownames(newdata),
       data = newdata)
}

#' @rdname coef.brenier_glm
#' @export
formula.brenier_glm <- function(x, ...) stats::formula(x$terms)

#' @rdname coef.brenier_glm
#' @export
terms.brenier_glm <- function(x, ...) x$terms

#' @rdname coef.brenier_glm
#' @export
model.frame.brenier_glm <- function(formula, ...) formula$model

#' @rdname coef.brenier_glm
#' @export
nobs.brenier_glm <- function(object, ...) sum(object$weights * object$size > 0)

#' @rdname coef.brenier_glm
#' @importFrom stats family
#' @export
family.brenier_glm <- function(object, ...) object$link$object

#' @rdname print.brenier_posterior
#' @export
print.brenier_glm <- function(x, digits = 4, ...) {
  cat("Regression ", deparse1(stats::formula(x$terms)), ", ", x$link$name, "(", x$link$link, "), ",
      nobs(x), " observations\n", sep = "")
  NextMethod()
  if (x$improper) cat("  The posterior is improper, see the warning: these numbers are of no use.\n")
  points <- glm_points(x, 8192)
  cat("\n")
  print(cbind(mean = colMeans(points), sd = apply(points, 2, stats::sd)), digits = digits)
  invisible(x)
}
