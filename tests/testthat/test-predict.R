both <- function() list(faithful_fit(), eruptions_fit(), banana_fit())

test_that("the density integrates to one in one dimension", {
  fit <- eruptions_fit()
  ends <- predict(fit, c(-7, 7), type = "inverse") # all but 3e-12
  # The trapezoidal rule: ten points a least width, for which its error is far below 1e-6.
  step <- fit$min_width / 10 / drop(whitening_of(fit)$matrix)
  x <- seq(ends[1], ends[2], by = step)
  expect_equal(sum(predict(fit, x)) * step, 1, tolerance = 1e-6)
})

test_that("the density integrates to one in two dimensions", {
  for (fit in list(faithful_fit(), banana_fit())) {
    # The grid leaves out 1e-10; the rest is the error of the trapezoidal rule.
    expect_equal(sum(density_grid(fit)$mass), 1, tolerance = 1e-6)
  }
})

test_that("the inverse is the inverse", {
  for (fit in both()) {
    fresh <- withr::with_seed(1, matrix(rnorm(200 * fit$d), 200))
    fresh <- sweep(fresh, 2, whitening_of(fit)$center, "+")
    far <- unwhitened(fit, 1e3 * withr::with_seed(2, matrix(rnorm(20 * fit$d), 20)))
    for (x in list(fit$x, fresh, far)) {
      back <- predict(fit, predict(fit, x, type = "map"), type = "inverse")
      # T is met to 1e-12 of its size and grows at least by kappa = 0.05: 2e-11 of the size of x.
      expect_lt(max(abs(back - x)) / max(abs(x)), 1e-9)
    }
    # And the other way round, for points of the reference out to where its density is 1e-300.
    y <- withr::with_seed(3, matrix(rnorm(100 * fit$d, sd = 12), 100))
    expect_equal(predict(fit, predict(fit, y, "inverse"), "map"), y, tolerance = 1e-9,
                 ignore_attr = TRUE)
  }
})

test_that("the map is the gradient of a function", {
  for (fit in both()) {
    z <- withr::with_seed(1, matrix(rnorm(100 * fit$d), 100))
    u <- function(z) evaluate(potential_of(fit), z, value = TRUE)$value
    gradient <- vapply(seq_len(fit$d), function(k) derivative(u, z, k), numeric(100))
    map <- predict(fit, unwhitened(fit, z), type = "map")
    # See derivative() for its error.
    expect_equal(gradient, map, tolerance = 1e-7, ignore_attr = TRUE)
  }
})

test_that("the Jacobian of the map is symmetric and positive definite, and gives the density", {
  for (fit in both()) {
    z <- withr::with_seed(1, rbind(matrix(rnorm(100 * fit$d), 100), 5 * matrix(rnorm(9 * fit$d), 9)))
    x <- unwhitened(fit, z)
    J <- jacobian(fit, z)
    # Differences of the map are good to 1e-7, see derivative().
    expect_equal(J, aperm(J, c(2, 1, 3)), tolerance = 1e-7)
    least <- apply(J, 3, function(j) min(eigen((j + t(j)) / 2, symmetric = TRUE)$values))
    expect_gt(min(least), tail(fit$trace$min_eigenvalue, 1) - 1e-7)
    map <- predict(fit, x, type = "map")
    log_det <- apply(J, 3, function(j) log(det(matrix(j, fit$d))))
    log_det <- log_det + log(det(whitening_of(fit)$matrix))
    expect_equal(predict(fit, x, type = "log_density"),
                 -rowSums(map^2) / 2 - fit$d / 2 * log(2 * pi) + log_det, tolerance = 1e-6,
                 ignore_attr = TRUE)
  }
})

test_that("a map in one dimension rises, and in two it is monotone", {
  x <- seq(-20, 30, length.out = 1001)
  expect_true(all(diff(predict(eruptions_fit(), x, type = "map")) > 0))
  fit <- banana_fit()
  a <- withr::with_seed(1, matrix(rnorm(400, sd = 4), 200))
  b <- withr::with_seed(2, matrix(rnorm(400, sd = 4), 200))
  map <- function(z) predict(fit, unwhitened(fit, z), type = "map")
  expect_true(all(rowSums((map(a) - map(b)) * (a - b)) > 0))
})

