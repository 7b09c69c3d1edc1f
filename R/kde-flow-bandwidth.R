# Bandwidths of kernel flows: rules that read points, and schedules over the steps.

BANDWIDTH_RULES <- c("plugin", "normal", "silverman", "median", "sj", "cv", "ess", "heat", "gap")

#' The bandwidth of a rule for points z, in whose coordinates the kernel is isotropic. Rules that cost
#' the square of the number of points read 2000 of them and scale by the rate of the rule. On spheres
#' there are fewer dimensions d than columns.
#' @noRd
bandwidth_of <- function(rule, z, weights = rep(1, nrow(z)), d = ncol(z)) {
  n <- sum(weights)^2 / sum(weights^2)
  spread <- spread_of(z, weights, d)
  normal <- (4 / (n * (d + 4)))^(1 / (d + 6)) * spread
  # beyond 500 points the selectors of ks take seconds, and a flow to a target asks at every stage
  rows <- rule_rows(nrow(z), weights, if (rule %in% c("plugin", "heat")) 500 else 2000)
  part <- z[rows, , drop = FALSE]
  rate <- function(power) (min(n, length(rows)) / n)^power
  switch(
    rule,
    plugin = plugin_bandwidth(part) * rate(1 / (d + 6)),
    normal = normal,
    silverman = (4 / ((d + 2) * n))^(1 / (d + 4)) * spread,
    median = sqrt(stats::median(stats::dist(part))^2 / (2 * log(nrow(z) + 1))),
    sj = stats::bw.SJ(part[, 1]) * rate(1 / 5),
    cv = held_out_bandwidth(part, normal) * rate(1 / (d + 4)),
    ess = effective_bandwidth(part, normal),
    heat = heat_bandwidth(part, normal) * rate(1 / (d + 8))
  )
}

#' Geometric mean of the standard deviations of the columns; on spheres their quadratic mean over d.
#' @noRd
spread_of <- function(z, weights, d = ncol(z)) {
  w <- weights / sum(weights)
  variance <- colSums(w * sweep(z, 2, colSums(w * z))^2)
  if (d < ncol(z)) return(sqrt(sum(variance) / d))
  exp(mean(log(pmax(variance, 1e-300))) / 2)
}

#' Rows that a rule reads, drawn by weight where these differ.
#' @noRd
rule_rows <- function(n, weights, most = 2000) {
  equal <- all(weights == weights[1])
  if (n <= most && equal) return(seq_len(n))
  with_seed(1, sample.int(n, min(n, most), replace = !equal, prob = if (!equal) weights))
}

#' The selector of ks for the gradient, as a scalar of the same volume.
#' @noRd
plugin_bandwidth <- function(z) {
  z <- unique(z)
  H <- if (ncol(z) == 1) {
    ks::hpi(z[, 1], deriv.order = 1)^2
  } else {
    # two stages cost too much from three dimensions on, as in ks::kms()
    suppressWarnings(ks::Hpi(z, deriv.order = 1, nstage = if (ncol(z) > 2) 1 else 2))
  }
  exp(mean(log(eigen(as.matrix(H), symmetric = TRUE)$values)) / 2)
}

#' Log density of the kernel estimate at its own points, by equal weights, without constants.
#' @noRd
own_log_density <- function(z, h) {
  problem <- flow_problem("mixture", z, rep(1 / nrow(z), nrow(z)))
  problem$scale <- h
  .Call(C_brenier_flow_data, problem)$log_p
}

#' The bandwidth with the largest likelihood of each point under the others. Ties would send it to 0.
#' @noRd
held_out_bandwidth <- function(z, start) {
  z <- unique(z)
  n <- nrow(z)
  loss <- function(log_h) {
    log_p <- own_log_density(z, exp(log_h))
    others <- log_p + log(pmax(1 - exp(-log_p) / n, 1e-15))
    ncol(z) * log_h - mean(others)
  }
  exp(stats::optimize(loss, log(start) + c(-4, 2), tol = 1e-2)$minimum)
}

