#' The Sinkhorn divergence of two samples
#'
#' A distance of laws that is zero exactly if they are equal, smooth in the points, and between the
#' squared Wasserstein distance (small `epsilon`) and the squared distance of means (large).
#'
#' @inheritParams sinkhorn
#' @param x,y Points, as for [sinkhorn()]; or a formula with two groups and `data`.
#' @param ... Further arguments of [sinkhorn()].
#' @return One number, OT(x, y) - OT(x, x)/2 - OT(y, y)/2 in units of the cost, plus
#'   \eqn{\epsilon(m_a - m_b)^2/2}{epsilon (m_a - m_b)^2/2} with a finite `reach`, for the total masses. It is
#'   not negative but for rounding and the error of the iterations. [sinkhorn()] with `debias = TRUE` gives the
#'   potentials, the map and the certificate as well. It warns as [sinkhorn()] does.
#' @seealso [sinkhorn()], [wasserstein()]
#' @references
#' Feydy, J., Sejourne, T., Vialard, F.-X., Amari, S., Trouve, A. and Peyre, G. (2019). Interpolating
#' between optimal transport and MMD using Sinkhorn divergences. *AISTATS* 22.
#'
#' Sejourne, T., Feydy, J., Vialard, F.-X., Trouve, A. and Peyre, G. (2019). Sinkhorn divergences for
#' unbalanced optimal transport. \doi{10.48550/arXiv.1910.12958}
#' @family transport between samples
#' @template definitions
#' @section Errors and warnings:
#' As [sinkhorn()].
#' @examples
#' x <- matrix(rnorm(100), 50)
#' sinkhorn_divergence(x, x + 1)
#' sinkhorn_divergence(x, x)
#' @export
sinkhorn_divergence <- function(x, y, epsilon = NULL, ...) {
  if ("debias" %in% ...names()) {
    brenier_abort("A divergence is debiased: there is no argument {.arg debias}.", "argument",
                  argument = "debias")
  }
  if (inherits(x, "formula")) {
    call <- match.call()
    call[[1]] <- quote(sinkhorn)
    names(call)[names(call) == "x"] <- "formula"
    names(call)[names(call) == "y"] <- "data"
    call$debias <- TRUE
    call[[1]] <- sinkhorn
    return(eval(call, parent.frame())$value)
  }
  sinkhorn(x, y, epsilon = epsilon, debias = TRUE, ...)$value
}
