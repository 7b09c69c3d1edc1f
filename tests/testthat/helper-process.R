# A new R session with the package that is tested, and functions that see others than they would.

# What `code` says of the object `target` there, or the class and message of its error.
elsewhere <- function(target, code) {
  home <- dirname(getNamespaceInfo("brenier", "path"))
  files <- c(target = withr::local_tempfile(), code = withr::local_tempfile(),
             out = withr::local_tempfile())
  saveRDS(target, files[["target"]])
  writeLines(c(
    sprintf(".libPaths(c(%s, .libPaths()))", deparse(home)), "library(brenier)",
    sprintf("target <- readRDS(%s)", deparse(files[["target"]])),
    paste0("out <- tryCatch({", paste(deparse(substitute(code)), collapse = "\n"),
           "}, error = function(e) e)"),
    sprintf("saveRDS(if (inherits(out, 'error')) list(class(out), conditionMessage(out)) else out, %s)",
            deparse(files[["out"]]))
  ), files[["code"]])
  system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", shQuote(files[["code"]])),
          stdout = FALSE, stderr = FALSE)
  readRDS(files[["out"]])
}

# A function of the package that sees these in place of the functions that it would.
with_part <- function(f, ...) {
  environment(f) <- list2env(list(...), parent = environment(f))
  f
}

# A package that is not installed.
lacking <- function(f) with_part(f, requireNamespace = function(...) FALSE)
