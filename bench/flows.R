# Kernel flows to simulated laws: energy distance to fresh data, masses of modes, time.
# Rscript bench/flows.R [--quick | --full]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
source(file.path(dirname(gsub("~+~", " ", file, fixed = TRUE)), "common.R"))
brenier_threads(1)

n_particles <- 400
n_data <- 1600
n_fresh <- 1500
seeds <- amount(1, 3, 10)
n_steps <- amount(100, 400)

ring <- function(radius, n) radius * exp(1i * runif(n, 0, 2 * pi))
plane <- function(z, sd) cbind(x = Re(z), y = Im(z)) + rnorm(2 * length(z), sd = sd)
grid25 <- as.matrix(expand.grid(x = -2:2, y = -2:2))

laws <- list(
  eight = function(n) plane(2 * exp(2i * pi * sample.int(8, n, TRUE) / 8), 0.1),
  moons = simulated$moons$draw,
  checkerboard = function(n) {
    x <- runif(n, -2, 2)
    cbind(x = x, y = runif(n) + 2 * sample(-1:0, n, TRUE) + floor(x) %% 2)
  },
  "swiss roll" = function(n) {
    t <- 1.5 * pi * (1 + 2 * runif(n))
    plane(t * exp(1i * t) / 7, 0.05)
  },
  rings = function(n) plane(ring(1 + (runif(n) < 0.5), n), 0.08),
  pinwheel = function(n) {
    r <- 1 + 0.3 * rnorm(n)
    angle <- 2 * pi * sample.int(5, n, TRUE) / 5 + 0.25 * exp(r)
    z <- (r + 0.1i * rnorm(n)) * exp(1i * angle)
    cbind(x = Re(z), y = Im(z))
  },
  "25 Gaussians" = function(n) grid25[sample.int(25, n, TRUE), ] + rnorm(2 * n, sd = 0.1),
  "5/95" = function(n) plane(ifelse(runif(n) < 0.05, -2, 2), 0.3),
  banana = simulated$banana$draw
)

methods <- list(
  "kl plugin" = list(energy = "plugin"),
  "kl" = list(),
  "kl bregman" = list(energy = "bregman"),
  "rkl + chisq" = list(divergence = c(reverse_kl = 1, chisq = 1)),
  "mmd" = list(divergence = "mmd"),
  "energy" = list(divergence = "energy"),
  "sliced" = list(divergence = "sliced"),
  "kl, fixed h" = list(bandwidth = "normal")
)

# The largest error of the share of a mode of the eight.
mass_error <- function(x) {
  mode <- round(atan2(x[, 2], x[, 1]) / (pi / 4)) %% 8
  max(abs(tabulate(mode + 1, 8) / nrow(x) - 1 / 8))
}

distance <- function(x, y) energy_distance(x, y, permutations = 0)$value

jobs <- expand.grid(law = names(laws), seed = seq_len(seeds), stringsAsFactors = FALSE)
runs <- run_jobs(split(jobs, seq_len(nrow(jobs))), function(job) {
  set.seed(job$seed)
  draw <- laws[[job$law]]
  y <- draw(n_data)
  fresh <- draw(n_fresh)
  floor <- mean(replicate(10, distance(draw(n_particles), fresh)))
  each <- lapply(names(methods), function(name) {
    spent <- cpu_seconds(flow <- do.call(
      kde_flow, c(list(y, n = n_particles, steps = n_steps, seed = job$seed, threads = 1), methods[[name]])
    ))
    data.frame(law = job$law, method = name, seed = job$seed, distance = distance(flow$particles, fresh),
               mass = if (job$law == "eight") mass_error(flow$particles) else NA,
               floor = floor, seconds = spent, steps = nrow(flow$trace),
               rises = sum(diff(flow$trace$energy)[diff(flow$trace$bandwidth) == 0] > 0, na.rm = TRUE))
  })
  do.call(rbind, each)
})
runs <- do.call(rbind, runs)

mean_se <- function(v, digits = 4) {
  paste0(fixed(mean(v), digits), if (length(v) > 1) paste0(" (", fixed(sd(v) / sqrt(length(v)), digits), ")"))
}
cells <- function(law, method) runs$distance[runs$law == law & runs$method == method]
table <- do.call(rbind, lapply(names(laws), function(law) {
  row <- lapply(names(methods), function(method) mean_se(cells(law, method)))
  names(row) <- names(methods)
  data.frame(law = law, floor = fixed(mean(runs$floor[runs$law == law]), 4), row, check.names = FALSE)
}))
show_table(
  paste0("Kernel flows: energy distance to fresh data, ", n_particles, " particles, ", n_data, " data"),
  table, c(
    paste("floor: as many independent draws, on average. In brackets the standard error over", seeds, "seeds."),
    paste0("CPU seconds of one thread, mean: ", paste(names(methods), vapply(names(methods), function(m) {
      fixed(mean(runs$seconds[runs$method == m]), 2)
    }, ""), collapse = ", "), "; with the selector of the bandwidth."),
    paste0("Steps at one bandwidth by which an energy rose: ",
           sum(runs$rises[runs$method != "sliced"]), " (the sliced energy draws directions anew).")
  ),
  rows = "law"
)
for (name in names(methods)) {
  mine <- runs[runs$law == "eight" & runs$method == name, ]
  keep_figures(data.frame(row = paste0("eight, ", name), column = c("distance", "mass", "seconds"),
                          value = c(mean(mine$distance), mean(mine$mass), mean(mine$seconds))))
}
keep_figures("steps that rose" = sum(runs$rises[runs$method != "sliced"]))

