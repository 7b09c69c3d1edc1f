# The plots of fitted maps for ggplot2, from the numbers that plot() draws.

gg_density <- function(data) {
  switch(data$kind, pairs = gg_scatter, laws = gg_laws, curve = gg_curve, contours = gg_heights)(data)
}

gg_curve <- function(data) {
  ggplot2::ggplot(data$curve, ggplot2::aes(.data$x, .data$y)) +
    gg_bars(data$bars, fill = "grey85", colour = "white") +
    ggplot2::geom_line(colour = FIT_COLOUR, linewidth = 0.8) + gg_rug(data$x) + gg_words(data$words)
}

gg_rug <- function(x) {
  rows <- drawn_rows(length(x))
  ggplot2::geom_rug(ggplot2::aes(x = .data$x), data.frame(x = x[rows]), inherit.aes = FALSE,
                    alpha = min(0.6, max(0.05, 60 / length(rows))))
}

gg_heights <- function(data) {
  grid <- expand.grid(x = data$at[[1]], y = data$at[[2]])
  grid$height <- as.vector(data$height)
  inside <- findInterval(grid$height, data$cuts)
  grid$holds <- gg_levels(rev(data$level)[pmax(inside, 1)], data$level)
  ggplot2::ggplot(grid, ggplot2::aes(.data$x, .data$y)) +
    ggplot2::geom_raster(ggplot2::aes(fill = .data$holds), grid[inside > 0, ]) +
    ggplot2::geom_contour(ggplot2::aes(z = .data$height), breaks = data$cuts, colour = FIT_COLOUR,
                          linewidth = 0.3) +
    gg_points(gg_cloud(data$points, data$weights)) + gg_shades(data$level) + gg_words(data$words)
}

gg_scatter <- function(data) {
  frame <- function(x, weights) {
    data.frame(x, .weight = weights, check.names = FALSE)[drawn_rows(nrow(x)), ]
  }
  above <- data$above[data$shown, , drop = FALSE]
  gg_pairs(
    colnames(data$below), frame(data$below, data$weights), frame(above, rep(1, nrow(above))),
    function(k) {
      bars <- pair_bars(data$below[, k], data$weights, data$above[, k])
      list(bar_outline(bars$breaks, bars$above), bar_outline(bars$breaks, bars$below))
    }, data$main, c("grey15", FIT_COLOUR, "grey15")
  )
}

gg_quantile <- function(data) {
  switch(data$kind, rank = gg_rank, laws = gg_laws, contours = gg_contours, shades = gg_quantile_shades)(data)
}

gg_quantile_shades <- function(data) {
  parts <- do.call(rbind, data$parts)
  parts$holds <- gg_levels(parts$level, data$level)
  ggplot2::ggplot(data$curve, ggplot2::aes(.data$x, .data$y)) +
    ggplot2::geom_area(ggplot2::aes(fill = .data$holds), parts, position = "identity") +
    ggplot2::geom_line(colour = FIT_COLOUR, linewidth = 0.8) + gg_rug(data$x) +
    gg_shades(data$level) + gg_words(data$words)
}

gg_contours <- function(data) {
  gg_borders(data$region) + gg_points(gg_cloud(data$points, data$weights), strength = 0.7) +
    gg_words(data$words)
}

#' The borders of regions in the plane: colours tell levels apart, or, where there are several, laws.
#' @noRd
gg_borders <- function(region) {
  contour <- region$contour
  at <- contour[region$variables]
  names(at) <- c("x", "y")
  at$row <- contour$row %||% rep(1L, nrow(contour))
  at$group <- paste(at$row, contour$level)
  level <- sort(unique(contour$level))
  laws <- max(at$row)
  at$.colour <- if (laws > 1) factor(at$row) else gg_levels(contour$level, level)
  ggplot2::ggplot() +
    ggplot2::geom_path(ggplot2::aes(.data$x, .data$y, colour = .data$.colour, group = .data$group), at) +
    if (laws > 1) gg_colours(as.character(seq_len(laws)), coordinate_colours(laws), "row") else
      gg_colours(rev(percent(level)), contour_colours(length(level)), "holds")
}

