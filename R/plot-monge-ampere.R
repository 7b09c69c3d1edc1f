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
#' @family pictures
#' @examples
#' hill <- function(m) function(x) exp(-20 * ((x[, 1] - m)^2 + (x[, 2] - 0.5)^2)) + 0.05
#' on_square <- function(f) grid_density(f, c(0, 0), c(1, 1), n = 64)
#' ma <- monge_ampere(on_square(hill(0.3)), on_square(hill(0.7)))
#' plot(ma, "grid")
#' plot(ma, "interpolation", t = c(0, 0.5, 1))
#' @export
plot.monge_ampere <- function(x, which = "density", t = seq(0, 1, 0.25), lines = 25, ...) {
  which <- check_which(which, monge_pictures())
  dots <- check_graphical(..., known = c("which", "t", "lines"))
  draw_pictures(monge_pictures(), which, x, list(t = t, lines = check_count(lines, "lines", 2, 500)), dots)
  invisible(x)
}

monge_pictures <- function() {
  list(
    density = picture(monge_densities_data, draw_monge_densities, gg_monge_densities),
    grid = picture(monge_grid_data, draw_monge_grid, gg_monge_grid),
    interpolation = picture(monge_path_data, draw_monge_path, gg_monge_path),
    trace = picture(monge_trace_data, draw_monge_trace, gg_monge_trace)
  )
}

#' A density as a matrix: in three dimensions its integral along the last axis.
#' @noRd
flat_density <- function(mu) {
  if (length(dim(mu$density)) == 2) return(mu$density)
  rowSums(mu$density, dims = 2) * (mu$upper[3] - mu$lower[3]) / dim(mu$density)[3]
}

cell_edges <- function(mu, k) seq(mu$lower[k], mu$upper[k], length.out = dim(mu$density)[k] + 1)

PALE <- function(n) grDevices::hcl.colors(n, "Blues 3", rev = TRUE)

#' Shades of one density, dark where it is high; `top` is that of the darkest. The frame is that of the
#' density.
#' @noRd
shade_density <- function(mu, top, dots, main, colours = PALE(64), keys = FALSE) {
  plain <- replace(dots, c("ann", "axes"), FALSE)
  open_frame(plain, xlim = c(mu$lower[1], mu$upper[1]), ylim = c(mu$lower[2], mu$upper[2]), xaxs = "i",
             yaxs = "i", asp = 1)
  graphics::image(cell_edges(mu, 1), cell_edges(mu, 2), pmin(flat_density(mu), top), col = colours,
                  zlim = c(0, top), add = TRUE, useRaster = TRUE)
  # asp makes the plot wider or higher than the density: axes and titles are where it ends
  usr <- par("usr")
  line <- par("csi") * par("mex")
  axis <- 2:1
  aside <- (1 - (mu$upper - mu$lower)[axis] / c(usr[4] - usr[3], usr[2] - usr[1])) * par("pin")[axis] /
    (2 * line)
  if (!isFALSE(dots$ann)) {
    style <- dots[intersect(names(dots), c("cex.main", "col.main", "font.main", "cex.lab", "col.lab",
                                           "font.lab", "family"))]
    titles <- function(..., at) do.call(graphics::title, c(list(..., line = at), style))
    titles(main = dots$main %||% main, at = (if (keys) 1.7 else 1.2) - aside[1])
    titles(xlab = dots$xlab %||% "x", at = 2.5 - aside[1])
    titles(ylab = dots$ylab %||% "y", at = 2.5 - aside[2])
  }
  if (isFALSE(dots$axes)) return(invisible())
  for (side in 1:2) {
    if (identical(dots[[c("xaxt", "yaxt")[side]]], "n")) next
    at <- pretty(c(mu$lower[side], mu$upper[side]), 4)
    edge <- if (side == 1) mu$lower[2] else mu$lower[1]
    graphics::axis(side, at[at >= mu$lower[side] & at <= mu$upper[side]], pos = edge, las = 1,
                   cex.axis = mark(dots, "cex.axis", 1))
  }
  graphics::rect(mu$lower[1], mu$lower[2], mu$upper[1], mu$upper[2], border = "grey60")
}

