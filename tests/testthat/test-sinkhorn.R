# --- references ---------------------------------------------------------------

# Points and masses as the script beside the fixture makes them.
rotation <- function(n, root) (seq_len(n) * sqrt(root)) %% 1
pot_x <- cbind(rotation(12, 2), rotation(12, 3))
pot_y <- cbind(0.5 + rotation(9, 5), rotation(9, 7)^2)
pot_a <- 0.5 + rotation(12, 11)
pot_b <- 0.5 + rotation(9, 13)

pot <- function(case, side) {
  table <- utils::read.csv(test_path("fixtures", "sinkhorn-pot.csv"))
  table$potential[table$case == case & table$side == side]
}

exact <- sinkhorn_control(tol = 1e-13, max_iter = 1e4)

# Sinkhorn by the book, with a matrix, and what its plan adds up to.
naive <- function(cost, a, b, epsilon, iterations = 2000) {
  f <- 0 * a
  g <- 0 * b
  top <- function(m) apply(m, 1, max)
  lse <- function(m) top(m) + log(rowSums(exp(m - top(m))))
  for (k in seq_len(iterations)) {
    g <- -epsilon * lse(t(log(a) + f / epsilon - cost / epsilon))
    f <- -epsilon * lse(t(log(b) + g / epsilon - t(cost) / epsilon))
  }
  P <- exp(outer(f, g, `+`) / epsilon - cost / epsilon) * outer(a, b)
  list(value = sum(a * f) + sum(b * g), cost = sum(P * cost), plan = P, f = f, g = g)
}

squares <- function(x, y) outer(rowSums(x^2), rowSums(y^2), `+`) - 2 * x %*% t(y)

make_clouds <- function(n = 60, m = 80, d = 2, seed = 1) {
  withr::with_seed(seed, list(
    x = matrix(rnorm(n * d), n), y = 1 + matrix(rnorm(m * d), m) / 2, a = runif(n), b = runif(m)
  ))
}

wasserstein_by_assignment <- function(x, y) {
  skip_if_not_installed("clue")
  cost <- pmax(squares(x, y), 0)
  mean(cost[cbind(seq_len(nrow(x)), clue::solve_LSAP(cost))])
}

# --- values -------------------------------------------------------------------

test_that("values and potentials are those of another program to 1e-9", {
  cases <- list(square = list("sqeuclidean", 0.1), sharp = list("sqeuclidean", 0.01),
                distance = list("euclidean", 0.1))
  for (case in names(cases)) {
    ot <- sinkhorn(pot_x, pot_y, cases[[case]][[2]], pot_a, pot_b, cases[[case]][[1]], control = exact)
    expect_equal(ot$value, pot(case, "value"), tolerance = 1e-9)
    expect_equal(ot$transport_cost, pot(case, "cost"), tolerance = 1e-9)
    centred <- function(v, w) v - sum(v * w) / sum(w)
    expect_lt(max(abs(centred(ot$f, pot_a) - centred(pot(case, "x"), pot_a))), 1e-9)
    expect_lt(max(abs(centred(ot$g, pot_b) - centred(pot(case, "y"), pot_b))), 1e-9)
  }
})

test_that("unbalanced potentials are those of another program", {
  a <- pot_a / sum(pot_a)
  b <- 2 * pot_b / sum(pot_b)
  ot <- sinkhorn(pot_x, pot_y, 0.1, a, b, reach = sqrt(0.5), control = exact)
  expect_lt(max(abs(ot$f - pot("unbalanced", "x"))), 1e-9)
  expect_lt(max(abs(ot$g - pot("unbalanced", "y"))), 1e-9)
  expect_equal(ot$transport_cost, pot("unbalanced", "cost"), tolerance = 1e-9)
  expect_equal(ot$mass, pot("unbalanced", "mass"), tolerance = 1e-9)
})

