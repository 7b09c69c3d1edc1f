#' Posterior of a model by a Brenier map
#'
#' Approximates a law known by its log density up to a constant: variational inference. A Gaussian
#' law is fitted first. Then the gradient of a convex potential, ridge functions or a softmax of
#' quadratics or both, takes it nearer to the target. The approximation has exact draws and an
#' exact density, and its quality is measured on fresh draws.
#'
#' @details
#' With T the gradient of the potential, in coordinates in which the Gaussian law is N(0, I), space
#' is first turned so that its first coordinates are those along which the target is least
#' Gaussian; the others are left alone. The fit lowers the mean of \eqn{-\log p(T(y)) - \log\det
#' DT(y)}{-log p(T(y)) - log det DT(y)} over fixed quasi-random points y of N(0, I): the divergence
#' KL(approximation, target) up to a constant. Other points validate it. Components and atoms are
#' added, and the points double, as long as that helps on the validation. At the end, in up to 20
#' coordinates, the tails are stretched where importance weights have a heavy one, if that makes
#' their khat smaller and adds less than a fifth to the divergence.
#'
#' Bounded parameters are fitted as \eqn{\log(x - lower)}{log(x - lower)},
#' \eqn{-\log(upper - x)}{-log(upper - x)} or the logit of their place between the bounds. The
#' Jacobian is taken care of: `log_density` is the density of x.
#'
#' Points where the log density is not finite, or where `log_density` fails, are counted and the fit
#' backs away from them.
#'
#' A parameter of several values may have a transform of its own: `"simplex"` (softmax of
#' orthonormal contrasts), `"ordered"` and `"positive_ordered"` (logs of the increments).
#' `"positive"` and `"unit"` are the bounds 0 and Inf, and 0 and 1.
#'
#' @param log_density A function of a point, a numeric vector with the names of `init`, that
#'   returns the log density up to a constant; with `vectorised` of a matrix with a row a point,
#'   that returns a value for each row. -Inf where the density is 0. Or a model, or a target:
#'   whatever [as_target()] takes.
#' @param init A point where the log density is finite, strictly between the bounds. Its names are
#'   those of the parameters. A list of parameters makes one of several values:
#'   `list(mu = 0, p = c(.2, .8))` has the names `mu`, `p[1]` and `p[2]`. Models have a start of
#'   their own; for them it is a point in their unbounded coordinates.
#' @param gradient A function of the same argument: the gradient, a vector; with `vectorised` a
#'   matrix with a row a point. It is [checked][check_gradient] at three points. Without it finite
#'   differences take its place, with a warning: they ask for the log density twice a parameter.
#' @param vectorised Whether the functions take a matrix with a row a point. It is much faster.
#' @param lower,upper Bounds of the parameters: one number, or one a parameter.
#' @param transforms A list or character vector that names transforms by parameters of `init`, such
#'   as `list(p = "simplex", cut = "ordered")`.
#' @param layers Number of maps that are composed. One is a Brenier map; more come nearer to
#'   targets that no such map of few features reaches, each fitted to what those before leave.
#'   Density, draws and inverse stay exact.
#' @param cover `TRUE` then lowers KL(target, approximation) in the place of KL(approximation,
#'   target), by maps fitted to weighted draws. Such a law covers the modes and tails of the target
#'   rather than keep to where it is largest, which makes better weights. What has the most even
#'   weights stays.
#' @param potential `"ridge"` fits ridge atoms, a convex problem where the log density is concave,
#'   and `"softmax"` a softmax of quadratics. `"both"`, the default, fits a softmax where the target is Gaussian
#'   but for at most 14 coordinates, and ridge atoms where it is not; up to five also atoms on top
#'   of the softmax. It keeps what the validation finds best. `"ridge"` with `max_atoms = 0` is the
#'   Gaussian law.
#' @param control Settings from [brenier_vi_control()], or a list of them.
#' @param seed A seed of the quasi-random points and of the fresh draws. By default they are the
#'   same each time. The state of R's generator is left as it was.
#' @param ... For `log_density` and `gradient`, or for [as_target()] of a model.
#' @return An object of class `brenier_posterior`. Ask it with [simulate.brenier_posterior()],
#'   [predict.brenier_posterior()], [summary.brenier_posterior()], [pareto_khat()]. Its elements:
#'   \describe{
#'     \item{`elbo`, `elbo_se`}{mean over fresh draws of log density less that of the
#'       approximation, with its standard error. For a normalised target it is minus
#'       KL(approximation, target)}
#'     \item{`log_evidence`, `kl_gap`, `kl_gap_se`}{importance-sampling estimate of the log of the
#'       normalising constant; what it is above the elbo, which estimates the divergence}
#'     \item{`khat`}{Pareto shape of the tail of the importance weights}
#'     \item{`is_ess`}{effective number of the `draws` fresh draws under these weights: those of the
#'       control, and where their khat is 0.5 or more up to sixteen times as many, for which the
#'       estimate is steadier}
#'     \item{`evaluations`}{data frame of the points at which the log density and the gradient were
#'       asked for, the calls in which that was, the points refused and the errors among them, in
#'       all}
#'     \item{`converged`}{whether khat is below 0.7, no limit ended the fit, and on the validation
#'       either it did as well as on its points or more points gained less than 0.01 nats; the last is
#'       `stationary`}
#'     \item{`status`}{`"ok"`, or why the fit ended before}
#'     \item{`trace`, `history`}{data frames: the mirror steps, see [brenier_trace], with the `stage` and
#'       its `points` in the place of the layer, and without `kl` and `gap`; the stages with their loss on
#'       their points and on those of the validation}
#'     \item{`layers`}{the map; `covering` says whether that of `cover` stayed}
#'     \item{`gaussian`}{the `elbo` of the Gaussian law on the validation, with its `se`}
#'     \item{`draws`, `refused_draws`}{fresh draws, and those of them at which the log density was not
#'       finite}
#'     \item{`target`, `variables`, `d`, `family`, `control`, `seconds`, `call`}{what was asked for: the
#'       target, names and number of its parameters, `potential`}
#'   }
#'   `state` and `first_error` are there for [update()][update.brenier_posterior] and the printout.
#' @section Errors:
#' `brenier_error_gradient` where the gradient is wrong, `brenier_error_target` where the log
#' density cannot be evaluated at `init` or about it, `brenier_error_argument`.
#' @seealso [brenier_definitions], [brenier_glm()], [as_target()], [plot.brenier_posterior()],
#'   [update.brenier_posterior()]
#' @family posteriors
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
brenier_vi <- function(log_density, init = NULL, gradient = NULL, vectorised = FALSE, lower = -Inf,
                       upper = Inf, transforms = NULL, potential = c("both", "ridge", "softmax"),
                       layers = 1, cover = FALSE, control = brenier_vi_control(), seed = NULL, ...) {
  began <- proc.time()[["elapsed"]]
  layers <- check_count(layers, "layers", 1, 20)
  cover <- check_flag(cover, "cover")
  potential <- check_choice(potential, c("both", "ridge", "softmax"), "potential")
  control <- as_vi_control(control)
  given <- as.list(environment())[c(
    if (!missing(gradient)) "gradient", if (!missing(vectorised)) "vectorised",
    if (!missing(lower)) "lower", if (!missing(upper)) "upper",
    if (!missing(transforms)) "transforms"
  )]
  target <- target_of(log_density, init, given, ...)
  target$count <- new_count()
  post <- with_seed(seed %||% 1, {
    check_start(target)
    fit_posterior(target, target$init, potential, layers, cover,
                  with_deadline(target, control, began), new_progress())
  })
  new_posterior(target, post, potential, control, began, match.call())
}

