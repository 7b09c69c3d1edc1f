# Plots of a posterior.

#' Plot a posterior
#'
#' @details
#' * `"pairs"`: a matrix of the parameters: contours of the densities of two of them that hold the
#'   probabilities `level`, over draws in area proportional to their importance weights; on the
#'   diagonal the densities of each, shaded for the draws as they are, as a line for weighted
#'   draws. Where the two differ, the approximation is off.
#' * `"marginals"`: these densities of each parameter, larger.
#' * `"weights"`: the largest log weights, less their median, against the quantiles of the
#'   exponential law: khat is the slope at the right end.
#' * `"trace"`: objective and validation of the stages of the fit, against the points at which the
#'   gradient was asked for.
#' * `"residuals"`: weighted draws taken back to the reference, against normal quantiles, with the
#'   band in which each order statistic of as many effective draws lies with probability 95% if the
#'   approximation is right.
#'
#' Draws have a fixed seed of their own. All but `"trace"` ask for the log density of each.
#'
#' @param x A posterior of [brenier_vi()].
#' @param which One or more of these names.
#' @param variables Names or numbers of the parameters to draw; by default the first five.
#' @param level Probabilities of the contours.
#' @param ndraws Number of draws.
#' @param ... Graphical parameters of the plots, as [plot.default()] has them.
#' @return `x`, invisibly.
#' @examples
#' banana <- function(x) -x[, 1]^2 / 2 - (x[, 2] - x[, 1]^2)^2
#' slope <- function(x) {
#'   r <- 2 * (x[, 2] - x[, 1]^2)
#'   cbind(2 * x[, 1] * r - x[, 1], -r)
#' }
#' post <- brenier_vi(banana, c(a = 0, b = 0), slope, vectorised = TRUE,
#'                    control = list(max_gradients = 2e4))
#' plot(post)
#' @export
plot.brenier_posterior <- function(x, which = "pairs", variables = NULL, level = c(0.5, 0.9),
                                   ndraws = 2000, ...) {
  choices <- c("pairs", "marginals", "weights", "trace", "residuals")
  if (!is.character(which) || length(which) == 0) check_choice(which, choices, "which")
  which <- unique(vapply(which, check_choice, "", choices, "which", USE.NAMES = FALSE))
  level <- sort(check_level(level))
  ndraws <- check_count(ndraws, "ndraws", 100, 1e6)
  dots <- check_graphical(..., known = c("which", "variables", "level", "ndraws"))
  variables <- chosen_parameters(x, variables)
  draws <- if (!identical(which, "trace")) weighted_draws(x, ndraws)
  for (name in which) {
    switch(name,
      pairs = if (length(variables) == 1) plot_marginals(x, variables, draws, dots) else
        plot_posterior_pairs(x, variables, level, draws, dots),
      marginals = plot_marginals(x, variables, draws, dots),
      weights = plot_weights(x, draws, dots),
      trace = plot_stages(x, dots),
      residuals = plot_back(x, draws, dots)
    )
  }
  invisible(x)
}

chosen_parameters <- function(x, variables) {
  if (is.null(variables)) return(utils::head(x$variables, 5))
  k <- if (is.character(variables)) match(variables, x$variables) else
    match(variables, seq_along(x$variables))
  if (length(k) == 0 || anyNA(k) || anyDuplicated(k)) {
    brenier_abort(c(
      "{.arg variables} must be parameters of the posterior, each once.",
      i = "They are {.val {x$variables}}."
    ), "argument", argument = "variables")
  }
  x$variables[k]
}

#' Draws with their log weights and their shares of the weight, truncated.
#' @noRd
weighted_draws <- function(x, n) {
  draws <- posterior_draws(x, n, 1)
  log_weight <- target_value(x$target, draws$z) - draws$log_density
  share <- exp(log_weight - max(log_weight))
  share <- pmin(share, mean(share) * sqrt(n))
  list(x = draws$x, z = draws$z, log_weight = log_weight, share = share / mean(share))
}

#' Densities of draws and of weighted draws on one grid.
#' @noRd
marginal_densities <- function(x, share) {
  seen <- stats::quantile(x, c(0.001, 0.999), names = FALSE)
  width <- stats::bw.nrd(x)
  ends <- pmin(pmax(seen + c(-3, 3) * width, min(x)), max(x)) # not beyond bounds
  density <- function(w) {
    stats::density(x, bw = width, weights = w / sum(w), from = ends[1], to = ends[2], n = 256)
  }
  list(plain = density(rep(1, length(x))), weighted = density(share))
}

draw_marginal <- function(m) {
  graphics::polygon(c(m$plain$x, rev(m$plain$x)), c(m$plain$y, numeric(length(m$plain$y))),
                    col = shades(3)[1], border = NA)
  lines(m$weighted, col = OTHER_COLOUR, lwd = 1.5)
}

