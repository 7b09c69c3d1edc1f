#' Particles of a kernel flow against a Brenier map of the same target
#'
#' Two approximations of one law by different means: where they agree, that speaks for both; where
#' they
#' differ, one of them is wrong, and the Stein discrepancies say which.
#'
#' @details
#' All distances are in unbounded coordinates, those of the target for [as_target()], divided by the
#' standard deviations of the draws of the map. The law that is compared is that of the map's plain draws, without weights.
#'
#' The null of the energy distance is that of independent draws. Particles repel each other and
#' are spread more
#' evenly than those, so that a p-value near 1 is as it should be. The bias of a flow, see
#' [kde_flow()], is
#' found by enough particles however small it is: beside the p-value count the differences of means
#' and standard deviations. The Stein discrepancies need the gradient of the target; they do not
#' see the masses
#' of separate modes, the energy distance does. If both miss a mode they agree.
#'
#' @param x A flow of [kde_flow()] to a target.
#' @param y A posterior of [brenier_vi()] of the same parameters.
#' @param draws Number of draws of the map.
#' @param permutations As in [energy_distance()].
#' @param seed As in [brenier()].
#' @param digits Significant digits.
#' @param ... None.
#' @return A list of class `brenier_agreement`:
#'   \item{`agree`}{`"yes"`, where the energy distance is not larger than that of independent draws
#'     (p above 0.05; without permutations its unbiased value below two standard errors);
#'     `"nearly"`, where it is, but means differ by at most 0.1 standard deviations of the map and
#'     those by at most a factor of 1.1; or `"no"`}
#'   \item{`distance`}{the energy distance, of [energy_distance()]}
#'   \item{`ksd`}{a data frame with the squared kernel Stein discrepancies of `particles` and
#'     `map` to
#'     the target, at one bandwidth, in columns `value`, `se` and `p_value`; `NULL` where the
#'     gradient of the
#'     target is not finite at some of them}
#'   \item{`variables`}{a data frame with a row a parameter: `variable`, its name, `mean` and `sd` of the particles,
#'     `map_mean` and
#'     `map_sd`, of their own units; `shift`, the difference of the means by the `map_sd`, and
#'     `ratio` of the sds}
#'   \item{`khat`}{the Pareto shape of the map, see [pareto_khat()]}
#'   \item{`n`, `draws`, `status`}{numbers of particles and of draws, and the status of the flow}
#' @section Errors:
#' `brenier_error_argument` for a flow to data, or a posterior of other parameters.
#' @examples
#' f <- function(x) -sum(x^2) / 2
#' flow <- kde_flow(target = f, gradient = function(x) -x, init = c(a = 1, b = 0), n = 100,
#'                  steps = 100)
#' post <- brenier_vi(f, c(a = 1, b = 0), function(x) -x)
#' agreement(flow, post, draws = 400, seed = 1)
#' @export
agreement <- function(x, y, ...) UseMethod("agreement")

#' @export
agreement.default <- function(x, y, ...) {
  brenier_abort("{.arg x} must be a result of {.fn kde_flow}, not {shown(x)}.", "type",
                argument = "x")
}

#' @rdname agreement
#' @export
agreement.kde_flow <- function(x, y, draws = 1000, permutations = NULL, seed = NULL, ...) {
  check_no_dots(..., known = c("draws", "permutations", "seed"))
  check_comparable(x, y)
  draws <- check_count(draws, "draws", 2)
  map <- posterior_draws(y, draws, seed)
  z <- x$law$to(map$x)
  at <- x$space$from(x$z) # unbounded coordinates too
  sd <- apply(z, 2, stats::sd)
  scaled <- function(z) sweep(unname(z), 2, sd, "/")
  a <- scaled(at)
  b <- scaled(z)
  distance <- energy_distance(a, b, permutations, seed)
  of <- function(x) cbind(mean = colMeans(x), sd = apply(x, 2, stats::sd))
  particles <- of(x$particles)
  other <- of(map$x)
  variables <- data.frame(
    variable = colnames(x$particles), particles, map_mean = other[, 1], map_sd = other[, 2],
    shift = (particles[, 1] - other[, 1]) / other[, 2], ratio = particles[, 2] / other[, 2],
    row.names = NULL
  )
  near <- max(abs(variables$shift)) <= 0.1 && max(abs(log(variables$ratio))) <= log(1.1)
  # without permutations the distance is judged by its bias alone
  equal <- if (is.na(distance$p_value)) distance$unbiased <= 2 * distance$se else distance$p_value > 0.05
  structure(list(
    agree = if (equal) "yes" else if (near) "nearly" else "no", distance = distance,
    ksd = agreement_stein(x, list(particles = a, map = b), list(at, z), sd, permutations, seed),
    variables = variables,
    khat = y$khat, n = x$n, draws = draws, status = x$status
  ), class = "brenier_agreement")
}

