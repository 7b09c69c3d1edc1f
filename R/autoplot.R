#' Plots of a fitted map for ggplot2
#'
#' The plots of [plot.brenier()] as objects of ggplot2, which can be changed and combined: add scales,
#' themes, layers of your own.
#'
#' @param object A fit of [brenier()].
#' @param which One of `"density"`, `"quantile"`, `"grid"`, `"trace"`, `"qq"` and `"rank"`, as in
#'   [plot.brenier()], with the same default. Joint laws of more than two variables have the last
#'   four, and `"quantile"` is then `"rank"`; with covariates there is no `"grid"`.
#' @inheritParams plot.brenier
#' @param ... None; anything here is an error.
#' @return A ggplot object, with the variables of the fit for axes. Its data are the points of the fit,
#'   at most 5000, and what was computed is in its layers.
#' @section Errors:
#' `brenier_error_argument` for what [plot.brenier()] refuses, and for `"density"` in three dimensions
#' or more.
#' @examplesIf requireNamespace("ggplot2", quietly = TRUE)
#' fit <- brenier(~ eruptions + waiting, data = faithful,
#'                control = list(folds = 0, max_atoms = 12)) # quick: no validation
#' ggplot2::autoplot(fit)
#' ggplot2::autoplot(fit, "qq") + ggplot2::theme_minimal()
#' @importFrom rlang .data
#' @exportS3Method ggplot2::autoplot
autoplot.brenier <- function(object, which = NULL, level = NULL, newdata = NULL, ...) {
  check_no_dots(..., known = c("which", "level", "newdata"))
  fit <- object
  conditional <- !is.null(fit$design)
  which <- check_plots(which %||% if (fit$d > 2) "qq" else default_plot(fit))
  if (length(which) > 1) {
    brenier_abort("{.arg which} must be one plot, not {length(which)}: an object each.", "argument",
                  argument = "which")
  }
  level <- sort(unique(check_level(level %||% if (conditional) c(0.5, 0.9) else
    c(0.25, 0.5, 0.75, 0.9, 0.99))))
  check_laws(fit, which, newdata)
  if (which == "quantile" && fit$d > 2) which <- "rank"
  if (which == "density" && fit$d > 2) {
    brenier_abort(c(
      "{.val density} in {fit$d} dimensions is a matrix of plots.",
      i = "Draw it with {.code plot(fit, \"density\")}, or the {.val qq} here."
    ), "argument", argument = "which")
  }
  switch(which,
    density = if (conditional) gg_laws(fit, which, level, newdata) else gg_density(fit, level),
    quantile = if (conditional) gg_laws(fit, which, level, newdata) else gg_quantile(fit, level),
    grid = gg_grid(fit), trace = gg_trace(fit), qq = gg_qq(fit), rank = gg_rank(fit)
  )
}

#' The data that are drawn, with names that no variable has.
#' @noRd
gg_data <- function(fit) {
  rows <- drawn_rows(fit$n)
  data <- data.frame(fit$x[rows, , drop = FALSE], check.names = FALSE)
  data$.weight <- fit$weights[rows]
  data
}

gg_points <- function(fit, x, y, ...) {
  ggplot2::geom_point(
    ggplot2::aes(.data[[x]], .data[[y]], size = .data$.weight), gg_data(fit), inherit.aes = FALSE,
    alpha = min(0.8, 12 / sqrt(min(fit$n, MOST_POINTS))), colour = "grey15", ...
  )
}

# Points of one weight have one size, and no key.
gg_size <- function(fit) {
  ggplot2::scale_size_area(max_size = if (all(fit$weights == fit$weights[1])) 1.2 else 4,
                           guide = "none")
}

#' Heights as shades of the regions that hold the probabilities `level`.
#' @noRd
gg_shades <- function(level) {
  ggplot2::scale_fill_manual("holds", values = stats::setNames(shades(length(level)),
                                                               rev(percent(level))))
}

gg_levels <- function(level, of) factor(percent(level), rev(percent(of)))

