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
#' @examples
#' mu <- list(mean = c(2, 0), cov = diag(c(0.25, 1)))
#' nu <- list(mean = c(0, 0), cov = diag(2))
#' paths <- simulate(gaussian_flow(mu, nu, times = seq(0, 2, 0.05)), nsim = 500, seed = 1)
#' plot(paths)
#' plot(paths, "marginals", variables = 1)
#' @export
plot.flow_paths <- function(x, which = "paths", variables = NULL, ...) {
  choices <- c("paths", "marginals")
  for (w in which) check_choice(w, choices, "which")
  if (!is.character(which) || length(which) == 0) check_choice(which, choices, "which")
  dots <- check_graphical(..., known = c("which", "variables"))
  if (nrow(x) == 0) {
    brenier_abort("{.arg x} has no particles to draw.", "argument", argument = "x")
  }
  all <- setdiff(names(x), c("time", "particle"))
  at <- chosen_variables(variables, all)
  for (w in which) {
    if (w == "paths") plot_flow_paths(x, all[at[seq_len(min(2, length(at)))]], dots)
    if (w == "marginals") for (k in at) plot_flow_marginals(x, k, all[k], dots)
  }
  invisible(x)
}

plot_flow_paths <- function(x, names, dots) {
  flow <- attr(x, "flow")
  x <- x[x$particle %in% utils::head(unique(x$particle), 200), ]
  times <- unique(x$time)
  # a particle that goes further than half the torus has gone round
  far <- rep(Inf, 2)
  if (isTRUE(flow$periodic)) far <- rep_len((flow$mu$upper - flow$mu$lower) / 2, 2)
  of <- function(name) matrix(x[[name]], length(times), byrow = TRUE)
  if (length(names) == 1) return(paths_in_time(times, of(names), c("Time", names), dots, far[1]))
  paths_in_plane(of(names[1]), of(names[2]), names, dots, far)
}

#' A panel a time, on one scale.
#' @noRd
plot_flow_marginals <- function(x, k, name, dots) {
  times <- unique(x$time)
  shown <- times[unique(round(seq(1, length(times), length.out = 4)))]
  breaks <- histogram_breaks(x[[name]][x$time %in% shown])
  heights <- lapply(shown, function(t) {
    values <- x[[name]][x$time == t]
    weighted_heights(values, rep(1, length(values)), breaks)
  })
  laws <- lapply(shown, function(t) flow_marginal(attr(x, "flow"), t, k, breaks))
  top <- 1.05 * max(unlist(heights), unlist(lapply(laws, `[[`, "y")))
  panels <- length(shown)
  old <- if (panels > 1) two_panels(c(1 + (panels > 2), 2))
  if (!is.null(old)) on.exit(par(old))
  for (i in seq_along(shown)) {
    open_frame(dots, xlim = range(breaks), ylim = c(0, top), xlab = name, ylab = "Density",
               main = paste("Time", format(shown[i], digits = 3)))
    draw_bars(breaks, heights[[i]], mark(dots, "col", shades(4)[2]))
    if (is.null(laws[[i]])) next
    lines(laws[[i]], lty = mark(dots, "lty", 1), lwd = mark(dots, "lwd", 1.5), col = "grey15")
  }
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
