#' The continuum limit of Sinkhorn's algorithm
#'
#' The parabolic Monge-Ampere flow between two densities, which is the limit of Sinkhorn's
#' algorithm as
#' the temperature falls to zero; or, at a temperature above zero, the Sinkhorn iterates at the same
#' times. Both have the same columns, so that they can be laid over each other.
#'
#' @details
#' The flow is
#' \deqn{\partial_t u = r,\quad r = \log(\rho_u/\mu),\quad \rho_u = (\nabla u^*)_\#\nu,}{du/dt = r,
#'   r = log(rho_u / mu), rho_u the law of grad u*(Y), Y from nu,}
#' the mirror flow of \eqn{KL(\rho\,\|\,\mu)}{KL(rho || mu)}. On grids it is advanced by a linearly implicit
#' method of order 3 with steps of its own choice. A cycle of Sinkhorn for the cost
#' \eqn{|x - y|^2/2}{|x - y|^2/2} at temperature `epsilon` is the mirror step
#' \eqn{u_{k+1} = u_k + \epsilon\log(\rho_k/\mu)}{u_(k+1) = u_k + epsilon log(rho_k / mu)} with a smoothed
#' \eqn{\rho_k}{rho_k}: it stands at time k `epsilon`. On grids its kernel is a product over the axes and
#' sums are scaled block by block, so that no temperature underflows; the step of the grid should be below
#' about
#' half the root of `epsilon`. Between points the sums are over all pairs, none of which is stored: time
#' n m and memory n + m a cycle. There is no flow between points at temperature zero, as they have no
#' density; with a `start` at the same potential, points on a grid with its masses have the iterates of
#' the grid. The model of an iterate at new points is [predict.points_flow()]; particles of the model
#' are drawn by [simulate()][simulate.sinkhorn_flow].
#'
#' Along the flow, whatever the densities:
#' * the semi-dual \eqn{J(u) = \int u\,d\mu + \int u^*d\nu}{J(u) = mean of u over mu + mean of u* over nu}
#'   falls by Jeffreys' divergence a unit of time, and for every law \eqn{\sigma}{sigma} the Bregman
#'   divergence \eqn{B(\sigma|\rho)}{B(sigma | rho)} of J moves by \eqn{KL(\sigma\|\mu) - KL(\sigma\|\rho_t)
#'   - KL(\rho_t\|\mu)}{KL(sigma || mu) - KL(sigma || rho_t) - KL(rho_t || mu)} a unit of time;
#' * hence Jeffreys' divergence at time t is at most (J(u_0) - min J)/t;
#' * max r falls and min r rises.
#'
#' @param mu,nu Both densities, as for [monge_ampere()]; or both normal laws, lists with `mean` and
#'   `cov`, for which see [gaussian_flow()]; or, with `epsilon` > 0, both points, data frames with a
#'   row a point. A matrix is points if its columns have names or it has fewer than four rows or
#'   columns, if the other law is points, or if `a` or `b` is given; otherwise its entries are a density.
#' @param times Times from 0 on, increasing; with `epsilon` > 0 multiples of it.
#' @param epsilon Temperature; 0 is the flow.
#' @param debias Whether to take the bias of order `epsilon` off: of normal laws as in
#'   [gaussian_flow()]; on
#'   grids and points the estimate is the average of u and of the conjugate of v of the same cycle;
#'   between points that is a maximum over the points of `nu`, which should be closer than the root
#'   of `epsilon`.
#' @param start The potential at time 0: an array of its values at the cells of `mu`, convex, whose
#'   gradient
#'   takes the box of `mu` onto that of `nu` face to face. By default the quadratic that does. Between
#'   points a number for each of `mu`, by default half its square, whose gradient is the identity.
#' @param periodic Whether the boxes are tori, of the same size; u less the quadratic is then
#'   periodic.
#' @param tol Largest error of a step in a cell, in units of the square of the longest side: three times
#'   the difference of the potential from that of the embedded method of order 2. The error of the flow
#'   is of that size or less: with the default less than that of a grid of 256 cells a side.
#' @param max_iter,max_seconds Most steps, or cycles, and wall-clock limit.
#' @param a,b Masses of the points of `mu` and of `nu`, at least 0; they are scaled to sum to 1. By
#'   default all are equal.
#' @param ... For normal laws, `start` of [gaussian_flow()].
#' @return A list of class `sinkhorn_flow`:
#' \describe{
#'   \item{`trace`}{a data frame with a row a time: `time`; `kl`, KL(model || mu), `kl_reverse`,
#'     KL(mu ||
#'     model), and `jeffreys`, their sum, in nats, with `epsilon` > 0 of the marginal \eqn{\mu e^r}{mu
#'     e^r} of the iterate, debiased or not; `objective`, J, in the unit of the squared
#'     coordinates (with `epsilon` > 0 with the entropic conjugate); `gap`, J less the J of the
#'     optimal
#'     potential (`NA` where it is not known), and `bound`, the gap at time 0 over the time; `low`
#'     and
#'     `high`, the range of r; `steps` so far, of the flow, or cycles}
#'   \item{`potential`, `ratio`}{u and r at the times: arrays over the cells of `mu`, or its points, and
#'     the times}
#'   \item{`conjugate`, `a`, `b`}{between points: v at those of `nu`, a column a time, which debiasing
#'     leaves as it is, and the masses}
#'   \item{`mu`, `nu`, `epsilon`, `debias`, `periodic`, `d`, `converged`, `status`}{what was asked for and
#'     whether all times were reached; those that were not are left out}
#' }
#' @section Errors:
#' `brenier_error_argument`, which names the argument: see [grid_density()]; densities that vanish,
#' for
#' which r is infinite; a start that is not convex or of another shape; times as in
#' [gaussian_flow()]; points at temperature zero or on a torus, or with a law that is none, and masses
#' that are negative or of another length. Points as for [sinkhorn()] raise `brenier_error_type`,
#' `_missing`, `_not_finite`, `_empty` and `_scale`.
#' `brenier_warning_not_converged` where not all times were reached.
#' @references
#' Deb, N., Kim, Y.-H., Pal, S. and Schiebinger, G. (2023). Wasserstein mirror gradient flow as the
#' limit
#' of the Sinkhorn algorithm. \doi{10.48550/arXiv.2307.16421}
#'
#' Berman, R. J. (2020). The Sinkhorn algorithm, parabolic optimal transport and geometric
#' Monge-Ampere
#' equations. Numerische Mathematik 145, 771-836. \doi{10.1007/s00211-020-01127-x}
#' @seealso [brenier_definitions], [gaussian_flow()], [monge_ampere()], [predict.points_flow()],
#'   [simulate.sinkhorn_flow()], [sinkhorn()]
#' @family transport between densities
#' @examples
#' x <- (seq_len(64) - 0.5) / 64
#' mu <- 1 + 0.5 * cos(2 * pi * x)
#' nu <- 1 - 0.4 * cos(2 * pi * x)
#' flow <- sinkhorn_flow(mu, nu, times = seq(0, 0.1, 0.01))
#' iterates <- sinkhorn_flow(mu, nu, times = seq(0, 0.1, 0.01), epsilon = 0.01)
#' plot(flow, iterates)
#'
#' # between samples
#' sinkhorn_flow(faithful[1:100, ], faithful[101:272, ], times = c(0, 1, 2), epsilon = 1)
#' @export
sinkhorn_flow <- function(mu, nu, times, epsilon = 0, debias = FALSE, start = NULL, periodic = FALSE,
                          tol = 1e-6, max_iter = 1e5, max_seconds = Inf, a = NULL, b = NULL, ...) {
  gaussian <- vapply(list(mu, nu), function(law) is.list(law) && "cov" %in% names(law), NA)
  if (all(gaussian)) return(gaussian_flow(mu, nu, times, epsilon, debias, start, ...))
  check_no_dots(..., known = names(formals(sinkhorn_flow)))
  epsilon <- check_number(epsilon, "epsilon", 0)
  times <- check_times(times, epsilon)
  debias <- check_flag(debias, "debias") && epsilon > 0
  periodic <- check_flag(periodic, "periodic")
  options <- list(
    tol = check_number(tol, "tol", 0, open = TRUE), max_iter = check_count(max_iter, "max_iter", 1),
    max_seconds = check_number(max_seconds, "max_seconds", 0, infinite = TRUE)
  )
  if (are_points(mu, nu, a, b)) {
    return(points_flow(mu, nu, a, b, times, epsilon, debias, start, periodic, options))
  }
  mu <- new_grid_density(mu, NULL, NULL, NULL, "mu")
  nu <- new_grid_density(nu, NULL, NULL, NULL, "nu")
  check_same_dimension(mu, nu)
  check_flow_densities(mu, nu, epsilon, periodic)
  start <- check_grid_start(start, mu, nu)
  fit <- if (epsilon > 0) {
    iterate_grid(mu, nu, times, epsilon, debias, start, periodic, options)
  } else {
    flow_grid(mu, nu, times, start, periodic, options)
  }
  reached <- seq_len(fit$reached)
  warn_not_reached(fit, times)
  d <- length(mu$lower)
  n <- dim(mu$density)
  keep <- function(values) array(values[, reached], c(n, length(reached)))
  trace <- flow_trace(mu, nu, times[reached], fit, start, periodic)
  structure(list(
    trace = trace, potential = keep(fit$u), ratio = keep(fit$r), mu = mu, nu = nu, epsilon = epsilon,
    debias = debias, periodic = periodic, d = d, converged = fit$reached == length(times),
    status = fit$status
  ), class = "sinkhorn_flow")
}

