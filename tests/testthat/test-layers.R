# Chains of maps: each layer is fitted to what those before it made of the points.

layers_control <- function(...) list(max_atoms = 12, min_width = 0.2, ...)

eight_fit <- function() {
  cached("eight", brenier(make_eight(500), layers = 2, control = layers_control(folds = 2)))
}

line_fit <- function() {
  cached("line", brenier(make_eight(300)$a, layers = 3, control = layers_control(folds = 0)))
}

fan_layers_fit <- function() {
  control <- layers_control(folds = 0)
  cached("fan_layers", brenier(y ~ x, make_fan(400), layers = 2, control = control))
}

# Skewed margins that lean on each other a little: "auto" begins with a layer of the margins.
make_skewed <- function(n, seed = 1) {
  withr::with_seed(seed, {
    z <- matrix(rnorm(3 * n), n) %*% matrix(c(1, 0.5, 0, 0, 1, 0.5, 0, 0, 1), 3)
    cbind(a = exp(z[, 1]), b = 4 * pnorm(z[, 2]) + rnorm(n) / 10, c = z[, 3]^3)
  })
}

skewed_fit <- function() {
  control <- layers_control(folds = 2)
  cached("skewed", brenier(make_skewed(300), layers = "auto", control = control))
}

chains <- function() list(eight_fit(), line_fit(), fan_layers_fit(), skewed_fit())

# brenier() with a progress report of the test's own: an error in it is taken as an interrupt is.
brenier_with <- function(progress) {
  own <- new.env(parent = asNamespace("brenier"))
  own$new_progress <- function(...) progress
  for (name in c("fit_layers", "new_brenier", "brenier.default")) {
    own[[name]] <- get(name, own)
    environment(own[[name]]) <- own
  }
  own$brenier.default
}

test_that("one layer is the default", {
  data <- make_banana(120)
  control <- list(folds = 2, max_atoms = 8)
  same <- c("layers", "validation", "held_out", "gap", "log_likelihood")
  expect_identical(brenier(data, layers = 1, control = control)[same],
                   brenier(data, control = control)[same])
})

test_that("a chain is the composition of its layers", {
  for (fit in chains()) {
    expect_gt(length(fit$layers), 1)
    x <- fit$x
    log_det <- 0
    for (l in seq_along(fit$layers)) {
      e <- reference_potential(potential_of(fit, l), whitened(fit, x, fit$given, l))
      x <- e$map
      log_det <- log_det + e$logdet + log(det(whitening_of(fit, l)$matrix))
    }
    expect_equal(predict(fit, type = "map"), x, tolerance = 1e-11, ignore_attr = TRUE)
    expect_equal(predict(fit, type = "log_density"),
                 -rowSums(x^2) / 2 - fit$d / 2 * log(2 * pi) + log_det, tolerance = 1e-11,
                 ignore_attr = TRUE)
    # The last layer takes its points to mean zero and identity covariance, nearly.
    expect_equal(crossprod(x) / nrow(x), diag(fit$d), tolerance = 0.05, ignore_attr = TRUE)
  }
})

test_that("the density of a chain integrates to one", {
  ends <- function(fit, ...) range(predict(fit, ..., type = "inverse"))
  fit <- line_fit()
  step <- min(fit$min_width) / 60 # layers may be steep one after the other
  x <- seq(ends(fit, c(-7, 7))[1], ends(fit, c(-7, 7))[2], by = step)
  expect_equal(sum(predict(fit, x)) * step, 1, tolerance = 1e-6)
  fit <- fan_layers_fit()
  for (x in c(0, 0.5, 1)) {
    far <- ends(fit, data.frame(x = c(x, x)), at = c(-7, 7))
    y <- seq(far[1], far[2], by = step)
    expect_equal(sum(predict(fit, data.frame(x = x, y = y))) * step, 1, tolerance = 1e-6)
  }
  # Composed atoms are narrower than each.
  expect_equal(sum(density_grid(eight_fit(), finer = 2)$mass), 1, tolerance = 1e-6)
})

