# Scales of a conditional law that depend on its covariates: before the map each variable is divided by
# exp(gamma'g), g the covariates in coordinates of mean zero and identity covariance. Beyond the data
# the scale stays as it is at their edge.

# Weight of |gamma|^2/2: one standard deviation of a covariate seldom changes a scale by more than e.
scale_penalty <- 4

#' Location and log scale of each column of residuals r under N(a + c'g, exp(2 (s + gamma'g))): weighted
#' least squares and Fisher scoring in turn. Squared residuals are those of restricted maximum
#' likelihood, for where the location is flexible they are too small: their sum is that of one less
#' the leverage (Smyth 2002) <doi:10.1198/106186002871>.
#' @return `intercept`, `coef`, `log_scale` (a column a variable), `range` of gamma'g by variable, and
#'   the residuals divided by exp(gamma'g).
#' @noRd
fit_scales <- function(r, g, weights) {
  each <- lapply(seq_len(ncol(r)), function(k) fit_scale(r[, k], g, weights))
  column <- function(name) vapply(each, function(e) e[[name]], each[[1]][[name]])
  matrix_of <- function(name) matrix(column(name), ncol = ncol(r))
  list(intercept = column("intercept"), coef = matrix_of("coef"), log_scale = matrix_of("log_scale"),
       range = matrix_of("range"), scaled = matrix_of("scaled"))
}

fit_scale <- function(r, g, weights) {
  X <- cbind(1, g)
  penalty <- diag(c(0, rep(scale_penalty, ncol(g))), ncol(X))
  scale <- c(log(sum(weights * r^2) / sum(weights)) / 2, numeric(ncol(g)))
  for (pass in 1:100) {
    precision <- weights * exp(-2 * drop(X %*% scale))
    root <- qr(X * sqrt(precision))
    location <- qr.coef(root, r * sqrt(precision))
    location[is.na(location)] <- 0
    rest <- r - drop(X %*% location)
    free <- weights - rowSums(qr.qy(root, diag(1, nrow(X), root$rank))^2)
    slope <- crossprod(X, rest^2 * precision - free) - penalty %*% scale
    step <- drop(solve(2 * crossprod(X * sqrt(free)) + penalty + diag(1e-8, ncol(X)), slope))
    change <- max(abs(X %*% step))
    scale <- scale + step * min(1, 1 / change) # no scale by more than a factor e at once
    if (change < 1e-8) break
  }
  s <- drop(g %*% scale[-1])
  list(intercept = location[1], coef = location[-1], log_scale = scale[-1], range = range(s),
       scaled = rest * exp(-s))
}

#' gamma'g of each variable at covariates in standard coordinates; 0 where the scale is constant.
#' @noRd
log_scales <- function(covariates, g) {
  if (is.null(covariates$log_scale)) return(0)
  s <- g %*% covariates$log_scale
  for (k in seq_len(ncol(s))) {
    s[, k] <- pmin(pmax(s[, k], covariates$range[1, k]), covariates$range[2, k])
  }
  s
}

#' Log determinant of the derivative of the coordinates at each of n points.
#' @noRd
log_slopes <- function(whitening, given, n) {
  covariates <- whitening$covariates
  if (is.null(covariates$log_scale)) return(rep(whitening$logdet, n))
  whitening$logdet - rowSums(log_scales(covariates, standardised(covariates, given)))
}

#' Whether scales that depend on the covariates raise the held-out likelihood of the normal law by
#' more than its standard error.
#' @noRd
scales_help <- function(folds, shared) {
  if (is.null(shared$given) || !is.null(shared$pairing)) return(FALSE)
  gain <- rep(NA_real_, length(shared$weights))
  for (fold in folds) {
    density <- lapply(c(FALSE, TRUE), function(scales) {
      shared$scales <- scales
      sample <- fold_sample(fold, shared)
      if (is.null(sample)) return(NULL)
      -sample$offset - rowSums(sample$valid[, seq_len(ncol(fold$points)), drop = FALSE]^2) / 2
    })
    if (!is.null(density[[1]])) gain[fold$out] <- density[[2]] - density[[1]]
  }
  held <- is.finite(gain)
  if (!any(held)) return(FALSE)
  gain <- weighted_mean(gain[held], shared$weights[held])
  gain$mean > gain$se
}
