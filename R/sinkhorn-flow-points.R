# sinkhorn_flow() between samples: plain Sinkhorn cycles on points, and the model at new ones.

#' Whether laws are points. A matrix with fewer than four rows or columns is no density on a grid, and
#' columns with names are variables.
#' @noRd
are_points <- function(mu, nu, a, b) {
  named <- function(x) !is.null(colnames(x)) && !is.table(x)
  one <- function(x) is.data.frame(x) || (is.matrix(x) && (min(dim(x)) < 4 || named(x)))
  !is.null(a) || !is.null(b) || one(mu) || one(nu)
}

points_flow <- function(mu, nu, a, b, times, epsilon, debias, start, periodic, options) {
  laws <- list(mu = mu, nu = nu)
  for (name in names(laws)) {
    if (is.data.frame(laws[[name]]) || is.numeric(laws[[name]])) next
    brenier_abort(c(
      "{.arg {name}} must be points, as the other law is, not {shown(laws[[name]])}.",
      i = "Give a data frame or a matrix with a row a point, or two densities."
    ), "argument", argument = name)
  }
  points <- paired_points(mu, nu, c("mu", "nu"))
  if (epsilon == 0) {
    brenier_abort(c(
      "{.arg epsilon} must be positive between points: they have no density, and the flow goes along
       its logarithm.",
      i = "Take {.arg epsilon} > 0, for the Sinkhorn iterates, or densities, such as
           {.code grid_density(brenier(x))}."
    ), "argument", argument = "epsilon")
  }
  if (periodic) {
    brenier_abort("{.arg periodic} must be {.val {FALSE}} between points; a torus needs grids.",
                  "argument", argument = "periodic")
  }
  points$a <- masses(a, nrow(points$x), "a", TRUE)
  points$b <- masses(b, nrow(points$y), "b", TRUE)
  points$scale <- cost_unit(c(points, kind = "sqeuclidean"))
  check_epsilon(epsilon, c(points[c("scale")], kind = "sqeuclidean"))
  start <- check_points_start(start, points$x)
  fit <- iterate_points(points, times, epsilon, debias, start, options)
  warn_not_reached(fit, times)
  new_points_flow(points, times, epsilon, debias, fit)
}

check_points_start <- function(start, x) {
  n <- nrow(x)
  if (is.null(start)) return(rowSums(x^2) / 2)
  if (is.numeric(start) && length(start) == n && all(is.finite(start))) return(as.double(start))
  brenier_abort(
    "{.arg start} must be {n} finite number{?s}, one a point of {.arg mu}, not {shown(start)}.",
    "argument", argument = "start"
  )
}

#' In coordinates of size about one: powers of two change no digit.
#' @noRd
iterate_points <- function(points, times, epsilon, debias, start, options) {
  s <- points$scale
  x <- points$x / s
  y <- points$y / s
  square <- rowSums(x^2) / 2
  square_y <- rowSums(y^2) / 2
  run <- function(u, cycles, report) {
    value <- .Call(C_brenier_point_cycles, x, points$a, y, points$b, u - square, epsilon / s^2,
                   as.double(cycles), options, report)
    k <- length(cycles)
    list(u = square + matrix(value$f, ncol = k), v = square_y + matrix(value$g, ncol = k),
         r = matrix(value$r, ncol = k), status = value$status, reached = value$reached)
  }
  conjugate <- function(v) .Call(C_brenier_point_conjugate, x, y, v)
  fit <- iterate(run, conjugate, start / s^2, times, epsilon, debias, points$a)
  fit$u <- fit$u * s^2
  fit$v <- fit$v * s^2
  fit
}

