control <- gaussian_control()

test_that("terms are evaluated in the data and then where the formula was written", {
  fit <- brenier(~ log(eruptions) + I(waiting / 10), data = faithful, control = control)
  expect_identical(fit$variables, c("log(eruptions)", "I(waiting/10)"))
  expect_identical(unname(fit$x), unname(cbind(log(faithful$eruptions), faithful$waiting / 10)))
  outside <- faithful$waiting
  fit <- brenier(~ eruptions + outside, data = faithful, control = control)
  expect_identical(unname(fit$x), unname(as.matrix(faithful)))
  expect_identical(with(faithful, brenier(~ eruptions + waiting, control = control))$x, fit$x,
                   ignore_attr = TRUE)
})

test_that("newdata are transformed by the terms of the fit", {
  fit <- brenier(~ log(eruptions) + I(waiting / 10), data = faithful, control = control)
  matrix <- brenier(cbind(log(faithful$eruptions), faithful$waiting / 10), control = control)
  new <- data.frame(waiting = c(60, 80), eruptions = c(2, 4))
  expect_identical(predict(fit, new), predict(matrix, cbind(log(c(2, 4)), c(6, 8))),
                   ignore_attr = TRUE)
})

test_that("a basis that depends on the data is the one of the fit", {
  fit <- brenier(~ poly(eruptions, 2), data = faithful, control = control)
  expect_identical(fit$variables, c("poly(eruptions, 2).1", "poly(eruptions, 2).2"))
  # Alone, five rows would have a basis of their own.
  expect_equal(predict(fit, faithful[1:5, ]), predict(fit)[1:5], tolerance = 1e-10,
               ignore_attr = TRUE)
})

test_that("subset and weights are evaluated in the data, as by lm()", {
  fit <- brenier(~ eruptions + waiting, data = faithful, subset = waiting > 60,
                 weights = eruptions, control = control)
  rows <- faithful$waiting > 60
  same <- brenier(faithful[rows, ], weights = faithful$eruptions[rows], control = control)
  expect_identical(potential_of(fit), potential_of(same))
  expect_identical(fit$x, as.matrix(faithful[rows, ]), ignore_attr = TRUE)
  by_lm <- lm(waiting ~ eruptions, data = faithful, subset = waiting > 60, weights = eruptions)
  expect_identical(nobs(fit), nobs(by_lm))
})

test_that("na.action removes rows as lm() does, and says so", {
  gaps <- faithful
  gaps$waiting[c(3, 8)] <- NA
  gaps$eruptions[8] <- NA
  fit <- brenier(~ eruptions + waiting, data = gaps, control = control)
  expect_identical(fit$na.action, na.action(lm(waiting ~ eruptions, data = gaps)))
  without <- brenier(faithful[-c(3, 8), ], control = control)
  expect_identical(potential_of(fit), potential_of(without))
  expect_output(print(fit), "270 points in 2 dimensions; 2 removed for missing values", fixed = TRUE)
  # Weights go with their rows.
  w <- seq_len(272)
  fit <- brenier(~ eruptions + waiting, data = gaps, weights = w, control = control)
  expect_identical(fit$weights, as.double(w[-c(3, 8)]))
  expect_error(brenier(~waiting, data = gaps, na.action = na.fail), class = "brenier_error")
  expect_refused(brenier(~waiting, data = gaps, na.action = na.pass), "missing")
})

test_that("formulas that name no joint law are refused", {
  expect_refused(brenier(~ eruptions * waiting, data = faithful), "formula")
  expect_refused(brenier(~ eruptions + offset(waiting), data = faithful), "formula")
  expect_refused(brenier(~1, data = faithful), "formula")
  expect_refused(brenier(~0, data = faithful), "formula")
  expect_refused(brenier(~.), "formula")
})

test_that("unknown variables are refused, with the likely ones", {
  expect_refused(brenier(~ eruption + waiting, data = faithful), "variable")
  expect_refused(brenier(~zzzzzz, data = faithful), "variable")
  # There is one, of letters; a function of a name is no variable.
  expect_refused(brenier(~letters, data = faithful), "type")
  expect_refused(brenier(~mean, data = faithful), "variable")
  expect_refused(brenier(~ eruptions, data = faithful, weights = zzzzzz), "variable")
  expect_refused(brenier(~ eruptions, data = faithful, subset = zzzzzz > 2), "variable")
})

