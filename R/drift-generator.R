#' A one-step generator trained by a kernel flow
#'
#' Trains a function G of standard normal latents u so that G(u) has the law of the data: at each
#' outer step the field of [kde_flow()] says where its images should go, and least squares take G
#' there. New draws are then one evaluation of G. It has no density: where densities, ranks or an
#' inverse are
#' wanted, or the law is smooth, the maps of [brenier()] are the better tool.
#'
#' @details
#' \eqn{G(u) = W'\phi(u)}{G(u) = W' phi(u)} in whitened coordinates, where \eqn{\phi}{phi} are 1, u
#' and `features` random ridge functions \eqn{\max(0, w'u - b)}{max(0, w'u - b)}, w uniform on the
#' sphere and b standard
#' normal; W alone is learnt. With n latents \eqn{u_i}, fixed, and the projection P on the span of
#' their
#' features a step of size s replaces the images by \eqn{G + s P V}{G + s P V}, V the field at
#' them: this is the
#' least-squares fit of G to the targets \eqn{G(u_i) + s V_i}. With an `energy` V is its exact
#' gradient, so that
#' a step follows the chain rule of the energy of G(u) in the metric of the images, and steps are
#' shortened until the energy falls. With `energy = "plugin"` that is not the gradient of anything.
#'
#' G starts at the identity, is continuous and of limited detail: between separate modes it
#' leaves a bridge of draws, where particles of [kde_flow()] would leave none. Compare the printed
#' energy distance with its floor, and see whether more `features` bring them closer.
#'
#' @inheritParams kde_flow
#' @param x A formula, `~ a + b`, or a matrix or data frame of data, a row a point.
#' @param n Number of latents, quasi-random.
#' @param features Number of ridge functions, at most half of `n`.
#' @param control A list as in [kde_flow()], where `optimiser` must be `"gradient"`.
#' @param ... For the formula method, arguments of the others.
#' @param object,digits A generator; significant digits.
#' @param nsim Number of draws.
#' @param newdata A matrix of latents, of as many columns as the data.
#' @return An object of class `drift_generator`, a list with
#'   \item{`trace`, `status`, `speed`}{as of a [kde_flow()], of the images of the n latents;
#'     velocities
#'     are those that G can follow}
#'   \item{`distance`}{a data frame with the `energy_distance` of at most 2000 fresh draws to the
#'     data, in whitened
#'     coordinates, and its `floor`, what as many draws of the data have on average}
#'   \item{`coefficients`, `directions`, `offsets`}{W, w and b}
#'   and `call`, `divergence`, `variables`, `n`, `d`, `seconds`.
#'
#'   `simulate()` returns a data frame of independent draws, `predict()` a matrix with the
#'   images of the rows of `newdata`.
#' @section Errors:
#' As [kde_flow()]; `brenier_error_argument` for too many features or a formula with a response.
#' @seealso [kde_flow()], whose particles are nearer to the data; [brenier()].
#' @examples
#' gen <- drift_generator(~ eruptions + waiting, data = faithful, n = 300, features = 50, steps = 60)
#' gen
#' simulate(gen, 3, seed = 1)
#' @export
drift_generator <- function(x, ...) UseMethod("drift_generator")

#' @rdname drift_generator
#' @export
drift_generator.formula <- function(formula, data = NULL, weights = NULL, subset = NULL,
                                    na.action = NULL, n = 1000, ...) {
  call <- match.call()
  call[[1]] <- quote(drift_generator)
  if (length(formula) == 3) {
    brenier_abort(c(
      "{.arg formula} must have no response: a generator takes no covariates.",
      i = "Use {.fn kde_flow} or {.fn brenier} for {.code y ~ x}."
    ), "argument", argument = "formula")
  }
  read <- read_formula(call, formula, data, parent.frame())
  gen <- drift_generator.default(read$x, n = n, weights = read$weights, ...)
  gen$call <- call
  gen
}

