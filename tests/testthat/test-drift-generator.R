# Generators against fresh data, sums written out, densities by quadrature, and files.

quick_generator <- function(...) {
  drift_generator(..., batch = 64, hidden = c(8, 8), steps = 40, bandwidth = c(from = 1.4, to = 0.4))
}

quick_potential <- function(..., steps = 30) {
  drift_generator(..., model = "potential", n = 200, steps = steps, bandwidth = c(from = 1.4, to = 0.3),
                  control = list(components = 5))
}

eight_modes <- function(n, seed) {
  withr::with_seed(seed, {
    angle <- 2 * pi * sample.int(8, n, TRUE) / 8
    cbind(x = 2 * cos(angle) + rnorm(n, sd = 0.1), y = 2 * sin(angle) + rnorm(n, sd = 0.1))
  })
}

test_that("draws of a network are those of eight separate modes", {
  gen <- drift_generator(eight_modes(1000, 1), steps = 500, bandwidth = c(from = 1.4, to = 0.12))
  fresh <- eight_modes(1500, 2)
  draws <- as.matrix(simulate(gen, 1500, seed = 1))
  distance <- energy_distance(draws, fresh, permutations = 0)$value
  floor <- energy_distance(eight_modes(1500, 3), fresh, permutations = 0)$value
  expect_lt(distance, 4 * floor)
  expect_lt(gen$distance$energy_distance, 4 * gen$distance$floor)
  mode <- round(8 * atan2(draws[, "y"], draws[, "x"]) / (2 * pi)) %% 8
  expect_lt(max(abs(table(mode) / 1500 - 1 / 8)), 0.04)
  near <- abs(sqrt(rowSums(draws^2)) - 2) < 0.3
  expect_gt(mean(near), 0.85) # the rest is on bridges
})

test_that("a network is its formula, and begins at the identity", {
  gen <- quick_generator(faithful)
  net <- gen$network
  expect_identical(net$hidden, c(8L, 8L))
  stride <- c(4, 12, 12)
  rows <- c(8, 8, 2)
  ends <- cumsum(stride * rows)
  w <- Map(function(end, s, r) t(matrix(net$coef[(end - s * r + 1):end], s)), ends, stride, rows)
  z <- cbind(c(0, 1, -2), c(0.5, 3, 1))
  s <- tanh(cbind(z, 1) %*% t(w[[1]][, 1:3]))
  s <- tanh(cbind(s, 1) %*% t(w[[2]][, 1:9]))
  x <- cbind(s, z, 1) %*% t(w[[3]][, 1:11])
  by_hand <- sweep(x %*% gen$whitening$root, 2, gen$whitening$center, "+")
  expect_equal(predict(gen, z), by_hand, tolerance = 1e-12, ignore_attr = TRUE)
  expect_identical(colnames(predict(gen, z)), names(faithful))
  expect_equal(gen$cost, 2 * 8 + 8 * 8 + 10 * 2 + 4)
  expect_equal(network_images(with_seed(1, new_network(2, 2, c(5, 7))), z), z)
  affine <- drift_generator(~ eruptions, data = faithful, hidden = integer(), batch = 50, steps = 20)
  expect_equal(diff(predict(affine, cbind(1:4))[, 1], differences = 2), c(0, 0), tolerance = 1e-8)
})

test_that("a step of a network is that of Adam against the field", {
  y <- withr::with_seed(1, cbind(a = rexp(40), b = rnorm(40)))
  gen <- drift_generator(y, batch = 50, hidden = integer(), steps = 1, bandwidth = 0.7,
                         control = list(longest = Inf, tolerance = 0, far = FALSE, norm = Inf))
  # the first step has the length of the rate in each coefficient, against the gradient
  moved <- t(matrix(gen$network$coef, 4))[, 1:3] - cbind(diag(2), 0)
  expect_equal(abs(moved), matrix(0.01, 2, 3), tolerance = 1e-6)
  # draws as in run_network()
  z <- with_seed(1, {
    new_network(2, 2, integer())
    fresh_latents(500, 2)
    fresh_latents(50, 2)
  })
  white <- to_white(gen$whitening, y)
  mean_of <- function(to) {
    t(apply(z, 1, function(at) {
      k <- exp(-colSums((t(to) - at)^2) / (2 * 0.7^2))
      colSums(k * to) / sum(k)
    }))
  }
  field <- mean_of(white) - mean_of(z)
  expect_equal(sign(moved), sign(t(field) %*% cbind(z, 1)))
})

