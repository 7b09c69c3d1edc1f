# Laws at new covariates of a flow given covariates: particles near by, moved along their local
# regression, and from there a flow of the response alone to the data near by.

# A covariate is far from all data if their kernels at it sum to less than this: no datum is within
# three bandwidths.
LEAST_NEAR <- exp(-3^2 / 2)

# Particles of the flow at one covariate: at least, for the densities, and at most.
LOCAL_PARTICLES <- c(200, 1000)

#' Weights of points at a covariate, and these points as if they were there: less the local linear
#' regression on their covariates, shrunk to no slope as by two points a bandwidth away. Without
#' this, a mean would be off by the slope of the density of the covariates and a spread too large by
#' that of the mean.
#' @noRd
points_at <- function(z, weight, at, moving, h) {
  away <- sweep(z[, -moving, drop = FALSE], 2, at)
  square <- rowSums(away^2) / (2 * h^2)
  w <- weight * exp(min(square) - square)
  near <- w > 1e-8 * max(w)
  w <- w[near] / sum(w[near])
  away <- away[near, , drop = FALSE]
  y <- z[near, moving, drop = FALSE]
  effective <- 1 / sum(w^2)
  centred <- sweep(away, 2, colSums(w * away))
  spread <- effective * crossprod(centred * sqrt(w)) + diag(2 * h^2, ncol(away))
  slope <- solve(spread, effective * crossprod(centred * w, y))
  list(y = y - away %*% slope, weight = w)
}

#' The bandwidth of the covariates: that of the flow, or where it has none the rule of scores.
#' @noRd
covariate_bandwidth <- function(object) {
  if (!object$kind %in% c("energy", "sliced")) return(min(object$bandwidth))
  bandwidth_of("normal", object$problem$y, object$problem$weight)
}

#' Draws at each row of `given`, coordinates of the user in a list of a matrix a row.
#' @noRd
draws_given <- function(object, given, nsim, steps, smooth) {
  moving <- object$space$moving
  h <- covariate_bandwidth(object)
  blank <- matrix(NA_real_, nsim, object$d)
  known <- stats::complete.cases(given)
  at <- matrix(NA_real_, nrow(given), ncol(given))
  zero <- matrix(0, sum(known), object$d)
  at[known, ] <- object$space$to(zero, given[known, , drop = FALSE])[, -moving]
  check_near(at[known, , drop = FALSE], which(known), object$problem$y[, -moving, drop = FALSE],
             object$problem$weight * nrow(object$problem$y), h)
  stopped <- FALSE
  parts <- lapply(seq_len(nrow(given)), function(i) {
    if (!known[i] || stopped) return(blank)
    from <- points_at(object$z, 1, at[i, ], moving, h)
    if (steps == 0) {
      y <- from$y[sample.int(nrow(from$y), nsim, replace = TRUE, prob = from$weight), , drop = FALSE]
    } else {
      run <- flow_given(object, from, at[i, ], h, max(nsim, LOCAL_PARTICLES[1]), steps)
      stopped <<- run$status == "interrupted"
      if (stopped) return(blank)
      y <- run$z[sample.int(nrow(run$z), nsim, replace = nsim > nrow(run$z)), , drop = FALSE]
    }
    if (smooth) {
      y <- y + sample(rep(object$bandwidth, 2), nsim, replace = TRUE) * stats::rnorm(length(y))
    }
    object$space$from(y, given[rep(i, nsim), , drop = FALSE])
  })
  if (stopped) {
    brenier_warn(c(
      "The draws were interrupted.", i = "Rows of {.arg newdata} that were not reached are NA."
    ), "interrupted")
  }
  do.call(rbind, parts)
}

#' The flow of the response at one covariate, from particles near by to the data near by.
#' @noRd
flow_given <- function(object, from, at, h, n, steps) {
  problem <- object$problem
  to <- points_at(problem$y, problem$weight, at, object$space$moving, h)
  n <- min(n, LOCAL_PARTICLES[2])
  d <- ncol(to$y)
  problem$y <- to$y
  problem$weight <- to$weight
  if (problem$kind %in% c("energy", "sliced")) {
    problem$data_mean <- mean_distance(problem)
    if (problem$data_mean == 0) return(list(z = to$y, status = "ok")) # one datum
  }
  if (problem$kind == "smooth") {
    problem$draws <- kernel_draws(object$control$samples, d, problem$kernel)
  }
  rows <- sample.int(nrow(from$y), n, replace = TRUE, prob = from$weight)
  # particles that are drawn twice begin apart
  start <- from$y[rows, , drop = FALSE] + h * stats::rnorm(n * d)
  control <- object$control
  control$optimiser <- "gradient"
  control[c("kept", "watched")] <- list(integer(), seq_len(n))
  run_flow(problem, start, plain_space(d), list(steps = steps, h = list(object$bandwidth)), control)
}

#' Covariates must be among those of the data: elsewhere there is nothing to draw from. `rows` are the
#' numbers of those in `at`.
#' @noRd
check_near <- function(at, rows, data, weight, h) {
  if (length(rows) == 0) return(invisible())
  log_near <- pair_lse(at, data, log(weight), "gaussian", h)
  far <- rows[!(log_near >= log(LEAST_NEAR))]
  if (length(far) == 0) return(invisible())
  near <- format(exp(max(min(log_near), -700)), digits = 2)
  brenier_abort(c(
    "{.arg newdata} has {length(far)} row{?s} far from all data, the first is row {far[1]}.",
    x = "Within the kernel there are effectively {near} data at the farthest.",
    i = "Draw at covariates among those of the data, or take a larger {.arg bandwidth}."
  ), "argument", argument = "newdata")
}
