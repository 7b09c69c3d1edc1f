quick <- brenier_control(folds = 0, max_atoms = 8)
d1 <- brenier(faithful["eruptions"], control = quick)
d2 <- brenier(~ eruptions + waiting, data = faithful, control = quick)
d3 <- brenier(as.matrix(iris[1:3]), control = quick)
d6 <- brenier(withr::with_seed(1, matrix(rnorm(360), 60)), control = list(max_atoms = 0))
kinds <- c("density", "quantile", "grid", "trace", "qq", "rank")

test_that("every plot draws a page in each dimension, without a word", {
  for (fit in list(d1, d2, d3)) {
    for (kind in kinds) {
      expect_silent(n <- pages(shown <- withVisible(plot(fit, kind))))
      expect_identical(n, 1L)
      expect_identical(shown, list(value = fit, visible = FALSE))
    }
  }
  skip_if_not(capabilities("png"))
  for (kind in kinds) expect_silent(pages(plot(d2, kind), png = TRUE))
})

test_that("several plots come one after the other, and share a page that has room", {
  expect_identical(pages(plot(d2, kinds)), 6L)
  # trace and qq take two cells each
  expect_identical(pages({
    par(mfrow = c(3, 3))
    plot(d2, kinds)
    plot(d1, "qq")
  }), 1L)
  expect_identical(pages(plot(d2, c("grid", "grid"))), 1L)
})

test_that("the plots of few, weighted, many and Gaussian data are silent too", {
  few <- brenier(c(1, 2, 4, 7), control = list(folds = 0, max_atoms = 2))
  weighted <- brenier(faithful, weights = rep(c(1, 9), 136), control = list(max_atoms = 0))
  many <- brenier(withr::with_seed(1, rexp(6000)), control = list(max_atoms = 0))
  for (fit in list(few, weighted, many)) expect_silent(pages(plot(fit, kinds)))
})

test_that("par, the layout and the user's generator are left as they were", {
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  kept <- c("mfrow", "mar", "oma", "cex", "mex", "las", "bty", "xpd", "mgp", "ask")
  settings <- function() par(kept)
  for (layout in list(c(1, 1), c(2, 3))) {
    par(mfrow = layout, mar = c(4, 4, 3, 1), cex = 0.9)
    before <- settings()
    for (fit in list(d1, d2)) for (kind in kinds) {
      plot(fit, kind)
      expect_identical(settings(), before)
    }
  }
  withr::with_seed(1, {
    state <- .Random.seed
    plot(d3, kinds)
    expect_identical(.Random.seed, state)
  })
})

test_that("what is added after a plot lands in its coordinates", {
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  plot(d2, xlim = c(0, 7), ylim = c(30, 110), xaxs = "i", yaxs = "i")
  expect_equal(par("usr"), c(0, 7, 30, 110))
  plt <- par("plt")
  plot.new()
  expect_identical(par("plt"), plt)
})

test_that("the cuts of the density hold their probabilities", {
  level <- c(0.25, 0.5, 0.9, 0.99)
  cuts <- density_regions(d2, level)$cuts
  expect_false(is.unsorted(cuts, strictly = TRUE))
  # 40000 independent draws: the share inside has a standard error of at most 0.0025, and the spiral
  # of 4096 points an error of about that.
  draws <- simulate(d2, 40000, seed = 1)
  height <- predict(d2, draws, type = "log_density")
  inside <- vapply(cuts, function(cut) mean(height >= cut), 0)
  expect_lt(max(abs(inside - rev(level))), 0.0125)
})

test_that("the lines of the grid are the inverse of lines of the reference", {
  at <- c(-1, 0, 2)
  along <- c(-2, 0.5, 1)
  for (k in 1:2) {
    lines <- grid_lines(d3, c(3, 1), k, at, along)
    expect_identical(dim(lines), c(3L, 2L, 3L))
    y <- matrix(0, 1, 3)
    y[c(3, 1)[k]] <- at[3]
    y[c(3, 1)[3 - k]] <- along[2]
    # the lines are inverted to 1e-8 only
    expect_equal(lines[2, , 3], unname(predict(d3, y, type = "inverse")[, c(3, 1)]),
                 tolerance = 1e-6)
  }
})

test_that("the bars of a weighted histogram are those of repeated rows", {
  x <- c(0, 0.2, 1, 1.4, 2)
  weights <- c(1, 3, 2, 1, 2)
  breaks <- c(0, 0.5, 1.5, 2)
  truth <- hist(rep(x, weights), breaks, right = FALSE, plot = FALSE)$density
  expect_equal(weighted_heights(x, weights, breaks), truth)
})

