quick <- brenier_control(folds = 0, max_atoms = 6)
linear <- brenier(dist ~ speed, data = cars, control = gaussian_control(tol = 1e-12))
mixed <- brenier(Sepal.Length ~ Species + Petal.Length, data = iris, control = quick)
levels <- brenier(Sepal.Length ~ Species, data = iris, control = quick)
plane <- brenier(cbind(Sepal.Length, Sepal.Width) ~ Petal.Length, data = iris,
                 control = gaussian_control(tol = 1e-12))
groups <- brenier(cbind(Sepal.Length, Sepal.Width) ~ Species, data = iris, control = quick)
space <- brenier(cbind(Sepal.Length, Sepal.Width, Petal.Width) ~ Petal.Length, data = iris,
                 control = quick)
matrices <- brenier(as.matrix(faithful["eruptions"]), given = faithful["waiting"], control = quick,
                    layers = 2)
kinds <- c("density", "quantile", "trace", "qq", "rank")

polygons <- function(record) {
  lapply(record$calls[record$names == "C_polygon"], function(call) {
    list(x = call[[2]], y = call[[3]])
  })
}

test_that("every plot of a fit with covariates draws a page, without a word", {
  for (fit in list(linear, mixed, levels, plane, groups, space, matrices)) {
    for (kind in kinds) {
      expect_silent(n <- pages(shown <- withVisible(plot(fit, kind))))
      expect_identical(n, 1L)
      expect_identical(shown, list(value = fit, visible = FALSE))
    }
    expect_silent(pages(plot(fit)))
  }
})

test_that("the fan of a linear model is that of its normal law", {
  record <- drawn(plot(linear))
  x <- seq(4, 25, length.out = 101)
  model <- lm(dist ~ speed, data = cars)
  centre <- predict(model, data.frame(speed = x))
  sd <- sqrt(mean(residuals(model)^2))
  ribbons <- polygons(record)
  expect_length(ribbons, 2)
  for (k in 1:2) {
    p <- c(0.05, 0.25)[k]
    expect_equal(ribbons[[k]]$x, c(x, rev(x)))
    # errors of the map of 1e-6, see test-brenier.R
    truth <- c(centre + qnorm(p) * sd, rev(centre - qnorm(p) * sd))
    expect_equal(ribbons[[k]]$y, unname(truth), tolerance = 1e-5)
  }
  lines <- Filter(function(xy) length(xy$x) == 101, coordinates(record, "C_plotXY"))
  expect_length(lines, 2)
  for (line in lines) expect_equal(line$y, unname(centre), tolerance = 1e-4, ignore_attr = TRUE)
  # as many ribbons as levels
  expect_length(polygons(drawn(plot(linear, level = c(0.1, 0.4, 0.8)))), 3)
})

test_that("there is a fan for each value of a factor, where the data have it", {
  ribbons <- polygons(drawn(plot(mixed)))
  expect_length(ribbons, 6)
  ends <- t(vapply(ribbons[c(1, 3, 5)], function(r) range(r$x), numeric(2)))
  truth <- do.call(rbind, tapply(iris$Petal.Length, iris$Species, range))
  expect_equal(ends, truth, ignore_attr = TRUE)
  new <- data.frame(Species = "virginica", Petal.Length = seq(4.5, 6.9, length.out = 101))
  q <- predict(mixed, new, type = "quantile", level = c(0.05, 0.95))
  expect_equal(ribbons[[5]]$y, unname(c(q[, 1], rev(q[, 2]))), tolerance = 1e-8)
})

test_that("laws side by side have their quantiles, and the data of their factors", {
  record <- drawn(plot(levels, level = 0.8))
  boxes <- record$calls[record$names == "C_rect"][[1]]
  q <- predict(levels, data.frame(Species = unique(iris$Species)), type = "quantile",
               level = c(0.1, 0.9))
  expect_equal(boxes[[3]], unname(q[, 1]), tolerance = 1e-8)
  expect_equal(boxes[[5]], unname(q[, 2]), tolerance = 1e-8)
  points <- Filter(function(xy) length(xy$x) == 150, coordinates(record, "C_plotXY"))[[1]]
  expect_equal(round(points$x), as.integer(iris$Species))
  expect_equal(points$y, iris$Sepal.Length)
})

