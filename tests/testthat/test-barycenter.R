test_that("the barycenter of normal samples on the line has the mean and scale of its closed form", {
  # that of N(-2, 1) and N(4, 9) with weights 1/3, 2/3 is N(2, (1/3 + 2)^2)
  z <- qnorm(ppoints(150))
  centre <- sinkhorn_barycenter(list(-2 + z, 4 + 3 * z), c(1, 2), n = 100, epsilon = 0.2)
  expect_true(centre$converged)
  expect_equal(mean(centre$x), 2, tolerance = 1e-2)
  expect_equal(sd(centre$x), 7 / 3, tolerance = 2e-2)
  expect_true(all(diff(centre$trace$objective) < 0))
  # sum lambda W2^2 = lambda_1 lambda_2 W2^2 between the two
  expect_equal(centre$value, 2 / 9 * (36 + 4), tolerance = 2e-2)
})

test_that("the barycenter of one sample is that sample, of translates their mean translate", {
  y <- withr::with_seed(1, matrix(rnorm(80), 40))
  own <- sinkhorn_barycenter(list(y), epsilon = 0.05, init = y)
  expect_lt(own$value, 1e-6)
  moved <- sinkhorn_barycenter(list(y, sweep(y, 2, c(4, 2), `+`)), epsilon = 0.5, init = y)
  expect_equal(moved$x, sweep(y, 2, c(2, 1), `+`), tolerance = 1e-2, ignore_attr = TRUE)
})

test_that("a seed gives the same points and leaves the generator alone", {
  y <- list(1:20 / 4, c(3, 9, 12))
  set.seed(3)
  before <- .Random.seed
  one <- sinkhorn_barycenter(y, n = 15, seed = 7)
  expect_identical(.Random.seed, before)
  expect_identical(sinkhorn_barycenter(y, n = 15, seed = 7)$x, one$x)
  expect_output(print(one), "Barycenter of 2 samples")
})

test_that("limits are flagged and bad input is refused", {
  y <- list(1:20 / 4, c(30, 90, 120))
  expect_warning(short <- sinkhorn_barycenter(y, n = 15, epsilon = 0.01, max_iter = 1),
                 class = "brenier_warning_not_converged")
  expect_false(short$converged)
  expect_output(print(short), "NOT converged")
  expect_error(sinkhorn_barycenter(1:3), class = "brenier_error_argument")
  expect_error(sinkhorn_barycenter(list(1:3, matrix(1, 2, 2))), class = "brenier_error_argument")
  expect_error(sinkhorn_barycenter(y, weights = 1), class = "brenier_error_argument")
  expect_error(sinkhorn_barycenter(y, masses = list(1)), class = "brenier_error_argument")
  expect_error(sinkhorn_barycenter(y, n = 0), class = "brenier_error_argument")
  expect_error(sinkhorn_barycenter(y, init = matrix(1, 2, 2)), class = "brenier_error_argument")
})

test_that("a barycenter on the line is drawn by its quantiles", {
  centre <- sinkhorn_barycenter(list(low = 1:20 / 4, high = c(3, 9, 12)), n = 15, seed = 7)
  record <- drawn(plot(centre))
  lines <- coordinates(record, "C_plotXY")
  values <- lapply(lines, `[[`, "y")
  for (sample in list(1:20 / 4, c(3, 9, 12), sort(centre$x))) {
    expect_true(any(vapply(values, function(v) isTRUE(all.equal(sort(unique(v)), unique(sample))), NA)))
  }
  expect_match(asked_of_barycenter(centre, NULL)$names, "x1")
})

test_that("a step that is too long is halved; rounding and interrupts end the descent, flagged", {
  # the objective x^2 / 2 with a step six times too long
  state <- function(step) function(x, ...) {
    list(x = x, step = -step * x, divergences = 0, objective = sum(x^2) / 2, interrupted = FALSE)
  }
  move <- function(state) {
    with_part(move_barycenter, barycenter_state = state)(matrix(4), list(), 1, 1, 50, 1e-6, NULL)
  }
  found <- move(state(6))
  expect_identical(found$status, "ok")
  expect_equal(found$x, matrix(0), tolerance = 1e-5)
  expect_true(any(found$trace$step < 1))
  uphill <- move(state(-1))
  expect_identical(uphill$status, "stalled")
  expect_false(uphill$converged)
  expect_identical(uphill$x, matrix(4))
  expect_match(barycenter_words(uphill), "no step lowers")
  calls <- 0
  stopped <- move(function(x, ...) {
    calls <<- calls + 1
    utils::modifyList(state(0.5)(x), list(interrupted = calls == 4))
  })
  expect_identical(stopped$status, "interrupted")
  expect_identical(nrow(stopped$trace), 3L)
  expect_match(barycenter_words(stopped), "interrupted")
})