#' Stein discrepancies of particles and draws by the target of the flow, at the bandwidth of the
#' draws.
#' @noRd
agreement_stein <- function(x, scaled, points, sd, permutations, seed) {
  h <- median_distance(scaled$map, "y")
  # scores of the scaled coordinates
  parts <- Map(function(scaled, at) {
    score <- sweep(x$law$ask(at)$gradient, 2, sd, "*")
    if (!all(is.finite(score))) return(NULL)
    ksd(scaled, score, h, permutations = permutations, seed = seed)
  }, scaled, points)
  if (any(vapply(parts, is.null, NA))) return(NULL)
  columns <- lapply(c(value = "value", se = "se", p_value = "p_value"), function(name) {
    vapply(parts, `[[`, 0, name)
  })
  data.frame(columns)
}

check_comparable <- function(x, y) {
  if (is.null(x$law)) {
    brenier_abort(c(
      "{.arg x} must be a flow to a target.",
      i = "Judge a flow to data by {.fn summary} and {.fn energy_distance}."
    ), "argument", argument = "x")
  }
  if (!inherits(y, "brenier_posterior")) {
    brenier_abort("{.arg y} must be a posterior of {.fn brenier_vi}, not {shown(y)}.", "argument",
                  argument = "y")
  }
  named <- colnames(x$particles)
  if (ncol(x$z) != y$d || !identical(named, y$variables)) {
    brenier_abort(c(
      "{.arg y} must have the parameters of {.arg x}, {.val {named}}, not {.val {y$variables}}."
    ), "argument", argument = "y")
  }
}

#' @rdname agreement
#' @export
print.brenier_agreement <- function(x, digits = 3, ...) {
  show <- function(v) format(v, digits = digits)
  d <- x$distance
  cat("Kernel flow of ", x$n, " particles against ", x$draws, " draws of a Brenier map\n",
      "  energy distance ", show(d$value),
      if (!is.na(d$floor)) paste0("; independent draws of one law have ", show(d$floor), ", p = ",
                                  show(d$p_value)),
      "\n", sep = "")
  for (k in rownames(x$ksd)) {
    cat("  squared KSD     ", show(x$ksd[k, "value"]), " of the ", k,
        if (!is.na(x$ksd[k, "p_value"])) paste0(", p = ", show(x$ksd[k, "p_value"])), "\n", sep = "")
  }
  if (is.null(x$ksd)) cat("  squared KSD     none: the target has no finite gradient at some draws\n")
  cat("\n")
  print(x$variables, digits = digits, row.names = FALSE)
  cat("\n")
  cat(strwrap(agreement_words(x), 90), sep = "\n")
  invisible(x)
}

agreement_words <- function(x) {
  v <- x$variables
  most <- which.max(abs(v$shift))
  spread <- which.max(abs(log(v$ratio)))
  apart <- paste0(
    "the means differ by up to ", format(abs(v$shift[most]), digits = 2), " standard deviations (",
    v$variable[most], "), the standard deviations by up to ",
    format(100 * abs(v$ratio[spread] - 1), digits = 2), "% (", v$variable[spread], ")."
  )
  c(
    switch(
      x$agree,
      yes = "They agree: the particles are as near to the draws of the map as draws of one law are.",
      nearly = paste("They nearly agree: there is a difference that the test finds, but a small one;", apart),
      no = paste("They do NOT agree:", apart)
    ),
    if (x$khat > 0.7) paste0("The map is NOT to be trusted in the tails: its khat is ",
                             format(x$khat, digits = 2), "."),
    if (!x$status %in% c("ok", "stalled")) "The particles had NOT come to rest: give the flow more steps."
  )
}
