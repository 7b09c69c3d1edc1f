# Regressions against R's densities, closed forms, glm(), and the sampler of rstanarm.

# The call is made anew where it was written, for the data are looked up there.
quick_glm <- function(...) {
  call <- sys.call()
  call[[1]] <- quote(brenier_glm)
  call$control <- brenier_vi_control(max_atoms = 0, points = 256, validation = 1024)
  eval(call, parent.frame())
}

glm_data <- function() {
  withr::with_seed(1, {
    n <- 150
    d <- data.frame(x = rnorm(n), u = rnorm(n, 50, 3), f = factor(sample(letters[1:3], n, TRUE)),
                    w = sample(0:3, n, TRUE), o = rnorm(n) / 5)
    d$y <- 3 + d$x + rnorm(n)
    d$count <- rpois(n, exp(0.5 + d$x / 3))
    d$s <- rbinom(n, 5, plogis(d$x))
    d$g <- rgamma(n, 3, 3 / exp(d$x / 2))
    d$b <- rbinom(n, 1, plogis(d$x - 1))
    d
  })
}

# The log density of a row of the parameters, by R's own functions.
reference_glm <- function(post, x) {
  X <- model.matrix(formula(post), model.frame(post))
  k <- ncol(X)
  coef <- x[seq_len(k)]
  eta <- drop(X %*% coef) + post$offset
  link <- family(post)$link
  mu <- switch(link, logit = plogis(eta), probit = pnorm(eta), cloglog = 1 - exp(-exp(eta)),
               log = exp(eta), identity = eta)
  a <- x[-seq_len(k)]
  y <- post$y
  each <- switch(family(post)$family,
    gaussian = dnorm(y, mu, a, log = TRUE), binomial = dbinom(y, post$size, mu, log = TRUE),
    poisson = dpois(y, mu, log = TRUE), Gamma = dgamma(y, a, scale = mu / a, log = TRUE),
    neg_binomial_2 = dnbinom(y, size = a, mu = mu, log = TRUE)
  )
  law <- function(row, v) {
    z <- (v - row$location) / row$scale
    switch(row$dist, normal = dnorm(v, row$location, row$scale, log = TRUE), flat = 0,
           cauchy = dcauchy(v, row$location, row$scale, log = TRUE),
           student_t = dt(z, row$df, log = TRUE) - log(row$scale),
           laplace = -abs(z) - log(2 * row$scale),
           exponential = dexp(v, 1 / row$scale, log = TRUE))
  }
  positive <- function(row) {
    z <- row$location / row$scale
    switch(row$dist, normal = pnorm(z, log.p = TRUE), cauchy = pcauchy(z, log.p = TRUE),
           student_t = pt(z, row$df, log.p = TRUE), 0)
  }
  p <- post$priors
  if (!is.null(p$intercept)) coef[1] <- coef[1] + sum(colMeans(X)[-1] * coef[-1])
  table <- rbind(p$intercept, p$coefficients)
  prior <- sum(vapply(seq_len(k), function(j) law(table[j, ], coef[j]), 0))
  if (length(a)) prior <- prior + law(p$auxiliary, a) - positive(p$auxiliary)
  sum(post$weights * each) + prior
}

