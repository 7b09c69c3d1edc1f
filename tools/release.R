# Rscript tools/release.R CHECK
# Those checks of tools/release.sh that are written in R. Each prints what it finds; the last line
# sums up, and the exit status is 1 when there is something to mend.

end <- function(found, summary) {
  cat(summary, "\n", sep = "")
  quit(status = as.integer(found))
}

lint <- function() {
  found <- lapply(c("R", "tests", "tools", "bench", "vignettes"), lintr::lint_dir)
  found <- structure(unlist(found, recursive = FALSE), class = "lints")
  if (length(found)) print(found)
  end(length(found) > 0, paste(length(found), "lints"))
}

# Definitions at the top of R/ of which the later hides the earlier, topics that two help pages
# claim, tests of one file with one name, and C names that leave the core without its prefix.
names_twice <- function() {
  twice <- function(x, what) {
    again <- unique(x[duplicated(x)])
    if (length(again)) cat(what, ": ", toString(again), "\n", sep = "")
    length(again)
  }
  in_files <- function(dir, pattern, read) {
    unlist(lapply(list.files(dir, pattern, full.names = TRUE), read))
  }
  defined <- in_files("R", "\\.R$", function(file) {
    unlist(lapply(as.list(parse(file)), function(e) {
      if (is.call(e) && as.character(e[[1]])[1] == "<-" && is.name(e[[2]])) as.character(e[[2]])
    }))
  })
  topics <- in_files("man", "\\.Rd$", function(file) {
    unique(grep("^\\\\alias\\{", readLines(file), value = TRUE))
  })
  tests <- in_files("tests/testthat", "^test-.*\\.R$", function(file) {
    paste(basename(file), grep("^test_that\\(", readLines(file), value = TRUE))
  })
  # A definition that starts a line, not static. Glue of several files has a prefix of its own.
  global <- in_files("src", "\\.c$", function(file) {
    text <- paste(readLines(file), collapse = "\n")
    pattern <- paste0("(?m)^(?!static|typedef|struct|enum|BR_)\\w[\\w *]*?\\w+",
                      "\\([^;{}()]*(\\([^()]*\\)[^;{}()]*)*\\) \\{$")
    found <- regmatches(text, gregexpr(pattern, text, perl = TRUE))[[1]]
    sub("(?s)^[^(]*?(\\w+)\\(.*", "\\1", found, perl = TRUE)
  })
  bare <- grep("^(br|brenier|glue)_|^R_init_brenier$", global, value = TRUE, invert = TRUE)
  if (length(bare)) cat("C names without the prefix: ", toString(bare), "\n", sep = "")
  found <- twice(defined, "Defined twice in R/") + twice(topics, "Topics of two help pages") +
    twice(tests, "Tests of one name") + twice(global, "Defined twice in src/") + length(bare)
  end(found > 0, sprintf("%d R names, %d topics, %d tests, %d C names: %d to mend",
                         length(defined), length(topics), length(tests), length(global), found))
}

spelling <- function() {
  found <- spelling::spell_check_package(".")
  if (nrow(found)) print(found)
  end(nrow(found) > 0, paste(nrow(found), "words that neither the dictionary nor inst/WORDLIST has"))
}

# Links to files and anchors of the repository, and the shape of those to the web. The web is not
# asked.
links <- function() {
  pages <- c("README.md", "NEWS.md", "DESCRIPTION", list.files("man", "\\.Rd$", full.names = TRUE),
             list.files("vignettes", "\\.Rmd$", full.names = TRUE))
  found <- 0
  report <- function(...) {
    cat(..., "\n", sep = "")
    found <<- found + 1
  }
  seen <- 0
  for (page in pages) {
    text <- paste(readLines(page, encoding = "UTF-8"), collapse = "\n")
    take <- function(pattern) unique(regmatches(text, gregexpr(pattern, text, perl = TRUE))[[1]])
    web <- take("https?://[^\\s<>\"'{}`)]+")
    doi <- sub("^\\\\?doi[:{]", "", take("\\\\doi\\{[^}]+|doi:[^\\s>]+"))
    own <- if (grepl("md$", page)) take("(?<=\\]\\()[^)#:]+(?=[)#])") else character()
    seen <- seen + length(web) + length(doi) + length(own)
    for (x in grep("^http://", web, value = TRUE)) report(page, ": not https: ", x)
    for (x in grep("doi\\.org/", web, value = TRUE)) report(page, ": write it as a doi: ", x)
    for (x in grep("^10\\.[0-9]{4,}/\\S+$", doi, value = TRUE, invert = TRUE)) {
      report(page, ": no doi: ", x)
    }
    for (x in own[!file.exists(file.path(dirname(page), own))]) report(page, ": no such file: ", x)
  }
  end(found > 0, sprintf("%d links, %d to mend; no web site was asked", seen, found))
}

