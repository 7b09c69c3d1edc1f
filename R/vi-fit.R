# The stages of a posterior after the Gaussian law: components and atoms, on more and more points,
# layer by layer. w are coordinates in which the Gaussian law is N(0, I): z = center + root w. The
# state of a fit is a list that every stage hands on, so that whatever ends a fit leaves the best
# one.

#' One run of the core: its fit, with the condition of the target if that ended it.
#' @noRd
run_vi <- function(target, asked, y, valid, options, progress) {
  mean_of <- function(y) rep(1 / max(nrow(y), 1), nrow(y))
  run <- .Call(C_brenier_variational, y, mean_of(y), valid, mean_of(valid), asked, options, progress)
  if (!is.function(asked)) {
    count_asked(target$count, run$batches, run$points, run$gradients)
    target$count$refused <- target$count$refused + run$refused
  }
  if (inherits(run$condition, "error")) stop(run$condition)
  fit <- run$fit
  # it may come where the fit asks for the last time
  if (inherits(run$condition, "interrupt")) fit$status <- "interrupted"
  fit$trace <- as.data.frame(fit$trace)
  fit$rounds <- as.data.frame(fit$rounds)
  fit
}

#' The points that the inner layers take y to, and log det of that.
#' @noRd
through <- function(inner, y) {
  logdet <- numeric(nrow(y))
  for (layer in inner) {
    e <- evaluate_layer(layer, y)
    y <- e$map
    logdet <- logdet + e$logdet
  }
  list(w = y, logdet = logdet)
}

#' Mean loss of a layer behind the inner ones at points y of N(0, I), up to log det of the root,
#' with its standard error; what is estimated to be left of the divergence, `gap`, by importance
#' weights.
#' @noRd
measure <- function(target, state, layer, y) {
  base <- through(state$inner, y)
  e <- evaluate_layer(layer, base$w)
  f <- asked_in(target, state$place)(e$map, FALSE)
  if (inherits(f, "condition")) stop(f)
  ratio <- f[[1]] - e$logdet - base$logdet - rowSums(y^2) / 2 # its spread is 0 at the truth
  list(loss = mean(ratio) + ncol(y) / 2, se = stats::sd(ratio) / sqrt(nrow(y)),
       gap = log_mean_exp(-ratio) + mean(ratio), khat = khat_of(-ratio))
}

# Less than this, in nats, is not worth more points; less than the second not more features.
negligible <- 0.01
nothing <- 5e-4

#' Whether the fit may go on with n points: there are time and evaluations left for a few steps.
#' @noRd
affordable <- function(target, control, n) {
  left <- control$max_gradients - slopes_asked(target)
  left >= 10 * n && proc.time()[["elapsed"]] < control$deadline
}

#' The families to try in turn; the validation chooses among what they find. A softmax has some d^2
#' coefficients a quadratic, and steps take the cube of their number.
#' @noRd
stages_of <- function(potential, control, d) {
  stages <- if (potential != "both") potential else if (d > 14) "ridge" else
    c("softmax", if (d <= 5) "both")
  if (control$max_atoms == 0) setdiff(stages, c("ridge", "both")) else stages
}

#' Everything after the checks: the state of the fit when it ended, for whatever reason. `run` holds
#' it, for an interrupt may come at any time.
#' @noRd
fit_posterior <- function(target, z, potential, layers, cover, control, progress, state = NULL) {
  run <- new.env(parent = emptyenv())
  run$state <- state
  tryCatch({
    if (is.null(state)) run$state <- begin_posterior(target, z, control, progress)
    for (layer in seq_len(layers)) {
      if (layer > 1) run$state <- next_layer(run$state)
      for (stage in stages_of(potential, control, length(run$state$active))) {
        enough <- if (stage == "both") negligible else nothing
        if (isTRUE(run$state$best$gap < enough) || run$state$ended != "ok") break
        run$state <- grow_stage(stage, target, run$state, control, progress)
      }
    }
    if (run$state$ended == "ok") {
      bent <- length(stages_of(potential, control, target$d)) > 0 # else a normal law is asked for
      if (cover) run$state <- cover_target(target, run$state, control)
      else if (bent) run$state <- widen_tails(target, run$state, control)
    }
  }, interrupt = function(c) {
    if (is.null(run$state)) run$state <- unfitted(target, z)
    run$state$ended <- "interrupted"
  })
  if (run$state$ended == "interrupted" && proc.time()[["elapsed"]] > control$deadline) {
    run$state$ended <- "max_time"
  }
  run$state$y <- fresh_points(target, control)
  run$state
}

#' Points of the diagnostics: fewer where the target is so slow that a fifth of the time is not
#' enough.
#' @noRd
fresh_points <- function(target, control) {
  n <- control$validation
  if (is.finite(control$max_seconds)) {
    each <- if (target$count$timed > 0) target$count$seconds / target$count$timed else Inf
    n <- max(10, min(n, floor(0.2 * control$max_seconds / max(each, 1e-9))))
  }
  matrix(stats::rnorm(n * target$d), ncol = target$d)
}