test_that("log density and gradient are those of R's densities, for each family, link and prior", {
  d <- glm_data()
  posts <- list(
    quick_glm(y ~ x + u + f, data = d, weights = w, offset = o),
    quick_glm(y ~ x + u, data = d, prior = laplace_prior(0, 1), prior_aux = cauchy_prior(1, 2),
              prior_intercept = student_t_prior(3, 0, 2)),
    quick_glm(cbind(s, 5 - s) ~ x + f, binomial(), d, prior = cauchy_prior(autoscale = TRUE), weights = w),
    quick_glm(cbind(s, 5 - s) ~ f, binomial("probit"), d, offset = o),
    quick_glm(b ~ x + f, binomial("cloglog"), d, prior = student_t_prior(5, 1:3, 2)),
    quick_glm(count ~ x * f, poisson(), d, weights = w),
    quick_glm(count ~ x + offset(o), neg_binomial_2(), d, prior_aux = normal_prior(1, 2)),
    quick_glm(count ~ 0 + f, "neg_binomial_2", d, prior = NULL),
    quick_glm(g ~ x + f, Gamma("log"), d, prior_aux = student_t_prior(3, 0, 5), weights = w)
  )
  for (post in posts) {
    draws <- as_draws(post, 4, seed = 1)
    x <- as.matrix(simulate(post, 4, seed = 1))
    expect_equal(draws$lp__, apply(x, 1, reference_glm, post = post), tolerance = 1e-12)
    expect_equal(draws$lp_approx__, predict(post, x, type = "log_density"), tolerance = 1e-10)
    z <- target_coordinates(post$target, unname(x))
    expect_equal(target_parameters(post$target, z)$x, x, tolerance = 1e-12)
    slope <- vapply(seq_len(ncol(z)), function(k) {
      derivative(function(z) target_value(post$target, z), z, k)
    }, numeric(4))
    expect_equal(target_slope(post$target, z, diag(ncol(z))), slope, tolerance = 1e-7)
  }
})

test_that("rows that agree are summed, and a Gaussian response is as many rows as columns", {
  d <- glm_data()
  rows <- function(post) ncol(post$target$recipe$model$X)
  expect_equal(rows(quick_glm(cbind(s, 5 - s) ~ f, binomial(), d)), 3)
  expect_equal(rows(quick_glm(count ~ f, neg_binomial_2(), d)), 3)
  expect_equal(rows(quick_glm(count ~ f, poisson(), d, offset = o)), 150)
  expect_equal(rows(quick_glm(y ~ x + f, data = d)), 4)
})

test_that("priors and their scales are those that rstanarm documents", {
  post <- quick_glm(mpg ~ wt + am, data = mtcars)
  # as prior_summary() of stan_glm(mpg ~ wt + am, data = mtcars) says
  expect_equal(post$priors$coefficients$scale, c(15.40, 30.20), tolerance = 1e-3)
  expect_equal(post$priors$intercept$location, mean(mtcars$mpg))
  expect_equal(post$priors$intercept$scale, 2.5 * sd(mtcars$mpg))
  expect_equal(post$priors$auxiliary$scale, sd(mtcars$mpg))
  scales <- function(...) {
    p <- brenier_glm(..., control = list(max_atoms = 0, validation = 1024))$priors
    unlist(lapply(p, `[[`, "scale"), use.names = FALSE)
  }
  expect_equal(scales(am ~ wt, binomial(), mtcars), c(2.5, 2.5 / sd(mtcars$wt)))
  probit <- 2.5 * dnorm(0) / dlogis(0)
  expect_equal(scales(am ~ wt, binomial("probit"), mtcars), probit * c(1, 1 / sd(mtcars$wt)))
  expect_equal(scales(carb ~ wt, neg_binomial_2(), mtcars), c(2.5, 2.5 / sd(mtcars$wt), 1))
  expect_equal(scales(mpg ~ wt, data = mtcars, prior = normal_prior(0, 3), prior_aux = exponential_prior(2),
                      prior_intercept = cauchy_prior(0, 7)), c(7, 3, 0.5))
  expect_output(print(post$priors), "wt +normal\\(location 0, scale 15.4\\), scaled from scale 2.5")
  expect_output(print(normal_prior(0, 2.5)), "normal\\(location 0, scale 2.5\\)")
})

