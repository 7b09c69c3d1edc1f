# plot(fit, "quantile") and plot(fit, "density") where there are covariates

plot_laws <- function(fit, which, level, newdata, dots) {
  if (fit$d == 2) return(plot_law_contours(fit, which, level, newdata, dots))
  if (which == "density") return(plot_law_curves(fit, newdata, dots))
  laws <- chosen_laws(fit, newdata, laws_along)
  p <- c((1 - rev(level)) / 2, 0.5, (1 + level) / 2)
  values <- list(quantiles = law_at(fit, laws$given, p, 1e-10),
                 mean = law_at(fit, laws$given, NULL, 1e-10))
  path <- path_of(laws$data)
  if (is.null(path)) {
    plot_law_bars(fit, level, laws$data, values, dots)
  } else {
    plot_fans(fit, level, laws$data, path, values, dots)
  }
}

given_words <- function(what, fit) {
  paste(what, "given", list_of(names(fit$design$data) %||% fit$design$variables, 3))
}

#' The note below a plot.
#' @noRd
note <- function(...) paste(c(...), collapse = "; ")

#' The colours of data by the laws that they belong to.
#' @noRd
point_colours <- function(law, colours) ifelse(is.na(law), "grey15", colours[law])

# --- one response, along a numeric variable -----------------------------------

plot_fans <- function(fit, level, data, path, values, dots) {
  groups <- max(path$group)
  if (groups > MOST_LAWS) {
    brenier_abort(c(
      "{.arg newdata} has laws along {.var {path$axis}} in {groups} groups; at most {MOST_LAWS} can
       be told apart.", i = "Fix the other covariates."
    ), "argument", argument = "newdata")
  }
  x <- as.numeric(data[[path$axis]])
  at_data <- as.numeric(fit$design$data[[path$axis]] %||% rep(NA, fit$n))
  open_frame(
    dots, xlim = values_like(data[[path$axis]], range(x, at_data, na.rm = TRUE)),
    ylim = range(fit$x, values$quantiles, finite = TRUE), xlab = path$axis, ylab = fit$variables,
    main = given_words("Quantile regions", fit),
    sub = note(if (groups > 1) paste("medians, means dashed, and regions that hold",
                                     paste(percent(level), collapse = ", ")), common_words(data))
  )
  colours <- coordinate_colours(groups)
  rows <- lapply(seq_len(groups), function(g) which(path$group == g)[order(x[path$group == g])])
  fills <- if (groups == 1) shades(length(level)) else rep("", length(level))
  for (g in seq_len(groups)) for (k in rev(seq_along(level))) {
    fill <- if (groups == 1) rev(fills)[k] else thin_fill(colours[g])
    draw_ribbon(x[rows[[g]]], values$quantiles[rows[[g]], ], length(level), k, fill)
  }
  law <- if (groups > 1) law_of_points(fit, path$others) else rep(NA, fit$n)
  draw_points(cbind(at_data, fit$x), fit$weights, dots, point_colours(law, colours), 0.7)
  lwd <- mark(dots, "lwd", 2)
  for (g in seq_len(groups)) {
    r <- rows[[g]]
    lines(x[r], values$quantiles[r, length(level) + 1], col = colours[g], lwd = lwd,
          lty = mark(dots, "lty", 1))
    lines(x[r], values$mean[r], col = if (groups == 1) OTHER_COLOUR else "grey15", lty = 2,
          lwd = if (groups == 1) 0.75 * lwd else 0.5 * lwd)
  }
  if (groups == 1) key_of_quantiles(level, lwd) else
    key_above(law_words(path$others), col = colours, lwd = 2, seg.len = 1.4)
}

#' The k-th widest of the regions between columns of quantiles.
#' @noRd
draw_ribbon <- function(x, quantiles, levels, k, fill) {
  lower <- quantiles[, levels + 1 - k]
  upper <- quantiles[, levels + 1 + k]
  graphics::polygon(c(x, rev(x)), c(lower, rev(upper)), col = fill, border = NA)
}

#' A fill that shows what is below; none where the device cannot do that.
#' @noRd
thin_fill <- function(colour) {
  fill <- faint(colour, 0.18)
  if (fill == colour) NA else fill
}

key_of_quantiles <- function(level, lwd, mean_pch = NA) {
  k <- length(level)
  words <- percent(level)
  key_above(
    c(paste("holds", words[1]), words[-1], "median", "mean"),
    col = c(rev(shades(k)), FIT_COLOUR, OTHER_COLOUR), pch = c(rep(15, k), NA, mean_pch),
    pt.cex = c(rep(1.6, k), 1, 1), lty = c(rep(NA, k), 1, if (is.na(mean_pch)) 2 else NA),
    lwd = c(rep(NA, k), lwd, 0.75 * lwd), seg.len = 1.4
  )
}

# --- one response, a law beside the other -------------------------------------

