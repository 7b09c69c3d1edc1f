# Bars of interactive sessions.

#' A bar for whatever lasts longer than two seconds in an interactive session: `report`, a function of
#' numbers of which the first is how far a run is, out of `total` where that is known, and of which
#' `words` makes a text with `what` is being done. Its text travels with the bar: cli evaluates a format
#' in `frame`, which knows nothing of the state here.
#' @noRd
new_progress <- function(words = fit_words, total = NA, frame = parent.frame()) {
  state <- new.env(parent = emptyenv())
  state$what <- ""
  if (!rlang::is_interactive()) return(state)
  known <- if (is.na(total)) "" else " {cli::pb_bar} {cli::pb_percent} | ETA: {cli::pb_eta}"
  bar <- cli_progress_bar(
    format = paste0("{cli::pb_spin} {cli::pb_extra$text}", known), total = total,
    extra = list(text = ""), .envir = frame, .auto_close = TRUE
  )
  # The core takes an error for an interrupt: a bar that fails is no reason to end a run.
  state$report <- function(values) {
    try(silent = TRUE, cli_progress_update(
      set = if (!is.na(total)) values[1], id = bar, extra = list(text = words(state$what, values)),
      .envir = frame
    ))
  }
  state
}
