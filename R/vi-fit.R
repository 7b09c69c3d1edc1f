# The stages of a posterior, in order: mode -> Gaussian -> components and atoms, on more and more
# points. All in unbounded coordinates z; w are coordinates in which the law so far is N(0, I).

#' Points of N(0, I) for a fit: quasi-random, with mean zero and identity covariance, so that Gaussian
#' targets carry no error.
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
    z, function(v) if (all(is.finite(v))) -target_value(target, row(v)) else Inf,
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

#' One run of the core: its fit, with the condition of the target if that ended it.
#' @noRd
run_vi <- function(target, place, y, valid, options, progress) {
  mean_of <- function(y) rep(1 / max(nrow(y), 1), nrow(y))
  run <- .Call(
    C_brenier_variational, y, mean_of(y), valid, mean_of(valid),
    core_target(target, place$center, place$root), options, progress
  )
  if (target$kind == "glm") {
    count_asked(target$count, run$batches, run$points, run$gradients)
    target$count$refused <- target$count$refused + run$refused
  }
  if (inherits(run$condition, "error")) stop(run$condition)
  fit <- run$fit
  fit$trace <- as.data.frame(fit$trace)
  fit$rounds <- as.data.frame(fit$rounds)
  fit
}

#' The best Gaussian from a place on, which is whitened by it until it stays: list(center, root), its
#' loss and log weights on the points, or NULL where the target refuses them even when drawn together.
#' @noRd
fit_gaussian <- function(target, place, control, progress) {
  d <- target$d
  y <- fit_points(max(512, 4 * (d + 2)), d)
  none <- matrix(0, 0, d)
  control$kappa <- 1e-3
  control$step <- Inf
  trace <- NULL
  for (pass in 1:6) {
    options <- vi_options(control, d, nrow(y), 0L, 0L, 0L)
    for (halving in 1:20) {
      fit <- run_vi(target, place, y, none, options, progress)
      if (fit$status != "not_finite") break
      place$root <- place$root / 2
    }
    if (fit$status %in% c("not_finite", "target_failed", "size", "singular")) return(NULL)
    e <- evaluate(fit$potential, rbind(0, diag(d)), map = TRUE)$map
    place$center <- place$center + drop(place$root %*% e[1, ])
    place$root <- place$root %*% sweep(e[-1, , drop = FALSE], 2, e[1, ])
    trace <- rbind(trace, vi_trace(fit, "gaussian", nrow(y)))
    if (fit$status == "interrupted" || nrow(fit$trace) <= 3) break
  }
  z <- sweep(y %*% t(place$root), 2, place$center, "+")
  log_weight <- target_value(target, z) + rowSums(y^2) / 2
  list(place = place, potential = identity_potential(fit$potential), trace = trace,
       status = fit$status, khat = khat_of(log_weight),
       elbo = mean(log_weight) + log(abs(det(place$root))) + d / 2 * log(2 * pi))
}

#' The potential x'x/2 with the quadratics of another.
#' @noRd
identity_potential <- function(p) {
  axis <- colSums(p$direction^2 > 1 - 1e-12) > 0
  p$coef <- c(rep(0, p$d), as.double(axis))
  p
}

#' The Gaussian from the mode; from the start as well where that one is poor, as it is for a funnel,
#' whose mode is far from its mass.
#' @noRd
start_gaussian <- function(target, z, control, progress) {
  best <- fit_gaussian(target, find_mode(target, z), control, progress)
  if (is.null(best) || best$khat > 0.7) {
    other <- fit_gaussian(target, list(center = z, root = diag(length(z))), control, progress)
    if (is.null(best) || (!is.null(other) && other$elbo > best$elbo)) best <- other
  }
  best
}

#' Held-out mean of the loss, and of what a fit to fewer points would gain, with its standard error.
#' @noRd
validate_vi <- function(target, place, potential, y) {
  e <- evaluate(potential, y, map = TRUE, logdet = TRUE)
  f <- -target_value(target, sweep(e$map %*% t(place$root), 2, place$center, "+"))
  ratio <- f - e$logdet - rowSums(y^2) / 2 # its spread is 0 at the truth
  list(loss = mean(ratio) + ncol(y) / 2, se = stats::sd(ratio) / sqrt(nrow(y)))
}

# Less than this, in nats, is not worth more points.
negligible <- 0.01