test_that("every figure is that of the plan", {
  s <- make_clouds()
  for (cost in list("sqeuclidean", "euclidean", sqrt(pmax(squares(s$x, s$y), 0)))) {
    ot <- sinkhorn(s$x, s$y, 0.1, s$a, s$b, cost, control = exact)
    P <- plan(ot)
    C <- squares(s$x, s$y)
    if (!identical(cost, "sqeuclidean")) C <- sqrt(C)
    by_hand <- naive(C, ot$a, ot$b, 0.1)
    expect_equal(P, by_hand$plan, tolerance = 1e-9)
    expect_equal(ot$value, by_hand$value, tolerance = 1e-10)
    expect_equal(ot$transport_cost, sum(P * C), tolerance = 1e-10)
    expect_equal(ot$kl, sum(P * log(P / outer(ot$a, ot$b))), tolerance = 1e-9)
    expect_equal(ot$value, ot$transport_cost + 0.1 * ot$kl, tolerance = 1e-10)
    expect_equal(sum(ot$a * ot$f), sum(ot$b * ot$g), tolerance = 1e-10)
  }
})

# OT of N(m, s^2) and N(n, t^2) for the cost |x - y|^2 (Janati et al. 2020), on the line.
gaussian_value <- function(m, s, n, t, epsilon) {
  k <- sqrt(16 * s^2 * t^2 / epsilon^2 + 1) # their sigma^2 is epsilon/2 of ours, halved costs
  (m - n)^2 + s^2 + t^2 - epsilon / 2 * (k - log(k + 1) + log(2) - 1)
}

test_that("normal laws have their closed form", {
  # the trapezoidal rule on a fine grid is exact to rounding for such integrands
  grid <- function(m, s) m + s * seq(-9, 9, length.out = 600)
  mass <- function(z, m, s) dnorm(z, m, s)
  x <- grid(0, 1)
  y <- grid(0.5, 0.7)
  for (epsilon in c(0.2, 1, 5)) {
    ot <- sinkhorn(x, y, epsilon, mass(x, 0, 1), mass(y, 0.5, 0.7), control = exact)
    expect_equal(ot$value, gaussian_value(0, 1, 0.5, 0.7, epsilon), tolerance = 1e-10)
    # the map is affine, of slope K = (sqrt(s^2 t^2 + eps^2/16) - eps/4)/s^2
    slope <- sqrt(0.7^2 + epsilon^2 / 16) - epsilon / 4
    expect_equal(drop(predict(ot, c(-1, 0, 2))), 0.5 + slope * c(-1, 0, 2), tolerance = 1e-9)
  }
  own <- function(s) gaussian_value(0, s, 0, s, 1)
  expect_equal(
    sinkhorn_divergence(x, y, 1, a = mass(x, 0, 1), b = mass(y, 0.5, 0.7), control = exact),
    gaussian_value(0, 1, 0.5, 0.7, 1) - own(1) / 2 - own(0.7) / 2, tolerance = 1e-9
  )
})

test_that("with little blur the plan is the permutation, and the value the Wasserstein distance", {
  x <- withr::with_seed(1, matrix(runif(20), 10))
  order <- c(3, 1, 10, 2, 9, 4, 8, 5, 7, 6)
  y <- x[order, ] + 1e-3
  ot <- sinkhorn(x, y, 1e-4)
  expect_equal(max.col(t(plan(ot))), order)
  expect_equal(ot$transport_cost, 2e-6, tolerance = 1e-6)
  expect_equal(ot$kl, log(10), tolerance = 1e-6)
  z <- withr::with_seed(2, rnorm(40))
  w <- withr::with_seed(3, rexp(50))
  line <- sinkhorn(z, w, 1e-4, control = list(tol = 1e-3, max_iter = 1e5))
  # the plan's KL is at most log(n m), and rounding it to a coupling costs at most the gap
  expect_lt(abs(line$transport_cost - wasserstein(z, w)^2), line$gap + 1e-4 * log(40 * 50))
})

test_that("the certificate holds the exact value", {
  s <- make_clouds()
  for (reach in c(Inf, 1)) {
    best <- sinkhorn(s$x, s$y, 0.05, reach = reach, control = exact)$value
    for (tol in c(0.1, 1e-2, 1e-3)) {
      ot <- sinkhorn(s$x, s$y, 0.05, reach = reach, control = list(tol = tol))
      expect_lte(ot$value, best + 1e-12)
      expect_gte(ot$value + ot$gap, best - 1e-12)
      expect_lt(ot$gap, 10 * tol)
      expect_gt(ot$gap, 0)
    }
    divergence <- sinkhorn(s$x, s$y, 0.05, reach = reach, debias = TRUE, control = exact)$value
    rough <- sinkhorn(s$x, s$y, 0.05, reach = reach, debias = TRUE, control = list(tol = 1e-2))
    expect_lte(abs(rough$value - divergence), rough$gap)
  }
})