gg_density <- function(fit, level) {
  if (fit$d == 1) return(gg_curve(fit))
  regions <- density_regions(fit, level)
  around <- rbind(fit$x, regions$extent)
  at <- lapply(1:2, function(k) {
    ends <- wide_range(around[, k], 0.02)
    seq(ends[1], ends[2], length.out = 201)
  })
  grid <- expand.grid(at)
  names(grid) <- fit$variables
  height <- as.vector(grid_heights(fit, at))
  inside <- findInterval(height, regions$cuts)
  grid$.holds <- gg_levels(rev(level)[pmax(inside, 1)], level)
  variables <- fit$variables
  grid$.height <- height
  ggplot2::ggplot(grid, ggplot2::aes(.data[[variables[1]]], .data[[variables[2]]])) +
    ggplot2::geom_raster(ggplot2::aes(fill = .data$.holds), grid[inside > 0, ]) +
    ggplot2::geom_contour(ggplot2::aes(z = .data$.height), breaks = regions$cuts,
                          colour = FIT_COLOUR, linewidth = 0.3) +
    gg_points(fit, variables[1], variables[2]) + gg_size(fit) + gg_shades(level) +
    ggplot2::labs(title = "Density")
}

gg_curve <- function(fit) {
  ends <- invert(fit, matrix(stats::qnorm(c(0.005, 0.995))))
  curve <- as.data.frame(density_curve(fit, wide_range(c(fit$x, ends), 0.04)))
  breaks <- histogram_breaks(fit$x[, 1])
  bars <- data.frame(left = utils::head(breaks, -1), right = breaks[-1],
                     height = weighted_heights(fit$x[, 1], fit$weights, breaks))
  ggplot2::ggplot(curve, ggplot2::aes(.data$x, .data$y)) +
    ggplot2::geom_rect(ggplot2::aes(xmin = .data$left, xmax = .data$right, ymin = 0,
                                    ymax = .data$height), bars, inherit.aes = FALSE,
                       fill = "grey85", colour = "white") +
    ggplot2::geom_line(colour = FIT_COLOUR, linewidth = 0.8) +
    ggplot2::labs(x = fit$variables, y = "Density", title = "Density")
}

gg_quantile <- function(fit, level) {
  region <- quantile_region(fit, level, n = if (fit$d == 2) 1000 else 200)$contour
  if (fit$d == 1) {
    ends <- region[order(-region$level), ]
    ends$.holds <- gg_levels(ends$level, level)
    return(gg_curve(fit) +
      ggplot2::geom_rect(ggplot2::aes(xmin = .data$lower, xmax = .data$upper, ymin = -Inf,
                                      ymax = Inf, fill = .data$.holds), ends, alpha = 0.4,
                         inherit.aes = FALSE) +
      gg_shades(level) + ggplot2::labs(title = "Quantile regions"))
  }
  region$.holds <- gg_levels(region$level, level)
  ggplot2::ggplot(region, ggplot2::aes(.data[[fit$variables[1]]], .data[[fit$variables[2]]])) +
    gg_points(fit, fit$variables[1], fit$variables[2]) + gg_size(fit) +
    ggplot2::geom_path(ggplot2::aes(colour = .data$.holds)) +
    ggplot2::scale_colour_manual("holds", values = stats::setNames(
      contour_colours(length(level)), rev(percent(level))
    )) + ggplot2::labs(title = "Quantile regions")
}

gg_grid <- function(fit) {
  if (fit$d == 1) {
    at <- seq(min(fit$x), max(fit$x), length.out = 501)
    curve <- data.frame(x = at, y = forward(fit$layers, cbind(at), logdet = FALSE)$map[, 1])
    return(ggplot2::ggplot(curve, ggplot2::aes(.data$x, .data$y)) +
      ggplot2::geom_line(colour = FIT_COLOUR, linewidth = 0.8) +
      ggplot2::labs(x = fit$variables, y = "T(x)", title = "Map to the normal law"))
  }
  at <- seq(-2.5, 2.5, by = 0.5)
  along <- seq(-2.5, 2.5, length.out = 401)
  lines <- do.call(rbind, lapply(1:2, function(k) {
    paths <- grid_lines(fit, 1:2, k, at, along)
    data.frame(x = as.vector(paths[, 1, ]), y = as.vector(paths[, 2, ]), fixed = fit$variables[k],
               line = rep(paste(k, at), each = length(along)))
  }))
  lines$fixed <- factor(match(lines$fixed, fit$variables))
  ggplot2::ggplot(lines, ggplot2::aes(.data$x, .data$y, colour = .data$fixed, group = .data$line)) +
    gg_points(fit, fit$variables[1], fit$variables[2]) + gg_size(fit) + ggplot2::geom_path() +
    ggplot2::scale_colour_manual("coordinate fixed", values = c(FIT_COLOUR, OTHER_COLOUR)) +
    ggplot2::labs(x = fit$variables[1], y = fit$variables[2], title = "Grid of the reference")
}

