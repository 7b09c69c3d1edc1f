#' One-step generators trained by a kernel flow
#'
#' Trains a function G of standard normal latents z so that G(z) has the law of the data: the
#' field of
#' [kde_flow()] says where its images should go, and G follows. New draws are then one evaluation
#' of G: a million
#' take a second. With `model = "potential"` G is the gradient of a convex function, a map of
#' [brenier()], and
#' has an inverse and an exact density.
#'
#' @details
#' With images \eqn{x_i = G(z_i)}{x_i = G(z_i)} in whitened coordinates and V the field of
#' [kde_flow()] between
#' them and the data, a step lowers
#' \deqn{\mbox{mean}\,|G(z_i) - (x_i + \mathrm{step}\cdot V_i)|^2,}{mean |G(z_i) - (x_i + step
#' V_i)|^2,}
#' in which \eqn{x_i + \mathrm{step}\cdot V_i}{x_i + step V_i} is held fixed. Where V is the exact
#' gradient of an
#' energy, this is the chain rule of the energy of G(z); with `energy = "plugin"` it is not the
#' gradient of
#' anything. G starts at the identity, the normal law with the moments of the data.
#'
#' **`"network"`**, the default: \eqn{G(z) = A z + W s_L + b}{G(z) = A z + W s_L + b} with layers
#' \eqn{s_l = \tanh(W_l s_{l-1} + b_l)}{s_l = tanh(W_l s_(l-1) + b_l)} of the widths `hidden`,
#' \eqn{s_0 = z}{s_0 = z}.
#' Each step has `batch` fresh latents, scrambled quasi-random points, against as many data, drawn
#' anew; Adam
#' moves the weights by their gradient, cut to a largest norm, at a rate that falls along a cosine
#' in the
#' second half of the steps. A batch of the data has one from each of `batch` cells of equal
#' weight, so that it has
#' nearly the masses of the modes. The result is a mean of the last iterates. A step that is not
#' finite is not taken: the
#' weights go back to that mean and the rate is halved; `refused` counts these.
#'
#' **`"potential"`**: \eqn{G = \nabla\varphi}{G = grad phi}, \eqn{\varphi}{phi} the strongly
#' convex softmax of quadratics,
#' perhaps with ridge atoms, of [brenier()], on the side of the reference. The latents are fixed,
#' `n`
#' quasi-random points; a step projects the targets on the class in its tangent features, a
#' least-squares
#' mirror step within the constraints of convexity, and is shortened until the energy falls. G is
#' then an
#' optimal transport map from N(0, I) to its own law. The energy is not convex in the coefficients
#' of a softmax, and the
#' descent may end in a local minimum: compare numbers of `components`. The network comes nearer
#' to laws in many pieces; the potential
#' is the one to take where a density is wanted.
#'
#' **Masses.** At a small bandwidth the field of a kernel does not see how much mass separate
#' modes have, and
#' noise moves it from one to another. So the field of the energy distance, which has no
#' bandwidth, is averaged with it:
#' what falls is a positive mixture of the two divergences. `far = FALSE` in `control` leaves it
#' out.
#'
#' **Given covariates**, `y ~ x`, a network takes them beside the latents, G(x, z), and each step has
#' the covariates of its batch of data, which stay, with fresh responses, which move, in the field of
#' the kernel of both: the flow of [kde_flow()] given covariates. `simulate(newdata = )` then draws at
#' any covariate in one pass, and smoothly in it: the network borrows strength where data are few. A
#' kernel sees responses of a bandwidth around a covariate as one law, as it does in [kde_flow()], and
#' where few of a batch share a kernel the self term makes the spread too small: compare with
#' `simulate()` of a [kde_flow()], which has no batches, and give a larger `batch`.
#'
#' A continuous G leaves a bridge of draws between separate modes, where particles of [kde_flow()]
#' would
#' leave none. Compare the printed energy distance with its floor, and give more `steps` while it
#' falls.
#'
#' @inheritParams kde_flow
#' @param x A formula, `~ a + b` or `y ~ x`, or a matrix or data frame of data, a row a point.
#' @param model `"network"` or `"potential"`, see Details.
#' @param hidden Widths of the hidden layers of a network, up to eight numbers; `integer()` for an
#'   affine
#'   map.
#' @param batch Latents a step, and data, of a network: by default 256, and 512 given covariates, where
#'   fewer share a kernel.
#' @param n Latents of a potential.
#' @param divergence As in [kde_flow()].
#' @param energy As in [kde_flow()]; by default `"plugin"` for a network, whose batches are too
#'   noisy for
#'   the rest to pay, and `"mixture"` for a potential.
#' @param steps Number of steps: by default 1500 for a network and 60 for a potential, which
#'   gains nothing from more.
#' @param step As in [kde_flow()]. Adam is blind to the scale of its gradient: for a network it
#'   matters
#'   little.
#' @param control A list as in [kde_flow()], where `optimiser` must be `"gradient"`, and
#'   * `far`: whether the field of the energy distance is averaged with that of the divergence,
#'     `TRUE`;
#'   * `rate`: the rate of Adam, 0.01;
#'   * `norm`: largest norm of a gradient, 1;
#'   * `components`, `atoms`: quadratics, and ridge atoms at most, of a potential, 32 and 0;
#'   * `kappa`: floor of the eigenvalues of the derivative of a potential, 0.02.
#' @param ... For the formula method, arguments of the others.
#' @return An object of class `drift_generator`, a list with
#'   \item{`model`}{the name}
#'   \item{`network`}{for a network: `inputs`, `outputs`, `hidden` and `coef`, the matrices of the
#'     layers one
#'     after the other, each by rows padded with zeros to a multiple of four}
#'   \item{`potential`}{for a potential: as in a layer of [brenier()]}
#'   \item{`trace`, `status`, `speed`, `bandwidth`}{as of a [kde_flow()]; the `step` of a network
#'     is the rate
#'     of Adam}
#'   \item{`distance`}{a data frame with the `energy_distance` of 2000 fresh draws to the
#'     data, to at most 2000 of them,
#'     in whitened coordinates, and its `floor`, what as many draws of the data have on average}
#'   \item{`cost`}{multiplications a draw}
#'   \item{`refused`}{steps that were not finite}
#'   \item{`whitening`}{the coordinates: `center` and `root`, a draw is center + G(z) root; with
#'     covariates also the regression on them}
#'   \item{`given`}{with covariates those of the data; `reach` is the bandwidth of their kernel}
#'   and `call`, `kind`, `energy` and `divergence`, `variables`, `n`, the latents of a step, `n_data`, `d`,
#'   `seconds`; with covariates `design`, how they are made from new data.
#' @section Errors:
#' As [kde_flow()]; `brenier_error_argument` for a potential with covariates. Warning
#' `brenier_warning_interrupted` if training was interrupted: the generator is what had been
#' reached. Warning
#' `brenier_warning_not_converged` if steps were refused.
#' @seealso [brenier_definitions], [predict.drift_generator()], [plot.drift_generator()],
#'   [kde_flow()], whose particles are nearer to the data; [brenier()].
#' @family kernel flows
#' @examples
#' gen <- drift_generator(~ eruptions + waiting, data = faithful, steps = 200, hidden = c(32, 32))
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
  read <- read_formula(call, formula, data, parent.frame())
  gen <- train_generator(read$x, read$covariates, n = n, weights = read$weights, ..., name = "data")
  gen$call <- call
  gen
}

