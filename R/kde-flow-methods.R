# The result of a kernel flow and what it can be asked.

new_flow <- function(run, space, kind, parts) {
  back <- function(z, rows) {
    z <- space$from(z, parts$data_given[rows, , drop = FALSE])
    dimnames(z) <- list(NULL, parts$variables)
    z
  }
  law <- parts$law
  from <- if (is.null(law)) back else function(z, rows) {
    x <- law$from(space$from(z))
    matrix(x, nrow(z), ncol(x), dimnames = list(NULL, law$names))
  }
  paths <- lapply(run$paths, from, rows = parts$rows[parts$control$kept])
  flow <- structure(c(list(
    particles = from(run$z, parts$rows), trace = run$trace, status = run$status, bandwidth = run$h,
    speed = run$speed %||% NA_real_, kind = kind$kind, energy = kind$energy %||% kind$kind,
    divergence = kind$divergence, z = run$z, space = space, seconds = run$seconds,
    evaluations = run$evaluations
  ), parts), class = "kde_flow")
  flow$paths <- if (length(paths)) {
    aperm(array(unlist(paths), c(dim(paths[[1]]), length(paths)),
                list(NULL, colnames(paths[[1]]), NULL)), c(3, 1, 2))
  }
  if (!is.null(parts$rows)) flow$given <- parts$data_given[parts$rows, , drop = FALSE]
  warn_of_flow(flow)
  flow
}

warn_of_flow <- function(flow) {
  if (flow$status == "interrupted") {
    brenier_warn(c(
      "The flow was interrupted after {NROW(flow$trace)} step{?s}.",
      i = "The particles are where they had come to."
    ), "interrupted")
  } else if (flow$status == "target_failed") {
    brenier_warn(c(
      "The flow stopped after {NROW(flow$trace)} step{?s}: the target is not finite where the particles
       would go.", i = "Take a smaller {.arg step}, or bounded parameters by {.code as_target()}."
    ), "target")
  }
}

#' Print and summarise a kernel flow
#'
#' @param x,object A flow of [kde_flow()] or its summary.
#' @param modes Known modes of the law, to be reported on: a list of `mean`, a matrix with a row a mode in
#'   the units of the particles; `sd`, the standard deviation of each or of all; and `weight`, their
#'   shares, by default equal.
#' @param digits Significant digits.
#' @param ... None.
#' @return `print()` returns its argument invisibly. `summary()` returns a list of class
#'   `summary.kde_flow`: the
#'   `flow`; `distance`, for flows to data a data frame of one row with the energy distance of all
#'   particles to all data (of at
#'   most 5000 particles and 2000 data), its `floor`, the average of as many draws from the data, and their `ratio`;
#'   `variables`, a data frame with `mean` and `sd` of
#'   particles and data; `memorisation`, for flows to data without covariates a data frame of one
#'   row: the `share` of particles that are ten times nearer to their nearest datum than to the next, what
#'   that share is of the data among themselves, and so of independent draws (`floor`), and the standard
#'   error `se` of the difference of the two where they agree; the median distance to the `nearest` datum in the
#'   coordinates of the flow and that of the data among themselves, `nearest_floor` (of at most 2000 particles and
#'   4000 data); `modes`, where they were given a list: `table`, a row a mode with its `weight`, the
#'   `share` of particles nearest to it, the share of those within 3 of its standard deviations
#'   (`within`), and whether that is 1% or more, so that it is `covered`; how many are `covered`; the share
#'   within 3 standard deviations of any mode, `quality`; the largest `deviation` of a share from its weight, and
#'   its `floor`, the average of as many independent draws; and `advice`, what to do where the numbers are
#'   not good.
#' @seealso [kde_flow()], [simulate.kde_flow()], [energy_distance()]
#' @family kernel flows
#' @name print.kde_flow
#' @export
print.kde_flow <- function(x, digits = 3, ...) {
  show <- function(v) format(v, digits = digits)
  cat("Kernel flow of ", x$n, " particles to ", flow_aim(x), "\n", sep = "")
  cat("  energy      ", divergence_words(x), "\n", sep = "")
  last <- x$trace[NROW(x$trace), ]
  cat("  steps       ", NROW(x$trace), ": ", flow_status(x), "; ", show(x$seconds), " s\n", sep = "")
  if (!x$kind %in% c("energy", "sliced")) {
    cat("  bandwidth   ", paste(show(x$bandwidth), collapse = ", "), " at the end",
        if (length(x$space$blocks)) " (radians)" else
          if (isTRUE(x$whitened)) " (standard deviations)", "\n", sep = "")
  }
  if (!is.null(x$law)) {
    cat("  target      gradient at ", x$gradients, " points",
        if (x$unfitted) "; NOT whitened: no Gaussian law fits it", "\n", sep = "")
  }
  if (NROW(x$trace) > 0) {
    cat("  velocity    ", show(x$speed), " in root mean square, of a mean shift\n", sep = "")
    if (!is.na(last$energy)) {
      cat("  energy      ", show(x$trace$energy[1]), " after the first step, ", show(last$energy),
          " after the last", if (x$kind == "blob") ", up to a constant", "\n", sep = "")
    }
    seen <- x$trace[!is.na(x$trace$energy_distance), ]
    if (nrow(seen)) {
      seen <- seen[nrow(seen), ]
      cat("  distance    energy distance to the data ", show(seen$energy_distance),
          "; as many draws of the data have ", show(seen$floor), " on average\n", sep = "")
    }
  }
  invisible(x)
}

