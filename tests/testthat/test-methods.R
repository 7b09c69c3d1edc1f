test_that("logLik and its kin agree with the density", {
  fit <- banana_fit()
  log_density <- predict(fit, type = "log_density")
  # Sums of 400 numbers in two orders.
  expect_equal(as.numeric(logLik(fit)), sum(log_density), tolerance = 1e-12)
  # Two means, three covariances, one an atom that was fitted.
  df <- 5 + n_chosen(fit)
  expect_identical(attr(logLik(fit), "df"), df)
  expect_equal(AIC(fit), 2 * df - 2 * sum(log_density), tolerance = 1e-12)
  expect_equal(BIC(fit), log(400) * df - 2 * sum(log_density), tolerance = 1e-12)
  expect_identical(nobs(fit), 400L)
  w <- rep(c(0, 1, 3), 40)
  weighted <- brenier(make_banana(120), weights = w, control = gaussian_control())
  expect_equal(as.numeric(logLik(weighted)),
               sum(w * predict(weighted, make_banana(120), "log_density")), tolerance = 1e-12)
})

test_that("residuals are the map at the data", {
  fit <- faithful_fit()
  r <- residuals(fit)
  expect_identical(r, predict(fit, faithful, type = "map"))
  # The linear coefficients are free, so that at the minimum the residuals have mean zero; the
  # certificate bounds half its square.
  expect_lt(sum(colMeans(r)^2) / 2, fit$gap + 1e-12)
})

test_that("formula, terms and model.frame give back the model", {
  fit <- brenier(~ log(eruptions) + waiting, data = faithful, control = gaussian_control())
  expect_equal(formula(fit), ~ log(eruptions) + waiting)
  expect_identical(attr(terms(fit), "term.labels"), c("log(eruptions)", "waiting"))
  expect_identical(dim(model.frame(fit)), dim(faithful))
  expect_equal(model.frame(fit)[["log(eruptions)"]], log(faithful$eruptions))
  plain <- brenier(faithful, control = gaussian_control())
  expect_equal(formula(plain), ~ eruptions + waiting, ignore_attr = TRUE)
  expect_identical(attr(terms(plain), "term.labels"), c("eruptions", "waiting"))
  expect_identical(as.matrix(model.frame(plain)), as.matrix(faithful), ignore_attr = TRUE)
})

test_that("update() fits again with what changed", {
  fit <- brenier(~ eruptions + waiting, data = faithful, control = gaussian_control())
  expect_identical(potential_of(update(fit)), potential_of(fit))
  expect_identical(update(fit, ~ . - waiting)$variables, "eruptions")
  expect_identical(update(fit, data = faithful[1:100, ])$n, 100L)
  expect_identical(update(fit, subset = waiting > 70)$n, sum(faithful$waiting > 70))
  plain <- brenier(faithful, control = gaussian_control())
  expect_identical(update(plain, weights = rep(2, 272))$weights, rep(2, 272))
  expect_identical(n_chosen(update(plain, control = small_control(2))), 2L)
})

test_that("glance() is one row that agrees with the fit", {
  g <- glance(faithful_fit())
  expect_identical(dim(g), c(1L, 11L))
  expect_named(g, c("n", "d", "atoms", "layers", "log_likelihood", "held_out", "held_out_se", "gap",
                    "converged", "iterations", "seconds"))
  fit <- faithful_fit()
  expect_identical(g$n, 272L)
  expect_identical(g$layers, 1L)
  expect_identical(g$atoms, sum(!tidy(fit)$tail))
  expect_identical(g$log_likelihood, as.numeric(logLik(fit)))
  expect_identical(g$gap, certificate(fit)$gap)
  expect_true(g$converged)
  expect_true(is.na(glance(banana_fit())$held_out))
})

test_that("tidy() has a row an atom", {
  t <- tidy(faithful_fit())
  expect_identical(t$atom, seq_len(nrow(t)))
  expect_identical(t$layer, rep(1L, nrow(t)))
  expect_true(all(c("eruptions", "waiting", "centre", "width", "coefficient") %in% names(t)))
  # Unit vectors in double precision.
  expect_equal(t$eruptions^2 + t$waiting^2, rep(1, nrow(t)), tolerance = 1e-12)
  expect_true(all(t$width > 0 & t$coefficient > 0))
  expect_identical(nrow(tidy(brenier(faithful, control = gaussian_control()))), 0L)
})

test_that("augment() adds the log density and the rank", {
  fit <- faithful_fit()
  a <- augment(fit)
  expect_identical(names(a), c("eruptions", "waiting", ".log_density", ".rank"))
  expect_identical(a$.log_density, predict(fit, type = "log_density"), ignore_attr = TRUE)
  expect_true(all(a$.rank >= 0 & a$.rank < 1))
  new <- data.frame(waiting = c(50, NA), eruptions = 2, other = c("a", "b"))
  b <- augment(fit, newdata = new)
  expect_identical(b[names(new)], new)
  expect_identical(is.na(b$.rank), c(FALSE, TRUE))
  expect_identical(augment(fit, data = faithful)[1:2], faithful)
})

test_that("an unknown argument of update() is refused", {
  fit <- brenier(faithful, control = gaussian_control())
  expect_error(update(fit, contrl = list()), class = "brenier_error_argument")
  expect_refused(update(fit, zzz = 3), "argument")
})