test_that("the energy of a potential never rises, also where moves are cut short", {
  for (divergence in c("kl", "energy")) {
    gen <- drift_generator(faithful, model = "potential", n = 100, steps = 30, divergence = divergence,
                           bandwidth = 0.5, control = list(components = 4, longest = 0.05))
    expect_false(any(diff(gen$trace$energy) > 0))
    expect_lt(tail(gen$trace$energy, 1), gen$trace$energy[1])
  }
  y <- make_banana(400)
  atoms <- drift_generator(y, model = "potential", n = 200, steps = 40, bandwidth = c(from = 1.4, to = 0.3),
                           control = list(components = 2, atoms = 8))
  expect_gt(atoms$potential$n_atoms, 0)
  expect_output(print(atoms), "quadratics and [0-9]+ ridge atoms")
})

test_that("a potential has an inverse and a density that integrates to one", {
  y <- make_banana(500)
  gen <- quick_potential(y, steps = 60)
  z <- withr::with_seed(2, matrix(rnorm(400), ncol = 2))
  x <- predict(gen, z)
  expect_equal(predict(gen, x, type = "map"), z, tolerance = 1e-8, ignore_attr = TRUE)
  expect_equal(predict(gen, z, type = "inverse"), x, tolerance = 1e-10)
  # change of variables, with the Jacobian of the images by differences
  jacobian <- vapply(1:2, function(k) derivative(function(z) predict(gen, z), z, k), x)
  logdet <- log(abs(jacobian[, 1, 1] * jacobian[, 2, 2] - jacobian[, 1, 2] * jacobian[, 2, 1]))
  expect_equal(predict(gen, x, type = "log_density"), -rowSums(z^2) / 2 - log(2 * pi) - logdet,
               tolerance = 1e-6)
  expect_equal(log(predict(gen, x, type = "density")), predict(gen, x, type = "log_density"))
  expect_equal(predict(gen, x, type = "rank"), pchisq(rowSums(z^2), 2), tolerance = 1e-8)
  ends <- apply(predict(gen, 6 * cbind(cos(0:99 * pi / 50), sin(0:99 * pi / 50))), 2, range)
  axes <- lapply(1:2, function(k) seq(ends[1, k], ends[2, k], length.out = 400))
  cell <- prod(vapply(axes, function(a) a[2] - a[1], 0))
  grid <- as.matrix(expand.grid(a = axes[[1]], b = axes[[2]]))
  expect_equal(sum(predict(gen, grid, type = "density")) * cell, 1, tolerance = 1e-4)
  draws <- simulate(gen, 1000, seed = 1)
  fresh <- make_banana(1000, seed = 5)
  expect_lt(energy_distance(draws, fresh, permutations = 0)$value, 0.03)
  expect_output(print(gen), "convex potential of 5 quadratics of 2 normal latents")
})

