#' Plots for ggplot2
#'
#' The plots of [plot()] as objects of ggplot2, which can be changed and combined: add scales, themes,
#' layers of your own. They show the same numbers, and `which` takes the same names.
#'
#' @details
#' | object of | `which` | described in |
#' |---|---|---|
#' | [brenier()] | `"density"`, `"quantile"`, `"grid"`, `"trace"`, `"qq"`, `"rank"` | [plot.brenier()] |
#' | [quantile_region()] | | [plot.brenier()] |
#' | [brenier_vi()], [brenier_glm()] | `"pairs"`, `"marginals"`, `"weights"`, `"trace"`, `"residuals"` | [plot.brenier_posterior()] |
#' | [sinkhorn()] | `"map"`, `"trace"` | [plot.sinkhorn()] |
#' | [sinkhorn_barycenter()] | `"points"`, `"trace"` | [plot.sinkhorn_barycenter()] |
#' | [monge_ampere()] | `"density"`, `"grid"`, `"interpolation"`, `"trace"` | [plot.monge_ampere()] |
#' | [sinkhorn_flow()], [gaussian_flow()] | | [plot.sinkhorn_flow()] |
#' | [kde_flow()] | `"particles"`, `"paths"`, `"energy"`, `"bandwidth"` | [plot.kde_flow()] |
#' | [drift_generator()] | `"draws"`, `"energy"` | [plot.drift_generator()] |
#' | [energy_distance()], [mmd()], [ksd()], ... | | [plot.brenier_discrepancy()] |
#' | [regret()] | | [plot.brenier_regret()] |
#'
#' The first name is the default, but for fits with covariates and of more than two variables, which
#' have that of [plot.brenier()]. More variables than two make a matrix of facets.
#'
#' @param object What one of these functions returned.
#' @param which The name of one plot.
#' @param level,variables,newdata,ndraws,arrows,t,lines,data As in the plot method of the object.
#' @param ... For flows of [sinkhorn_flow()] more of them, for the same plot. Otherwise none; anything here
#'   is an error.
#' @return A ggplot object, whose axes are named by the variables. At most 5000 points are drawn.
#' @section Errors:
#' `brenier_error_argument` for what the plot method refuses, and for more than one `which`.
#' @seealso [plot.brenier()]
#' @family pictures
#' @examplesIf requireNamespace("ggplot2", quietly = TRUE)
#' fit <- brenier(~ eruptions + waiting, data = faithful,
#'                control = list(folds = 0, max_atoms = 12)) # quick: no validation
#' ggplot2::autoplot(fit)
#' ggplot2::autoplot(fit, "qq") + ggplot2::theme_minimal()
#'
#' ot <- sinkhorn(cbind(Sepal.Length, Sepal.Width) ~ Species, iris, subset = Species != "setosa")
#' ggplot2::autoplot(ot, arrows = 30)
#' @name autoplot.brenier
#' @importFrom rlang .data
#' @exportS3Method ggplot2::autoplot
autoplot.brenier <- function(object, which = NULL, level = NULL, variables = NULL, newdata = NULL, ...) {
  check_no_dots(..., known = c("which", "level", "variables", "newdata"))
  which <- check_which(which %||% default_plot(object), brenier_pictures(), TRUE)
  asked <- asked_of_fit(object, which, level, variables, newdata)
  gg_picture(brenier_pictures(), which, object, asked[[which]])
}

#' @rdname autoplot.brenier
#' @exportS3Method ggplot2::autoplot
autoplot.brenier_region <- function(object, ...) {
  check_no_dots(..., known = "object")
  check_contour(object)
  variables <- object$variables
  words <- words_of("Quantile regions", variables[1], variables[2])
  if (length(variables) == 2) return(gg_borders(object) + gg_words(words))
  ends <- object$contour
  ends$row <- ends$row %||% rep(1L, nrow(ends))
  ends <- ends[order(-ends$level), ]
  level <- sort(unique(ends$level))
  ends$holds <- gg_levels(ends$level, level)
  n <- max(ends$row)
  if (n == 1) {
    return(ggplot2::ggplot(ends, ggplot2::aes(.data$lower, .data$level, xend = .data$upper,
                                              yend = .data$level, colour = .data$holds)) +
      ggplot2::geom_segment(linewidth = 2) + ggplot2::scale_y_continuous(limits = c(0, 1)) +
      gg_colours(rev(percent(level)), contour_colours(length(level)), "holds") +
      ggplot2::labs(x = variables, y = "Level", title = words$main))
  }
  ggplot2::ggplot(ends, ggplot2::aes(xmin = .data$row - 0.35, xmax = .data$row + 0.35, ymin = .data$lower,
                                     ymax = .data$upper, fill = .data$holds)) +
    ggplot2::geom_rect() + gg_shades(level) +
    ggplot2::scale_x_continuous(breaks = seq_len(n)) +
    ggplot2::labs(x = "Row of newdata", y = variables, title = words$main)
}

