#' Scrambled Sobol points
#'
#' Low-discrepancy points for integrals over the unit cube, or over the standard normal law. Each
#' point is uniform on the cube; together they fill it more evenly than independent draws. Any `n`
#' works; powers of two are best, for then the points are a scrambled digital net.
#'
#' The direction numbers are those of Joe and Kuo (2008) <doi:10.1137/070709359>, the scramble is a
#' random linear one with a digital shift (Matousek 1998) <doi:10.1006/jcom.1998.0489>. It is drawn
#' from R's generator, whose state moves on by an amount that depends on `d` alone.
#'
#' @param n Number of points, from 0 to `.Machine$integer.max`.
#' @param d Dimension, from 1 to 256.
#' @param normal If `TRUE`, the normal quantiles of the points.
#' @return A matrix of `n` rows and `d` columns, with values strictly inside (0, 1), or finite if
#'   `normal` is `TRUE`.
#' @noRd
sobol_points <- function(n, d, normal = FALSE) {
  points <- .Call(C_brenier_sobol, n, d)
  if (normal) stats::qnorm(points) else points
}
