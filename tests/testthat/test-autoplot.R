# Plots as objects of ggplot2: what they show is what the functions say.

skip_if_not_installed("ggplot2")

built <- function(plot) ggplot2::ggplot_build(plot)$data

test_that("each plot is built, with the variables for axes", {
  fit <- faithful_fit()
  for (which in c("density", "quantile", "grid", "trace", "qq", "rank")) {
    plot <- ggplot2::autoplot(fit, which)
    expect_s3_class(plot, "ggplot")
    expect_no_warning(built(plot))
    if (which %in% c("density", "quantile", "grid")) {
      labels <- ggplot2::ggplot_build(plot)$plot$labels
      expect_identical(unname(unlist(labels[c("x", "y")])), fit$variables)
    }
  }
  expect_identical(ggplot2::autoplot(fit)$labels$title, "Density")
})

test_that("the curve is the density, the fan has the quantiles, ranks are heights", {
  one <- cached("one", brenier(~eruptions, data = faithful, control = list(folds = 0, max_atoms = 6)))
  curve <- built(ggplot2::autoplot(one))[[2]]
  expect_equal(curve$y, predict(one, data.frame(eruptions = curve$x)), tolerance = 1e-10)
  bars <- built(ggplot2::autoplot(one, "rank"))[[1]]
  expect_equal(sum((bars$xmax - bars$xmin) * bars$ymax), 1)
  fan <- built(ggplot2::autoplot(fan_fit(), level = 0.8))[[1]]
  ends <- predict(fan_fit(), data.frame(x = fan$x), "quantile", level = c(0.1, 0.9))
  expect_equal(unname(ends), cbind(fan$ymin, fan$ymax), tolerance = 1e-6)
  points <- built(ggplot2::autoplot(one, "qq"))[[3]]
  expect_equal(sort(points$y), sort(unname(residuals(one)[, 1])))
})

test_that("laws given covariates, and refusals", {
  for (which in c("density", "quantile")) {
    expect_no_warning(built(ggplot2::autoplot(pair_fit(), which)))
    expect_no_warning(built(ggplot2::autoplot(fan_fit(), which, newdata = data.frame(x = c(0.2, 0.8)))))
  }
  expect_error(ggplot2::autoplot(pair_fit(), "grid"), class = "brenier_error_argument")
  expect_error(ggplot2::autoplot(faithful_fit(), c("qq", "rank")), class = "brenier_error_argument")
  three <- brenier(iris[1:3], control = list(max_atoms = 0))
  expect_error(ggplot2::autoplot(three, "density"), class = "brenier_error_argument")
  expect_s3_class(ggplot2::autoplot(three), "ggplot")
})
