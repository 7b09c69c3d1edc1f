# Which family of potentials: held-out log likelihood of ridge atoms, a softmax, and both.
# Rscript bench/potentials.R [--quick | --full]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
source(file.path(dirname(gsub("~+~", " ", file, fixed = TRUE)), "common.R"))

families <- c("ridge", "softmax", "both")
n_train <- amount(300, 1500)
n_test <- 20000
seeds <- seq_len(amount(1, 3))
folds <- 5
real <- list(
  faithful = as.matrix(faithful), petals = as.matrix(iris[, 3:4]), geyser = as.matrix(MASS::geyser),
  quakes2 = as.matrix(quakes[, c("lat", "long")]), iris = as.matrix(iris[, 1:4])
)

set.seed(2010)
parts <- lapply(real, function(x) sample(rep_len(seq_len(folds), nrow(x))))
jobs <- c(
  unlist(lapply(names(real), function(name) {
    lapply(seq_len(folds), function(k) list(name = name, fold = k))
  }), recursive = FALSE),
  unlist(lapply(names(simulated), function(name) {
    lapply(seeds, function(seed) list(name = name, seed = seed))
  }), recursive = FALSE)
)

results <- do.call(rbind, run_jobs(jobs, function(job) {
  if (is.null(job$seed)) {
    out <- parts[[job$name]] == job$fold
    x <- real[[job$name]][!out, ]
    y <- real[[job$name]][out, ]
  } else {
    set.seed(job$seed)
    x <- simulated[[job$name]]$draw(n_train)
    y <- simulated[[job$name]]$draw(n_test)
  }
  do.call(rbind, lapply(families, function(family) {
    fit <- fit_brenier(x, potential = family)
    value <- floored(predict(fit, y, type = "log_density"))
    data.frame(data = job$name, family = family, sum = sum(value), n = length(value),
               worst = min(value), seconds = fit$seconds)
  }))
}))

by <- aggregate(cbind(sum, n, seconds) ~ family + data, results, sum)
by$worst <- aggregate(worst ~ family + data, results, min)$worst
by$runs <- aggregate(n ~ family + data, results, length)$n
table <- do.call(rbind, lapply(c(names(real), names(simulated)), function(name) {
  rows <- by[by$data == name, ]
  rows <- rows[match(families, rows$family), ]
  data.frame(data = name, t(stats::setNames(fixed(rows$sum / rows$n), families)),
             worst = t(stats::setNames(fixed(rows$worst, 0), families)),
             s = t(stats::setNames(fixed(rows$seconds / rows$runs, 1), families)))
}))
show_table(
  "Families of potentials: log likelihood a point that was not seen", table,
  c(paste("Real data by", folds, "folds; simulated:", n_train, "points to fit,", n_test, "fresh,",
          "mean of", length(seeds), "seed(s)."),
    "worst: the least log density of such a point: how the tails do. s: seconds a fit, on one thread, two
     fits at a time."),
  rows = "data"
)
