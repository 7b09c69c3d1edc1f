test_that("a fault of the package says so, and where to report it", {
  expect_error(internal_error("no such thing"), "Internal error: no such thing",
               class = "brenier_error_internal")
  expect_error(internal_error("no such thing"), "report", class = "brenier_error")
})
