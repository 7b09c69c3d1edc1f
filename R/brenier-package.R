#' brenier: densities, draws and quantiles by Brenier maps
#'
#' [brenier()] fits the gradient of a convex function that carries the law of the data to a standard
#' normal law. Everything else asks the fit: [predict.brenier()], [simulate.brenier()],
#' [quantile_region()], [certificate()], [plot.brenier()].
#'
#' @name brenier-package
#' @docType package
#' @keywords internal
#' @useDynLib brenier, .registration = TRUE, .fixes = "C_"
#' @importFrom generics augment glance tidy
#' @importFrom graphics abline contour legend lines par plot.default points
#' @importFrom stats formula logLik model.frame na.omit nobs predict residuals simulate terms update
NULL
