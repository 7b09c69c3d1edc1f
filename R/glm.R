#' Posterior of a regression
#'
#' Bayesian generalised linear models by a Brenier map: the formula of [stats::glm()], the priors of the
#' package rstanarm, and the approximation of [brenier_vi()]. The log density and its gradient are
#' computed in C for a batch of points at a time.
#'
#' @details
#' The parameters are the coefficients, named as in `glm()`, and the auxiliary parameter of the family:
#' `sigma`, the standard deviation of a `gaussian()` response; `reciprocal_dispersion`
#' \eqn{\phi}{phi} of [neg_binomial_2()], with variance \eqn{\mu + \mu^2/\phi}{mu + mu^2/phi}; `shape` of
#' a `Gamma()` response, with variance \eqn{\mu^2/shape}{mu^2/shape}. Inside, the columns of the design are
#' centred where there is an intercept, the auxiliary parameter is on the log scale, and the prior and
#' information at the start give coordinates in which the posterior is near N(0, I), so that units
#' do not matter. The intercept is reported for the columns as they are.
#'
#' Weights multiply the log likelihood: an observation of weight 2 counts as two. `glm()` reads those of
#' a Gaussian response so for the coefficients but not for sigma. With proportions as response they are
#' the numbers of trials.
#'
#' A flat prior may leave a posterior without a finite integral: where a design is not of full rank
#' that is an error, where the responses are separated, as in a logistic regression without overlap,
#' a warning, and the result, of little work, is of no use.
#'
#' **Accuracy.** The map is fitted to quasi-random points of the reference, 512 of them unless they turn
#' out to be too few (`points` in [brenier_vi_control()]). Means of the draws are then off by less than a
#' hundredth of a posterior standard deviation, and standard deviations by less than 2%, where these are
#' known: in the package's tests a linear regression with flat priors. For less, weight the draws: the
#' log weights of `as_draws()` correct what is left, where khat is below 0.7. Or take more `points`, which
#' helps until the form of the map is what limits.
#'
#' @param formula A formula with a response, as for [stats::glm()]. For `binomial()` the response is a factor
#'   (its first level is failure), logical, 0 and 1, a proportion with numbers of trials in `weights`, or
#'   `cbind(successes, failures)`.
#' @param family `gaussian()`; `binomial()` with link logit, probit or cloglog; `poisson()`,
#'   [neg_binomial_2()] and `Gamma("log")` with the log link.
#' @param data A data frame; without it, variables are looked up where the formula was written.
#' @param prior,prior_intercept,prior_aux Priors of the coefficients, of the intercept when all columns are at
#'   their means, and of the auxiliary parameter: see [brenier_priors]. `NULL` is a flat prior. The
#'   defaults are those of rstanarm.
#' @param weights,offset,subset,na.action As for [stats::glm()]. Weights are not negative.
#' @param potential,control,seed As for [brenier_vi()].
#' @param ... None.
#' @return An object of class `brenier_glm` and `brenier_posterior`, with the elements of the latter, see
#'   [brenier_vi()], and `formula`, `terms`, `model`, `na.action`, `priors`, `y`, `size` (numbers of trials),
#'   `weights`, `offset`; `improper`, whether there was that warning; `design` and `link`, which the methods
#'   need. `family()` has the family of the response, `post$family` that of the potential. For its methods see [coef.brenier_glm()] and [posterior_predict.brenier_glm()].
#' @section Errors:
#' `brenier_error_response` for a response that the family does not have, `brenier_error_singular` for
#' a design that is not of full rank with a flat prior, `brenier_error_unbounded` for a Gaussian response
#' that the design fits exactly, `brenier_error_formula`, `brenier_error_variable`,
#' `brenier_error_argument`; `brenier_warning_improper` where responses are separated and a prior is flat.
#' @source Priors: the help of rstanarm, see [brenier_priors].
#' @seealso [brenier_definitions], [brenier_vi()]
#' @family posteriors
#' @examples
#' post <- brenier_glm(cbind(ncases, ncontrols) ~ agegp, family = binomial(), data = esoph)
#' post
#' brenier_glm(mpg ~ wt + factor(cyl), data = mtcars)$priors
#' @export
brenier_glm <- function(formula, family = stats::gaussian(), data = NULL,
                        prior = normal_prior(autoscale = TRUE),
                        prior_intercept = normal_prior(NULL, autoscale = TRUE),
                        prior_aux = exponential_prior(autoscale = TRUE), weights = NULL,
                        offset = NULL, subset = NULL, na.action = NULL,
                        potential = c("both", "ridge", "softmax"),
                        control = brenier_vi_control(), seed = NULL, ...) {
  began <- proc.time()[["elapsed"]]
  check_no_dots(..., known = names(formals(brenier_glm)))
  potential <- check_choice(potential, c("both", "ridge", "softmax"), "potential")
  control <- as_vi_control(control)
  call <- match.call()
  family <- as_glm_family(family)
  frame <- call[c(1, match(c("formula", "data", "subset", "weights", "na.action", "offset"),
                           names(call), 0))]
  frame[[1]] <- quote(stats::model.frame)
  frame$formula <- check_glm_formula(formula, data)
  frame$drop.unused.levels <- TRUE
  model <- eval_frame(frame, parent.frame())
  check_not_empty(model, "data")
  design <- glm_design(model)
  response <- glm_response(model, stats::model.weights(model), family)
  offset <- glm_offset(model)
  priors <- resolve_priors(prior, prior_intercept, prior_aux, design, response, family)
  improper <- is_improper(design, response, offset, family, priors)
  if (improper) { # there is no law to approximate: what comes is a Gaussian of little work
    potential <- "ridge"
    control$max_atoms <- 0L
    control$max_iter <- 20L
    control$improper <- TRUE
  }
  core <- glm_model(design, response, offset, family, priors)
  start <- glm_start(design, response, offset, family, priors)
  target <- glm_target(core, design, family, start)
  fit <- with_seed(seed %||% 1, {
    fit_posterior(target, target$init, potential, 1L, FALSE, with_deadline(target, control, began),
                  new_progress())
  })
  post <- new_posterior(target, fit, potential, control, began, call)
  post[c("formula", "terms", "model", "design", "priors")] <- list(
    formula, attr(model, "terms"), model, design, structure(priors, class = "brenier_glm_priors")
  )
  post$link <- family
  post$y <- response$y
  post$size <- response$size
  post$weights <- response$w
  post["offset"] <- list(offset)
  post$na.action <- attr(model, "na.action")
  post$improper <- improper
  post$converged <- post$converged && !improper
  class(post) <- c("brenier_glm", class(post))
  post
}

