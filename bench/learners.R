# What each learner of the mirror step reaches, and what it costs: banana, two moons, eight Gaussians.
# Rscript bench/learners.R [--quick | --full]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
source(file.path(dirname(gsub("~+~", " ", file, fixed = TRUE)), "common.R"))

n_train <- amount(200, 500, 1500)
n_test <- 10000
seeds <- seq_len(amount(1, 2, 5))
ways <- list(
  likelihood = list(learner = "likelihood"),
  semidual = list(learner = "semidual"),
  logistic = list(learner = "logistic"),
  "semidual, reference side" = list(learner = "semidual", orientation = "reference"),
  "logistic, reference side" = list(learner = "logistic", orientation = "reference"),
  "score, reference side" = list(learner = "score")
)

jobs <- unlist(lapply(names(simulated), function(name) {
  unlist(lapply(seeds, function(seed) {
    lapply(names(ways), function(way) list(name = name, seed = seed, way = way))
  }), recursive = FALSE)
}), recursive = FALSE)

results <- run_jobs(jobs, function(job) {
  law <- simulated[[job$name]]
  set.seed(job$seed)
  x <- law$draw(n_train)
  y <- law$draw(n_test)
  fit <- do.call(fit_brenier, c(list(x), ways[[job$way]]))
  draws <- as.matrix(simulate(fit, n_test, seed = 1))
  data.frame(
    data = job$name, way = job$way, test = mean(floored(predict(fit, y, type = "log_density"))),
    draws = mean(floored(law$log_density(draws))), atoms = glance(fit)$atoms,
    identity = max(fit$trace$identity, na.rm = TRUE), steps = max(fit$trace$iter),
    seconds = fit$seconds, converged = fit$converged
  )
})
results <- do.call(rbind, results)
by <- aggregate(cbind(test, draws, atoms, steps, seconds, converged) ~ way + data, results, mean)
by$identity <- aggregate(identity ~ way + data, results, max)$identity
by <- by[order(match(by$data, names(simulated)), match(by$way, names(ways))), ]

show_table(
  paste0("Learners of the mirror step: ", n_train, " points to fit, ", n_test, " fresh, mean of ",
         length(seeds), " seed(s)"),
  data.frame(
    data = by$data, learner = by$way, test = fixed(by$test), draws = fixed(by$draws),
    atoms = fixed(by$atoms, 0), steps = fixed(by$steps, 0), seconds = fixed(by$seconds, 1),
    identity = formatC(by$identity, digits = 0, format = "e"), converged = fixed(by$converged, 2)
  ),
  c(
    "test: log likelihood a point of fresh data. draws: mean log density of the law that the data come
     from, at draws from the fit; the law's own draws have its negative entropy.",
    "identity: the largest residual of the three-point identity. seconds: of a fit with its validation,
     on one thread, two fits at a time. converged: share of the fits whose certificate met the tolerance."
  ),
  rows = c("data", "learner")
)
