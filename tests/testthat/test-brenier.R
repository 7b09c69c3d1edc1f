test_that("without atoms the map is the inverse root of the covariance", {
  for (x in list(as.matrix(faithful), make_normal(50, 4), matrix(faithful$eruptions))) {
    # The certificate bounds |q|^2/2 + |Q - I|^2, so a gap of 1e-12 leaves errors of 1.4e-6.
    fit <- brenier(x, control = gaussian_control(tol = 1e-12))
    m <- colMeans(x)
    centred <- sweep(x, 2, m)
    S <- crossprod(centred) / nrow(x)
    e <- eigen(S, symmetric = TRUE)
    root <- e$vectors %*% (t(e$vectors) / sqrt(e$values))
    expect_equal(residuals(fit), centred %*% root, tolerance = 1e-5, ignore_attr = TRUE)
    at <- sweep(2 * centred, 2, m, "+")
    log_normal <- -rowSums((2 * centred %*% root)^2) / 2 - log(det(2 * pi * S)) / 2
    expect_equal(predict(fit, at, type = "log_density"), log_normal, tolerance = 1e-5,
                 ignore_attr = TRUE)
    # The default tol, 1e-6, leaves errors of 1.4e-3.
    fit <- brenier(x, control = gaussian_control())
    expect_lt(max(abs(residuals(fit) - centred %*% root)), 1.4e-3 * max(1, abs(residuals(fit))))
  }
})

test_that("Gaussian data give nearly the Gaussian map", {
  x <- make_normal(500, 2)
  fresh <- make_normal(20000, 2, seed = 1)
  fit <- brenier(x)
  gaussian <- brenier(x, control = gaussian_control())
  loss <- predict(gaussian, fresh, "log_density") - predict(fit, fresh, "log_density")
  # What five more parameters would lose in 500 points is 0.005; three standard errors more.
  expect_lt(mean(loss), 0.005 + 3 * sd(loss) / sqrt(20000))
})

test_that("formula, data frame, matrix and vector give the same fit", {
  control <- small_control(6)
  formula <- brenier(~ eruptions + waiting, data = faithful, control = control)
  others <- list(
    brenier(~., data = faithful, control = control),
    brenier(faithful, control = control),
    brenier(as.matrix(faithful), control = control),
    brenier(unname(as.matrix(faithful)), control = control)
  )
  for (fit in others) expect_identical(potential_of(fit), potential_of(formula))
  expect_identical(others[[4]]$variables, c("x1", "x2"))
  one <- brenier(~eruptions, data = faithful, control = control)
  for (x in list(faithful$eruptions, faithful["eruptions"])) {
    expect_identical(potential_of(brenier(x, control = control)), potential_of(one))
  }
})

test_that("a plain list of control arguments and integers will do", {
  fit <- brenier(round(make_banana(50) * 100), control = list(max_atoms = 0))
  integers <- as.matrix(round(make_banana(50) * 100))
  storage.mode(integers) <- "integer"
  expect_identical(potential_of(brenier(integers, control = list(max_atoms = 0))),
                   potential_of(fit))
})

test_that("integer weights count a row as often", {
  data <- make_banana(100)
  times <- rep(1:4, 25)
  # The Gaussian map: its atoms-free minimum is unique, while the choice of atoms looks at rows. A
  # gap of 1e-12 leaves errors of 1.4e-6 in each of the two maps.
  control <- gaussian_control(tol = 1e-12)
  weighted <- brenier(data, weights = times, control = control)
  repeated <- brenier(data[rep(1:100, times), ], control = control)
  expect_equal(whitening_of(weighted), whitening_of(repeated), tolerance = 1e-12) # the same sums
  expect_equal(predict(weighted, data, "log_density"), predict(repeated, data, "log_density"),
               tolerance = 1e-5, ignore_attr = TRUE)
  expect_equal(as.numeric(logLik(weighted)), as.numeric(logLik(repeated)), tolerance = 1e-9)
  # Weights matter at all: the plain fit is another.
  plain <- brenier(data, control = control)
  expect_gt(max(abs(predict(weighted, data) - predict(plain, data))), 1e-3)
})

test_that("weights decide where a fit with atoms puts its mass", {
  # Two groups, the right one with three times the weight.
  x <- withr::with_seed(1, c(rnorm(200, -3), rnorm(200, 3)))
  fit <- brenier(x, weights = rep(c(1, 3), each = 200), control = small_control(16))
  p <- integrate(function(x) predict(fit, x), 0, 12)$value
  # The share of the group is exact; the law is a fit of some atoms.
  expect_equal(p, 0.75, tolerance = 0.02)
})

