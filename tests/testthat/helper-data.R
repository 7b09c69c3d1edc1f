# Data of known law, shared fits, and references that use no code of the package but the map or the
# density that they judge.

# --- data ---------------------------------------------------------------------

make_banana <- function(n, seed = 1) {
  withr::with_seed(seed, {
    a <- rnorm(n)
    data.frame(a = a, b = a^2 + rnorm(n) / 2)
  })
}

make_moons <- function(n, seed = 1) {
  withr::with_seed(seed, {
    t <- runif(n, 0, pi)
    side <- sample(c(-1, 1), n, replace = TRUE)
    data.frame(a = side * (cos(t) - 0.5), b = side * (sin(t) - 0.25)) + rnorm(2 * n, sd = 0.1)
  })
}

make_eight <- function(n, seed = 1) {
  withr::with_seed(seed, {
    k <- sample(8, n, replace = TRUE)
    data.frame(a = 2 * cos(k * pi / 4), b = 2 * sin(k * pi / 4)) + rnorm(2 * n, sd = 0.2)
  })
}

make_normal <- function(n, d, seed = 1) {
  withr::with_seed(seed, {
    root <- matrix(rnorm(d * d), d) / sqrt(d) + diag(d)
    sweep(matrix(rnorm(n * d), n) %*% root, 2, rnorm(d), "+")
  })
}

# --- fits ---------------------------------------------------------------------

gaussian_control <- function(...) brenier_control(max_atoms = 0, ...)

# No folds: the atoms are those of a fixed number of rounds.
small_control <- function(max_atoms = 12, ...) {
  brenier_control(max_atoms = max_atoms, folds = 0, ...)
}

fits <- new.env()

cached <- function(name, fit) {
  if (is.null(fits[[name]])) fits[[name]] <- fit
  fits[[name]]
}

faithful_fit <- function() {
  cached("faithful", brenier(~ eruptions + waiting, data = faithful))
}

eruptions_fit <- function() {
  cached("eruptions", brenier(~eruptions, data = faithful, control = small_control()))
}

banana_fit <- function() {
  cached("banana", brenier(make_banana(400), control = small_control()))
}

# --- references ---------------------------------------------------------------

# u, its gradient and the log determinant of its Hessian at the rows of z, by the formulas of the
# help page of brenier().
reference_potential <- function(potential, z) {
  p <- potential
  d <- p$d
  gradient <- matrix(p$coef[seq_len(d)], nrow(z), d, byrow = TRUE)
  value <- drop(z %*% p$coef[seq_len(d)])
  hessian <- array(0, c(d, d, nrow(z)))
  for (j in seq_len(p$n_quadratic + p$n_atoms)) {
    w <- p$direction[, j]
    a <- p$width[j]
    t <- (drop(z %*% w) - p$centre[j]) / a
    if (j <= p$n_quadratic) {
      s <- list(t^2 / 2, t, rep(1, length(t)))
    } else if (p$profile[j] == 0) {
      s <- list(t * pnorm(t) + dnorm(t), pnorm(t), dnorm(t))
    } else {
      s <- list(((t^2 + 1) * pnorm(t) + t * dnorm(t)) / 2, t * pnorm(t) + dnorm(t), pnorm(t))
    }
    theta <- p$coef[d + j]
    value <- value + theta * a^2 * s[[1]]
    gradient <- gradient + theta * a * outer(s[[2]], w)
    hessian <- hessian + theta * outer(tcrossprod(w), s[[3]])
  }
  logdet <- apply(hessian, 3, function(h) determinant(matrix(h, d))$modulus)
  list(map = gradient, logdet = logdet, value = value)
}

# Which coefficients are atoms, and which are fitted: those of the tails are not.
atoms_of <- function(p) p$d + p$n_quadratic + seq_len(p$n_atoms)

free <- function(p) seq_len(p$d + p$n_quadratic + p$n_atoms - p$n_tails)

n_chosen <- function(fit) fit$layers[[1]]$potential$n_atoms - fit$layers[[1]]$potential$n_tails

