#' Barycenters of samples
#'
#' A set of points that is nearest in mean to several samples, by Sinkhorn divergences: the mean of
#' laws that averages shapes rather than densities.
#'
#' @details
#' The n points x of the result have equal masses and lower
#' \eqn{\sum_k \lambda_k S_\epsilon(x, y_k)}{sum_k lambda_k S_epsilon(x, y_k)}, with the divergence of
#' [sinkhorn_divergence()] for the cost \eqn{|x - y|^2}. Each step moves a point to \eqn{x +
#' \sum_k\lambda_k (T_k(x) - T_x(x))}{x + sum_k lambda_k (T_k(x) - T_x(x))}, the weighted mean of its
#' debiased images: a gradient step of that length, and without blur the fixed-point iteration of
#' Alvarez-Esteban and others. A step that does not lower the objective is halved. The objective is not
#' convex in the positions: the result depends on where they start, though little in practice.
#'
#' @param measures A list of samples, each a matrix, data frame or vector as in [sinkhorn()].
#' @param weights Weights \eqn{\lambda_k} of the samples, scaled to sum to one; by default equal.
#' @param masses A list of the masses of the points of each sample; by default equal ones.
#' @param n Number of points of the barycenter; by default the largest sample size, at most 1000.
#' @param epsilon Blur, as in [sinkhorn()]; by default the mean of its default over the samples.
#' @param init Points to start from, in place of points of the samples drawn with `seed`.
#' @param max_iter Most steps.
#' @param tol The result is reached when the root mean square of a step is below `tol` times the
#'   blur \eqn{\sqrt\epsilon}{sqrt(epsilon)}.
#' @param control A list from [sinkhorn_control()] for each transport problem; by default `tol = 1e-4`.
#' @param seed A seed for the start, by default 1.
#' @template threads
#' @return An object of class `sinkhorn_barycenter`, a list with
#'   \item{x}{the points, a matrix}
#'   \item{value}{the objective at x}
#'   \item{divergences}{from x to each sample}
#'   \item{trace}{a data frame with a row a step: `iter`, `objective`, `step` (its length as a part of the full
#'     one), `move` (root mean square), `seconds`}
#'   \item{samples, masses}{what was averaged: lists with a matrix and a vector a sample}
#'   \item{converged, status, iterations, epsilon, weights, seconds, call}{how it was obtained; status is
#'     `"ok"`, `"max_iterations"`, `"stalled"` or `"interrupted"`}
#' @section Errors and warnings:
#' As [sinkhorn()].
#' @references
#' Alvarez-Esteban, P. C., del Barrio, E., Cuesta-Albertos, J. A. and Matran, C. (2016). A fixed-point
#' approach to barycenters in Wasserstein space. *Journal of Mathematical Analysis and Applications* 441,
#' 744-762. \doi{10.1016/j.jmaa.2016.04.045}
#'
#' Cuturi, M. and Doucet, A. (2014). Fast computation of Wasserstein barycenters. *ICML* 31.
#' @seealso [sinkhorn()], [sinkhorn_divergence()]
#' @family transport between samples
#' @template definitions
#' @examples
#' centre <- sinkhorn_barycenter(list(rnorm(60, -2), rnorm(60, 2)), n = 40)
#' centre
#' mean(centre$x)
#' @export
sinkhorn_barycenter <- function(measures, weights = NULL, masses = NULL, n = NULL, epsilon = NULL,
                                init = NULL, max_iter = 100, tol = 1e-2,
                                control = sinkhorn_control(tol = 1e-4), seed = 1,
                                threads = brenier_threads()) {
  start <- proc.time()[["elapsed"]]
  control <- as_sinkhorn_control(control)
  max_iter <- check_count(max_iter, "max_iter", 1)
  tol <- check_number(tol, "tol", 0, 1)
  threads <- check_count(threads, "threads", 1, 1024)
  sides <- barycenter_sides(measures, masses)
  K <- length(sides)
  lambda <- if (is.null(weights)) rep(1 / K, K) else check_mass(weights, K, "weights")
  lambda <- lambda / sum(lambda)
  x <- barycenter_start(sides, lambda, n, init, seed)
  problems <- lapply(sides, function(side) {
    transport_problem(x, side$y, NULL, side$b, "sqeuclidean", Inf, FALSE)
  })
  if (is.null(epsilon)) {
    # a sample against itself has twice its own spread
    epsilon <- sum(lambda * vapply(sides, function(s) {
      default_epsilon(transport_problem(s$y, s$y, s$b, s$b, "sqeuclidean", Inf, FALSE))
    }, 0))
  }
  epsilon <- check_epsilon(epsilon, problems[[1]])
  result <- with_threads(
    threads, move_barycenter(x, problems, lambda, epsilon, max_iter, tol, control)
  )
  result$epsilon <- epsilon
  result$weights <- lambda
  result$samples <- stats::setNames(lapply(sides, `[[`, "y"), names(measures))
  result$masses <- lapply(sides, function(s) s$b %||% rep(1 / nrow(s$y), nrow(s$y)))
  result$seconds <- proc.time()[["elapsed"]] - start
  result$call <- match.call()
  if (!result$converged) {
    brenier_warn(c(
      "The barycenter is not converged: {barycenter_words(result)}.",
      i = "The points of that moment are returned; see {.field trace}."
    ), if (result$status == "interrupted") "interrupted" else "not_converged")
  }
  structure(result, class = "sinkhorn_barycenter")
}

