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
#'   the density, in two as contours over the data. In more, `"rank"`.
#' * `"grid"`: a regular grid of the reference, lines at -2.5, -2, ..., 2.5 in two coordinates, as
#'   the inverse of the map lays it among the data; thick lines are at 0. With more than two
#'   variables the other coordinates of the reference are 0. In one dimension the map T(x), over the
#'   normal quantiles of the ranks of the data.
#' * `"trace"`: objective and held-out loss at each step, with a line where a round of atoms begins;
#'   and the certificate, on a log scale where it is finite, with the tolerance that was asked for.
#'   Layers follow one another, with a darker line between them; their objective is that of the
#'   chain so far, in the coordinates of the first. A held-out loss is above or below it by what that
#'   of its own layer is, and says nothing of the layers before.
#' * `"qq"`: \eqn{|T(x)|^2} against the quantiles of the chi-squared law, and each coordinate of
#'   T(x) against normal quantiles, with the band in which each order statistic lies with
#'   probability 95% if the fit is right. The fit has seen the data, so that points keep to the band
#'   a little too well.
#' * `"rank"`: a histogram of the center-outward ranks of the data, in one dimension of
#'   \eqn{\Phi(T(x))}{Phi(T(x))}, Phi the normal distribution function. They are uniform if the fit is
#'   right, with covariates at each value of these; there is the band that holds 95% of the heights
#'   of a bar if it is.
#'
#' `"trace"` and, from two variables on, `"qq"` have two panels: they share the page, or take two
#' cells of a layout set by `par(mfrow = )`. The matrix of scatter plots takes the whole page.
#'
#' At most 5000 points are drawn, the same ones each time; curves, histograms, ranks and contours
#' use all the data. The area of a point is proportional to its weight.
#'
#' @section Fits with covariates:
#' The law differs from one row of `newdata` to another, and
#' * `"quantile"` for one response draws the regions at `level`, median and mean over the data, along
#'   the first numeric covariate that varies in `newdata`: a fan for each value of the others. Where
#'   there is none, the rows are laid side by side, with the data that share the values of their
#'   factors;
#' * `"quantile"` and `"density"` for two responses draw the borders of the regions at `level`, a
#'   colour a row, over the data;
#' * `"density"` for one response draws the densities, a colour a row; with three responses or more
#'   the scatter plots have draws at the rows of `newdata`;
#' * `"trace"`, `"qq"` and `"rank"` speak of all the data. There is no `"grid"`.
#'
#' Without `newdata` fans are along the first numeric covariate, one for each value of the first
#' factor, as far as the data reach there. Other plots are at the values of the first covariate if it
#' is a factor, and at its quartiles if it is a number. Of many values the six commonest are drawn, or
#' twenty side by side. The other
#' covariates are then at their median, or commonest value, among the data of that value of the
#' factor; the note below the plot says what is common to all. The scatter plots of three responses
#' or more are at the covariates of the data.
#'
#' @param x A fit of [brenier()]; for the second method a region of [quantile_region()].
#' @param which One or more of `"density"`, `"quantile"`, `"grid"`, `"trace"`, `"qq"` and `"rank"`. By
#'   default `"density"`; for one or two responses with covariates `"quantile"`; for a map to a sample,
#'   whose reference has no density, `"trace"`, the only one.
#' @param level Probabilities of the regions of `"density"` and `"quantile"`; by default from the
#'   middle quarter to all but one point in a hundred, with covariates 0.5 and 0.9. For one variable
#'   these are the intervals with equal tails: 0.9 is from the quantile 0.05 to the quantile 0.95.
#' @param variables Names or numbers of the variables to draw when there are more than two: two to
#'   five for `"density"`, by default the first five, for more are too small to read; two for
#'   `"grid"`, by default the first two.
#' @param newdata For a fit with covariates: a data frame with them, a row a law; see below for the
#'   default. At most nine rows, or nine fans.
#' @param ask Whether to wait for a key before each page; by default in an interactive session where
#'   the plots do not fit on one page, as [stats::plot.lm()] does.
#' @param ... Graphical parameters. `col`, `pch` and `cex` are those of the points, or of the curve
#'   where there are none; `lwd` and `lty` those of lines; others, such as `main`, `xlab` or `xlim`,
#'   go to [graphics::plot.default()]. `main` may have one title for each of two panels.
#' @return `x`, invisibly.
#' @section Errors:
#' `brenier_error_argument` for a wrong `which`, `level` or `variables`, for `newdata` that no plot
#' uses or of too many laws, for a `"grid"` of a fit with covariates, for another plot than `"trace"`
#' of a map to a sample, for a graphical parameter that does not exist, and for a region without
#' contour: in more than two dimensions, or of a fit with covariates without `newdata`. For covariates
#' that `newdata` lacks `brenier_error_variable` or `_missing`, for no rows `_empty`.
#' @seealso [brenier()], [quantile_region()], [residuals.brenier()]
#' @family pictures
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
#'
#' # laws that depend on covariates
#' fit <- brenier(dist ~ speed, data = cars)
#' plot(fit)
#' plot(fit, c("density", "rank"), newdata = data.frame(speed = c(8, 16, 24)))
#' @export
plot.brenier <- function(x, which = NULL, level = NULL, variables = NULL, newdata = NULL, ask = NULL,
                         ...) {
  which <- check_which(which %||% default_plot(x), brenier_pictures())
  dots <- check_graphical(..., known = c("which", "level", "variables", "newdata", "ask"))
  asked <- asked_of_fit(x, which, level, variables, newdata, dots)
  ask <- if (is.null(ask)) length(which) > prod(par("mfrow")) && grDevices::dev.interactive() else
    check_flag(ask, "ask")
  if (ask) {
    old <- grDevices::devAskNewPage(TRUE)
    on.exit(grDevices::devAskNewPage(old))
  }
  for (w in which) draw_pictures(brenier_pictures(), w, x, asked[[w]], dots)
  invisible(x)
}