warn_not_reached <- function(fit, times) {
  if (fit$reached == length(times)) return(invisible())
  brenier_warn(c(
    "{.fn sinkhorn_flow} reached {fit$reached} of {length(times)} times: {status_message(fit$status)}.",
    i = "The others are left out."
  ), "not_converged")
}

check_flow_densities <- function(mu, nu, epsilon, periodic) {
  laws <- list(mu = mu, nu = nu)
  for (name in names(laws)) {
    if (epsilon > 0 || min(laws[[name]]$density) > 0) next
    brenier_abort(c(
      "{.arg {name}} must be positive everywhere: the flow goes along its logarithm.",
      i = "Take {.arg epsilon} > 0, or add a small constant and say so."
    ), "argument", argument = name)
  }
  if (periodic && !isTRUE(all.equal(mu$upper - mu$lower, nu$upper - nu$lower))) {
    brenier_abort("{.arg nu} must have a torus of the size of that of {.arg mu}.", "argument",
                  argument = "nu")
  }
}

#' The quadratic that takes box to box, at the cells.
#' @noRd
base_potential <- function(mu, nu) {
  outer_sum(lapply(seq_along(mu$lower), function(k) {
    moved <- mu$centers[[k]] - mu$lower[k]
    moved * (nu$lower[k] + 0.5 * (nu$upper[k] - nu$lower[k]) / (mu$upper[k] - mu$lower[k]) * moved)
  }))
}