#' The bandwidth at which a point has 30 others in reach, by (sum w)^2 / sum w^2, on average.
#' @noRd
effective_bandwidth <- function(z, start, wanted = 30) {
  n <- nrow(z)
  wanted <- min(wanted, n / 2)
  excess <- function(log_h) {
    h <- exp(log_h) # k^2 is the kernel of h / sqrt(2)
    mean(exp(2 * own_log_density(z, h) - own_log_density(z, h / sqrt(2)))) * n - wanted
  }
  low <- log(start) - 8
  high <- log(start) + 5
  if (excess(low) > 0) return(exp(low))
  exp(stats::uniroot(excess, c(low, high), tol = 1e-2, extendInt = "upX")$root)
}

#' The bandwidth at which q obeys the heat equation best when its points move by -grad log q: with the
#' residual lambda = Laplacian q - sum_j grad k(. - z_j)' grad log q(z_j) / n, the least mean square
#' of h^2 lambda / q at the points, which is d^2 where h is far too small or too large.
#' @noRd
heat_bandwidth <- function(z, start) {
  d <- ncol(z)
  z <- sweep(z, 2, colMeans(z))
  one <- matrix(1, nrow(z))
  residual <- function(log_h) {
    h <- exp(log_h)
    q <- pair_sums(z, z, one, "gaussian", h)[, 1]
    score <- pair_gradient(z, z, h) / q
    bend <- pair_sums(z, z, one, "gaussian", h, "laplacian")[, 1]
    slope <- pair_sums(z, z, cbind(score, rowSums(z * score)), "gaussian", h, "slope")
    flux <- rowSums(z * slope[, seq_len(d), drop = FALSE]) - slope[, d + 1]
    mean((h^2 * (bend - flux) / q)^2)
  }
  grid <- log(start) + seq(-3, 2, by = 0.5)
  near <- grid[which.min(vapply(grid, residual, 0))]
  exp(stats::optimize(residual, near + c(-0.5, 0.5), tol = 1e-2)$minimum)
}

#' sum_j grad k(x_i, y_j) of the Gaussian kernel.
#' @noRd
pair_gradient <- function(x, y, h) {
  sums <- pair_sums(x, y, cbind(y, 1), "gaussian", h, "slope")
  d <- ncol(x)
  x * sums[, d + 1] - sums[, seq_len(d), drop = FALSE]
}

#' The largest distance from a datum, of at most 2000, to the nearest particle.
#' @noRd
data_gap <- function(problem, z) {
  rows <- rule_rows(nrow(problem$y), problem$weight)
  max(nearest_distances(problem$y[rows, , drop = FALSE], z)[, 1])
}

#' Distances of `rows` of x to the `k` nearest rows of y, in increasing order; where `own`, x is y
#' and a row is not its own neighbour.
#' @noRd
nearest_distances <- function(x, y, k = 1, own = FALSE, rows = seq_len(nrow(x))) {
  parts <- split(rows, ceiling(seq_along(rows) * as.double(nrow(y)) / 1e6))
  do.call(rbind, lapply(unname(parts), function(rows) {
    square <- 0
    # differences, not expanded squares: a particle on a datum is at distance 0
    for (c in seq_len(ncol(x))) square <- square + outer(x[rows, c], y[, c], "-")^2
    if (own) square[cbind(seq_along(rows), rows)] <- Inf
    out <- matrix(0, length(rows), k)
    for (j in seq_len(k)) {
      at <- cbind(seq_along(rows), max.col(-square, "first"))
      out[, j] <- square[at]
      square[at] <- Inf
    }
    sqrt(out)
  }))
}

