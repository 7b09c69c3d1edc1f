#' Optimal transport between densities on grids
#'
#' The optimal map for the squared distance from one density onto another, both on regular grids in
#' one,
#' two or three dimensions: the gradient of a convex solution of the Monge-Ampere equation. With it
#' its
#' inverse, the Wasserstein distance, the displacement interpolation, and what is left of the error.
#'
#' @details
#' The map is \eqn{T = \nabla u}{T = grad u}, u convex with
#' \eqn{\nu(\nabla u)\det D^2u = \mu}{nu(grad u) det D^2 u = mu}. In one dimension it is found exactly from
#' the distribution functions. In two and three there are two methods:
#' * `"newton"`: the logarithm of the equation is solved by implicit steps of the parabolic flow
#'   \eqn{\partial_t u = \log(\rho_u/\mu)}{du/dt = log(rho_u / mu)}, of infinite length, that is Newton's,
#'   where the potential stays convex. Differences of second order, a multigrid solver, coarse grids
#'   first: the time is proportional to the number of cells, and the error of the map to the square
#'   of
#'   the step. For positive densities, whose boxes it takes face to face.
#' * `"back-and-forth"`: ascent of the dual of the transport problem for either potential in turn,
#'   after
#'   Jacobs and Leger, with Legendre transforms in between, but in the metric of the Hessian, that
#'   is of
#'   \eqn{-\nabla\cdot\rho(D^2u)^{-1}\nabla}{-div rho (D^2 u)^(-1) grad}, instead of the Laplacian's.
#'   Densities may vanish, their supports may have holes and need be neither connected nor convex.
#'   The
#'   map then jumps, and the error is of the order of the step.
#'
#' `"auto"` tries Newton's method where both densities are positive and goes back and forth where it
#' finds no convex solution, as for densities that are nearly 0 along an edge.
#'
#' Memory at its most is that of about 20 arrays of the size of `mu`: 2.5 GiB for 4096 x 4096 cells.
#'
#' `distance` is the root of \eqn{\int|x|^2d\mu + \int|y|^2d\nu - 2(\int u\,d\mu + \int
#' u^*d\nu)}{mean |x|^2 + mean |y|^2 - 2 (mean of u + mean of u*)}, which errs by the square of the
#' error of
#' the map. A cell of an array is a cell, not a point: its mass is spread over it evenly.
#'
#' @param mu,nu The densities: whatever [grid_density()] takes, in particular arrays on the unit
#'   cube.
#'   They may have different boxes, steps and numbers of cells. Their masses are scaled to 1.
#' @param method `"auto"`, `"newton"` or `"back-and-forth"`; for one dimension there is only the
#'   exact one.
#' @param tol Back and forth ends when the integral of \eqn{|T_\#\mu - \nu|}{|image of mu - nu|} is below
#'   it, by default 0.001 or, if that is more, four over the number of cells of the longest axis,
#'   about
#'   the error that a jump of the map makes; Newton's method when the root of the mean square of \eqn{\log(\rho_u/\mu)}{log(rho_u / mu)} is
#'   below a hundredth of it, which takes it a few steps more.
#' @param max_iter Most iterations, those on coarse grids included.
#' @param max_seconds Wall-clock limit.
#' @param ... None.
#' @return A list of class `monge_ampere`:
#' \describe{
#'   \item{`distance`}{the Wasserstein distance \eqn{W_2(\mu, \nu)}{W2(mu, nu)}, in the unit of the
#'     coordinates: the root of the mean of \eqn{|x - T(x)|^2}, no half}
#'   \item{`potential`, `conjugate`}{u at the cells of `mu` and \eqn{u^*}{u*} at those of `nu`: arrays}
#'   \item{`map`, `inverse`}{T at the cells of `mu` and its inverse at those of `nu`: arrays with one
#'     dimension more, over the coordinates; in one dimension vectors}
#'   \item{`error`}{the integral of \eqn{|T_\#\mu - \nu|}{|image - nu|}, at most 2. The image is made by
#'     carrying each cell with the map: in the plane as a quadrangle, exactly, in three dimensions
#'     cut
#'     into boxes. This has nothing to do with how the map was found. As cells have even density,
#'     it is of
#'     the order of the step even for the true map}
#'   \item{`pushforward`}{the image, an array on the cells of `nu`}
#'   \item{`gap`}{what \eqn{|x - T(x)|^2} costs on average, from the map, less the square of `distance`,
#'     from the potentials: a measure of both}
#'   \item{`trace`}{a data frame with a row an iteration: `method`, `cells` of the grid, `iter`,
#'     `error`
#'     (of Newton's method the root of the mean square of the log ratio, else the integral), `step`,
#'     `seconds`}
#'   \item{`converged`, `status`, `method`, `tol`, `seconds`}{whether and how it ended}
#'   \item{`mu`, `nu`}{as [grid_density()] made them}
#' }
#' @section Errors:
#' `brenier_error_argument`, which names the argument: see [grid_density()] for densities; different
#' numbers of dimensions; `"newton"` for densities that vanish, or where it finds no convex solution.
#' `brenier_warning_not_converged` where it is not.
#' @references
#' Jacobs, M. and Leger, F. (2020). A fast approach to optimal transport: the back-and-forth method.
#' Numerische Mathematik 146, 513-544. \doi{10.1007/s00211-020-01154-8}
#' @seealso [brenier_definitions], [predict.monge_ampere()], [plot.monge_ampere()], [sinkhorn_flow()]
#' @family transport between densities
#' @examples
#' bumps <- function(x) 1 + 0.5 * cos(2 * pi * x[, 1]) * cos(4 * pi * x[, 2])
#' ridge <- function(x) exp(-8 * (x[, 1] - x[, 2])^2)
#' on_square <- function(f) grid_density(f, c(0, 0), c(1, 1), n = 64)
#' ma <- monge_ampere(on_square(bumps), on_square(ridge))
#' ma
#' predict(ma, cbind(0.5, 0.25))
#' @export
monge_ampere <- function(mu, nu, method = "auto", tol = NULL, max_iter = 200, max_seconds = Inf, ...) {
  check_no_dots(..., known = names(formals(monge_ampere)))
  mu <- new_grid_density(mu, NULL, NULL, NULL, "mu")
  nu <- new_grid_density(nu, NULL, NULL, NULL, "nu")
  check_same_dimension(mu, nu)
  method <- check_choice(method, c("auto", "newton", "back-and-forth"), "method")
  options <- list(
    tol = check_number(tol %||% max(1e-3, 4 / max(dim(mu$density))), "tol", 0, open = TRUE),
    max_iter = check_count(max_iter, "max_iter", 1),
    max_seconds = check_number(max_seconds, "max_seconds", 0, infinite = TRUE)
  )
  started <- proc.time()[["elapsed"]]
  fit <- if (length(mu$lower) == 1) transport_line(mu, nu) else
    transport_grid(mu, nu, method, options)
  fit$tol <- options$tol
  fit$call <- match.call()
  fit$seconds <- proc.time()[["elapsed"]] - started
  if (!fit$converged) {
    brenier_warn(c(
      "{.fn monge_ampere} did not converge: {status_message(fit$status)}.",
      x = "The image of {.arg mu} is {format(fit$error, digits = 2)} from {.arg nu}, {format(fit$tol)} was
           asked for.",
      i = "Finer grids, a larger {.arg tol} or {.arg max_iter} may help; where the map jumps the error is
           of the order of the step."
    ), "not_converged")
  }
  structure(fit, class = "monge_ampere")
}

