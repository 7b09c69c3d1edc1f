# The plots of transports, barycenters and flows of them for ggplot2.

gg_transport <- function(data) {
  if (!is.null(data$curve)) {
    rug <- function(v, side) {
      aes <- if (side == "b") ggplot2::aes(x = .data$v) else ggplot2::aes(y = .data$v)
      ggplot2::geom_rug(aes, data.frame(v = v), inherit.aes = FALSE, sides = side, alpha = 0.5,
                        colour = if (side == "b") FIT_COLOUR else OTHER_COLOUR)
    }
    return(ggplot2::ggplot(data$curve, ggplot2::aes(.data$x, .data$y)) + rug(data$from, "b") +
      rug(data$to, "l") + ggplot2::geom_line(colour = FIT_COLOUR, linewidth = 0.8) + gg_words(data$words))
  }
  side <- factor(rep(data$names, c(nrow(data$from), nrow(data$to))), data$names)
  # areas say how the masses differ within a side
  mass <- c(data$a / mean(data$a), data$b / mean(data$b))
  ggplot2::ggplot() + gg_points(gg_cloud(rbind(data$from, data$to), mass, side)) +
    ggplot2::geom_segment(ggplot2::aes(.data$x, .data$y, xend = .data$xend, yend = .data$yend), data$arrows,
                          arrow = grid_arrow(), colour = "grey25", alpha = 0.7, linewidth = 0.3) +
    gg_colours(data$names, c(FIT_COLOUR, OTHER_COLOUR)) + gg_words(data$words)
}

grid_arrow <- function() ggplot2::arrow(length = ggplot2::unit(0.05, "inches"))

gg_transport_trace <- function(data) {
  data$trace$of <- factor(data$keys[data$trace$of], data$keys)
  shown <- data$trace[!is.na(data$trace$value), ]
  ggplot2::ggplot(shown, ggplot2::aes(.data$iter, .data$value, colour = .data$of)) +
    ggplot2::geom_hline(yintercept = data$tol, linetype = 2) + ggplot2::geom_line() +
    ggplot2::geom_point(size = 0.8) + gg_powers() + gg_colours(data$keys, c(FIT_COLOUR, OTHER_COLOUR)) +
    gg_words(data$words) + ggplot2::labs(subtitle = "dashed: the error that was asked for")
}

gg_barycenter <- function(data) {
  n <- length(data$keys)
  keys <- c(data$keys, "barycenter")
  colours <- gg_colours(keys, c(coordinate_colours(n), OTHER_COLOUR))
  if (is.null(data$points)) {
    data$curves$of <- factor(data$curves$of, keys)
    return(ggplot2::ggplot(data$curves, ggplot2::aes(.data$p, .data$value, colour = .data$of,
                                                     linewidth = .data$of == "barycenter")) +
      ggplot2::geom_line() + colours + gg_words(data$words) +
      ggplot2::scale_linewidth_manual(values = c(0.5, 1.2), guide = "none"))
  }
  clouds <- do.call(rbind, Map(function(s, mass, key) gg_cloud(s, mass / mean(mass), rep(key, nrow(s))),
                               data$samples, data$masses, data$keys))
  centre <- gg_cloud(data$points, rep(1, nrow(data$points)), rep("barycenter", nrow(data$points)))
  ggplot2::ggplot() + gg_points(clouds, shape = 1, strength = 2) + gg_points(centre, strength = 2) + colours +
    gg_words(data$words)
}

gg_barycenter_trace <- function(data) {
  ggplot2::ggplot(data$trace, ggplot2::aes(.data$iter, .data$value)) +
    ggplot2::geom_line(colour = FIT_COLOUR) + ggplot2::geom_point(colour = FIT_COLOUR) + gg_powers() +
    gg_words(data$words)
}

# --- grids --------------------------------------------------------------------

#' Densities as tiles, a facet each.
#' @noRd
gg_shaded <- function(densities, titles, top) {
  tiles <- do.call(rbind, Map(gg_tiles, densities, titles))
  tiles$of <- factor(tiles$of, titles)
  tiles$density <- pmin(tiles$density, top)
  ggplot2::ggplot(tiles, ggplot2::aes(.data$x, .data$y, fill = .data$density)) + gg_cells(densities) +
    ggplot2::facet_wrap(~of) + gg_apart() + ggplot2::coord_fixed(expand = FALSE) +
    ggplot2::scale_fill_gradientn("density", colours = PALE(9), limits = c(0, top)) +
    ggplot2::labs(x = "x", y = "y")
}

