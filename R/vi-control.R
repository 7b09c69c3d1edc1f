#' How a posterior is approximated
#'
#' Every setting of [brenier_vi()] in one list, each checked. The names are those of
#' [brenier_control()], as far as they apply.
#'
#' @inheritParams brenier_control
#' @param max_atoms Most ridge atoms in the potential. With none, and no `components`, the
#'   approximation is the best Gaussian one.
#' @param max_iter Most mirror steps of each fit.
#' @param tol The fit to given points is over when the next step promises less than about `tol`
#'   nats.
#' @param step The first step size; `Inf` is a Newton step.
#' @param validation Number of quasi-random points of the validation, and of the fresh draws that
#'   the diagnostics are from: of these fewer where they would take more than a fifth of `max_seconds`.
#' @param folds 1 validates, 0 does not: the fit then takes all the rounds it may, which overfits.
#' @param kappa Floor of the eigenvalues of Q, and so of the derivative of the map, in coordinates
#'   in which the Gaussian approximation is N(0, I).
#' @param min_width Least width of an atom in these coordinates.
#' @param penalty Weight of the sum of the coefficients of the atoms: the objective has `penalty`/n
#'   times the sum, n the number of points.
#' @param max_seconds Wall-clock limit in seconds of the whole call. The best fit so far is
#'   returned then, and says so.
#' @param components Number of quadratics of the softmax, where the potential has one. By default
#'   6, and 3 where the Gaussian law is within 0.05 nats.
#' @param points Number of quasi-random points that the first fit sees, at least `4 (d + 2)`.
#' @param max_points Most points: they double while the fit does better on them than on the
#'   validation by more than the standard error.
#' @param max_gradients About the most points at which the gradient is asked for, or taken by
#'   differences, in all. No fit is begun that cannot take ten steps.
#' @param temper Temperature that the fit begins at: it sees the log density divided by it first,
#'   which lowers the barriers between modes, and then cools by halves. 1 does not temper.
#' @param ... None: a name that is not one of the settings is an error that says which is near.
#' @return A list of class `brenier_vi_control` with an element for each argument.
#' @section Errors:
#' `brenier_error_argument`, which names the argument, its value and what is allowed.
#' @seealso [brenier_vi()]
#' @family posteriors
#' @template definitions
#' @examples
#' brenier_vi_control(max_points = 2048)
#' @export
brenier_vi_control <- function(max_atoms = 60, max_iter = 2000, tol = 2e-4, schedule = "adaptive",
                               step = 1, implicit = TRUE, validation = 4096, folds = 1,
                               kappa = 0.02, min_width = 0.1, penalty = 0, max_seconds = Inf,
                               components = NULL, points = 512, max_points = 8192,
                               max_gradients = 1e5, temper = 1, ...) {
  check_no_dots(..., known = names(formals(brenier_vi_control)))
  validation <- check_count(validation, "validation", 100, 1e6)
  points <- check_count(points, "points", 32, 1e6)
  shared <- brenier_control(
    max_atoms = max_atoms, max_iter = max_iter, tol = tol, schedule = schedule, step = step,
    implicit = implicit, kappa = kappa, min_width = min_width, penalty = penalty,
    max_seconds = max_seconds, components = components
  )
  shared$validation <- validation
  shared$folds <- check_count(folds, "folds", 0, 1, remedy = "1 validates, 0 does not.")
  shared$ledger <- shared$iterates <- NULL
  shared$points <- points
  shared$max_points <- check_count(max_points, "max_points", points, 1e7,
                                   remedy = "It must be at least {.arg points}.")
  shared$temper <- check_number(temper, "temper", 1, 1e6)
  shared$max_gradients <- check_number(max_gradients, "max_gradients", 100, infinite = TRUE)
  structure(unclass(shared), class = c("brenier_vi_control", "brenier_control"))
}

#' @export
print.brenier_vi_control <- function(x, ...) {
  cat("Control of a posterior by Brenier maps\n")
  value <- vapply(x, function(v) if (is.null(v)) "chosen from the target" else shown(v), "")
  cat(paste0("  ", format(names(x)), "  ", value, "\n"), sep = "")
  invisible(x)
}

as_vi_control <- function(control) {
  control <- unclass(control) # it may have been edited since it was checked
  named <- length(control) == 0 || (!is.null(names(control)) && all(names(control) != ""))
  if (!is.list(control) || !named) {
    brenier_abort(c(
      "{.arg control} must come from {.fn brenier_vi_control}, not be {shown(control)}."
    ), "argument", argument = "control")
  }
  unknown <- setdiff(names(control), names(formals(brenier_vi_control)))
  if (length(unknown)) do.call(check_no_dots, c(control[unknown[1]],
                                                list(known = names(formals(brenier_vi_control)))))
  do.call(brenier_vi_control, control)
}

#' Options of the core for a target in d dimensions.
#' @noRd
vi_options <- function(control, d, n, max_atoms, n_components, max_rounds, start = NULL) {
  control$max_atoms <- max_atoms
  control["components"] <- list(NULL)
  control$iterates <- FALSE
  options <- core_options(control, d, 0L, n, max_rounds)
  # rounds of ridge atoms alone are cheap enough to be solved well
  options$round_tol <- max(control$tol, if (n_components == 0 && d <= 3) 1e-3 else 1e-2)
  options$n_components <- as.integer(n_components)
  options$keep_best <- control$folds
  options$patience <- 2L
  options$noise <- matrix(0, 0, d)
  options$axes <- diag(d)
  options["start"] <- list(start)
  options["other"] <- list(NULL)
  options
}
