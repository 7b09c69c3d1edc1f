# Potentials with components, the softmax of quadratics, as R holds and evaluates them.

# A fit of the banana whose potential has 6 components; until the interface knows of them, by
# a run of the core in the coordinates of another fit.
components_fit <- function(max_atoms = 6L) {
  fit <- banana_fit()
  layer <- fit$layers[[1]]
  control <- small_control()
  control[c("n_components", "max_atoms", "min_width")] <- list(6L, max_atoms, 0.1)
  z <- to_white(layer$whitening, as.matrix(make_banana(400)), NULL)
  weights <- rep(1, nrow(z))
  run <- with_seed(1, run_core(z, 2, weights, z[0, ], numeric(), control, 5, NULL))
  expect_identical(run$status, "ok")
  fit$layers[[1]]$potential <- run$potential
  fit
}

# Value, gradient and log determinant of the whole potential by its formula, in two dimensions.
reference_sum <- function(p, z) {
  ridge <- reference_potential(p, z)
  theta <- exp(p$components[1])
  terms <- matrix(p$components[-1], 6)
  H <- reference_hessian(p, z)
  for (i in seq_len(nrow(z))) {
    f <- apply(terms, 2, function(c) {
      R <- matrix(c(c[1:2], 0, c[3]), 2)
      Q <- tcrossprod(R)
      list(list(Q = Q, f = sum((t(R) %*% z[i, ])^2) / 2 + sum(c[4:5] * z[i, ]) + c[6],
                m = drop(Q %*% z[i, ]) + c[4:5]))
    })
    f <- lapply(f, `[[`, 1)
    height <- vapply(f, `[[`, 0, "f")
    share <- exp((height - max(height)) / theta)
    ridge$value[i] <- ridge$value[i] + max(height) + theta * log(sum(share))
    share <- share / sum(share)
    slopes <- vapply(f, `[[`, numeric(2), "m")
    mean <- drop(slopes %*% share)
    ridge$map[i, ] <- ridge$map[i, ] + mean
    Q <- Reduce(`+`, Map(function(term, s) s * term$Q, f, share))
    hessian <- H[, , i] + Q + (slopes - mean) %*% (share * t(slopes - mean)) / theta
    ridge$logdet[i] <- log(det(hessian))
  }
  ridge
}

# The Hessian of the ridge part.
reference_hessian <- function(p, z) {
  h <- 1e-5
  H <- array(0, c(2, 2, nrow(z)))
  for (k in 1:2) {
    step <- matrix(h * (seq_len(2) == k), nrow(z), 2, byrow = TRUE)
    change <- reference_potential(p, z + step)$map - reference_potential(p, z - step)$map
    H[, k, ] <- t(change) / (2 * h)
  }
  H
}

test_that("the core evaluates a potential with components by its formula", {
  fit <- components_fit()
  p <- fit$layers[[1]]$potential
  expect_identical(p$family, "sum")
  expect_identical(p$n_components, 6L)
  expect_length(p$components, 1 + 6 * 6)
  z <- withr::with_seed(1, matrix(rnorm(60, sd = 2), 30))
  got <- evaluate(p, z, map = TRUE, logdet = TRUE, value = TRUE)
  want <- reference_sum(p, z)
  expect_equal(got$value, want$value, tolerance = 1e-12)
  expect_equal(got$map, want$map, tolerance = 1e-12)
  # The reference takes differences.
  expect_equal(got$logdet, want$logdet, tolerance = 1e-7)
})

test_that("its density integrates to one and its map has an inverse", {
  fit <- components_fit()
  y <- withr::with_seed(2, matrix(rnorm(100), 50))
  x <- predict(fit, predict(fit, y, type = "inverse"), type = "map")
  expect_equal(unname(x), y, tolerance = 1e-8)
  at <- seq(-30, 30, by = 0.05)
  grid <- as.matrix(expand.grid(at, at))
  density <- exp(predict(fit, grid, type = "log_density"))
  expect_equal(sum(density) * 0.05^2, 1, tolerance = 1e-3)
})

test_that("a ridge potential has no components", {
  p <- banana_fit()$layers[[1]]$potential
  expect_identical(p$family, "ridge")
  expect_identical(p$n_components, 0L)
  expect_identical(p$components, numeric())
})

# --- fits ---------------------------------------------------------------------

test_that("fits of softmax potentials are laws, whose printout says what they are", {
  data <- make_banana(300)
  soft <- brenier(data, potential = "softmax", control = list(components = 4, folds = 2))
  expect_identical(n_components(soft), 4L)
  expect_identical(n_atoms(soft), 0L)
  expect_gt(soft$log_likelihood, brenier(data, control = gaussian_control())$log_likelihood)
  grid <- density_grid(soft)
  expect_equal(sum(grid$mass), 1, tolerance = 1e-3)
  ended <- tail(soft$trace$decrement, 1)^2 <= soft$control$tol
  expect_identical(soft$converged, soft$status == "ok" && ended)
  expect_output(print(soft), "softmax of 4 quadratics")
  expect_output(print(soft), "not convex in the coefficients of a softmax")
  ended <- function(converged, status) {
    end_words(utils::modifyList(soft, list(converged = converged, status = status)))
  }
  expect_match(ended(TRUE, "ok"), "stationary point")
  expect_match(ended(FALSE, "ok"), "stopped early")
  expect_match(ended(FALSE, "max_iterations"), "NOT converged")
  both <- brenier(data, potential = "both", control = list(components = 4, folds = 2, max_atoms = 4))
  expect_identical(both$family, "both")
  expect_gt(both$held_out[[1]], -Inf)
})
