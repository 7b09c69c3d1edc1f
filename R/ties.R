# Variables that take few values have no density: a warning, and jitter on request.

#' Variables that are discrete: few values next to the number of rows, or one value for many rows.
#' Rounded measurements, with a few dozens of values, are left alone.
#' @noRd
discrete <- function(x) {
  apply(x, 2, function(v) {
    counts <- tabulate(match(v, unique(v)))
    (length(counts) <= 12 && length(v) >= 5 * length(counts)) || max(counts) > 0.3 * length(v)
  })
}

#' x with uniform noise in the discrete variables if `jitter`, and a warning if not.
#' @noRd
treat_ties <- function(x, jitter, seed, name) {
  which <- which(discrete(x))
  if (length(which) == 0) return(x)
  if (jitter) return(with_seed(seed, jittered(x, which)))
  values <- length(unique(x[, which[1]]))
  brenier_warn(c(
    "{.var {colnames(x)[which]}} of {.arg {name}} {cli::qty(length(which))}look{?s/} discrete:
     {.var {colnames(x)[which[1]]}} takes {values} values in {nrow(x)} rows.",
    i = "A density rises without bound at such values. Set {.code jitter = TRUE} to spread each over
         the gap to its neighbours, or condition on the variable instead."
  ), "discrete")
  x
}

#' Tied values spread evenly over half the smaller gap to a neighbouring value, both ways.
#' @noRd
jittered <- function(x, which) {
  for (k in which) {
    values <- sort(unique(x[, k]))
    at <- match(x[, k], values)
    gaps <- diff(values)
    gap <- pmin(c(Inf, gaps), c(gaps, Inf))[at] * (tabulate(at)[at] > 1)
    x[, k] <- x[, k] + gap * stats::runif(nrow(x), -0.5, 0.5)
  }
  x
}