check_same_dimension <- function(mu, nu) {
  if (length(mu$lower) == length(nu$lower)) return(invisible())
  brenier_abort(
    "{.arg nu} must have the {length(mu$lower)} dimension{?s} of {.arg mu}, not {length(nu$lower)}.",
    "argument", argument = "nu"
  )
}

mean_under <- function(mu, values) sum(mu$density * values) / sum(mu$density)

#' Where both boxes are of size one and centred: equivariance to rounding, and no loss of digits
#' far from
#' the origin. x = shift_x + scale x', y = shift_y + scale y'.
#' @noRd
unit_frame <- function(mu, nu) {
  list(x = (mu$lower + mu$upper) / 2, y = (nu$lower + nu$upper) / 2,
       scale = max(mu$upper - mu$lower, nu$upper - nu$lower))
}

transport_grid <- function(mu, nu, method, options) {
  frame <- unit_frame(mu, nu)
  progress <- new_progress(words = grid_progress_words)
  run <- function(method) {
    settings <- options
    progress$what <- method
    if (method == "newton") settings$tol <- options$tol / 100
    value <- .Call(
      C_brenier_grid_transport, if (method == "newton") 0L else 1L,
      grid_of(mu, FALSE, frame$x, frame$scale), mu$density,
      grid_of(nu, FALSE, frame$y, frame$scale), nu$density, frame, settings, progress$report
    )
    value$method <- method
    value$trace <- data.frame(
      method = rep(method, ncol(value$trace)), cells = value$trace[1, ], iter = value$trace[2, ],
      error = value$trace[3, ], step = value$trace[6, ], seconds = value$trace[9, ]
    )
    value
  }
  positive <- min(mu$density, nu$density) > 0
  if (method == "newton" && !positive) {
    brenier_abort(c(
      "{.arg method} = {.val newton} needs densities that are positive everywhere.",
      x = "{.arg {if (min(mu$density) > 0) 'nu' else 'mu'}} is 0 in some cells.",
      i = "Use {.val back-and-forth}, or add a small constant and say so."
    ), "argument", argument = "method")
  }
  value <- if (method != "back-and-forth" && positive) run("newton")
  failed <- is.null(value) || value$status %in% c("stalled", "max_iterations")
  if (failed && method == "newton") {
    brenier_abort(c(
      "{.arg method} = {.val newton} finds no convex solution on these grids.",
      i = "Use {.val back-and-forth}: the densities are nearly 0 somewhere, or {.arg max_iter} too small."
    ), "argument", argument = "method")
  }
  if (failed) {
    tried <- value$trace
    value <- run("back-and-forth")
    value$trace <- rbind(tried, value$trace)
  }
  # what the solver saw was the error on the other side, or that of a coarser grid
  if (value$method == "back-and-forth") {
    if (value$status == "ok" && value$error > 3 * options$tol) value$status <- "stalled"
    if (value$status == "stalled" && value$error <= options$tol) value$status <- "ok"
  }
  list(
    distance = sqrt(max(0, value$squared)), potential = value$u, conjugate = value$v, map = value$map,
    inverse = value$inverse, error = value$error, pushforward = value$image,
    gap = value$cost - value$squared, trace = value$trace, converged = value$status == "ok",
    status = value$status, method = value$method, mu = mu, nu = nu
  )
}

#' sum_k a_k(i_k) as an array.
#' @noRd
outer_sum <- function(a) Reduce(function(x, y) outer(x, y, `+`), a)

#' Half the difference of the two neighbours on axis k; one-sided at the faces.
#' @noRd
slide <- function(a, k) {
  n <- dim(a)[k]
  ends <- pmin(pmax(c(outer(c(-1, 1), seq_len(n), `+`)), 1), n)
  up <- ends[c(FALSE, TRUE)]
  down <- ends[c(TRUE, FALSE)]
  pick <- function(i) {
    index <- rep(list(quote(expr = )), length(dim(a)))
    index[[k]] <- i
    do.call(`[`, c(list(a), index, drop = FALSE))
  }
  width <- array(rep(rep(up - down, each = prod(dim(a)[seq_len(k - 1)])), length.out = length(a)), dim(a))
  (pick(up) - pick(down)) / width
}

grid_progress_words <- function(what, values) {
  sprintf("%s: %.0f cells, error %.2g", what, values[2], values[3])
}