test_that("the scale of the weights changes only the log likelihood", {
  data <- make_banana(100)
  one <- brenier(data, control = small_control(4))
  # A power of two, so that the shares of the rows are the same numbers.
  eight <- brenier(data, weights = rep(8, 100), control = small_control(4))
  expect_identical(potential_of(eight), potential_of(one))
  expect_equal(eight$log_likelihood, 8 * one$log_likelihood, tolerance = 1e-14)
})

test_that("rows of weight zero are left out", {
  data <- make_banana(120)
  zero <- brenier(data, weights = rep(c(1, 0, 2), 40), control = list(max_atoms = 8, folds = 2))
  removed <- brenier(data[rep(c(TRUE, FALSE, TRUE), 40), ], weights = rep(c(1, 2), 40),
                     control = list(max_atoms = 8, folds = 2))
  expect_identical(potential_of(zero), potential_of(removed))
  expect_identical(nobs(zero), 80L)
})

test_that("without atoms the fit follows every change of units", {
  x <- make_normal(80, 3)
  scale <- c(1e6, 1, 1e-6)
  shift <- c(1, -1e3, 1e-6)
  control <- gaussian_control(tol = 1e-12)
  plain <- predict(brenier(x, control = control), type = "log_density")
  moved <- brenier(sweep(sweep(x, 2, scale, "*"), 2, shift, "+"), control = control)
  # Exact but for the two gaps of 1e-12, errors of 1.4e-6 in the maps.
  expect_equal(predict(moved, type = "log_density") + sum(log(scale)), plain, tolerance = 1e-5)
})

test_that("with atoms a common change of units changes nothing but the units", {
  # Powers of two: the whitened data are the same to rounding of the whitening, and so are the atoms
  # up to the tolerance of the fit, 1e-6 nats a point.
  data <- make_banana(150)
  plain <- brenier(data, control = small_control(4))
  moved <- brenier(1024 * data, control = small_control(4))
  expect_equal(moved$log_likelihood + 150 * 2 * log(1024), plain$log_likelihood,
               tolerance = 150 * 2e-6 / abs(plain$log_likelihood))
})

test_that("duplicated rows are data like others", {
  fit <- brenier(make_banana(30)[rep(1:30, 3), ], control = small_control(4))
  expect_true(fit$converged)
  expect_true(all(is.finite(predict(fit, type = "log_density"))))
})

test_that("fitting is deterministic and takes nothing from the session", {
  first <- brenier(make_banana(150), control = list(folds = 2, max_atoms = 8))
  withr::with_seed(99, again <- brenier(make_banana(150), control = list(folds = 2, max_atoms = 8)))
  same <- c("layers", "validation", "gap", "log_likelihood")
  expect_identical(again[same], first[same])
})

test_that("a misspelt argument is an error", {
  expect_refused(brenier(faithful, contrl = list()), "argument")
  expect_refused(brenier(~eruptions, data = faithful, wieghts = 1), "argument")
  # Not evaluated: the variable is in the data alone.
  expect_refused(brenier(~eruptions, data = faithful, wieghts = waiting), "argument")
  # one unnamed argument more than there are
  too_many <- c(list(faithful), rep(list(NULL), length(formals(brenier.default)) - 1))
  expect_refused(do.call("brenier", too_many), "argument")
  expect_refused(brenier(), "argument")
})

test_that("a fit is whole after saving and in a new session", {
  skip_on_cran()
  fit <- banana_fit()
  file <- withr::local_tempfile(fileext = ".rds")
  out <- withr::local_tempfile(fileext = ".rds")
  saveRDS(fit, file)
  again <- readRDS(file)
  expect_identical(predict(again, type = "log_density"), predict(fit, type = "log_density"))
  expect_identical(simulate(again, 3, seed = 1), simulate(fit, 3, seed = 1))
  code <- sprintf(
    ".libPaths(%s); library(brenier); fit <- readRDS('%s'); saveRDS(list(predict(fit, type = 'map'),
     simulate(fit, 3, seed = 1)), '%s')",
    paste(deparse(.libPaths()), collapse = ""), file, out
  )
  script <- withr::local_tempfile(lines = code, fileext = ".R")
  log <- system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", shQuote(script)),
                 stdout = TRUE, stderr = TRUE)
  expect_null(attr(log, "status"))
  # The same machine code on the same numbers.
  expect_identical(readRDS(out), list(predict(fit, type = "map"), simulate(fit, 3, seed = 1)))
})
