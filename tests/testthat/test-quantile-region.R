test_that("a region holds its level of the law", {
  level <- c(0.1, 0.5, 0.9)
  n <- 4000
  for (fit in list(faithful_fit(), banana_fit())) {
    grid <- density_grid(fit)
    region <- quantile_region(fit, level)
    # Cells on the border are counted in or out: some hundredths of the cells.
    expect_equal(colSums(grid$mass * region$contains(grid$x)), level, tolerance = 0.02,
                 ignore_attr = TRUE)
    draws <- grid_draws(grid, n, seed = 2) # these know only the density
    content <- colMeans(region$contains(draws))
    expect_true(all(abs(content - level) < 3 * sqrt(level * (1 - level) / n)))
  }
})

test_that("an interval holds its level of the law", {
  fit <- eruptions_fit()
  level <- c(0.25, 0.5, 0.99)
  ends <- quantile_region(fit, level)$contour
  content <- mapply(function(a, b) {
    integrate(function(x) predict(fit, x), a, b, rel.tol = 1e-10, subdivisions = 1000)$value
  }, ends$lower, ends$upper)
  expect_equal(content, level, tolerance = 1e-7) # of the quadrature
  # d = 1: the ends have equal tails.
  below <- integrate(function(x) predict(fit, x), -60, ends$lower[2], rel.tol = 1e-10,
                     subdivisions = 1000)$value
  expect_equal(below, 0.25, tolerance = 1e-6)
})

test_that("the border of a region has its rank and closes", {
  fit <- banana_fit()
  region <- quantile_region(fit, c(0.3, 0.8), n = 50)
  border <- region$contour
  expect_named(border, c("level", "a", "b"))
  expect_identical(as.vector(table(border$level)), c(51L, 51L))
  # The inverse is good to 1e-9.
  expect_equal(predict(fit, border[c("a", "b")], type = "rank"), border$level, tolerance = 1e-8,
               ignore_attr = TRUE)
  one <- border[border$level == 0.3, ]
  expect_equal(one[51, ], one[1, ], ignore_attr = TRUE, tolerance = 1e-9)
  expect_equal(region$radius, sqrt(qchisq(c(0.3, 0.8), 2)))
})

test_that("regions are nested, and contains() agrees with the rank", {
  fit <- faithful_fit()
  region <- quantile_region(fit, c(0.2, 0.5, 0.95))
  inside <- region$contains(faithful)
  expect_identical(dim(inside), c(272L, 3L))
  expect_true(all(inside[, 1] <= inside[, 2] & inside[, 2] <= inside[, 3]))
  rank <- predict(fit, faithful, type = "rank")
  expect_identical(unname(inside[, 2]), unname(rank <= 0.5))
  expect_identical(region$contains(c(3, 70)), region$contains(data.frame(eruptions = 3, waiting = 70)),
                   ignore_attr = TRUE)
})

test_that("a region of a Gaussian map is an ellipse of the sample", {
  x <- as.matrix(faithful)
  fit <- brenier(x, control = gaussian_control(tol = 1e-12))
  border <- as.matrix(quantile_region(fit, 0.7)$contour[-1])
  S <- cov(x) * 271 / 272
  # Errors of the map of 1.4e-6, see test-brenier.R.
  expect_equal(mahalanobis(border, colMeans(x), S), rep(qchisq(0.7, 2), 201), tolerance = 1e-5)
})

test_that("above two dimensions there is membership alone", {
  fit <- brenier(make_normal(80, 3), control = gaussian_control())
  region <- quantile_region(fit, 0.5)
  expect_null(region$contour)
  expect_equal(mean(region$contains(fit$x)), 0.5, tolerance = 0.2)
  expect_snapshot(region)
})

test_that("regions print", {
  expect_snapshot(quantile_region(eruptions_fit()), transform = scrub)
  expect_snapshot(quantile_region(banana_fit(), 0.5))
})

test_that("bad arguments are refused", {
  fit <- banana_fit()
  expect_refused(quantile_region(fit, 1), "argument")
  expect_refused(quantile_region(fit, c(0, 0.5)), "argument")
  expect_refused(quantile_region(fit, NA), "argument")
  expect_refused(quantile_region(fit, "a"), "argument")
  expect_refused(quantile_region(fit, numeric()), "argument")
  expect_refused(quantile_region(fit, 0.5, n = 3), "argument")
  expect_refused(quantile_region(fit, levl = 0.5), "argument")
  expect_refused(quantile_region(faithful), "type")
})

test_that("ends are added without their words where `labels` is FALSE", {
  region <- quantile_region(eruptions_fit(), c(0.5, 0.9))
  record <- function(...) drawn({
    plot(1:6)
    plot(region, add = TRUE, ...)
  })$names
  expect_identical(sum(record(labels = FALSE) == "C_text"), 0L)
  expect_gt(sum(record() == "C_text"), 0)
  expect_identical(sum(record(labels = FALSE) == "C_abline"), 2L)
})

test_that("a region is a data frame of its borders", {
  region <- quantile_region(eruptions_fit(), c(0.5, 0.9))
  expect_identical(tidy(region), as.data.frame(region))
  expect_identical(as.data.frame(region)$level, c(0.5, 0.9))
  expect_identical(as.data.frame(region), as.data.frame(region$contour))
})
