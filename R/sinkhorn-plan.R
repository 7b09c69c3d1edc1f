#' The plan of a transport
#'
#' Builds the coupling that [sinkhorn()] itself never stores.
#'
#' @param object A result of [sinkhorn()].
#' @param sparse `TRUE` gives a sparse matrix of the entries that matter, for which the package Matrix is
#'   needed.
#' @param drop With `sparse`, entries below `drop` times the mass of their row are left out; each row
#'   loses at most m times that.
#' @param ... None; anything here is an error.
#' @return A matrix with a row a point of x and a column a point of y, of class `dgCMatrix` if `sparse`.
#'   Its sums are a and b up to `error` of the result.
#' @seealso [sinkhorn()], [predict.sinkhorn()] for the map alone
#' @family transport between samples
#' @template definitions
#' @section Errors:
#' `brenier_error_package` where the package Matrix is needed and missing, `brenier_error_argument` for a wrong
#' `drop`.
#' @examples
#' ot <- sinkhorn(c(0, 1, 2), c(0.5, 2.5), epsilon = 0.1)
#' plan(ot)
#' @export
plan <- function(object, ...) UseMethod("plan")

#' @export
plan.default <- function(object, ...) {
  brenier_abort(c(
    "{.arg object} must be a result of {.fn sinkhorn}, not {shown(object)}.",
    i = if (inherits(object, "future")) "For workers write {.code future::plan()}."
  ), "type", argument = "object")
}

#' @rdname plan
#' @export
plan.sinkhorn <- function(object, sparse = FALSE, drop = 1e-10, ...) {
  check_no_dots(..., known = names(formals(plan.sinkhorn)))
  sparse <- check_flag(sparse, "sparse")
  drop <- check_number(drop, "drop", 0, 1)
  n <- length(object$a)
  m <- length(object$b)
  names <- list(rownames(object$x), rownames(object$y))
  if (!sparse) {
    if (as.double(n) * m > .Machine$integer.max) {
      brenier_abort(c(
        "A dense plan of {n} x {m} entries is too large.", i = "Use {.code sparse = TRUE}."
      ), "argument", argument = "sparse")
    }
    out <- plan_rows(object, seq_len(n))
    dimnames(out) <- if (!all(vapply(names, is.null, NA))) names
    return(out)
  }
  if (!requireNamespace("Matrix", quietly = TRUE)) {
    brenier_abort(c("A sparse plan needs the package {.pkg Matrix}.",
                    i = "Install it, or use {.code sparse = FALSE}."), "package", package = "Matrix")
  }
  height <- max(1, floor(1e6 / m))
  parts <- lapply(split(seq_len(n), (seq_len(n) - 1) %/% height), function(rows) {
    block <- plan_rows(object, rows)
    at <- which(block > drop * object$a[rows], arr.ind = TRUE)
    list(i = rows[at[, 1]], j = at[, 2], value = block[at])
  })
  gather <- function(name) unlist(lapply(parts, `[[`, name), use.names = FALSE)
  Matrix::sparseMatrix(i = gather("i"), j = gather("j"), x = gather("value"), dims = c(n, m),
                       dimnames = names)
}

plan_rows <- function(object, rows) {
  cost <- if (is.matrix(object$cost)) object$cost[rows, , drop = FALSE] else
    point_costs(object$x[rows, , drop = FALSE], object$y, object$cost)
  f <- log_weights(object$a[rows], object$f[rows], object$epsilon)
  g <- log_weights(object$b, object$g, object$epsilon)
  exp(outer(f, g, `+`) - cost / object$epsilon)
}

#' Costs of all pairs from differences: no expanded square turns negative.
#' @noRd
point_costs <- function(x, y, cost) {
  square <- matrix(0, nrow(x), nrow(y))
  for (k in seq_len(ncol(x))) square <- square + outer(x[, k], y[, k], `-`)^2
  if (cost == "sqeuclidean") square else sqrt(square)
}