test_that("densities are those of the rows", {
  record <- drawn(plot(linear, "density", newdata = data.frame(speed = c(10, 20))))
  curves <- Filter(function(xy) length(xy$x) == 501, coordinates(record, "C_plotXY"))
  expect_length(curves, 2)
  model <- lm(dist ~ speed, data = cars)
  truth <- dnorm(curves[[2]]$x, predict(model, data.frame(speed = 20)), sqrt(mean(residuals(model)^2)))
  expect_equal(curves[[2]]$y, truth, tolerance = 1e-4)
})

test_that("borders in the plane are ellipses for a normal law, whatever they bound", {
  residuals <- residuals(lm(cbind(Sepal.Length, Sepal.Width) ~ Petal.Length, data = iris))
  S <- crossprod(residuals) / 150
  centre <- predict(lm(cbind(Sepal.Length, Sepal.Width) ~ Petal.Length, data = iris),
                    data.frame(Petal.Length = 3))
  given <- new_covariates(plane, data.frame(Petal.Length = 3))
  for (which in c("quantile", "density")) {
    borders <- law_borders(plane, which, c(0.5, 0.9), given)
    expect_length(borders, 2)
    level <- vapply(borders, function(b) mean(pchisq(mahalanobis(b, centre, S), 2)), 0)
    # cuts of the density come from 4096 points
    expect_equal(sort(unname(level)), c(0.5, 0.9), tolerance = if (which == "density") 2e-3 else 1e-5)
  }
})

test_that("typical laws are medians and commonest values, within each factor", {
  data <- data.frame(f = factor(c("a", "a", "b", "b", "b"), c("b", "a", "c")), x = c(1, 2, 7, 8, 9),
                     l = c(TRUE, TRUE, FALSE, TRUE, FALSE))
  laws <- typical_laws(data)
  expect_identical(as.character(laws$f), c("b", "a"))
  expect_equal(laws$x, c(8, 1.5))
  expect_identical(laws$l, c(FALSE, TRUE))
  laws <- typical_laws(data[c("x", "f")])
  expect_equal(laws$x, c(2, 7, 8))
  expect_identical(as.character(laws$f), rep("b", 3))
  along <- laws_along(data)
  expect_identical(nrow(along), 202L)
  expect_equal(range(along$x[along$f == "a"]), c(1, 2))
  expect_identical(path_of(along)$axis, "x")
  expect_identical(path_of(along)$group, rep(1:2, each = 101))
  day <- data.frame(day = as.Date("2020-01-01") + c(0, 4, 10))
  expect_identical(typical_laws(day)$day, as.Date("2020-01-01") + c(2, 4, 7))
  # a term may have made something of a missing value
  data$x[5] <- NA
  expect_equal(typical_laws(data)$x, c(7.5, 1.5))
  expect_equal(range(laws_along(data)$x), c(1, 8))
})

test_that("the path is along the variable that leaves the fewest groups", {
  data <- expand.grid(a = c(1, 2), b = 1:5, f = c("u", "v"))
  path <- path_of(data)
  expect_identical(path$axis, "b")
  expect_identical(max(path$group), 4L)
  expect_null(path_of(data.frame(a = 1, f = c("u", "v"))))
  expect_null(path_of(data.frame(a = 1:2, b = 1:2)))
})

test_that("laws are told apart by what differs, and the note has what does not", {
  data <- data.frame(f = c("u", "v"), x = c(1.23456, 2), y = 5)
  expect_identical(law_words(data), c("f = u, x = 1.23", "v, 2"))
  expect_identical(law_words(data[c("f", "y")], FALSE), c("u", "v"))
  expect_identical(common_words(data), "at y = 5")
  expect_null(common_words(data[c("f", "x")]))
  expect_identical(law_words(data[1, ]), "f = u, x = 1.23, y = 5")
  expect_null(common_words(data[1, ]))
})