#' Bandwidths at each stage, a list of one or more numbers, NULL where `rule` is to read the particles
#' at that time; and the number of steps of each. `points` are the data that rules read; NULL for a
#' target.
#' @noRd
bandwidth_stages <- function(bandwidth, steps, points, weights, n, d) {
  if (is.character(bandwidth)) bandwidth <- check_rule(bandwidth, points, d)
  # stages of equal length: 20 of them on the way down and 9 where an annealed one stays
  k <- min(steps, 29)
  stages <- list(steps = diff(round(seq(0, steps, length.out = k + 1))), rule = "normal")
  share <- (seq_len(k) - 1) / k
  if (is.null(points) && (is.null(bandwidth) || is.character(bandwidth))) {
    stages$h <- rep(list(NULL), k)
    if (is.character(bandwidth)) stages$rule <- bandwidth
    return(stages)
  }
  ends <- NULL
  if (identical(bandwidth, "gap")) {
    last <- max(bandwidth_of("normal", points, weights, d), floor_bandwidth(points, weights, n, d))
    stages$range <- c(last, max(1.4 * spread_of(points, weights, d), last))
    stages$h <- rep(list(NULL), k)
    stages$rule <- "gap"
    return(stages)
  }
  if (is.null(bandwidth) || is.character(bandwidth)) {
    rule <- bandwidth %||% default_rule(points, d)
    last <- max(bandwidth_of(rule, points, weights, d), floor_bandwidth(points, weights, n, d))
    ends <- if (is.null(bandwidth)) c(max(1.4 * spread_of(points, weights, d), last), last)
    bandwidth <- last
  } else if (is.numeric(bandwidth) && setequal(names(bandwidth), c("from", "to"))) {
    ends <- check_bandwidths(bandwidth[c("from", "to")])
  } else if (is.numeric(bandwidth)) {
    bandwidth <- unname(check_bandwidths(bandwidth))
  } else if (!is.function(bandwidth)) {
    brenier_abort(c(
      "{.arg bandwidth} must be numbers, the name of a rule, or a function, not {shown(bandwidth)}.",
      i = "The rules are {.val {BANDWIDTH_RULES}}."
    ), "argument", argument = "bandwidth")
  }
  stages$h <- if (!is.null(ends)) {
    lapply(share, function(t) unname(ends[1] * (ends[2] / ends[1])^min(1, t / 0.7)))
  } else if (is.function(bandwidth)) {
    lapply(share, function(t) unname(check_bandwidths(bandwidth(t), " at every share of the steps")))
  } else {
    rep(list(bandwidth), k)
  }
  stages
}

default_rule <- function(points, d) {
  plane <- d == ncol(points) && d <= 4
  if (plane && requireNamespace("ks", quietly = TRUE)) "plugin" else "normal"
}

check_rule <- function(rule, points, d) {
  rule <- check_choice(rule, BANDWIDTH_RULES, "bandwidth")
  of_particles <- is.null(points)
  refused <- c(
    sj = if (d > 1) "is for one dimension",
    plugin = if (d > 6) "is for up to 6 dimensions",
    plugin = if (!of_particles && d < ncol(points)) "is not for spheres",
    plugin = if (of_particles) "is for data",
    cv = if (of_particles) "is for data",
    gap = if (of_particles) "is for data",
    heat = if (!of_particles && d < ncol(points)) "is not for spheres"
  )
  refused <- refused[names(refused) == rule]
  if (length(refused)) {
    brenier_abort(c(
      "{.arg bandwidth} = {.val {rule}} {refused[[1]]}.", i = "Use {.val normal} or a number."
    ), "argument", argument = "bandwidth")
  }
  if (rule == "plugin" && !requireNamespace("ks", quietly = TRUE)) {
    brenier_abort(c(
      "{.arg bandwidth} = {.val plugin} needs the package {.pkg ks}.",
      i = "Install it, or use {.val normal}."
    ), "package", argument = "bandwidth")
  }
  rule
}

check_bandwidths <- function(h, where = "") {
  if (is.numeric(h) && length(h) > 0 && all(is.finite(h)) && all(h > 0)) return(h)
  bad <- if (is.numeric(h)) toString(format(h)) else shown(h)
  brenier_abort("{.arg bandwidth} must be positive and finite{where}, not {bad}.", "argument",
                argument = "bandwidth")
}

#' Below the distance between neighbouring particles each is alone in its kernel, and the flow seeks
#' modes. That distance is read from as many points of the data.
#' @noRd
floor_bandwidth <- function(points, weights, n, d) {
  rows <- rule_rows(nrow(points), weights, min(nrow(points), n, 1000))
  part <- unique(points[rows, , drop = FALSE])
  if (nrow(part) < 2) return(0)
  near <- as.matrix(stats::dist(part))
  diag(near) <- Inf
  stats::median(apply(near, 1, min)) * (nrow(part) / n)^(1 / d)
}
