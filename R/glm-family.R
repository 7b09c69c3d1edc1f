# Families of regressions: what a response may be, its law, and where a fit starts. A new family is
# one entry here and one row of the table in src/glm.c.
#
#   aux         name of the auxiliary parameter, if there is one
#   links       those that the core knows
#   response    list(y, size) from the response of a model frame, or an error
#   log_lik     of y for the mean mu, matrices alike; size is the number of trials
#   draw        a draw of y
#   variance    of y over its mean: for Pearson residuals
#   constant    what the log likelihood has and the core does not know of
#   start       list(information, aux): of a row about its linear predictor, and a guess of aux

glm_families <- list(
  gaussian = list(
    aux = "sigma", links = "identity",
    response = function(y, name) list(y = numeric_response(y, name)),
    log_lik = function(y, size, mu, aux) stats::dnorm(y, mu, aux, log = TRUE),
    draw = function(mu, size, aux) stats::rnorm(length(mu), mu, aux),
    variance = function(mu, aux) aux^2,
    constant = function(y, size, w) -sum(w) * log(2 * pi) / 2,
    start = function(y, size, w, mu) {
      sigma <- stats::sd(y)
      if (!isTRUE(sigma > 0)) sigma <- 1
      list(information = 1 / sigma^2, aux = sigma)
    }
  ),
  binomial = list(
    aux = character(), links = c("logit", "probit", "cloglog"),
    response = function(y, name) binomial_response(y, name),
    log_lik = function(y, size, mu, aux) stats::dbinom(y, size, mu, log = TRUE),
    draw = function(mu, size, aux) stats::rbinom(length(mu), size, mu),
    variance = function(mu, aux) mu * (1 - mu),
    constant = function(y, size, w) sum(w * lchoose(size, y)),
    start = function(y, size, w, mu) list(information = mu * (1 - mu))
  ),
  poisson = list(
    aux = character(), links = "log",
    response = function(y, name) list(y = count_response(y, name)),
    log_lik = function(y, size, mu, aux) stats::dpois(y, mu, log = TRUE),
    draw = function(mu, size, aux) stats::rpois(length(mu), mu),
    variance = function(mu, aux) mu,
    constant = function(y, size, w) -sum(w * lfactorial(y)),
    start = function(y, size, w, mu) list(information = mu)
  ),
  neg_binomial_2 = list(
    aux = "reciprocal_dispersion", links = "log",
    response = function(y, name) list(y = count_response(y, name)),
    log_lik = function(y, size, mu, aux) stats::dnbinom(y, size = aux, mu = mu, log = TRUE),
    draw = function(mu, size, aux) stats::rnbinom(length(mu), size = aux, mu = mu),
    variance = function(mu, aux) mu + mu^2 / aux,
    constant = function(y, size, w) -sum(w * lfactorial(y)),
    start = function(y, size, w, mu) {
      aux <- within_limits(mu^2 / max(stats::var(y) - mu, 1e-3 * mu), 0.1, 100)
      list(information = mu / (1 + mu / aux), aux = aux)
    }
  ),
  Gamma = list(
    aux = "shape", links = "log",
    response = function(y, name) list(y = positive_response(y, name)),
    log_lik = function(y, size, mu, aux) stats::dgamma(y, shape = aux, rate = aux / mu, log = TRUE),
    draw = function(mu, size, aux) stats::rgamma(length(mu), shape = aux, rate = aux / mu),
    variance = function(mu, aux) mu^2 / aux,
    constant = function(y, size, w) 0,
    start = function(y, size, w, mu) {
      aux <- within_limits(mu^2 / stats::var(y), 0.1, 100)
      list(information = aux, aux = aux)
    }
  )
)

within_limits <- function(x, low, high) if (is.finite(x)) min(max(x, low), high) else 1

#' Negative binomial family
#'
#' Counts with mean \eqn{\mu}{mu} and variance \eqn{\mu + \mu^2/\phi}{mu + mu^2/phi}, \eqn{\phi}{phi} the
#' reciprocal dispersion, for [brenier_glm()], which estimates it.
#'
#' @param link `"log"`, the one link.
#' @return A family object as of [stats::family()].
#' @family posteriors
#' @examples
#' neg_binomial_2()
#' @export
neg_binomial_2 <- function(link = "log") {
  check_choice(link, "log", "link")
  log_link <- stats::make.link("log")
  structure(c(
    list(family = "neg_binomial_2", link = "log"), log_link[c("linkfun", "linkinv", "mu.eta", "valideta")],
    list(variance = function(mu, theta = Inf) mu + mu^2 / theta)
  ), class = "family")
}