test_that("many levels are cut, with a message", {
  data <- withr::with_seed(1, data.frame(y = rnorm(130), z = rnorm(130), g = letters[rep(1:26, 5)]))
  one <- brenier(y ~ g, data = data, control = gaussian_control())
  two <- brenier(cbind(y, z) ~ g, data = data, control = gaussian_control())
  expect_message(pages(plot(one)), "commonest 20 of 26", class = "brenier_message")
  expect_message(pages(plot(two)), "commonest 6 of 26", class = "brenier_message")
  expect_silent(pages(plot(two, newdata = data.frame(g = letters[1:9]))))
})

test_that("the fit keeps the variables of its covariates at its rows", {
  degree <- 2
  data <- data.frame(y = c(1, 4, 2, 8, 5, 7, 3, 9, 6, 0), x = 1:10, k = c(NA, rep(1:2, length.out = 9)),
                     s = "a")
  data$s[6:10] <- "b"
  fit <- brenier(y ~ poly(x, degree) + factor(k) + s, data = data[1:10, ], subset = y > 0,
                 weights = c(1, 1, 0, rep(1, 7)), na.action = na.omit, control = gaussian_control())
  kept <- c(2, 4:9) # without a missing value, a weight of zero and a row outside the subset
  truth <- data.frame(x = data$x, k = factor(data$k), s = factor(data$s))[kept, ]
  expect_identical(as.list(fit$design$data), as.list(truth))
  expect_silent(pages(plot(fit)))
  # a number in newdata where the formula makes a factor of it
  expect_silent(pages(plot(fit, newdata = data.frame(x = 2:9, k = rep(1:2, each = 4), s = "a"))))
  # variables of the environment
  y <- data$y
  w <- sqrt(seq_along(y))
  expect_identical(brenier(y ~ w, control = gaussian_control())$design$data, data.frame(w = w))
  # no vector, no typical value
  X <- cbind(w, w^2)
  fit <- brenier(y ~ X, control = gaussian_control())
  grDevices::graphics.off()
  expect_error(plot(fit), "newdata", class = "brenier_error_argument")
  expect_null(grDevices::dev.list())
  expect_silent(pages(plot(fit, "qq")))
})

test_that("graphical parameters reach the plots of laws", {
  titles <- function(record) unlist(record$calls[record$names == "C_title"])
  record <- drawn(plot(linear, main = "Braking", sub = "cars", xlab = "mph", col = "#12345678"))
  expect_true(all(c("Braking", "cars", "mph") %in% titles(record)))
  expect_true("#12345678" %in% unlist(record$calls[record$names == "C_plotXY"]))
  expect_true(all(c("speed", "dist") %in% titles(drawn(plot(linear)))))
  names <- titles(drawn(plot(groups)))
  expect_true(all(c("Sepal.Length", "Sepal.Width") %in% names))
})

test_that("a wrong use is an error before anything is drawn", {
  grDevices::graphics.off()
  expect_error(plot(linear, "grid"), "quantile", class = "brenier_error_argument")
  expect_error(plot(linear, c("rank", "grid")), class = "brenier_error_argument")
  expect_error(plot(linear, "qq", newdata = cars), "density", class = "brenier_error_argument")
  expect_error(plot(space, "quantile", newdata = iris), class = "brenier_error_argument")
  expect_error(plot(faithful_fit(), newdata = faithful), "covariates",
               class = "brenier_error_argument")
  expect_error(plot(linear, newdata = data.frame(spd = 1)), "speed", class = "brenier_error_variable")
  expect_error(plot(linear, newdata = data.frame(speed = NA)), class = "brenier_error_missing")
  expect_error(plot(linear, newdata = cars[0, ]), class = "brenier_error_empty")
  expect_error(plot(linear, newdata = 12), class = "brenier_error_type")
  expect_error(plot(linear, "density", newdata = cars), "9", class = "brenier_error_argument")
  expect_error(plot(groups, newdata = iris), "9", class = "brenier_error_argument")
  expect_error(plot(levels, newdata = data.frame(Species = "rose")), class = "brenier_error_variable")
  expect_error(plot(linear, level = 2), class = "brenier_error_argument")
  expect_error(plot(linear, newdatas = cars), "newdata", class = "brenier_error_argument")
  expect_null(grDevices::dev.list())
  grid <- expand.grid(Species = unique(iris$Species), Petal.Length = 1:4)
  expect_silent(pages(plot(mixed, newdata = grid)))
})

