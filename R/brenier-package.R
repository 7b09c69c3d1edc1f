#' brenier: densities, posteriors and transport by Brenier maps
#'
#' Maps that carry one probability law onto another, and what they are good for.
#'
#' * **A law from data**: [brenier()] fits the gradient of a convex function that carries the data, or a
#'   response given covariates, to a standard normal law. Ask the fit by [predict.brenier()],
#'   [simulate.brenier()], [quantile_region()], [certificate()], [plot.brenier()].
#' * **A posterior**: [brenier_glm()] from a formula, [brenier_vi()] from a log density, [as_target()] from a
#'   model of another package; [pareto_khat()] says whether to trust it.
#' * **Transport between samples**: [sinkhorn()], [sinkhorn_divergence()], [sinkhorn_barycenter()],
#'   [wasserstein()].
#' * **Transport on grids**: [monge_ampere()] and [sinkhorn_flow()].
#' * **Particles**: [kde_flow()].
#'
#' What signs, units, costs and epsilon mean is in [brenier_definitions].
#'
#' @name brenier-package
#' @docType package
#' @keywords internal
#' @useDynLib brenier, .registration = TRUE, .fixes = "C_"
#' @importFrom cli cli_progress_bar cli_progress_update
#' @importFrom generics augment glance tidy
#' @importFrom graphics abline contour legend lines par plot.default points
#' @importFrom stats formula logLik model.frame na.omit nobs predict residuals simulate terms update
NULL