test_that("variables that are not numbers are refused by name", {
  expect_refused(brenier(~ Sepal.Length + Species, data = iris), "type")
  expect_refused(brenier(~., data = iris), "type")
  expect_refused(brenier(~ Sepal.Length + (Sepal.Width > 3), data = iris), "type")
  dropped <- brenier(~ . - Species, data = iris, control = control)
  expect_identical(dropped$variables, names(iris)[1:4])
  expect_length(predict(dropped, iris[1:3, 1:4]), 3)
})

test_that("a factor is refused in newdata, whatever its levels", {
  fit <- brenier(~ eruptions + waiting, data = faithful, control = control)
  new <- data.frame(eruptions = 3, waiting = factor("unseen"))
  expect_refused(predict(fit, new), "type")
})

test_that("nothing left of the data is refused", {
  expect_refused(brenier(~eruptions, data = faithful, subset = eruptions > 100), "empty")
  expect_refused(brenier(~eruptions, data = 3), "type")
  gaps <- transform(faithful, waiting = NA_real_)
  expect_refused(brenier(~ eruptions + waiting, data = gaps), "empty")
})

test_that("values that a term makes are checked as data are", {
  expect_refused(brenier(~ I(eruptions / 0), data = faithful), "not_finite")
  expect_refused(brenier(~ eruptions + I(2 * eruptions), data = faithful), "collinear")
})

test_that("weights of another length than the data are refused", {
  expect_refused(brenier(~ eruptions, data = faithful, weights = c(1, 2)), "argument")
})

test_that("errors in the package's own words pass through model.frame()", {
  own <- structure(class = c("brenier_error_own", "brenier_error", "error", "condition"),
                   list(message = "in our words", call = NULL))
  expect_error(eval_frame(quote(stop(own)), environment()), "in our words", class = "brenier_error_own")
})

test_that("a level that no row has is none of the fit", {
  two <- subset(iris, Species != "setosa") # it keeps its three levels
  fit <- brenier(Sepal.Length ~ Species, data = two, control = control)
  new <- data.frame(Species = c("versicolor", "virginica"))
  expect_equal(unname(predict(fit, new, type = "mean")[, 1]),
               unname(predict(lm(Sepal.Length ~ Species, two), new)), tolerance = 1e-8)
  expect_refused(predict(fit, data.frame(Species = "setosa"), type = "mean"), "variable")
})

test_that("columns of a data frame may be written with a dollar, though not predicted at", {
  fit <- brenier(faithful$waiting ~ faithful$eruptions, control = control)
  same <- brenier(waiting ~ eruptions, data = faithful, control = control)
  expect_identical(logLik(fit), logLik(same))
  expect_output(print(fit), "given faithful$eruptions", fixed = TRUE)
  expect_refused(predict(fit, data.frame(eruptions = 2), type = "mean"), "variable")
  expect_identical(brenier(~ faithful$waiting, data = cars, control = control)$n, 272L)
  post <- brenier_glm(faithful$waiting ~ faithful$eruptions)
  expect_refused(predict(post, data.frame(eruptions = 2)), "variable")
})

test_that("bars and a dot without a meaning are refused", {
  expect_refused(brenier(mpg ~ wt + (1 | cyl), data = mtcars), "formula")
  expect_refused(brenier(mpg ~ wt | cyl, data = mtcars), "formula")
  expect_refused(brenier(~ mpg | cyl, data = mtcars), "formula")
  expect_s3_class(brenier(mpg ~ I(cyl > 4 | wt > 3), data = mtcars, control = control), "brenier")
  fit <- brenier(~ eruptions + waiting, data = faithful, control = control)
  expect_refused(update(fit, . ~ . - waiting), "formula")
  expect_identical(update(fit, ~ . - waiting)$variables, "eruptions")
  expect_refused(sinkhorn(. ~ Species, data = iris), "formula")
})