#' @rdname drift_generator
#' @export
drift_generator.default <- function(x, given = NULL, model = c("network", "potential"),
                                    hidden = c(64, 64), batch = NULL, n = 1000, divergence = "kl",
                                    energy = NULL, bandwidth = NULL, steps = NULL, step = 0.5,
                                    kernel = "gaussian", weights = NULL, self = TRUE,
                                    control = list(), seed = NULL, threads = brenier_threads(), ...) {
  check_no_dots(..., known = names(formals(drift_generator.default)))
  call <- match.call()
  call[[1]] <- quote(drift_generator)
  if (missing(x)) brenier_abort("{.arg x} is missing.", "argument", argument = "x")
  x <- as_points(x, "x")
  gen <- train_generator(x, if (!is.null(given)) matrix_design(given, nrow(x)), model, hidden, batch,
                         n, divergence, energy, bandwidth, steps, step, kernel, weights, self,
                         control, seed, threads)
  gen$call <- call
  gen
}

#' @param covariates NULL, or what R/design.R makes of covariates. Other arguments as in
#'   drift_generator().
#' @noRd
train_generator <- function(x, covariates = NULL, model = c("network", "potential"),
                            hidden = c(64, 64), batch = NULL, n = 1000, divergence = "kl",
                            energy = NULL, bandwidth = NULL, steps = NULL, step = 0.5,
                            kernel = "gaussian", weights = NULL, self = TRUE, control = list(),
                            seed = NULL, threads = brenier_threads(), ..., name = "x") {
  check_no_dots(..., known = names(formals(drift_generator.default)))
  began <- proc.time()[[3]]
  model <- check_choice(model, c("network", "potential"), "model")
  if (model == "potential" && !is.null(covariates)) {
    brenier_abort(c(
      "A generator with covariates cannot be a {.val potential}: its map would have to be convex at
       each of them.",
      i = "Use {.code model = \"network\"}, or {.fn brenier}, whose maps given covariates have densities."
    ), "argument", argument = "model")
  }
  hidden <- check_hidden(hidden)
  batch <- batch %||% if (is.null(covariates)) 256 else 512
  latents <- if (model == "network") check_count(batch, "batch", 8, 1e7) else
    check_count(n, "n", 8, 1e7)
  own <- check_training(control)
  own[c("hidden", "batch")] <- list(hidden, latents)
  whole <- is.character(divergence) && length(divergence) == 1 &&
    divergence %in% c("mmd", "energy", "sliced")
  if (model == "network" && !whole) energy <- energy %||% "plugin"
  made <- NULL
  trainer <- function(problem, space, stages, control) {
    made <<- c(space["whitening"], list(problem = problem))
    if (!is.null(covariates)) made$frozen <<- problem$y[, -space$moving, drop = FALSE]
    train <- if (model == "network") run_network else run_potential
    if (own$far) problem <- with_far(problem)
    run <- train(problem, space, stages, utils::modifyList(control, own))
    made[c("network", "potential", "refused")] <<- list(run$network, run$potential, run$refused %||% 0)
    run
  }
  # the warning of an interrupt is of a generator, not of a flow
  flow <- withCallingHandlers(
    flow_to_data(x, covariates, weights, latents, divergence, energy, bandwidth,
                 steps %||% (if (model == "network") 1500 else 60), step, kernel, self = self,
                 control = control[setdiff(names(control), names(TRAINING))], seed = seed,
                 threads = threads, name = name, trainer = trainer),
    brenier_warning_interrupted = function(w) invokeRestart("muffleWarning")
  )
  gen <- structure(c(
    list(model = model), made[intersect(names(made), model)],
    flow[c("trace", "status", "speed", "bandwidth", "kind", "energy", "divergence", "variables", "d")],
    list(n = latents, n_data = nrow(flow$data), whitening = made$whitening,
         refused = made$refused)
  ), class = "drift_generator")
  if (!is.null(covariates)) {
    gen[c("design", "given")] <- list(flow$design, flow$data_given)
    gen$reach <- covariate_bandwidth(flow)
  }
  gen$cost <- cost_of(gen)
  fresh <- with_seed(2, {
    rows <- if (!is.null(covariates)) even_rows(nrow(made$problem$y), 2000, made$problem$weight)
    latents <- matrix(stats::rnorm(2000 * gen$d), ncol = gen$d)
    beside(images(gen, latents, made$frozen[rows, , drop = FALSE]), made$frozen[rows, , drop = FALSE])
  })
  value <- monitor_of(made$problem, list(watched = seq_len(nrow(fresh))))(fresh)
  gen$distance <- data.frame(energy_distance = value[1], floor = value[2])
  gen$seconds <- proc.time()[[3]] - began
  warn_of_training(gen)
  gen
}