gg_trace <- function(fit) {
  trace <- running_trace(fit)
  panels <- c("Objective", "Log10 of the certificate")
  shown <- rbind(
    data.frame(trace[c("layer", "iter")], value = trace$objective, of = "data", panel = panels[1]),
    data.frame(trace[c("layer", "iter")], value = trace$validation, of = "held out", panel = panels[1]),
    data.frame(trace[c("layer", "iter")], panel = panels[2], of = "data",
               value = log10(pmax(trace$gap, fit$control$tol / 1000)))
  )
  shown <- shown[is.finite(shown$value), ]
  tol <- data.frame(panel = panels[2], value = log10(fit$control$tol))
  ggplot2::ggplot(shown, ggplot2::aes(.data$iter, .data$value, colour = .data$of,
                                      group = paste(.data$layer, .data$of))) +
    ggplot2::geom_line() + ggplot2::geom_point(size = 0.6) +
    ggplot2::geom_hline(ggplot2::aes(yintercept = .data$value), tol, linetype = 2) +
    ggplot2::facet_wrap(~panel, scales = "free_y") +
    ggplot2::scale_colour_manual(NULL, values = c(data = FIT_COLOUR, "held out" = OTHER_COLOUR)) +
    ggplot2::labs(x = "Step", y = "Nats a point")
}

gg_qq <- function(fit) {
  r <- stats::residuals(fit)
  n <- effective_size(fit$weights)
  one <- function(value, quantile, label) {
    q <- plotting_positions(value, fit$weights)
    data.frame(at = quantile(q$p), value = value[q$order], p = q$p, of = label,
               lower = quantile(stats::qbeta(0.025, n * q$p + 0.5, n * (1 - q$p) + 0.5)),
               upper = quantile(stats::qbeta(0.975, n * q$p + 0.5, n * (1 - q$p) + 0.5)))
  }
  radius <- function(p) stats::qchisq(p, fit$d)
  parts <- lapply(seq_len(fit$d), function(k) one(r[, k], stats::qnorm, fit$variables[k]))
  if (fit$d > 1) parts <- c(list(one(rowSums(r^2), radius, "squared radius")), parts)
  shown <- do.call(rbind, parts)
  shown$of <- factor(shown$of, unique(shown$of))
  ggplot2::ggplot(shown, ggplot2::aes(.data$at, .data$value)) +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = .data$lower, ymax = .data$upper), fill = BAND_COLOUR) +
    ggplot2::geom_abline(linetype = 2) +
    ggplot2::geom_point(colour = FIT_COLOUR, size = 0.7) +
    ggplot2::facet_wrap(~of, scales = "free") +
    ggplot2::labs(x = "Quantile of the reference", y = "T(x)")
}

gg_rank <- function(fit) {
  ranks <- rank_bars(fit)
  band <- ranks$band
  bars <- data.frame(left = utils::head(ranks$breaks, -1), right = ranks$breaks[-1],
                     height = ranks$heights)
  ggplot2::ggplot(bars, ggplot2::aes(xmin = .data$left, xmax = .data$right, ymin = 0,
                                     ymax = .data$height)) +
    ggplot2::geom_rect(fill = shades(5)[2], colour = "white") +
    ggplot2::annotate("rect", xmin = 0, xmax = 1, ymin = band[1], ymax = band[2], alpha = 0.2) +
    ggplot2::geom_hline(yintercept = 1, linetype = 2) +
    ggplot2::labs(x = ranks$label, y = "Density", title = "Ranks of the data")
}

# --- with covariates ----------------------------------------------------------

