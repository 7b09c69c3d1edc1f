# The stages of a fit, in order: points and weights -> whitening -> number of rounds by held-out
# likelihood -> fit to all the data. brenier() only prepares the first and wraps the last.

# Least widths of the atoms that the validation chooses among, in whitened units: filaments in two
# dimensions want 0.05, ten dimensions 0.2 or more. The middle one serves without a validation.
tried_widths <- function(d) if (d <= 3) c(0.05, 0.1, 0.2) else c(0.1, 0.2, 0.4)

# Constants of the search for atoms: enough to find good ones, cheap next to the mirror steps.
search_options <- function(d) {
  list(
    a_round = if (d <= 3) 4L else 8L,
    patience = if (d <= 3) 6L else 3L,
    max_width = 3,
    min_score = 1e-3,
    directions = as.integer(if (d <= 3) 16 + 4 * d else min(32 + 4 * d, 120)),
    a_direction = 12L,
    refine = if (d <= 3) 8L else 12L,
    max_points = max(1000, min(4000, 4e6 / (d * (d + 3) / 2))),
    round_tol = 1e-2
  )
}

#' Options of the core from a control, for a sample of effective size n.
#' @noRd
core_options <- function(control, d, n, max_rounds) {
  search <- search_options(d)
  c(search[setdiff(names(search), c("round_tol", "max_width"))], list(
    eta = step_sizes(control),
    tol = control$tol,
    round_tol = max(search$round_tol, control$tol),
    max_iter = control$max_iter,
    max_seconds = control$max_seconds,
    max_atoms = control$max_atoms,
    max_rounds = as.integer(max_rounds),
    given = 0L,
    kappa = control$kappa,
    implicit = as.integer(control$implicit),
    step = control$step,
    penalty = control$penalty / n,
    min_width = control$min_width,
    max_width = max(search$max_width, control$min_width)
  ))
}

all_rounds <- function(control, d) ceiling(control$max_atoms / search_options(d)$a_round) + 10L

#' One run of the core on whitened points z.
#' @noRd
run_core <- function(z, weights, valid, valid_weights, control, max_rounds, progress,
                     noise = ledger_points(0, ncol(z))) {
  share <- weights / sum(weights)
  options <- core_options(control, ncol(z), 1 / sum(share^2), max_rounds)
  options$noise <- noise
  run <- .Call(
    C_brenier_fit, z, share, valid, valid_weights / max(sum(valid_weights), 1e-300), options,
    progress
  )
  if (run$status %in% c("size", "singular", "not_finite")) {
    internal_error(paste0("the fit stopped because ", status_message(run$status)))
  }
  run$trace <- as.data.frame(run$trace)
  run$rounds <- as.data.frame(run$rounds)
  run
}

status_message <- function(status) .Call(C_brenier_status_table)[[status]]

#' Fits whitened points: the run on all the data, with the table of the validation. Rows of one
#' group are held out together.
#' @noRd
fit_white <- function(z, weights, control, group = seq_len(nrow(z))) {
  progress <- new_progress()
  plan <- plan_folds(control, nrow(z), ncol(z))
  folds <- plan$folds
  control <- plan$control
  validation <- NULL
  rounds <- if (control$max_atoms == 0) 0L else all_rounds(control, ncol(z))
  if (folds > 0) {
    validation <- validate(z, weights, group, control, folds, progress)
    if (!is.null(validation$interrupted)) {
      return(list(run = validation$interrupted, whitening = validation$whitening,
                  validation = NULL, folds = folds, rounds = NA, min_width = NA))
    }
    best <- validation[which.min(validation$loss), ]
    rounds <- best$round %||% 0L
    control$min_width <- best$min_width
  }
  control$min_width <- control$min_width %||% tried_widths(ncol(z))[2]
  progress$what <- "All data"
  run <- run_core(z, weights, z[0, , drop = FALSE], numeric(), control, rounds, progress$report,
                  ledger_points(control$ledger, ncol(z)))
  if (!is.null(validation)) {
    path <- validation[validation$min_width == control$min_width, ]
    run$trace$validation <- path$loss[pmin(run$trace$round, rounds) + 1L]
  }
  list(run = run, validation = validation, folds = folds, rounds = rounds,
       min_width = control$min_width)
}

#' A bar for whatever lasts longer than two seconds in an interactive session.
#' @noRd
new_progress <- function(frame = parent.frame()) {
  state <- new.env(parent = emptyenv())
  state$what <- ""
  state$text <- ""
  if (!interactive()) return(state)
  bar <- cli::cli_progress_bar(
    format = "{cli::pb_spin} {state$text}", total = NA, .envir = frame, .auto_close = TRUE
  )
  state$report <- function(values) {
    state$text <- sprintf("%s: %d atoms, objective %.4f", state$what, as.integer(values[2]),
                          values[3])
    cli::cli_progress_update(id = bar, .envir = frame)
  }
  state
}
