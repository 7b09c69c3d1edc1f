# How many atoms, and how wide: by the likelihood of points held out.

#' What is held out together: rows by themselves, but where most rows are copies the distinct rows.
#' Copies in two folds would reward a density that stands on the points. The ties of rounded
#' measurements stay apart: fresh data have them too, and on iris and faithful the number of atoms is
#' chosen better so.
#' @noRd
groups_of <- function(x) {
  sorted <- do.call(order, lapply(seq_len(ncol(x)), function(k) x[, k]))
  same <- rowSums(abs(diff(x[sorted, , drop = FALSE])) > 0) == 0
  group <- integer(nrow(x))
  group[sorted] <- cumsum(c(TRUE, !same))
  if (max(group) < nrow(x) / 2) group else seq_len(nrow(x))
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

#' The folds: each part that is held out and the rest, in coordinates that whiten the rest, so that
#' nothing of the part is known. A rest that lies in a subspace has no density: that fold is left out.
#' @noRd
fold_samples <- function(z, weights, part, folds) {
  colnames(z) <- seq_len(ncol(z))
  samples <- lapply(seq_len(folds), function(k) {
    out <- part == k
    if (all(out) || !any(out)) return(NULL)
    whitening <- tryCatch(
      whiten(z[!out, , drop = FALSE], weights[!out], "x"), brenier_error = function(e) NULL
    )
    if (is.null(whitening)) return(NULL)
    white <- to_white(whitening, z)
    list(
      whitening = whitening, train = white[!out, , drop = FALSE], train_weights = weights[!out],
      valid = white[out, , drop = FALSE], valid_weights = weights[out]
    )
  })
  samples[lengths(samples) > 0]
}

#' Mean held-out loss by width and round, over the folds: the loss of a point is
#' |T|^2/2 - log det D^2 u. NULL if no fold could be fitted; list(interrupted, whitening) if the
#' user lost patience.
#' @noRd
validate <- function(z, weights, group, control, folds, progress) {
  folds <- min(folds, max(group))
  part <- fold_of(max(group), folds, control$validation)[group]
  samples <- fold_samples(z, weights, part, folds)
  if (length(samples) == 0) return(NULL)
  tables <- list()
  for (width in control$min_width %||% tried_widths(ncol(z))) {
    control$min_width <- width
    runs <- list()
    for (k in seq_along(samples)) {
      progress$what <- if (folds == 1) "Validating" else paste0("Fold ", k, " of ", folds)
      runs[[k]] <- run_fold(samples[[k]], control, progress)
      if (runs[[k]]$status == "interrupted") {
        return(list(interrupted = runs[[k]], whitening = samples[[k]]$whitening))
      }
    }
    tables[[length(tables) + 1]] <- cbind(min_width = width, over_folds(runs))
  }
  do.call(rbind, tables)
}

#' A run on one fold, with the held-out losses in the coordinates that the folds share.
#' @noRd
run_fold <- function(sample, control, progress) {
  run <- run_core(
    sample$train, sample$train_weights, sample$valid, sample$valid_weights, control,
    all_rounds(control, ncol(sample$train)), progress$report
  )
  rounds <- run$rounds
  # a round that was cut short says nothing of its atoms
  if (run$status != "ok" && nrow(rounds) > 1) rounds <- rounds[-nrow(rounds), ]
  shift <- sample$whitening$logdet
  rounds$validation_square <- rounds$validation_square - 2 * shift * rounds$validation + shift^2
  rounds$validation <- rounds$validation - shift
  run$rounds <- rounds
  run$held <- sample$valid_weights
  run
}

#' Means over the folds by round. A fold that ended early stays as it ended.
#' @noRd
over_folds <- function(runs) {
  n <- max(vapply(runs, function(r) nrow(r$rounds), 0L))
  weight <- vapply(runs, function(r) sum(r$held), 0)
  mean_of <- function(column) {
    values <- vapply(runs, function(r) r$rounds[[column]][pmin(seq_len(n), nrow(r$rounds))],
                     numeric(n))
    drop(matrix(values, n) %*% weight) / sum(weight)
  }
  loss <- mean_of("validation")
  held <- unlist(lapply(runs, function(r) r$held))
  data.frame(
    round = seq_len(n) - 1L, atoms = mean_of("atoms"), loss = loss,
    se = sqrt(pmax(0, mean_of("validation_square") - loss^2) * sum((held / sum(held))^2))
  )
}
