#' Draws and densities of a posterior
#'
#' @param object,x A posterior of [brenier_vi()].
#' @param nsim,ndraws Number of draws.
#' @template seed
#' @param refine What is done about the error of the approximation: `"none"` weighs the draws;
#'   `"importance"` resamples as many of them by these weights, truncated, without their log
#'   weights; `"metropolis"` runs them through an independence Metropolis sampler, whose stationary
#'   law is the target, and reports its acceptance rate as attribute `acceptance` and when it is
#'   low: draws then repeat and depend on one another.
#' @param newdata A matrix or data frame with a column a parameter, as draws have them; columns are
#'   matched by name where there are names.
#' @param type `"log_density"`, the one type.
#' @param ... None; anything here is an error.
#' @return
#'   * `simulate()`: a data frame of independent draws from the approximation; `as.matrix()` and
#'     `as.data.frame()` the same, 1000 by default;
#'   * `as_draws()`: the same as a [posterior::draws_df], with `lp__` the log density of the target
#'     and `lp_approx__` that of the approximation, both of the parameters within their bounds, or
#'     for a model both of its unbounded coordinates (see [as_target()]), and the log weights
#'     `lp__ - lp_approx__` as [posterior::weight_draws()] keeps them. It asks the target for each
#'     draw. Nothing is resampled unless `refine` says so;
#'   * `predict()`: the log density of the approximation, normalised, what `lp_approx__` is of
#'     draws; -Inf outside the bounds.
#' @name simulate.brenier_posterior
#' @family posteriors
#' @template definitions
#' @section Errors:
#' `brenier_error_argument` for a wrong `nsim`, `refine` or `type`, or points of the wrong number of columns.
#' @examples
#' post <- brenier_vi(function(x) -sum((x - 1)^2) / 2, c(a = 0, b = 0), function(x) 1 - x)
#' simulate(post, nsim = 2, seed = 1)
#' predict(post, rbind(c(1, 1)))
#' @export
simulate.brenier_posterior <- function(object, nsim = 1, seed = NULL, ...) {
  check_no_dots(..., known = c("nsim", "seed"))
  as.data.frame(posterior_draws(object, check_count(nsim, "nsim"), seed, "nsim")$x)
}

#' @rdname simulate.brenier_posterior
#' @export
as.matrix.brenier_posterior <- function(x, ndraws = 1000, seed = NULL, ...) {
  check_no_dots(..., known = c("ndraws", "seed"))
  posterior_draws(x, check_count(ndraws, "ndraws"), seed)$x
}

#' @rdname simulate.brenier_posterior
#' @param row.names,optional As in [as.data.frame()].
#' @export
as.data.frame.brenier_posterior <- function(x, row.names = NULL, optional = FALSE, ndraws = 1000,
                                            seed = NULL, ...) {
  as.data.frame(as.matrix(x, ndraws, seed, ...), row.names = row.names, optional = optional)
}

#' Draws x, the z they come from, and the log density of the approximation by z and of the Jacobian.
#' @noRd
posterior_draws <- function(object, n, seed, name = "ndraws") {
  check_drawn(n, object$d, name)
  y <- with_seed(seed, matrix(stats::rnorm(n * object$d), n, object$d))
  draws <- push_draws(object$layers, y)
  c(draws, target_parameters(object$target, draws$z))
}

#' @rdname simulate.brenier_posterior
#' @export
predict.brenier_posterior <- function(object, newdata, type = "log_density", ...) {
  check_no_dots(..., known = c("newdata", "type"))
  check_choice(type, "log_density", "type")
  x <- if (is.data.frame(newdata)) as.matrix(newdata) else newdata
  needed <- object$target$needed
  if (is.matrix(x) && !is.null(colnames(x)) && all(needed %in% colnames(x))) {
    x <- x[, needed, drop = FALSE]
  }
  if (!is.matrix(x) || !is.numeric(x) || ncol(x) != length(needed)) {
    brenier_abort(c(
      "{.arg newdata} must have a numeric column for each of the {length(needed)} parameters, not be
       {shown(newdata)}."
    ), "argument", argument = "newdata")
  }
  z <- target_coordinates(object$target, unname(x))
  inside <- rowSums(!is.finite(z)) == 0
  value <- unname(ifelse(rowSums(is.na(x)) > 0, NA_real_, -Inf))
  z <- z[inside, , drop = FALSE]
  value[inside] <- log_density(object$layers, z) - target_parameters(object$target, z)$logdet
  value
}

