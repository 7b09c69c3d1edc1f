#' Draws from a fitted map
#'
#' Independent draws from the fitted law: normal draws of the reference, taken back through the
#' inverse of the map.
#'
#' @param object A fit of [brenier()].
#' @param nsim Number of draws; with covariates for each row of `newdata`.
#' @template seed
#' @param newdata For a fit with covariates: a data frame with them; by default those of the fit.
#' @param average `TRUE` draws from the average iterate: the mixture of the laws of the potentials that
#'   the steps started from, since the atoms were last changed, with weights proportional to the step
#'   sizes. Its divergence from the data is at most the regret over the sum of the step sizes, see
#'   [regret()]. It needs `iterates = TRUE` in [brenier_control()].
#' @param ... None; anything here is an error.
#' @return `simulate()`: a data frame of `nsim` rows with the variables of the fit, for `~ log(b)`
#'   that is `log(b)`. With covariates `nsim` rows for each of `newdata`, whose number is in the column
#'   `row` in front; a missing covariate gives `NA`. `as_draws()`: the same as a [posterior::draws_df] of one chain.
#' @family maps of data
#' @template definitions
#' @section Errors:
#' `brenier_error_argument` for a wrong `nsim` or `seed`, an `nsim` that makes more than 2^27 numbers (draw
#' in batches), or `average` without stored iterates; those of
#' [predict.brenier()] for `newdata`.
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful)
#' simulate(fit, nsim = 5, seed = 1)
#' @export
simulate.brenier <- function(object, nsim = 1, seed = NULL, ..., newdata = NULL, average = FALSE) {
  check_no_dots(..., known = c("nsim", "seed", "newdata", "average"))
  nsim <- check_count(nsim, "nsim")
  if (check_flag(average, "average")) return(simulate_average(object, nsim, seed, newdata))
  if (is.null(object$design)) {
    if (!is.null(newdata)) {
      brenier_abort("{.arg newdata} must be left out: the fit has no covariates.", "argument",
                    argument = "newdata")
    }
    check_drawn(nsim, object$d)
    y <- with_seed(seed, reference_draws(object, nsim))
    return(as.data.frame(invert(object, y)))
  }
  given <- new_covariates(object, newdata)
  check_drawn(as.double(nsim) * nrow(given), object$d + 1)
  row <- rep(seq_len(nrow(given)), each = nsim)
  y <- with_seed(seed, matrix(stats::rnorm(length(row) * object$d), length(row), object$d))
  x <- matrix(NA_real_, length(row), object$d, dimnames = list(NULL, object$variables))
  known <- stats::complete.cases(given)[row]
  x[known, ] <- invert(object, y[known, , drop = FALSE], given[row[known], , drop = FALSE])
  data.frame(row = row, x, check.names = FALSE)
}

#' Draws of the mixture of the iterates: each from the potential of a step, drawn by its step size.
#' @noRd
simulate_average <- function(object, nsim, seed, newdata) {
  layer <- object$layers[[1]]
  if (length(object$layers) > 1 || !object$control$iterates) {
    brenier_abort(c(
      "{.arg average} needs a fit of one layer that kept its iterates.",
      i = "Fit with {.code control = brenier_control(iterates = TRUE)}."
    ), "argument", argument = "average")
  }
  if (!is.null(newdata) || !is.null(object$design)) {
    brenier_abort("{.arg average} serves fits without covariates.", "argument", argument = "average")
  }
  # no step since the atoms last changed: the fit is its only iterate
  if (NROW(layer$iterates) == 0) return(simulate(object, nsim, seed))
  check_drawn(nsim, object$d)
  weight <- layer$iterates[, 1]
  draw <- with_seed(seed, list(
    y = reference_draws(object, nsim),
    step = sample.int(length(weight), nsim, replace = TRUE, prob = weight)
  ))
  x <- matrix(NA_real_, nsim, object$d, dimnames = list(NULL, object$variables))
  for (k in unique(draw$step)) {
    at <- draw$step == k
    layer$potential$coef <- layer$iterates[k, -1]
    x[at, ] <- backward(list(layer), draw$y[at, , drop = FALSE])
  }
  as.data.frame(x)
}

#' Draws of the reference: normal, or rows of the sample that took its place.
#' @noRd
reference_draws <- function(object, nsim) {
  reference <- object$pairing$reference
  if (is.null(reference)) return(matrix(stats::rnorm(nsim * object$d), nsim, object$d))
  reference[sample.int(nrow(reference), nsim, replace = TRUE), , drop = FALSE]
}

#' @rdname simulate.brenier
#' @param x A fit of [brenier()].
#' @param ndraws Number of draws.
#' @importFrom posterior as_draws
#' @export
as_draws.brenier <- function(x, ndraws = 1000, seed = NULL, ...) {
  posterior::as_draws_df(simulate(x, check_count(ndraws, "ndraws", 1), seed, ...))
}

#' @export
posterior::as_draws