flow_aim <- function(x) {
  what <- if (is.null(x$data)) "a density of " else paste(nrow(x$data), "points of ")
  space <- if (length(x$space$blocks)) if (isTRUE(x$space$torus)) " on a torus" else " on a sphere"
  paste0(what, list_of(x$variables), if (!is.null(x$given)) paste(" given", list_of(x$design$variables)),
         space)
}

divergence_words <- function(x) {
  if (x$kind == "ksd") return("kernel Stein discrepancy, exact gradient")
  if (x$kind %in% c("blob", "known", "svgd")) {
    return(paste0(x$energy, if (x$kind == "blob") ", exact gradient"))
  }
  if (is.character(x$divergence)) {
    return(switch(x$divergence, mmd = "maximum mean discrepancy", energy = "energy distance",
                  sliced = "sliced energy distance"))
  }
  share <- x$divergence
  words <- if (length(share) == 1) names(share) else paste(format(share), names(share), collapse = " + ")
  paste0(words, ", ", if (x$kind == "plugin") "plug-in field: no energy falls by it" else
    paste0(x$energy, ", exact gradient"))
}

flow_status <- function(x) {
  switch(
    x$status,
    ok = "stationary to the tolerance",
    max_iterations = "all that were asked for; NOT stationary to the tolerance",
    stalled = "no step lowered the energy any more",
    interrupted = "INTERRUPTED", target_failed = "STOPPED: the target is not finite where they led"
  )
}

#' @rdname print.kde_flow
#' @export
summary.kde_flow <- function(object, modes = NULL, ...) {
  check_no_dots(..., known = c("object", "modes"))
  modes <- mode_report(object, modes)
  moments <- function(x, w = rep(1, nrow(x))) {
    m <- colSums(x * w) / sum(w)
    cbind(mean = m, sd = sqrt(colSums(sweep(x, 2, m)^2 * w) / sum(w)))
  }
  of <- moments(object$particles)
  distance <- NULL
  variables <- data.frame(variable = object$variables, of)
  if (!is.null(object$data)) {
    variables <- data.frame(variables, data = moments(object$data, object$weights))
    monitor <- monitor_of(object$problem, list(watched = rule_rows(object$n, rep(1, object$n), 5000)))
    value <- monitor(object$z)
    distance <- data.frame(energy_distance = value[1], floor = value[2], ratio = value[1] / value[2])
  }
  rownames(variables) <- NULL
  copied <- memorisation(object)
  structure(list(flow = object, distance = distance, variables = variables, memorisation = copied,
                 modes = modes, advice = flow_advice(object, distance, copied, modes)),
            class = "summary.kde_flow")
}

flow_advice <- function(x, distance, copied, modes) {
  kernel <- !x$kind %in% c("energy", "sliced")
  c(
    if (!is.null(distance) && distance$ratio > 2) paste(
      "The particles are farther from the data than draws of them would be: give more steps, or begin",
      "with a larger bandwidth."
    ),
    if (!is.null(copied) && copied$share > copied$floor + 3 * copied$se) paste(
      "The particles copy the data: more of them sit on a datum than draws of the law would. Take a",
      "larger bandwidth."
    ),
    if (!is.null(modes) && modes$covered < nrow(modes$table)) paste(
      nrow(modes$table) - modes$covered, "of the modes are missed: begin with a larger bandwidth."
    ),
    if (x$status == "interrupted") "The flow was interrupted: run it again for all steps.",
    if (kernel && x$dimension > 10) paste(
      "In", x$dimension, "dimensions kernel scores are those of a few nearest points: use",
      "divergence = \"energy\" or \"sliced\", or a few principal components."
    ),
    if (x$kind == "data") "The smoothed particles fit the data, not the particles: draw by simulate().",
    if (isTRUE(x$unfitted)) paste(
      "No Gaussian law was found that fits the target: the bandwidth is in its own units, and is that",
      "of variables with equal spread."
    ),
    if (is.null(x$data)) paste(
      "Separate modes", if (x$kind == "ksd") "may have any mass" else
        "keep the mass that they started with", "and a flow has no bound of its error:",
      "compare with brenier_vi()."
    )
  )
}