test_that("the inverse goes back through all layers", {
  for (fit in chains()) {
    y <- withr::with_seed(1, matrix(rnorm(100 * fit$d, sd = 4), 100))
    new <- if (fit$d == 1) data.frame(x = rep(c(0, 0.2, 0.5, 1), 25))
    at <- function(points) {
      if (is.null(fit$design)) predict(fit, points, "inverse") else
        predict(fit, new, "inverse", at = points)
    }
    x <- at(y)
    points <- if (is.null(fit$design)) x else cbind(new, y = x[, 1])
    expect_equal(predict(fit, points, "map"), y, tolerance = 1e-9, ignore_attr = TRUE)
    # Each layer is met to 1e-12 and grows at least by kappa, 0.05: 400 times that after two.
    expect_lt(max(abs(at(predict(fit, points, "map")) - x)) / max(abs(x)), 1e-9)
  }
})

test_that("draws of a chain follow its density", {
  fit <- eight_fit()
  rank <- predict(fit, grid_draws(density_grid(fit), 2000, seed = 1), "rank")
  expect_gt(ks.test(rank, "punif")$p.value, 0.01) # with this seed
  rank <- predict(fit, simulate(fit, 2000, seed = 2), "rank")
  expect_gt(ks.test(rank, "punif")$p.value, 0.01)
})

test_that("a chain in two dimensions is no gradient, and says so; in one it is", {
  fit <- eight_fit()
  z <- withr::with_seed(1, matrix(rnorm(200), 100))
  J <- jacobian(fit, z)
  expect_gt(max(abs(J - aperm(J, c(2, 1, 3)))), 1e-2)
  text <- function(fit) paste(capture.output(print(fit)), collapse = "\n")
  expect_match(text(fit), "2 layers: the composition is no Brenier map", fixed = TRUE)
  expect_no_match(text(line_fit()), "no Brenier map")
  expect_match(text(line_fit()), "3 layers", fixed = TRUE)
  expect_no_match(text(banana_fit()), "layer")
  expect_true(all(diff(predict(line_fit(), seq(-9, 9, length.out = 999), "map")) > 0))
  expect_snapshot(summary(fit), transform = scrub)
})

test_that("the tables of a chain have its layers one under the other", {
  fit <- eight_fit()
  expect_identical(unique(fit$trace$layer), 1:2)
  expect_identical(unique(fit$validation$layer), 1:2)
  expect_identical(unique(tidy(fit)$layer), 1:2)
  expect_length(fit$min_width, 2)
  expect_identical(glance(fit)$layers, 2L)
  expect_identical(glance(fit)$atoms, n_chosen(fit, 1) + n_chosen(fit, 2))
  for (l in 1:2) {
    trace <- fit$trace[fit$trace$layer == l, ]
    path <- fit$validation[fit$validation$layer == l, ]
    expect_identical(trace$iter, as.double(seq_len(nrow(trace)) - 1))
    expect_identical(tail(trace$atoms, 1), as.double(n_chosen(fit, l)))
    # Loss and objective are of the potential of the layer: at round 0 both are that of N(0, I), d/2,
    # but for what the folds differ from the whole.
    expect_equal(path$loss[1], 1, tolerance = 0.1)
    expect_equal(trace$objective[1], 1, tolerance = 0.01)
    expect_identical(tail(trace$validation, 1), min(path$loss))
  }
  # Linear coefficients and covariances of each layer, and the atoms.
  expect_equal(attr(logLik(fit), "df"), 2 * 5 + glance(fit)$atoms)
  expect_equal(as.numeric(logLik(fit)), sum(predict(fit, type = "log_density")), tolerance = 1e-12)
  expect_lte(max(vapply(1:2, function(l) tail(fit$trace$gap[fit$trace$layer == l], 1), 0)), fit$gap)
})

