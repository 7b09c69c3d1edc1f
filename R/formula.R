# From a formula to points: the terms of a one-sided one, the response of a two-sided one.

#' What a call with a formula of one side or of two says: points x, covariates (NULL, or the design of
#' R/design.R), weights, terms, and the rows that were left out.
#' @param call The matched call, of which formula, data, subset, weights and na.action count.
#' @noRd
read_formula <- function(call, formula, data, env) {
  if (!"formula" %in% names(call)) check_no_dots(x = NULL, known = c("formula", "data"))
  frame <- call[c(1, match(c("formula", "data", "subset", "weights", "na.action"),
                           names(call), 0))]
  frame[[1]] <- quote(stats::model.frame)
  check_formula(formula, data)
  frame$formula <- stats::terms(used_variables(formula, data), data = data)
  frame$drop.unused.levels <- TRUE # a level without rows has no law
  two_sided <- length(formula) == 3
  rows <- if (two_sided) row_numbers(formula, data)
  frame$row <- rows
  model <- eval_frame(frame, env)
  list(
    x = if (two_sided) frame_response(model) else frame_points(model),
    covariates = if (two_sided) frame_design(model, data, length(rows)),
    weights = stats::model.weights(model), terms = attr(model, "terms"),
    na.action = attr(model, "na.action")
  )
}

check_formula <- function(formula, data) {
  if (!is.null(data) && !is.data.frame(data) && !is.list(data) && !is.environment(data)) {
    brenier_abort("{.arg data} must be a data frame, not {shown(data)}.", "type",
                  argument = "data")
  }
  terms <- tryCatch(stats::terms(formula, data = data), error = function(e) {
    brenier_abort(c("{.arg formula} cannot be read: {conditionMessage(e)}."), "formula",
                  argument = "formula")
  })
  if (length(attr(terms, "offset"))) {
    brenier_abort(c(
      "{.arg formula} must have no offset.", i = "Subtract it from the response: {.code y - a ~ b}."
    ), "formula", argument = "formula")
  }
  if (is.data.frame(data)) check_variables(formula, data)
  check_bars(formula, data)
  if (length(formula) == 3) return(check_response(formula, terms))
  labels <- attr(terms, "term.labels")
  if (length(labels) == 0) {
    brenier_abort(c(
      "{.arg formula} has no variables.", i = "Write them after the tilde: {.code ~ a + b}."
    ), "formula", argument = "formula")
  }
  if (any(attr(terms, "order") > 1)) {
    brenier_abort(c(
      "A one-sided {.arg formula} must be a sum of variables, without interactions.",
      i = "Here {.code a:b} is no variable; write {.code I(a * b)} for the product."
    ), "formula", argument = "formula")
  }
}

#' To R a bar is "or", and a term such as (1 | group) a constant.
#' @noRd
check_bars <- function(formula, data) {
  if (!has_groups(formula, data)) return(invisible())
  brenier_abort(c(
    "{.arg formula} must not have terms with a bar, {.code a | b}.",
    i = "Write {.code a ~ b} for the law of a given b. Groups are a covariate: {.code y ~ x + factor(g)}."
  ), "formula", argument = "formula")
}

#' A term that is the response itself leaves nothing to have a law; nor does a response of no name, as
#' update(fit, . ~ . - a) makes it of a formula without one.
#' @noRd
check_response <- function(formula, terms) {
  if (identical(formula[[2]], quote(.))) {
    brenier_abort(c(
      "{.arg formula} must have variables on the left, not {.code .}.",
      i = "Name them: {.code cbind(a, b) ~ x}. To update a formula of one side write
           {.code update(fit, ~ . - a)}."
    ), "formula", argument = "formula")
  }
  factors <- attr(terms, "factors")
  if (length(factors) == 0 || all(factors[attr(terms, "response"), ] == 0)) return(invisible())
  brenier_abort(c(
    "The response of {.arg formula} must not be among its covariates.",
    x = "{.code {rownames(factors)[attr(terms, 'response')]}} is on both sides."
  ), "formula", argument = "formula")
}

