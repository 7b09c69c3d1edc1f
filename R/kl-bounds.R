#' Lower bounds of the Kullback-Leibler divergence between data and model
#'
#' How far a fit is from fresh data at least, by Donsker and Varadhan's inequality: evidence of what
#' the fit missed, that no tuning can hide.
#'
#' @details
#' With \eqn{\mu}{mu} the law of the data, \eqn{\rho}{rho} that of the model and any function h,
#' \deqn{KL(\mu\,\|\,\rho) \ge E_\mu h - \log E_\rho e^h, \qquad KL(\rho\,\|\,\mu) \ge -E_\rho h - \log
#'   E_\mu e^{-h}.}{KL(mu || rho) >= E_mu h - log E_rho exp(h), KL(rho || mu) >= -E_rho h - log E_mu
#'   exp(-h).}
#' The map T takes \eqn{\rho}{rho} to N(0, I) and the data to their reference residuals, and changes
#' neither divergence. Half of the residuals of `newdata` are fitted by a map of their own, a next
#' layer so to say, and h is the log of its density over that of N(0, I): the second mean is one in
#' the first bound, which is thus the held-out gain of that layer. It is evaluated on the other half;
#' then the halves change places and the bounds are averaged. E over the model is a mean over 4096
#' quasi-random points.
#'
#' With covariates the residuals are fitted given them, and E is over theirs as well.
#'
#' A bound near zero, within its standard error, says that no such layer finds anything left. It may
#' come out negative.
#'
#' @param fit A fit of [brenier()].
#' @param newdata Data that the fit has not seen, as [predict.brenier()] takes them, at least 40 rows.
#' @param control For the maps of the residuals, see [brenier_control()].
#' @param seed A seed for the halves, and the maps; by default 1.
#' @param ... None.
#' @return A data frame of class `brenier_kl_bounds` with a row a divergence: `divergence` (`"KL(data ||
#'   model)"` and `"KL(model || data)"`), `bound` in nats, its standard error `se` over the points of
#'   `newdata`.
#' @section Errors:
#' `brenier_error_argument` where `newdata` is missing or too small, otherwise those of
#' [predict.brenier()].
#' @references
#' Donsker, M. and Varadhan, S. (1975). Asymptotic evaluation of certain Markov process expectations for
#' large time, I. *Communications on Pure and Applied Mathematics* 28, 1-47.
#' \doi{10.1002/cpa.3160280102}
#' @seealso [regret()], [certificate()]
#' @family checks of a fitted map
#' @template definitions
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful[1:136, ])
#' kl_bounds(fit, faithful[137:272, ])
#' @export
kl_bounds <- function(fit, newdata, ...) UseMethod("kl_bounds")

#' @export
kl_bounds.default <- function(fit, newdata, ...) {
  brenier_abort("{.arg fit} must be a fit of {.fn brenier}, not {shown(fit)}.", "type",
                argument = "fit")
}

#' @rdname kl_bounds
#' @export
kl_bounds.brenier <- function(fit, newdata, control = brenier_control(), seed = NULL, ...) {
  check_no_dots(..., known = c("newdata", "control", "seed"))
  if (missing(newdata)) {
    brenier_abort(c(
      "{.arg newdata} is missing.", i = "The data of the fit would flatter it: give fresh ones."
    ), "argument", argument = "newdata")
  }
  check_normal_reference(fit, "density")
  y <- predict(fit, newdata, type = "map")
  given <- new_covariates(fit, newdata)
  complete <- stats::complete.cases(y)
  y <- unname(y[complete, , drop = FALSE])
  given <- given[complete, , drop = FALSE]
  least <- max(40, 4 * (fit$d + 2))
  if (nrow(y) < least) {
    brenier_abort("{.arg newdata} must have at least {least} complete rows, not {nrow(y)}.",
                  "argument", argument = "newdata")
  }
  half <- with_seed(seed %||% 1, sample(rep_len(1:2, nrow(y))))
  reference <- reference_points(4096, fit$d)
  on_data <- numeric(nrow(y))
  on_model <- lapply(1:2, function(k) {
    some <- function(rows) given[rows, , drop = FALSE]
    other <- brenier(y[half != k, , drop = FALSE], some(half != k), control = control, seed = seed)
    ratio <- function(y, given) {
      if (!is.null(given)) {
        kept <- match(other$design$columns, paste0("given", seq_len(ncol(given))))
        given <- given[, kept, drop = FALSE]
      }
      log_density(other$layers, y, given) - rowSums(stats::dnorm(y, log = TRUE))
    }
    on_data[half == k] <<- ratio(y[half == k, , drop = FALSE], some(half == k))
    ratio(reference, some(rep_len(which(half == k), nrow(reference))))
  })
  reverse <- vapply(1:2, function(k) {
    weight <- exp(-on_data[half == k])
    -mean(on_model[[k]]) - log(mean(weight))
  }, 0)
  relative <- unlist(lapply(1:2, function(k) {
    weight <- exp(-on_data[half == k])
    weight / mean(weight)
  }))
  n <- nrow(y)
  structure(data.frame(
    divergence = c("KL(data || model)", "KL(model || data)"),
    bound = c(mean(on_data), mean(reverse)),
    se = c(stats::sd(on_data), stats::sd(relative)) / sqrt(n)
  ), class = c("brenier_kl_bounds", "data.frame"))
}

#' @export
print.brenier_kl_bounds <- function(x, digits = 2, ...) {
  cat("Divergence of fit and fresh data, lower bounds in nats\n")
  cat(paste0("  ", x$divergence, " >= ", format(x$bound, digits = digits), " (se ",
             format(x$se, digits = digits), ")\n"), sep = "")
  invisible(x)
}
