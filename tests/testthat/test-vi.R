# Posteriors against closed forms, quadrature and each other.

small_vi <- function(...) brenier_vi_control(points = 512, validation = 2048, max_points = 1024, ...)

normal_target <- function(mean, root) {
  precision <- solve(root %*% t(root))
  list(
    f = function(x) -rowSums((sweep(x, 2, mean) %*% precision) * sweep(x, 2, mean)) / 2,
    g = function(x) -sweep(x, 2, mean) %*% precision,
    log_z = length(mean) / 2 * log(2 * pi) + log(abs(det(root)))
  )
}

# Gaussian laws, where no more is at stake.
gaussian_vi <- function(...) {
  brenier_vi(..., potential = "ridge", control = small_vi(max_atoms = 0))
}

# Normalised: x1 is N(0, 1), x2 is N(x1^2, 1/4).
vi_banana <- list(
  f = function(x) -x[, 1]^2 / 2 - 2 * (x[, 2] - x[, 1]^2)^2 - log(2 * pi) + log(2),
  g = function(x) {
    r <- 4 * (x[, 2] - x[, 1]^2)
    cbind(2 * x[, 1] * r - x[, 1], -r)
  }
)

banana_vi <- function() {
  cached("banana_vi", brenier_vi(vi_banana$f, c(a = 0, b = 0), vi_banana$g, vectorised = TRUE))
}

# Mean and standard deviation of the parameters by the summary: 8192 quasi-random points of the map.
moments_of <- function(post) summary(post)$parameters[, c("mean", "sd")]

test_that("a normal law is recovered with its normalising constant", {
  root <- matrix(c(2, 1, 0.5, 0, 0.3, -0.2, 0, 0, 5), 3)
  t <- normal_target(c(10, -3, 0.1), root)
  post <- brenier_vi(t$f, c(a = 0, b = 0, c = 0), t$g, vectorised = TRUE, control = small_vi())
  expect_equal(moments_of(post)$mean, c(10, -3, 0.1), tolerance = 1e-3)
  expect_equal(moments_of(post)$sd, sqrt(diag(root %*% t(root))), tolerance = 1e-3)
  expect_equal(post$elbo, t$log_z, tolerance = 1e-3)
  expect_lt(post$elbo_se, 1e-3)
  expect_true(post$converged)
  expect_lt(pareto_khat(post), 0.5)
  x <- rbind(c(9, -3, 1), c(12, 0, -4))
  expect_equal(predict(post, x), t$f(x) - t$log_z, tolerance = 1e-3)
})

test_that("conjugate posteriors with bounds are the closed forms", {
  beta <- brenier_vi(function(p) 8 * log(p) + 4 * log1p(-p), c(p = 0.5),
                     function(p) 8 / p - 4 / (1 - p), lower = 0, upper = 1, potential = "ridge",
                     control = small_vi(tol = 1e-5))
  expect_equal(beta$elbo, lbeta(9, 5), tolerance = 5e-3)
  expect_equal(moments_of(beta)$mean, 9 / 14, tolerance = 2e-3)
  expect_equal(moments_of(beta)$sd, sqrt(9 * 5 / (14^2 * 15)), tolerance = 1e-2)
  p <- cbind(p = c(0.3, 0.6, 0.9, 0, 1.5))
  expect_equal(exp(predict(beta, p)), dbeta(p[, 1], 9, 5), tolerance = 2e-2)
  draws <- as_draws(beta, 20, seed = 1)
  expect_equal(draws$lp_approx__, predict(beta, cbind(p = draws$p)), tolerance = 1e-8)
  expect_equal(draws$lp__, 8 * log(draws$p) + 4 * log1p(-draws$p))
  expect_equal(integrate(function(p) exp(predict(beta, cbind(p))), 0, 1)$value, 1,
               tolerance = 1e-4)

  for (sign in c(1, -1)) { # the gamma law, and its mirror image below an upper bound
    gamma <- brenier_vi(function(x) 2 * log(sign * x) - 3 * sign * x, c(rate = sign * 0.2),
                        function(x) 2 / x - 3 * sign, lower = if (sign > 0) 0 else -Inf,
                        upper = if (sign > 0) Inf else 0, potential = "ridge",
                        control = small_vi(tol = 1e-5))
    expect_equal(gamma$elbo, lgamma(3) - 3 * log(3), tolerance = 5e-3)
    expect_equal(moments_of(gamma)$mean, sign, tolerance = 2e-3)
    expect_equal(moments_of(gamma)$sd, 1 / sqrt(3), tolerance = 1e-2)
    q <- unlist(summary(gamma)$parameters[c("q5", "q50", "q95")])
    expect_equal(sort(sign * unname(q)), qgamma(c(0.05, 0.5, 0.95), 3, 3), tolerance = 2e-2)
  }
})

