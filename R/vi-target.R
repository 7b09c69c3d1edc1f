# What brenier_vi() knows of a target: functions of the user in the user's parameters x, behind a
# function of unbounded coordinates z that counts, survives errors at single points, and asks for
# finite differences where there is no gradient.

#' The elementwise maps from z to x, increasing, and back. `kind` is 0 for an unbounded parameter,
#' 1 for a lower bound, 2 for an upper one, 3 for both.
#' @noRd
new_bounds <- function(lower, upper) {
  list(lower = lower, upper = upper, kind = is.finite(lower) + 2L * is.finite(upper))
}

#' x at the rows of z, log |dx/dz| of each row, dx/dz, and the derivatives of log |dx/dz|.
#' @noRd
to_bounded <- function(bounds, z, slopes = FALSE) {
  x <- z
  n <- nrow(z)
  logdet <- numeric(n)
  slope <- if (slopes) matrix(1, n, ncol(z))
  bend <- if (slopes) matrix(0, n, ncol(z))
  for (k in which(bounds$kind > 0)) {
    sign <- c(1, -1, 1)[bounds$kind[k]]
    if (bounds$kind[k] < 3) {
      away <- exp(sign * z[, k])
      x[, k] <- if (sign > 0) bounds$lower[k] + away else bounds$upper[k] - away
      logdet <- logdet + sign * z[, k]
      if (slopes) {
        slope[, k] <- away
        bend[, k] <- sign
      }
    } else {
      width <- bounds$upper[k] - bounds$lower[k]
      p <- stats::plogis(z[, k])
      x[, k] <- bounds$lower[k] + width * p
      logdet <- logdet + log(width) + stats::plogis(z[, k], log.p = TRUE) +
        stats::plogis(-z[, k], log.p = TRUE)
      if (slopes) {
        slope[, k] <- width * p * stats::plogis(-z[, k])
        bend[, k] <- 1 - 2 * p
      }
    }
  }
  list(x = x, logdet = logdet, slope = slope, bend = bend)
}

#' z of the rows of x; not finite where x is not strictly between the bounds.
#' @noRd
to_unbounded <- function(bounds, x) {
  for (k in which(bounds$kind > 0)) {
    low <- suppressWarnings(log(x[, k] - bounds$lower[k]))
    high <- suppressWarnings(log(bounds$upper[k] - x[, k]))
    x[, k] <- switch(bounds$kind[k], low, -high, low - high)
  }
  x
}

#' Values of the user's function at the rows of x, a matrix of `columns` columns. An error at a point
#' leaves NaN there and is counted.
#' @noRd
ask_user <- function(target, fun, x, columns, what) {
  n <- nrow(x)
  count <- target$count
  count$batches <- count$batches + 1
  count[[what]] <- count[[what]] + n
  dimnames(x) <- list(NULL, target$names)
  one <- function(i, at) {
    value <- tryCatch(target$call(fun, at), error = function(e) {
      count$errors <- count$errors + 1
      if (is.null(count$first_error)) count$first_error <- conditionMessage(e)
      NULL
    })
    if (is.numeric(value) && length(value) == columns) as.double(value) else rep(NaN, columns)
  }
  if (target$vectorised) {
    value <- tryCatch(target$call(fun, x), error = function(e) NULL)
    if (is.numeric(value) && length(value) == n * columns) {
      return(matrix(as.double(value), n, columns))
    }
    rows <- lapply(seq_len(n), function(i) one(i, x[i, , drop = FALSE]))
  } else {
    rows <- lapply(seq_len(n), function(i) one(i, x[i, ]))
  }
  matrix(unlist(rows), n, columns, byrow = TRUE)
}

#' @param vectorised Whether the functions take a matrix with a row a point.
#' @noRd
new_target <- function(log_density, gradient, vectorised, bounds, names, dots = list()) {
  count <- new.env(parent = emptyenv())
  count$points <- count$gradients <- count$batches <- count$errors <- count$refused <- 0
  list(
    log_density = log_density, gradient = gradient, vectorised = vectorised, bounds = bounds,
    names = names, d = length(names), count = count,
    call = function(fun, x) do.call(fun, c(list(x), dots))
  )
}

#' Log density at the rows of z, with the Jacobian of the bounds. Where it is not finite or not known
#' it is -Inf.
#' @noRd
target_value <- function(target, z) {
  at <- to_bounded(target$bounds, z)
  value <- ask_user(target, target$log_density, at$x, 1L, "points")[, 1] + at$logdet
  bad <- !is.finite(value)
  target$count$refused <- target$count$refused + sum(bad)
  value[bad] <- -Inf
  value
}