#' @rdname autoplot.brenier
#' @exportS3Method ggplot2::autoplot
autoplot.brenier_posterior <- function(object, which = "pairs", variables = NULL, level = c(0.5, 0.9),
                                       ndraws = 2000, ...) {
  check_no_dots(..., known = c("which", "variables", "level", "ndraws"))
  which <- check_which(which, posterior_pictures(), TRUE)
  gg_picture(posterior_pictures(), which, object,
             asked_of_posterior(object, which, variables, level, ndraws))
}

#' @rdname autoplot.brenier
#' @exportS3Method ggplot2::autoplot
autoplot.sinkhorn <- function(object, which = NULL, variables = NULL, arrows = 100, ...) {
  check_no_dots(..., known = c("which", "variables", "arrows"))
  which <- check_which(which %||% if (is.null(object$x)) "trace" else "map", sinkhorn_pictures(), TRUE)
  gg_picture(sinkhorn_pictures(), which, object, asked_of_transport(object, which, variables, arrows))
}

#' @rdname autoplot.brenier
#' @exportS3Method ggplot2::autoplot
autoplot.sinkhorn_barycenter <- function(object, which = "points", variables = NULL, ...) {
  check_no_dots(..., known = c("which", "variables"))
  which <- check_which(which, barycenter_pictures(), TRUE)
  gg_picture(barycenter_pictures(), which, object, asked_of_barycenter(object, variables))
}

#' @rdname autoplot.brenier
#' @exportS3Method ggplot2::autoplot
autoplot.monge_ampere <- function(object, which = "density", t = seq(0, 1, 0.25), lines = 25, ...) {
  check_no_dots(..., known = c("which", "t", "lines"))
  which <- check_which(which, monge_pictures(), TRUE)
  gg_picture(monge_pictures(), which, object, list(t = t, lines = check_count(lines, "lines", 2, 500)))
}

#' @rdname autoplot.brenier
#' @exportS3Method ggplot2::autoplot
autoplot.sinkhorn_flow <- function(object, ...) {
  flows <- list(...)
  others <- vapply(flows, inherits, NA, "sinkhorn_flow")
  do.call(check_no_dots, c(flows[!others], list(known = "object")))
  gg_divergences(divergences_data(c(list(object), unname(flows))))
}

#' @rdname autoplot.brenier
#' @exportS3Method ggplot2::autoplot
autoplot.flow_paths <- function(object, which = "paths", variables = NULL, ...) {
  check_no_dots(..., known = c("which", "variables"))
  which <- check_which(which, path_pictures(), TRUE)
  gg_picture(path_pictures(), which, object, flow_path_ask(object, variables))
}

#' @rdname autoplot.brenier
#' @exportS3Method ggplot2::autoplot
autoplot.kde_flow <- function(object, which = "particles", variables = NULL, ...) {
  check_no_dots(..., known = c("which", "variables"))
  which <- check_which(which, flow_pictures(), TRUE)
  gg_picture(flow_pictures(), which, object, list(variables = flow_variables(object, variables)))
}

#' @rdname autoplot.brenier
#' @exportS3Method ggplot2::autoplot
autoplot.drift_generator <- function(object, which = "draws", variables = NULL, data = NULL, ndraws = 1000,
                                     ...) {
  check_no_dots(..., known = c("which", "variables", "data", "ndraws"))
  which <- check_which(which, generator_pictures(), TRUE)
  gg_picture(generator_pictures(), which, object, asked_of_generator(object, variables, data, ndraws))
}

#' @rdname autoplot.brenier
#' @exportS3Method ggplot2::autoplot
autoplot.brenier_discrepancy <- function(object, ...) {
  check_no_dots(..., known = "object")
  gg_null(null_data(object))
}

#' @rdname autoplot.brenier
#' @exportS3Method ggplot2::autoplot
autoplot.brenier_regret <- function(object, ...) {
  check_no_dots(..., known = "object")
  gg_books(books_data(object))
}
