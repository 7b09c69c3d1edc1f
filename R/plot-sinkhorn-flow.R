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
#' @examples
#' mu <- list(mean = 0, cov = 4)
#' nu <- list(mean = 1, cov = 1)
#' times <- seq(0, 6, 0.5)
#' plot(gaussian_flow(mu, nu, times), gaussian_flow(mu, nu, times, epsilon = 0.5))
#' @export
plot.sinkhorn_flow <- function(x, ...) {
  all <- list(...)
  others <- vapply(all, inherits, NA, "sinkhorn_flow")
  flows <- c(list(x), unname(all[others]))
  dots <- do.call(check_graphical, c(all[!others], list(known = character())))
  kept <- lapply(flows, function(flow) {
    table <- flow$trace
    table[table$jeffreys > 1e-12 * max(table$jeffreys), ]
  })
  values <- unlist(lapply(kept, `[[`, "jeffreys"))
  limit <- which(vapply(flows, function(flow) flow$epsilon == 0 && !anyNA(flow$trace$bound), NA))[1]
  bound <- if (!is.na(limit)) kept[[limit]][kept[[limit]]$time > 0, ]
  open_frame(dots, xlim = range(unlist(lapply(kept, `[[`, "time"))),
             ylim = wide_range(log10(c(values, bound$bound[bound$bound < 10 * max(values)])), 0.04),
             xlab = "Time", ylab = "Jeffreys' divergence, nats", main = "Flow and Sinkhorn iterates",
             yaxt = "n")
  draw_log_axis(dots)
  colours <- rep_len(c(mark(dots, "col", FIT_COLOUR), OTHER_COLOUR, "grey45", "#2a7d2a", "#7a3d9a"),
                     length(flows))
  lwd <- mark(dots, "lwd", 1.5)
  if (!is.null(bound)) lines(bound$time, log10(bound$bound), col = "grey15", lty = 2)
  for (k in seq_along(flows)) {
    lines(kept[[k]]$time, log10(kept[[k]]$jeffreys), type = if (flows[[k]]$epsilon > 0) "o" else "l",
          pch = 16, cex = 0.6, col = colours[k], lwd = lwd)
  }
  words <- vapply(flows, function(flow) {
    if (flow$epsilon == 0) return("flow")
    paste0("epsilon ", format(flow$epsilon, digits = 3), if (flow$debias) ", debiased")
  }, "")
  dashed <- !is.null(bound)
  key_above(c(words, if (dashed) "bound of the flow"), col = c(colours, if (dashed) "grey15"),
            lty = c(rep(1, length(words)), if (dashed) 2), lwd = lwd, seg.len = 1.6)
  invisible(x)
}
