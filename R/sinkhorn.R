#' Entropic optimal transport
#'
#' Couples two samples, or two weighted sets of points, by Sinkhorn's algorithm: the cheapest coupling
#' but for a blur of size `epsilon`. One call gives the value with a certificate, the
#' potentials, and through [predict()][predict.sinkhorn] the transport map at any point, both ways. No
#' matrix of all pairs is stored.
#'
#' @details
#' **What is solved.** For points \eqn{x_i} of mass \eqn{a_i}, \eqn{y_j} of mass \eqn{b_j} and costs
#' \eqn{C_{ij}}{C_ij},
#' \deqn{\mathrm{OT} = \min_P \sum_{ij} C_{ij}P_{ij} + \epsilon\,\mathrm{KL}(P\,|\,a b'),\qquad
#'   \mathrm{KL}(P\,|\,Q) = \sum P\log(P/Q) - P + Q,}{OT = min_P sum_ij C_ij P_ij + epsilon KL(P | a b'),
#'   KL(P | Q) = sum P log(P/Q) - P + Q,}
#' over the couplings P, whose sums over rows and columns are a and b. The masses are scaled to sum
#' to one. At the minimum \eqn{P_{ij} = a_i b_j\exp((f_i + g_j - C_{ij})/\epsilon)}{P_ij = a_i b_j
#' exp((f_i + g_j - C_ij)/epsilon)}, with the potentials f and g, and OT is
#' \eqn{\sum a_i f_i + \sum b_j g_j}{sum a_i f_i + sum b_j g_j}.
#'
#' **Costs.** `"sqeuclidean"` is \eqn{|x - y|^2}, *not* half of it: without blur the value is the squared
#' Wasserstein distance \eqn{W_2^2}{W2^2}. In a program whose cost is \eqn{|x - y|^2/2} and whose blur is
#' s, `epsilon` is \eqn{2s^2}{2 s^2} and the value twice its own. `"euclidean"` is \eqn{|x - y|}. A
#' function takes the matrices x and y and returns the n x m matrix of costs; it, or a matrix, may
#' have infinite entries for pairs that are forbidden. Both hold n m numbers.
#'
#' **Three values.** `value` is OT with the regulariser, that of the dual problem and so a lower bound;
#' `transport_cost` is \eqn{\sum C_{ij}P_{ij}}{sum C_ij P_ij} without it; `kl` is KL(P | a b'). At the
#' solution `value = transport_cost + epsilon * kl`. The certificate `gap` bounds what rounding P to a
#' coupling would cost: OT is between `value` and `value + gap`.
#'
#' **Divergence.** Blur makes the value of a sample against itself differ from zero. `debias = TRUE`
#' makes `value` the Sinkhorn divergence OT(x, y) - OT(x, x)/2 - OT(y, y)/2, which is not negative
#' and zero for equal laws; see [sinkhorn_divergence()].
#'
#' **Unbalanced transport.** With a finite `reach` r the marginals of P need not be a and b: differences
#' cost \eqn{\rho\,\mathrm{KL}(P1\,|\,a) + \rho\,\mathrm{KL}(P'1\,|\,b)}{rho KL(P 1 | a) + rho KL(P' 1 |
#' b)}, with \eqn{\rho = r^2}{rho = r^2} for `"sqeuclidean"` and \eqn{\rho = r}{rho = r} for other costs: mass
#' is moved about as far as r, and otherwise left. Masses are then taken as they are, 1/n each by
#' default. The error that the iterations lower is that of \eqn{P1 = a\exp(-f/\rho)}{P 1 = a
#' exp(-f/rho)} and its counterpart.
#'
#' **epsilon** is in the units of the cost. By default it is 1% of the mean squared distance of
#' points from the mean of their own sample, summed over the samples: a blur of a tenth of the
#' spread. For `"euclidean"` it is 5% of the root of that sum, for other costs 1% of the mean
#' finite cost above the least. It is printed, changes with the units of the data as the cost does, and
#' does not change when points are moved together.
#'
#' **Method.** Updates of the potentials in logarithms, over-relaxed at a rate that is read off the
#' errors. `epsilon` is reached by quarters from the size of the costs, on means of cells that
#' get finer as it gets smaller, and on all points at the end. The sums over pairs leave out what is certain
#' to change the marginals by less than a twentieth of `tol`. Nothing underflows at any
#' `epsilon`, but the smaller it is the more iterations are needed: below about 1e-4 of the largest
#' cost use a larger `tol`, and look at `gap`.
#'
#' @param x,y Points: numeric matrices or data frames of numbers with a row a point, or vectors of
#'   numbers. Columns of data frames are matched by name where the names are the same. `NULL` where
#'   `cost` is a matrix and there are no points. Or a formula, see `formula`.
#' @param formula `cbind(a, b) ~ group` or `a ~ group`: the points on the left, and two groups on the
#'   right; the points of the first level go to those of the second.
#' @param data,weights,subset,na.action As in [stats::lm()]; `weights` are the masses within each
#'   group.
#' @param epsilon The blur, a positive number in units of the cost; by default chosen, see Details.
#' @param a,b Masses of the points of `x` and `y`, not negative; by default equal. Points of mass zero
#'   have potentials and are mapped, but carry nothing.
#' @param cost `"sqeuclidean"` (the default), `"euclidean"`, a function of two matrices of points, or a
#'   matrix.
#' @param debias Whether `value` is the Sinkhorn divergence, which takes two more problems.
#' @param reach How far mass is moved rather than left, see Details; by default any distance.
#' @param control A list from [sinkhorn_control()], or a plain list of its arguments.
#' @template threads
#' @param ... For the formula method the arguments after `y`; the default method takes none.
#'
#' @return An object of class `sinkhorn`, a list with
#'   \item{value}{OT, or the divergence if `debias`}
#'   \item{transport_cost, kl, mass}{of the plan P from x to y: its cost without the regulariser, its
#'     divergence from a b', and its sum}
#'   \item{gap}{bound of the error of `value`: OT is in \[value, value + gap\]; of a divergence the
#'     distance is at most `gap`. Infinite if the run was interrupted, and where forbidden pairs
#'     stand in the way of the rounding}
#'   \item{f, g}{the potentials at the points of x and of y. One constant may be moved from f to g; it
#'     is such that the sum of a f is that of b g}
#'   \item{epsilon, chosen}{the blur, and whether it was chosen}
#'   \item{error}{L1 distance of the marginals of P from a and b, over the mass}
#'   \item{converged, status, iterations}{whether `error` meets `control$tol`; why the iterations
#'     ended: `"ok"`, `"max_iterations"`, `"interrupted"`, or `"stalled"`, where rounding or infinite
#'     costs keep the error up; how many there were over all points}
#'   \item{pairs}{how many pairs of points were summed over, those of coarser points included}
#'   \item{trace}{a data frame with a row a check: `iter`; `epsilon`; `error`; `gap`, for OT(x, y);
#'     `seconds`; and `points`, the number of points it was over}
#'   \item{self}{for a divergence a list of `x` and `y`, the results for each sample against itself
#'     with `value`, `f`, `error` and `gap`, otherwise `NULL`}
#'   \item{x, y, a, b, cost, reach, rho, debias, control, call, terms, na.action, groups, seconds}{how
#'     it was obtained; `cost` is a name or the matrix, and `cost_function` the function}
#'
#' @section Errors and warnings:
#' Errors have the class `brenier_error` and one of `brenier_error_argument`, `_type`, `_missing`,
#' `_not_finite`, `_empty`, `_scale`, `_formula`, `_variable`, `_groups`, `_forbidden`. All are raised
#' before any work. Warnings have the class `brenier_warning` and one of
#' `brenier_warning_not_converged` and `_interrupted`; the result is returned all the same.
#'
#' @references
#' Cuturi, M. (2013). Sinkhorn distances: lightspeed computation of optimal transport. *Advances in
#' Neural Information Processing Systems* 26.
#'
#' Altschuler, J., Weed, J. and Rigollet, P. (2017). Near-linear time approximation algorithms for
#' optimal transport via Sinkhorn iteration. *Advances in Neural Information Processing Systems* 30.
#'
#' Feydy, J., Sejourne, T., Vialard, F.-X., Amari, S., Trouve, A. and Peyre, G. (2019). Interpolating
#' between optimal transport and MMD using Sinkhorn divergences. *AISTATS* 22.
#'
#' @seealso [brenier_definitions], [predict.sinkhorn()], [plan()], [gradient()],
#'   [sinkhorn_divergence()], [sinkhorn_barycenter()], [wasserstein()], [plot.sinkhorn()]
#' @family transport between samples
#' @examples
#' short <- faithful[faithful$eruptions < 3, ]
#' long <- faithful[faithful$eruptions >= 3, ]
#' ot <- sinkhorn(short, long)
#' ot
#' predict(ot, data.frame(eruptions = 2, waiting = 55))
#'
#' # two groups of one data frame
#' sinkhorn(cbind(Sepal.Length, Sepal.Width) ~ Species, data = iris,
#'          subset = Species != "setosa", debias = TRUE)
#' @export
sinkhorn <- function(x, ...) UseMethod("sinkhorn")