#' @rdname print.kde_flow
#' @export
print.summary.kde_flow <- function(x, digits = 3, ...) {
  print(x$flow, digits = digits)
  if (!is.null(x$distance)) {
    cat("\nEnergy distance of all particles to the data ",
        format(x$distance$energy_distance, digits = digits),
        ", floor ", format(x$distance$floor, digits = digits), "\n", sep = "")
  }
  if (!is.null(x$memorisation)) print_memorisation(x$memorisation, digits)
  if (!is.null(x$modes)) print_modes(x$modes, digits)
  cat("\n")
  print(x$variables, digits = digits, row.names = FALSE)
  if (length(x$advice)) cat("", strwrap(paste("!", x$advice), 90, exdent = 2), sep = "\n")
  invisible(x)
}

#' Draws and densities of a kernel flow
#'
#' @param object,x A flow of [kde_flow()].
#' @param nsim Number of draws; with covariates for each row of `newdata`.
#' @param seed As in [simulate.brenier()].
#' @param newdata For a flow given covariates a data frame with them, by default those of the data.
#'   For `predict()` the points: a
#'   matrix or data frame in the units of the data, by default the particles.
#' @param smooth Whether to add a draw of the kernel to each particle, on flat spaces with the
#'   Gaussian kernel. By
#'   default for `energy = "data"`, where the smoothed particles are what was fitted.
#' @param steps With covariates, steps of the flow of the response at each row of `newdata`, see
#'   Details; by default 100, and 0 where `newdata` is left out.
#' @param type `"log_density"`, the log of the kernel estimate of the particles at the last
#'   bandwidth, by the units of the data; on spheres and tori by their surface, in radians. Of several
#'   bandwidths the mean of the estimates. Or `"log_ratio"`, the log of its ratio to that of the data.
#' @param ... None.
#' @details
#' **At new covariates** x, data and particles count by the kernel weight of their covariates at x, with
#' the bandwidth of the flow (for `"energy"` and `"sliced"`, which have none, the normal scale rule), and
#' are moved to x along their local linear regression, beside that of all data: so neither the slope of
#' the mean nor that of the density of the covariates blurs the draws. From those particles, `steps`
#' steps of the same flow, in the response alone, lead to those data, weights and all. With `steps = 0`
#' the particles are drawn as they are: at no cost, and good where there are many near x. What stays is the
#' bend of the mean and the change of the spread within a bandwidth, and the noise of the data there.
#' @return
#'   * `as_draws()`: the particles, all of them once, as a [posterior::draws_df];
#'   * `simulate()`: a data frame of particles drawn with replacement. With covariates `nsim` rows for
#'     each row of `newdata`, whose number is in the column `row` in front, `NA` for a missing
#'     covariate;
#'   * `predict()`: a vector. Flows with covariates, and those of energies without kernel estimates, have
#'     no density; `"imq"` has the ratio alone, for its integral is not finite.
#' @section Errors:
#' `brenier_error_argument` for a wrong `nsim`, `seed`, `smooth` or `steps`, an `nsim` that makes more than 2^27
#' numbers, a covariate without a datum within about three bandwidths, `newdata` or `steps` without
#' covariates, or a flow that has no density; those of [predict.brenier()] for `newdata`. Warning
#' `brenier_warning_interrupted`: rows not reached are `NA`.
#' @seealso [kde_flow()], [summary.kde_flow()]
#' @family kernel flows
#' @name simulate.kde_flow
#' @examples
#' flow <- kde_flow(~ eruptions + waiting, data = faithful, n = 100, steps = 60)
#' simulate(flow, 3, seed = 1)
#' predict(flow, data.frame(eruptions = 2, waiting = 55))
#' @export
simulate.kde_flow <- function(object, nsim = 1, seed = NULL, ..., newdata = NULL, smooth = NULL,
                              steps = NULL) {
  check_no_dots(..., known = c("nsim", "seed", "newdata", "smooth", "steps"))
  nsim <- check_count(nsim, "nsim")
  smooth <- check_flag(smooth %||% (object$kind == "data"), "smooth")
  if (smooth) check_plain_kernel(object, "smooth")
  if (is.null(object$given)) {
    for (name in c("newdata", "steps")[c(!is.null(newdata), !is.null(steps))]) {
      brenier_abort("{.arg {name}} must be left out: the flow has no covariates.", "argument",
                    argument = name)
    }
    check_drawn(nsim, object$d)
    if (!smooth) {
      rows <- with_seed(seed, sample.int(object$n, nsim, replace = TRUE))
      return(as.data.frame(object$particles[rows, , drop = FALSE]))
    }
    x <- object$space$from(with_seed(seed, {
      z <- object$z[sample.int(object$n, nsim, replace = TRUE), , drop = FALSE]
      h <- sample(rep(object$bandwidth, 2), nsim, replace = TRUE)
      z + h * stats::rnorm(length(z))
    }))
    if (!is.null(object$law)) x <- object$law$from(x)
    return(as.data.frame(matrix(x, nsim, object$d, dimnames = list(NULL, object$variables))))
  }
  given <- flow_covariates(object, newdata)
  check_drawn(as.double(nsim) * nrow(given), object$d + 1)
  steps <- check_count(steps %||% if (is.null(newdata)) 0 else 100, "steps", 0)
  x <- with_seed(seed, draws_given(object, given, nsim, steps, smooth))
  colnames(x) <- object$variables
  data.frame(row = rep(seq_len(nrow(given)), each = nsim), x, check.names = FALSE)
}

