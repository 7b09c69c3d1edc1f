# simulate() of the flows: particles whose law is that of the model, at the times.

#' Particles of the continuum limit of Sinkhorn's algorithm
#'
#' Particles that follow a flow of [sinkhorn_flow()] or [gaussian_flow()]: at each time their law is
#' that of the model, and each has a path. They are a diffusion whose drift and noise depend on its own
#' law, the McKean-Vlasov equation of the flow.
#'
#' @details
#' With \eqn{A_t = (D^2u_t)^{-1}}{A_t = (D^2 u_t)^(-1)} the flow \eqn{\partial_tu = r =
#' \log(\rho_t/\mu)}{du/dt = r = log(rho_t / mu)} moves the model by the equation
#' \deqn{\partial_t\rho = \nabla\cdot(\rho A\nabla r),}{d rho/dt = div(rho A grad r),}
#' as differentiating \eqn{\nabla u_t(X_t) = y}{grad u_t(X_t) = y} shows. Two kinds of particles have
#' that law:
#' * with `noise = FALSE`, those of the velocity \eqn{-A\nabla r}{-A grad r}. Each is
#'   \eqn{\nabla u_t^*(Y)}{grad u_t*(Y)} with a draw Y from `nu` that it keeps;
#' * with noise, as \eqn{\rho A\nabla\log\rho = \nabla\cdot(\rho A) - \rho\nabla\cdot A}{rho A grad log
#'   rho = div(rho A) - rho div A}, those of
#'   \deqn{dX = (\nabla\cdot A_t + A_t\nabla\log\mu)\,dt + \sqrt{2A_t}\,dB,}{dX = (div A_t + A_t grad log
#'   mu) dt + sqrt(2 A_t) dB,}
#'   reflected at the faces of the box, with the divergence by rows. There \eqn{A_t} is of the law of
#'   X itself: \eqn{\nabla u_t}{grad u_t} is the optimal map from it to `nu`. The image \eqn{Y_t =
#'   \nabla u_t(X_t)}{Y_t = grad u_t(X_t)} is at all times a draw from `nu`, and the more time goes by
#'   the less it depends on where it was.
#'
#' How it is done:
#' * **normal laws**: exactly. Y moves from time s to t by \eqn{n + K(Y - n)}{n + K (Y - n)} and a draw
#'   of \eqn{N(0, R - KRK')}{N(0, R - K R K')}, with K the matrix by which the flow carries \eqn{q - n};
#' * **grids**: particles start in the cells of the model at the first time of the flow, uniform within
#'   a cell. Potentials are computed again along the way, A and the drift interpolated, linearly in
#'   space and in time. Steps are of weak order 1, of order 2 where A is constant or there is no noise;
#' * **temperatures above zero**: by the chain of Sinkhorn's plans. From \eqn{X_k} a draw of y by the
#'   plan after the second half of cycle k, from it one of \eqn{X_{k+1}}{X_(k+1)} by the plan after the
#'   first half of the next: the law of \eqn{X_k} is exactly the marginal \eqn{\mu e^r}{mu e^r} of the
#'   iterate, and as `epsilon` falls the chain becomes the diffusion. Between points particles sit on
#'   those of `mu`; between grids they are uniform within cells; between normal laws it is that
#'   marginal, which is wider than `model_cov` by about `epsilon` times the inverse of the slope.
#'   No density is estimated anywhere. Time is one sum over all points, or cells, a particle and half
#'   cycle.
#'
#' @param object A flow, not debiased.
#' @param nsim Number of particles.
#' @param seed As in [simulate.brenier()].
#' @param times Times from the first of the flow on, increasing, with `epsilon` > 0 multiples of it; by
#'   default those of the flow.
#' @param noise Whether particles diffuse; without noise only at temperature zero.
#' @param step Longest step of time on grids at temperature zero. By default its noise has a tenth of
#'   the standard deviation of the model along any axis; for laws that are smooth on that scale means
#'   and covariances are then off by less than a hundredth, in units of the standard deviations.
#' @param ... None.
#' @return A data frame of class `flow_paths` with a row a particle and time, times one after the other:
#'   `time`, `particle`, its number, and its coordinates, `x1`, ..., or the names of the points. Its
#'   attributes are `flow`, the `object`, and `status`, `"ok"` or why times were left out.
#' @section Errors:
#' `brenier_error_argument`, which names the argument: times before the first of the flow, a debiased
#' flow or one that has no times, `noise = FALSE` at a temperature, a `step` where there is none.
#' `brenier_warning_interrupted` and `brenier_warning_not_converged` where times are left out.
#' @references
#' Deb, N., Kim, Y.-H., Pal, S. and Schiebinger, G. (2023). Wasserstein mirror gradient flow as the
#' limit of the Sinkhorn algorithm. \doi{10.48550/arXiv.2307.16421}
#' @seealso [sinkhorn_flow()], [gaussian_flow()], [plot.flow_paths()], [predict.points_flow()]
#' @family transport between densities
#' @examples
#' mu <- list(mean = 2, cov = 0.25)
#' nu <- list(mean = 0, cov = 1)
#' flow <- gaussian_flow(mu, nu, times = seq(0, 3, 0.1))
#' paths <- simulate(flow, nsim = 200, seed = 1)
#' plot(paths)
#'
#' x <- (seq_len(64) - 0.5) / 64
#' flow <- sinkhorn_flow(1 + 0.8 * cos(4 * pi * x), rep(1, 64), times = c(0, 0.01, 0.05))
#' head(simulate(flow, nsim = 100, seed = 1))
#' @name simulate.sinkhorn_flow
#' @export
simulate.sinkhorn_flow <- function(object, nsim = 1, seed = NULL, ..., times = NULL, noise = TRUE,
                                   step = NULL) {
  check_no_dots(..., known = names(formals(simulate.sinkhorn_flow)))
  nsim <- check_count(nsim, "nsim")
  noise <- check_flag(noise, "noise")
  times <- check_walk(object, times, noise, step)
  check_drawn(as.double(nsim) * length(times), object$d + 2)
  walk <- flow_walk(object, times, noise, step)
  found <- with_seed(seed, walk_times(walk, nsim, c(object$trace$time[1], times)))
  kept <- seq_along(found$at)
  at <- do.call(rbind, c(list(matrix(0, 0, object$d)), found$at))
  dimnames(at) <- list(NULL, colnames(object$mu) %||% paste0("x", seq_len(object$d)))
  warn_of_walk(found$status, length(kept), length(times))
  structure(
    data.frame(time = rep(times[kept], each = nsim), particle = rep(seq_len(nsim), length(kept)), at,
               check.names = FALSE),
    class = c("flow_paths", "data.frame"), flow = object, status = found$status
  )
}