#' Print and summarise a posterior
#'
#' @details
#' A posterior says in words whether it can be trusted, by the Pareto shape khat of its importance
#' weights: up to 0.5 its draws are good as they are and better when weighted; up to 0.7 weigh them;
#' above, neither the draws nor the weights are to be trusted in the tails. Where 99 of 100 draws are
#' effective nevertheless, it says that the bulk is good: khat is the shape of the largest weights alone.
#'
#' @param x,object A posterior of [brenier_vi()] or its summary.
#' @param digits Significant digits.
#' @param ... None.
#' @return `print()` returns its argument invisibly. `summary()` returns a list of class
#'   `summary.brenier_posterior` with `fit` and `parameters`: a data frame with a row a parameter,
#'   its `mean`, `sd`, quantiles `q5`, `q50` and `q95`, all of the approximation, from 8192
#'   quasi-random points, and `mcse`, the standard error that the mean of as many independent draws
#'   would have. `glance()` returns a data frame of one row: `elbo`, `elbo_se`, `kl_gap`, `khat`,
#'   `is_ess`, `evaluations` (points at which the log density was asked for), `seconds`,
#'   `converged`.
#' @family posteriors
#' @template definitions
#' @examples
#' post <- brenier_vi(function(x) -sum((x - 1)^2) / 2, c(a = 0, b = 0), function(x) 1 - x)
#' post
#' summary(post)
#' glance(post)
#' @name print.brenier_posterior
#' @export
print.brenier_posterior <- function(x, digits = 4, ...) {
  show <- function(v) format(v, digits = digits)
  potential <- x$layers[[1]]$potential
  what <- c(if (potential$n_components > 0) paste("softmax of", potential$n_components, "quadratics"),
            if (potential$n_atoms > 0) paste(potential$n_atoms, "ridge atoms"))
  cat("Posterior of ", list_of(x$variables), " by a Brenier map\n", sep = "")
  cat("  potential   ", if (length(what)) paste(what, collapse = ", ") else "Gaussian", "\n", sep = "")
  if (length(x$layers) > 1) {
    cat("  layers      ", length(x$layers),
        ", composed: no Brenier map; the potential is that of the first\n", sep = "")
  }
  cat("  elbo        ", show(x$elbo), " (se ", format(x$elbo_se, digits = 2), "); log evidence ",
      show(x$log_evidence), ", ", format(x$kl_gap, digits = 2), " (se ",
      format(x$kl_gap_se, digits = 2), ") above\n", sep = "")
  cat("  khat        ", format(x$khat, digits = 3), "; effective draws ", format(floor(x$is_ess)),
      " of ", x$draws, " fresh ones\n", sep = "")
  cat("  cost        log density at ", x$evaluations$log_density, " points, gradient at ",
      x$evaluations$gradient, ", in ", x$evaluations$batches, " batches; ",
      format(x$seconds, digits = 2), " s\n", sep = "")
  if (x$evaluations$refused > 0) {
    cat("  refused     ", x$evaluations$refused, " points where the log density is not finite, ",
        x$refused_draws, " of the fresh draws\n", sep = "")
  }
  if (x$evaluations$errors > 0) {
    cat("  errors      ", x$evaluations$errors, ", the first: ", x$first_error, "\n", sep = "")
  }
  cat(strwrap(trust_words(x), width = 90, prefix = "  "), sep = "\n")
  invisible(x)
}

