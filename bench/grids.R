# Optimal transport on grids: time, error and memory as the grid grows, and what a Sinkhorn cycle costs.
# Rscript bench/grids.R [--quick | --full]; --one=METHOD,D,N does one of them, for its memory.

source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])), "common.R"))

# Smooth densities: a wave, and a ridge along the diagonal that shears the map.
problem <- function(d, n) {
  wave <- function(x) 1 + 0.5 * cos(2 * pi * x[, 1]) * cos(4 * pi * x[, d])
  ridge <- function(x) exp(-8 * (x[, 1] - x[, d])^2 - x[, 1])
  list(grid_density(wave, rep(0, d), rep(1, d), n), grid_density(ridge, rep(0, d), rep(1, d), n))
}

# Two narrow normal laws cut off by the square; their distance is that of the quantiles of the axes.
narrow <- function(n) {
  hill <- function(m) function(x) exp(-50 * ((x[, 1] - m[1])^2 + (x[, 2] - m[2])^2))
  list(grid_density(hill(c(0.3, 0.35)), c(0, 0), c(1, 1), n),
       grid_density(hill(c(0.7, 0.6)), c(0, 0), c(1, 1), n))
}
narrow_squared <- 0.221748194906

# One row: what a process of its own needs at most, less what it needs to begin with.
peak <- function() {
  status <- if (file.exists("/proc/self/status")) readLines("/proc/self/status")
  as.numeric(gsub("[^0-9]", "", grep("VmHWM", status, value = TRUE))) / 1024
}
one <- option("one")
if (!is.null(one)) {
  what <- strsplit(one, ",")[[1]]
  d <- as.integer(what[2])
  n <- as.integer(what[3])
  laws <- if (what[1] == "narrow") narrow(n) else problem(d, n)
  base <- peak()
  used <- suppressMessages(system.time(ma <- suppressWarnings(monge_ampere(laws[[1]], laws[[2]]))))
  cat(ma$method, format(ma$distance^2, digits = 12), ma$error, sum(used[1:2]), used[[3]], max(c(peak() - base, NA), na.rm = TRUE),
      ma$status, "\n")
  quit(save = "no")
}

run_one <- function(name, d, n) {
  out <- system2(file.path(R.home("bin"), "Rscript"),
                 c(shQuote(script_path()), paste0("--one=", name, ",", d, ",", n)), stdout = TRUE)
  v <- strsplit(utils::tail(out, 1), " ")[[1]]
  data.frame(problem = name, cells = paste(rep(n, d), collapse = "x"), method = v[1],
             w2_squared = as.numeric(v[2]), l1_error = as.numeric(v[3]), s.cpu = as.numeric(v[4]),
             s.wall = as.numeric(v[5]), mb = as.numeric(v[6]), us_a_cell = 1e6 * as.numeric(v[4]) / n^d)
}

sizes2 <- amount(c(128, 256), c(128, 256, 512, 1024, 2048), c(128, 256, 512, 1024, 2048, 4096))
sizes3 <- amount(c(16, 32), c(32, 64, 128))
table <- rbind(
  do.call(rbind, lapply(sizes2, function(n) run_one("smooth", 2, n))),
  do.call(rbind, lapply(sizes3, function(n) run_one("smooth", 3, n))),
  do.call(rbind, lapply(sizes2[sizes2 <= 1024], function(n) run_one("narrow", 2, n)))
)
rough <- table$problem == "narrow"
table$off <- NA_real_
table$off[rough] <- table$w2_squared[rough] / narrow_squared - 1
table$off <- abs(table$off)
show_table(
  "Optimal transport on grids", format(table, digits = 4),
  paste("l1_error: of the image of the first density, carried cell by cell. off: of the squared distance,",
        "relative, where it is known. mb: the most memory, beyond the densities."),
  rows = c("problem", "cells")
)
cat("\n")
cycle <- function(n) {
  laws <- problem(2, n)
  used <- cpu_seconds(sinkhorn_flow(laws[[1]], laws[[2]], 4e-3, 1e-3))
  data.frame(cells = paste0(n, "x", n), s.cycle = signif(used / 5, 3))
}
show_table(
  "A Sinkhorn cycle on a grid, in logarithms, epsilon = 1e-3",
  do.call(rbind, lapply(amount(64, c(64, 128, 256)), cycle)), rows = "cells"
)
