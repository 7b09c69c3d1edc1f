#' Priors of a regression
#'
#' The laws that [brenier_glm()] takes for coefficients, the intercept and the auxiliary parameter,
#' with the defaults and the automatic scales of the package rstanarm, so that the same call has the
#' same posterior. A flat prior is `NULL`.
#'
#' @details
#' With `autoscale` the scale is not that of the coefficient but relative to the data: the scale of a
#' coefficient is divided by the standard deviation of its column of the design, unless the column is
#' constant; and in a Gaussian family the scales of coefficients, intercept and sigma are multiplied by the
#' standard deviation of the response. Weights have no part in these. What came of it is in
#' `prior_summary(post)`, or `post$priors`.
#'
#' The prior of the intercept is that of the linear predictor where all columns of the design are at
#' their means, not at zero. The prior of the auxiliary parameter is that law given that it is positive.
#'
#' @param location Location: one number, or one a coefficient. `NULL` is the mean of the response for the
#'   intercept of a Gaussian family, and 0 elsewhere.
#' @param scale Scale, likewise: standard deviation of the normal law. `NULL` is 2.5, and 1.6 times that with
#'   a probit link, that is `2.5 * dnorm(0) / dlogis(0)`.
#' @param df Degrees of freedom.
#' @param rate One over the mean.
#' @param autoscale Whether the scale is relative to the data, see below.
#' @return An object of class `brenier_prior`, a list: `dist`, the name of the law; `df`, `location`, `scale` and
#'   `autoscale` as they were given, `NULL` for what is chosen with the data. In `post$priors` they have numbers.
#' @section Errors:
#' `brenier_error_argument` for numbers that are not finite, or a scale, rate or `df` that is not positive.
#' @source Goodrich, Gabry, Ali and Brilleman, *rstanarm: Bayesian applied regression modeling via
#'   Stan*, version 2.21, whose help page on priors has these definitions.
#' @family posteriors
#' @template definitions
#' @examples
#' normal_prior(0, 2.5)
#' student_t_prior(4, autoscale = TRUE)
#' brenier_glm(mpg ~ wt, data = mtcars, prior = cauchy_prior(0, 2.5))$priors
#' @name brenier_priors
NULL

#' @rdname brenier_priors
#' @export
normal_prior <- function(location = 0, scale = NULL, autoscale = FALSE) {
  new_prior("normal", location, scale, autoscale)
}

#' @rdname brenier_priors
#' @export
student_t_prior <- function(df = 1, location = 0, scale = NULL, autoscale = FALSE) {
  check_numbers(df, "df", positive = TRUE)
  new_prior("student_t", location, scale, autoscale, df)
}

#' @rdname brenier_priors
#' @export
cauchy_prior <- function(location = 0, scale = NULL, autoscale = FALSE) {
  new_prior("cauchy", location, scale, autoscale, 1)
}

#' @rdname brenier_priors
#' @export
laplace_prior <- function(location = 0, scale = NULL, autoscale = FALSE) {
  new_prior("laplace", location, scale, autoscale)
}

#' @rdname brenier_priors
#' @export
exponential_prior <- function(rate = 1, autoscale = FALSE) {
  check_numbers(rate, "rate", positive = TRUE)
  new_prior("exponential", 0, 1 / rate, autoscale)
}

new_prior <- function(dist, location, scale, autoscale, df = NULL) {
  if (!is.null(location)) check_numbers(location, "location")
  if (!is.null(scale)) check_numbers(scale, "scale", positive = TRUE)
  structure(list(dist = dist, df = df, location = location, scale = scale,
                 autoscale = check_flag(autoscale, "autoscale")), class = "brenier_prior")
}

check_numbers <- function(x, name, positive = FALSE) {
  ok <- is.numeric(x) && length(x) && all(is.finite(x)) && (!positive || all(x > 0))
  if (ok) return(invisible())
  brenier_abort("{.arg {name}} must be finite{if (positive) ' positive'} numbers, not {shown(x)}.",
                "argument", argument = name)
}

#' @export
print.brenier_prior <- function(x, ...) {
  cat("Prior ", prior_words(x$dist, x$df, x$location %||% "default", x$scale %||% "default"),
      if (x$autoscale) ", scaled with the data", "\n", sep = "")
  invisible(x)
}

#' @param location,scale Numbers of one coefficient, or words.
#' @noRd
prior_words <- function(dist, df, location, scale) {
  if (dist == "flat") return("flat")
  few <- function(v) if (is.numeric(v)) paste(format(v, digits = 3, trim = TRUE), collapse = " ") else v
  if (dist == "exponential") return(paste0("exponential(rate ", few(1 / as.numeric(scale)), ")"))
  paste0(dist, "(", if (dist == "student_t") paste0("df ", few(df), ", "), "location ", few(location),
         ", scale ", few(scale), ")")
}

