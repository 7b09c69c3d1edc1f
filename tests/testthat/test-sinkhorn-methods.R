exact <- sinkhorn_control(tol = 1e-13, max_iter = 1e4)

make_sides <- function(n = 15, m = 12, d = 2, seed = 1) {
  withr::with_seed(seed, list(
    x = matrix(rnorm(n * d), n), y = 1 + matrix(rnorm(m * d), m) / 2,
    a = runif(n, 0.5, 1), b = runif(m, 0.5, 1)
  ))
}

# --- map and potentials ----------------------------------------------------------

test_that("the map is the mean of the plan at the points, and the potential's gradient anywhere", {
  s <- make_sides()
  ot <- sinkhorn(s$x, s$y, 0.2, s$a, s$b, control = exact)
  P <- plan(ot)
  expect_equal(unname(predict(ot)), unname(P %*% s$y / rowSums(P)), tolerance = 1e-10)
  expect_equal(unname(predict(ot, direction = "backward")), unname(t(P) %*% s$x / colSums(P)),
               tolerance = 1e-10)
  expect_equal(predict(ot, type = "potential"), ot$f, tolerance = 1e-10)
  expect_equal(predict(ot, type = "potential", direction = "backward"), ot$g, tolerance = 1e-10)
  at <- rbind(c(0.3, -0.4), c(5, 5), c(-1e3, 1e3)) # far outside the data too
  h <- 1e-4
  slope <- sapply(1:2, function(k) {
    e <- replace(c(0, 0), k, h)
    (predict(ot, sweep(at, 2, e, `+`), "potential") -
       predict(ot, sweep(at, 2, e, `-`), "potential")) / (2 * h)
  })
  expect_equal(unname(predict(ot, at)), at - slope / 2, tolerance = 1e-6)
  hull <- predict(ot, at)
  expect_true(all(hull >= rep(apply(s$y, 2, min), each = 3) & hull <= rep(apply(s$y, 2, max), each = 3)))
})

test_that("a debiased map moves a translated sample by its translation", {
  s <- make_sides(200)
  moved <- sweep(s$x, 2, c(3, -1), `+`)
  ot <- sinkhorn(s$x, moved, 0.3, debias = TRUE, control = exact)
  expect_equal(unname(predict(ot)), unname(moved), tolerance = 1e-8)
  plain <- sinkhorn(s$x, moved, 0.3, control = exact)
  expect_gt(max(abs(predict(plain) - moved)), 0.1)
  expect_equal(diff(range(predict(ot, type = "potential") -
                            (ot$f - ot$self$x$f))), 0, tolerance = 1e-9)
})

test_that("newdata may have missing rows, other columns, and must fit", {
  d <- data.frame(u = c(0, 1, 2), v = c(1, 0, 1))
  ot <- sinkhorn(d, d[3:1, 2:1] + 1)
  expect_identical(colnames(ot$y), c("u", "v"))
  new <- data.frame(w = "a", v = c(1, NA), u = 0)
  map <- predict(ot, new)
  expect_identical(is.na(map[, 1]), c(FALSE, TRUE))
  expect_equal(map[1, ], predict(ot, c(0, 1))[1, ])
  expect_error(predict(ot, matrix(1, 2, 3)), class = "brenier_error_argument")
  expect_error(predict(ot, cbind(Inf, 1)), class = "brenier_error_not_finite")
  expect_error(predict(ot, kind = "map"), class = "brenier_error_argument")
  expect_error(predict(ot, type = "mean"), class = "brenier_error_argument")
  bare <- sinkhorn(NULL, NULL, 1, cost = diag(3))
  expect_error(predict(bare), class = "brenier_error_argument")
  expect_error(predict(bare, 1), class = "brenier_error_argument")
  expect_equal(predict(bare, type = "potential"), bare$f, tolerance = 1e-6)
})

test_that("a function of costs serves new points as the cost by name does", {
  s <- make_sides()
  cost <- function(x, y) apply(y, 1, function(to) rowSums(sweep(x, 2, to)^2))
  own <- sinkhorn(s$x, s$y, 0.2, cost = cost, debias = TRUE, control = exact)
  named <- sinkhorn(s$x, s$y, 0.2, debias = TRUE, control = exact)
  expect_equal(own$value, named$value, tolerance = 1e-10)
  one <- sinkhorn(s$x, s$y, 0.2, cost = cost, control = exact)
  two <- sinkhorn(s$x, s$y, 0.2, control = exact)
  at <- rbind(c(0, 1), c(4, 4))
  for (direction in c("forward", "backward")) for (type in c("map", "potential")) {
    expect_equal(predict(one, at, type, direction), predict(two, at, type, direction), tolerance = 1e-9)
  }
})

