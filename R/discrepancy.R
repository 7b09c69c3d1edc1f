#' Distances between samples, and between a sample and a density
#'
#' How far two samples are from each other, or a sample from a density whose score is known, each
#' with a standard error
#' and a null distribution.
#'
#' @details
#' With the rows \eqn{x_i}, n of them, and \eqn{y_j}, m of them:
#' * `energy_distance()`: \eqn{2 E|X-Y| - E|X-X'| - E|Y-Y'|}{2 E|X - Y| - E|X - X'| - E|Y - Y'|}. It
#'   needs no tuning. The
#'   statistic of Szekely and Rizzo is nm/(n + m) times as large;
#' * `mmd()`: the squared maximum mean discrepancy \eqn{E k(X,X') + E k(Y,Y') - 2 E k(X,Y)}{E k(X,
#'   X') + E k(Y, Y') - 2 E
#'   k(X, Y)}. The default bandwidth is the median distance among at most 1000 rows of `y`, the
#'   reference;
#' * `sliced_wasserstein()`: the p-th root of the mean, over directions u, of the p-th power of the
#'   Wasserstein distance of u'X
#'   and u'Y;
#' * `ksd()`: the squared kernel Stein discrepancy to the law with that score, the mean of
#'   \eqn{s(x)'s(x')k + s(x)'\nabla_{x'}k + s(x')'\nabla_x k +
#'   \mathrm{tr}\nabla_x\nabla_{x'}k}{s(x)'s(x') k + s(x)'grad_x' k +
#'   s(x')'grad_x k + tr grad_x grad_x' k}. It does not see the masses of separate modes.
#'
#' `value` is the mean over all pairs, the same one twice among them: it is never negative, and its
#' mean is positive for equal
#' laws: see `floor`. `unbiased` leaves these out. `se` is that of `value` where the laws differ,
#' from the spread
#' of the contributions of the rows; where they agree it is too small, and `p_value` tells.
#'
#' The null of two samples comes from permutations of the pooled rows, that of `ksd()` from random
#' signs (wild bootstrap). Both need
#' independent rows. Time grows like the square of the rows times the permutations; memory does not.
#'
#' @param x,y Matrices or data frames with a row a point, of the same columns.
#' @param permutations Number of permutations, or of draws of signs, for the null; 0 for none. By
#'   default 199 up to 4000 rows in
#'   all, none beyond and for `sliced_wasserstein()`.
#' @param bandwidth Scale of the kernel.
#' @param kernel `"gaussian"`, `"laplace"`, `"matern32"` or `"imq"`; for `ksd()` not `"laplace"`,
#'   which is not smooth.
#' @param p Order, 1 or 2.
#' @param projections Number of random directions.
#' @param score A function of a matrix with a row a point: the gradients of the log density, a row
#'   each; or that matrix at `x`.
#' @param seed As in [brenier()].
#' @return A list of class `brenier_discrepancy`: `name`, `value`, `unbiased`, `se` (for
#'   `sliced_wasserstein()` that of the choice of
#'   directions alone), `floor` and `p_value` (`NA` without permutations): the mean of `value` under
#'   the null and the share of the null, the
#'   sample with it, that is as large; `n`, `m`, `bandwidth`; `null`, the values that the permutations
#'   gave. `as.numeric()` gives the value, with which arithmetic and comparisons reckon,
#'   `as.data.frame()` and `tidy()` a data frame of one row with all
#'   but the null, and `plot()` draws that.
#' @references Szekely and Rizzo (2013) \doi{10.1016/j.jspi.2013.03.018}; Gretton, Borgwardt, Rasch,
#'   Schoelkopf and Smola (2012, J.
#' Mach. Learn. Res. 13); Gorham and Mackey (2017) \doi{10.48550/arXiv.1703.01717}.
#' @template definitions
#' @seealso [wasserstein()], [sinkhorn_divergence()], [kde_flow()]
#' @family distances between samples
#' @section Errors:
#' `brenier_error_argument`, `_type`, `_missing`, `_not_finite`, `_empty` or `_rows`, which name the argument: samples of
#' different columns, missing or infinite values, a wrong `bandwidth`, `kernel`, `p` or number of permutations, a `score`
#' that does not return a row a point.
#' @examples
#' x <- matrix(rnorm(200), 100)
#' energy_distance(x, x[1:50, ] + 0.5, seed = 1)
#' ksd(x, function(x) -x, seed = 1)
#' @export
energy_distance <- function(x, y, permutations = NULL, seed = NULL) {
  two_samples(x, y, "energy", 1, permutations, seed, "energy distance")
}

