# Kernel flows to a law whose score is known.

flow_to_target <- function(target, gradient, vectorised, init, n, energy, bandwidth, steps, step,
                           kernel, whiten, self, control, seed, threads) {
  energy <- check_target_energy(energy, target, gradient)
  steps <- check_count(steps, "steps", 1)
  step <- check_number(step, "step", 0, 1, remedy = "1 is a full mean shift.")
  kernel <- check_choice(kernel, c("gaussian", "matern32", "laplace", "imq"), "kernel")
  check_stein_kernel(kernel, energy)
  whiten <- check_target_whiten(whiten, target)
  threads <- check_count(threads, "threads", 1, 1024)
  law <- flow_law(target, gradient, vectorised, init)
  d <- law$d
  several <- length(dim(init)) == 2
  n <- if (is.null(n)) if (several) nrow(init) else 500L else check_count(n, "n", 1, 1e7)
  if (several && nrow(init) != n) {
    brenier_abort("{.arg init} must have {n} rows, or be one point, not {nrow(init)} rows.",
                  "argument", argument = "init")
  }
  warn_of_dimension(d, energy)
  kinds <- c(blob = "blob", plugin = "known", smoothed = "known", svgd = "svgd", ksd = "ksd")
  kind <- list(kind = kinds[[energy]],
               share = c(kl = 1), divergence = c(kl = 1), energy = energy)
  self <- check_self(self, kind$kind, n)
  run <- with_seed(seed %||% 1, with_threads(threads, {
    at_start <- law$ask(law$start)
    check_law_start(at_start)
    scale <- if (whiten) law_scale(law, at_start$value)
    space <- if (is.null(scale$place)) plain_space(d) else placed_space(scale$place)
    ask <- asked_within(law, space)
    z <- if (several) space$to(law$start) else target_start(law, ask, scale$place, n)
    # in the coordinates of a fitted law, how far the start is from it
    spread <- if (is.null(scale$place)) max(spread_of(z, rep(1, n)), 1e-8) else max(sqrt(mean(z^2)), 1)
    h <- bandwidth %||% if (!is.null(scale$place)) target_bandwidth(n, d, energy)
    stages <- bandwidth_stages(h, steps, NULL, NULL, n, d)
    control <- check_flow_control(control, step, n, kind$kind, integer(), spread)
    z <- part_duplicates(z, space, control$jitter * spread)
    if (energy == "smoothed") ask <- smoothed_score(ask, n, d, control$samples)
    problem <- flow_problem(kind$kind, kernel = kernel, tolerance = control$tolerance, self = self)
    if (isTRUE(scale$interrupted)) stages$steps <- integer()
    run <- run_flow(problem, z, space, stages, control, ask)
    if (isTRUE(scale$interrupted)) run$status <- "interrupted"
    list(problem = problem, control = control, space = space, scale = scale, run = run)
  }))
  new_flow(run$run, run$space, kind, list(
    variables = law$names, n = n, d = d, kernel = kernel, problem = run$problem, law = law,
    control = run$control, dimension = d, whitened = !is.null(run$scale$place),
    unfitted = whiten && is.null(run$scale$place),
    gradients = law$count$gradients
  ))
}

check_target_energy <- function(energy, target, gradient) {
  choices <- c("blob", "plugin", "smoothed", "svgd", "ksd")
  energy <- check_choice(energy %||% if (is.null(target)) "plugin" else "blob", choices, "energy")
  if (is.null(target) && energy %in% c("blob", "smoothed")) {
    brenier_abort(c(
      "{.arg energy} = {.val {energy}} needs the log density.",
      i = "Give it as {.arg target}, or use {.val plugin}, {.val svgd} or {.val ksd}."
    ), "argument", argument = "target")
  }
  energy
}

check_stein_kernel <- function(kernel, energy) {
  if (energy != "ksd" || kernel %in% c("gaussian", "imq")) return(invisible())
  brenier_abort(c(
    "{.arg kernel} must be smooth for {.code energy = \"ksd\"}, not {.val {kernel}}.",
    i = "Use {.val gaussian} or {.val imq}."
  ), "argument", argument = "kernel")
}

check_target_whiten <- function(whiten, target) {
  known <- !is.null(target)
  if (check_flag(whiten %||% known, "whiten") && !known) {
    brenier_abort(c(
      "{.code whiten = TRUE} needs the log density.",
      i = "Give it as {.arg target}, or scale the parameters yourself."
    ), "argument", argument = "whiten")
  }
  whiten %||% known
}

#' The Gaussian law that fits the target best, which tells the scales of its coordinates:
#' list(place = list(center, root)), NULL where none was found or the target refuses points at twice
#' its spread, and whether it was interrupted. It is
#' the first step of brenier_vi(), from the best of the particles of the start.
#' @noRd
law_scale <- function(law, value) {
  target <- law$fitted(law$start[which.max(value), ])
  target$count$start <- target$init
  control <- as_vi_control(list(max_atoms = 0))
  control$deadline <- Inf
  found <- tryCatch(start_gaussian(target, target$init, control, new_progress()$report),
                    interrupt = function(c) list(status = "interrupted"))
  interrupted <- identical(found$status, "interrupted")
  # at a wall a Gaussian law shrinks until it stays inside: its scale is that of the wall's distance
  walled <- !is.null(found$place) && !interrupted &&
    any(!is.finite(target_value(target, sweep(2 * fit_points(max(64, 4 * (law$d + 2)), law$d) %*%
                                                t(found$place$root), 2, found$place$center, "+"))))
  law$count$gradients <- law$count$gradients + slopes_asked(target)
  list(place = if (!walled) found$place, interrupted = interrupted)
}

