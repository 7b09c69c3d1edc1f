# plot(fit, "trace"), plot(fit, "qq") and plot(fit, "rank")

trace_data <- function(fit, ask) list(trace = running_trace(fit), tol = fit$control$tol)

draw_trace <- function(data, dots) {
  old <- two_panels()
  if (!is.null(old)) on.exit(par(old))
  trace_losses(data$trace, panel_dots(dots, 1))
  trace_gap(data$trace, data$tol, panel_dots(dots, 2))
}

#' The trace with the steps of all layers one after the other. The objective of a layer is in its own
#' coordinates; here it is that of the chain so far in the coordinates of the first, and the held-out
#' loss goes with it. A layer may have no steps of its own.
#' @noRd
running_trace <- function(fit) {
  trace <- fit$trace
  steps <- table(factor(trace$layer, seq_along(fit$layers)))
  trace$iter <- trace$iter + c(0, cumsum(steps))[trace$layer]
  gained <- 0
  x <- fit$x
  for (l in seq_along(fit$layers)[-1]) {
    before <- fit$layers[[l - 1]]
    e <- forward(list(before), x, fit$given)
    x <- e$map
    gained <- gained + sum(fit$weights * e$logdet) / sum(fit$weights) -
      before$whitening$logdet + fit$layers[[l]]$whitening$logdet
    rows <- trace$layer == l
    trace$objective[rows] <- trace$objective[rows] - gained
    trace$validation[rows] <- trace$validation[rows] - gained
  }
  trace
}

trace_losses <- function(trace, dots) {
  losses <- cbind(trace$objective, trace$validation)
  colours <- c(mark(dots, "col", FIT_COLOUR), OTHER_COLOUR)
  shown <- range(losses, finite = TRUE)
  # at least a twentieth of a nat, lest rounding looks like progress
  shown <- mean(shown) + c(-1, 1) * max(diff(shown) / 2, 0.025)
  open_frame(
    dots, xlim = c(0, max(1, trace$iter)), ylim = shown, xlab = "Step",
    ylab = "Nats a point", main = "Objective"
  )
  mark_rounds(trace)
  lwd <- mark(dots, "lwd", 1.5)
  lty <- mark(dots, "lty", 1)
  held_out <- any(is.finite(trace$validation))
  for (layer in split(trace, trace$layer)) {
    if (held_out) lines(layer$iter, layer$validation, type = "s", col = colours[2], lwd = lwd)
    lines(layer$iter, layer$objective, type = "o", pch = 16, cex = 0.5, col = colours[1],
          lwd = lwd, lty = lty)
  }
  kept <- c(TRUE, held_out)
  key_above(c("data", "held out")[kept], col = colours[kept], lwd = lwd, seg.len = 1.4)
}

#' Light lines where rounds begin, and darker ones where layers do, with their numbers if there is room.
#' @noRd
mark_rounds <- function(trace) {
  abline(v = trace$iter[which(diff(trace$round) > 0) + 1], col = BAND_COLOUR)
  starts <- trace$iter[!duplicated(trace$layer)]
  if (length(starts) == 1) return(invisible())
  abline(v = starts[-1] - 0.5, col = "grey60")
  usr <- par("usr")
  words <- paste("layer", unique(trace$layer))
  fits <- diff(c(starts, usr[2])) > graphics::strwidth(words, cex = 0.8)
  graphics::text(starts[fits], usr[4] - 0.04 * (usr[4] - usr[3]), words[fits], adj = c(-0.1, 0.5),
                 cex = 0.7, col = "grey40")
}