# The least objective over the fitted coefficients in one dimension, by an optimiser of R.
least_objective <- function(fit) {
  p <- fit$layers[[1]]$potential
  at <- free(p)
  objective <- function(coef) {
    p$coef[at] <- coef
    value <- reference_objective(fit, p)
    if (is.finite(value)) value else 1e10
  }
  optim(p$coef[at], objective, method = "L-BFGS-B",
        lower = c(-Inf, p$kappa, rep(0, length(at) - 2)),
        control = list(factr = 10, maxit = 500))$value
}

# The objective that the trace reports, from the same formulas.
reference_objective <- function(fit, potential = fit$layers[[1]]$potential) {
  z <- whitened(fit, fit$x)
  e <- reference_potential(potential, z)
  w <- fit$weights / sum(fit$weights)
  theta <- potential$coef[intersect(free(potential), atoms_of(potential))]
  sum(w * (rowSums(e$map^2) / 2 - e$logdet)) + fit$control$penalty * sum(w^2) * sum(theta)
}

whitened <- function(fit, x) {
  unname(sweep(as.matrix(x), 2, fit$layers[[1]]$whitening$center) %*% fit$layers[[1]]$whitening$matrix)
}

unwhitened <- function(fit, z) {
  x <- sweep(z %*% solve(fit$layers[[1]]$whitening$matrix), 2, fit$layers[[1]]$whitening$center, "+")
  dimnames(x) <- list(NULL, fit$variables)
  x
}

# Derivative of f, which takes the rows of a matrix, in direction k by a five-point rule. Its error is
# h^4 f'''''/30 and rounding over h; with h = 1e-3 and atoms no narrower than 0.05 both are below 1e-8
# for the potentials here.
derivative <- function(f, x, k, h = 1e-3) {
  shifted <- function(s) {
    x[, k] <- x[, k] + s * h
    f(x)
  }
  (8 * (shifted(1) - shifted(-1)) - (shifted(2) - shifted(-2))) / (12 * h)
}

# Jacobians of the map at the rows of z in whitened coordinates: an array, d x d a row.
jacobian <- function(fit, z) {
  map <- function(z) predict(fit, unwhitened(fit, z), type = "map")
  columns <- lapply(seq_len(fit$d), function(k) derivative(map, z, k))
  aperm(array(unlist(columns), c(nrow(z), fit$d, fit$d)), c(2, 3, 1))
}

# A grid of cells over all but 1e-10 of the mass of a fit in two dimensions, and the density there.
# Sums over it are the trapezoidal rule, which converges faster than any power of the step for
# smooth functions that vanish at the ends; the step is a third of the least width of an atom.
density_grid <- function(fit) {
  radius <- sqrt(qchisq(1 - 1e-10, 2))
  border <- predict(fit, radius * cbind(cos(0:99 * pi / 50), sin(0:99 * pi / 50)), "inverse")
  axes <- lapply(1:2, function(k) {
    step <- fit$min_width / 3 / fit$layers[[1]]$whitening$matrix[k, k]
    ends <- range(border[, k])
    seq(ends[1] - step, ends[2] + step, by = step)
  })
  x <- as.matrix(expand.grid(axes))
  colnames(x) <- fit$variables
  step <- vapply(axes, function(a) a[2] - a[1], 0)
  list(x = x, step = step, mass = predict(fit, x) * prod(step))
}

# Draws that know only the density: a cell by its mass, uniform inside it.
grid_draws <- function(grid, n, seed) {
  withr::with_seed(seed, {
    cell <- sample.int(nrow(grid$x), n, replace = TRUE, prob = grid$mass)
    grid$x[cell, ] + t((matrix(runif(2 * n), 2) - 0.5) * grid$step)
  })
}

# --- conditions ---------------------------------------------------------------

# The error has that class, and its text is a snapshot.
expect_refused <- function(code, class) {
  code <- rlang::enexpr(code)
  env <- parent.frame()
  expect_error(rlang::eval_bare(code, env), class = paste0("brenier_error_", class))
  rlang::inject(expect_snapshot(error = TRUE, !!code), env)
}

# Numbers and widths of columns out of a printout: they differ from one BLAS to another.
scrub <- function(lines) {
  number <- "[-+]?\\b(Inf|[0-9]+(\\.[0-9]+)?(e[-+]?[0-9]+)?)\\b"
  # whether a tail needs an atom hangs on the fit
  sub(", <n> more for the tails", "", gsub(" +", " ", gsub(number, "<n>", lines)))
}
