#' Gradients of a transport value
#'
#' How the value of [sinkhorn()] changes with the positions and the masses of the points.
#'
#' @details
#' By the envelope theorem the gradient of OT in \eqn{x_i} is \eqn{a_i\nabla f(x_i)}{a_i grad f(x_i)}, for
#' `"sqeuclidean"` \eqn{2a_i(x_i - T(x_i))}{2 a_i (x_i - T(x_i))} with the map T, and that in the masses a is
#' f less its mean under a: masses are scaled to sum to one. Where masses may be left, it is
#' \eqn{\rho(1 - e^{-f/\rho})+\epsilon(m_b - e^{-f/\rho})}{rho (1 - exp(-f/rho)) + epsilon (m_b -
#' exp(-f/rho))}, with the total mass \eqn{m_b} of b. Of a divergence the parts of each
#' sample against itself are taken off. The error is of the order of `error` of the result.
#'
#' @param object A result of [sinkhorn()].
#' @template threads
#' @param ... None; anything here is an error.
#' @return A list with `x` and `y`, matrices with a row a point, and `a` and `b`, vectors. `x` and `y` are
#'   `NULL` where the cost is a function or a matrix. Points of mass zero have gradient 0.
#' @seealso [sinkhorn()]
#' @family transport between samples
#' @template definitions
#' @section Errors:
#' `brenier_error_argument` for a wrong number of threads.
#' @examples
#' x <- matrix(rnorm(40), 20)
#' ot <- sinkhorn(x, x + 1)
#' gradient(ot)$x[1:2, ]
#' @export
gradient <- function(object, ...) UseMethod("gradient")

#' @export
gradient.default <- function(object, ...) {
  brenier_abort("{.arg object} must be a result of {.fn sinkhorn}, not {shown(object)}.", "type",
                argument = "object")
}

#' @rdname gradient
#' @export
gradient.sinkhorn <- function(object, threads = brenier_threads(), ...) {
  check_no_dots(..., known = names(formals(gradient.sinkhorn)))
  threads <- check_count(threads, "threads", 1, 1024)
  with_threads(threads, {
    forward <- side_gradient(object, "forward")
    backward <- side_gradient(object, "backward")
  })
  list(x = forward$points, y = backward$points, a = forward$mass, b = backward$mass)
}

side_gradient <- function(object, direction) {
  side <- transport_side(object, direction)
  potential <- if (side$forward) object$f else object$g
  other <- sum(if (side$forward) object$b else object$a)
  self <- if (object$debias) side$self
  mass <- mass_gradient(object, side$mass, potential, other)
  if (!is.null(self)) {
    mass <- mass - mass_gradient(object, side$mass, self$f, sum(side$mass))
    if (is.finite(object$rho)) mass <- mass + object$epsilon * (sum(side$mass) - other)
  }
  points <- if (!is.matrix(object$cost)) {
    slope <- position_gradient(object, side, side$to, side$log_weight, potential)
    if (!is.null(self)) {
      weight <- log_weights(side$mass, self$f, object$epsilon)
      slope <- slope - position_gradient(object, side, side$from, weight, self$f)
    }
    slope
  }
  list(points = points, mass = mass)
}

#' a_i times the gradient of the potential, where the row carries exp(-f/rho) of its mass.
#' @noRd
position_gradient <- function(object, side, to, log_weight, potential) {
  found <- softmin(side$from, to, log_weight, object, gradient = TRUE)
  carried <- if (is.infinite(object$rho)) side$mass else side$mass * exp(-potential / object$rho)
  slope <- -object$epsilon * carried * found$gradient
  slope[side$mass == 0, ] <- 0
  dimnames(slope) <- dimnames(side$from)
  slope
}

mass_gradient <- function(object, mass, potential, other) {
  if (is.infinite(object$rho)) return(potential - weighted_sum(mass, potential))
  left <- exp(-potential / object$rho)
  object$rho * (1 - left) + object$epsilon * (other - left)
}
