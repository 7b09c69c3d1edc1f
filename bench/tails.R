# Do draws stray? Share of the draws that are far outside the range of the data.
# Rscript bench/tails.R [--quick | --full]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
source(file.path(dirname(gsub("~+~", " ", file, fixed = TRUE)), "common.R"))

n_draws <- 1e5
n_train <- amount(300, 1500)

# Share of the rows of y with a variable more than k of its sd outside its range in x.
share_outside <- function(y, x, k) {
  low <- apply(x, 2, min) - k * apply(x, 2, sd)
  high <- apply(x, 2, max) + k * apply(x, 2, sd)
  mean(colSums(t(y) < low | t(y) > high) > 0)
}

draw_kde <- function(x, n) {
  H <- select_bandwidth("Hpi", x)
  x[sample.int(nrow(x), n, replace = TRUE), ] + matrix(rnorm(n * ncol(x)), n) %*% chol(H)
}

draw_mclust <- function(x, n) {
  fit <- fit_mclust(x)
  sim(fit$modelName, fit$parameters, n)[, -1, drop = FALSE]
}

in_ten_thousand <- function(share) fixed(1e4 * unname(share), 1)

sets <- c("faithful", names(simulated))
rows <- run_jobs(sets, function(name) {
  set.seed(2003)
  x <- if (name == "faithful") as.matrix(faithful) else simulated[[name]]$draw(n_train)
  fit <- fit_brenier(x)
  draws <- list(
    brenier = as.matrix(simulate(fit, n_draws)), kde = draw_kde(x, n_draws),
    mclust = draw_mclust(x, n_draws)
  )
  if (name != "faithful") draws$truth <- simulated[[name]]$draw(n_draws)
  shares <- function(k) vapply(draws, share_outside, 0, x = x, k = k)
  one <- shares(1)
  two <- shares(2)
  widest <- max(apply(abs(t(draws$brenier) - colMeans(x)) / apply(x, 2, sd), 2, max))
  data.frame(
    data = name, n = nrow(x),
    brenier.1 = in_ten_thousand(one[["brenier"]]), kde.1 = in_ten_thousand(one[["kde"]]),
    mclust.1 = in_ten_thousand(one[["mclust"]]), truth.1 = in_ten_thousand(one["truth"]),
    brenier.2 = in_ten_thousand(two[["brenier"]]), kde.2 = in_ten_thousand(two[["kde"]]),
    mclust.2 = in_ten_thousand(two[["mclust"]]), truth.2 = in_ten_thousand(two["truth"]),
    farthest = fixed(widest, 1), tail.atoms = fit$layers[[1]]$potential$n_tails
  )
})

show_table(
  paste(
    "Draws far outside the data, in 10 000: some variable beyond its range by more than 1 or",
    "2 of its sd"
  ),
  do.call(rbind, rows),
  c(
    paste(
      "kde: resampled points plus noise of bandwidth Hpi of ks. truth: fresh points of the",
      "law itself."
    ),
    paste(
      "farthest: of the draws of brenier, from the mean, in standard deviations of a",
      "variable. tail.atoms: atoms set to continue the map beyond the data."
    )
  ),
  rows = "data"
)
