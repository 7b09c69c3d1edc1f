# plot(fit, "density")

plot_density <- function(fit, level, variables, newdata, dots) {
  if (fit$d > 2) return(plot_density_pairs(fit, variables, newdata, dots))
  if (!is.null(fit$design)) return(plot_laws(fit, "density", level, newdata, dots))
  if (fit$d == 1) return(plot_density_curve(fit, dots))
  plot_density_contours(fit, level, dots)
}

#' Density at the points of one axis: a list of x and y.
#' @noRd
density_curve <- function(fit, xlim) {
  at <- seq(xlim[1], xlim[2], length.out = 501)
  list(x = at, y = exp(log_density(fit$layers, cbind(at))))
}

plot_density_curve <- function(fit, dots) {
  x <- fit$x[, 1]
  ends <- invert(fit, matrix(stats::qnorm(c(0.005, 0.995))))
  curve <- density_curve(fit, wide_range(dots$xlim %||% c(x, ends), 0.04))
  breaks <- histogram_breaks(x)
  heights <- weighted_heights(x, fit$weights, breaks)
  open_frame(
    dots, xlim = range(curve$x), ylim = c(0, max(curve$y, heights)), xlab = fit$variables,
    ylab = "Density", main = "Density"
  )
  draw_bars(breaks, heights)
  draw_rug(x)
  lines(curve, col = mark(dots, "col", FIT_COLOUR), lwd = mark(dots, "lwd", 2),
        lty = mark(dots, "lty", 1))
}

draw_rug <- function(x, colour = "grey15") {
  rows <- drawn_rows(length(x))
  graphics::rug(x[rows], ticksize = 0.02, quiet = TRUE,
                col = faint(colour, min(0.6, max(0.05, 60 / length(rows)))))
}

plot_density_contours <- function(fit, level, dots) {
  regions <- density_regions(fit, level)
  around <- rbind(fit$x, regions$extent)
  open_frame(
    dots, xlim = wide_range(around[, 1], 0.02), ylim = wide_range(around[, 2], 0.02),
    xlab = fit$variables[1], ylab = fit$variables[2], main = "Density"
  )
  usr <- par("usr")
  at_x <- seq(usr[1], usr[2], length.out = 201)
  at_y <- seq(usr[3], usr[4], length.out = 201)
  height <- grid_heights(fit, list(at_x, at_y))
  colours <- shades(length(level))
  top <- max(height, regions$cuts) + 1
  graphics::.filled.contour(at_x, at_y, height, c(regions$cuts, top), colours)
  draw_points(fit$x, fit$weights, dots)
  contour(at_x, at_y, height, levels = regions$cuts, add = TRUE, drawlabels = FALSE,
          col = FIT_COLOUR, lwd = mark(dots, "lwd", 0.7), lty = mark(dots, "lty", 1))
  words <- rev(percent(level))
  key_above(c(paste("holds", words[1]), words[-1]), fill = colours, border = NA)
}

#' The smallest regions that hold the probabilities `level` of the fitted law in two dimensions:
#' log density at their borders, from the widest region in, and the ranges of the widest one. The
#' law, that at the row `given` of covariates, is represented by 4096 points of a golden-angle
#' spiral, which fills the plane in proportion to N(0, I), taken back by the map.
#' @noRd
density_regions <- function(fit, level, given = NULL) {
  n <- 4096
  i <- seq_len(n)
  radius <- sqrt(stats::qchisq((i - 0.5) / n, 2))
  angle <- i * pi * (3 - sqrt(5))
  given <- repeat_rows(given, n)
  x <- invert(fit, radius * cbind(cos(angle), sin(angle)), given, tol = 1e-8)
  height <- log_density(fit$layers, x, given)
  cuts <- rev(stats::quantile(height, 1 - level, names = FALSE, na.rm = TRUE))
  inside <- x[!is.na(height) & height >= cuts[1], , drop = FALSE]
  list(cuts = cuts, extent = apply(inside, 2, range))
}

#' The log density on the grid of two axes.
#' @noRd
grid_heights <- function(fit, at, given = NULL) {
  x <- as.matrix(expand.grid(at))
  matrix(log_density(fit$layers, x, repeat_rows(given, nrow(x))), length(at[[1]]))
}

plot_density_pairs <- function(fit, variables, newdata, dots) {
  n <- fit$n
  laws <- if (!is.null(newdata)) chosen_laws(fit, newdata, NULL)
  draws <- pair_draws(fit, laws$given, max(1000, min(n, MOST_POINTS)))
  # pairs() has one matrix: the data, then as many draws as there are data, at most
  both <- rbind(fit$x, draws)[, variables, drop = FALSE]
  of_data <- seq_len(n)
  of_draws <- n + seq_len(min(n, nrow(draws)))
  args <- list(
    both, labels = fit$variables[variables], gap = 0.4, las = 1,
    main = paste(c("Data (below) and draws (above)", if (!is.null(laws)) where_words(laws$data)),
                 collapse = " "),
    lower.panel = function(x, y, ...) {
      draw_points(cbind(x, y)[of_data, ], fit$weights, dots)
    },
    upper.panel = function(x, y, ...) {
      draw_points(cbind(x, y)[of_draws, ], rep(1, length(of_draws)), dots["pch"], FIT_COLOUR)
    },
    diag.panel = function(x, ...) pairs_bars(x[of_data], fit$weights, x[-of_data]),
    label.pos = 0.9, cex.labels = 1.1
  )
  of_page <- setdiff(names(dots), c(MARKS, "xlab", "ylab"))
  args[of_page] <- dots[of_page]
  do.call(graphics::pairs, args)
}

#' Draws from the law; where there are covariates from the laws at the rows `given`, in turn, or at
#' rows of the data, drawn by their weights.
#' @noRd
pair_draws <- function(fit, given, n) {
  y <- with_seed(1, matrix(stats::rnorm(n * fit$d), n))
  if (!is.null(given)) {
    given <- given[rep_len(seq_len(nrow(given)), n), , drop = FALSE]
  } else if (!is.null(fit$given)) {
    rows <- with_seed(2, sample.int(fit$n, n, TRUE, fit$weights))
    given <- fit$given[rows, , drop = FALSE]
  }
  invert(fit, y, given)
}

where_words <- function(data) {
  if (nrow(data) > 1) "at the rows of newdata" else paste("at", law_words(data))
}

#' The diagonal: histogram of the draws, outline of that of the data.
#' @noRd
pairs_bars <- function(data, weights, draws) {
  usr <- par("usr")
  breaks <- seq(min(data, draws), max(data, draws), length.out = 31)
  of_draws <- weighted_heights(draws, rep(1, length(draws)), breaks)
  of_data <- weighted_heights(data, weights, breaks)
  par(usr = c(usr[1:2], 0, 1.35 * max(of_draws, of_data)))
  draw_bars(breaks, of_draws, shades(5)[2])
  lines(breaks, c(of_data, 0), type = "s", col = "grey15")
}
