#' Posterior of a model by a Brenier map
#'
#' Approximates a law known by its log density up to a constant: variational inference. A Gaussian law
#' is fitted first. Then the gradient of a convex potential, ridge functions or a softmax of quadratics or
#' both, takes it nearer to the target. The approximation has exact draws and an exact density, and
#' its quality is measured on fresh draws.
#'
#' @details
#' With T the gradient of the potential, in coordinates in which the Gaussian law is N(0, I), the fit
#' lowers the mean of \eqn{-\log p(T(y)) - \log\det DT(y)}{-log p(T(y)) - log det DT(y)} over fixed
#' quasi-random points y of N(0, I): the divergence KL(approximation, target) up to a constant. Other
#' points validate it. Components and atoms are added, and the points double, as long as that helps on
#' the validation.
#'
#' Bounded parameters are fitted as \eqn{\log(x - lower)}{log(x - lower)},
#' \eqn{-\log(upper - x)}{-log(upper - x)} or the logit of their place between the bounds. The Jacobian is
#' taken care of: `log_density` is the density of x.
#'
#' Points where the log density is not finite, or where `log_density` fails, are counted and the fit
#' backs away from them.
#'
#' @param log_density A function of a point, a numeric vector with the names of `init`, that
#'   returns the log density up to a constant; with `vectorised` of a matrix with a row a point, that
#'   returns a value for each row. -Inf where the density is 0.
#' @param init A point where the log density is finite, strictly between the bounds. Its names are those
#'   of the parameters.
#' @param gradient A function of the same argument: the gradient, a vector; with `vectorised` a matrix
#'   with a row a point. It is [checked][check_gradient] at three points. Without it finite differences
#'   take its place, with a warning: they ask for the log density twice a parameter.
#' @param vectorised Whether the functions take a matrix with a row a point. It is much faster.
#' @param lower,upper Bounds of the parameters: one number, or one a parameter.
#' @param potential `"ridge"` fits ridge atoms, a convex problem where the log density is concave, and
#'   `"softmax"` a softmax of quadratics. `"both"` fits ridge atoms, up to ten parameters a softmax, up to five
#'   also atoms on top of the softmax, and keeps what the validation finds best. A softmax has `components`
#'   (d + 1)(d + 2)/2 coefficients and is slow in many dimensions. `"ridge"` with `max_atoms = 0` is the
#'   Gaussian law.
#' @param control Settings from [brenier_vi_control()], or a list of them.
#' @param seed A seed of the quasi-random points and of the fresh draws. By default they are the same
#'   each time. The state of R's generator is left as it was.
#' @param ... For `log_density` and `gradient`.
#' @return An object of class `brenier_posterior`. Ask it with [simulate.brenier_posterior()],
#'   [predict.brenier_posterior()], [summary.brenier_posterior()], [pareto_khat()]. Its elements:
#'   \describe{
#'     \item{`elbo`, `elbo_se`}{mean over fresh draws of log density less that of the approximation, with its
#'       standard error. For a normalised target it is minus KL(approximation, target)}
#'     \item{`log_evidence`, `kl_gap`, `kl_gap_se`}{importance-sampling estimate of the log of the
#'       normalising constant; what it is above the elbo, which estimates the divergence}
#'     \item{`khat`}{Pareto shape of the tail of the importance weights}
#'     \item{`is_ess`}{effective number of the `draws` fresh draws under these weights}
#'     \item{`evaluations`}{data frame of the points at which the log density and the gradient were asked
#'       for, the calls in which that was, the points refused and the errors among them, in all}
#'     \item{`converged`}{whether khat is below 0.7, no limit ended the fit, and on the validation either it
#'       did as well as on its points or more points gained less than 0.01 nats}
#'     \item{`trace`, `history`}{data frames: the mirror steps, see [brenier_trace]; the stages with
#'       their loss on their points and on those of the validation}
#'     \item{`layers`}{the map}
#'   }
#' @section Errors:
#' `brenier_error_gradient` where the gradient is wrong, `brenier_error_target` where the log density
#' cannot be evaluated at `init` or about it, `brenier_error_argument`.
#' @examples
#' banana <- function(x) -x[, 1]^2 / 2 - 2 * (x[, 2] - x[, 1]^2)^2
#' slope <- function(x) {
#'   r <- 4 * (x[, 2] - x[, 1]^2)
#'   cbind(2 * x[, 1] * r - x[, 1], -r)
#' }
#' post <- brenier_vi(banana, c(a = 0, b = 0), slope, vectorised = TRUE)
#' post
#' simulate(post, nsim = 3, seed = 1)
#' @export
brenier_vi <- function(log_density, init, gradient = NULL, vectorised = FALSE, lower = -Inf,
                       upper = Inf, potential = c("both", "ridge", "softmax"),
                       control = brenier_vi_control(), seed = NULL, ...) {
  began <- proc.time()[["elapsed"]]
  potential <- check_choice(potential, c("both", "ridge", "softmax"), "potential")
  control <- as_vi_control(control)
  target <- check_target(log_density, init, gradient, vectorised, lower, upper, list(...))
  init <- matrix(as.double(init), 1)
  post <- with_seed(seed %||% 1, {
    z <- check_init(target, init)
    if (is.null(gradient)) {
      brenier_warn(c(
        "There is no {.arg gradient}: finite differences ask for {.arg log_density}
         {2 * target$d} times a point.", i = "Give one for speed and accuracy."
      ), "gradient")
    } else {
      near <- rbind(0, matrix(stats::rnorm(2 * target$d, sd = 0.1), 2))
      compare_gradient(target, to_bounded(target$bounds, sweep(near, 2, z, "+"))$x)
    }
    progress <- new_progress()
    fit <- fit_posterior(target, z, potential, control, progress)
    fit$y <- matrix(stats::rnorm(control$validation * target$d), ncol = target$d)
    fit
  })
  new_posterior(target, post, potential, control, began, match.call())
}