monge_densities_data <- function(x, ask) {
  d <- length(x$mu$lower)
  along <- if (d == 3) ", along the third axis"
  list(line = d == 1, mu = x$mu, nu = x$nu, pushforward = x$pushforward,
       keys = c("from", "to", "image of from"), titles = paste0(c("From", "To"), along),
       words = words_of("Densities", "x", "Density"))
}

draw_monge_densities <- function(data, dots) {
  if (data$line) return(draw_line_densities(data, dots))
  old <- two_panels()
  if (!is.null(old)) on.exit(par(old))
  top <- max(flat_density(data$mu), flat_density(data$nu))
  shade_density(data$mu, top, panel_dots(dots, 1), main = data$titles[1])
  shade_density(data$nu, top, panel_dots(dots, 2), main = data$titles[2])
}

#' The density of one dimension as steps.
#' @noRd
steps_of <- function(mu, values = mu$density) {
  data.frame(x = cell_edges(mu, 1), y = c(values, values[length(values)]))
}

draw_line_densities <- function(data, dots) {
  colours <- c(mark(dots, "col", FIT_COLOUR), OTHER_COLOUR, "grey15")
  lwd <- mark(dots, "lwd", 1.5)
  mu <- data$mu
  nu <- data$nu
  open_frame(dots, data$words, xlim = range(mu$lower, nu$lower, mu$upper, nu$upper),
             ylim = c(0, max(mu$density, nu$density)))
  lines(steps_of(mu), type = "s", col = colours[1], lwd = lwd)
  lines(steps_of(nu), type = "s", col = colours[2], lwd = 2 * lwd)
  lines(steps_of(nu, data$pushforward), type = "s", col = colours[3], lwd = lwd / 2)
  key_above(data$keys, col = colours, lwd = lwd * c(1, 2, 0.5), seg.len = 1.4)
}

monge_grid_data <- function(x, ask) {
  d <- length(x$mu$lower)
  if (d == 3) {
    brenier_abort(c("A {.val grid} of three dimensions cannot be drawn.",
                    i = "Draw the {.val interpolation}, or maps of points by {.fn predict}."),
                  "argument", argument = "which")
  }
  if (d == 1) {
    map <- x$map
    map[x$mu$density == 0] <- NA # where nothing is, nothing goes
    return(list(
      curve = data.frame(x = x$mu$centers[[1]], y = as.vector(map)), keys = c("T(x)", "identity"),
      xlim = c(x$mu$lower, x$mu$upper), ylim = c(x$nu$lower, x$nu$upper),
      words = words_of("Optimal map", "x", "T(x)")
    ))
  }
  lines <- do.call(rbind, lapply(1:2, function(k) {
    along <- seq(x$mu$lower[3 - k], x$mu$upper[3 - k], length.out = 401)
    do.call(rbind, lapply(seq(x$mu$lower[k], x$mu$upper[k], length.out = ask$lines), function(at) {
      points <- if (k == 1) cbind(at, along) else cbind(along, at)
      moved <- interpolate_cells(x$mu, matrix(x$map, ncol = 2), points)
      charged <- interpolate_cells(x$mu, matrix(x$mu$density, ncol = 1), points) > 0
      moved[!charged, ] <- NA
      data.frame(x = moved[, 1], y = moved[, 2], fixed = k, at = at)
    }))
  }))
  list(nu = x$nu, lines = lines, keys = paste(c("first", "second"), "coordinate fixed"),
       main = "Grid of mu, as the map lays it over nu")
}

