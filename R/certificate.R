#' Certificate of a fit
#'
#' How far the objective can be from its minimum over the potentials with the same atoms: a bound
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
#' bound holds whatever the solver did; it is infinite while the gradient is not dual feasible. It
#' does not speak of potentials with other atoms: that is what the held-out likelihood is for.
#'
#' @param fit A fit of [brenier()].
#' @param ... None.
#' @return A list of class `brenier_certificate`: `gap` in nats a point, `tol` that was asked for,
#'   `met`, `objective` of the fit and `lower_bound` of its minimum.
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
  objective <- utils::tail(fit$trace$objective, 1)
  structure(list(
    gap = fit$gap, tol = fit$control$tol, met = fit$gap <= fit$control$tol,
    objective = objective, lower_bound = objective - fit$gap
  ), class = "brenier_certificate")
}

#' @export
print.brenier_certificate <- function(x, digits = 3, ...) {
  cat(
    "Certificate of a Brenier map\n",
    "  objective    ", format(x$objective, digits = 10), " nats a point\n",
    "  at most      ", format(x$gap, digits = digits), " above its minimum over these atoms\n",
    "  asked for    ", format(x$tol, digits = digits), if (x$met) ": met\n" else ": NOT met\n",
    sep = ""
  )
  invisible(x)
}