#' The formula with the variables of its terms alone: one that was taken out, as by ~ . - a, is then
#' not asked for in the data.
#' @noRd
used_variables <- function(formula, data) {
  if (length(formula) == 3) return(formula)
  terms <- stats::terms(formula, data = data)
  variables <- as.list(attr(terms, "variables"))[-1]
  used <- variables[rowSums(attr(terms, "factors")) > 0]
  formula[[2]] <- Reduce(function(a, b) call("+", a, b), used)
  formula
}

#' The variables in an expression, a list of expressions by their names: `d$a` is one, and no data frame
#' but d has it.
#' @noRd
variables_in <- function(part) {
  if (!"$" %in% all.names(part)) return(lapply(stats::setNames(nm = all.vars(part)), as.name))
  if (identical(part[[1]], quote(`$`))) return(stats::setNames(list(part), deparse1(part)))
  attributes(part) <- NULL # terms have methods of their own
  arguments <- as.list(part)[-1]
  empty <- vapply(arguments, identical, NA, quote(expr = )) # as in d$a[, 1]
  found <- do.call(c, unname(lapply(arguments[!empty], variables_in)))
  found[!duplicated(names(found))]
}

#' A variable that is neither in the data nor where the formula was written.
#' @noRd
check_variables <- function(formula, data, name = "data") {
  variables <- Filter(is.name, variables_in(formula))
  for (variable in setdiff(names(variables), c(".", names(data)))) {
    if (is_data(variable, environment(formula) %||% globalenv())) next
    near <- nearest(variable, names(data))
    brenier_abort(c(
      "There is no variable {.var {variable}} in {.arg {name}}.",
      i = if (length(near)) "Did you mean {.var {near}}?" else
        "It has {.var {utils::head(names(data), 10)}}."
    ), "variable", argument = name, variable = variable)
  }
}

#' Whether there is a variable of that name; a function of that name is none.
#' @noRd
is_data <- function(variable, env) {
  any(vapply(c("numeric", "character", "logical"), function(mode) {
    exists(variable, envir = env, mode = mode)
  }, NA))
}

#' model.frame() with its errors in our words.
#' @noRd
eval_frame <- function(frame, env) {
  tryCatch(eval(frame, env), error = function(e) {
    if (inherits(e, "brenier_error")) stop(e)
    if (grepl("(weights)", conditionMessage(e), fixed = TRUE)) {
      brenier_abort("{.arg weights} must be one number a row of the data.", "argument",
                    argument = "weights")
    }
    brenier_abort(c(
      "The variables of {.arg formula} cannot be evaluated.", x = "{conditionMessage(e)}"
    ), "variable", argument = "formula")
  })
}

check_not_empty <- function(model, name) {
  if (nrow(model) > 0) return(invisible())
  brenier_abort(c(
    "{.arg {name}} has no {if (name == 'data') 'complete '}row: it is empty.",
    i = if (name == "data") "Rows with missing values are removed by {.arg na.action}."
  ), "empty", argument = name)
}

#' The columns of a model frame side by side; a factor is refused by name.
#' @noRd
frame_points <- function(model, name = "data") {
  extra <- c("(weights)", "(offset)")
  columns <- lapply(model[setdiff(names(model), extra)], missing_as_number)
  for (variable in names(columns)) {
    if (!is.numeric(columns[[variable]]) || is.factor(columns[[variable]])) {
      abort_not_numeric(columns[[variable]], variable, name)
    }
  }
  check_not_empty(model, name)
  parts <- lapply(names(columns), function(variable) {
    part <- unclass(columns[[variable]])
    if (is.null(dim(part))) return(matrix(part, dimnames = list(NULL, variable)))
    labels <- colnames(part) %||% seq_len(ncol(part))
    matrix(part, nrow(part), dimnames = list(NULL, paste0(variable, ".", labels)))
  })
  points <- do.call(cbind, parts)
  storage.mode(points) <- "double"
  rownames(points) <- row.names(model)
  points
}
