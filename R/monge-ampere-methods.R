#' @export
print.monge_ampere <- function(x, digits = 4, ...) {
  cat("Optimal transport between two densities on grids\n",
      "  from        ", grid_words(x$mu), "\n",
      "  to          ", grid_words(x$nu), "\n",
      "  distance    W2 = ", format(x$distance, digits = digits), ", W2 squared ",
      format(x$distance^2, digits = digits), " (from the map ",
      format(x$distance^2 + x$gap, digits = digits), ")\n",
      "  error       ", format(x$error, digits = 2), " is the L1 distance of the image from its target",
      if (x$error > x$tol) paste0(": above ", format(x$tol, digits = 2)), "\n",
      "  ", if (x$converged) "converged" else paste0("NOT converged: ", status_message(x$status)),
      ", ", x$method, ", ", sum(x$trace$iter > 0 & x$trace$method == x$method),
      " iterations on grids of up to ", format(max(x$trace$cells), big.mark = " "), " cells, ",
      format(x$seconds, digits = 2), " s\n", sep = "")
  invisible(x)
}

#' @export
summary.monge_ampere <- function(object, ...) {
  d <- length(object$mu$lower)
  n <- dim(object$mu$density)
  map <- matrix(object$map, ncol = d)
  moved <- map - as.matrix(expand.grid(object$mu$centers))
  charged <- object$mu$density > 0
  structure(list(
    fit = object,
    moved = c(mean = mean_under(object$mu, sqrt(rowSums(moved^2))),
              max = sqrt(max(rowSums(moved[charged, , drop = FALSE]^2)))),
    stretch = range(vapply(seq_len(d), function(k) {
      range(slide(array(map[, k], n), k)[charged]) / ((object$mu$upper - object$mu$lower) / n)[k]
    }, c(0, 0))),
    levels = stats::aggregate(cbind(iter, seconds) ~ method + cells, object$trace, max)
  ), class = "summary.monge_ampere")
}

#' @export
print.summary.monge_ampere <- function(x, digits = 3, ...) {
  print(x$fit)
  cat("  moved       by ", format(x$moved[["mean"]], digits = digits), " on average, ",
      format(x$moved[["max"]], digits = digits), " at most\n",
      "  stretched   along the axes by ", format(x$stretch[1], digits = digits), " to ",
      format(x$stretch[2], digits = digits), "\n\nIterations on each grid, and the time at its end:\n",
      sep = "")
  print(x$levels, row.names = FALSE, digits = digits)
  invisible(x)
}

#' Maps and interpolation of an optimal transport
#'
#' The map, its inverse and the potentials at any points, and the displacement interpolation: the
#' laws
#' of \eqn{(1 - t)X + tT(X)}{(1 - t) X + t T(X)}, the shortest path between the two densities for the
#' Wasserstein distance.
#'
#' @param object A value of [monge_ampere()].
#' @param newdata Points, a matrix or data frame with one a row; by default the centers of the cells.
#' @param type `"map"`, from `mu` to `nu`; `"inverse"`; `"potential"`, u; `"conjugate"`, u*.
#' @param t Times from 0, where the law is `mu`, to 1, where it is `nu`.
#' @param n Number of cells along each axis of the result; by default that of the larger of the two
#'   grids.
#' @param ... None.
#' @return `predict()` returns a matrix with a row a point, for the potentials a vector. Values are
#'   interpolated linearly between centers of cells; points outside the box have `NA`.
#'   `displacement()`
#'   returns a [grid_density()] on the box between the two, or a list of them if `t` has several.
#' @section Errors:
#' `brenier_error_argument` for points of another dimension or a wrong `t` or `n`.
#' @seealso [monge_ampere()]
#' @family transport between densities
#' @template definitions
#' @examples
#' ma <- monge_ampere(c(1, 2, 3, 4), c(4, 3, 2, 1))
#' predict(ma, 0.5)
#' displacement(ma, 0.5)
#' @export
predict.monge_ampere <- function(object, newdata = NULL, type = c("map", "inverse", "potential", "conjugate"),
                                 ...) {
  check_no_dots(..., known = c("newdata", "type"))
  type <- check_choice(if (missing(type)) "map" else type, c("map", "inverse", "potential", "conjugate"),
                       "type")
  from <- if (type %in% c("map", "potential")) object$mu else object$nu
  d <- length(from$lower)
  n <- dim(from$density)
  values <- matrix(object[[type]], nrow = prod(n))
  if (is.null(newdata)) newdata <- as.matrix(expand.grid(from$centers))
  newdata <- check_grid_points(newdata, d)
  value <- interpolate_cells(from, values, newdata)
  if (type %in% c("potential", "conjugate")) return(drop(value))
  colnames(value) <- colnames(newdata)
  value
}