#' What there is when a fit ends before the Gaussian law is there: that as far as it was, or the
#' standard normal law about the best point seen.
#' @noRd
unfitted <- function(target, z) {
  d <- target$d
  axes <- start_components(matrix(0, 1, d), rep(1, d), 0L, 0.02)
  none <- list(loss = NA_real_, se = NA_real_, gap = NA_real_, khat = NA_real_)
  place <- target$count$place %||% list(center = target$count$best %||% z, root = diag(d))
  list(place = place, inner = list(), start = NULL, active = seq_len(d), trace = NULL,
       best = c(none, list(layer = list(potential = axes), status = "interrupted", stationary = FALSE)),
       gaussian = list(elbo = NA_real_, se = NA_real_),
       history = stage_row(target, "none", 0, NA_real_, none, axes, "interrupted", 1L))
}

begin_posterior <- function(target, z, control, progress) {
  d <- target$d
  progress$what <- "Gaussian"
  target$count$start <- z
  gaussian <- start_gaussian(target, z, control, progress$report)
  if (is.null(gaussian)) {
    brenier_abort(c(
      "No Gaussian law about {.arg init} was found on which {.arg log_density} is finite.",
      i = "Choose another {.arg init}, check the bounds, and that the density has a finite integral."
    ), "target", argument = "log_density")
  }
  place <- turn_place(target, gaussian$place)
  layer <- list(potential = gaussian$potential)
  state <- list(place = place, inner = list(), start = NULL, ended = "ok",
                active = seq_len(place$active), valid = fit_points(control$validation, d),
                trace = gaussian$trace)
  if (control$temper > 1) state$active <- seq_len(d)
  held <- measure(target, state, layer, state$valid)
  state$best <- c(held, list(layer = layer, status = gaussian$status, stationary = TRUE))
  if (gaussian$status == "interrupted") state$ended <- "interrupted"
  state$gaussian <- list(
    elbo = log(abs(det(place$root))) + d / 2 * (1 + log(2 * pi)) - held$loss, se = held$se
  )
  state$history <- stage_row(target, "gaussian", gaussian$points, NA_real_, held, layer$potential,
                             gaussian$status, 1L)
  state
}

#' A layer more: what is there so far becomes part of the reference.
#' @noRd
next_layer <- function(state) {
  state$inner <- c(state$inner, list(state$best$layer))
  state$best$layer <- NULL
  state["start"] <- list(NULL)
  state
}

stage_row <- function(target, stage, n, objective, now, potential, status, layer) {
  data.frame(stage = stage, layer = layer, points = n, objective = objective, validation = now$loss,
             se = now$se, gap = now$gap, atoms = potential$n_atoms,
             components = potential$n_components, gradients = slopes_asked(target),
             status = status)
}

#' Whether one map is better than another on the validation; a little of the mean is not worth the
#' tails.
#' @noRd
preferred <- function(now, best) {
  gain <- best$loss - now$loss
  isTRUE(gain > 0 && (now$khat < 0.7 || now$khat <= best$khat || gain > 0.05))
}

