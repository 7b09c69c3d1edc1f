# Bars of interactive sessions. The core takes an error of its report for an interrupt, so that a bar
# which fails would end every fit.

# What `code` writes where bars are shown at once.
shown_by <- function(code) {
  withr::local_options(rlang_interactive = TRUE, cli.progress_show_after = 0,
                       cli.progress_clear = FALSE, cli.dynamic = FALSE)
  paste(capture.output(force(code), type = "message"), collapse = "\n")
}

# Bars that are drawn at every report: cli has a clock.
report_all <- function(values, ...) {
  at_once <- function(...) cli::cli_progress_update(..., force = TRUE)
  progress <- with_part(new_progress, cli_progress_update = at_once)(...)
  progress$what <- "Fold {2}"
  for (v in values) progress$report(v)
}

test_that("a bar says what the core reports, and there is none in a script", {
  values <- list(c(1, 7, 0.25, 2), c(2, 9, 0.125, 4))
  text <- shown_by(report_all(values))
  expect_match(text, "Fold {2}: 7 atoms, objective 0.2500", fixed = TRUE)
  expect_match(text, "Fold {2}: 9 atoms, objective 0.1250", fixed = TRUE)
  expect_identical(grid_progress_words("newton", c(1, 256, 0.25)), "newton: 256 cells, error 0.25")
  expect_identical(flow_words("", c(3, 0, 0, 0.5)), "3 steps, time 0.5")
  expect_identical(iteration_words("", c(172, 0, 2e-2, 0)),
                   "Sinkhorn: 172 iterations, marginal error 2.0e-02")
  withr::local_options(rlang_interactive = FALSE)
  expect_null(new_progress()$report)
})

test_that("a bar of a known number of steps says how far it is, and one that fails ends nothing", {
  words <- function(what, done) paste("at", done)
  expect_match(shown_by(report_all(4, words, total = 10)), "at 4.* 40%")
  broken <- function(what, done) stop("no words")
  expect_no_match(shown_by(report_all(4, broken)), "no words")
})

test_that("what draws nothing leaves the user's generator where it is", {
  hill <- function(m) grid_density(function(x) exp(-20 * rowSums((x - m)^2)) + 0.05, c(0, 0), c(1, 1), n = 16)
  runs <- list(
    function() suppressWarnings(monge_ampere(hill(0.4), hill(0.6))),
    function() sinkhorn(1:20, 21:40, 1),
    function() sinkhorn_flow(hill(0.4), hill(0.6), c(0, 0.01))
  )
  for (run in runs) withr::with_seed(1, {
    old <- .Random.seed
    runif(1)
    assign(".Random.seed", old, globalenv()) # as a seed is put back: R has the later one in mind
    shown_by(invisible(run()))
    expect_identical(.Random.seed, old)
  })
})

test_that("a bar changes no result", {
  x <- make_banana(300)
  runs <- list(
    fit = function() brenier(x, control = small_control(20))[c("status", "layers")],
    cost = function() sinkhorn(x[1:150, ], x[151:300, ], 0.02)[c("status", "f")],
    flow = function() kde_flow(x, n = 40, steps = 20, seed = 1)[c("status", "particles")],
    generator = function() {
      drift_generator(x, steps = 20, batch = 64, hidden = 8, seed = 1)[c("status", "network")]
    }
  )
  bare <- function(r) {
    values <- rapply(r, identity, how = "unlist")
    values[!grepl("seconds", names(values))]
  }
  for (run in runs) {
    plain <- run()
    shown_by(barred <- run())
    expect_identical(bare(barred), bare(plain))
  }
})
