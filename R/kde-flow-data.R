# Kernel flows to data: checks, coordinates, the start.

#' @param covariates NULL, or what R/design.R makes of covariates.
#' @param trainer NULL, or what moves images of latents in place of particles, see
#'   R/drift-generator.R: a function of problem, space, stages and control that runs the flow. Other
#'   arguments as in kde_flow().
#' @noRd
flow_to_data <- function(x, covariates, weights = NULL, n = NULL, divergence = "kl", energy = NULL,
                         bandwidth = NULL, steps = 400, step = 0.5, kernel = "gaussian",
                         whiten = NULL, init = NULL, sphere = FALSE, torus = FALSE,
                         self = TRUE, control = list(), seed = NULL, threads = brenier_threads(), ...,
                         name = "x", trainer = NULL) {
  check_no_dots(..., known = names(formals(kde_flow.default)))
  kind <- check_divergence(divergence, energy)
  steps <- check_count(steps, "steps", 1)
  step <- check_number(step, "step", 0, 1, remedy = "1 is a full mean shift.")
  kernel <- check_choice(kernel, c("gaussian", "matern32", "laplace", "imq"), "kernel")
  threads <- check_count(threads, "threads", 1, 1024)
  rows <- rows_with_weight(x, covariates, weights, name)
  x <- rows$x
  given <- rows$given
  weights <- rows$weights
  blocks <- check_sphere(sphere, torus, x)
  check_rows(x, name, given)
  check_spread(x, name)
  space <- flow_space(x, given, weights, name, whiten, blocks, torus)
  z <- space$to(x, given)
  if (length(blocks)) kernel <- "vmf"
  if (kind$kind %in% c("energy", "sliced")) kernel <- "energy"
  d <- ncol(z) - length(blocks) # the dimension of the space
  n <- if (is.null(n)) {
    if (!is.null(init)) NROW(init) else min(nrow(x), 1000L)
  } else {
    check_count(n, "n", 1, 1e7)
  }
  self <- check_self(self, kind$kind, n)
  init <- check_particles(init, n, colnames(x))
  control <- check_flow_control(control, step, n, kind$kind, blocks, spread_of(z, weights, d))
  if (kernel == "energy") bandwidth <- 1 # there is none
  stages <- bandwidth_stages(bandwidth, steps, z, weights, n, d)
  warn_of_dimension(d, kind$kind)
  problem <- flow_problem(kind$kind, z, weights / sum(weights), kind$share, control$alpha,
                          control$clip, kernel, control$tolerance, self)
  if (kernel == "energy") problem$data_mean <- mean_distance(problem)
  if (kind$kind == "smooth") problem$draws <- kernel_draws(control$samples, ncol(z), kernel, blocks)
  if (kind$kind == "sliced") problem$kernel <- "gaussian" # it takes none
  run <- with_seed(seed %||% 1, with_threads(threads, {
    if (is.null(trainer)) {
      start <- flow_start(init, space, z, given, weights, n)
      first <- part_duplicates(start$z, space, control$jitter * stages$h[[1]][1])
      list(rows = start$rows, run = run_flow(problem, first, space, stages, control))
    } else {
      trained <- trainer(problem, space, stages, control)
      list(rows = trained$rows, run = trained)
    }
  }))
  new_flow(run$run, space, kind, list(
    rows = run$rows, variables = colnames(x), n = n, d = ncol(x), kernel = problem$kernel, data = x,
    weights = weights, data_given = given, design = if (!is.null(given)) covariates$design,
    problem = problem, control = control, dimension = d,
    whitened = !length(blocks) && (whiten %||% TRUE)
  ))
}