test_that("draws: seeds, weights, threads; the user's generator is left alone", {
  set.seed(3)
  before <- .Random.seed
  gen <- drift_generator(~ eruptions + waiting, data = faithful, weights = rep(1:2, 136), batch = 64,
                         hidden = c(8, 8), steps = 40, bandwidth = c(from = 1.4, to = 0.4))
  expect_identical(.Random.seed, before)
  expect_identical(quick_generator(faithful, weights = rep(1:2, 136), threads = 2)$network, gen$network)
  expect_false(identical(quick_generator(faithful, seed = 9)$network, gen$network))
  expect_identical(simulate(gen, 5, seed = 2), simulate(gen, 5, seed = 2))
  expect_identical(.Random.seed, before)
  expect_identical(nrow(simulate(gen, 0)), 0L)
  expect_named(simulate(gen, 1), names(faithful))
  # n is no abbreviation of na.action
  fixed <- drift_generator(~ eruptions, data = faithful, model = "potential", n = 50, steps = 2,
                           bandwidth = 1)
  expect_identical(fixed$n, 50L)
  heavy <- quick_generator(faithful, weights = ifelse(faithful$eruptions > 3, 1, 0))
  expect_gt(mean(simulate(heavy, 500, seed = 1)$eruptions), 4)
  expect_output(print(gen), "8 \\+ 8 tanh units of 2 normal latents.*104 multiplications a draw")
})

test_that("a file of a generator serves a fresh process", {
  gens <- list(quick_generator(faithful), quick_potential(faithful, steps = 5))
  want <- lapply(gens, simulate, 3, seed = 2)
  file <- withr::local_tempfile()
  saveRDS(gens, file)
  expect_lt(file.size(file), 2e5)
  code <- paste0(
    ".libPaths(", deparse1(.libPaths()), "); library(brenier); x <- readRDS(\"", file, "\"); ",
    "saveRDS(list(lapply(x, simulate, 3, seed = 2), ",
    "predict(x[[2]], faithful[1:2, ], \"density\")), \"", file, "\")"
  )
  system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", "-e", shQuote(code)))
  got <- readRDS(file)
  expect_identical(got[[1]], want)
  expect_equal(got[[2]], predict(gens[[2]], faithful[1:2, ], "density"))
})

test_that("batches have nearly the masses of the data", {
  y <- matrix(withr::with_seed(1, c(rnorm(300, -5), rnorm(700, 5))))
  weight <- rep(c(1, 2), c(300, 700)) / 1700
  problem <- flow_problem("plugin", y, weight)
  order <- spatial_order(y)
  expect_setequal(order, 1:1000)
  share <- withr::with_seed(1, replicate(20, mean(batch_problem(problem, order, 100, list())$y < 0)))
  expect_lt(max(abs(share - 300 / 1700)), 0.011)
  expect_identical(batch_problem(problem, order, 1000, list()), problem)
})

train_with <- function(...) {
  generate <- train_generator
  with_part(generate, run_network = with_part(run_network, ...))(
    as.matrix(faithful), batch = 64, hidden = c(8, 8), steps = 40, bandwidth = c(from = 1.4, to = 0.4)
  )
}

test_that("training that is interrupted gives what there is and says so", {
  stopping <- function(state, iter, ...) {
    if (iter == 12) stop(structure(class = c("interrupt", "condition"), list(message = "", call = NULL)))
    record_step(state, iter, ...)
  }
  expect_warning(gen <- train_with(record_step = stopping), class = "brenier_warning_interrupted")
  expect_identical(gen$status, "interrupted")
  expect_identical(nrow(gen$trace), 11L)
  expect_true(all(is.finite(as.matrix(simulate(gen, 10)))))
  expect_output(print(gen), "INTERRUPTED")
})

test_that("steps that are not finite are not taken", {
  times <- 0
  broken <- function(...) {
    times <<- times + 1
    now <- flow_at(...)
    if (times %in% c(5, 9)) now$velocity[3, 1] <- NaN
    now
  }
  expect_warning(gen <- train_with(flow_at = broken), "2 steps", class = "brenier_warning_not_converged")
  expect_identical(gen$refused, 2)
  expect_identical(gen$trace$step[c(5, 9)], c(0, 0))
  expect_equal(gen$trace$step[10], 0.01 / 4)
  expect_true(all(is.finite(gen$network$coef)))
  expect_output(print(gen), "2 NOT finite")
})