# --- properties ---------------------------------------------------------------

test_that("sides may be exchanged, points moved, turned and scaled", {
  s <- make_clouds()
  ot <- sinkhorn(s$x, s$y, a = s$a, b = s$b, control = exact)
  back <- sinkhorn(s$y, s$x, a = s$b, b = s$a, control = exact)
  expect_equal(back$value, ot$value, tolerance = 1e-11)
  expect_equal(back$f, ot$g, tolerance = 1e-9)
  turn <- qr.Q(qr(matrix(c(2, 1, -1, 3), 2)))
  moved <- sinkhorn(1e5 * (s$x %*% turn) + 7e5, 1e5 * (s$y %*% turn) + 7e5, a = s$a, b = s$b,
                    control = exact)
  expect_equal(moved$epsilon, 1e10 * ot$epsilon, tolerance = 1e-9)
  expect_equal(moved$value, 1e10 * ot$value, tolerance = 1e-8)
  expect_equal(moved$f, 1e10 * ot$f, tolerance = 1e-6)
  for (scale in c(1e-100, 1e100)) {
    far <- sinkhorn(scale * s$x, scale * s$y, a = s$a, b = s$b, control = exact)
    expect_equal(far$value / scale^2, ot$value, tolerance = 1e-9)
  }
})

test_that("repeated points are one point of their mass, and points without mass do not count", {
  s <- make_clouds(20, 30)
  ot <- sinkhorn(s$x, s$y, 0.1, control = exact)
  twice <- sinkhorn(s$x[rep(1:20, 2), ], s$y, 0.1, control = exact)
  expect_equal(twice$value, ot$value, tolerance = 1e-10)
  expect_equal(twice$f[1:20], ot$f, tolerance = 1e-8)
  more <- sinkhorn(rbind(s$x, c(9, 9)), s$y, 0.1, a = rep(1:0, c(20, 1)), control = exact)
  expect_equal(more$value, ot$value, tolerance = 1e-10)
  expect_true(all(is.finite(c(more$f, more$g))))
  expect_equal(sum(plan(more)[21, ]), 0)
})

test_that("one point, equal points and points far apart are no special cases", {
  one <- sinkhorn(matrix(c(1, 2), 1), matrix(c(4, 6), 1))
  expect_equal(one$value, 25)
  expect_equal(unname(predict(one)), matrix(c(4, 6), 1))
  same <- sinkhorn(rep(3, 5), rep(3, 4))
  expect_equal(same$value, 0)
  expect_equal(sum(plan(same)), 1)
  star <- sinkhorn(0, c(-1, 1, 3), b = c(1, 1, 2))
  expect_equal(star$transport_cost, (1 + 1 + 18) / 4)
  s <- make_clouds(20, 20)
  apart <- sinkhorn(s$x, s$y + 1e4, 0.1, control = list(tol = 1e-9))
  # W2^2 splits into that of the means and the rest
  near <- sinkhorn(s$x, s$y, 0.1, control = list(tol = 1e-9))
  shift <- colMeans(s$y) - colMeans(s$x)
  expect_equal(apart$value - sum((shift + 1e4)^2), near$value - sum(shift^2), tolerance = 1e-6)
})

test_that("no epsilon down to 1e-6 of the squared diameter gives NaN", {
  s <- make_clouds()
  size <- max(squares(s$x, s$y))
  last <- Inf
  for (epsilon in size * 10^-(2:6)) {
    ot <- suppressWarnings(sinkhorn(s$x, s$y, epsilon, control = list(tol = 1e-2, max_iter = 3000)))
    expect_true(all(is.finite(c(ot$value, ot$gap, ot$f, ot$g, ot$transport_cost, predict(ot)))))
    expect_lt(ot$value, last)
    last <- ot$value
  }
  exact_square <- wasserstein_by_assignment(s$x, s$y[1:60, ])
  sharp <- sinkhorn(s$x, s$y[1:60, ], 1e-5 * size, control = list(tol = 1e-3, max_iter = 1e5))
  expect_equal(sharp$transport_cost, exact_square, tolerance = 5e-3)
})

