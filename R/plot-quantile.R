# plot(fit, "quantile") and plot(quantile_region(fit))

plot_quantile <- function(fit, level, newdata, dots) {
  if (fit$d > 2) return(plot_rank(fit, dots))
  if (!is.null(fit$design)) return(plot_laws(fit, "quantile", level, newdata, dots))
  if (fit$d == 1) return(plot_quantile_shades(fit, level, dots))
  plot_quantile_contours(fit, level, dots)
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

#' Borders of regions in the plane, each labelled where it is farthest from the others. Colours tell
#' levels apart, or, where there are several, laws.
#' @noRd
draw_contours <- function(region, dots, labels, key = TRUE) {
  contour <- region$contour
  row <- contour$row %||% rep(1L, nrow(contour))
  laws <- max(row)
  border <- paste(row, match(contour$level, region$level))
  borders <- split(contour[region$variables], factor(border, unique(border)))
  first <- !duplicated(border)
  level <- contour$level[first]
  colours <- if (laws > 1) coordinate_colours(laws)[row[first]] else
    rev(contour_colours(length(level)))[rank(level)]
  if (!is.null(dots$col)) colours <- rep_len(dots$col, length(borders))
  for (k in seq_along(borders)) {
    lines(borders[[k]], col = colours[k], lwd = mark(dots, "lwd", 1.5), lty = mark(dots, "lty", 1))
  }
  if (!labels || laws > MOST_LAWS) return(invisible())
  if (laws > 1 && key) {
    key_above(c("row 1", seq_len(laws)[-1]), col = colours[match(seq_len(laws), row[first])], lwd = 2,
              seg.len = 1.4)
  }
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

draw_intervals <- function(region, dots, labels) {
  ends <- region$contour
  colours <- interval_colours(ends, dots)
  open_frame(
    dots, xlim = wide_range(c(ends$lower, ends$upper), 0.02), ylim = c(0, 1),
    xlab = region$variables, ylab = "Level", main = "Quantile regions"
  )
  graphics::segments(ends$lower, ends$level, ends$upper, ends$level, col = colours,
                     lwd = mark(dots, "lwd", 4), lty = mark(dots, "lty", 1), lend = 1)
  graphics::text((ends$lower + ends$upper) / 2, ends$level, if (labels) percent(ends$level) else "",
                 pos = 3, cex = 0.7, col = colours, xpd = NA)
}

interval_colours <- function(ends, dots) {
  colours <- rev(contour_colours(nrow(ends)))[rank(ends$level, ties.method = "first")]
  if (max(ends$row, 1) > 1) colours <- coordinate_colours(max(ends$row))[ends$row]
  rep_len(mark(dots, "col", colours), nrow(ends))
}

#' Vertical lines at the ends of intervals, in the plot that is there.
#' @noRd
add_intervals <- function(region, dots, labels) {
  ends <- region$contour
  colours <- interval_colours(ends, dots)
  for (at in ends[c("lower", "upper")]) {
    abline(v = at, col = colours, lwd = mark(dots, "lwd", 1.5), lty = mark(dots, "lty", 1))
  }
  if (!labels || max(ends$row, 1) > MOST_LAWS) return(invisible())
  # on two lines in turn, for ends may be close
  line <- rank(ends$level, ties.method = "first") %% 2
  graphics::text(
    c(ends$lower, ends$upper), par("usr")[4] + (0.8 + 1.4 * line) * graphics::strheight("0"),
    rep(percent(ends$level), 2), col = colours, cex = 0.7, xpd = NA
  )
}

#' The intervals of several laws, one beside the other.
#' @noRd
draw_law_intervals <- function(region, dots) {
  ends <- region$contour
  level <- sort(unique(ends$level))
  n <- max(ends$row)
  open_frame(
    dots, xlim = c(0.5, n + 0.5), ylim = wide_range(c(ends$lower, ends$upper), 0.02),
    xlab = "Row of newdata", ylab = region$variables, main = "Quantile regions",
    xaxp = if (n <= 10) c(1, n, n - 1)
  )
  colours <- rev(shades(length(level)))
  for (k in rev(seq_along(level))) {
    of <- ends[ends$level == level[k], ]
    graphics::rect(of$row - 0.35, of$lower, of$row + 0.35, of$upper, border = NA,
                   col = mark(dots, "col", colours[k]))
  }
  words <- percent(level)
  key_above(c(paste("holds", words[1]), words[-1]), fill = colours, border = NA)
}
