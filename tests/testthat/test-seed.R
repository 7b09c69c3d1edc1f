# Made before any generator but the default one is set.
data <- make_banana(100)

test_that("a fit leaves the generator of the session as it was", {
  withr::local_seed(5)
  before <- .Random.seed
  brenier(data, control = list(max_atoms = 4, folds = 2))
  brenier(data, control = small_control(4), seed = 3)
  expect_identical(.Random.seed, before)
})

test_that("a session without a seed has none afterwards", {
  withr::local_preserve_seed()
  if (exists(".Random.seed", globalenv())) rm(".Random.seed", envir = globalenv())
  brenier(faithful, control = small_control(4))
  expect_false(exists(".Random.seed", globalenv()))
  runif(1)
})

test_that("the generator of the session does not matter, and is kept", {
  fit <- function() potential_of(brenier(data, control = list(max_atoms = 4, folds = 2)))
  draw <- function() simulate(banana_fit(), 3, seed = 1)
  first <- fit()
  draws <- draw()
  old <- RNGkind()
  withr::defer(do.call(RNGkind, as.list(old)))
  RNGkind("Wichmann-Hill", "Box-Muller", "Rejection")
  before <- .Random.seed
  expect_identical(fit(), first)
  expect_identical(draw(), draws)
  expect_identical(.Random.seed, before) # the kind is in it
})

test_that("the seed of a fit decides folds and candidates", {
  fit <- function(seed) potential_of(brenier(data, control = small_control(6), seed = seed))
  expect_identical(fit(2), fit(2))
  expect_identical(fit(NULL), fit(1)) # as documented, a fixed one
  expect_false(identical(fit(1), fit(2)))
})

test_that("code after an error has the old seed too", {
  withr::local_seed(5)
  before <- .Random.seed
  expect_error(with_seed(1, {
    runif(1)
    stop("broken")
  }), "broken")
  expect_identical(.Random.seed, before)
})

test_that("bad seeds are refused", {
  expect_refused(brenier(faithful, seed = "a"), "argument")
  expect_refused(brenier(faithful, seed = 1:2), "argument")
  expect_refused(brenier(faithful, seed = NA), "argument")
  expect_refused(brenier(faithful, seed = 1e10), "argument")
})

test_that("the kind of generator is kept in a session without a seed too", {
  old <- RNGkind()
  withr::defer({
    do.call(RNGkind, as.list(old))
    set.seed(1)
  })
  RNGkind("Wichmann-Hill", "Box-Muller", "Rejection")
  rm(".Random.seed", envir = globalenv())
  simulate(banana_fit(), 3, seed = 1)
  expect_identical(RNGkind()[1:2], c("Wichmann-Hill", "Box-Muller"))
})
