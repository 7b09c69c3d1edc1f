# Targets of bench/posteriors.R: log densities and gradients at the rows of a matrix, in parameters
# that brenier_vi() fits. A target is a list of
#   log_density, gradient, lower, upper   arguments of brenier_vi()
#   init                                  its start, with names
#   constrain                             rows of parameters to rows in the order of the reference
#   reference                             list(names, mean, sd, draws), NULL where the law is known
#   draw                                  draws of a law that is known, with log evidence 0

posterior_data <- function(name, what) {
  jsonlite::fromJSON(file.path(bench_folder, "data", "posteriordb", paste0(name, ".", what, ".json")))
}

reference_of <- function(name) {
  reference <- posterior_data(name, "reference")
  draws <- utils::read.csv(gzfile(file.path(
    bench_folder, "data", "posteriordb", paste0(name, ".draws.csv.gz")
  )), check.names = FALSE)
  list(names = reference$names, mean = reference$mean, sd = reference$sd,
       draws = as.matrix(draws[reference$names]))
}

# --- linear regressions ----------------------------------------------------------------------

# y ~ N(X b, s) with log priors of b and s: functions that return list(value, slope), by rows of b
# and by s. Parameters are b and s; residual sums of squares come from the normal equations.
linear_model <- function(X, y, prior_b, prior_s, init, names) {
  k <- ncol(X)
  root <- qr(X)
  hat <- qr.coef(root, y)
  rest <- sum(qr.resid(root, y)^2)
  gram <- crossprod(X)
  parts <- function(p) {
    b <- p[, seq_len(k), drop = FALSE]
    s <- p[, k + 1]
    away <- sweep(b, 2, hat)
    pull <- away %*% gram
    list(b = b, s = s, pull = pull, squares = rest + rowSums(pull * away))
  }
  list(
    log_density = function(p) {
      a <- parts(p)
      -length(y) * log(a$s) - a$squares / (2 * a$s^2) + prior_b(a$b)$value + prior_s(a$s)$value
    },
    gradient = function(p) {
      a <- parts(p)
      cbind(-a$pull / a$s^2 + prior_b(a$b)$slope,
            -length(y) / a$s + a$squares / a$s^3 + prior_s(a$s)$slope)
    },
    lower = c(rep(-Inf, k), 0), upper = Inf, init = stats::setNames(init, names),
    constrain = identity
  )
}

flat <- function(x) list(value = 0, slope = 0)
half_cauchy <- function(scale) {
  function(s) list(value = -log1p((s / scale)^2), slope = -2 * s / (scale^2 + s^2))
}
half_normal <- function(scale) function(s) list(value = -(s / scale)^2 / 2, slope = -s / scale^2)
normal_rows <- function(mean, sd) {
  function(b) {
    z <- sweep(sweep(b, 2, mean), 2, sd, "/")
    list(value = -rowSums(z^2) / 2, slope = -sweep(z, 2, sd, "/"))
  }
}

kidiq <- function() {
  d <- posterior_data("kidiq-kidscore_interaction", "data")
  X <- cbind(1, d$mom_hs, d$mom_iq, d$mom_hs * d$mom_iq)
  linear_model(X, d$kid_score, flat, half_cauchy(2.5), c(0, 0, 0, 0, 10),
               c(paste0("beta", 1:4), "sigma"))
}

earnings <- function() {
  d <- posterior_data("earnings-logearn_interaction", "data")
  X <- cbind(1, d$height, d$male, d$height * d$male)
  linear_model(X, log(d$earn), flat, flat, c(0, 0, 0, 0, 1), c(paste0("beta", 1:4), "sigma"))
}

blr <- function() {
  d <- posterior_data("sblrc-blr", "data")
  X <- d$X
  linear_model(X, d$y, normal_rows(rep(0, 5), rep(10, 5)), half_normal(10), c(0, 0, 0, 0, 0, 1),
               c(paste0("beta", 1:5), "sigma"))
}

mesquite <- function() {
  d <- posterior_data("mesquite-mesquite", "data")
  X <- cbind(1, d$diam1, d$diam2, d$canopy_height, d$total_height, d$density, d$group)
  linear_model(X, d$weight, flat, flat, c(rep(0, 7), 100), c(paste0("beta", 1:7), "sigma"))
}

kilpisjarvi <- function() {
  d <- posterior_data("kilpisjarvi_mod-kilpisjarvi", "data")
  prior <- normal_rows(c(d$pmualpha, d$pmubeta), c(d$psalpha, d$psbeta))
  linear_model(cbind(1, d$x), d$y, prior, flat, c(9, 0, 1), c("alpha", "beta", "sigma"))
}