gg_laws <- function(fit, which, level, newdata) {
  if (fit$d == 1 && which == "quantile") {
    laws <- chosen_laws(fit, newdata, laws_along)
    path <- path_of(laws$data)
    if (!is.null(path)) return(gg_fans(fit, level, laws, path))
  }
  laws <- chosen_laws(fit, newdata, typical_laws)
  words <- law_words(laws$data)
  law <- factor(words, unique(words))
  n <- length(words)
  title <- given_words(if (which == "density") "Density" else "Quantile regions", fit)
  if (fit$d == 2) {
    shown <- do.call(rbind, lapply(seq_len(n), function(k) {
      borders <- law_borders(fit, which, level, laws$given[k, , drop = FALSE])
      do.call(rbind, lapply(seq_along(borders), function(b) {
        data.frame(x = borders[[b]][, 1], y = borders[[b]][, 2], law = law[k], border = paste(k, b))
      }))
    }))
    return(ggplot2::ggplot(shown, ggplot2::aes(.data$x, .data$y, colour = .data$law)) +
      gg_points(fit, fit$variables[1], fit$variables[2]) + gg_size(fit) +
      ggplot2::geom_path(ggplot2::aes(group = .data$border)) + gg_law_colours(n) +
      ggplot2::labs(x = fit$variables[1], y = fit$variables[2], title = title,
                    subtitle = paste("borders hold", paste(percent(level), collapse = ", "))))
  }
  if (which == "quantile") {
    q <- law_at(fit, laws$given, c((1 - rev(level)) / 2, 0.5, (1 + level) / 2), 1e-10)
    k <- length(level)
    bars <- do.call(rbind, lapply(rev(seq_len(k)), function(j) {
      data.frame(law = law, lower = q[, k + 1 - j], upper = q[, k + 1 + j], median = q[, k + 1],
                 .holds = gg_levels(level[j], level))
    }))
    return(ggplot2::ggplot(bars, ggplot2::aes(.data$law)) +
      ggplot2::geom_crossbar(ggplot2::aes(y = .data$median, ymin = .data$lower,
                                          ymax = .data$upper, fill = .data$.holds),
                             position = "identity", width = 0.6) +
      gg_shades(level) + ggplot2::labs(x = NULL, y = fit$variables, title = title))
  }
  reach <- wide_range(law_at(fit, laws$given, c(0.005, 0.995), 1e-8), 0.04)
  at <- seq(reach[1], reach[2], length.out = 501)
  shown <- do.call(rbind, lapply(seq_len(n), function(k) {
    given <- laws$given[rep(k, length(at)), , drop = FALSE]
    data.frame(x = at, y = exp(log_density(fit$layers, cbind(at), given)), law = law[k])
  }))
  ggplot2::ggplot(shown, ggplot2::aes(.data$x, .data$y, colour = .data$law)) +
    ggplot2::geom_line(linewidth = 0.8) + gg_law_colours(n) +
    ggplot2::labs(x = fit$variables, y = "Density", title = title)
}

gg_law_colours <- function(n) {
  ggplot2::scale_colour_manual(NULL, values = coordinate_colours(n), drop = FALSE)
}

gg_fans <- function(fit, level, laws, path) {
  k <- length(level)
  q <- law_at(fit, laws$given, c((1 - rev(level)) / 2, 0.5, (1 + level) / 2), 1e-10)
  words <- if (max(path$group) > 1) law_words(path$others) else ""
  along <- laws$data[[path$axis]]
  group <- factor(words[path$group], words)
  ribbons <- do.call(rbind, lapply(rev(seq_len(k)), function(j) {
    data.frame(x = along, lower = q[, k + 1 - j], upper = q[, k + 1 + j], median = q[, k + 1],
               group = group, .holds = gg_levels(level[j], level))
  }))
  at_data <- fit$design$data[[path$axis]]
  rows <- drawn_rows(fit$n)
  data <- if (!is.null(at_data)) {
    law <- if (max(path$group) > 1) law_of_points(fit, path$others) else rep(1L, fit$n)
    shown <- data.frame(x = at_data, y = fit$x[, 1], group = factor(words[law], words))[rows, ]
    shown[!is.na(shown$group), ]
  }
  plot <- ggplot2::ggplot(ribbons, ggplot2::aes(.data$x)) +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = .data$lower, ymax = .data$upper, fill = .data$.holds)) +
    ggplot2::geom_line(ggplot2::aes(y = .data$median), colour = FIT_COLOUR, linewidth = 0.8) +
    gg_shades(level) +
    ggplot2::labs(x = path$axis, y = fit$variables, title = given_words("Quantile regions", fit))
  if (!is.null(data)) {
    plot <- plot + ggplot2::geom_point(ggplot2::aes(.data$x, .data$y), data, inherit.aes = FALSE,
                                       size = 0.8, alpha = min(0.8, 12 / sqrt(length(rows))))
  }
  if (max(path$group) > 1) plot + ggplot2::facet_wrap(~group) else plot
}
