# Test log likelihood on banana, two moons and eight Gaussians: do the tails hold?
# Rscript bench/density-simulated.R [--quick | --full]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
source(file.path(dirname(gsub("~+~", " ", file, fixed = TRUE)), "common.R"))

n_train <- amount(300, 1500)
n_test <- 20000
seeds <- seq_len(amount(1, 3))

jobs <- unlist(lapply(names(simulated), function(name) {
  lapply(seeds, function(seed) list(name = name, seed = seed))
}), recursive = FALSE)

results <- run_jobs(jobs, function(job) {
  law <- simulated[[job$name]]
  set.seed(job$seed)
  x <- law$draw(n_train)
  y <- law$draw(n_test)
  compared <- compare_on(x, y)
  deep <- if (is.null(option("layers"))) fit_brenier(x, layers = "auto") else compared$fit
  values <- cbind(compared$values, truth = law$log_density(y),
                  layers = predict(deep, y, type = "log_density"))
  failed <- colSums(!is.na(values)) == 0
  zeros <- ifelse(failed, 0, apply(values, 2, count_zeros))
  values[, !failed] <- floored(values[, !failed])
  list(
    means = colMeans(values), zeros = zeros, held_out = compared$fit$held_out$log_likelihood,
    atoms = glance(compared$fit)$atoms, seconds = compared$fit$seconds,
    converged = compared$fit$converged
  )
})

rows <- list()
notes <- NULL
for (name in names(simulated)) {
  mine <- results[vapply(jobs, function(j) j$name == name, NA)]
  every <- t(vapply(mine, function(r) r$means, numeric(length(methods) + 2)))
  held_out <- vapply(mine, function(r) r$held_out, 0)
  means <- colMeans(every)
  selector <- selectors[which.max(means[selectors])]
  difference <- every[, "brenier"] - held_out
  rows[[name]] <- data.frame(
    data = name, truth = fixed(means[["truth"]]), target = fixed(simulated[[name]]$target, 2),
    brenier = fixed(means[["brenier"]]), held.out = fixed(mean(held_out)),
    layers = fixed(means[["layers"]]), difference = fixed(mean(difference)), worst = fixed(min(difference)),
    tails = if (min(difference) >= -0.05) "hold" else "FAIL",
    best.kde = fixed(means[[selector]]), selector = selector,
    mclust = fixed(means[["mclust"]]), Gaussian = fixed(means[["Gaussian"]]),
    atoms = fixed(mean(vapply(mine, function(r) r$atoms, 0)), 0),
    s.brenier = fixed(mean(vapply(mine, function(r) r$seconds, 0)), 1)
  )
  zeros <- Reduce(`+`, lapply(mine, function(r) r$zeros))
  lost <- sum(!vapply(mine, function(r) r$converged, NA))
  notes <- c(notes, zero_words(name, zeros),
             if (lost > 0) paste0(name, ": ", lost, " of ", length(mine), " did not converge."))
}

show_table(
  paste0("Test log likelihood a point: ", n_train, " points to fit, ", n_test, " fresh, mean of ",
         length(seeds), " seed(s)"),
  do.call(rbind, rows),
  c(
    paste(
      "layers: with layers = \"auto\". held.out: what the fit itself says, from its cross-validation; difference: brenier on",
      "fresh points minus that; worst: the least over the seeds. The tails hold if no seed is",
      "worse by .05."
    ),
    paste(
      "truth: mean log density of the law that the points come from. best.kde: the best of",
      "the selectors, judged by this table. s.brenier: seconds a fit, on one thread, two fits",
      "at a time."
    ),
    notes
  ),
  rows = "data"
)
