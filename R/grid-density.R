#' Densities on a grid
#'
#' A density on a box in one, two or three dimensions, as the mean over each cell of a regular
#' grid: what
#' [monge_ampere()] and [sinkhorn_flow()] work on. They call it themselves for what is given to them.
#'
#' @param x A density: a numeric vector, matrix or array of one, two or three dimensions with a
#'   value a
#'   cell, the rows of a matrix along the first coordinate, as for [graphics::image()]; a function
#'   of a matrix with a point a row, which is called with some of the points at a time; a fit of [brenier()] to one to three variables; a list with `x`,
#'   `y` and
#'   a matrix `z`, as kernel density estimators return, or with `x` and `y` as [stats::density()]
#'   does.
#'   Values are at least 0 and need not sum to anything: they are scaled to mass 1.
#' @param lower,upper The corners of the box, one number for each dimension or one for all. By
#'   default the
#'   unit cube; for a fit the box of its data, wider by a tenth on each side; for a list the box of
#'   its
#'   points, half a step wider.
#' @param n Number of cells along each axis, for functions and fits: by default 1024 in one
#'   dimension, 256
#'   in two, 48 in three. At least 4.
#' @param ... None.
#' @return A list of class `grid_density` with `density`, an array of mean values over the cells,
#'   which sum
#'   to 1 with the volume of a cell; `lower`, `upper`; `centers`, a list with the coordinates of
#'   the cells
#'   along each axis; `mass`, the integral of what was given.
#' @section Errors:
#' `brenier_error_argument`, which names the argument: values that are missing, infinite, negative or
#' all zero, another number of dimensions, fewer than 4 cells on an axis, a box without volume.
#' @seealso [monge_ampere()]
#' @family transport between densities
#' @template definitions
#' @examples
#' grid_density(volcano, upper = c(870, 610))
#' grid_density(function(x) exp(-rowSums(x^2)), lower = c(-2, -2), upper = c(2, 2), n = 64)
#' @export
grid_density <- function(x, lower = NULL, upper = NULL, n = NULL, ...) {
  check_no_dots(..., known = names(formals(grid_density)))
  new_grid_density(x, lower, upper, n, "x")
}

new_grid_density <- function(x, lower, upper, n, name) {
  if (inherits(x, "grid_density")) return(x)
  if (inherits(x, "brenier")) return(density_of_fit(x, lower, upper, n, name))
  if (is.function(x)) return(density_of_function(x, lower, upper, n, name))
  if (is.list(x) && all(c("x", "y") %in% names(x))) {
    at <- if (is.null(x$z)) list(x$x) else list(x$x, x$y)
    values <- x$z %||% x$y
    check_list_shape(values, lengths(at), name)
    return(density_of_values(values, points_box(at, name), name))
  }
  if (!is.numeric(x)) {
    brenier_abort(c(
      "{.arg {name}} must be a density on a grid, not {shown(x)}.",
      i = "Give values as a vector, matrix or array, a function of points, or a fit."
    ), "argument", argument = name)
  }
  d <- if (is.null(dim(x))) 1L else length(dim(x))
  density_of_values(x, check_box(lower %||% 0, upper %||% 1, d), name)
}

check_list_shape <- function(values, n, name) {
  if (identical(as.integer(dim(values) %||% length(values)), n)) return(invisible())
  brenier_abort(
    "{.arg {name}} must have {paste(n, collapse = ' x ')} values for its points, not {shown(values)}.",
    "argument", argument = name
  )
}

#' The values, with their shape, on a box.
#' @noRd
density_of_values <- function(x, box, name) {
  refuse <- function(what, remedy = NULL) {
    brenier_abort(c("{.arg {name}} must be a density on a grid; {what}.", i = remedy), "argument",
                  argument = name)
  }
  n <- if (is.null(dim(x))) length(x) else dim(x)
  if (length(n) > 3) refuse(paste("it has", length(n), "dimensions, at most 3 can be"))
  if (any(n < 4)) {
    refuse(paste0("it is ", paste(n, collapse = " x "), ", each axis needs 4 cells or more"))
  }
  if (prod(as.double(n)) > 2^30) refuse("it has more than 2^30 cells")
  # large arrays are not copied for what is looked at only
  storage.mode(x) <- "double"
  if (anyNA(x) || max(abs(range(x))) == Inf) refuse("it has values that are missing or infinite")
  if (min(x) < 0) {
    refuse(paste("its least value is", format(min(x))), "Densities are not negative.")
  }
  largest <- max(x)
  if (largest == 0) refuse("all its values are 0")
  volume <- prod((box$upper - box$lower) / n)
  sum <- sum(x / largest) # no overflow, whatever the unit
  density <- x / largest / (sum * volume)
  attributes(density) <- list(dim = n)
  structure(list(
    density = density, lower = box$lower, upper = box$upper,
    centers = axis_centers(box, n), mass = sum * largest * volume
  ), class = "grid_density")
}

axis_centers <- function(box, n) {
  lapply(seq_along(n), function(k) {
    box$lower[k] + (seq_len(n[k]) - 0.5) * (box$upper[k] - box$lower[k]) / n[k]
  })
}