#' @rdname energy_distance
#' @export
mmd <- function(x, y, bandwidth = NULL, kernel = "gaussian", permutations = NULL, seed = NULL) {
  kernel <- check_choice(kernel, c("gaussian", "laplace", "matern32", "imq"), "kernel")
  bandwidth <- if (is.null(bandwidth)) median_distance(as_points(y, "y"), "y") else
    check_number(bandwidth, "bandwidth", 0, open = TRUE)
  two_samples(x, y, kernel, bandwidth, permutations, seed, "squared MMD")
}

#' @rdname energy_distance
#' @export
sliced_wasserstein <- function(x, y, p = 2, projections = 200, permutations = 0, seed = NULL) {
  both <- check_samples(x, y)
  p <- check_count(p, "p", 1, 2)
  projections <- check_count(projections, "projections", 2, 1e6)
  permutations <- check_count(permutations, "permutations", 0, 1e7)
  n <- nrow(both$x)
  z <- rbind(both$x, both$y)
  with_seed(seed, {
    u <- matrix(stats::rnorm(projections * ncol(z)), ncol(z))
    z <- z %*% sweep(u, 2, sqrt(colSums(u^2)), "/")
    power <- function(rows) line_powers(z[rows, , drop = FALSE], z[-rows, , drop = FALSE], p)
    each <- power(seq_len(n))
    null <- vapply(seq_len(permutations), function(b) {
      mean(power(sample.int(nrow(z), n)))^(1 / p)
    }, 0)
  })
  value <- mean(each)^(1 / p)
  se <- if (value > 0) stats::sd(each) / sqrt(projections) * value^(1 - p) / p else 0
  new_discrepancy(paste0("sliced Wasserstein distance, p = ", p), value, NA_real_, se, null,
                  n, nrow(z) - n, NA_real_)
}

#' p-th powers of the Wasserstein distances between the columns: the means over quantile levels.
#' @noRd
line_powers <- function(x, y, p) {
  n <- nrow(x)
  m <- nrow(y)
  x <- apply(x, 2, sort)
  y <- apply(y, 2, sort)
  # in units of 1/(n m), which are whole numbers
  ends <- sort(unique(c(seq_len(n) * as.double(m), seq_len(m) * as.double(n))))
  gap <- matrix(x, n)[ceiling(ends / m), , drop = FALSE] -
    matrix(y, m)[ceiling(ends / n), , drop = FALSE]
  colSums(diff(c(0, ends)) * abs(gap)^p) / (as.double(n) * m)
}

check_samples <- function(x, y) {
  x <- as_points(x, "x")
  y <- as_points(y, "y")
  if (ncol(x) != ncol(y)) {
    brenier_abort("{.arg y} must have {ncol(x)} column{?s}, as {.arg x} has, not {ncol(y)}.",
                  "argument", argument = "y")
  }
  for (name in c("x", "y")) {
    if (nrow(list(x = x, y = y)[[name]]) < 2) {
      brenier_abort("{.arg {name}} must have two rows or more.", "rows", argument = name)
    }
  }
  list(x = unname(x), y = unname(y))
}

