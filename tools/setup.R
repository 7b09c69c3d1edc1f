# Rscript tools/setup.R check|install purpose ...    (from the top of the checkout)
# check: prints "package version Debian-name" for each R package that is missing or too old; the name
# is - where Debian has none.
# install: installs those from CRAN, with what they need, into the first library one can write to.

words <- commandArgs(trailingOnly = TRUE)
action <- words[1]
purposes <- words[-1]

records <- as.data.frame(read.dcf("tools/dependencies.dcf"))
description <- read.dcf("DESCRIPTION", c("Imports", "Suggests"))

give_up <- function(...) {
  message(...)
  quit(status = 1)
}

# "a, b (>= 1.2)" as a data frame of names and least versions; "0" where any will do.
parse_needs <- function(text) {
  items <- trimws(unlist(strsplit(text[!is.na(text)], ",")))
  items <- items[nzchar(items)]
  version <- ifelse(grepl(">=", items), gsub("^.*>=\\s*|\\s*\\)$", "", items), "0")
  data.frame(Package = sub("[[:space:](].*$", "", items), Version = version)
}

has <- function(package, version) {
  found <- suppressWarnings(packageDescription(package, fields = "Version"))
  !is.na(found) && package_version(found) >= version
}

lacking <- function(needs) needs[!mapply(has, needs$Package, needs$Version), , drop = FALSE]

# One place holds the versions: what DESCRIPTION asks for must be there, and no lower.
base <- rownames(installed.packages(.Library, priority = "base"))
asked <- parse_needs(description)
asked <- asked[!asked$Package %in% base, ]
pinned <- records$Version[match(asked$Package, records$Package)]
wrong <- is.na(pinned) | (asked$Version != "0" & asked$Version != pinned)
if (any(wrong)) {
  give_up(
    "tools/dependencies.dcf and DESCRIPTION differ on: ",
    paste(asked$Package[wrong], collapse = ", ")
  )
}

r_version <- records$Version[match("R", records$Tool)]
if (getRversion() < r_version) {
  give_up("R ", getRversion(), " is too old: please install R ", r_version, " or later.")
}

wanted <- vapply(strsplit(records$For, " "), function(x) any(x %in% purposes), NA)
missing <- lacking(records[wanted & !is.na(records$Package), ])
missing$Debian[is.na(missing$Debian)] <- "-"
if (action == "check") {
  cat(sprintf("%s %s %s\n", missing$Package, missing$Version, missing$Debian), sep = "")
}

# The packages to install: those missing, and whatever they need that is missing or too old.
with_dependencies <- function(names, available) {
  queue <- names
  done <- character()
  while (length(queue)) {
    package <- queue[1]
    queue <- queue[-1]
    if (package %in% done || !package %in% rownames(available)) next
    done <- c(done, package)
    needs <- parse_needs(available[package, c("Depends", "Imports", "LinkingTo")])
    needs <- needs[!needs$Package %in% c("R", base), ]
    queue <- c(queue, lacking(needs)$Package)
  }
  done
}

writable_library <- function() {
  writable <- .libPaths()[file.access(.libPaths(), 2) == 0]
  if (length(writable)) return(writable[1])
  personal <- path.expand(strsplit(Sys.getenv("R_LIBS_USER"), .Platform$path.sep)[[1]][1])
  if (is.na(personal) || !dir.create(personal, showWarnings = FALSE, recursive = TRUE)) {
    give_up("No R library can be written to. Set R_LIBS_USER to a folder of yours.")
  }
  .libPaths(c(personal, .libPaths()))
  personal
}

if (action == "install" && nrow(missing)) {
  if (!length(getOption("repos")) || "@CRAN@" %in% getOption("repos")) {
    chooseCRANmirror(graphics = FALSE, ind = 1, local.only = TRUE)
  }
  library_path <- writable_library()
  todo <- with_dependencies(missing$Package, available.packages())
  if (length(todo)) {
    # Or fs, which testthat needs, asks for a system library.
    Sys.setenv(USE_BUNDLED_LIBUV = "1")
    message("Installing from CRAN into ", library_path, ": ", paste(todo, collapse = " "))
    install.packages(todo, lib = library_path, quiet = TRUE)
  }
  missing <- lacking(missing)
  if (nrow(missing)) {
    debian <- setdiff(missing$Debian, "-")
    give_up(
      "Please install these R packages: ",
      paste0(missing$Package, " (", missing$Version, " or later)", collapse = ", "),
      if (length(debian)) "\nOn Debian or Ubuntu, where new enough: sudo apt-get install ",
      paste(debian, collapse = " ")
    )
  }
}
