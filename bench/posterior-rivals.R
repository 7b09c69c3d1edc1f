# What bench/posteriors.R compares with: Laplace with importance weights, and rstan with --full.

# To unbounded parameters and back, by the same maps as stan's for bounds.
unbounded <- function(target) {
  d <- length(target$init)
  lower <- rep_len(target$lower, d)
  upper <- rep_len(target$upper, d)
  both <- is.finite(lower) & is.finite(upper)
  low <- is.finite(lower) & !both
  list(
    start = ifelse(both, stats::qlogis((target$init - lower) / (upper - lower)),
                   ifelse(low, log(target$init - lower), target$init)),
    to_x = function(z) {
      x <- z
      x[, low] <- sweep(exp(z[, low, drop = FALSE]), 2, lower[low], "+")
      for (k in which(both)) x[, k] <- lower[k] + (upper[k] - lower[k]) * stats::plogis(z[, k])
      x
    },
    log_jacobian = function(z) {
      logit <- z[, both, drop = FALSE]
      logistic <- stats::plogis(logit, log.p = TRUE) + stats::plogis(-logit, log.p = TRUE)
      dim(logistic) <- dim(logit) # lost where there are no columns
      rowSums(z[, low, drop = FALSE]) + rowSums(logistic)
    }
  )
}

laplace_row <- function(target, reference, n) {
  u <- unbounded(target)
  evaluations <- 0
  f <- function(z) {
    evaluations <<- evaluations + nrow(z)
    target$log_density(u$to_x(z)) + u$log_jacobian(z)
  }
  took <- cpu_seconds({
    d <- length(u$start)
    steps <- 1e-5 * rbind(diag(d), -diag(d))
    slope <- function(v) {
      value <- f(sweep(steps, 2, v, "+"))
      (value[d + seq_len(d)] - value[seq_len(d)]) / 2e-5
    }
    found <- stats::optim(u$start, function(v) -f(matrix(v, 1)), slope, method = "BFGS",
                          control = list(maxit = 2000, reltol = 1e-12,
                                         parscale = pmax(abs(u$start), 0.1)))
    root <- solve(chol(stats::optimHess(found$par, function(v) -f(matrix(v, 1)), slope)))
    set.seed(9)
    y <- matrix(stats::rnorm(n * length(u$start)), n)
    z <- sweep(y %*% t(root), 2, found$par, "+")
    log_weight <- f(z) + rowSums(y^2) / 2
    log_weight[!is.finite(log_weight)] <- -Inf
    smooth <- suppressWarnings(loo::psis(log_weight, r_eff = 1))
    w <- as.vector(loo::weights.importance_sampling(smooth, log = FALSE))
  })
  c(judge(target$constrain(u$to_x(z)), w, reference), khat = loo::pareto_k_values(smooth),
    ess = 1 / sum(w^2) / n, kl = NA, gradients = NA, values = evaluations, seconds = took,
    converged = NA)
}

# Programs of the models for rstan, whose parameters have the names of the reference.
stan_programs <- list(
  "eight_schools-eight_schools_noncentered" = "
    data { int J; vector[J] y; vector[J] sigma; }
    parameters { vector[J] t; real mu; real<lower=0> tau; }
    transformed parameters { vector[J] theta = mu + tau * t; }
    model { t ~ normal(0, 1); y ~ normal(theta, sigma); mu ~ normal(0, 5); tau ~ cauchy(0, 5); }",
  "eight_schools-eight_schools_centered" = "
    data { int J; vector[J] y; vector[J] sigma; }
    parameters { vector[J] theta; real mu; real<lower=0> tau; }
    model { theta ~ normal(mu, tau); y ~ normal(theta, sigma); mu ~ normal(0, 5);
            tau ~ cauchy(0, 5); }"
)

stan_row <- function(name, target, reference, how) {
  include <- "/usr/include"
  if (dir.exists(file.path(include, "boost"))) rstan::rstan_options(boost_lib = include)
  model <- rstan::stan_model(model_code = stan_programs[[name]])
  data <- posterior_data(name, "data")
  steps <- NA
  took <- cpu_seconds({
    fit <- if (how == "vb") {
      rstan::vb(model, data = data, algorithm = "fullrank", seed = 1, refresh = 0)
    } else {
      rstan::sampling(model, data = data, chains = 1, iter = 2000, seed = 1, refresh = 0)
    }
  })
  if (how == "nuts") {
    steps <- sum(rstan::get_sampler_params(fit, inc_warmup = TRUE)[[1]][, "n_leapfrog__"])
  }
  x <- as.matrix(fit)[, reference$names]
  c(judge(x, rep(1, nrow(x)), reference), khat = NA, ess = NA, kl = NA, gradients = steps,
    values = NA, seconds = took, converged = NA)
}