#' @rdname drift_generator
#' @export
drift_generator.default <- function(x, n = 1000, features = 200, divergence = "kl", energy = NULL,
                                    bandwidth = NULL, steps = 400, step = 0.5, kernel = "gaussian",
                                    weights = NULL, self = TRUE, control = list(), seed = NULL,
                                    threads = brenier_threads(), ...) {
  check_no_dots(..., known = names(formals(drift_generator.default)))
  call <- match.call()
  call[[1]] <- quote(drift_generator)
  if (missing(x)) brenier_abort("{.arg x} is missing.", "argument", argument = "x")
  x <- as_points(x, "x")
  n <- check_count(n, "n", 4)
  features <- check_count(features, "features", 0)
  if (features > n / 2) {
    brenier_abort(c(
      "{.arg features} must be at most half of {.arg n}, {n / 2}, not {features}.",
      i = "More would follow the latents of the training one by one, and new ones nowhere."
    ), "argument", argument = "features")
  }
  if (is.list(control) && identical(control$optimiser, "lbfgs")) {
    brenier_abort("{.arg optimiser} must be {.val gradient} for a generator.", "argument",
                  argument = "optimiser")
  }
  began <- proc.time()[[3]]
  net <- with_seed(seed %||% 1, new_net(n, ncol(x), features))
  flow <- flow_to_data(x, NULL, weights, n, divergence, energy, bandwidth, steps, step, kernel,
                       self = self, control = control, seed = seed, threads = threads, net = net)
  basis <- qr(net$phi, tol = RANK_TOL)
  net$coefficients <- qr.coef(basis, flow$z)
  net$coefficients[is.na(net$coefficients)] <- 0 # features that others span
  gen <- structure(c(
    flow[c("trace", "status", "speed", "bandwidth", "kind", "energy", "divergence", "variables", "d")],
    net[c("coefficients", "directions", "offsets")],
    list(n = n, n_data = nrow(flow$data), call = call, space = flow$space$plain)
  ), class = "drift_generator")
  fresh <- with_seed(2, matrix(stats::rnorm(min(n, 2000) * gen$d), ncol = gen$d))
  value <- monitor_of(flow$problem, list(watched = seq_len(nrow(fresh))))(images(gen, fresh))
  gen$distance <- data.frame(energy_distance = value[1], floor = value[2])
  gen$seconds <- proc.time()[[3]] - began
  gen
}

#' Columns of features below this share of their length beside the others are left out.
#' @noRd
RANK_TOL <- 1e-5

#' Latents, random ridge functions, and the functions at the latents.
#' @noRd
new_net <- function(n, d, features) {
  w <- matrix(stats::rnorm(features * d), d)
  net <- list(directions = sweep(w, 2, sqrt(colSums(w^2)), "/"), offsets = stats::rnorm(features))
  net$latents <- if (d <= 256) sobol_points(n, d, normal = TRUE) else matrix(stats::rnorm(n * d), n)
  net$phi <- ridge_features(net, net$latents)
  net
}

ridge_features <- function(net, u) {
  cbind(rep(1, nrow(u)), u, pmax(u %*% net$directions - rep(net$offsets, each = nrow(u)), 0))
}

#' The space of the images of the latents: moves are projected on what W can do.
#' @noRd
net_space <- function(space, net) {
  basis <- qr(net$phi, tol = RANK_TOL)
  q <- qr.Q(basis)[, seq_len(basis$rank), drop = FALSE]
  project <- function(v) q %*% crossprod(q, v)
  space$plain <- space
  space$tangent <- function(z, v) project(v)
  # a move that was cut short for some points has left the span
  space$move <- function(z, v) z + project(v)
  space
}

#' Images of latents in whitened coordinates.
#' @noRd
images <- function(gen, u) ridge_features(gen, u) %*% gen$coefficients

#' @rdname drift_generator
#' @export
predict.drift_generator <- function(object, newdata, ...) {
  check_no_dots(..., known = "newdata")
  u <- as_points(newdata, "newdata")
  if (ncol(u) != object$d) {
    brenier_abort("{.arg newdata} must have {object$d} column{?s} of latents, not {ncol(u)}.", "argument",
                  argument = "newdata")
  }
  check_finite(u, "newdata")
  x <- object$space$from(images(object, unname(u)))
  matrix(x, nrow(u), dimnames = list(NULL, object$variables))
}

#' @rdname drift_generator
#' @export
simulate.drift_generator <- function(object, nsim = 1, seed = NULL, ...) {
  check_no_dots(..., known = c("nsim", "seed"))
  nsim <- check_count(nsim, "nsim")
  u <- with_seed(seed, matrix(stats::rnorm(nsim * object$d), nsim, object$d))
  x <- object$space$from(images(object, u))
  as.data.frame(matrix(x, nsim, object$d, dimnames = list(NULL, object$variables)))
}

#' @rdname drift_generator
#' @export
print.drift_generator <- function(x, digits = 3, ...) {
  show <- function(v) format(v, digits = digits)
  d <- x$distance
  cat("Generator of ", list_of(x$variables), ", trained on ", x$n_data, " points\n",
      "  function    ", length(x$offsets), " random ridge functions of ", x$d, " normal latent",
      if (x$d > 1) "s", ", ", x$n, " of them in training\n",
      "  energy      ", divergence_words(x), "\n",
      "  steps       ", NROW(x$trace), ": ", flow_status(x), "; ", show(x$seconds), " s\n",
      "  cost        ", format(length(x$coefficients) + length(x$directions), big.mark = ","),
      " multiplications a draw\n",
      "  distance    energy distance of fresh draws to the data ", show(d$energy_distance),
      "; as many draws of the data have ", show(d$floor), " on average\n", sep = "")
  if (d$energy_distance > 2 * d$floor) {
    cat(strwrap(paste(
      "The draws are NOT those of the data: take more features or steps, or particles by kde_flow(),",
      "or a map by brenier()."
    ), 90, prefix = "  "), sep = "\n")
  }
  invisible(x)
}
