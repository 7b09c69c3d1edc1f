# All benchmarks, to the console and to bench/results.md. Called by `make bench`.
# Rscript bench/run.R [--quick | --full]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
here <- dirname(gsub("~+~", " ", file, fixed = TRUE))
arguments <- commandArgs(trailingOnly = TRUE)
scripts <- c("density-real", "density-simulated", "density-tables", "potentials", "conditional",
             "learners", "tails", "draws", "posteriors", "scaling", "pairs", "sinkhorn",
             "grids",
             "flows")

packages <- c("brenier", "mclust", "ks", "rvinecopulib", "kde1d", "quantreg", "gamlss", "tram", "mlt",
              "MASS", "ggplot2", "loo", "rstan", "T4transport")

processor <- function() {
  if (!file.exists("/proc/cpuinfo")) return(Sys.info()[["machine"]])
  line <- grep("^model name", readLines("/proc/cpuinfo"), value = TRUE)
  if (length(line) == 0) Sys.info()[["machine"]] else sub("^[^:]*: *", "", line[1])
}

versions <- function(packages) {
  packages <- packages[vapply(packages, function(p) nzchar(system.file(package = p)), NA)]
  each <- vapply(packages, function(p) format(utils::packageVersion(p)), "")
  paste(packages, each, collapse = ", ")
}

results <- c(
  "# Benchmarks", "",
  paste0("Made by `make bench`",
         if (length(arguments)) paste0(" with ", paste(arguments, collapse = " ")),
         ", ", format(Sys.Date()), "."),
  paste0(R.version.string, "; ", versions(packages), "."),
  paste0(processor(), ", ", parallel::detectCores(), " processors; brenier with ",
         brenier::brenier_threads(), " threads, SIMD level ", brenier::brenier_simd(), ".")
)

for (script in scripts) {
  started <- proc.time()[[3]]
  out <- suppressWarnings(system2(
    file.path(R.home("bin"), "Rscript"),
    c(shQuote(file.path(here, paste0(script, ".R"))), arguments), stdout = TRUE,
    env = paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = .Platform$path.sep)))
  ))
  if (!is.null(attr(out, "status"))) stop(script, ".R failed.")
  took <- paste0("(", script, ": ", round(proc.time()[[3]] - started), " s)")
  cat(out, "", took, "", sep = "\n")
  results <- c(results, "", paste("##", out[1]), "", "```", out[-(1:2)], "```", "", took)
}
writeLines(results, file.path(here, "results.md"))
