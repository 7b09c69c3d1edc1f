# The laws that a plot of a fit with covariates shows: rows of the covariates' variables, from the
# user or typical ones, what they are called, and which data are theirs.

# More curves or contours in one plot cannot be told apart.
MOST_LAWS <- 9

#' Rows of `newdata`, or of what `default` makes of the variables at the data: list(data, given).
#' @noRd
chosen_laws <- function(fit, newdata, default) {
  given <- if (!is.null(newdata)) region_covariates(fit, newdata) else {
    newdata <- default(plain_variables(fit))
    tryCatch(region_covariates(fit, newdata), brenier_error = function(e) {
      brenier_abort(c(
        "The formula cannot be evaluated at typical values of {.var {fit$design$variables}}.",
        i = "Choose laws with {.arg newdata}."
      ), "argument", argument = "newdata")
    })
  }
  newdata <- as.data.frame(newdata)
  data <- newdata[intersect(fit$design$variables, names(newdata))]
  factors <- Filter(function(v) is.factor(fit$design$data[[v]]), names(data))
  data[factors] <- lapply(data[factors], as.character) # also 4 where the formula has factor(x)
  list(data = data, given = given)
}

#' The variables of the covariates at the data, where each is a vector.
#' @noRd
plain_variables <- function(fit) {
  lost <- Filter(function(v) !v %in% names(fit$design$data) && !is_constant(v, fit),
                 fit$design$variables)
  if (length(lost) == 0) return(fit$design$data)
  brenier_abort(c(
    "The covariate {.var {lost[1]}} is no vector with a value a row: there are no typical laws.",
    i = "Choose laws with {.arg newdata}."
  ), "argument", argument = "newdata")
}

#' Whether a name in the formula is that of a setting, such as the degree of a polynomial.
#' @noRd
is_constant <- function(variable, fit) {
  value <- get0(variable, environment(fit$design$terms))
  !is.null(value) && is.atomic(value) && is.null(dim(value))
}

is_numeric <- function(v) is.numeric(v) || inherits(v, c("Date", "POSIXct"))

#' Values of a numeric variable, in its class.
#' @noRd
values_like <- function(v, values) {
  if (is.object(v)) structure(values, class = class(v), tzone = attr(v, "tzone")) else values
}

#' The median, or the commonest value of what is no number.
#' @noRd
typical <- function(v) {
  if (is_numeric(v)) return(values_like(v, stats::median(as.numeric(v), na.rm = TRUE)))
  v[match(names(which.max(table(v))), as.character(v))]
}

#' One row a part of the data, with typical values in it.
#' @noRd
typical_rows <- function(parts) {
  rows <- lapply(parts, function(part) list2DF(lapply(part, typical)))
  do.call(rbind, unname(rows))
}

#' The parts of the data at the values of a variable that is no number, at the `most` commonest.
#' @noRd
parts_of <- function(data, variable, most) {
  counts <- table(data[[variable]])
  counts <- counts[counts > 0]
  if (length(counts) > most) {
    cli::cli_inform(c(
      "Drawing the commonest {most} of {length(counts)} values of {.var {variable}}.",
      i = "Choose others with {.arg newdata}."
    ), class = "brenier_message")
    counts <- counts[sort(order(counts, decreasing = TRUE)[seq_len(most)])]
  }
  lapply(names(counts), function(value) {
    data[as.character(data[[variable]]) %in% value, , drop = FALSE]
  })
}

#' Some laws: at the values of the first variable, or its quartiles, the others typical.
#' @noRd
typical_laws <- function(data, most = 6) {
  first <- names(data)[1]
  if (!is_numeric(data[[first]])) return(typical_rows(parts_of(data, first, most)))
  quartiles <- stats::quantile(as.numeric(data[[first]]), 1:3 / 4, na.rm = TRUE, names = FALSE)
  quartiles <- unique(quartiles)
  laws <- typical_rows(list(data))[rep(1, length(quartiles)), , drop = FALSE]
  laws[[first]] <- values_like(data[[first]], quartiles)
  laws
}

