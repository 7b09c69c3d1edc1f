#' The trace of a fit
#'
#' `fit$trace` is a data frame with one row a mirror step of the final fit, at the state that the step
#' started from, and one last row for the state that was returned.
#'
#' @format
#' \describe{
#'   \item{`layer`}{number of the layer}
#'   \item{`iter`}{number of steps taken before this state}
#'   \item{`round`}{round of column generation; 0 fits the Gaussian map, and the number after the
#'     last round marks the steps that lower the barrier to meet the tolerance}
#'   \item{`objective`}{mean of \eqn{|T|^2/2 - \log\det D^2u}{|T|^2/2 - log det D^2 u} over the data, in
#'     whitened coordinates, plus the penalty; nats a point}
#'   \item{`validation`}{held-out loss of the round, from the validation: a mean over its folds, not
#'     over these data; `NaN` without}
#'   \item{`kl`}{objective less the certified lower bound of its minimum over the final atoms: an upper
#'     bound of what a Kullback-Leibler divergence from the data to the model can still lose}
#'   \item{`eta`}{step size \eqn{\eta}{eta}; `Inf` is a Newton step}
#'   \item{`step`}{the fraction of the step that backtracking left; 1 is all of it, `NA` in the last
#'     row}
#'   \item{`min_eigenvalue`}{of Q, a lower bound of \eqn{D^2u}{D^2 u} at every point, also between and
#'     beyond the data}
#'   \item{`decrement`}{local norm of the gradient of objective plus barrier}
#'   \item{`gap`}{certificate at this state for the atoms of this state; infinite while the gradient
#'     is not dual feasible}
#'   \item{`barrier`}{weight of the log barrier}
#'   \item{`atoms`}{number of atoms}
#'   \item{`evaluations`}{passes over the data so far}
#'   \item{`seconds`}{wall clock since the start of the final fit}
#'   \item{`jeffreys`}{estimate of Jeffreys' divergence, KL(model, data) + KL(data, model), in nats, at
#'     this state: the mean over the model less that over the data of the log density ratio, as far
#'     as the ratio lies along the step}
#'   \item{`regret`}{sum of \eqn{\langle\Delta, \rho - \mu\rangle}{<Delta, rho - mu>} over the moves
#'     before this state}
#'   \item{`regret_bound`}{a bound of it, see below}
#'   \item{`identity`}{how far the step misses the three-point identity, over the size of J: rounding,
#'     some 1e-16, or something is wrong}
#' }
#'
#' @section Regret:
#' With \eqn{\mu}{mu} the data and \eqn{\rho}{rho} the law of the model, that is, of
#' \eqn{(\nabla u)^{-1}(y)}{(grad u)^(-1)(y)} for y from N(0, I), the semi-dual
#' \eqn{J(u) = \int u\,d\mu + \int u^* dN}{J(u) = mean of u over the data + mean of u* over N(0, I)} is
#' convex in u, and \eqn{\mu - \rho}{mu - rho} is its first variation. So each move from u to
#' \eqn{u + \Delta}{u + Delta} obeys the three-point identity
#' \deqn{J(u + \Delta) = J(u) - \langle\Delta, \rho - \mu\rangle + B,\quad B \ge 0,}{J(u + Delta) =
#'   J(u) - <Delta, rho - mu> + B, B >= 0,}
#' B the Bregman divergence of the old model from the new. Mirror steps of size \eqn{\eta}{eta}
#' have \eqn{\langle\Delta, \rho - \mu\rangle = \eta}{<Delta, rho - mu> = eta} times Jeffreys'
#' divergence, and their sum is the regret, which is at most \eqn{J(u_0)}{J(u_0)} less the least J of
#' the whole path plus the sum of the B so far: that is `regret_bound`, and `regret_bound - regret` is
#' J at this state less its least value. What atoms move when they are added or dropped between rounds is
#' in both sums.
#'
#' Other steps have no \eqn{\eta}{eta} of their own. So `jeffreys` takes for the log ratio the multiple
#' of the step that is nearest to it in the metric of the mirror step. For an explicit step without
#' barrier and penalty that is the projection of the ratio on all features, and `step` times `eta`
#' times `jeffreys` is the growth of `regret`; for a Newton step it is the part of the divergence on
#' the way to the minimum, not all of it. Near the end, where barrier and penalty drive the steps,
#' `jeffreys` is of the size of the number of coefficients over n and may be negative.
#'
#' N(0, I) is represented by a fixed set of quasi-random points, as many as `ledger` in
#' [brenier_control()] says. J is in whitened coordinates. The objective of a fit is the likelihood, not
#' J, so that J may rise.
#' @name brenier_trace
#' @family checks of a fitted map
#' @template definitions
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful)
#' tail(fit$trace, 3)
NULL

trace_frame <- function(trace) {
  last <- nrow(trace)
  trace$kl <- trace$objective - (trace$objective[last] - trace$gap[last])
  trace$step[last] <- NA
  first <- c("iter", "round", "objective", "validation", "kl", "eta", "step", "min_eigenvalue",
             "decrement", "gap", "barrier", "atoms", "evaluations", "seconds")
  books <- c("jeffreys", "regret", "regret_bound", "identity")
  trace[books] <- lapply(trace[books], function(v) replace(v, is.nan(v), NA))
  trace[c(first, books)]
}

#' Points that stand for N(0, I) in the ledger of a fit: at least 2 d of m, standardised so that
#' Gaussian maps carry no error of their own. The seed is theirs, so that the ledger changes no fit.
#' The covariates that go with them are those of evenly spaced rows of the data z.
#' @noRd
ledger_points <- function(m, z, d = ncol(z)) {
  if (m == 0 || d > 256) return(z[0, , drop = FALSE]) # there are Sobol points up to dimension 256
  y <- reference_points(max(m, 2 * d), d)
  rows <- 1 + floor((seq_len(nrow(y)) - 1) * (nrow(z) / nrow(y)))
  cbind(y, z[rows, -seq_len(d), drop = FALSE])
}

#' m > d quasi-random points of N(0, I) with mean zero and identity covariance.
#' @noRd
reference_points <- function(m, d) {
  y <- with_seed(1, sobol_points(m, d, normal = TRUE))
  y <- sweep(y, 2, colMeans(y))
  y %*% solve(chol(crossprod(y) / nrow(y)))
}
