#' Kernel Wasserstein gradient flows
#'
#' Moves particles until their law is that of the data, or of a target whose density is known up to a
#' constant: the Wasserstein gradient flow of a divergence, with kernel estimates in place of
#' densities.
#' The result is a sample, not a density: use it for draws that look like the data, to compare
#' divergences, or to sample a posterior; [brenier()] and [brenier_vi()] give maps and densities.
#'
#' @details
#' **Flows to data.** With a kernel \eqn{k_h}, \eqn{q(z) = \frac1n\sum_i k_h(z - x_i)}{q(z) = (1/n)
#' sum_i k_h(z - x_i)} for the particles, \eqn{p(z) = \sum_j w_j k_h(z - y_j)}{p(z) = sum_j w_j
#' k_h(z -
#' y_j)} for the data and r = q/p, the flow of an f-divergence \eqn{\int p f(r)}{int p f(r)} moves a
#' particle by
#' \deqn{V(x) = h^2\, r f''(r)\,\nabla(\log p - \log q)(x),}{V(x) = h^2 r f''(r) grad(log p - log
#' q)(x),}
#' for a Gaussian kernel and `"kl"` the mean of the data near x less that of the particles near x. A
#' step is
#' \eqn{x + \mathrm{step}\cdot V}{x + step V}; `step = 1` is a full mean shift.
#'
#' | `divergence` | f(r) | r f''(r) |
#' | --- | --- | --- |
#' | `"kl"`, KL(q, p) | r log r | 1 |
#' | `"reverse_kl"`, KL(p, q) | -log r | 1/r |
#' | `"chisq"`, Pearson | (r - 1)^2 | 2 r |
#' | `"neyman"` | (r - 1)^2/r | 2/r^2 |
#' | `"hellinger"` | (sqrt(r) - 1)^2 | 1/(2 sqrt(r)) |
#' | `"js"`, Jensen-Shannon | (r log r - (1 + r) log((1 + r)/2))/2 | 1/(2 (1 + r)) |
#' | `"alpha"` | of the order `alpha` | r^(alpha - 1) |
#' | `"mmd"` | half the squared maximum mean discrepancy | |
#' | `"energy"` | half the energy distance: no bandwidth | |
#' | `"sliced"` | the same by sorted projections: for 1e5 particles, or many variables | |
#'
#' A named vector such as `c(reverse_kl = 1, chisq = 1)` is a positive mixture of the first seven.
#'
#' **Energies.** Particles that follow V obey the flow of no functional of theirs: V has no
#' Lyapunov function and can move the wrong way. The other energies are functions of the particles,
#' their
#' exact gradients move them, and the steps are shortened until the energy falls:
#'
#' | `energy` | the mean of | over |
#' | --- | --- | --- |
#' | `"mixture"`, the default | 2 f(r)/(1 + r) | particles and data, half each |
#' | `"data"` | f(r) | data. The smoothed particles fit the data: `simulate()` adds the kernel |
#' | `"particle"` | f(r)/r | particles; slow |
#' | `"smooth"` | f(r)/r, for KL log r | `samples` draws of the kernel around each particle: the divergence of the two smoothed densities by quadrature; costs as many times more |
#' | `"bregman"`, KL alone | log r - sum_j w_j k(x, y_j)/p(y_j) | particles |
#' | `"plugin"` | none: the field V | |
#'
#' The self term k(0) is part of q: V is then exactly 0 where particles and data agree, and a
#' lone particle still feels the data. With `self = FALSE` q at a particle is the mean over the others,
#' an unbiased estimate, in V and in the energy, whose exact gradient still moves the particles. But
#' where particles and data agree V is then not 0, and a particle alone in its kernel goes
#' from its nearest neighbour to its nearest datum at any bandwidth: leave the self term out only with many
#' particles in each kernel, and compare `summary()`. `log r` beyond `clip` counts as `clip` in the weights;
#' energies go on with
#' the slope that they have there, so that they stay differentiable.
#'
#' **Bandwidth** in standard deviations of the data (whitened), or in their units where `whiten` is
#' `FALSE`. One
#' for particles and data alike, so that the bias of smoothing cancels. By default it falls
#' geometrically over 70% of the steps, from 1.4 standard deviations to the plug-in choice for the
#' gradient of
#' a density, [ks::Hpi()] with `deriv.order = 1`, up to four variables, to the normal-scale choice
#' beyond,
#' and not below the spacing of the particles. The schedule matters more than the divergence: with a
#' small
#' bandwidth from the start, masses of separate modes stay wrong. Rules: `"plugin"`, `"normal"`
#' (scale, for the
#' gradient), `"silverman"`, `"median"` (of Stein variational gradient descent), `"sj"`
#' ([stats::bw.SJ()]),
#' `"cv"` (likelihood cross-validation), `"ess"` (30 effective neighbours), `"heat"` (least mean square of
#' \eqn{h^2\lambda/q}{h^2 lambda/q}, \eqn{\lambda}{lambda} the residual of the heat equation in q where its points
#' move by -grad log q, as in Liu et al.), and `"gap"`, in each stage the largest distance
#' from a datum to its nearest particle, so that none is out of reach, but within the ends of the
#' default schedule.
#'
#' **Known targets.** With `target`, `energy` is one of
#'
#' | `energy` | V/h^2 | bias of the variance of N(0, s^2) |
#' | --- | --- | --- |
#' | `"blob"`, the default | exact gradient of the mean of log q - log pi over the particles | -h^4/s^2 |
#' | `"plugin"` | grad log pi - grad log q | -h^2 |
#' | `"smoothed"` | grad log(k * pi) - grad log q, by importance sampling | none; noise |
#' | `"svgd"` | Stein variational gradient descent | collapses where there are fewer particles than some d |
#' | `"ksd"` | exact gradient of the squared kernel Stein discrepancy, see [ksd()] | none; few particles shrink |
#'
#' The flow runs in coordinates in which the Gaussian law that fits the target best is N(0, I): the
#' first step of [brenier_vi()], from `init` or from the best of its rows; its gradients are counted
#' with those of the flow. So parameters may differ in scale and be correlated; the bandwidth is in
#' standard deviations of that law, and by default the same in all stages: with the median m of
#' chi-squared of d degrees of freedom \eqn{h^2 = m/(2\log(n + 1))}{h^2 = m/(2 log(n + 1))}, twice
#' that for `"svgd"`, m for `"ksd"`. Where no such law is found, as at a wall, where the density
#' ends, the flow is in the units of the target, with the normal scale rule of the particles, and
#' says so; as with `whiten = FALSE`. Give such targets bounds, by [as_target()].
#'
#' Blobs of five variables and more are too narrow: with 500 particles the standard deviations of a
#' normal law are 0.9 of what they should be at d = 5, and 0.75 at d = 10, where `"ksd"` has 0.99
#' and `"svgd"` 0.85. [agreement()] finds it.
#'
#' All but `"ksd"` leave separate modes with the mass that they happened to start with. `"ksd"` does not
#' see the masses of separate modes either, and it gets stuck: particles on a plane of symmetry between
#' two modes stay on it, though no mass is there, and curved laws have minima in which only a part
#' is covered. Its gradient takes two more scores a particle, differences along the direction
#' in which the score matters. [brenier_vi()] has an evidence
#' bound, a Pareto diagnostic and as many independent draws as wanted; particles are the choice for
#' laws that no map of its class fits.
#'
#' **Given covariates**, `y ~ x`, particles are pairs of a covariate of the data and a response that
#' moves, with
#' the kernel of both in whitened coordinates (the response less its regression).
#' `simulate(newdata = )` has the law at new covariates, by a flow of the response alone to the data
#' near them, see [simulate.kde_flow()].
#'
#' **Spheres.** With `sphere` or `torus` the kernel is von Mises-Fisher, \eqn{\exp((x'y -
#' 1)/h^2)}{exp((x'y -
#' 1)/h^2)}, velocities are tangent and steps follow great circles.
#'
#' **When V = 0 means equality.** If V vanishes everywhere, and not on the particles alone, the two
#' laws agree,
#' provided that the kernel is positive on the whole (connected) space, the same on both sides,
#' smoothing by it is
#' injective, and f is strictly convex: so for all kernels here, on Euclidean space, spheres and
#' tori. A kernel of
#' compact support is blind to the masses of clusters that it does not connect. Particles reach a
#' critical
#' point of the energy, which need not be its minimum.
#'
#' **High dimension.** In more than about ten variables a kernel estimate of the score is that of a
#' few nearest
#' points. There is a warning: take `divergence = "energy"` or `"sliced"`, or flow in a few
#' principal components.
#'
#' @param x A formula, `~ a + b` or `y ~ x`, or a matrix or data frame of data, a row a point. Left
#'   out with `target`.
#' @param formula,data,subset,na.action As in [brenier()].
#' @param n Number of particles; by default as many as data, at most 1000, and 500 for a target; with
#'   an `init` of several rows as many as these.
#' @param given A matrix of covariates, for the matrix method.
#' @param divergence,energy See below. `"mmd"`, `"energy"` and `"sliced"` are energies already.
#' @param bandwidth A number, several (the mean of their fields), `c(from = , to = )` for a
#'   geometric decrease
#'   over 70% of the steps, the name of a rule, or a function of the share of steps done, from 0 to 1.
#' @param steps Largest number of steps. They come in 29 stages at most, in each of which the bandwidth stays.
#' @param step Length of a step in mean shifts; the largest one where steps are shortened.
#' @param kernel `"gaussian"`, `"matern32"`, `"laplace"` or `"imq"`; the first or the last for
#'   `energy = "ksd"`.
#' @param weights Weights of the data.
#' @param whiten Whether to flow in coordinates where the data have identity covariance, or where the
#'   Gaussian law fitted to the target has. By default for data without `sphere` or `torus`, and
#'   for targets with a log density.
#' @param init The particles to start from, a matrix with a row a particle. By default quasi-random
#'   points of the normal
#'   law with the mean and covariance of the data, uniform on spheres. For a target also one point:
#'   the start is then the Gaussian law that is fitted from there, or normal around it with standard
#'   deviation 1 where there is none.
#' @param target A function, the log density of a target; or an object of [as_target()], in whose
#'   unbounded
#'   coordinates `init` is and the particles flow; the result has its parameters.
#' @param gradient,vectorised Its gradient, and whether both take a matrix with a row a point, as in
#'   [brenier_vi()].
#'   With `gradient` alone the target is known by its score, and `energy` is `"plugin"`, `"svgd"` or `"ksd"`.
#' @param sphere `TRUE`: each row of the data is a point of the unit sphere; or the numbers of
#'   columns of each of several
#'   spheres.
#' @param torus `TRUE`: the data are angles in radians.
#' @param self Whether a particle counts in the density of particles at its own place, see below.
#' @param control A list of
#'   * `optimiser`: `"gradient"` or, where there is an energy and no sphere, `"lbfgs"`
#'     ([stats::optim()]; `steps` are then its
#'     iterations), the default of `"ksd"`;
#'   * `alpha`: order of the divergence `"alpha"`, 1.5;
#'   * `clip`: largest |log r| in the weights, 6;
#'   * `longest`: largest V of a particle, 0.3 spreads of the data (for a target
#'     of the start, and no less than of its Gaussian law);
#'   * `jitter`: standard deviation of the noise for particles that start at the same place, in
#'     bandwidths, 1e-3:
#'     no flow would ever part them;
#'   * `tol`: the steps end early when the root mean square of V is below so many bandwidths at the
#'     last of them, 5e-3, for `"ksd"` 1e-3;
#'   * `tolerance`: relative error allowed in sums over pairs, 1e-8, which leaves far pairs out; 0
#'     takes them all;
#'   * `directions`: number of projections of `"sliced"`, 100;
#'   * `samples`: draws a particle of the smooth energy and the smoothed score, 64;
#'   * `paths`: number of particles whose paths are kept, 200.
#' @param seed,threads As in [brenier()] and [brenier_threads()].
#' @param ... None.
#' @return An object of class `kde_flow`, a list with
#'   \item{`particles`}{a matrix, a row a particle, in the units of the data; with covariates,
#'     `given` beside it}
#'   \item{`trace`}{a data frame with a row a step: `iter`, `energy` (`NA` where there is none),
#'     `step` as it was
#'     shortened, `bandwidth` (the first), `speed`, the root mean square of V before the step,
#'     `energy_distance` to the data at the
#'     end of each stage, beside its `floor`, what as many draws of the data have on average (from
#'     at most 2000 of each, in
#'     the coordinates of the flow), `evaluations`, `seconds`}
#'   \item{`paths`}{an array: stages, particles, variables}
#'   \item{`status`}{`"ok"` if the velocity is below `tol`, `"max_iterations"`, `"stalled"`,
#'     `"interrupted"`
#'     or `"target_failed"`}
#'   \item{`bandwidth`}{the last one}
#'   \item{`speed`}{the last root mean square of V}
#'   \item{`gradients`}{for targets the number of points at which the gradient was asked for, that of
#'     the Gaussian law included}
#'   \item{`z`}{the particles in the coordinates of the flow; `whitened` says whether these are
#'     whitened, or of a target those of a Gaussian law, and `unfitted` that none was found}
#'   \item{`evaluations`}{how often the velocity was computed}
#'   \item{`data`, `weights`, `data_given`}{for flows to data what they go to, and its covariates}
#'   and `call`, `kind`, `energy`, `divergence`, `kernel`, `control`, `variables`, `n`, `d`, `seconds`, with
#'   `space`, `problem`, `law`, `design`, `rows` and `dimension`, which its methods need.
#' @section Errors:
#' `brenier_error_argument` for a wrong argument, and those of [brenier()] for wrong data;
#' `brenier_error_target` for a
#' target that is not finite at the start. Warning `brenier_warning_dimension` above ten variables,
#' `brenier_warning_interrupted`, `brenier_warning_target`.
#' @references Carrillo, Craig and Patacchini (2019) \doi{10.1007/s00526-019-1486-3}, the blob
#'   method. Liu and Wang
#' (2016) \doi{10.48550/arXiv.1608.04471}, Stein variational gradient descent. Arbel, Korba, Salim
#' and Gretton (2019)
#' \doi{10.48550/arXiv.1906.04370}, the flow of the maximum mean discrepancy. Liu, Zhuo, Cheng, Zhang, Zhu and
#' Carin (2019) \doi{10.48550/arXiv.1807.01750}, the heat equation rule.
#' @seealso [brenier_definitions], [plot.kde_flow()], [simulate.kde_flow()], [energy_distance()]
#' @family kernel flows
#' @examples
#' flow <- kde_flow(~ eruptions + waiting, data = faithful, n = 100, steps = 60)
#' flow
#' plot(flow)
#'
#' # a target
#' kde_flow(target = function(x) -sum(x^2) / 2, gradient = function(x) -x, init = c(a = 0, b = 0),
#'          n = 50, steps = 30)
#' @export
kde_flow <- function(x, ...) UseMethod("kde_flow")