test_that("bounds carry the log density and its gradient", {
  f <- function(x) -sum((x - 1)^2 * (1:4))
  g <- function(x) -2 * (x - 1) * (1:4)
  start <- c(a = 0, b = 2, c = 0, d = 0)
  lower <- c(-Inf, 1, -Inf, -2)
  upper <- c(Inf, Inf, 3, 5)
  target <- as_target(f, start, g, lower = lower, upper = upper)
  z <- rbind(c(0.3, -1, 0.5, 0.7), c(-2, 0.4, -0.3, -1))
  at <- target_parameters(target, z)
  expect_true(all(t(at$x) > lower & t(at$x) < upper))
  expect_equal(target_value(target, z), apply(at$x, 1, f) + at$logdet)
  root <- matrix(c(1, 0.5, 0, 0.2, 0, 2, 0.3, 0, 0, 0, 1, 0, 0.1, 0, 0, 0.7), 4)
  blind <- as_target(f, start, lower = lower, upper = upper)
  expect_equal(target_slope(target, z, root), target_slope(blind, z, root), tolerance = 1e-6)
})

test_that("the evidence of a quartic is what quadrature says", {
  f <- function(x) -x^4 / 4 - x^2 / 2 + 0.7 * x
  post <- brenier_vi(function(x) f(x[, 1]), 0, function(x) -x^3 - x + 0.7, vectorised = TRUE)
  log_z <- log(integrate(function(x) exp(f(x)), -10, 10, rel.tol = 1e-10)$value)
  expect_equal(log_z, 0.7736609, tolerance = 1e-6)
  expect_lt(post$elbo, log_z + 4 * post$elbo_se)
  expect_lt(abs(post$log_evidence - log_z), 4 * post$kl_gap_se + 1e-4)
  expect_lt(log_z - post$elbo, 2e-3)
})

test_that("a banana is recovered, and its weights bracket the divergence", {
  post <- banana_vi()
  expect_equal(glance(post)$kl_gap, post$log_evidence - post$elbo)
  kl <- -post$elbo # of a normalised target
  expect_lt(kl, 0.1)
  expect_gt(kl, -3 * post$elbo_se)
  expect_lt(-post$elbo, -post$gaussian$elbo / 4)
  expect_equal(post$gaussian$elbo, -0.56, tolerance = 0.05)
  expect_lt(abs(post$log_evidence), 4 * post$kl_gap_se + 0.02)
  # fresh draws of the test's own
  draws <- as_draws(post, ndraws = 4000, seed = 3)
  expect_equal(mean(draws$lp_approx__ - draws$lp__), kl, tolerance = 0.5)
  expect_equal(draws$lp__, vi_banana$f(cbind(draws$a, draws$b)))
  # the density at draws, which is that of the map, and by inversion
  x <- as.data.frame(draws)[1:50, c("b", "a")]
  expect_equal(predict(post, x), draws$lp_approx__[1:50], tolerance = 1e-8)
})

test_that("a funnel is reported honestly", {
  f <- function(x) -x[, 1]^2 / 18 - log(3) - x[, 2]^2 * exp(-x[, 1]) / 2 - x[, 1] / 2 - log(2 * pi)
  g <- function(x) {
    w <- exp(-x[, 1])
    cbind(-x[, 1] / 9 + x[, 2]^2 * w / 2 - 0.5, -x[, 2] * w)
  }
  gaussian <- brenier_vi(f, c(0, 0), g, vectorised = TRUE, potential = "ridge",
                         control = small_vi(max_atoms = 0))
  expect_gt(gaussian$khat, 0.7)
  expect_false(gaussian$converged)
  expect_output(print(gaussian), "can NOT be trusted")
  post <- brenier_vi(f, c(0, 0), g, vectorised = TRUE)
  expect_lt(-post$elbo, 0.15)
  expect_gt(post$elbo, gaussian$elbo + 0.5)
  expect_equal(post$converged, post$khat < 0.7 && post$stationary)
})