test_that("regions of several laws are drawn, alone or added", {
  one <- quantile_region(linear, newdata = cars[c(1, 20, 50), ])
  two <- quantile_region(groups, newdata = iris[c(1, 51, 101), ])
  for (region in list(one, two, quantile_region(linear, 0.5, newdata = cars[1, ]),
                      quantile_region(linear, newdata = cars))) {
    expect_silent(n <- pages(shown <- withVisible(plot(region))))
    expect_identical(n, 1L)
    expect_false(shown$visible)
  }
  expect_silent(pages({
    plot(groups)
    plot(two, add = TRUE, labels = FALSE, lty = 3)
    plot(linear, "density")
    plot(one, add = TRUE)
  }))
  expect_error(plot(quantile_region(linear)), "newdata", class = "brenier_error_argument")
  expect_error(plot(quantile_region(space)), "contains", class = "brenier_error_argument")
  # each border is that of its row
  record <- drawn(plot(two, labels = FALSE))
  xy <- Filter(function(p) length(p$x) == 201, coordinates(record, "C_plotXY"))
  expect_length(xy, 6)
  at <- data.frame(Sepal.Length = xy[[3]]$x, Sepal.Width = xy[[3]]$y, Species = "versicolor")
  expect_equal(unname(predict(groups, at, type = "rank")), rep(0.5, 201), tolerance = 1e-8)
})

test_that("draws of the scatter plots are from the laws asked for", {
  given <- new_covariates(space, data.frame(Petal.Length = c(1.5, 6)))
  draws <- pair_draws(space, given, 4000)
  centre <- predict(space, data.frame(Petal.Length = c(1.5, 6)), type = "mean")
  for (k in 1:2) {
    of <- draws[seq(k, 4000, by = 2), ]
    expect_lt(max(abs(colMeans(of) - centre[k, ]) / apply(of, 2, sd)), 4 / sqrt(2000))
  }
  expect_silent(pages(plot(space, newdata = data.frame(Petal.Length = c(1.5, 6)))))
})

test_that("more groups than can be told apart, or none, are refused", {
  data <- cbind(make_fan(100), z = rep(1:20, 5))
  fit <- brenier(y ~ x + z, data = data, control = list(max_atoms = 0))
  new <- expand.grid(x = 1:10 / 10, z = 1:12)
  expect_error(plot(fit, "quantile", newdata = new), "10 groups", class = "brenier_error_argument")
  expect_error(plot(fit, newdata = new[0, ]), "no row", class = "brenier_error_empty")
})

test_that("the title of scatter plots names the one law that is drawn", {
  fit <- brenier(cbind(Sepal.Length, Sepal.Width, Petal.Length) ~ Petal.Width, data = iris,
                 control = list(max_atoms = 0))
  law <- data.frame(Petal.Width = 1.5)
  expect_match(density_data(fit, asked_of_fit(fit, "density", NULL, NULL, law)$density)$main,
               "at Petal.Width = 1.5", fixed = TRUE)
  many <- density_data(fit, asked_of_fit(fit, "density", NULL, NULL, rbind(law, 2))$density)$main
  expect_match(many, "at the rows of newdata", fixed = TRUE)
})
