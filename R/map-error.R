#' How far a map is from the optimal one, between samples
#'
#' A bracket of the distance between the fitted map and the optimal matching of data points with
#' reference points, from the duality gap of its potential and the bounds of its curvature.
#'
#' @details
#' For points x of the data in whitened coordinates, points y of N(0, I) and any potential u,
#' \eqn{c(x, y) = u(x) + u^*(y) - x'y \ge 0}{c(x, y) = u(x) + u*(y) - x'y >= 0}, with equality where y =
#' T(x). The mean of c over the pairs of a matching is at least \eqn{J(u) - J^\star}{J(u) - J*}, the
#' semi-dual of u between the two samples less its minimum over all potentials, and equal to it for the
#' optimal matching \eqn{T^\star}{T*}: the *gap*. Where \eqn{\lambda I \preceq D^2u \preceq L I}{lambda I
#' <= D^2 u <= L I},
#' \deqn{2\lambda\,\mathrm{gap} \le \mathrm{mean}\,|T(x) - T^\star(x)|^2 \le 2L\,\mathrm{gap}.}{2 lambda
#'   gap <= mean |T(x) - T*(x)|^2 <= 2 L gap.}
#' Both constants hold everywhere and are known from the coefficients: \eqn{\lambda}{lambda} is the least
#' eigenvalue of Q, L the largest of \eqn{Q + \sum_j \theta_j \sup s_j'' w_j w_j'}{Q + sum_j theta_j sup
#' s_j'' w_j w_j'}.
#'
#' Samples differ even where the laws agree, the more so the higher the dimension: `floor` is the same
#' distance for as many draws of the fit in place of data, for which the map is exact.
#'
#' @param fit A fit of [brenier()] with one layer, without covariates, whose potential is on the side of
#'   the data, with the normal reference.
#' @param points Number of points of either sample, from 2 to 2000; time grows like its cube. The rows
#'   are evenly spaced among those of the fit.
#' @param seed A seed for the draws of the floor; by default 1.
#' @param ... None.
#' @return A data frame of one row: `gap`, `lambda`, `L`, `lower`, `distance` and `upper`, whose
#'   middle one is the mean square itself, `floor` and the number of `points`; squares of whitened units.
#' @section Errors:
#' `brenier_error_argument` for a fit of another kind, or where the package clue, which finds the
#' matching in more than one dimension, is not installed.
#' @seealso [certificate()], [kl_bounds()]
#' @family checks of a fitted map
#' @template definitions
#' @examples
#' map_error(brenier(faithful$waiting))
#' @export
map_error <- function(fit, ...) UseMethod("map_error")

#' @export
map_error.default <- function(fit, ...) {
  brenier_abort("{.arg fit} must be a fit of {.fn brenier}, not {shown(fit)}.", "type",
                argument = "fit")
}

#' @rdname map_error
#' @export
map_error.brenier <- function(fit, points = 500, seed = NULL, ...) {
  check_no_dots(..., known = c("points", "seed"))
  points <- min(check_count(points, "points", 2, 2000), fit$n)
  if (length(fit$layers) > 1 || !is.null(fit$design) || !is.null(fit$pairing$reference) ||
      identical(fit$pairing$side, "reference")) {
    brenier_abort(c(
      "{.arg fit} must be one layer on the side of the data, without covariates or sample of reference."
    ), "argument", argument = "fit")
  }
  if (fit$d > 1 && !requireNamespace("clue", quietly = TRUE)) {
    brenier_abort(c(
      "The package {.pkg clue} must be installed to match points in {fit$d} dimensions.",
      i = "Install it by {.code install.packages(\"clue\")}."
    ), "argument", argument = "fit")
  }
  layer <- fit$layers[[1]]
  rows <- round(seq(1, fit$n, length.out = points))
  y <- reference_points(max(points, 2 * fit$d), fit$d)
  gap_to <- function(z) {
    matched <- match_points(layer$potential, z, y[seq_len(nrow(z)), , drop = FALSE])
    c(gap = matched$gap, distance = matched$distance)
  }
  got <- gap_to(to_white(layer$whitening, fit$x[rows, , drop = FALSE]))
  draws <- with_seed(seed %||% 1, matrix(stats::rnorm(points * fit$d), points))
  floor <- gap_to(.Call(C_brenier_invert, layer$potential, draws, 1e-12, 500L)$x)
  bounds <- curvature_bounds(layer$potential)
  data.frame(
    gap = got[["gap"]], lambda = bounds[1], L = bounds[2], lower = 2 * bounds[1] * got[["gap"]],
    distance = got[["distance"]], upper = 2 * bounds[2] * got[["gap"]], floor = floor[["distance"]],
    points = points
  )
}

#' The optimal matching of points z with as many y, for the cost c of the help page.
#' @noRd
match_points <- function(potential, z, y) {
  at_z <- evaluate(potential, z, map = TRUE, value = TRUE)
  x <- .Call(C_brenier_invert, potential, y, 1e-12, 500L)$x
  conjugate <- rowSums(x * y) - evaluate(potential, x, value = TRUE)$value
  if (ncol(z) == 1) {
    to <- order(y)[rank(z, ties.method = "first")]
  } else {
    cost <- outer(at_z$value, conjugate, "+") - tcrossprod(z, y)
    to <- as.integer(clue::solve_LSAP(cost - min(cost)))
  }
  list(
    gap = mean(at_z$value + conjugate[to] - rowSums(z * y[to, , drop = FALSE])),
    distance = mean(rowSums((at_z$map - y[to, , drop = FALSE])^2))
  )
}

#' Bounds of the eigenvalues of D^2 u that hold everywhere.
#' @noRd
curvature_bounds <- function(potential) {
  p <- potential
  highest <- c(stats::dnorm(0), 1, 1)[p$profile + 1]
  terms <- seq_along(p$centre)
  atoms <- terms > p$n_quadratic
  coef <- p$coef[p$d * (1 + p$given) + terms]
  sum_of <- function(weight, which) {
    w <- p$direction[seq_len(p$d), which, drop = FALSE]
    w %*% (t(w) * weight[which])
  }
  eigenvalues <- function(A) eigen(A, symmetric = TRUE, only.values = TRUE)$values
  Q <- sum_of(coef, !atoms)
  c(min(eigenvalues(Q)), max(eigenvalues(Q + sum_of(coef * highest, atoms))))
}