draw_monge_grid <- function(data, dots) {
  lwd <- mark(dots, "lwd", if (is.null(data$lines)) 2 else 0.7)
  if (is.null(data$lines)) {
    colour <- mark(dots, "col", FIT_COLOUR)
    open_frame(dots, data$words, xlim = data$xlim, ylim = data$ylim)
    abline(0, 1, col = "grey60", lty = 2)
    lines(data$curve, col = colour, lwd = lwd)
    return(key_above(data$keys, col = c(colour, "grey60"), lty = c(1, 2), lwd = c(lwd, 1), seg.len = 1.6))
  }
  shade_density(data$nu, max(data$nu$density), dots, main = data$main,
                colours = grDevices::grey.colors(64, 1, 0.6), keys = TRUE)
  colours <- c(FIT_COLOUR, OTHER_COLOUR)
  for (line in split(data$lines, data$lines[c("at", "fixed")], drop = TRUE)) {
    lines(line$x, line$y, col = mark(dots, "col", colours[line$fixed[1]]), lwd = lwd,
          lty = mark(dots, "lty", 1))
  }
  key_above(data$keys, col = colours, lwd = 2, seg.len = 1.4)
}

monge_path_data <- function(x, ask) {
  frames <- displacement(x, ask$t)
  if (length(ask$t) == 1) frames <- list(frames)
  list(
    line = length(x$mu$lower) == 1, frames = frames,
    keys = paste("t =", format(ask$t, digits = 2, trim = TRUE)),
    # not that of the frames, in which single cells can stand out
    top = if (length(x$mu$lower) > 1) max(flat_density(x$mu), flat_density(x$nu)),
    words = words_of("Displacement interpolation", "x", "Density")
  )
}

draw_monge_path <- function(data, dots) {
  frames <- data$frames
  n <- length(frames)
  if (data$line) {
    colours <- path_colours(n)
    open_frame(dots, data$words, xlim = range(lapply(frames, function(f) c(f$lower, f$upper))),
               ylim = c(0, max(vapply(frames, function(f) max(f$density), 0))))
    for (k in seq_len(n)) lines(steps_of(frames[[k]]), type = "s", col = colours[k], lwd = 1.5)
    return(key_above(data$keys, col = colours, lwd = 1.5, seg.len = 1.4))
  }
  old <- two_panels(c(ceiling(n / 3), min(3, n)))
  if (!is.null(old)) on.exit(par(old))
  for (k in seq_len(n)) shade_density(frames[[k]], data$top, panel_dots(dots, k), main = data$keys[k])
}

#' From the blue of the start to the orange of the end: times between are told by both.
#' @noRd
path_colours <- function(n) grDevices::colorRampPalette(c(FIT_COLOUR, "grey60", OTHER_COLOUR))(n)

monge_trace_data <- function(x, ask) {
  trace <- x$trace[x$trace$method == x$method, ]
  if (nrow(trace) < 2) {
    brenier_abort("There is no {.val trace}: the solution in one dimension is exact.", "argument",
                  argument = "which")
  }
  list(
    trace = data.frame(iter = seq_len(nrow(trace)), value = log10(pmax(trace$error, 1e-16)),
                       cells = trace$cells),
    words = words_of("Convergence, from coarse grids to fine", "Iteration, on all grids",
                     if (x$method == "newton") "RMS of the log ratio" else "L1 error")
  )
}

draw_monge_trace <- function(data, dots) {
  trace <- data$trace
  open_frame(dots, data$words, xlim = range(trace$iter), ylim = wide_range(trace$value), yaxt = "n")
  draw_log_axis(dots)
  groups <- split(trace, trace$cells)
  colours <- grDevices::hcl.colors(length(groups) + 2, "Blues 3", rev = TRUE)[-(1:2)]
  for (k in seq_along(groups)) {
    lines(groups[[k]]$iter, groups[[k]]$value, type = "o", pch = 16, cex = 0.6, col = colours[k],
          lwd = mark(dots, "lwd", 1.5))
  }
  ends <- unique(c(1, length(groups)))
  key_above(paste(format(as.numeric(names(groups))[ends], big.mark = " ", trim = TRUE), "cells"),
            col = colours[ends], lwd = 1.5, pch = 16, seg.len = 1.4)
}
