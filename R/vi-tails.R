# Tails of a posterior. The divergence to the target has next to no weight where the approximation
# has none, and so leaves its tails too light, of which importance weights then have a heavy one.

#' A chain whose reference is stretched along its axes first, by steps beyond c on either side,
#' \eqn{y_i + \sum_j \delta_{ij} a h((\pm y_i - c_j)/a)}. The stretches come from a Gauss-Newton step
#' towards a constant log ratio to the target, at points of which half are spread one and a half
#' times as far as the reference. A ratio below the constant counts for as much as one above it, or
#' for less, as light weights do no harm but a wide law does: the first count with a good khat
#' stays, or that with the best. Moments suffer a little, so that no more may be lost than a fifth of
#' what is left of the divergence.
#' @noRd
widen_tails <- function(target, state, control, n = 2048L) {
  d <- target$d
  # d more evaluations of the chain; without a gradient as many more of the target
  wanted <- isTRUE(state$best$khat > good_tail) && d <= 20
  left <- control$max_gradients - slopes_asked(target)
  if (!wanted || left < n || proc.time()[["elapsed"]] > control$deadline) return(state)
  y <- fit_points(n, d) * rep(c(1, 1.5), length.out = n)
  pulled <- pulled_back(target, state, y)
  if (is.null(pulled)) return(state)
  steps <- tail_steps(y)
  ratio <- pulled$value + rowSums(y^2) / 2
  design <- do.call(cbind, lapply(seq_len(d), function(i) {
    pulled$slope[, i] * steps$slope[[i]] + steps$curve[[i]]
  }))
  best <- state
  for (light in c(1, 0.3, 0.1)) {
    wide <- state
    delta <- matrix(fit_tails(ratio, design, light), d, byrow = TRUE)
    wide$inner <- c(list(tail_layer(delta)), state$inner)
    now <- measure(target, wide, state$best$layer, state$valid)
    wide$best[names(now)] <- now
    wide$history <- rbind(state$history, stage_row(
      target, "tails", n, NA_real_, now, state$best$layer$potential, "ok", length(state$inner) + 1L
    ))
    lost <- now$loss - state$best$loss
    if (isTRUE(now$khat < best$best$khat && lost < state$best$gap / 5)) best <- wide
    if (best$best$khat < good_tail) break
  }
  best
}

good_tail <- 0.4
tail_centres <- c(1.5, 2.5)
tail_width <- 0.5

#' Slopes and curvatures of the steps at the points y: for each axis a matrix, a column a step.
#' @noRd
tail_steps <- function(y) {
  side <- rep(c(1, -1), each = length(tail_centres))
  t <- lapply(seq_len(ncol(y)), function(i) {
    (outer(y[, i], side) - rep(tail_centres, each = nrow(y))) / tail_width
  })
  list(slope = lapply(t, function(t) {
    sweep(tail_width * (t * stats::pnorm(t) + stats::dnorm(t)), 2, side, "*")
  }), curve = lapply(t, stats::pnorm))
}

#' The layer that stretches by delta.
#' @noRd
tail_layer <- function(delta) {
  d <- nrow(delta)
  potential <- start_components(matrix(0, 1, d), rep(1, d), 0L, 0.02)
  steps <- length(delta)
  sides <- rep(c(1, -1), each = length(tail_centres))
  potential$direction <- cbind(diag(d), do.call(cbind, lapply(sides, function(s) s * diag(d))))
  potential$profile <- c(potential$profile, rep(1L, steps))
  potential$centre <- c(potential$centre, rep(tail_centres, each = d, times = 2))
  potential$width <- c(potential$width, rep(tail_width, steps))
  potential$coef <- c(potential$coef, as.vector(delta))
  potential$n_atoms <- steps
  list(potential = potential)
}

#' Log density of the target at the images of y by the chain, with its log determinant, and the
#' slope of that by differences of the chain; NULL where it cannot be had.
#' @noRd
pulled_back <- function(target, state, y) {
  chain <- function(y) through(c(state$inner, list(state$best$layer)), y)
  at <- chain(y)
  f <- asked_in(target, state$place)(at$w, TRUE)
  if (inherits(f, "condition")) return(NULL)
  h <- 1e-5
  slope <- vapply(seq_len(ncol(y)), function(i) {
    y[, i] <- y[, i] + h
    moved <- chain(y)
    (rowSums(-f[[2]] * (moved$w - at$w)) + moved$logdet - at$logdet) / h
  }, y[, 1])
  list(value = -f[[1]] + at$logdet, slope = slope)
}

#' Stretches of between 0 and 1 for which ratio + design delta is nearest to a constant; squares of
#' what is below it count by `light`.
#' @noRd
fit_tails <- function(ratio, design, light) {
  # far off is a point that the linear model says nothing of
  used <- is.finite(ratio) & is.finite(rowSums(design)) & abs(ratio - stats::median(ratio)) < 10
  design <- design[used, , drop = FALSE]
  ratio <- ratio[used]
  none <- numeric(ncol(design))
  rest <- function(par) {
    r <- drop(ratio + design %*% par[-1] - par[1])
    list(r = r, weighted = ifelse(r > 0, r, light * r))
  }
  penalty <- 1e-3
  stats::optim(
    c(mean(ratio), none),
    function(par) {
      r <- rest(par)
      mean(r$r * r$weighted) + penalty * sum(par[-1]^2)
    },
    function(par) {
      w <- rest(par)$weighted
      2 * c(-mean(w), drop(crossprod(design, w)) / length(w) + penalty * par[-1])
    },
    method = "L-BFGS-B", lower = c(-Inf, none), upper = c(Inf, none + 1),
    control = list(maxit = 500)
  )$par[-1]
}
