# plot(monge_ampere(...))

#' Plot an optimal transport between densities
#'
#' Draws the two densities, the map, the path between them, or how the solution came about.
#'
#' @details
#' * `"density"`: both densities, in one dimension as curves, with the image of the first; in two as
#'   shades on one scale, side by side; in three their integrals along the third axis.
#' * `"grid"`: in one dimension the map; in two a regular grid over the box of `mu`, where `mu` is
#'   not
#'   0, as the map lays it over `nu`.
#' * `"interpolation"`: [displacement()] at `t`, a frame each, all on one scale of shades; in one
#'   dimension
#'   a curve each.
#' * `"trace"`: the error at each iteration, on a log scale, for all grids from coarse to fine.
#'
#' @param x A value of [monge_ampere()].
#' @param which `"density"`, `"grid"`, `"interpolation"` or `"trace"`.
#' @param t Times of the frames, from 0 to 1.
#' @param lines Number of lines of the grid along each axis.
#' @param ... Graphical parameters, as for [plot.brenier()].
#' @return `x`, invisibly.
#' @section Errors:
#' `brenier_error_argument` for a wrong `which`, `t` or `lines`, for the `"grid"` of three
#' dimensions, and for
#' a graphical parameter that does not exist.
#' @seealso [monge_ampere()]
#' @examples
#' hill <- function(m) function(x) exp(-20 * ((x[, 1] - m)^2 + (x[, 2] - 0.5)^2)) + 0.05
#' on_square <- function(f) grid_density(f, c(0, 0), c(1, 1), n = 64)
#' ma <- monge_ampere(on_square(hill(0.3)), on_square(hill(0.7)))
#' plot(ma, "grid")
#' plot(ma, "interpolation", t = c(0, 0.5, 1))
#' @export
plot.monge_ampere <- function(x, which = "density", t = seq(0, 1, 0.25), lines = 25, ...) {
  which <- check_choice(which, c("density", "grid", "interpolation", "trace"), "which")
  dots <- check_graphical(..., known = c("which", "t", "lines"))
  lines <- check_count(lines, "lines", 2, 500)
  switch(which,
    density = plot_monge_densities(x, dots), grid = plot_monge_grid(x, lines, dots),
    interpolation = plot_monge_path(x, t, dots), trace = plot_monge_trace(x, dots)
  )
  invisible(x)
}

#' A density as a matrix: in three dimensions its integral along the last axis.
#' @noRd
flat_density <- function(mu) {
  if (length(dim(mu$density)) == 2) return(mu$density)
  rowSums(mu$density, dims = 2) * (mu$upper[3] - mu$lower[3]) / dim(mu$density)[3]
}

cell_edges <- function(mu, k) seq(mu$lower[k], mu$upper[k], length.out = dim(mu$density)[k] + 1)

PALE <- function(n) grDevices::hcl.colors(n, "Blues 3", rev = TRUE)

#' Shades of one density, dark where it is high; `top` is that of the darkest. Each has its own
#' frame.
#' @noRd
shade_density <- function(mu, top, dots, ..., colours = PALE(64)) {
  open_frame(dots, xlim = c(mu$lower[1], mu$upper[1]), ylim = c(mu$lower[2], mu$upper[2]), xaxs = "i",
             yaxs = "i", asp = 1, xlab = "x", ylab = "y", ...)
  graphics::image(cell_edges(mu, 1), cell_edges(mu, 2), pmin(flat_density(mu), top), col = colours,
                  zlim = c(0, top), add = TRUE, useRaster = TRUE)
}

plot_monge_densities <- function(x, dots) {
  if (length(x$mu$lower) == 1) return(plot_line_densities(x, dots))
  old <- two_panels()
  if (!is.null(old)) on.exit(par(old))
  top <- max(flat_density(x$mu), flat_density(x$nu))
  words <- if (length(x$mu$lower) == 3) " along the third axis"
  shade_density(x$mu, top, panel_dots(dots, 1), main = paste0("From", words))
  shade_density(x$nu, top, panel_dots(dots, 2), main = paste0("To", words))
}

draw_steps <- function(mu, values, ...) {
  edges <- cell_edges(mu, 1)
  lines(edges, c(values, values[length(values)]), type = "s", ...)
}

plot_line_densities <- function(x, dots) {
  colours <- c(mark(dots, "col", FIT_COLOUR), OTHER_COLOUR, "grey15")
  lwd <- mark(dots, "lwd", 1.5)
  open_frame(dots, xlim = range(x$mu$lower, x$nu$lower, x$mu$upper, x$nu$upper),
             ylim = c(0, max(x$mu$density, x$nu$density)), xlab = "x", ylab = "Density",
             main = "Densities")
  draw_steps(x$mu, x$mu$density, col = colours[1], lwd = lwd)
  draw_steps(x$nu, x$nu$density, col = colours[2], lwd = 2 * lwd)
  draw_steps(x$nu, x$pushforward, col = colours[3], lwd = lwd / 2)
  key_above(c("from", "to", "image of from"), col = colours, lwd = lwd * c(1, 2, 0.5), seg.len = 1.4)
}

