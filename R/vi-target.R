# A target as a fit asks for it, and the check of its gradient.

#' The target in coordinates w of z = center + root w, as the core asks for it: a list for a model
#' that it has itself, otherwise a function that returns minus the log density and minus its
#' gradient. Conditions are returned, for the core ends the fit on them. With `active` w are these
#' coordinates alone, the others are those of the matrix of `rest` with as many rows. The log
#' density is divided by `heat`.
#' @noRd
core_target <- function(target, place, active = seq_len(target$d), rest = NULL, heat = 1) {
  if (target$kind == "glm" && is.null(rest) && heat == 1) {
    theta <- target$recipe$theta
    return(list(model = target$recipe$model, center = drop(theta %*% place$center),
                root = theta %*% place$root))
  }
  asked_in(target, place, active, rest, heat)
}

#' The same as a function, whatever the target.
#' @noRd
asked_in <- function(target, place, active = seq_len(target$d), rest = NULL, heat = 1) {
  force(place) # not in the core, which would evaluate it again after an interrupt
  force(rest)
  last <- list(w = NULL, value = NULL) # the core asks for the gradient where it had the value
  function(w, gradient) {
    tryCatch({
      whole <- w
      if (!is.null(rest)) {
        whole <- rest[[match(nrow(w), vapply(rest, nrow, 0L))]]
        whole[, active] <- w
      }
      z <- sweep(whole %*% t(place$root), 2, place$center, "+")
      if (!identical(w, last$w)) last <<- list(w = w, value = target_value(target, z))
      list(-last$value / heat,
           if (gradient) -target_slope(target, z, place$root[, active, drop = FALSE]) / heat)
    }, interrupt = function(c) c, error = function(e) e)
  }
}

#' The target can be asked at its start, and its gradient is right about it.
#' @noRd
check_start <- function(target) {
  if (is.null(target$init)) {
    brenier_abort("{.arg init} is missing: a point where the log density is finite.", "argument",
                  argument = "init")
  }
  if (target$d > 256) {
    brenier_abort("The target has {target$d} coordinates; there may be at most 256.", "argument",
                  argument = "init")
  }
  z <- matrix(target$init, 1)
  began <- proc.time()[["elapsed"]]
  value <- if (target$kind == "function") check_functions(target) else {
    live(target)$ask(z, TRUE, FALSE, target$count)$value
  }
  if (!is.finite(value)) {
    brenier_abort(c(
      "{.arg log_density} must be finite at {.arg init}, not {format(value)}.",
      x = if (!is.null(target$count$first_error)) "{target$count$first_error}",
      i = "Start where the density is positive."
    ), "target", argument = "init")
  }
  if (!target$exact) {
    brenier_warn(c(
      "There is no {.arg gradient}: finite differences ask for {.arg log_density}
       {2 * target$d} times a point.", i = "Give one for speed and accuracy."
    ), "gradient")
  } else if (target$kind == "function") { # that of models is by automatic differentiation
    near <- rbind(0, matrix(stats::rnorm(2 * target$d, sd = 0.1), 2))
    # a slow target is checked at one point: that asks for it four times a parameter
    if (target$d * (proc.time()[["elapsed"]] - began) > 0.5) near <- near[1, , drop = FALSE]
    compare_gradient(target, sweep(near, 2, z, "+"))
  }
  invisible()
}

#' Checks a gradient against finite differences
#'
#' Compares a gradient with central differences of the log density at each of some points,
#' coordinate by coordinate. Two step lengths tell how exact the differences are, so that a coarse
#' difference is not taken for a wrong gradient. [brenier_vi()] does so at the start before any
#' other work.
#'
#' @inheritParams brenier_vi
#' @param log_density A function, or what [as_target()] makes a target of: then `gradient` is that
#'   of the target and must not be given.
#' @param at A point, or a matrix with a row a point: parameters of a function, and for a model its
#'   unbounded coordinates, by default its start.
#' @param tol Largest error of a coordinate, relative to the larger of the two values.
#' @return Invisibly a data frame with a row a point and coordinate: `point`, `coordinate`,
#'   `gradient`, `difference`, and `error`, what is left of their distance when the error of the
#'   differences is taken off, relative to their size. Points where a value is not finite have `NA`.
#'   With bounds or transforms the gradient is that by the unbounded coordinates, the Jacobian
#'   within.
#' @section Errors:
#' `brenier_error_gradient`, which names the coordinate with the largest error.
#' @examples
#' check_gradient(function(x) -sum(x^2) / 2, function(x) -x, at = c(a = 1, b = 2))
#' try(check_gradient(function(x) -sum(x^2) / 2, function(x) x, at = c(a = 1, b = 2)))
#' @export
check_gradient <- function(log_density, gradient = NULL, at = NULL, vectorised = FALSE, lower = -Inf,
                           upper = Inf, transforms = NULL, tol = 1e-4, ...) {
  tol <- check_number(tol, "tol", 0)
  if (is.function(log_density)) {
    check_function(gradient, "gradient")
    if (!is.matrix(at)) at <- rbind(check_init(at))
    target <- as_target(log_density, at[1, ], gradient, vectorised, lower, upper, transforms, ...)
    z <- target_coordinates(target, unname(at))
  } else {
    if (!is.null(gradient)) {
      brenier_abort("{.arg gradient} is that of the target: leave it out.", "argument",
                    argument = "gradient")
    }
    target <- as_target(log_density, ...)
    z <- rbind(at %||% target$init)
    if (ncol(z) != target$d || !is.numeric(z)) check_coordinates(at, target$d)
  }
  invisible(compare_gradient(target, unname(z), tol))
}

compare_gradient <- function(target, z, tol = 1e-4) {
  d <- target$d
  n <- nrow(z)
  ask <- live(target)$ask
  value <- function(z) ask(z, TRUE, FALSE, target$count)$value
  given <- ask(z, FALSE, TRUE, target$count)$gradient
  level <- abs(value(z))
  table <- lapply(seq_len(d), function(k) {
    h <- 1e-4 * pmax(abs(z[, k]), 1e-2)
    difference <- function(h) {
      up <- down <- z
      up[, k] <- z[, k] + h
      down[, k] <- z[, k] - h
      (value(up) - value(down)) / (up[, k] - down[, k])
    }
    coarse <- difference(h)
    fine <- difference(h / 2)
    doubt <- 3 * abs(coarse - fine) + 1e-14 * level / h
    size <- pmax(abs(fine), abs(given[, k]), 1e-6)
    data.frame(point = seq_len(n), coordinate = target$coordinates[k], gradient = given[, k],
               difference = fine, error = pmax(abs(given[, k] - fine) - doubt, 0) / size)
  })
  table <- do.call(rbind, table)
  table$error[!is.finite(table$error)] <- NA
  worst <- which.max(table$error)
  if (length(worst) && table$error[worst] > tol) {
    row <- table[worst, ]
    brenier_abort(c(
      "{.arg gradient} is not the gradient of {.arg log_density} in {.var {row$coordinate}}.",
      x = "It is {format(row$gradient, digits = 6)} where central differences give
           {format(row$difference, digits = 6)}{by_unbounded(target, row$coordinate)}.",
      i = "Correct it, or leave it out: finite differences then take its place."
    ), "gradient", argument = "gradient", coordinate = row$coordinate)
  }
  table
}

by_unbounded <- function(target, coordinate) {
  space <- target$recipe$space
  at <- match(coordinate, space$names)
  row <- Find(function(block) at %in% block$x, space$blocks)$row
  if (!is.null(row) && row != "real") ", by its unbounded coordinate"
}
