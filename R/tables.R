# Results as data frames, by the generics of base R and of the package generics.

#' Results as tables
#'
#' @details
#' | of | `as.data.frame()` | `tidy()` | `glance()` |
#' |---|---|---|---|
#' | [brenier_vi()], [brenier_glm()] | | a row a parameter: `term`, `estimate` (mean), `std.error` (standard deviation), with `conf.int` also `conf.low` and `conf.high`, central quantiles | see [glance.brenier_posterior()] |
#' | [kde_flow()] | the particles, after their covariates if they have any | a row a variable: `variable`, `mean`, `sd`, of flows to data also `data_mean`, `data_sd` | `n`, `d`, `energy`, `energy_distance` and `floor` at the last step, `steps`, `converged`, `seconds` |
#' | [drift_generator()] | | | `model`, the same for fresh draws, and `cost`, multiplications a draw |
#' | [monge_ampere()] | | a row a cell of `mu`: its middle `x1`, ..., `density`, `potential`, the map `map1`, ... | `distance`, `error`, `gap`, `method`, `cells`, `iterations`, `converged`, `seconds` |
#' | [grid_density()] | a row a cell: its middle `x1`, ..., `density` | | |
#' | [sinkhorn_barycenter()] | the points | a row a sample: `sample`, `weight`, `divergence` | `n`, `d`, `epsilon`, `value`, `iterations`, `converged`, `seconds` |
#' | [sinkhorn_flow()], [gaussian_flow()] | the trace | the trace | |
#' | [quantile_region()] | the contour | the contour | |
#' | [certificate()] | a row a layer: `gap`, `tol`, `met`, `objective`, `lower_bound` | | |
#'
#' Those of [brenier()] are in [brenier_tidiers], those of [sinkhorn()] in [print.sinkhorn()].
#' `augment()` of a regression of [brenier_glm()] is the data with the columns `.fitted`, the mean of the
#' response over the posterior, and `.resid`, where there is a response.
#'
#' @param x What one of these functions returned.
#' @param row.names,optional As in [as.data.frame()].
#' @param conf.int Whether to add intervals.
#' @param conf.level Their probability.
#' @param data,newdata A data frame to add columns to; `newdata` goes before `data`. By default the model
#'   frame of the fit.
#' @param ... None.
#' @return A data frame.
#' @examples
#' tidy(brenier_glm(mpg ~ wt, data = mtcars), conf.int = TRUE)
#' flow <- kde_flow(~ eruptions + waiting, data = faithful, n = 100, steps = 60)
#' glance(flow)
#' @name brenier_tables
#' @export
tidy.brenier_posterior <- function(x, conf.int = FALSE, conf.level = 0.9, ...) {
  check_no_dots(..., known = c("conf.int", "conf.level"))
  conf.int <- check_flag(conf.int, "conf.int")
  level <- check_number(conf.level, "conf.level", 0, 1, open = TRUE)
  at <- glm_points(x, 8192)
  table <- data.frame(term = x$variables, estimate = colMeans(at), std.error = apply(at, 2, stats::sd),
                      row.names = NULL)
  if (!conf.int) return(table)
  ends <- apply(at, 2, stats::quantile, probs = c(1 - level, 1 + level) / 2, names = FALSE)
  data.frame(table, conf.low = unname(ends[1, ]), conf.high = unname(ends[2, ]))
}

#' @rdname brenier_tables
#' @export
augment.brenier_glm <- function(x, data = NULL, newdata = NULL, ...) {
  check_no_dots(..., known = c("data", "newdata"))
  to <- newdata %||% data %||% stats::model.frame(x)
  new <- newdata %||% data
  to$.fitted <- unname(if (is.null(new)) stats::fitted(x) else predict(x, new, type = "response"))
  if (is.null(new)) to$.resid <- unname(stats::residuals(x))
  to
}

#' @rdname brenier_tables
#' @export
as.matrix.kde_flow <- function(x, ...) as.matrix(as.data.frame(x))

#' @rdname brenier_tables
#' @export
as.data.frame.kde_flow <- function(x, row.names = NULL, optional = FALSE, ...) {
  particles <- as.data.frame(x$particles, row.names = row.names)
  if (is.null(x$given)) return(particles)
  given <- x$given
  colnames(given) <- x$design$columns
  data.frame(given, particles, row.names = row.names, check.names = FALSE)
}

