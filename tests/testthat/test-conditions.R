test_that("a fault of the package says so, and where to report it", {
  expect_error(internal_error("no such thing"), "Internal error: no such thing",
               class = "brenier_error_internal")
  expect_error(internal_error("no such thing"), "report", class = "brenier_error")
})

test_that("a verb of the package names what it takes, whatever it is given", {
  for (verb in list(plan, gradient, agreement, certificate, regret, quantile_region, map_error)) {
    for (wrong in list(NULL, 1, "a", faithful)) {
      e <- expect_error(verb(wrong), class = "brenier_error")
      expect_no_match(conditionMessage(e), "applicable method|subscript|\\$ operator")
    }
  }
  expect_error(as_target(), "`x` is missing", class = "brenier_error_argument")
  expect_error(sinkhorn(1:4, 2:5, cost = function(x) 1), "It fails", class = "brenier_error_argument")
  expect_error(sinkhorn(1:4, 2:5, cost = function(x, y) stop("no")), "It fails: no",
               class = "brenier_error_argument")
})
