# A mass-covering fit: the likelihood of weighted draws in the place of the divergence to the
# target.

#' Lowers KL(target, approximation): draws of the approximation, weighted by the target, are data
#' to which brenier() fits a map; that one is drawn from in turn. Weights are truncated at their
#' mean times the square root of their number, and flattened by a power as long as a tenth of them
#' would not be effective. Of what was found the approximation whose weights are most even stays.
#' @noRd
cover_target <- function(target, state, control, rounds = 2L, n = 2048L) {
  d <- target$d
  layers <- state_layers(state)
  best <- list(layers = layers, ess = -Inf)
  for (round in seq_len(rounds + 1)) {
    draws <- push_draws(layers, fit_points(n, d))
    log_weight <- target_value(target, draws$z) - draws$log_density
    ess <- effective_size(exp(log_weight - max(log_weight)))
    if (isTRUE(ess > best$ess)) best <- list(layers = layers, ess = ess)
    if (round > rounds || proc.time()[["elapsed"]] >= control$deadline) break
    kept <- is.finite(log_weight) & rowSums(!is.finite(draws$z)) == 0
    w <- flat_weights(log_weight[kept])
    fit <- suppressWarnings(brenier(
      draws$z[kept, , drop = FALSE], weights = w, potential = if (d <= 5) "both" else "ridge",
      control = brenier_control(folds = 1, max_seconds = max(control$deadline - proc.time()[["elapsed"]], 1))
    ))
    layers <- fit$layers
  }
  state$cover <- best$layers
  state
}

#' Truncated weights with a mean of 1 of which a tenth are effective.
#' @noRd
flat_weights <- function(log_weight) {
  flat <- function(power) {
    w <- exp(power * (log_weight - max(log_weight)))
    w <- pmin(w / mean(w), sqrt(length(w)))
    w / mean(w)
  }
  enough <- function(power) effective_size(flat(power)) - 0.1 * length(log_weight)
  if (enough(1) >= 0) return(flat(1))
  flat(stats::uniroot(enough, c(0, 1), tol = 1e-3)$root)
}
