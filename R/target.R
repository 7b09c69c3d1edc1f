#' Laws known by a log density
#'
#' What [brenier_vi()] and its kin ask for a log density and its gradient: an R function, or a
#' model that another package has built. A target is a recipe. It may be saved with [saveRDS()] and
#' asked again in another R process, where what evaluates it is made anew on first use.
#'
#' @details
#' | target of | call | before, and beware |
#' |---|---|---|
#' | a function | `as_target(f, init, gradient)` | what it finds in the global environment is not saved with it |
#' | \pkg{rstan} | `as_target(fit, data = data)` | without `data` it lives in this session only. `fit` may come from `sampling(model, data, chains = 0)`. Where Debian has \pkg{rstan}, `rstan_options(boost_lib = "/usr/include")` first, or `stan_model()` stops with "Boost not found" |
#' | \pkg{cmdstanr} | `as_target(fit)` | `fit$init_model_methods()` is called: it compiles, with \pkg{Rcpp}, and not for a model from an executable. Elsewhere it needs the file of the data: `fit$save_data_file()` before |
#' | \pkg{bridgestan} | `as_target(model, lib = "m_model.so", data = "m.json")` | without `lib` and `data` it lives in this session only |
#' | BridgeStan, compiled | `as_target("m_model.so", data = "m.json")` | needs no package; BridgeStan 2.0 or later |
#' | \pkg{TMB} | `as_target(obj)` | `obj$fn` is minus the log density; random effects are integrated out, see below. Elsewhere it needs the compiled template where it was |
#' | \pkg{RTMB} | `as_target(obj)` | the same. Elsewhere the data must be in the function, not in the global environment, and \pkg{RTMB} is attached first |
#' | \pkg{glmmTMB} | `as_target(fit)` | the same; the prior is flat |
#'
#' Models of \pkg{rstanarm} and \pkg{brms} hold a fit of \pkg{rstan}: `as_target(fit$stanfit)`, and
#' `as_target(fit$fit, data = standata(fit))` with the function of \pkg{brms}.
#'
#' @section Which density:
#' The log density of a function is that of its parameters, and so are `lp__` and `lp_approx__` of
#' its posterior; of a simplex that of all entries but the last.
#' Models come with unbounded coordinates of their own, and their log density is that of these
#' coordinates, the Jacobian within: `lp__` and `lp_approx__` are then densities of the unbounded
#' coordinates, as `lp__` of Stan is. Either way `lp__ - lp_approx__` is the log importance weight.
#' Draws and summaries are of the parameters as the model declares them, with the names that
#' \pkg{posterior} gives: `theta[1]`, `Sigma[1,2]`. `newdata` of
#' [predict()][predict.brenier_posterior] is too, without transformed parameters if need be.
#'
#' \pkg{rstan} and \pkg{cmdstanr} drop the constants of `~` statements, so that the evidence of such
#' a posterior lacks them; BridgeStan keeps them.
#'
#' @section TMB:
#' The density of a \pkg{TMB} object is proportional to exp(-fn): a likelihood with a flat prior on
#' the parameters as the object has them, often logarithms of scales, unless the template adds a
#' prior. Such a posterior may have no finite integral, for one with a variance that may be 0. For a
#' prior of your own give a function: `as_target(function(p) sum(dnorm(p, 0, 5, log = TRUE)) -
#' obj$fn(p), init = obj$par, gradient = function(p) -p / 25 - drop(obj$gr(p)))`.
#'
#' With random effects `fn` is the Laplace approximation of the marginal likelihood, and the
#' posterior is that of the other parameters. `joint = TRUE` takes the joint density of all
#' parameters, the random effects among them, without the Laplace approximation. The best point that
#' the object remembers is left as it was.
#'
#' @param x What to make a target of.
#' @param init A start: a point where the log density is finite. For a function a numeric vector
#'   with the names of the parameters, or a list of them, of which `list(mu = 0, p = c(.2, .8))` has
#'   the values `mu`, `p[1]` and `p[2]`. For a model the unbounded coordinates, by default those of
#'   its first draw, of its best point, or 0.
#' @param gradient,vectorised,lower,upper,transforms See [brenier_vi()].
#' @param data For \pkg{rstan} the list that the model was fitted to. For BridgeStan a file name
#'   that ends in `.json`, or the JSON itself; the file is read at once.
#' @param transformed Whether draws have the transformed parameters of a Stan model as well.
#'   Generated quantities are left out.
#' @param joint Whether to take the joint density with the random effects.
#' @param lib The compiled model of BridgeStan.
#' @param model_seed Seed of the random numbers in the transformed data of a BridgeStan model.
#' @param ... For `x`, where that is a function; else none.
#' @return An object of class `brenier_target`, a list: among its elements `names`, the parameters,
#'   `coordinates`, the unbounded coordinates, and `init`.
#' @section Errors:
#' `brenier_error_argument`; `brenier_error_target` where a model cannot be asked, or not be made
#' anew.
#' @seealso [brenier_definitions], [brenier_vi()], [check_gradient()]
#' @family posteriors
#' @examples
#' rate <- as_target(function(p) dgamma(p, 3, 2, log = TRUE), init = c(rate = 1),
#'                   gradient = function(p) 2 / p - 2, lower = 0)
#' rate
#' brenier_vi(rate)
#'
#' # an object of TMB or RTMB has these elements; fn is minus the log density
#' obj <- list(par = c(mu = 0), fn = function(p) (p - 1)^2 / 2, gr = function(p) p - 1,
#'             env = new.env())
#' summary(brenier_vi(as_target(obj)))
#' @export
as_target <- function(x, ...) UseMethod("as_target")