#' The Gaussian; atoms alone; components, then atoms on top of them. The validation chooses.
#' @noRd
fit_posterior <- function(target, z, potential, control, progress) {
  d <- target$d
  progress$what <- "Gaussian"
  gaussian <- start_gaussian(target, z, control, progress$report)
  if (is.null(gaussian)) {
    brenier_abort(c(
      "No Gaussian law about {.arg init} was found on which {.arg log_density} is finite.",
      i = "Choose another {.arg init}, check the bounds, and that the density has a finite integral."
    ), "target", argument = "log_density")
  }
  valid <- fit_points(control$validation, d)
  held <- validate_vi(target, gaussian$place, gaussian$potential, valid)
  state <- list(
    place = gaussian$place, best = c(gaussian[c("potential", "status")], held, stationary = TRUE), start = NULL,
    n = max(control$points, 4 * (d + 2)), status = gaussian$status,
    trace = gaussian$trace, gaussian = list(
      elbo = log(abs(det(gaussian$place$root))) + d / 2 * (1 + log(2 * pi)) - held$loss, se = held$se
    ),
    history = data.frame(stage = "gaussian", points = max(512, 4 * (d + 2)), objective = NA_real_,
                         validation = held$loss, se = held$se, atoms = 0, components = 0,
                         status = gaussian$status)
  )
  # a softmax has some d^2 coefficients a quadratic, and steps take the cube of their number
  all <- c("ridge", if (d <= 10) "softmax", if (d <= 5) "both")
  stages <- if (potential == "both") all else potential
  if (control$max_atoms == 0) stages <- setdiff(stages, c("ridge", "both"))
  first <- state$n
  for (stage in stages) {
    if (state$status == "interrupted") break
    if (stage == "softmax") state[c("start", "n")] <- list(NULL, first)
    state <- grow_stage(stage, target, state, valid, control, progress)
  }
  ended <- state$status
  state[c("potential", "status", "stationary")] <- state$best[c("potential", "status", "stationary")]
  if (ended == "interrupted") state$status <- ended
  state
}

usable <- function(status) status %in% c("ok", "stalled", "max_iterations")

#' Fits with atoms, components or both to points that double while the fit does better on them
#' than on the validation and gains there.
#' @noRd
grow_stage <- function(stage, target, state, valid, control, progress) {
  d <- target$d
  held <- if (control$folds > 0) valid else valid[0, , drop = FALSE]
  atoms <- if (stage == "softmax") 0L else control$max_atoms
  components <- if (stage == "ridge") 0L else control$components
  rounds <- if (atoms > 0) all_rounds(list(max_atoms = atoms), d) else 40L
  better <- FALSE
  last <- Inf # the validation before the points doubled
  repeat {
    progress$what <- paste(state$n, "points")
    y <- fit_points(state$n, d)
    options <- vi_options(control, d, state$n, atoms, components, rounds, state$start)
    fit <- run_vi(target, state$place, y, held, options, progress$report)
    state$trace <- rbind(state$trace, vi_trace(fit, stage, state$n))
    state$status <- fit$status
    if (fit$status %in% c("not_finite", "target_failed", "size", "singular")) return(state)
    state$start <- fit$potential
    now <- validate_vi(target, state$place, fit$potential, valid)
    objective <- validate_vi(target, state$place, fit$potential, y)$loss
    state$history <- rbind(state$history, data.frame(
      stage = stage, points = state$n, objective = objective, validation = now$loss, se = now$se,
      atoms = fit$potential$n_atoms, components = fit$potential$n_components, status = fit$status
    ))
    fits <- now$loss - objective <= max(now$se, negligible)
    stationary <- isTRUE(fits || last - now$loss < negligible)
    if (isTRUE(now$loss < state$best$loss) || control$folds == 0) {
      state$best <- c(fit[c("potential", "status")], now)
      better <- TRUE
    }
    if (better) state$best$stationary <- stationary
    if (stationary || !usable(fit$status) || 2 * state$n > control$max_points) return(state)
    last <- now$loss
    state$n <- 2 * state$n
  }
}

#' The trace of a run; it has no certificate, and so no bound of what can still be won.
#' @noRd
vi_trace <- function(fit, stage, n) {
  trace <- trace_frame(fit$trace)
  trace$kl <- NULL
  cbind(stage = rep(stage, nrow(trace)), points = n, trace)
}