check_permutations <- function(permutations, n) {
  if (is.null(permutations)) return(if (n <= 4000) 199L else 0L)
  check_count(permutations, "permutations", 0, 1e7)
}

median_distance <- function(x, name) {
  rows <- rule_rows(nrow(x), rep(1, nrow(x)), 1000)
  h <- stats::median(stats::dist(x[rows, , drop = FALSE]))
  if (isTRUE(h > 0)) return(h)
  brenier_abort(c(
    "The median distance among the rows of {.arg {name}} is {format(h)}: it is no bandwidth.",
    i = "Give {.arg bandwidth}."
  ), "argument", argument = "bandwidth")
}

#' The squared distance of mean embeddings: sums of the kernel within and across groups of the
#' pooled rows, for the groups
#' that were given and for permuted ones.
#' @noRd
two_samples <- function(x, y, kernel, scale, permutations, seed, name) {
  both <- check_samples(x, y)
  n <- nrow(both$x)
  m <- nrow(both$y)
  z <- rbind(both$x, both$y)
  permutations <- check_permutations(permutations, n + m)
  k0 <- if (kernel == "energy") 0 else 1
  first <- rep(c(1, 0), c(n, m))
  sums <- pair_sums(z, z, cbind(first, 1 - first), kernel, scale)
  own <- ifelse(first == 1, sums[, 1], sums[, 2])
  other <- ifelse(first == 1, sums[, 2], sums[, 1])
  xx <- sum(own[1:n])
  yy <- sum(own[-(1:n)])
  xy <- sum(other[1:n])
  value <- max(xx / n^2 + yy / m^2 - 2 * xy / n / m, 0) # rounding
  unbiased <- (xx - n * k0) / n / (n - 1) + (yy - m * k0) / m / (m - 1) - 2 * xy / n / m
  part_x <- own[1:n] / n - other[1:n] / m
  part_y <- own[-(1:n)] / m - other[-(1:n)] / n
  se <- 2 * sqrt(stats::var(part_x) / n + stats::var(part_y) / m)
  total <- xx + yy + 2 * xy
  null <- with_seed(seed, unlist(lapply(batches(permutations), function(size) {
    g <- replicate(size, first[sample.int(n + m)])
    kg <- pair_sums(z, z, g, kernel, scale)
    in_x <- colSums(g * kg)
    across <- colSums((1 - g) * kg)
    in_x / n^2 + (total - in_x - 2 * across) / m^2 - 2 * across / n / m
  })))
  new_discrepancy(name, value, unbiased, se, null, n, m, if (kernel == "energy") NA_real_ else scale)
}

#' Sizes of batches of at most 100.
#' @noRd
batches <- function(total, most = 100) {
  c(rep(most, total %/% most), if (total %% most > 0) total %% most)
}

#' @rdname energy_distance
#' @export
ksd <- function(x, score, bandwidth = NULL, kernel = "imq", permutations = NULL, seed = NULL) {
  kernel <- check_choice(kernel, c("imq", "gaussian", "matern32"), "kernel")
  points <- as_points(x, "x")
  if (nrow(points) < 2) {
    brenier_abort("{.arg x} must have two rows or more.", "rows", argument = "x")
  }
  s <- if (is.function(score)) score(points) else score
  if (!is.numeric(s) || length(s) != length(points) || !all(is.finite(s))) {
    brenier_abort(c(
      "{.arg score} must give {ncol(points)} finite number{?s} for each of the {nrow(points)} rows of
       {.arg x}, not {shown(s)}.", i = "It takes a matrix with a row a point, and returns one."
    ), "argument", argument = "score")
  }
  h <- if (is.null(bandwidth)) median_distance(points, "x") else
    check_number(bandwidth, "bandwidth", 0, open = TRUE)
  x <- unname(sweep(points, 2, colMeans(points)))
  s <- matrix(as.double(s), nrow(x))
  n <- nrow(x)
  d <- ncol(x)
  rows <- stein_rows(x, s, kernel, h)
  # the Laplacian at 0 is d times the curvature there
  curvature <- c(imq = 1, gaussian = 1, matern32 = 3)[[kernel]]
  own <- rowSums(s^2) + d * curvature / h^2
  value <- mean(rows) / n
  permutations <- check_permutations(permutations, n)
  null <- with_seed(seed, vapply(seq_len(permutations), function(b) {
    w <- sample(c(-1, 1), n, replace = TRUE)
    sum(w * stein_rows(x, s, kernel, h, w)) / n^2
  }, 0))
  new_discrepancy("squared KSD", value, (sum(rows) - sum(own)) / n / (n - 1),
                  2 * stats::sd(rows / n) / sqrt(n), null, n, NA_integer_, h)
}

