# Kernel flows to a law whose score is known.

flow_to_target <- function(target, gradient, vectorised, init, n, energy, bandwidth, steps, step,
                           kernel, self, control, seed, threads) {
  energy <- check_target_energy(energy, target, gradient)
  steps <- check_count(steps, "steps", 1)
  step <- check_number(step, "step", 0, 1, remedy = "1 is a full mean shift.")
  kernel <- check_choice(kernel, c("gaussian", "matern32", "laplace", "imq"), "kernel")
  threads <- check_count(threads, "threads", 1, 1024)
  law <- flow_law(target, gradient, vectorised, init)
  d <- law$d
  several <- length(dim(init)) == 2
  n <- if (is.null(n)) if (several) nrow(init) else 500L else check_count(n, "n", 1)
  if (several && nrow(init) != n) {
    brenier_abort("{.arg init} must have {n} rows, or be one point, not {nrow(init)} rows.",
                  "argument", argument = "init")
  }
  space <- plain_space(d)
  stages <- bandwidth_stages(bandwidth, steps, NULL, NULL, n, d)
  warn_of_dimension(d, energy)
  kind <- list(kind = c(blob = "blob", plugin = "known", smoothed = "known", svgd = "svgd")[[energy]],
               share = c(kl = 1), divergence = c(kl = 1), energy = energy)
  self <- check_self(self, kind$kind, n)
  run <- with_seed(seed %||% 1, with_threads(threads, {
    z <- if (several) law$start else {
      sweep(sobol_points(n, d, normal = TRUE), 2, law$start[1, ], "+")
    }
    spread <- max(spread_of(z, rep(1, n)), 1e-8)
    control <- check_flow_control(control, step, n, kind$kind, integer(), spread)
    z <- part_duplicates(z, space, control$jitter * spread)
    ask <- if (energy == "smoothed") smoothed_score(law, n, control$samples) else law$ask
    check_law_start(ask(z, spread), energy)
    problem <- flow_problem(kind$kind, kernel = kernel, tolerance = control$tolerance, self = self)
    list(problem = problem, control = control,
         run = run_flow(problem, z, space, stages, control, ask))
  }))
  new_flow(run$run, space, kind, list(
    variables = law$names, n = n, d = d, kernel = kernel, problem = run$problem, law = law,
    control = run$control, dimension = d
  ))
}

check_target_energy <- function(energy, target, gradient) {
  choices <- c("blob", "plugin", "smoothed", "svgd")
  energy <- check_choice(energy %||% if (is.null(target)) "plugin" else "blob", choices, "energy")
  if (is.null(target) && energy %in% c("blob", "smoothed")) {
    brenier_abort(c(
      "{.arg energy} = {.val {energy}} needs the log density.",
      i = "Give it as {.arg target}, or use {.val plugin} or {.val svgd}."
    ), "argument", argument = "target")
  }
  energy
}

#' The target as list(d, names, start, ask, from, to): ask(z, h) is list(value, gradient) at the rows
#' of z; from(z) are parameters, to(x) goes back.
#' @noRd
flow_law <- function(target, gradient, vectorised, init) {
  if (inherits(target, "brenier_target")) return(law_of_target(target, init))
  for (name in c("target", "gradient")) {
    value <- list(target = target, gradient = gradient)[[name]]
    if (is.function(value) || (name == "target" && is.null(value))) next
    brenier_abort(c(
      "{.arg {name}} must be a function, not {shown(value)}.",
      i = if (name == "gradient") "It is that of the log density by the parameters."
    ), "argument", argument = name)
  }
  check_flag(vectorised, "vectorised")
  if (is.null(init)) {
    brenier_abort(c(
      "{.arg init} is missing: a target needs a start.",
      i = "Give a point, or a matrix with a row a particle."
    ), "argument", argument = "init")
  }
  start <- as_points(if (is.null(dim(init))) t(init) else init, "init")
  names <- if (is.null(dim(init))) names(init) else colnames(init)
  d <- ncol(start)
  names <- names %||% paste0("x", seq_len(d))
  ask <- function(f, z, columns, argument) {
    dimnames(z) <- list(NULL, names)
    value <- if (vectorised) f(z) else t(apply(z, 1, f))
    if (is.numeric(value) && length(value) == nrow(z) * columns) {
      return(matrix(as.double(value), nrow(z), columns))
    }
    brenier_abort(c(
      "{.arg {argument}} must return {columns} number{?s} for a point, not {shown(value)} for
       {nrow(z)} points.",
      i = "With {.code vectorised = TRUE} a point is a row of a matrix."
    ), "target", argument = argument)
  }
  list(
    d = d, names = names, start = unname(start), from = function(z) z,
    to = function(x) unname(x),
    ask = function(z, h = NULL) list(
      value = if (!is.null(target)) ask(target, z, 1L, "target")[, 1],
      gradient = ask(gradient, z, d, "gradient")
    )
  )
}

#' A target of as_target(), in its unbounded coordinates; particles go back as parameters.
#' @noRd
law_of_target <- function(target, init) {
  if (is.null(target$init)) target <- as_target(target, init = init)
  d <- target$d
  start <- init %||% target$init
  start <- as_points(if (is.null(dim(start))) t(as.double(start)) else start, "init")
  if (ncol(start) != d) {
    brenier_abort(c(
      "{.arg init} must have {d} column{?s}, the unbounded coordinates of the target, not {ncol(start)}."
    ), "argument", argument = "init")
  }
  steps <- diag(d)
  list(
    d = d, names = target$names, start = unname(start),
    from = function(z) target_parameters(target, z)$x,
    to = function(x) target_coordinates(target, unname(x[, target$needed, drop = FALSE])),
    ask = function(z, h = NULL) ask_target(target, z, TRUE, TRUE, steps)
  )
}

check_law_start <- function(answer, energy) {
  bad <- !is.finite(answer$value %||% 0) | rowSums(!is.finite(answer$gradient)) > 0
  if (!any(bad)) return(invisible())
  brenier_abort(c(
    "The target must be finite at the start: it is not at {sum(bad)} of {length(bad)} particles.",
    i = "Give an {.arg init} where the density is positive."
  ), "target", argument = "init")
}

#' The score of the target smoothed by the kernel, by self-normalised importance sampling: with the
#' same
#' quasi-random normal points around each particle, and their mirror images.
#' @noRd
smoothed_score <- function(law, n, samples) {
  xi <- kernel_draws(samples, law$d, "gaussian")
  function(z, h) {
    each <- rep(seq_len(n), nrow(xi))
    noise <- xi[rep(seq_len(nrow(xi)), each = n), , drop = FALSE]
    value <- matrix(law$ask(z[each, , drop = FALSE] + h * noise)$value, n)
    value[!is.finite(value)] <- -Inf
    w <- exp(value - apply(value, 1, max))
    mean <- rowsum(as.vector(w / rowSums(w)) * noise, each, reorder = FALSE)
    list(value = NULL, gradient = unname(mean) / h)
  }
}