test_that("the types of a prediction agree with each other", {
  fit <- faithful_fit()
  new <- faithful[c(5, 200, 17), ]
  map <- predict(fit, new, type = "map")
  expect_identical(dimnames(map), list(rownames(new), c("eruptions", "waiting")))
  expect_identical(predict(fit, new), exp(predict(fit, new, type = "log_density")))
  # d = 2: the probability of a disc of radius r is 1 - exp(-r^2/2).
  expect_equal(predict(fit, new, type = "rank"), 1 - exp(-rowSums(map^2) / 2), tolerance = 1e-14)
  expect_identical(predict(fit), predict(fit, faithful), ignore_attr = TRUE)
  expect_identical(names(predict(fit, new)), rownames(new))
  # A row does not depend on the others, but for the order of sums in a block.
  expect_equal(predict(fit, faithful)[200], predict(fit, faithful[200, ]), tolerance = 1e-13,
               ignore_attr = TRUE)
})

test_that("means and quantiles of several variables are as near to those of draws as the help says", {
  z <- withr::with_seed(3, matrix(rnorm(3000), 1000))
  fit <- brenier(z + 0.5 * z[, c(2, 3, 1)]^2, control = list(folds = 0, max_atoms = 24))
  draws <- as.matrix(simulate(fit, 2e5, seed = 1))
  sds <- apply(draws, 2, sd)
  expect_lt(max(abs(predict(fit, type = "mean") - colMeans(draws)) / sds), 0.01)
  level <- c(0.05, 0.5, 0.95)
  off <- (predict(fit, type = "quantile", level = level) - t(apply(draws, 2, quantile, level))) / sds
  expect_lt(max(abs(off)), 0.06)
})

test_that("far points have a density of zero, not an error", {
  fit <- faithful_fit()
  far <- rbind(c(1e8, 1e8), c(-1e300, 1e300), c(Inf, 3))
  expect_identical(predict(fit, far[1:2, ]), c(0, 0))
  expect_true(all(predict(fit, far[1:2, ], type = "log_density") < -1e10))
  expect_identical(predict(fit, far[1:2, ], type = "rank"), c(1, 1))
})

test_that("rows with missing values give NA", {
  fit <- brenier(faithful, control = small_control())
  new <- faithful[4:1, ]
  new$waiting[2] <- NA
  for (type in c("density", "log_density", "rank", "map")) {
    whole <- as.matrix(predict(fit, faithful[4:1, ], type = type))
    holes <- as.matrix(predict(fit, new, type = type))
    expect_true(all(is.na(holes[2, ])))
    expect_equal(holes[-2, ], whole[-2, ], tolerance = 1e-13) # blocks of other sizes
    expect_identical(rownames(holes), rownames(new))
  }
  y <- rbind(c(0, 1), c(NA, 1), c(1, 0))
  x <- predict(fit, y, type = "inverse")
  expect_identical(is.na(x[, 1]), c(FALSE, TRUE, FALSE))
  # The same for a fit with a formula.
  new <- data.frame(eruptions = c(2, NA), waiting = 50)
  expect_identical(is.na(predict(faithful_fit(), new)), c(FALSE, TRUE), ignore_attr = TRUE)
})

test_that("newdata may be a frame, a matrix in any order, or one point", {
  for (fit in list(faithful_fit(), brenier(faithful, control = gaussian_control()))) {
    one <- predict(fit, data.frame(eruptions = 3, waiting = 70))
    expect_length(one, 1)
    expect_equal(unname(one), predict(fit, c(3, 70)), tolerance = 0)
    expect_equal(unname(one), predict(fit, matrix(c(3, 70), 1)), tolerance = 0)
    expect_equal(unname(one), predict(fit, cbind(waiting = 70, eruptions = 3)), tolerance = 0)
    expect_equal(unname(one), unname(predict(fit, data.frame(waiting = 70, z = 0, eruptions = 3))),
                 tolerance = 0)
  }
  fit <- brenier(c(a = 1, b = 2, c = 5, d = 9), control = gaussian_control())
  expect_named(predict(fit, c(u = 1, v = NA)), c("u", "v"))
  expect_identical(predict(fit, 3:4), predict(fit, data.frame(x1 = 3:4)), ignore_attr = TRUE)
})

