# plot(fit, "density")

density_data <- function(fit, ask) {
  if (fit$d > 2) return(pairs_data(fit, ask))
  if (!is.null(fit$design)) return(laws_data(fit, "density", ask))
  if (fit$d == 1) curve_data(fit, ask$xlim) else contours_data(fit, ask)
}

draw_density <- function(data, dots) {
  switch(data$kind, pairs = draw_pairs, laws = draw_laws, curve = draw_density_curve,
         contours = draw_density_contours)(data, dots)
}

#' Density at the points of one axis: a list of x and y.
#' @noRd
density_curve <- function(fit, xlim) {
  at <- seq(xlim[1], xlim[2], length.out = 501)
  list(x = at, y = exp(log_density(fit$layers, cbind(at))))
}

curve_data <- function(fit, xlim) {
  x <- fit$x[, 1]
  ends <- invert(fit, matrix(stats::qnorm(c(0.005, 0.995))))
  breaks <- histogram_breaks(x)
  list(
    kind = "curve", curve = as.data.frame(density_curve(fit, wide_range(xlim %||% c(x, ends), 0.04))),
    bars = bars_data(breaks, weighted_heights(x, fit$weights, breaks)), x = x,
    words = words_of("Density", fit$variables, "Density")
  )
}

draw_density_curve <- function(data, dots) {
  curve <- data$curve
  open_frame(dots, data$words, xlim = range(curve$x), ylim = c(0, max(curve$y, data$bars$height)))
  draw_bars(data$bars)
  draw_rug(data$x)
  lines(curve, col = mark(dots, "col", FIT_COLOUR), lwd = mark(dots, "lwd", 2),
        lty = mark(dots, "lty", 1))
}

draw_rug <- function(x, colour = "grey15") {
  rows <- drawn_rows(length(x))
  graphics::rug(x[rows], ticksize = 0.02, quiet = TRUE,
                col = faint(colour, min(0.6, max(0.05, 60 / length(rows)))))
}

contours_data <- function(fit, ask) {
  regions <- density_regions(fit, ask$level)
  around <- rbind(fit$x, regions$extent)
  reach <- list(wide_range(around[, 1], 0.02), wide_range(around[, 2], 0.02))
  # as far as the axes go
  at <- Map(function(limits, reach) {
    ends <- wide_range(limits %||% reach, 0.04)
    seq(ends[1], ends[2], length.out = 201)
  }, list(ask$xlim, ask$ylim), reach)
  list(
    kind = "contours", at = at, height = grid_heights(fit, at), cuts = regions$cuts, level = ask$level,
    points = fit$x, weights = fit$weights, reach = reach,
    words = words_of("Density", fit$variables[1], fit$variables[2])
  )
}

draw_density_contours <- function(data, dots) {
  open_frame(dots, data$words, xlim = data$reach[[1]], ylim = data$reach[[2]])
  at <- data$at
  colours <- shades(length(data$level))
  top <- max(data$height, data$cuts) + 1
  graphics::.filled.contour(at[[1]], at[[2]], data$height, c(data$cuts, top), colours)
  draw_points(data$points, data$weights, dots)
  contour(at[[1]], at[[2]], data$height, levels = data$cuts, add = TRUE, drawlabels = FALSE,
          col = FIT_COLOUR, lwd = mark(dots, "lwd", 0.7), lty = mark(dots, "lty", 1))
  words <- rev(percent(data$level))
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

#' Data and draws of several variables; on the diagonal their histograms.
#' @noRd
pairs_data <- function(fit, ask) {
  laws <- if (!is.null(ask$newdata)) chosen_laws(fit, ask$newdata, NULL)
  draws <- pair_draws(fit, laws$given, max(1000, min(fit$n, MOST_POINTS)))
  scatter_data(
    fit$x, fit$weights, draws, ask$variables, fit$variables,
    paste(c("Data (below) and draws (above)", if (!is.null(laws)) where_words(laws$data)), collapse = " ")
  )
}

#' As many of the second points are drawn as there are first ones, at most.
#' @noRd
scatter_data <- function(below, weights, above, variables, names, main) {
  colnames(below) <- colnames(above) <- names
  list(kind = "pairs", below = below[, variables, drop = FALSE], weights = weights,
       above = above[, variables, drop = FALSE], shown = seq_len(min(nrow(below), nrow(above))),
       main = main)
}

draw_pairs <- function(data, dots) {
  # pairs() has one matrix: the points below, then those above
  n <- nrow(data$below)
  shown <- n + data$shown
  args <- list(
    rbind(data$below, data$above), labels = colnames(data$below), gap = 0.4, las = 1, main = data$main,
    lower.panel = function(x, y, ...) draw_points(cbind(x, y)[seq_len(n), ], data$weights, dots),
    upper.panel = function(x, y, ...) {
      draw_points(cbind(x, y)[shown, ], rep(1, length(shown)), dots["pch"], FIT_COLOUR)
    },
    diag.panel = function(x, ...) {
      usr <- par("usr")
      old <- par(usr = usr)
      on.exit(par(old))
      bars <- pair_bars(x[seq_len(n)], data$weights, x[-seq_len(n)])
      par(usr = c(usr[1:2], 0, 1.35 * max(unlist(bars[-1]))))
      draw_bars(bars_data(bars$breaks, bars$above), shades(5)[2], most = 0)
      lines(bars$breaks, c(bars$below, 0), type = "s", col = "grey15")
    },
    label.pos = 0.9, cex.labels = 1.1
  )
  of_page <- setdiff(names(dots), c(MARKS, "xlab", "ylab"))
  args[of_page] <- dots[of_page]
  do.call(graphics::pairs, args)
}

#' The diagonal: histograms of both.
#' @noRd
pair_bars <- function(below, weights, above) {
  breaks <- seq(min(below, above), max(below, above), length.out = 31)
  list(breaks = breaks, above = weighted_heights(above, rep(1, length(above)), breaks),
       below = weighted_heights(below, weights, breaks))
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