trace_gap <- function(trace, tol, dots) {
  known <- is.finite(trace$gap)
  # a gap of zero, or below it by rounding, has no logarithm: it is drawn where it is good enough
  trace$gap <- log10(pmax(trace$gap, tol / 1000))
  tol <- log10(tol)
  open_frame(
    dots, xlim = c(0, max(1, trace$iter)), ylim = wide_range(c(trace$gap[known], tol, tol + 1)),
    xlab = "Step", ylab = "Nats a point", main = "Certificate", yaxt = "n"
  )
  draw_log_axis(dots)
  mark_rounds(trace)
  abline(h = tol, lty = 2, col = "grey15")
  for (layer in split(trace[known, ], trace$layer[known])) {
    lines(layer$iter, layer$gap, type = "o", pch = 16, cex = 0.5,
          col = mark(dots, "col", FIT_COLOUR), lwd = mark(dots, "lwd", 1.5),
          lty = mark(dots, "lty", 1))
  }
  words <- if (any(known)) c("gap, where finite", "asked for") else c("never finite", "asked for")
  key_above(words, col = c(mark(dots, "col", FIT_COLOUR), "grey15"), lty = c(1, 2), seg.len = 1.4)
}

#' Powers of ten on the y axis of a plot whose coordinates are their logarithms.
#' @noRd
draw_log_axis <- function(dots) {
  if (identical(dots$yaxt, "n") || isFALSE(dots$axes)) return(invisible())
  usr <- par("usr")
  at <- unique(round(pretty(usr[3:4], 5)))
  at <- at[at >= usr[3] & at <= usr[4]]
  if (length(at) > 1) {
    words <- parse(text = paste0("10^", at))
  } else { # about a decade or less
    words <- pretty(10^usr[3:4], 4)
    words <- words[words > 0]
    at <- log10(words)
  }
  # small enough to keep clear of the name of the axis
  room <- (par("mgp")[1] - par("mgp")[2]) * par("csi") * par("mex")
  size <- min(1, 0.9 * room / max(graphics::strwidth(words, "inches")))
  graphics::axis(2, at, words, las = mark(dots, "las", 1), cex.axis = mark(dots, "cex.axis", size))
}

qq_pictures_data <- function(fit, ask) {
  qq_data(stats::residuals(fit), fit$weights, fit$variables, if (fit$d == 1) "Normal QQ" else "Coordinates")
}

#' Order statistics of the columns of r, and of their squared radius, against their quantiles, and the
#' bands of each.
#' @noRd
qq_data <- function(r, weights, names, main) {
  d <- ncol(r)
  n <- effective_size(weights)
  series <- function(value, quantile, of) {
    q <- plotting_positions(value, weights)
    data.frame(of = of, at = quantile(q$p), value = value[q$order], .weight = weights[q$order], p = q$p)
  }
  coordinates <- lapply(seq_len(d), function(j) series(r[, j], stats::qnorm, names[j]))
  radial <- function(p) stats::qchisq(p, d)
  radius <- series(rowSums(r^2), radial, "squared radius")
  list(
    all = TRUE, d = d, names = names, main = main, coordinates = coordinates, radius = radius,
    band = band_data(stats::qnorm, range(lapply(coordinates, `[[`, "p")), n),
    ring = band_data(radial, range(radius$p), n)
  )
}

draw_qq <- function(data, dots) {
  if (data$d == 1) return(qq_coordinates(data, dots))
  old <- two_panels()
  if (!is.null(old)) on.exit(par(old))
  qq_radius(data, panel_dots(dots, 1))
  qq_coordinates(data, panel_dots(dots, 2))
}

#' Order of weighted values and the middles `p` of the steps of their distribution function. Not all
#' of many values: the outer ones and an even choice of the others.
#' @noRd
plotting_positions <- function(x, weights) {
  order <- order(x)
  w <- weights[order] / sum(weights)
  p <- cumsum(w) - w / 2
  kept <- seq_along(x)
  if (length(x) > MOST_POINTS) {
    outer <- c(seq_len(100), length(x) - seq_len(100) + 1)
    kept <- sort(unique(c(outer, round(seq(1, length(x), length.out = MOST_POINTS - 200)))))
  }
  list(order = order[kept], p = p[kept])
}