test_that("plots, tables and printouts", {
  gen <- quick_generator(faithful)
  expect_identical(pages(plot(gen, c("draws", "energy"), ndraws = 50)), 2L)
  expect_output(print(gen), "energy distance of fresh draws")
  table <- generics::glance(gen)
  expect_identical(table$model, "network")
  expect_identical(table$cost, gen$cost)
  expect_identical(table$steps, 40L)
  one <- quick_generator(faithful["eruptions"])
  expect_identical(pages(plot(one)), 1L)
})

test_that("wrong arguments are refused", {
  y <- as.matrix(faithful)
  expect_refused(drift_generator(), "argument")
  expect_refused(drift_generator(eruptions ~ waiting, data = faithful, model = "potential"), "argument")
  expect_refused(drift_generator(y, model = "netwrok"), "argument")
  expect_refused(drift_generator(y, hidden = c(64, NA)), "argument")
  expect_refused(drift_generator(y, hidden = "64"), "argument")
  expect_refused(drift_generator(y, batch = 4), "argument")
  expect_refused(drift_generator(y, model = "potential", n = 2), "argument")
  expect_refused(drift_generator(y, control = list(optimiser = "lbfgs")), "argument")
  expect_refused(drift_generator(y, control = list(rate = 0)), "argument")
  expect_refused(drift_generator(y, control = list(rates = 1)), "argument")
  expect_refused(drift_generator(y, control = list(components = 0)), "argument")
  expect_refused(drift_generator(y, divergence = "kll"), "argument")
  expect_refused(drift_generator(y, steps = NA), "argument")
  expect_refused(drift_generator(y, features = 3), "argument")
  expect_refused(drift_generator(rbind(y, NA)), "missing")
  expect_refused(drift_generator(rbind(y, Inf)), "not_finite")
  expect_refused(drift_generator(y[0, ]), "empty")
  expect_refused(drift_generator(y[1, , drop = FALSE]), "rows")
  expect_refused(drift_generator(cbind(y, 1)), "constant")
  expect_refused(drift_generator(y, weights = rep(0, 272)), "empty")
  gen <- quick_generator(y)
  expect_refused(predict(gen), "argument")
  expect_refused(predict(gen, cbind(1)), "argument")
  expect_refused(predict(gen, cbind(1, NA)), "missing")
  expect_refused(predict(gen, y, type = "density"), "argument")
  expect_refused(simulate(gen, -1), "argument")
  expect_refused(plot(gen, "particles"), "argument")
  expect_no_error(quick_generator(rbind(y, y))) # duplicates
  expect_no_error(quick_generator(1e8 * y))
})

test_that("a generator given covariates draws the law of the response at new ones", {
  d <- withr::with_seed(1, data.frame(x = runif(1200, -1, 1)))
  d$y <- withr::with_seed(2, (1 + d$x) * sample(c(-1, 1), 1200, TRUE) + 0.15 * rnorm(1200))
  gen <- drift_generator(y ~ x, data = d, batch = 256, steps = 900, hidden = c(32, 32))
  expect_output(print(gen), "y given x, trained on 1200 points")
  expect_output(print(gen), "of 1 normal latent and x")
  at <- c(-0.6, 0.6)
  s <- simulate(gen, 1000, seed = 1, newdata = data.frame(x = at))
  expect_identical(s$row, rep(1:2, each = 1000))
  for (k in 1:2) {
    fresh <- withr::with_seed(3, (1 + at[k]) * sample(c(-1, 1), 2000, TRUE) + 0.15 * rnorm(2000))
    # as draws at the other covariate have 0.3
    expect_lt(energy_distance(cbind(s$y[s$row == k]), cbind(fresh), permutations = 0)$value, 0.03)
  }
  upper <- s$y[s$row == 2 & s$y > 0]
  expect_equal(c(mean(upper), length(upper) / 1000), c(1.6, 0.5), tolerance = 0.15)
  # in one pass of the network, whatever the covariates
  expect_identical(gen$network$inputs, 2L)
  expect_equal(simulate(gen, 2, seed = 4, newdata = d[c(1, 1), ])$y[1:2],
               simulate(gen, 2, seed = 4, newdata = d[1, ])$y)
  expect_identical(nrow(simulate(gen, 1, seed = 1)), 1200L)
  again <- unserialize(serialize(gen, NULL))
  expect_identical(simulate(again, 2, seed = 1, newdata = d[1:3, ]),
                   simulate(gen, 2, seed = 1, newdata = d[1:3, ]))
  expect_identical(pages(plot(gen, ndraws = 50)), 1L)
})