test_that("large problems by cells and truncated sums agree with all pairs", {
  s <- make_clouds(3000, 2500)
  fast <- sinkhorn(s$x, s$y, 0.01, s$a, s$b, control = list(tol = 1e-4))
  # the same costs as a matrix take neither
  slow <- sinkhorn(s$x, s$y, 0.01, s$a, s$b, cost = pmax(squares(s$x, s$y), 0), control = list(tol = 1e-4))
  expect_lte(abs(fast$value - slow$value), max(fast$gap, slow$gap))
  expect_lt(abs(fast$value - slow$value), 1e-5)
  P <- plan(slow)
  expect_lt(sum(abs(rowSums(P) - slow$a)) + sum(abs(colSums(P) - slow$b)), 1.1e-4)
})

test_that("the number of threads changes no bit, and the instructions only the last ones", {
  s <- make_clouds(3000, 2500)
  run <- function(threads) sinkhorn(s$x, s$y, 0.05, threads = threads, debias = TRUE)
  parts <- c("value", "f", "g", "gap", "error", "transport_cost", "kl", "self")
  one <- run(1)
  expect_identical(run(2)[parts], one[parts])
  level <- brenier_simd()
  withr::defer(brenier_simd(level))
  brenier_simd("baseline")
  expect_equal(run(1)$value, one$value, tolerance = 1e-7)
})

# --- unbalanced, debiased -------------------------------------------------------

test_that("a far reach moves all mass, a short one leaves what is far", {
  s <- make_clouds()
  ot <- sinkhorn(s$x, s$y, 0.1, control = exact)
  far <- sinkhorn(s$x, s$y, 0.1, reach = 1e4, control = list(tol = 1e-10, max_iter = 1e4))
  expect_equal(far$value, ot$value, tolerance = 1e-6)
  two <- sinkhorn(c(0, 100), c(0.1, 200), 0.01, reach = 1, control = exact)
  P <- plan(two)
  expect_lt(sum(P) - P[1, 1], 1e-10)
  expect_equal(two$mass, sum(P), tolerance = 1e-10)
  # the primal value by hand
  kl <- function(p, q) sum(ifelse(p > 0, p * log(p / q), 0) - p + q)
  C <- squares(matrix(c(0, 100)), matrix(c(0.1, 200)))
  by_hand <- sum(C * P) + 0.01 * kl(P, matrix(0.25, 2, 2)) + kl(rowSums(P), c(0.5, 0.5)) +
    kl(colSums(P), c(0.5, 0.5))
  expect_equal(two$value, by_hand, tolerance = 1e-9)
})

test_that("a divergence is zero for equal laws, positive for others, and has its self terms", {
  s <- make_clouds()
  for (reach in c(Inf, 0.7)) {
    set <- list(reach = reach, control = exact)
    divergence <- function(x, y, ...) do.call(sinkhorn_divergence, c(list(x, y, 0.2, ...), set))
    value <- function(x, y, ...) do.call(sinkhorn, c(list(x, y, 0.2, ...), set))$value
    expect_lt(abs(divergence(s$x, s$x)), 1e-10)
    expect_gt(divergence(s$x, s$y), 0.1)
    expect_equal(divergence(s$x, s$y),
                 value(s$x, s$y) - value(s$x, s$x) / 2 - value(s$y, s$y) / 2, tolerance = 1e-9)
  }
  light <- sinkhorn_divergence(s$x, s$x, 0.2, a = rep(1 / 60, 60), b = rep(0.5 / 60, 60), reach = 1,
                               control = exact)
  expect_gt(light, 0)
  # much blur: the squared distance of the means
  wide <- sinkhorn_divergence(s$x, s$y, 1e5, control = exact)
  expect_equal(wide, sum((colMeans(s$x) - colMeans(s$y))^2), tolerance = 1e-3)
})

