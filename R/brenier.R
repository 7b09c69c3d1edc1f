#' Fit a Brenier map to data
#'
#' Finds the gradient of a convex function that carries the law of the data to a standard normal law,
#' or their law given covariates. One fit gives a smooth density, draws, the map and its inverse,
#' center-outward ranks and quantile regions, in one dimension or many, with a certificate of how near
#' it is to the best fit of its class.
#'
#' @details
#' **Model.** With whitened data \eqn{z = S^{-1/2}(x - m)}{z = S^(-1/2) (x - m)}, m and S the mean and
#' covariance of the data (divisor: the sum of the weights), the map is \eqn{T(x) = \nabla
#' u(z)}{T(x) = grad u(z)},
#' \deqn{u(z) = q'z + z'Qz/2 + \sum_j \theta_j a_j^2 s_j((w_j'z - c_j)/a_j),}{u(z) = q'z + z'Qz/2 +
#'   sum_j theta_j a_j^2 s_j((w_j'z - c_j)/a_j),}
#' with \eqn{\theta_j \ge 0}{theta_j >= 0} and \eqn{Q \succeq \kappa I}{Q >= kappa I}. A term of the sum is
#' a ridge atom. Its profile is a *bump*, \eqn{s'' = \phi}{s'' = phi} (curved near c, the slope of the
#' map rises there), or a *step*, \eqn{s'' = \Phi}{s'' = Phi} (curved on one side of c to infinity: it
#' gives each tail a scale of its own). So u is strongly convex everywhere, T is a smooth bijection
#' of the whole space, and the density
#' \deqn{\log f(x) = -|T(x)|^2/2 - (d/2)\log 2\pi + \log\det D^2u(z) - \log\det S^{1/2}}{log f(x) =
#'   -|T(x)|^2/2 - d/2 log(2 pi) + log det D^2 u(z) - log det S^(1/2)}
#' is exact and integrates to one. T is the optimal transport map from the fitted law to N(0, I) for
#' the squared distance in whitened coordinates, \eqn{|S^{-1/2}(x-m) - y|^2}{|S^(-1/2) (x - m) -
#' y|^2}. Without atoms it is \eqn{S^{-1/2}(x-m)}{S^(-1/2) (x - m)}, and the law is normal.
#'
#' **Potentials.** `potential = "ridge"`, the default, is the one above. `"softmax"` has in place of the
#' atoms a softmax of K quadratics,
#' \deqn{\tau\log\sum_{k=1}^K \exp((|R_k'z|^2/2 + b_k'z + c_k)/\tau),}{tau log sum_k exp((|R_k'z|^2/2 +
#'   b_k'z + c_k)/tau),}
#' with all of it learnt: a soft patchwork of affine maps, convex too. `"both"` adds the two, and lets the
#' validation choose among ridge atoms alone and a softmax of 8 or 16 with atoms. The objective is not
#' convex in the coefficients of a softmax: mirror steps in its tangent features start from cells of
#' the data and stop where the held-out likelihood is best; there is no certificate, no regret, and more
#' risk in the tails. `"both"` is meant for laws that fall into many separate pieces; in the sources of
#' the package `Rscript bench/run.R potentials` compares the families on some of them.
#'
#' **Conditional law.** With a formula of two sides, `cbind(y1, y2) ~ x + f`, or with `given`, the
#' potential is convex in the response for every value of the covariates, and the map takes the law
#' of the response given them to N(0, I), each in its own way. The model matrix of [stats::lm()],
#' in coordinates b of mean zero and identity covariance, enters in three places: z is the whitened
#' residual of the regression on it, q is a linear function of b, and the atoms see b,
#' \deqn{\theta_j a_j^2 s_j((w_j'z + g_j'b - c_j)/a_j) \quad\mbox{and gates}\quad \theta_j (v_j'z)^2
#'   \Phi((g_j'b - c_j)/a_j)/2,}{theta_j a_j^2 s_j((w_j'z + g_j'b - c_j)/a_j) and gates theta_j (v_j'z)^2
#'   Phi((g_j'b - c_j)/a_j)/2,}
#' which let the covariates change shape and scale. Where the held-out likelihood of normal laws asks for
#' it, each residual is first divided by a scale that is log-linear in b, within the range it has over
#' the data, and the location is that of weighted least squares. Without atoms the fit is multivariate linear
#' regression: the fitted values of `lm()`, and the covariance of its residuals with divisor n. The
#' location is linear in the terms of the formula: give smooth ones, such as `splines::ns(x, 5)`,
#' where it bends. With a response of one dimension it is a conditional transformation model.
#'
#' **Layers.** `layers = K` fits a map, then another to what the first made of the points, and so
#' on. The density and the inverse stay exact. The composition of gradients is no gradient: it is no
#' optimal transport map, and its ranks are those of another map. `"auto"` adds a layer while the
#' held-out log likelihood rises by more than the standard error of the rise, and may begin with a
#' layer that maps each variable by itself, which has no trace. A layer without atoms ends the chain.
#'
#' **Learners.** By default the steps lower minus the log likelihood, which needs the density of the
#' reference. The other learners know the reference by points alone: quasi-random points of N(0, I),
#' as many as there are data, from 1000 to 5000, or the rows of `reference`. They lower the semi-dual
#' of optimal transport between the two samples, \eqn{J(u) = \mathrm{mean}\,u(x_i) +
#' \mathrm{mean}\,u^*(y_j)}{J(u) = mean u(x_i) + mean u*(y_j)}, which is convex too, and pull one
#' sample back by the map at each step.
#'
#' | `learner` | direction of a step | when to use it |
#' | --- | --- | --- |
#' | `"likelihood"` | gradient of the likelihood, in the mirror metric | always, where the reference is N(0, I): fastest, and best on held-out data |
#' | `"semidual"` | gradient of J | the reference is a sample; the map itself matters more than the density; maps from the reference to the data |
#' | `"logistic"` | density ratio by logistic regression of data against model | to compare with classifier-based methods; same minimum as `"semidual"` |
#' | `"score"` | relative score matching against N(0, I) | to compare with score-based methods; ends where its step no longer lowers J |
#'
#' With `orientation = "data"` the potential is on the side of the data and its gradient goes to the
#' reference; with `"reference"` it is on the side of the reference and its gradient goes to the data,
#' so that draws cost one evaluation and the density an inversion. Both approximate the same pair of
#' inverse maps. With a sample `reference` the map is the optimal one for the squared distance in
#' the units of the data, and there is no density.
#'
#' **Fit.** The mean of \eqn{|T|^2/2 - \log\det D^2u}{|T|^2/2 - log det D^2 u} over the data, which is
#' minus the mean log likelihood of a point up to a constant, is convex in (q, Q, theta). A penalty
#' on theta, see [brenier_control()], is added. Mirror steps in the metric
#' \eqn{G_{jl} = \mathrm{mean}\,\nabla\psi_j'(D^2u)^{-1}\nabla\psi_l}{G_jl = mean grad psi_j' (D^2
#' u)^(-1) grad psi_l}, a discretised parabolic Monge-Ampere equation, lower it, explicitly or
#' implicitly, with a log barrier for the constraints. The atoms (w, c, a) are chosen a few a round,
#' where the optimality condition is violated most, until the held-out likelihood stops rising. Then
#' as many rounds as did best there are fitted to all the data.
#'
#' **Beyond the data** the likelihood is silent. There the map goes on with the slope that it has over
#' the outer tenth of the rows, along each eigenvector of Q and both ways, by steps that start at the
#' outermost point. They are set, not fitted, and change the density among the data little, at the
#' outermost points most. So the tails are normal in shape.
#'
#' **Units.** The variables of the fit are the terms of the formula, or its response: with `~ log(b)`
#' the density is that of log(b), and draws are of log(b).
#'
#' **Ties.** A variable of at most 12 values with five rows each, or with one value in more than 30% of
#' the rows, has no density, and there is a warning. `jitter = TRUE` moves its tied values, each evenly
#' over half the smaller gap to a neighbour, both ways: the law of the response is then that of the
#' discrete variable plus uniform noise.
#'
#' **Weights** are case weights: a weight of 2 counts a row twice in every mean and in the log
#' likelihood; rows of weight zero are left out. Where the number of points matters, as in the
#' penalty and the standard error, it is \eqn{(\sum w)^2/\sum w^2}{(sum w)^2 / sum w^2}.
#'
#' The fit is deterministic: folds and candidate atoms are drawn from a seed of its own, and the state
#' of R's generator is left as it was.
#'
#' @param x A numeric matrix or a data frame of numbers, one row a point and one column a variable,
#'   or a vector, one number a point. There may be no missing values. Or a formula, see `formula`.
#' @param formula A one-sided formula, whose terms are the variables of the joint law: `~ a + log(b)`,
#'   or `~ .` for all of `data`; every term must be numeric, and there are no interactions. Or a
#'   two-sided one for the law of the response given the terms, as in [stats::lm()]: `log(y) ~ x * f`,
#'   `cbind(y1, y2) ~ poly(x, 2)`; it has an intercept and no offset.
#' @param given Covariates: a numeric matrix or data frame with a row a point, or a vector. By default
#'   none.
#' @param data A data frame in which the variables of the formula are looked up first; then they are
#'   looked up where the formula was written.
#' @param weights Case weights, not negative, one a row; evaluated in `data` by the formula method.
#'   By default 1 each.
#' @param subset,na.action As in [stats::lm()], for the formula method alone; `subset` is evaluated
#'   in `data`. By default rows with missing values are removed, as `getOption("na.action")` says.
#' @param layers Number of layers, from 1 to 20, or `"auto"`, which tries up to 5. By default 1, the
#'   Brenier map.
#' @param potential Family of convex potentials, see Potentials: `"ridge"` (the default), `"softmax"` or
#'   `"both"`.
#' @param learner,orientation How the steps learn, and the side that the potential is on, see Learners.
#'   By default `"likelihood"`, or `"semidual"` where there is a `reference` or the orientation is
#'   `"reference"`; and `"data"`, or `"reference"` for `"score"`.
#' @param reference Points that take the place of the normal reference: as `x`, with as many columns. By
#'   default none.
#' @param jitter Whether to spread the values of discrete variables, see Ties.
#' @param control A list from [brenier_control()], or a plain list of its arguments.
#' @param seed A seed, one number, for the folds, the candidate atoms and the jitter; by default 1.
#' @param ... For the generic, arguments of the methods. The methods take none: a name that is not
#'   an argument is an error.
#'
#' @return An object of class `brenier`, a list with
#'   \item{layers}{a list with an element a layer: `potential`, in whitened coordinates: `family`, `d`,
#'     `given` (covariates), `direction` (a column a quadratic direction, `n_quadratic` of them, or
#'     atom), `profile` (0 bump, 1 step, 2 gate), `centre`, `width`, `coef` (linear, quadratic, atoms),
#'     `kappa`; of the `n_atoms` atoms the last `n_tails` continue the map beyond the data; the `n_components` quadratics of a
#'     softmax have the coefficients `components`: log tau, then for each R by rows (above three
#'     dimensions its diagonal), b and c; and `whitening`: `center` m, `matrix`
#'     \eqn{S^{-1/2}}{S^(-1/2)}, its inverse `root`, its `logdet`, and `covariates`, their coordinates
#'     and the regression on them, or `NULL`; with scales also their `log_scale`, a column a variable,
#'     its `range` over the data, and `logdet` is a mean over the data; the `iterates` that were asked
#'     for, or `NULL`; of learners of two samples also `side` and, with a sample, `reference`, the
#'     coordinates of that}
#'   \item{trace}{a data frame, one row a mirror step of the final fit, see [brenier_trace]}
#'   \item{validation}{a data frame, one row a layer, least width and round: `layer`, `min_width`,
#'     `round`, mean number of `atoms`, held-out `loss` a point, that is, the mean of \eqn{|T|^2/2 -
#'     \log\det D^2u}{|T|^2/2 - log det D^2 u}, and its standard error `se`; beside `min_width` the other
#'     settings that it chooses among, `n_components`, `max_atoms` and `penalty`; settings that were
#'     not tried on all folds, as they had lost on the first ones, are left out; `NULL` without folds}
#'   \item{min_width, penalty}{the least width and the penalty that were used in each layer}
#'   \item{family}{the `potential` that was asked for}
#'   \item{held_out}{a list: `log_likelihood`, held out, a point, at the width and round that were
#'     chosen for it, hence a little too good; its standard error `se`; the number of `folds`.
#'     Without folds `NA`, `NA` and 0}
#'   \item{gap}{the certificate in nats a point, the largest of the layers, see [certificate()]}
#'   \item{converged, status}{whether the certificate meets `control$tol`, with a softmax whether the
#'     square of the decrement does, and why the fit ended:
#'     `"ok"`, `"max_iterations"`, `"max_time"`, `"stalled"` or `"interrupted"`}
#'   \item{log_likelihood}{of the data: the sum of weight times log density}
#'   \item{x, given, weights, variables, n, d}{the data that were used, as matrices}
#'   \item{pairing}{`NULL`, or for learners of two samples a list of `learner`, `side` and `reference`}
#'   \item{design}{of a conditional fit: how covariates are made from new data, else `NULL`}
#'   \item{call, terms, na.action, control, seconds}{how it was obtained}
#'
#' @section Errors and warnings:
#' Errors have the class `brenier_error` and one of `brenier_error_argument`, `_type`, `_missing`,
#' `_not_finite`, `_empty`, `_rows`, `_constant`, `_collinear`, `_scale`, `_formula`, `_variable`. All
#' are raised before any work. Warnings have the class `brenier_warning` and one of
#' `brenier_warning_not_converged`, `_interrupted`, `_discrete` and `_collinear`, for covariates that are
#' left out; the fit is returned all the same.
#'
#' @references
#' Brenier, Y. (1991). Polar factorization and monotone rearrangement of vector-valued functions.
#' *Communications on Pure and Applied Mathematics* 44, 375-417. \doi{10.1002/cpa.3160440402}
#'
#' Deb, N. and Liang, T. (2025). No-regret generative modeling via parabolic Monge-Ampere PDE.
#' \doi{10.48550/arXiv.2504.09279}
#'
#' @seealso [brenier_definitions], [predict.brenier()], [regret()], [kl_bounds()], [simulate.brenier()],
#'   [plot.brenier()], [quantile_region()], [brenier_control()]
#' @family maps of data
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful)
#' fit
#' predict(fit, data.frame(eruptions = c(2, 3), waiting = c(55, 70)))
#' simulate(fit, nsim = 3, seed = 1)
#'
#' # the Gaussian map
#' brenier(faithful, control = brenier_control(max_atoms = 0))
#'
#' # the law of one variable given another
#' given <- brenier(waiting ~ eruptions, data = faithful)
#' predict(given, data.frame(eruptions = c(2, 3, 4)), type = "quantile")
#' @export
brenier <- function(x, ...) UseMethod("brenier")

