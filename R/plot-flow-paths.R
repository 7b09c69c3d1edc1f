# plot(simulate(sinkhorn_flow(...)))

#' Plot the particles of a flow
#'
#' @details
#' * `"paths"`: where the first 200 particles went, for one variable against time, for two from the
#'   hollow start to the filled end; paths round a torus are parted where they go round;
#' * `"marginals"`: a histogram of a variable at up to four times, a panel each, and as a line the
#'   density of the flow where it is known: of normal laws at all times, of others at the times of the
#'   flow.
#'
#' @param x Particles by [simulate.sinkhorn_flow()].
#' @param which One or more of `"paths"` and `"marginals"`.
#' @param variables Names or numbers of the variables to draw: by default the first two for paths, all
#'   for marginals, a page each.
#' @param ... Graphical parameters, as for [plot.brenier()].
#' @return `x`, invisibly.
#' @section Errors:
#' `brenier_error_argument`, which names the argument: no particle or time, unknown variables.
#' @seealso [simulate.sinkhorn_flow()]
#' @family pictures
#' @examples
#' mu <- list(mean = c(2, 0), cov = diag(c(0.25, 1)))
#' nu <- list(mean = c(0, 0), cov = diag(2))
#' paths <- simulate(gaussian_flow(mu, nu, times = seq(0, 2, 0.05)), nsim = 500, seed = 1)
#' plot(paths)
#' plot(paths, "marginals", variables = 1)
#' @export
plot.flow_paths <- function(x, which = "paths", variables = NULL, ...) {
  which <- check_which(which, path_pictures())
  dots <- check_graphical(..., known = c("which", "variables"))
  draw_pictures(path_pictures(), which, x, flow_path_ask(x, variables), dots)
  invisible(x)
}

path_pictures <- function() {
  list(
    paths = picture(flow_paths_data, draw_paths, gg_paths),
    marginals = picture(path_marginals_data, draw_path_marginals, gg_path_marginals)
  )
}

flow_path_ask <- function(x, variables) {
  if (nrow(x) == 0) {
    brenier_abort("{.arg x} has no particles to draw.", "argument", argument = "x")
  }
  names <- setdiff(names(x), c("time", "particle"))
  list(variables = names[chosen_variables(variables, names)])
}

#' The data of draw_paths(); a path that goes round a torus goes on as another.
#' @noRd
flow_paths_data <- function(x, ask) {
  flow <- attr(x, "flow")
  names <- utils::head(ask$variables, 2)
  x <- x[x$particle %in% utils::head(unique(x$particle), 200), ]
  x <- x[order(x$particle, x$time), ]
  line <- length(names) == 1
  moved <- function(v, far) c(FALSE, abs(diff(v)) > far)
  jumps <- logical(nrow(x))
  if (isTRUE(flow$periodic)) {
    far <- rep_len((flow$mu$upper - flow$mu$lower) / 2, 2)
    for (k in seq_along(names)) jumps <- jumps | moved(x[[names[k]]], far[k])
  }
  list(
    paths = data.frame(x = if (line) x$time else x[[names[1]]], y = x[[names[length(names)]]],
                       particle = cumsum(moved(x$particle, 0) | jumps),
                       time = match(x$time, unique(x$time))),
    line = line, end = length(unique(x$time)), asp = NA,
    words = if (line) words_of("Paths", "Time", names) else words_of("Paths", names[1], names[2])
  )
}

#' For each variable a histogram at up to four times, and lines of the density where it is known.
#' @noRd
path_marginals_data <- function(x, ask) {
  times <- unique(x$time)
  shown <- times[unique(round(seq(1, length(times), length.out = 4)))]
  panels <- paste("Time", format(shown, digits = 3, trim = TRUE))
  all <- setdiff(names(x), c("time", "particle"))
  lapply(ask$variables, function(name) {
    breaks <- histogram_breaks(x[[name]][x$time %in% shown])
    each <- lapply(seq_along(shown), function(i) {
      values <- x[[name]][x$time == shown[i]]
      bars <- bars_data(breaks, weighted_heights(values, rep(1, length(values)), breaks))
      law <- flow_marginal(attr(x, "flow"), shown[i], match(name, all), breaks)
      list(bars = cbind(bars, panel = panels[i], name = name),
           law = if (!is.null(law)) data.frame(x = law$x, y = law$y, panel = panels[i], name = name))
    })
    list(bars = do.call(rbind, lapply(each, `[[`, "bars")), panels = panels, breaks = breaks,
         law = do.call(rbind, lapply(each, `[[`, "law")), name = name)
  })
}

