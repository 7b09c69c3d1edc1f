# How a chain of layers grows. Its state: the layers so far, each with how it was obtained; the points
# that they made of the data; the folds, whose own layers made points of all rows.

# Most layers that layers = "auto" adds.
most_layers <- 5

#' Fits the layers. Rows of one group are held out together.
#' @noRd
fit_layers <- function(x, given, weights, control, layers, group, name, potential = "ridge",
                       pairing = NULL) {
  plan <- plan_folds(control, nrow(x), ncol(x))
  folds <- if (plan$folds > 0) {
    make_folds(x, min(plan$folds, max(group)), group, plan$control$validation, pairing$reference)
  }
  if (length(folds) == 0 && plan$folds > 0) plan$control$max_atoms <- 0L
  chain <- list(layers = list(), points = x, folds = folds, over = FALSE)
  shared <- list(given = given, weights = weights, control = plan$control, name = name,
                 progress = new_progress(), variables = colnames(x), potential = potential, pairing = pairing)
  shared$scales <- scales_help(folds, shared)
  if (!identical(layers, "auto")) {
    while (!chain$over && length(chain$layers) < layers) {
      chain <- add_layer(chain, shared, last = length(chain$layers) + 1 == layers)
    }
    return(chain)
  }
  if (length(folds) == 0) return(add_layer(chain, shared, last = TRUE))
  one <- add_layer(chain, shared)
  if (ncol(x) > 1 && !one$over) {
    other <- add_margins(chain, shared)
    if (!other$over) other <- add_layer(other, shared)
    if (interrupted(other)) return(cut_short(one))
    if (improved(one, other, weights)) one <- other
  }
  while (!one$over && length(one$layers) < most_layers) {
    more <- add_layer(one, shared)
    if (interrupted(more)) return(cut_short(one))
    if (!improved(one, more, weights)) break
    one <- more
  }
  one
}

interrupted <- function(chain) {
  any(vapply(chain$layers, function(layer) layer$status == "interrupted", NA))
}

#' The chain as it was before the try that was interrupted.
#' @noRd
cut_short <- function(chain) {
  chain$layers[[length(chain$layers)]]$status <- "interrupted"
  chain
}

#' One more layer on all variables. The folds follow unless it is the last and the first.
#' @noRd
add_layer <- function(chain, shared, last = FALSE) {
  shared$scales <- shared$scales && length(chain$layers) == 0
  layer <- fit_layer(chain$points, chain$folds, shared)
  refit <- function(fold) advance(fold, layer, shared)
  # with one layer the validation has said what is needed, unless its loss is no likelihood
  needed <- !last || length(chain$layers) > 0 ||
    (!is.null(shared$pairing) && is.null(shared$pairing$reference))
  extend(chain, layer, if (needed) refit, shared)
}

#' A layer that maps each variable by itself: the gradient of a sum of functions of one variable.
#' @noRd
add_margins <- function(chain, shared) {
  shared$potential <- "ridge"
  column <- function(points, k) points[, k, drop = FALSE]
  # the gap of the layer is the sum of those of its parts
  shared$control$tol <- max(shared$control$tol / length(shared$variables), 1e-12)
  parts <- list()
  for (k in seq_along(shared$variables)) {
    folds <- lapply(chain$folds, function(fold) {
      fold$points <- column(fold$points, k)
      fold$logdet[] <- 0
      fold
    })
    layer <- fit_layer(column(chain$points, k), folds, shared)
    if (layer$status == "interrupted") {
      chain$layers <- c(chain$layers, list(layer))
      chain$over <- TRUE
      return(chain)
    }
    parts[[k]] <- list(layer = layer, folds = folds)
  }
  refit <- function(fold) {
    for (k in seq_along(parts)) {
      at <- which(vapply(parts[[k]]$folds, function(other) identical(other$out, fold$out), NA))
      done <- advance(parts[[k]]$folds[[at]], parts[[k]]$layer, shared)
      if (is.null(done) || done$interrupted) return(done)
      fold$points[, k] <- done$points
      fold$logdet <- fold$logdet + done$logdet
    }
    fold
  }
  extend(chain, side_by_side(lapply(parts, function(part) part$layer)), refit, shared)
}

#' The chain with a layer more; refit(fold) is a fold after it, NULL where it has none. Folds that know
#' nothing of the layer are forgotten.
#' @noRd
extend <- function(chain, layer, refit, shared) {
  stopped <- layer$status == "interrupted"
  if (!is.null(refit)) {
    folds <- if (!stopped) refit_folds(chain$folds, refit)
    if (is.null(folds)) layer$status <- "interrupted"
    stopped <- is.null(folds)
    # of a first layer the validation has said what it could
    first <- length(chain$layers) == 0 && is.null(shared$pairing)
    if (!stopped || !first) chain["folds"] <- list(folds)
  }
  chain$layers <- c(chain$layers, list(layer))
  # a layer without atoms is affine: what follows could only be affine again
  chain$over <- stopped || layer$potential$n_atoms + layer$potential$n_components == 0
  chain$points <- forward(list(layer), chain$points, shared$given, logdet = FALSE)$map
  colnames(chain$points) <- shared$variables
  chain
}

