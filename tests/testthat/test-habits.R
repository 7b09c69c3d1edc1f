# What people type who come from lm(), glm() and rstanarm: an answer, or an error that says where it is.

law <- brenier(~ eruptions + waiting, data = faithful, control = gaussian_control())
given <- brenier(waiting ~ eruptions, data = faithful, control = gaussian_control())
post <- brenier_glm(mpg ~ wt, data = mtcars)

test_that("verbs without an answer say where it is, and are no NULL", {
  for (verb in list(coef, confint, vcov, anova, deviance, df.residual, sigma, quantile, median, mean,
                    as.matrix)) {
    expect_refused(verb(law), "argument")
    expect_refused(verb(given), "argument")
  }
  for (verb in list(anova, logLik, AIC, deviance, quantile, median, mean)) {
    expect_refused(verb(post), "argument")
  }
  expect_refused(fitted(law), "argument")
  expect_refused(loo::loo(structure(post, class = "brenier_posterior")), "argument")
})

test_that("fitted values of a law given covariates are those of lm() without atoms", {
  expect_equal(unname(fitted(given)[, 1]), unname(fitted(lm(waiting ~ eruptions, faithful))),
               tolerance = 1e-6)
})

test_that("a posterior turns into draws as one of rstanarm does", {
  draws <- as.matrix(post, ndraws = 5, seed = 1)
  expect_identical(as.data.frame(draws), simulate(post, 5, seed = 1))
  expect_identical(as.data.frame(post, ndraws = 5, seed = 1), as.data.frame(draws))
  expect_identical(dim(as.matrix(post)), c(1000L, 3L))
})

test_that("any posterior has means, covariances and intervals", {
  slope <- function(x) c(1 - x[[1]], 2 - exp(x[[2]])) # b is the log of a gamma(2) variable: skew
  density <- function(x) -(x[[1]] - 1)^2 / 2 + 2 * x[[2]] - exp(x[[2]])
  own <- brenier_vi(density, c(a = 0, b = 0), slope)
  expect_equal(coef(own), c(a = 1, b = digamma(2)), tolerance = 0.02)
  expect_equal(unname(diag(vcov(own))), c(1, trigamma(2)), tolerance = 0.03)
  # far from symmetric about the mean
  expect_equal(confint(own)["b", ], log(qgamma(c(0.025, 0.975), 2)), tolerance = 0.03,
               ignore_attr = TRUE)
  expect_identical(dimnames(confint(post, 2, 0.9)), list("wt", c("5 %", "95 %")))
  expect_identical(rownames(confint(post)), names(coef(post)))
  expect_equal(unname(confint(post, level = 0.9)),
               unname(as.matrix(tidy(post, conf.int = TRUE)[1:2, c("conf.low", "conf.high")])))
  expect_refused(confint(post, "hp"), "argument")
  expect_refused(confint(post, level = 95), "argument")
})

test_that("update() of a regression takes a formula, data or a family, and its variables are found", {
  refit <- function(d) update(brenier_glm(mpg ~ wt, data = d), . ~ . + hp)
  expect_identical(coef(refit(mtcars)), coef(brenier_glm(mpg ~ wt + hp, data = mtcars)))
  expect_identical(nobs(update(post, data = mtcars[1:20, ])), 20L)
  flat <- update(post, formula. = ~ ., prior = NULL, prior_intercept = NULL)
  expect_equal(coef(flat), coef(lm(mpg ~ wt, mtcars)), tolerance = 0.01)
  expect_refused(update(post, familly = poisson()), "argument")
})

test_that("a regression that goes on is still one", {
  on <- update(post)
  expect_s3_class(on, "brenier_glm")
  expect_equal(coef(on), coef(post), tolerance = 0.01)
  expect_identical(formula(update(on, ~ hp)), mpg ~ hp, ignore_formula_env = TRUE)
})

test_that("formulas and data in the wrong place are told where they belong", {
  told <- "formula comes first"
  expect_error(brenier(data = faithful, formula = ~ waiting), told)
  expect_error(brenier(x = ~ waiting, data = faithful), told)
  expect_error(brenier(faithful, formula = ~ waiting), told)
  expect_error(kde_flow(x = ~ waiting, data = faithful), told)
  expect_error(kde_flow(data = faithful), told)
  expect_error(sinkhorn(faithful, faithful, data = faithful), told)
  expect_refused(brenier(faithful, ~ waiting), "type")
  expect_error(brenier("~ waiting", faithful), "without quotes")
  expect_error(predict(law, list(eruptions = 2, waiting = 60)), "data.frame")
  expect_error(predict(given, faithful, tau = 0.5), "level")
})

test_that("distances are no points", {
  expect_refused(sinkhorn(dist(faithful[1:9, ]), faithful), "type")
  expect_refused(energy_distance(faithful, dist(faithful[1:9, ])), "type")
})

test_that("more particles than a machine holds are refused before they are made", {
  expect_refused(kde_flow(faithful, n = 1e9), "argument")
  expect_refused(drift_generator(faithful, model = "potential", n = 1e9), "argument")
  expect_refused(energy_distance(faithful, faithful, permutations = 1e9), "argument")
})

test_that("data are not taken for the latents of a generator", {
  made <- drift_generator(faithful, model = "potential", n = 50, steps = 2,
                          control = list(components = 2))
  expect_refused(predict(made, faithful[1:2, ]), "argument")
  expect_identical(predict(made, predict(made, faithful[1:2, ], type = "map")),
                   as.matrix(faithful[1:2, ]), ignore_attr = TRUE, tolerance = 1e-6)
})

test_that("flows turn into matrices, and transports on grids can be updated", {
  flow <- kde_flow(faithful, n = 10, steps = 2)
  expect_identical(as.matrix(flow), flow$particles, ignore_attr = TRUE)
  moved <- monge_ampere(c(1, 2, 3, 4), c(4, 3, 2, 1))
  expect_identical(update(moved, nu = c(1, 2, 3, 4))$distance, 0)
})

test_that("distances are reckoned with as numbers", {
  far <- energy_distance(faithful[1:50, ], faithful[51:100, ] + 9, permutations = 0)
  same <- energy_distance(faithful[1:50, ], faithful[1:50, ], permutations = 0)
  expect_true(far > same && far > 1)
  expect_identical(2 * far - 1, 2 * far$value - 1)
  expect_identical(sqrt(far), sqrt(far$value))
  expect_gte(same$value, 0)
})

test_that("a plot whose typical covariates the formula cannot take asks for some", {
  # there is no month 6.3
  fit <- brenier(Ozone ~ as.Date(paste(1973, Month, Day, sep = "-")), data = airquality,
                 control = gaussian_control())
  expect_refused(plot(fit), "argument")
})