#' @rdname as_target
#' @export
as_target.brenier_target <- function(x, init = NULL, ...) {
  check_no_dots(..., known = c("x", "init"))
  if (is.null(init)) return(x)
  if (x$kind == "function") {
    return(do.call(as_target.function, c(list(x$recipe$log_density, init), x$recipe$given,
                                         x$recipe$dots)))
  }
  x$init <- check_coordinates(init, length(x$init))
  x
}

#' @rdname as_target
#' @export
as_target.default <- function(x, ...) {
  if (missing(x)) brenier_abort("{.arg x} is missing.", "argument", argument = "x")
  brenier_abort(c(
    "There is no target of {.cls {class(x)}}.",
    i = "A target is a function, a fit of {.pkg rstan}, {.pkg cmdstanr} or {.pkg glmmTMB}, an object
         of {.pkg TMB} or {.pkg RTMB}, or a model of BridgeStan: see {.help as_target}."
  ), "argument", argument = "x")
}

#' What makes the evaluator of a kind of target from its recipe, which survives saveRDS(): a new
#' kind is a row here. An evaluator is a list of functions of matrices with a row a point,
#'   ask(z, value, gradient, count)  list(value, gradient) of the log density at unbounded coordinates
#'   to(z)                           list(x, logdet): parameters and log |dx/dz|, 0 for densities by z
#'   from(x)                         z, not finite outside
#' @noRd
evaluator_of <- function(kind, recipe) {
  switch(
    kind,
    "function" = function_evaluator(recipe), rstan = rstan_evaluator(recipe),
    cmdstanr = cmdstanr_evaluator(recipe), bridgestan = bridgestan_evaluator(recipe),
    TMB = tmb_evaluator(recipe), glm = glm_evaluator(recipe)
  )
}

#' @param needed Names of the parameters that tell the others, and so z.
#' @param exact Whether there is a gradient, so that no finite differences are needed.
#' @param now An evaluator, where there is one already.
#' @noRd
new_target <- function(kind, recipe, names, coordinates, init, what, needed = names, exact = TRUE,
                       now = NULL) {
  target <- structure(list(
    kind = kind, recipe = recipe, what = what, names = names, needed = needed,
    coordinates = coordinates, d = length(coordinates), init = init, exact = exact,
    live = new.env(parent = emptyenv()), count = new_count()
  ), class = "brenier_target")
  if (!is.null(now)) keep_live(target, now)
  target
}