# --- gradients -------------------------------------------------------------------

test_that("gradients are differences of values", {
  s <- make_sides(6, 5)
  h <- 1e-4
  for (case in list(list(), list(cost = "euclidean"), list(debias = TRUE), list(reach = 0.8),
                    list(reach = 0.8, debias = TRUE))) {
    value <- function(x, y, a, b) {
      do.call(sinkhorn, c(list(x, y, 0.3, a, b, control = exact), case))$value
    }
    a <- s$a / sum(s$a)
    b <- s$b / sum(s$b)
    g <- gradient(do.call(sinkhorn, c(list(s$x, s$y, 0.3, a, b, control = exact), case)))
    for (at in list(c(2, 1), c(5, 2))) {
      up <- down <- s$x
      up[at[1], at[2]] <- up[at[1], at[2]] + h
      down[at[1], at[2]] <- down[at[1], at[2]] - h
      expect_equal(g$x[at[1], at[2]], (value(up, s$y, a, b) - value(down, s$y, a, b)) / (2 * h),
                   tolerance = 1e-5, ignore_attr = TRUE)
    }
    up <- down <- s$y
    up[3, 1] <- up[3, 1] + h
    down[3, 1] <- down[3, 1] - h
    expect_equal(g$y[3, 1], (value(s$x, up, a, b) - value(s$x, down, a, b)) / (2 * h), tolerance = 1e-5,
                 ignore_attr = TRUE)
    bump <- function(w, by) replace(w, 2, w[2] + by)
    expect_equal(g$a[2], (value(s$x, s$y, bump(a, h), b) - value(s$x, s$y, bump(a, -h), b)) / (2 * h),
                 tolerance = 1e-5)
    expect_equal(g$b[2], (value(s$x, s$y, a, bump(b, h)) - value(s$x, s$y, a, bump(b, -h))) / (2 * h),
                 tolerance = 1e-5)
  }
  given <- gradient(sinkhorn(NULL, NULL, 1, cost = diag(3)))
  expect_null(given$x)
  expect_length(given$a, 3)
})

# --- plan ------------------------------------------------------------------------

test_that("a sparse plan is the plan without what is too small to matter", {
  skip_if_not_installed("Matrix")
  s <- make_sides(80, 60)
  ot <- sinkhorn(s$x, s$y, 0.02)
  sparse <- plan(ot, sparse = TRUE)
  expect_s4_class(sparse, "dgCMatrix")
  dense <- plan(ot)
  expect_lt(max(abs(as.matrix(sparse) - dense)), 1e-10)
  expect_lt(length(sparse@x), length(dense) / 2)
  expect_error(plan(ot, thin = TRUE), class = "brenier_error_argument")
})

# --- formula, errors ---------------------------------------------------------------

test_that("two groups of a data frame are two samples", {
  d <- data.frame(u = c(1, 2, 3, 4, NA), v = c(0, 1, 0, 1, 2), g = c("p", "q", "p", "q", "q"),
                  w = c(1, 2, 3, 4, 5))
  ot <- sinkhorn(cbind(u, v) ~ g, data = d, weights = w, epsilon = 0.5)
  by_hand <- sinkhorn(cbind(u = c(1, 3), v = 0), cbind(u = c(2, 4), v = 1), 0.5, c(1, 3), c(2, 4))
  expect_equal(ot$value, by_hand$value)
  expect_identical(ot$groups, c("p", "q"))
  expect_length(ot$na.action, 1)
  one <- sinkhorn(u ~ g, data = d, subset = v < 2, debias = TRUE)
  expect_identical(one$debias, TRUE)
  expect_equal(sinkhorn_divergence(u ~ g, data = d, subset = v < 2), one$value)
  expect_equal(sinkhorn_divergence(u ~ g, d, epsilon = 0.3),
               sinkhorn(u ~ g, d, epsilon = 0.3, debias = TRUE)$value)
  expect_error(sinkhorn(u ~ w, data = d), class = "brenier_error_groups")
  expect_error(sinkhorn(u ~ g + w, data = d), class = "brenier_error_formula")
  expect_error(sinkhorn(~u, data = d), class = "brenier_error_formula")
  expect_error(sinkhorn(u ~ h, data = d), class = "brenier_error_variable")
  expect_error(sinkhorn(u ~ g, data = d, debias = TRUE, epsilom = 1), "epsilom",
               class = "brenier_error_argument")
  expect_error(sinkhorn(u ~ g, data = d, a = 1), class = "brenier_error_argument")
  expect_error(sinkhorn(u ~ g, data = d, weights = -w), class = "brenier_error_argument")
})

