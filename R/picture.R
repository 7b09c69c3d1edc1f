# What plot() and autoplot() share: the numbers of a plot are computed once, and drawn in two ways.

#' One plot: `data(x, ask)` computes all that it shows, `draw(data, dots)` draws that in base graphics and
#' `gg(data)` in ggplot2. `ask` has what the user asked for: variables, levels, new data. Each class has
#' a function, `*_pictures()`, that lists its plots by the names that `which` takes.
#' @noRd
picture <- function(data, draw, gg) list(data = data, draw = draw, gg = gg)

draw_pictures <- function(pictures, which, x, ask, dots) {
  for (picture in pictures[which]) {
    data <- picture$data(x, ask) # what it refuses, it refuses before a page is opened
    picture$draw(data, dots)
  }
}

gg_picture <- function(pictures, which, x, ask) pictures[[which]]$gg(pictures[[which]]$data(x, ask))

#' The plots asked for, each once; `one` where it can be no more.
#' @noRd
check_which <- function(which, pictures, one = FALSE) {
  choices <- names(pictures)
  if (!is.character(which) || length(which) == 0) check_choice(which, choices, "which")
  which <- unique(vapply(which, check_choice, "", choices, "which", USE.NAMES = FALSE))
  if (one && length(which) > 1) {
    brenier_abort("{.arg which} must be one plot, not {length(which)}: an object each.", "argument",
                  argument = "which")
  }
  which
}

#' What the plots of one class say about themselves, in the words of graphics::title().
#' @noRd
words_of <- function(main, xlab, ylab, sub = NULL) list(main = main, xlab = xlab, ylab = ylab, sub = sub)

# --- ggplot2 ------------------------------------------------------------------

gg_words <- function(words) {
  ggplot2::labs(title = words$main, subtitle = words$sub, x = words$xlab, y = words$ylab)
}

#' Points for ggplot2: columns x, y, .weight, and .colour if there are several kinds.
#' @noRd
gg_cloud <- function(x, weights, colour = NULL) {
  rows <- drawn_rows(nrow(x))
  cloud <- data.frame(x = x[rows, 1], y = x[rows, 2], .weight = weights[rows])
  if (!is.null(colour)) cloud$.colour <- colour[rows]
  cloud
}

#' Points smaller and fainter the more there are, in area proportional to their weights, as
#' draw_points() has them.
#' @noRd
gg_points <- function(cloud, ..., colour = "grey15", strength = 1) {
  n <- nrow(cloud)
  same <- n == 0 || all(cloud$.weight == cloud$.weight[1])
  alpha <- min(1, strength * min(0.8, 12 / sqrt(max(n, 1))))
  kind <- if (is.null(cloud$.colour)) list(colour = colour) else NULL
  aes <- ggplot2::aes(.data$x, .data$y)
  if (!same) aes$size <- quote(.data$.weight)
  if (is.null(kind)) aes$colour <- quote(.data$.colour)
  size <- if (same) list(size = min(1.6, max(0.8, 4.4 / max(n, 1)^0.2)))
  list(
    do.call(ggplot2::geom_point, c(list(aes, cloud, inherit.aes = FALSE, alpha = alpha), size, kind,
                                   list(...))),
    if (!same) ggplot2::scale_size_area(max_size = 3, guide = "none")
  )
}

#' Heights as shades of the regions that hold the probabilities `level`.
#' @noRd
gg_shades <- function(level) {
  ggplot2::scale_fill_manual("holds", values = stats::setNames(shades(length(level)),
                                                               rev(percent(level))))
}

gg_levels <- function(level, of) factor(percent(level), rev(percent(of)))

#' Named colours of what the plot tells apart.
#' @noRd
gg_colours <- function(words, colours, name = NULL, ...) {
  ggplot2::scale_colour_manual(name, values = stats::setNames(colours, words), breaks = words, ...)
}

# Labels of neighbouring facets do not touch.
gg_apart <- function() ggplot2::theme(panel.spacing.x = ggplot2::unit(1, "lines"))