#' @rdname brenier
#' @export
brenier.formula <- function(formula, data = NULL, weights = NULL, subset = NULL,
                            na.action = NULL, layers = 1,
                            potential = c("ridge", "softmax", "both"), learner = NULL,
                            orientation = NULL, reference = NULL, jitter = FALSE, control = brenier_control(),
                            seed = NULL, ...) {
  check_no_dots(..., known = names(formals(brenier.formula)))
  call <- match.call()
  call[[1]] <- quote(brenier)
  read <- read_formula(call, formula, data, parent.frame())
  fit <- new_brenier(read$x, read$covariates, read$weights, layers,
                     list(potential, learner, orientation, reference), jitter, control, seed, call, "data")
  fit$terms <- read$terms
  fit$na.action <- read$na.action
  fit
}

#' @rdname brenier
#' @export
brenier.default <- function(x, given = NULL, weights = NULL, layers = 1,
                            potential = c("ridge", "softmax", "both"), learner = NULL,
                            orientation = NULL, reference = NULL, jitter = FALSE,
                            control = brenier_control(), seed = NULL, ...) {
  check_no_dots(..., known = names(formals(brenier.default)))
  if (missing(x)) {
    brenier_abort(c(
      "{.arg x} is missing.", i = "Give a matrix, a data frame, or a formula such as {.code ~ a + b}."
    ), "argument", argument = "x")
  }
  call <- match.call()
  call[[1]] <- quote(brenier)
  x <- as_points(x, "x", rows = TRUE)
  covariates <- if (!is.null(given)) matrix_design(given, nrow(x))
  new_brenier(x, covariates, weights, layers, list(potential, learner, orientation, reference),
              jitter, control, seed, call, "x")
}