#' The folds after a layer, or NULL after an interrupt.
#' @noRd
refit_folds <- function(folds, refit) {
  after <- list()
  for (fold in folds) {
    fold <- refit(fold)
    if (isTRUE(fold$interrupted)) return(NULL)
    if (!is.null(fold)) after <- c(after, list(fold))
  }
  after
}

#' A fold after a layer as large as the one for all the data, fitted to what is not held out. NULL where
#' that lies in a subspace.
#' @noRd
advance <- function(fold, layer, shared) {
  sample <- fold_sample(fold, shared)
  if (is.null(sample)) return(NULL)
  control <- utils::modifyList(shared$control, layer$setting)
  d <- ncol(fold$points)
  run <- run_core(sample$train, d, sample$train_weights, sample$valid[0, , drop = FALSE], numeric(),
                  control, layer$rounds, shared$progress$report, axes = sample$whitening$root,
                  learner = shared$pairing$learner, other = sample$other)
  fold$interrupted <- run$status == "interrupted"
  own <- list(whitening = sample$whitening, potential = run$potential, side = layer$side,
              reference = sample$reference)
  e <- forward(list(own), fold$points, shared$given)
  fold$points <- e$map
  fold$logdet <- fold$logdet + e$logdet
  fold
}

#' Layers of single variables as one layer of all of them.
#' @noRd
side_by_side <- function(layers) {
  d <- length(layers)
  whitenings <- lapply(layers, function(layer) layer$whitening)
  number <- function(name) vapply(whitenings, function(w) w[[name]][1], 0)
  covariates <- whitenings[[1]]$covariates
  if (!is.null(covariates)) {
    for (name in intersect(c("coef", "log_scale", "range"), names(covariates))) {
      covariates[[name]] <- do.call(cbind, lapply(whitenings, function(w) w$covariates[[name]]))
    }
  }
  statuses <- vapply(layers, function(layer) layer$status, "")
  list(
    whitening = list(
      center = number("center"), matrix = diag(number("matrix"), d), root = diag(number("root"), d),
      logdet = sum(number("logdet")), covariates = covariates
    ),
    potential = sum_of_potentials(lapply(layers, function(layer) layer$potential)),
    trace = NULL, validation = NULL, rounds = NA, setting = list(min_width = NA_real_, penalty = NA_real_),
    gap = sum(vapply(layers, function(layer) layer$gap, 0)),
    status = c(statuses[statuses != "ok"], "ok")[[1]]
  )
}

#' The potential whose value is the sum of potentials of one variable each.
#' @noRd
sum_of_potentials <- function(parts) {
  d <- length(parts)
  given <- parts[[1]]$given
  tails_last <- function(p, what) {
    at <- seq_len(p$n_atoms)
    if (what == "tail") at[at > p$n_atoms - p$n_tails] else at[at <= p$n_atoms - p$n_tails]
  }
  atoms <- do.call(rbind, lapply(c("atom", "tail"), function(what) {
    do.call(rbind, lapply(seq_len(d), function(k) {
      at <- tails_last(parts[[k]], what)
      data.frame(k = rep(k, length(at)), at = at)
    }))
  }))
  of_atoms <- function(pick) {
    vapply(seq_len(nrow(atoms)), function(i) pick(parts[[atoms$k[i]]], atoms$at[i]), 0)
  }
  n <- nrow(atoms)
  direction <- matrix(0, d + given, d + n)
  direction[cbind(seq_len(d), seq_len(d))] <- 1
  direction[cbind(atoms$k, d + seq_len(n))] <- of_atoms(function(p, j) p$direction[1, 1 + j])
  for (l in seq_len(given)) {
    direction[d + l, d + seq_len(n)] <- of_atoms(function(p, j) p$direction[1 + l, 1 + j])
  }
  linear <- t(vapply(parts, function(p) p$coef[seq_len(1 + given)], numeric(1 + given)))
  if (given == 0) linear <- t(linear)
  list(
    family = "ridge", d = d, given = given, n_components = 0L, components = numeric(),
    n_quadratic = d, n_atoms = n,
    n_tails = sum(vapply(parts, function(p) p$n_tails, 0L)),
    kappa = min(vapply(parts, function(p) p$kappa, 0)), direction = direction,
    profile = c(rep(0L, d), as.integer(of_atoms(function(p, j) as.double(p$profile[1 + j])))),
    centre = c(rep(0, d), of_atoms(function(p, j) p$centre[1 + j])),
    width = c(rep(1, d), of_atoms(function(p, j) p$width[1 + j])),
    coef = c(linear, vapply(parts, function(p) p$coef[2 + given], 0),
             of_atoms(function(p, j) p$coef[2 + given + j]))
  )
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
  if (length(after$folds) == 0) return(FALSE)
  gain <- held_out_rows(after$folds) - held_out_rows(before$folds)
  held <- !is.na(gain)
  gain <- weighted_mean(gain[held], weights[held])
  gain$mean > gain$se
}

weighted_mean <- function(value, weights) {
  w <- weights / sum(weights)
  mean <- sum(w * value)
  list(mean = mean, se = sqrt(sum(w * (value - mean)^2) * sum(w^2)))
}
