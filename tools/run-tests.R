# Rscript tools/run-tests.R COUNTS [--strict] [--filter=REGEX]
# Runs tests/testthat against the installed package and writes "passed failed skipped", one count
# for each expectation, to the file COUNTS. --strict: a warning makes the run fail. --filter: only
# the files test-*.R whose middle part matches.

words <- commandArgs(trailingOnly = TRUE)
filter <- sub("^--filter=", "", grep("^--filter=", words, value = TRUE))
# Snapshots and long tests run here; they are skipped on CRAN.
Sys.setenv(NOT_CRAN = "true")

results <- testthat::test_dir(
  "tests/testthat",
  filter = if (length(filter)) filter, reporter = "check", package = "brenier",
  load_package = "installed", stop_on_failure = FALSE
)
kinds <- unlist(lapply(results, function(test) {
  vapply(test$results, function(x) sub("^expectation_", "", class(x)[1]), "")
}))
count <- function(...) sum(kinds %in% c(...))
failed <- count("failure", "error")
cat(count("success"), failed, count("skip"), "\n", file = words[1])

warned <- "--strict" %in% words && count("warning") > 0
if (warned) message("Warnings in the tests: ", count("warning"))
quit(status = as.integer(failed > 0 || warned))