test_that("flat priors give the closed forms of the linear model", {
  flat <- function(...) {
    brenier_glm(mpg ~ wt + qsec, data = mtcars, prior = NULL, prior_intercept = NULL, prior_aux = NULL, ...)
  }
  # With 512 points, as by default, it is the last bits of a sum that choose how large the error is.
  post <- flat(control = brenier_vi_control(points = 4096))
  fit <- lm(mpg ~ wt + qsec, mtcars)
  X <- model.matrix(fit)
  rest <- sum(resid(fit)^2)
  nu <- nrow(X) - ncol(X) - 1 # the prior of sigma is flat, not 1/sigma
  cov <- solve(crossprod(X)) * rest / (nu - 2)
  sd <- sqrt(diag(cov))
  expect_lt(max(abs(coef(post) - coef(fit)) / sd), 5e-3)
  expect_equal(sqrt(diag(vcov(post))), sd, tolerance = 1e-2)
  expect_equal(cov2cor(vcov(post)), cov2cor(cov), tolerance = 1e-2)
  expect_equal(summary(post)$parameters["sigma", "mean"],
               sqrt(rest / 2) * exp(lgamma((nu - 1) / 2) - lgamma(nu / 2)), tolerance = 5e-3)
  # what the help says of the default
  quick <- flat()
  expect_lt(max(abs(coef(quick) - coef(fit)) / sd), 0.01)
  expect_equal(sqrt(diag(vcov(quick))), sd, tolerance = 0.02)
  evidence <- -(nu + 1) / 2 * log(2 * pi) - determinant(crossprod(X))$modulus / 2 - log(2) +
    lgamma(nu / 2) - nu / 2 * log(rest / 2)
  expect_equal(post$log_evidence, as.double(evidence), tolerance = 1e-2 / abs(evidence))
})

test_that("a flat intercept alone gives the laws of gamma and beta", {
  y <- c(2, 0, 3, 1, 4)
  post <- brenier_glm(y ~ 1, poisson(), prior_intercept = NULL)
  s <- summary(post)$parameters
  expect_equal(s$mean, digamma(10) - log(5), tolerance = 5e-3)
  expect_equal(s$sd, sqrt(trigamma(10)), tolerance = 1e-2)
  expect_equal(post$log_evidence, lgamma(10) - 10 * log(5) - sum(lfactorial(y)), tolerance = 1e-3)
  post <- brenier_glm(cbind(7, 4) ~ 1, binomial(), prior_intercept = NULL)
  s <- summary(post)$parameters
  expect_equal(s$mean, digamma(7) - digamma(4), tolerance = 1e-2)
  expect_equal(s$sd, sqrt(trigamma(7) + trigamma(4)), tolerance = 1e-2)
  expect_equal(post$log_evidence, lbeta(7, 4) + lchoose(11, 4), tolerance = 1e-3)
})

test_that("with many data and flat priors it is glm()", {
  d <- withr::with_seed(3, {
    x <- rnorm(8e3)
    data.frame(x = x, f = gl(2, 4e3), b = rbinom(8e3, 1, plogis(x / 2 - 1)), n = rpois(8e3, exp(x / 3)))
  })
  for (case in list(list(b ~ x + f, binomial()), list(n ~ x * f, poisson()))) {
    fit <- glm(case[[1]], case[[2]], d)
    post <- brenier_glm(case[[1]], case[[2]], d, prior = NULL, prior_intercept = NULL,
                        potential = "ridge")
    se <- sqrt(diag(vcov(fit)))
    expect_lt(max(abs(coef(post) - coef(fit)) / se), 0.03) # the mean is off the mode by 1/n
    expect_equal(vcov(post), vcov(fit), tolerance = 1e-2)
    expect_equal(fitted(post), fitted(fit), tolerance = 1e-3)
    expect_equal(predict(post), predict(fit), tolerance = 1e-3)
    expect_named(coef(post), names(coef(fit)))
    expect_equal(nobs(post), nobs(fit))
  }
})