#' @rdname drift_generator
#' @export
drift_generator.data.frame <- drift_generator.default

#' @rdname drift_generator
#' @export
drift_generator.matrix <- drift_generator.default

# What the control of a generator has beside that of a flow.
TRAINING <- list(far = TRUE, rate = 0.01, norm = 1, components = 32L, atoms = 0L, kappa = 0.02)

check_training <- function(control) {
  if (!is.list(control)) return(TRAINING) # flow_to_data() refuses it
  if (identical(control$optimiser, "lbfgs")) {
    brenier_abort("{.arg optimiser} must be {.val gradient} for a generator.", "argument",
                  argument = "optimiser")
  }
  own <- utils::modifyList(TRAINING, control[names(control) %in% names(TRAINING)])
  own$far <- check_flag(own$far, "far")
  check_number(own$rate, "rate", 0, 1, open = TRUE)
  check_number(own$norm, "norm", 0, Inf, infinite = TRUE)
  own$components <- check_count(own$components, "components", 1, 200)
  own$atoms <- check_count(own$atoms, "atoms", 0, 1000)
  check_number(own$kappa, "kappa", 0, 1, open = TRUE)
  own
}

check_hidden <- function(hidden) {
  if (length(hidden) == 0 && (is.null(hidden) || is.numeric(hidden))) return(integer())
  fits <- is.numeric(hidden) && length(hidden) <= 8 && all(is.finite(hidden)) &&
    all(hidden == round(hidden)) && all(hidden >= 1 & hidden <= 4096)
  if (fits) return(as.integer(hidden))
  brenier_abort(c(
    "{.arg hidden} must be up to 8 whole numbers, the widths of layers, each between 1 and 4096, not
     {shown(hidden)}.", i = "For example {.code hidden = c(64, 64)}."
  ), "argument", argument = "hidden")
}