barycenter_sides <- function(measures, masses) {
  if (!is.list(measures) || is.data.frame(measures) || length(measures) == 0) {
    brenier_abort(c(
      "{.arg measures} must be a list of samples, not {shown(measures)}.",
      i = "Write {.code list(x1, x2)}."
    ), "argument", argument = "measures")
  }
  if (!is.null(masses) && (!is.list(masses) || length(masses) != length(measures))) {
    brenier_abort(c(
      "{.arg masses} must be a list with an element a sample, not {shown(masses)}."
    ), "argument", argument = "masses")
  }
  first <- as_points(measures[[1]], "measures")
  lapply(seq_along(measures), function(k) {
    y <- as_points(measures[[k]], "measures")
    if (ncol(y) != ncol(first)) {
      brenier_abort(c(
        "{.arg measures} must all have as many columns; number {k} has {ncol(y)}, not {ncol(first)}."
      ), "argument", argument = "measures")
    }
    list(y = y, b = if (!is.null(masses[[k]])) check_mass(masses[[k]], nrow(y), "masses"))
  })
}

barycenter_start <- function(sides, lambda, n, init, seed) {
  d <- ncol(sides[[1]]$y)
  if (!is.null(init)) {
    x <- as_points(init, "init")
    if (ncol(x) == d && (is.null(n) || nrow(x) == n)) return(x)
    brenier_abort(
      "{.arg init} must be {n %||% ''} points with {d} column{?s}, not {shown(init)}.", "argument",
      argument = "init"
    )
  }
  most <- max(vapply(sides, function(s) nrow(s$y), 0L))
  n <- if (is.null(n)) min(most, 1000L) else check_count(n, "n", 1, 1e7)
  # points of the samples moved to the common mean
  with_seed(seed, {
    means <- lapply(sides, function(s) {
      b <- s$b %||% rep(1, nrow(s$y))
      colSums(s$y * b) / sum(b)
    })
    common <- Reduce(`+`, Map(`*`, means, lambda))
    from <- sample.int(length(sides), n, TRUE, lambda)
    x <- matrix(0, n, d, dimnames = list(NULL, colnames(sides[[1]]$y)))
    for (k in unique(from)) {
      rows <- which(from == k)
      y <- sides[[k]]$y
      picked <- sample.int(nrow(y), length(rows), length(rows) > nrow(y), sides[[k]]$b)
      x[rows, ] <- sweep(y[picked, , drop = FALSE], 2, common - means[[k]], `+`)
    }
    x
  })
}