test_that("khat is the shape of a Pareto tail", {
  for (k in c(0.2, 0.5, 0.9)) {
    u <- (seq_len(20000) - 0.5) / 20000
    expect_equal(khat_of(-k * log(u)), k, tolerance = 0.05)
  }
  expect_equal(khat_of(rep(3, 1000)), -Inf)
  expect_lt(khat_of(log(seq_len(5000))), 0) # bounded weights
})

test_that("a wrong gradient is caught and a missing one warned of", {
  f <- function(x) -sum(c(1, 4, 9) * x^2) / 2
  g <- function(x) -c(1, 4, 9) * x
  wrong <- function(x) replace(g(x), 2, -3.99 * x[2])
  at <- c(u = 1, v = 2, w = 3)
  error <- expect_error(brenier_vi(f, at, wrong), class = "brenier_error_gradient")
  expect_equal(error$coordinate, "v")
  expect_error(check_gradient(f, wrong, at), class = "brenier_error_gradient")
  table <- check_gradient(f, g, at)
  expect_lt(max(table$error), 1e-6)
  expect_equal(table$gradient, unname(g(at)))
  expect_error(check_gradient(function(x) sum(log(x)), function(x) 1 / x + c(0, 1), c(1e-6, 1),
                              lower = 0), class = "brenier_error_gradient")
  # a rough log density is no wrong gradient
  expect_no_error(check_gradient(function(x) round(1e8 * f(x)) / 1e8, g, at))
  expect_warning(post <- gaussian_vi(f, at), class = "brenier_warning_gradient")
  given <- gaussian_vi(f, at, g)
  expect_equal(post$elbo, given$elbo, tolerance = 1e-5)
  expect_equal(post$evaluations$gradient, 0)
  expect_gt(post$evaluations$log_density, given$evaluations$log_density)
})

test_that("points that are not finite and errors are counted and survived", {
  hole <- function(x) if (x[1] > 6) NaN else -sum(x^2) / 2
  post <- gaussian_vi(hole, c(5, 5), function(x) -x)
  expect_equal(post$elbo, log(2 * pi), tolerance = 1e-3)
  trap <- function(x) if (x[1] > 2.5) stop("no such model") else -sum(x^2) / 2
  post <- brenier_vi(trap, c(0, 0), function(x) -x, potential = "ridge",
                     control = small_vi(max_atoms = 2))
  expect_gt(post$evaluations$errors, 0)
  expect_equal(post$first_error, "no such model")
  expect_gt(post$evaluations$refused, 0)
  expect_output(print(post), "no such model")
  expect_true(is.finite(post$elbo))
  # the same where all rows are asked for at once, and one of them fails
  rows <- function(x) if (any(x[, 1] > 2.5)) stop("no such model") else -rowSums(x^2) / 2
  same <- brenier_vi(rows, c(0, 0), function(x) -x, vectorised = TRUE, potential = "ridge",
                     control = small_vi(max_atoms = 2))
  expect_equal(same$elbo, post$elbo, tolerance = 1e-8)
})

test_that("what cannot be fitted is an error that says why", {
  f <- function(x) -sum(x^2) / 2
  expect_error(brenier_vi(function(x) if (x < 1) -Inf else -x, 0), class = "brenier_error_target")
  expect_error(brenier_vi(f, 0, lower = 0), class = "brenier_error_argument")
  expect_error(brenier_vi(f, c(0, NA)), class = "brenier_error_argument")
  expect_error(brenier_vi(f, c(0, 0), lower = c(-1, -1, -1)), class = "brenier_error_argument")
  expect_error(brenier_vi("f", 0), class = "brenier_error_argument")
  expect_error(brenier_vi(function(x) x, c(0, 0)), class = "brenier_error_target")
  expect_error(brenier_vi(function(x) stop("oh"), 0), class = "brenier_error_target")
  expect_error(brenier_vi(f, c(0, 0), function(x) 1), class = "brenier_error_target")
  expect_error(brenier_vi(f, c(0, 0), vectorised = TRUE), class = "brenier_error_target")
  expect_error(brenier_vi(f, 0, control = list(atoms = 3)), class = "brenier_error_argument")
  expect_error(brenier_vi_control(points = 100, max_points = 50), class = "brenier_error_argument")
})

