# Held-out log likelihood on tables of 4 to 30 columns, simulated and real, beside a vine copula,
# Gaussian mixtures and what kernels can do there.
# Rscript bench/density-tables.R [--quick | --full] [--layers=...]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
here <- dirname(gsub("~+~", " ", file, fixed = TRUE))
source(file.path(here, "common.R"))
source(file.path(here, "table-data.R"))

n_train <- amount(300, 2000)
n_test <- amount(2000, 10000)
folds <- 5
# Two seeds in twenty dimensions would double the time of it all.
seeds <- function(d) seq_len(amount(1, if (d < 20) 2 else 1, 3))
real <- real_tables()[amount(c("iris", "banknote"), TRUE)]

# Plug-in bandwidths take minutes above four columns, and are worse there than normal scale.
kernels <- function(d) c("Hns", "Hns.diag", if (d <= 4) c("Hpi", "Hpi.diag"))
estimators <- function(d) {
  kde <- stats::setNames(lapply(kernels(d), rival_kde), kernels(d))
  vine <- if (requireNamespace("rvinecopulib", quietly = TRUE)) list(vine = rival_vine)
  c(kde, list(mclust = rival_mclust), vine, list(Gaussian = rival_gaussian))
}

simulated_jobs <- function() {
  each <- expand.grid(name = names(laws), d = amount(5, c(20, 10, 5)), stringsAsFactors = FALSE)
  unlist(lapply(seq_len(nrow(each)), function(i) {
    lapply(seeds(each$d[i]), function(seed) {
      list(name = paste0(each$name[i], each$d[i]), law = each$name[i], d = each$d[i], seed = seed)
    })
  }), recursive = FALSE)
}

real_jobs <- function() {
  set.seed(2005)
  unlist(lapply(names(real), function(name) {
    part <- sample(rep_len(seq_len(folds), nrow(real[[name]])))
    lapply(seq_len(folds), function(k) {
      list(name = name, d = ncol(real[[name]]), out = which(part == k))
    })
  }), recursive = FALSE)
}

# A rival without a density at a point, or with one below 1e-300, is given the Gaussian's there: no
# row is then won by the price put on a zero. Such points are counted.
with_gaussian <- function(values) {
  zero <- is.na(values) | values < floor_log
  zero[, colSums(!is.na(values)) == 0] <- FALSE
  values[zero] <- values[, "Gaussian"][row(values)[zero]]
  list(values = values, zeros = colSums(zero))
}

run_job <- function(job) {
  truth <- NULL
  if (is.null(job$law)) {
    x <- real[[job$name]][-job$out, ]
    y <- real[[job$name]][job$out, ]
  } else {
    law <- laws[[job$law]](job$d)
    set.seed(job$seed)
    x <- law$draw(n_train)
    y <- law$draw(n_test)
    truth <- mean(law$log_density(y))
  }
  took <- cpu_seconds(fit <- fit_brenier(x))
  rivals <- try_estimators(estimators(job$d), x, y)
  scored <- with_gaussian(cbind(brenier = predict(fit, y, type = "log_density"), rivals$values))
  c(scored, list(
    truth = truth, seconds = c(brenier = took, rivals$seconds), converged = fit$converged,
    train = nrow(x)
  ))
}

# The longest first, or the second core idles at the end.
jobs <- c(simulated_jobs(), real_jobs())
jobs <- jobs[order(-vapply(jobs, function(j) j$d, 0))]
results <- run_jobs(jobs, run_job)

shown <- c("kde", "mclust", "vine", "Gaussian")

