# A posterior that goes on from where it ended.

#' Go on with a posterior
#'
#' Continues from the map that is there: with more points, atoms or components, or with further
#' layers. A call of [brenier_vi()] with other arguments starts anew. So does `update()` of a posterior of
#' [brenier_glm()] with another formula, data, family, prior or the like, as [stats::update()] does:
#' `update(post, . ~ . - x)`.
#'
#' @param object A posterior of [brenier_vi()] or [brenier_glm()].
#' @param layers Layers to add; 0 goes on with the last one.
#' @param potential As in [brenier_vi()]; by default the family of the fit.
#' @param control Settings that differ from those of the fit, a list. Twice the `points` that it
#'   ended with are the default, and as many gradients again as it may have asked for.
#' @param seed A seed, as in [brenier_vi()].
#' @param ... For a posterior of [brenier_glm()] a new formula first, or arguments of [brenier_glm()] by
#'   name. Otherwise none.
#' @return A posterior, as of [brenier_vi()]. Its evaluations are those of both fits.
#' @family posteriors
#' @template definitions
#' @section Errors:
#' Those of [brenier_vi()] and [brenier_vi_control()].
#' @examples
#' post <- brenier_vi(function(x) -sum(x^4), c(a = 1), function(x) -4 * x^3)
#' update(post, control = list(points = 2048))$history
#' @export
update.brenier_posterior <- function(object, layers = 0, potential = NULL, control = list(),
                                     seed = NULL, ...) {
  check_no_dots(..., known = c("layers", "potential", "control", "seed"))
  began <- proc.time()[["elapsed"]]
  layers <- check_count(layers, "layers", 0, 20)
  if (object$covering) {
    brenier_abort(c(
      "A posterior with {.code cover = TRUE} cannot go on.", i = "Call {.fn brenier_vi} again."
    ), "argument", argument = "object")
  }
  potential <- check_choice(potential %||% object$family, c("both", "ridge", "softmax"), "potential")
  old <- object$control
  old$points <- min(2 * max(object$history$points), 1e6)
  old$max_points <- max(old$max_points, old$points)
  old$max_gradients <- slopes_asked(object$target) + old$max_gradients
  if (!is.list(control)) {
    brenier_abort("{.arg control} must be a list of settings, not {shown(control)}.", "argument",
                  argument = "control")
  }
  given <- unclass(control)
  old[names(given)] <- given
  if (!is.null(given$points)) old$max_points <- max(old$max_points, old$points)
  old$deadline <- NULL
  control <- as_vi_control(old)
  post <- with_seed(seed %||% 1, {
    state <- c(object$state, list(ended = "ok", n = control$points, trace = object$trace,
                                  history = object$history, gaussian = object$gaussian))
    control <- with_deadline(object$target, control, began)
    state$valid <- fit_points(control$validation, object$d)
    again <- measure(object$target, state, state$best$layer, state$valid)
    state$best[names(again)] <- again
    if (layers > 0) state <- next_layer(state)
    fit_posterior(object$target, NULL, potential, max(layers, 1), FALSE, control, new_progress(),
                  state)
  })
  new_posterior(object$target, post, potential, control, began, match.call())
}

#' @rdname update.brenier_posterior
#' @export
update.brenier_glm <- function(object, ...) {
  changes <- match.call(expand.dots = FALSE)$...
  if (length(changes) && (names(changes) %||% "")[1] == "" && inherits(..1, "formula")) {
    names(changes) <- replace(names(changes) %||% rep("", length(changes)), 1, "formula.")
  }
  model <- setdiff(names(formals(brenier_glm)), c("potential", "control", "seed", "..."))
  if (any(names(changes) %in% c("formula.", model))) {
    call <- as.list(object$call)
    if (!is.null(changes$formula.)) {
      call$formula <- stats::update(formula(object), eval(changes$formula., parent.frame()))
    }
    changes$formula. <- NULL
    call[names(changes)] <- changes
    return(eval(as.call(call), parent.frame()))
  }
  post <- NextMethod()
  own <- setdiff(names(object), names(post))
  post[own] <- object[own]
  post$call <- object$call
  post$converged <- post$converged && !post$improper
  class(post) <- class(object)
  post
}
