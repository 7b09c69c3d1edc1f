#' The entropic map at any point
#'
#' Takes points of one side to the other by the conditional mean of the plan, or evaluates the
#' potentials there. Both are smooth functions of the whole space: beyond the data as well as among
#' them.
#'
#' @details
#' The potential of a point x is \eqn{f(x) = -\epsilon\log\sum_j b_j\exp((g_j - c(x,
#' y_j))/\epsilon)}{f(x) = -epsilon log sum_j b_j exp((g_j - c(x, y_j))/epsilon)}, and the map is the mean
#' of the \eqn{y_j} under the weights of that sum. For `"sqeuclidean"` the map is \eqn{x - \nabla
#' f(x)/2}{x - grad f(x)/2}. The means lie within the hull of the other sample and are drawn towards its
#' middle by the blur. A fit with `debias = TRUE` and that cost corrects for it: the map is
#' \eqn{x + T(x) - T_x(x)}{x + T(x) - T_x(x)}, with the map \eqn{T_x} of the sample to itself, and the potential
#' is \eqn{f(x) - f_x(x)}.
#'
#' @param object A result of [sinkhorn()].
#' @param newdata Points: a matrix, data frame or vector with the columns of the fit; by default the
#'   points of the fit. Rows with missing values give `NA`.
#' @param type `"map"` or `"potential"`.
#' @param direction `"forward"` takes points on the side of x to the side of y, `"backward"` the other
#'   way.
#' @template threads
#' @param ... None; anything here is an error.
#' @return For `"map"` a matrix with a row a point, for `"potential"` a vector.
#' @section Errors:
#' `brenier_error_argument` for a wrong argument, for `newdata` where `cost` is a matrix, which says nothing of
#' new points, and for a map without points.
#' @seealso [sinkhorn()]
#' @family transport between samples
#' @template definitions
#' @examples
#' ot <- sinkhorn(rnorm(50), rnorm(60, 2, 0.5))
#' predict(ot, c(-1, 0, 1))
#' predict(ot, c(1, 2, 3), direction = "backward")
#' @export
predict.sinkhorn <- function(object, newdata = NULL, type = c("map", "potential"),
                             direction = c("forward", "backward"), threads = brenier_threads(),
                             ...) {
  check_no_dots(..., known = names(formals(predict.sinkhorn)))
  type <- check_choice(type, c("map", "potential"), "type")
  direction <- check_choice(direction, c("forward", "backward"), "direction")
  threads <- check_count(threads, "threads", 1, 1024)
  side <- transport_side(object, direction)
  if (type == "map" && is.null(side$to)) {
    brenier_abort(c(
      "The map needs points, and the fit has only a matrix of costs.",
      i = "Give {.arg x} and {.arg y} with it, or ask for {.code type = \"potential\"}."
    ), "argument", argument = "type")
  }
  at <- prediction_points(object, side, newdata)
  known <- if (is.null(at)) rep(TRUE, length(side$mass)) else rowSums(is.na(at)) == 0
  out <- if (type == "map") {
    matrix(NA_real_, length(known), ncol(side$to), dimnames = list(rownames(at), colnames(side$to)))
  } else rep(NA_real_, length(known))
  if (!any(known)) return(out)
  found <- with_threads(threads, evaluate_side(object, side, at[known, , drop = FALSE], newdata, type))
  if (type == "map") out[known, ] <- found else out[known] <- found
  out
}

#' The fit as the queries of one direction see it: `from` to `to`.
#' @noRd
transport_side <- function(object, direction) {
  balanced <- is.infinite(object$rho)
  damping <- if (balanced) 1 else object$rho / (object$rho + object$epsilon)
  forward <- direction == "forward"
  list(
    forward = forward, damping = damping,
    from = if (forward) object$x else object$y, to = if (forward) object$y else object$x,
    mass = if (forward) object$a else object$b,
    log_weight = log_weights(if (forward) object$b else object$a,
                             if (forward) object$g else object$f, object$epsilon),
    self = object$self[[if (forward) "x" else "y"]]
  )
}

log_weights <- function(mass, potential, epsilon) {
  ifelse(mass > 0, log(mass) + potential / epsilon, -Inf)
}

prediction_points <- function(object, side, newdata) {
  if (is.null(newdata)) return(side$from)
  if (is.matrix(object$cost) && is.null(object$cost_function)) {
    brenier_abort(c(
      "{.arg newdata} must be left out: a matrix of {.arg cost} says nothing of new points.",
      i = "Give {.arg cost} as a function."
    ), "argument", argument = "newdata")
  }
  d <- ncol(side$from)
  if (is.data.frame(newdata) && all(colnames(side$from) %in% names(newdata))) {
    newdata <- newdata[colnames(side$from)]
  } else if (is.numeric(newdata) && is.null(dim(newdata)) && d > 1 && length(newdata) == d) {
    newdata <- matrix(newdata, 1)
  }
  at <- as_points(newdata, "newdata", finite = FALSE)
  if (ncol(at) != d) {
    brenier_abort(c(
      "{.arg newdata} must have the {d} column{?s} {.var {colnames(side$from)}}, not {ncol(at)}."
    ), "argument", argument = "newdata")
  }
  if (any(is.infinite(at))) check_finite(replace(at, is.na(at), 0), "newdata")
  at
}

evaluate_side <- function(object, side, at, newdata, type) {
  found <- if (is.matrix(object$cost)) {
    softmin_matrix(new_costs(object, side, at, newdata), side$log_weight, object$epsilon,
                   if (type == "map") side$to)
  } else {
    softmin(at, side$to, side$log_weight, object, if (type == "map") side$to)
  }
  found$log <- -object$epsilon * side$damping * found$log
  own <- if (object$debias && !is.null(side$self) && object$cost[1] == "sqeuclidean") {
    weight <- log_weights(side$mass, side$self$f, object$epsilon)
    softmin(at, side$from, weight, object, if (type == "map") side$from)
  }
  if (type == "map") return(if (is.null(own)) found$mean else at + found$mean - own$mean)
  if (is.null(own)) found$log else found$log + object$epsilon * side$damping * own$log
}

#' log sum_j exp(w_j - c(x, y_j)/epsilon), means under its weights and its gradient, by the core.
#' @noRd
softmin <- function(x, y, log_weight, object, columns = NULL, gradient = FALSE) {
  unit <- max(apply(rbind(x, y), 2, function(v) diff(range(v))))
  unit <- if (unit > 0) 2^round(log2(unit)) else 1
  square <- object$cost[1] == "sqeuclidean"
  found <- .Call(C_brenier_softmin, x / unit, y / unit, log_weight, if (square) 0L else 1L,
                 object$epsilon / (if (square) unit^2 else unit), columns, gradient)
  if (gradient) found$gradient <- found$gradient / unit
  found
}

#' The same from a matrix of costs.
#' @noRd
softmin_matrix <- function(cost, log_weight, epsilon, columns = NULL) {
  exponent <- rep(log_weight, each = nrow(cost)) - cost / epsilon
  top <- exponent[cbind(seq_len(nrow(cost)), max.col(exponent, "first"))]
  weight <- exp(exponent - ifelse(is.finite(top), top, 0))
  total <- rowSums(weight)
  list(log = log(total) + ifelse(is.finite(top), top, 0),
       mean = if (!is.null(columns)) (weight / total) %*% columns)
}

new_costs <- function(object, side, at, newdata) {
  if (is.null(newdata)) return(if (side$forward) object$cost else t(object$cost))
  if (side$forward) object$cost_function(at, side$to) else t(object$cost_function(side$to, at))
}