gg_grid <- function(data) {
  if (!is.null(data$curve)) {
    inside <- data$curve$x >= min(data$ranks$x) & data$curve$x <= max(data$ranks$x)
    reach <- range(data$ranks$y, data$curve$y[inside])
    return(ggplot2::ggplot(data$curve, ggplot2::aes(.data$x, .data$y)) +
      gg_points(data$ranks) + ggplot2::geom_line(colour = FIT_COLOUR, linewidth = 0.8) +
      ggplot2::coord_cartesian(ylim = reach) + gg_words(data$words))
  }
  lines <- do.call(rbind, lapply(1:2, function(k) {
    paths <- data$families[[k]]
    data.frame(x = as.vector(paths[, 1, ]), y = as.vector(paths[, 2, ]), fixed = data$keys[k],
               at = rep(data$at, each = dim(paths)[1]))
  }))
  ggplot2::ggplot(lines, ggplot2::aes(.data$x, .data$y)) +
    gg_points(gg_cloud(data$points, data$weights), strength = 0.5) +
    ggplot2::geom_path(ggplot2::aes(colour = .data$fixed, linewidth = .data$at == 0,
                                    group = paste(.data$fixed, .data$at))) +
    gg_colours(data$keys, c(FIT_COLOUR, OTHER_COLOUR)) +
    ggplot2::scale_linewidth_manual(values = c(0.4, 1), guide = "none") + gg_words(data$words)
}

gg_trace <- function(data) {
  trace <- data$trace
  panels <- c("Objective", "Log10 of the certificate")
  part <- function(value, of, panel) {
    data.frame(trace[c("layer", "iter")], value = value, of = of, panel = panel)
  }
  shown <- rbind(part(trace$objective, "data", panels[1]), part(trace$validation, "held out", panels[1]),
                 part(log10(pmax(trace$gap, data$tol / 1000)), "data", panels[2]))
  shown <- shown[is.finite(shown$value), ]
  shown$panel <- factor(shown$panel, panels)
  # at least a twentieth of a nat, lest rounding looks like progress
  losses <- mean(range(trace$objective, trace$validation, finite = TRUE)) + c(-0.025, 0.025)
  room <- data.frame(iter = c(0, max(1, trace$iter)), value = losses, panel = factor(panels[1], panels))
  single <- shown[stats::ave(shown$iter, shown$panel, shown$layer, shown$of, FUN = length) > 1, ]
  ggplot2::ggplot(shown, ggplot2::aes(.data$iter, .data$value, colour = .data$of,
                                      group = paste(.data$layer, .data$of))) +
    ggplot2::geom_blank(ggplot2::aes(.data$iter, .data$value), room, inherit.aes = FALSE) +
    ggplot2::geom_line(data = single) + ggplot2::geom_point(size = 0.8) +
    ggplot2::geom_hline(ggplot2::aes(yintercept = .data$value), linetype = 2,
                        data.frame(panel = factor(panels[2], panels), value = log10(data$tol))) +
    ggplot2::facet_wrap(~panel, scales = "free_y") +
    gg_colours(c("data", "held out"), c(FIT_COLOUR, OTHER_COLOUR)) +
    ggplot2::labs(x = "Step", y = "Nats a point")
}

gg_qq <- function(data) {
  parts <- data$coordinates
  bands <- lapply(data$names, function(name) cbind(data$band, of = name))
  if (data$all && data$d > 1) {
    parts <- c(list(data$radius), parts)
    bands <- c(list(cbind(data$ring, of = data$radius$of[1])), bands)
  }
  shown <- do.call(rbind, parts)
  band <- do.call(rbind, bands)
  order <- unique(shown$of)
  shown$of <- factor(shown$of, order)
  band$of <- factor(band$of, order)
  points <- data.frame(x = shown$at, y = shown$value, shown[c(".weight", "of")])
  plot <- ggplot2::ggplot(band, ggplot2::aes(.data$at)) +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = .data$lower, ymax = .data$upper), fill = "grey50", alpha = 0.3) +
    ggplot2::geom_abline(linetype = 2) +
    gg_points(points, colour = FIT_COLOUR, strength = 2 * length(order)) +
    ggplot2::labs(x = "Quantile of the reference", y = "T(x)", title = data$main)
  if (length(order) > 1) plot + ggplot2::facet_wrap(~of, scales = "free") + gg_apart() else plot
}

gg_rank <- function(data) {
  ggplot2::ggplot() + gg_bars(data$bars, fill = shades(5)[2], colour = "white") +
    ggplot2::annotate("rect", xmin = 0, xmax = 1, ymin = data$band[1], ymax = data$band[2], alpha = 0.2) +
    ggplot2::geom_hline(yintercept = 1, linetype = 2) +
    ggplot2::labs(x = data$label, y = "Density", title = "Ranks of the data",
                  subtitle = "grey: 95% of the heights of a bar if the fit is right")
}

# --- with covariates ----------------------------------------------------------

gg_laws <- function(data) {
  switch(data$shape, fans = gg_fans, bars = gg_law_bars, curves = gg_law_curves,
         contours = gg_law_contours)(data) + gg_words(data$words)
}

