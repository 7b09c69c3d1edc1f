#' Print and summarise a transport
#'
#' @param x,object A result of [sinkhorn()] or its summary.
#' @param digits Significant digits.
#' @param ... None.
#' @return `print()` returns its argument invisibly. `summary()` returns a list of class
#'   `summary.sinkhorn` with `fit`; `moved`, a data frame with the quantiles of the distance from a point to
#'   its image under the map, both ways, where there are points; and `shift`, the mean of image less point.
#'   `glance()` returns a data frame of one row: `n`, `m`, `d`, `epsilon`, `value`, `transport_cost`, `kl`,
#'   `gap`, `error`, `converged`, `iterations`, `seconds`. `tidy()` returns one with a row a point: `side`
#'   (`"x"` or `"y"`), `point` (its number), `mass`, `potential`.
#' @name print.sinkhorn
#' @family transport between samples
#' @template definitions
#' @examples
#' ot <- sinkhorn(rnorm(50), rnorm(60, 2))
#' glance(ot)
#' summary(ot)
#' @export
print.sinkhorn <- function(x, digits = 5, ...) {
  show <- function(v) format(v, digits = digits)
  n <- length(x$a)
  m <- length(x$b)
  d <- if (!is.null(x$x)) paste0(" in ", ncol(x$x), " dimension", if (ncol(x$x) > 1) "s")
  sides <- if (!is.null(x$groups)) paste0(" (", x$groups, ")") else c("", "")
  cat(if (x$debias) "Sinkhorn divergence, " else "Entropic optimal transport, ", cost_words(x),
      "\n", sep = "")
  cat("  ", n, " point", if (n > 1) "s", sides[1], " to ", m, sides[2], d, "\n", sep = "")
  cat("  epsilon     ", show(x$epsilon), if (x$chosen) ", chosen from the spread of the data",
      if (is.finite(x$reach)) paste0("; reach ", show(x$reach), ", mass moved ", show(x$mass)), "\n",
      sep = "")
  cat("  value       ", show(x$value), ", ", certificate_words(x), "\n", sep = "")
  if (!is.na(x$transport_cost)) {
    cat("  plan        cost ", show(x$transport_cost), " + epsilon * KL ", show(x$epsilon * x$kl),
        if (x$debias) paste0(" = ", show(x$transport_cost + x$epsilon * x$kl), " before debiasing"),
        "\n", sep = "")
  }
  cat("  marginals   off by ", format(x$error, digits = 2), " (L1), ", sinkhorn_words(x), " in ",
      x$iterations, " iteration", if (x$iterations != 1) "s", "\n", sep = "")
  invisible(x)
}

cost_words <- function(x) {
  if (is.matrix(x$cost)) return(if (is.null(x$cost_function)) "costs given" else "costs by a function")
  if (x$cost == "sqeuclidean") "cost |x - y|^2" else "cost |x - y|"
}

certificate_words <- function(x) {
  if (!is.finite(x$gap)) return("without a certificate")
  if (x$debias) return(paste("within", format(x$gap, digits = 2), "of the exact one"))
  paste("at most", format(x$gap, digits = 2), "below the exact one")
}

sinkhorn_words <- function(x) {
  switch(x$status,
    ok = "converged",
    interrupted = "NOT converged: interrupted",
    stalled = "NOT converged: no more progress",
    "NOT converged: the limit of iterations was reached"
  )
}

#' @rdname print.sinkhorn
#' @export
summary.sinkhorn <- function(object, ...) {
  has_map <- !is.null(object$x) && object$status != "interrupted"
  moved <- shift <- NULL
  if (has_map) {
    there <- predict(object) - object$x
    back <- predict(object, direction = "backward") - object$y
    quantiles <- function(by, mass) {
      weighted_quantiles(sqrt(rowSums(by^2)), mass, c(0.05, 0.25, 0.5, 0.75, 0.95))
    }
    moved <- data.frame(rbind(forward = quantiles(there, object$a),
                              backward = quantiles(back, object$b)))
    names(moved) <- c("5%", "25%", "50%", "75%", "95%")
    shift <- colSums(there * object$a) / sum(object$a)
  }
  structure(list(fit = object, moved = moved, shift = shift), class = "summary.sinkhorn")
}

weighted_quantiles <- function(v, w, probs) {
  o <- order(v)
  v[o][pmin(1 + findInterval(probs * sum(w), cumsum(w[o]), left.open = TRUE), length(v))]
}

#' @rdname print.sinkhorn
#' @export
print.summary.sinkhorn <- function(x, digits = 4, ...) {
  print(x$fit)
  if (is.null(x$moved)) return(invisible(x))
  cat("\nDistance from point to image:\n")
  print(signif(x$moved, digits))
  cat("\nMean of image less point:\n")
  print(signif(x$shift, digits))
  invisible(x)
}

#' @rdname print.sinkhorn
#' @export
glance.sinkhorn <- function(x, ...) {
  data.frame(
    n = length(x$a), m = length(x$b), d = if (is.null(x$x)) NA_integer_ else ncol(x$x),
    epsilon = x$epsilon, value = x$value, transport_cost = x$transport_cost, kl = x$kl, gap = x$gap,
    error = x$error, converged = x$converged, iterations = x$iterations, seconds = x$seconds
  )
}

#' @rdname print.sinkhorn
#' @export
tidy.sinkhorn <- function(x, ...) {
  data.frame(
    side = rep(c("x", "y"), c(length(x$a), length(x$b))),
    point = c(seq_along(x$a), seq_along(x$b)), mass = c(x$a, x$b), potential = c(x$f, x$g)
  )
}
