# Every condition of the package has a class `brenier_error_*` or `brenier_warning_*` on top of
# `brenier_error` or `brenier_warning`, and shows the call of the function that the user typed.

#' @param message A cli message: what must be, what is, and, named `i`, the remedy.
#' @param class The last part of the class.
#' @noRd
brenier_abort <- function(message, class, ..., call = user_call(), env = parent.frame()) {
  cli::cli_abort(
    message, class = c(paste0("brenier_error_", class), "brenier_error"), ...,
    call = call, .envir = env
  )
}

brenier_warn <- function(message, class, ..., call = user_call(), env = parent.frame()) {
  cli::cli_warn(
    message, class = c(paste0("brenier_warning_", class), "brenier_warning"), ...,
    call = call, .envir = env
  )
}

#' The outermost call into the package: what the user typed. There is one, this one.
#' @noRd
user_call <- function() {
  frames <- sys.frames()
  home <- topenv(environment(user_call))
  for (i in seq_along(frames)) {
    f <- sys.function(i)
    if (identical(topenv(environment(f) %||% baseenv()), home)) return(sys.call(i))
  }
}

`%||%` <- function(x, y) if (is.null(x)) y else x

#' "Cannot happen": a fault of the package, not of its user.
#' @noRd
internal_error <- function(message) {
  rlang::abort(
    paste0("Internal error: ", message, ". Please report it with the data that caused it."),
    class = c("brenier_error_internal", "brenier_error")
  )
}

#' A short rendering of a wrong value for a message.
#' @noRd
shown <- function(x) {
  if (is.null(x)) return("NULL")
  if (is.function(x)) return("a function")
  if (inherits(x, "formula")) return(paste("the formula", deparse1(x)))
  if (is.data.frame(x)) return(paste0("a data frame of ", nrow(x), " x ", ncol(x)))
  if (is.list(x)) return(paste0("a list of length ", length(x)))
  if (is.matrix(x)) return(paste0("a ", nrow(x), " x ", ncol(x), " matrix of type ", typeof(x)))
  if (length(x) != 1) {
    article <- if (grepl("^[aeiou]", class(x)[1])) "an " else "a "
    return(paste0(article, class(x)[1], " vector of length ", length(x)))
  }
  if (is.character(x)) return(paste0("\"", x, "\""))
  format(x)
}