#' The kind of the core and the shares of divergences from the words of the user.
#' @noRd
check_divergence <- function(divergence, energy) {
  energies <- c("mixture", "data", "particle", "smooth", "bregman", "plugin")
  given <- !is.null(energy)
  energy <- check_choice(energy %||% "mixture", energies, "energy")
  whole <- c("mmd", "energy", "sliced")
  if (is.character(divergence)) {
    divergence <- check_choice(divergence, c(DIVERGENCES, whole), "divergence")
    if (divergence %in% whole) {
      if (given) {
        brenier_abort(c(
          "{.arg divergence} = {.val {divergence}} has an {.arg energy} of its own.",
          i = "Leave {.arg energy} out."
        ), "argument", argument = "energy")
      }
      return(list(kind = divergence, share = c(kl = 1), divergence = divergence))
    }
    share <- stats::setNames(1, divergence)
  } else {
    share <- divergence
    names <- names(share) %||% ""
    good <- is.numeric(share) && length(share) > 0 && all(names %in% DIVERGENCES) &&
      !anyDuplicated(names) && all(is.finite(share)) && all(share >= 0) && any(share > 0)
    if (!good) {
      brenier_abort(c(
        "{.arg divergence} must be a name, or positive numbers with the names of divergences, not
         {shown(divergence)}.",
        i = "For example {.code c(reverse_kl = 1, chisq = 1)}, out of {.val {DIVERGENCES}}."
      ), "argument", argument = "divergence")
    }
    share <- share[share > 0]
  }
  if (energy == "bregman" && !identical(names(share), "kl")) {
    brenier_abort(c(
      "{.arg energy} = {.val bregman} is for {.code divergence = \"kl\"}, not {.val {names(share)}}.",
      i = "Use {.val mixture}."
    ), "argument", argument = "energy")
  }
  list(kind = energy, share = share, divergence = share)
}

#' Whether q at a particle has its self term; others than these kinds have none, or a constant.
#' @noRd
check_self <- function(self, kind, n) {
  if (check_flag(self, "self")) return(TRUE)
  if (!kind %in% c("mixture", "particle", "bregman", "plugin", "blob", "known")) {
    brenier_abort(c(
      "{.code self = FALSE} is not for {.val {kind}}.",
      i = "It is for energies that take the density of the particles at the particles."
    ), "argument", argument = "self")
  }
  if (n < 2) {
    brenier_abort("{.code self = FALSE} needs two particles or more.", "argument", argument = "self")
  }
  FALSE
}

flow_space <- function(x, given, weights, name, whiten, blocks, torus) {
  if (length(blocks)) {
    if (!is.null(given) || isTRUE(whiten)) {
      brenier_abort(c(
        "On spheres there is no {.arg {if (is.null(given)) 'whiten' else 'given'}}."
      ), "argument", argument = if (is.null(given)) "whiten" else "given")
    }
    return(sphere_space(blocks, torus))
  }
  whiten <- check_flag(whiten %||% TRUE, "whiten")
  if (!whiten && is.null(given)) return(plain_space(ncol(x)))
  if (!whiten) {
    brenier_abort("With covariates {.arg whiten} must be TRUE: one kernel serves both.", "argument",
                  argument = "whiten")
  }
  whitening <- whiten(x, weights, name, given)
  whitened_space(whitening, ncol(x), NCOL(whitening$covariates$matrix %||% matrix(0, 1, 0)))
}

check_flow_control <- function(control, step, n, kind, blocks, spread) {
  stein <- kind == "ksd"
  known <- list(optimiser = if (stein) "lbfgs" else "gradient", alpha = 1.5, clip = 6,
                longest = 0.3 * spread, jitter = 1e-3,
                tol = if (stein) 1e-3 else 5e-3, tolerance = 1e-8, directions = 100, samples = 64,
                paths = 200)
  if (!is.list(control) || (length(control) && is.null(names(control)))) {
    brenier_abort("{.arg control} must be a list with names, not {shown(control)}.", "argument",
                  argument = "control")
  }
  strange <- setdiff(names(control), names(known))
  if (length(strange)) {
    near <- nearest(strange[1], names(known))
    brenier_abort(c(
      "There is no element {.arg {strange[1]}} of {.arg control}.",
      i = if (length(near)) "Did you mean {.arg {near}}?" else "It has {.arg {names(known)}}."
    ), "argument", argument = "control")
  }
  control <- utils::modifyList(known, control)
  control$optimiser <- check_choice(control$optimiser, c("gradient", "lbfgs"), "optimiser")
  if (control$optimiser == "lbfgs" && (!kind %in% DESCENDING || length(blocks))) {
    brenier_abort(c(
      "{.code optimiser = \"lbfgs\"} needs an energy, on a flat space.",
      i = "Use {.code optimiser = \"gradient\"}."
    ), "argument", argument = "optimiser")
  }
  check_number(control$alpha, "alpha")
  check_number(control$clip, "clip", 0, 50, remedy = "It bounds |log r|.")
  check_number(control$longest, "longest", 0, infinite = TRUE)
  check_number(control$jitter, "jitter", 0)
  check_number(control$tol, "tol", 0)
  check_number(control$tolerance, "tolerance", 0, 0.1)
  for (name in c("directions", "samples")) check_count(control[[name]], name, 1)
  check_count(control$paths, "paths")
  evenly <- function(most) unique(round(seq(1, n, length.out = min(n, most))))
  c(control, list(step = step, kept = if (control$paths > 0) evenly(control$paths) else integer(),
                  watched = evenly(2000)))
}