#' @rdname sinkhorn
#' @export
sinkhorn.formula <- function(formula, data = NULL, weights = NULL, subset = NULL,
                             na.action = NULL, ...) {
  call <- match.call()
  call[[1]] <- quote(sinkhorn)
  known <- setdiff(c(names(formals(sinkhorn.formula)), names(formals(sinkhorn.default))),
                   c("x", "y", "a", "b"))
  given <- if (...length()) ...names() %||% rep("", ...length())
  wrong <- setdiff(given, known)
  if (length(wrong)) do.call(check_no_dots, c(stats::setNames(list(0), wrong[1]), list(known = known)))
  frame <- call[c(1, match(c("formula", "data", "subset", "weights", "na.action"), names(call), 0))]
  frame[[1]] <- quote(stats::model.frame)
  check_formula(formula, data)
  check_two_sided(formula)
  model <- eval_frame(frame, parent.frame())
  points <- frame_response(model)
  groups <- two_groups(model)
  first <- groups == levels(groups)[1]
  mass <- stats::model.weights(model)
  if (!is.null(mass)) check_mass(mass, nrow(points), "weights")
  fit <- new_sinkhorn(
    points[first, , drop = FALSE], points[!first, , drop = FALSE], a = mass[first],
    b = mass[!first], ..., call = call
  )
  fit$terms <- attr(model, "terms")
  fit$na.action <- attr(model, "na.action")
  fit$groups <- levels(groups)
  fit
}

