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

test_that("what there is not to draw is refused", {
  empty <- still <- flow
  empty["trace"] <- list(NULL) # of a flow that was interrupted in its first step
  expect_error(plot(empty, "energy"), "no step", class = "brenier_error_argument")
  expect_error(plot(empty, "bandwidth"), "no step", class = "brenier_error_argument")
  still$trace[c("energy", "energy_distance", "floor")] <- NA
  expect_error(plot(still, "energy"), "no energy", class = "brenier_error_argument")
  # stages are told by the bandwidth where no distance is known
  still$trace$energy_distance <- NA
  h <- still$trace$bandwidth
  expect_identical(stage_of(still), c(0, cumsum(c(diff(h) != 0, TRUE)))[seq_along(h)])
  expect_gt(max(stage_of(still)), 0)
})

test_that("all frames of a response given a covariate, and of two variables, have one range", {
  given <- kde_flow(waiting ~ eruptions, data = faithful, n = 40, steps = 5)
  for (x in list(given, flow, kde_flow(~eruptions, data = faithful, n = 20, steps = 5))) {
    folder <- withr::local_tempdir()
    seen <- list()
    frames <- with_part(draw_frames, draw_particles = function(data, dots) {
      seen[[length(seen) + 1]] <<- dots
      plot(1)
    })
    at <- match(colnames(x$particles), colnames(x$particles))
    frames(x, at, folder, list())
    expect_length(unique(seen), 1)
    along <- if (length(at) == 2) x$data[, 1] else if (is.null(x$given)) x$data[, at] else x$data_given[, 1]
    expect_true(seen[[1]]$xlim[1] <= min(along) && seen[[1]]$xlim[2] >= max(along))
    high <- seen[[1]]$ylim
    if (!is.null(x$given)) expect_true(high[1] <= min(x$data) && high[2] >= max(x$data))
  }
  bare <- kde_flow(faithful, n = 20, steps = 2, control = list(paths = 0))
  expect_identical(draw_frames(bare, 1:2, withr::local_tempdir(), list()), character())
})
