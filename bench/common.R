# What the benchmarks share: amounts of work, rival densities, tables. Sourced by each of them.

# Arguments of the script: --quick is for trying it, --full takes long. --one asks for one fit,
# whose memory the rivals must not add to.
arguments <- commandArgs(trailingOnly = TRUE)
suppressPackageStartupMessages({
  library(brenier)
  if (!any(startsWith(arguments, "--one"))) {
    library(mclust)
    library(ks)
  }
})
options(width = 200)
amount <- function(quick, usual, full = usual) {
  if ("--quick" %in% arguments) quick else if ("--full" %in% arguments) full else usual
}

# The value of --name=value, NULL where it is not given.
option <- function(name) {
  start <- paste0("--", name, "=")
  given <- arguments[startsWith(arguments, start)]
  if (length(given)) substring(given[1], nchar(start) + 1)
}

script_path <- function() {
  file <- grep("^--file=", commandArgs(), value = TRUE)[1]
  gsub("~+~", " ", sub("^--file=", "", file), fixed = TRUE)
}

seconds <- function(expr) system.time(expr, gcFirst = TRUE)[["elapsed"]]

# Of the processor: the same however busy the machine is.
cpu_seconds <- function(expr) {
  sum(suppressMessages(system.time(expr, gcFirst = TRUE))[c("user.self", "sys.self")])
}

# Jobs run two at a time where R can fork; a fit in a fork uses one thread. An error in a job is an
# error here: mclapply alone would hand it back as a result.
run_jobs <- function(jobs, f) {
  cores <- if (.Platform$OS.type == "windows") 1 else 2
  results <- parallel::mclapply(jobs, f, mc.cores = cores, mc.preschedule = FALSE)
  broken <- vapply(results, function(r) is.null(r) || inherits(r, "try-error"), NA)
  if (any(broken)) {
    stop(sum(broken), " of ", length(jobs), " jobs failed; the first: ",
         format(results[[which(broken)[1]]]))
  }
  results
}

# Log densities below this are counted and replaced by it: a density of zero has no logarithm.
floor_log <- log(1e-300)
floored <- function(log_density) {
  log_density[is.na(log_density) | log_density < floor_log] <- floor_log
  log_density
}
count_zeros <- function(log_density) sum(is.na(log_density) | log_density < floor_log)

log_sum_exp_rows <- function(a) {
  top <- a[cbind(seq_len(nrow(a)), max.col(a, "first"))]
  top + log(rowSums(exp(a - top)))
}

# Log of the mean of N(x_i, H) at the rows of y, by exact sums: ks::kde() bins large samples, and
# is zero outside its grid.
kde_log_density <- function(x, H, y) {
  root <- chol(H)
  x <- t(backsolve(root, t(x), transpose = TRUE))
  y <- t(backsolve(root, t(y), transpose = TRUE))
  constant <- -ncol(x) / 2 * log(2 * pi) - sum(log(diag(root))) - log(nrow(x))
  half_squares <- rowSums(x^2) / 2
  parts <- split(seq_len(nrow(y)), ceiling(seq_len(nrow(y)) / 1000))
  value <- lapply(parts, function(i) {
    part <- y[i, , drop = FALSE]
    a <- tcrossprod(part, x) - rep(half_squares, each = length(i)) - rowSums(part^2) / 2
    log_sum_exp_rows(a)
  })
  constant + unlist(value, use.names = FALSE)
}

gaussian_log_density <- function(x, y) {
  n <- nrow(x)
  root <- chol(cov(x) * (n - 1) / n)
  r <- backsolve(root, t(y) - colMeans(x), transpose = TRUE)
  -colSums(r^2) / 2 - ncol(x) / 2 * log(2 * pi) - sum(log(diag(root)))
}

# Bandwidth matrices of ks with its own defaults; NULL where a selector fails or its answer is not
# positive definite. Ties in the data make Hlscv() warn: the tables speak for themselves.
selectors <- c("Hpi", "Hlscv", "Hscv", "Hns")
select_bandwidth <- function(selector, x) {
  H <- tryCatch(suppressWarnings(getExportedValue("ks", selector)(x)), error = function(e) NULL)
  if (is.null(H) || anyNA(H) || inherits(try(chol(H), silent = TRUE), "try-error")) return(NULL)
  H
}

# Two models iterate for minutes in many dimensions; BIC does not choose them there.
fit_mclust <- function(x) {
  models <- if (ncol(as.matrix(x)) > 20) setdiff(mclust.options("emModelNames"), c("EVE", "VVE"))
  densityMclust(x, modelNames = models, plot = FALSE, verbose = FALSE)
}