warn_of_dimension <- function(d, kind) {
  if (d <= 10 || kind %in% c("energy", "sliced")) return(invisible())
  brenier_warn(c(
    "Kernel estimates of a score in {d} dimensions are those of a few nearest points.",
    i = "Use {.code divergence = \"energy\"} or {.val sliced}, or flow in a few principal components."
  ), "dimension")
}

#' Mean distance among the data, of at most 2000 for the sliced energy, where it is a scale alone.
#' @noRd
mean_distance <- function(problem) {
  if (problem$kind == "sliced") {
    rows <- rule_rows(nrow(problem$y), problem$weight)
    problem$y <- problem$y[rows, , drop = FALSE]
    problem$weight <- rep(1 / length(rows), length(rows))
  }
  problem$kernel <- "energy"
  .Call(C_brenier_flow_data, problem)$mean
}

check_particles <- function(init, n, variables) {
  if (is.null(init)) return(NULL)
  init <- as_points(init, "init")
  if (ncol(init) != length(variables) || nrow(init) != n) {
    brenier_abort(c(
      "{.arg init} must have {n} row{?s} and {length(variables)} column{?s}, not {nrow(init)} and
       {ncol(init)}."
    ), "argument", argument = "init")
  }
  if (all(variables %in% colnames(init))) init[, variables, drop = FALSE] else init
}

#' The particles of the start in the coordinates of the flow.
#' @noRd
flow_start <- function(init, space, z, given, weights, n) {
  d <- length(space$moving)
  frozen <- z[, -space$moving, drop = FALSE]
  rows <- if (ncol(frozen) == 0) NULL else even_rows(nrow(z), n, weights)
  if (!is.null(init)) {
    return(list(z = space$to(init, given[rows, , drop = FALSE]), rows = rows))
  }
  y <- if (d <= 256) sobol_points(n, d, normal = TRUE) else matrix(stats::rnorm(n * d), n)
  if (length(space$blocks)) {
    unit <- sphere_space(space$blocks)
    return(list(z = unit$to(y), rows = NULL))
  }
  w <- weights / sum(weights)
  center <- colSums(w * z[, space$moving, drop = FALSE])
  centred <- sweep(z[, space$moving, drop = FALSE], 2, center)
  y <- sweep(y %*% chol(crossprod(centred * sqrt(w))), 2, center, "+")
  list(z = if (is.null(rows)) y else cbind(y, frozen[rows, , drop = FALSE]), rows = rows)
}

#' n rows of m data in proportion to their weights: each as often as can be where n is large.
#' @noRd
even_rows <- function(m, n, weights) {
  share <- cumsum(weights) / sum(weights)
  order <- sample.int(m)
  share <- cumsum(weights[order]) / sum(weights)
  order[findInterval((seq_len(n) - 0.5) / n, share) + 1]
}

#' Particles at the same place are parted: no flow would do it.
#' @noRd
part_duplicates <- function(z, space, size) {
  twins <- duplicated(z)
  if (!any(twins)) return(z)
  noise <- 0 * z
  noise[twins, space$moving] <- size * stats::rnorm(sum(twins) * length(space$moving))
  space$move(z, space$tangent(z, noise))
}

#' Quasi-random draws of the Gaussian kernel of scale 1 and their mirror images.
#' @noRd
kernel_draws <- function(samples, d, kernel, blocks = integer()) {
  if (kernel != "gaussian" || length(blocks)) {
    brenier_abort("{.arg energy} = {.val smooth} needs the Gaussian kernel, on a flat space.", "argument",
                  argument = "energy")
  }
  half <- with_seed(1, sobol_points(ceiling(samples / 2), d, normal = TRUE))
  half <- sweep(half, 2, sqrt(colMeans(half^2)), "/") # second moments are then exact
  rbind(half, -half)
}