check_grid_start <- function(start, mu, nu) {
  n <- dim(mu$density)
  if (is.null(start)) return(array(base_potential(mu, nu), n))
  if (is.numeric(start) && length(start) == prod(n) && all(is.finite(start))) return(array(start, n))
  brenier_abort(
    "{.arg start} must be finite values at the {paste(n, collapse = ' x ')} cells of {.arg mu}, not
     {shown(start)}.", "argument", argument = "start"
  )
}

#' In a frame where the longest side is 1: potentials there are those here over the square of
#' scale, as
#' are times.
#' @noRd
flow_grid <- function(mu, nu, times, start, periodic, options) {
  scale <- max(mu$upper - mu$lower, nu$upper - nu$lower)
  base <- as.double(base_potential(mu, nu))
  w <- (as.double(start) - base) / scale^2
  value <- .Call(
    C_brenier_grid_flow, grid_of(mu, periodic, 0, scale), as.double(mu$density),
    grid_of(nu, periodic, 0, scale), as.double(nu$density), w, times / scale^2, options,
    new_progress(words = flow_words)$report
  )
  if (value$status == "not_finite") {
    brenier_abort(c(
      "{.arg start} must be convex.",
      i = "Second differences of the potential must be positive definite, and its gradient must take the
           box of {.arg mu} onto that of {.arg nu}, face to face."
    ), "argument", argument = "start")
  }
  k <- length(times)
  values <- matrix(value$values, ncol = k)
  list(u = base + scale^2 * matrix(value$w, ncol = k), r = matrix(value$r, ncol = k), kl = values[1, ],
       kl_reverse = values[2, ], steps = values[5, ], status = value$status, reached = value$reached)
}

