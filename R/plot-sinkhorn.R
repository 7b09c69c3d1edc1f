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
#' @family pictures
#' @examples
#' x <- matrix(rnorm(200), 100)
#' ot <- sinkhorn(x, cbind(3 + x[, 1] / 2, x[, 2]^2))
#' plot(ot)
#' plot(ot, "trace")
#' @export
plot.sinkhorn <- function(x, which = NULL, variables = NULL, arrows = 100, ...) {
  has_points <- !is.null(x$x)
  which <- check_which(which %||% if (has_points) "map" else "trace", sinkhorn_pictures())
  dots <- check_graphical(..., known = c("which", "variables", "arrows"))
  asked <- asked_of_transport(x, which, variables, arrows)
  draw_pictures(sinkhorn_pictures(), which, x, asked, dots)
  invisible(x)
}

sinkhorn_pictures <- function() {
  list(map = picture(transport_data, draw_transport, gg_transport),
       trace = picture(transport_trace_data, draw_transport_trace, gg_transport_trace))
}

asked_of_transport <- function(x, which, variables, arrows) {
  arrows <- check_count(arrows, "arrows")
  if ("map" %in% which && is.null(x$x)) {
    brenier_abort(c(
      "There is no map to draw: the fit has only a matrix of costs.", i = "Use {.code \"trace\"}."
    ), "argument", argument = "which")
  }
  list(arrows = arrows, variables = if ("map" %in% which && ncol(x$x) > 1) drawn_pair(x, variables))
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

transport_data <- function(fit, ask) {
  names <- group_names(fit)
  if (ncol(fit$x) == 1) {
    at <- seq(min(fit$x), max(fit$x), length.out = 200)
    return(list(
      curve = data.frame(x = at, y = drop(predict(fit, at))), from = fit$x[, 1], to = fit$y[, 1],
      words = words_of("Transport map", names[1], names[2])
    ))
  }
  of <- match(ask$variables, colnames(fit$x))
  from <- fit$x[, of]
  carrying <- which(fit$a > 0)
  rows <- carrying[unique(round(seq(1, length(carrying), length.out = min(ask$arrows, length(carrying)))))]
  image <- predict(fit)[rows, of, drop = FALSE]
  list(
    from = from, to = fit$y[, of], a = fit$a, b = fit$b, names = names,
    arrows = data.frame(x = from[rows, 1], y = from[rows, 2], xend = image[, 1], yend = image[, 2]),
    words = words_of("Transport map", ask$variables[1], ask$variables[2])
  )
}

draw_transport <- function(data, dots) {
  colours <- rep_len(mark(dots, "col", c(FIT_COLOUR, OTHER_COLOUR)), 2)
  if (!is.null(data$curve)) return(draw_map_line(data, colours, dots))
  dots$col <- NULL
  both <- rbind(data$from, data$to)
  open_frame(dots, data$words, xlim = wide_range(both[, 1], 0.04), ylim = wide_range(both[, 2], 0.04))
  draw_points(data$to, data$b, dots, colours[2])
  draw_points(data$from, data$a, dots, colours[1])
  at <- data$arrows
  # an arrow shorter than its own head is a warning to R, and a smudge
  inch <- function(by, k) by / diff(par("usr")[2 * k - 1:0]) * par("pin")[k]
  at <- at[sqrt(inch(at$xend - at$x, 1)^2 + inch(at$yend - at$y, 2)^2) > 0.02, ]
  if (nrow(at)) {
    graphics::arrows(at$x, at$y, at$xend, at$yend, length = 0.05, col = faint("grey25", 0.7),
                     lwd = mark(dots, "lwd", 0.8))
  }
  key_above(data$names, col = colours, pch = 16)
}

draw_map_line <- function(data, colours, dots) {
  open_frame(dots, data$words, xlim = range(data$curve$x), ylim = wide_range(c(data$curve$y, data$to), 0.04))
  graphics::rug(data$from, col = faint(colours[1], 0.5), quiet = TRUE)
  graphics::rug(data$to, side = 2, col = faint(colours[2], 0.5), quiet = TRUE)
  lines(data$curve, col = colours[1], lwd = mark(dots, "lwd", 1.5), lty = mark(dots, "lty", 1))
}

#' Logarithms of errors and gaps, where they have one.
#' @noRd
transport_trace_data <- function(fit, ask) {
  trace <- fit$trace
  tol <- fit$control$tol
  if (nrow(trace) == 0) trace <- data.frame(iter = 0, error = fit$error, gap = Inf)
  logs <- c(log10(pmax(trace$error, tol / 1e3)), log10(pmax(trace$gap, 1e-300)))
  logs[!is.finite(logs) | logs < -290] <- NA
  list(
    keys = c("marginal error", "gap (units of the cost)"), tol = log10(tol),
    trace = data.frame(iter = trace$iter, value = logs, of = rep(1:2, each = nrow(trace))),
    words = words_of("Convergence", "Iteration", "Error, gap")
  )
}

draw_transport_trace <- function(data, dots) {
  trace <- data$trace
  colours <- c(mark(dots, "col", FIT_COLOUR)[1], OTHER_COLOUR)
  open_frame(dots, data$words, xlim = c(0, max(trace$iter)),
             ylim = wide_range(c(trace$value, data$tol), 0.05), yaxt = "n")
  draw_log_axis(dots)
  abline(h = data$tol, lty = 2, col = "grey15")
  for (k in 1:2) {
    part <- trace[trace$of == k, ]
    lines(part$iter, part$value, type = "o", pch = 16, cex = 0.5, col = colours[k],
          lwd = mark(dots, "lwd", 1.5))
  }
  key_above(c(data$keys, "asked for"), col = c(colours, "grey15"), lwd = c(1.5, 1.5, 1), lty = c(1, 1, 2),
            seg.len = 1.4)
}
