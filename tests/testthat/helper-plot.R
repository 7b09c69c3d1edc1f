# What plots drew.

# Evaluates code with a device of its own and returns the number of pages that it drew.
pages <- function(code, png = FALSE) {
  folder <- withr::local_tempdir()
  file <- file.path(folder, "page%03d")
  if (png) grDevices::png(file) else grDevices::pdf(file, onefile = FALSE)
  number <- grDevices::dev.cur()
  tryCatch(code, finally = grDevices::dev.off(number))
  length(list.files(folder))
}

# Everything that was drawn: the primitives, by name, of the display list.
drawn <- function(code) {
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  grDevices::dev.control("enable")
  force(code)
  calls <- lapply(grDevices::recordPlot()[[1]], function(entry) entry[[2]])
  list(
    names = vapply(calls, function(call) {
      if (is.list(call[[1]]) && !is.null(call[[1]]$name)) call[[1]]$name else class(call[[1]])[1]
    }, ""),
    calls = calls
  )
}

# Coordinates of the calls of one primitive, in the order of drawing.
coordinates <- function(record, name) {
  lapply(record$calls[record$names == name], function(call) call[[2]])
}
