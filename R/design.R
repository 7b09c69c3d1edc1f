# Covariates of a conditional map: from a formula or a matrix to a matrix of numbers without constant
# columns, and the same again for new data.

#' The design of the covariates of a model frame of n rows of data, and their matrix `given`.
#' @noRd
frame_design <- function(model, data, n, name = "data") {
  terms <- attr(model, "terms")
  rhs <- stats::delete.response(terms)
  check_levels(model)
  X <- tryCatch(stats::model.matrix(rhs, model), error = function(e) {
    brenier_abort(c(
      "The covariates of {.arg formula} make no model matrix.", x = "{conditionMessage(e)}"
    ), "variable", argument = "formula")
  })
  check_covariates(X, name)
  if (attr(terms, "intercept") == 0 && qr(cbind(1, X))$rank > qr(X)$rank) {
    brenier_abort(c(
      "{.arg formula} must have an intercept: a conditional law has a location of its own.",
      i = "Leave out {.code - 1} or {.code + 0}."
    ), "formula", argument = "formula")
  }
  kept <- independent_columns(X)
  term <- attr(X, "assign") # 0 is the intercept
  warn_left_out(attr(rhs, "term.labels")[setdiff(term, c(0, term[kept]))])
  design <- list(
    terms = rhs, xlevels = stats::.getXlevels(rhs, model), contrasts = attr(X, "contrasts"),
    columns = colnames(X)[kept], variables = as.character(names(variables_in(rhs)))
  )
  design$data <- row_variables(design, data, n, model[["(row)"]])
  list(design = design, given = unname(X[, kept, drop = FALSE]))
}

#' A factor, or words, of about as many levels as there are rows: dates or names that were read as text.
#' @noRd
check_levels <- function(model) {
  words <- Filter(function(v) is.factor(v) || is.character(v), model[-1])
  levels <- vapply(words, function(v) length(unique(v)), 0L)
  if (sum(levels - 1) + 3 <= nrow(model)) return(invisible())
  worst <- names(which.max(levels))
  value <- words[[worst]]
  brenier_abort(c(
    "The covariate {.var {worst}} has {max(levels)} level{?s} in {nrow(model)} row{?s}: too few
     rows a level.",
    x = "It is {if (is.factor(value)) 'a factor' else 'text'}, such as {.val {as.character(value[1])}},
         and each level has a location of its own.",
    i = "Turn numbers and dates into numbers, with {.fn as.numeric} or {.fn as.Date}; merge rare
         levels, or leave it out."
  ), "rows", argument = "data", variable = worst)
}

#' The design of a matrix or data frame of covariates.
#' @noRd
matrix_design <- function(given, n) {
  X <- as_points(given, "given")
  if (nrow(X) != n) {
    brenier_abort("{.arg given} must have {n} row{?s}, as {.arg x} has, not {nrow(X)}.", "argument",
                  argument = "given")
  }
  kept <- independent_columns(cbind(1, X))
  kept <- setdiff(kept, 1) - 1
  warn_left_out(setdiff(colnames(X), colnames(X)[kept]))
  given <- X[, kept, drop = FALSE]
  design <- list(columns = colnames(given), variables = colnames(given),
                 data = as.data.frame(unname(given)))
  names(design$data) <- design$variables
  list(design = design, given = unname(given))
}

#' Numbers of the rows before `subset` and `na.action`. model.frame() is to take them along, for its
#' rows then tell where they come from.
#' @noRd
row_numbers <- function(formula, data) {
  # a response that cannot be evaluated is for model.frame() to refuse
  n <- tryCatch(NROW(eval(formula[[2]], data, environment(formula))), error = function(e) 0)
  if (n > 0) seq_len(n)
}

#' The variables of the covariates at the rows `kept` of n, for the plots: `x` where the formula has
#' poly(x, 3). What is no vector of length n, such as the degree of a polynomial, is left out; a number
#' that the formula has as factor(x) alone is a factor.
#' @noRd
row_variables <- function(design, data, n, kept) {
  parts <- as.list(attr(design$terms, "variables"))[-1]
  as_factor <- vapply(parts, function(part) {
    is.call(part) && as.character(part[[1]])[1] %in% c("factor", "as.factor", "ordered")
  }, NA)
  all_in <- function(parts) unlist(lapply(parts, function(part) names(variables_in(part))))
  factors <- setdiff(all_in(parts[as_factor]), all_in(parts[!as_factor]))
  variables <- variables_in(design$terms)
  values <- lapply(stats::setNames(nm = names(variables)), function(variable) {
    value <- eval(variables[[variable]], data, environment(design$terms))
    if (!is.atomic(value) || !is.null(dim(value)) || length(value) != n) return(NULL)
    value <- value[kept]
    if (is.character(value) || variable %in% factors) factor(value) else value
  })
  list2DF(Filter(Negate(is.null), values), length(kept))
}

#' Columns that are neither constant nor a combination of those before them, as lm() keeps them.
#' @noRd
independent_columns <- function(X) {
  scale <- pmax(apply(abs(X), 2, max), 1e-300)
  root <- qr(cbind(1, sweep(X, 2, scale, "/")), tol = 1e-7)
  sort(setdiff(root$pivot[seq_len(root$rank)], 1) - 1)
}