effective_size <- function(weights) sum(weights)^2 / sum(weights^2)

#' The band in which each order statistic of a sample of size n lies with probability 0.95, between
#' the plotting positions `p`: the i-th of n uniform values has a beta law with parameters i =
#' n p + 1/2 and n + 1 - i.
#' @noRd
band_data <- function(quantile, p, n) {
  p <- stats::pnorm(seq(stats::qnorm(p[1]), stats::qnorm(p[2]), length.out = 200))
  end <- function(q) quantile(stats::qbeta(q, n * p + 0.5, n * (1 - p) + 0.5))
  data.frame(at = quantile(p), lower = end(0.025), upper = end(0.975))
}

draw_band <- function(band) {
  graphics::polygon(c(band$at, rev(band$at)), c(band$lower, rev(band$upper)), col = BAND_COLOUR,
                    border = NA)
  abline(0, 1, col = "grey15", lty = 2)
}

qq_radius <- function(data, dots) {
  r <- data$radius
  open_frame(
    dots, xlim = range(r$at), ylim = range(r$at, r$value), main = "Radius",
    xlab = as.expression(bquote("Quantile of " * chi[.(data$d)]^2)), ylab = "Squared radius of T(x)"
  )
  draw_band(data$ring)
  draw_points(cbind(r$at, r$value), r$.weight, dots, FIT_COLOUR, 2)
}

qq_coordinates <- function(data, dots) {
  at <- range(data$band$at)
  open_frame(
    dots, xlim = at, ylim = range(at, lapply(data$coordinates, `[[`, "value")),
    xlab = "Normal quantile", ylab = "T(x)", main = data$main
  )
  draw_band(data$band)
  colours <- coordinate_colours(data$d)
  for (j in seq_len(data$d)) {
    q <- data$coordinates[[j]]
    draw_points(cbind(q$at, q$value), q$.weight, dots, colours[j], if (data$d == 1) 2 else 1.3)
  }
  if (data$d > 1 && data$d <= 6) key_above(data$names, col = colours, pch = 16, pt.cex = 1.2)
}

coordinate_colours <- function(d) {
  if (d == 1) return(FIT_COLOUR)
  grDevices::hcl.colors(d + 1, "Viridis")[seq_len(d)]
}

#' Histogram of the ranks, by side in one dimension, and the band that holds 95% of its heights.
#' @noRd
rank_data <- function(fit, ask) {
  # in one dimension the sides can be told apart as well
  rank <- if (fit$d == 1) stats::pnorm(stats::residuals(fit)[, 1]) else
    stats::predict(fit, type = "rank")
  n <- effective_size(fit$weights)
  bins <- max(5, min(20, floor(n / 15)))
  breaks <- seq(0, 1, length.out = bins + 1)
  list(
    breaks = breaks, bars = bars_data(breaks, weighted_heights(rank, fit$weights, breaks)),
    band = stats::qbinom(c(0.025, 0.975), round(n), 1 / bins) * bins / round(n),
    label = if (fit$d == 1) "Normal distribution function of T(x)" else "Center-outward rank"
  )
}

draw_rank <- function(data, dots) {
  band <- data$band
  open_frame(
    dots, xlim = c(0, 1), ylim = c(0, 1.05 * max(data$bars$height, band)), ylab = "Density",
    xlab = data$label, main = "Ranks of the data"
  )
  draw_bars(data$bars, mark(dots, "col", shades(5)[2]))
  shade <- faint("grey40", 0.2)
  # without transparency the shade would hide the bars
  graphics::rect(0, band[1], 1, band[2], col = if (shade == "grey40") NA else shade,
                 border = "grey70")
  graphics::segments(0, 1, 1, 1, col = "grey15", lty = 2)
  key_above(c("uniform", "95% for a bar"), lty = c(2, NA), col = c("grey15", "grey80"),
            pch = c(NA, 15), pt.cex = 1.6, seg.len = 1.4)
}
