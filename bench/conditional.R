# Conditional laws beside quantile regression, gamlss and transformation models: held-out log density
# and pinball loss by 5-fold cross-validation.
# Rscript bench/conditional.R [--quick | --full] [--layers=...]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
here <- dirname(gsub("~+~", " ", file, fixed = TRUE))
source(file.path(here, "common.R"))
source(file.path(here, "table-data.R"))
source(file.path(here, "conditional-rivals.R"))
suppressPackageStartupMessages(library(splines))

levels <- c(0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
folds <- 5
repeats <- function(set) if (nrow(set$data) > 300) amount(1, 1, 3) else amount(1, 3, 10)

# formula: the basis that brenier, lm, rq and tram share. plain: without it, for brenier alone.
# smooth: what gamlss has in its place, for location and for scale.
real_line <- c("NO", "TF", "JSU", "SHASHo")
positive <- c("NO", "TF", "GA", "BCT")
boston <- subset(MASS::Boston, medv < 50) # larger values are cut off there
ozone <- stats::na.omit(airquality)
sets <- list(
  mcycle = list(
    data = MASS::mcycle, formula = accel ~ ns(times, 8), plain = accel ~ times,
    smooth = "pb(times)", families = real_line
  ),
  engel = list(
    data = of_package("engel", "quantreg"), formula = foodexp ~ ns(income, 2),
    plain = foodexp ~ income, smooth = "pb(income)", families = positive
  ),
  log_engel = list(
    data = of_package("engel", "quantreg"), formula = log(foodexp) ~ log(income),
    smooth = "pb(log(income))", families = real_line
  ),
  cars = list(
    data = cars, formula = dist ~ speed, smooth = "speed", families = positive
  ),
  boston = list(
    data = boston, formula = medv ~ ns(lstat, 4) + ns(rm, 3), plain = medv ~ lstat + rm,
    smooth = c("pb(lstat)", "pb(rm)"), families = positive
  ),
  ozone = list(
    data = ozone, formula = log(Ozone) ~ ns(Temp, 2) + ns(Wind, 2), plain = log(Ozone) ~ Temp + Wind,
    smooth = c("pb(Temp)", "pb(Wind)"), families = real_line
  ),
  iris2 = list(
    data = iris, formula = cbind(Sepal.Length, Sepal.Width) ~ Species + Petal.Length,
    smooth = c("Species", "Petal.Length"), families = c("NO", "TF")
  ),
  quakes2 = list(
    data = quakes, formula = cbind(lat, long) ~ ns(depth, 4), plain = cbind(lat, long) ~ depth,
    smooth = "pb(depth)", families = c("NO", "TF"), mixture = TRUE
  )
)
sets <- sets[amount(c("mcycle", "cars", "iris2"), names(sets))]

attach_if_there <- function(package) {
  suppressPackageStartupMessages(suppressWarnings(require(package, character.only = TRUE,
                                                          quietly = TRUE)))
}
with_gamlss <- attach_if_there("gamlss")
with_tram <- attach_if_there("tram")

fit_ours <- function(which) {
  function(set, train) {
    fit <- fit_brenier(set[[which]], data = train)
    list(
      log_density = function(test) predict(fit, test, type = "log_density"),
      quantile = function(test, level) predict(fit, test, type = "quantile", level = level),
      fit = fit
    )
  }
}

is_single <- function(set) is.name(set$formula[[2]]) || set$formula[[2]][[1]] != "cbind"

# Smooth terms for two families only: the others take minutes with them, and often fail.
gamlss_members <- function(set, single) {
  each <- expand.grid(family = set$families, smooth = c(TRUE, FALSE), chained = c(FALSE, TRUE),
                      stringsAsFactors = FALSE)
  each <- each[(!each$smooth | each$family %in% c("NO", "TF")) & (!single | !each$chained), ]
  names <- paste0(each$family, ifelse(each$smooth, ".smooth", ""), ifelse(each$chained, ".chain", ""))
  fits <- lapply(seq_len(nrow(each)), function(i) {
    fit_gamlss(each$family[i], each$smooth[i], each$chained[i])
  })
  stats::setNames(fits, names)
}

# Groups of methods: the table shows the best of each, and the best rival is one of these.
members <- function(set) {
  single <- is_single(set)
  named <- function(names, f) stats::setNames(lapply(names, f), names)
  list(
    brenier = list(brenier = fit_ours("formula")),
    plain = if (!is.null(set$plain)) list(plain = fit_ours("plain")),
    lm = list(lm = fit_lm),
    rq = if (single) list(rq = fit_rq),
    gamlss = if (with_gamlss) gamlss_members(set, single),
    tram = if (with_tram && single) list(
      BoxCox = fit_tram("BoxCox", FALSE), BoxCox.scale = fit_tram("BoxCox", TRUE),
      Colr = fit_tram("Colr", FALSE), Colr.scale = fit_tram("Colr", TRUE)
    ),
    mixture = if (!is.null(set$mixture)) list(mixture = fit_mixture_ratio)
  )
}
every_member <- function(set) do.call(c, unname(members(set)))

jobs <- list()
set.seed(2006)
for (name in names(sets)) {
  n <- nrow(sets[[name]]$data)
  for (r in seq_len(repeats(sets[[name]]))) {
    part <- sample(rep_len(seq_len(folds), n))
    for (k in seq_len(folds)) jobs[[length(jobs) + 1]] <- list(name = name, out = which(part == k))
  }
}

# Mean over the levels, with the sign of a score: more is better.
pinball_score <- function(y, quantiles) {
  e <- y - quantiles
  tau <- rep(levels, each = length(y))
  -rowMeans(e * (tau - (e < 0)))
}

run_job <- function(job) {
  set <- sets[[job$name]]
  train <- set$data[-job$out, ]
  test <- set$data[job$out, ]
  methods <- every_member(set)
  empty <- matrix(NA_real_, nrow(test), length(methods), dimnames = list(NULL, names(methods)))
  scores <- list(density = empty, pinball = empty)
  took <- stats::setNames(rep(NA_real_, length(methods)), names(methods))
  lost <- 0
  for (name in names(methods)) {
    score <- function() {
      took[[name]] <<- cpu_seconds(law <- methods[[name]](set, train))
      if (!is.null(law$log_density)) scores$density[, name] <<- law$log_density(test)
      if (is_single(set)) {
        scores$pinball[, name] <<- pinball_score(response_of(set, test)[, 1],
                                                 law$quantile(test, levels))
      }
      if (!is.null(law$fit)) lost <<- lost + !law$fit$converged
    }
    if (name %in% c("brenier", "plain")) score() else try(suppressWarnings(score()), silent = TRUE)
  }
  scored <- without_zeros(scores$density, "lm")
  list(density = scored$values, pinball = scores$pinball, zeros = scored$zeros, seconds = took,
       lost = lost)
}
results <- run_jobs(jobs, run_job)

# Mean over the repeats of what each point got while it was held out; a method that failed on a fold is
# out of the row.
by_point <- function(name, what) {
  mine <- which(vapply(jobs, function(j) j$name == name, NA))
  total <- 0 * results[[mine[1]]][[what]][rep(1, nrow(sets[[name]]$data)), ]
  total[] <- 0
  for (i in mine) total[jobs[[i]]$out, ] <- total[jobs[[i]]$out, ] + results[[i]][[what]]
  total / repeats(sets[[name]])
}

summary_of <- function(name, what) {
  mine <- results[vapply(jobs, function(j) j$name == name, NA)]
  groups <- lapply(members(sets[[name]])[-1], names)
  groups <- groups[lengths(groups) > 0 & names(groups) != "plain"]
  values <- by_point(name, what)
  compared <- against_rivals(values, groups)
  took <- rowMeans(vapply(mine, function(r) r$seconds, mine[[1]]$seconds), na.rm = TRUE)
  failed <- vapply(mine, function(r) is.na(colMeans(r[[what]])), logical(ncol(values)))
  asked <- setdiff(colnames(values), if (what == "density") "rq")
  c(compared, list(
    plain = value_of(colMeans(values), "plain"),
    took = c(brenier = took[["brenier"]],
             stats::setNames(took[compared$members], names(compared$members))),
    notes = troubles(name, if (what == "density") Reduce(`+`, lapply(mine, function(r) r$zeros)),
                     rowSums(failed)[asked], length(mine),
                     sum(vapply(mine, function(r) r$lost, 0)))
  ))
}

row_of <- function(name, s, rivals) {
  set <- sets[[name]]
  means <- lapply(rivals, function(r) fixed(value_of(s$means, r)))
  seconds_of <- function(method) fixed(value_of(s$took, method), 2)
  data.frame(
    data = name, n = nrow(set$data), times = repeats(set), brenier = fixed(s$means[["brenier"]]),
    plain = fixed(s$plain), stats::setNames(means, rivals),
    best = s$best, ahead = fixed(s$ahead[[s$best]]), se = fixed(s$se[[s$best]]),
    gamlss.is = value_of(s$members, "gamlss"), tram.is = value_of(s$members, "tram"),
    s.brenier = seconds_of("brenier"), s.gamlss = seconds_of("gamlss"), s.tram = seconds_of("tram")
  )
}

table_of <- function(what, names, rivals, title, notes) {
  compared <- stats::setNames(lapply(names, summary_of, what), names)
  rows <- do.call(rbind, lapply(names, function(name) row_of(name, compared[[name]], rivals)))
  show_table(title, rows, c(notes, unlist(lapply(compared, function(s) s$notes)),
                            count_against(compared, rivals)), rows = "data", of = what)
}

table_of(
  "density", names(sets), c("lm", "gamlss", "tram", "mixture"),
  "Held-out log density of the response given the covariates, 5-fold cross-validation",
  c(
    paste(
      "times: repeats of the cross-validation. brenier, lm and tram have the covariates in a basis,",
      "see conditional.R; plain: brenier without it. The last two sets have two responses."
    ),
    paste(
      "gamlss: the best by this table of families in which location and scale depend on the basis,",
      "or, .smooth, on smooth terms; of two responses taken as independent or, .chain, one given",
      "the other. tram: the best of BoxCox and Colr, whose location and, .scale, scale depend on the",
      "basis. mixture: mclust of all variables over mclust of the covariates."
    ),
    paste(
      "ahead: brenier minus the best rival, which is chosen by this very table; se: standard",
      "error of that paired difference over the points. s.: processor seconds a fit."
    ),
    "Where a rival has no density, below 1e-300, it is given that of lm."
  )
)
cat("\n")
single <- names(sets)[vapply(sets, is_single, NA)]
table_of(
  "pinball", single, c("lm", "rq", "gamlss", "tram"),
  "The same: minus the pinball loss, mean of the levels .05, .1, .25, .5, .75, .9, .95",
  c("rq: quantile regression, each level by itself.")
)