check_box <- function(lower, upper, d) {
  bounds <- list(lower = lower, upper = upper)
  for (name in names(bounds)) {
    value <- bounds[[name]]
    if (is.numeric(value) && length(value) %in% c(1, d) && all(is.finite(value))) next
    brenier_abort(
      "{.arg {name}} must be one finite number, or one for each of the {d} dimensions, not
       {shown(value)}.", "argument", argument = name
    )
  }
  lower <- rep_len(as.double(lower), d)
  upper <- rep_len(as.double(upper), d)
  if (any(upper <= lower) || !all(is.finite(upper - lower))) {
    brenier_abort("{.arg upper} must be above {.arg lower} on every axis.", "argument",
                  argument = "upper")
  }
  list(lower = lower, upper = upper)
}

#' The box of the cells around points that are evenly spaced on each axis.
#' @noRd
points_box <- function(at, name) {
  for (x in at) {
    step <- diff(x)
    if (is.numeric(x) && length(x) >= 4 && all(is.finite(x)) && all(step > 0) &&
          diff(range(step)) < 1e-6 * mean(step)) next
    brenier_abort("{.arg {name}} must have evenly spaced increasing points on each axis, 4 or more.",
                  "argument", argument = name)
  }
  half <- vapply(at, function(x) (x[length(x)] - x[1]) / (length(x) - 1) / 2, 0)
  list(lower = vapply(at, min, 0) - half, upper = vapply(at, max, 0) + half)
}

check_cells <- function(n, d) {
  n <- n %||% c(1024, 256, 48)[d]
  if (is.numeric(n) && length(n) %in% c(1, d) && all(is.finite(n)) && all(n >= 4 & n == round(n))) {
    return(rep_len(as.integer(n), d))
  }
  brenier_abort("{.arg n} must be one whole number from 4 on, or {d} of them, not {shown(n)}.",
                "argument", argument = "n")
}

density_of_function <- function(f, lower, upper, n, name) {
  d <- max(length(lower), length(upper), length(n), 1)
  if (d > 3) {
    brenier_abort("{.arg lower} and {.arg upper} must be of 1 to 3 dimensions, not {d}.",
                  "argument", argument = "lower")
  }
  box <- check_box(lower %||% 0, upper %||% 1, d)
  n <- check_cells(n, d)
  density_of_values(array(values_at_cells(f, axis_centers(box, n), n, name), n), box, name)
}

#' The function at all cells, some rows of them at a time: their coordinates would take more memory than
#' the values.
#' @noRd
values_at_cells <- function(f, centers, n, name) {
  rows <- prod(n[-1])
  together <- max(1, 2^16 %/% n[1])
  values <- numeric(prod(n))
  across <- cumprod(c(1, n[-1]))
  for (start in seq(1, rows, together)) {
    row <- start:min(rows, start + together - 1)
    points <- matrix(0, length(row) * n[1], length(n))
    points[, 1] <- centers[[1]]
    for (k in seq_along(n)[-1]) {
      index <- (row - 1) %/% across[k - 1] %% n[k] + 1
      points[, k] <- rep(centers[[k]][index], each = n[1])
    }
    some <- f(points)
    if (!is.numeric(some) || length(some) != nrow(points)) {
      brenier_abort(c(
        "{.arg {name}} must be a function of a matrix with a point a row.",
        x = "It was given {nrow(points)} rows and returned {shown(some)}."
      ), "argument", argument = name)
    }
    values[(row[1] - 1) * n[1] + seq_along(some)] <- some
  }
  values
}

density_of_fit <- function(fit, lower, upper, n, name) {
  if (fit$d > 3 || !is.null(fit$design)) {
    brenier_abort(c(
      "{.arg {name}} must be a fit to one to three variables without covariates.",
      i = "Give a function that calls {.fn predict} for a law given covariates."
    ), "argument", argument = name)
  }
  range <- apply(fit$x, 2, range)
  wide <- (range[2, ] - range[1, ]) / 10
  density_of_function(
    function(x) {
      colnames(x) <- fit$variables
      stats::predict(fit, x, type = "density")
    }, lower %||% unname(range[1, ] - wide), upper %||% unname(range[2, ] + wide), n, name
  )
}

grid_of <- function(mu, periodic = FALSE, shift = 0, scale = 1) {
  list(n = dim(mu$density) %||% length(mu$density), lower = (mu$lower - shift) / scale,
       upper = (mu$upper - shift) / scale, periodic = periodic)
}

grid_words <- function(mu) {
  paste0(paste(dim(mu$density), collapse = " x "), " cells on ",
         paste0("[", vapply(mu$lower, format, "", digits = 4), ", ",
                vapply(mu$upper, format, "", digits = 4), "]", collapse = " x "))
}

#' @export
print.grid_density <- function(x, ...) {
  cat("Density on ", grid_words(x), "\n", sep = "")
  zero <- mean(x$density == 0)
  cat("  mass given ", format(x$mass, digits = 6), "; largest value ",
      format(max(x$density), digits = 4), " once scaled to 1",
      if (zero > 0) paste0("; 0 in ", format(100 * zero, digits = 3), "% of the cells"), "\n", sep = "")
  invisible(x)
}
