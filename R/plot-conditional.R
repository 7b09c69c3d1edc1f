# plot(fit, "quantile") and plot(fit, "density") where there are covariates

#' The laws at the rows that were asked for, or typical ones, as fans along a variable, bars side by
#' side, curves, or borders in the plane.
#' @noRd
laws_data <- function(fit, which, ask) {
  if (fit$d == 2) return(law_contours_data(fit, which, ask))
  if (which == "density") return(law_curves_data(fit, ask))
  laws <- chosen_laws(fit, ask$newdata, laws_along)
  level <- ask$level
  path <- path_of(laws$data)
  p <- c((1 - rev(level)) / 2, 0.5, (1 + level) / 2)
  values <- list(quantiles = law_at(fit, laws$given, p, 1e-10),
                 mean = law_at(fit, laws$given, NULL, 1e-10))
  data <- c(list(kind = "laws", level = level, y = fit$x[, 1], weights = fit$weights), values)
  if (is.null(path)) return(law_bars_data(fit, data, laws$data))
  fans_data(fit, data, laws$data, path)
}

draw_laws <- function(data, dots) {
  switch(data$shape, fans = draw_fans, bars = draw_law_bars, curves = draw_law_curves,
         contours = draw_law_contours)(data, dots)
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

fans_data <- function(fit, data, laws, path) {
  groups <- max(path$group)
  if (groups > MOST_LAWS) {
    brenier_abort(c(
      "{.arg newdata} has laws along {.var {path$axis}} in {groups} groups; at most {MOST_LAWS} can
       be told apart.", i = "Fix the other covariates."
    ), "argument", argument = "newdata")
  }
  x <- as.numeric(laws[[path$axis]])
  at <- as.numeric(fit$design$data[[path$axis]] %||% rep(NA, fit$n))
  c(data, list(
    shape = "fans", groups = groups, x = x, at = at,
    xlim = values_like(laws[[path$axis]], range(x, at, na.rm = TRUE)),
    rows = lapply(seq_len(groups), function(g) which(path$group == g)[order(x[path$group == g])]),
    law = if (groups > 1) law_of_points(fit, path$others) else rep(NA_integer_, fit$n),
    keys = if (groups > 1) law_words(path$others) else "",
    words = words_of(
      given_words("Quantile regions", fit), path$axis, fit$variables,
      note(if (groups > 1) paste("medians, means dashed, and regions that hold",
                                 paste(percent(data$level), collapse = ", ")), common_words(laws))
    )
  ))
}

draw_fans <- function(data, dots) {
  groups <- data$groups
  level <- data$level
  x <- data$x
  open_frame(dots, data$words, xlim = data$xlim, ylim = range(data$y, data$quantiles, finite = TRUE))
  colours <- coordinate_colours(groups)
  fills <- if (groups == 1) shades(length(level)) else rep("", length(level))
  for (g in seq_len(groups)) for (k in rev(seq_along(level))) {
    fill <- if (groups == 1) rev(fills)[k] else thin_fill(colours[g])
    r <- data$rows[[g]]
    draw_ribbon(x[r], data$quantiles[r, , drop = FALSE], length(level), k, fill)
  }
  draw_points(cbind(data$at, data$y), data$weights, dots, point_colours(data$law, colours), 0.7)
  lwd <- mark(dots, "lwd", 2)
  for (g in seq_len(groups)) {
    r <- data$rows[[g]]
    lines(x[r], data$quantiles[r, length(level) + 1], col = colours[g], lwd = lwd,
          lty = mark(dots, "lty", 1))
    lines(x[r], data$mean[r], col = if (groups == 1) OTHER_COLOUR else "grey15", lty = 2,
          lwd = if (groups == 1) 0.75 * lwd else 0.5 * lwd)
  }
  if (groups == 1) key_of_quantiles(level, lwd) else
    key_above(data$keys, col = colours, lwd = 2, seg.len = 1.4)
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

law_bars_data <- function(fit, data, laws) {
  shown <- varying(laws)
  c(data, list(
    shape = "bars", law = law_of_points(fit, laws), keys = law_words(laws, FALSE),
    words = words_of(given_words("Quantile regions", fit),
                     paste(if (length(shown)) shown else names(laws), collapse = ", "),
                     fit$variables, note(common_words(laws)))
  ))
}

#' Steps of the golden ratio lay points evenly, in whatever order they come.
#' @noRd
aside <- function(n) ((seq_len(n) * (sqrt(5) - 1) / 2) %% 1 - 0.5) * 0.5

draw_law_bars <- function(data, dots) {
  k <- length(data$level)
  q <- data$quantiles
  n <- nrow(q)
  mine <- which(!is.na(data$law))
  open_frame(dots, data$words, xlim = c(0.5, n + 0.5), ylim = range(data$y[mine], q, finite = TRUE),
             xaxt = "n")
  if (!isFALSE(dots$axes) && !identical(dots$xaxt, "n")) {
    graphics::axis(1, seq_len(n), data$keys, cex.axis = mark(dots, "cex.axis", 1))
  }
  for (j in rev(seq_len(k))) {
    graphics::rect(seq_len(n) - 0.35, q[, k + 1 - j], seq_len(n) + 0.35, q[, k + 1 + j],
                   col = rev(shades(k))[j], border = NA)
  }
  if (length(mine)) {
    draw_points(cbind(data$law[mine] + aside(length(mine)), data$y[mine]), data$weights[mine], dots,
                strength = 0.7)
  }
  lwd <- mark(dots, "lwd", 2)
  graphics::segments(seq_len(n) - 0.35, q[, k + 1], seq_len(n) + 0.35, q[, k + 1], col = FIT_COLOUR,
                     lwd = lwd, lty = mark(dots, "lty", 1), lend = 1)
  points(seq_len(n), data$mean, pch = 18, col = OTHER_COLOUR, cex = 1.4)
  key_of_quantiles(data$level, lwd, 18)
}

# --- densities of one response ------------------------------------------------

law_curves_data <- function(fit, ask) {
  laws <- chosen_laws(fit, ask$newdata, typical_laws)
  n <- nrow(laws$data)
  reach <- wide_range(ask$xlim %||% law_at(fit, laws$given, c(0.005, 0.995), 1e-8), 0.04)
  at <- seq(reach[1], reach[2], length.out = 501)
  list(
    kind = "laws", shape = "curves", at = at,
    heights = vapply(seq_len(n), function(k) {
      exp(log_density(fit$layers, cbind(at), laws$given[rep(k, length(at)), , drop = FALSE]))
    }, at),
    x = fit$x[, 1], law = law_of_points(fit, laws$data), keys = law_words(laws$data),
    words = words_of(given_words("Density", fit), fit$variables, "Density",
                     note(common_words(laws$data)))
  )
}

draw_law_curves <- function(data, dots) {
  n <- length(data$keys)
  open_frame(dots, data$words, xlim = range(data$at), ylim = c(0, max(data$heights)))
  colours <- rep_len(mark(dots, "col", coordinate_colours(n)), n)
  for (k in unique(data$law)) {
    draw_rug(data$x[data$law %in% k], if (is.na(k)) "grey15" else colours[k])
  }
  for (k in seq_len(n)) {
    lines(data$at, data$heights[, k], col = colours[k], lwd = mark(dots, "lwd", 2),
          lty = mark(dots, "lty", 1))
  }
  key_above(data$keys, col = colours, lwd = 2, seg.len = 1.4)
}

# --- two responses ------------------------------------------------------------

law_contours_data <- function(fit, which, ask) {
  laws <- chosen_laws(fit, ask$newdata, typical_laws)
  list(
    kind = "laws", shape = "contours", points = fit$x, weights = fit$weights,
    borders = lapply(seq_len(nrow(laws$data)), function(k) {
      law_borders(fit, which, ask$level, laws$given[k, , drop = FALSE])
    }),
    law = law_of_points(fit, laws$data), keys = law_words(laws$data),
    words = words_of(
      given_words(if (which == "density") "Density" else "Quantile regions", fit),
      fit$variables[1], fit$variables[2],
      note(paste("borders hold", paste(percent(ask$level), collapse = ", ")), common_words(laws$data))
    )
  )
}

draw_law_contours <- function(data, dots) {
  n <- length(data$keys)
  colours <- coordinate_colours(n)
  around <- rbind(data$points, do.call(rbind, unlist(data$borders, recursive = FALSE)))
  open_frame(dots, data$words, xlim = wide_range(around[, 1], 0.02), ylim = wide_range(around[, 2], 0.02))
  draw_points(data$points, data$weights, dots, point_colours(data$law, colours), 0.7)
  for (k in seq_len(n)) for (border in data$borders[[k]]) {
    lines(border, col = colours[k], lwd = mark(dots, "lwd", 1.7), lty = mark(dots, "lty", 1))
  }
  key_above(data$keys, col = colours, lwd = 2, seg.len = 1.4)
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