new_count <- function() {
  count <- new.env(parent = emptyenv())
  count$points <- count$gradients <- count$batches <- count$errors <- count$refused <- 0
  count$differences <- 0
  count$seconds <- count$timed <- 0 # of whole batches of the log density alone, and points
  count$deadline <- Inf
  count
}

#' The time; an interrupt of the class brenier_deadline where it is past the limit.
#' @noRd
heed_deadline <- function(count) {
  now <- proc.time()[["elapsed"]]
  if (now > count$deadline) {
    signalCondition(structure(list(message = "the limit of time was reached", call = NULL),
                              class = c("brenier_deadline", "interrupt", "condition")))
  }
  now
}

#' The evaluator hangs on a weak reference, which files do not keep: pointers to compiled code never
#' come back stale, and fits are not saved with their draws.
#' @noRd
keep_live <- function(target, evaluator) {
  target$live$ref <- rlang::new_weakref(target$live, evaluator)
}

live <- function(target) {
  evaluator <- if (!is.null(target$live$ref)) rlang::wref_value(target$live$ref)
  if (is.null(evaluator)) {
    evaluator <- evaluator_of(target$kind, target$recipe)
    check_anew(target, evaluator)
    keep_live(target, evaluator)
  }
  evaluator
}

#' A target that was made anew must not fail in silence, point by point: its start is asked first.
#' @noRd
check_anew <- function(target, evaluator) {
  count <- new_count()
  value <- evaluator$ask(matrix(target$init, 1), TRUE, FALSE, count)$value
  if (is.finite(value)) return(invisible())
  cannot_ask(c(
    "The target comes from another R session, and its log density is {format(value)} at its start.",
    x = if (!is.null(count$first_error)) "{count$first_error}",
    i = "Load the packages that it uses. Objects of the global environment are not saved with it."
  ))
}

#' Log density at the rows of z, and its gradient by the coordinates w of z + steps w. Where the log
#' density is not finite or not known it is -Inf. Central differences along the columns of `steps`
#' take the place of a gradient that is not there.
#' @noRd
ask_target <- function(target, z, value = TRUE, gradient = FALSE, steps = NULL) {
  count <- target$count
  began <- heed_deadline(count)
  differ <- gradient && !target$exact
  answer <- if (value || !differ) {
    live(target)$ask(z, value, gradient && !differ, target$count)
  }
  if (value) {
    bad <- !is.finite(answer$value)
    target$count$refused <- target$count$refused + sum(bad)
    answer$value[bad] <- -Inf
  }
  if (differ) {
    answer$gradient <- differences(target, z, steps)
  } else if (gradient) {
    answer$gradient <- answer$gradient %*% steps
  }
  if (!gradient) {
    count$seconds <- count$seconds + proc.time()[["elapsed"]] - began
    count$timed <- count$timed + nrow(z)
  }
  answer
}

target_value <- function(target, z) ask_target(target, z)$value

target_slope <- function(target, z, steps) ask_target(target, z, FALSE, TRUE, steps)$gradient

differences <- function(target, z, steps) {
  n <- nrow(z)
  target$count$differences <- target$count$differences + n
  h <- 1e-4
  shifted <- lapply(seq_len(ncol(steps)), function(k) {
    rbind(sweep(z, 2, h * steps[, k], "+"), sweep(z, 2, h * steps[, k], "-"))
  })
  value <- matrix(target_value(target, do.call(rbind, shifted)), n)
  odd <- 2 * seq_len(ncol(steps)) - 1
  (value[, odd, drop = FALSE] - value[, odd + 1, drop = FALSE]) / (2 * h)
}

#' Points at which the gradient was asked for, or taken by differences.
#' @noRd
slopes_asked <- function(target) target$count$gradients + target$count$differences

#' Parameters x at the rows of z, with their names, and the log Jacobian between the densities by x
#' and by z.
#' @noRd
target_parameters <- function(target, z) {
  at <- live(target)$to(z)
  dimnames(at$x) <- list(NULL, target$names)
  at
}

#' z of the rows of x, whose columns are those of target$needed; not finite where x is outside.
#' @noRd
target_coordinates <- function(target, x) live(target)$from(x)