test_that("layers = \"auto\" keeps a layer that helps on what is held out, and no other", {
  control <- layers_control(folds = 2)
  one <- brenier(make_eight(500), control = control)
  auto <- brenier(make_eight(500), layers = "auto", control = control)
  expect_gt(length(auto$layers), 1)
  expect_gt(auto$held_out$log_likelihood, one$held_out$log_likelihood)
  fresh <- make_eight(5000, seed = 2)
  expect_gt(mean(predict(auto, fresh, "log_density")), mean(predict(one, fresh, "log_density")))
  # A layer that is not kept leaves no trace.
  data <- make_banana(150, seed = 3)
  same <- c("layers", "trace", "validation", "held_out", "gap", "log_likelihood")
  plain <- brenier(data, control = control)
  auto <- brenier(data, layers = "auto", control = control)
  expect_length(auto$layers, 1)
  plain$trace$seconds <- auto$trace$seconds <- NULL
  expect_identical(auto[same], plain[same])
  expect_length(brenier(data, layers = "auto", control = small_control(4))$layers, 1)
})

test_that("a first layer of margins maps each variable by itself", {
  fit <- skewed_fit()
  p <- potential_of(fit)
  margins <- fit
  margins$layers <- fit$layers[1]
  expect_true(all(colSums(p$direction != 0) == 1))
  expect_identical(unique(fit$trace$layer), 2:length(fit$layers)) # it has no steps of its own
  x <- make_skewed(20, seed = 2)
  map <- predict(margins, x, "map")
  one <- x
  one[, "b"] <- x[1, "b"]
  expect_equal(predict(margins, one, "map")[, -2], map[, -2], tolerance = 1e-13)
  # The part of a variable is the map of that variable alone, but for other candidates.
  alone <- brenier(make_skewed(300)[, "c"], control = layers_control(folds = 2))
  expect_lt(max(abs(map[, 3] - predict(alone, x[, "c"], "map"))), 0.15)
  expect_true(certificate(fit)$met)
  # Given covariates as well.
  data <- data.frame(make_skewed(200), x = rep(0:1, 100))
  data$a <- data$a * (1 + data$x)
  given <- brenier(cbind(a, b) ~ x, data, layers = "auto", control = layers_control(folds = 2))
  expect_true(all(colSums(potential_of(given)$direction[1:2, ] != 0) == 1))
  z <- withr::with_seed(1, matrix(rnorm(40), 20))
  there <- predict(given, data[1:20, ], "inverse", at = z)
  expect_equal(predict(given, data.frame(there, x = data$x[1:20]), "map"), z, tolerance = 1e-9,
               ignore_attr = TRUE)
  expect_refused(regret(fit, layer = 1), "argument")
})

test_that("an interrupt of \"auto\" ends it with the best chain so far", {
  x <- make_skewed(150)
  control <- layers_control(folds = 2)
  counter <- function(stopped) {
    progress <- new.env()
    progress$run <- 0
    last <- Inf
    progress$report <- function(values) {
      if (values[1] <= last) progress$run <- progress$run + 1
      last <<- values[1]
      if (progress$run == stopped) stop("interrupt")
    }
    progress
  }
  whole <- counter(Inf)
  fit <- brenier_with(whole)(x, layers = "auto", control = control)
  for (stopped in round(seq(1, whole$run, length.out = 9))) {
    progress <- counter(stopped)
    expect_warning(cut <- brenier_with(progress)(x, layers = "auto", control = control),
                   class = "brenier_warning_interrupted")
    expect_equal(progress$run, stopped)
    expect_identical(cut$status, "interrupted")
    expect_true(all(is.finite(predict(cut, type = "log_density"))))
    expect_lte(length(cut$layers), length(fit$layers))
    # Before the first layer is validated nothing is held out, afterwards something is.
    expect_identical(is.na(cut$held_out$log_likelihood), stopped <= 2)
  }
})