plot_law_bars <- function(fit, level, data, values, dots) {
  n <- nrow(data)
  k <- length(level)
  q <- values$quantiles
  shown <- varying(data)
  law <- law_of_points(fit, data)
  mine <- which(!is.na(law))
  open_frame(
    dots, xlim = c(0.5, n + 0.5), ylim = range(fit$x[mine], q, finite = TRUE), ylab = fit$variables,
    xlab = paste(if (length(shown)) shown else names(data), collapse = ", "), xaxt = "n",
    main = given_words("Quantile regions", fit), sub = note(common_words(data))
  )
  if (!isFALSE(dots$axes) && !identical(dots$xaxt, "n")) {
    graphics::axis(1, seq_len(n), law_words(data, FALSE), cex.axis = mark(dots, "cex.axis", 1))
  }
  for (j in rev(seq_len(k))) {
    graphics::rect(seq_len(n) - 0.35, q[, k + 1 - j], seq_len(n) + 0.35, q[, k + 1 + j],
                   col = rev(shades(k))[j], border = NA)
  }
  # steps of the golden ratio lay points evenly, in whatever order they come
  aside <- ((seq_along(mine) * (sqrt(5) - 1) / 2) %% 1 - 0.5) * 0.5
  if (length(mine)) {
    draw_points(cbind(law[mine] + aside, fit$x[mine]), fit$weights[mine], dots, strength = 0.7)
  }
  lwd <- mark(dots, "lwd", 2)
  graphics::segments(seq_len(n) - 0.35, q[, k + 1], seq_len(n) + 0.35, q[, k + 1], col = FIT_COLOUR,
                     lwd = lwd, lty = mark(dots, "lty", 1), lend = 1)
  points(seq_len(n), values$mean, pch = 18, col = OTHER_COLOUR, cex = 1.4)
  key_of_quantiles(level, lwd, 18)
}

# --- densities of one response ------------------------------------------------

plot_law_curves <- function(fit, newdata, dots) {
  laws <- chosen_laws(fit, newdata, typical_laws)
  n <- nrow(laws$data)
  reach <- wide_range(dots$xlim %||% law_at(fit, laws$given, c(0.005, 0.995), 1e-8), 0.04)
  at <- seq(reach[1], reach[2], length.out = 501)
  heights <- vapply(seq_len(n), function(k) {
    exp(log_density(fit$layers, cbind(at), laws$given[rep(k, length(at)), , drop = FALSE]))
  }, at)
  open_frame(
    dots, xlim = reach, ylim = c(0, max(heights)), xlab = fit$variables, ylab = "Density",
    main = given_words("Density", fit), sub = note(common_words(laws$data))
  )
  colours <- rep_len(mark(dots, "col", coordinate_colours(n)), n)
  law <- law_of_points(fit, laws$data)
  for (k in unique(law)) draw_rug(fit$x[law %in% k, 1], if (is.na(k)) "grey15" else colours[k])
  for (k in seq_len(n)) {
    lines(at, heights[, k], col = colours[k], lwd = mark(dots, "lwd", 2), lty = mark(dots, "lty", 1))
  }
  key_above(law_words(laws$data), col = colours, lwd = 2, seg.len = 1.4)
}

# --- two responses ------------------------------------------------------------

plot_law_contours <- function(fit, which, level, newdata, dots) {
  laws <- chosen_laws(fit, newdata, typical_laws)
  n <- nrow(laws$data)
  colours <- coordinate_colours(n)
  borders <- lapply(seq_len(n), function(k) {
    law_borders(fit, which, level, laws$given[k, , drop = FALSE])
  })
  around <- rbind(fit$x, do.call(rbind, unlist(borders, recursive = FALSE)))
  open_frame(
    dots, xlim = wide_range(around[, 1], 0.02), ylim = wide_range(around[, 2], 0.02),
    xlab = fit$variables[1], ylab = fit$variables[2],
    main = given_words(if (which == "density") "Density" else "Quantile regions", fit),
    sub = note(paste("borders hold", paste(percent(level), collapse = ", ")),
               common_words(laws$data))
  )
  law <- law_of_points(fit, laws$data)
  draw_points(fit$x, fit$weights, dots, point_colours(law, colours), 0.7)
  for (k in seq_len(n)) for (border in borders[[k]]) {
    lines(border, col = colours[k], lwd = mark(dots, "lwd", 1.7), lty = mark(dots, "lty", 1))
  }
  key_above(law_words(laws$data), col = colours, lwd = 2, seg.len = 1.4)
}

#' Closed curves in the plane: borders of the quantile regions of one law, or of its smallest regions.
#' @noRd
law_borders <- function(fit, which, level, given) {
  if (which == "quantile") {
    contour <- region_contour(fit, given, level, sqrt(stats::qchisq(level, 2)), 400)
    return(lapply(split(contour[-(1:2)], contour$level), as.matrix))
  }
  regions <- density_regions(fit, level, given)
  at <- lapply(1:2, function(k) {
    ends <- wide_range(regions$extent[, k], 0.05)
    seq(ends[1], ends[2], length.out = 201)
  })
  height <- grid_heights(fit, at, given)
  pieces <- grDevices::contourLines(at[[1]], at[[2]], height, levels = regions$cuts)
  lapply(pieces, function(piece) cbind(piece$x, piece$y))
}
