# Optimal transport on grids: time, error and memory as the grid grows, next to the code of Jacobs and
# Leger; what a second thread brings; what a Sinkhorn cycle costs, next to plain kernels and POT.
# Rscript bench/grids.R [--quick | --full] [--python=python3]; --one=METHOD,D,N[,THREADS] does one of them,
# for its memory. BRENIER_BFM names the folder with their Python module w2; without it they are left out.

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

# One row: the most that a process of its own ever had in memory.
peak <- function() {
  status <- if (file.exists("/proc/self/status")) readLines("/proc/self/status")
  c(as.numeric(gsub("[^0-9]", "", grep("VmHWM", status, value = TRUE))) / 1024, NA)[1]
}
one <- option("one")
if (!is.null(one)) {
  what <- strsplit(one, ",")[[1]]
  d <- as.integer(what[2])
  n <- as.integer(what[3])
  brenier_threads(if (length(what) > 3) as.integer(what[4]) else 1L)
  laws <- if (what[1] == "narrow") narrow(n) else problem(d, n)
  base <- peak()
  used <- suppressMessages(system.time(ma <- suppressWarnings(monge_ampere(laws[[1]], laws[[2]]))))
  cat(ma$method, format(ma$distance^2, digits = 12), ma$error, sum(used[1:2]), used[[3]], base, peak(),
      ma$status, "\n")
  quit(save = "no")
}

run_one <- function(name, d, n, threads = 1) {
  out <- system2(file.path(R.home("bin"), "Rscript"),
                 c(shQuote(script_path()), paste0("--one=", name, ",", d, ",", n, ",", threads)),
                 stdout = TRUE)
  v <- strsplit(utils::tail(out, 1), " ")[[1]]
  data.frame(problem = name, cells = paste(rep(n, d), collapse = "x"), method = v[1],
             w2_squared = as.numeric(v[2]), l1_error = as.numeric(v[3]), s.cpu = as.numeric(v[4]),
             s.wall = as.numeric(v[5]), mb.before = as.numeric(v[6]), mb = as.numeric(v[7]),
             us_a_cell = 1e6 * as.numeric(v[4]) / n^d)
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
  "Optimal transport on grids, one thread", format(table, digits = 4),
  paste("l1_error: of the image of the first density, carried cell by cell. off: of the squared distance,",
        "relative, where it is known. mb: the most memory that the process had, mb.before: with the",
        "densities alone."),
  rows = c("problem", "cells")
)

cat("\n")
both <- function(d, n) {
  s <- vapply(1:2, function(threads) run_one("smooth", d, n, threads)$s.wall, 0)
  data.frame(cells = paste(rep(n, d), collapse = "x"), one = s[1], two = s[2], ratio = s[1] / s[2])
}
show_table(
  "Seconds of wall time with one thread and two, smooth densities",
  format(rbind(do.call(rbind, lapply(amount(256, c(512, 1024, 2048)), both, d = 2)),
               both(3, amount(32, 64, 128))), digits = 3),
  rows = "cells", of = "threads"
)

# --- next to others --------------------------------------------------------------

python <- if (is.null(option("python"))) "python3" else option("python")
python_has <- function(module) {
  suppressWarnings(system2(python, c("-c", shQuote(paste("import", module))), stdout = FALSE,
                           stderr = FALSE)) == 0
}
rival <- function(what, laws, ...) {
  folder <- tempfile()
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  names <- file.path(folder, c("mu", "nu", "potential"))
  for (k in 1:2) writeBin(as.double(laws[[k]]$density), names[k])
  script <- file.path(dirname(script_path()), "grids-rivals.py")
  out <- system2(python, c(shQuote(script), what, names[1:2], nrow(laws[[1]]$density), ...,
                           if (what != "pot") names[3]), stdout = TRUE,
                 env = c("OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1"))
  if (!is.null(attr(out, "status"))) stop("grids-rivals.py ", what, " failed")
  n <- prod(dim(laws[[1]]$density))
  figures <- as.numeric(strsplit(utils::tail(out, 1), " ")[[1]])
  list(seconds = utils::tail(figures, 1), own = figures[1], potential = if (what != "pot") readBin(names[3], 0, n))
}