test_that("plotting positions and the band are those of order statistics", {
  x <- c(3, 1, 2)
  expect_equal(plotting_positions(x, c(1, 1, 1)), list(order = c(2L, 3L, 1L), p = (1:3 - 0.5) / 3))
  expect_equal(plotting_positions(x, c(2, 1, 1))$p, c(0.125, 0.375, 0.75))
  kept <- plotting_positions(withr::with_seed(1, rnorm(2e4)), rep(1, 2e4))
  expect_lte(length(kept$p), 5000)
  expect_equal(kept$p[1:3], (1:3 - 0.5) / 2e4)
  # smallest of 10 uniform values: P(least <= t) = 1 - (1 - t)^10
  band <- NULL
  record <- drawn({
    plot.default(c(0, 1), c(0, 1))
    draw_band(band_data(identity, c(0.05, 0.95), 10))
  })
  polygon <- record$calls[record$names == "C_polygon"][[1]]
  expect_equal(polygon[[3]][1], 1 - 0.975^(1 / 10))
  expect_equal(utils::tail(polygon[[3]], 1), 1 - 0.025^(1 / 10))
})

test_that("at most 5000 points are drawn, the same ones each time", {
  rows <- drawn_rows(20000)
  expect_length(unique(rows), 5000)
  expect_identical(rows, drawn_rows(20000))
  expect_identical(drawn_rows(5000), 1:5000)
})

test_that("graphical parameters reach what they name", {
  titles <- function(record) unlist(record$calls[record$names == "C_title"])
  record <- drawn(plot(d2, "density", main = "Geyser", xlab = "minutes", col = "#12345678"))
  expect_true(all(c("Geyser", "minutes") %in% titles(record)))
  expect_true("#12345678" %in% unlist(record$calls[record$names == "C_plotXY"]))
  expect_true(all(c("eruptions", "waiting") %in% titles(drawn(plot(d2, "quantile")))))
  both <- drawn(plot(d2, "trace", main = c("Left", "Right")))
  expect_true(all(c("Left", "Right") %in% titles(both)))
})

test_that("many variables are cut to five, with a message, or chosen", {
  expect_message(pages(plot(d6)), class = "brenier_message")
  expect_silent(pages(plot(d6, variables = c("x2", "x6"))))
  expect_silent(pages(plot(d6, "grid", variables = c(6, 1))))
  for (wrong in list("x9", c(1, 1), 7, 1:6, 1)) {
    expect_error(plot(d6, variables = wrong), class = "brenier_error_argument")
  }
  expect_error(plot(d6, "grid", variables = 1:3), class = "brenier_error_argument")
})

test_that("a wrong argument is an error before anything is drawn", {
  grDevices::graphics.off()
  expect_error(plot(d2, "densty"), "density", class = "brenier_error_argument")
  for (wrong in list(1, character(), NA_character_, c("density", "map"))) {
    expect_error(plot(d2, wrong), class = "brenier_error_argument")
  }
  for (wrong in list(0, 1, NA, "half", numeric())) {
    expect_error(plot(d2, level = wrong), class = "brenier_error_argument")
  }
  expect_error(plot(d2, ask = "no"), class = "brenier_error_argument")
  expect_error(plot(d2, levels = 0.5), "level", class = "brenier_error_argument")
  expect_error(plot(d2, "density", 0.5, NULL, NULL, FALSE, 3), class = "brenier_error_argument")
  expect_null(grDevices::dev.list())
})

test_that("regions are drawn on their own or added", {
  one <- quantile_region(d1, c(0.5, 0.9))
  two <- quantile_region(d2, c(0.5, 0.9))
  for (region in list(one, two)) {
    expect_silent(n <- pages(shown <- withVisible(plot(region))))
    expect_identical(n, 1L)
    expect_false(shown$visible)
  }
  expect_identical(pages({
    plot(d2, "density")
    plot(two, add = TRUE, labels = FALSE, col = "red")
  }), 1L)
  expect_identical(pages({
    plot(d1, "density")
    plot(one, add = TRUE)
  }), 1L)
  # a level given twice has one label
  expect_silent(pages(plot(quantile_region(d2, c(0.5, 0.5)))))
  expect_error(plot(quantile_region(d3)), "contains", class = "brenier_error_argument")
  expect_error(plot(two, add = NA), class = "brenier_error_argument")
  expect_error(plot(two, colour = "red"), class = "brenier_error_argument")
})

test_that("the border that is drawn is that of the region", {
  region <- quantile_region(d2, 0.5, n = 50)
  record <- drawn(plot(region, labels = FALSE))
  xy <- Filter(function(p) length(p$x) == 51, coordinates(record, "C_plotXY"))
  expect_length(xy, 1)
  rank <- predict(d2, data.frame(eruptions = xy[[1]]$x, waiting = xy[[1]]$y), type = "rank")
  # the border is the inverse, to 1e-12, of the circle that holds one half
  expect_equal(unname(rank), rep(0.5, 51), tolerance = 1e-8)
})

