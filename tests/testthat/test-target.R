# Targets of every kind: those of other packages as small fakes with the same methods, a compiled
# model of our own with BridgeStan's functions, and the packages themselves where they are.

gaussian_only <- function(...) {
  brenier_vi(..., potential = "ridge", control = brenier_vi_control(
    points = 512, validation = 2048, max_points = 1024, max_atoms = 0
  ))
}

# --- functions ----------------------------------------------------------------

test_that("a function is a target that brenier_vi() takes as it takes the function", {
  f <- function(x, shift) -sum((x - shift)^2) / 2
  g <- function(x, shift) shift - x
  target <- as_target(f, c(a = 0, b = 0), g, shift = 3)
  expect_s3_class(target, "brenier_target")
  expect_equal(target$names, c("a", "b"))
  expect_output(print(target), "an R function.*a, b.*by the target")
  one <- gaussian_only(target)
  two <- gaussian_only(f, c(a = 0, b = 0), g, shift = 3)
  same <- c("elbo", "khat", "layers", "history", "evaluations")
  expect_identical(one[same], two[same])
  expect_identical(gaussian_only(target)$evaluations, one$evaluations) # counts are those of a fit

  late <- as_target(f, gradient = g, shift = 3)
  expect_output(print(late), "without init")
  expect_error(gaussian_only(late), class = "brenier_error_argument")
  expect_identical(gaussian_only(late, c(a = 0, b = 0))[same], one[same])
  expect_error(gaussian_only(target, gradient = g), class = "brenier_error_argument")
  expect_error(gaussian_only(target, lower = 0), class = "brenier_error_argument")
  expect_error(gaussian_only(1), class = "brenier_error_argument")
  expect_error(as_target(lm(dist ~ speed, cars)), class = "brenier_error_argument")
  expect_equal(nrow(check_gradient(target)), 2)
  expect_error(check_gradient(target, g), class = "brenier_error_argument")
})

test_that("a parameter of several values keeps its name for the function", {
  seen <- NULL
  f <- function(x) {
    seen <<- names(x)
    -sum(x^2)
  }
  gaussian_only(f, list(mu = 0, S = matrix(0, 1, 2), one = 1), function(x) -2 * x)
  expect_equal(seen, c("mu", "S[1,1]", "S[1,2]", "one"))
  gaussian_only(f, c(alone = 0), function(x) -2 * x)
  expect_equal(seen, "alone")
  expect_equal(flat_names(list(a = 1, b = 1:2, c = array(1, 1), d = array(0, c(1, 2, 1)),
                               e = numeric())),
               c("a", "b[1]", "b[2]", "c[1]", "d[1,1,1]", "d[1,2,1]"))
  expect_equal(bracketed(c("mu", "p.1", "S.10.2", "a.b")), c("mu", "p[1]", "S[10,2]", "a.b"))
  expect_equal(repeated_names(c("b", "a", "b")), c("b[1]", "a", "b[2]"))
})

test_that("what evaluates a target is not kept in a file", {
  f <- function(x) -sum(x^2)
  environment(f) <- globalenv()
  target <- as_target(f, c(a = 0))
  before <- length(serialize(target, NULL))
  big <- rnorm(1e5)
  keep_live(target, list(ask = function(...) big))
  expect_equal(length(serialize(target, NULL)), before, tolerance = 0.01)
  expect_false(is.null(live(target)))
  again <- unserialize(serialize(target, NULL))
  expect_equal(target_value(again, matrix(2)), -4)

  # what a function finds where it was made is not lost in silence
  f <- function(x) -sum(x^2) * not_saved
  environment(f) <- list2env(list(not_saved = 1), parent = globalenv())
  target <- as_target(f, c(a = 0))
  expect_equal(elsewhere(target, brenier:::target_value(target, matrix(2))), -4)
  assign("not_saved", 1, globalenv())
  withr::defer(rm("not_saved", envir = globalenv()))
  environment(f) <- globalenv()
  expect_equal(target_value(as_target(f, c(a = 0)), matrix(2)), -4)
  error <- elsewhere(as_target(f, c(a = 0)), brenier:::target_value(target, matrix(2)))
  expect_true("brenier_error_target" %in% error[[1]])
  expect_match(error[[2]], "not_saved")
})

# --- TMB ----------------------------------------------------------------------