test_that("layers without atoms end the chain", {
  expect_length(brenier(make_normal(60, 2), layers = 3, control = gaussian_control())$layers, 1)
  fit <- brenier(make_normal(60, 2), layers = 3, control = list(folds = 2, min_width = 0.2))
  few <- which(vapply(fit$layers, function(layer) layer$potential$n_atoms == 0L, NA))
  expect_true(length(few) == 0 || few == length(fit$layers))
})

test_that("the held-out likelihood of a chain is that of fresh data", {
  # Few points, narrow atoms and many layers learn noise. Folds that saw what they hold out would call
  # that gain.
  control <- list(folds = 5, max_atoms = 60, min_width = 0.05)
  fit <- brenier(make_eight(150), layers = 4, control = control)
  expect_gt(length(fit$layers), 1)
  fresh <- predict(fit, make_eight(20000, seed = 2), "log_density")
  se <- sqrt(fit$held_out$se^2 + var(fresh) / 20000)
  expect_lt(abs(fit$held_out$log_likelihood - mean(fresh)), 4 * se)
  # There is something to be honest about: the sample flatters by more.
  expect_gt(fit$log_likelihood / 150, mean(fresh) + 4 * se)
})

test_that("held out means held out in every layer: the chains of the other folds", {
  x <- make_eight(80)
  fit <- brenier(x, layers = 2, control = layers_control(folds = 4))
  part <- with_seed(1, fold_of(80, 4, 0.2))
  honest <- unlist(lapply(1:4, function(k) {
    rest <- brenier(x[part != k, ], layers = 2, control = layers_control(folds = 0))
    predict(rest, x[part == k, ], "log_density")
  }))
  # These take other candidates, and as many atoms as are allowed: 0.1 nats either way. A layer that
  # saw what is held out would gain several times that.
  expect_lt(abs(fit$held_out$log_likelihood - mean(honest)), 0.15)
  expect_gt(fit$log_likelihood / 80 - mean(honest), 0.3)
})

test_that("folds that have no density hold nothing out in further layers either", {
  x <- cbind(1000 + make_eight(200)$a, c(1, rep(0, 199)))
  expect_warning(fit <- brenier(x, layers = 2, control = layers_control(folds = 5)),
                 class = "brenier_warning_discrete")
  expect_length(fit$layers, 2)
  expect_identical(fit$held_out$folds, 4L)
  expect_gt(fit$held_out$log_likelihood, -20)
})

test_that("weights count in every layer", {
  data <- make_eight(150)
  one <- brenier(data, layers = 2, control = layers_control(folds = 2))
  eight <- brenier(data, weights = rep(8, 150), layers = 2, control = layers_control(folds = 2))
  expect_identical(eight$layers, one$layers)
  expect_equal(eight$held_out, one$held_out)
  half <- brenier(data, weights = rep(0:1, 75), layers = 2, control = layers_control(folds = 0))
  removed <- brenier(data[2 * 1:75, ], layers = 2, control = layers_control(folds = 0))
  expect_identical(half$layers, removed$layers)
})

