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

test_that("intervals and laws have the ends that quantiles have", {
  gaussian <- function(formula, data) brenier(formula, data = data, control = list(max_atoms = 0))
  one <- gaussian(~eruptions, faithful)
  region <- quantile_region(one, c(0.5, 0.9))
  bars <- built(ggplot2::autoplot(region))[[1]]
  bars <- bars[order(bars$y), ]
  expect_equal(bars[c("y", "x", "xend")], region$contour[c("level", "lower", "upper")],
               ignore_attr = TRUE)
  at <- data.frame(x = c(0.2, 0.9))
  region <- quantile_region(fan_fit(), c(0.5, 0.9), newdata = at)
  bars <- built(ggplot2::autoplot(region))[[1]]
  ends <- region$contour[order(-region$contour$level), ]
  expect_equal(bars[c("ymin", "ymax")], ends[c("lower", "upper")], ignore_attr = TRUE)
  expect_equal((bars$xmin + bars$xmax) / 2, ends$row)
  # the shaded parts of a density hold their levels
  shades <- built(ggplot2::autoplot(one, "quantile", level = 0.9))
  expect_equal(shades[[2]]$y, unname(predict(one, data.frame(eruptions = shades[[2]]$x))),
               tolerance = 1e-10)
  ends <- predict(one, type = "quantile", level = c(0.05, 0.95))
  expect_equal(range(shades[[1]]$x[shades[[1]]$y > 0]), as.vector(ends), tolerance = 0.01)
  curve <- built(ggplot2::autoplot(one, "grid"))[[2]]
  expect_equal(curve$y, as.vector(predict(one, data.frame(eruptions = curve$x), "map")), tolerance = 1e-8)
  expect_s3_class(built(ggplot2::autoplot(quantile_region(faithful_fit(), 0.5)))[[1]], "data.frame")

  data <- make_fan(120)
  data$g <- factor(rep(c("u", "v"), 60))
  data$y <- data$y + 3 * (data$g == "v")
  each <- ggplot2::autoplot(gaussian(y ~ x + g, data), level = 0.8)
  expect_identical(levels(ggplot2::ggplot_build(each)$layout$layout$group), c("g = u", "v"))
  factors <- gaussian(y ~ g, data)
  bars <- built(ggplot2::autoplot(factors, level = 0.8))
  new <- data.frame(g = c("u", "v"))
  expect_equal(cbind(bars[[1]]$ymin, bars[[3]]$y, bars[[1]]$ymax),
               unname(predict(factors, new, "quantile", level = c(0.1, 0.5, 0.9))), tolerance = 1e-6)
  expect_equal(bars[[4]]$y, as.vector(predict(factors, new, "mean")), tolerance = 1e-6)
})

test_that("paths of particles: a line each, histograms beside the law", {
  flow <- gaussian_flow(list(mean = 0, cov = 4), list(mean = 1, cov = 1), 0:4)
  paths <- simulate(flow, 50, seed = 1)
  lines <- built(ggplot2::autoplot(paths))
  expect_length(lines, 1)
  expect_identical(nrow(lines[[1]]), nrow(paths))
  expect_equal(sort(lines[[1]]$y), sort(paths[[3]]))
  histograms <- ggplot2::autoplot(paths, "marginals")
  expect_identical(histograms$labels$x, names(paths)[3])
  parts <- built(histograms)
  panel <- split(parts[[1]], parts[[1]]$PANEL)
  for (bars in panel) expect_equal(sum((bars$xmax - bars$xmin) * bars$ymax), 1)
  start <- parts[[2]][parts[[2]]$PANEL == 1, ]
  expect_equal(start$y, dnorm(start$x, 1, 1)) # particles begin at the sample, nu
  normal <- function(...) list(mean = c(...), cov = diag(2))
  plane <- simulate(gaussian_flow(normal(0, 0), normal(1, 2), 0:2), 20, seed = 1)
  ends <- built(ggplot2::autoplot(plane))[[2]]
  expect_identical(nrow(ends), 40L)
  both <- ggplot2::ggplot_build(ggplot2::autoplot(plane, "marginals"))$layout$layout
  expect_identical(levels(factor(both$name)), setdiff(names(plane), c("time", "particle")))
  expect_error(ggplot2::autoplot(plane, "path"), class = "brenier_error_argument")
})

test_that("one coordinate without data, one parameter, frames of two sizes, powers of ten", {
  law <- kde_flow(target = function(x) -x^2 / 2, gradient = function(x) -x, init = c(a = 0), n = 40,
                  steps = 10)
  bars <- built(ggplot2::autoplot(law))
  expect_length(bars, 1)
  expect_equal(sum((bars[[1]]$xmax - bars[[1]]$xmin) * bars[[1]]$ymax), 1)
  normal <- brenier_vi(function(x) -x^2 / 2, c(a = 0), function(x) -x)
  expect_s3_class(normal, "brenier_posterior")
  curve <- built(ggplot2::autoplot(normal, "pairs"))[[2]]
  expect_equal(curve$y, dnorm(curve$x), tolerance = 0.1)
  small <- grid_density(matrix(1, 8, 8), c(0, 0), c(1, 1))
  large <- grid_density(matrix(1, 8, 8), c(0, 0), c(2, 2))
  tiles <- built(ggplot2::autoplot(suppressWarnings(monge_ampere(small, large))))[[1]]
  expect_true(all(c("xmin", "xmax") %in% names(tiles)))
  words <- gg_powers()$labels
  expect_identical(as.character(words(c(-2, 0, 3))), c("10^-2", "10^0", "10^3"))
  expect_identical(words(log10(c(2, 5))), c("2", "5"))
})

test_that("particles in three dimensions without data fill the panels on both sides", {
  flow <- kde_flow(target = function(x) -sum(x^2) / 2, gradient = function(x) -x,
                   init = c(a = 0, b = 0, c = 0), n = 20, steps = 5)
  points <- built(ggplot2::autoplot(flow))
  clouds <- Filter(function(layer) "shape" %in% names(layer), points)
  expect_identical(sum(vapply(clouds, nrow, 0L)), 120L)
  # a pair whose density has no border at the levels has points alone
  frame <- data.frame(a = 1:5, b = 5:1, .weight = 1)
  line <- list(data.frame(x = 1:2, y = 1:2))
  bare <- gg_pairs(c("a", "b"), frame, NULL, function(k) c(line, line), "pairs", rep("black", 3),
                   function(i, j) NULL)
  expect_length(built(bare), 3)
})
