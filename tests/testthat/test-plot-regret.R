books <- function(n = 12) {
  regret <- c(0, cumsum(0.5^seq_len(n - 1)))
  structure(
    data.frame(iter = seq_len(n) - 1, regret = regret, bound = regret + 0.5^seq_len(n),
               stability = regret / 10, identity = c(0, rep(c(1e-17, 3e-16), length.out = n - 2), NA)),
    class = c("brenier_regret", "data.frame")
  )
}

test_that("regret, bound and residuals are drawn on two panels of a page", {
  x <- books()
  expect_silent(n <- pages(shown <- withVisible(plot(x))))
  expect_identical(n, 1L)
  expect_identical(shown, list(value = x, visible = FALSE))
  xy <- coordinates(drawn(plot(x)), "C_plotXY")
  same <- function(value) any(vapply(xy, function(p) identical(p$y, value), NA))
  expect_true(same(x$regret))
  expect_true(same(x$bound))
  # NA is left out, and zero drawn at a hundredth of the rounding level
  residual <- Filter(function(p) length(p$y) == 11, xy)
  expect_length(residual, 1)
  expect_equal(residual[[1]]$y, log10(c(.Machine$double.eps / 100, rep(c(1e-17, 3e-16), 5))))
})

test_that("the layout is left as it was, and a larger one is shared", {
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  before <- par(c("mfrow", "cex", "mex", "mar"))
  plot(books())
  expect_identical(par(c("mfrow", "cex", "mex", "mar")), before)
  expect_identical(pages({
    par(mfrow = c(2, 2))
    plot(books())
    plot(books(), main = c("Above", "Below"), col = "black")
  }), 1L)
})

test_that("one row, no identity and steps without a bound are drawn", {
  x <- books()
  expect_silent(pages(plot(x[1, ])))
  x$identity <- NA_real_
  expect_silent(pages(plot(x)))
  x$bound[3] <- Inf
  expect_silent(pages(plot(x)))
})

test_that("what is no regret is refused", {
  grDevices::graphics.off()
  x <- books()
  expect_error(plot(structure(x[c("iter", "regret")], class = class(x))), "bound",
               class = "brenier_error_argument")
  expect_error(plot(x[0, ]), "ledger", class = "brenier_error_argument")
  x$regret <- NA_real_
  expect_error(plot(x), "ledger", class = "brenier_error_argument")
  expect_error(plot(books(), colour = "red"), class = "brenier_error_argument")
  expect_null(grDevices::dev.list())
})

test_that("the regret of a fit is drawn", {
  expect_silent(pages(plot(regret(banana_fit()))))
  layered <- brenier(make_banana(60), layers = 2, control = small_control(4))
  expect_silent(pages(plot(regret(layered, 2))))
})
