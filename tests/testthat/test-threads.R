# The threads of the whole file are set by setup.R and put back by each test.
local_threads <- function(n, env = parent.frame()) {
  old <- brenier_threads()
  withr::defer(brenier_threads(old), envir = env)
  brenier_threads(n)
}

local_simd <- function(level, env = parent.frame()) {
  old <- brenier_simd()
  withr::defer(brenier_simd(old), envir = env)
  tryCatch(brenier_simd(level), brenier_error_argument = function(e) {
    skip(paste("This processor has no", level))
  })
}

test_that("no result depends on the number of threads", {
  # Large enough that each loop is worth two threads.
  data <- make_moons(3000)
  run <- function(threads) {
    local_threads(threads)
    fit <- brenier(data, control = small_control(8))
    list(potential_of(fit), fit$gap, predict(fit, type = "log_density"),
         simulate(fit, 3000, seed = 1), residuals(fit))
  }
  expect_identical(run(2), run(1))
  expect_identical(run(3), run(1))
})

test_that("the number of threads can be read and set", {
  local_threads(2)
  expect_identical(brenier_threads(), 2L)
  expect_invisible(brenier_threads(1))
  expect_identical(brenier_threads(), 1L)
})

test_that("a forked child can fit", {
  skip_on_os("windows")
  skip_on_cran()
  local_threads(2)
  data <- make_moons(2000)
  fit <- function(i) potential_of(brenier(data, control = small_control(4)))
  here <- fit()
  there <- parallel::mclapply(1:2, fit, mc.cores = 2)
  expect_identical(there, list(here, here))
})

test_that("instruction levels agree in an evaluation to rounding", {
  fit <- faithful_fit()
  x <- as.matrix(faithful)
  run <- function(level) {
    local_simd(level)
    list(predict(fit, x, "map"), predict(fit, x, "log_density"),
         predict(fit, predict(fit, x, "map"), "inverse"))
  }
  # Sums of a dozen terms of size up to 10, in other orders and with fused multiplications.
  expect_equal(run("avx2"), run("baseline"), tolerance = 1e-12)
})

test_that("instruction levels agree in a fit to its certificate", {
  run <- function(level) {
    local_simd(level)
    brenier(make_banana(150), control = small_control(4))
  }
  a <- run("avx2")
  b <- run("baseline")
  # The search may take another atom where rounding decides a comparison; here it does not. Then both
  # objectives are within the gap of one minimum. Atoms improved by ascent steps differ in last digits.
  expect_equal(potential_of(a)$width, potential_of(b)$width, tolerance = 1e-6)
  expect_lt(abs(certificate(a)$objective - certificate(b)$objective), a$gap + b$gap + 1e-8)
})

test_that("the instruction level can be read and set", {
  local_simd("baseline")
  expect_identical(brenier_simd(), "baseline")
  expect_invisible(brenier_simd("auto"))
  expect_true(brenier_simd() %in% c("baseline", "avx2"))
})

test_that("bad values are refused and change nothing", {
  before <- list(brenier_threads(), brenier_simd())
  expect_refused(brenier_threads(0), "argument")
  expect_refused(brenier_threads("a"), "argument")
  expect_refused(brenier_threads(1.5), "argument")
  expect_refused(brenier_simd("avx"), "argument")
  expect_refused(brenier_simd(2), "argument")
  expect_identical(list(brenier_threads(), brenier_simd()), before)
})

test_that("the number of threads to begin with is that of the option, two at most where cores are few", {
  withr::local_envvar("_R_CHECK_LIMIT_CORES_" = NA) # that of R CMD check
  withr::local_options(brenier.threads = 7)
  expect_equal(default_threads(), 7)
  withr::local_envvar("_R_CHECK_LIMIT_CORES_" = "TRUE")
  expect_equal(default_threads(), 2)
  withr::local_options(brenier.threads = NULL)
  withr::local_envvar("_R_CHECK_LIMIT_CORES_" = "false")
  expect_true(default_threads() %in% 1:2)
})

test_that("loading takes threads and instruction level of the options", {
  local_threads(1)
  local_simd("auto")
  withr::local_envvar("_R_CHECK_LIMIT_CORES_" = NA)
  withr::local_options(brenier.threads = 3, brenier.simd = "baseline")
  brenier:::.onLoad()
  expect_identical(brenier_threads(), 3L)
  expect_identical(brenier_simd(), "baseline")
  expect_silent(brenier:::.onAttach())
  withr::local_options(brenier.simd = "abacus")
  expect_message(brenier:::.onAttach(), "no instruction level 'abacus'", class = "packageStartupMessage")
})
