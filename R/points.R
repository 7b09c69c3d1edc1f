# From what a user gives to a checked matrix of doubles with column names.

#' @param x Matrix, data frame or vector of numbers.
#' @param name The argument to blame.
#' @param finite If `FALSE`, missing values are let through.
#' @param rows `TRUE` takes the row names of a data frame along even where they count the rows.
#' @noRd
as_points <- function(x, name, finite = TRUE, rows = NULL) {
  if (inherits(x, "dist")) {
    brenier_abort(c(
      "{.arg {name}} must be points, not distances between them.",
      i = "Give the matrix or data frame that {.fn dist} was given."
    ), "type", argument = name)
  }
  if ((is.data.frame(x) || is.numeric(x)) && (NROW(x) == 0 || NCOL(x) == 0)) {
    brenier_abort("{.arg {name}} has {NROW(x)} row{?s} and {NCOL(x)} column{?s}: it is empty.",
                  "empty", argument = name)
  }
  if (is.data.frame(x)) {
    x[] <- lapply(x, missing_as_number)
    wrong <- names(x)[!vapply(x, function(v) is.numeric(v) && !is.object(v), NA)]
    if (length(wrong)) abort_not_numeric(x[[wrong[1]]], wrong[1], name)
    x <- as.matrix(x, rownames.force = rows %||% NA)
  } else if (is.numeric(x) && is.null(dim(x))) {
    x <- matrix(x, ncol = 1, dimnames = list(names(x), NULL))
  }
  if (!is.matrix(x) || !is.numeric(x)) {
    brenier_abort(c(
      "{.arg {name}} must be a numeric matrix or a data frame of numbers, not {shown(x)}.",
      i = points_remedy(x, name)
    ), "type", argument = name)
  }
  x <- matrix(as.double(x), nrow(x), ncol(x), dimnames = dimnames(x)) # of no class but matrix
  colnames(x) <- column_names(x, if (name == "given") "given" else "x")
  if (finite) check_finite(x, name)
  x
}

#' What to give where there are no points.
#' @noRd
points_remedy <- function(x, name) {
  if (inherits(x, "formula")) {
    return("{.fn brenier}, {.fn kde_flow} and {.fn sinkhorn} take one, as their first argument.")
  }
  if (is.character(x) && length(x) == 1 && grepl("~", x)) return("Write a formula without quotes.")
  if (is.list(x)) return("Write {.fn data.frame} for {.fn list}.")
  if (name == "given") return("Categorical covariates want a formula: {.code y ~ f}.")
  "Categorical variables have no density; leave them out or fit each level apart."
}

#' A column of nothing but NA is logical to R; here it is a number that is missing.
#' @noRd
missing_as_number <- function(v) if (is.logical(v) && all(is.na(v))) as.double(v) else v

#' The names of the columns; x1, x2, ... where there is none, and no name twice.
#' @noRd
column_names <- function(x, prefix = "x") {
  names <- colnames(x) %||% rep("", ncol(x))
  blank <- is.na(names) | names == ""
  names[blank] <- paste0(prefix, seq_len(ncol(x)))[blank]
  make.unique(names)
}

abort_not_numeric <- function(value, variable, name) {
  brenier_abort(c(
    "Every variable in {.arg {name}} must be numeric; {.var {variable}} is a {class(value)[1]}.",
    i = if (name == "given") "Categorical covariates want a formula: {.code y ~ f}." else
      "Leave it out, or turn it into numbers if they mean something."
  ), "type", argument = name)
}

check_finite <- function(x, name) {
  bad <- !is.finite(x)
  if (!any(bad)) return(invisible(x))
  where <- arrayInd(which(bad)[1], dim(x))
  value <- x[where]
  what <- if (is.na(value)) "missing" else "infinite"
  remedy <- if (is.na(value)) "Remove such rows, for example with {.fn na.omit}." else
    "Remove or correct such values; a density has no mass there."
  brenier_abort(c(
    "{.arg {name}} must be finite: {sum(bad)} value{?s} {?is/are} not.",
    x = "The first is {value}, in row {where[1]} of {.var {colnames(x)[where[2]]}}.",
    i = remedy
  ), if (is.na(value)) "missing" else "not_finite", argument = name)
}