test_that("bad input is one classed error before any work", {
  x <- matrix(1:6 / 2, 3)
  expect_class <- function(code, class) expect_error(code, class = paste0("brenier_error_", class))
  expect_class(sinkhorn(x), "argument")
  expect_class(sinkhorn(x, matrix(1, 2, 3)), "argument")
  expect_class(sinkhorn(x[0, ], x), "empty")
  expect_class(sinkhorn(x, replace(x, 2, NA)), "missing")
  expect_class(sinkhorn(x, replace(x, 2, Inf)), "not_finite")
  expect_class(sinkhorn(x, letters), "type")
  expect_class(sinkhorn(x, x * 1e200), "scale")
  for (epsilon in list(0, -1, NA, Inf, "a", 1e-14)) expect_class(sinkhorn(x, x, epsilon), "argument")
  for (a in list(1:2, c(1, -1, 1), c(1, NA, 1), "a")) expect_class(sinkhorn(x, x, a = a), "argument")
  expect_class(sinkhorn(x, x, b = c(0, 0, 0)), "empty")
  for (reach in list(0, -1, NA, "a")) expect_class(sinkhorn(x, x, reach = reach), "argument")
  expect_class(sinkhorn(x, x, cost = "manhattan"), "argument")
  expect_class(sinkhorn(x, x, cost = 2), "argument")
  expect_class(sinkhorn(x, x, cost = diag(2)), "argument")
  expect_class(sinkhorn(x, x, cost = function(x, y) 1), "argument")
  expect_class(sinkhorn(x, x, cost = replace(diag(3), 2, NA)), "missing")
  expect_class(sinkhorn(x, x, cost = replace(diag(3), 2, -Inf)), "not_finite")
  expect_class(sinkhorn(x, x, cost = diag(3), debias = TRUE), "argument")
  expect_class(sinkhorn(x, x, debias = NA), "argument")
  expect_class(sinkhorn(x, x, threads = 0), "argument")
  expect_class(sinkhorn(x, x, epsilom = 1), "argument")
  expect_class(sinkhorn(x, x, control = list(toll = 1)), "argument")
  expect_class(sinkhorn(x, x, control = 3), "argument")
  expect_class(sinkhorn_control(tol = 0), "argument")
  expect_class(sinkhorn_control(max_iter = 0), "argument")
  expect_class(sinkhorn_control(anneal = 2), "argument")
  expect_class(sinkhorn_control(check_every = 0.5), "argument")
  expect_class(sinkhorn_divergence(x, x, debias = FALSE), "argument")
})

test_that("error texts name argument, value and remedy", {
  x <- matrix(1:6 / 2, 3)
  expect_snapshot(error = TRUE, sinkhorn(x, x, epsilon = 0))
  expect_snapshot(error = TRUE, sinkhorn(x, x, cost = "euclid"))
  expect_snapshot(error = TRUE, sinkhorn(x, x, a = c(1, -2, 3)))
  expect_snapshot(error = TRUE, sinkhorn(NULL, NULL, 1, cost = rbind(c(Inf, Inf), 1:2)))
  expect_snapshot(sinkhorn_control())
})

# --- words and pictures --------------------------------------------------------------

test_that("printouts have the figures of the result", {
  s <- make_sides()
  ot <- sinkhorn(s$x, s$y, a = s$a)
  text <- paste(capture.output(print(ot, digits = 6)), collapse = "\n")
  for (figure in c(ot$value, ot$epsilon, ot$transport_cost)) {
    expect_match(text, format(figure, digits = 6), fixed = TRUE)
  }
  expect_match(text, "chosen", fixed = TRUE)
  expect_no_match(paste(capture.output(print(sinkhorn(s$x, s$y, 1))), collapse = ""), "chosen")
  expect_output(print(sinkhorn(s$x, s$y, reach = 1)), "mass moved")
  expect_output(print(sinkhorn(s$x, s$y, debias = TRUE)), "Sinkhorn divergence")
  expect_output(print(summary(ot)), "Distance from point to image")
  expect_output(print(summary(sinkhorn(NULL, NULL, 1, cost = diag(3)))), "costs given")
})

test_that("glance() has a row, and tidy() one a point", {
  s <- make_sides()
  ot <- sinkhorn(s$x, s$y, 0.1)
  expect_named(glance(ot), c("n", "m", "d", "epsilon", "value", "transport_cost", "kl", "gap", "error",
                             "converged", "iterations", "seconds"))
  expect_identical(tidy(ot)$potential, c(ot$f, ot$g))
  expect_identical(nrow(tidy(ot)), 27L)
})