#' @rdname sinkhorn
#' @export
sinkhorn.default <- function(x, y, epsilon = NULL, a = NULL, b = NULL, cost = "sqeuclidean",
                             debias = FALSE, reach = Inf, control = sinkhorn_control(),
                             threads = brenier_threads(), ...) {
  check_no_dots(..., known = names(formals(sinkhorn.default)))
  if (missing(x)) x <- NULL
  if (missing(y)) y <- NULL
  call <- match.call()
  call[[1]] <- quote(sinkhorn)
  new_sinkhorn(x, y, epsilon, a, b, cost, debias, reach, control, threads, call)
}

new_sinkhorn <- function(x, y, epsilon = NULL, a = NULL, b = NULL, cost = "sqeuclidean",
                         debias = FALSE, reach = Inf, control = sinkhorn_control(),
                         threads = brenier_threads(), call = NULL) {
  start <- proc.time()[["elapsed"]]
  control <- as_sinkhorn_control(control)
  debias <- check_flag(debias, "debias")
  threads <- check_count(threads, "threads", 1, 1024)
  problem <- transport_problem(x, y, a, b, cost, reach, debias)
  chosen <- is.null(epsilon)
  problem$epsilon <- if (chosen) default_epsilon(problem) else check_epsilon(epsilon, problem)
  progress <- new_progress(words = iteration_words)$report
  runs <- with_threads(threads, run_sinkhorn(problem, control, debias, progress))
  fit <- sinkhorn_result(problem, runs, control)
  fit$chosen <- chosen
  fit$seconds <- proc.time()[["elapsed"]] - start
  fit$call <- call
  warn_sinkhorn(fit)
  fit
}

#' The problems that a call asks for, solved: x against y, and for a divergence each against itself.
#' @noRd
run_sinkhorn <- function(problem, control, debias, progress, start = NULL) {
  runs <- list(both = core_sinkhorn(problem, control, progress, start$both))
  if (!debias || runs$both$status == "interrupted") return(runs)
  runs$x <- core_sinkhorn(self_problem(problem, "x"), control, progress, start$x)
  if (runs$x$status == "interrupted") return(runs)
  runs$y <- core_sinkhorn(self_problem(problem, "y"), control, progress, start$y)
  runs
}