# --- trace, limits --------------------------------------------------------------

test_that("the trace is a data frame of the names that hold, and errors fall", {
  s <- make_clouds()
  ot <- sinkhorn(s$x, s$y, 0.02, control = list(tol = 1e-10, check_every = 5))
  expect_named(ot$trace, c("iter", "epsilon", "error", "gap", "seconds", "points"))
  last <- ot$trace[ot$trace$epsilon == 0.02, ]
  expect_lt(last$error[nrow(last)], 1e-10)
  expect_equal(ot$trace$iter[nrow(ot$trace)], ot$iterations)
  expect_true(all(diff(ot$trace$iter) > 0))
})

test_that("what does not converge is returned and flagged", {
  s <- make_clouds()
  expect_warning(ot <- sinkhorn(s$x, s$y, 1e-3, control = list(max_iter = 5)),
                 class = "brenier_warning_not_converged")
  expect_false(ot$converged)
  expect_identical(ot$status, "max_iterations")
  expect_lte(ot$iterations, 5)
  expect_gt(ot$gap, 0)
  expect_output(print(ot), "NOT converged")
  P <- plan(ot)
  expect_equal(sum(abs(rowSums(P) - 1 / 60)), ot$error, tolerance = 1e-6)
  expect_equal(colSums(P), rep(1 / 80, 80), tolerance = 1e-10)
})

test_that("forbidden pairs stay empty, and patterns without a coupling are found out", {
  C <- rbind(c(0, Inf, 2), c(1, 1, Inf), c(Inf, 3, 0))
  ot <- sinkhorn(NULL, NULL, 0.1, cost = C, control = exact)
  P <- plan(ot)
  expect_true(all(P[is.infinite(C)] == 0))
  expect_equal(rowSums(P), rep(1 / 3, 3), tolerance = 1e-10)
  expect_true(is.finite(ot$transport_cost))
  # rows 1 and 2 both have only column 1
  stuck <- rbind(c(1, Inf, Inf), c(1, Inf, Inf), c(1, 1, 1))
  expect_warning(ot <- sinkhorn(NULL, NULL, 0.1, cost = stuck, control = list(max_iter = 200)),
                 class = "brenier_warning_not_converged")
  expect_gt(ot$error, 0.1)
  expect_identical(ot$gap, Inf)
  alone <- C
  alone[2, ] <- Inf
  expect_error(sinkhorn(NULL, NULL, 0.1, cost = alone), class = "brenier_error_forbidden")
  # without mass it may be alone
  empty <- sinkhorn(NULL, NULL, 0.1, a = c(1, 0, 1), cost = alone)
  expect_true(empty$converged)
  expect_equal(sum(plan(empty)), 1, tolerance = 1e-6)
})

test_that("epsilon is a hundredth of the mean excess of a matrix of costs by default", {
  cost <- rbind(c(1, 4, 9), c(2, Inf, 3))
  a <- c(0.4, 0.6)
  b <- c(0.3, 0.3, 0.4)
  w <- outer(a, b)
  w[2, 2] <- 0
  excess <- ifelse(w > 0, cost - 1, 0)
  expect_equal(sinkhorn(a = a, b = b, cost = cost)$epsilon, 0.01 * sum(w * excess) / sum(w))
  # no cost differs from another: any epsilon gives the product
  flat <- sinkhorn(cost = matrix(7, 2, 3))
  expect_equal(plan(flat), matrix(1 / 6, 2, 3))
  expect_equal(flat$value, 7)
})

test_that("points at one place have a plan", {
  for (place in c(2, 5)) {
    ot <- sinkhorn(c(2, 2), rep(place, 3))
    expect_equal(plan(ot), matrix(1 / 6, 2, 3))
    expect_equal(ot$value, (place - 2)^2)
  }
})

test_that("a matrix of costs is not empty and says nothing of new points", {
  expect_refused(sinkhorn(cost = matrix(0, 0, 3)), "empty")
  ot <- sinkhorn(cost = matrix(c(0, 1, 1, 0), 2), epsilon = 0.5)
  expect_refused(predict(ot, c(1, 2)), "argument")
})