# Minus the log density of N(2, 1) and of a log scale that is N(0, 1/4).
fake_tmb <- function() {
  env <- new.env()
  env$last.par.best <- c(b = 2, b = 0)
  list(
    par = c(b = 0, b = 0), env = env,
    fn = function(p) {
      env$last.par.best <- p # as the package does
      cat("outer mgc\n")
      sum((p - c(2, 0))^2 * c(1, 4)) / 2
    },
    gr = function(p) matrix((p - c(2, 0)) * c(1, 4), 1)
  )
}

test_that("an object of TMB has minus the log density, and is left as it was", {
  obj <- fake_tmb()
  target <- as_target(obj)
  expect_equal(target$names, c("b[1]", "b[2]"))
  expect_equal(target$init, c(2, 0))
  expect_equal(target_value(target, rbind(c(2, 0), c(3, 1))), c(0, -2.5))
  expect_silent(post <- gaussian_only(obj))
  expect_equal(obj$env$last.par.best, c(b = 2, b = 0))
  expect_equal(post$elbo, log(2 * pi) - log(2), tolerance = 1e-3)
  expect_equal(summary(post)$parameters$mean, c(2, 0), tolerance = 1e-3)
  draws <- as_draws(post, 5, seed = 1)
  expect_equal(draws$lp_approx__, predict(post, as.data.frame(draws)[1:2]), tolerance = 1e-8)
  expect_error(as_target(obj, joint = TRUE), class = "brenier_error_argument")
  expect_error(as_target(list(par = 1)), class = "brenier_error_argument")
  expect_error(as_target(obj, init = 1), class = "brenier_error_argument")
  there <- elsewhere(post, {
    list(as.data.frame(as_draws(target, 5, seed = 1))$lp__)
  })
  expect_equal(there[[1]], draws$lp__)
  obj$env$DLL <- "no_such_template"
  expect_error(as_target(obj), class = "brenier_error_target")
})

test_that("random effects are out of the marginal and within the joint density", {
  obj <- fake_tmb()
  obj$env$random <- 3:4
  obj$env$par <- c(b = 0, b = 0, u = 0, u = 0)
  obj$env$last.par.best <- c(2, 0, 1, 1)
  obj$env$f <- function(p, order) if (order == 0) sum(p^2) / 2 else matrix(p, 1)
  expect_equal(as_target(obj)$init, c(2, 0))
  expect_output(print(as_target(obj)), "Laplace")
  joint <- as_target(obj, joint = TRUE)
  expect_equal(joint$names, c("b[1]", "b[2]", "u[1]", "u[2]"))
  expect_equal(joint$init, c(2, 0, 1, 1))
  expect_lt(max(check_gradient(joint)$error), 1e-6)
})

# --- Stan ---------------------------------------------------------------------

# mu ~ N(1, 1), a simplex of two by one logit that is N(0, 1): the methods of a fit of cmdstanr.
fake_cmdstan <- function(broken = FALSE) {
  ready <- FALSE
  methods <- list(
    init_model_methods = function(...) {
      if (broken) stop("Model methods cannot be used with a pre-compiled Stan executable")
      ready <<- TRUE
    },
    log_prob = function(unconstrained_variables, jacobian = TRUE) {
      stopifnot(ready)
      -sum((unconstrained_variables - c(1, 0))^2) / 2
    },
    grad_log_prob = function(unconstrained_variables, jacobian = TRUE) {
      slope <- c(1, 0) - unconstrained_variables
      structure(slope, log_prob = methods$log_prob(unconstrained_variables))
    },
    variable_skeleton = function(transformed_parameters = TRUE, generated_quantities = TRUE) {
      c(list(mu = 0, p = array(0, 2)), if (transformed_parameters) list(twice = 0),
        if (generated_quantities) list(y = 0))
    },
    constrain_variables = function(unconstrained_variables, transformed_parameters = TRUE,
                                   generated_quantities = TRUE) {
      z <- unconstrained_variables
      c(list(mu = z[1], p = plogis(c(z[2], -z[2]))), if (transformed_parameters) list(twice = 2 * z[1]),
        if (generated_quantities) list(y = rnorm(1)))
    },
    unconstrain_variables = function(variables) c(variables$mu, log(variables$p[1] / variables$p[2])),
    draws = function(variables) {
      posterior::draws_matrix(mu = 0.5, `p[1]` = 0.25, `p[2]` = 0.75)
    }
  )
  structure(list2env(methods), class = c("CmdStanMCMC", "CmdStanFit", "R6"))
}

