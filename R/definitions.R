#' Definitions and conventions
#'
#' What the words, signs and units of this package mean, in one place: every help page uses them so.
#'
#' @section Laws and points:
#' * A **point** is a row of a matrix or data frame, a variable a column; d is the number of variables,
#'   n that of points. A vector is n points of one variable.
#' * The **reference** is the standard normal law N(0, I) in d dimensions, unless [brenier()] is given
#'   another sample as `reference`.
#' * \eqn{T_\#\mu}{T#mu}, the **image** of the law mu under a map T, is the law of T(X) for X from mu.
#' * A **Brenier map** is the gradient of a convex function, its **potential** u. It is the one map
#'   between two laws that has the least mean squared distance \eqn{|x - T(x)|^2}. A half in front of
#'   the cost changes neither map nor optimality, only values.
#' * \eqn{u^*(y) = \sup_x x'y - u(x)}{u*(y) = sup_x x'y - u(x)} is the **conjugate** of u; its gradient is
#'   the inverse of T.
#' * \eqn{KL(\rho, \mu) = \int\log(\rho/\mu)\,d\rho}{KL(rho, mu) = mean of log(rho / mu) over rho}, also
#'   written \eqn{KL(\rho\,\|\,\mu)}{KL(rho || mu)}: the law under which the mean is taken comes first.
#'   Jeffreys' divergence is the sum of both directions, without a half. Both are in nats, the unit of
#'   natural logarithms.
#'
#' @section Which way a map goes:
#' | result | forward | back | optimal for the squared distance |
#' | --- | --- | --- | --- |
#' | [brenier()] | data to reference, `predict(type = "map")` | `type = "inverse"` | in whitened coordinates, from the fitted law to N(0, I); with a sample `reference` in the units of the data; with several `layers` not at all |
#' | [brenier_vi()], [brenier_glm()] | reference to parameters, `simulate()` | `predict()`, whose density needs it | in the coordinates that make the first Gaussian law N(0, I); with several `layers` not at all |
#' | [sinkhorn()] | x to y, `predict(direction = "forward")` | `"backward"` | up to the blur |
#' | [monge_ampere()], [sinkhorn_flow()] | mu to nu | `type = "inverse"` | in the units of the grid |
#'
#' `orientation` of [brenier()] says on which side the potential is written down, not which way
#' `predict()` goes.
#'
#' @section Costs and values:
#' * [sinkhorn()] has the cost \eqn{|x - y|^2}, **not halved**; `value` is the minimum *with* the
#'   regulariser, `transport_cost` the cost of the plan without it. Both are in squared units of the data.
#' * [wasserstein()], [wasserstein_gaussian()] and `distance` of [monge_ampere()] are \eqn{W_p}, in units of
#'   the data: the root is taken.
#' * [sinkhorn_flow()] and [gaussian_flow()] have the cost \eqn{|x - y|^2/2}, for which the flow is
#'   \eqn{\partial_t u = \log(\rho_u/\mu)}{du/dt = log(rho_u / mu)} without a factor. Their `epsilon` belongs
#'   to that cost: `sinkhorn_flow(epsilon = e)` tends to what `sinkhorn(epsilon = 2 * e)` finds.
#'
#' @section Potentials, their sign and constant:
#' * u of [brenier()], [monge_ampere()] and the flows is convex and its gradient is the map.
#' * f and g of [sinkhorn()] are prices, in units of the cost: their sum is at most the cost where there is
#'   no blur. For the cost \eqn{|x - y|^2} they are \eqn{f(x) = |x|^2 - 2u(x)}{f(x) = |x|^2 - 2 u(x)} and
#'   \eqn{g(y) = |y|^2 - 2u^*(y)}{g(y) = |y|^2 - 2 u*(y)}, and the map is
#'   \eqn{x - \nabla f(x)/2}{x - grad f(x)/2}.
#' * A potential is known up to a constant. That of f and g is such that the sums of a f and b g are
#'   equal. Elsewhere compare differences, or gradients.
#' * The **semi-dual** is \eqn{J(u) = \int u\,d\mu + \int u^*d\nu}{J(u) = mean of u over mu + mean of u* over
#'   nu}. It is least at the optimal potential, and \eqn{W_2^2 = \int|x|^2d\mu + \int|y|^2d\nu - 2\min
#'   J}{W2^2 = mean of |x|^2 + mean of |y|^2 - 2 min J}.
#'
#' @section epsilon, here and elsewhere:
#' In [sinkhorn()] `epsilon` multiplies KL(P, a b') and is in units of the cost. Two terms of other
#' programs, the entropy \eqn{\sum P\log P}{sum P log P} and KL(P, a b'), differ by a constant for given
#' marginals: they have the same plan, and only values *with* the regulariser differ.
#'
#' | elsewhere | `epsilon` here | value |
#' | --- | --- | --- |
#' | cost \eqn{|x - y|^2} and a factor e of the entropy or of KL | e | `transport_cost` is the cost of the plan |
#' | cost \eqn{|x - y|^2/2} and a factor e | 2 e | twice theirs |
#' | cost \eqn{|x - y|^2/2} and a blur, or scale, s, of which the square is the factor | \eqn{2s^2}{2 s^2} | twice theirs |
#' | cost C and a kernel \eqn{\exp(-\lambda C)}{exp(-lambda C)} | \eqn{1/\lambda}{1 / lambda} | as it is |
#' | costs divided by their largest, c, first | e c | c times theirs |
#'
#' `reach` r of [sinkhorn()] is a length: for the squared distance the marginals are held by
#' \eqn{r^2}{r^2} KL, for other costs by r KL.
#'
#' @section Time of flows:
#' Along [sinkhorn_flow()] and [gaussian_flow()] a cycle of Sinkhorn at temperature `epsilon` takes the
#' time `epsilon`, and J falls by Jeffreys' divergence a unit of time. Time has the unit of the squared
#' coordinates. The step size `eta` of [brenier()] is such a time in whitened coordinates, without unit; `Inf` is a Newton step. See [brenier_trace] and [regret()].
#'
#' In [kde_flow()] a `step` of 1 is a full mean shift, of the order of the squared bandwidth.
#'
#' @section Bandwidths:
#' The bandwidth h of [kde_flow()] is the standard deviation of its Gaussian kernel, in standard
#' deviations of the data (whitened), in units of the data where `whiten = FALSE`, and in those of the
#' unbounded coordinates for a target. The blur of [sinkhorn()] is the root of `epsilon`, a length too. `KL`
#' of its divergences is KL(particles, data): `"kl"` has the particles first.
#'
#' @section Densities and units:
#' * Log densities, log likelihoods, objectives, certificates and the evidence are natural logarithms.
#'   A density is per unit of the variables **of the fit**: with `~ log(b)` of log(b).
#' * The fit of [brenier()] is in whitened coordinates \eqn{z = S^{-1/2}(x - m)}{z = S^(-1/2) (x - m)} with
#'   the symmetric root and the covariance S of divisor n. Widths of atoms are in these. What
#'   `predict()` takes and returns is in units of the data, but for points of the reference.
#' * The log density of a posterior is that of the parameters as they are declared to [brenier_vi()], of a
#'   model that of its unbounded coordinates, see [as_target()]. `lp__ - lp_approx__` is the log
#'   importance weight either way.
#' * The elbo is the mean over the approximation of log density less log density of the approximation. It
#'   is the log evidence less KL(approximation, target), and both include whatever constant the log density
#'   has.
#' * A **rank** is a probability in \[0, 1): that of the quantile region which the point lies on the
#'   border of. A **level** is a probability in (0, 1).
#'
#' @section Weights and masses:
#' `weights` of [brenier()] are case weights: 2 counts a row twice. Those of [brenier_glm()] multiply the
#' log likelihood. The masses `a` and `b` of [sinkhorn()] are scaled to sum to one, unless there is a
#' finite `reach`. Densities on grids are scaled to mass one.
#'
#' @section Seeds and threads:
#' Fits draw from seeds of their own: the same call gives the same fit, and the state of R's generator
#' is left alone. `simulate()` and `as_draws()` draw from the user's stream unless there is a `seed`.
#' No result depends on the number of threads, see [brenier_threads()].
#'
#' @section Certificates and diagnostics:
#' A **certificate** or `gap` of [brenier()] and [sinkhorn()] is a bound that is proved at the result, an
#' error **estimate** (`se`, `held_out`, `khat`, `kl_gap`) is one from a sample, and `error` of
#' [monge_ampere()] is measured. `converged` says that the tolerance was met, for
#' a posterior also that khat is below 0.7; `status` says why the work ended.
#'
#' @name brenier_definitions
#' @references
#' Brenier, Y. (1991). Polar factorization and monotone rearrangement of vector-valued functions.
#' *Communications on Pure and Applied Mathematics* 44, 375-417. \doi{10.1002/cpa.3160440402}
#'
#' Peyre, G. and Cuturi, M. (2019). Computational optimal transport. *Foundations and Trends in Machine
#' Learning* 11, 355-607. \doi{10.1561/2200000073}
#' @examples
#' # the price f and the convex potential u of the same transport
#' x <- (seq_len(64) - 0.5) / 64
#' mu <- 1 + 0.5 * cos(2 * pi * x)
#' nu <- 1 - 0.4 * cos(2 * pi * x)
#' u <- monge_ampere(mu, nu)$potential
#' f <- sinkhorn(x, x, a = mu, b = nu, epsilon = 1e-3)$f
#' sd((x^2 - f) / 2 - u)
#'
#' # temperatures: a cost without and with a half
#' flow <- sinkhorn_flow(mu, nu, times = c(0, 2), epsilon = 0.01)$potential[, 2]
#' f <- sinkhorn(x, x, a = mu, b = nu, epsilon = 2 * 0.01, control = list(tol = 1e-9))$f
#' sd((x^2 - f) / 2 - flow)
NULL
