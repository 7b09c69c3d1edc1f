# Checks of single arguments. Each returns the value in the form that the caller needs.

check_number <- function(x, name, min = -Inf, max = Inf, open = FALSE, infinite = FALSE,
                         remedy = NULL) {
  ok <- is.numeric(x) && length(x) == 1 && !is.na(x) && (infinite || is.finite(x)) &&
    (if (open) x > min && x < max else x >= min && x <= max)
  if (ok) return(as.double(x))
  range <- paste0(if (open) "strictly between " else "between ", min, " and ", max)
  if (is.infinite(max) && !infinite) range <- paste("from", min, "on, and finite")
  brenier_abort(c(
    "{.arg {name}} must be one number {range}, not {shown(x)}.", i = remedy
  ), "argument", argument = name)
}

check_count <- function(x, name, min = 0, max = .Machine$integer.max, remedy = NULL) {
  ok <- is.numeric(x) && length(x) == 1 && !is.na(x) && x == round(x) && x >= min && x <= max
  if (ok) return(as.integer(x))
  range <- if (max == .Machine$integer.max) paste("at least", min) else
    paste("between", min, "and", max)
  brenier_abort(c(
    "{.arg {name}} must be one whole number, {range}, not {shown(x)}.", i = remedy
  ), "argument", argument = name)
}

#' As many numbers as one call may draw: a gigabyte, and R needs it some times over. More than the memory
#' holds does not end in an error but in the end of the process.
#' @noRd
most_drawn <- 2^27

#' Whether `rows` draws of `columns` numbers each are not too many.
#' @noRd
check_drawn <- function(rows, columns, name = "nsim") {
  # less where R has been told to use less
  limit <- min(most_drawn, mem.maxVSize() * 2^20 / 32)
  if (as.double(rows) * columns <= limit) return(invisible())
  most <- format(floor(limit / columns), big.mark = " ", scientific = FALSE)
  brenier_abort(c(
    "{.arg {name}} asks for {format(rows, big.mark = ' ', scientific = FALSE)} rows of {columns}
     number{?s}, which may not fit into memory.",
    i = "At most {most} rows are drawn at once. Draw in batches, each with a seed of its own."
  ), "argument", argument = name)
}

check_choice <- function(x, choices, name) {
  if (identical(x, choices)) return(choices[1])
  if (is.character(x) && length(x) == 1 && x %in% choices) return(x)
  near <- if (is.character(x) && length(x) == 1 && !is.na(x)) nearest(x, choices)
  brenier_abort(c(
    "{.arg {name}} must be one of {.or {.val {choices}}}, not {shown(x)}.",
    i = if (length(near)) "Did you mean {.val {near}}?"
  ), "argument", argument = name)
}

check_flag <- function(x, name) {
  if (is.logical(x) && length(x) == 1 && !is.na(x)) return(x)
  brenier_abort("{.arg {name}} must be TRUE or FALSE, not {shown(x)}.", "argument", argument = name)
}

#' The choice that a misspelt word was likely meant to be, or nothing.
#' @noRd
nearest <- function(word, choices) {
  distance <- utils::adist(word, choices, ignore.case = TRUE)
  close <- distance == min(distance) & distance <= min(3, nchar(word) / 2)
  as.character(na.omit(choices[close][1]))
}

#' Arguments that no method knows are misspelt ones: better an error than a silent default.
#' @noRd
check_no_dots <- function(..., known) {
  if (...length() == 0) return(invisible())
  name <- ...names()[1] # not evaluated: it may name a variable of the data
  if (is.null(name) || is.na(name) || name == "") {
    brenier_abort(c(
      "There is one unnamed argument too many.", i = "Name the arguments after the first."
    ), "argument", argument = "...")
  }
  known <- setdiff(known, "...")
  if (name %in% c("formula", "data") || (name == "x" && "formula" %in% known)) {
    brenier_abort(c(
      "There is no argument {.arg {name}} here.",
      i = "A formula comes first, then its data: {.code (~ a + b, data = d)}."
    ), "argument", argument = name)
  }
  near <- nearest(name, known)
  brenier_abort(c(
    "There is no argument {.arg {name}}.",
    i = if (length(near)) "Did you mean {.arg {near}}?" else
      if (length(known) > 1 && length(known) < 20) "There are {.arg {known}}."
  ), "argument", argument = name)
}

#' Probabilities of quantile regions.
#' @noRd
check_level <- function(level) {
  if (is.numeric(level) && length(level) && !anyNA(level) && all(level > 0 & level < 1)) {
    return(as.double(level))
  }
  brenier_abort(
    "{.arg level} must be probabilities strictly between 0 and 1, not {shown(level)}.",
    "argument", argument = "level"
  )
}
