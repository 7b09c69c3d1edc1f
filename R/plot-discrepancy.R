# plot(energy_distance(...)), and of the others

#' Plot a distance and its null distribution
#'
#' A histogram of the values that the permutations gave, or the random signs, and a line at the value
#' of the samples: the share of the histogram to its right is the p-value.
#'
#' @param x A value of [energy_distance()], [mmd()], [sliced_wasserstein()] or [ksd()].
#' @param ... Graphical parameters, as for [plot.brenier()]; `col` is that of the line.
#' @return `x`, invisibly.
#' @section Errors:
#' `brenier_error_argument` for a value without permutations, and for a graphical parameter that does
#' not exist.
#' @seealso [energy_distance()]
#' @family pictures
#' @examples
#' plot(energy_distance(iris[1:50, 1:2], iris[51:100, 1:2], seed = 1))
#' @export
plot.brenier_discrepancy <- function(x, ...) {
  dots <- check_graphical(..., known = character())
  data <- null_data(x)
  draw_null(data, dots)
  invisible(x)
}

null_data <- function(x) {
  if (length(x$null) == 0) {
    brenier_abort(c(
      "{.arg x} has no null distribution to draw: there were no permutations.",
      i = "Ask for some: {.code permutations = 199}."
    ), "argument", argument = "x")
  }
  breaks <- pretty(x$null, grDevices::nclass.FD(x$null))
  list(
    bars = bars_data(breaks, weighted_heights(x$null, rep(1, length(x$null)), breaks)), value = x$value,
    words = words_of(
      paste0(toupper(substr(x$name, 1, 1)), substring(x$name, 2), ", p = ", format(x$p_value, digits = 2)),
      "Value if the laws were equal", "Density"
    )
  )
}

draw_null <- function(data, dots) {
  open_frame(dots, data$words, xlim = range(data$value, data$bars[c("left", "right")]),
             ylim = c(0, 1.05 * max(data$bars$height)))
  draw_bars(data$bars, shades(5)[2])
  colour <- mark(dots, "col", OTHER_COLOUR)
  abline(v = data$value, col = colour, lwd = mark(dots, "lwd", 2), lty = mark(dots, "lty", 1))
  key_above(c("null", "of the samples"), col = c(shades(5)[2], colour), pch = c(15, NA), lty = c(NA, 1),
            lwd = c(NA, 2), pt.cex = 1.6, seg.len = 1.4)
}