#' One problem in coordinates of size about one: powers of two change no digit.
#' @noRd
core_sinkhorn <- function(problem, control, progress = NULL, start = NULL) {
  s <- problem$scale
  unit <- if (problem$kind == "sqeuclidean") s^2 else s
  shrunk <- function(v) if (is.null(v)) NULL else v / s
  run <- .Call(
    C_brenier_sinkhorn,
    list(cost = match(problem$kind, c("sqeuclidean", "euclidean", "matrix")) - 1L,
         x = shrunk(problem$x), y = shrunk(problem$y), matrix = shrunk(problem$matrix),
         a = problem$a, b = problem$b, epsilon = problem$epsilon / unit,
         reach = problem$rho / unit, symmetric = as.integer(isTRUE(problem$symmetric))),
    list(tol = control$tol, max_iter = control$max_iter, check_every = control$check_every,
         anneal = as.integer(control$anneal && is.null(start))),
    if (!is.null(start)) start$f / unit, if (!is.null(start)) start$g / unit, progress
  )
  in_units <- c("f", "g", "value", "cost", "gap")
  run[in_units] <- lapply(run[in_units], function(v) v * unit)
  if (isTRUE(problem$symmetric)) run$g <- run$f
  run$trace <- as.data.frame(run$trace)
  run$trace$epsilon <- run$trace$epsilon * unit
  run$trace$gap <- run$trace$gap * unit
  run
}

self_problem <- function(problem, side) {
  other <- if (side == "x") "y" else "x"
  mass <- if (side == "x") "a" else "b"
  problem[[other]] <- problem[[side]]
  problem$a <- problem$b <- problem[[mass]]
  if (problem$kind == "matrix") {
    problem$matrix <- checked_costs(problem$cost_function(problem$x, problem$y), problem)
  }
  problem$symmetric <- TRUE
  problem
}

sinkhorn_result <- function(problem, runs, control) {
  both <- runs$both
  balanced <- is.infinite(problem$rho)
  debias <- length(runs) > 1
  shift <- if (balanced && all(is.finite(c(both$f[problem$a > 0], both$g[problem$b > 0])))) {
    (weighted_sum(problem$a, both$f) - weighted_sum(problem$b, both$g)) / 2
  } else 0
  worst <- worst_status(runs)
  error <- max(vapply(runs, function(r) r$error, 0))
  fit <- list(
    value = both$value, transport_cost = both$cost, kl = both$kl, mass = both$mass, gap = both$gap,
    f = both$f - shift, g = both$g + shift, epsilon = problem$epsilon, error = error,
    converged = worst == "ok", status = worst,
    iterations = as.integer(sum(vapply(runs, function(r) r$iterations, 0))),
    pairs = sum(vapply(runs, function(r) r$pairs, 0)),
    trace = both$trace[c("iter", "epsilon", "error", "gap", "seconds", "points")]
  )
  if (length(runs) == 3) {
    half <- (sum(problem$a) - sum(problem$b))^2 * problem$epsilon / 2
    fit$value <- both$value - runs$x$value / 2 - runs$y$value / 2 + if (balanced) 0 else half
    fit$gap <- max(both$gap, (runs$x$gap + runs$y$gap) / 2)
    fit$self <- lapply(runs[c("x", "y")], function(r) r[c("value", "f", "error", "gap")])
  }
  if (length(runs) < 3 && problem$debias) fit[c("value", "gap")] <- list(NA_real_, Inf)
  kept <- problem[c("x", "y", "a", "b", "reach", "rho", "debias", "cost_function")]
  fit <- c(fit, kept, list(cost = if (problem$kind == "matrix") problem$matrix else problem$kind,
                           control = control))
  structure(fit, class = "sinkhorn")
}

weighted_sum <- function(w, v) sum((w * v)[w > 0])

worst_status <- function(runs) {
  status <- vapply(runs, function(r) r$status, "")
  order <- c("interrupted", "stalled", "max_iterations", "ok")
  order[min(match(status, order))]
}

warn_sinkhorn <- function(fit) {
  if (fit$status == "ok") return(invisible())
  if (fit$status == "interrupted") {
    brenier_warn(c(
      "The iterations were interrupted: the marginals are off by {format(fit$error, digits = 2)}.",
      i = "The result has the potentials of that moment."
    ), "interrupted")
    return(invisible())
  }
  why <- if (fit$status == "stalled") "no progress is made any more" else
    "the limit of {fit$control$max_iter} iterations was reached"
  brenier_warn(c(
    paste0("Not converged: ", why, ", and the marginals are off by
            {format(fit$error, digits = 2)}, not {fit$control$tol}."),
    i = if (fit$status == "stalled" && is.matrix(fit$cost) && any(is.infinite(fit$cost)))
      "Perhaps no coupling avoids the forbidden pairs." else
      "Use a larger {.arg epsilon} (now {format(fit$epsilon, digits = 3)}), {.arg tol} or
       {.arg max_iter}; {.field gap} bounds the error of the value."
  ), "not_converged")
}

iteration_words <- function(what, values) {
  sprintf("Sinkhorn: %d iterations, marginal error %.1e", as.integer(values[1]), values[3])
}