#' Lower and upper ends of the regions, from the widest in.
#' @noRd
law_ends <- function(data, rows = seq_len(nrow(data$quantiles)), ...) {
  k <- length(data$level)
  q <- data$quantiles[rows, , drop = FALSE]
  do.call(rbind, lapply(rev(seq_len(k)), function(j) {
    data.frame(..., lower = q[, k + 1 - j], upper = q[, k + 1 + j], median = q[, k + 1],
               holds = gg_levels(data$level[j], data$level))
  }))
}

gg_fans <- function(data) {
  # dates stay dates
  on_axis <- function(x) values_like(data$xlim, x)
  keys <- factor(data$keys, data$keys)
  ends <- do.call(rbind, lapply(seq_len(data$groups), function(g) {
    r <- data$rows[[g]]
    law_ends(data, r, x = on_axis(data$x[r]), mean = as.vector(data$mean)[r], group = keys[g])
  }))
  cloud <- gg_cloud(cbind(data$at, data$y), data$weights,
                    keys[if (data$groups > 1) data$law else rep(1, length(data$y))])
  cloud$group <- cloud$.colour
  cloud$.colour <- NULL
  cloud$x <- on_axis(cloud$x)
  cloud <- cloud[!is.na(cloud$x) & !is.na(cloud$group), ]
  plot <- ggplot2::ggplot(ends, ggplot2::aes(.data$x)) +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = .data$lower, ymax = .data$upper, fill = .data$holds)) +
    gg_points(cloud, strength = 0.7 * sqrt(data$groups)) +
    ggplot2::geom_line(ggplot2::aes(y = .data$median, colour = "median"), linewidth = 0.8) +
    ggplot2::geom_line(ggplot2::aes(y = .data$mean, colour = "mean"), linetype = 2) +
    gg_shades(data$level) + gg_colours(c("median", "mean"), c(FIT_COLOUR, OTHER_COLOUR))
  if (data$groups > 1) plot + ggplot2::facet_wrap(~group) + gg_apart() else plot
}

gg_law_bars <- function(data) {
  n <- length(data$keys)
  mine <- which(!is.na(data$law))
  cloud <- gg_cloud(cbind(data$law[mine] + aside(length(mine)), data$y[mine]), data$weights[mine])
  ends <- law_ends(data, law = seq_len(n))
  middle <- data.frame(law = seq_len(n), y = ends$median[seq_len(n)],
                       mean = as.vector(data$mean))
  ggplot2::ggplot(ends) +
    ggplot2::geom_rect(ggplot2::aes(xmin = .data$law - 0.35, xmax = .data$law + 0.35, ymin = .data$lower,
                                    ymax = .data$upper, fill = .data$holds)) +
    gg_points(cloud, strength = 0.7) +
    ggplot2::geom_segment(ggplot2::aes(x = .data$law - 0.35, xend = .data$law + 0.35, y = .data$y,
                                       yend = .data$y, colour = "median"), middle, linewidth = 0.8) +
    ggplot2::geom_point(ggplot2::aes(.data$law, .data$mean, colour = "mean"), middle, shape = 18, size = 3) +
    ggplot2::scale_x_continuous(breaks = seq_len(n), labels = data$keys) + gg_shades(data$level) +
    gg_colours(c("median", "mean"), c(FIT_COLOUR, OTHER_COLOUR))
}

gg_law_curves <- function(data) {
  n <- length(data$keys)
  keys <- factor(data$keys, data$keys)
  shown <- data.frame(x = data$at, y = as.vector(data$heights), law = rep(keys, each = length(data$at)))
  ggplot2::ggplot(shown, ggplot2::aes(.data$x, .data$y, colour = .data$law)) +
    ggplot2::geom_line(linewidth = 0.8) + gg_rug(data$x[data$x >= min(data$at) & data$x <= max(data$at)]) +
    gg_colours(data$keys, coordinate_colours(n))
}

gg_law_contours <- function(data) {
  n <- length(data$keys)
  keys <- factor(data$keys, data$keys)
  shown <- do.call(rbind, lapply(seq_len(n), function(k) {
    do.call(rbind, lapply(seq_along(data$borders[[k]]), function(b) {
      border <- data$borders[[k]][[b]]
      data.frame(x = border[, 1], y = border[, 2], law = keys[k], border = paste(k, b))
    }))
  }))
  ggplot2::ggplot(shown, ggplot2::aes(.data$x, .data$y)) +
    gg_points(gg_cloud(data$points, data$weights, keys[data$law]), strength = 0.7) +
    ggplot2::geom_path(ggplot2::aes(colour = .data$law, group = .data$border)) +
    gg_colours(data$keys, coordinate_colours(n), na.value = "grey15")
}