check_glm_formula <- function(formula, data) {
  formula <- tryCatch(stats::as.formula(formula), error = function(e) NULL)
  if (!inherits(formula, "formula") || length(formula) != 3) {
    brenier_abort(c(
      "{.arg formula} must be a formula with a response.", i = "Write {.code y ~ a + b}."
    ), "formula", argument = "formula")
  }
  if (has_groups(formula, data)) {
    brenier_abort(c(
      "{.arg formula} must not have terms for groups, {.code (x | group)}.",
      i = "Give such a model of glmmTMB, or of Stan, to {.fn as_target} and {.fn brenier_vi}."
    ), "formula", argument = "formula")
  }
  if (!is.null(data) && !is.data.frame(data) && !is.list(data) && !is.environment(data)) {
    brenier_abort("{.arg data} must be a data frame, not {shown(data)}.", "type",
                  argument = "data")
  }
  if (is.data.frame(data)) check_variables(formula, data)
  formula
}

#' Whether there is a term such as (1 | group).
#' @noRd
has_groups <- function(formula, data) {
  frame <- if (is.data.frame(data)) data
  variables <- tryCatch(as.list(attr(stats::terms(formula, data = frame), "variables")),
                        error = function(e) NULL)
  bars <- c(quote(`|`), quote(`||`))
  any(vapply(variables, function(v) is.call(v) && any(vapply(bars, identical, NA, v[[1]])), NA))
}

