#' Plot a transport
#'
#' @details
#' * `"map"`: the points of both samples, in area proportional to their masses, and arrows from some
#'   points of x to their images under the map. With more than two variables the two of
#'   `variables`; in one dimension the map over x, with the sorted points of y that it is to match.
#' * `"trace"`: the error of the marginals and the certificate over the iterations, on log scales, with
#'   the tolerance.
#'
#' @param x A result of [sinkhorn()].
#' @param which `"map"`, `"trace"` or both; by default the first, or the second where there are no points.
#' @param variables Names or numbers of two variables to draw, by default the first two.
#' @param arrows Number of arrows, evenly spread over the points of x.
#' @param ... Graphical parameters; `col` has a colour for each sample.
#' @return `x`, invisibly.
#' @seealso [sinkhorn()]
#' @examples
#' x <- matrix(rnorm(200), 100)
#' ot <- sinkhorn(x, cbind(3 + x[, 1] / 2, x[, 2]^2))
#' plot(ot)
#' plot(ot, "trace")
#' @export
plot.sinkhorn <- function(x, which = NULL, variables = NULL, arrows = 100, ...) {
  has_points <- !is.null(x$x)
  which <- which %||% if (has_points) "map" else "trace"
  for (w in which) check_choice(w, c("map", "trace"), "which")
  arrows <- check_count(arrows, "arrows")
  dots <- check_graphical(..., known = c("which", "variables", "arrows"))
  if ("map" %in% which && !has_points) {
    brenier_abort(c(
      "There is no map to draw: the fit has only a matrix of costs.", i = "Use {.code \"trace\"}."
    ), "argument", argument = "which")
  }
  for (w in which) {
    if (w == "trace") plot_transport_trace(x, dots)
    else if (ncol(x$x) == 1) plot_map_line(x, dots)
    else plot_map_plane(x, drawn_pair(x, variables), arrows, dots)
  }
  invisible(x)
}

drawn_pair <- function(fit, variables) {
  names <- colnames(fit$x)
  if (is.null(variables)) return(names[1:2])
  if (is.numeric(variables)) variables <- names[variables]
  if (length(variables) == 2 && !anyNA(variables) && all(variables %in% names)) return(variables)
  brenier_abort(c(
    "{.arg variables} must be two of {.val {names}}, not {shown(variables)}."
  ), "argument", argument = "variables")
}

group_names <- function(fit) fit$groups %||% c("x", "y")

plot_map_plane <- function(fit, variables, most, dots) {
  colours <- rep_len(mark(dots, "col", c(FIT_COLOUR, OTHER_COLOUR)), 2)
  dots$col <- NULL
  from <- fit$x[, variables]
  to <- fit$y[, match(variables, colnames(fit$x)), drop = FALSE]
  image <- predict(fit)[, match(variables, colnames(fit$x)), drop = FALSE]
  both <- rbind(from, to)
  open_frame(dots, xlim = wide_range(both[, 1], 0.04), ylim = wide_range(both[, 2], 0.04),
             xlab = variables[1], ylab = variables[2], main = "Transport map")
  draw_points(to, fit$b, dots, colours[2])
  draw_points(from, fit$a, dots, colours[1])
  carrying <- which(fit$a > 0)
  rows <- carrying[unique(round(seq(1, length(carrying), length.out = min(most, length(carrying)))))]
  # an arrow shorter than its own head is a warning to R, and a smudge
  inch <- function(d, k) d[, k] / diff(par("usr")[2 * k - 1:0]) * par("pin")[k]
  by <- image - from
  rows <- rows[sqrt(inch(by, 1)^2 + inch(by, 2)^2)[rows] > 0.02]
  if (length(rows)) {
    graphics::arrows(from[rows, 1], from[rows, 2], image[rows, 1], image[rows, 2], length = 0.05,
                     col = faint("grey25", 0.7), lwd = mark(dots, "lwd", 0.8))
  }
  key_above(group_names(fit), col = colours, pch = 16)
}

plot_map_line <- function(fit, dots) {
  colours <- rep_len(mark(dots, "col", c(FIT_COLOUR, OTHER_COLOUR)), 2)
  range <- range(fit$x)
  at <- seq(range[1], range[2], length.out = 200)
  map <- drop(predict(fit, at))
  open_frame(dots, xlim = range, ylim = wide_range(c(map, fit$y), 0.04), xlab = group_names(fit)[1],
             ylab = group_names(fit)[2], main = "Transport map")
  graphics::rug(fit$x, col = faint(colours[1], 0.5), quiet = TRUE)
  graphics::rug(fit$y, side = 2, col = faint(colours[2], 0.5), quiet = TRUE)
  lines(at, map, col = colours[1], lwd = mark(dots, "lwd", 1.5), lty = mark(dots, "lty", 1))
}

plot_transport_trace <- function(fit, dots) {
  trace <- fit$trace
  tol <- fit$control$tol
  if (nrow(trace) == 0) trace <- data.frame(iter = 0, error = fit$error, gap = Inf)
  logs <- cbind(log10(pmax(trace$error, tol / 1e3)), log10(pmax(trace$gap, 1e-300)))
  logs[!is.finite(logs) | logs < -290] <- NA
  colours <- c(mark(dots, "col", FIT_COLOUR)[1], OTHER_COLOUR)
  open_frame(dots, xlim = c(0, max(trace$iter)), ylim = wide_range(c(logs, log10(tol)), 0.05),
             xlab = "Iteration", ylab = "", main = "Convergence", yaxt = "n")
  draw_log_axis(dots)
  abline(h = log10(tol), lty = 3, col = "grey40")
  for (k in 1:2) {
    lines(trace$iter, logs[, k], type = "o", pch = 16, cex = 0.5, col = colours[k],
          lwd = mark(dots, "lwd", 1.5))
  }
  key_above(c("marginal error", "gap (units of the cost)"), col = colours, lwd = 1.5, seg.len = 1.4)
}