test_that("posteriors are those of rstanarm within Monte Carlo error", {
  skip_if_not_installed("MASS")
  birthwt <- transform(MASS::birthwt, race = factor(race))
  posts <- list(
    mtcars = brenier_glm(mpg ~ wt + am, data = mtcars),
    birthwt = brenier_glm(low ~ age + lwt + race + smoke, binomial(), birthwt),
    probit = brenier_glm(cbind(ncases, ncontrols) ~ agegp, binomial("probit"), esoph),
    cloglog = brenier_glm(am ~ wt, binomial("cloglog"), mtcars,
                          prior = cauchy_prior(0, 2.5, autoscale = TRUE)),
    warpbreaks = brenier_glm(breaks ~ wool * tension, poisson(), warpbreaks),
    quine = brenier_glm(Days ~ Sex + Age, neg_binomial_2(), MASS::quine,
                        prior = student_t_prior(4, 0, 1), prior_aux = exponential_prior(2)),
    trees = brenier_glm(Volume ~ log(Girth) + log(Height), Gamma("log"), trees,
                        prior = laplace_prior(0, 2.5), offset = log(Height))
  )
  table <- read.csv(test_path("fixtures", "rstanarm.csv"))
  for (name in names(posts)) {
    ours <- summary(posts[[name]])$parameters
    theirs <- table[table$model == name, ]
    expect_identical(rownames(ours), theirs$variable)
    # four standard errors of theirs, and a hundredth of a standard deviation
    expect_lt(max(abs(ours$mean - theirs$mean) / (4 * theirs$mcse_mean + 0.01 * theirs$sd)), 1)
    expect_lt(max(abs(ours$sd - theirs$sd) / (4 * theirs$mcse_sd + 0.01 * theirs$sd)), 1)
    expect_lt(pareto_khat(posts[[name]]), 0.7)
  }
})

test_that("responses of a binomial law may come in every form that glm() reads", {
  d <- data.frame(x = c(-1, 0, 1, 2), s = c(1, 1, 3, 3), n = c(4, 3, 4, 3))
  long <- data.frame(x = rep(d$x, d$n), b = unlist(Map(function(s, n) rep(1:0, c(s, n - s)), d$s, d$n)))
  same <- list(
    quick_glm(cbind(s, n - s) ~ x, binomial(), d, prior = NULL),
    quick_glm(I(s / n) ~ x, binomial(), d, weights = n, prior = NULL),
    quick_glm(b ~ x, binomial(), long, prior = NULL),
    quick_glm(factor(b, labels = c("no", "yes")) ~ x, binomial(), long, prior = NULL),
    quick_glm(b == 1 ~ x, "binomial", long, prior = NULL)
  )
  for (post in same[-1]) expect_equal(coef(post), coef(same[[1]]), tolerance = 0.05)
})

test_that("weights count observations, and those of weight 0 do not", {
  d <- glm_data()
  weighted <- quick_glm(count ~ x, neg_binomial_2(), d, weights = w, prior = normal_prior(0, 1),
                        prior_intercept = normal_prior(0, 9))
  repeated <- quick_glm(count ~ x, neg_binomial_2(), d[rep(seq_len(nrow(d)), d$w), ],
                        prior = normal_prior(0, 1), prior_intercept = normal_prior(0, 9))
  # the intercept prior is at other means
  expect_equal(coef(weighted), coef(repeated), tolerance = 1e-2)
  expect_equal(nobs(weighted), sum(d$w > 0))
})

test_that("units of the covariates do not matter", {
  a <- quick_glm(am ~ wt + hp, binomial(), mtcars)
  b <- quick_glm(am ~ I(1e-6 * wt) + I(1e7 * hp), binomial(), mtcars)
  expect_equal(unname(coef(a)), unname(coef(b)) * c(1, 1e-6, 1e7), tolerance = 1e-6)
})

