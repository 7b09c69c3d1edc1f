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
# Of the widest table one fold of the five is enough to see.
folds_of <- function(name) if (ncol(real[[name]]) > 20) amount(1, 1, folds) else folds

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
    lapply(seq_len(folds_of(name)), function(k) {
      list(name = name, d = ncol(real[[name]]), out = which(part == k))
    })
  }), recursive = FALSE)
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
  values <- cbind(brenier = predict(fit, y, type = "log_density"), rivals$values)
  scored <- without_zeros(values, "Gaussian")
  c(scored, list(
    truth = truth, seconds = c(brenier = took, rivals$seconds), converged = fit$converged,
    train = nrow(x)
  ))
}

# The longest first, or the second core idles at the end.
jobs <- c(simulated_jobs(), real_jobs())
jobs <- jobs[order(-vapply(jobs, function(j) j$d, 0))]
results <- run_jobs(jobs, run_job)

rivals <- c("kde", "mclust", "vine", "Gaussian")

# What a row of the table says. A method that failed on a fold or seed is out of it.
summary_of <- function(name) {
  mine <- results[vapply(jobs, function(j) j$name == name, NA)]
  values <- do.call(rbind, lapply(mine, function(r) r$values))
  took <- rowMeans(vapply(mine, function(r) r$seconds, mine[[1]]$seconds), na.rm = TRUE)
  groups <- list(kde = intersect(kernels(1), colnames(values)), mclust = "mclust",
                 vine = intersect("vine", colnames(values)), Gaussian = "Gaussian")
  compared <- against_rivals(values, groups)
  failures <- rowSums(vapply(mine, function(r) is.na(colMeans(r$values)), logical(ncol(values))))
  c(compared, list(
    took = c(brenier = took[["brenier"]],
             stats::setNames(took[compared$members], names(compared$members))),
    truth = mean(vapply(mine, function(r) if (is.null(r$truth)) NA_real_ else r$truth, 0)),
    train = round(mean(vapply(mine, function(r) r$train, 0))),
    notes = troubles(name, Reduce(`+`, lapply(mine, function(r) r$zeros)), failures, length(mine),
                     sum(!vapply(mine, function(r) r$converged, NA)))
  ))
}

names_of_rows <- c(unlist(lapply(names(laws), paste0, amount(5, c(5, 10, 20)))), names(real))
compared <- stats::setNames(lapply(names_of_rows, summary_of), names_of_rows)

rows <- lapply(names_of_rows, function(name) {
  s <- compared[[name]]
  seconds_of <- function(method) fixed(value_of(s$took, method), 1)
  data.frame(
    data = name, train = s$train, truth = fixed(s$truth),
    as.list(fixed(vapply(c("brenier", rivals), function(r) value_of(s$means, r), 0))),
    best = s$best, ahead = fixed(s$ahead[[s$best]]), se = fixed(s$se[[s$best]]),
    s.brenier = seconds_of("brenier"), s.kde = seconds_of("kde"), s.mclust = seconds_of("mclust"),
    s.vine = seconds_of("vine"), selector = s$members[["kde"]]
  )
})

show_table(
  "Held-out log likelihood a point on tables of 4 to 30 columns",
  do.call(rbind, rows),
  c(
    paste0(
      "product, copula, chain: simulated, the number of columns in the name, ", n_train,
      " points to fit and ", n_test, " fresh, mean of ", length(seeds(5)), " seed(s), of ",
      length(seeds(20)), " in twenty dimensions; truth: the law itself. The others are real, train ",
      "points to fit, 5-fold cross-validation once, of cancer30 ", amount("one", "one", "each"),
      " of the folds; see table-data.R for columns, logs and the noise on rounded ones."
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
    unlist(lapply(compared, function(s) s$notes)),
    count_against(compared, rivals)
  ),
  rows = "data"
)
for (rival in rivals) {
  ratio <- vapply(compared, function(s) value_of(s$ahead / s$se, rival), 0)
  keep_figures(data.frame(row = paste("tables against", rival), column = c("ahead", "behind", "of"),
                          value = c(sum(ratio > 2, na.rm = TRUE), sum(ratio < -2, na.rm = TRUE),
                                    sum(!is.na(ratio)))))
}