test_that("bad newdata are refused", {
  fit <- faithful_fit()
  plain <- brenier(faithful, control = gaussian_control())
  expect_refused(predict(plain, data.frame(eruptions = 2)), "variable")
  expect_refused(predict(fit, data.frame(eruptions = 2)), "variable")
  expect_refused(predict(fit, matrix(1, 2, 3)), "argument")
  expect_refused(predict(fit, c(1, 2, 3)), "argument")
  expect_refused(predict(fit, "a"), "type")
  expect_refused(predict(fit, data.frame(eruptions = "a", waiting = 1)), "type")
  expect_refused(predict(fit, list(1, 2)), "type")
  expect_refused(predict(fit, faithful[0, ]), "empty")
  expect_refused(predict(fit, type = "inverse"), "argument")
  expect_refused(predict(fit, matrix(1, 1, 3), type = "inverse"), "argument")
})

test_that("bad arguments of predict() are refused", {
  fit <- faithful_fit()
  expect_refused(predict(fit, type = "densty"), "argument")
  expect_refused(predict(fit, type = "zzzzzz"), "argument")
  expect_refused(predict(fit, type = c("map", "rank")), "argument")
  expect_refused(predict(fit, cbind(1, 2), type = "inverse", tol = -1), "argument")
  expect_refused(predict(fit, faithful, se.fit = TRUE), "argument")
})

test_that("no rows, or none without missing values, give no error for an inverse", {
  fit <- faithful_fit()
  expect_identical(unname(predict(fit, cbind(Inf, 1), type = "inverse")), cbind(NA_real_, NA_real_))
  expect_identical(unname(predict(fit, cbind(NA_real_, 1), type = "inverse")),
                   cbind(NA_real_, NA_real_))
  expect_identical(predict(fit, c(1, 0), type = "inverse"),
                   predict(fit, cbind(1, 0), type = "inverse"))
})

test_that("infinite points have no density and the last rank", {
  fit <- eruptions_fit()
  expect_identical(unname(predict(fit, c(-Inf, NA, Inf))), c(0, NA, 0))
  expect_identical(unname(predict(fit, c(-Inf, NA, Inf), type = "log_density")), c(-Inf, NA, -Inf))
  expect_identical(unname(predict(fit, c(-Inf, NA, Inf), type = "rank")), c(1, NA, 1))
  expect_true(all(is.na(predict(fit, c(-Inf, NA, Inf), type = "map"))))
})

test_that("variables in very different units are drawn and inverted", {
  x <- make_normal(50, 2)
  far <- cbind(x[, 1] * 1e-8, (x[, 1] + x[, 2]) * 1e8)
  fit <- brenier(far, control = gaussian_control())
  back <- predict(fit, predict(fit, type = "map"), type = "inverse")
  expect_equal(back / rep(c(1e-8, 1e8), each = 50), far / rep(c(1e-8, 1e8), each = 50),
               tolerance = 1e-7, ignore_attr = TRUE)
})

test_that("rows are named alike with newdata and without", {
  control <- gaussian_control()
  counted <- data.frame(a = faithful$eruptions, b = faithful$waiting)
  for (data in list(counted, faithful, setNames(mtcars[c("mpg", "wt")], c("a", "b")))) {
    names(data) <- c("a", "b")
    names <- row.names(data)
    given <- brenier(b ~ a, data, control = control)
    for (fit in list(brenier(~ a + b, data, control = control), brenier(data, control = control), given)) {
      expect_identical(predict(fit, data), predict(fit))
      expect_identical(names(predict(fit, data[3:5, ])), names[3:5])
      expect_identical(predict(fit, data, type = "map"), predict(fit, type = "map"))
    }
    for (type in c("mean", "quantile")) {
      expect_identical(predict(given, data, type), predict(given, type = type))
      expect_identical(rownames(predict(given, data[3:5, ], type)), names[3:5])
    }
    inverse <- predict(given, data[3:5, ], "inverse", at = 0)
    expect_identical(rownames(inverse), names[3:5])
    expect_identical(predict(given, type = "inverse", at = 0)[3:5, , drop = FALSE], inverse)
  }
})