brenier_pictures <- function() {
  list(
    density = picture(density_data, draw_density, gg_density),
    quantile = picture(quantile_data, draw_quantile, gg_quantile),
    grid = picture(grid_data, draw_grid, gg_grid),
    trace = picture(trace_data, draw_trace, gg_trace),
    qq = picture(qq_pictures_data, draw_qq, gg_qq),
    rank = picture(rank_data, draw_rank, gg_rank)
  )
}

#' What the user asked of each plot, checked.
#' @noRd
asked_of_fit <- function(fit, which, level, variables, newdata, dots = list()) {
  level <- check_level(level %||% if (!is.null(fit$design)) c(0.5, 0.9) else
    c(0.25, 0.5, 0.75, 0.9, 0.99))
  asked <- lapply(stats::setNames(nm = which), function(w) {
    list(level = sort(unique(level)), variables = drawn_variables(fit, variables, w),
         newdata = newdata, xlim = dots$xlim, ylim = dots$ylim)
  })
  check_laws(fit, which, newdata)
  asked
}

#' @rdname plot.brenier
#' @param add Whether to draw on the plot that is there: borders of regions in the plane; in one
#'   dimension vertical lines at the ends of the intervals.
#' @param labels Whether to write the probability at each border. Regions of several laws are told
#'   apart by colours, in one dimension they lie side by side.
#' @export
plot.brenier_region <- function(x, add = FALSE, labels = TRUE, ...) {
  add <- check_flag(add, "add")
  labels <- check_flag(labels, "labels")
  dots <- check_graphical(..., known = c("add", "labels"))
  check_contour(x)
  if (length(x$variables) > 1) {
    at <- x$contour[x$variables]
    if (!add) {
      open_frame(
        dots, xlim = wide_range(at[[1]], 0.02), ylim = wide_range(at[[2]], 0.02),
        xlab = x$variables[1], ylab = x$variables[2], main = "Quantile regions"
      )
    }
    draw_contours(x, dots, labels, key = !add)
  } else if (add) {
    add_intervals(x, dots, labels)
  } else if (max(x$contour$row, 1) > 1) {
    draw_law_intervals(x, dots)
  } else {
    draw_intervals(x, dots, labels)
  }
  invisible(x)
}
