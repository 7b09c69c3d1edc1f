# The Gaussian law that a posterior starts from: mode -> Gaussian on a few points -> on more. In
# unbounded coordinates z; w are coordinates in which the law so far is N(0, I).

#' Points of N(0, I) for a fit: quasi-random, with mean zero and identity covariance, so that
#' Gaussian targets carry no error.
#' @noRd
fit_points <- function(n, d) {
  y <- sobol_points(n, d, normal = TRUE)
  y <- sweep(y, 2, colMeans(y))
  y %*% solve(chol(crossprod(y) / n))
}

#' A mode by BFGS and a root of the inverse Hessian there: list(center, root).
#' @noRd
find_mode <- function(target, z) {
  d <- length(z)
  row <- function(v) matrix(v, 1)
  found <- tryCatch(stats::optim(
    z, function(v) {
      value <- if (all(is.finite(v))) target_value(target, row(v)) else -Inf
      if (isTRUE(value > (target$count$highest %||% -Inf))) {
        target$count$best <- v # what there is if time ends here
        target$count$highest <- value
      }
      -value
    },
    function(v) {
      slope <- -target_slope(target, row(v), diag(d))[1, ]
      replace(slope, !is.finite(slope), 0)
    },
    method = "BFGS", control = list(maxit = 200, reltol = 1e-10)
  )$par, error = function(e) z)
  root <- diag(d)
  # the second time in the coordinates of the first, whose scales are right
  for (h in c(1e-3, 1e-2)) {
    shift <- h * t(root)
    slope <- target_slope(target, rbind(sweep(shift, 2, found, "+"), sweep(-shift, 2, found, "+")), root)
    at <- seq_len(d)
    hessian <- -(slope[at, , drop = FALSE] - slope[-at, , drop = FALSE]) / (2 * h)
    if (!all(is.finite(hessian))) break
    e <- eigen((hessian + t(hessian)) / 2, symmetric = TRUE)
    curvature <- pmax(abs(e$values), 1e-8 * max(abs(e$values)), 1e-8)
    root <- root %*% e$vectors %*% (t(e$vectors) / sqrt(curvature))
  }
  list(center = found, root = root)
}

#' The best Gaussian from a place on: list(place = list(center, root), its potential, the spread of
#' its log weights and its elbo on the points), or NULL where the target refuses them even when
#' drawn together. A few points bring it near at little cost.
#' @noRd
fit_gaussian <- function(target, place, control, progress) {
  force(place)
  d <- target$d
  log_weight <- NA_real_
  control$kappa <- 1e-3
  control$step <- Inf
  control$max_iter <- min(control$max_iter, 12L) # what is far from Gaussian is left to the potential
  trace <- NULL
  spread <- Inf
  for (size in gaussian_points(d)) {
    y <- fit_points(size, d)
    for (pass in 1:5) { # the law so far is whitened until it stays
      control$tol <- if (spread < 0.05) 1e-14 else 1e-3
      fit <- place_gaussian(target, place, y, control, progress)
      if (is.null(fit)) return(NULL)
      place <- target$count$place <- fit$place
      if (fit$status == "interrupted") break
      trace <- rbind(trace, vi_trace(fit, "gaussian", size))
      z <- sweep(y %*% t(place$root), 2, place$center, "+")
      log_weight <- target_value(target, z) / control$temper + rowSums(y^2) / 2
      before <- spread
      spread <- stats::sd(log_weight)
      if (!is.finite(spread)) break
      if (abs(before - spread) < 0.1 * spread || (nrow(fit$trace) <= 2 && spread > 0.05)) break
    }
    if (fit$status == "interrupted") break
  }
  if (!isTRUE(control$improper) && runs_away(fit, target$count$start)) return(NULL)
  list(place = place, potential = identity_potential(fit$potential), trace = trace,
       status = if (fit$status == "max_iterations") "ok" else fit$status, spread = spread,
       points = nrow(y),
       elbo = mean(log_weight) + log(abs(det(place$root))) + d / 2 * log(2 * pi))
}

gaussian_points <- function(d) c(max(64, 4 * (d + 2)), max(256, 8 * (d + 2)))