test_that("what separates or is flat for ever is said, and costs little", {
  x <- c(-2, -1, -0.5, 0.5, 1, 2)
  y <- c(0, 0, 0, 1, 1, 1)
  expect_warning(post <- brenier_glm(y ~ x, binomial(), prior = NULL, prior_intercept = NULL),
                 "separate", class = "brenier_warning_improper")
  expect_false(post$converged)
  expect_output(print(post), "of no use")
  expect_warning(brenier_glm(0 * y ~ x, poisson(), prior = NULL), class = "brenier_warning_improper")
  expect_warning(brenier_glm(y ~ x, neg_binomial_2(), prior_aux = NULL), "dispersion",
                 class = "brenier_warning_improper")
  expect_warning(brenier_glm(1:2 ~ 1, prior_intercept = NULL, prior_aux = NULL), "sigma",
                 class = "brenier_warning_improper")
  expect_no_warning(proper <- quick_glm(y ~ x, binomial()))
  expect_gt(coef(proper)[["x"]], 0)
  # a column that is a sum of others, or constant, is no matter with a prior
  expect_equal(sum(coef(quick_glm(y ~ x + I(2 * x)))[2:3] * 1:2), coef(quick_glm(y ~ x))[["x"]],
               tolerance = 0.1)
  expect_equal(coef(quick_glm(y ~ x + I(0 * x)))[[3]], 0, tolerance = 0.1)
})

test_that("wrong input is refused with its name", {
  d <- data.frame(x = c(-2, -1, 0.5, 3), y = c(0, 1, 0, 1), g = c(0, 1, 2, 3))
  refused <- function(class, pattern, ...) {
    call <- sys.call()[-(1:2)]
    env <- parent.frame()
    call[[1]] <- quote(brenier_glm)
    expect_error(eval(call, env), pattern, class = paste0("brenier_error_", class))
  }
  refused("response", "from 0 on, not -2 in observation 1", x ~ y, poisson(), d)
  refused("response", "not 1.5 in observation 2", I(g / 2 + y) ~ y, neg_binomial_2(), d)
  refused("response", "positive", g ~ x, Gamma("log"), d)
  refused("response", "0 or 1", I(g / 3) ~ x, binomial(), d)
  refused("response", "both columns", cbind(x, y) ~ g, binomial(), d)
  refused("response", "character", c("a", "b", "a", "b") ~ x, binomial(), d)
  refused("response", "not Inf in observation 2", c(1, Inf, 2, 3) ~ x, gaussian(), d)
  refused("not_finite", "Inf", y ~ I(1 / (x + 1)), binomial(), d)
  refused("argument", "weights", y ~ x, gaussian(), d, weights = c(-1, 1, 1, 1))
  refused("argument", "all be 0", y ~ x, gaussian(), d, weights = c(0, 0, 0, 0))
  refused("argument", "offset", y ~ x, gaussian(), d, offset = c(1, Inf, 1, 1))
  refused("argument", "family", y ~ x, quasipoisson(), d)
  refused("argument", "neg_binomial_2", y ~ x, structure(list(family = "Negative Binomial(2)", link = "log"),
                                                         class = "family"), d)
  refused("argument", "link", y ~ x, Gamma(), d)
  refused("argument", "prior_intercept", y ~ x, binomial(), d, prior_intercept = laplace_prior())
  refused("argument", "one number, not 3", y ~ x, binomial(), d, prior = normal_prior(1:3))
  refused("argument", "Did you mean", y ~ x, binomial(), d, priors = NULL)
  refused("argument", "standard deviation of the response, which is 0", c(1, 1, 1, 1) ~ x, gaussian(), d)
  refused("argument", "which is NA", y ~ x, gaussian(), d[1, ])
  refused("unbounded", "exactly", x ~ I(2 * x), gaussian(), d)
  refused("singular", "I\\(x \\+ y\\)", g ~ x + y + I(x + y), poisson(), d, prior = NULL)
  refused("formula", "response", ~x, gaussian(), d)
  refused("formula", "no coefficient", y ~ 0, gaussian(), d)
  refused("variable", "zz", y ~ zz, gaussian(), d)
  refused("empty", "empty", y ~ x, gaussian(), d[0, ])
  refused("variable", "missing", c(1, NA, 2, 3) ~ x, gaussian(), d, na.action = na.fail)
  expect_error(normal_prior(0, -1), "scale", class = "brenier_error_argument")
  expect_error(student_t_prior(0), "df", class = "brenier_error_argument")
  expect_error(exponential_prior(NA), "rate", class = "brenier_error_argument")
  expect_error(neg_binomial_2("sqrt"), class = "brenier_error_argument")
})

