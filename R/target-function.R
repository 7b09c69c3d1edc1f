# Targets of R functions, in the parameters x of the user, behind unbounded coordinates z.

#' @rdname as_target
#' @export
as_target.function <- function(x, init = NULL, gradient = NULL, vectorised = FALSE, lower = -Inf,
                               upper = Inf, transforms = NULL, ...) {
  check_function(gradient, "gradient", null = TRUE)
  check_flag(vectorised, "vectorised")
  recipe <- list(
    log_density = x, gradient = gradient, vectorised = vectorised, dots = list(...),
    given = list(gradient = gradient, vectorised = vectorised, lower = lower, upper = upper,
                 transforms = transforms)
  )
  if (is.null(init)) {
    return(new_target("function", recipe, NULL, NULL, NULL, "an R function",
                      exact = !is.null(gradient)))
  }
  init <- check_init(init)
  p <- length(init)
  recipe$space <- new_space(names(init), check_bound(lower, "lower", p),
                            check_bound(upper, "upper", p), transforms)
  z <- from_parameters(recipe$space, matrix(init, 1))
  check_inside(recipe$space, init, z)
  new_target("function", recipe, recipe$space$names, recipe$space$coordinates, z[1, ],
             "an R function", exact = !is.null(gradient), now = function_evaluator(recipe))
}

check_function <- function(x, name, null = FALSE) {
  if (is.function(x) || (null && is.null(x))) return(invisible())
  brenier_abort("{.arg {name}} must be a function, not {shown(x)}.", "argument", argument = name)
}

#' A vector with names, from a vector or a list of parameters.
#' @noRd
check_init <- function(init) {
  if (is.list(init)) {
    named <- length(init) && !is.null(names(init)) && all(names(init) != "") &&
      all(vapply(init, function(v) is.numeric(v) && length(v) > 0, NA))
    if (!named) {
      brenier_abort("{.arg init} must be a vector, or a list of numeric vectors with names.",
                    "argument", argument = "init")
    }
    names <- flat_names(init)
    init <- stats::setNames(unlist(init, use.names = FALSE), names)
  }
  d <- length(init)
  if (!is.numeric(init) || d == 0 || d > 256 || !all(is.finite(init))) {
    brenier_abort("{.arg init} must be 1 to 256 finite numbers, not {shown(init)}.", "argument",
                  argument = "init")
  }
  stats::setNames(as.double(init), names(init) %||% paste0("x", seq_len(d)))
}

check_bound <- function(value, name, d) {
  if (is.numeric(value) && length(value) %in% c(1, d) && !anyNA(value)) {
    return(rep_len(as.double(value), d))
  }
  brenier_abort(c(
    "{.arg {name}} must be one number, or one for each of the {d} parameters, not {shown(value)}."
  ), "argument", argument = name)
}

check_inside <- function(space, init, z) {
  for (block in space$blocks) {
    if (all(is.finite(z[, block$z]))) next
    name <- space$names[block$x]
    if (block$row %in% c("lower", "upper", "interval")) {
      k <- which(!(init[block$x] > block$lower & init[block$x] < block$upper))[1]
      brenier_abort(c(
        "{.arg init} must be strictly between the bounds.",
        x = "{.var {name[k]}} is {format(init[[block$x[k]]])}, its bounds are {block$lower[k]} and
             {block$upper[k]}."
      ), "argument", argument = "init")
    }
    what <- c(simplex = "positive, with sum 1", ordered = "strictly increasing",
              positive_ordered = "positive and strictly increasing")[[block$row]]
    brenier_abort(c(
      "{.var {parameter_of(name[1])}} of {.arg init} must be {what}.",
      x = "It is {toString(format(init[block$x]))}."
    ), "argument", argument = "init")
  }
}

function_evaluator <- function(recipe) {
  space <- recipe$space
  to <- function(z) to_parameters(space, z)
  list(
    ask = function(z, value, gradient, count) {
      at <- to(z)
      out <- list()
      if (value) {
        count_points(count, nrow(z), TRUE, FALSE)
        out$value <- ask_user(recipe, recipe$log_density, at$x, 1L, count)[, 1] + at$logdet
      }
      if (gradient) {
        count_points(count, nrow(z), FALSE, TRUE)
        slope <- ask_user(recipe, recipe$gradient, at$x, ncol(at$x), count)
        out$gradient <- pull_gradient(space, z, at$x, slope)
      }
      out
    },
    to = to, from = function(x) from_parameters(space, x)
  )
}

call_user <- function(recipe, fun, x) do.call(fun, c(list(x), recipe$dots))

#' Values of the user's function at the rows of x, a matrix of `columns` columns. An error at a point
#' leaves NaN there and is counted.
#' @noRd
ask_user <- function(recipe, fun, x, columns, count) {
  n <- nrow(x)
  dimnames(x) <- list(NULL, recipe$space$names)
  if (recipe$vectorised) {
    value <- tryCatch(call_user(recipe, fun, x), error = function(e) NULL)
    if (is.numeric(value) && length(value) == n * columns) {
      return(matrix(as.double(value), n, columns))
    }
  }
  one <- if (recipe$vectorised) rbind else identity
  each_point(x, function(at) call_user(recipe, fun, one(at)), columns, count)
}

#' What the functions return at the start, in the words of the user's functions.
#' @noRd
check_functions <- function(target) {
  recipe <- target$recipe
  at <- target_parameters(target, matrix(target$init, 1))$x
  if (!recipe$vectorised) at <- at[1, ]
  ask <- function(name, length) {
    value <- tryCatch(call_user(recipe, recipe[[name]], at), error = function(e) {
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
  if (target$exact) ask("gradient", length(target$names))
  if (recipe$vectorised) check_vectorised(recipe, at)
  value
}

#' A function that is not vectorised may pass with one row.
#' @noRd
check_vectorised <- function(recipe, at) {
  value <- tryCatch(call_user(recipe, recipe$log_density, at[c(1, 1, 1), , drop = FALSE]),
                    error = function(e) NULL)
  if (is.numeric(value) && length(value) == 3) return(invisible())
  brenier_abort(c(
    "{.arg log_density} must return one value for each row, not {shown(value)} for 3 rows.",
    i = "With {.code vectorised = FALSE} it is asked for a point at a time."
  ), "target", argument = "log_density")
}