trust_words <- function(x) {
  trust <- if (x$khat <= 0.5) {
    "The approximation can be trusted: its draws are good as they are, and better when weighted."
  } else if (x$khat <= 0.7) {
    "The approximation is usable: weigh its draws, see as_draws()."
  } else {
    # where all but a few draws have one weight, it is the shape of those few that khat speaks of
    bulk <- x$is_ess >= 0.99 * x$draws
    paste(if (bulk) "The approximation is good in the bulk and" else "The approximation",
          "can NOT be trusted in the tails: khat is above 0.7. Raise max_points and components of",
          "brenier_vi_control(), or write the model in parameters that depend less on each other.")
  }
  if (!x$status %in% c("ok", "stalled")) {
    return(paste0(trust, " NOT converged: ", status_message(x$status), "."))
  }
  if (x$stationary) return(trust)
  paste(trust, "NOT converged: at the last it did better on its own points than on the validation;",
        "raise max_points.")
}

#' @rdname print.brenier_posterior
#' @export
summary.brenier_posterior <- function(object, ...) {
  y <- with_seed(2, fit_points(8192, object$d))
  x <- target_parameters(object$target, push_draws(object$layers, y)$z)$x
  sd <- apply(x, 2, stats::sd)
  q <- apply(x, 2, stats::quantile, probs = c(0.05, 0.5, 0.95), names = FALSE)
  structure(list(fit = object, parameters = data.frame(
    mean = colMeans(x), sd = sd, q5 = q[1, ], q50 = q[2, ], q95 = q[3, ],
    mcse = sd / sqrt(nrow(x)), row.names = object$variables
  )), class = "summary.brenier_posterior")
}

#' @rdname print.brenier_posterior
#' @export
print.summary.brenier_posterior <- function(x, digits = 3, ...) {
  print(x$fit)
  cat("\n")
  # as many digits as the standard deviation deserves beside a large mean
  more <- ceiling(log10(max(abs(x$parameters$mean) / x$parameters$sd, 1)))
  print(x$parameters, digits = min(digits + more, 15))
  invisible(x)
}

#' @rdname print.brenier_posterior
#' @export
glance.brenier_posterior <- function(x, ...) {
  data.frame(
    elbo = x$elbo, elbo_se = x$elbo_se, kl_gap = x$kl_gap, khat = x$khat, is_ess = x$is_ess,
    evaluations = x$evaluations$log_density, seconds = x$seconds, converged = x$converged
  )
}

#' Pareto shape of the importance weights of a posterior
#'
#' @param x A posterior of [brenier_vi()].
#' @param ... For methods.
#' @return One number, from fresh draws. Below 0.5 the approximation is good, above 0.7 not to be
#'   trusted; `-Inf` where all weights are equal but for rounding, `Inf` where most draws were
#'   refused.
#' @family posteriors
#' @template definitions
#' @examples
#' pareto_khat(brenier_vi(function(x) -sum(x^4), c(a = 1), function(x) -4 * x^3))
#' @export
pareto_khat <- function(x, ...) UseMethod("pareto_khat")

# Newer versions of posterior have a generic of this name, for draws: whichever package came last, the
# posteriors here and the draws there find their methods (see .onLoad()).
#' @export
pareto_khat.default <- function(x, ...) {
  theirs <- khat_of_posterior()
  if (!is.null(theirs) && (is.numeric(x) || inherits(x, c("draws", "rvar")))) {
    # called from here, their generic would find this default again
    return(do.call(theirs, list(x, ...), envir = asNamespace("posterior")))
  }
  brenier_abort("{.arg x} must be a posterior of {.fn brenier_vi}, not {shown(x)}.", "type",
                argument = "x")
}

khat_of_posterior <- function() get0("pareto_khat", asNamespace("posterior"), inherits = FALSE)

#' @rdname pareto_khat
#' @export
pareto_khat.brenier_posterior <- function(x, ...) x$khat
