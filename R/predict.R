#' Density, map, ranks and quantiles of a fitted map
#'
#' @param object A fit of [brenier()].
#' @param newdata Where to predict; by default the data of the fit. A data frame in which the terms
#'   of the formula are evaluated, or, for a fit without formula, that has its columns. Or a matrix
#'   with a column for each variable of the fit, by name if it has those names: for `~ log(b)` the
#'   values of log(b). Or a vector: values of the one variable, or one point in d dimensions. For
#'   `type = "inverse"`, points of the reference: a matrix of d columns. Rows with missing values
#'   give `NA`; infinite ones have density 0 and rank 1, and no map. For a fit with covariates a data
#'   frame or matrix that has them by name, and the response too where the type is of a point.
#' @param type What to return, for each row of `newdata`. Of the point x in it:
#'   * `"density"`, `"log_density"`: f(x) or log f(x) of the fitted law, given the covariates if there
#'     are any, in the units of the variables of the fit;
#'   * `"map"`: T(x), a point of the reference N(0, I);
#'   * `"rank"`: the center-outward rank, in `[0, 1)`: the probability that the fitted law gives to
#'     the quantile region that x lies on the border of,
#'     \eqn{P(\chi^2_d \le |T(x)|^2)}{P(chisq_d <= |T(x)|^2)}.
#'
#'   Of a point of the reference:
#'   * `"inverse"`: the x with T(x) = the row, in the units of the variables of the fit.
#'
#'   Of the law, given the covariates in the row; without covariates there is one law, and `newdata`
#'   must be left out:
#'   * `"quantile"`: the quantiles of each variable at `level`;
#'   * `"mean"`: its mean.
#' @param level Probabilities of the quantiles, strictly between 0 and 1.
#' @param at For `"inverse"` of a fit with covariates: points of the reference, a matrix of d columns
#'   with a row for each of `newdata`, or one for all.
#' @param tol For `"inverse"`: the largest error of T(x) that is accepted, relative to 1 + the largest
#'   coordinate of the row.
#' @param ... None; anything here is an error.
#' @details
#' Quantiles of a single variable are exact: T is increasing. Otherwise means and quantiles are those
#' of 1024 quasi-random points of the reference taken back, always the same, whose mean is zero and
#' covariance the identity: exact means where T is affine, else good to about a hundredth of a standard
#' deviation, quantiles to some hundredths, the more the farther out. Where that matters take draws of
#' [simulate()][simulate.brenier].
#' @return A vector with one number for each row of `newdata`; for `"map"`, `"inverse"` and `"mean"` a
#'   matrix with one row for each and one column a variable; for `"quantile"` a matrix with one column a
#'   level, or with several variables an array: rows, variables, levels. Without covariates `"mean"`
#'   and `"quantile"` have no rows. Rows have the names that those of `newdata`, or of the data, have.
#' @section Errors:
#' `brenier_error_variable` for a variable that is missing in `newdata` or a level of a factor that the
#' fit has not seen, `brenier_error_type` for one that is not numeric, `brenier_error_argument` for
#' another wrong argument, such as a matrix with the wrong number of columns. A row whose inverse
#' cannot be found to `tol` is `NA`, with the warning `brenier_warning_not_converged`.
#' @references
#' Chernozhukov, V., Galichon, A., Hallin, M. and Henry, M. (2017). Monge-Kantorovich depth, quantiles,
#' ranks and signs. *Annals of Statistics* 45, 223-256. \doi{10.1214/16-AOS1450}
#' @family maps of data
#' @template definitions
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful)
#' new <- data.frame(eruptions = c(2, 4.5), waiting = c(55, 80))
#' predict(fit, new)
#' predict(fit, new, type = "rank")
#' z <- predict(fit, new, type = "map")
#' predict(fit, z, type = "inverse")
#'
#' given <- brenier(waiting ~ eruptions, data = faithful)
#' predict(given, new, type = "quantile", level = c(0.1, 0.9))
#' @export
predict.brenier <- function(object, newdata = NULL,
                            type = c("density", "log_density", "map", "inverse", "rank", "mean",
                                     "quantile"),
                            level = c(0.05, 0.5, 0.95), at = NULL, tol = 1e-12, ...) {
  check_no_dots(..., known = c("newdata", "type", "level", "at", "tol"))
  types <- c("density", "log_density", "map", "inverse", "rank", "mean", "quantile")
  type <- check_choice(type, types, "type")
  tol <- check_number(tol, "tol", 1e-14, 1)
  switch(type,
    inverse = predict_inverse(object, newdata, at, tol),
    mean = predict_law(object, newdata, NULL, tol),
    quantile = predict_law(object, newdata, check_level(level), tol),
    predict_at(object, newdata, type)
  )
}