# One step of many particles: exact sums and sums within a tolerance.
n <- amount(1e4, 1e5)
set.seed(1)
x <- unname(laws$eight(n))
problem <- brenier:::flow_problem("plugin", unname(laws$eight(n)), rep(1 / n, n))
problem$scale <- 0.1
rows <- lapply(c(0, 1e-8, 1e-6), function(tolerance) {
  problem$tolerance <- tolerance
  first <- cpu_seconds(a <- .Call(brenier:::C_brenier_flow, x, problem, NULL))
  again <- cpu_seconds(b <- .Call(brenier:::C_brenier_flow, x, problem, a))
  list(tolerance = tolerance, first = first, again = again, velocity = b$velocity)
})
cat("\n")
show_table(paste("One step of", n, "particles against as many data, d = 2, h = 0.1, one thread"),
  do.call(rbind, lapply(rows, function(r) {
    data.frame(tolerance = format(r$tolerance), "first step" = fixed(r$first, 2), "next steps" = fixed(r$again, 2),
               error = format(max(abs(r$velocity - rows[[1]]$velocity)), digits = 2), check.names = FALSE)
  })), "CPU seconds; error: largest difference of a velocity from exact sums.", rows = "tolerance", of = format(n))

# One step of each kind, below and above the size up to which kernels are kept.
kinds <- c("plugin", "mixture", "particle", "data", "bregman")
steps <- do.call(rbind, lapply(list(c(400, 1600), c(2000, 4000)), function(size) {
  set.seed(1)
  x <- unname(laws$eight(size[1]))
  y <- unname(laws$eight(size[2]))
  each <- vapply(kinds, function(kind) {
    problem <- brenier:::flow_problem(kind, y, rep(1 / size[2], size[2]), tolerance = 1e-8)
    problem["memory"] <- list(brenier:::flow_memory(problem, size[1]))
    stage <- brenier:::open_stage(problem, 0.3)
    brenier:::flow_at(stage, x)
    cpu_seconds(for (k in 1:10) brenier:::flow_at(stage, x)) / 10
  }, 0)
  data.frame(size = paste(size, collapse = " x "), t(fixed(1000 * each, 1)), check.names = FALSE)
}))
cat("\n")
show_table("One step, particles x data, CPU milliseconds, one thread", steps,
  "plugin is a field without an energy, the others are exact gradients.", rows = "size", of = "step")
cat("\n")

# Generators: draws of each against fresh data, cost of a draw.
generators <- list(network = list(), potential = list(model = "potential"))
some <- jobs[jobs$law %in% c("eight", "moons", "25 Gaussians"), ]
trained <- do.call(rbind, run_jobs(split(some, seq_len(nrow(some))), function(job) {
  set.seed(job$seed)
  draw <- laws[[job$law]]
  y <- draw(n_data)
  fresh <- draw(n_fresh)
  floor <- mean(replicate(10, distance(draw(n_fresh), fresh)))
  do.call(rbind, lapply(names(generators), function(name) {
    spent <- cpu_seconds(gen <- do.call(
      drift_generator, c(list(y, seed = job$seed, threads = 1), generators[[name]])
    ))
    million <- cpu_seconds(simulate(gen, 1e6, seed = 1))
    data.frame(law = job$law, model = name, floor = floor, seconds = spent, million = million,
               cost = gen$cost, distance = distance(simulate(gen, n_fresh, seed = job$seed), fresh))
  }))
}))
show_table(
  paste("Generators: energy distance of", n_fresh, "draws to fresh data,", n_data, "data"),
  do.call(rbind, lapply(split(trained, list(trained$law, trained$model)), function(r) {
    data.frame(law = r$law[1], model = r$model[1], floor = fixed(mean(r$floor), 4),
               distance = mean_se(r$distance), training = fixed(mean(r$seconds), 2),
               "million draws" = fixed(mean(r$million), 2), multiplications = r$cost[1], check.names = FALSE)
  })), "CPU seconds of one thread, with the selector of the bandwidth."
)