#' The objective at x and the step that it asks for.
#' @noRd
barycenter_state <- function(x, problems, lambda, epsilon, control, start) {
  solve_at <- function(problem, at) {
    problem$x <- x
    problem$epsilon <- epsilon
    core_sinkhorn(problem, control, start = at)
  }
  runs <- Map(solve_at, problems, start$runs %||% vector("list", length(problems)))
  self <- problems[[1]]
  self$x <- self$y <- x
  self$b <- self$a
  self$symmetric <- TRUE
  own <- solve_at(self, start$own)
  object <- list(cost = "sqeuclidean", epsilon = epsilon)
  image <- function(y, b, g) softmin(x, y, log_weights(b, g, epsilon), object, y)$mean
  step <- -image(x, self$a, own$f)
  for (k in seq_along(problems)) {
    step <- step + lambda[k] * image(problems[[k]]$y, problems[[k]]$b, runs[[k]]$g)
  }
  values <- vapply(runs, function(r) r$value, 0) - own$value / 2 - attr(problems, "own")
  list(x = x, step = step, divergences = values, objective = sum(lambda * values),
       runs = runs, own = own,
       interrupted = any(vapply(c(runs, list(own)), function(r) r$status == "interrupted", NA)))
}

move_barycenter <- function(x, problems, lambda, epsilon, max_iter, tol, control) {
  started <- proc.time()[["elapsed"]]
  attr(problems, "own") <- vapply(problems, function(problem) {
    problem$epsilon <- epsilon
    core_sinkhorn(self_problem(problem, "y"), control)$value / 2
  }, 0)
  now <- barycenter_state(x, problems, lambda, epsilon, control, NULL)
  length <- 1
  rows <- list()
  status <- "max_iterations"
  if (now$interrupted) status <- "interrupted"
  for (iter in seq_len(max_iter * !now$interrupted)) {
    move <- sqrt(mean(rowSums(now$step^2)))
    rows[[iter]] <- data.frame(iter = iter - 1L, objective = now$objective, step = length, move = move,
                               seconds = proc.time()[["elapsed"]] - started)
    if (move <= tol * sqrt(epsilon)) {
      status <- "ok"
      break
    }
    repeat {
      trial <- barycenter_state(now$x + length * now$step, problems, lambda, epsilon, control, now)
      if (trial$interrupted || trial$objective < now$objective || length < 1e-3) break
      length <- length / 2
    }
    if (trial$interrupted || !(trial$objective < now$objective)) {
      status <- if (trial$interrupted) "interrupted" else "stalled"
      break
    }
    length <- min(1, 2 * length)
    now <- trial
  }
  trace <- do.call(rbind, rows)
  list(x = now$x, value = now$objective, divergences = now$divergences, trace = trace,
       converged = status == "ok", status = status, iterations = NROW(trace) - 1L)
}

barycenter_words <- function(x) {
  switch(x$status,
    interrupted = "it was interrupted",
    stalled = "no step lowers the objective any more",
    max_iterations = paste("the limit of", x$iterations + 1, "steps was reached")
  )
}

#' @export
print.sinkhorn_barycenter <- function(x, digits = 5, ...) {
  show <- function(v) format(v, digits = digits)
  cat("Barycenter of ", length(x$weights), " samples by Sinkhorn divergences\n", sep = "")
  cat("  ", nrow(x$x), " points in ", ncol(x$x), " dimension", if (ncol(x$x) > 1) "s", "\n", sep = "")
  cat("  epsilon     ", show(x$epsilon), "\n", sep = "")
  cat("  objective   ", show(x$value), "\n", sep = "")
  cat("  steps       ", x$iterations, ", ", if (x$converged) "converged" else
    paste("NOT converged:", barycenter_words(x)), "\n", sep = "")
  invisible(x)
}