# One row of the table. A method that failed on a fold or seed is out of the row.
summary_of <- function(name) {
  mine <- results[vapply(jobs, function(j) j$name == name, NA)]
  values <- do.call(rbind, lapply(mine, function(r) r$values))
  took <- rowMeans(vapply(mine, function(r) r$seconds, mine[[1]]$seconds), na.rm = TRUE)
  failures <- rowSums(vapply(mine, function(r) is.na(colMeans(r$values)), logical(ncol(values))))
  means <- colMeans(values)
  selectors <- kernels(jobs[[which(vapply(jobs, function(j) j$name == name, NA))[1]]]$d)
  selector <- selectors[which.max(means[selectors])]
  pick <- c(brenier = "brenier", kde = selector, mclust = "mclust",
            vine = if ("vine" %in% names(means)) "vine", Gaussian = "Gaussian")
  differences <- values[, "brenier"] - values[, pick[-1], drop = FALSE]
  colnames(differences) <- names(pick)[-1]
  list(
    means = stats::setNames(means[pick], names(pick)),
    took = stats::setNames(took[pick], names(pick)),
    ahead = colMeans(differences), se = apply(differences, 2, sd) / sqrt(nrow(values)),
    selector = selector, truth = mean(vapply(mine, function(r) r$truth %||% NA_real_, 0)),
    train = round(mean(vapply(mine, function(r) r$train, 0))),
    failures = failures, runs = length(mine),
    zeros = Reduce(`+`, lapply(mine, function(r) r$zeros)),
    lost = sum(!vapply(mine, function(r) r$converged, NA))
  )
}
`%||%` <- function(a, b) if (is.null(a)) b else a

notes_of <- function(name, s) {
  zeros <- s$zeros[s$zeros > 0]
  failures <- s$failures[s$failures > 0]
  c(
    if (length(zeros)) paste0(name, ": no density at ",
                              paste(zeros, "points by", names(zeros), collapse = ", "), "."),
    if (length(failures)) paste0(name, ": failed on ", paste0(failures, " of ", s$runs, " runs: ",
                                                              names(failures), collapse = "; "), "."),
    if (s$lost > 0) paste0(name, ": ", s$lost, " of ", s$runs, " fits of brenier did not converge.")
  )
}

names_of_rows <- c(
  unlist(lapply(names(laws), paste0, amount(5, c(5, 10, 20)))), names(real)
)
all_of <- stats::setNames(lapply(names_of_rows, summary_of), names_of_rows)
value_of <- function(x, name) if (name %in% names(x)) x[[name]] else NA_real_

rows <- lapply(names_of_rows, function(name) {
  s <- all_of[[name]]
  best <- names(which.max(s$means[-1]))
  data.frame(
    data = name, train = s$train, truth = fixed(s$truth),
    as.list(fixed(vapply(c("brenier", shown), value_of, 0, x = s$means))),
    best = best, ahead = fixed(s$ahead[[best]]), se = fixed(s$se[[best]]),
    s.brenier = fixed(s$took[["brenier"]], 1), s.kde = fixed(s$took[["kde"]], 1),
    s.mclust = fixed(s$took[["mclust"]], 1), s.vine = fixed(value_of(s$took, "vine"), 1),
    selector = s$selector
  )
})

# Rows ahead of, within and behind the rival by two standard errors.
count_against <- function(rival) {
  ratio <- vapply(all_of, function(s) {
    if (rival == "best") rival <- names(which.max(s$means[-1]))
    value_of(s$ahead / s$se, rival)
  }, 0)
  ratio <- ratio[!is.na(ratio)]
  if (length(ratio)) {
    paste0(rival, " ", sum(ratio > 2), "/", sum(abs(ratio) <= 2), "/", sum(ratio < -2))
  }
}

show_table(
  "Held-out log likelihood a point on tables of 4 to 30 columns",
  do.call(rbind, rows),
  c(
    paste0(
      "product, copula, chain: simulated, the number of columns in the name, ", n_train,
      " points to fit and ", n_test, " fresh, mean of ", length(seeds(5)), " seed(s), of ",
      length(seeds(20)), " in twenty dimensions; truth: the law itself. The others are real, train ",
      "points to fit, 5-fold cross-validation once; see table-data.R for columns, logs and the ",
      "noise on rounded ones."
    ),
    paste(
      "kde: the best by this table of Gaussian kernels with normal-scale bandwidths, full or",
      "diagonal, up to four columns plug-in ones too. mclust: Gaussian mixture chosen by BIC.",
      "vine: rvinecopulib::vine with its defaults, margins by kde1d; - where not installed."
    ),
    paste(
      "ahead: brenier minus the best rival, which is chosen by this very table; se: standard",
      "error of that paired difference over the points, for the fits as they are."
    ),
    "s.: processor seconds a fit.",
    "Where a method has no density, below 1e-300, it is given the Gaussian's.",
    unlist(lapply(names_of_rows, function(name) notes_of(name, all_of[[name]]))),
    paste0(
      "Ahead by more than two se / within / behind, of ", length(rows), " rows: ",
      paste(unlist(lapply(c("best", shown), count_against)), collapse = ", "), "."
    )
  )
)
