# All benchmarks, or those named, to the console and to bench/results; then the page bench/results.md
# and the copies of figures that the vignettes have.
# Rscript bench/run.R [--quick | --full] [name ...]      Called by `make bench`.
# Rscript bench/run.R --page                             The page alone, of what is stored.
# What --quick finds is stored only where nothing better is.

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
here <- dirname(gsub("~+~", " ", file, fixed = TRUE))
source(file.path(here, "page.R"))
arguments <- commandArgs(trailingOnly = TRUE)
scripts <- c("density-real", "density-simulated", "density-tables", "potentials", "conditional",
             "learners", "tails", "draws", "posteriors", "scaling", "pairs", "sinkhorn",
             "grids", "flows", "flows-conditional")
options <- grep("^--", arguments, value = TRUE)
wanted <- setdiff(arguments, options)
if (length(setdiff(wanted, scripts))) stop("There is no ", setdiff(wanted, scripts)[1], ".R here.")
if (length(wanted) == 0) wanted <- scripts
if ("--page" %in% options) wanted <- NULL

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

folder <- file.path(here, "results")
dir.create(folder, showWarnings = FALSE)
for (script in wanted) {
  started <- proc.time()[[3]]
  figures <- tempfile(fileext = ".csv")
  out <- suppressWarnings(system2(
    file.path(R.home("bin"), "Rscript"),
    c(shQuote(file.path(here, paste0(script, ".R"))), options, shQuote(paste0("--figures=", figures))),
    stdout = TRUE,
    env = paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = .Platform$path.sep)))
  ))
  if (!is.null(attr(out, "status"))) stop(script, ".R failed.")
  said <- list(
    date = format(Sys.Date()),
    machine = paste0(processor(), " x ", parallel::detectCores(), ", ", brenier::brenier_simd()),
    command = paste(c("Rscript bench/run.R", options, script), collapse = " "),
    seconds = round(proc.time()[[3]] - started),
    versions = paste0(R.version$version.string, "; ", versions(packages))
  )
  cat(out, "", paste0("(", said$command, ": ", said$seconds, " s, ", said$date, ")"), "", sep = "\n")
  before <- read_section(folder, script)
  if ("--quick" %in% options && !is.null(before) && !grepl("--quick", before$command)) {
    message(script, ": not stored, for what is there took its time.")
    next
  }
  write_section(folder, script, said, out)
  if (file.exists(figures)) file.copy(figures, file.path(folder, paste0(script, ".csv")), overwrite = TRUE)
}
write_page(here, scripts)
copy_for_vignettes(folder, file.path(here, "../vignettes"), scripts)