arK <- function() {
  d <- posterior_data("arK-arK", "data")
  rows <- (d$K + 1):d$T
  X <- cbind(1, vapply(seq_len(d$K), function(k) d$y[rows - k], numeric(length(rows))))
  linear_model(X, d$y[rows], normal_rows(rep(0, 6), rep(10, 6)), half_cauchy(2.5),
               c(rep(0, 6), 1), c("alpha", paste0("beta", 1:5), "sigma"))
}

# --- eight schools ----------------------------------------------------------------------------

# Parameters theta or its residuals t, mu, tau.
eight_schools <- function(centred) {
  d <- posterior_data("eight_schools-eight_schools_centered", "data")
  y <- function(n) rep(d$y, each = n)
  v <- function(n) rep(d$sigma^2, each = n)
  j <- seq_len(d$J)
  names <- c(paste0(if (centred) "theta" else "t", j), "mu", "tau")
  prior <- function(mu, tau) -mu^2 / 50 - log1p((tau / 5)^2)
  on_mu <- function(mu) -mu / 25
  on_tau <- function(tau) -2 * tau / (25 + tau^2)
  list(
    log_density = function(p) {
      a <- p[, j, drop = FALSE]
      mu <- p[, 9]
      tau <- p[, 10]
      theta <- if (centred) a else mu + tau * a
      level <- if (centred) -8 * log(tau) - rowSums((a - mu)^2) / (2 * tau^2) else -rowSums(a^2) / 2
      level - rowSums((y(nrow(p)) - theta)^2 / v(nrow(p))) / 2 + prior(mu, tau)
    },
    gradient = function(p) {
      a <- p[, j, drop = FALSE]
      mu <- p[, 9]
      tau <- p[, 10]
      pull <- (y(nrow(p)) - (if (centred) a else mu + tau * a)) / v(nrow(p))
      if (centred) {
        away <- a - mu
        cbind(pull - away / tau^2, rowSums(away) / tau^2 + on_mu(mu),
              -8 / tau + rowSums(away^2) / tau^3 + on_tau(tau))
      } else {
        cbind(tau * pull - a, rowSums(pull) + on_mu(mu), rowSums(pull * a) + on_tau(tau))
      }
    },
    lower = c(rep(-Inf, 9), 0), upper = Inf, init = stats::setNames(c(rep(0, 9), 1), names),
    constrain = function(p) if (centred) p else cbind(p[, 9] + p[, 10] * p[, j], p[, 9:10])
  )
}

# --- garch ------------------------------------------------------------------------------------

# Parameters mu, alpha0, alpha1 and the share of 1 - alpha1 that beta1 has.
garch <- function() {
  d <- posterior_data("garch-garch11", "data")
  run <- function(p) {
    n <- nrow(p)
    a0 <- p[, 2]
    a1 <- p[, 3]
    b1 <- p[, 4] * (1 - a1)
    h <- rep(d$sigma1^2, n)
    dh <- matrix(0, n, 4) # by mu, a0, a1, b1
    value <- log1p(-a1) # the Jacobian of the share
    slope <- matrix(0, n, 4)
    for (t in seq_len(d$T)) {
      if (t > 1) {
        before <- d$y[t - 1] - p[, 1]
        dh <- b1 * dh + cbind(-2 * a1 * before, 1, before^2, h)
        h <- a0 + a1 * before^2 + b1 * h
      }
      r <- d$y[t] - p[, 1]
      value <- value - log(h) / 2 - r^2 / (2 * h)
      on_h <- -1 / (2 * h) + r^2 / (2 * h^2)
      slope <- slope + on_h * dh
      slope[, 1] <- slope[, 1] + r / h
    }
    slope[, 3] <- slope[, 3] - 1 / (1 - a1) - slope[, 4] * p[, 4]
    slope[, 4] <- slope[, 4] * (1 - a1)
    list(value = value, slope = slope)
  }
  list(
    log_density = function(p) run(p)$value, gradient = function(p) run(p)$slope,
    lower = c(-Inf, 0, 0, 0), upper = c(Inf, Inf, 1, 1),
    init = c(mu = 5, alpha0 = 1, alpha1 = 0.5, share = 0.5),
    constrain = function(p) cbind(p[, 1:3], p[, 4] * (1 - p[, 3]))
  )
}

# --- two normal laws of data ------------------------------------------------------------------