test_that("an interrupt in any run of any layer returns what there is", {
  # Runs: for each layer two folds, all data, and the folds as the layer leaves them, where there is
  # anything left to do.
  x <- as.matrix(make_eight(150))
  control <- layers_control(folds = 2)
  runs_until <- function(stopped) {
    progress <- new.env()
    progress$runs <- character()
    last <- Inf
    progress$report <- function(values) {
      if (values[1] <= last) progress$runs <- c(progress$runs, progress$what)
      last <<- values[1]
      if (length(progress$runs) == stopped) stop("interrupt")
    }
    progress
  }
  whole <- runs_until(Inf)
  brenier_with(whole)(x, layers = 2, control = control)
  starts <- which(whole$runs == "Fold 1")
  expect_length(starts, 2)
  expect_identical(whole$runs[starts[2] + 0:2], c("Fold 1", "Fold 2", "All data"))
  for (stopped in seq_along(whole$runs)) {
    progress <- runs_until(stopped)
    expect_warning(fit <- brenier_with(progress)(x, layers = 2, control = control),
                   class = "brenier_warning_interrupted")
    expect_length(progress$runs, stopped)
    expect_identical(fit$status, "interrupted")
    expect_length(fit$layers, if (stopped < starts[2]) 1 else 2)
    expect_true(all(is.finite(predict(fit, type = "log_density"))))
    expect_equal(predict(fit, residuals(fit), "inverse"), fit$x, tolerance = 1e-9,
                 ignore_attr = TRUE)
    # What is held out speaks of the whole map or not at all.
    known <- stopped > 2 && stopped < starts[2]
    expect_identical(fit$held_out$folds, if (known) 2L else 0L)
    expect_identical(is.na(fit$held_out$log_likelihood), !known)
    expect_output(print(fit), "NOT converged")
  }
})

test_that("an interrupted map to a sample goes to that sample", {
  reference <- withr::with_seed(1, matrix(rnorm(300, 10, 3), 150))
  control <- layers_control(folds = 2)
  for (orientation in c("data", "reference")) for (where in c("Fold 1", "Fold 2", "All data")) {
    progress <- new.env()
    progress$report <- function(values) if (progress$what == where) stop("interrupt")
    expect_warning(
      fit <- brenier_with(progress)(as.matrix(faithful), reference = reference,
                                    orientation = orientation, control = control),
      class = "brenier_warning_interrupted"
    )
    # Its mean is that of the sample, or of half of it, to an error of three standard errors.
    expect_equal(colMeans(predict(fit, type = "map")), c(10, 10), tolerance = 0.1,
                 ignore_attr = TRUE)
  }
})

test_that("a wrong number of layers is refused", {
  for (wrong in list(0, 21, 1.5, NA, "many", c(1, 2), NULL)) {
    expect_error(brenier(faithful, layers = wrong), class = "brenier_error_argument")
  }
  expect_refused(brenier(faithful, layers = 0), "argument")
  expect_refused(brenier(waiting ~ eruptions, faithful, layers = "many"), "argument")
})

test_that("rows without an inverse to the tolerance are NA, with a warning", {
  fit <- banana_fit()
  y <- rbind(c(0, 0), c(1, -1), c(0.5, 2))
  x <- expect_silent(backward(fit$layers, y))
  lost <- NULL
  hasty <- with_part(backward, .Call = function(symbol, ...) {
    result <- .Call(symbol, ...)
    result$status <- "max_iterations"
    result$iterations <- c(3L, -1L, 3L)
    result
  })
  expect_warning(lost <- hasty(fit$layers, y), "1 row ", class = "brenier_warning_not_converged")
  expect_identical(is.na(lost[, 1]), c(FALSE, TRUE, FALSE))
  expect_equal(lost[-2, ], x[-2, ])
})

test_that("a million rows and more are inverted in slices, to the same points", {
  fit <- cached("normal_eruptions", brenier(~eruptions, data = faithful, control = gaussian_control()))
  y <- matrix(rep_len(c(-1, 0, 2), 1e6 + 2))
  x <- backward(fit$layers, y)
  expect_identical(dim(x), dim(y))
  expect_identical(range(x[seq(1, nrow(x), 3), ]), range(x[1, ]))
  expect_equal(x[1:3, ], as.vector(backward(fit$layers, y[1:3, , drop = FALSE])))
  expect_identical(x[1e6 + 2, ], x[3, ]) # 1e6 is one more than threes
})

test_that("what no fold has measured is no gain", {
  expect_false(improved(list(folds = list()), list(folds = list()), 1))
  expect_null(with_part(validate, fold_sample = function(...) NULL)(list(1, 2), list(), list()))
})
