#' Parts of a fitted map
#'
#' @param object,x A fit of [brenier()].
#' @param ... For `residuals()`, `logLik()`, `nobs()` and `formula()` none.
#' @return
#'   * `residuals()`: the reference residuals T(x), a matrix with one row a point of the data, N(0, I)
#'     if the fit is right;
#'   * `logLik()`: the weighted log likelihood of the data; its `df` counts the means, the covariances and
#'     one coefficient an atom, not the choice of the atoms, so that `AIC()` flatters a fit with many atoms; `held_out` of the fit
#'     is the figure to trust;
#'   * `nobs()`: number of rows of positive weight;
#'   * `formula()`, `terms()`, `model.frame()`: of the formula method.
#' @name brenier_methods
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful)
#' colMeans(residuals(fit))
#' logLik(fit)
#' @export
residuals.brenier <- function(object, ...) predict(object, type = "map")

#' @rdname brenier_methods
#' @export
logLik.brenier <- function(object, ...) {
  df <- object$d * (object$d + 3) / 2 + object$potential$n_atoms - object$potential$n_tails
  structure(object$log_likelihood, df = df, nobs = object$n, class = "logLik")
}

#' @rdname brenier_methods
#' @export
nobs.brenier <- function(object, ...) object$n

#' @rdname brenier_methods
#' @export
formula.brenier <- function(x, ...) {
  if (!is.null(x$terms)) return(stats::formula(x$terms))
  stats::reformulate(paste0("`", x$variables, "`"), env = globalenv())
}

#' @rdname brenier_methods
#' @export
terms.brenier <- function(x, ...) x$terms %||% stats::terms(formula(x))

#' @rdname brenier_methods
#' @param formula A fit of [brenier()].
#' @export
model.frame.brenier <- function(formula, ...) as.data.frame(formula$x)

#' Tidy summaries of a fitted map
#'
#' @param x A fit of [brenier()].
#' @param data,newdata Data to add columns to: by default those of the fit.
#' @param ... None.
#' @return Data frames:
#'   * `glance()` has one row: `n`, `d`, `atoms`, `log_likelihood`, `held_out`, `held_out_se` (a point),
#'     `gap`, `converged`, `iterations`, `seconds`;
#'   * `tidy()` has one row an atom: `atom`, `tail` (set beyond the data, not fitted), `profile`, its direction in whitened coordinates
#'     (one column a variable), `centre`, `width` and `coefficient`;
#'   * `augment()` is the data with `.log_density` and `.rank`.
#' @name brenier_tidiers
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful)
#' glance(fit)
#' @export
glance.brenier <- function(x, ...) {
  data.frame(
    n = x$n, d = x$d, atoms = x$potential$n_atoms - x$potential$n_tails, log_likelihood = x$log_likelihood,
    held_out = x$held_out$log_likelihood, held_out_se = x$held_out$se, gap = x$gap,
    converged = x$converged, iterations = max(x$trace$iter), seconds = x$seconds
  )
}

#' @rdname brenier_tidiers
#' @export
tidy.brenier <- function(x, ...) {
  p <- x$potential
  at <- p$n_quadratic + seq_len(p$n_atoms)
  direction <- t(p$direction[, at, drop = FALSE])
  colnames(direction) <- x$variables
  data.frame(
    atom = seq_along(at), tail = seq_along(at) > p$n_atoms - p$n_tails, profile = c("bump", "step")[p$profile[at] + 1L], direction, centre = p$centre[at], width = p$width[at],
    coefficient = p$coef[p$d + at], check.names = FALSE
  )
}

#' @rdname brenier_tidiers
#' @export
augment.brenier <- function(x, data = NULL, newdata = NULL, ...) {
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