# Parameters mu1, mu2 - mu1, sigma1, sigma2, theta.
low_dim_mixture <- function() {
  y <- posterior_data("low_dim_gauss_mix-low_dim_gauss_mix", "data")$y
  run <- function(p) {
    m <- cbind(p[, 1], p[, 1] + p[, 2])
    s <- p[, 3:4, drop = FALSE]
    share <- cbind(p[, 5], 1 - p[, 5])
    each <- lapply(1:2, function(k) {
      z <- outer(-m[, k], y, "+") / s[, k]
      list(z = z, log = log(share[, k] / s[, k]) - z^2 / 2)
    })
    top <- pmax(each[[1]]$log, each[[2]]$log)
    total <- exp(each[[1]]$log - top) + exp(each[[2]]$log - top)
    by <- lapply(each, function(e) {
      weight <- exp(e$log - top) / total
      list(mean = rowSums(weight * e$z), square = rowSums(weight * (e$z^2 - 1)),
           all = rowSums(weight))
    })
    slope_m <- cbind(by[[1]]$mean, by[[2]]$mean) / s - m / 4
    slope_s <- cbind(by[[1]]$square, by[[2]]$square) / s - s / 4
    list(
      value = rowSums(top + log(total)) - rowSums(m^2) / 8 - rowSums(s^2) / 8 +
        4 * log(share[, 1]) + 4 * log(share[, 2]),
      slope = cbind(rowSums(slope_m), slope_m[, 2], slope_s,
                    (by[[1]]$all + 4) / share[, 1] - (by[[2]]$all + 4) / share[, 2])
    )
  }
  list(
    log_density = function(p) run(p)$value, gradient = function(p) run(p)$slope,
    lower = c(-Inf, 0, 0, 0, 0), upper = c(Inf, Inf, Inf, Inf, 1),
    init = c(mu1 = -2, gap = 4, sigma1 = 1, sigma2 = 1, theta = 0.5),
    constrain = function(p) cbind(p[, 1], p[, 1] + p[, 2], p[, 3:5])
  )
}

# --- Poisson regression with a Gaussian process -----------------------------------------------

# Lower roots L of the covariances of each row of (rho, alpha), L[[i]][[j]] a vector over rows, with
# their derivatives by rho and alpha.
process_roots <- function(x, rho, alpha) {
  n <- length(x)
  zero <- numeric(length(rho))
  L <- by_rho <- by_alpha <- lapply(seq_len(n), function(i) rep(list(zero), n))
  for (j in seq_len(n)) {
    for (i in j:n) {
      square <- (x[i] - x[j])^2
      k <- alpha^2 * exp(-square / (2 * rho^2))
      k_rho <- k * square / rho^3
      k_alpha <- 2 * k / alpha
      if (i == j) k <- k + 1e-10
      for (l in seq_len(j - 1)) {
        k <- k - L[[i]][[l]] * L[[j]][[l]]
        k_rho <- k_rho - by_rho[[i]][[l]] * L[[j]][[l]] - L[[i]][[l]] * by_rho[[j]][[l]]
        k_alpha <- k_alpha - by_alpha[[i]][[l]] * L[[j]][[l]] - L[[i]][[l]] * by_alpha[[j]][[l]]
      }
      if (i == j) {
        root <- suppressWarnings(sqrt(k))
        L[[j]][[j]] <- root
        by_rho[[j]][[j]] <- k_rho / (2 * root)
        by_alpha[[j]][[j]] <- k_alpha / (2 * root)
      } else {
        root <- L[[j]][[j]]
        L[[i]][[j]] <- k / root
        by_rho[[i]][[j]] <- (k_rho - L[[i]][[j]] * by_rho[[j]][[j]]) / root
        by_alpha[[i]][[j]] <- (k_alpha - L[[i]][[j]] * by_alpha[[j]][[j]]) / root
      }
    }
  }
  list(L = L, by_rho = by_rho, by_alpha = by_alpha)
}

# Parameters rho, alpha, z.
gp_pois_regr <- function() {
  d <- posterior_data("gp_pois_regr-gp_pois_regr", "data")
  n <- d$N
  product <- function(L, z) {
    vapply(seq_len(n), function(i) {
      Reduce(`+`, lapply(seq_len(i), function(j) L[[i]][[j]] * z[, j]))
    }, numeric(nrow(z)))
  }
  run <- function(p) {
    z <- p[, 2 + seq_len(n), drop = FALSE]
    roots <- process_roots(d$x, p[, 1], p[, 2])
    flat_rows <- function(m) matrix(m, nrow(p))
    f <- flat_rows(product(roots$L, z))
    pull <- matrix(d$k, nrow(p), n, byrow = TRUE) - exp(f)
    by_z <- vapply(seq_len(n), function(j) {
      Reduce(`+`, lapply(j:n, function(i) roots$L[[i]][[j]] * pull[, i]))
    }, numeric(nrow(p)))
    list(
      f = f,
      value = rowSums(f * rep(d$k, each = nrow(p)) - exp(f)) - rowSums(z^2) / 2 + 24 * log(p[, 1]) -
        4 * p[, 1] - p[, 2]^2 / 8,
      slope = cbind(
        rowSums(pull * flat_rows(product(roots$by_rho, z))) + 24 / p[, 1] - 4,
        rowSums(pull * flat_rows(product(roots$by_alpha, z))) - p[, 2] / 4, flat_rows(by_z) - z
      )
    )
  }
  list(
    log_density = function(p) run(p)$value, gradient = function(p) run(p)$slope,
    lower = c(0, 0, rep(-Inf, n)), upper = Inf,
    init = stats::setNames(c(6, 1, rep(0, n)), c("rho", "alpha", paste0("z", seq_len(n)))),
    constrain = function(p) cbind(p[, 1:2], run(p)$f)
  )
}