gg_bars <- function(bars, ...) {
  ggplot2::geom_rect(ggplot2::aes(xmin = .data$left, xmax = .data$right, ymin = 0,
                                  ymax = .data$height), bars, inherit.aes = FALSE, ...)
}

gg_powers <- function() {
  ggplot2::scale_y_continuous(
    breaks = function(limits) {
      at <- unique(round(pretty(limits, 5)))
      at <- at[at >= limits[1] & at <= limits[2]]
      if (length(at) > 1) at else log10(Filter(function(v) v > 0, pretty(10^limits, 4)))
    },
    labels = function(at) {
      whole <- abs(at - round(at)) < 1e-9
      if (all(whole, na.rm = TRUE)) parse(text = paste0("10^", at)) else format(10^at, digits = 2)
    }
  )
}

#' A density in the plane as tiles; `of` tells several apart.
#' @noRd
gg_tiles <- function(mu, of = NULL) {
  tiles <- expand.grid(x = mu$centers[[1]], y = mu$centers[[2]])
  tiles$density <- as.vector(flat_density(mu))
  if (!is.null(of)) tiles$of <- of
  tiles
}

#' A matrix of scatter plots: below the diagonal the points `below`, above it `above`, data frames
#' with the columns `names` and .weight; on the diagonal `outlines(k)`: a list of data frames x, y,
#' the first filled and the second a line. `over(i, j)` adds paths x, y, group above the diagonal.
#' @noRd
gg_pairs <- function(names, below, above, outlines, title, colours, over = NULL) {
  d <- length(names)
  place <- function(frame, i, j) {
    if (NROW(frame) == 0) return(NULL)
    cbind(frame, .row = factor(names[i], names), .col = factor(names[j], names))
  }
  pairs <- expand.grid(i = seq_len(d), j = seq_len(d))
  points <- function(frame, where) {
    do.call(rbind, Map(function(i, j) {
      place(data.frame(x = frame[[names[j]]], y = frame[[names[i]]], .weight = frame$.weight), i, j)
    }, where$i, where$j))
  }
  both <- rbind(below[names], if (!is.null(above)) above[names])
  onto <- function(k, which) {
    parts <- outlines(k)
    ends <- range(both[[k]])
    top <- max(vapply(parts, function(p) max(p$y), 0))
    part <- parts[[which]]
    place(data.frame(x = part$x, low = ends[1], y = ends[1] + diff(ends) * part$y / (1.05 * top)), k, k)
  }
  each <- function(which) do.call(rbind, lapply(seq_len(d), onto, which))
  lower <- pairs[pairs$i > pairs$j, ]
  upper <- pairs[pairs$i < pairs$j, ]
  strong <- sqrt(nrow(lower)) # the points of one panel are what is crowded
  plot <- ggplot2::ggplot(mapping = ggplot2::aes(.data$x, .data$y)) +
    ggplot2::facet_grid(ggplot2::vars(.data$.row), ggplot2::vars(.data$.col), scales = "free") +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = .data$low, ymax = .data$y), each(1), fill = shades(5)[2]) +
    ggplot2::geom_path(data = each(2), colour = colours[3]) +
    gg_points(points(below, lower), colour = colours[1], strength = strong)
  if (!is.null(above)) plot <- plot + gg_points(points(above, upper), colour = colours[2], strength = strong)
  if (!is.null(over)) {
    paths <- do.call(rbind, Map(function(i, j) place(over(i, j), i, j), upper$i, upper$j))
    if (!is.null(paths)) {
      plot <- plot + ggplot2::geom_path(ggplot2::aes(group = .data$group), paths, colour = FIT_COLOUR,
                                        linewidth = 0.4)
    }
  }
  plot + ggplot2::labs(x = NULL, y = NULL, title = title)
}

#' A histogram as an outline of steps, for gg_pairs().
#' @noRd
bar_outline <- function(breaks, heights) {
  data.frame(x = rep(breaks, each = 2), y = c(0, rep(heights, each = 2), 0))
}
