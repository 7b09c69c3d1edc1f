#' Plot a fitted map
#'
#' Draws the fitted law over the data, its quantile regions, the map itself, or how good the fit is.
#' One call can draw several plots, one after the other.
#'
#' @details
#' * `"density"`: in one dimension the density over a histogram of the data. In two its contours
#'   under the data; they bound the smallest regions that hold the probabilities `level`. In more a
#'   matrix of scatter plots, data below the diagonal and draws from the fit above, for marginal
#'   densities have no closed form; on the diagonal histograms, of the draws filled and of the data
#'   in outline. The draws have a fixed seed of their own.
#' * `"quantile"`: the regions of [quantile_region()] at `level`, in one dimension as shades under
#'   the density, in two as contours over the data. In more, a histogram of the center-outward ranks
#'   of the data, which are uniform if the fit is right, with the band that holds 95% of the heights
#'   of a bar if it is.
#' * `"grid"`: a regular grid of the reference, lines at -2.5, -2, ..., 2.5 in two coordinates, as
#'   the inverse of the map lays it among the data; thick lines are at 0. With more than two
#'   variables the other coordinates of the reference are 0. In one dimension the map T(x), over the
#'   normal quantiles of the ranks of the data.
#' * `"trace"`: objective and held-out loss at each step, with a line where a round of atoms begins;
#'   and the certificate, on a log scale where it is finite, with the tolerance that was asked for.
#' * `"qq"`: \eqn{|T(x)|^2} against the quantiles of the chi-squared law, and each coordinate of
#'   T(x) against normal quantiles, with the band in which each order statistic lies with
#'   probability 95% if the fit is right. The fit has seen the data, so that points keep to the band
#'   a little too well.
#'
#' `"trace"` and, from two variables on, `"qq"` have two panels: they share the page, or take two
#' cells of a layout set by `par(mfrow = )`. The matrix of scatter plots takes the whole page.
#'
#' At most 5000 points are drawn, the same ones each time; curves, histograms, ranks and contours
#' use all the data. The area of a point is proportional to its weight.
#'
#' @param x A fit of [brenier()]; for the second method a region of [quantile_region()].
#' @param which One or more of `"density"`, `"quantile"`, `"grid"`, `"trace"` and `"qq"`.
#' @param level Probabilities of the regions of `"density"` and `"quantile"`; by default from the
#'   middle quarter to all but one point in a hundred.
#' @param variables Names or numbers of the variables to draw when there are more than two: two to
#'   five for `"density"`, by default the first five, for more are too small to read; two for
#'   `"grid"`, by default the first two.
#' @param ask Whether to wait for a key before each page; by default in an interactive session where
#'   the plots do not fit on one page, as [stats::plot.lm()] does.
#' @param ... Graphical parameters. `col`, `pch` and `cex` are those of the points, or of the curve
#'   where there are none; `lwd` and `lty` those of lines; others, such as `main`, `xlab` or `xlim`,
#'   go to [graphics::plot.default()]. `main` may have one title for each of two panels.
#' @return `x`, invisibly.
#' @section Errors:
#' `brenier_error_argument` for a wrong `which`, `level` or `variables`, for a graphical parameter
#' that does not exist, and for a region in more than two dimensions, which has no contour.
#' @seealso [brenier()], [quantile_region()], [residuals.brenier()]
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful,
#'                control = list(folds = 0, max_atoms = 12)) # quick: no validation
#' plot(fit)
#' plot(fit, "quantile", level = c(0.5, 0.9), col = "grey40")
#' plot(fit, "grid", main = "The reference grid among the eruptions")
#'
#' # regions over a plot of your own
#' plot(faithful)
#' plot(quantile_region(fit, 0.9), add = TRUE)
#' @export
plot.brenier <- function(x, which = "density", level = c(0.25, 0.5, 0.75, 0.9, 0.99),
                         variables = NULL, ask = NULL, ...) {
  which <- check_plots(which)
  level <- sort(unique(check_level(level)))
  dots <- check_graphical(..., known = c("which", "level", "variables", "ask"))
  drawn <- lapply(which, function(w) drawn_variables(x, variables, w))
  ask <- if (is.null(ask)) length(which) > prod(par("mfrow")) && grDevices::dev.interactive() else
    check_flag(ask, "ask")
  if (ask) {
    old <- grDevices::devAskNewPage(TRUE)
    on.exit(grDevices::devAskNewPage(old))
  }
  for (k in seq_along(which)) {
    switch(which[k],
      density = plot_density(x, level, drawn[[k]], dots),
      quantile = plot_quantile(x, level, dots),
      grid = plot_grid(x, drawn[[k]], dots),
      trace = plot_trace(x, dots),
      qq = plot_qq(x, dots)
    )
  }
  invisible(x)
}

