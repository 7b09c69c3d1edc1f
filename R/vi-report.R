# What fresh draws say of a posterior.

#' Draws of the chain at the points y of the reference: list(z, log_density of the approximation
#' there).
#' @noRd
push_draws <- function(layers, y) {
  if (!all(vapply(layers, function(l) identical(l$side, "reference"), NA))) {
    z <- unname(backward(layers, y))
    return(list(z = z, log_density = log_density(layers, z)))
  }
  log_density <- -rowSums(y^2) / 2 - ncol(y) / 2 * log(2 * pi)
  for (layer in rev(layers)) {
    e <- evaluate_layer(layer, y)
    y <- from_white(layer$whitening, e$map)
    log_density <- log_density - e$logdet + layer$whitening$logdet
  }
  list(z = y, log_density = log_density)
}

#' Log weights of the draws at y. A khat that is not good may come of the place at which the tail is
#' cut off: weights that are nearly equal in the middle bend there. With sixteen times as many draws,
#' or as many as the fit has asked for, or as there is time for before `end`, the cut is further out.
#' @noRd
fresh_weights <- function(target, layers, y, end = Inf) {
  each <- function(y) {
    draws <- push_draws(layers, y)
    target_value(target, draws$z) - draws$log_density
  }
  fitted <- target$count$points
  began <- proc.time()[["elapsed"]]
  w <- each(y)
  took <- proc.time()[["elapsed"]] - began
  times <- min(16, fitted %/% nrow(y))
  if (khat_of(w) < 0.5 || times < 2) return(w)
  tryCatch(with_seed(2, {
    more <- lapply(seq_len(times - 1), function(k) {
      if (proc.time()[["elapsed"]] + took < end) each(matrix(stats::rnorm(length(y)), nrow(y)))
    })
    unlist(c(list(w), more))
  }), interrupt = function(c) w)
}

#' Shape of the tail of importance weights: the generalised Pareto fit of Zhang and Stephens (2009)
#' <doi:10.1198/tech.2009.08017> to the largest of them, with the weak prior of Vehtari, Simpson,
#' Gelman, Yao and Gabry (2024, J. Mach. Learn. Res. 25(72)). -Inf where the weights are equal but
#' for rounding.
#' @noRd
khat_of <- function(log_weight) {
  n <- length(log_weight)
  w <- log_weight[is.finite(log_weight)]
  if (length(w) < 25) return(Inf)
  m <- ceiling(min(0.2 * n, 3 * sqrt(n)))
  w <- sort(w - max(w), decreasing = TRUE)
  if (w[1] - w[length(w)] < 1e-8) return(-Inf)
  tail <- rev(exp(w[seq_len(m)]) - exp(w[m + 1]))
  if (tail[1] == tail[m]) return(-Inf)
  k <- pareto_shape(tail)
  (k * m + 5) / (m + 10)
}

#' @param x Exceedances in increasing order.
#' @noRd
pareto_shape <- function(x) {
  n <- length(x)
  grid <- 30 + floor(sqrt(n))
  quarter <- max(x[floor(n / 4 + 0.5)], min(x[x > 0])) # many may be equal
  theta <- 1 / x[n] + (1 - sqrt(grid / (seq_len(grid) - 0.5))) / (3 * quarter)
  shape <- vapply(theta, function(b) mean(log1p(-b * x)), 0)
  profile <- n * (log(-theta / shape) - shape - 1)
  profile[is.nan(profile)] <- -Inf
  weight <- exp(profile - max(profile))
  b <- sum(theta * weight) / sum(weight)
  mean(log1p(-b * x))
}

log_mean_exp <- function(v) max(v) + log(mean(exp(v - max(v))))

#' @param w Log weights of fresh draws; -Inf where the target refused a draw.
#' @noRd
weight_report <- function(w) {
  n <- length(w)
  share <- exp(w - max(w))
  seen <- w[is.finite(w)]
  log_z <- log_mean_exp(w)
  # delta method: the gap is log mean e^w - mean w
  influence <- share / mean(share) - w
  list(
    elbo = mean(seen), elbo_se = stats::sd(seen) / sqrt(n), log_evidence = log_z,
    kl_gap = log_z - mean(seen), kl_gap_se = stats::sd(influence[is.finite(w)]) / sqrt(n),
    khat = khat_of(w), is_ess = sum(share)^2 / sum(share^2), draws = n, refused_draws = n - length(seen)
  )
}
