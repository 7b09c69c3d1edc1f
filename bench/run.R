# All benchmarks, or those named, to the console and to bench/results.md. Called by `make bench`.
# Rscript bench/run.R [--quick | --full] [name ...]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
here <- dirname(gsub("~+~", " ", file, fixed = TRUE))
arguments <- commandArgs(trailingOnly = TRUE)
scripts <- c("density-real", "density-simulated", "density-tables", "potentials", "conditional",
             "learners", "tails", "draws", "posteriors", "scaling", "pairs", "sinkhorn",
             "grids", "flows")
options <- grep("^--", arguments, value = TRUE)
wanted <- setdiff(arguments, options)
if (length(setdiff(wanted, scripts))) stop("There is no ", setdiff(wanted, scripts)[1], ".R here.")
if (length(wanted) == 0) wanted <- scripts

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

head <- c(
  "# Benchmarks", "",
  "Made by `make bench`, or one table at a time by `Rscript bench/run.R name`; each says when.",
  paste0(R.version.string, "; ", versions(packages), "."),
  paste0(processor(), ", ", parallel::detectCores(), " processors; brenier with ",
         brenier::brenier_threads(), " threads, SIMD level ", brenier::brenier_simd(), ".")
)

# The sections of the last time, by their scripts: the last line of each names it.
file <- file.path(here, "results.md")
old <- if (file.exists(file)) readLines(file)
footers <- "^\\(([a-z-]+)( --[a-z]+)*: [0-9]+ s.*"
ends <- grep(footers, old)
starts <- c(grep("^## ", old)[1], ends + 1)[seq_along(ends)]
sections <- Map(function(from, to) c(old[from:to], ""), starts, ends)
names(sections) <- sub(footers, "\\1", old[ends])
sections <- lapply(sections, function(s) s[cumsum(nzchar(s)) > 0])

for (script in wanted) {
  started <- proc.time()[[3]]
  out <- suppressWarnings(system2(
    file.path(R.home("bin"), "Rscript"),
    c(shQuote(file.path(here, paste0(script, ".R"))), options), stdout = TRUE,
    env = paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = .Platform$path.sep)))
  ))
  if (!is.null(attr(out, "status"))) stop(script, ".R failed.")
  took <- paste0("(", paste(c(script, options), collapse = " "), ": ",
                 round(proc.time()[[3]] - started), " s, ", format(Sys.Date()), ")")
  cat(out, "", took, "", sep = "\n")
  sections[[script]] <- c(paste("##", out[1]), "", "```", out[-(1:2)], "```", "", took, "")
  there <- intersect(scripts, names(sections))
  writeLines(c(head, "", unlist(sections[there], use.names = FALSE)), file)
}
