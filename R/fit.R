# The stages of a fit, in order: points and weights -> whitening -> number of rounds by held-out
# likelihood -> fit to all the data; grow.R does the same again for further layers. brenier() only
# prepares the first and wraps the last.

# Least widths of the atoms that the validation chooses among, in whitened units: filaments in two
# dimensions want 0.05, ten dimensions 0.2 or more. The middle one serves without a validation.
tried_widths <- function(d) if (d <= 3) c(0.05, 0.1, 0.2) else c(0.1, 0.2, 0.4)

# Numbers of components that it chooses among, where there are components.
tried_components <- c(8L, 16L, 32L)

#' What the validation chooses among: lists of elements of the control.
#' @noRd
tried_settings <- function(control, d, potential = "ridge", pairing = NULL, conditional = FALSE) {
  widths <- control$min_width %||% tried_widths(d)
  middle <- control$min_width %||% tried_widths(d)[2]
  components <- control$components %||% tried_components
  penalties <- control$penalty %||% (if (conditional) c(1, 0.2) else 1.5)
  setting <- function(width, n, atoms = control$max_atoms, penalty = penalties[1]) {
    list(min_width = width, n_components = n, max_atoms = atoms, penalty = penalty)
  }
  # steps that pull a sample back are slow: the middle width alone
  if (!is.null(pairing)) return(list(setting(middle, 0L)))
  ridge <- unlist(lapply(penalties, function(penalty) {
    lapply(widths, setting, n = 0L, penalty = penalty)
  }), recursive = FALSE)
  switch(potential,
    ridge = ridge,
    softmax = lapply(components, function(n) setting(middle, n, 0L)),
    both = c(if (is.null(control$components)) ridge,
             lapply(utils::head(components, 2), function(n) setting(middle, n)))
  )
}

# Rounds of steps of a softmax without atoms.
softmax_rounds <- 60L

# Constants of the search for atoms: enough to find good ones, cheap next to the mirror steps.
search_options <- function(d, given = 0) {
  rows <- d + given
  list(
    a_round = if (d <= 3) 4L else 8L,
    patience = if (d <= 3) 6L else 3L,
    max_width = 3,
    min_score = 1e-3,
    directions = as.integer(if (rows <= 3) 16 + 4 * rows else min(32 + 4 * rows, 120)),
    a_direction = 12L,
    refine = if (d <= 3) 8L else 12L,
    max_points = max(1000, min(4000, 4e6 / (d * (d + 3) / 2))),
    round_tol = 1e-2
  )
}

#' Options of the core from a control, for a sample of effective size n in d dimensions.
#' @noRd
core_options <- function(control, d, given, n, max_rounds) {
  search <- search_options(d, given)
  c(search[setdiff(names(search), c("round_tol", "max_width"))], list(
    eta = step_sizes(control),
    tol = control$tol,
    round_tol = max(search$round_tol, control$tol),
    max_iter = control$max_iter,
    max_seconds = control$max_seconds,
    max_atoms = control$max_atoms,
    max_rounds = as.integer(max_rounds),
    n_components = control$n_components %||% 0L,
    keep_best = 0L,
    rounds_only = 0L,
    given = as.integer(given),
    kappa = control$kappa,
    keep_iterates = as.integer(control$iterates),
    implicit = as.integer(control$implicit),
    step = control$step,
    penalty = (control$penalty %||% 1.5) / n,
    min_width = control$min_width,
    max_width = max(search$max_width, control$min_width)
  ))
}

all_rounds <- function(control, d) {
  if (control$max_atoms == 0) return(if ((control$n_components %||% 0L) > 0) softmax_rounds else 0L)
  ceiling(control$max_atoms / search_options(d)$a_round) + 10L
}

