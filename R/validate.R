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

#' The folds, each with the rows that are held out, and the points and the log determinants that the
#' layers fitted to the rest have made of all rows: none so far.
#' @noRd
make_folds <- function(points, folds, group, validation, reference = NULL) {
  part <- fold_of(max(group), folds, validation)[group]
  other <- if (!is.null(reference)) fold_of(nrow(reference), folds, validation)
  made <- lapply(seq_len(folds), function(k) {
    list(out = part == k, points = points, logdet = numeric(nrow(points)), reference_out = other == k)
  })
  made[vapply(made, function(fold) any(fold$out) && !all(fold$out), NA)]
}

#' A fold in the coordinates that whiten what is not held out, so that nothing of the rest is known.
#' NULL where it lies in a subspace and has no density.
#' @noRd
fold_sample <- function(fold, shared) {
  out <- fold$out
  points <- fold$points
  weights <- shared$weights
  given <- shared$given
  colnames(points) <- seq_len(ncol(points))
  affine <- tryCatch(
    coordinates(points[!out, , drop = FALSE], given[!out, , drop = FALSE], weights[!out], "x",
                shared, !fold$reference_out),
    brenier_error = function(e) NULL
  )
  if (is.null(affine)) return(NULL)
  whitening <- affine$data
  white <- to_white(whitening, points, given)
  sample <- list(
    whitening = whitening, reference = affine$reference,
    train = white[!out, , drop = FALSE], train_weights = weights[!out],
    valid = white[out, , drop = FALSE], valid_weights = weights[out],
    offset = -log_slopes(whitening, given, nrow(white))[out] # for a loss in the units of the points
  )
  if (is.null(shared$pairing)) return(sample)
  other <- other_points(shared$pairing, affine$reference, ncol(points), sum(!out), fold$reference_out)
  sample["offset"] <- list(NULL) # the loss is no log density
  arrange_pair(sample, other, shared$pairing$side)
}

#' Affine coordinates of the data, and of the reference where it is a sample.
#' @noRd
coordinates <- function(points, given, weights, name, shared, reference_rows = TRUE) {
  pairing <- shared$pairing
  if (is.null(pairing$reference)) {
    return(list(data = whiten(points, weights, name, given, shared$scales), reference = NULL))
  }
  whiten_pair(points, weights, pairing$reference[reference_rows, , drop = FALSE])
}

#' Mean held-out loss by setting and round, over the folds: the loss of a point is
#' |T|^2/2 - log det DT, in the units of the points of the layer. Settings that do worse on the first
#' two folds are not tried on the others. NULL if no fold could be fitted; list(interrupted, whitening,
#' reference) if the user lost patience.
#' @noRd
validate <- function(folds, settings, shared) {
  samples <- lapply(folds, fold_sample, shared)
  samples <- samples[lengths(samples) > 0]
  if (length(samples) == 0) return(NULL)
  d <- ncol(folds[[1]]$points)
  runs <- lapply(settings, function(setting) list())
  for (k in seq_along(samples)) {
    shared$progress$what <- if (length(samples) == 1) "Validating" else paste0("Fold ", k)
    for (s in which(promising(runs, k))) {
      run <- run_fold(samples[[k]], d, utils::modifyList(shared$control, settings[[s]]),
                      shared)
      if (run$status == "interrupted") {
        return(c(list(interrupted = run), samples[[k]][c("whitening", "reference")]))
      }
      runs[[s]][[k]] <- run
    }
  }
  tables <- lapply(which(lengths(runs) == length(samples)), function(s) {
    cbind(as.data.frame(settings[[s]]), over_folds(runs[[s]]))
  })
  do.call(rbind, tables)
}

#' Settings worth a run on fold k: from the third on, those that were the best on a fold before or
#' as good on average.
#' @noRd
promising <- function(runs, k) {
  all_so_far <- lengths(runs) == k - 1
  if (k <= 2 || sum(all_so_far) < 2) return(all_so_far)
  loss <- vapply(runs[all_so_far], function(setting) {
    vapply(setting, function(run) min(run$rounds$validation), 0)
  }, numeric(k - 1))
  best <- apply(loss, 1, which.min)
  average <- colMeans(loss)
  all_so_far[all_so_far] <- seq_along(average) %in% best | average <= min(average) + 0.002
  all_so_far
}

#' A run on one fold, with the held-out losses in the units of the points.
#' @noRd
run_fold <- function(sample, d, control, shared) {
  run <- run_core(
    sample$train, d, sample$train_weights, sample$valid, sample$valid_weights, control,
    all_rounds(control, d), shared$progress$report, axes = sample$whitening$root,
    learner = shared$pairing$learner, other = sample$other, held_offset = sample$offset,
    rounds_only = TRUE
  )
  rounds <- run$rounds
  # a round that was cut short says nothing of its atoms
  if (run$status != "ok" && nrow(rounds) > 1) rounds <- rounds[-nrow(rounds), ]
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
