# The plots of posteriors for ggplot2; the residuals have gg_qq().

POSTERIOR_KEYS <- c("approximation", "weighted")

gg_marginals <- function(data) {
  curves <- do.call(rbind, lapply(names(data$marginals), function(name) {
    m <- data$marginals[[name]]
    data.frame(x = m$plain$x, plain = m$plain$y, weighted = m$weighted$y, of = name)
  }))
  curves$of <- factor(curves$of, names(data$marginals))
  ggplot2::ggplot(curves, ggplot2::aes(.data$x)) +
    ggplot2::geom_area(ggplot2::aes(y = .data$plain, fill = "approximation")) +
    ggplot2::geom_line(ggplot2::aes(y = .data$weighted, colour = "weighted"), linewidth = 0.8) +
    ggplot2::facet_wrap(~of, scales = "free") +
    ggplot2::scale_fill_manual(NULL, values = c(approximation = shades(3)[1])) +
    gg_colours("weighted", OTHER_COLOUR) + ggplot2::labs(x = NULL, y = "Density")
}

gg_parameter_pairs <- function(data) {
  if (is.null(data$x)) return(gg_marginals(data))
  names <- colnames(data$x)
  gg_pairs(
    names, data.frame(data$x[data$shown, ], .weight = data$weights, check.names = FALSE), NULL,
    function(k) {
      m <- data$marginals[[k]]
      list(data.frame(x = m$plain$x, y = m$plain$y), data.frame(x = m$weighted$x, y = m$weighted$y))
    }, data$main, c(FIT_COLOUR, FIT_COLOUR, OTHER_COLOUR),
    function(i, j) {
      x <- data$x[, j]
      y <- data$x[, i]
      pair <- pair_heights(x, y, data$level, c(wide_range(x, 0.04), wide_range(y, 0.04)))
      pieces <- grDevices::contourLines(pair$at[[1]], pair$at[[2]], pair$height, levels = pair$cuts)
      do.call(rbind, lapply(seq_along(pieces), function(k) {
        data.frame(x = pieces[[k]]$x, y = pieces[[k]]$y, group = k)
      }))
    }
  )
}

gg_weights <- function(data) {
  ggplot2::ggplot() +
    ggplot2::geom_abline(intercept = data$intercept, slope = data$slope, linetype = 2, colour = "grey60") +
    gg_points(data$tail, colour = FIT_COLOUR, strength = 3) + gg_words(data$words) +
    ggplot2::labs(subtitle = "dashed: slope 0.7, which is too much")
}

gg_stages <- function(data) {
  keys <- unique(data$stages$of)
  ggplot2::ggplot(data$stages, ggplot2::aes(.data$gradients, .data$loss, colour = .data$of)) +
    ggplot2::geom_line() + ggplot2::geom_point(ggplot2::aes(shape = .data$of)) +
    ggplot2::geom_linerange(ggplot2::aes(ymin = .data$loss - 2 * .data$se,
                                         ymax = .data$loss + 2 * .data$se)) +
    ggplot2::scale_shape_manual(NULL, values = stats::setNames(c(16, 17), keys), breaks = keys) +
    gg_colours(keys, c(FIT_COLOUR, OTHER_COLOUR)) + gg_words(data$words)
}