#' What belongs to a point, given its covariates.
#' @noRd
predict_at <- function(object, newdata, type) {
  if (type != "map") check_normal_reference(object, type)
  x <- if (is.null(newdata)) object$x else new_points(object, newdata)
  given <- new_covariates(object, newdata)
  known <- if (is.null(given)) rep(TRUE, nrow(x)) else stats::complete.cases(given)
  complete <- known & rowSums(is.finite(x)) == ncol(x)
  e <- forward(object$layers, x[complete, , drop = FALSE], given[complete, , drop = FALSE],
               logdet = type %in% c("density", "log_density"))
  log_density <- -rowSums(e$map^2) / 2 - object$d / 2 * log(2 * pi) + e$logdet
  value <- switch(type,
    density = exp(log_density),
    log_density = log_density,
    map = e$map,
    rank = stats::pchisq(rowSums(e$map^2), object$d)
  )
  names <- colnames(object$pairing$reference) %||% object$variables
  value <- spread_rows(value, complete, names, rownames(x))
  infinite <- known & !complete & stats::complete.cases(x)
  if (type != "map") value[infinite] <- switch(type, density = 0, log_density = -Inf, rank = 1)
  value
}

#' A reference that is only a sample has neither density nor ranks, nor points of its own.
#' @noRd
check_normal_reference <- function(object, what) {
  if (is.null(object$pairing$reference)) return(invisible())
  brenier_abort(c(
    "There is no {.val {what}} of a map to a sample: its reference has no density.",
    i = "Fit without {.arg reference}, or ask for {.val map} or {.val inverse}."
  ), "argument", argument = "type")
}

# Reference points that stand for N(0, I) where a mean or a quantile of several variables is asked for.
law_points <- 1024

#' Means, or quantiles where there are levels, of the law at each row of newdata, or the only law.
#' @noRd
predict_law <- function(object, newdata, level, tol) {
  check_normal_reference(object, if (is.null(level)) "mean" else "quantile")
  if (is.null(object$design)) {
    if (!is.null(newdata)) {
      brenier_abort(c(
        "{.arg newdata} must be left out here: the law of a fit without covariates is the same
         everywhere."
      ), "argument", argument = "newdata")
    }
    value <- law_at(object, NULL, level, tol)
    return(if (is.matrix(value)) value[1, ] else value[1, , ])
  }
  given <- new_covariates(object, newdata)
  complete <- stats::complete.cases(given)
  value <- law_at(object, given[complete, , drop = FALSE], level, tol)
  out <- array(NA_real_, c(length(complete), dim(value)[-1]),
               c(list(row_labels(object, newdata)), dimnames(value)[-1]))
  if (length(dim(value)) == 2) out[complete, ] <- value else out[complete, , ] <- value
  out
}

#' The names of the rows of newdata, or of the data of the fit.
#' @noRd
row_labels <- function(object, newdata) rownames(if (is.null(newdata)) object$x else newdata)

#' The same for covariates without missing values: rows x variables, or with levels rows x levels for
#' one variable, rows x variables x levels for several.
#' @noRd
law_at <- function(object, given, level, tol) {
  n <- if (is.null(given)) 1L else nrow(given)
  if (!is.null(level) && object$d == 1) { # exact: the map is increasing
    y <- matrix(stats::qnorm(rep(level, each = n)))
    value <- matrix(invert(object, y, repeat_rows(given, length(level)), tol), n, length(level))
    return(structure(value, dimnames = list(NULL, paste0(100 * level, "%"))))
  }
  y <- reference_points(max(law_points, 2 * object$d), object$d)
  m <- nrow(y)
  value <- lapply(split(seq_len(n), (seq_len(n) - 1) %/% 512), function(rows) {
    times <- rep(seq_len(m), each = length(rows))
    x <- invert(object, y[times, , drop = FALSE],
                repeat_rows(given[rows, , drop = FALSE], m), max(tol, 1e-10))
    dim(x) <- c(length(rows), m, object$d)
    if (is.null(level)) return(apply(x, c(1, 3), mean))
    quantiles <- apply(x, c(1, 3), function(v) {
      if (anyNA(v)) rep(NA_real_, length(level)) else stats::quantile(v, level, names = FALSE)
    })
    aperm(array(quantiles, c(length(level), length(rows), object$d)), c(2, 3, 1))
  })
  # as.double(): of no row at all, rbind() makes NULL
  if (is.null(level)) {
    return(matrix(as.double(do.call(rbind, value)), n, object$d,
                  dimnames = list(NULL, object$variables)))
  }
  flat <- do.call(rbind, lapply(value, function(v) matrix(v, dim(v)[1])))
  array(as.double(flat), c(n, object$d, length(level)),
        list(NULL, object$variables, paste0(100 * level, "%")))
}