mclust_log_density <- function(fit, y) predict(fit, y, what = "dens", logarithm = TRUE)

# The default fit; --layers=2 or --layers=auto asks for more than one layer.
asked <- list(layers = utils::type.convert(option("layers"), as.is = TRUE))
asked <- asked[lengths(asked) > 0]
fit_brenier <- function(x, ...) {
  withCallingHandlers(
    do.call(brenier, c(list(x, ...), asked)),
    brenier_warning = function(w) invokeRestart("muffleWarning")
  )
}

# Estimators as functions: of the data, giving a function of points, which gives log densities.
rival_kde <- function(selector) {
  function(x) {
    H <- select_bandwidth(selector, x)
    if (is.null(H)) stop("no bandwidth")
    function(y) kde_log_density(x, H, y)
  }
}
rival_mclust <- function(x) {
  fit <- fit_mclust(x)
  function(y) mclust_log_density(fit, y)
}
rival_vine <- function(x) {
  fit <- rvinecopulib::vine(x)
  function(y) log(rvinecopulib::dvine(y, fit))
}
rival_gaussian <- function(x) function(y) gaussian_log_density(x, y)

# Log densities at y of each estimator fitted to x, one column each, NA where it failed, and the
# processor seconds that each fit took.
try_estimators <- function(estimators, x, y) {
  values <- matrix(NA_real_, nrow(y), length(estimators), dimnames = list(NULL, names(estimators)))
  took <- stats::setNames(rep(NA_real_, length(estimators)), names(estimators))
  for (name in names(estimators)) {
    try(suppressWarnings({
      took[[name]] <- cpu_seconds(density <- estimators[[name]](x))
      values[, name] <- density(y)
    }), silent = TRUE)
  }
  list(values = values, seconds = took)
}

# Log densities at y of everything that is compared, fitted to x: a matrix, one column a method; NA
# for a selector that failed.
methods <- c("brenier", selectors, "mclust", "Gaussian")
compare_on <- function(x, y) {
  fit <- fit_brenier(x)
  kde <- vapply(selectors, function(selector) {
    H <- select_bandwidth(selector, x)
    if (is.null(H)) rep(NA_real_, nrow(y)) else kde_log_density(x, H, y)
  }, numeric(nrow(y)))
  values <- cbind(predict(fit, y, type = "log_density"), kde, mclust_log_density(fit_mclust(x), y),
                  gaussian_log_density(x, y))
  colnames(values) <- methods
  list(values = values, fit = fit)
}

# Scores of rivals, more is better: values has a column a method, NA where it failed, and a row a
# point. groups are named vectors of methods; each is represented by the best of them, by these
# scores. Says how far brenier is ahead of each group, with the standard error over the points.
against_rivals <- function(values, groups) {
  means <- colMeans(values)
  members <- vapply(groups, function(group) {
    group <- group[!is.na(means[group])]
    if (length(group)) group[which.max(means[group])] else NA_character_
  }, "")
  members <- members[!is.na(members)]
  difference <- values[, "brenier"] - values[, members, drop = FALSE]
  list(
    means = c(brenier = means[["brenier"]], stats::setNames(means[members], names(members))),
    members = members, best = names(which.max(stats::setNames(means[members], names(members)))),
    ahead = stats::setNames(colMeans(difference), names(members)),
    se = stats::setNames(apply(difference, 2, sd) / sqrt(nrow(values)), names(members))
  )
}
value_of <- function(x, name) if (name %in% names(x)) x[[name]] else NA

# "best 3/1/2, lm 5/1/0": rows ahead of, within and behind each rival by two standard errors.
count_against <- function(compared, rivals) {
  words <- lapply(c("best", rivals), function(rival) {
    ratio <- vapply(compared, function(s) {
      value_of(s$ahead / s$se, if (rival == "best") s$best else rival)
    }, 0)
    ratio <- ratio[!is.na(ratio)]
    if (length(ratio)) {
      paste0(rival, " ", sum(ratio > 2), "/", sum(abs(ratio) <= 2), "/", sum(ratio < -2))
    }
  })
  paste0("Ahead by more than two se / within / behind: ", paste(unlist(words), collapse = ", "), ".")
}

# A rival without a density at a point, or with one below 1e-300, is given that of `instead` there: no
# row is then won by the price put on a zero. Such points are counted.
without_zeros <- function(values, instead) {
  zero <- is.na(values) | values < floor_log
  zero[, colSums(!is.na(values)) == 0] <- FALSE
  values[zero] <- values[, instead][row(values)[zero]]
  list(values = values, zeros = colSums(zero))
}

