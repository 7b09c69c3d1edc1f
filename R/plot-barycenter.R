# plot(sinkhorn_barycenter(...))

#' Plot a barycenter of samples
#'
#' @details
#' * `"points"`: the samples and the points of the barycenter over them. In one dimension the quantile
#'   functions, of which that of the barycenter is the weighted mean, but for the blur.
#' * `"trace"`: the objective at each step, less its least value, on a log scale.
#'
#' @param x A value of [sinkhorn_barycenter()].
#' @param which `"points"`, `"trace"` or both.
#' @param variables Names or numbers of two variables to draw, by default the first two.
#' @param ... Graphical parameters, as for [plot.brenier()]; `col` is that of the barycenter.
#' @return `x`, invisibly.
#' @section Errors:
#' `brenier_error_argument` for a wrong `which` or `variables`, and for a graphical parameter that does
#' not exist.
#' @seealso [sinkhorn_barycenter()]
#' @family pictures
#' @examples
#' plot(sinkhorn_barycenter(split(iris[1:2], iris$Species), n = 40))
#' @export
plot.sinkhorn_barycenter <- function(x, which = "points", variables = NULL, ...) {
  which <- check_which(which, barycenter_pictures())
  dots <- check_graphical(..., known = c("which", "variables"))
  draw_pictures(barycenter_pictures(), which, x, asked_of_barycenter(x, variables), dots)
  invisible(x)
}

barycenter_pictures <- function() {
  list(points = picture(barycenter_data, draw_barycenter, gg_barycenter),
       trace = picture(barycenter_trace_data, draw_barycenter_trace, gg_barycenter_trace))
}

asked_of_barycenter <- function(x, variables) {
  if (is.null(colnames(x$x))) colnames(x$x) <- paste0("x", seq_len(ncol(x$x)))
  list(variables = if (ncol(x$x) > 1) match(drawn_pair(x, variables), colnames(x$x)),
       names = colnames(x$x))
}

barycenter_data <- function(x, ask) {
  keys <- names(x$samples) %||% paste("sample", seq_along(x$samples))
  if (ncol(x$x) > 1) {
    at <- ask$variables
    names <- ask$names[at]
    return(list(samples = lapply(x$samples, function(s) s[, at]), masses = x$masses, points = x$x[, at],
                keys = keys, words = words_of("Barycenter", names[1], names[2])))
  }
  steps <- function(values, mass, of) {
    q <- plotting_positions(values, mass)
    data.frame(p = q$p, value = values[q$order], of = of)
  }
  n <- nrow(x$x)
  list(
    curves = rbind(do.call(rbind, Map(function(s, mass, key) steps(s[, 1], mass, key), x$samples, x$masses,
                                      keys)),
                   steps(x$x[, 1], rep(1 / n, n), "barycenter")),
    keys = keys, words = words_of("Barycenter", "Probability", paste("Quantile of", ask$names))
  )
}

draw_barycenter <- function(data, dots) {
  n <- length(data$keys)
  colours <- c(coordinate_colours(n), mark(dots, "col", OTHER_COLOUR))
  keys <- c(data$keys, "barycenter")
  if (is.null(data$points)) {
    open_frame(dots, data$words, xlim = c(0, 1), ylim = range(data$curves$value))
    for (k in seq_along(keys)) {
      part <- data$curves[data$curves$of == keys[k], ]
      lines(part$p, part$value, col = colours[k], lwd = if (k > n) 2.5 else 1)
    }
    return(key_above(keys, col = colours, lwd = c(rep(1, n), 2.5), seg.len = 1.4))
  }
  around <- rbind(data$points, do.call(rbind, data$samples))
  open_frame(dots, data$words, xlim = wide_range(around[, 1], 0.04), ylim = wide_range(around[, 2], 0.04))
  for (k in seq_len(n)) draw_points(data$samples[[k]], data$masses[[k]], list(pch = 1), colours[k], 2)
  draw_points(data$points, rep(1, nrow(data$points)), dots, OTHER_COLOUR, 2)
  key_above(keys, col = colours, pch = c(rep(1, n), 16))
}

barycenter_trace_data <- function(x, ask) {
  trace <- x$trace
  # the last is the least: it is drawn where rounding begins
  excess <- trace$objective - min(trace$objective)
  least <- max(excess, 1e-15) * 1e-6
  list(trace = data.frame(iter = trace$iter, value = log10(pmax(excess, least))),
       words = words_of("Convergence", "Step", "Objective less its least"))
}

draw_barycenter_trace <- function(data, dots) {
  open_frame(dots, data$words, xlim = c(0, max(1, data$trace$iter)), ylim = wide_range(data$trace$value),
             yaxt = "n")
  draw_log_axis(dots)
  lines(data$trace, type = "o", pch = 16, cex = 0.6, col = mark(dots, "col", FIT_COLOUR),
        lwd = mark(dots, "lwd", 1.5))
}
