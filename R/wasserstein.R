#' Exact Wasserstein distances
#'
#' The least cost of moving one sample onto another without blur. In one dimension it is exact by
#' sorting; in more it solves the transport problem with the package transport, for up to a few
#' thousand points. `wasserstein_gaussian()` is the closed form for normal laws.
#'
#' @details
#' \eqn{W_p^p}{W_p^p} is the least \eqn{\sum |x_i - y_j|^p P_{ij}}{sum |x_i - y_j|^p P_ij} over the couplings
#' P of the masses, which are scaled to sum to one. In one dimension, for all \eqn{p \ge 1}{p >= 1}, it is
#' the integral of \eqn{|F^{-1}(t) - G^{-1}(t)|^p}{|F^-1(t) - G^-1(t)|^p} over (0, 1). Of normal laws
#' \deqn{W_2^2 = |m_x - m_y|^2 + \mathrm{tr}(S_x + S_y - 2(S_x^{1/2}S_yS_x^{1/2})^{1/2}).}{W_2^2 = |m_x -
#' m_y|^2 + tr(S_x + S_y - 2 (S_x^(1/2) S_y S_x^(1/2))^(1/2)).}
#' [sinkhorn()] with a small `epsilon` serves samples that are too large for this.
#'
#' @param x,y Points, as for [sinkhorn()].
#' @param p Exponent of the distance, from 1 on.
#' @param a,b Masses of the points, by default equal.
#' @param mean_x,mean_y Means of the normal laws.
#' @param cov_x,cov_y Their covariance matrices, or variances in one dimension.
#' @return The distance \eqn{W_p}, not its power, one number in units of the points.
#' @section Errors:
#' `brenier_error_package` where the package transport is needed and missing; for points and masses as
#' [sinkhorn()].
#' @seealso [sinkhorn()], [sinkhorn_divergence()]
#' @references
#' Gelbrich, M. (1990). On a formula for the L2 Wasserstein metric between measures on Euclidean and
#' Hilbert spaces. *Mathematische Nachrichten* 147, 185-203. \doi{10.1002/mana.19901470121}
#' @family transport between samples
#' @template definitions
#' @examples
#' wasserstein(c(0, 1, 3), c(5, 6, 8))
#' wasserstein(faithful$waiting, 10 + faithful$waiting, p = 1)
#' wasserstein_gaussian(0, 1, 3, 4)
#' @export
wasserstein <- function(x, y, p = 2, a = NULL, b = NULL) {
  points <- transport_points(x, y, FALSE, FALSE)
  p <- check_number(p, "p", 1)
  a <- masses(a, nrow(points$x), "a", TRUE)
  b <- masses(b, nrow(points$y), "b", TRUE)
  x <- points$x[a > 0, , drop = FALSE]
  y <- points$y[b > 0, , drop = FALSE]
  size <- max(apply(rbind(x, y), 2, function(v) diff(range(v))))
  if (size == 0) return(0)
  x <- x / size # powers stay within range
  y <- y / size
  power <- if (ncol(x) == 1) power_on_line(x, y, p, a[a > 0], b[b > 0]) else
    power_by_simplex(x, y, p, a[a > 0], b[b > 0])
  size * power^(1 / p)
}

#' The quantile functions are constant between the joint steps of both.
#' @noRd
power_on_line <- function(x, y, p, a, b) {
  i <- order(x)
  j <- order(y)
  upto_x <- cumsum(a[i])
  upto_y <- cumsum(b[j])
  steps <- sort(c(upto_x, upto_y))
  width <- diff(c(0, steps))
  middle <- steps - width / 2
  at <- function(z, upto) z[pmin(1 + findInterval(middle, upto), length(z))]
  sum(width * abs(at(x[i], upto_x) - at(y[j], upto_y))^p)
}

power_by_simplex <- function(x, y, p, a, b) {
  if (!requireNamespace("transport", quietly = TRUE)) {
    brenier_abort(c(
      "Exact distances in {ncol(x)} dimensions need the package {.pkg transport}.",
      i = "Install it, or use {.fn sinkhorn} with a small {.arg epsilon}."
    ), "package", package = "transport")
  }
  if (nrow(x) == 1 || nrow(y) == 1) {
    return(sum(outer(a, b) * point_costs(x, y, "euclidean")^p))
  }
  cost <- point_costs(x, y, "euclidean")^p
  plan <- transport::transport(a, b, costm = cost, method = "networkflow")
  sum(plan$mass * cost[cbind(plan$from, plan$to)])
}

#' @rdname wasserstein
#' @export
wasserstein_gaussian <- function(mean_x, cov_x, mean_y, cov_y) {
  d <- length(mean_x)
  for (name in c("mean_x", "mean_y")) {
    v <- get(name)
    if (!is.numeric(v) || length(v) != d || d == 0 || !all(is.finite(v))) {
      brenier_abort(c(
        "{.arg {name}} must be a mean of finite numbers, as many in both, not {shown(v)}."
      ), "argument", argument = name)
    }
  }
  root <- symmetric_power(check_covariance(cov_x, d, "cov_x"), 0.5)
  cov_y <- check_covariance(cov_y, d, "cov_y")
  cross <- root %*% cov_y %*% root
  # the root of a product of roots: eigenvalues that rounding made negative are zero
  between <- sum(sqrt(pmax(eigen((cross + t(cross)) / 2, TRUE, only.values = TRUE)$values, 0)))
  square <- sum((mean_x - mean_y)^2) + sum(root^2) + sum(diag(cov_y)) - 2 * between
  sqrt(max(square, 0))
}

check_covariance <- function(cov, d, name) {
  cov <- if (is.numeric(cov)) as.matrix(cov) else cov
  ok <- is.matrix(cov) && is.numeric(cov) && identical(dim(cov), c(d, d)) && all(is.finite(cov)) &&
    isSymmetric(unname(cov))
  if (ok) {
    values <- eigen(cov, TRUE)$values
    ok <- min(values) >= -1e-10 * max(values, 0)
  }
  if (!ok) {
    brenier_abort(c(
      "{.arg {name}} must be a covariance matrix of {d} x {d}, not {shown(cov)}.",
      i = "It is symmetric, and no eigenvalue is negative."
    ), "argument", argument = name)
  }
  e <- eigen(cov, TRUE)
  e$vectors %*% (t(e$vectors) * pmax(e$values, 0))
}