repeat_rows <- function(given, times) {
  if (is.null(given)) return(NULL)
  given[rep(seq_len(nrow(given)), times), , drop = FALSE]
}

#' Results of the complete rows at their places, NA elsewhere.
#' @noRd
spread_rows <- function(value, complete, variables, rows) {
  if (is.matrix(value)) {
    out <- matrix(NA_real_, length(complete), ncol(value), dimnames = list(rows, variables))
    out[complete, ] <- value
    return(out)
  }
  out <- rep(NA_real_, length(complete))
  out[complete] <- value
  names(out) <- rows
  out
}

#' The points of `at`, or of newdata for a fit without covariates, taken back.
#' @noRd
predict_inverse <- function(object, newdata, at, tol) {
  conditional <- !is.null(object$design)
  name <- if (conditional) "at" else "newdata"
  y <- if (conditional) at else newdata %||% at
  if (is.null(y)) {
    brenier_abort(c(
      "{.arg {name}} is missing.",
      i = "For {.code type = \"inverse\"} give points of the reference, one a row."
    ), "argument", argument = name)
  }
  if (is.numeric(y) && is.null(dim(y)) && object$d > 1) y <- matrix(y, nrow = 1) # one point
  y <- as_points(y, name, finite = FALSE, rows = TRUE)
  check_columns(y, object$d, name)
  given <- if (conditional) new_covariates(object, newdata)
  if (conditional && nrow(y) == 1) y <- y[rep(1, nrow(given)), , drop = FALSE]
  if (conditional && nrow(y) != nrow(given)) {
    brenier_abort(
      "{.arg at} must have one row, or as many as {.arg newdata}, {nrow(given)}, not {nrow(y)}.",
      "argument", argument = "at"
    )
  }
  complete <- rowSums(is.finite(y)) == ncol(y)
  if (conditional) complete <- complete & stats::complete.cases(given)
  x <- invert(object, unname(y[complete, , drop = FALSE]), given[complete, , drop = FALSE], tol)
  # given covariates a row belongs to one of newdata
  rows <- if (conditional) row_labels(object, newdata) else rownames(y)
  spread_rows(x, complete, object$variables, rows)
}

check_columns <- function(x, d, name = "newdata") {
  if (ncol(x) == d) return(invisible(x))
  brenier_abort(c(
    "{.arg {name}} must have {d} column{?s}, one a variable of the fit, not {ncol(x)}."
  ), "argument", argument = name)
}

#' Points of newdata in the columns of the fit.
#' @noRd
new_points <- function(fit, newdata) {
  if (!is.null(fit$design$terms)) return(new_response(fit, newdata))
  if (!is.null(fit$terms) && is.data.frame(newdata) &&
      !all(fit$variables %in% names(newdata))) {
    check_variables(stats::formula(fit$terms), newdata, "newdata")
    model <- eval_frame(
      list(stats::model.frame, fit$terms, newdata, na.action = stats::na.pass) |> as.call(),
      environment()
    )
    return(frame_points(model, "newdata"))
  }
  if (is.matrix(newdata)) colnames(newdata) <- column_names(newdata)
  if (is.numeric(newdata) && is.null(dim(newdata)) && fit$d > 1) {
    newdata <- matrix(newdata, nrow = 1) # one point
  }
  if (all(fit$variables %in% colnames(newdata))) {
    newdata <- newdata[, fit$variables, drop = FALSE]
  } else if (is.data.frame(newdata)) {
    lost <- setdiff(fit$variables, names(newdata))
    brenier_abort(c("There is no variable {.var {lost[1]}} in {.arg newdata}."), "variable",
                  argument = "newdata", variable = lost[1])
  }
  x <- as_points(newdata, "newdata", finite = FALSE, rows = TRUE)
  check_columns(x, fit$d)
  x
}

#' The response of a conditional fit in newdata.
#' @noRd
new_response <- function(fit, newdata) {
  if (is.matrix(newdata)) newdata <- as.data.frame(newdata)
  if (!is.data.frame(newdata)) abort_no_frame(fit, newdata)
  response <- stats::formula(fit$terms)
  response[[3]] <- 1
  check_variables(response, newdata, "newdata")
  model <- eval_frame(
    list(stats::model.frame, response, newdata, na.action = stats::na.pass) |> as.call(),
    environment()
  )
  x <- frame_response(model, "newdata")
  colnames(x) <- fit$variables
  x
}