test_that("the seed decides, and the user's generator is left alone", {
  set.seed(5)
  before <- .Random.seed
  fit <- function(seed = NULL) {
    brenier_vi(vi_banana$f, c(0, 0), vi_banana$g, vectorised = TRUE, seed = seed,
               control = small_vi(max_atoms = 4))
  }
  same <- c("elbo", "khat", "layers", "history")
  expect_identical(fit(1)[same], fit(1)[same])
  expect_identical(fit()[same], fit()[same])
  expect_false(identical(fit(1)$elbo, fit(2)$elbo))
  expect_identical(.Random.seed, before)
  post <- fit()
  expect_identical(simulate(post, 3, seed = 1), simulate(post, 3, seed = 1))
  expect_identical(.Random.seed, before)
})

test_that("an interrupt or a limit leaves a posterior that says so", {
  calls <- 0
  f <- function(x) {
    calls <<- calls + 1
    if (calls == 60) rlang::interrupt()
    vi_banana$f(x)
  }
  post <- brenier_vi(f, c(0, 0), vi_banana$g, vectorised = TRUE, control = small_vi())
  expect_gt(calls, 60)
  expect_equal(post$status, "interrupted")
  expect_false(post$converged)
  expect_output(print(post), "NOT converged: the fit was\\s+interrupted")
  post <- brenier_vi(vi_banana$f, c(0, 0), vi_banana$g, vectorised = TRUE, potential = "softmax",
                     control = small_vi(max_iter = 5))
  expect_equal(post$status, "max_iterations")
  expect_false(post$converged)
})

test_that("affine coordinates of the parameters do not matter", {
  root <- matrix(c(3, 1, -0.5, 0.01), 2)
  shift <- c(100, -1)
  back <- solve(root)
  inner <- function(x) sweep(x, 2, shift) %*% t(back)
  post <- banana_vi()
  other <- brenier_vi(function(x) vi_banana$f(inner(x)), shift,
                      function(x) vi_banana$g(inner(x)) %*% back, vectorised = TRUE)
  expect_equal(other$gaussian$elbo - post$gaussian$elbo, log(abs(det(root))), tolerance = 1e-2)
  expect_lt(abs(other$elbo - post$elbo - log(abs(det(root)))), 0.05)
})

test_that("a posterior answers, and is the same from a file", {
  post <- banana_vi()
  expect_s3_class(post, "brenier_posterior")
  expect_named(glance(post), c("elbo", "elbo_se", "kl_gap", "khat", "is_ess", "evaluations",
                               "seconds", "converged"))
  expect_output(print(post), "cost .*log density at [0-9]+ points")
  expect_output(print(summary(post)), "mcse")
  draws <- as_draws(post, ndraws = 10, seed = 1)
  expect_setequal(setdiff(names(draws), c(".chain", ".iteration", ".draw")),
                  c("a", "b", "lp__", "lp_approx__", ".log_weight"))
  expect_equal(draws$.log_weight, draws$lp__ - draws$lp_approx__)
  expect_equal(as.data.frame(draws)[c("a", "b")], simulate(post, 10, seed = 1),
               ignore_attr = TRUE)
  expect_error(simulate(post, nsims = 3), class = "brenier_error_argument")
  expect_error(predict(post, cbind(1)), class = "brenier_error_argument")
  file <- withr::local_tempfile()
  saveRDS(post, file)
  again <- readRDS(file)
  expect_equal(as_draws(again, 10, seed = 1), draws)
  expect_equal(predict(again, cbind(0, 0)), predict(post, cbind(0, 0)))
})

test_that("controls print, and lists that are none are refused", {
  expect_output(print(brenier_vi_control(max_points = 1024)), "max_points +1024")
  f <- function(x) -x^2 / 2
  expect_error(brenier_vi(f, 0, function(x) -x, control = list(8)), class = "brenier_error_argument")
  expect_error(brenier_vi(f, 0, function(x) -x, control = 8), class = "brenier_error_argument")
  expect_error(brenier_vi(function(x) -sum(x^2), numeric(257), function(x) -2 * x),
               class = "brenier_error_argument")
})

