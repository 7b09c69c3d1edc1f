#' @seealso [brenier_definitions] for directions, signs and units
