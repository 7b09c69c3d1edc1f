flow <- kde_flow(~ eruptions + waiting, data = faithful, n = 40, steps = 35)

test_that("every plot draws, in one dimension, two and more", {
  expect_identical(pages(plot(flow, c("particles", "paths", "energy", "bandwidth"))), 4L)
  one <- kde_flow(~ eruptions, data = faithful, n = 40, steps = 35)
  expect_identical(pages(plot(one, c("particles", "paths", "energy"))), 3L)
  many <- kde_flow(iris[1:4], n = 40, steps = 5)
  expect_identical(pages(plot(many)), 1L)
  given <- kde_flow(waiting ~ eruptions, data = faithful, n = 40, steps = 5)
  expect_identical(pages(plot(given, c("particles", "energy"))), 2L)
  target <- kde_flow(target = function(x) -sum(x^2), gradient = function(x) -2 * x, init = c(a = 0, b = 0),
                     n = 20, steps = 5)
  expect_identical(pages(plot(target, c("particles", "paths", "energy"))), 3L)
})

test_that("the particles are where they are", {
  record <- drawn(plot(flow))
  rows <- vapply(coordinates(record, "C_plotXY"), function(p) length(p$x), 0L)
  at <- coordinates(record, "C_plotXY")[[which(rows == 40)[1]]]
  expect_equal(cbind(at$x, at$y), flow$particles, ignore_attr = TRUE)
})

test_that("frames are files of a folder", {
  folder <- withr::local_tempdir()
  files <- plot(flow, frames = folder)
  expect_identical(length(files), dim(flow$paths)[1])
  expect_true(all(file.exists(files)))
})

test_that("wrong arguments are refused", {
  expect_refused(plot(flow, "density"), "argument")
  expect_refused(plot(flow, variables = 3), "argument")
  expect_refused(plot(flow, frames = "/no/such/folder"), "argument")
  expect_refused(plot(flow, colour = 2), "argument")
  expect_refused(plot(kde_flow(faithful, n = 20, steps = 2, control = list(paths = 0)), "paths"), "argument")
  expect_refused(plot(kde_flow(faithful, n = 20, steps = 2, divergence = "energy"), "bandwidth"), "argument")
})