# What the notes say of one row: zeros and failures by method, of so many runs, and fits lost.
troubles <- function(name, zeros, failures, runs, lost) {
  zeros <- zeros[zeros > 0]
  failures <- failures[failures > 0]
  c(
    if (length(zeros)) paste0(name, ": no density at ",
                              paste(zeros, "points by", names(zeros), collapse = ", "), "."),
    if (length(failures)) paste0(name, ": of ", runs, " fits, failed ",
                                 paste(failures, "by", names(failures), collapse = ", "), "."),
    if (lost > 0) paste0(name, ": ", lost, " of ", runs, " fits of brenier did not converge.")
  )
}

# "Hlscv gave 3 zero densities", for the notes; counts is named by method.
zero_words <- function(what, counts) {
  counts <- counts[!is.na(counts) & counts > 0]
  if (length(counts) == 0) return(NULL)
  paste0(what, ": density below 1e-300, counted as 1e-300, at ",
         paste(counts, "points by", names(counts), collapse = ", "), ".")
}

# Banana, two moons, eight Gaussians: how to draw them, the true density, and the figure to reach.
simulated <- list(
  banana = list(
    target = -2.20,
    draw = function(n) {
      x <- rnorm(n)
      cbind(x = x, y = rnorm(n, x^2, 0.5))
    },
    log_density = function(p) dnorm(p[, 1], log = TRUE) + dnorm(p[, 2], p[, 1]^2, 0.5, log = TRUE)
  ),
  moons = list(
    target = -1.13,
    draw = function(n) moon_points(runif(n, 0, pi), runif(n) < 0.5) + rnorm(2 * n, sd = 0.1),
    # Midpoint rule over the arcs; its step is a twelfth of the noise.
    log_density = function(p) {
      t <- (seq_len(400) - 0.5) / 400 * pi
      arcs <- moon_points(c(t, t), rep(c(TRUE, FALSE), each = 400))
      kde_log_density(arcs, diag(0.1^2, 2), p)
    }
  ),
  eight = list(
    target = -2.66,
    draw = function(n) eight_centres[sample.int(8, n, replace = TRUE), ] + rnorm(2 * n, sd = 0.3),
    log_density = function(p) kde_log_density(eight_centres, diag(0.3^2, 2), p)
  )
)
moon_points <- function(t, upper) {
  cbind(x = ifelse(upper, cos(t), 1 - cos(t)), y = ifelse(upper, sin(t), 0.5 - sin(t)))
}
eight_centres <- 2 * cbind(x = cos(2 * pi * (1:8) / 8), y = sin(2 * pi * (1:8) / 8))

fixed <- function(x, digits = 3) {
  ifelse(is.na(x), "-", formatC(x, digits = digits, format = "f"))
}

# Figures by name, for the summary of the page: run.R says in which file. A name that is given twice
# has the later value.
keep_figures <- function(...) {
  given <- list(...)
  figures <- if (is.data.frame(given[[1]])) given[[1]] else {
    data.frame(row = names(given), column = "figure", value = unlist(given), row.names = NULL)
  }
  path <- option("figures")
  if (is.null(path)) return(invisible(figures))
  utils::write.table(figures, path, append = file.exists(path), sep = ",", row.names = FALSE,
                     col.names = !file.exists(path))
}

# The numbers of a table as it is shown, one a line; the columns in `rows` name its rows, after the
# word `of`.
melt_table <- function(table, rows, of = NULL) {
  named <- lapply(c(if (!is.null(of)) list(of), unclass(table)[rows]), function(r) trimws(format(r)))
  named <- do.call(paste, c(named, sep = ", "))
  parts <- lapply(setdiff(names(table), rows), function(column) {
    value <- suppressWarnings(as.numeric(gsub(" ", "", sub("[(].*", "", table[[column]]))))
    data.frame(row = named, column = column, value = value)[!is.na(value), ]
  })
  do.call(rbind, parts)
}

# A title, one aligned table, and notes. With `rows` its numbers are kept too.
show_table <- function(title, table, notes = NULL, rows = NULL, of = NULL) {
  if (!is.null(rows)) keep_figures(melt_table(table, rows, of))
  cat(title, "\n\n", sep = "")
  print(table, row.names = FALSE, right = TRUE)
  if (length(notes)) cat("\n", paste0(unlist(strwrap(notes, 110, exdent = 2)), "\n"), sep = "")
}