#' The model matrix of a model frame with what new data need: see new_covariates().
#' @noRd
glm_design <- function(model) {
  terms <- stats::delete.response(attr(model, "terms"))
  X <- tryCatch(stats::model.matrix(terms, model), error = function(e) {
    brenier_abort(c(
      "The covariates of {.arg formula} make no model matrix.", x = "{conditionMessage(e)}"
    ), "variable", argument = "formula")
  })
  check_covariates(X, "data")
  if (ncol(X) == 0) {
    brenier_abort("{.arg formula} has no coefficient.", "formula", argument = "formula")
  }
  if (ncol(X) > 255) {
    brenier_abort("{.arg formula} must have at most 255 coefficients, not {ncol(X)}.", "formula",
                  argument = "formula")
  }
  list(
    X = X, intercept = attr(terms, "intercept") == 1, terms = terms,
    xlevels = stats::.getXlevels(terms, model), contrasts = attr(X, "contrasts"),
    columns = colnames(X), variables = as.character(names(variables_in(terms)))
  )
}

glm_offset <- function(model) {
  offset <- tryCatch(stats::model.offset(model), error = function(e) NaN)
  if (is.null(offset)) return(numeric(nrow(model)))
  if (length(offset) == nrow(model) && all(is.finite(offset))) return(as.double(offset))
  brenier_abort("The offset must be one finite number an observation.", "argument",
                argument = "offset")
}

#' Whether some direction has no prior and no end in the likelihood, which is said; an error where that
#' is plain from the design.
#' @noRd
is_improper <- function(design, response, offset, family, priors) {
  table <- rbind(priors$intercept, priors$coefficients)
  flat <- table$dist == "flat"
  flat_aux <- isTRUE(priors$auxiliary$dist == "flat")
  used <- response$w * response$size > 0
  X <- design$X[used, , drop = FALSE]
  root <- qr(sweep(X, 2, pmax(apply(abs(X), 2, max), 1e-300), "/"), tol = 1e-9)
  if (any(flat) && root$rank < ncol(X)) {
    lost <- colnames(X)[root$pivot[-seq_len(root$rank)]]
    brenier_abort(c(
      "With a flat prior the columns of the design must not depend on each other.",
      x = "{.var {lost}} {?is a/are} combination{?s} of the others, constant, or more than the data
           can tell.",
      i = "Leave {cli::qty(lost)}{?it/them} out, or give {.arg prior} and {.arg prior_intercept}."
    ), "singular", argument = "formula")
  }
  if (family$name == "gaussian") {
    y <- (response$y - offset)[used]
    if (sum(used) > root$rank && sum(qr.resid(root, y)^2) <= 1e-20 * max(sum(y^2), 1e-300)) {
      brenier_abort(c(
        "The posterior of a Gaussian response that the design fits exactly is unbounded.",
        i = "Look for the response among the covariates."
      ), "unbounded", argument = "formula")
    }
  }
  why <- if (any(flat) && is_separated(X, response, offset, family, used)) {
    if (family$name == "binomial") "The covariates separate the responses: the likelihood has no maximum."
    else "The likelihood has no maximum: some coefficient grows without bound."
  } else if (flat_aux && family$name == "neg_binomial_2") {
    "The likelihood does not fall to 0 as the reciprocal dispersion grows."
  } else if (flat_aux && family$name == "gaussian" && sum(response$w) - sum(flat) <= 1) {
    "There are too few observations to bound sigma."
  }
  if (is.null(why)) return(FALSE)
  brenier_warn(c(
    "With these flat priors the posterior has no finite integral, and no law.", x = why,
    i = "Give {.arg prior}, {.arg prior_intercept} and {.arg prior_aux}."
  ), "improper")
  TRUE
}

#' Whether the steps of the maximum likelihood fit do not get smaller.
#' @noRd
is_separated <- function(X, response, offset, family, used) {
  if (!family$name %in% c("binomial", "poisson", "neg_binomial_2")) return(FALSE)
  binomial <- family$name == "binomial"
  law <- if (binomial) family$object else stats::poisson()
  size <- response$size[used]
  fit <- function(steps, start = NULL) {
    suppressWarnings(stats::glm.fit(
      X, (response$y[used] / size), weights = response$w[used] * size, start = start,
      offset = offset[used], family = law, control = list(epsilon = 1e-300, maxit = steps)
    ))
  }
  tryCatch({
    first <- fit(12)
    second <- fit(1, first$coefficients)
    max(abs(second$linear.predictors - first$linear.predictors)) > 0.1
  }, error = function(e) TRUE)
}
