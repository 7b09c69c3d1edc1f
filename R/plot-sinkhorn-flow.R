# plot(sinkhorn_flow(...)), plot(gaussian_flow(...))

#' Plot the continuum limit of Sinkhorn's algorithm
#'
#' Draws Jeffreys' divergence of a flow against time, with the bound that it obeys, and of Sinkhorn
#' iterates
#' at the same times.
#'
#' @param x A value of [sinkhorn_flow()] or [gaussian_flow()].
#' @param ... More of them, to be drawn on the same plot; and graphical parameters, as for
#'   [plot.brenier()].
#' @return `x`, invisibly.
#' @details
#' The scale of divergences is logarithmic. The dashed line is the bound of the first flow at
#' temperature
#' zero among them: its semi-dual at time 0 less the least, over the time. Values below 1e-12 times
#' the
#' largest are not drawn: they are rounding.
#' @section Errors:
#' `brenier_error_argument` for unnamed arguments that are no flows, and for graphical parameters
#' that do not
#' exist.
#' @seealso [sinkhorn_flow()]
#' @family pictures
#' @examples
#' mu <- list(mean = 0, cov = 4)
#' nu <- list(mean = 1, cov = 1)
#' times <- seq(0, 6, 0.5)
#' plot(gaussian_flow(mu, nu, times), gaussian_flow(mu, nu, times, epsilon = 0.5))
#' @export
plot.sinkhorn_flow <- function(x, ...) {
  all <- list(...)
  others <- vapply(all, inherits, NA, "sinkhorn_flow")
  dots <- do.call(check_graphical, c(all[!others], list(known = character())))
  draw_divergences(divergences_data(c(list(x), unname(all[others]))), dots)
  invisible(x)
}

divergences_data <- function(flows) {
  kept <- lapply(flows, function(flow) {
    table <- flow$trace
    table[table$jeffreys > 1e-12 * max(table$jeffreys), ]
  })
  limit <- which(vapply(flows, function(flow) flow$epsilon == 0 && !anyNA(flow$trace$bound), NA))[1]
  bound <- if (!is.na(limit)) kept[[limit]][kept[[limit]]$time > 0, ]
  keys <- vapply(flows, function(flow) {
    if (flow$epsilon == 0) return("flow")
    paste0("epsilon ", format(flow$epsilon, digits = 3), if (flow$debias) ", debiased")
  }, "")
  list(
    curves = do.call(rbind, lapply(seq_along(kept), function(k) {
      data.frame(time = kept[[k]]$time, value = log10(kept[[k]]$jeffreys), of = k)
    })),
    bound = if (!is.null(bound)) data.frame(time = bound$time, value = log10(bound$bound)),
    cycles = vapply(flows, function(flow) flow$epsilon > 0, NA), keys = make.unique(keys, " #"),
    words = words_of("Flow and Sinkhorn iterates", "Time", "Jeffreys' divergence, nats")
  )
}

# Of Okabe and Ito, behind the two of the other plots.
flow_colours <- function(n) rep_len(c(FIT_COLOUR, OTHER_COLOUR, "grey45", "#009E73", "#CC79A7"), n)

draw_divergences <- function(data, dots) {
  curves <- data$curves
  n <- length(data$keys)
  seen <- data$bound$value[data$bound$value < 1 + max(curves$value)]
  open_frame(dots, data$words, xlim = range(curves$time), ylim = wide_range(c(curves$value, seen), 0.04),
             yaxt = "n")
  draw_log_axis(dots)
  colours <- flow_colours(n)
  colours[1] <- mark(dots, "col", colours[1])
  lwd <- mark(dots, "lwd", 1.5)
  dashed <- !is.null(data$bound)
  if (dashed) lines(data$bound$time, data$bound$value, col = "grey15", lty = 2)
  for (k in seq_len(n)) {
    part <- curves[curves$of == k, ]
    lines(part$time, part$value, type = if (data$cycles[k]) "o" else "l", pch = 16, cex = 0.6,
          col = colours[k], lwd = lwd)
  }
  key_above(c(data$keys, if (dashed) "bound of the flow"), col = c(colours, if (dashed) "grey15"),
            lty = c(rep(1, n), if (dashed) 2), lwd = lwd, seg.len = 1.6)
}