test_that("new data go through the terms of the fit", {
  post <- quick_glm(mpg ~ poly(wt, 2) + factor(cyl) + offset(hp / 100), data = mtcars)
  expect_equal(predict(post, mtcars[3:6, ]), predict(post)[3:6])
  expect_equal(predict(post, mtcars[3, ], "response", se.fit = TRUE)$se.fit,
               predict(post, se.fit = TRUE)$se.fit[3])
  arg <- quick_glm(mpg ~ poly(wt, 2) + factor(cyl), data = mtcars, offset = hp / 100)
  expect_equal(predict(arg, mtcars[3:6, ]), predict(post)[3:6])
  expect_error(predict(post, transform(mtcars[1:2, ], cyl = 5)), "new level",
               class = "brenier_error_variable")
  expect_error(predict(post, mtcars["wt"]), "hp|cyl", class = "brenier_error_variable")
  expect_equal(unname(is.na(predict(post, transform(mtcars[1:2, ], wt = c(3, NA))))), c(FALSE, TRUE))
  m <- replace(mtcars, cbind(3, 6), NA)
  kept <- quick_glm(mpg ~ wt, data = m, na.action = na.exclude)
  expect_equal(nobs(kept), 31)
  expect_length(fitted(kept), 32)
  expect_true(is.na(residuals(kept)[3]))
  expect_equal(residuals(kept)[-3], mtcars$mpg[-3] - fitted(kept)[-3], ignore_attr = TRUE)
  expect_equal(residuals(kept, "pearson")[-3] * mean(glm_points(kept, 8192)[, "sigma"]),
               residuals(kept)[-3])
})

test_that("the generics of rstantools and loo find their methods", {
  skip_if_not_installed("rstantools")
  post <- quick_glm(cbind(ncases, ncontrols) ~ agegp, binomial(), esoph)
  eta <- rstantools::posterior_linpred(post, ndraws = 50, seed = 1)
  mu <- rstantools::posterior_epred(post, ndraws = 50, seed = 1)
  expect_equal(dim(mu), c(50, 88))
  expect_equal(mu, plogis(eta))
  expect_equal(rstantools::posterior_linpred(post, TRUE, ndraws = 50, seed = 1), mu)
  ll <- rstantools::log_lik(post, ndraws = 50, seed = 1)
  expect_equal(ll[2, ], dbinom(esoph$ncases, esoph$ncases + esoph$ncontrols, mu[2, ], log = TRUE),
               ignore_attr = TRUE)
  expect_equal(rstantools::log_lik(post, esoph[5:9, ], 50, 1), ll[, 5:9])
  y <- rstantools::posterior_predict(post, ndraws = 2000, seed = 1)
  expect_true(all(y >= 0 & y <= rep(post$size, each = 2000)))
  expect_equal(colMeans(y), fitted(post) * post$size, tolerance = 0.05)
  again <- rstantools::posterior_predict(post, esoph[60:62, ], 2000, 1)
  expect_equal(colMeans(again), colMeans(y[, 60:62]), tolerance = 0.1) # the trials are those of newdata
  one <- rstantools::posterior_predict(post, esoph["agegp"], 20, 1)
  expect_true(all(one %in% 0:1))
  interval <- rstantools::posterior_interval(post, prob = 0.8)
  expect_equal(colnames(interval), c("10%", "90%"))
  expect_equal(unname(interval[1, ]), qnorm(c(0.1, 0.9), coef(post)[1], sqrt(vcov(post)[1, 1])),
               tolerance = 0.03)
  expect_equal(dim(rstantools::predictive_interval(post, newdata = esoph[1:3, ], seed = 1)), c(3, 2))
  expect_s3_class(rstantools::prior_summary(post), "brenier_glm_priors")
  expect_error(rstantools::posterior_interval(post, pars = "zz"), class = "brenier_error_argument")
  skip_if_not_installed("loo")
  gauss <- brenier_glm(mpg ~ wt, data = mtcars)
  value <- suppressWarnings(loo::loo(gauss, seed = 1))$estimates["elpd_loo", "Estimate"]
  # by leaving each out
  left <- vapply(seq_len(8), function(i) {
    fit <- quick_glm(mpg ~ wt, data = mtcars[-i, ])
    lik <- rstantools::log_lik(fit, mtcars[i, ], 4000, 1)
    log(mean(exp(lik)))
  }, 0)
  points <- suppressWarnings(loo::loo(gauss, ndraws = 4000, seed = 1))$pointwise[1:8, 1]
  names(points) <- NULL
  expect_equal(points, left, tolerance = 0.03)
  expect_equal(value, -83.3, tolerance = 0.02)
})

