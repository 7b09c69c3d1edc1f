#' @keywords internal
#' @useDynLib brenier, .registration = TRUE, .fixes = "C_"
#' @importFrom generics augment glance tidy
#' @importFrom graphics abline contour legend lines par plot.default points
#' @importFrom stats formula logLik model.frame na.omit nobs predict residuals simulate terms update
"_PACKAGE"
