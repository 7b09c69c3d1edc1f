energy_distance <- function(x, y) {
  n <- nrow(x)
  d <- as.matrix(dist(rbind(x, y)))
  i <- seq_len(n)
  2 * mean(d[i, -i]) - mean(d[i, i]) - mean(d[-i, -i])
}

test_that("draws follow the density: in one dimension", {
  fit <- eruptions_fit()
  x <- simulate(fit, 2000, seed = 1)$eruptions
  grid <- seq(min(x) - 1, max(x) + 1, length.out = 4001)
  cdf <- cumsum(predict(fit, grid)) * (grid[2] - grid[1])
  # The law by quadrature, good to 1e-4. A p-value is uniform under the hypothesis: with this seed it
  # must not be one of the smallest hundredth.
  expect_gt(ks.test(approx(grid, cdf, x)$y, "punif")$p.value, 0.01)
})

test_that("draws follow the density: counts in boxes", {
  fit <- faithful_fit()
  grid <- density_grid(fit, finer = 5) # a box has the cells whose centres it has
  cuts <- lapply(faithful, quantile, (1:3) / 4)
  box <- function(x) {
    interaction(findInterval(x[, 1], cuts[[1]]), findInterval(x[, 2], cuts[[2]]), drop = FALSE)
  }
  probability <- tapply(grid$mass, factor(box(grid$x), levels(box(grid$x))), sum)
  probability[is.na(probability)] <- 0
  draws <- simulate(fit, 4000, seed = 1)
  count <- table(factor(box(draws), names(probability)))
  expected <- 4000 * probability / sum(probability)
  many <- expected >= 5
  chisq <- sum((count[many] - expected[many])^2 / expected[many])
  expect_gt(pchisq(chisq, sum(many) - 1, lower.tail = FALSE), 0.01)
})

test_that("draws follow the density: energy distance within the floor of independent samples", {
  fit <- banana_fit()
  x <- as.matrix(simulate(fit, 400, seed = 1))
  y <- grid_draws(density_grid(fit), 400, seed = 2) # these know only the density
  observed <- energy_distance(x, y)
  both <- rbind(x, y)
  floor <- withr::with_seed(3, replicate(99, {
    i <- sample(800, 400)
    energy_distance(both[i, ], both[-i, ])
  }))
  # A permutation test: the observed distance is not the largest of a hundred.
  expect_lt(observed, max(floor))
  # The test can fail: the Gaussian law of the same moments is told apart.
  gaussian <- brenier(make_banana(400), control = gaussian_control())
  wrong <- energy_distance(as.matrix(simulate(gaussian, 400, seed = 1)), y)
  expect_gt(wrong, max(floor))
})

test_that("draws look like fresh data", {
  fit <- brenier(make_banana(1000), control = list(folds = 2, min_width = 0.1))
  fresh <- as.matrix(make_banana(600, seed = 2))
  draws <- as.matrix(simulate(fit, 600, seed = 3))
  halves <- replicate(20, 0)
  for (k in 1:20) halves[k] <- energy_distance(fresh, as.matrix(make_banana(600, seed = 10 + k)))
  # The floor is the mean over pairs of true samples; three of their standard deviations and, for the
  # error of a fit to 1000 points, half the floor more.
  expect_lt(energy_distance(fresh, draws), 1.5 * mean(halves) + 3 * sd(halves))
})

test_that("draws stay near the data", {
  # Beyond the data the likelihood says nothing. Were the far slope of the map that of the emptiest
  # gap, about one draw in a hundred would lie more than a standard deviation outside the range of
  # the two groups of faithful. A normal law of the size of a group puts 1e-4 there.
  fit <- faithful_fit()
  draws <- simulate(fit, 20000, seed = 4)
  beyond <- mapply(function(x, data) {
    x < min(data) - sd(data) | x > max(data) + sd(data)
  }, draws, faithful)
  expect_lt(mean(rowSums(beyond) > 0), 1e-3)
})