# The image of the first density under a potential, and the distance, found for theirs as for ours.
judge <- function(laws, potential) {
  own <- asNamespace("brenier")
  image <- .Call(own$C_brenier_grid_push, own$grid_of(laws[[1]]), laws[[1]]$density, potential,
                 own$grid_of(laws[[2]]), 3L)
  square <- function(mu) outer(mu$centers[[1]]^2, mu$centers[[2]]^2, `+`)
  conjugate <- .Call(own$C_brenier_grid_legendre, own$grid_of(laws[[1]]), own$grid_of(laws[[2]]), FALSE,
                     potential)
  mean_of <- function(mu, f) sum(mu$density * f) / sum(mu$density)
  c(sum(abs(image / sum(image) - laws[[2]]$density / sum(laws[[2]]$density))),
    mean_of(laws[[1]], square(laws[[1]]) - 2 * potential) +
      mean_of(laws[[2]], square(laws[[2]]) - 2 * conjugate))
}

brenier_threads(1)
if (nzchar(Sys.getenv("BRENIER_BFM")) && python_has("scipy, numpy")) {
  cat("\n")
  next_to <- function(name, n) {
    laws <- if (name == "narrow") narrow(n) else problem(2, n)
    ours <- NULL
    cpu <- cpu_seconds(ours <- suppressWarnings(monge_ampere(laws[[1]], laws[[2]])))
    row <- function(program, iterations, seconds, potential, own) {
      found <- judge(laws, potential)
      data.frame(problem = name, cells = paste0(n, "x", n), program, iterations, s.cpu = seconds,
                 ratio = seconds / cpu, own_error = own, l1_error = found[1], w2_squared = found[2])
    }
    theirs <- lapply(amount(10, c(10, 40), c(10, 40, 160)), function(iterations) {
      value <- rival("bfm", laws, iterations)
      row("bfm", iterations, value$seconds, value$potential, value$own)
    })
    finest <- ours$trace$cells == n^2 & ours$trace$method == ours$method
    do.call(rbind, c(list(row("brenier", sum(finest) - 1, cpu, as.double(ours$potential), ours$error)),
                     theirs))
  }
  sizes <- amount(256, c(256, 512, 1024))
  show_table(
    "Next to the code of Jacobs and Leger, one thread",
    format(rbind(do.call(rbind, lapply(sizes, next_to, name = "smooth")),
                 do.call(rbind, lapply(sizes[sizes <= 512], next_to, name = "narrow"))), digits = 5),
    paste("iterations: of ours those on the finest grid. ratio: of seconds to ours. own_error: L1, of the",
          "image as each program makes it. l1_error, w2_squared: from the potentials, by the same image",
          "and conjugate for all: theirs is conjugate to points, and its differences are rough. The",
          "narrow squared distance is", format(narrow_squared, digits = 9)),
    rows = c("problem", "cells", "program", "iterations")
  )
}

cat("\n")
cycle <- function(n) {
  laws <- problem(2, n)
  epsilon <- 1e-3
  run <- function(cycles) sinkhorn_flow(laws[[1]], laws[[2]], cycles * epsilon, epsilon)
  few <- amount(4, 10)
  flow <- NULL
  cpu <- (cpu_seconds(flow <- run(3 * few)) - cpu_seconds(run(few))) / (2 * few)
  row <- data.frame(cells = paste0(n, "x", n), brenier = cpu, kernels = NA_real_, apart = NA_real_,
                    pot.barycenter = NA_real_)
  if (python_has("numpy")) {
    plain <- rival("kernel", laws, 3 * few, epsilon)
    row$kernels <- plain$seconds
    u <- as.double(flow$potential) - as.double(outer(laws[[1]]$centers[[1]]^2, laws[[1]]$centers[[2]]^2, `+`)) / 2
    row$apart <- max(abs((u - mean(u)) - (plain$potential - mean(plain$potential))))
  }
  if (python_has("ot")) row$pot.barycenter <- rival("pot", laws, 10 * few, epsilon)$seconds
  row
}
show_table(
  "A Sinkhorn cycle on a grid, epsilon = 1e-3, one thread",
  format(do.call(rbind, lapply(amount(64, c(64, 128, 256, 512)), cycle)), digits = 3),
  paste("Seconds. brenier: at any epsilon. kernels: products with the kernel of each axis,",
        "which underflow at small epsilon; apart: their potential from ours after the same cycles.",
        "pot.barycenter: an iteration of its barycenter of the two, which has as many products: POT has no",
        "such method for a pair."),
  rows = "cells"
)
