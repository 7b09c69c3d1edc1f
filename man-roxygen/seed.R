#' @param seed A seed; the state of R's generator is then left as it was. By default the draws come
#'   from the user's stream.