test_that("generators given covariates: factors, several responses, weights, refusals", {
  d <- withr::with_seed(1, data.frame(x = rnorm(300), g = rep(c("a", "b", "c"), 100)))
  d$y <- withr::with_seed(2, d$x + 3 * (d$g == "b") + 0.2 * rnorm(300))
  d$u <- withr::with_seed(3, rnorm(300))
  gen <- drift_generator(cbind(y, u) ~ x + g, data = d, weights = rep(1:2, 150), batch = 100, steps = 300,
                         hidden = 16, seed = 1)
  s <- simulate(gen, 200, seed = 1, newdata = data.frame(x = c(0, NA, 0), g = c("a", "a", "b")))
  expect_identical(names(s), c("row", "y", "u"))
  expect_identical(which(is.na(s$y)), 201:400)
  expect_equal(mean(s$y[401:600]) - mean(s$y[1:200]), 3, tolerance = 0.2)
  by_matrix <- drift_generator(as.matrix(d["y"]), given = as.matrix(d["x"]), batch = 400, steps = 20,
                               hidden = 4)
  expect_identical(names(simulate(by_matrix, 1, newdata = data.frame(x = 0))), c("row", "y"))
  ask <- function(...) simulate(gen, 2, seed = 1, newdata = data.frame(...))
  expect_error(ask(x = c(0, 50), g = "a"), "row 2", class = "brenier_error_argument")
  expect_error(ask(x = 0, g = "z"), class = "brenier_error")
  expect_error(ask(x = "zero", g = "a"), class = "brenier_error_type")
  expect_error(ask(g = "a"), class = "brenier_error_variable")
  expect_error(predict(gen, cbind(0, 0)), "simulate", class = "brenier_error_argument")
  expect_error(simulate(quick_generator(faithful), 1, newdata = d), "newdata",
               class = "brenier_error_argument")
  expect_error(drift_generator(as.matrix(d["y"]), given = cbind(1:3)), class = "brenier_error_argument")
})

test_that("latents of many dimensions are independent normal draws", {
  z <- withr::with_seed(1, fresh_latents(40, 300))
  expect_identical(z, withr::with_seed(1, matrix(rnorm(40 * 300), 40)))
  expect_identical(dim(fresh_latents(8, 256)), c(8L, 256L))
})

test_that("training of which no step can be taken stalls, and says so", {
  blind <- function(stage, z, ...) list(energy = NaN, velocity = 0 * z + NaN)
  gen <- suppressWarnings(train_with(flow_at = blind))
  expect_identical(gen$status, "stalled")
  expect_identical(nrow(gen$trace), 20L) # the rate is halved from 1 to below 1e-6
  expect_true(all(is.finite(as.matrix(simulate(gen, 5)))))
  expect_output(print(gen), "STALLED")
})

test_that("controls that training has not are refused", {
  refused <- function(control, text) {
    expect_error(drift_generator(faithful, steps = 2, control = control), text,
                 class = "brenier_error_argument")
  }
  refused(list(optimiser = "lbfgs"), "optimiser")
  refused(3, "control")
})

test_that("draws of many variables are drawn in pairs, with data below where there are any", {
  draws <- function(x, n) matrix(rnorm(3 * n), n, dimnames = list(NULL, c("a", "b", "c")))
  shown <- function(data) {
    ask <- list(variables = 1:3, ndraws = 20, data = data)
    withr::with_seed(1, with_part(generated_data, marginal_draws = draws)(NULL, ask))$main
  }
  expect_identical(shown(NULL), "Draws")
  expect_match(shown(draws(NULL, 10)), "Data (below)", fixed = TRUE)
})