#' Fits with atoms, components or both to points that double while the fit does better on them
#' than on the validation and gains there.
#' @noRd
grow_stage <- function(stage, target, state, control, progress) {
  active <- state$active
  d <- length(active)
  if (stage == "softmax" || is.null(state$start)) state$n <- max(control$points, 4 * (d + 2))
  base <- through(state$inner, state$valid)
  held <- if (control$folds > 0) base$w else base$w[0, , drop = FALSE]
  atoms <- if (stage == "softmax") 0L else control$max_atoms
  components <- if (stage == "ridge") 0L else
    control$components %||% (if (isTRUE(state$history$gap[1] < 0.05)) 3L else 6L)
  # another family cannot go on from what there is
  if (!identical(state$start$n_components, components)) state["start"] <- list(NULL)
  rounds <- if (atoms > 0) all_rounds(list(max_atoms = atoms), d) else 40L
  better <- FALSE
  last <- Inf # the validation before the points doubled
  while (affordable(target, control, state$n)) {
    progress$what <- paste(state$n, "points")
    if (state$n == nrow(held)) state$n <- state$n + 1 # core_target() tells them apart by that
    y <- fit_points(state$n, target$d)
    w <- through(state$inner, y)$w
    if (components > 0 && is.null(state$start)) {
      state$start <- start_components(w[, active, drop = FALSE], state$place$weight[active],
                                      components, control$kappa)
    }
    if (control$temper > 1 && stage != "both" && last == Inf) {
      state$start <- tempered_start(target, state, w, atoms, components, control, progress)
    }
    options <- vi_options(control, d, state$n, atoms, components, rounds, state$start)
    left <- control$max_gradients - slopes_asked(target)
    # every round of atoms asks for it once more
    steps <- (if (atoms > 0) 0.75 else 1) * left / state$n - 2
    options$max_iter <- as.integer(max(1, min(control$max_iter, steps)))
    options$max_seconds <- control$deadline - proc.time()[["elapsed"]]
    some <- length(active) < target$d
    asked <- core_target(target, state$place, active, if (some) list(w, base$w))
    fit <- run_vi(target, asked, w[, active, drop = FALSE], held[, active, drop = FALSE], options,
                  progress$report)
    state$trace <- rbind(state$trace, vi_trace(fit, stage, state$n))
    if (fit$status %in% c("not_finite", "target_failed", "size", "singular")) return(state)
    state$start <- fit$potential
    layer <- list(potential = fit$potential, active = active)
    now <- measure(target, state, layer, state$valid)
    objective <- measure(target, state, layer, y)$loss
    state$history <- rbind(state$history, stage_row(
      target, stage, state$n, objective, now, fit$potential, fit$status, length(state$inner) + 1L
    ))
    fits <- now$loss - objective <= max(now$se, negligible) && now$khat < 0.6
    stationary <- isTRUE(fits || last - now$loss < negligible)
    if (preferred(now, state$best) || control$folds == 0) {
      state$best <- c(now, list(layer = layer, status = fit$status))
      better <- TRUE
    }
    if (better) state$best$stationary <- stationary
    if (fit$status %in% c("interrupted", "max_time")) state$ended <- fit$status
    if (stationary || state$ended != "ok" || 2 * state$n > control$max_points) return(state)
    last <- now$loss
    state$n <- 2 * state$n
  }
  if (proc.time()[["elapsed"]] >= control$deadline) state$ended <- "max_time"
  state
}

#' The potential of the target at falling temperatures, each from the one before, down to 2.
#' @noRd
tempered_start <- function(target, state, w, atoms, components, control, progress) {
  active <- state$active
  w <- w[, active, drop = FALSE]
  start <- state$start
  control$max_iter <- min(control$max_iter, 12L)
  heat <- control$temper
  while (heat > 1) {
    options <- vi_options(control, length(active), nrow(w), atoms, components, 6L, start)
    asked <- core_target(target, state$place, active, NULL, heat)
    fit <- run_vi(target, asked, w, w[0, , drop = FALSE], options, progress$report)
    if (fit$status %in% c("not_finite", "target_failed", "size", "singular")) break
    start <- fit$potential
    heat <- max(heat / 2, 1)
    if (heat < 2) break
  }
  start
}

#' A potential near x'x/2 with components that are blends of tangent planes of most of it, at the
#' centres of cells of the points y. The coordinates count by their weights, so that the cells lie
#' along those in which the target is least Gaussian. With n = 0 it is x'x/2.
#' @noRd
start_components <- function(y, weight, n, kappa) {
  d <- ncol(y)
  full <- d <= 3 # roots are triangular up to there, by rows, and diagonal above
  share <- 0.7 * (1 - kappa)
  axes <- list(
    family = "ridge", d = d, given = 0L, n_quadratic = d, n_atoms = 0L, n_tails = 0L, kappa = kappa,
    direction = diag(d), profile = integer(d), centre = numeric(d), width = rep(1, d),
    coef = c(numeric(d), rep(1, d)), n_components = 0L, components = numeric()
  )
  if (n == 0) return(axes)
  scale <- sqrt(weight / max(weight))
  cells <- suppressWarnings(stats::kmeans(sweep(y, 2, scale, "*"), n, iter.max = 5, nstart = 1))
  centre <- rowsum(y, cells$cluster) / as.vector(table(cells$cluster))
  centre <- sweep(centre, 2, scale^2, "*") # no tilt where there is nothing to bend
  within <- sweep(y, 2, scale, "*") - cells$centers[cells$cluster, , drop = FALSE]
  theta <- 2 * share * sum(within^2) / nrow(y) / sum(scale^2)
  diagonal <- sqrt(share * (1 - 0.64 * scale^2))
  root <- if (full) diag(diagonal, d)[upper.tri(diag(d), diag = TRUE)] else diagonal
  components <- rbind(matrix(root, length(root), n), share * t(centre), -share * rowSums(centre^2) / 2)
  axes$family <- "sum"
  axes$coef[d + seq_len(d)] <- 1 - share
  axes$n_components <- as.integer(n)
  axes$components <- c(log(max(theta, 1e-3)), components)
  axes
}

#' The trace of a run; it has no certificate, and so no bound of what can still be won.
#' @noRd
vi_trace <- function(fit, stage, n) {
  trace <- trace_frame(fit$trace)
  trace$kl <- NULL
  cbind(stage = rep(stage, nrow(trace)), points = n, trace)
}