new_points_flow <- function(points, times, epsilon, debias, fit) {
  k <- seq_len(fit$reached)
  r <- fit$r[points$a > 0, k, drop = FALSE]
  u <- fit$u[, k, drop = FALSE]
  v <- fit$v[, k, drop = FALSE]
  trace <- data.frame(
    time = times[k], kl = fit$kl[k], kl_reverse = fit$kl_reverse[k],
    jeffreys = fit$kl[k] + fit$kl_reverse[k],
    objective = colSums(points$a * u) + colSums(points$b * v), gap = rep(NA_real_, length(k)),
    bound = rep(NA_real_, length(k)), low = apply(r, 2, min), high = apply(r, 2, max),
    steps = fit$steps[k]
  )
  structure(list(
    trace = trace, potential = u, ratio = fit$r[, k, drop = FALSE], conjugate = v, mu = points$x,
    nu = points$y, a = points$a, b = points$b, epsilon = epsilon, debias = debias, periodic = FALSE,
    d = ncol(points$x), converged = fit$reached == length(times), status = fit$status
  ), class = c("points_flow", "sinkhorn_flow"))
}

#' The model of a Sinkhorn iterate at new points
#'
#' Where a flow of [sinkhorn_flow()] between samples stands at a time: the map from the side of `nu`
#' to that of `mu`, whose image of `nu` is the model, and its potential.
#'
#' @details
#' With u the potential at the time and v its entropic conjugate,
#' \deqn{v(y) = \epsilon\log\sum_i a_i\exp((x_i'y - u(x_i))/\epsilon),}{v(y) = epsilon log sum_i a_i
#'   exp((x_i'y - u(x_i))/epsilon),}
#' is smooth and convex on the whole space, and its gradient is the mean of the points of `mu` under
#' the weights of the sum.
#'
#' @param object A flow between points.
#' @param newdata Points on the side of `nu`: a matrix, data frame or vector; by default those of
#'   `nu`.
#' @param time One of the times of the flow; by default the last.
#' @param type `"map"`, the gradient of v, or `"potential"`, v.
#' @param ... None.
#' @return For `"map"` a matrix with a row a point, for `"potential"` a vector.
#' @section Errors:
#' `brenier_error_argument`, which names the argument: a time that is not one of the flow's, points
#' with another number of columns; a debiased flow, whose potential is known at the points alone.
#' @seealso [sinkhorn_flow()], [predict.sinkhorn()]
#' @family transport between densities
#' @examples
#' x <- data.frame(x = rnorm(50), y = rnorm(50))
#' y <- data.frame(x = rexp(60), y = rexp(60))
#' flow <- sinkhorn_flow(x, y, times = c(0, 1), epsilon = 0.1)
#' head(predict(flow, time = 1))
#' @export
predict.points_flow <- function(object, newdata = NULL, time = NULL, type = c("map", "potential"),
                                ...) {
  check_no_dots(..., known = names(formals(predict.points_flow)))
  type <- check_choice(type, c("map", "potential"), "type")
  if (object$debias) {
    brenier_abort(c(
      "{.arg object} must not be debiased: that potential is known at the points alone.",
      i = "Take {.code debias = FALSE}."
    ), "argument", argument = "object")
  }
  times <- object$trace$time
  time <- if (is.null(time) && length(times)) times[length(times)] else time
  k <- if (is.numeric(time) && length(time) == 1) which(abs(times - time) <= 1e-6 * object$epsilon)
  if (length(k) != 1) {
    brenier_abort(c(
      "{.arg time} must be one of the times of the flow, not {shown(time)}.",
      i = "Name it in {.arg times} of {.fn sinkhorn_flow}."
    ), "argument", argument = "time")
  }
  at <- if (is.null(newdata)) object$nu else as_points(newdata, "newdata")
  if (ncol(at) != object$d) {
    brenier_abort("{.arg newdata} must have {object$d} column{?s}, not {ncol(at)}.", "argument",
                  argument = "newdata")
  }
  # |x|^2 - 2 u is the potential of the cost |x - y|^2 at twice the temperature
  potential <- rowSums(object$mu^2) - 2 * object$potential[, k]
  weight <- log_weights(object$a, potential, 2 * object$epsilon)
  found <- softmin(at, object$mu, weight, list(cost = "sqeuclidean", epsilon = 2 * object$epsilon),
                   if (type == "map") object$mu)
  if (type == "potential") return(rowSums(at^2) / 2 + object$epsilon * found$log)
  dimnames(found$mean) <- list(rownames(at), colnames(object$mu))
  found$mean
}
