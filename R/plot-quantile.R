# plot(fit, "quantile") and plot(quantile_region(fit))

plot_quantile <- function(fit, level, dots) {
  if (fit$d == 1) return(plot_quantile_shades(fit, level, dots))
  if (fit$d == 2) return(plot_quantile_contours(fit, level, dots))
  plot_rank_bars(fit, dots)
}

plot_quantile_shades <- function(fit, level, dots) {
  ends <- quantile_region(fit, level)$contour
  around <- range(fit$x, ends$lower, ends$upper)
  curve <- density_curve(fit, wide_range(dots$xlim %||% around, 0.04))
  open_frame(
    dots, xlim = range(curve$x), ylim = c(0, max(curve$y)), xlab = fit$variables, ylab = "Density",
    main = "Quantile regions"
  )
  colours <- shades(length(level))
  for (k in rev(seq_along(level))) {
    inside <- curve$x > ends$lower[k] & curve$x < ends$upper[k]
    edge <- c(ends$lower[k], ends$upper[k])
    height <- stats::approx(curve, xout = edge, rule = 2)$y
    graphics::polygon(
      c(edge[1], edge[1], curve$x[inside], edge[2], edge[2]),
      c(0, height[1], curve$y[inside], height[2], 0), col = rev(colours)[k], border = NA
    )
  }
  lines(curve, col = mark(dots, "col", FIT_COLOUR), lwd = mark(dots, "lwd", 2),
        lty = mark(dots, "lty", 1))
  draw_rug(fit$x[, 1])
  words <- percent(level)
  key_above(c(paste("holds", words[1]), words[-1]), fill = rev(colours), border = NA)
}

plot_quantile_contours <- function(fit, level, dots) {
  # fine enough that a border which crosses a gap of the data stays smooth
  region <- quantile_region(fit, level, n = 1000)
  open_frame(
    dots, xlim = wide_range(c(fit$x[, 1], region$contour[[2]]), 0.02),
    ylim = wide_range(c(fit$x[, 2], region$contour[[3]]), 0.02), xlab = fit$variables[1],
    ylab = fit$variables[2], main = "Quantile regions"
  )
  draw_points(fit$x, fit$weights, dots, strength = 0.7)
  draw_contours(region, dots[c("lwd", "lty")], labels = TRUE)
}

#' Borders of regions in the plane, each labelled where it is farthest from the others.
#' @noRd
draw_contours <- function(region, dots, labels) {
  level <- unique(region$level)
  borders <- split(region$contour[-1], match(region$contour$level, level))
  colours <- rev(contour_colours(length(level)))[rank(level)]
  if (!is.null(dots$col)) colours <- rep_len(dots$col, length(borders))
  for (k in seq_along(borders)) {
    lines(borders[[k]], col = colours[k], lwd = mark(dots, "lwd", 1.5), lty = mark(dots, "lty", 1))
  }
  if (!labels) return(invisible())
  at <- label_places(borders)
  words <- percent(level)
  half_width <- 0.55 * graphics::strwidth(words, cex = 0.7)
  half_height <- 0.75 * graphics::strheight(words, cex = 0.7)
  graphics::rect(at[, 1] - half_width, at[, 2] - half_height, at[, 1] + half_width,
                 at[, 2] + half_height, col = faint("white", 0.8), border = NA)
  graphics::text(at, words, cex = 0.7, col = colours, font = 2)
}

contour_colours <- function(n) grDevices::hcl.colors(n + 2, "Viridis")[seq_len(n)]

#' One point on each border for its label: where it is farthest, on the page, from the other borders
#' and from the edges of the plot.
#' @noRd
label_places <- function(borders) {
  usr <- par("usr")
  size <- par("pin") / c(usr[2] - usr[1], usr[4] - usr[3])
  pages <- lapply(borders, function(b) {
    b <- as.matrix(b)[round(seq(1, nrow(b), length.out = min(nrow(b), 200))), , drop = FALSE]
    cbind((b[, 1] - usr[1]) * size[1], (b[, 2] - usr[3]) * size[2])
  })
  at <- t(vapply(seq_along(pages), function(k) {
    here <- pages[[k]]
    others <- do.call(rbind, pages[-k])
    room <- pmin(here[, 1], par("pin")[1] - here[, 1], here[, 2], par("pin")[2] - here[, 2]) - 0.15
    if (is.null(others)) return(here[which.max(room), ])
    apart <- outer(here[, 1], others[, 1], "-")^2 + outer(here[, 2], others[, 2], "-")^2
    near <- sqrt(apply(apart, 1, min))
    here[which.max(pmin(near, room)), ]
  }, numeric(2)))
  cbind(at[, 1] / size[1] + usr[1], at[, 2] / size[2] + usr[3])
}

plot_rank_bars <- function(fit, dots) {
  rank <- stats::predict(fit, type = "rank")
  n <- effective_size(fit$weights)
  bins <- max(5, min(20, floor(n / 15)))
  breaks <- seq(0, 1, length.out = bins + 1)
  heights <- weighted_heights(rank, fit$weights, breaks)
  band <- stats::qbinom(c(0.025, 0.975), round(n), 1 / bins) * bins / round(n)
  open_frame(
    dots, xlim = c(0, 1), ylim = c(0, 1.05 * max(heights, band)), xlab = "Center-outward rank",
    ylab = "Density", main = "Ranks of the data"
  )
  draw_bars(breaks, heights, mark(dots, "col", shades(5)[2]))
  shade <- faint("grey40", 0.2)
  # without transparency the shade would hide the bars
  graphics::rect(0, band[1], 1, band[2], col = if (shade == "grey40") NA else shade,
                 border = "grey70")
  graphics::segments(0, 1, 1, 1, col = "grey15", lty = 2)
  key_above(c("uniform", "95% for a bar"), lty = c(2, NA), col = c("grey15", "grey80"),
            pch = c(NA, 15), pt.cex = 1.6, seg.len = 1.4)
}

draw_intervals <- function(region, dots, add, labels) {
  ends <- region$contour
  colours <- rev(contour_colours(nrow(ends)))[rank(ends$level, ties.method = "first")]
  colours <- rep_len(mark(dots, "col", colours), nrow(ends))
  words <- if (labels) percent(ends$level) else ""
  lwd <- mark(dots, "lwd", if (add) 1.5 else 4)
  lty <- mark(dots, "lty", 1)
  if (add) {
    abline(v = ends$lower, col = colours, lwd = lwd, lty = lty)
    abline(v = ends$upper, col = colours, lwd = lwd, lty = lty)
    # on two lines in turn, for ends may be close
    line <- rank(ends$level, ties.method = "first") %% 2
    graphics::text(
      c(ends$lower, ends$upper), par("usr")[4] + (0.8 + 1.4 * line) * graphics::strheight("0"),
      rep(words, 2), col = colours, cex = 0.7, xpd = NA
    )
    return(invisible())
  }
  open_frame(
    dots, xlim = wide_range(c(ends$lower, ends$upper), 0.02), ylim = c(0, 1),
    xlab = region$variables, ylab = "Level", main = "Quantile regions"
  )
  graphics::segments(ends$lower, ends$level, ends$upper, ends$level, col = colours, lwd = lwd,
                     lty = lty, lend = 1)
  graphics::text((ends$lower + ends$upper) / 2, ends$level, words, pos = 3, cex = 0.7,
                 col = colours, xpd = NA)
}
