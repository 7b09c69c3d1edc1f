# Draws of a response at new covariates: kernel flows, generators, maps and weights alone, against
# fresh draws of the law. Rscript bench/flows-conditional.R [--quick | --full]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
source(file.path(dirname(gsub("~+~", " ", file, fixed = TRUE)), "common.R"))
brenier_threads(1)

n_data <- 1500
n_draws <- 1000
seeds <- amount(1, 4, 10)
at <- data.frame(x = seq(-1.5, 1.5, by = 0.5))

# The response at covariates x, and its standard deviation there.
laws <- list(
  wave = list(
    draw = function(x) sin(2 * x) + (0.3 + 0.15 * abs(x)) * rnorm(length(x)),
    sd = function(x) 0.3 + 0.15 * abs(x)
  ),
  "two branches" = list(
    draw = function(x) sample(c(-1, 1), length(x), TRUE) * (1 + x / 2) + 0.2 * rnorm(length(x)),
    sd = function(x) sqrt((1 + x / 2)^2 + 0.2^2)
  ),
  skew = list(
    draw = function(x) x + exp(x / 2) * (rgamma(length(x), 2) - 2) / 2,
    sd = function(x) exp(x / 2) / sqrt(2)
  )
)

# Data drawn by the kernel weight of their covariate, with the bandwidth of the density of x.
by_weight <- function(data) {
  h <- bw.SJ(data$x)
  function(new) {
    unlist(lapply(new$x, function(x) sample(data$y, n_draws, TRUE, prob = dnorm(data$x, x, h))))
  }
}
by <- function(fit, ...) {
  force(fit)
  function(new) simulate(fit, n_draws, seed = 1, newdata = new, ...)$y
}
methods <- list(
  "kde_flow, 100 steps" = function(data, seed) by(kde_flow(y ~ x, data, seed = seed)),
  "kde_flow, steps = 0" = function(data, seed) by(kde_flow(y ~ x, data, seed = seed), steps = 0),
  drift_generator = function(data, seed) by(drift_generator(y ~ x, data, seed = seed)),
  brenier = function(data, seed) by(brenier(y ~ x, data)),
  "data by weight" = function(data, seed) by_weight(data)
)

jobs <- expand.grid(law = names(laws), seed = seq_len(seeds), stringsAsFactors = FALSE)
runs <- do.call(rbind, run_jobs(split(jobs, seq_len(nrow(jobs))), function(job) {
  set.seed(job$seed)
  law <- laws[[job$law]]
  data <- data.frame(x = rnorm(n_data))
  data$y <- law$draw(data$x)
  fresh <- lapply(at$x, function(x) law$draw(rep(x, 2 * n_draws)))
  compare <- function(draws) {
    mean(mapply(function(a, b) energy_distance(a, b, permutations = 0)$value, draws, fresh))
  }
  floor <- compare(lapply(at$x, function(x) law$draw(rep(x, n_draws))))
  do.call(rbind, lapply(names(methods), function(name) {
    training <- cpu_seconds(draw <- methods[[name]](data, job$seed))
    a_row <- cpu_seconds(y <- draw(at)) / nrow(at)
    y <- split(y, rep(seq_len(nrow(at)), each = n_draws))
    data.frame(law = job$law, method = name, floor = floor, distance = compare(y),
               sd = sqrt(mean((vapply(y, sd, 0) / law$sd(at$x) - 1)^2)),
               training = training, a_row = a_row)
  }))
}))

mean_of <- function(r, column, digits) {
  paste0(fixed(mean(r[[column]]), digits),
         if (nrow(r) > 1) paste0(" (", fixed(sd(r[[column]]) / sqrt(nrow(r)), digits), ")"))
}
order <- split(runs, list(factor(runs$method, names(methods)), factor(runs$law, names(laws))))
show_table(
  paste("Draws of a response at", nrow(at), "covariates,", n_data, "data"),
  do.call(rbind, lapply(order, function(r) {
    data.frame(law = r$law[1], method = r$method[1], floor = mean_of(r, "floor", 4),
               distance = mean_of(r, "distance", 4), "error of sd" = mean_of(r, "sd", 3),
               training = fixed(mean(r$training), 2), "a row" = fixed(mean(r$a_row), 3),
               check.names = FALSE)
  })), c(
    paste("distance: energy distance of", n_draws, "draws to fresh ones, mean over the covariates; floor: of as",
          "many fresh draws."),
    paste("error of sd: root mean square of the ratio to the true one, less 1. In brackets the standard error over",
          seeds, "seeds."),
    "Seconds of one thread: training, and the draws at one covariate.",
    "data by weight: sampled by dnorm((x - x_i)/h), h by bw.SJ()."
  )
)
for (r in order) {
  keep_figures(data.frame(row = paste0(r$law[1], ", ", r$method[1]), column = c("distance", "floor", "sd", "a row"),
                          value = c(mean(r$distance), mean(r$floor), mean(r$sd), mean(r$a_row))))
}
