# Fits by learners of two samples: the data and points of the reference, which are quasi-random points
# of N(0, I) or what the user gave. The potential lives on the side of the one or of the other.

#' How the steps of a fit learn: NULL for the likelihood.
#' @noRd
check_pairing <- function(learner, orientation, reference, layers, covariates, d, potential) {
  learners <- c("likelihood", "semidual", "logistic", "score")
  learner <- if (is.null(learner)) NULL else check_choice(learner, learners, "learner")
  orientation <- if (is.null(orientation)) NULL else
    check_choice(orientation, c("data", "reference"), "orientation")
  learner <- learner %||% if (is.null(reference) && !identical(orientation, "reference"))
    "likelihood" else "semidual"
  orientation <- orientation %||% if (learner == "score") "reference" else "data"
  if (learner == "likelihood" && (orientation == "reference" || !is.null(reference))) {
    brenier_abort(c(
      "{.code learner = \"likelihood\"} needs the density of the reference, on the side of the data.",
      i = "Use {.code learner = \"semidual\"}, or leave out {.arg reference} and {.arg orientation}."
    ), "argument", argument = "learner")
  }
  if (learner == "likelihood") return(NULL)
  if (learner == "score" && (orientation == "data" || !is.null(reference))) {
    brenier_abort(c(
      "{.code learner = \"score\"} needs the score of the reference N(0, I), on its side.",
      i = "Use {.code orientation = \"reference\"} and no {.arg reference}, or another learner."
    ), "argument", argument = "learner")
  }
  if (!is.null(covariates) || !identical(as.double(layers), 1) || potential != "ridge") {
    brenier_abort(c(
      "{.code learner = \"{learner}\"} serves one layer of ridge atoms without covariates.",
      i = "Use {.code learner = \"likelihood\"}."
    ), "argument", argument = "learner")
  }
  list(learner = learner, side = orientation, reference = check_reference(reference, d))
}

check_reference <- function(reference, d) {
  if (is.null(reference)) return(NULL)
  y <- as_points(reference, "reference")
  check_columns(y, d, "reference")
  check_rows(y, "reference")
  y
}

# Points of N(0, I) that stand for it: as many as the data, within these bounds.
least_reference <- 1000
most_reference <- 5000

#' Samples of the reference in the coordinates of a layer: x to fit with, held to validate with.
#' @noRd
other_points <- function(pairing, whitening, d, n, out) {
  if (is.null(pairing$reference)) {
    m <- min(max(least_reference, n), most_reference)
    all <- reference_points(2 * m, d)
    x <- reference_points(m, d)
    return(list(x = x, held = all[m + seq_len(m), , drop = FALSE]))
  }
  y <- to_white(whitening, pairing$reference)
  list(x = y[!out, , drop = FALSE], held = y[out, , drop = FALSE])
}

#' What the core is to fit: samples on the side of the potential, and on the other.
#' @noRd
arrange_pair <- function(sample, other, side) {
  even <- function(x) rep(1 / max(nrow(x), 1), nrow(x))
  share <- function(w) w / max(sum(w), 1e-300)
  if (side == "data") {
    sample$other <- list(x = other$x, weights = even(other$x), held = other$held,
                         held_weights = even(other$held))
    return(sample)
  }
  sample$other <- list(x = sample$train, weights = share(sample$train_weights), held = sample$valid,
                       held_weights = share(sample$valid_weights))
  sample$train <- other$x
  sample$train_weights <- rep(1, nrow(other$x))
  sample$valid <- other$held
  sample$valid_weights <- rep(1, nrow(other$held))
  sample
}

#' Coordinates of two samples in which both have the same covariance, of mean eigenvalue 1, and in
#' which a map is the gradient of a convex function exactly if it is in the units of the data.
#'
#' With the optimal map y = B (x - m) + m' of the normal laws, z = B^(1/2) (x - m)/sqrt(c) and
#' w = B^(-1/2) (y - m')/sqrt(c).
#' @noRd
whiten_pair <- function(x, weights, y) {
  one <- whiten(x, weights, "x")
  two <- whiten(y, rep(1, nrow(y)), "reference")
  middle <- symmetric_power(one$root %*% (two$root %*% two$root) %*% one$root, 0.5)
  B <- one$matrix %*% middle %*% one$matrix
  half <- symmetric_power(B, 0.5)
  back <- symmetric_power(B, -0.5)
  scale <- sqrt(mean(diag(half %*% one$root %*% one$root %*% half)))
  affine <- function(center, matrix, root) {
    list(center = center, matrix = matrix / scale, root = root * scale,
         logdet = as.numeric(determinant(matrix / scale)$modulus), covariates = NULL)
  }
  list(data = affine(one$center, half, back), reference = affine(two$center, back, half))
}

symmetric_power <- function(A, power) {
  e <- eigen((A + t(A)) / 2, symmetric = TRUE)
  e$vectors %*% (t(e$vectors) * e$values^power)
}