#' sum_j w_j u(x_i, x_j) of the Stein kernel u.
#' @noRd
stein_rows <- function(x, s, kernel, h, w = rep(1, nrow(x))) {
  d <- ncol(x)
  first <- seq_len(d)
  value <- pair_sums(x, x, w * s, kernel, h)
  slope <- pair_sums(x, x, w * cbind(x, s, 1, rowSums(s * x)), kernel, h, "slope")
  bend <- pair_sums(x, x, matrix(w), kernel, h, "laplacian")[, 1]
  to_x <- slope[, first, drop = FALSE]
  to_s <- slope[, d + first, drop = FALSE]
  from <- x * slope[, 2 * d + 1] - to_x # sum of slope (x_i - x_j)
  rowSums(s * value) - rowSums(s * from) + rowSums(x * to_s) - slope[, 2 * d + 2] - bend
}

new_discrepancy <- function(name, value, unbiased, se, null, n, m, bandwidth) {
  known <- length(null) > 0
  structure(list(
    name = name, value = value, unbiased = unbiased, se = se,
    floor = if (known) mean(null) else NA_real_,
    p_value = if (known) (1 + sum(null >= value)) / (1 + length(null)) else NA_real_,
    n = n, m = m, bandwidth = bandwidth, null = as.double(null)
  ), class = "brenier_discrepancy")
}

#' @rdname energy_distance
#' @param digits Significant digits.
#' @param ... None.
#' @export
print.brenier_discrepancy <- function(x, digits = 3, ...) {
  show <- function(v) format(v, digits = digits)
  cat("The ", x$name, " is ", show(x$value), " (se ", show(x$se), ")",
      if (!is.na(x$bandwidth)) paste0(", bandwidth ", show(x$bandwidth)), "\n", sep = "")
  if (!is.na(x$unbiased)) cat("  unbiased  ", show(x$unbiased), "\n", sep = "")
  if (is.na(x$p_value)) {
    cat("  equality  not tested: there are no permutations\n")
  } else {
    cat("  equality  would give ", show(x$floor), " on average; p = ", show(x$p_value), "\n", sep = "")
  }
  cat("  rows      ", x$n, if (!is.na(x$m)) paste(" and", x$m), "\n", sep = "")
  invisible(x)
}

#' @export
as.double.brenier_discrepancy <- function(x, ...) x$value

#' @export
Ops.brenier_discrepancy <- function(e1, e2) {
  value <- function(e) if (inherits(e, "brenier_discrepancy")) e$value else e
  if (missing(e2)) get(.Generic)(value(e1)) else get(.Generic)(value(e1), value(e2))
}

#' @export
Math.brenier_discrepancy <- function(x, ...) get(.Generic)(x$value, ...)

#' @rdname energy_distance
#' @param row.names,optional As in [as.data.frame()].
#' @export
as.data.frame.brenier_discrepancy <- function(x, row.names = NULL, optional = FALSE, ...) {
  data.frame(unclass(x)[setdiff(names(x), "null")], row.names = row.names)
}

#' @export
tidy.brenier_discrepancy <- function(x, ...) as.data.frame(x)