#' @rdname brenier_tables
#' @export
tidy.kde_flow <- function(x, ...) {
  of <- function(m, w) {
    mean <- colSums(m * w) / sum(w)
    list(mean = mean, sd = sqrt(colSums(sweep(m, 2, mean)^2 * w) / sum(w)))
  }
  here <- of(x$particles, rep(1, nrow(x$particles)))
  table <- data.frame(variable = colnames(x$particles), here, row.names = NULL)
  if (is.null(x$data)) return(table)
  there <- of(x$data, x$weights)
  data.frame(table, data_mean = there$mean, data_sd = there$sd, row.names = NULL)
}

#' @rdname brenier_tables
#' @export
glance.kde_flow <- function(x, ...) {
  trace <- x$trace
  seen <- trace[!is.na(trace$energy_distance), ]
  last <- function(v) if (length(v)) v[length(v)] else NA_real_
  data.frame(
    n = x$n, d = length(x$variables), energy = last(trace$energy),
    energy_distance = last(seen$energy_distance), floor = last(seen$floor), steps = NROW(trace),
    converged = x$status == "ok", seconds = x$seconds
  )
}

#' @rdname brenier_tables
#' @export
glance.drift_generator <- function(x, ...) {
  trace <- x$trace
  data.frame(
    model = x$model, n = x$n, d = x$d, energy = trace$energy[NROW(trace)],
    energy_distance = x$distance$energy_distance,
    floor = x$distance$floor, steps = NROW(trace), converged = x$status == "ok", seconds = x$seconds,
    cost = x$cost
  )
}

#' Middles of the cells of a grid.
#' @noRd
cell_centers <- function(mu) {
  centers <- stats::setNames(mu$centers, paste0("x", seq_along(mu$centers)))
  expand.grid(centers, KEEP.OUT.ATTRS = FALSE)
}

#' @rdname brenier_tables
#' @export
as.data.frame.grid_density <- function(x, row.names = NULL, optional = FALSE, ...) {
  data.frame(cell_centers(x), density = as.vector(x$density), row.names = row.names)
}

#' @rdname brenier_tables
#' @export
tidy.monge_ampere <- function(x, ...) {
  d <- length(x$mu$lower)
  map <- matrix(x$map, ncol = d, dimnames = list(NULL, paste0("map", seq_len(d))))
  data.frame(as.data.frame(x$mu), potential = as.vector(x$potential), map)
}

#' @rdname brenier_tables
#' @export
glance.monge_ampere <- function(x, ...) {
  data.frame(
    distance = x$distance, error = x$error, gap = x$gap, method = x$method, cells = max(x$trace$cells),
    iterations = sum(x$trace$iter > 0 & x$trace$method == x$method), converged = x$converged,
    seconds = x$seconds
  )
}

#' @rdname brenier_tables
#' @export
as.data.frame.sinkhorn_barycenter <- function(x, row.names = NULL, optional = FALSE, ...) {
  as.data.frame(x$x, row.names = row.names)
}

#' @rdname brenier_tables
#' @export
tidy.sinkhorn_barycenter <- function(x, ...) {
  data.frame(sample = names(x$samples) %||% as.character(seq_along(x$samples)), weight = x$weights,
             divergence = x$divergences, row.names = NULL)
}

#' @rdname brenier_tables
#' @export
glance.sinkhorn_barycenter <- function(x, ...) {
  data.frame(n = nrow(x$x), d = ncol(x$x), epsilon = x$epsilon, value = x$value,
             iterations = x$iterations, converged = x$converged, seconds = x$seconds)
}

#' @rdname brenier_tables
#' @export
as.data.frame.sinkhorn_flow <- function(x, row.names = NULL, optional = FALSE, ...) {
  as.data.frame(x$trace, row.names = row.names)
}

#' @rdname brenier_tables
#' @export
tidy.sinkhorn_flow <- function(x, ...) x$trace

#' @rdname brenier_tables
#' @export
as.data.frame.brenier_region <- function(x, row.names = NULL, optional = FALSE, ...) {
  check_contour(x)
  as.data.frame(x$contour, row.names = row.names)
}

#' @rdname brenier_tables
#' @export
tidy.brenier_region <- function(x, ...) as.data.frame(x)

#' @rdname brenier_tables
#' @export
as.data.frame.brenier_certificate <- function(x, row.names = NULL, optional = FALSE, ...) {
  data.frame(unclass(x), row.names = row.names)
}