plot_marginals <- function(x, variables, draws, dots) {
  old <- par("mfrow", "mar")
  n <- length(variables)
  if (n > 1 && prod(old$mfrow) == 1) {
    on.exit(par(old))
    par(mfrow = c(ceiling(n / 3), min(n, 3)), mar = c(4, 3.5, 2.5, 0.8))
  }
  for (name in variables) {
    m <- marginal_densities(draws$x[, name], draws$share)
    open_frame(dots, xlim = range(m$plain$x), ylim = c(0, 1.05 * max(m$plain$y, m$weighted$y)),
               xlab = name, ylab = "", main = "")
    draw_marginal(m)
    key_above(c("approximation", "weighted"), fill = c(shades(3)[1], OTHER_COLOUR), border = NA)
  }
}

plot_posterior_pairs <- function(x, variables, level, draws, dots) {
  shown <- seq_len(min(nrow(draws$x), 1000))
  args <- list(
    draws$x[, variables], labels = variables, gap = 0.4, las = 1, label.pos = 0.9, cex.labels = 1.1,
    main = "Posterior: draws by weight (below), contours (above)",
    lower.panel = function(x, y, ...) {
      draw_points(cbind(x, y)[shown, ], pmax(draws$share[shown], 1e-3), dots, FIT_COLOUR)
    },
    upper.panel = function(x, y, ...) draw_pair_contours(x, y, level),
    diag.panel = function(x, ...) {
      m <- marginal_densities(x, draws$share)
      usr <- par("usr")
      old <- par(usr = c(usr[1:2], 0, 1.35 * max(m$plain$y, m$weighted$y)))
      on.exit(par(old))
      draw_marginal(m)
    }
  )
  of_page <- setdiff(names(dots), c(MARKS, "xlab", "ylab"))
  args[of_page] <- dots[of_page]
  do.call(graphics::pairs, args)
}

#' Contours of a kernel estimate from the draws, at the heights that the share `level` of them is
#' above.
#' @noRd
draw_pair_contours <- function(x, y, level) {
  usr <- par("usr")
  n <- 60
  at <- list(seq(usr[1], usr[2], length.out = n), seq(usr[3], usr[4], length.out = n))
  kernel <- function(at, x) stats::dnorm(outer(at, x, "-"), sd = 0.8 * stats::bw.nrd(x))
  height <- tcrossprod(kernel(at[[1]], x), kernel(at[[2]], y)) / length(x)
  i <- pmin(pmax(findInterval(x, at[[1]]), 1), n)
  j <- pmin(pmax(findInterval(y, at[[2]]), 1), n)
  cuts <- unique(sort(stats::quantile(height[cbind(i, j)], 1 - level, names = FALSE)))
  colours <- shades(length(cuts))
  graphics::.filled.contour(at[[1]], at[[2]], height, c(cuts, max(height, cuts) + 1), colours)
  contour(at[[1]], at[[2]], height, levels = cuts, add = TRUE, drawlabels = FALSE,
          col = FIT_COLOUR, lwd = 0.7)
}

plot_weights <- function(x, draws, dots) {
  w <- sort(draws$log_weight[is.finite(draws$log_weight)], decreasing = TRUE)
  n <- length(w)
  m <- max(25, ceiling(min(0.2 * n, 3 * sqrt(n))))
  at <- -log((seq_len(m) - 0.5) / n)
  value <- w[seq_len(m)] - stats::median(w)
  open_frame(dots, xlim = range(at), ylim = range(value), xlab = "Quantile of the exponential law",
             ylab = "Log weight less its median",
             main = paste0("Largest weights, khat ", format(x$khat, digits = 2)))
  if (is.finite(x$khat)) { # lines of the slope of khat and of what is too much, from the tail's start
    start <- c(at[m], value[m])
    abline(start[2] - 0.7 * start[1], 0.7, col = "grey60", lty = 2)
  }
  draw_points(cbind(at, value), rep(1, m), dots, FIT_COLOUR, 3)
  key_above(c("weights", "slope 0.7: too much"), col = c(FIT_COLOUR, "grey60"), pch = c(16, NA),
            lty = c(NA, 2))
}

plot_stages <- function(x, dots) {
  h <- x$history
  open_frame(dots, xlim = range(0, h$gradients), ylim = range(h$objective, h$validation, finite = TRUE),
             xlab = "Points at which the gradient was asked for", ylab = "Loss", main = "Stages of the fit")
  graphics::segments(h$gradients, h$validation - 2 * h$se, h$gradients, h$validation + 2 * h$se,
                     col = OTHER_COLOUR)
  points(h$gradients, h$objective, type = "o", pch = 16, col = FIT_COLOUR)
  points(h$gradients, h$validation, type = "o", pch = 17, col = OTHER_COLOUR)
  key_above(c("on its points", "validation"), col = c(FIT_COLOUR, OTHER_COLOUR), pch = c(16, 17))
}

#' Draws resampled by weight, taken back to the reference.
#' @noRd
plot_back <- function(x, draws, dots) {
  r <- forward(x$layers, draws$z, logdet = FALSE)$map
  qq_coordinates(list(d = x$d, weights = draws$share, variables = paste0("y", seq_len(x$d))), r,
                 utils::modifyList(list(main = "Weighted draws in the reference"), dots))
}
