# Plots as objects of ggplot2: what they show is what the functions say.

skip_if_not_installed("ggplot2")

built <- function(plot) ggplot2::ggplot_build(plot)$data

test_that("each plot is built, with the variables for axes", {
  fit <- faithful_fit()
  for (which in c("density", "quantile", "grid", "trace", "qq", "rank")) {
    plot <- ggplot2::autoplot(fit, which)
    expect_s3_class(plot, "ggplot")
    expect_no_warning(built(plot))
    labels <- plot$labels
    if (which %in% c("density", "quantile", "grid")) {
      expect_identical(unname(unlist(labels[c("x", "y")])), fit$variables)
    }
  }
  expect_identical(ggplot2::autoplot(fit)$labels$title, "Density")
})

test_that("the curve is the density, the fan has the quantiles, ranks are heights", {
  one <- cached("one", brenier(~eruptions, data = faithful, control = list(folds = 0, max_atoms = 6)))
  curve <- built(ggplot2::autoplot(one))[[2]]
  expect_equal(curve$y, unname(predict(one, data.frame(eruptions = curve$x))), tolerance = 1e-10)
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
  expect_no_warning(built(ggplot2::autoplot(three)))
  expect_no_warning(built(ggplot2::autoplot(three, variables = 2:3)))
})

test_that("every result has the plots of plot(), by the same names", {
  r <- results()
  kinds <- list(
    posterior = c("pairs", "marginals", "weights", "trace", "residuals"), sinkhorn = c("map", "trace"),
    barycenter = c("points", "trace"), monge_ampere = c("density", "grid", "interpolation", "trace"),
    kde_flow = c("particles", "paths", "energy", "bandwidth"),
    on_target = c("particles", "paths", "energy", "bandwidth"),
    generator = c("draws", "energy")
  )
  for (name in names(kinds)) for (which in kinds[[name]]) {
    expect_no_warning(built(ggplot2::autoplot(r[[name]], which)))
    expect_identical(pages(plot(r[[name]], which)), 1L)
  }
  for (name in names(kinds)) {
    expect_error(ggplot2::autoplot(r[[name]], "picture"), class = "brenier_error_argument")
    expect_error(ggplot2::autoplot(r[[name]], kinds[[name]][1:2]), class = "brenier_error_argument")
    expect_error(ggplot2::autoplot(r[[name]], colour = 2), class = "brenier_error_argument")
  }
  for (name in c("region", "regret", "gaussian_flow", "grid_flow", "points_flow", "distance", "ksd")) {
    expect_no_warning(built(ggplot2::autoplot(r[[name]])))
    expect_identical(pages(plot(r[[name]])), 1L)
    expect_error(ggplot2::autoplot(r[[name]], colour = 2), class = "brenier_error_argument")
  }
  expect_error(plot(energy_distance(faithful, faithful, permutations = 0)), "permutations",
               class = "brenier_error_argument")
})

test_that("both show the same numbers", {
  r <- results()
  particles <- built(ggplot2::autoplot(r$kde_flow))
  points <- particles[[length(particles)]]
  expect_equal(cbind(points$x, points$y), unname(r$kde_flow$particles))
  drawn_at <- coordinates(drawn(plot(r$kde_flow)), "C_plotXY")
  expect_true(any(vapply(drawn_at, function(p) isTRUE(all.equal(p$x, points$x)), NA)))
  # the arrows of a transport end in the images
  arrows <- built(ggplot2::autoplot(r$sinkhorn))[[2]]
  expect_equal(cbind(arrows$xend, arrows$yend), unname(predict(r$sinkhorn)), ignore_attr = TRUE)
  # the null and the p-value
  bars <- built(ggplot2::autoplot(r$distance))[[1]]
  expect_equal(sum((bars$xmax - bars$xmin) * bars$ymax), 1)
  expect_equal((1 + sum(r$distance$null >= r$distance$value)) / 200, r$distance$p_value)
  # a marginal is a density
  curve <- built(ggplot2::autoplot(r$posterior, "marginals"))[[2]]
  curve <- curve[curve$PANEL == 1, ]
  expect_equal(sum(curve$y) * diff(curve$x[1:2]), 1, tolerance = 0.02) # cut at the outermost draws
  cells <- built(ggplot2::autoplot(r$monge_ampere))[[1]]
  expect_identical(nrow(cells), 512L)
})

test_that("one dimension, many dimensions, covariates", {
  one <- sinkhorn_barycenter(list(faithful$eruptions, 1:30 / 10), n = 20)
  expect_no_warning(built(ggplot2::autoplot(one)))
  expect_no_warning(built(ggplot2::autoplot(sinkhorn(faithful$eruptions, 1:30 / 10))))
  expect_no_warning(built(ggplot2::autoplot(kde_flow(iris[1:4], n = 40, steps = 5))))
  given <- kde_flow(waiting ~ eruptions, data = faithful, n = 40, steps = 5)
  expect_no_warning(built(ggplot2::autoplot(given)))
  line <- monge_ampere(1 + (1:50) / 50, 2 - (1:50) / 50)
  for (which in c("density", "grid", "interpolation")) {
    expect_no_warning(built(ggplot2::autoplot(line, which)))
  }
  gen <- results()$generator
  expect_no_warning(built(ggplot2::autoplot(gen, data = faithful)))
  expect_no_warning(built(ggplot2::autoplot(gen, variables = "waiting", data = faithful)))
  expect_error(plot(gen, data = iris[1:4]), class = "brenier_error_argument")
  expect_error(plot(gen, variables = "x"), class = "brenier_error_argument")
  expect_error(plot(one, variables = 1:3, which = "paths"), class = "brenier_error_argument")
})

test_that("every plot leaves par() as it was", {
  r <- results()
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  kept <- c("mfrow", "mar", "oma", "cex", "mex", "las", "bty", "xpd", "mgp", "pty", "ask")
  for (layout in list(c(1, 1), c(3, 3))) {
    par(mfrow = layout, mar = c(4, 4, 3, 1))
    before <- par(kept)
    for (x in r[c("posterior", "glm", "sinkhorn", "barycenter", "monge_ampere", "kde_flow", "generator",
                  "regret", "region", "distance", "points_flow")]) {
      plot(x)
      expect_identical(par(kept), before)
    }
    plot(r$monge_ampere, c("interpolation", "grid"))
    plot(r$posterior, c("marginals", "trace"))
    expect_identical(par(kept), before)
  }
})