flow_covariates <- function(object, newdata) {
  new_covariates(list(design = object$design, given = object$data_given), newdata)
}

#' @rdname simulate.kde_flow
#' @export
as_draws.kde_flow <- function(x, ...) {
  check_no_dots(..., known = "x")
  posterior::as_draws_df(as.data.frame(x$particles))
}

#' @rdname simulate.kde_flow
#' @export
predict.kde_flow <- function(object, newdata = NULL, type = c("log_density", "log_ratio"), ...) {
  check_no_dots(..., known = c("newdata", "type"))
  type <- check_choice(type, c("log_density", "log_ratio"), "type")
  check_has_density(object, type)
  x <- if (is.null(newdata)) object$particles else as_points(newdata, "newdata")
  if (all(object$variables %in% colnames(x))) x <- x[, object$variables, drop = FALSE]
  if (ncol(x) != object$d) {
    brenier_abort("{.arg newdata} must have {object$d} column{?s}, not {ncol(x)}.", "argument",
                  argument = "newdata")
  }
  blocks <- object$space$blocks
  if (length(blocks) && !isTRUE(object$space$torus)) check_sphere(blocks, FALSE, x, "newdata")
  logdet <- 0
  if (!is.null(object$law)) {
    colnames(x) <- object$variables
    x <- object$law$to(x)
    logdet <- -object$law$logdet(x)
  }
  z <- object$space$to(x)
  log_mean <- function(y, weights, density = FALSE) {
    each <- vapply(object$bandwidth, function(h) {
      pair_lse(z, y, log(weights), object$kernel, h) -
        if (density) log_mass(object$kernel, h, ncol(z), blocks) else 0
    }, numeric(nrow(z)))
    each <- matrix(each, nrow(z))
    apply(each, 1, log_mean_exp)
  }
  log_q <- log_mean(object$z, rep(1 / object$n, object$n), type == "log_density")
  if (type == "log_density") return(log_q + object$space$logdet + logdet)
  log_q - log_mean(object$problem$y, object$problem$weight)
}

#' The log of the integral of a kernel over its space: d dimensions, or spheres of so many columns.
#' @noRd
log_mass <- function(kernel, h, d, blocks = integer()) {
  if (kernel == "vmf") {
    k <- 1 / h^2
    each <- function(p) {
      p / 2 * log(2 * pi) + (1 - p / 2) * log(k) + log(besselI(k, p / 2 - 1, expon.scaled = TRUE))
    }
    # the exponent of the core is (x'y - 1)/h^2, however many spheres there are
    return(sum(vapply(blocks, each, 0)) + (length(blocks) - 1) * k)
  }
  sphere <- log(2) + d / 2 * log(pi) - lgamma(d / 2)
  switch(
    kernel, gaussian = d / 2 * log(2 * pi * h^2), laplace = sphere + lgamma(d) + d * log(h),
    matern32 = sphere + lgamma(d) + log1p(d) + d * log(h / sqrt(3))
  )
}

check_has_density <- function(object, type) {
  why <- if (type == "log_ratio" && is.null(object$data)) {
    "is for flows to data"
  } else if (object$kind %in% c("energy", "sliced", "ksd")) {
    "needs kernel estimates of densities, which this flow has not"
  } else if (!is.null(object$given)) {
    "is for flows without covariates"
  } else if (object$kernel == "imq" && type == "log_density") {
    "needs a kernel with a finite integral, not {.val imq}"
  }
  if (is.null(why)) return(invisible())
  brenier_abort(c(
    paste0("{.arg type} = {.val {type}} ", why, "."),
    i = "For a density fit {.fn brenier} to the data, or to the particles."
  ), "argument", argument = "type")
}

check_plain_kernel <- function(object, argument) {
  plain <- object$kernel == "gaussian" && length(object$space$blocks) == 0 &&
    !object$kind %in% c("energy", "sliced", "ksd")
  if (plain) return(invisible())
  brenier_abort("{.arg {argument}} needs a flow with a Gaussian kernel on a flat space.", "argument",
                argument = argument)
}
