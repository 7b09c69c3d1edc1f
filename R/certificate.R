#' Certificate of a fit
#'
#' How far the objective can be from its minimum over the coefficients of the same atoms: a bound
#' that is proved at the point where the fit ended, not an estimate.
#'
#' @details
#' The objective \eqn{L = \mathrm{mean}(|T|^2/2 - \log\det D^2u) + \lambda\sum\theta_j}{L = mean(|T|^2/2 -
#' log det D^2 u) + lambda sum theta_j} is convex. With the dual point \eqn{(T - c, -(D^2u)^{-1})}{(T -
#' c, -(D^2 u)^(-1))}, c the mean of T, weak duality gives for every potential of the class
#' \deqn{L \ge L_{fit} - gap,\quad gap = \mathrm{mean}|T|^2 - |c|^2/2 - d + \lambda\sum\theta_j -
#'   \kappa\,\mathrm{tr} Z,}{L >= L_fit - gap, gap = mean |T|^2 - |c|^2/2 - d + lambda sum theta_j -
#'   kappa tr Z,}
#' where Z is the multiplier of \eqn{Q \succeq \kappa I}{Q >= kappa I}, recovered from the gradient. The
#' sums are over the fitted atoms. Atoms that continue the map beyond the data are held as they are;
#' with such atoms the gap also has minus the sum of their coefficients times the gradient there.
#'
#' The bound holds whatever the solver did; it is infinite while the gradient is not dual feasible.
#' It does not speak of potentials with other atoms: that is what the held-out likelihood is for.
#'
#' @param fit A fit of [brenier()].
#' @param ... None.
#' @return A list of class `brenier_certificate`, with numbers in nats a point: `gap`, the `tol`
#'   that was asked for, whether it was `met`, the `objective` of the fit and the `lower_bound` of
#'   its minimum; of several layers the largest gap, and one objective and bound a layer. A potential
#'   with a softmax has none: its gap is infinite. The objective is in whitened coordinates, so that it is not minus the log
#'   likelihood: add \eqn{(d/2)\log 2\pi + \log\det S^{1/2}}{d/2 log(2 pi) + log det S^(1/2)}, and
#'   take off the penalty.
#' @section Errors:
#' `brenier_error_type` if `fit` is not a fit.
#' @family checks of a fitted map
#' @template definitions
#' @examples
#' certificate(brenier(~ eruptions + waiting, data = faithful))
#' @export
certificate <- function(fit, ...) UseMethod("certificate")

#' @export
certificate.default <- function(fit, ...) {
  brenier_abort("{.arg fit} must be a fit of {.fn brenier}, not {shown(fit)}.", "type",
                argument = "fit")
}

#' @export
certificate.brenier <- function(fit, ...) {
  last <- fit$trace[!duplicated(fit$trace$layer, fromLast = TRUE), ]
  structure(list(
    gap = fit$gap, tol = fit$control$tol, met = fit$gap <= fit$control$tol,
    objective = last$objective, lower_bound = last$objective - last$gap
  ), class = "brenier_certificate")
}

#' @export
print.brenier_certificate <- function(x, digits = 3, ...) {
  cat(
    "Certificate of a Brenier map\n",
    "  objective    ", paste(format(x$objective, digits = 10), collapse = ", "), " nats a point\n",
    "  at most      ", format(x$gap, digits = digits), " above its minimum over these atoms\n",
    "  asked for    ", format(x$tol, digits = digits), if (x$met) ": met\n" else ": NOT met\n",
    sep = ""
  )
  invisible(x)
}