#' The values of `ask` at each row of z, as rows. An error at a point leaves NaN there and is
#' counted.
#' @noRd
each_point <- function(z, ask, columns, count) {
  rows <- lapply(seq_len(nrow(z)), function(i) {
    heed_deadline(count)
    at <- stats::setNames(z[i, ], colnames(z)) # a single column would lose its name
    value <- tryCatch(ask(at), error = function(e) {
      count_error(count, conditionMessage(e))
      NULL
    })
    if (is.numeric(value) && length(value) == columns) as.double(value) else rep(NaN, columns)
  })
  matrix(unlist(rows), nrow(z), columns, byrow = TRUE)
}

count_error <- function(count, message, n = 1) {
  count$errors <- count$errors + n
  if (is.null(count$first_error)) count$first_error <- message
}

count_points <- function(count, n, value, gradient) {
  count$batches <- count$batches + 1
  count$points <- count$points + n * value
  count$gradients <- count$gradients + n * gradient
}

#' The evaluator of a model whose coordinates are its own.
#' @param both Of a point: c(log density, gradient). With `one`, of a point, the log density alone.
#' @param to,from Of a point: the parameters, and the coordinates.
#' @noRd
model_evaluator <- function(d, both, to, from, one = function(z) both(z)[1]) {
  list(
    ask = function(z, value, gradient, count) {
      count_points(count, nrow(z), value, gradient)
      if (!gradient) return(list(value = each_point(z, one, 1L, count)[, 1]))
      answer <- each_point(z, both, d + 1L, count)
      list(value = answer[, 1], gradient = answer[, -1, drop = FALSE])
    },
    to = function(z) list(x = by_rows(z, to), logdet = numeric(nrow(z))),
    from = function(x) {
      by_rows(x, function(x) tryCatch(from(x), error = function(e) rep(NaN, d)), d)
    }
  )
}

#' @noRd
by_rows <- function(z, f, columns = NULL) {
  rows <- lapply(seq_len(nrow(z)), function(i) as.double(f(z[i, ])))
  matrix(unlist(rows), nrow(z), columns %||% length(rows[[1]]), byrow = TRUE)
}

check_coordinates <- function(init, d) {
  if (is.numeric(init) && length(init) == d && all(is.finite(init))) return(as.double(init))
  brenier_abort(c(
    "{.arg init} must be {d} finite number{?s}, not {shown(init)}.",
    i = "It is a point in the unbounded coordinates of the model."
  ), "argument", argument = "init")
}

#' An error of another package at a moment when nothing can be done without it.
#' @noRd
cannot_ask <- function(message, argument = "x", parent = NULL) {
  brenier_abort(message, "target", argument = argument, parent = parent, env = parent.frame())
}

need_package <- function(name, what) {
  if (requireNamespace(name, quietly = TRUE)) return(invisible())
  cannot_ask(c("{what} needs the package {.pkg {name}}, which is not installed."))
}

#' Names of the values of a named list of arrays, in the order of unlist(): mu, theta[1], S[1,2].
#' @noRd
flat_names <- function(values) {
  unlist(Map(function(name, value) {
    dim <- dim(value) %||% if (length(value) != 1) length(value)
    if (is.null(dim)) return(name)
    if (length(value) == 0) return(character())
    index <- arrayInd(seq_along(value), dim)
    paste0(name, "[", apply(index, 1, paste, collapse = ","), "]")
  }, names(values), values), use.names = FALSE)
}

#' @export
print.brenier_target <- function(x, ...) {
  cat("Target: ", x$what, "\n", sep = "")
  if (is.null(x$init)) {
    cat("  without init: its parameters are not known yet\n")
    return(invisible(x))
  }
  cat("  parameters  ", list_of(x$names), "\n", sep = "")
  cat("  density     of ", if (x$kind == "function") "the parameters" else
    paste("the", x$d, "unbounded coordinates"), "; gradient by ",
    if (x$exact) "the target" else "finite differences", "\n", sep = "")
  invisible(x)
}
