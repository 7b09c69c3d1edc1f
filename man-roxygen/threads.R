#' @param threads Number of threads; the result does not depend on it. By default that of
#'   [brenier_threads()].
