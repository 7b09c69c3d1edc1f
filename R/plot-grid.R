# plot(fit, "grid")

plot_grid <- function(fit, variables, dots) {
  if (fit$d == 1) return(plot_map_curve(fit, dots))
  at <- seq(-2.5, 2.5, by = 0.5)
  # fine enough that a line which crosses a gap of the data stays smooth
  along <- seq(-2.5, 2.5, length.out = 401)
  families <- lapply(1:2, function(k) grid_lines(fit, variables, k, at, along))
  around <- lapply(1:2, function(k) {
    range(fit$x[, variables[k]], lapply(families, function(f) f[, k, ]), finite = TRUE)
  })
  open_frame(
    dots, xlim = wide_range(around[[1]], 0.02), ylim = wide_range(around[[2]], 0.02),
    xlab = fit$variables[variables[1]], ylab = fit$variables[variables[2]],
    main = "Grid of the reference"
  )
  draw_points(fit$x[, variables], fit$weights, dots, strength = 0.5)
  colours <- c(FIT_COLOUR, OTHER_COLOUR)
  lwd <- mark(dots, "lwd", 1)
  for (k in 1:2) for (i in seq_along(at)) {
    lines(families[[k]][, , i], col = colours[k], lwd = if (at[i] == 0) 2.5 * lwd else lwd,
          lty = mark(dots, "lty", 1))
  }
  key_above(paste("coordinate", variables, "fixed"), col = colours, lwd = 2, seg.len = 1.4)
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

plot_map_curve <- function(fit, dots) {
  x <- fit$x[, 1]
  xlim <- wide_range(dots$xlim %||% x, 0.04)
  at <- seq(xlim[1], xlim[2], length.out = 501)
  map <- forward(fit$layers, cbind(at), logdet = FALSE)$map[, 1]
  q <- plotting_positions(x, fit$weights)
  normal <- stats::qnorm(q$p)
  # the map may fall or rise steeply beyond the data
  open_frame(
    dots, xlim = xlim, ylim = range(normal, map[at >= min(x) & at <= max(x)]),
    xlab = fit$variables, ylab = "T(x)", main = "Map to the normal law"
  )
  abline(h = 0, col = BAND_COLOUR)
  draw_points(cbind(x[q$order], normal), fit$weights[q$order], dots)
  lines(at, map, col = FIT_COLOUR, lwd = mark(dots, "lwd", 2), lty = mark(dots, "lty", 1))
  key_above(c("T(x)", "normal quantile of the rank"), col = c(FIT_COLOUR, "grey15"),
            lwd = c(2, NA), pch = c(NA, 16), seg.len = 1.4)
}
