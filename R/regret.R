#' Regret of the mirror steps of a fit
#'
#' What the fit's steps are worth as a sequence of decisions: the regret, its bound, the stability
#' term that separates them from the fall of the semi-dual, and how far each step misses the
#' three-point identity. It needs no density of the data.
#'
#' @details
#' With \eqn{\mu}{mu} the data, \eqn{\rho_k}{rho_k} the law of the model after k steps and the
#' semi-dual \eqn{J(u) = \int u\,d\mu + \int u^*\,dN}{J(u) = mean of u over the data + mean of u*
#' over N(0, I)}, see [brenier_trace], a step moves the potential by
#' \eqn{\Delta_k}{Delta_k}. Then
#' \deqn{J(u_{k+1}) = J(u_k) - \langle\Delta_k, \rho_k - \mu\rangle + B_k,}{J(u_(k+1)) = J(u_k) -
#'   <Delta_k, rho_k - mu> + B_k,}
#' \eqn{B_k \ge 0}{B_k >= 0} the Bregman divergence of \eqn{\rho_k}{rho_k} from
#' \eqn{\rho_{k+1}}{rho_(k+1)}, for any \eqn{\Delta_k}{Delta_k}, exact or learned. Summed up,
#' \deqn{R_N = \sum_{k<N}\langle\Delta_k, \rho_k - \mu\rangle = J(u_0) - J(u_N) + \sum_{k<N} B_k
#'   \le J(u_0) - \min J + \sum_{k<N} B_k.}{R_N = sum_(k<N) <Delta_k, rho_k - mu> = J(u_0) - J(u_N) +
#'   sum_(k<N) B_k <= J(u_0) - min J + sum_(k<N) B_k.}
#' A mirror step of size \eqn{\eta_k}{eta_k} along the log density ratio has \eqn{\langle\Delta_k,
#' \rho_k - \mu\rangle = \eta_k \mathrm{Jeff}_k}{<Delta_k, rho_k - mu> = eta_k Jeff_k}, Jeffreys'
#' divergence of model and data. So:
#' * *dissipation*: J falls by \eqn{\eta_k\mathrm{Jeff}_k - B_k}{eta_k Jeff_k - B_k}, in the limit of
#'   small steps by Jeffreys' divergence a unit of time;
#' * *last iterate*: Jeffreys' divergence falls along the flow, and is at most
#'   \eqn{(J(u_0) - \min J)/T}{(J(u_0) - min J)/T} after time \eqn{T = \sum\eta_k}{T = sum eta_k}, for
#'   small steps;
#' * *average iterate*: the mixture of the \eqn{\rho_k}{rho_k} with weights \eqn{\eta_k}{eta_k} has
#'   \eqn{KL(\bar\rho\,\|\,\mu) \le R_N/\sum\eta_k}{KL(mixture || mu) <= R_N / sum eta_k}, whatever the
#'   steps; see `average` in [simulate.brenier()].
#'
#' N(0, I) is represented by the fixed points that `ledger` in [brenier_control()] counts, and the
#' minimum of J is that over the path. Moves that atoms make when they come and go are in both sums.
#'
#' @param fit A fit of [brenier()].
#' @param layer Number of the layer.
#' @param object What `regret()` returned.
#' @param ... None.
#' @return A data frame of class `brenier_regret` with a row a step of the final fit: `iter`, the steps
#'   before this state; `regret`; `bound`; `stability`, the sum of the \eqn{B_k}{B_k}; `identity`, the
#'   residual of the identity over the size of J. Nats, but for the last. `summary()` gives a list with
#'   `steps`, `regret`, `bound`, `stability`, `identity` (the largest), `fall` (of J), `rising` (the
#'   number of steps at which J rose), `time` (the sum of the step sizes, infinite for Newton steps) and
#'   `average` (regret over time).
#' @section Errors:
#' `brenier_error_type` if `fit` is no fit, `brenier_error_argument` for a layer that is not there or a
#' fit without a ledger.
#' @references
#' Deb, N. and Liang, T. (2025). No-regret generative modeling via parabolic Monge-Ampere PDE.
#' \doi{10.48550/arXiv.2504.09279}
#' @seealso [brenier_trace], [certificate()], [kl_bounds()]
#' @family checks of a fitted map
#' @template definitions
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful)
#' r <- regret(fit)
#' tail(r, 3)
#' summary(r)
#' @export
regret <- function(fit, ...) UseMethod("regret")

#' @export
regret.default <- function(fit, ...) {
  brenier_abort("{.arg fit} must be a fit of {.fn brenier}, not {shown(fit)}.", "type",
                argument = "fit")
}

#' @rdname regret
#' @export
regret.brenier <- function(fit, layer = 1, ...) {
  check_no_dots(..., known = "layer")
  layer <- check_count(layer, "layer", 1, length(fit$layers))
  trace <- fit$trace[fit$trace$layer == layer, ]
  if (nrow(trace) == 0) {
    brenier_abort(c(
      "Layer {layer} of {.arg fit} maps each variable by itself and keeps no books.",
      i = "Ask for another {.arg layer}."
    ), "argument", argument = "layer")
  }
  if (all(is.na(trace$regret))) {
    brenier_abort(c(
      "{.arg fit} keeps no books of its regret.",
      i = "Fit with {.code control = brenier_control(ledger = 256)}, the default."
    ), "argument", argument = "fit")
  }
  table <- data.frame(
    iter = trace$iter, regret = trace$regret, bound = trace$regret_bound,
    stability = trace$regret_bound - trace$regret_bound[1], identity = trace$identity
  )
  structure(table, class = c("brenier_regret", "data.frame"),
            time = sum(trace$eta * trace$step, na.rm = TRUE))
}

#' @rdname regret
#' @export
summary.brenier_regret <- function(object, ...) {
  last <- object[nrow(object), ]
  semidual <- object$bound - object$regret # J less its least value on the path
  structure(list(
    steps = nrow(object) - 1L, regret = last$regret, bound = last$bound, stability = last$stability,
    identity = max(0, object$identity, na.rm = TRUE), fall = semidual[1] - semidual[nrow(object)],
    rising = sum(diff(semidual) > 1e-12), time = attr(object, "time"),
    average = last$regret / attr(object, "time")
  ), class = "summary.brenier_regret")
}

#' @export
print.summary.brenier_regret <- function(x, digits = 3, ...) {
  show <- function(v) format(v, digits = digits)
  cat(
    "Regret of ", x$steps, " mirror steps\n",
    "  regret       ", show(x$regret), ", at most ", show(x$bound), "\n",
    "  semi-dual    fell by ", show(x$fall), ", rose at ", x$rising, " steps; stability ",
    show(x$stability), "\n",
    "  identity     missed by ", show(x$identity), " of its size at most",
    if (x$identity > 1e-10) ": MORE than rounding", "\n",
    if (is.finite(x$time)) {
      paste0("  average      KL(mixture of the iterates || data) <= ", show(x$average),
             " = regret over time ", show(x$time), "\n")
    } else {
      "  average      no bound: Newton steps have no finite size\n"
    },
    sep = ""
  )
  invisible(x)
}