#' Log density and gradient by z; central differences along the columns of `steps` where the user gave
#' no gradient. The gradient is then by the coordinates w of z + steps w.
#' @noRd
target_slope <- function(target, z, steps) {
  n <- nrow(z)
  d <- target$d
  if (!is.null(target$gradient)) {
    at <- to_bounded(target$bounds, z, slopes = TRUE)
    slope <- ask_user(target, target$gradient, at$x, d, "gradients") * at$slope + at$bend
    return(slope %*% steps)
  }
  h <- 1e-4
  shifted <- lapply(seq_len(d), function(k) {
    rbind(sweep(z, 2, h * steps[, k], "+"), sweep(z, 2, h * steps[, k], "-"))
  })
  value <- matrix(target_value(target, do.call(rbind, shifted)), n)
  up <- value[, 2 * seq_len(d) - 1, drop = FALSE]
  (up - value[, 2 * seq_len(d), drop = FALSE]) / (2 * h)
}

#' The target in coordinates w of z = center + root w, as the core asks for it: minus the log density
#' and minus its gradient. Conditions are returned, for the core ends the fit on them.
#' @noRd
core_target <- function(target, center, root) {
  function(w, gradient) {
    tryCatch({
      z <- sweep(w %*% t(root), 2, center, "+")
      list(-target_value(target, z), if (gradient) -target_slope(target, z, root))
    }, interrupt = function(c) c, error = function(e) e)
  }
}

#' Checks a gradient against finite differences
#'
#' Compares a gradient with central differences of the log density at each of some points, coordinate
#' by coordinate. Two step lengths tell how exact the differences are, so that a coarse difference is
#' not taken for a wrong gradient. [brenier_vi()] does so at the start before any other work.
#'
#' @inheritParams brenier_vi
#' @param at A point, or a matrix with a row a point.
#' @param tol Largest error of a coordinate, relative to the larger of the two values.
#' @return Invisibly a data frame with a row a point and coordinate: `point`, `coordinate`,
#'   `gradient`, `difference`, and `error`, what is left of their distance when the error of the
#'   differences is taken off, relative to their size. Points where a value is not finite have `NA`.
#' @section Errors:
#' `brenier_error_gradient`, which names the coordinate with the largest error.
#' @examples
#' check_gradient(function(x) -sum(x^2) / 2, function(x) -x, at = c(a = 1, b = 2))
#' try(check_gradient(function(x) -sum(x^2) / 2, function(x) x, at = c(a = 1, b = 2)))
#' @export
check_gradient <- function(log_density, gradient, at, vectorised = FALSE, lower = -Inf,
                           upper = Inf, tol = 1e-4, ...) {
  at <- if (is.matrix(at)) at else matrix(at, 1, dimnames = list(NULL, names(at)))
  names <- colnames(at) %||% paste0("x", seq_len(ncol(at)))
  bounds <- new_bounds(rep_len(lower, ncol(at)), rep_len(upper, ncol(at)))
  target <- new_target(log_density, gradient, check_flag(vectorised, "vectorised"), bounds, names,
                       list(...))
  invisible(compare_gradient(target, unname(at), check_number(tol, "tol", 0)))
}

compare_gradient <- function(target, x, tol = 1e-4) {
  d <- target$d
  n <- nrow(x)
  value <- function(x) ask_user(target, target$log_density, x, 1L, "points")[, 1]
  given <- ask_user(target, target$gradient, x, d, "gradients")
  level <- abs(value(x))
  table <- lapply(seq_len(d), function(k) {
    room <- pmin(x[, k] - target$bounds$lower[k], target$bounds$upper[k] - x[, k]) / 10
    h <- pmin(1e-4 * pmax(abs(x[, k]), 1e-2), room)
    difference <- function(h) {
      up <- down <- x
      up[, k] <- x[, k] + h
      down[, k] <- x[, k] - h
      (value(up) - value(down)) / (up[, k] - down[, k])
    }
    coarse <- difference(h)
    fine <- difference(h / 2)
    doubt <- 3 * abs(coarse - fine) + 1e-14 * level / h
    size <- pmax(abs(fine), abs(given[, k]), 1e-6)
    data.frame(point = seq_len(n), coordinate = target$names[k], gradient = given[, k],
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
           {format(row$difference, digits = 6)}.",
      i = "Correct it, or leave it out: finite differences then take its place."
    ), "gradient", argument = "gradient", coordinate = row$coordinate)
  }
  table
}