#' A control with the time at which the fit has to end: a fifth of the limit is for the diagnostics.
#' @noRd
with_deadline <- function(target, control, began) {
  control$deadline <- target$count$deadline <- began + 0.8 * control$max_seconds
  control
}

#' The target of a call, of whatever brenier_vi() was given; the arguments that make a function a
#' target are for functions alone.
#' @param given Those arguments.
#' @noRd
target_of <- function(x, init, given, ...) {
  if (is.function(x)) return(do.call(as_target, c(list(x, init), given, list(...))))
  wrong <- names(given)[1]
  if (length(given)) {
    brenier_abort(c(
      "{.arg {wrong}} goes with a function: the target has its own.",
      i = "Call {.fn as_target} on the function with it."
    ), "argument", argument = wrong)
  }
  target <- as_target(x, ...)
  if (is.null(init)) target else as_target(target, init)
}

new_posterior <- function(target, state, potential, control, began, call) {
  layers <- state$cover %||% state_layers(state)
  target$count$deadline <- Inf
  report <- weight_report(fresh_weights(target, layers, state$y, began + control$max_seconds))
  count <- target$count
  status <- if (state$ended == "ok") state$best$status else state$ended
  stationary <- state$best$stationary
  structure(c(report, list(
    converged = isTRUE(report$khat < 0.7) && stationary && status %in% c("ok", "stalled"),
    stationary = stationary, status = status, layers = layers, target = target,
    variables = target$names, d = target$d, family = potential, control = control,
    covering = !is.null(state$cover), state = state[c("place", "inner", "best", "active", "start")],
    trace = state$trace, history = state$history, gaussian = state$gaussian,
    evaluations = data.frame(
      log_density = count$points, gradient = count$gradients, batches = count$batches,
      refused = count$refused, errors = count$errors
    ),
    first_error = count$first_error,
    seconds = proc.time()[["elapsed"]] - began, call = call
  )), class = "brenier_posterior")
}

#' The chain of a posterior: the outermost layer, that of the target, first.
#' @noRd
state_layers <- function(state) {
  place <- state$place
  inner <- c(state$inner, if (!is.null(state$best$layer)) list(state$best$layer))
  whitening <- function(center, root) {
    list(center = center, matrix = solve(root), root = root, logdet = -log(abs(det(root))),
         covariates = NULL)
  }
  chain <- lapply(rev(inner), function(layer) {
    layer <- list(potential = layer$potential, active = layer$active, side = "reference")
    layer[lengths(layer) > 0]
  })
  d <- length(place$center)
  for (k in seq_along(chain)) {
    chain[[k]]$whitening <- if (k == 1) whitening(place$center, t(place$root)) else
      whitening(numeric(d), diag(d))
  }
  chain
}
