#' How a map is fitted
#'
#' Every setting of [brenier()] in one list, each checked. The defaults serve data from fifty points
#' to a hundred thousand; the first to try are `max_atoms` (0 gives the Gaussian map), `penalty`
#' (more is smoother) and `folds`.
#'
#' @param max_atoms Most ridge atoms in the potential. 0 gives the Gaussian map, that is, the normal
#'   law with the mean and covariance of the data.
#' @param max_iter Most mirror steps of the final fit, and of each fit on a part of the data. A fit
#'   that runs out of them is returned as it is, with a warning, and `converged` is `FALSE`.
#' @param tol The certificate to reach, from 1e-12 to 1: the fit is over when the objective is
#'   proved to be within `tol` nats a point of its minimum over the coefficients of the chosen
#'   atoms.
#' @param schedule Step sizes \eqn{\eta_k} of the mirror steps k = 1, 2, ...: `"adaptive"` starts at
#'   `step` and grows after full steps, shrinks after shortened ones; `"constant"` is `step`,
#'   `"sqrt"` is `step`/sqrt(k), `"harmonic"` is `step`/k; or a function of k that returns one
#'   positive number.
#' @param step The first step size. `Inf`, the default of implicit steps, makes them Newton steps.
#'   The default of explicit steps is 0.5; they need a finite one.
#' @param implicit `TRUE` solves \eqn{(G + \eta H)\delta = -\eta g}{(G + eta H) delta = -eta g},
#'   `FALSE` the explicit \eqn{G\delta = -\eta g}{G delta = -eta g}; see [brenier()].
#' @param validation Fraction of the data held out when `folds = 1`, strictly between 0 and 0.9.
#' @param folds Folds of the cross-validation that decides how many rounds of atoms there are and
#'   how narrow they may be; at most half the number of points. Equal rows
#'   stay together. 1 holds out one part of size `validation`;
#'   0 holds out nothing and adds atoms until there are `max_atoms` or none lowers the objective
#'   noticeably, which overfits. By default 5 up to 5000 points and 1 above, where one part is large
#'   enough to judge by. With fewer than max(10, 2 (d + 2)) points the map is Gaussian, unless
#'   `folds = 0`.
#' @param kappa Floor of the eigenvalues of Q, and so of \eqn{D^2u}{D^2 u}, in whitened coordinates,
#'   strictly between 0 and 1. It keeps the map invertible and the density positive in gaps of the
#'   data; smaller values allow emptier gaps and longer tails.
#' @param min_width Least width of an atom in whitened coordinates, where the data have unit
#'   variance, from 0.001 to 2: the resolution of the map. By default the validation chooses among
#'   0.05, 0.1 and 0.2 up to three dimensions, twice that above; the middle one without a
#'   validation.
#' @param penalty Weight of the sum of the coefficients of the atoms. The objective a point has
#'   `penalty`/n times that sum, n the effective number of points of [brenier()]: the weight of
#'   `penalty` points of data per unit of curvature. By default 1.5; with covariates, where scales
#'   may differ by a factor of ten, the validation chooses between 0.2 and 1.
#' @param max_seconds Wall-clock limit in seconds of each of the fits: one for each fold and width
#'   that the validation tries, by default 15, and the final one.
#' @param ledger Number of points that stand for N(0, I) in the columns `jeffreys`, `regret`,
#'   `regret_bound` and `identity` of the [trace][brenier_trace], at least 2 d of them; 0 leaves
#'   these columns `NA`. They add a little to the time of the final fit; the map does not depend on
#'   them.
#' @param iterates Whether to keep the potentials of the steps since the atoms were last changed, for the
#'   average iterate of [simulate.brenier()]. Without atoms these are all steps.
#' @param components Number of quadratics of a softmax potential; by default the validation chooses among
#'   8, 16 and 32, or with atoms among none, 8 and 16. 16 without a validation.
#' @param ... None: a name that is not one of the settings is an error that says which is near.
#' @return A list of class `brenier_control` with an element for each argument; `NULL` stands for
#'   what is chosen from the data.
#' @section Errors:
#' `brenier_error_argument`, which names the argument, its value and what is allowed.
#' @seealso [brenier()]
#' @family maps of data
#' @template definitions
#' @examples
#' brenier_control(max_atoms = 20, penalty = 3)
#' @export
brenier_control <- function(max_atoms = 150, max_iter = 1000, tol = 1e-6, schedule = "adaptive",
                            step = NULL, implicit = TRUE, validation = 0.2, folds = NULL,
                            kappa = 0.05, min_width = NULL, penalty = NULL, max_seconds = Inf,
                            ledger = 256, iterates = FALSE, components = NULL, ...) {
  check_no_dots(..., known = names(formals(brenier_control)))
  implicit <- check_flag(implicit, "implicit")
  if (!is.function(schedule)) {
    schedule <- check_choice(schedule, c("adaptive", "constant", "sqrt", "harmonic"), "schedule")
  }
  step <- check_number(step %||% (if (implicit) Inf else 0.5), "step", 1e-10, Inf, infinite = TRUE)
  if (!implicit && is.infinite(step)) {
    brenier_abort(c(
      "{.arg step} must be finite where {.arg implicit} is FALSE, not {step}.",
      i = "Only implicit steps can be Newton steps."
    ), "argument", argument = "step")
  }
  structure(list(
    max_atoms = check_count(max_atoms, "max_atoms", max = 1000),
    max_iter = check_count(max_iter, "max_iter", 1, 1e6),
    tol = check_number(tol, "tol", 1e-12, 1),
    schedule = schedule,
    step = step,
    implicit = implicit,
    validation = check_number(validation, "validation", 0, 0.9, open = TRUE),
    folds = if (!is.null(folds)) check_count(folds, "folds", 0, 1000),
    kappa = check_number(kappa, "kappa", 0, 1, open = TRUE),
    min_width = if (!is.null(min_width)) check_number(min_width, "min_width", 1e-3, 2),
    penalty = if (!is.null(penalty)) check_number(penalty, "penalty", 0),
    max_seconds = check_number(max_seconds, "max_seconds", 0, Inf, infinite = TRUE),
    ledger = check_count(ledger, "ledger", max = 1e6),
    iterates = check_flag(iterates, "iterates"),
    components = if (!is.null(components)) check_count(components, "components", 1, 200)
  ), class = "brenier_control")
}