test_that("the trace of several layers is that of the chain, one after the other", {
  fit <- brenier(faithful["eruptions"], layers = 3, control = quick)
  expect_length(fit$layers, 3)
  trace <- running_trace(fit)
  expect_identical(trace$iter, seq_len(nrow(trace)) - 1)
  # the objective at the end: the likelihood by the density, in whitened units, and the penalty
  last <- fit$layers[[3]]$potential
  penalty <- fit$penalty[1] / fit$n * sum(last$coef[intersect(free(last), atoms_of(last))])
  loss <- -mean(predict(fit, faithful["eruptions"], type = "log_density")) - log(2 * pi) / 2 +
    fit$layers[[1]]$whitening$logdet
  expect_equal(utils::tail(trace$objective, 1), loss + penalty, tolerance = 1e-10)
  lines <- coordinates(drawn(plot(fit, "trace")), "C_plotXY")
  lines <- Filter(function(xy) length(xy$x) > 2, lines) # not the frame
  expect_identical(lines[[1]]$x, trace$iter[trace$layer == 1])
  expect_identical(lines[[3]]$y, trace$objective[trace$layer == 3])
  for (kind in kinds) expect_silent(pages(plot(fit, kind)))
  # a layer of single variables has no steps of its own
  fit$trace <- fit$trace[fit$trace$layer > 1, ]
  expect_identical(running_trace(fit)$objective, trace$objective[trace$layer > 1])
  expect_identical(running_trace(fit)$iter, seq_len(nrow(fit$trace)) - 1)
  expect_silent(pages(plot(fit, "trace")))
})

test_that("ranks are those of the reference residuals, with a band that holds 95%", {
  record <- drawn(plot(d1, "rank"))
  bars <- record$calls[record$names == "C_rect"][[1]]
  truth <- hist(pnorm(residuals(d1)), bars[[2]][1] + c(0, bars[[4]]), plot = FALSE)$density
  expect_equal(bars[[5]], truth)
  record <- drawn(plot(d2, "rank"))
  bars <- record$calls[record$names == "C_rect"]
  truth <- hist(predict(d2, type = "rank"), c(0, bars[[1]][[4]]), plot = FALSE)$density
  expect_equal(bars[[1]][[5]], truth)
  # heights of a bar of the uniform law, drawn
  n <- nrow(faithful)
  k <- length(truth)
  heights <- withr::with_seed(1, rbinom(1e5, n, 1 / k) * k / n)
  inside <- mean(heights >= bars[[2]][[3]] & heights <= bars[[2]][[5]])
  expect_gte(inside, 0.95 - 0.002) # standard error 0.0007
  expect_lt(inside, 0.98)
})

test_that("fits by two samples have their plots, and those of a map to a sample are refused", {
  to_normal <- brenier(faithful, learner = "semidual", orientation = "reference", control = quick)
  for (kind in kinds) expect_silent(pages(plot(to_normal, kind)))
  to_sample <- brenier(faithful, reference = make_normal(100, 2), control = quick)
  expect_silent(n <- pages(plot(to_sample)))
  expect_identical(n, 1L)
  for (kind in setdiff(kinds, "trace")) {
    expect_error(plot(to_sample, kind), "trace", class = "brenier_error_argument")
  }
})

test_that("each page is waited for where `ask` says so, and no longer after", {
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  asked <- logical()
  old <- getHook("before.plot.new")
  setHook("before.plot.new", function() asked <<- c(asked, grDevices::devAskNewPage()))
  withr::defer(setHook("before.plot.new", old, "replace"))
  plot(d1, c("qq", "trace"), ask = TRUE)
  expect_true(length(asked) > 0 && all(asked))
  expect_false(grDevices::devAskNewPage())
  asked <- logical()
  plot(d1, "qq", ask = FALSE)
  expect_false(any(asked))
})

test_that("colours are solid where a device cannot let them through", {
  grDevices::postscript(withr::local_tempfile(fileext = ".ps"))
  withr::defer(grDevices::dev.off())
  expect_identical(faint("red", 0.5), "red")
  expect_identical(thin_fill("red"), NA)
  grDevices::pdf(NULL)
  expect_identical(faint("red", 0.5), "#FF000080")
  grDevices::dev.off()
})

test_that("an axis that is asked away is not drawn", {
  axes <- function(...) sum(drawn(plot(d1, "trace", ...))$names == "C_axis")
  expect_lt(axes(yaxt = "n"), axes())
  expect_identical(axes(axes = FALSE), 0L)
})

test_that("the held-out loss is drawn beside the objective", {
  fit <- brenier(faithful, control = list(folds = 2, max_atoms = 4))
  lines <- coordinates(drawn(plot(fit, "trace")), "C_plotXY")
  held_out <- vapply(lines, function(p) isTRUE(all.equal(p$y, fit$trace$validation)), NA)
  expect_true(any(held_out))
})