posteriors <- list(
  "eight_schools-eight_schools_centered" = function() eight_schools(TRUE),
  "eight_schools-eight_schools_noncentered" = function() eight_schools(FALSE),
  "kidiq-kidscore_interaction" = kidiq,
  "earnings-logearn_interaction" = earnings,
  "sblrc-blr" = blr,
  "arK-arK" = arK,
  "garch-garch11" = garch,
  "low_dim_gauss_mix-low_dim_gauss_mix" = low_dim_mixture,
  "gp_pois_regr-gp_pois_regr" = gp_pois_regr,
  "mesquite-mesquite" = mesquite,
  "kilpisjarvi_mod-kilpisjarvi" = kilpisjarvi
)

# --- laws that are known, normalised ----------------------------------------------------------

standard <- function(d) stats::setNames(numeric(d), paste0("x", seq_len(d)))
known <- function(d, log_density, gradient, draw) {
  list(log_density = log_density, gradient = gradient, draw = draw, init = standard(d),
       lower = -Inf, upper = Inf, constrain = identity)
}

# x1 ~ N(0, 9), the others N(0, exp(x1)).
funnel <- function(d) {
  constant <- -log(3) - d / 2 * log(2 * pi)
  known(
    d,
    function(x) {
      constant - x[, 1]^2 / 18 - (d - 1) / 2 * x[, 1] -
        exp(-x[, 1]) * rowSums(x[, -1, drop = FALSE]^2) / 2
    },
    function(x) {
      w <- exp(-x[, 1])
      rest <- x[, -1, drop = FALSE]
      cbind(-x[, 1] / 9 - (d - 1) / 2 + w * rowSums(rest^2) / 2, -w * rest)
    },
    function(n) {
      v <- stats::rnorm(n, sd = 3)
      cbind(v, exp(v / 2) * matrix(stats::rnorm(n * (d - 1)), n))
    }
  )
}

# x1 ~ N(0, 1), x2 ~ N(x1^2, 1/4), the others N(0, 1).
banana <- function(d) {
  constant <- log(2) - d / 2 * log(2 * pi)
  rest <- function(x) x[, -(1:2), drop = FALSE]
  known(
    d,
    function(x) {
      constant - x[, 1]^2 / 2 - 2 * (x[, 2] - x[, 1]^2)^2 - rowSums(rest(x)^2) / 2
    },
    function(x) {
      r <- 4 * (x[, 2] - x[, 1]^2)
      cbind(2 * x[, 1] * r - x[, 1], -r, -rest(x))
    },
    function(n) {
      x <- matrix(stats::rnorm(n * d), n)
      x[, 2] <- x[, 1]^2 + x[, 2] / 2
      x
    }
  )
}

# 0.6 N(-2 a, .49 I) + 0.4 N(2 a, .49 I), a = (1, ..., 1)/sqrt(d).
two_modes <- function(d) {
  a <- rep(2 / sqrt(d), d)
  v <- 0.49
  side <- function(x) 2 * (x %*% a)[, 1] / v
  known(
    d,
    function(x) {
      s <- side(x)
      -(rowSums(x^2) + 4) / (2 * v) - d / 2 * log(2 * pi * v) +
        pmax(log(0.6) - s / 2, log(0.4) + s / 2) + log1p(exp(-abs(s + log(0.4 / 0.6))))
    },
    function(x) -x / v + outer(1 - 2 * stats::plogis(-side(x) + log(1.5)), a) / v,
    function(n) {
      sign <- ifelse(stats::runif(n) < 0.6, -1, 1)
      matrix(stats::rnorm(n * d, sd = sqrt(v)), n) + outer(sign, a)
    }
  )
}

synthetic <- list()
for (d in c(2, 10, 50)) {
  synthetic[[paste("funnel", d)]] <- local({ k <- d; function() funnel(k) })
  synthetic[[paste("banana", d)]] <- local({ k <- d; function() banana(k) })
  synthetic[[paste("two modes", d)]] <- local({ k <- d; function() two_modes(k) })
}
