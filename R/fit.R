# The stages of a fit, in order: points and weights -> whitening -> number of rounds by held-out
# likelihood -> fit to all the data; then the same again on what the map made of the points, for each
# further layer. brenier() only prepares the first and wraps the last.

# Least widths of the atoms that the validation chooses among, in whitened units: filaments in two
# dimensions want 0.05, ten dimensions 0.2 or more. The middle one serves without a validation.
tried_widths <- function(d) if (d <= 3) c(0.05, 0.1, 0.2) else c(0.1, 0.2, 0.4)

#' What the validation chooses among: lists of elements of the control.
#' @noRd
tried_settings <- function(control, d) {
  lapply(control$min_width %||% tried_widths(d), function(width) list(min_width = width))
}

# Most layers that layers = "auto" adds.
most_layers <- 5

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
    given = as.integer(given),
    kappa = control$kappa,
    implicit = as.integer(control$implicit),
    step = control$step,
    penalty = control$penalty / n,
    min_width = control$min_width,
    max_width = max(search$max_width, control$min_width)
  ))
}

all_rounds <- function(control, d) ceiling(control$max_atoms / search_options(d)$a_round) + 10L

#' One run of the core on whitened points z, whose columns after the first d are covariates.
#' @noRd
run_core <- function(z, d, weights, valid, valid_weights, control, max_rounds, progress,
                     noise = ledger_points(0, z, d)) {
  share <- weights / sum(weights)
  options <- core_options(control, d, ncol(z) - d, 1 / sum(share^2), max_rounds)
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

#' Fits the layers: a list of `layers`, each with its whitening, potential and how they were
#' obtained, and of the folds as the layers left them. Rows of one group are held out together.
#' @noRd
fit_layers <- function(x, given, weights, control, layers, group, name) {
  progress <- new_progress()
  plan <- plan_folds(control, nrow(x), ncol(x))
  control <- plan$control
  auto <- identical(layers, "auto")
  folds <- if (plan$folds > 0) {
    make_folds(x, min(plan$folds, max(group)), group, control$validation)
  }
  if (length(folds) == 0 && plan$folds > 0) control$max_atoms <- 0L
  fitted <- list()
  points <- x
  for (l in seq_len(if (auto) most_layers else layers)) {
    layer <- fit_layer(points, given, weights, control, folds, progress, name)
    stopped <- identical(layer$status, "interrupted")
    more <- !stopped && l < (if (auto) most_layers else layers)
    if (length(folds) && !stopped && (more || l > 1)) {
      before <- folds
      folds <- lapply(folds, advance, given, weights, control, layer, progress)
      if (any(vapply(folds, function(fold) isTRUE(fold$interrupted), NA))) {
        layer$status <- "interrupted"
        fitted[[l]] <- layer
        folds <- NULL
        break
      }
      if (auto && l > 1 && !improved(before, folds, weights)) {
        folds <- before
        break
      }
    }
    fitted[[l]] <- layer
    # a layer without atoms is affine: what follows could only be affine again
    if (stopped || layer$potential$n_atoms == 0 || (auto && length(folds) == 0)) break
    points <- forward(list(layer), points, given, logdet = FALSE)$map
    colnames(points) <- colnames(x)
  }
  list(layers = fitted, folds = folds, n_folds = length(folds))
}

#' One layer on points: validation, then the run on all of them.
#' @noRd
fit_layer <- function(points, given, weights, control, folds, progress, name) {
  d <- ncol(points)
  whitening <- whiten(points, weights, name, given)
  rounds <- if (control$max_atoms == 0) 0L else all_rounds(control, d)
  validation <- NULL
  if (length(folds)) {
    validation <- validate(folds, given, weights, control, tried_settings(control, d), progress)
    if (!is.null(validation$interrupted)) {
      return(as_layer(validation$whitening, validation$interrupted, NULL, NA))
    }
    best <- validation[which.min(validation$loss), ]
    rounds <- best$round %||% 0L
    control$min_width <- best$min_width
    if (!is.null(validation)) validation$loss <- validation$loss + whitening$logdet
  }
  control$min_width <- control$min_width %||% tried_widths(d)[2]
  progress$what <- "All data"
  z <- to_white(whitening, points, given)
  run <- run_core(z, d, weights, z[0, , drop = FALSE], numeric(), control, rounds, progress$report,
                  ledger_points(control$ledger, z, d))
  layer <- as_layer(whitening, run, validation, control$min_width)
  layer$rounds <- rounds
  layer
}

as_layer <- function(whitening, run, validation, min_width) {
  list(
    whitening = whitening, potential = run$potential, trace = trace_frame(run$trace),
    validation = validation, min_width = min_width, gap = run$gap, status = run$status
  )
}

#' A fold after a layer as large as the one for all the data, fitted to what is not held out.
#' @noRd
advance <- function(fold, given, weights, control, layer, progress) {
  sample <- fold_sample(fold, given, weights)
  if (is.null(sample)) return(fold)
  control$min_width <- layer$min_width
  d <- ncol(fold$points)
  run <- run_core(sample$train, d, sample$train_weights, sample$valid[0, , drop = FALSE], numeric(),
                  control, layer$rounds, progress$report)
  fold$interrupted <- run$status == "interrupted"
  e <- forward(list(list(whitening = sample$whitening, potential = run$potential)), fold$points, given)
  fold$points <- e$map
  fold$logdet <- fold$logdet + e$logdet
  fold
}

#' Held-out log densities of the rows, by the layers so far: NA for those that no fold holds out.
#' @noRd
held_out_rows <- function(folds) {
  value <- rep(NA_real_, length(folds[[1]]$out))
  for (fold in folds) {
    y <- fold$points[fold$out, , drop = FALSE]
    value[fold$out] <- fold$logdet[fold$out] - rowSums(y^2) / 2 - ncol(y) / 2 * log(2 * pi)
  }
  value
}

#' Whether the held-out log likelihood rose by more than its standard error.
#' @noRd
improved <- function(before, after, weights) {
  gain <- held_out_rows(after) - held_out_rows(before)
  held <- !is.na(gain)
  gain <- weighted_mean(gain[held], weights[held])
  gain$mean > gain$se
}

weighted_mean <- function(value, weights) {
  w <- weights / sum(weights)
  mean <- sum(w * value)
  list(mean = mean, se = sqrt(sum(w * (value - mean)^2) * sum(w^2)))
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