test_that("a posterior says whether and why it is not to be trusted", {
  words <- function(...) trust_words(list(...))
  expect_no_match(words(khat = 0.2, status = "ok", stationary = TRUE), "NOT")
  expect_match(words(khat = 0.6, status = "ok", stationary = TRUE), "usable")
  expect_match(words(khat = 0.2, status = "ok", stationary = FALSE), "raise max_points")
  far <- function(...) words(khat = 0.9, stationary = TRUE, draws = 1000, ...)
  expect_match(far(status = "max_time", is_ess = 500), "approximation can NOT be trusted.*NOT converged")
  expect_match(far(status = "ok", is_ess = 995), "good in the bulk and can NOT be trusted in the tails")
})

test_that("draws carry their weights as posterior keeps them", {
  post <- brenier_vi(function(x) -sum(x^4), c(a = 1, b = 0), function(x) -4 * x^3)
  draws <- as_draws(post, 50, seed = 1)
  bare <- posterior::as_draws_df(as.data.frame(draws)[c("a", "b", "lp__", "lp_approx__")])
  expect_identical(draws, posterior::weight_draws(bare, draws$lp__ - draws$lp_approx__, log = TRUE))
})

test_that("weights of one size have no tail, and are spread until a tenth counts", {
  expect_identical(khat_of(c(rep(0, 200), rep(-1, 50))), -Inf)
  expect_identical(khat_of(rep(3, 100)), -Inf)
  expect_identical(khat_of(c(1, 2, -Inf)), Inf)
  heavy <- withr::with_seed(1, 30 * rnorm(500))
  w <- flat_weights(heavy)
  expect_equal(effective_size(w), 50, tolerance = 0.05)
  expect_equal(mean(w), 1)
})

test_that("another package's khat of numbers is asked for where there is one", {
  theirs <- with_part(brenier:::pareto_khat.default, khat_of_posterior = function() {
    function(x, ...) length(x) / 10
  })
  expect_identical(theirs(1:4), 0.4)
  expect_error(theirs("a"), class = "brenier_error_type")
})

test_that("conditions of a target come through, and too many coordinates are refused", {
  f <- function(x) -sum(x^2) / 2
  expect_error(check_start(list(d = 257, init = numeric(257))), "at most 256",
               class = "brenier_error_argument")
  target <- as_target(f, c(0, 0), function(x) -x)
  expect_true(all(check_gradient(target, at = rbind(c(1, 2), c(0.5, 0)))$error < 1e-6))
  expect_error(check_gradient(target, at = 1:3), class = "brenier_error_argument")
  failing <- function(...) function(...) simpleError("boom")
  post <- brenier_vi(f, c(0, 0), function(x) -x, control = list(max_atoms = 0))
  state <- list(inner = list(), best = list(layer = post$layers[[1]]), place = list())
  expect_null(with_part(pulled_back, asked_in = failing)(target, state, matrix(0, 3, 2)))
  layer <- post$layers[[1]]
  expect_error(with_part(measure, asked_in = failing)(target, state, layer, matrix(0, 3, 2)), "boom")
})

test_that("a second layer goes on from the first", {
  two <- brenier_vi(vi_banana$f, c(0, 0), vi_banana$g, vectorised = TRUE, potential = "ridge", layers = 2,
                    control = list(max_atoms = 3, max_points = 512))
  expect_true(2 %in% two$history$layer)
  expect_true(is.finite(two$elbo))
})

test_that("tails stay as they are where the target cannot be asked; slow targets are checked at one point", {
  state <- list(best = list(khat = 0.9))
  target <- as_target(function(x) -sum(x^2) / 2, c(0, 0), function(x) -x)
  control <- list(max_gradients = Inf, deadline = Inf)
  expect_identical(with_part(widen_tails, pulled_back = function(...) NULL)(target, state, control), state)
  points <- function(seconds) {
    clock <- 0
    asked <- NULL
    with_part(check_start, compare_gradient = function(target, z, ...) asked <<- z, proc.time = function() {
      clock <<- clock + seconds
      c(elapsed = clock)
    })(target)
    nrow(asked)
  }
  expect_identical(points(1e-3), 3L)
  expect_identical(points(1), 1L)
})
