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
#' @seealso [brenier_vi()], [brenier_glm()]
#' @family pictures
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
  which <- check_which(which, posterior_pictures())
  dots <- check_graphical(..., known = c("which", "variables", "level", "ndraws"))
  asked <- asked_of_posterior(x, which, variables, level, ndraws)
  draw_pictures(posterior_pictures(), which, x, asked, dots)
  invisible(x)
}

posterior_pictures <- function() {
  list(
    pairs = picture(parameter_pairs_data, draw_parameter_pairs, gg_parameter_pairs),
    marginals = picture(marginals_data, draw_marginals, gg_marginals),
    weights = picture(weights_data, draw_weights, gg_weights),
    trace = picture(stages_data, draw_stages, gg_stages),
    residuals = picture(back_data, draw_back, gg_qq)
  )
}

#' What the user asked for, checked, and draws for all plots that want them.
#' @noRd
asked_of_posterior <- function(x, which, variables, level, ndraws) {
  ask <- list(level = sort(check_level(level)), variables = chosen_parameters(x, variables))
  ndraws <- check_count(ndraws, "ndraws", 100, 1e6)
  if (!identical(which, "trace")) ask$draws <- weighted_draws(x, ndraws)
  ask
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

marginals_data <- function(x, ask) {
  list(marginals = lapply(stats::setNames(nm = ask$variables), function(name) {
    marginal_densities(ask$draws$x[, name], ask$draws$share)
  }))
}

draw_marginal <- function(m) {
  graphics::polygon(c(m$plain$x, rev(m$plain$x)), c(m$plain$y, numeric(length(m$plain$y))),
                    col = shades(3)[1], border = NA)
  lines(m$weighted, col = OTHER_COLOUR, lwd = 1.5)
}

draw_marginals <- function(data, dots) {
  n <- length(data$marginals)
  old <- if (n > 1) two_panels(c(ceiling(n / 3), min(n, 3)))
  if (!is.null(old)) {
    old$mar <- par("mar")
    on.exit(par(old))
    par(mar = c(4, 4, 3, 0.8))
  }
  for (name in names(data$marginals)) {
    m <- data$marginals[[name]]
    open_frame(dots, xlim = range(m$plain$x), ylim = c(0, 1.05 * max(m$plain$y, m$weighted$y)),
               xlab = name, ylab = "Density", main = "")
    draw_marginal(m)
    key_above(c("approximation", "weighted"), fill = c(shades(3)[1], OTHER_COLOUR), border = NA)
  }
}

parameter_pairs_data <- function(x, ask) {
  if (length(ask$variables) == 1) return(marginals_data(x, ask))
  shown <- seq_len(min(nrow(ask$draws$x), 1000))
  c(marginals_data(x, ask), list(
    x = ask$draws$x[, ask$variables], shown = shown, weights = pmax(ask$draws$share[shown], 1e-3),
    level = ask$level, main = "Posterior: draws by weight (below), contours (above)"
  ))
}

draw_parameter_pairs <- function(data, dots) {
  if (is.null(data$x)) return(draw_marginals(data, dots))
  k <- 0
  args <- list(
    data$x, labels = colnames(data$x), gap = 0.4, las = 1, label.pos = 0.9, cex.labels = 1.1,
    main = data$main,
    lower.panel = function(x, y, ...) {
      draw_points(cbind(x, y)[data$shown, ], data$weights, dots, FIT_COLOUR)
    },
    upper.panel = function(x, y, ...) draw_pair_contours(pair_heights(x, y, data$level, par("usr"))),
    diag.panel = function(x, ...) {
      k <<- k + 1
      m <- data$marginals[[k]]
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

#' A kernel estimate from the draws within the limits `usr`, and the heights that the share `level`
#' of them is above.
#' @noRd
pair_heights <- function(x, y, level, usr) {
  n <- 60
  at <- list(seq(usr[1], usr[2], length.out = n), seq(usr[3], usr[4], length.out = n))
  kernel <- function(at, x) stats::dnorm(outer(at, x, "-"), sd = 0.8 * stats::bw.nrd(x))
  height <- tcrossprod(kernel(at[[1]], x), kernel(at[[2]], y)) / length(x)
  i <- pmin(pmax(findInterval(x, at[[1]]), 1), n)
  j <- pmin(pmax(findInterval(y, at[[2]]), 1), n)
  list(at = at, height = height,
       cuts = unique(sort(stats::quantile(height[cbind(i, j)], 1 - level, names = FALSE))))
}

draw_pair_contours <- function(pair) {
  colours <- shades(length(pair$cuts))
  graphics::.filled.contour(pair$at[[1]], pair$at[[2]], pair$height,
                            c(pair$cuts, max(pair$height, pair$cuts) + 1), colours)
  contour(pair$at[[1]], pair$at[[2]], pair$height, levels = pair$cuts, add = TRUE, drawlabels = FALSE,
          col = FIT_COLOUR, lwd = 0.7)
}

#' The tail of the log weights, and the line of the slope that is too much, from its start.
#' @noRd
weights_data <- function(x, ask) {
  w <- sort(ask$draws$log_weight[is.finite(ask$draws$log_weight)], decreasing = TRUE)
  n <- length(w)
  m <- min(n, max(25, ceiling(min(0.2 * n, 3 * sqrt(n)))))
  at <- -log((seq_len(m) - 0.5) / n)
  value <- w[seq_len(m)] - stats::median(w)
  list(
    tail = data.frame(x = at, y = value, .weight = 1), slope = 0.7, intercept = value[m] - 0.7 * at[m],
    words = words_of(paste0("Largest weights, khat ", format(x$khat, digits = 2)),
                     "Quantile of the exponential law", "Log weight less its median")
  )
}

draw_weights <- function(data, dots) {
  tail <- data$tail
  open_frame(dots, data$words, xlim = range(tail$x), ylim = range(tail$y))
  abline(data$intercept, data$slope, col = "grey60", lty = 2)
  draw_points(cbind(tail$x, tail$y), tail$.weight, dots, FIT_COLOUR, 3)
  key_above(c("weights", "slope 0.7: too much"), col = c(FIT_COLOUR, "grey60"), pch = c(16, NA),
            lty = c(NA, 2), seg.len = 1.4)
}

stages_data <- function(x, ask) {
  h <- x$history
  both <- data.frame(gradients = h$gradients, loss = c(h$objective, h$validation),
                     se = c(0 * h$objective, h$se),
                     of = rep(c("on its points", "validation"), each = nrow(h)))
  list(stages = both[is.finite(both$loss), ],
       words = words_of("Stages of the fit", "Points at which the gradient was asked for", "Loss, nats"))
}

draw_stages <- function(data, dots) {
  h <- data$stages
  open_frame(dots, data$words, xlim = range(0, h$gradients), ylim = range(h$loss, finite = TRUE))
  graphics::segments(h$gradients, h$loss - 2 * h$se, h$gradients, h$loss + 2 * h$se, col = OTHER_COLOUR)
  colours <- c(FIT_COLOUR, OTHER_COLOUR)
  for (k in 1:2) {
    part <- h[h$of == unique(h$of)[k], ]
    points(part$gradients, part$loss, type = "o", pch = 15 + k, col = colours[k])
  }
  key_above(unique(h$of), col = colours, pch = c(16, 17))
}

#' Draws by weight, taken back to the reference.
#' @noRd
back_data <- function(x, ask) {
  r <- forward(x$layers, ask$draws$z, logdet = FALSE)$map
  data <- qq_data(r, ask$draws$share, paste0("y", seq_len(x$d)), "Weighted draws in the reference")
  data$all <- FALSE # the coordinates alone
  data
}

draw_back <- function(data, dots) qq_coordinates(data, dots)
