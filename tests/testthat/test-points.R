x <- as.matrix(faithful)

with_value <- function(x, value, row = 3, column = "waiting") {
  x[row, column] <- value
  x
}

test_that("missing and infinite values are refused, with their place", {
  expect_refused(brenier(with_value(x, NA)), "missing")
  expect_refused(brenier(with_value(x, NaN)), "missing")
  expect_refused(brenier(with_value(faithful, NA)), "missing")
  expect_refused(brenier(with_value(x, Inf, row = 3:5)), "not_finite")
  expect_refused(brenier(with_value(x, -Inf, column = "eruptions")), "not_finite")
  expect_refused(brenier(c(1, 2, NA, 4, 5)), "missing")
})

test_that("data without rows are refused", {
  expect_refused(brenier(x[0, ]), "empty")
  expect_refused(brenier(numeric()), "empty")
  expect_refused(brenier(x[, 0]), "empty")
  expect_refused(brenier(faithful[0, ]), "empty")
  expect_refused(brenier(data.frame()), "empty")
})

test_that("too few rows are refused", {
  expect_refused(brenier(x[1, , drop = FALSE]), "rows")
  expect_refused(brenier(x[1:3, ]), "rows")
  expect_refused(brenier(3), "rows")
  expect_refused(brenier(matrix(1:24, 4)), "rows")
  # One more point than that has a covariance and more.
  expect_s3_class(brenier(x[1:4, ], control = gaussian_control()), "brenier")
})

test_that("too few distinct rows are refused", {
  expect_refused(brenier(x[rep(1, 50), ]), "rows")
  expect_refused(brenier(x[rep(1:3, 50), ]), "rows")
  expect_refused(brenier(x, weights = rep(1:0, c(3, 269))), "rows")
  # The fourth distinct row is far down.
  late <- x[c(rep(1:3, 100), 4), ]
  expect_warning(fit <- brenier(late, control = gaussian_control()),
                 class = "brenier_warning_discrete")
  expect_s3_class(fit, "brenier")
})

test_that("constant columns are refused", {
  expect_refused(brenier(cbind(x, k = 1)), "constant")
  expect_refused(brenier(cbind(x, k = 0)), "constant")
  # It varies in its last digits alone.
  expect_refused(brenier(cbind(x, k = 1 + 1e-13 * x[, 1])), "constant")
  expect_s3_class(brenier(cbind(x, k = 1 + 1e-6 * sin(1:272)), control = gaussian_control()),
                  "brenier")
})

test_that("collinear columns are refused, by name", {
  expect_refused(brenier(cbind(x, s = 3 - 2 * x[, "waiting"])), "collinear")
  y <- make_normal(50, 3)
  colnames(y) <- c("a", "b", "c")
  expect_refused(brenier(cbind(y, s = y[, "a"] + y[, "c"])), "collinear")
  expect_refused(brenier(x[, c(1, 1)]), "collinear")
  # Nearly, but by more than the rounding of the data.
  near <- cbind(x, s = x[, 1] + 1e-4 * sin(1:272))
  expect_s3_class(brenier(near, control = gaussian_control()), "brenier")
})

test_that("what is not numbers is refused", {
  expect_refused(brenier(letters), "type")
  expect_refused(brenier(matrix(letters, 13)), "type")
  expect_refused(brenier(array(1, c(2, 3, 4))), "type")
  expect_refused(brenier(iris), "type")
  expect_refused(brenier(factor(1:10)), "type")
  expect_refused(brenier(data.frame(a = 1:9, b = letters[1:9])), "type")
  expect_refused(brenier(data.frame(a = 1:9, b = rep(c(TRUE, FALSE, TRUE), 3))), "type")
  expect_refused(brenier(data.frame(a = 1:9, b = as.Date("2020-01-01") + 1:9)), "type")
  expect_refused(brenier(list(1, 2)), "type")
  expect_refused(brenier(c(TRUE, FALSE, TRUE)), "type")
  expect_refused(brenier(1i * 1:10), "type")
  expect_refused(brenier(NULL), "type")
  expect_refused(brenier(sin), "type")
})

test_that("huge and tiny values are refused where they cannot be squared", {
  expect_refused(brenier(1e200 * x), "scale")
  expect_refused(brenier(1e-200 * x), "scale")
  # Within the range of doubles any unit will do: log density in logarithms of the unit.
  plain <- predict(brenier(x, control = gaussian_control()), x, "log_density")
  for (unit in c(1e-140, 1e140)) {
    fit <- brenier(unit * x, control = gaussian_control())
    # The gap of 1e-6 leaves errors of 1.4e-3 in the map, twice.
    expect_equal(predict(fit, unit * x, "log_density") + 2 * log(unit), plain, tolerance = 5e-3)
  }
  # Variables in very different units.
  fit <- brenier(cbind(a = x[, 1] * 1e140, b = x[, 2] * 1e-140), control = gaussian_control())
  expect_equal(predict(fit, type = "log_density"), plain, tolerance = 5e-3, ignore_attr = TRUE)
})

test_that("bad weights are refused", {
  expect_refused(brenier(x, weights = rep(0, 272)), "empty")
  expect_refused(brenier(x, weights = c(1, -1, rep(1, 270))), "argument")
  expect_refused(brenier(x, weights = c(1, NA, rep(1, 270))), "argument")
  expect_refused(brenier(x, weights = c(1, Inf, rep(1, 270))), "argument")
  expect_refused(brenier(x, weights = 1:3), "argument")
  expect_refused(brenier(x, weights = "a"), "argument")
  expect_refused(brenier(~eruptions, data = faithful, weights = -waiting), "argument")
})

test_that("weights of any size will do", {
  for (size in c(1e-300, 1e300)) {
    fit <- brenier(x, weights = rep(size, 272), control = gaussian_control())
    expect_true(all(is.finite(predict(fit, type = "log_density"))))
  }
})

test_that("all checks come before any work", {
  # An error of the data even where the control asks for no time.
  expect_error(brenier(cbind(x, 1), control = list(max_seconds = 0)), class = "brenier_error_constant")
})

test_that("a class of a matrix or a vector of numbers does not matter", {
  control <- gaussian_control()
  plain <- brenier(x, control = control)
  expect_identical(potential_of(brenier(as.table(x), control = control)), potential_of(plain))
  expect_identical(potential_of(brenier(ts(x), control = control)), potential_of(plain))
  expect_identical(potential_of(brenier(ts(x[, 1]), control = control)),
                   potential_of(brenier(x[, 1], control = control)))
})
