# simulate() of the flows: particles whose law is that of the model, at the times.

#' Particles of the continuum limit of Sinkhorn's algorithm
#'
#' Particles that follow a flow of [sinkhorn_flow()] or [gaussian_flow()]: at each time their law is that
#' of the model, and each has a path. Between them they are a diffusion whose drift and noise depend on
#' its own law, the McKean-Vlasov equation of the flow.
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
#' * **normal laws**: exactly. Y moves from time s to t by \eqn{n + K(Y - n)}{n + K (Y - n)} and a draw of
#'   \eqn{N(0, R - KRK')}{N(0, R - K R K')}, with K the matrix by which the flow carries \eqn{q - n};
#' * **grids**: particles start in the cells of the model at the first time of the flow, uniform within
#'   a cell. Potentials are computed again along the way, A and the drift interpolated, linearly in
#'   space and in time. Steps are of weak order 1, of order 2 where A is constant or there is no noise;
#' * **temperatures above zero**: by the chain of Sinkhorn's plans. From \eqn{X_k} a draw of y by the plan
#'   after the second half of cycle k, from it one of \eqn{X_{k+1}}{X_(k+1)} by the plan after the first
#'   half of the next: the law of \eqn{X_k} is exactly the marginal \eqn{\mu e^r}{mu e^r} of the
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
#' @param step Longest step of time on grids at temperature zero. By default its noise has a tenth of the
#'   standard deviation of the model along any axis; moments of the particles are then off by less
#'   than one in a hundred.
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
simulate.sinkhorn_flow <- function(object, nsim = 1, seed = NULL, times = NULL, noise = TRUE,
                                   step = NULL, ...) {
  check_no_dots(..., known = names(formals(simulate.sinkhorn_flow)))
  nsim <- check_count(nsim, "nsim")
  noise <- check_flag(noise, "noise")
  times <- check_walk(object, times, noise, step)
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

#' start(n), the state of n particles at the first time; move(state, from, to); position(state), the
#' coordinates, a row a particle. move() returns NULL where the flow could not be continued.
#' @noRd
flow_walk <- function(object, times, noise, step) {
  if (inherits(object, "points_flow")) return(points_walk(object))
  if (object$epsilon > 0) {
    return(if (inherits(object, "gaussian_flow")) plans_walk(object, times) else cells_walk(object))
  }
  if (inherits(object, "gaussian_flow")) gaussian_walk(object, noise) else grid_walk(object, noise, step)
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

#' n draws of N(0, a) for each row, a positive semi-definite but for rounding.
#' @noRd
normal_rows <- function(n, a) {
  e <- eigen(symmetric(a), symmetric = TRUE)
  matrix(stats::rnorm(n * nrow(a)), n) %*% (sqrt(pmax(e$values, 0)) * t(e$vectors))
}

add_row <- function(x, row) x + rep(row, each = nrow(x))

#' Normal laws: Y = q + B (X - m) is at all times a draw from nu.
#' @noRd
gaussian_walk <- function(object, noise) {
  mu <- object$mu
  nu <- object$nu
  at <- function(t, start = object$start) riccati_path(mu, nu, t, start)[[1]]
  image <- function(x, u) add_row(add_row(x, -mu$mean) %*% u$slope, u$shift)
  inverse <- function(y, u) add_row(add_row(y, -u$shift) %*% solve(u$slope), mu$mean)
  list(
    start = function(n) {
      inverse(add_row(normal_rows(n, nu$cov), nu$mean), at(object$trace$time[1]))
    },
    move = function(x, from, to) {
      u <- at(from)
      y <- image(x, u)
      if (noise) {
        carry <- at(to - from, u)$carry
        left <- nu$cov - carry %*% nu$cov %*% t(carry)
        y <- add_row(add_row(y, -nu$mean) %*% t(carry) + normal_rows(nrow(x), left), nu$mean)
      }
      inverse(y, at(to))
    },
    position = identity
  )
}

#' Sinkhorn's plans between normal laws: given x, y is N(grad u(x), epsilon D^2 u) with the next u;
#' given y, x is N(grad v(y), epsilon D^2 v).
#' @noRd
plans_walk <- function(object, times) {
  mu <- object$mu
  nu <- object$nu
  epsilon <- object$epsilon
  cycle <- function(t) round(t / epsilon)
  first <- cycle(object$trace$time[1])
  path <- sinkhorn_path(mu, nu, seq(first, cycle(max(times))), epsilon, FALSE, object$start)
  backward <- function(y, u) {
    slope <- solve(u$slope + epsilon * solve(mu$cov))
    add_row(add_row(y, -u$shift) %*% slope + normal_rows(nrow(y), epsilon * slope), mu$mean)
  }
  forward <- function(x, u) {
    add_row(add_row(x, -mu$mean) %*% u$slope + normal_rows(nrow(x), epsilon * u$slope), u$shift)
  }
  list(
    start = function(n) backward(add_row(normal_rows(n, nu$cov), nu$mean), path[[1]]),
    move = function(x, from, to) {
      for (k in seq(cycle(from) + 1, cycle(to))) {
        u <- path[[k - first + 1]]
        x <- backward(forward(x, u), u)
      }
      x
    },
    position = identity
  )
}

# Potentials that are held at a time, and steps of particles from one to the next.
HELD <- 32
STEPS_TOGETHER <- 8

walk_options <- list(tol = 1e-6, max_iter = .Machine$integer.max, max_seconds = Inf)

#' Sinkhorn's plans between weighted points: the state is the row of x. iterates(u, cycles) has u and v, a
#' column a cycle; `scale` is the unit of the points; `images`, a row each, how far from themselves
#' points stand too.
#' @noRd
chain_walk <- function(object, x, a, y, b, scale, iterates, position,
                       images = matrix(0, 1, ncol(x))) {
  n <- nrow(x)
  u <- as.double(object$potential)[seq_len(n)]
  prob <- a * exp(as.double(object$ratio)[seq_len(n)])
  epsilon <- object$epsilon / scale^2
  side <- function(x, mass) {
    x <- x / scale
    all <- do.call(rbind, lapply(seq_len(nrow(images)), function(k) add_row(x, images[k, ] / scale)))
    list(x = x, all = all, log_mass = log(mass), square = rowSums(x^2) / 2)
  }
  draw <- function(from, row, to, potential) {
    log_weight <- to$log_mass + (to$square - potential / scale^2) / epsilon
    drawn <- .Call(
      C_brenier_point_draw, from$x[row, , drop = FALSE], to$all, rep(log_weight, nrow(images)), epsilon,
      stats::runif(length(row))
    )
    (drawn - 1L) %% nrow(to$x) + 1L
  }
  x <- side(x, a)
  y <- side(y, b)
  list(
    start = function(count) sample.int(n, count, replace = TRUE, prob = prob),
    move = function(row, from, to) {
      left <- round((to - from) / object$epsilon)
      while (left > 0) {
        together <- min(left, HELD)
        fit <- iterates(u, 0:together)
        if (fit$reached <= together) return(NULL)
        for (k in seq_len(together)) {
          row <- draw(y, draw(x, row, y, fit$v[, k]), x, fit$u[, k + 1])
        }
        u <<- fit$u[, together + 1]
        left <- left - together
      }
      row
    },
    position = position
  )
}

points_walk <- function(object) {
  points <- list(x = object$mu, a = object$a, y = object$nu, b = object$b)
  points$scale <- cost_unit(c(points, kind = "sqeuclidean"))
  iterates <- function(u, cycles) {
    iterate_points(points, cycles * object$epsilon, object$epsilon, FALSE, u, walk_options)
  }
  chain_walk(object, points$x, points$a, points$y, points$b, points$scale, iterates,
             function(row) unname(object$mu[row, , drop = FALSE]))
}

#' Draws that are uniform within cells.
#' @noRd
within_cells <- function(law, cell) {
  at <- unname(as.matrix(expand.grid(law$centers)))[cell, , drop = FALSE]
  size <- (law$upper - law$lower) / dim(law$density)
  at + rep(size, each = length(cell)) * (stats::runif(length(at)) - 0.5)
}

longest_side <- function(mu, nu) max(mu$upper - mu$lower, nu$upper - nu$lower)

#' Cells as points, on a torus with those round it that a plan may reach.
#' @noRd
cells_walk <- function(object) {
  mu <- object$mu
  nu <- object$nu
  iterates <- function(u, cycles) {
    iterate_grid(mu, nu, cycles * object$epsilon, object$epsilon, FALSE, u, object$periodic,
                 walk_options)
  }
  cells <- function(law) unname(as.matrix(expand.grid(law$centers)))
  period <- mu$upper - mu$lower
  turns <- if (object$periodic) ceiling(7 * sqrt(object$epsilon) / min(period) + 0.5) else 0
  images <- as.matrix(expand.grid(lapply(period, function(p) p * seq(-turns, turns))))
  chain_walk(object, cells(mu), as.double(mu$density), cells(nu), as.double(nu$density),
             longest_side(mu, nu), iterates, function(row) within_cells(mu, row), unname(images))
}

#' The diffusion on a grid, in the frame of flow_grid().
#' @noRd
grid_walk <- function(object, noise, step) {
  mu <- object$mu
  nu <- object$nu
  scale <- longest_side(mu, nu)
  base <- as.double(base_potential(mu, nu))
  grid <- grid_of(mu, object$periodic, 0, scale)
  drift <- function(u, noise) {
    .Call(C_brenier_grid_drift, grid, as.double(mu$density), grid_of(nu, object$periodic, 0, scale),
          as.double(nu$density), (u - base) / scale^2, noise)
  }
  at_time <- function(values, k) as.double(values)[(k - 1) * length(base) + seq_along(base)]
  u <- at_time(object$potential, 1)
  model <- function(k) as.double(mu$density) * exp(at_time(object$ratio, k))
  if (is.null(step)) {
    shown <- unique(round(seq(1, nrow(object$trace), length.out = 9)))
    step <- 0.005 / max(vapply(shown, function(k) {
      noise_rate(mu, model(k), drift(at_time(object$potential, k), TRUE)) * scale^2
    }, 0))
  } else {
    step <- step / scale^2
  }
  fields <- drift(u, noise)
  options <- walk_options
  list(
    start = function(n) {
      within_cells(mu, sample.int(length(base), n, replace = TRUE, prob = model(1))) / scale
    },
    move = function(x, from, to) {
      span <- (to - from) / scale^2
      parts <- ceiling(span / step / STEPS_TOGETHER)
      steps <- ceiling(span / step / parts)
      done <- 0
      while (done < parts) {
        together <- min(parts - done, HELD)
        fit <- flow_grid(mu, nu, (to - from) / parts * seq_len(together), u, object$periodic, options)
        if (fit$reached < together) return(NULL)
        for (k in seq_len(together)) {
          u <<- fit$u[, k]
          after <- drift(u, noise)
          normal <- if (noise) stats::rnorm(length(x) * steps)
          x <- .Call(C_brenier_grid_particles, grid, fields, after, x, normal,
                     span / parts / steps, steps)
          fields <<- after
        }
        done <- done + together
      }
      x
    },
    position = function(x) x * scale
  )
}

#' The largest mean of a diagonal element of A over the variance of its coordinate: the rate at which
#' a normal law of that size would forget. In units of the frame the noise, in those of mu the rest.
#' @noRd
noise_rate <- function(mu, weight, fields) {
  d <- length(mu$lower)
  at <- as.matrix(expand.grid(mu$centers))
  weight <- weight / sum(weight)
  spread <- colSums(weight * at^2) - colSums(weight * at)^2
  row <- rep(seq_len(d), seq_len(d))
  root <- fields[-seq_len(d), , drop = FALSE]
  max(vapply(seq_len(d), function(k) {
    sum(weight * colSums(root[row == k, , drop = FALSE]^2)) / spread[k]
  }, 0))
}