#' @param family What a user may write: a family, a function that makes one, or its name.
#' @return The entry of the table with `name`, `link` and the functions of the link.
#' @noRd
as_glm_family <- function(family) {
  if (is.character(family) && length(family) == 1 && family %in% names(glm_families)) {
    family <- switch(family, neg_binomial_2 = neg_binomial_2,
                     get(family, mode = "function", envir = asNamespace("stats")))
  }
  if (is.function(family)) family <- tryCatch(family(), error = function(e) family)
  known <- names(glm_families)
  if (!inherits(family, "family") || !family$family %in% known) {
    name <- if (inherits(family, "family")) family$family else shown(family)
    brenier_abort(c(
      "{.arg family} must be one of {.fn {known}}, not {name}.",
      i = if (grepl("^Negative Binomial", name)) "{.fn neg_binomial_2} estimates the dispersion."
    ), "argument", argument = "family")
  }
  entry <- glm_families[[family$family]]
  if (!family$link %in% entry$links) {
    brenier_abort(c(
      "The link of {.arg family} must be {.or {.val {entry$links}}} for {.fn {family$family}}, not
       {.val {family$link}}."
    ), "argument", argument = "family")
  }
  c(list(name = family$family, link = family$link, object = family), entry)
}

core_family <- function(family) {
  name <- if (family$name == "neg_binomial_2") "negative_binomial" else family$name
  paste0(name, "(", family$link, ")")
}

# --- responses ----------------------------------------------------------------

abort_response <- function(name, must, value, remedy = NULL) {
  brenier_abort(c("The response {.code {name}} must be {must}, not {value}.", i = remedy), "response",
                argument = "formula")
}

numeric_response <- function(y, name, must = "finite numbers", ok = is.finite) {
  if (!is.numeric(y) || is.factor(y) || NCOL(y) > 1) abort_response(name, must, shown_response(y))
  y <- as.double(y)
  bad <- which(!ok(y))
  if (length(bad)) {
    abort_response(name, must, paste(format(y[bad[1]]), "in observation", bad[1]))
  }
  y
}

shown_response <- function(y) {
  if (is.data.frame(y) || is.matrix(y)) shown(as.matrix(y)) else paste("a", class(y)[1])
}

is_count <- function(y) is.finite(y) & y >= 0 & y == round(y)

count_response <- function(y, name) numeric_response(y, name, "whole numbers from 0 on", is_count)

positive_response <- function(y, name) {
  numeric_response(y, name, "positive finite numbers", function(y) is.finite(y) & y > 0)
}

#' `share` is TRUE where the weights are numbers of trials, as for proportions.
#' @noRd
binomial_response <- function(y, name) {
  must <- paste("a factor, logical, 0 and 1, proportions with numbers of trials in `weights`,",
                "or `cbind(successes, failures)`")
  if (is.factor(y)) {
    return(list(y = as.double(y != levels(y)[1]), size = rep(1, length(y))))
  }
  if (is.matrix(y) && is.numeric(y) && ncol(y) == 2) {
    bad <- which(!is_count(y[, 1]) | !is_count(y[, 2]))
    if (length(bad)) {
      abort_response(name, "whole numbers from 0 on in both columns",
                     paste(y[bad[1], 1], "and", y[bad[1], 2], "in observation", bad[1]))
    }
    return(list(y = as.double(y[, 1]), size = as.double(y[, 1] + y[, 2])))
  }
  if (is.logical(y)) y <- as.double(y)
  y <- numeric_response(y, name, must, function(y) is.finite(y) & y >= 0 & y <= 1)
  list(y = y, size = rep(1, length(y)), share = any(y != 0 & y != 1))
}

#' The response with its weights: list(y, size, w).
#' @noRd
glm_response <- function(model, weights, family) {
  name <- deparse1(attr(attr(model, "terms"), "variables")[[2]])
  value <- stats::model.response(model)
  if (is.null(value)) {
    brenier_abort("{.arg formula} must have a response: {.code y ~ x}.", "formula",
                  argument = "formula")
  }
  response <- family$response(value, name)
  n <- length(response$y)
  response$w <- check_glm_weights(weights, n)
  if (!isTRUE(response$share)) {
    response$share <- NULL
    if (is.null(response$size)) response$size <- rep(1, n)
    return(response)
  }
  successes <- response$y * response$w
  bad <- which(abs(successes - round(successes)) > 1e-3 | response$w != round(response$w))
  if (is.null(weights) || length(bad)) {
    at <- if (is.null(weights)) which(response$y %% 1 != 0)[1] else bad[1]
    abort_response(name, "0 or 1, or a proportion of the number of trials in `weights`",
                   paste(format(response$y[at]), "of", format(response$w[at]), "in observation", at))
  }
  list(y = round(successes), size = response$w, w = rep(1, n))
}

check_glm_weights <- function(weights, n) {
  if (is.null(weights)) return(rep(1, n))
  if (!is.numeric(weights) || !all(is.finite(weights)) || any(weights < 0)) {
    brenier_abort("{.arg weights} must be finite numbers from 0 on.", "argument", argument = "weights")
  }
  if (all(weights == 0)) {
    brenier_abort("{.arg weights} must not all be 0.", "argument", argument = "weights")
  }
  as.double(weights)
}
