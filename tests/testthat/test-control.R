data <- make_banana(60)

test_that("every option out of range is refused", {
  expect_refused(brenier_control(max_atoms = -1), "argument")
  expect_refused(brenier_control(max_atoms = 1.5), "argument")
  expect_refused(brenier_control(max_atoms = 1e9), "argument")
  expect_refused(brenier_control(max_iter = 0), "argument")
  expect_refused(brenier_control(tol = 0), "argument")
  expect_refused(brenier_control(tol = "small"), "argument")
  expect_refused(brenier_control(tol = c(1, 2)), "argument")
  expect_refused(brenier_control(schedule = "adaptve"), "argument")
  expect_refused(brenier_control(schedule = 3), "argument")
  expect_refused(brenier_control(step = 0), "argument")
  expect_refused(brenier_control(implicit = NA), "argument")
  expect_refused(brenier_control(implicit = "yes"), "argument")
  expect_refused(brenier_control(validation = 0), "argument")
  expect_refused(brenier_control(folds = -1), "argument")
  expect_refused(brenier_control(kappa = 1), "argument")
  expect_refused(brenier_control(min_width = 0), "argument")
  expect_refused(brenier_control(penalty = -1), "argument")
  expect_refused(brenier_control(penalty = NA), "argument")
  expect_refused(brenier_control(penalty = Inf), "argument")
  expect_refused(brenier_control(max_seconds = -1), "argument")
})

test_that("a misspelt option is refused with the likely one", {
  expect_refused(brenier(data, control = list(max_atom = 3)), "argument")
  expect_refused(brenier(data, control = list(panelty = 3)), "argument")
  expect_refused(brenier(data, control = 3), "argument")
  expect_refused(brenier(data, control = "fast"), "argument")
  expect_refused(brenier(data, control = list(3)), "argument")
})

test_that("a schedule that gives no step size is refused", {
  expect_refused(brenier(data, control = list(schedule = function(k) NA)), "argument")
  expect_refused(brenier(data, control = list(schedule = function(k) 3 - k)), "argument")
  expect_refused(brenier(data, control = list(schedule = function(k) c(1, 2))), "argument")
  expect_refused(brenier(data, control = list(schedule = function(k) "a")), "argument")
  expect_refused(brenier(data, control = list(schedule = function(k) stop("broken"))), "argument")
})

test_that("step sizes are those of the schedule", {
  sizes <- function(...) step_sizes(brenier_control(max_iter = 3, ...))
  expect_null(sizes())
  expect_identical(sizes(schedule = "constant", step = 2), c(2, 2, 2))
  expect_identical(sizes(schedule = "sqrt", step = 2), 2 / sqrt(1:3))
  expect_identical(sizes(schedule = "harmonic", step = 2), 2 / (1:3))
  expect_identical(sizes(schedule = function(k) k^2), c(1, 4, 9))
  expect_identical(brenier_control(implicit = FALSE)$step, 0.5)
  expect_identical(brenier_control()$step, Inf)
})

test_that("the trace shows the step sizes that were asked for", {
  fit <- brenier(data, control = small_control(4, schedule = "harmonic", step = 4, tol = 1e-3))
  steps <- seq_len(nrow(fit$trace) - 1)
  expect_identical(fit$trace$eta[steps], 4 / steps)
})

test_that("every schedule, explicit or implicit, reaches the minimum or says that it did not", {
  x <- withr::with_seed(1, c(rnorm(60, -2), rnorm(40, 2, 0.5)))
  settings <- list(
    list(),
    list(step = 1),
    list(schedule = "constant"),
    list(schedule = "constant", step = 2),
    list(schedule = "sqrt", step = 5),
    list(schedule = "harmonic", step = 50),
    list(schedule = function(k) k),
    list(implicit = FALSE),
    list(implicit = FALSE, step = 1),
    list(implicit = FALSE, schedule = "constant"),
    list(implicit = FALSE, schedule = "sqrt"),
    list(implicit = FALSE, schedule = "harmonic")
  )
  for (setting in settings) {
    control <- do.call(small_control, c(4, setting, tol = 1e-4, max_iter = 300))
    fit <- suppressWarnings(brenier(x, control = control),
                            classes = "brenier_warning_not_converged")
    expect_identical(fit$converged, fit$gap <= 1e-4)
    expect_true(fit$converged || fit$status %in% c("max_iterations", "stalled"))
    # The minimum over the same atoms by an optimiser that shares no code.
    # 1e-12: rounding.
    expect_lte(tail(fit$trace$objective, 1) - least_objective(fit), fit$gap + 1e-12)
  }
})

test_that("implicit steps of every schedule that does not fall to zero converge", {
  x <- withr::with_seed(1, c(rnorm(60, -2), rnorm(40, 2, 0.5)))
  for (setting in list(list(), list(schedule = "constant", step = 2), list(step = 1))) {
    control <- do.call(small_control, c(4, setting, tol = 1e-4, max_iter = 300))
    expect_true(brenier(x, control = control)$converged)
  }
  # The explicit step is a fixed point iteration: slower, and there all the same.
  explicit <- small_control(4, implicit = FALSE, tol = 1e-4)
  expect_true(brenier(x, control = explicit)$converged)
})

test_that("a control prints what it holds", {
  expect_snapshot(brenier_control())
  expect_snapshot(brenier_control(schedule = function(k) 1 / k, folds = 3, min_width = 0.2))
})

test_that("a penalty flattens, kappa is a floor, and max_atoms a bound", {
  heavy <- brenier(data, control = small_control(8, penalty = 1e3))
  light <- brenier(data, control = small_control(8))
  theta <- function(fit) sum(tidy(fit)$coefficient)
  expect_lt(theta(heavy), theta(light))
  expect_lte(n_chosen(light), 8)
  steep <- brenier(data, control = small_control(8, kappa = 0.5))
  z <- withr::with_seed(1, matrix(rnorm(400, sd = 3), 200))
  least <- apply(jacobian(steep, z), 3, function(j) min(eigen((j + t(j)) / 2)$values))
  expect_gt(min(least), 0.5 - 1e-6) # of the differences
  least <- apply(jacobian(light, z), 3, function(j) min(eigen((j + t(j)) / 2)$values))
  expect_lt(min(least), 0.5)
})

test_that("an edited control is checked again", {
  control <- brenier_control(max_atoms = 0)
  control$max_atmos <- 3
  expect_error(brenier(data, control = control), class = "brenier_error_argument")
  control <- brenier_control(max_atoms = 0)
  control$kappa <- 2
  expect_error(brenier(data, control = control), class = "brenier_error_argument")
})

test_that("steps without a system of equations must be finite", {
  expect_refused(brenier_control(implicit = FALSE, step = Inf), "argument")
})