#' Covariates of which no column is left.
#' @noRd
warn_left_out <- function(names) {
  if (length(names) == 0) return(invisible())
  brenier_warn(
    "The covariate{?s} {.var {names}} {?is/are} left out: constant, or determined by the others.",
    "collinear"
  )
}

check_covariates <- function(X, name) {
  bad <- which(!is.finite(X), arr.ind = TRUE)
  if (nrow(bad) == 0) return(invisible())
  value <- X[bad[1, , drop = FALSE]]
  brenier_abort(c(
    "The covariates in {.arg {name}} must be finite.",
    x = "{.var {colnames(X)[bad[1, 2]]}} is {value} in row {bad[1, 1]}."
  ), if (is.na(value)) "missing" else "not_finite", argument = name)
}

#' Covariates of the rows of newdata, a row of NA where one is missing or infinite. NULL for a fit
#' without.
#' @noRd
new_covariates <- function(fit, newdata) {
  design <- fit$design
  if (is.null(design)) return(NULL)
  if (is.null(newdata)) return(fit$given)
  if (is.matrix(newdata)) newdata <- as.data.frame(newdata)
  if (!is.data.frame(newdata)) abort_no_frame(fit, newdata)
  lost <- setdiff(design$variables, names(newdata))
  if (!is.null(design$terms)) {
    lost <- Filter(function(v) !is_data(v, environment(design$terms)), lost)
  }
  if (length(lost)) {
    brenier_abort(c(
      "There is no covariate {.var {lost[1]}} in {.arg newdata}.",
      i = "The fit needs {.var {design$variables}}."
    ), "variable", argument = "newdata", variable = lost[1])
  }
  check_not_empty(newdata, "newdata")
  known <- intersect(design$variables, names(newdata))
  complete <- stats::complete.cases(newdata[known])
  given <- matrix(NA_real_, nrow(newdata), length(design$columns))
  if (!any(complete)) return(given)
  given[complete, ] <- if (is.null(design$terms)) {
    as_points(newdata[complete, design$columns, drop = FALSE], "newdata", finite = FALSE)
  } else {
    design_matrix(design, newdata[complete, , drop = FALSE])
  }
  given[rowSums(!is.finite(given)) > 0, ] <- NA
  given
}

abort_no_frame <- function(fit, newdata) {
  brenier_abort(c(
    "{.arg newdata} must be a data frame with the covariates, not {shown(newdata)}.",
    i = "They are {.var {fit$design$variables}}."
  ), "type", argument = "newdata")
}

design_matrix <- function(design, newdata) {
  model <- covariate_frame(design, newdata)
  tryCatch(stats::.checkMFClasses(attr(design$terms, "dataClasses"), model), error = function(e) {
    brenier_abort(c(
      "The covariates in {.arg newdata} must be of the types of the fit.",
      x = "{conditionMessage(e)}"
    ), "type", argument = "newdata")
  })
  if (nrow(model) != nrow(newdata)) {
    brenier_abort(c(
      "The covariates must have one value for each row of {.arg newdata}, not {nrow(model)}.",
      i = "Those that are not in {.arg newdata} are looked up where the formula was written: give
           {.code y ~ x} and {.code data = d} rather than {.code d$y ~ d$x}."
    ), "variable", argument = "newdata")
  }
  stats::model.matrix(design$terms, model, contrasts.arg = design$contrasts)[, design$columns]
}

#' The model frame of covariates, without the warnings of what is an error soon after, or of contrasts
#' in newdata: those of the fit serve.
#' @noRd
covariate_frame <- function(design, newdata) {
  quietly <- function(w) {
    if (grepl("is not a factor|variables found have|contrasts dropped", conditionMessage(w))) {
      invokeRestart("muffleWarning")
    }
  }
  tryCatch(withCallingHandlers(
    stats::model.frame(design$terms, newdata, xlev = design$xlevels, na.action = stats::na.pass),
    warning = quietly
  ), error = function(e) {
    brenier_abort(c(
      "The covariates cannot be evaluated in {.arg newdata}.", x = "{conditionMessage(e)}",
      i = if (length(design$xlevels)) "A level of a factor that the fit has not seen has no law."
    ), "variable", argument = "newdata")
  })
}

#' The response of a model frame as a matrix.
#' @noRd
frame_response <- function(model, name = "data") {
  y <- stats::model.response(model)
  label <- names(model)[1]
  if (is.matrix(y)) {
    if (!is.numeric(y)) abort_not_numeric(y[1], label, name)
    check_not_empty(model, name)
    if (is.null(colnames(y))) colnames(y) <- rep("", ncol(y))
    # a column of cbind() that was an expression has no name of its own
    blank <- colnames(y) == ""
    parts <- as.list(str2lang(label))[-1]
    words <- if (length(parts) == ncol(y)) vapply(parts, deparse1, "") else
      paste0(label, ".", seq_len(ncol(y)))
    colnames(y)[blank] <- words[blank]
    y <- matrix(as.double(y), nrow(y), dimnames = list(NULL, make.unique(colnames(y))))
    rownames(y) <- row.names(model)
    return(y)
  }
  frame_points(model[1], name)
}