# The site of _pkgdown.yml in docs/, made without the web, and its links to itself.
site <- function() {
  options(pkgdown.internet = FALSE)
  # Where a package that is not installed is named, the builder would ask CRAN for its address: an
  # empty stand-in sends the link to the index of all packages instead.
  sources <- c("README.md", "NEWS.md", list.files(c("man", "vignettes"), "d$", full.names = TRUE))
  text <- unlist(lapply(sources, readLines, encoding = "UTF-8"))
  calls <- unlist(regmatches(text, gregexpr("\\w[A-Za-z0-9.]*(?=::)|(?<=library\\()\\w+", text,
                                            perl = TRUE)))
  for (package in setdiff(calls, c("", rownames(installed.packages())))) {
    at <- file.path(tempdir(), "stand-ins", package)
    dir.create(at, recursive = TRUE)
    writeLines(c(paste("Package:", package), "Version: 0.0"), file.path(at, "DESCRIPTION"))
  }
  .libPaths(c(.libPaths(), file.path(tempdir(), "stand-ins")))

  pkgdown::check_pkgdown(".")
  to <- normalizePath("docs", mustWork = FALSE)
  unlink(to, recursive = TRUE)
  pkgdown::build_site(".", preview = FALSE, install = FALSE, new_process = FALSE,
                      override = list(destination = to))
  pages <- list.files(to, "\\.html$", recursive = TRUE)
  anchors <- function(page) xml2::xml_text(xml2::xml_find_all(page, "//@id | //a/@name"))
  read <- lapply(stats::setNames(pages, pages), function(p) xml2::read_html(file.path(to, p)))
  found <- 0
  seen <- 0
  for (page in pages) {
    links <- xml2::xml_text(xml2::xml_find_all(read[[page]], "//a/@href | //img/@src"))
    for (link in unique(grep("^([a-z]+:|//|#$|$)", links, value = TRUE, invert = TRUE))) {
      seen <- seen + 1
      file <- sub("#.*$", "", link)
      anchor <- utils::URLdecode(sub("^[^#]*#?", "", link))
      goal <- if (file == "") page else sub("^\\./", "", file.path(dirname(page), file))
      while (grepl("[^/]+/\\.\\./", goal)) goal <- sub("[^/]+/\\.\\./", "", goal)
      if (!file.exists(file.path(to, goal)) ||
            (nzchar(anchor) && goal %in% pages && !anchor %in% anchors(read[[goal]]))) {
        cat(page, ": broken link to ", link, "\n", sep = "")
        found <- found + 1
      }
    }
  }
  end(found > 0, sprintf("%d pages, %d links within the site, %d of them broken",
                         length(pages), seen, found))
}

# Lines of R/ and of src/ that no R test reaches, and the shares that one does.
coverage <- function() {
  Sys.setenv(NOT_CRAN = "true")
  # In a copy: the compiler leaves its counters beside the sources.
  copy <- file.path(tempdir(), "brenier")
  dir.create(copy)
  file.copy(c("DESCRIPTION", "NAMESPACE", "LICENSE", "R", "man", "src", "tests", "inst"), copy,
            recursive = TRUE)
  unlink(list.files(file.path(copy, "src"), "\\.(o|so|dll)$", full.names = TRUE))
  lines <- covr::tally_coverage(covr::package_coverage(copy, type = "tests"), by = "line")
  part <- ifelse(startsWith(lines$filename, "R/"), "R", "C")
  missed <- lines[lines$value == 0, ]
  for (file in unique(missed$filename)) {
    cat(file, ": ", toString(missed$line[missed$filename == file]), "\n", sep = "")
  }
  share <- 100 * tapply(lines$value > 0, part, mean)
  end(any(share[c("R", "C")] < c(99, 98)),
      sprintf("lines that a test runs: R %.1f %%, C %.1f %%", share[["R"]], share[["C"]]))
}

checks <- list(lint = lint, names = names_twice, spelling = spelling, links = links, site = site,
               coverage = coverage)
checks[[commandArgs(trailingOnly = TRUE)[1]]]()
