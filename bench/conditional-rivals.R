# The rivals of conditional.R. Each is fitted by a function of a set and of rows to learn from, and
# gives functions of new rows: the log densities of their responses and, for one response, a matrix of
# quantiles, a row each and a column a level.

response_of <- function(set, data) {
  as.matrix(eval(set$formula[[2]], data, environment(set$formula)))
}

# The columns of the basis at the rows of `data`, with what is estimated, such as knots, from `train`.
# Standardised, for rivals that need it, and by plain names, for those that do not predict from ns().
design_of <- function(set, train, data = train) {
  frame <- stats::model.frame(set$formula, train)
  at <- function(rows) stats::model.matrix(
    stats::delete.response(stats::terms(frame)),
    stats::model.frame(stats::delete.response(stats::terms(frame)), rows)
  )[, -1, drop = FALSE]
  learnt <- at(train)
  x <- scale(at(data), colMeans(learnt), apply(learnt, 2, sd))
  colnames(x) <- paste0("x", seq_len(ncol(x)))
  as.data.frame(x)
}

# The normal linear model, for one response or several, with the unbiased residual covariance.
fit_lm <- function(set, train) {
  x <- cbind(1, as.matrix(design_of(set, train)))
  y <- response_of(set, train)
  decomposed <- qr(x)
  coefficients <- qr.coef(decomposed, y)
  root <- chol(crossprod(qr.resid(decomposed, y)) / (nrow(x) - ncol(x)))
  mean_at <- function(test) cbind(1, as.matrix(design_of(set, train, test))) %*% coefficients
  list(
    log_density = function(test) {
      e <- backsolve(root, t(response_of(set, test) - mean_at(test)), transpose = TRUE)
      -colSums(e^2) / 2 - ncol(y) / 2 * log(2 * pi) - sum(log(diag(root)))
    },
    quantile = function(test, level) outer(drop(mean_at(test)), root[1] * stats::qnorm(level), `+`)
  )
}

fit_rq <- function(set, train) {
  list(quantile = function(test, level) {
    fits <- quantreg::rq(set$formula, tau = level, data = train)
    matrix(stats::predict(fits, test), nrow(test))
  })
}

# Additive models for location and scale, both smooth in what `set$smooth` says, or both linear in
# the basis, which fails less often. gamlss wants the data again when it predicts.
gamlss_parameters <- function(response, terms, family, train) {
  utils::capture.output(fit <- do.call(gamlss::gamlss, list(
    stats::reformulate(terms, response), sigma.formula = stats::reformulate(terms),
    family = family, data = train, control = gamlss::gamlss.control(trace = FALSE, n.cyc = 50)
  )))
  function(test) {
    utils::capture.output(all <- gamlss::predictAll(fit, newdata = test, data = train,
                                                    output = "list"))
    all[intersect(c("mu", "sigma", "nu", "tau"), names(all))]
  }
}
of_family <- function(letter, family) getExportedValue("gamlss.dist", paste0(letter, family))

gamlss_columns <- function(set, train, rows, smooth) {
  y <- response_of(set, rows)
  colnames(y) <- paste0("y", seq_len(ncol(y)))
  cbind(if (smooth) rows[all.vars(set$formula[[3]])] else design_of(set, train, rows), y)
}
gamlss_terms <- function(set, train, smooth) if (smooth) set$smooth else names(design_of(set, train))

# Several responses are taken as independent or, chained, each given those before it.
fit_gamlss <- function(family, smooth, chained) {
  function(set, train) {
    responses <- paste0("y", seq_len(ncol(response_of(set, train))))
    columns <- function(rows) gamlss_columns(set, train, rows, smooth)
    parameters <- lapply(seq_along(responses), function(j) {
      before <- if (chained && j > 1) paste0("pb(", responses[seq_len(j - 1)], ")")
      gamlss_parameters(responses[j], c(gamlss_terms(set, train, smooth), before), family,
                        columns(train))
    })
    list(
      log_density = function(test) {
        test <- columns(test)
        rowSums(vapply(seq_along(responses), function(j) {
          do.call(of_family("d", family),
                  c(list(test[[responses[j]]]), parameters[[j]](test), list(log = TRUE)))
        }, numeric(nrow(test))))
      },
      quantile = function(test, level) {
        theta <- parameters[[1]](columns(test))
        vapply(level, function(p) do.call(of_family("q", family), c(list(p), theta)),
               numeric(nrow(test)))
      }
    )
  }
}

# Transformation models of tram: the response is bent, its location and, after the bar, its scale
# depend on the basis.
fit_tram <- function(model, scale) {
  function(set, train) {
    columns <- function(rows) cbind(design_of(set, train, rows), y = response_of(set, rows)[, 1])
    learnt <- columns(train)
    terms <- paste(setdiff(names(learnt), "y"), collapse = " + ")
    formula <- stats::as.formula(paste("y ~", terms, if (scale) paste("|", terms)))
    fit <- getExportedValue("tram", model)(formula, data = learnt)
    reach <- range(learnt$y) + c(-1, 1) * diff(range(learnt$y)) / 2
    grid <- seq(reach[1], reach[2], length.out = 1000)
    list(
      log_density = function(test) {
        as.vector(stats::predict(fit, newdata = columns(test), type = "logdensity"))
      },
      quantile = function(test, level) {
        x <- columns(test)
        x$y <- NULL
        below <- stats::predict(fit, newdata = x, type = "distribution", q = grid)
        t(apply(below, 2, function(p) {
          stats::approx(p, grid, level, rule = 2, ties = "ordered")$y
        }))
      }
    )
  }
}

# The joint law of responses and covariates as a Gaussian mixture, over that of the covariates.
fit_mixture_ratio <- function(set, train) {
  covariates <- function(rows) as.matrix(rows[all.vars(set$formula[[3]])])
  joint <- rival_mclust(cbind(response_of(set, train), covariates(train)))
  alone <- rival_mclust(covariates(train))
  list(log_density = function(test) {
    joint(cbind(response_of(set, test), covariates(test))) - alone(covariates(test))
  })
}