test_that("plots are drawn for points in the plane, on the line and for costs alone", {
  s <- make_sides()
  ot <- sinkhorn(s$x, s$y, 0.1)
  expect_identical(pages(plot(ot)), 1L)
  expect_identical(pages(plot(ot, c("map", "trace"), main = "a")), 2L)
  expect_identical(pages(plot(sinkhorn(s$x[, 1], s$y[, 1]))), 1L)
  wide <- sinkhorn(cbind(s$x, 1:15), cbind(s$y, 1:12), 1)
  expect_identical(pages(plot(wide, variables = c(3, 1), arrows = 3)), 1L)
  given <- sinkhorn(NULL, NULL, 1, cost = diag(3))
  expect_identical(pages(plot(given)), 1L)
  expect_error(plot(given, "map"), class = "brenier_error_argument")
  expect_error(plot(wide, variables = 4:5), class = "brenier_error_argument")
  expect_error(plot(ot, "plan"), class = "brenier_error_argument")
})

test_that("a plan too large for a matrix, or without the package of sparse ones, is refused", {
  s <- make_sides()
  ot <- sinkhorn(s$x, s$y, 0.2)
  expect_error(lacking(brenier:::plan.sinkhorn)(ot, sparse = TRUE), "Matrix", class = "brenier_error_package")
  ot$a <- ot$b <- numeric(5e4)
  expect_error(plan(ot), "sparse = TRUE", class = "brenier_error_argument")
})

test_that("a matrix of costs says nothing of new points, and rows that are missing stay so", {
  given <- sinkhorn(NULL, NULL, 1, cost = diag(3))
  expect_error(predict(given, 1, type = "potential"), "as a function", class = "brenier_error_argument")
  s <- make_sides()
  ot <- sinkhorn(s$x, s$y, 0.2)
  expect_identical(unname(predict(ot, matrix(NA_real_, 2, 2))), matrix(NA_real_, 2, 2))
  expect_identical(predict(ot, matrix(NA_real_, 2, 2), type = "potential"), c(NA_real_, NA_real_))
})

test_that("an interrupt leaves the potentials of its moment, without a value of what was not solved", {
  s <- make_sides(60, 50)
  stopped <- function(at, ...) {
    calls <- 0
    core <- function(...) {
      calls <<- calls + 1
      run <- core_sinkhorn(...)
      if (calls == at) run$status <- "interrupted"
      run
    }
    solve <- with_part(new_sinkhorn, run_sinkhorn = with_part(run_sinkhorn, core_sinkhorn = core))
    expect_warning(fit <- solve(s$x, s$y, 0.02, ...), class = "brenier_warning_interrupted")
    expect_identical(calls, at)
    fit
  }
  fit <- stopped(1)
  expect_identical(fit$status, "interrupted")
  expect_false(fit$converged)
  expect_true(all(is.finite(c(fit$f, fit$g))))
  expect_output(print(fit), "NOT converged: interrupted")
  expect_output(print(summary(fit)), "interrupted")
  expect_s3_class(transport_trace_data(fit, NULL)$trace, "data.frame")
  # the run of x against y is whole, those of each against itself are not
  for (at in c(1, 2)) {
    half <- stopped(at, debias = TRUE)
    expect_identical(half$value, NA_real_)
    expect_identical(half$gap, Inf)
  }
  expect_equal(plan(half), plan(sinkhorn(s$x, s$y, 0.02)))
  expect_output(print(half), "without a certificate")
})

test_that("costs are named as they were given", {
  s <- make_sides()
  expect_output(print(sinkhorn(s$x, s$y, cost = "euclidean")), "cost |x - y|", fixed = TRUE)
  expect_output(print(sinkhorn(s$x, s$y)), "cost |x - y|^2", fixed = TRUE)
  own <- function(x, y) abs(outer(x[, 1], y[, 1], "-"))
  expect_output(print(sinkhorn(s$x, s$y, 1, cost = own)), "costs by a function")
  # a point against a point: the blur is that of their distance, or 1
  expect_equal(sinkhorn(0, 4, cost = "euclidean")$epsilon, 0.05 * 4)
  expect_equal(sinkhorn(0, 4)$epsilon, 0.01 * 16)
  expect_identical(sinkhorn(3, 3, cost = "euclidean")$value, 0)
  expect_identical(sinkhorn(s$x, s$y, reach = NULL)$reach, Inf)
})

test_that("a run without a step is drawn by its error", {
  ot <- sinkhorn(NULL, NULL, 1, cost = diag(3))
  ot$trace <- ot$trace[0, ]
  expect_equal(transport_trace_data(ot, NULL)$trace$iter, c(0, 0))
  expect_identical(pages(plot(ot, "trace")), 1L)
})
