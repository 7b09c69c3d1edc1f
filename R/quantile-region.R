#' Quantile regions
#'
#' The center-outward quantile region of probability `level`: the image, under the inverse of the map,
#' of the ball that the reference N(0, I) gives that probability. It holds probability `level` of the
#' fitted law whatever its shape, and regions of higher level contain those of lower. A region is
#' one connected piece, also where the law is in several; it need not be convex.
#'
#' @param fit A fit of [brenier()].
#' @param level Probabilities, strictly between 0 and 1.
#' @param newdata For a fit with covariates: a data frame with them, a row a law. Without it there is no
#'   contour, and `contains` serves all the same.
#' @param n Number of points of a contour in two dimensions, at least 8; the first comes again as
#'   the last row.
#' @param ... None.
#' @return A list of class `brenier_region` with
#'   \item{level, radius}{the probabilities and the radii of the balls,
#'     \eqn{\sqrt{\chi^2_{d,level}}}{sqrt(qchisq(level, d))}}
#'   \item{contour}{d = 1: a data frame with `level`, `lower` and `upper`, a row a level; d = 2: a
#'     data frame with `level` and the two variables, whose rows go once around each region; for a
#'     fit with covariates with the `row` of `newdata` in front; d > 2: `NULL`}
#'   \item{contains}{a function of `newdata`, as [predict.brenier()] takes it: a logical matrix with a
#'     row a point and a column a level}
#'   \item{variables}{their names}
#' @section Errors:
#' `brenier_error_argument` for a wrong `level` or `n`, `brenier_error_type` if `fit` is not a fit.
#' @references
#' Hallin, M., del Barrio, E., Cuesta-Albertos, J. and Matran, C. (2021). Distribution and quantile
#' functions, ranks and signs in dimension d: a measure transportation approach. *Annals of
#' Statistics* 49, 1139-1165. \doi{10.1214/20-AOS1996}
#' @family maps of data
#' @template definitions
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful)
#' region <- quantile_region(fit, c(0.5, 0.9))
#' region
#' colMeans(region$contains(faithful))
#' @export
quantile_region <- function(fit, level = c(0.5, 0.9), ...) UseMethod("quantile_region")

#' @export
quantile_region.default <- function(fit, level = c(0.5, 0.9), ...) {
  brenier_abort("{.arg fit} must be a fit of {.fn brenier}, not {shown(fit)}.", "type",
                argument = "fit")
}

#' @rdname quantile_region
#' @export
quantile_region.brenier <- function(fit, level = c(0.5, 0.9), newdata = NULL, n = 200, ...) {
  check_no_dots(..., known = c("level", "newdata", "n"))
  check_normal_reference(fit, "rank")
  level <- check_level(level)
  n <- check_count(n, "n", 8, 1e7)
  given <- region_covariates(fit, newdata)
  radius <- sqrt(stats::qchisq(level, fit$d))
  structure(list(
    level = level, radius = radius, contour = region_contour(fit, given, level, radius, n),
    contains = function(newdata) {
      rank <- predict(fit, newdata, type = "rank")
      inside <- outer(rank, level, "<=")
      dimnames(inside) <- list(names(rank), format(level))
      inside
    },
    variables = fit$variables
  ), class = "brenier_region")
}

#' Covariates of the laws that regions are asked for: one row a law.
#' @noRd
region_covariates <- function(fit, newdata) {
  if (is.null(fit$design)) {
    if (is.null(newdata)) return(NULL)
    brenier_abort("{.arg newdata} must be left out: the fit has no covariates.", "argument",
                  argument = "newdata")
  }
  if (is.null(newdata)) return(NULL)
  given <- new_covariates(fit, newdata)
  if (anyNA(given)) {
    brenier_abort("{.arg newdata} must have no missing covariate.", "missing", argument = "newdata")
  }
  given
}

region_contour <- function(fit, given, level, radius, n) {
  if (fit$d > 2 || (!is.null(fit$design) && is.null(given))) return(NULL)
  rows <- if (is.null(given)) 1L else nrow(given)
  y <- if (fit$d == 1) {
    matrix(c(rbind(-radius, radius)))
  } else {
    angle <- 2 * pi * c(seq_len(n) - 1, 0) / n
    circle <- cbind(cos(angle), sin(angle))
    do.call(rbind, lapply(radius, function(r) r * circle))
  }
  x <- invert(fit, y[rep(seq_len(nrow(y)), rows), , drop = FALSE],
              given[rep(seq_len(rows), each = nrow(y)), , drop = FALSE])
  row <- rep(seq_len(rows), each = length(level) * if (fit$d == 1) 1 else n + 1)
  contour <- if (fit$d == 1) {
    ends <- matrix(x, ncol = 2, byrow = TRUE)
    data.frame(row = row, level = rep(level, rows), lower = ends[, 1], upper = ends[, 2])
  } else {
    data.frame(row = row, level = rep(rep(level, each = n + 1), rows), x, check.names = FALSE)
  }
  if (is.null(given)) contour[-1] else contour
}

#' @export
print.brenier_region <- function(x, ...) {
  cat("Quantile region", if (length(x$level) > 1) "s", " of ", paste(x$variables, collapse = ", "),
      ", level ", paste(format(x$level), collapse = ", "), "\n", sep = "")
  if (length(x$variables) == 1 && !is.null(x$contour)) {
    print(x$contour, row.names = FALSE)
  } else {
    cat("  ", if (is.null(x$contour)) "ask" else "borders in $contour; ask",
        " $contains(newdata) for membership\n", sep = "")
  }
  invisible(x)
}