test_that("a fit of cmdstanr is asked by its methods", {
  target <- as_target(fake_cmdstan())
  expect_equal(target$init, c(0.5, log(1 / 3)))
  expect_equal(target$names, c("mu", "p[1]", "p[2]"))
  expect_lt(max(check_gradient(target)$error), 1e-6)
  post <- gaussian_only(fake_cmdstan(), transformed = TRUE)
  expect_equal(post$variables, c("mu", "p[1]", "p[2]", "twice"))
  expect_equal(post$elbo, log(2 * pi), tolerance = 1e-3)
  draws <- as.data.frame(as_draws(post, 20, seed = 1))
  z <- cbind(draws$mu, qlogis(draws[["p[1]"]]))
  expect_equal(draws$lp__, -rowSums(sweep(z, 2, c(1, 0))^2) / 2) # of the unbounded coordinates
  expect_equal(draws$lp_approx__, draws$lp__ - log(2 * pi), tolerance = 1e-3)
  expect_equal(predict(post, draws), draws$lp_approx__, tolerance = 1e-8)
  expect_equal(predict(post, draws[1:3]), draws$lp_approx__, tolerance = 1e-8)
  expect_equal(draws$twice, 2 * draws$mu)
  there <- elsewhere(post, as.data.frame(as_draws(target, 20, seed = 1)))
  expect_equal(there$lp__, draws$lp__)
  expect_error(as_target(fake_cmdstan(TRUE)), class = "brenier_error_target")
  expect_error(as_target(fake_cmdstan(), data = 1), class = "brenier_error_argument")
})

# The methods of a model of bridgestan, with the law of bridge-model.c at m = 1.
fake_bridgestan <- function() {
  density <- function(z, propto, jacobian) {
    -(z[1] - 1)^2 / 2 - exp(z[2]) + jacobian * z[2] - (!propto) * log(2 * pi) / 2
  }
  structure(list2env(list(
    name = function() "bridge", param_unc_num = function() 2L,
    param_names = function(include_tp = FALSE, include_gq = FALSE) {
      c("mu", "s.1", if (include_tp) "double")
    },
    param_unc_names = function() c("mu", "s.1"),
    param_constrain = function(theta_unc, include_tp = FALSE, include_gq = FALSE, rng) {
      c(theta_unc[1], exp(theta_unc[2]), if (include_tp) 2 * theta_unc[1])
    },
    param_unconstrain = function(theta) c(theta[1], log(theta[2])),
    log_density = function(theta, propto = TRUE, jacobian = TRUE) density(theta, propto, jacobian),
    log_density_gradient = function(theta, propto = TRUE, jacobian = TRUE) {
      list(val = density(theta, propto, jacobian), gradient = c(1 - theta[1], jacobian - exp(theta[2])))
    }
  )), class = c("StanModel", "R6"))
}

test_that("a model of bridgestan is asked by its methods, and needs its file elsewhere", {
  target <- as_target(fake_bridgestan(), transformed = TRUE)
  expect_equal(target$names, c("mu", "s[1]", "double"))
  expect_lt(max(check_gradient(target, at = c(0.3, -0.2))$error), 1e-6)
  expect_error(as_target(fake_bridgestan(), lib = "m.so", data = 3), class = "brenier_error_argument")
  post <- gaussian_only(target)
  draws <- as.data.frame(as_draws(post, 5, seed = 1))
  expect_equal(draws$lp__, dnorm(draws$mu, 1, log = TRUE) - draws[["s[1]"]] + log(draws[["s[1]"]]))
  error <- elsewhere(post, simulate(target, 3))
  expect_true("brenier_error_target" %in% error[[1]])
  expect_match(error[[2]], "lib")
})

bridge_library <- function() {
  cached("bridge_library", {
    folder <- file.path(tempdir(), "bridge")
    dir.create(folder, showWarnings = FALSE)
    file.copy(test_path("bridge-model.c"), folder)
    withr::with_dir(folder, system2(
      file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "bridge-model.c"), stdout = FALSE, stderr = FALSE
    ))
    file.path(folder, paste0("bridge-model", .Platform$dynlib.ext))
  })
}

