#' Density, map and ranks of a fitted map
#'
#' @param object A fit of [brenier()].
#' @param newdata Where to predict; by default the data of the fit. A data frame in which the terms
#'   of the formula are evaluated, or, for a fit without formula, that has its columns. Or a matrix
#'   with a column for each variable of the fit, by name if it has those names: for `~ log(b)` the
#'   values of log(b). Or a vector: values of the one variable, or one point in d dimensions. For
#'   `type = "inverse"`, points of the reference: a matrix of d columns. Rows with missing values
#'   give `NA`; infinite ones have density 0 and rank 1, and no map.
#' @param type What to return, for each row x of `newdata`:
#'   * `"density"`, `"log_density"`: f(x) or log f(x) of the fitted law, in the units of the
#'     variables of the fit;
#'   * `"map"`: T(x), a point of the reference N(0, I);
#'   * `"inverse"`: the x with T(x) = the row, in the units of the variables of the fit;
#'   * `"rank"`: the center-outward rank, in `[0, 1)`: the probability that the fitted law gives to
#'     the quantile region that x lies on the border of,
#'     \eqn{P(\chi^2_d \le |T(x)|^2)}{P(chisq_d <= |T(x)|^2)}.
#' @param tol For `"inverse"`: the largest error of T(x) that is accepted, relative to 1 + the largest
#'   coordinate of the row.
#' @param ... None; anything here is an error.
#' @return A vector with one number for each row of `newdata`, or for `"map"` and `"inverse"` a
#'   matrix with one row for each and one column a variable.
#' @section Errors:
#' `brenier_error_variable` for a variable that is missing in `newdata`, `brenier_error_type` for one
#' that is not numeric, `brenier_error_argument` for another wrong argument, such as a matrix with
#' the wrong number of columns. A row whose inverse
#' cannot be found to `tol` is `NA`, with the warning `brenier_warning_not_converged`.
#' @references
#' Chernozhukov, V., Galichon, A., Hallin, M. and Henry, M. (2017). Monge-Kantorovich depth, quantiles,
#' ranks and signs. *Annals of Statistics* 45, 223-256. \doi{10.1214/16-AOS1450}
#' @examples
#' fit <- brenier(~ eruptions + waiting, data = faithful)
#' new <- data.frame(eruptions = c(2, 4.5), waiting = c(55, 80))
#' predict(fit, new)
#' predict(fit, new, type = "rank")
#' z <- predict(fit, new, type = "map")
#' predict(fit, z, type = "inverse")
#' @export
predict.brenier <- function(object, newdata = NULL,
                            type = c("density", "log_density", "map", "inverse", "rank"),
                            tol = 1e-12, ...) {
  check_no_dots(..., known = c("newdata", "type", "tol"))
  type <- check_choice(type, c("density", "log_density", "map", "inverse", "rank"), "type")
  tol <- check_number(tol, "tol", 1e-14, 1)
  if (type == "inverse") return(predict_inverse(object, newdata, tol))
  x <- if (is.null(newdata)) object$x else new_points(object, newdata)
  complete <- rowSums(is.finite(x)) == ncol(x)
  z <- to_white(object$whitening, x[complete, , drop = FALSE])
  value <- switch(type,
    density = exp(log_density_white(object, z)),
    log_density = log_density_white(object, z),
    map = evaluate(object, z, map = TRUE)$map,
    rank = stats::pchisq(rowSums(evaluate(object, z, map = TRUE)$map^2), object$d)
  )
  value <- spread_rows(value, complete, object$variables, rownames(x))
  infinite <- !complete & stats::complete.cases(x)
  if (type != "map") value[infinite] <- switch(type, density = 0, log_density = -Inf, rank = 1)
  value
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

#' Potential at whitened points: list(map, logdet, value).
#' @noRd
evaluate <- function(fit, z, map = FALSE, logdet = FALSE, value = FALSE) {
  .Call(C_brenier_evaluate, fit$potential, z, map, logdet, value)
}

log_density_white <- function(fit, z) {
  e <- evaluate(fit, z, map = TRUE, logdet = TRUE)
  -rowSums(e$map^2) / 2 - fit$d / 2 * log(2 * pi) + e$logdet + fit$whitening$logdet
}

#' Points in the units of the data that the map takes to the rows of y.
#' @noRd
invert <- function(fit, y, tol = 1e-12) {
  slice <- 1e6 # rows between two chances to interrupt
  if (nrow(y) > slice) {
    at <- split(seq_len(nrow(y)), (seq_len(nrow(y)) - 1) %/% slice)
    return(do.call(rbind, lapply(at, function(i) invert(fit, y[i, , drop = FALSE], tol))))
  }
  result <- .Call(C_brenier_invert, fit$potential, y, tol, 500L)
  x <- from_white(fit$whitening, result$x)
  if (result$status != "ok") {
    failed <- result$iterations < 0
    x[failed, ] <- NA
    brenier_warn(c(
      "The inverse of {sum(failed)} row{?s} was not found to the tolerance {format(tol)}.",
      i = "They are NA; raise {.arg tol}."
    ), "not_converged")
  }
  dimnames(x) <- list(NULL, fit$variables)
  x
}

predict_inverse <- function(object, newdata, tol) {
  if (is.null(newdata)) {
    brenier_abort(c(
      "{.arg newdata} is missing.",
      i = "For {.code type = \"inverse\"} give points of the reference, one a row."
    ), "argument", argument = "newdata")
  }
  if (is.numeric(newdata) && is.null(dim(newdata)) && object$d > 1) {
    newdata <- matrix(newdata, nrow = 1) # one point
  }
  y <- as_points(newdata, "newdata", finite = FALSE)
  check_columns(y, object$d)
  complete <- rowSums(is.finite(y)) == ncol(y)
  x <- invert(object, unname(y[complete, , drop = FALSE]), tol)
  spread_rows(x, complete, object$variables, rownames(y))
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
  x <- as_points(newdata, "newdata", finite = FALSE)
  check_columns(x, fit$d)
  x
}