#' @rdname brenier
#' @export
brenier.data.frame <- brenier.default

#' @rdname brenier
#' @export
brenier.matrix <- brenier.default

#' Checks, fits, wraps. `covariates` is NULL or comes from R/design.R, `name` is the argument that the
#' points came from, `how` a list of potential, learner, orientation and reference.
#' @noRd
new_brenier <- function(x, covariates, weights, layers, how, jitter, control, seed, call, name) {
  started <- proc.time()[[3]]
  control <- as_control(control)
  step_sizes(control)
  layers <- check_layers(layers)
  jitter <- check_flag(jitter, "jitter")
  potential <- check_choice(how[[1]], c("ridge", "softmax", "both"), "potential")
  pairing <- check_pairing(how[[2]], how[[3]], how[[4]], layers, covariates, ncol(x), potential)
  rows <- rows_with_weight(x, covariates, weights, name)
  x <- rows$x
  given <- rows$given
  weights <- rows$weights
  check_rows(x, name, given)
  check_spread(x, name)
  x <- treat_ties(x, jitter, seed %||% 1, name)
  group <- groups_of(cbind(x, given))
  result <- with_seed(seed %||% 1, fit_layers(x, given, weights, control, layers, group, name,
                                            potential, pairing))
  fitted <- result$layers
  design <- if (!is.null(given)) covariates$design
  if (!is.null(given)) design$data <- design$data[rows$used, , drop = FALSE]
  statuses <- vapply(fitted, function(layer) layer$status, "")
  fit <- structure(list(
    call = call,
    layers = lapply(fitted, function(layer) {
      layer[intersect(c("whitening", "potential", "side", "reference", "iterates"), names(layer))]
    }),
    trace = bind_layers(lapply(fitted, function(layer) layer$trace)),
    validation = bind_layers(lapply(fitted, function(layer) layer$validation)),
    min_width = vapply(fitted, function(layer) as.double(layer$setting$min_width), 0),
    penalty = vapply(fitted, function(layer) as.double(layer$setting$penalty), 0),
    gap = max(vapply(fitted, function(layer) layer$gap, 0)),
    status = c(statuses[statuses != "ok"], "ok")[[1]],
    converged = all(statuses == "ok" & vapply(fitted, stationary, NA, control)),
    variables = colnames(x), n = nrow(x), d = ncol(x), x = x, given = given,
    design = design, weights = weights, control = control
  ), class = "brenier")
  fit$held_out <- held_out(fit, result)
  fit$pairing <- pairing
  fit$family <- potential
  fit$log_likelihood <- if (is.null(pairing$reference)) {
    sum(weights * log_density(fit$layers, x, given))
  } else {
    NA_real_
  }
  fit$seconds <- proc.time()[[3]] - started
  warn_if_not_converged(fit)
  fit
}

