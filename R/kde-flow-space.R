# Where the particles of a kernel flow move: the whitened space of the data, or a product of spheres,
# with columns that stay where they are. A space is a list of functions,
#   to(x)            coordinates of the flow of points in the user's
#   from(z)          and back
#   tangent(z, v)    the part of velocities that moves along the space
#   move(z, v)       points after the moves v, tangent
# and what the rest asks of it: `moving`, the columns that move; `blocks`, sizes of the spheres.

#' Coordinates in which the data have mean zero and identity covariance, followed by those of the
#' covariates, which are frozen.
#' @noRd
whitened_space <- function(whitening, d, covariates = 0L) {
  moving <- seq_len(d)
  list(
    moving = moving, blocks = integer(), logdet = whitening$logdet, whitening = whitening,
    to = function(x, given = NULL) to_white(whitening, x, given),
    from = function(z, given = NULL) from_white(whitening, z[, moving, drop = FALSE], given),
    tangent = function(z, v) {
      if (covariates > 0) v[, -moving] <- 0
      v
    },
    move = function(z, v) z + v
  )
}

#' The coordinates of the user.
#' @noRd
plain_space <- function(d) {
  list(
    moving = seq_len(d), blocks = integer(), logdet = 0, to = function(x, given = NULL) unname(x),
    from = function(z, given = NULL) z, tangent = function(z, v) v, move = function(z, v) z + v
  )
}

#' A product of unit spheres: the first `blocks[1]` columns are a point of one, and so on. With
#' `torus` the
#' user has angles, and each is a point of a circle.
#' @noRd
sphere_space <- function(blocks, torus = FALSE) {
  ends <- cumsum(blocks)
  columns <- Map(function(size, end) seq(end - size + 1, end), blocks, ends)
  unit <- function(z) {
    for (k in columns) z[, k] <- z[, k] / sqrt(rowSums(z[, k, drop = FALSE]^2))
    z
  }
  list(
    moving = seq_len(sum(blocks)), blocks = blocks, logdet = 0, torus = torus,
    to = function(x, given = NULL) {
      x <- unname(x)
      if (!torus) return(unit(x))
      z <- matrix(0, nrow(x), 2 * ncol(x))
      z[, 2 * seq_len(ncol(x)) - 1] <- cos(x)
      z[, 2 * seq_len(ncol(x))] <- sin(x)
      z
    },
    from = function(z, given = NULL) {
      if (!torus) return(z)
      at <- 2 * seq_len(ncol(z) / 2)
      atan2(z[, at, drop = FALSE], z[, at - 1, drop = FALSE])
    },
    tangent = function(z, v) {
      for (k in columns) {
        v[, k] <- v[, k] - z[, k] * rowSums(z[, k, drop = FALSE] * v[, k, drop = FALSE])
      }
      v
    },
    # the exponential map; the last normalisation takes rounding off
    move = function(z, v) {
      for (k in columns) {
        length <- sqrt(rowSums(v[, k, drop = FALSE]^2))
        ratio <- ifelse(length < 1e-4, 1 - length^2 / 6, sin(length) / length)
        z[, k] <- cos(length) * z[, k] + ratio * v[, k]
      }
      unit(z)
    }
  )
}

#' Blocks of `sphere`: TRUE is one sphere, numbers are the columns of each.
#' @noRd
check_sphere <- function(sphere, torus, x, name = "sphere") {
  if (check_flag(torus, "torus")) {
    if (!isFALSE(sphere)) {
      brenier_abort("Give {.arg sphere} or {.arg torus}, not both.", "argument", argument = "torus")
    }
    return(rep(2L, ncol(x)))
  }
  if (isFALSE(sphere)) return(integer())
  d <- ncol(x)
  blocks <- if (isTRUE(sphere)) d else sphere
  if (!is.numeric(blocks) || anyNA(blocks) || any(blocks < 2) || sum(blocks) != d ||
      any(blocks != round(blocks))) {
    brenier_abort(c(
      "{.arg sphere} must be TRUE, or numbers of columns, 2 or more each, with sum {d}, not
       {shown(sphere)}.",
      i = "A point on a sphere has a column a coordinate; for angles there is {.arg torus}."
    ), "argument", argument = "sphere")
  }
  lengths <- sqrt(t(rowsum(t(x^2), rep(seq_along(blocks), blocks))))
  wrong <- which(abs(lengths - 1) > 1e-6, arr.ind = TRUE)
  if (nrow(wrong)) {
    brenier_abort(c(
      "With {.arg sphere} each point must have length 1.",
      x = "Row {wrong[1, 1]} has length {format(lengths[wrong[1, , drop = FALSE]], digits = 4)}.",
      i = "Divide it by its length, or use {.arg torus} for angles."
    ), "argument", argument = name)
  }
  as.integer(blocks)
}
