# Sums over pairs: millions of pairs a second, and what a tolerance saves.
# Rscript bench/pairs.R [--quick | --full]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
source(file.path(dirname(gsub("~+~", " ", file, fixed = TRUE)), "common.R"))

pair_sums <- function(what, x, y, kernel, scale, tolerance = 0, shift = NULL, a = NULL) {
  .Call(brenier:::C_brenier_pairs, what, x, y, kernel, scale, tolerance, NULL, shift, a)
}
normals <- function(n, d) matrix(rnorm(n * d), n)

set.seed(1)
n <- amount(2000, 8000)
dims <- c(1, 2, 3, 10, 16, 50)
old <- list(brenier_threads(), brenier_simd())
brenier_threads(1)
rate <- function(expr) n^2 / 1e6 / max(cpu_seconds(expr), 1e-3)

rows <- list()
for (level in unique(c("baseline", old[[2]]))) {
  brenier_simd(level)
  for (kernel in c("gaussian", "laplace", "matern32", "imq")) {
    speeds <- vapply(dims, function(d) {
      x <- normals(n, d)
      y <- normals(n, d)
      h <- .5 * sqrt(d)
      lse <- drop(pair_sums("lse", x, y, kernel, h)$sums)
      c(rate(pair_sums("lse", x, y, kernel, h, shift = lse)),
        rate(pair_sums("gradient", x, y, kernel, h, shift = lse)))
    }, numeric(2))
    rows <- c(rows, list(data.frame(
      level, kernel, lse = t(stats::setNames(fixed(speeds[1, ], 0), paste0("d", dims))),
      grad = t(stats::setNames(fixed(speeds[2, ], 0), paste0("d", dims)))
    )))
  }
}
brenier_simd(old[[2]])
show_table(
  "Sums over pairs: millions of pairs a second on one thread, CPU time", do.call(rbind, rows),
  "lse: with the shift of the last iterate. grad: softmax-weighted gradients of it.",
  rows = c("level", "kernel")
)

# Two threads against one, of the clock; on a machine that does nothing else.
if (parallel::detectCores() > 1) {
  x <- normals(n, 3)
  y <- normals(n, 3)
  wall <- vapply(1:2, function(threads) {
    brenier_threads(threads)
    min(replicate(3, seconds(for (k in 1:5) pair_sums("lse", x, y, "gaussian", 1))))
  }, 0)
  brenier_threads(1)
  cat("\nTwo threads against one, log-sum-exp, d = 3: ", fixed(wall[1] / wall[2], 2), " times as fast.\n\n",
      sep = "")
  keep_figures("two threads against one" = wall[1] / wall[2])
}

n <- amount(1e4, 1e5)
rows <- lapply(1:3, function(d) {
  x <- normals(n, d)
  y <- normals(n, d)
  h <- (4 / ((d + 2) * n))^(1 / (d + 4))
  ones <- matrix(1, n)
  run <- function(tolerance) {
    took <- cpu_seconds(out <- pair_sums("value", x, y, "gaussian", h, tolerance, a = ones))
    list(took, out)
  }
  exact <- run(0)
  near <- run(1e-6)
  data.frame(d = d, bandwidth = fixed(h), exact = fixed(exact[[1]], 2),
             near = fixed(near[[1]], 2), ratio = fixed(exact[[1]] / near[[1]], 1),
             error = format(max(abs(near[[2]]$sums / exact[[2]]$sums - 1)), digits = 2))
})
show_table(
  "Gaussian sums exactly and within 1e-6", do.call(rbind, rows),
  paste(format(n, big.mark = " "), "normal points against as many, CPU seconds on one thread;",
        "error: the largest relative one."),
  rows = "d"
)
brenier_threads(old[[1]])