flow_words <- function(what, values) sprintf("%d steps, time %.3g", as.integer(values[1]), values[4])

#' Sinkhorn cycles between grids.
#' @noRd
iterate_grid <- function(mu, nu, times, epsilon, debias, start, periodic, options) {
  square <- as.double(outer_sum(lapply(mu$centers, function(x) x^2 / 2)))
  square_y <- as.double(outer_sum(lapply(nu$centers, function(x) x^2 / 2)))
  run <- function(u, cycles, report) {
    value <- .Call(
      C_brenier_grid_sinkhorn, grid_of(mu, periodic), as.double(mu$density), grid_of(nu, periodic),
      as.double(nu$density), as.double(u) - square, epsilon, as.double(cycles), options, report
    )
    k <- length(cycles)
    list(u = square + matrix(value$f, ncol = k), v = square_y + matrix(value$g, ncol = k),
         r = matrix(value$r, ncol = k), status = value$status, reached = value$reached)
  }
  conjugate <- function(v) grid_conjugate(mu, nu, v, periodic, back = TRUE)
  iterate(run, conjugate, as.double(start), times, epsilon, debias, as.double(mu$density))
}

#' Sinkhorn cycles by run(), of any kind of laws. Debiased, the start is lowered and the iterates are
#' raised by half of what an entropic conjugate of u and an exact one after it add to u, which is of
#' order epsilon.
#' @noRd
iterate <- function(run, conjugate, start, times, epsilon, debias, mass) {
  report <- new_progress(words = function(what, values) paste(as.integer(values[1]), "cycles"))$report
  raised <- function(u, v) (u + conjugate(v)) / 2
  if (debias) start <- 2 * start - raised(start, run(start, 0, report)$v[, 1])
  cycles <- round(times / epsilon)
  value <- run(start, cycles, report)
  if (debias) {
    for (k in seq_len(value$reached)) value$u[, k] <- raised(value$u[, k], value$v[, k])
  }
  mass <- mass / sum(mass)
  charged <- mass > 0
  r <- value$r[charged, , drop = FALSE]
  # as both have mass 1 the sums are of terms that are not negative
  kl <- function(terms) colSums(mass[charged] * pmax(terms, 0))
  c(value, list(kl = kl(r * exp(r) - expm1(r)), kl_reverse = kl(expm1(r) - r), steps = cycles))
}

#' The conjugate at the cells of nu of a potential at those of mu, or back. On a torus the
#' potential goes on
#' beyond its period, with the quadratic.
#' @noRd
grid_conjugate <- function(mu, nu, u, periodic, back = FALSE) {
  from <- if (back) nu else mu
  to <- if (back) mu else nu
  if (!periodic) return(.Call(C_brenier_grid_legendre, grid_of(from), grid_of(to), FALSE, as.double(u)))
  d <- length(from$lower)
  n <- dim(from$density)
  # u = base + a periodic part, the base having the identity plus a shift as its gradient
  base <- array(base_potential(from, to), n)
  w <- array(u, n) - base
  size <- from$upper - from$lower
  wide <- list(density = array(0, 3 * n), lower = from$lower - size, upper = from$upper + size)
  wide$centers <- lapply(seq_len(d), function(k) {
    wide$lower[k] + (seq_len(3 * n[k]) - 0.5) * size[k] / n[k]
  })
  for (k in seq_len(d)) {
    index <- rep(list(quote(expr = )), d)
    index[[k]] <- rep(seq_len(n[k]), 3)
    w <- do.call(`[`, c(list(w), index, drop = FALSE))
  }
  wide_base <- outer_sum(lapply(seq_len(d), function(k) {
    moved <- wide$centers[[k]] - from$lower[k]
    moved * (to$lower[k] + 0.5 * moved)
  }))
  .Call(C_brenier_grid_legendre, grid_of(wide), grid_of(to), FALSE, as.double(wide_base + w))
}

