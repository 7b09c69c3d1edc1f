#' The trace of a fit
#'
#' `fit$trace` is a data frame with one row a mirror step of the final fit, at the state that the step
#' started from, and one last row for the state that was returned.
#'
#' @format
#' \describe{
#'   \item{`iter`}{number of steps taken before this state}
#'   \item{`round`}{round of column generation; 0 fits the Gaussian map}
#'   \item{`objective`}{mean of \eqn{|T|^2/2 - \log\det D^2u}{|T|^2/2 - log det D^2 u} over the data, in
#'     whitened coordinates, plus the penalty; nats a point}
#'   \item{`validation`}{held-out loss of the round, from the validation}
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
#' }
#' @name brenier_trace
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
  trace[first]
}
