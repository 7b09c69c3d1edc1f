# Transforms of parameters against finite differences, round trips, and laws of known moments.

every_row <- function() {
  names <- c("a", "b", "c", "d", paste0("s[", 1:3, "]"), paste0("o[", 1:3, "]"), "q", "po[1]", "po[2]",
             "u")
  bound <- function(at, value, rest) replace(rep(rest, length(names)), at, value)
  new_space(names, bound(c(2, 4), c(1, -2), -Inf), bound(3:4, c(3, 5), Inf),
            list(s = "simplex", o = "ordered", po = "positive_ordered", q = "positive", u = "unit"))
}

by_differences <- function(f, z, h = 1e-5) {
  sapply(seq_along(z), function(k) {
    e <- replace(0 * z, k, h)
    (f(z + e) - f(z - e)) / (2 * h)
  })
}

test_that("every row of the table is tried below", {
  rows <- vapply(every_row()$blocks, function(block) block$row, "")
  expect_setequal(rows, names(transforms))
  kinds <- Filter(is.character, transform_names)
  expect_true(all(unlist(kinds) %in% names(transforms)))
})

test_that("transforms go and come back, with the Jacobian and gradient of differences", {
  space <- every_row()
  d <- length(space$coordinates)
  expect_equal(d, length(space$names) - 1)
  z <- withr::with_seed(1, matrix(rnorm(4 * d), 4))
  at <- to_parameters(space, z)
  expect_equal(from_parameters(space, at$x), z, tolerance = 1e-12)
  kept <- match(space$coordinates, space$names) # a simplex has one value more
  weight <- seq_along(space$names) / 3
  f <- function(v) {
    here <- to_parameters(space, matrix(v, 1))
    sum(weight * here$x^3) + here$logdet
  }
  for (i in seq_len(nrow(z))) {
    jacobian <- by_differences(function(v) to_parameters(space, matrix(v, 1))$x[1, kept], z[i, ])
    expect_equal(at$logdet[i], as.numeric(determinant(jacobian)$modulus), tolerance = 1e-8)
    row <- at$x[i, , drop = FALSE]
    slope <- pull_gradient(space, z[i, , drop = FALSE], row, 3 * weight * row^2)
    expect_equal(slope[1, ], by_differences(f, z[i, ]), tolerance = 1e-7)
  }
})

test_that("what a transform promises holds far out", {
  space <- every_row()
  d <- length(space$coordinates)
  z <- rbind(matrix(-300, 1, d), matrix(30, 1, d), rep_len(c(-700, 3), d))
  at <- to_parameters(space, z)
  x <- at$x
  colnames(x) <- space$names
  expect_true(all(is.finite(x)) && all(is.finite(at$logdet)))
  expect_equal(rowSums(x[, paste0("s[", 1:3, "]")]), rep(1, 3))
  expect_true(all(x[, "o[1]"] <= x[, "o[2]"] & x[, "o[2]"] <= x[, "o[3]"]))
  expect_true(all(x[, "b"] >= 1 & x[, "c"] <= 3 & x[, "d"] >= -2 & x[, "d"] <= 5))
})

test_that("points outside have no coordinates", {
  space <- every_row()
  inside <- to_parameters(space, matrix(0.3, 1, length(space$coordinates)))$x
  colnames(inside) <- space$names
  outside <- list(b = 0, c = 3, d = 6, `s[1]` = 0.9, `s[2]` = -0.1, `o[2]` = -5, q = -1, `po[1]` = -1,
                  u = 1)
  for (name in names(outside)) {
    x <- inside
    x[, name] <- outside[[name]]
    expect_false(all(is.finite(from_parameters(space, x))), label = name)
  }
})

test_that("a Dirichlet law, order statistics and their evidence are recovered", {
  a <- c(4, 2, 3)
  dirichlet <- function(p) sum((a - 1) * log(p))
  post <- brenier_vi(dirichlet, list(p = c(0.2, 0.5, 0.3)), function(p) (a - 1) / p,
                     transforms = c(p = "simplex"), potential = "ridge",
                     control = brenier_vi_control(points = 512, validation = 2048, max_points = 1024))
  expect_equal(post$variables, c("p[1]", "p[2]", "p[3]"))
  expect_equal(post$d, 2)
  truth <- sum(lgamma(a)) - lgamma(sum(a))
  expect_equal(post$log_evidence, truth, tolerance = 2e-3)
  expect_equal(summary(post)$parameters$mean, a / 9, tolerance = 5e-3)
  expect_equal(summary(post)$parameters$sd, sqrt(a * (9 - a) / (81 * 10)), tolerance = 2e-2)
  draws <- as_draws(post, 50, seed = 1)
  p <- as.matrix(as.data.frame(draws)[, 1:3])
  expect_equal(rowSums(p), rep(1, 50))
  expect_equal(draws$lp__, apply(p, 1, dirichlet))
  expect_equal(predict(post, p), draws$lp_approx__, tolerance = 1e-8)
  expect_equal(predict(post, rbind(c(0.5, 0.5, 0.5))), -Inf)

  # three sorted draws of N(0, 1): the density is 3! the product, so the evidence of the product is 1/6
  post <- brenier_vi(function(x) -sum(x^2) / 2 - 1.5 * log(2 * pi), list(o = c(-1, 0, 1)),
                     function(x) -x, transforms = list(o = "ordered"),
                     control = brenier_vi_control(points = 512, validation = 2048, max_points = 1024))
  expect_equal(post$log_evidence, -log(6), tolerance = 3e-3)
  extreme <- integrate(function(x) 3 * x * dnorm(x) * pnorm(x)^2, -Inf, Inf)$value
  expect_equal(summary(post)$parameters$mean, c(-1, 0, 1) * extreme, tolerance = 1e-2)
})

test_that("transforms that do not fit are errors", {
  f <- function(x) -sum(x^2)
  refuse <- function(...) expect_error(as_target(f, ...), class = "brenier_error_argument")
  start <- list(mu = 0, p = c(0.3, 0.7))
  refuse(start, transforms = list(p = "simplx"))
  refuse(start, transforms = list("simplex"))
  refuse(start, transforms = list(p = "simplex", p = "simplex"))
  refuse(start, transforms = list(q = "simplex"))
  refuse(start, transforms = list(mu = "simplex"))
  refuse(start, transforms = list(p = "simplex", `p[1]` = "positive"))
  refuse(start, transforms = list(p = "simplex"), lower = 0)
  refuse(start, transforms = 3)
  refuse(list(p = c(0.3, 0.6)), transforms = list(p = "simplex"))
  refuse(list(p = c(1, 1)), transforms = list(p = "ordered"))
  refuse(list(p = c(-1, 1)), transforms = list(p = "positive_ordered"))
  refuse(list(p = -1), transforms = list(p = "positive"))
  refuse(list(1, 2))
  refuse(list(p = "a"))
})