# Frames of one size are rasters, others tiles of their own size.
gg_cells <- function(densities) {
  size <- unique(lapply(densities, function(m) (m$upper - m$lower)[1:2] / dim(m$density)[1:2]))
  same <- length(unique(lapply(densities, function(m) c(m$lower, m$upper)))) == 1
  if (length(size) == 1 && same) ggplot2::geom_raster() else
    ggplot2::geom_tile(width = max(vapply(size, `[`, 0, 1)), height = max(vapply(size, `[`, 0, 2)))
}

gg_steps <- function(densities, keys) {
  steps <- do.call(rbind, Map(function(mu, key) cbind(steps_of(mu), of = key), densities, keys))
  steps$of <- factor(steps$of, keys)
  ggplot2::ggplot(steps, ggplot2::aes(.data$x, .data$y, colour = .data$of)) + ggplot2::geom_step()
}

gg_monge_densities <- function(data) {
  if (!data$line) {
    return(gg_shaded(list(data$mu, data$nu), data$titles, max(flat_density(data$mu), flat_density(data$nu))))
  }
  image <- data$nu
  image$density <- data$pushforward
  gg_steps(list(data$mu, data$nu, image), data$keys) + ggplot2::aes(linewidth = .data$of) +
    ggplot2::scale_linewidth_manual(NULL, values = stats::setNames(c(0.7, 1.4, 0.35), data$keys)) +
    gg_colours(data$keys, c(FIT_COLOUR, OTHER_COLOUR, "grey15")) + gg_words(data$words)
}

gg_monge_grid <- function(data) {
  if (is.null(data$lines)) {
    return(ggplot2::ggplot(data$curve, ggplot2::aes(.data$x, .data$y)) +
      ggplot2::geom_abline(linetype = 2, colour = "grey60") +
      ggplot2::geom_line(colour = FIT_COLOUR, linewidth = 0.8, na.rm = TRUE) + gg_words(data$words))
  }
  lines <- data$lines
  lines$of <- factor(data$keys[lines$fixed], data$keys)
  ggplot2::ggplot(gg_tiles(data$nu), ggplot2::aes(.data$x, .data$y)) +
    ggplot2::geom_raster(ggplot2::aes(fill = .data$density), show.legend = FALSE) +
    ggplot2::scale_fill_gradientn(colours = grDevices::grey.colors(9, 1, 0.6), limits = c(0, NA)) +
    ggplot2::geom_path(ggplot2::aes(colour = .data$of, group = paste(.data$fixed, .data$at)), lines,
                       linewidth = 0.4, na.rm = TRUE) +
    gg_colours(data$keys, c(FIT_COLOUR, OTHER_COLOUR)) + ggplot2::coord_fixed(expand = FALSE) +
    ggplot2::labs(x = "x", y = "y", title = data$main)
}

gg_monge_path <- function(data) {
  if (!data$line) return(gg_shaded(data$frames, data$keys, data$top) + ggplot2::labs(title = data$words$main))
  gg_steps(data$frames, data$keys) + gg_colours(data$keys, path_colours(length(data$keys))) +
    gg_words(data$words)
}

gg_monge_trace <- function(data) {
  trace <- data$trace
  cells <- sort(unique(trace$cells))
  trace$of <- factor(trace$cells, cells)
  colours <- grDevices::hcl.colors(length(cells) + 2, "Blues 3", rev = TRUE)[-(1:2)]
  ggplot2::ggplot(trace, ggplot2::aes(.data$iter, .data$value, colour = .data$of)) + ggplot2::geom_line() +
    ggplot2::geom_point() + gg_powers() + gg_colours(as.character(cells), colours, "cells") +
    gg_words(data$words)
}

gg_divergences <- function(data) {
  n <- length(data$keys)
  curves <- data$curves
  curves$cycles <- data$cycles[curves$of]
  curves$of <- factor(data$keys[curves$of], data$keys)
  plot <- ggplot2::ggplot(curves, ggplot2::aes(.data$time, .data$value))
  bound <- data$bound[data$bound$value < 1 + max(curves$value), ]
  if (NROW(bound)) {
    plot <- plot + ggplot2::geom_line(data = bound, linetype = 2) +
      ggplot2::labs(subtitle = "dashed: the bound of the flow")
  }
  plot + ggplot2::geom_line(ggplot2::aes(colour = .data$of)) +
    ggplot2::geom_point(ggplot2::aes(colour = .data$of), curves[curves$cycles, ]) + gg_powers() +
    gg_colours(data$keys, flow_colours(n)) +
    ggplot2::labs(title = data$words$main, x = data$words$xlab, y = data$words$ylab)
}