plot_monge_grid <- function(x, n_lines, dots) {
  d <- length(x$mu$lower)
  if (d == 3) {
    brenier_abort(c("A {.val grid} of three dimensions cannot be drawn.",
                    i = "Draw the {.val interpolation}, or maps of points by {.fn predict}."),
                  "argument", argument = "which")
  }
  lwd <- mark(dots, "lwd", if (d == 1) 2 else 0.7)
  if (d == 1) {
    map <- x$map
    map[x$mu$density == 0] <- NA # where nothing is, nothing goes
    open_frame(dots, xlim = c(x$mu$lower, x$mu$upper), ylim = c(x$nu$lower, x$nu$upper), xlab = "x",
               ylab = "T(x)", main = "Optimal map")
    abline(0, 1, col = "grey60", lty = 2)
    lines(x$mu$centers[[1]], map, col = mark(dots, "col", FIT_COLOUR), lwd = lwd)
    return(key_above(c("T(x)", "identity"), col = c(mark(dots, "col", FIT_COLOUR), "grey60"),
                     lty = c(1, 2), lwd = c(lwd, 1), seg.len = 1.6))
  }
  shade_density(x$nu, max(x$nu$density), dots, main = "Grid of mu, as the map lays it over nu",
                colours = grDevices::grey.colors(64, 1, 0.6))
  colours <- c(FIT_COLOUR, OTHER_COLOUR)
  for (k in 1:2) {
    along <- seq(x$mu$lower[3 - k], x$mu$upper[3 - k], length.out = 401)
    for (at in seq(x$mu$lower[k], x$mu$upper[k], length.out = n_lines)) {
      points <- if (k == 1) cbind(at, along) else cbind(along, at)
      moved <- interpolate_cells(x$mu, matrix(x$map, ncol = 2), points)
      charged <- interpolate_cells(x$mu, matrix(x$mu$density, ncol = 1), points) > 0
      moved[!charged, ] <- NA
      lines(moved, col = mark(dots, "col", colours[k]), lwd = lwd, lty = mark(dots, "lty", 1))
    }
  }
  key_above(paste(c("first", "second"), "coordinate fixed"), col = colours, lwd = 2, seg.len = 1.4)
}

plot_monge_path <- function(x, t, dots) {
  frames <- displacement(x, t)
  if (length(t) == 1) frames <- list(frames)
  if (length(x$mu$lower) == 1) {
    colours <- grDevices::hcl.colors(length(t) + 2, "Blues 3")[seq_along(t)]
    open_frame(dots, xlim = range(x$mu$lower, x$nu$lower, x$mu$upper, x$nu$upper),
               ylim = c(0, max(vapply(frames, function(f) max(f$density), 0))), xlab = "x",
               ylab = "Density", main = "Displacement interpolation")
    for (k in seq_along(t)) draw_steps(frames[[k]], frames[[k]]$density, col = colours[k], lwd = 1.5)
    return(key_above(paste("t =", format(t, digits = 2, trim = TRUE)), col = colours, lwd = 1.5,
                     seg.len = 1.4))
  }
  rows <- ceiling(length(t) / 3)
  old <- two_panels(c(rows, min(3, length(t))))
  if (!is.null(old)) on.exit(par(old))
  # not that of the frames, in which single cells can stand out
  top <- max(flat_density(x$mu), flat_density(x$nu))
  for (k in seq_along(t)) {
    shade_density(frames[[k]], top, panel_dots(dots, k), main = paste("t =", format(t[k], digits = 2)))
  }
}

plot_monge_trace <- function(x, dots) {
  trace <- x$trace[x$trace$method == x$method, ]
  if (nrow(trace) < 2) {
    brenier_abort("There is no {.val trace}: the solution in one dimension is exact.", "argument",
                  argument = "which")
  }
  trace$at <- seq_len(nrow(trace))
  error <- log10(pmax(trace$error, 1e-16))
  open_frame(dots, xlim = range(trace$at), ylim = wide_range(error), xlab = "Iteration, on all grids",
             ylab = if (x$method == "newton") "RMS of the log ratio" else "L1 error",
             main = "Convergence, from coarse grids to fine", yaxt = "n")
  draw_log_axis(dots)
  groups <- split(seq_along(error), trace$cells)
  colours <- grDevices::hcl.colors(length(groups) + 2, "Blues 3", rev = TRUE)[-(1:2)]
  for (k in seq_along(groups)) {
    lines(trace$at[groups[[k]]], error[groups[[k]]], type = "o", pch = 16, cex = 0.6, col = colours[k],
          lwd = mark(dots, "lwd", 1.5))
  }
  ends <- c(1, length(groups))
  key_above(paste(format(as.numeric(names(groups))[unique(ends)], big.mark = " "), "cells"),
            col = colours[unique(ends)], lwd = 1.5, pch = 16, seg.len = 1.4)
}
