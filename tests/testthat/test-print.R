test_that("a fit prints what it is", {
  expect_snapshot(print(faithful_fit()), transform = scrub)
  expect_snapshot(print(eruptions_fit()), transform = scrub)
  gaussian <- brenier(faithful, control = gaussian_control())
  expect_snapshot(print(gaussian), transform = scrub)
  weighted <- brenier(faithful, weights = rep(2, 272), control = gaussian_control())
  expect_snapshot(print(weighted), transform = scrub)
})

test_that("a fit that has not converged says so", {
  early <- suppressWarnings(brenier(make_banana(150), control = small_control(8, max_iter = 10)))
  expect_snapshot(print(early), transform = scrub)
})

test_that("the figures of a printout are those of the fit", {
  fit <- faithful_fit()
  text <- paste(capture.output(print(fit, digits = 6)), collapse = "\n")
  expect_match(text, "272 points in 2 dimensions", fixed = TRUE)
  expect_match(text, paste(n_chosen(fit), "ridge atoms"), fixed = TRUE)
  expect_match(text, format(as.numeric(logLik(fit)) / 272, digits = 6), fixed = TRUE)
  expect_match(text, format(fit$held_out$log_likelihood, digits = 6), fixed = TRUE)
  expect_match(text, "converged in", fixed = TRUE)
})

test_that("print() returns its argument invisibly", {
  fit <- banana_fit()
  objects <- list(fit, summary(fit), certificate(fit), brenier_control(), quantile_region(fit))
  for (object in objects) {
    capture.output(back <- withVisible(print(object)))
    expect_false(back$visible)
    expect_identical(back$value, object)
  }
})

test_that("a summary prints the residuals and the choice of the atoms", {
  expect_snapshot(summary(faithful_fit()), transform = scrub)
  one <- brenier(make_banana(100), control = list(folds = 1, max_atoms = 8, min_width = 0.1))
  expect_snapshot(summary(one), transform = scrub)
})

test_that("a summary has the moments of the residuals", {
  w <- rep(1:2, 60)
  fit <- brenier(make_banana(120), weights = w, control = gaussian_control())
  s <- summary(fit)
  # The moments of a weighted sample are those of the sample with its rows repeated.
  r <- residuals(fit)[rep(1:120, w), ]
  expect_identical(rownames(s$residuals), c("a", "b"))
  z <- scale(r) * sqrt(180 / 179)
  expect_equal(s$residuals$mean, colMeans(r), ignore_attr = TRUE, tolerance = 1e-10)
  expect_equal(s$residuals$sd^2, apply(r, 2, var) * 179 / 180, ignore_attr = TRUE)
  expect_equal(s$residuals$skewness, colMeans(z^3), ignore_attr = TRUE)
  expect_equal(s$residuals$kurtosis, colMeans(z^4) - 3, ignore_attr = TRUE)
  ks <- apply(r, 2, function(v) suppressWarnings(ks.test(v, "pnorm"))$statistic)
  # Repeated rows are ties, of which ks.test() takes the steps one by one.
  expect_equal(s$residuals$distance, ks, ignore_attr = TRUE, tolerance = 1e-10)
  expect_equal(s$reach, max(predict(fit, type = "rank")), tolerance = 1e-14)
})