test_that("a compiled model of BridgeStan is asked from C, here and elsewhere", {
  skip_on_cran()
  library <- bridge_library()
  skip_if_not(file.exists(library))
  json <- withr::local_tempfile(fileext = ".json")
  writeLines("{\"m\": 1}", json)
  target <- as_target(library, data = json, transformed = TRUE)
  unlink(json) # its text is in the recipe
  expect_output(print(target), "bridge")
  expect_equal(target$names, c("mu", "s[1]", "double"))
  by_methods <- as_target(fake_bridgestan(), transformed = TRUE)
  z <- rbind(c(0.3, -0.2), c(-1, 2), c(2, 0))
  expect_equal(target_value(target, z), target_value(by_methods, z), tolerance = 1e-14)
  expect_equal(target_slope(target, z, diag(2)), target_slope(by_methods, z, diag(2)))
  expect_equal(target_parameters(target, z), target_parameters(by_methods, z))
  x <- target_parameters(target, z)$x[, 1:2]
  expect_equal(target_coordinates(target, x), z)
  expect_true(all(is.nan(target_coordinates(target, cbind(0, -1)))))

  # points where it fails are counted, and the first reason is kept
  expect_equal(target_value(target, rbind(c(0, 0), c(60, 0), c(70, 0)))[2:3], c(-Inf, -Inf))
  expect_equal(target$count$errors, 2)
  expect_equal(target$count$first_error, "mu is too large")
  expect_true(all(is.nan(target_slope(target, cbind(60, 0), diag(2)))))

  post <- brenier_vi(target, potential = "ridge", control = brenier_vi_control(
    points = 512, validation = 2048, max_points = 1024
  ))
  parameters <- summary(post)$parameters
  expect_equal(parameters$mean, c(1, 1, 2), tolerance = 1e-2)
  expect_equal(parameters$sd, c(1, 1, 2), tolerance = 5e-2)
  expect_equal(post$log_evidence, 0, tolerance = 5e-3) # constants are within
  draws <- as.data.frame(as_draws(post, 20, seed = 1))
  expect_equal(predict(post, draws), draws$lp_approx__, tolerance = 1e-8)
  there <- elsewhere(post, as.data.frame(as_draws(target, 20, seed = 1)))
  expect_equal(there, draws)

  # a model of the R package is made anew from its file, by the same C
  kept <- as_target(fake_bridgestan(), lib = library, data = "{\"m\": 1}")
  again <- unserialize(serialize(kept, NULL))
  expect_equal(target_value(again, z), target_value(kept, z), tolerance = 1e-14)
})

test_that("a compiled model leaves nothing behind, and says what is wrong with it", {
  skip_on_cran()
  library <- bridge_library()
  skip_if_not(file.exists(library))
  open_now <- function() unlist(.C("bs_open", 0L, 0L, PACKAGE = "bridge-model"))
  local({
    target <- as_target(library, data = "{\"m\": 2}")
    expect_equal(target_value(target, cbind(60, 0)), -Inf)
    expect_gt(open_now()[1], 0)
  })
  error <- expect_error(as_target(library, data = "[]"), class = "brenier_error_target")
  expect_match(conditionMessage(error$parent), "no m")
  invisible(gc())
  expect_equal(open_now()[2], 0)
  expect_error(as_target("no_such_file.so"), class = "brenier_error_argument")
  expect_error(as_target(library, data = "gone.json"), class = "brenier_error_argument")
  expect_error(as_target(c(library, library)), class = "brenier_error_argument")
  expect_error(as_target(library, init = 1:3), class = "brenier_error_argument")
  text <- withr::local_tempfile(lines = "not a library")
  expect_error(as_target(text), class = "brenier_error_target")
  own <- getLoadedDLLs()[["brenier"]][["path"]]
  expect_error(as_target(own), "bs_model_construct", class = "brenier_error_target")
})

# --- the packages -------------------------------------------------------------

test_that("a linear model of glmmTMB has the posterior of its flat prior", {
  skip_on_cran()
  suppressWarnings(skip_if_not_installed("glmmTMB"))
  fit <- suppressWarnings(glmmTMB::glmmTMB(dist ~ speed, cars))
  post <- brenier_vi(fit, potential = "ridge", control = brenier_vi_control(
    points = 512, validation = 2048, max_points = 1024
  ))
  exact <- lm(dist ~ speed, cars)
  p <- summary(post)$parameters
  expect_equal(p$mean[1:2], unname(coef(exact)), tolerance = 1e-2)
  # flat in the log scale: t with n - p degrees of freedom
  expect_equal(p$sd[1:2], unname(sqrt(diag(vcov(exact))) * sqrt(48 / 46)), tolerance = 3e-2)
})