#' Coordinates in which a Gaussian law is N(0, I).
#' @noRd
placed_space <- function(place) {
  root <- t(place$root)
  whitened_space(list(center = place$center, matrix = solve(root), root = root,
                      logdet = -log(abs(det(root))), covariates = NULL), length(place$center))
}

#' The target by the coordinates of the flow, up to a constant. It counts its gradients.
#' @noRd
asked_within <- function(law, space) {
  root <- space$from(diag(law$d)) - space$from(0 * diag(law$d))
  function(z, h = NULL) {
    answer <- law$ask(space$from(z))
    answer$gradient <- answer$gradient %*% t(root)
    answer
  }
}

#' n quasi-random points of the Gaussian law of the space, or of N(start, I) where there is none.
#' Those that the target refuses, of its tails, are put on others, to be parted.
#' @noRd
target_start <- function(law, ask, place, n) {
  z <- sobol_points(n, law$d, normal = TRUE)
  if (is.null(place)) z <- sweep(z, 2, law$start[1, ], "+")
  answer <- ask(z)
  good <- which(is.finite(answer$value %||% numeric(n)) & rowSums(!is.finite(answer$gradient)) == 0)
  if (length(good) < n / 2) check_law_start(answer)
  rows <- replace(seq_len(n), setdiff(seq_len(n), good), rep_len(good, n - length(good)))
  z[rows, , drop = FALSE]
}

#' For the Gaussian law N(0, I) of the space, whose median distance m is known: m for the Stein
#' discrepancy, over sqrt(2); the rule of Stein variational gradient descent, m^2 / (2 log(n + 1));
#' and half of its square for the others, near which the variance of blobs is largest: less, and
#' particles are alone in their kernels, more, and the bias grows.
#' @noRd
target_bandwidth <- function(n, d, energy) {
  over <- switch(energy, ksd = 1, svgd = log(n + 1), 2 * log(n + 1))
  sqrt(stats::qchisq(0.5, d) / over)
}

#' The target as list(d, names, start, ask, from, to): ask(z, h) is list(value, gradient) at the rows
#' of z; from(z) are parameters, to(x) goes back, logdet(z) is
#' log |dx/dz|; fitted(z) is a target of as_target() in the same
#' coordinates with that start; `count` holds the number of gradients so far.
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
       {nrow(z)} point{?s}.",
      i = "With {.code vectorised = TRUE} a point is a row of a matrix."
    ), "target", argument = argument)
  }
  count <- new_count()
  list(
    d = d, names = names, start = unname(start), from = function(z) z,
    to = function(x) unname(x), logdet = function(z) 0, count = count,
    fitted = function(z) {
      as_target(target, stats::setNames(z, names), gradient, vectorised = vectorised)
    },
    ask = function(z, h = NULL) {
      count$gradients <- count$gradients + nrow(z)
      list(value = if (!is.null(target)) ask(target, z, 1L, "target")[, 1],
           gradient = ask(gradient, z, d, "gradient"))
    }
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
  count <- new_count()
  list(
    d = d, names = target$names, start = unname(start), count = count,
    from = function(z) target_parameters(target, z)$x,
    logdet = function(z) target_parameters(target, z)$logdet,
    to = function(x) target_coordinates(target, unname(x[, target$needed, drop = FALSE])),
    fitted = function(z) {
      target$init[] <- z
      target$count <- new_count()
      target
    },
    ask = function(z, h = NULL) {
      count$gradients <- count$gradients + nrow(z)
      ask_target(target, z, TRUE, TRUE, steps)
    }
  )
}

check_law_start <- function(answer) {
  bad <- !is.finite(answer$value %||% 0) | rowSums(!is.finite(answer$gradient)) > 0
  if (!any(bad)) return(invisible())
  brenier_abort(c(
    "The target must be finite at the start: it is not at {sum(bad)} of {length(bad)} point{?s}.",
    i = "Give an {.arg init} where the density is positive."
  ), "target", argument = "init")
}

#' The score of the target smoothed by the kernel, by self-normalised importance sampling: with the
#' same
#' quasi-random normal points around each particle, and their mirror images.
#' @noRd
smoothed_score <- function(ask, n, d, samples) {
  force(ask)
  xi <- kernel_draws(samples, d, "gaussian")
  function(z, h) {
    each <- rep(seq_len(n), nrow(xi))
    noise <- xi[rep(seq_len(nrow(xi)), each = n), , drop = FALSE]
    value <- matrix(ask(z[each, , drop = FALSE] + h * noise)$value, n)
    value[!is.finite(value)] <- -Inf
    w <- exp(value - apply(value, 1, max))
    mean <- rowsum(as.vector(w / rowSums(w)) * noise, each, reorder = FALSE)
    list(value = NULL, gradient = unname(mean) / h)
  }
}