check_target <- function(log_density, init, gradient, vectorised, lower, upper, dots) {
  functions <- list(log_density = log_density, gradient = gradient)
  for (name in names(functions)) {
    value <- functions[[name]]
    if (is.function(value) || (name == "gradient" && is.null(value))) next
    brenier_abort("{.arg {name}} must be a function, not {shown(value)}.", "argument",
                  argument = name)
  }
  d <- length(init)
  if (!is.numeric(init) || d == 0 || d > 256 || !all(is.finite(init))) {
    brenier_abort("{.arg init} must be 1 to 256 finite numbers, not {shown(init)}.", "argument",
                  argument = "init")
  }
  bounds <- list(lower = lower, upper = upper)
  for (name in names(bounds)) {
    value <- bounds[[name]]
    if (is.numeric(value) && length(value) %in% c(1, d) && !anyNA(value)) next
    brenier_abort(c(
      "{.arg {name}} must be one number, or one for each of the {d} parameters, not {shown(value)}."
    ), "argument", argument = name)
  }
  lower <- rep_len(as.double(lower), d)
  upper <- rep_len(as.double(upper), d)
  outside <- which(!(init > lower & init < upper))
  names <- names(init) %||% paste0("x", seq_len(d))
  if (length(outside)) {
    k <- outside[1]
    brenier_abort(c(
      "{.arg init} must be strictly between the bounds.",
      x = "{.var {names[k]}} is {format(init[[k]])}, its bounds are {lower[k]} and {upper[k]}."
    ), "argument", argument = "init")
  }
  new_target(log_density, gradient, check_flag(vectorised, "vectorised"),
             new_bounds(lower, upper), names, dots)
}

#' What the functions return at the start, in the words of the user's functions; then z there.
#' @noRd
check_init <- function(target, init) {
  at <- structure(init, dimnames = list(NULL, target$names))
  if (!target$vectorised) at <- at[1, ]
  ask <- function(name, length) {
    value <- tryCatch(target$call(target[[name]], at), error = function(e) {
      brenier_abort("{.arg {name}} fails at {.arg init}.", "target", argument = name, parent = e)
    })
    if (is.numeric(value) && length(value) == length) return(value)
    brenier_abort(c(
      "{.arg {name}} must return {length} number{?s} for a point, not {shown(value)}.",
      i = "With {.code vectorised = TRUE} a point is a row of a matrix."
    ), "target", argument = name)
  }
  value <- ask("log_density", 1L)
  target$count$points <- target$count$points + 1
  if (!is.null(target$gradient)) ask("gradient", target$d)
  if (!is.finite(value)) {
    brenier_abort(c(
      "{.arg log_density} must be finite at {.arg init}, not {format(value)}.",
      i = "Start where the density is positive."
    ), "target", argument = "init")
  }
  if (target$vectorised) check_vectorised(target, at)
  to_unbounded(target$bounds, init)[1, ]
}

#' A function that is not vectorised may pass with one row.
#' @noRd
check_vectorised <- function(target, at) {
  value <- tryCatch(target$call(target$log_density, at[c(1, 1, 1), , drop = FALSE]),
                    error = function(e) NULL)
  if (is.numeric(value) && length(value) == 3) return(invisible())
  brenier_abort(c(
    "{.arg log_density} must return one value for each row, not {shown(value)} for 3 rows.",
    i = "With {.code vectorised = FALSE} it is asked for a point at a time."
  ), "target", argument = "log_density")
}

new_posterior <- function(target, fit, potential, control, began, call) {
  root <- t(fit$place$root)
  layer <- list(
    whitening = list(center = fit$place$center, matrix = solve(root), root = root,
                     logdet = -log(abs(det(root))), covariates = NULL),
    potential = fit$potential, side = "reference"
  )
  draws <- push_draws(layer, fit$y)
  report <- weight_report(target_value(target, draws$z) - draws$log_density)
  count <- target$count
  structure(c(report, list(
    converged = isTRUE(report$khat < 0.7) && fit$stationary && fit$status %in% c("ok", "stalled"),
    stationary = fit$stationary, status = fit$status, layers = list(layer), target = target,
    variables = target$names, d = target$d, family = potential, control = control,
    trace = fit$trace, history = fit$history, gaussian = fit$gaussian,
    evaluations = data.frame(
      log_density = count$points, gradient = count$gradients, batches = count$batches,
      refused = count$refused, errors = count$errors
    ),
    first_error = count$first_error,
    seconds = proc.time()[["elapsed"]] - began, call = call
  )), class = "brenier_posterior")
}
