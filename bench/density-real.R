# Held-out log likelihood on real data: repeated 5-fold, paired difference to the best rival.
# Rscript bench/density-real.R [--quick | --full]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
source(file.path(dirname(gsub("~+~", " ", file, fixed = TRUE)), "common.R"))

data_sets <- list(
  faithful = faithful,
  petals = iris[, 3:4],
  geyser = MASS::geyser,
  quakes2 = quakes[, c("lat", "long")],
  quakes3 = quakes[, c("lat", "long", "depth")]
)
data_sets <- lapply(data_sets, as.matrix)[amount(1:3, 1:5)]
folds <- 5
# The selectors of ks and the fit are slow on quakes3: one repeat is enough with 1000 points.
repeats <- function(name) if (name == "quakes3") amount(1, 1, 3) else amount(1, 3)

jobs <- list()
set.seed(2001)
for (name in names(data_sets)) {
  for (r in seq_len(repeats(name))) {
    part <- sample(rep_len(seq_len(folds), nrow(data_sets[[name]])))
    for (k in seq_len(folds)) {
      jobs[[length(jobs) + 1]] <- list(name = name, repeated = r, out = which(part == k))
    }
  }
}

results <- run_jobs(jobs, function(job) {
  x <- data_sets[[job$name]]
  compared <- compare_on(x[-job$out, ], x[job$out, ])
  list(values = compared$values, converged = compared$fit$converged)
})

# Mean over the repeats of what each point got while it was held out: points are independent, their
# repeats are not, so that standard errors come from the points.
by_point <- function(name) {
  mine <- which(vapply(jobs, function(j) j$name == name, NA))
  total <- matrix(0, nrow(data_sets[[name]]), length(methods), dimnames = list(NULL, methods))
  zeros <- numeric(length(methods))
  for (i in mine) {
    values <- results[[i]]$values
    failed <- colSums(!is.na(values)) == 0
    zeros <- zeros + ifelse(failed, 0, apply(values, 2, count_zeros))
    values[, !failed] <- floored(values[, !failed])
    total[jobs[[i]]$out, ] <- total[jobs[[i]]$out, ] + values
  }
  lost <- sum(!vapply(results[mine], function(r) r$converged, NA))
  list(mean = total / repeats(name), zeros = stats::setNames(zeros, methods), lost = lost,
       runs = length(mine))
}

timings <- function(x, best) {
  c(
    brenier = seconds(fit_brenier(x)),
    mclust = seconds(fit_mclust(x)),
    kde = seconds(select_bandwidth(best, x))
  )
}

rows <- list()
notes <- NULL
for (name in names(data_sets)) {
  x <- data_sets[[name]]
  held <- by_point(name)
  means <- colMeans(held$mean)
  rivals <- setdiff(methods, "brenier")
  best <- rivals[which.max(means[rivals])]
  best_selector <- selectors[which.max(means[selectors])]
  difference <- held$mean[, "brenier"] - held$mean[, best]
  took <- timings(x, best_selector)
  rows[[name]] <- data.frame(
    data = name, n = nrow(x), d = ncol(x), times = repeats(name),
    t(fixed(means)), best = best, ahead = fixed(mean(difference)),
    se = fixed(sd(difference) / sqrt(nrow(x))),
    s.brenier = fixed(took[["brenier"]], 2), s.mclust = fixed(took[["mclust"]], 2),
    s.kde = fixed(took[["kde"]], 2), selector = best_selector
  )
  lost <- if (held$lost > 0) paste0(name, ": ", held$lost, " of ", held$runs,
                                    " fits of brenier did not converge.")
  notes <- c(notes, zero_words(name, held$zeros), lost)
}

show_table(
  "Held-out log likelihood a point, 5-fold cross-validation",
  do.call(rbind, rows),
  c(
    paste(
      "times: repeats of the cross-validation. Hpi, Hlscv, Hscv, Hns: Gaussian kernel density",
      "estimates with these bandwidth selectors of ks; - where a selector failed on a fold.",
      "mclust: Gaussian mixture chosen by BIC."
    ),
    paste(
      "ahead: brenier minus the best rival, which is chosen by this very table; se: standard",
      "error of that paired difference over the points."
    ),
    "s.: seconds on all the data, to fit or (kde) to select the bandwidth by the best selector.",
    notes
  ),
  rows = "data"
)
