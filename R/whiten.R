# Affine coordinates in which a layer is fitted: z = A (x - m - C'g) has mean zero and identity
# covariance, where g are the covariates, if any, in coordinates of mean zero and identity covariance.
# Divisors are the sum of the weights, as for maximum likelihood. With scales, each variable is also
# divided by exp(gamma'g), see R/scale.R.

#' @param given Covariates, a matrix with a row a point, or NULL.
#' @param scales Whether the spread depends on the covariates too.
#' @noRd
whiten <- function(x, weights, name, given = NULL, scales = FALSE) {
  w <- weights / sum(weights)
  check_spread(x, name)
  center <- colSums(x * w)
  centred <- sweep(x, 2, center)
  spread <- sqrt(colSums(centred^2 * w))
  covariates <- standardise(given, w)
  if (!is.null(covariates)) {
    g <- standardised(covariates, given)
    covariates$coef <- crossprod(g, centred * w)
    centred <- centred - g %*% covariates$coef
    check_explained(sqrt(colSums(centred^2 * w)), spread, colnames(x), name)
    if (isTRUE(scales)) {
      model <- fit_scales(centred, g, weights)
      center <- center + model$intercept
      covariates$coef <- covariates$coef + model$coef
      covariates$log_scale <- model$log_scale
      covariates$range <- model$range
      centred <- model$scaled
    }
  }
  scale <- sqrt(colSums(centred^2 * w))
  scaled <- sweep(centred, 2, scale, "/")
  root <- svd(scaled * sqrt(w), nu = 0)
  check_collinear(root, colnames(x), name)
  # inverse of a root of the covariance, then its symmetric polar factor: accurate for variables
  # in very different units, which the covariance itself is not
  inverse <- t(root$v) / root$d
  inverse <- sweep(inverse, 2, scale, "/")
  polar <- svd(inverse)
  list(
    center = center, matrix = polar$v %*% (t(polar$v) * polar$d),
    root = polar$v %*% (t(polar$v) / polar$d), logdet = sum(log(polar$d)), covariates = covariates
  )
}

#' Affine coordinates of covariates in which they have mean zero and identity covariance: as many as
#' they have dimensions. NULL without covariates.
#' @noRd
standardise <- function(given, w) {
  if (is.null(given) || ncol(given) == 0) return(NULL)
  size <- apply(abs(given), 2, max) # taken out first, so that squares neither overflow nor vanish
  size[size == 0] <- 1
  given <- sweep(given, 2, size, "/")
  center <- colSums(given * w)
  centred <- sweep(given, 2, center)
  scale <- sqrt(colSums(centred^2 * w))
  varies <- scale > 1e-10
  if (!any(varies)) return(NULL)
  root <- svd(sweep(centred[, varies, drop = FALSE], 2, scale[varies], "/") * sqrt(w), nu = 0)
  rank <- sum(root$d > 1e-7 * root$d[1])
  matrix <- matrix(0, ncol(given), rank)
  # the polar factor of the inverse root keeps each coordinate near the covariate it came from
  inverse <- t(root$v[, seq_len(rank), drop = FALSE]) / root$d[seq_len(rank)]
  if (rank == sum(varies)) inverse <- root$v %*% inverse
  matrix[varies, ] <- t(sweep(inverse, 2, scale[varies] * size[varies], "/"))
  list(center = center * size, matrix = matrix)
}

standardised <- function(covariates, given) {
  sweep(given, 2, covariates$center) %*% covariates$matrix
}

#' A response that the covariates determine has no law given them.
#' @noRd
check_explained <- function(rest, spread, names, name) {
  exact <- which(rest <= 1e-8 * spread)
  if (length(exact) == 0) return(invisible())
  brenier_abort(c(
    "The covariates explain {.var {names[exact[1]]}} of {.arg {name}} exactly: nothing is left to
     have a law.", i = "Leave it out, or use fewer covariates."
  ), "collinear", argument = name)
}

#' Whitened coordinates of points, followed by those of their covariates.
#' @noRd
to_white <- function(whitening, x, given = NULL) {
  z <- sweep(x, 2, whitening$center)
  covariates <- whitening$covariates
  if (is.null(covariates)) {
    z <- z %*% whitening$matrix
  } else {
    g <- standardised(covariates, given)
    z <- (z - g %*% covariates$coef) / exp(log_scales(covariates, g))
    z <- cbind(z %*% whitening$matrix, g)
  }
  dimnames(z) <- NULL
  z
}

from_white <- function(whitening, z, given = NULL) {
  if (nrow(z) == 0) return(z)
  x <- z %*% whitening$root
  covariates <- whitening$covariates
  if (!is.null(covariates)) {
    g <- standardised(covariates, given)
    x <- x * exp(log_scales(covariates, g)) + g %*% covariates$coef
  }
  sweep(x, 2, whitening$center, "+")
}