#' @rdname plot.brenier
#' @param add Whether to draw on the plot that is there: borders of regions in the plane; in one
#'   dimension vertical lines at the ends of the intervals.
#' @param labels Whether to write the probability at each border.
#' @export
plot.brenier_region <- function(x, add = FALSE, labels = TRUE, ...) {
  add <- check_flag(add, "add")
  labels <- check_flag(labels, "labels")
  dots <- check_graphical(..., known = c("add", "labels"))
  d <- length(x$variables)
  if (d > 2) {
    brenier_abort(c(
      "{.arg x} is a region in {d} dimensions, which has no contour to draw.",
      i = "Ask {.code x$contains(newdata)} for membership, or draw the ranks with
           {.code plot(fit, \"quantile\")}."
    ), "argument", argument = "x")
  }
  if (d == 1) {
    draw_intervals(x, dots, add, labels)
  } else {
    if (!add) {
      open_frame(
        dots, xlim = wide_range(x$contour[[2]], 0.02), ylim = wide_range(x$contour[[3]], 0.02),
        xlab = x$variables[1], ylab = x$variables[2], main = "Quantile regions"
      )
    }
    draw_contours(x, dots, labels)
  }
  invisible(x)
}

check_plots <- function(which) {
  choices <- c("density", "quantile", "grid", "trace", "qq")
  if (!is.character(which) || length(which) == 0) check_choice(which, choices, "which")
  unique(vapply(which, check_choice, "", choices, "which", USE.NAMES = FALSE))
}

# What may come in the dots. `log` and `type` would undo what a plot is.
GRAPHICAL <- c(
  "main", "sub", "xlab", "ylab", "xlim", "ylim", "asp", "axes", "ann", "frame.plot", "bty", "las",
  "col", "pch", "cex", "bg", "lwd", "lty", "fg", "family", "font", "lend", "ljoin", "lmitre",
  "cex.axis", "cex.lab", "cex.main", "cex.sub", "col.axis", "col.lab", "col.main", "col.sub",
  "font.axis", "font.lab", "font.main", "font.sub", "lab", "mgp", "tck", "tcl", "xaxp", "yaxp",
  "xaxs", "yaxs", "xaxt", "yaxt", "adj", "panel.first", "panel.last"
)

#' The dots as a list; a name that means nothing is a misspelt one.
#' @noRd
check_graphical <- function(..., known) {
  dots <- list(...)
  strange <- if (is.null(names(dots))) seq_along(dots) else which(!names(dots) %in% GRAPHICAL)
  if (length(strange)) do.call(check_no_dots, c(dots[strange[1]],
                                                list(known = c(known, GRAPHICAL))))
  dots
}

#' Numbers of the variables of one plot.
#' @noRd
drawn_variables <- function(fit, variables, which) {
  most <- switch(which, density = 5, grid = 2, fit$d)
  all <- seq_len(fit$d)
  if (fit$d <= 2 || most == fit$d) return(all)
  if (is.null(variables)) {
    if (which == "density" && fit$d > most) {
      cli::cli_inform(c(
        "Drawing the first {most} of {fit$d} variables.",
        i = "Choose others with {.arg variables}."
      ), class = "brenier_message")
    }
    return(utils::head(all, most))
  }
  k <- if (is.character(variables)) match(variables, fit$variables) else match(variables, all)
  wrong <- variables[is.na(k) | duplicated(k)]
  if (length(wrong)) {
    brenier_abort(c(
      "{.arg variables} must be variables of the fit, each once; {.val {wrong[1]}} is not.",
      i = "They are {.val {fit$variables}}."
    ), "argument", argument = "variables")
  }
  fewest <- 2
  if (length(k) < fewest || length(k) > most) {
    range <- if (fewest == most) most else paste(fewest, "to", most)
    brenier_abort(
      "{.arg variables} must be {range} of the variables for {.val {which}}, not {length(k)}.",
      "argument", argument = "variables"
    )
  }
  k
}