#' Whether a layer ended where its steps end. One with a softmax may have been stopped before, by the
#' number of rounds that the validation chose.
#' @noRd
stationary <- function(layer, control) {
  if (layer$potential$n_components == 0) return(TRUE)
  utils::tail(layer$trace$decrement, 1)^2 <= control$tol
}

#' Tables of the layers one under the other, with the number of the layer in front.
#' @noRd
bind_layers <- function(tables) {
  numbered <- Map(function(table, l) if (!is.null(table)) cbind(layer = l, table),
                  tables, seq_along(tables))
  do.call(rbind, numbered)
}

check_layers <- function(layers) {
  if (identical(layers, "auto")) return(layers)
  check_count(layers, "layers", 1, 20, remedy = "Or \"auto\": as many as the held-out likelihood asks for.")
}

#' Held-out log likelihood a point, in the units of the data: that of the rounds that were chosen,
#' or, with several layers, of the folds' own chains.
#' @noRd
held_out <- function(fit, result) {
  if (length(result$folds) == 0 || is.null(fit$validation)) {
    return(list(log_likelihood = NA_real_, se = NA_real_, folds = 0L))
  }
  if (!is.null(fit$layers[[1]]$reference)) { # no density
    return(list(log_likelihood = NA_real_, se = NA_real_, folds = length(result$folds)))
  }
  if (length(fit$layers) > 1 || !is.null(fit$layers[[1]]$side)) {
    rows <- held_out_rows(result$folds)
    mean <- weighted_mean(rows[!is.na(rows)], fit$weights[!is.na(rows)])
    return(list(log_likelihood = mean$mean, se = mean$se, folds = length(result$folds)))
  }
  best <- fit$validation[which.min(fit$validation$loss), ]
  constant <- fit$layers[[1]]$whitening$logdet - fit$d / 2 * log(2 * pi)
  list(log_likelihood = constant - best$loss, se = best$se, folds = length(result$folds))
}

warn_if_not_converged <- function(fit) {
  if (fit$status == "ok") return(invisible())
  why <- status_message(fit$status)
  remedy <- switch(fit$status,
    max_iterations = "Raise {.arg max_iter} of {.fn brenier_control}.",
    max_time = "Raise {.arg max_seconds} of {.fn brenier_control}.",
    interrupted = "The map is what had been reached; call again to finish.",
    "Raise {.arg tol} of {.fn brenier_control}, or look at {.code fit$trace}."
  )
  class <- if (fit$status == "interrupted") "interrupted" else "not_converged"
  reached <- if (fit$gap <= fit$control$tol) {
    "Its layers are whole, but what comes after them is missing."
  } else if (is.finite(fit$gap)) {
    paste0("Its certificate is ", format(fit$gap, digits = 2), " nats a point, not ",
           format(fit$control$tol), ".")
  } else {
    "It ended too far from its minimum for a certificate."
  }
  brenier_warn(c("The fit has not converged: {why}.", x = "{reached}", i = remedy), class)
}
