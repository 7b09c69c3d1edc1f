# How particles of a flow move, for each kind of laws.

#' start(n), the state of n particles at the first time; move(state, from, to); position(state), the
#' coordinates, a row a particle. move() returns NULL where the flow could not be continued.
#' @noRd
flow_walk <- function(object, times, noise, step) {
  if (inherits(object, "points_flow")) return(points_walk(object))
  if (object$epsilon > 0) {
    return(if (inherits(object, "gaussian_flow")) plans_walk(object, times) else cells_walk(object))
  }
  if (inherits(object, "gaussian_flow")) return(gaussian_walk(object, noise))
  grid_walk(object, noise, step)
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

#' Sinkhorn's plans between weighted points: the state is the row of x. iterates(u, cycles) has u and
#' v, a column a cycle; `scale` is the unit of the points; `images`, a row each, how far from themselves
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
