# Cost against the number of points in ten dimensions: seconds and peak memory, 1 and 2 threads.
# Rscript bench/scaling.R [--quick | --full]      --full adds 100 000 points and takes long.

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
source(file.path(dirname(gsub("~+~", " ", file, fixed = TRUE)), "common.R"))

d <- 10

# Most memory that this process had so far, in MB; only Linux tells.
peak_memory <- function() {
  if (!file.exists("/proc/self/status")) return(NA_real_)
  line <- grep("^VmHWM:", readLines("/proc/self/status"), value = TRUE)
  if (length(line) == 0) NA_real_ else as.numeric(gsub("[^0-9]", "", line)) / 1024
}

# One fit, in a process of its own: prints its figures on one line.
measure <- function(n, threads) {
  set.seed(n)
  z <- matrix(rnorm(n * d), n, d)
  x <- z + 0.5 * z[, c(2:d, 1)]^2
  rm(z)
  brenier_threads(threads)
  before <- peak_memory()
  fit <- fit_brenier(x)
  cat("figures", n, brenier_threads(), fit$seconds, before, peak_memory(), glance(fit)$atoms,
      fit$converged + 0, fit$held_out$log_likelihood, "\n")
}

call_measure <- function(n, threads) {
  out <- system2(
    file.path(R.home("bin"), "Rscript"),
    c(shQuote(script_path()), "--one", format(n, scientific = FALSE), threads),
    stdout = TRUE,
    env = paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = .Platform$path.sep)))
  )
  line <- grep("^figures ", out, value = TRUE)
  if (length(line) != 1) stop("The fit of ", n, " points failed: ", paste(out, collapse = "\n"))
  as.numeric(strsplit(line, " ")[[1]][2:9])
}

if (identical(arguments[1], "--one")) {
  measure(as.numeric(arguments[2]), as.integer(arguments[3]))
} else {
  sizes <- amount(c(200, 1000), c(1e3, 1e4), c(1e3, 1e4, 1e5))
  figures <- NULL
  for (n in sizes) for (threads in 1:2) figures <- rbind(figures, call_measure(n, threads))
  show_table(
    "Fits in ten dimensions, X = Z + .5 Z[shifted]^2, each in a fresh process",
    data.frame(
      n = formatC(figures[, 1], format = "d", big.mark = " "), threads = figures[, 2],
      seconds = fixed(figures[, 3], 1), s.a.1e4 = fixed(figures[, 3] / figures[, 1] * 1e4, 1),
      peak.MB = fixed(figures[, 5], 0), fit.MB = fixed(figures[, 5] - figures[, 4], 0),
      atoms = figures[, 6], converged = ifelse(figures[, 7] == 1, "yes", "NO"),
      held.out = fixed(figures[, 8])
    ),
    c(
      paste(
        "s.a.1e4: seconds for 10 000 points. peak.MB: most memory of the R process (NA where",
        "the system does not tell); fit.MB: what the fit added to the peak before it, which",
        "R, the packages and the data had made."
      ),
      paste(
        "Up to 5000 points the default is 5 folds, above it one part is held out: the cost of",
        "a point falls there."
      )
    ),
    rows = c("n", "threads")
  )
}
