#' How transport is solved
#'
#' Every setting of [sinkhorn()] in one list, each checked.
#'
#' @param tol The L1 distance of the marginals of the plan from the masses to reach, relative to the
#'   mass, from 1e-14 to 1. The error of `value` is then at most about `tol` times the largest
#'   cost, mostly far less; see `gap` of [sinkhorn()].
#' @param max_iter Most iterations over all points. A result that runs out of them is returned as it
#'   is, with a warning, and `converged` is `FALSE`.
#' @param anneal Whether to come down to `epsilon` by quarters, over clouds that get finer on the way.
#'   `FALSE` starts at `epsilon` from potentials of zero.
#' @param check_every Number of iterations from one row of the trace to the next. Between them the
#'   updates are over-relaxed; the check itself is free.
#' @param ... None: a name that is not one of the settings is an error that says which is near.
#' @return A list of class `sinkhorn_control` with an element for each argument.
#' @section Errors:
#' `brenier_error_argument`, which names the argument, its value and what is allowed.
#' @seealso [sinkhorn()]
#' @family transport between samples
#' @template definitions
#' @examples
#' sinkhorn_control(tol = 1e-9)
#' @export
sinkhorn_control <- function(tol = 1e-6, max_iter = 2000, anneal = TRUE, check_every = 10, ...) {
  check_no_dots(..., known = names(formals(sinkhorn_control)))
  structure(list(
    tol = check_number(tol, "tol", 1e-14, 1),
    max_iter = check_count(max_iter, "max_iter", 1, 1e7),
    anneal = check_flag(anneal, "anneal"),
    check_every = check_count(check_every, "check_every", 1, 1e6)
  ), class = "sinkhorn_control")
}

#' @export
print.sinkhorn_control <- function(x, ...) {
  cat("Control of Sinkhorn's algorithm\n")
  cat(paste0("  ", format(names(x)), "  ", vapply(x, shown, ""), "\n"), sep = "")
  invisible(x)
}

as_sinkhorn_control <- function(control) {
  control <- unclass(control) # it may have been edited since it was checked
  named <- length(control) == 0 || (!is.null(names(control)) && all(names(control) != ""))
  if (!is.list(control) || !named) {
    brenier_abort(c(
      "{.arg control} must come from {.fn sinkhorn_control}, not be {shown(control)}."
    ), "argument", argument = "control")
  }
  known <- names(formals(sinkhorn_control))
  unknown <- setdiff(names(control), known)
  if (length(unknown)) do.call(check_no_dots, c(control[unknown[1]], list(known = known)))
  do.call(sinkhorn_control, control)
}