test_that("threads and seeds are those of the house, and a posterior outlives its session", {
  d <- glm_data()
  post <- quick_glm(count ~ x + f, poisson(), d)
  old <- brenier_threads(2)
  on.exit(brenier_threads(old))
  expect_equal(simulate(quick_glm(count ~ x + f, poisson(), d), 3, seed = 1), simulate(post, 3, seed = 1),
               tolerance = 0)
  before <- withr::with_seed(1, .Random.seed)
  withr::with_seed(1, {
    quick_glm(count ~ x, poisson(), d, seed = 4)
    expect_identical(.Random.seed, before)
  })
  file <- withr::local_tempfile()
  saveRDS(post, file)
  expect_equal(as_draws(readRDS(file), 5, seed = 1), as_draws(post, 5, seed = 1))
  expect_gt(post$evaluations$log_density, post$evaluations$gradient)
  expect_output(print(post), "Regression count ~ x \\+ f, poisson\\(log\\), 150 observations")
})

test_that("the response, the data and the number of covariates are checked", {
  expect_error(brenier_glm(mpg ~ wt, data = "mtcars"), class = "brenier_error_type")
  d <- as.data.frame(matrix(stats::rnorm(300 * 260), 300))
  expect_error(brenier_glm(V1 ~ ., data = d), "255", class = "brenier_error_formula")
})

test_that("what a regression cannot use is refused by name, what it has is handed on", {
  post <- brenier_glm(mpg ~ wt, data = mtcars)
  expect_error(brenier_glm("mpg ~", data = mtcars), class = "brenier_error_formula")
  expect_error(brenier_glm(3, data = mtcars), class = "brenier_error_formula")
  expect_error(brenier_glm(mpg ~ wt, data = 1:3), class = "brenier_error_type")
  expect_error(brenier_glm(mpg ~ (1 | cyl), data = mtcars), "groups", class = "brenier_error_formula")
  expect_identical(attr(terms(post), "term.labels"), "wt")
  expect_identical(get_coef.brenier_glm(post), coef(post))
  expect_null(get_vcov.brenier_glm(post))
  expect_identical(nsamples.brenier_glm(post), 1000L)
  expect_error(log_lik.brenier_glm(post, mtcars["wt"]), "response", class = "brenier_error_variable")
  expect_identical(prior_words("flat", NULL, "default", "default"), "flat")
  expect_match(shown_response(as.Date("2020-01-01")), "a Date")
  expect_match(shown_response(matrix("a", 2, 3)), "2 x 3 matrix")
  expect_error(glm_response(model.frame(~wt, mtcars), NULL, post$link), "response",
               class = "brenier_error_formula")
  constant <- transform(mtcars, mpg = 20)
  expect_error(brenier_glm(mpg ~ wt, data = constant), "autoscale", class = "brenier_error_argument")
  # weights that newdata has not are 1
  weighted <- brenier_glm(mpg ~ wt, data = mtcars, weights = rep(1:2, 16))
  expect_identical(response_of(weighted, mtcars[1:5, ])$w, rep(1, 5))
})

test_that("a model without an intercept has no prior of one", {
  bare <- brenier_glm(mpg ~ wt - 1, data = mtcars)
  expect_null(bare$priors$intercept)
  text <- paste(capture.output(print(bare$priors)), collapse = "\n")
  expect_no_match(text, "Intercept")
  expect_match(text, "Coefficients")
})