#' One run of the core on whitened points z, whose columns after the first d are covariates.
#' @noRd
run_core <- function(z, d, weights, valid, valid_weights, control, max_rounds, progress,
                     noise = ledger_points(0, z, d), axes = diag(d),
                     learner = NULL, other = NULL, held_offset = NULL, rounds_only = FALSE) {
  share <- weights / sum(weights)
  options <- core_options(control, d, ncol(z) - d, 1 / sum(share^2), max_rounds)
  options$noise <- noise
  options$axes <- axes
  options$learner <- learner %||% "likelihood"
  options["other"] <- list(other)
  options["held_offset"] <- list(held_offset)
  options["start"] <- list(NULL)
  options$rounds_only <- as.integer(rounds_only)
  run <- .Call(
    C_brenier_fit, z, share, valid, valid_weights / max(sum(valid_weights), 1e-300), options,
    progress
  )
  if (run$status %in% c("size", "singular", "not_finite")) { # nocov start: the checks leave no such input
    internal_error(paste0("the fit stopped because ", status_message(run$status)))
  } # nocov end
  run$trace <- as.data.frame(run$trace)
  run$rounds <- as.data.frame(run$rounds)
  run
}

status_message <- function(status) .Call(C_brenier_status_table)[[status]]

#' One layer on points: validation, then the run on all of them. `shared` is what all layers share.
#' @noRd
fit_layer <- function(points, folds, shared) {
  d <- ncol(points)
  control <- shared$control
  affine <- coordinates(points, shared$given, shared$weights, shared$name, shared)
  whitening <- affine$data
  settings <- if (control$max_atoms > 0) {
    tried_settings(control, d, shared$potential, shared$pairing, !is.null(shared$given))
  } else {
    list(list(min_width = tried_widths(d)[2], n_components = 0L, max_atoms = 0L, penalty = 1.5))
  }
  setting <- settings[[(length(settings) + 1) %/% 2]]
  rounds <- all_rounds(utils::modifyList(control, setting), d)
  validation <- NULL
  if (length(folds)) {
    validation <- validate(folds, settings, shared)
    if (!is.null(validation$interrupted)) {
      layer <- as_layer(validation$whitening, validation$interrupted, NULL, NA, setting)
      return(placed(layer, validation$reference, shared$pairing))
    }
  }
  if (!is.null(validation)) {
    best <- validation[which.min(validation$loss), ]
    rounds <- best$round
    setting <- as.list(best[names(setting)])
    if (is.null(shared$pairing)) validation$loss <- validation$loss + whitening$logdet
  }
  shared$progress$what <- "All data"
  z <- to_white(whitening, points, shared$given)
  sample <- list(train = z, train_weights = shared$weights, valid = z[0, , drop = FALSE],
                 valid_weights = numeric())
  noise <- ledger_points(control$ledger, z, d)
  if (!is.null(shared$pairing)) {
    other <- other_points(shared$pairing, affine$reference, d, nrow(z),
                          rep(FALSE, NROW(shared$pairing$reference)))
    other$held <- other$held[0, , drop = FALSE]
    sample <- arrange_pair(sample, other, shared$pairing$side)
    rows <- unique(round(seq(1, nrow(sample$other$x), length.out = max(control$ledger, 2))))
    noise <- sample$other$x[if (control$ledger > 0) rows, , drop = FALSE]
  }
  run <- run_core(sample$train, d, sample$train_weights, sample$valid, sample$valid_weights,
                  utils::modifyList(control, setting), rounds, shared$progress$report, noise,
                  whitening$root, shared$pairing$learner, sample$other)
  if (!is.null(validation)) {
    path <- validation[Reduce(`&`, Map(`==`, validation[names(setting)], setting)), ]
    run$trace$validation <- path$loss[pmin(run$trace$round, rounds) + 1L]
  }
  placed(as_layer(whitening, run, validation, rounds, setting), affine$reference, shared$pairing)
}

#' The layer with the side of its potential and the coordinates of the reference, if they are not the
#' data's and N(0, I).
#' @noRd
placed <- function(layer, reference, pairing) {
  layer$side <- pairing$side
  layer$reference <- reference
  layer
}

#' @param setting What the validation chose, elements of the control.
#' @noRd
as_layer <- function(whitening, run, validation, rounds, setting) {
  list(
    whitening = whitening, potential = run$potential, trace = trace_frame(run$trace),
    iterates = run$iterates, validation = validation, rounds = rounds, setting = setting,
    gap = run$gap, status = run$status
  )
}

fit_words <- function(what, values) {
  sprintf("%s: %d atoms, objective %.4f", what, as.integer(values[2]), values[3])
}
