# The page of results: made of what each section stored in bench/results, NAME.txt for the reader and
# NAME.csv for the summary at the top, whose lines are those of goals.csv.

# A stored section: what it says of itself (date, machine, command, ...), its text and its figures.
read_section <- function(folder, name) {
  path <- file.path(folder, paste0(name, c(".txt", ".csv")))
  if (!file.exists(path[1])) return(NULL)
  lines <- readLines(path[1])
  end <- which(lines == "")[1]
  head <- strsplit(lines[seq_len(end - 1)], ": ")
  said <- lapply(head, function(h) paste(h[-1], collapse = ": "))
  names(said) <- vapply(head, `[`, "", 1)
  figures <- if (file.exists(path[2])) utils::read.csv(path[2], colClasses = c(row = "character"))
  c(said, list(text = lines[-seq_len(end)], figures = figures))
}

write_section <- function(folder, name, said, text) {
  writeLines(c(paste0(names(said), ": ", unlist(said)), "", text),
             file.path(folder, paste0(name, ".txt")))
}

# One figure of a section; NA where it has none. The last one counts if there are several.
figure_of <- function(section, row, column) {
  f <- section$figures
  value <- f$value[f$row == row & f$column == column]
  if (length(value)) value[length(value)] else NA_real_
}

# A figure is named "row | column" and may be the difference or the ratio of two, "a -- b", "a // b".
# A number stands for itself.
evaluate <- function(section, name) {
  if (is.na(name) || name == "") return(NA_real_)
  number <- suppressWarnings(as.numeric(name))
  if (!is.na(number)) return(number)
  for (sign in c(" -- ", " // ")) {
    parts <- strsplit(name, sign, fixed = TRUE)[[1]]
    if (length(parts) == 2) {
      v <- vapply(parts, function(p) evaluate(section, p), 0)
      return(if (sign == " -- ") v[[1]] - v[[2]] else v[[1]] / v[[2]])
    }
  }
  parts <- strsplit(name, " | ", fixed = TRUE)[[1]]
  figure_of(section, parts[1], parts[2])
}

# The summary as a data frame, a goal a row; `ratio` is above one where ours is the better.
summary_of_goals <- function(goals, sections) {
  rows <- lapply(seq_len(nrow(goals)), function(i) {
    g <- goals[i, ]
    section <- sections[[g$section]]
    ours <- evaluate(section, g$ours)
    peer <- evaluate(section, g$peer)
    known <- !is.na(ours) && !is.na(g$goal)
    # Of logarithms, shapes and counts a ratio says nothing.
    comparable <- !g$unit %in% c("of", "khat") && isTRUE(ours > 0 && peer > 0)
    data.frame(
      what = g$what, unit = g$unit, ours = ours, peer = peer, peer_is = g$peer_is,
      ratio = if (!comparable) NA_real_ else if (g$better == "less") peer / ours else ours / peer,
      goal = g$goal, better = g$better,
      met = if (!known) NA else if (g$better == "less") ours <= g$goal else ours >= g$goal,
      date = c(section$date, NA)[1], machine = c(section$machine, NA)[1],
      command = if (is.na(ours)) paste("Rscript bench/run.R", g$section) else section$command
    )
  })
  do.call(rbind, rows)
}

short <- function(x) {
  ifelse(is.na(x), "-", vapply(x, function(v) format(signif(v, 3), big.mark = " ", digits = 3), ""))
}

summary_lines <- function(s) {
  with_unit <- function(v) paste0(short(v), ifelse(is.na(v) | s$unit %in% c("", "of", "khat"), "", paste0(" ", s$unit)))
  sign <- ifelse(s$better == "less", "at most ", "at least ")
  count <- c(sum(s$met, na.rm = TRUE), sum(!s$met, na.rm = TRUE), sum(is.na(s$met)))
  cells <- cbind(
    s$what, with_unit(s$ours),
    ifelse(is.na(s$peer), "-", paste0(with_unit(s$peer), ", ", s$peer_is)), short(s$ratio),
    ifelse(is.na(s$goal), "-", paste0(sign, short(s$goal))),
    ifelse(is.na(s$met), "-", ifelse(s$met, "yes", "**no**")),
    ifelse(is.na(s$date) | is.na(s$ours), "not run", s$date),
    ifelse(is.na(s$machine) | is.na(s$ours), "-", s$machine),
    paste0("`", sub("Rscript bench/run.R", "run.R", s$command), "`")
  )
  c(
    "## Goals", "",
    paste0(count[1], " met, ", count[2], " missed, ", count[3], " without a figure as yet."), "",
    "| what | ours | its peer | ratio | goal | met | date | machine | command |",
    "|---|---:|---|---:|---|---|---|---|---|",
    apply(cells, 1, function(row) paste0("| ", paste(row, collapse = " | "), " |")), "",
    "ratio: how many times better ours is than the peer, in the unit of the line. The peer is of the same run",
    "unless it says *elsewhere*: then it was measured by its makers or by others, on another machine. Log",
    "likelihoods are nats a point. Commands are called as `Rscript bench/run.R name`; `--quick` ones are small.", ""
  )
}

section_lines <- function(section) {
  c(paste("##", section$text[1]), "", "```", section$text[-(1:2)], "```", "",
    paste0("`", section$command, "`: ", section$seconds, " s, ", section$date, ", ", section$machine, "."),
    "")
}

# The vignettes that show benchmarks have copies of their figures: those files that are there. They are
# installed, so when, where and how the figures came about is in the first row alone.
copy_for_vignettes <- function(folder, vignettes, names) {
  for (name in names) {
    copy <- file.path(vignettes, paste0("bench-", name, ".csv"))
    section <- if (file.exists(copy)) read_section(folder, name)
    if (is.null(section)) next
    figures <- cbind(section$figures, date = section$date, machine = section$machine, command = section$command)
    figures[-1, c("date", "machine", "command")] <- NA
    utils::write.csv(figures, copy, row.names = FALSE, na = "")
  }
}

write_page <- function(here, names) {
  folder <- file.path(here, "results")
  sections <- Filter(Negate(is.null), sapply(names, read_section, folder = folder, simplify = FALSE))
  goals <- utils::read.csv(file.path(here, "goals.csv"), colClasses = c(ours = "character", peer = "character"))
  unknown <- setdiff(goals$section, names)
  if (length(unknown)) stop("goals.csv names ", unknown[1], ", and there is no such section.")
  versions <- vapply(sections, function(s) s$versions, "")
  latest <- versions[[which.max(as.Date(vapply(sections, function(s) s$date, "")))]]
  writeLines(c(
    "# Benchmarks", "",
    "Made by `make bench`, or one section at a time by `Rscript bench/run.R name`, from what the sections stored in",
    "`bench/results`; each says when it was run, and where. `Rscript bench/run.R --page` makes the page alone.",
    paste0("Versions: ", latest, "."), "",
    summary_lines(summary_of_goals(goals, sections)),
    unlist(lapply(sections, section_lines), use.names = FALSE)
  ), file.path(here, "results.md"))
}