#' Case weights, one a row, not all zero; NULL is 1 each.
#' @noRd
check_weights <- function(weights, n) {
  if (is.null(weights)) return(rep(1, n))
  if (!is.numeric(weights) || length(weights) != n) {
    brenier_abort(c(
      "{.arg weights} must be {n} number{?s}, one a row, not {shown(weights)}."
    ), "argument", argument = "weights")
  }
  bad <- which(!is.finite(weights) | weights < 0)
  if (length(bad)) {
    brenier_abort(c(
      "{.arg weights} must be finite and not negative; number {bad[1]} is {weights[bad[1]]}.",
      i = "Give a row the weight 0, or remove it, to leave it out."
    ), "argument", argument = "weights")
  }
  if (!any(weights > 0)) {
    brenier_abort("{.arg weights} are all zero: no data are left.", "empty", argument = "weights")
  }
  as.double(weights)
}

#' The rows of positive weight: points, covariates (NULL where there is only an intercept), weights,
#' and which of all rows they are.
#' @noRd
rows_with_weight <- function(x, covariates, weights, name) {
  weights <- check_weights(weights, nrow(x))
  check_finite(x, name)
  used <- weights > 0
  given <- covariates$given[used, , drop = FALSE]
  if (!is.null(given) && ncol(given) == 0) given <- NULL
  list(x = x[used, , drop = FALSE], given = given, weights = weights[used], used = used)
}

#' Each column must vary by more than the rounding of its values.
#' @noRd
check_spread <- function(x, name) {
  largest <- apply(abs(x), 2, max)
  if (any(largest > 1e150)) {
    worst <- which.max(largest)
    brenier_abort(c(
      "{.arg {name}} has values too large to square: {.var {colnames(x)[worst]}} reaches
       {format(largest[worst], digits = 3)}.",
      i = "Rescale it, or use its logarithm."
    ), "scale", argument = name)
  }
  spread <- apply(x, 2, function(v) diff(range(v)))
  tiny <- which(spread > 1e-10 * largest & spread < 1e-150)
  if (length(tiny)) {
    brenier_abort(c(
      "{.arg {name}} has values too small to square: {.var {colnames(x)[tiny[1]]}} spans
       {format(spread[tiny[1]], digits = 3)}.",
      i = "Rescale it, or use its logarithm."
    ), "scale", argument = name)
  }
  flat <- which(spread <= 1e-10 * largest)
  if (length(flat)) {
    brenier_abort(c(
      "{.arg {name}} must vary: {.var {colnames(x)[flat[1]]}} is constant
       {if (spread[flat[1]] > 0) 'to rounding ' else ''}in the {nrow(x)} row{?s}.",
      i = "A constant has no density; leave it out."
    ), "constant", argument = name)
  }
}

check_collinear <- function(root, names, name) {
  smallest <- root$d[length(root$d)]
  if (length(root$d) == length(names) && smallest > 1e-7 * root$d[1]) return(invisible())
  null <- abs(root$v[, length(root$d)])
  involved <- names[null > 0.1 * max(null)]
  brenier_abort(c(
    "The variables of {.arg {name}} are linearly dependent: {.var {involved}} lie in a subspace.",
    i = "Leave one of them out: the law has no density in {length(names)} dimensions."
  ), "collinear", argument = name)
}

#' Enough distinct points to have a density in d dimensions, given covariates.
#' @noRd
check_rows <- function(x, name, given = NULL) {
  rows <- cbind(x, given)
  n <- nrow(rows)
  d <- ncol(rows)
  if (n >= d + 2 && nrow(unique(rows[seq_len(min(n, 50 * (d + 2))), , drop = FALSE])) >= d + 2) {
    return(invisible(x))
  }
  distinct <- nrow(unique(rows))
  if (distinct >= d + 2) return(invisible(x))
  more <- d - ncol(x)
  covariates <- if (more > 0) paste0(" and ", more, " covariate", if (more > 1) "s")
  brenier_abort(c(
    "{.arg {name}} has {distinct} distinct row{?s}; {ncol(x)} variable{?s}{covariates}
     {cli::qty(d)}need{?s/} at least {d + 2}.",
    i = "Add data, or leave variables out."
  ), "rows", argument = name)
}
