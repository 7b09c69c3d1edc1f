# Entropic transport: next to POT and T4transport, against n, and memory. One thread, CPU seconds.
# Rscript bench/sinkhorn.R [--quick | --full] [--python=python3]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
here <- dirname(gsub("~+~", " ", file, fixed = TRUE))
source(file.path(here, "common.R"))
brenier_threads(1)

# A uniform sample of the cube against one of a bent and squeezed cube.
clouds <- function(n, d, seed = 1) {
  set.seed(seed)
  x <- matrix(runif(n * d), n)
  y <- matrix(runif(n * d), n)
  y[, 1] <- y[, 1]^2
  y[, 2] <- 0.3 + 0.5 * y[, 2]
  list(x = x, y = y)
}

# --- one divergence, for the second table ----------------------------------------------

peak_memory <- function() { # MB; the high-water mark of the process
  if (!file.exists("/proc/self/status")) return(NA)
  line <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("\\D", "", line)) / 1024
}

if ("--one" %in% arguments) {
  case <- as.numeric(strsplit(option("case"), ",")[[1]])
  s <- clouds(case[1], case[2])
  before <- peak_memory()
  cpu <- cpu_seconds(ot <- sinkhorn(s$x, s$y, 2 * case[3]^2, debias = TRUE, control = list(tol = 1e-3)))
  cat(cpu, peak_memory() - before, ot$value, ot$gap, ot$error, ot$iterations, "\n")
  quit("no")
}

# --- next to others --------------------------------------------------------------

python <- if (is.null(option("python"))) "python3" else option("python")
has_pot <- suppressWarnings(system2(python, c("-c", shQuote("import ot")), stdout = FALSE,
                                    stderr = FALSE)) == 0

pot_run <- function(s, epsilon, tol, most) {
  folder <- tempfile()
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  names <- file.path(folder, c("x.csv", "y.csv"))
  for (k in 1:2) utils::write.table(s[[k]], names[k], sep = ",", row.names = FALSE, col.names = FALSE)
  out <- system2(python, c(file.path(here, "sinkhorn-pot.py"), names, epsilon, tol, most), stdout = TRUE,
                 env = c("OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1"))
  as.numeric(strsplit(out, " ")[[1]])
}

rows <- list()
tol <- 1e-5
add <- function(program, n, epsilon, cpu, value, error, iterations) {
  rows[[length(rows) + 1]] <<- data.frame(
    n, d = 2, epsilon, program, cpu = fixed(cpu, 2), value = fixed(value, 7),
    error = format(error, digits = 2), iterations
  )
}
for (n in amount(500, c(1000, 2000), c(1000, 2000, 4000))) for (epsilon in c(0.05, 0.005)) {
  s <- clouds(n, 2)
  ours <- NULL
  cpu <- cpu_seconds(ours <- sinkhorn(s$x, s$y, epsilon, control = list(tol = tol)))
  add("brenier", n, epsilon, cpu, ours$value, ours$error, ours$iterations)
  if (has_pot) {
    theirs <- pot_run(s, epsilon, tol, 2000)
    add("POT sinkhorn_log", n, epsilon, theirs[1], theirs[2], theirs[3], theirs[4])
  }
  if (requireNamespace("T4transport", quietly = TRUE) && epsilon == 0.05 && n <= 2000) {
    most <- amount(10, 30, 300)
    cpu <- cpu_seconds(theirs <- T4transport::sinkhorn(s$x, s$y, p = 2, lambda = epsilon, maxiter = most,
                                                       abstol = tol))
    P <- theirs$plan
    error <- sum(abs(rowSums(P) - 1 / n)) + sum(abs(colSums(P) - 1 / n))
    add("T4transport", n, epsilon, cpu, NA, error, paste("at most", most))
  }
}
show_table(
  paste("Transport of n points to n, cost |x - y|^2, marginal error", tol), do.call(rbind, rows),
  "cpu: seconds on one thread. value: with the regulariser. iterations: over all points, where known.",
  rows = c("n", "epsilon", "program")
)
cat("\n")

# --- against n ---------------------------------------------------------------------

# In a process of its own, whose memory is then its own.
divergence_run <- function(case) {
  out <- system2(file.path(R.home("bin"), "Rscript"),
                 c(shQuote(script_path()), "--one", paste0("--case=", paste(case, collapse = ","))), stdout = TRUE)
  as.numeric(strsplit(out[length(out)], " ")[[1]])
}

sizes <- list(
  c(1e3, 2, 0.05), c(1e4, 2, 0.05), c(1e5, 2, 0.05), c(1e4, 2, 0.01), c(1e5, 2, 0.01), c(1e3, 3, 0.05),
  c(1e4, 3, 0.05), c(1e5, 3, 0.05), c(1e3, 10, 0.05), c(1e4, 10, 0.05), c(1e4, 10, 0.3)
)
if (amount(TRUE, FALSE)) sizes <- Filter(function(s) s[1] < 1e4, sizes)
rows <- lapply(sizes, function(s) {
  r <- divergence_run(s)
  data.frame(n = s[1], d = s[2], blur = s[3], cpu = fixed(r[1], 2), memory = fixed(r[2], 0),
             value = fixed(r[3], 6), gap = format(r[4], digits = 2), error = format(r[5], digits = 2),
             iterations = r[6])
})
show_table(
  "Sinkhorn divergence of n points and n, marginal error 1e-3", do.call(rbind, rows),
  "blur: that of the kernel, epsilon = 2 blur^2 for |x - y|^2. cpu: seconds on one thread. memory: MB over the data.",
  rows = c("n", "d", "blur")
)