check_grid_points <- function(x, d) {
  x <- if (is.data.frame(x)) as.matrix(x) else if (is.matrix(x)) x else
    if (d == 1) matrix(x) else matrix(x, 1)
  if (is.numeric(x) && ncol(x) == d) return(x)
  brenier_abort("{.arg newdata} must be points with {d} coordinate{?s} each, not {shown(x)}.",
                "argument", argument = "newdata")
}

#' Multilinear between centers, linear beyond the outermost ones as far as the faces.
#' @noRd
interpolate_cells <- function(from, values, x) {
  n <- dim(from$density)
  d <- length(n)
  inside <- rep(TRUE, nrow(x))
  base <- rep(1, nrow(x))
  stride <- c(1, cumprod(n))
  weight <- matrix(0, nrow(x), d)
  for (k in seq_len(d)) {
    at <- (x[, k] - from$lower[k]) / (from$upper[k] - from$lower[k]) * n[k] + 0.5
    inside <- inside & !is.na(at) & at >= 0.5 - 1e-9 & at <= n[k] + 0.5 + 1e-9
    i <- pmin(pmax(floor(at), 1), n[k] - 1)
    i[is.na(i)] <- 1
    weight[, k] <- at - i
    base <- base + (i - 1) * stride[k]
  }
  out <- 0
  for (corner in 0:(2^d - 1)) {
    upper <- bitwAnd(corner, 2^(seq_len(d) - 1)) > 0
    share <- 1
    for (k in seq_len(d)) share <- share * (if (upper[k]) weight[, k] else 1 - weight[, k])
    out <- out + share * values[base + sum(stride[seq_len(d)][upper]), , drop = FALSE]
  }
  out[!inside, ] <- NA
  out
}

#' @rdname predict.monge_ampere
#' @export
displacement <- function(object, t = 0.5, n = NULL) {
  if (!inherits(object, "monge_ampere")) {
    brenier_abort("{.arg object} must come from {.fn monge_ampere}, not be {shown(object)}.", "type",
                  argument = "object")
  }
  if (!is.numeric(t) || length(t) == 0 || anyNA(t) || any(t < 0 | t > 1)) {
    brenier_abort("{.arg t} must be numbers from 0 to 1, not {shown(t)}.", "argument", argument = "t")
  }
  mu <- object$mu
  nu <- object$nu
  d <- length(mu$lower)
  n <- check_cells(n %||% pmax(dim(mu$density), dim(nu$density)), d)
  frames <- lapply(t, function(t) {
    box <- list(lower = (1 - t) * mu$lower + t * nu$lower, upper = (1 - t) * mu$upper + t * nu$upper)
    square <- outer_sum(lapply(mu$centers, function(x) x^2 / 2))
    to <- list(n = n, lower = box$lower, upper = box$upper, periodic = FALSE)
    mass <- .Call(C_brenier_grid_push, grid_of(mu), mu$density,
                  as.double((1 - t) * square + t * object$potential), to, 3L)
    density_of_values(array(pmax(mass, 0), n), box, "t") # rounding may leave less than nothing
  })
  if (length(t) == 1) frames[[1]] else frames
}
