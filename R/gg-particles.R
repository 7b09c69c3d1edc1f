# The plots of particles, discrepancies and regrets for ggplot2.

gg_particles <- function(data) {
  if (data$kind == "pairs") return(gg_scatter(data))
  keys <- c(data$key %||% "particles", "data")
  if (data$kind == "bars") {
    plot <- ggplot2::ggplot() + gg_bars(data$particles, fill = shades(4)[2], colour = "white") +
      gg_words(data$words)
    if (is.null(data$data)) return(plot)
    outline <- bar_outline(data$breaks, data$data$height)
    return(plot + ggplot2::geom_path(ggplot2::aes(.data$x, .data$y), outline) +
      ggplot2::labs(subtitle = paste("bars:", keys[1], "- line: data")))
  }
  cloud <- function(x, weights, key) gg_cloud(x, weights, rep(key, nrow(x)))
  shown <- cloud(data$particles, rep(1, nrow(data$particles)), keys[1])
  plot <- ggplot2::ggplot()
  if (!is.null(data$data)) {
    plot <- plot + gg_points(cloud(data$data, data$weights, "data"), shape = 1, strength = 2) +
      gg_colours(keys, c(FIT_COLOUR, "grey50"))
  } else {
    shown$.colour <- NULL
  }
  plot + gg_points(shown, colour = FIT_COLOUR, strength = 1.5) + gg_words(data$words) +
    if (!is.na(data$asp)) ggplot2::coord_fixed()
}

gg_paths <- function(data) {
  plot <- ggplot2::ggplot(data$paths, ggplot2::aes(.data$x, .data$y)) +
    ggplot2::geom_path(ggplot2::aes(group = .data$particle), colour = FIT_COLOUR, alpha = 0.35) +
    gg_words(data$words)
  if (data$line) return(plot)
  ends <- data$paths[data$paths$time %in% c(1, data$end), ]
  ends$of <- factor(ifelse(ends$time == 1, "start", "end"), c("start", "end"))
  plot + ggplot2::geom_point(ggplot2::aes(colour = .data$of, shape = .data$of), ends, size = 1.2) +
    gg_colours(c("start", "end"), c("grey50", FIT_COLOUR)) +
    ggplot2::scale_shape_manual(NULL, values = c(start = 1, end = 16)) +
    if (!is.na(data$asp)) ggplot2::coord_fixed()
}

gg_energy <- function(data) {
  style <- energy_style(unique(data$curves$of))
  ggplot2::ggplot(data$curves, ggplot2::aes(.data$iter, .data$value, colour = .data$of, linetype = .data$of,
                                            group = paste(.data$of, .data$part))) +
    ggplot2::geom_vline(xintercept = data$changes, colour = "grey92") + ggplot2::geom_line() +
    (if (data$log) gg_powers()) + gg_colours(style$words, style$col) +
    ggplot2::scale_linetype_manual(NULL, values = stats::setNames(style$lty, style$words),
                                   breaks = style$words) + gg_words(data$words)
}

gg_null <- function(data) {
  ggplot2::ggplot() + gg_bars(data$bars, fill = shades(5)[2], colour = "white") +
    ggplot2::geom_vline(xintercept = data$value, colour = OTHER_COLOUR, linewidth = 1) +
    gg_words(data$words) + ggplot2::labs(subtitle = "bars: the null - line: the samples")
}

gg_books <- function(data) {
  books <- data$books
  panels <- c("Regret, nats", "Log10 of the residual of the identity")
  part <- function(value, of, panel) data.frame(iter = books$iter, value = value, of = of, panel = panel)
  shown <- rbind(part(books$regret, "regret", panels[1]), part(books$bound, "bound", panels[1]),
                 part(books$residual, "residual", panels[2]))
  shown <- shown[is.finite(shown$value), ]
  shown$panel <- factor(shown$panel, panels)
  keys <- c("regret", "bound", "residual")
  ggplot2::ggplot(shown, ggplot2::aes(.data$iter, .data$value, colour = .data$of)) +
    ggplot2::geom_hline(ggplot2::aes(yintercept = .data$value), linetype = 2,
                        data.frame(panel = factor(panels[2], panels), value = data$rounding)) +
    ggplot2::geom_line(data = shown[shown$of != "residual", ]) + ggplot2::geom_point(size = 0.8) +
    ggplot2::facet_wrap(~panel, scales = "free_y", ncol = 1) +
    gg_colours(keys, c(FIT_COLOUR, OTHER_COLOUR, FIT_COLOUR)) +
    ggplot2::labs(x = "Step", y = NULL, title = "Regret", subtitle = "dashed: rounding")
}
