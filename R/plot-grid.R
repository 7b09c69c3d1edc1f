# plot(fit, "grid")

grid_data <- function(fit, ask) {
  if (fit$d == 1) return(map_curve_data(fit, ask$xlim))
  variables <- ask$variables
  at <- seq(-2.5, 2.5, by = 0.5)
  # fine enough that a line which crosses a gap of the data stays smooth
  along <- seq(-2.5, 2.5, length.out = 401)
  names <- fit$variables[variables]
  list(
    at = at, families = lapply(1:2, function(k) grid_lines(fit, variables, k, at, along)),
    points = fit$x[, variables], weights = fit$weights, keys = paste("coordinate", variables, "fixed"),
    words = words_of("Grid of the reference", names[1], names[2])
  )
}

draw_grid <- function(data, dots) {
  if (!is.null(data$curve)) return(draw_map_curve(data, dots))
  around <- lapply(1:2, function(k) {
    range(data$points[, k], lapply(data$families, function(f) f[, k, ]), finite = TRUE)
  })
  open_frame(dots, data$words, xlim = wide_range(around[[1]], 0.02), ylim = wide_range(around[[2]], 0.02))
  draw_points(data$points, data$weights, dots, strength = 0.5)
  colours <- c(FIT_COLOUR, OTHER_COLOUR)
  lwd <- mark(dots, "lwd", 1)
  for (k in 1:2) for (i in seq_along(data$at)) {
    lines(data$families[[k]][, , i], col = colours[k], lwd = if (data$at[i] == 0) 2.5 * lwd else lwd,
          lty = mark(dots, "lty", 1))
  }
  key_above(data$keys, col = colours, lwd = 2, seg.len = 1.4)
}

#' Lines of the reference on which its coordinate k of the two is fixed at `at`, taken back by the
#' map: an array of points along a line, the two variables, lines.
#' @noRd
grid_lines <- function(fit, variables, k, at, along) {
  y <- matrix(0, length(at) * length(along), fit$d)
  y[, variables[k]] <- rep(at, each = length(along))
  y[, variables[3 - k]] <- rep(along, length(at))
  x <- invert(fit, y, tol = 1e-8)[, variables]
  aperm(array(x, c(length(along), length(at), 2)), c(1, 3, 2))
}

map_curve_data <- function(fit, xlim) {
  x <- fit$x[, 1]
  xlim <- wide_range(xlim %||% x, 0.04)
  at <- seq(xlim[1], xlim[2], length.out = 501)
  q <- plotting_positions(x, fit$weights)
  list(
    curve = data.frame(x = at, y = forward(fit$layers, cbind(at), logdet = FALSE)$map[, 1]),
    ranks = data.frame(x = x[q$order], y = stats::qnorm(q$p), .weight = fit$weights[q$order]),
    words = words_of("Map to the normal law", fit$variables, "T(x)")
  )
}

draw_map_curve <- function(data, dots) {
  curve <- data$curve
  ranks <- data$ranks
  # the map may fall or rise steeply beyond the data
  inside <- curve$x >= min(ranks$x) & curve$x <= max(ranks$x)
  open_frame(dots, data$words, xlim = range(curve$x), ylim = range(ranks$y, curve$y[inside]))
  abline(h = 0, col = BAND_COLOUR)
  draw_points(cbind(ranks$x, ranks$y), ranks$.weight, dots)
  lines(curve, col = FIT_COLOUR, lwd = mark(dots, "lwd", 2), lty = mark(dots, "lty", 1))
  key_above(c("T(x)", "normal quantile of the rank"), col = c(FIT_COLOUR, "grey15"),
            lwd = c(2, NA), pch = c(NA, 16), seg.len = 1.4)
}
