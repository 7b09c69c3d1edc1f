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

# The response fans out: normal about 2 x with standard deviation 0.2 + x.
make_fan <- function(n, seed = 1, x = c(0, 1)) {
  withr::with_seed(seed, {
    x <- runif(n, x[1], x[2])
    data.frame(x = x, y = 2 * x + (0.2 + x) * rnorm(n))
  })
}

# Two skewed responses that lean on a number and a factor.
make_pair <- function(n, seed = 1) {
  withr::with_seed(seed, {
    data <- data.frame(x = rnorm(n), f = factor(sample(c("u", "v", "w"), n, replace = TRUE)))
    data$a <- data$x + as.integer(data$f) + rexp(n)
    data$b <- data$a / 2 - data$x^2 / 4 + rnorm(n, sd = 0.3 + (data$f == "v"))
    data
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

fan_fit <- function() {
  cached("fan", brenier(y ~ x, data = make_fan(4000), control = list(folds = 2, min_width = 0.2)))
}

pair_fit <- function() {
  cached("pair", brenier(cbind(a, b) ~ x + f, data = make_pair(500), control = small_control()))
}

potential_of <- function(fit, layer = 1) fit$layers[[layer]]$potential

whitening_of <- function(fit, layer = 1) fit$layers[[layer]]$whitening

# --- references ---------------------------------------------------------------

# u, its gradient and the log determinant of its Hessian at the rows of z, points followed by their
# covariates, by the formulas of the help page of brenier().
reference_potential <- function(potential, z) {
  p <- potential
  d <- p$d
  b <- cbind(1, z[, -seq_len(d), drop = FALSE])
  z <- z[, seq_len(d), drop = FALSE]
  gradient <- b %*% matrix(p$coef[seq_len(n_linear(p))], ncol(b), byrow = TRUE)
  value <- rowSums(z * gradient)
  hessian <- array(0, c(d, d, nrow(z)))
  for (j in seq_len(p$n_quadratic + p$n_atoms)) {
    w <- p$direction[seq_len(d), j]
    g <- p$direction[-seq_len(d), j]
    a <- p$width[j]
    arm <- drop(z %*% w)
    t <- (arm + drop(b[, -1, drop = FALSE] %*% g) - p$centre[j]) / a
    if (j <= p$n_quadratic) {
      s <- list(t^2 / 2, t, rep(1, length(t)))
    } else if (p$profile[j] == 2) {
      open <- pnorm(t - arm / a)
      s <- list(arm^2 * open / 2, arm * open, open)
      a <- 1
    } else if (p$profile[j] == 0) {
      s <- list(t * pnorm(t) + dnorm(t), pnorm(t), dnorm(t))
    } else {
      s <- list(((t^2 + 1) * pnorm(t) + t * dnorm(t)) / 2, t * pnorm(t) + dnorm(t), pnorm(t))
    }
    theta <- p$coef[n_linear(p) + j]
    value <- value + theta * a^2 * s[[1]]
    gradient <- gradient + theta * a * outer(s[[2]], w)
    hessian <- hessian + theta * outer(tcrossprod(w), s[[3]])
  }
  logdet <- apply(hessian, 3, function(h) determinant(matrix(h, d))$modulus)
  list(map = gradient, logdet = logdet, value = value)
}

# Which coefficients are linear, which are atoms, and which are fitted: those of the tails are not.
n_linear <- function(p) p$d * (1 + p$given)

atoms_of <- function(p) n_linear(p) + p$n_quadratic + seq_len(p$n_atoms)

free <- function(p) seq_len(n_linear(p) + p$n_quadratic + p$n_atoms - p$n_tails)

n_chosen <- function(fit, layer = 1) {
  potential_of(fit, layer)$n_atoms - potential_of(fit, layer)$n_tails
}

# The least objective over the fitted coefficients in one dimension, by an optimiser of R: map and
# Hessian are linear in them.
least_objective <- function(fit) {
  p <- potential_of(fit)
  features <- lapply(seq_along(p$coef), function(j) {
    p$coef <- as.double(seq_along(p$coef) == j)
    reference_potential(p, whitened(fit, fit$x, fit$given))
  })
  slope <- vapply(features, function(e) drop(e$map), numeric(fit$n))
  curve <- vapply(features, function(e) exp(e$logdet), numeric(fit$n))
  w <- fit$weights / sum(fit$weights)
  at <- free(p)
  penalty <- fit$penalty[1] * sum(w^2) * at %in% atoms_of(p)
  full <- function(coef) replace(p$coef, at, coef)
  objective <- function(coef) {
    hessian <- drop(curve %*% full(coef))
    if (any(hessian <= 0)) return(1e10)
    sum(w * (drop(slope %*% full(coef))^2 / 2 - log(hessian))) + sum(penalty * coef)
  }
  gradient <- function(coef) {
    map <- drop(slope %*% full(coef))
    hessian <- drop(curve %*% full(coef))
    drop(crossprod(slope, w * map) - crossprod(curve, w / hessian))[at] + penalty
  }
  lower <- c(rep(-Inf, n_linear(p)), p$kappa, rep(0, length(at) - n_linear(p) - 1))
  optim(p$coef[at], objective, gradient, method = "L-BFGS-B", lower = lower,
        control = list(factr = 10, maxit = 5000))$value
}

# The objective that the trace reports, from the same formulas.
reference_objective <- function(fit, potential = potential_of(fit)) {
  z <- whitened(fit, fit$x, fit$given)
  e <- reference_potential(potential, z)
  w <- fit$weights / sum(fit$weights)
  theta <- potential$coef[intersect(free(potential), atoms_of(potential))]
  sum(w * (rowSums(e$map^2) / 2 - e$logdet)) + fit$penalty[1] * sum(w^2) * sum(theta)
}

# Points in the coordinates of the potential, followed by their covariates in theirs.
whitened <- function(fit, x, given = NULL, layer = 1) {
  w <- whitening_of(fit, layer)
  z <- sweep(as.matrix(x), 2, w$center)
  if (is.null(given)) return(unname(z %*% w$matrix))
  g <- sweep(given, 2, w$covariates$center) %*% w$covariates$matrix
  z <- z - g %*% w$covariates$coef
  if (!is.null(w$covariates$log_scale)) {
    s <- g %*% w$covariates$log_scale
    range <- w$covariates$range
    for (k in seq_len(ncol(s))) s[, k] <- pmax(range[1, k], pmin(range[2, k], s[, k]))
    z <- z / exp(s)
  }
  unname(cbind(z %*% w$matrix, g))
}

unwhitened <- function(fit, z) {
  w <- whitening_of(fit)
  x <- sweep(z %*% solve(w$matrix), 2, w$center, "+")
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
# smooth functions that vanish at the ends; the step is a third of the least width of an atom, or that
# over `finer`.
density_grid <- function(fit, finer = 1) {
  radius <- sqrt(qchisq(1 - 1e-10, 2))
  border <- predict(fit, radius * cbind(cos(0:99 * pi / 50), sin(0:99 * pi / 50)), "inverse")
  axes <- lapply(1:2, function(k) {
    step <- min(fit$min_width) / 3 / finer / whitening_of(fit)$matrix[k, k]
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

# A kernel flow of few steps.
quick_flow <- function(..., bandwidth = c(from = 1.4, to = 0.3)) {
  kde_flow(..., bandwidth = bandwidth, n = 60, steps = 40)
}

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

# How often the energy of a kernel flow rose between steps of one bandwidth, which can be compared.
rises <- function(flow) {
  same <- diff(flow$trace$bandwidth) == 0
  sum(diff(flow$trace$energy)[same] > 0)
}
