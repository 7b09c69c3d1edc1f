# plot(regret(fit))

#' Plot the regret of a fit
#'
#' Draws the books that [regret()] returns.
#'
#' @details
#' The upper panel has the regret after each step and its bound: the regret stays below it, and the
#' distance between the two is what the semi-dual can still lose on this path. The lower panel has
#' the residual of the three-point identity, relative to the size of the semi-dual, on a log scale,
#' with the rounding level of double precision. A residual far above it means that something is
#' wrong; one below a hundredth of it is drawn there. The two panels share the page, or take two cells
#' of a layout set by `par(mfrow = )`.
#'
#' @param x What [regret()] returned: a data frame with the columns `iter`, `regret`, `bound` and
#'   `identity`, a row a step.
#' @param ... Graphical parameters, as for [plot.brenier()].
#' @return `x`, invisibly.
#' @section Errors:
#' `brenier_error_argument` for a graphical parameter that does not exist and for `x` without those
#' columns or without a finite regret.
#' @seealso [regret()], [brenier_trace] for what the figures are.
#' @family pictures
#' @export
plot.brenier_regret <- function(x, ...) {
  dots <- check_graphical(..., known = character())
  data <- books_data(x)
  draw_books(data, dots)
  invisible(x)
}

#' The books, with the logarithm of the residual; of zero there is none.
#' @noRd
books_data <- function(x) {
  check_regret(x)
  x <- as.data.frame(unclass(x))
  x$residual <- log10(pmax(abs(x$identity), .Machine$double.eps / 100))
  list(books = x, rounding = log10(.Machine$double.eps))
}

draw_books <- function(data, dots) {
  old <- two_panels(c(2, 1))
  if (!is.null(old)) {
    old$mar <- par("mar")
    on.exit(par(old))
    par(mar = pmin(old$mar, c(4, Inf, 3, Inf)))
  }
  draw_regret(data$books, panel_dots(dots, 1))
  draw_identity(data$books, data$rounding, panel_dots(dots, 2))
}

check_regret <- function(x) {
  lost <- setdiff(c("iter", "regret", "bound", "identity"), names(x))
  if (length(lost)) {
    brenier_abort("{.arg x} must have the column{?s} {.var {lost}} of a regret.", "argument",
                  argument = "x")
  }
  if (any(is.finite(x$iter) & is.finite(x$regret))) return(invisible())
  brenier_abort(c(
    "{.arg x} has no finite regret to draw.",
    i = "A fit keeps its books if {.arg ledger} of {.fn brenier_control} is above 0."
  ), "argument", argument = "x")
}

draw_regret <- function(x, dots) {
  colours <- c(mark(dots, "col", FIT_COLOUR), OTHER_COLOUR)
  lwd <- mark(dots, "lwd", 1.5)
  open_frame(
    dots, xlim = range(x$iter), ylim = wide_range(c(0, x$regret, x$bound), 0.02), xlab = "Step",
    ylab = "Nats", main = "Regret"
  )
  abline(h = 0, col = BAND_COLOUR)
  lines(x$iter, x$bound, type = "l", col = colours[2], lwd = lwd, lty = 2)
  lines(x$iter, x$regret, type = "o", pch = 16, cex = 0.5, col = colours[1], lwd = lwd,
        lty = mark(dots, "lty", 1))
  key_above(c("regret", "bound"), col = colours, lwd = lwd, lty = c(mark(dots, "lty", 1), 2),
            seg.len = 2)
}

draw_identity <- function(x, rounding, dots) {
  known <- is.finite(x$residual)
  residual <- x$residual
  open_frame(
    dots, xlim = range(x$iter), ylim = wide_range(c(residual[known], rounding + c(-2, 2)), 0.02),
    xlab = "Step", ylab = "Relative residual", main = "Three-point identity", yaxt = "n"
  )
  draw_log_axis(dots)
  abline(h = rounding, lty = 2, col = "grey15")
  points(x$iter[known], residual[known], pch = mark(dots, "pch", 16), cex = mark(dots, "cex", 0.7),
         col = mark(dots, "col", FIT_COLOUR), bg = mark(dots, "bg", NA))
  key_above(c("residual", "rounding"), col = c(mark(dots, "col", FIT_COLOUR), "grey15"),
            pch = c(mark(dots, "pch", 16), NA), lty = c(NA, 2), seg.len = 1.4)
}
