#' Parts of a fitted map
#'
#' @param object,x A fit of [brenier()].
#' @param ... None.
#' @return
#'   * `residuals()`: the reference residuals T(x), a matrix with one row for each row of positive
#'     weight, a sample of N(0, I) if the fit is right;
#'   * `fitted()`: with covariates the mean of the law at each row, `predict(fit, type = "mean")`;
#'   * `logLik()`: the log likelihood of the data, the sum of weight times log density. Its `df`
#'     counts the means or regression coefficients, the covariances and one coefficient a fitted atom, not the choice of the
#'     atoms, so that `AIC()` flatters a fit with many atoms; `held_out` of the fit is the figure to
#'     trust;
#'   * `nobs()`: number of rows of positive weight;
#'   * `formula()`, `terms()`: those of the formula method, otherwise a formula with the names of
#'     the columns;
#'   * `model.frame()`: the variables of the fit, and the columns of the model matrix of the covariates,
#'     at the rows of positive weight, a data frame.
#' @name brenier_methods
#' @family maps of data
#' @template definitions
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful)
#' colMeans(residuals(fit))
#' logLik(fit)
#' @export
residuals.brenier <- function(object, ...) {
  check_no_dots(..., known = "object")
  predict(object, type = "map")
}

#' @rdname brenier_methods
#' @export
fitted.brenier <- function(object, ...) {
  check_no_dots(..., known = "object")
  if (!is.null(object$design)) return(predict(object, type = "mean"))
  abort_verb("A fit without covariates has no fitted values.",
             paste("Its mean is {.code predict(fit, type = \"mean\")}, its density at the data",
                   "{.code predict(fit)}."))
}

#' @rdname brenier_methods
#' @export
logLik.brenier <- function(object, ...) {
  linear <- object$d * (1 + NCOL(object$given %||% matrix(0, 1, 0))) + object$d * (object$d + 1) / 2
  df <- length(object$layers) * linear + n_atoms(object)
  structure(object$log_likelihood, df = df, nobs = object$n, class = "logLik")
}

#' @rdname brenier_methods
#' @export
nobs.brenier <- function(object, ...) object$n

#' @rdname brenier_methods
#' @export
formula.brenier <- function(x, ...) {
  if (!is.null(x$terms)) return(stats::formula(x$terms))
  right <- if (is.null(x$design)) x$variables else x$design$variables
  left <- if (!is.null(x$design)) lapply(x$variables, as.name)
  if (length(left) > 1) left <- list(as.call(c(quote(cbind), left)))
  stats::reformulate(paste0("`", right, "`"), left[[1]], env = globalenv())
}

#' @rdname brenier_methods
#' @export
terms.brenier <- function(x, ...) x$terms %||% stats::terms(formula(x))

#' @rdname brenier_methods
#' @param formula A fit of [brenier()].
#' @export
model.frame.brenier <- function(formula, ...) {
  variables <- as.data.frame(formula$x)
  if (is.null(formula$given)) return(variables)
  data.frame(variables, structure(as.data.frame(formula$given), names = formula$design$columns),
             check.names = FALSE)
}

#' Tidy summaries of a fitted map
#'
#' @param x A fit of [brenier()].
#' @param data,newdata A data frame to add columns to, with the variables of the fit; `newdata` goes
#'   before `data`. By default the variables and rows of the fit.
#' @param ... None.
#' @return Data frames:
#'   * `glance()` has one row: `n`, `d`, fitted `atoms`, `layers`, `log_likelihood` of all
#'     the data, `held_out` log likelihood a point and its standard error `held_out_se`, `gap`,
#'     `converged`, `iterations`, `seconds`;
#'   * `tidy()` has one row an atom: `layer`, `atom`, `tail` (whether it continues the map beyond the data
#'     and is not fitted), `profile` (`"bump"`, `"step"` or `"gate"`), its direction in whitened coordinates
#'     (one column a variable, and one a coordinate of the covariates), `centre`, `width` and `coefficient`;
#'   * `augment()` is the data with the columns `.log_density` and `.rank`, see [predict.brenier()].
#' @name brenier_tidiers
#' @family maps of data
#' @template definitions
#' @section Errors:
#' Those of [predict.brenier()] for data that lack a variable.
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful)
#' glance(fit)
#' @export
glance.brenier <- function(x, ...) {
  data.frame(
    n = x$n, d = x$d, atoms = n_atoms(x), layers = length(x$layers), log_likelihood = x$log_likelihood,
    held_out = x$held_out$log_likelihood, held_out_se = x$held_out$se, gap = x$gap,
    converged = x$converged, iterations = n_steps(x), seconds = x$seconds
  )
}

#' @rdname brenier_tidiers
#' @export
tidy.brenier <- function(x, ...) {
  do.call(rbind, lapply(seq_along(x$layers), function(l) tidy_layer(x, l)))
}

tidy_layer <- function(x, l) {
  p <- x$layers[[l]]$potential
  at <- p$n_quadratic + seq_len(p$n_atoms)
  direction <- t(p$direction[, at, drop = FALSE])
  colnames(direction) <- c(x$variables, if (p$given > 0) paste0("given", seq_len(p$given)))
  data.frame(
    layer = rep(l, length(at)), atom = seq_along(at), tail = seq_along(at) > p$n_atoms - p$n_tails,
    profile = c("bump", "step", "gate")[p$profile[at] + 1L], direction, centre = p$centre[at],
    width = p$width[at], coefficient = p$coef[p$d * (1 + p$given) + at], check.names = FALSE
  )
}

#' @rdname brenier_tidiers
#' @export
augment.brenier <- function(x, data = NULL, newdata = NULL, ...) {
  check_no_dots(..., known = c("data", "newdata"))
  to <- newdata %||% data %||% as.data.frame(x$x)
  to$.log_density <- predict(x, newdata %||% data, type = "log_density")
  to$.rank <- predict(x, newdata %||% data, type = "rank")
  to
}

#' @export
generics::augment

#' @export
generics::glance

#' @export
generics::tidy
