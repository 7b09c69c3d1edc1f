# Optimal transport on the line: the quantiles of one law at the ranks of the other, exact for densities
# that are constant in each cell.

line_law <- function(mu) {
  n <- length(mu$density)
  p <- c(0, cumsum(mu$density))
  list(edges = mu$lower + (mu$upper - mu$lower) * (0:n) / n, p = p / p[n + 1],
       centers = mu$centers[[1]])
}

#' Quantiles; at the rank of a gap its left end.
#' @noRd
line_quantile <- function(law, p) {
  i <- findInterval(p, law$p, left.open = TRUE, all.inside = TRUE)
  share <- (p - law$p[i]) / (law$p[i + 1] - law$p[i])
  # below the first cell with mass
  share[is.nan(share)] <- 1
  law$edges[i] + pmin(pmax(share, 0), 1) * (law$edges[i + 1] - law$edges[i])
}

middles <- function(x) (x[-1] + x[-length(x)]) / 2

#' A primitive at the centres of a function given there and at the edges.
#' @noRd
primitive <- function(law, at_centers, at_edges) {
  n <- length(at_centers)
  half <- diff(law$edges)[1] / 4
  c(0, cumsum(half * (at_centers[-n] + 2 * at_edges[2:n] + at_centers[-1])))
}

#' Means over cells of even density of the square of x, and of that of x - T(x), T being linear in
#' each.
#' @noRd
mean_square <- function(mu) {
  mean_under(mu, mu$centers[[1]]^2) + ((mu$upper - mu$lower) / length(mu$density))^2 / 12
}

mean_cost <- function(mu, map) {
  moved <- array(map - mu$centers[[1]], length(map))
  mean_under(mu, moved^2 + slide(moved, 1)^2 / 12)
}

transport_line <- function(mu, nu) {
  x <- line_law(mu)
  y <- line_law(nu)
  map <- line_quantile(y, middles(x$p))
  at_edges <- line_quantile(y, x$p)
  inverse <- line_quantile(x, middles(y$p))
  # both quantile functions are linear between the ranks of all edges, with jumps at these only
  breaks <- sort(unique(c(x$p, y$p)))
  width <- diff(breaks)
  start <- breaks[-length(breaks)]
  apart <- function(share) line_quantile(x, start + share * width) - line_quantile(y, start + share * width)
  first <- apart(0.25)
  last <- apart(0.75)
  squared <- sum(width * (((first + last) / 2)^2 + (2 * (last - first))^2 / 12))
  u <- primitive(x, map, at_edges)
  v <- primitive(y, inverse, line_quantile(x, y$p))
  # conjugates: their means sum to the mean of x T(x)
  product <- (mean_square(mu) + mean_square(nu) - squared) / 2
  v <- v + product - mean_under(mu, u) - mean_under(nu, v)
  # the cells carried by a map that is linear in each
  carried <- stats::approx(at_edges, x$p, y$edges, ties = list("ordered", max), yleft = 0, yright = 1)$y
  image <- diff(carried) / diff(y$edges)
  array1 <- function(values) array(values, length(values))
  list(
    distance = sqrt(max(0, squared)), potential = array1(u), conjugate = array1(v), map = map,
    inverse = inverse, error = sum(abs(image - nu$density)) * diff(y$edges)[1],
    pushforward = array1(image), gap = mean_cost(mu, map) - squared,
    trace = data.frame(method = "quantiles", cells = length(map), iter = 0, error = 0, step = NA_real_,
                       seconds = 0),
    converged = TRUE, status = "ok", method = "quantiles", mu = mu, nu = nu
  )
}