#' One run of a Gaussian on points about a place, with the place it leads to.
#' @noRd
place_gaussian <- function(target, place, y, control, progress) {
  d <- target$d
  options <- vi_options(control, d, nrow(y), 0L, 0L, 0L)
  for (halving in 1:20) {
    asked <- core_target(target, place, heat = control$temper)
    fit <- run_vi(target, asked, y, matrix(0, 0, d), options, progress)
    if (fit$status != "not_finite") break
    place$root <- place$root / 2
  }
  if (fit$status %in% c("not_finite", "target_failed", "size", "singular")) return(NULL)
  e <- evaluate(fit$potential, rbind(0, diag(d)), map = TRUE)$map
  grown <- sweep(e[-1, , drop = FALSE], 2, e[1, ])
  place$center <- place$center + drop(place$root %*% e[1, ])
  place$root <- place$root %*% grown
  if (!all(is.finite(place$root)) || !all(is.finite(place$center))) return(NULL)
  c(list(place = place, growth = max(svd(grown)$d, abs(e[1, ]) / 3)), fit)
}

#' Whether the Gaussian law was still growing when it ended, far beyond any scale: the integral of
#' the density is not finite.
#' @noRd
runs_away <- function(fit, start) {
  scale <- svd(fit$place$root)$d
  far <- max(scale, abs(fit$place$center)) / (1 + max(abs(start)))
  (fit$growth > 1.5 && far > 1e4) || far > 1e12 || max(scale) > 1e12 * min(scale)
}

#' The potential x'x/2 with the quadratics of another.
#' @noRd
identity_potential <- function(p) {
  axis <- colSums(p$direction^2 > 1 - 1e-12) > 0
  p$coef <- c(rep(0, p$d), as.double(axis))
  p
}

#' The Gaussian from the mode; from the start as well where that one is poor, as it is for a funnel,
#' whose mode is far from its mass. Fresh points compare them.
#' @noRd
start_gaussian <- function(target, z, control, progress) {
  mode <- find_mode(target, z)
  best <- fit_gaussian(target, mode, control, progress)
  if (!is.null(best) && isTRUE(best$spread < 0.6)) return(best)
  if (identical(best$status, "interrupted")) return(best)
  other <- fit_gaussian(target, list(center = z, root = diag(length(z))), control, progress)
  found <- Filter(Negate(is.null), list(best, other))
  fresh <- with_seed(7, fit_points(512, target$d))
  loss <- vapply(found, function(g) {
    layer <- list(potential = g$potential)
    measure(target, list(place = g$place), layer, fresh)$loss - log(abs(det(g$place$root)))
  }, 0)
  if (length(found) == 0) return(NULL)
  chosen <- found[[which.min(replace(loss, is.na(loss), Inf))]]
  if (identical(other$status, "interrupted")) chosen$status <- "interrupted"
  chosen
}

#' Turns the coordinates of a Gaussian so that the first are those along which the target is least
#' like it: the place, with `active`, how many they are, and their `weight`. By the log-Sobolev
#' inequality the divergence that is left is at most half the mean square of the score less its
#' linear part, which the Gaussian has; coordinates that hold nothing of it are left alone.
#' @noRd
turn_place <- function(target, place, n = max(256, 8 * (target$d + 2))) {
  d <- target$d
  w <- fit_points(n, d)
  z <- sweep(w %*% t(place$root), 2, place$center, "+")
  score <- target_slope(target, z, place$root)
  finite <- rowSums(!is.finite(score)) == 0
  if (sum(finite) < 2 * (d + 2)) return(c(place, list(active = d, weight = rep(1, d))))
  rest <- stats::lm.fit(cbind(1, w[finite, ]), score[finite, , drop = FALSE])$residuals
  rest <- matrix(rest, ncol = d)
  size <- sqrt(rowSums(rest^2))
  rest <- rest * pmin(1, 3 * stats::median(size) / pmax(size, 1e-300)) # far points would rule alone
  e <- eigen(crossprod(rest) / nrow(rest), symmetric = TRUE)
  weight <- pmax(e$values, 0)
  left <- rev(cumsum(rev(weight))) / 2
  place$root <- place$root %*% e$vectors
  c(place, list(active = max(1, sum(left > 2e-3)), weight = weight))
}