#' Laws along the first numeric variable, for each value of the first other one, where the data have
#' them; without a numeric variable as above.
#' @noRd
laws_along <- function(data) {
  numeric <- vapply(data, is_numeric, NA)
  if (!any(numeric)) return(typical_laws(data, 20)) # side by side there is room for more
  axis <- names(data)[numeric][1]
  parts <- list(data)
  if (!all(numeric)) {
    groups <- parts_of(data, names(data)[!numeric][1], 6)
    spread <- vapply(groups, function(part) length(varying(stats::na.omit(part[axis]))) > 0, NA)
    if (any(spread)) parts <- groups[spread]
  }
  paths <- lapply(parts, function(part) {
    ends <- range(as.numeric(part[[axis]]), na.rm = TRUE)
    path <- typical_rows(list(part))[rep(1, 101), , drop = FALSE]
    path[[axis]] <- values_like(part[[axis]], seq(ends[1], ends[2], length.out = 101))
    path
  })
  do.call(rbind, paths)
}

varying <- function(data) names(data)[vapply(data, function(v) length(unique(v)) > 1, NA)]

#' The numeric variable along which laws lie, and the group of each row: rows of one group differ in
#' that variable alone. It is the one with the fewest groups, each of two rows or more; NULL where
#' there is none.
#' @noRd
path_of <- function(data) {
  axes <- Filter(function(v) is_numeric(data[[v]]), varying(data))
  paths <- lapply(axes, function(axis) {
    others <- data[setdiff(names(data), axis)]
    group <- groups_in(others)
    list(axis = axis, group = group, others = others[!duplicated(group), , drop = FALSE])
  })
  paths <- Filter(function(path) min(table(path$group)) > 1, paths)
  if (length(paths)) paths[[which.min(vapply(paths, function(path) max(path$group), 0L))]]
}

#' Numbers of the distinct rows, in the order in which they come.
#' @noRd
groups_in <- function(data) {
  if (ncol(data) == 0) return(rep(1L, nrow(data)))
  key <- do.call(paste, c(lapply(data, as.character), sep = "\r"))
  match(key, unique(key))
}

#' Which law, or group of laws, each point of the data belongs to: by the variables that are no
#' numbers, if these tell the laws apart. Otherwise NA.
#' @noRd
law_of_points <- function(fit, laws) {
  by <- Filter(function(v) !is_numeric(laws[[v]]), varying(laws))
  by <- intersect(by, names(fit$design$data))
  if (length(by) == 0 || anyDuplicated(laws[by])) return(rep(NA_integer_, fit$n))
  rows <- rbind(as.matrix(laws[by]), as.matrix(fit$design$data[by]))
  at <- groups_in(as.data.frame(rows))[-seq_len(nrow(laws))]
  replace(at, at > nrow(laws), NA)
}

#' What distinguishes laws, in words; the first with the names of the variables if `names`.
#' @noRd
law_words <- function(data, names = TRUE) {
  shown <- varying(data)
  if (length(shown) == 0) shown <- names(data)
  values <- lapply(data[shown], value_words)
  words <- do.call(paste, c(unname(values), sep = ", "))
  if (names) words[1] <- paste(shown, "=", vapply(values, `[`, "", 1), collapse = ", ")
  words
}

value_words <- function(v) {
  if (is.numeric(v)) format(v, digits = 3, trim = TRUE, drop0trailing = TRUE) else as.character(v)
}

#' What laws have in common, in words; NULL where that is nothing, or all there is.
#' @noRd
common_words <- function(data) {
  shown <- setdiff(names(data), varying(data))
  if (length(shown) == 0 || nrow(data) == 1) return(NULL)
  values <- vapply(data[1, shown, drop = FALSE], value_words, "")
  paste("at", list_of(paste(shown, "=", values), 4))
}