#' A page a variable, a panel a time, on one scale.
#' @noRd
draw_path_marginals <- function(data, dots) {
  for (page in data) {
    n <- length(page$panels)
    old <- if (n > 1) two_panels(c(1 + (n > 2), 2))
    top <- 1.05 * max(page$bars$height, page$law$y)
    for (panel in page$panels) {
      open_frame(dots, words_of(panel, page$name, "Density"), xlim = range(page$breaks), ylim = c(0, top))
      draw_bars(page$bars[page$bars$panel == panel, ], mark(dots, "col", shades(4)[2]))
      law <- page$law[page$law$panel == panel, ]
      lines(law$x, law$y, lty = mark(dots, "lty", 1), lwd = mark(dots, "lwd", 1.5), col = "grey15")
    }
    if (!is.null(old)) par(old)
  }
}

gg_path_marginals <- function(data) {
  all <- function(part) do.call(rbind, lapply(data, `[[`, part))
  in_order <- function(frame) transform(frame, panel = factor(frame$panel, data[[1]]$panels))
  plot <- ggplot2::ggplot() + gg_bars(in_order(all("bars")), fill = shades(4)[2], colour = "white")
  if (!is.null(all("law"))) {
    plot <- plot + ggplot2::geom_line(ggplot2::aes(.data$x, .data$y), in_order(all("law")))
  }
  one <- length(data) == 1
  plot + ggplot2::facet_grid(ggplot2::vars(.data$panel), if (!one) ggplot2::vars(.data$name),
                             scales = if (one) "fixed" else "free_x") +
    gg_words(words_of("Marginals", if (one) data[[1]]$name, "Density"))
}

#' The density of a coordinate of the model at a time, as a line; NULL where it is not known.
#' @noRd
flow_marginal <- function(flow, time, k, breaks) {
  if (inherits(flow, "gaussian_flow")) {
    law <- gaussian_marginal(flow, time)
    x <- seq(breaks[1], breaks[length(breaks)], length.out = 200)
    return(list(x = x, y = stats::dnorm(x, law$mean[k], sqrt(law$cov[k, k]))))
  }
  j <- which(abs(flow$trace$time - time) <= 1e-9 * max(flow$trace$time))
  if (length(j) == 0) return(NULL)
  ratio <- matrix(flow$ratio, ncol = nrow(flow$trace))[, j[1]]
  if (inherits(flow, "points_flow")) {
    height <- weighted_heights(flow$mu[, k], flow$a * exp(ratio), breaks)
    return(list(x = rep(breaks, each = 2), y = c(0, rep(height, each = 2), 0)))
  }
  mass <- flow$mu$density * exp(ratio)
  mass <- if (length(dim(mass)) > 1) apply(mass, k, sum) else as.double(mass)
  size <- (flow$mu$upper[k] - flow$mu$lower[k]) / length(mass)
  list(x = flow$mu$centers[[k]], y = mass / sum(mass) / size)
}

#' The law of the particles of normal laws at a time.
#' @noRd
gaussian_marginal <- function(flow, time) {
  epsilon <- flow$epsilon
  u <- if (epsilon > 0) {
    sinkhorn_path(flow$mu, flow$nu, round(time / epsilon), epsilon, FALSE, flow$start)[[1]]
  } else {
    riccati_path(flow$mu, flow$nu, time, flow$start)[[1]]
  }
  back <- solve(u$slope + if (epsilon > 0) epsilon * solve(flow$mu$cov) else 0)
  list(mean = flow$mu$mean + drop(back %*% (flow$nu$mean - u$shift)),
       cov = back %*% flow$nu$cov %*% back + epsilon * back)
}