#' @rdname kde_flow
#' @export
kde_flow.formula <- function(formula, data = NULL, weights = NULL, subset = NULL, na.action = NULL,
                             n = NULL, ...) {
  call <- match.call()
  call[[1]] <- quote(kde_flow)
  read <- read_formula(call, formula, data, parent.frame())
  flow <- flow_to_data(read$x, read$covariates, read$weights, n, ..., name = "data")
  flow$call <- call
  flow
}

#' @rdname kde_flow
#' @export
kde_flow.default <- function(x, given = NULL, n = NULL, divergence = "kl", energy = NULL,
                             bandwidth = NULL, steps = 400, step = 0.5, kernel = "gaussian",
                             weights = NULL, whiten = NULL, init = NULL, target = NULL,
                             gradient = NULL, vectorised = FALSE, sphere = FALSE, torus = FALSE,
                             self = TRUE, control = list(), seed = NULL,
                             threads = brenier_threads(), ...) {
  check_no_dots(..., known = names(formals(kde_flow.default)))
  call <- match.call()
  call[[1]] <- quote(kde_flow)
  to_target <- !is.null(target) || !is.null(gradient)
  if (missing(x) == !to_target) {
    brenier_abort(c(
      if (to_target) "Give data or a {.arg target}, not both." else "{.arg x} is missing.",
      i = "Give a matrix, a data frame or a formula such as {.code ~ a + b}; or a {.arg target}."
    ), "argument", argument = "x")
  }
  flow <- if (to_target) {
    flow_to_target(target, gradient, vectorised, init, n, energy, bandwidth, steps, step, kernel,
                   whiten, self, control, seed, threads)
  } else {
    x <- as_points(x, "x")
    flow_to_data(x, if (!is.null(given)) matrix_design(given, nrow(x)), weights, n, divergence,
                 energy, bandwidth, steps, step, kernel, whiten, init, sphere, torus, self, control,
                 seed, threads)
  }
  flow$call <- call
  flow
}

#' @rdname kde_flow
#' @export
kde_flow.data.frame <- kde_flow.default

#' @rdname kde_flow
#' @export
kde_flow.matrix <- kde_flow.default
