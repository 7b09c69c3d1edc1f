# Checks of single arguments. Each returns the value in the form that the caller needs.

check_number <- function(x, name, min = -Inf, max = Inf, open = FALSE, infinite = FALSE,
                         remedy = NULL) {
  ok <- is.numeric(x) && length(x) == 1 && !is.na(x) && (infinite || is.finite(x)) &&
    (if (open) x > min && x < max else x >= min && x <= max)
  if (ok) return(as.double(x))
  range <- if (open) "strictly between" else "between"
  brenier_abort(c(
    "{.arg {name}} must be one number {range} {min} and {max}, not {shown(x)}.", i = remedy
  ), "argument", argument = name)
}

check_count <- function(x, name, min = 0, max = .Machine$integer.max, remedy = NULL) {
  ok <- is.numeric(x) && length(x) == 1 && !is.na(x) && x == round(x) && x >= min && x <= max
  if (ok) return(as.integer(x))
  brenier_abort(c(
    "{.arg {name}} must be one whole number, at least {min}, not {shown(x)}.", i = remedy
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
  choices[distance == min(distance) & distance <= 3][1] |> na.omit() |> as.character()
}

#' Arguments that no method knows are misspelt ones: better an error than a silent default.
#' @noRd
check_no_dots <- function(..., known) {
  extra <- list(...)
  if (length(extra) == 0) return(invisible())
  name <- names(extra)[1]
  if (is.null(name) || name == "") {
    brenier_abort(c(
      "There is one unnamed argument too many.", i = "Name the arguments after the first."
    ), "argument", argument = "...")
  }
  near <- nearest(name, known)
  brenier_abort(c(
    "There is no argument {.arg {name}}.", i = if (length(near)) "Did you mean {.arg {near}}?"
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
