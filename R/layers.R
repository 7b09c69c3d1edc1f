# A fit is a chain of layers, each an affine change of coordinates and the gradient of a convex
# potential; with one layer it is a Brenier map. Points are rows in the units of the data, reference
# points rows of N(0, I).

#' Potential at whitened points: list(map, logdet, value).
#' @noRd
evaluate <- function(potential, z, map = FALSE, logdet = FALSE, value = FALSE) {
  .Call(C_brenier_evaluate, potential, z, map, logdet, value)
}

#' The reference points of x, and log det of the derivative of the chain there.
#' @noRd
forward <- function(layers, x, given = NULL, logdet = TRUE) {
  total <- numeric(nrow(x))
  for (layer in layers) {
    z <- to_white(layer$whitening, x, given)
    e <- if (identical(layer$side, "reference")) {
      evaluate_inverse(layer, z, logdet)
    } else {
      evaluate(layer$potential, z, map = TRUE, logdet = logdet)
    }
    x <- if (is.null(layer$reference)) e$map else from_white(layer$reference, e$map)
    if (logdet) total <- total + e$logdet + log_slopes(layer$whitening, given, nrow(x))
  }
  list(map = x, logdet = total)
}

#' Points y of the reference to those that the gradient of a layer takes them to: list(map,
#' logdet). It may move some of the coordinates alone, those that are `active`.
#' @noRd
evaluate_layer <- function(layer, y, logdet = TRUE) {
  if (is.null(layer$active)) return(evaluate(layer$potential, y, map = TRUE, logdet = logdet))
  e <- evaluate(layer$potential, y[, layer$active, drop = FALSE], map = TRUE, logdet = logdet)
  y[, layer$active] <- e$map
  e$map <- y
  e
}

#' The same of the inverse of that.
#' @noRd
evaluate_inverse <- function(layer, z, logdet) {
  active <- layer$active %||% seq_len(ncol(z))
  some <- z[, active, drop = FALSE]
  y <- .Call(C_brenier_invert, layer$potential, some, 1e-12, 500L)
  y$x[y$iterations < 0, ] <- NA
  e <- if (logdet) evaluate(layer$potential, y$x, logdet = TRUE)
  z[, active] <- y$x
  list(map = z, logdet = if (logdet) -e$logdet)
}

log_density <- function(layers, x, given = NULL) {
  e <- forward(layers, x, given)
  -rowSums(e$map^2) / 2 - ncol(e$map) / 2 * log(2 * pi) + e$logdet
}

#' The points that the chain takes to the rows of y; NA, with a warning, where the tolerance is not
#' met.
#' @noRd
backward <- function(layers, y, given = NULL, tol = 1e-12) {
  slice <- 1e6 # rows between two chances to interrupt
  if (nrow(y) > slice) {
    at <- split(seq_len(nrow(y)), (seq_len(nrow(y)) - 1) %/% slice)
    return(do.call(rbind, lapply(at, function(i) {
      backward(layers, y[i, , drop = FALSE], given[i, , drop = FALSE], tol)
    })))
  }
  failed <- rep(FALSE, nrow(y))
  for (layer in rev(layers)) {
    if (!is.null(layer$reference)) y <- to_white(layer$reference, y)
    if (identical(layer$side, "reference")) {
      y <- from_white(layer$whitening, evaluate_layer(layer, y, logdet = FALSE)$map, given)
      next
    }
    covariates <- layer$whitening$covariates
    # cbind(y, NULL) would have a column more where there are no rows
    if (!is.null(covariates)) y <- cbind(y, standardised(covariates, given))
    result <- .Call(C_brenier_invert, layer$potential, unname(y), tol, 500L)
    if (result$status != "ok") failed <- failed | result$iterations < 0
    y <- from_white(layer$whitening, result$x, given)
  }
  if (any(failed)) {
    y[failed, ] <- NA
    brenier_warn(c(
      "The inverse of {sum(failed)} row{?s} was not found to the tolerance {format(tol)}.",
      i = "They are NA; raise {.arg tol}."
    ), "not_converged")
  }
  y
}

#' The same for a fit, with the names of its variables.
#' @noRd
invert <- function(fit, y, given = NULL, tol = 1e-12) {
  x <- backward(fit$layers, y, given, tol)
  dimnames(x) <- list(NULL, fit$variables)
  x
}

#' Number of fitted atoms of all layers, and of those that were set for the tails.
#' @noRd
n_atoms <- function(fit) {
  sum(vapply(fit$layers, function(l) l$potential$n_atoms - l$potential$n_tails, 0L))
}
n_components <- function(fit) {
  sum(vapply(fit$layers, function(l) l$potential$n_components, 0L))
}
n_tails <- function(fit) sum(vapply(fit$layers, function(l) l$potential$n_tails, 0L))