#' @export
print.brenier_control <- function(x, ...) {
  cat("Control of a Brenier map\n")
  value <- vapply(x, function(v) if (is.null(v)) "chosen from the data" else shown(v), "")
  cat(paste0("  ", format(names(x)), "  ", value, "\n"), sep = "")
  invisible(x)
}

#' A control from what the user gave: the list itself or its elements by name.
#' @noRd
as_control <- function(control) {
  control <- unclass(control) # it may have been edited since it was checked
  if (!is.list(control)) {
    brenier_abort(c(
      "{.arg control} must come from {.fn brenier_control}, not be {shown(control)}."
    ), "argument", argument = "control")
  }
  if (length(control) && (is.null(names(control)) || any(names(control) == ""))) {
    brenier_abort("Every element of {.arg control} must have a name.", "argument",
                  argument = "control")
  }
  unknown <- setdiff(names(control), names(formals(brenier_control)))
  if (length(unknown)) do.call(check_no_dots, c(control[unknown[1]],
                                                list(known = names(formals(brenier_control)))))
  do.call(brenier_control, control)
}

#' Step sizes of steps 1, ..., max_iter, or NULL where they adapt.
#' @noRd
step_sizes <- function(control) {
  k <- seq_len(control$max_iter)
  if (is.function(control$schedule)) {
    return(vapply(k, function(i) step_at(control$schedule, i, control$implicit), 0))
  }
  switch(control$schedule,
    adaptive = NULL,
    constant = rep(control$step, length(k)),
    sqrt = control$step / sqrt(k),
    harmonic = control$step / k
  )
}

step_at <- function(schedule, k, implicit) {
  eta <- tryCatch(schedule(k), error = function(e) e)
  fits <- is.numeric(eta) && length(eta) == 1 && !is.na(eta) && eta > 0
  if (fits && (implicit || is.finite(eta))) return(as.double(eta))
  what <- if (inherits(eta, "error")) paste0("fails: ", conditionMessage(eta)) else
    paste0("gives ", shown(eta))
  brenier_abort(c(
    "{.arg schedule} must return one positive number for each k.", x = "At k = {k} it {what}."
  ), "argument", argument = "schedule")
}
