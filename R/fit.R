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
    directions = as.integer(min(32 + 4 * d, 120)),
    a_direction = 12L,
    refine = 12L,
    max_points = max(1000, min(4000, 4e6 / (d * (d + 3) / 2))),
    round_tol = 1e-2
  )
}

#' Options of the core from a control, for a sample of effective size n.
#' @noRd
core_options <- function(control, d, n, max_rounds) {
  search <- search_options(d)
  modifyList_null(search, list(
    eta = step_sizes(control),
    tol = control$tol,
    round_tol = max(search$round_tol, control$tol),
    max_iter = control$max_iter,
    max_seconds = control$max_seconds,
    max_atoms = control$max_atoms,
    max_rounds = as.integer(max_rounds),
    kappa = control$kappa,
    implicit = as.integer(control$implicit),
    step = control$step,
    penalty = control$penalty / n,
    min_width = control$min_width,
    max_width = max(search$max_width, control$min_width)
  ))
}

modifyList_null <- function(x, val) {
  x[names(val)] <- val
  x
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

#' What is held out together: rows by themselves, but where most rows are copies the distinct rows.
#' Copies in two folds would reward a density that stands on the points. The ties of rounded
#' measurements stay apart: fresh data have them too, and on iris and faithful the number of atoms is
#' chosen better so.
#' @noRd
groups_of <- function(z) {
  sorted <- do.call(order, lapply(seq_len(ncol(z)), function(k) z[, k]))
  same <- rowSums(abs(diff(z[sorted, , drop = FALSE])) > 0) == 0
  group <- integer(nrow(z))
  group[sorted] <- cumsum(c(TRUE, !same))
  if (max(group) < nrow(z) / 2) group else seq_len(nrow(z))
}

#' Parts of the data: part k is held out in fold k. One fold holds out a fraction.
#' @noRd
fold_of <- function(n, folds, validation) {
  if (folds == 1) {
    held <- rep(0L, n)
    held[sample.int(n, max(1, round(n * validation)))] <- 1L
    return(held)
  }
  sample(rep_len(seq_len(folds), n))
}

#' Number of folds, and of atoms: none where too few points are left to judge them by, unless the
#' user wants no validation.
#' @noRd
plan_folds <- function(control, n, d) {
  folds <- control$folds %||% (if (n > 5000) 1L else 5L)
  folds <- min(folds, n %/% 2)
  if (folds > 0 && n < max(10, 2 * (d + 2))) control$max_atoms <- 0L
  if (control$max_atoms == 0) folds <- 0L
  list(folds = folds, control = control)
}

#' Mean held-out loss by width and round, over the folds: the loss of a point is
#' |T|^2/2 - log det D^2 u.
#' @noRd
validate <- function(z, weights, control, folds, progress) {
  group <- groups_of(z)
  folds <- min(folds, max(group))
  part <- fold_of(max(group), folds, control$validation)[group]
  tables <- list()
  for (width in control$min_width %||% tried_widths(ncol(z))) {
    control$min_width <- width
    table <- validate_width(z, weights, part, control, folds, progress)
    if (!is.data.frame(table)) return(table)
    tables[[length(tables) + 1]] <- cbind(min_width = width, table)
  }
  do.call(rbind, tables)
}

validate_width <- function(z, weights, part, control, folds, progress) {
  runs <- list()
  for (k in seq_len(folds)) {
    out <- part == k
    progress$what <- if (folds == 1) "Validating" else paste0("Fold ", k, " of ", folds)
    runs[[k]] <- run_core(
      z[!out, , drop = FALSE], weights[!out], z[out, , drop = FALSE], weights[out], control,
      all_rounds(control, ncol(z)), progress$report
    )
    runs[[k]]$weight <- sum(weights[out])
    if (runs[[k]]$status == "interrupted") return(list(interrupted = runs[[k]]))
  }
  n <- min(vapply(runs, function(r) nrow(r$rounds), 0L))
  over_folds <- function(column) {
    values <- vapply(runs, function(r) r$rounds[[column]][seq_len(n)], numeric(n))
    drop(matrix(values, n) %*% vapply(runs, function(r) r$weight, 0)) /
      sum(vapply(runs, function(r) r$weight, 0))
  }
  loss <- over_folds("validation")
  held <- weights[part > 0] / sum(weights[part > 0])
  data.frame(
    round = seq_len(n) - 1L, atoms = over_folds("atoms"), loss = loss,
    se = sqrt(pmax(0, over_folds("validation_square") - loss^2) * sum(held^2))
  )
}

#' Fits whitened points: the run on all the data, with the table of the validation.
#' @noRd
fit_white <- function(z, weights, control) {
  progress <- new_progress()
  plan <- plan_folds(control, nrow(z), ncol(z))
  folds <- plan$folds
  control <- plan$control
  validation <- NULL
  rounds <- if (control$max_atoms == 0) 0L else all_rounds(control, ncol(z))
  if (folds > 0) {
    validation <- validate(z, weights, control, folds, progress)
    if (!is.null(validation$interrupted)) {
      return(list(run = validation$interrupted, validation = NULL, folds = folds, rounds = NA,
                  min_width = NA))
    }
    best <- validation[which.min(validation$loss), ]
    rounds <- best$round
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