# Kinds of the core, in its order from 0 on, with the log density at the location for scale 1, and the
# probability of what is above 0.
prior_kinds <- list(
  flat = list(code = 0L, top = function(df) 0, above = function(z, df) 1),
  normal = list(code = 1L, top = function(df) stats::dnorm(0, log = TRUE),
                above = function(z, df) stats::pnorm(z, lower.tail = FALSE)),
  student_t = list(code = 2L, top = function(df) stats::dt(0, df, log = TRUE),
                   above = function(z, df) stats::pt(z, df, lower.tail = FALSE)),
  laplace = list(code = 3L, top = function(df) -log(2),
                 above = function(z, df) ifelse(z > 0, exp(-z) / 2, 1 - exp(z) / 2)),
  exponential = list(code = 4L, top = function(df) 0, above = function(z, df) 1)
)
prior_kinds$cauchy <- prior_kinds$student_t

#' The prior of some coefficients with its numbers: a data frame with a row a coefficient, `log_top`
#' the log density at the location.
#' @param role `"coefficients"`, `"intercept"` or `"auxiliary"`.
#' @param unit What scale 1 is with `autoscale`, one a coefficient.
#' @param center The default location.
#' @noRd
resolve_prior <- function(prior, names, argument, role, unit, center, link) {
  k <- length(names)
  if (is.null(prior)) prior <- list(dist = "flat", location = 0, scale = 1, autoscale = FALSE)
  allowed <- c("flat", "normal", "student_t", "cauchy",
               switch(role, coefficients = "laplace", auxiliary = "exponential"))
  if (!is.list(prior) || !isTRUE(prior$dist %in% allowed)) {
    brenier_abort(c(
      "{.arg {argument}} must be NULL or one of {.fn {paste0(allowed[-1], '_prior')}}, not
       {if (inherits(prior, 'brenier_prior')) paste0(prior$dist, '_prior()') else shown(prior)}."
    ), "argument", argument = argument)
  }
  if (k == 0) return(NULL)
  factor <- if (link == "probit" && role != "auxiliary") stats::dnorm(0) / stats::dlogis(0) else 1
  each <- function(name, default) {
    v <- prior[[name]] %||% default
    if (length(v) %in% c(1, k)) return(rep_len(as.double(v), k))
    brenier_abort(c(
      "{.arg {name}} of {.arg {argument}} must be one number, not {length(v)}.",
      i = if (k > 1) "Or {k}, one for each of {.var {names}}."
    ), "argument", argument = argument)
  }
  given <- each("scale", 2.5 * factor)
  table <- data.frame(
    row.names = names, dist = rep(prior$dist, k), df = each("df", Inf),
    location = each("location", center), scale = given * if (prior$autoscale) unit else 1,
    given_scale = given
  )
  kind <- prior_kinds[[prior$dist]]
  above <- if (role == "auxiliary") kind$above(-table$location / table$scale, table$df) else 1
  table$code <- kind$code
  table$log_top <- if (prior$dist == "flat") 0 else kind$top(table$df) - log(table$scale) - log(above)
  table
}

#' The priors of all parameters in the order of the model.
#' @noRd
resolve_priors <- function(prior, prior_intercept, prior_aux, design, response, family) {
  gaussian <- family$name == "gaussian"
  y <- response$y
  spread <- if (gaussian) stats::sd(y) else 1
  if (gaussian && !(is.finite(spread) && spread > 0)) {
    autoscaled <- vapply(list(prior, prior_intercept, prior_aux), function(p) isTRUE(p$autoscale), NA)
    if (any(autoscaled)) {
      brenier_abort(c(
        "No prior can be scaled by the standard deviation of the response, which is {format(spread)}.",
        i = "Give priors with {.code autoscale = FALSE}."
      ), "argument", argument = "formula")
    }
    spread <- 1
  }
  columns <- apply(design$X, 2, stats::sd)
  columns[!(columns > 0)] <- 1
  at <- if (design$intercept) -1 else seq_along(columns)
  slopes <- colnames(design$X)[at]
  list(
    intercept = if (design$intercept) {
      resolve_prior(prior_intercept, "(Intercept)", "prior_intercept", "intercept", spread,
                    if (gaussian) mean(y) else 0, family$link)
    },
    coefficients = resolve_prior(prior, slopes, "prior", "coefficients", spread / columns[at], 0,
                                 family$link),
    auxiliary = if (length(family$aux)) {
      resolve_prior(prior_aux, family$aux, "prior_aux", "auxiliary", spread, 0, family$link)
    }
  )
}

#' @export
print.brenier_glm_priors <- function(x, ...) {
  head <- c(intercept = "Intercept, with the columns of the design at their means",
            coefficients = "Coefficients", auxiliary = "Auxiliary parameter")
  cat("Priors\n")
  for (part in names(head)) {
    table <- x[[part]]
    if (is.null(table)) next
    cat(head[[part]], "\n", sep = "")
    for (k in seq_len(nrow(table))) {
      row <- table[k, ]
      cat("  ", format(rownames(table)[k], width = max(nchar(rownames(table)))), "  ",
          prior_words(row$dist, row$df, row$location, row$scale),
          if (row$scale != row$given_scale) {
            paste0(", scaled from ", if (row$dist == "exponential") "rate " else "scale ",
                   format(if (row$dist == "exponential") 1 / row$given_scale else row$given_scale,
                          digits = 3))
          }, "\n", sep = "")
    }
  }
  invisible(x)
}
