# Every result of the package in other sessions, in workers, and in the hands of other packages.

test_that("every result says the same after saveRDS() in a new session", {
  skip_on_cran()
  there <- elsewhere(list(results = results(), answers = answers), {
    brenier_threads(1)
    environment(target$answers) <- globalenv()
    target$answers(target$results)
  })
  here <- answers(results())
  expect_named(there, c("words", "numbers"))
  expect_identical(there$words, here$words)
  expect_identical(there$numbers, here$numbers)
})

test_that("fits and what they are asked go to workers and come back", {
  skip_on_cran()
  cluster <- parallel::makePSOCKcluster(2)
  withr::defer(parallel::stopCluster(cluster))
  home <- dirname(getNamespaceInfo("brenier", "path"))
  # as a user's: functions of this file would bring the package along before its option is set
  plain <- function(f) {
    environment(f) <- globalenv()
    f
  }
  parallel::clusterCall(cluster, plain(function(home) {
    .libPaths(c(home, .libPaths()))
    options(brenier.threads = 1)
    NULL
  }), home)
  # the option is read where the package is loaded
  expect_identical(parallel::clusterCall(cluster, plain(function() brenier::brenier_threads())), list(1L, 1L))
  answers_there <- parallel::clusterCall(cluster, plain(function(answers, results) {
    library(brenier)
    answers(results)$numbers
  }), plain(answers), results())
  expect_identical(answers_there, rep(list(answers(results())$numbers), 2))
  fit <- plain(function(seed) brenier::brenier(~ eruptions + waiting, data = faithful, seed = seed))
  fits <- parallel::parLapply(cluster, 1:2, fit)
  expect_identical(predict(fits[[2]]), predict(fit(2)))
})

test_that("forked workers use one thread and leave the others as they were", {
  skip_on_cran()
  skip_on_os("windows")
  before <- brenier_threads()
  withr::defer(brenier_threads(before))
  brenier_threads(2)
  there <- parallel::mclapply(1:2, function(k) brenier(faithful, control = gaussian_control())$gap,
                              mc.cores = 2)
  here <- brenier(faithful, control = gaussian_control())$gap
  expect_identical(there, list(here, here))
  expect_identical(brenier_threads(), 2L)
})

test_that("what is a table is one", {
  r <- results()
  one <- r[c("brenier", "posterior", "glm", "sinkhorn", "barycenter", "monge_ampere", "kde_flow", "on_target",
             "generator")]
  for (x in one) {
    row <- generics::glance(x)
    expect_s3_class(row, "data.frame")
    expect_identical(nrow(row), 1L)
  }
  rows <- c(posterior = 2, glm = 3, sinkhorn = 40, barycenter = 2, monge_ampere = 256, kde_flow = 2,
            on_target = 2, distance = 1, gaussian_flow = 5)
  for (name in names(rows)) expect_identical(nrow(generics::tidy(r[[name]])), as.integer(rows[[name]]))
  rows <- c(distance = 1, ksd = 1, kde_flow = 40, density = 256, barycenter = 20, certificate = 1,
            regret = nrow(r$regret), bounds = 2, points_flow = 3)
  for (name in names(rows)) expect_identical(nrow(as.data.frame(r[[name]])), as.integer(rows[[name]]))
  expect_equal(as.data.frame(r$distance)$value, as.numeric(r$distance))
  # a cell's density is in the order of its middle
  cells <- generics::tidy(r$monge_ampere)
  expect_equal(as.matrix(cells[c("map1", "map2")]), predict(r$monge_ampere, as.matrix(cells[c("x1", "x2")])),
               ignore_attr = TRUE)
  expect_equal(sum(cells$density) / 256, 1)
  terms <- generics::tidy(r$glm, conf.int = TRUE, conf.level = 0.8)
  expect_equal(terms$estimate[1:2], unname(coef(r$glm)))
  expect_equal(cbind(terms$conf.low, terms$conf.high),
               unname(posterior_interval.brenier_glm(r$glm, prob = 0.8)), ignore_attr = TRUE)
  wide <- generics::augment(r$glm)
  expect_equal(wide$mpg - wide$.fitted, wide$.resid)
  expect_identical(names(generics::augment(r$glm, newdata = data.frame(wt = 3))), c("wt", ".fitted"))
  given <- as.data.frame(kde_flow(waiting ~ eruptions, data = faithful, n = 20, steps = 2))
  expect_identical(names(given), c("eruptions", "waiting"))
})

test_that("what other packages hand over with a verb is taken as it is meant", {
  skip_if_not_installed("rstantools")
  m <- results()$glm
  new <- data.frame(wt = c(2, 4))
  plain <- rstantools::posterior_epred(m, new, ndraws = 20, seed = 1)
  expect_identical(rstantools::posterior_epred(m, new, ndraws = 20, seed = 1, re_formula = NULL), plain)
  expect_identical(dim(rstantools::posterior_linpred(m, newdata = new, ndraws = NULL)), c(1000L, 2L))
  expect_error(rstantools::posterior_epred(m, new, draws = 20), class = "brenier_error_argument")
  predicted <- get_predict.brenier_glm(m, new)
  draws <- attr(predicted, "posterior_draws")
  expect_identical(dim(draws), c(2L, 1000L))
  expect_equal(predicted$estimate, apply(draws, 1, stats::median))
  # the same draws again: differences of predictions are those of one law
  expect_identical(attr(get_predict.brenier_glm(m, new), "posterior_draws"), draws)
  expect_equal(rowMeans(draws), unname(predict(m, new)), tolerance = 0.05) # 1000 draws
})

test_that("bayesplot draws posteriors", {
  skip_if_not_installed("bayesplot")
  m <- results()$glm
  expect_s3_class(bayesplot::mcmc_areas(as_draws(m, 200, seed = 1), pars = "wt"), "ggplot")
  check <- bayesplot::pp_check(m, ndraws = 5, seed = 1)
  expect_s3_class(check, "ggplot")
  expect_error(bayesplot::pp_check(m, "dens_over"), class = "brenier_error_argument")
})

test_that("a verb that another package has as well says whose object it wants", {
  expect_error(plan(structure(identity, class = c("sequential", "future", "function"))),
               "future::plan", class = "brenier_error_type")
  for (verb in list(plan, gradient, agreement, pareto_khat)) {
    expect_error(verb(lm(dist ~ speed, cars)), "must be a", class = "brenier_error_type")
  }
})

test_that("pareto_khat() of posterior and ours find each other's methods", {
  theirs <- get0("pareto_khat", asNamespace("posterior"), inherits = FALSE)
  skip_if(is.null(theirs), "this posterior has no pareto_khat()")
  post <- brenier_vi(function(x) -sum(x^4), c(a = 1), function(x) -4 * x^3)
  expect_identical(theirs(post), pareto_khat(post))
  x <- sin(1:500)^5
  expect_identical(pareto_khat(x), theirs(x))
})