test_that("ranks of draws are uniform", {
  for (fit in list(faithful_fit(), eruptions_fit())) {
    rank <- predict(fit, simulate(fit, 2000, seed = 1), type = "rank")
    expect_gt(ks.test(rank, "punif")$p.value, 0.01) # with this seed, see above
  }
})

test_that("the seed decides the draws and leaves the session as it was", {
  fit <- faithful_fit()
  withr::with_seed(5, {
    before <- .Random.seed
    first <- simulate(fit, 5, seed = 1)
    expect_identical(.Random.seed, before)
  })
  expect_identical(simulate(fit, 5, seed = 1), first)
  expect_false(identical(simulate(fit, 5, seed = 2), first))
  # Without one the draws come from the user's stream, and move it on.
  a <- withr::with_seed(1, list(simulate(fit, 5), simulate(fit, 5)))
  expect_false(identical(a[[1]], a[[2]]))
  expect_identical(withr::with_seed(1, simulate(fit, 5)), a[[1]])
})

test_that("draws are a data frame with the variables of the fit", {
  draws <- simulate(faithful_fit(), seed = 1)
  expect_identical(class(draws), "data.frame")
  expect_identical(dim(draws), c(1L, 2L))
  expect_named(draws, c("eruptions", "waiting"))
  expect_identical(dim(simulate(eruptions_fit(), 3, seed = 1)), c(3L, 1L))
  expect_identical(dim(simulate(faithful_fit(), 1e4, seed = 1)), c(10000L, 2L))
  none <- simulate(faithful_fit(), 0)
  expect_identical(dim(none), c(0L, 2L))
  expect_named(none, names(draws))
})

test_that("as_draws() gives the same draws", {
  draws <- as_draws(faithful_fit(), ndraws = 7, seed = 1)
  expect_s3_class(draws, "draws_df")
  expect_identical(posterior::ndraws(draws), 7L)
  expect_identical(posterior::variables(draws), c("eruptions", "waiting"))
  expect_identical(as.matrix(as.data.frame(draws)[, 1:2]),
                   as.matrix(simulate(faithful_fit(), 7, seed = 1)), ignore_attr = TRUE)
})

test_that("bad arguments are refused", {
  fit <- faithful_fit()
  expect_refused(simulate(fit, -1), "argument")
  expect_refused(simulate(fit, 1.5), "argument")
  expect_refused(simulate(fit, NA), "argument")
  expect_refused(simulate(fit, "a"), "argument")
  expect_refused(simulate(fit, 1e10), "argument")
  expect_refused(simulate(fit, 3, seed = "a"), "argument")
  expect_refused(simulate(fit, 3, sed = 1), "argument")
  expect_refused(as_draws(fit, ndraws = 0), "argument")
})

test_that("more draws than memory holds are refused before any is made", {
  made <- results()
  for (name in c("brenier", "posterior", "glm", "kde_flow", "generator", "gaussian_flow", "points_flow")) {
    expect_error(simulate(made[[name]], 2e9), "batches", class = "brenier_error_argument")
  }
  # what counts is the size of the answer: rows of the data times draws
  expect_error(simulate(made$conditional, 1e7), "batches", class = "brenier_error_argument")
  expect_error(as_draws(made$brenier, ndraws = 2e9), "batches", class = "brenier_error_argument")
  expect_error(posterior_predict.brenier_glm(made$glm, ndraws = 1e8), "batches",
               class = "brenier_error_argument")
  # a tenth of a gigabyte is no reason to refuse
  expect_null(check_drawn(1e7, 1))
})

test_that("draws of the average need the iterates of one law", {
  expect_error(simulate(faithful_fit(), 2, average = TRUE), "iterates", class = "brenier_error_argument")
  kept <- brenier(y ~ x, data = make_fan(60), control = list(max_atoms = 0, iterates = TRUE))
  expect_error(simulate(kept, 2, average = TRUE), "without covariates", class = "brenier_error_argument")
})