check_walk <- function(object, times, noise, step) {
  refuse <- function(argument, ...) brenier_abort(c(...), "argument", argument = argument)
  first <- object$trace$time[1]
  if (is.na(first)) refuse("object", "{.arg object} has no times: it reached none.")
  if (object$debias) {
    refuse("object", "{.arg object} must not be debiased: no plan has those potentials.",
           i = "Take {.code debias = FALSE}.")
  }
  if (object$epsilon > 0 && !noise) {
    refuse("noise", "{.arg noise} must be TRUE at a temperature above zero.",
           i = "Between points the images of {.arg nu} are {.fn predict}.")
  }
  if (!is.null(step)) {
    if (object$epsilon > 0 || inherits(object, "gaussian_flow")) {
      refuse("step", "{.arg step} is for grids at temperature zero: these particles have no error of
              time.", i = "Leave it out.")
    }
    check_number(step, "step", 0, open = TRUE)
  }
  if (is.null(times)) return(object$trace$time)
  times <- check_times(times, object$epsilon)
  if (times[1] < first - 1e-6 * object$epsilon) {
    refuse("times", "{.arg times} must be from the first time of the flow on, {format(first)}, not
           {format(times[1])}.", i = "Make a flow that starts earlier.")
  }
  times
}

#' The positions at times[-1], and why there are not all. times[1] is that of the start.
#' @noRd
walk_times <- function(walk, n, times) {
  found <- new.env(parent = emptyenv())
  found$at <- list()
  found$status <- "ok"
  tryCatch({
    state <- walk$start(n)
    for (k in seq_along(times)[-1]) {
      if (times[k] > times[k - 1]) state <- walk$move(state, times[k - 1], times[k])
      if (is.null(state)) {
        found$status <- "stalled"
        break
      }
      found$at[[k - 1]] <- walk$position(state)
    }
  }, interrupt = function(c) found$status <- "interrupted")
  found
}

warn_of_walk <- function(status, reached, asked) {
  if (status == "ok") return(invisible())
  brenier_warn(c(
    "The particles reached {reached} of {asked} times: {status_message(status)}.",
    i = "The others are left out."
  ), if (status == "interrupted") "interrupted" else "not_converged")
}