test_that("a Stan model of rstan has the posterior of quadrature, here and elsewhere", {
  skip_on_cran()
  skip_if(Sys.getenv("BRENIER_SLOW_TESTS") == "", "BRENIER_SLOW_TESTS is not set")
  skip_if_not_installed("rstan")
  withr::defer(rstan::rstan_options(boost_lib = NULL))
  rstan::rstan_options(boost_lib = "/usr/include")
  model <- suppressMessages(rstan::stan_model(model_code = "
    data { int N; vector[N] y; }
    parameters { real mu; real<lower=0> s; simplex[3] p; }
    transformed parameters { real twice = 2 * mu; }
    model { y ~ normal(mu, s); s ~ exponential(1); mu ~ normal(0, 10); p ~ dirichlet([4, 3, 2]'); }
    generated quantities { real z = normal_rng(0, 1); }
  "))
  data <- list(N = 10L, y = qnorm(ppoints(10), 3, 2))
  empty <- suppressMessages(rstan::sampling(model, data = data, chains = 0))
  target <- as_target(empty, data = data, transformed = TRUE)
  expect_equal(target$names, c("mu", "s", paste0("p[", 1:3, "]"), "twice"))
  post <- brenier_vi(target, potential = "ridge")
  p <- summary(post)$parameters
  grid <- expand.grid(mu = seq(-3, 9, length.out = 300), l = seq(-1, 3, length.out = 300))
  log_weight <- mapply(function(mu, l) {
    sum(dnorm(data$y, mu, exp(l), log = TRUE)) - mu^2 / 200 - exp(l) + l
  }, grid$mu, grid$l)
  weight <- exp(log_weight - max(log_weight))
  weight <- weight / sum(weight)
  mean <- c(sum(weight * grid$mu), sum(weight * exp(grid$l)))
  sd <- sqrt(c(sum(weight * grid$mu^2), sum(weight * exp(2 * grid$l))) - mean^2)
  expect_equal(p$mean, c(mean, c(4, 3, 2) / 9, 2 * mean[1]), tolerance = 1e-2)
  expect_equal(p$sd[1:2], sd, tolerance = 3e-2)
  draws <- as.data.frame(as_draws(post, 5, seed = 1))
  expect_equal(predict(post, draws), draws$lp_approx__, tolerance = 1e-6)
  expect_equal(elsewhere(post, as.data.frame(as_draws(target, 5, seed = 1))), draws)
  bare <- elsewhere(as_target(empty), brenier_vi(target))
  expect_true("brenier_error_target" %in% bare[[1]])
})

test_that("a start may be given to a target that is there; what is gone is named", {
  target <- brenier_glm(mpg ~ wt, data = mtcars)$target
  z <- seq_along(target$init) / 10
  expect_equal(as_target(target, init = z)$init, z, ignore_attr = TRUE)
  expect_error(as_target(target, init = 1:9), class = "brenier_error_argument")
  expect_error(need_package("no.such.package", "A model"), "no.such.package", class = "brenier_error_target")
  expect_error(bridgestan_open(list(lib = "/no/such/model.so")), "no longer there",
               class = "brenier_error_target")
  expect_error(as_target(function(x) 0, 1, gradient = 2), "must be a function",
               class = "brenier_error_argument")
})

test_that("the compiled template of a TMB object is loaded from its file where it is not yet", {
  expect_null(load_template(list(name = "stats", path = NULL)))
  expect_error(lacking(need_package)("TMB", "The target"), "TMB", class = "brenier_error_target")
  gone <- list(name = "no_template", path = "/no/such.so")
  expect_error(load_template(gone), "not loaded", class = "brenier_error_target")
  skip_if_not_installed("TMB")
  path <- getLoadedDLLs()[["methods"]][["path"]]
  skip_if_not(file.exists(path))
  loaded <- load_template(list(name = "no_template", path = path))
  expect_identical(loaded[["path"]], path)
})

test_that("a Stan model of another session that cannot be made anew says why", {
  skip_if_not_installed("rstan")
  expect_false(rstan_lives(list()))
  expect_error(rstan_instance(list()), "another R session", class = "brenier_error_target")
  expect_error(rstan_instance(list(model = "no model", data = list(N = 1))), "code and data",
               class = "brenier_error_target")
})
