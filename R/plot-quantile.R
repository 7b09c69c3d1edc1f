# plot(fit, "quantile") and plot(quantile_region(fit))

quantile_data <- function(fit, ask) {
  if (fit$d > 2) return(c(list(kind = "rank"), rank_data(fit, ask)))
  if (!is.null(fit$design)) return(laws_data(fit, "quantile", ask))
  # fine enough that a border which crosses a gap of the data stays smooth
  region <- quantile_region(fit, ask$level, n = 1000)
  if (fit$d == 2) {
    return(list(kind = "contours", region = region, points = fit$x, weights = fit$weights,
                words = words_of("Quantile regions", fit$variables[1], fit$variables[2])))
  }
  ends <- region$contour
  around <- range(fit$x, ends$lower, ends$upper)
  curve <- density_curve(fit, wide_range(ask$xlim %||% around, 0.04))
  # each region with the density over it, from the widest in
  parts <- lapply(rev(seq_along(ask$level)), function(k) {
    edge <- c(ends$lower[k], ends$upper[k])
    inside <- curve$x > edge[1] & curve$x < edge[2]
    height <- stats::approx(curve, xout = edge, rule = 2)$y
    data.frame(x = c(edge[1], curve$x[inside], edge[2]), y = c(height[1], curve$y[inside], height[2]),
               level = ask$level[k])
  })
  list(kind = "shades", curve = as.data.frame(curve), parts = parts, x = fit$x[, 1], level = ask$level,
       words = words_of("Quantile regions", fit$variables, "Density"))
}

draw_quantile <- function(data, dots) {
  switch(data$kind, rank = draw_rank, laws = draw_laws, contours = draw_quantile_contours,
         shades = draw_quantile_shades)(data, dots)
}

draw_quantile_shades <- function(data, dots) {
  curve <- data$curve
  open_frame(dots, data$words, xlim = range(curve$x), ylim = c(0, max(curve$y)))
  colours <- shades(length(data$level))
  for (k in seq_along(data$parts)) {
    part <- data$parts[[k]]
    graphics::polygon(c(part$x, rev(range(part$x))), c(part$y, 0, 0), col = colours[k], border = NA)
  }
  lines(curve, col = mark(dots, "col", FIT_COLOUR), lwd = mark(dots, "lwd", 2),
        lty = mark(dots, "lty", 1))
  draw_rug(data$x)
  words <- percent(data$level)
  key_above(c(paste("holds", words[1]), words[-1]), fill = rev(colours), border = NA)
}

draw_quantile_contours <- function(data, dots) {
  contour <- data$region$contour
  open_frame(dots, data$words, xlim = wide_range(c(data$points[, 1], contour[[2]]), 0.02),
             ylim = wide_range(c(data$points[, 2], contour[[3]]), 0.02))
  draw_points(data$points, data$weights, dots, strength = 0.7)
  draw_contours(data$region, dots[c("lwd", "lty")], labels = TRUE)
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