warn_of_training <- function(gen) {
  if (gen$status == "interrupted") {
    brenier_warn(c(
      "The training was interrupted after {NROW(gen$trace)} step{?s}.",
      i = "The generator is what had been reached."
    ), "interrupted")
  }
  if (gen$refused > 0) {
    brenier_warn(c(
      "{gen$refused} step{?s} of the training {?was/were} not finite and {?was/were} not taken.",
      i = "Set a smaller {.arg rate} or {.arg norm} in {.arg control}."
    ), "not_converged")
  }
}

#' Images of latents in whitened coordinates, at covariates in these.
#' @noRd
images <- function(gen, z, frozen = NULL) {
  if (gen$model == "network") return(network_images(gen$network, latents_with(frozen, z)))
  evaluate(gen$potential, z, map = TRUE)$map
}

#' What a network takes, covariates before latents, and images with these beside them.
#' @noRd
latents_with <- function(frozen, z) if (is.null(frozen)) z else unname(cbind(frozen, z))

beside <- function(x, frozen = NULL) if (is.null(frozen)) x else cbind(x, frozen)

#' Multiplications a draw, with those of the way back from whitened coordinates.
#' @noRd
cost_of <- function(gen) {
  d <- gen$d
  d^2 + if (gen$model == "network") {
    network_shape(gen$network$inputs, d, gen$network$hidden)$cost
  } else {
    # a root forth and back, slopes and blend of each quadratic; two products an atom; the affine part
    root <- if (d <= 3) d * (d + 1) / 2 else d
    gen$potential$n_components * (2 * root + 2 * d) + gen$potential$n_atoms * 2 * d + d^2
  }
}