semi_dual <- function(mu, nu, u, periodic) {
  mean_under(mu, u) + mean_under(nu, grid_conjugate(mu, nu, u, periodic))
}

#' The least semi-dual that these grids know, by Newton's method; NA where it finds none.
#' @noRd
least_semi_dual <- function(mu, nu, periodic) {
  if (min(mu$density, nu$density) == 0) return(NA_real_)
  frame <- unit_frame(mu, nu)
  options <- list(tol = 1e-9, max_iter = 100L, max_seconds = Inf)
  value <- .Call(
    C_brenier_grid_transport, 0L, grid_of(mu, periodic, frame$x, frame$scale), mu$density,
    grid_of(nu, periodic, frame$y, frame$scale), nu$density, frame, options, NULL
  )
  if (value$status != "ok") return(NA_real_)
  semi_dual(mu, nu, as.double(value$u), periodic)
}

flow_trace <- function(mu, nu, times, fit, start, periodic) {
  k <- seq_along(times)
  entropic <- !is.null(fit$v)
  objective <- vapply(k, function(k) {
    if (entropic) mean_under(mu, fit$u[, k]) + mean_under(nu, fit$v[, k]) else
      semi_dual(mu, nu, fit$u[, k], periodic)
  }, 0)
  least <- if (entropic) NA_real_ else least_semi_dual(mu, nu, periodic)
  first <- if (entropic) NA_real_ else semi_dual(mu, nu, start, periodic)
  data.frame(
    time = times, kl = fit$kl[k], kl_reverse = fit$kl_reverse[k],
    jeffreys = fit$kl[k] + fit$kl_reverse[k], objective = objective, gap = objective - least,
    bound = (first - least) / times, low = apply(fit$r[, k, drop = FALSE], 2, min),
    high = apply(fit$r[, k, drop = FALSE], 2, max), steps = fit$steps[k]
  )
}

flow_place <- function(x) {
  if (!inherits(x, "points_flow")) return(paste0(grid_words(x$mu), if (x$periodic) ", a torus"))
  paste0(nrow(x$mu), " and ", nrow(x$nu), " points in ", x$d, " dimension", if (x$d > 1) "s")
}

#' @export
print.sinkhorn_flow <- function(x, digits = 3, ...) {
  what <- if (x$epsilon == 0) "Parabolic Monge-Ampere flow" else
    paste0(if (x$debias) "Debiased ", "Sinkhorn iterates at temperature ", format(x$epsilon))
  where <- if (inherits(x, "gaussian_flow")) {
    paste0("two normal laws in ", x$d, " dimension", if (x$d > 1) "s")
  } else {
    flow_place(x)
  }
  last <- x$trace[nrow(x$trace), ]
  cat(what, "\n  on          ", where, "\n", sep = "")
  if (nrow(x$trace)) {
    cat("  until       ", format(last$time, digits = digits), " in ", nrow(x$trace), " times",
        if (!is.null(last$steps)) paste0(", ", last$steps, if (x$epsilon > 0) " cycles" else " steps"),
        "\n  KL          ", format(last$kl, digits = digits), " of the model from mu, ",
        format(last$kl_reverse, digits = digits), " of mu from the model, nats\n", sep = "")
    if (!is.na(last$gap)) {
      cat("  semi-dual   ", format(last$gap, digits = digits), " above its minimum; Jeffreys ",
          format(last$jeffreys, digits = digits), " <= ", format(last$bound, digits = digits), "\n",
          sep = "")
    }
  }
  if (isFALSE(x$converged)) cat("  NOT all times were reached: ", status_message(x$status), "\n", sep = "")
  invisible(x)
}

#' @export
summary.sinkhorn_flow <- function(object, ...) object$trace
