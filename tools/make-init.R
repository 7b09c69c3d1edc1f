# Rscript tools/make-init.R [--check]
# Writes src/init.c, the registration table, from the definitions `SEXP brenier_*(...) {` that
# start a line in src/r_*.c. --check: writes nothing, and fails when src/init.c is out of date.

# Names and argument counts of the entry points of one file.
entries_of <- function(path) {
  text <- paste(readLines(path, encoding = "UTF-8"), collapse = "\n")
  text <- gsub("(?s)/\\*.*?\\*/|//[^\n]*", "", text, perl = TRUE)
  pattern <- "(?m)^SEXP[[:space:]]+(brenier_[A-Za-z0-9_]+)[[:space:]]*\\(([^)]*)\\)[[:space:]]*\\{"
  found <- regmatches(text, gregexpr(pattern, text, perl = TRUE))[[1]]
  name <- sub("(?s)^SEXP\\s+(\\w+).*$", "\\1", found, perl = TRUE)
  inside <- sub("(?s)^[^(]*\\((.*)\\)[^)]*$", "\\1", found, perl = TRUE)
  arguments <- lapply(strsplit(inside, ","), trimws)
  takes_none <- vapply(arguments, identical, NA, "void")
  proper <- takes_none | vapply(arguments, function(x) length(x) && all(grepl("^SEXP\\s", x)), NA)
  if (!all(proper)) {
    wrong <- toString(name[!proper])
    stop(path, ": arguments must be `void` or all SEXP in: ", wrong, call. = FALSE)
  }
  data.frame(name = name, n = ifelse(takes_none, 0L, lengths(arguments)))
}

prototype <- function(name, n) {
  head <- sprintf("SEXP %s(", name)
  arguments <- paste0(if (n == 0) "void" else paste(rep("SEXP", n), collapse = ", "), ");")
  # Broken where clang-format breaks it.
  lines <- strwrap(arguments, width = 101 - nchar(head))
  paste0(head, paste(lines, collapse = paste0("\n", strrep(" ", nchar(head)))))
}

files <- sort(list.files("src", "^r_.*\\.c$", full.names = TRUE), method = "radix")
entries <- do.call(rbind, lapply(files, entries_of))
if (NROW(entries) == 0) stop("no entry point in src/r_*.c", call. = FALSE)
entries <- entries[order(entries$name, method = "radix"), ]
if (anyDuplicated(entries$name)) {
  stop("defined twice: ", entries$name[duplicated(entries$name)], call. = FALSE)
}

code <- c(
  "/* The registration table: written by tools/make-init.R, not by hand. */",
  "#ifndef R_NO_REMAP",
  "#define R_NO_REMAP",
  "#endif",
  "#include <Rinternals.h>",
  "",
  "#include <R_ext/Rdynload.h>",
  "#include <R_ext/Visibility.h>",
  "",
  "#include \"system.h\"",
  "",
  mapply(prototype, entries$name, entries$n),
  "",
  "/* Cast by way of void (*)(void), which stands for any function, so that no compiler warns. */",
  "/* clang-format off */",
  "static const R_CallMethodDef call_entries[] = {",
  sprintf("  {\"%1$s\", (DL_FUNC)(void (*)(void))%1$s, %2$d},", entries$name, entries$n),
  "  {NULL, NULL, 0},",
  "};",
  "/* clang-format on */",
  "",
  "void attribute_visible R_init_brenier(DllInfo *dll) {",
  "  R_registerRoutines(dll, NULL, call_entries, NULL, NULL);",
  "  R_useDynamicSymbols(dll, FALSE);",
  "  R_forceSymbols(dll, TRUE);",
  "  br_system_init();",
  "}"
)
code <- strsplit(paste(code, collapse = "\n"), "\n")[[1]]

target <- file.path("src", "init.c")
if (!"--check" %in% commandArgs(trailingOnly = TRUE)) {
  writeLines(code, target)
} else if (!file.exists(target) || !identical(readLines(target), code)) {
  message("src/init.c is out of date: run `Rscript tools/make-init.R`.")
  quit(status = 1)
}
