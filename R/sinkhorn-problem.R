# From what a user gives to a problem of transport: points, masses, costs and their units.

#' @return A list: `x`, `y`, `a`, `b`, `kind` (of the core: a name of a cost or "matrix"), `matrix`,
#'   `cost_function`, `reach`, `rho`, `scale` (a power of two), `debias`.
#' @noRd
transport_problem <- function(x, y, a, b, cost, reach, debias) {
  kind <- cost_kind(cost)
  points <- transport_points(x, y, is.matrix(cost), debias)
  problem <- c(points, list(kind = kind, cost_function = if (is.function(cost)) cost))
  n <- if (is.matrix(cost)) dim(cost) else c(nrow(points$x), nrow(points$y))
  check_cost_size(cost, points)
  balanced <- is.infinite(reach <- check_reach(reach))
  problem$a <- masses(a, n[1], "a", balanced)
  problem$b <- masses(b, n[2], "b", balanced)
  problem$reach <- reach
  problem$rho <- if (kind == "sqeuclidean") reach^2 else reach
  problem$debias <- debias
  if (kind == "matrix") {
    if (is.function(cost)) cost <- cost_matrix(cost, points)
    problem$matrix <- checked_costs(cost, problem)
    check_allowed(problem)
  }
  problem$scale <- cost_unit(problem)
  problem
}

#' The costs by a function of the user's, whose own error is told as such.
#' @noRd
cost_matrix <- function(cost, points) {
  tryCatch(cost(points$x, points$y), error = function(e) {
    brenier_abort(c(
      "{.arg cost} must be a function of two matrices of points that gives the matrix of costs.",
      x = "It fails: {conditionMessage(e)}"
    ), "argument", argument = "cost")
  })
}

cost_kind <- function(cost) {
  if (is.function(cost) || (is.matrix(cost) && is.numeric(cost))) return("matrix")
  if (!is.character(cost)) {
    brenier_abort(c(
      "{.arg cost} must be {.val sqeuclidean}, {.val euclidean}, a function or a numeric matrix, not
       {shown(cost)}."
    ), "argument", argument = "cost")
  }
  check_choice(cost, c("sqeuclidean", "euclidean"), "cost")
}

#' Points of both sides with the same columns; none is needed where the costs are a matrix.
#' @noRd
transport_points <- function(x, y, has_costs, debias) {
  if (has_costs && debias) {
    brenier_abort(c(
      "{.arg debias} needs the costs within each sample, which a matrix of {.arg cost} has not.",
      i = "Give {.arg cost} as a function of two matrices of points."
    ), "argument", argument = "debias")
  }
  if (has_costs && is.null(x) && is.null(y)) return(list(x = NULL, y = NULL))
  for (name in c("x", "y")) {
    if (is.null(get(name))) {
      brenier_abort(c(
        "{.arg {name}} is missing.", i = "Give two sets of points, or a formula with two groups."
      ), "argument", argument = name)
    }
  }
  paired_points(x, y, c("x", "y"))
}

#' Two sets of points as matrices of the same columns; where both have names, in the order of the
#' first.
#' @param names What the arguments are called.
#' @noRd
paired_points <- function(x, y, names) {
  named <- !is.null(colnames(x)) && !is.null(colnames(y))
  x <- as_points(x, names[1])
  y <- as_points(y, names[2])
  if (ncol(x) != ncol(y)) {
    brenier_abort(c(
      "{.arg {names[1]}} and {.arg {names[2]}} must have as many columns, not {ncol(x)} and
       {ncol(y)}.", i = "Points that are compared live in one space."
    ), "argument", argument = names[2])
  }
  if (named && setequal(colnames(x), colnames(y))) y <- y[, colnames(x), drop = FALSE]
  check_squares(x, names[1])
  check_squares(y, names[2])
  list(x = x, y = y)
}

check_squares <- function(x, name) {
  largest <- max(abs(x))
  if (largest <= 1e150) return(invisible())
  brenier_abort(c(
    "{.arg {name}} has values too large to square: it reaches {format(largest, digits = 3)}.",
    i = "Rescale both sets of points."
  ), "scale", argument = name)
}

check_cost_size <- function(cost, points) {
  if (!is.matrix(cost)) return(invisible())
  if (any(dim(cost) == 0)) {
    brenier_abort("{.arg cost} is a {nrow(cost)} x {ncol(cost)} matrix: it is empty.", "empty",
                  argument = "cost")
  }
  if (is.null(points$x) || identical(dim(cost), c(nrow(points$x), nrow(points$y)))) {
    return(invisible())
  }
  brenier_abort(c(
    "{.arg cost} must have a row a point of {.arg x} and a column a point of {.arg y}: {nrow(points$x)}
     x {nrow(points$y)}, not {nrow(cost)} x {ncol(cost)}."
  ), "argument", argument = "cost")
}

checked_costs <- function(cost, problem) {
  n <- c(length(problem$a), length(problem$b))
  if (!is.matrix(cost) || !is.numeric(cost) || !identical(dim(cost), n)) {
    brenier_abort(c(
      "{.arg cost} must give a numeric matrix of {n[1]} x {n[2]} costs, not {shown(cost)}.",
      i = "A function of costs takes two matrices of points and compares each row with each."
    ), "argument", argument = "cost")
  }
  wrong <- which(is.na(cost) | cost == -Inf)
  if (length(wrong)) {
    at <- arrayInd(wrong[1], dim(cost))
    brenier_abort(c(
      "{.arg cost} must be numbers or {.val {Inf}}, not {cost[wrong[1]]}: row {at[1]}, column {at[2]}.",
      i = "{.val {Inf}} forbids a pair."
    ), if (is.na(cost[wrong[1]])) "missing" else "not_finite", argument = "cost")
  }
  matrix(as.double(cost), n[1], n[2])
}

#' Each point of positive mass must have a partner of positive mass.
#' @noRd
check_allowed <- function(problem) {
  allowed <- is.finite(problem$matrix)
  if (all(allowed)) return(invisible())
  alone <- list(
    row = problem$a > 0 & !(allowed %*% (problem$b > 0)),
    column = problem$b > 0 & !(crossprod(allowed, problem$a > 0))
  )
  for (side in names(alone)) {
    if (!any(alone[[side]])) next
    brenier_abort(c(
      "{.arg cost} forbids every pair of {side} {which(alone[[side]])[1]}: its mass cannot move.",
      i = "Allow a pair, or set that mass to 0."
    ), "forbidden", argument = "cost")
  }
}

check_reach <- function(reach) {
  if (is.null(reach)) return(Inf)
  check_number(reach, "reach", 0, Inf, infinite = TRUE,
               remedy = "{.code Inf} moves all mass, however far.")
  if (reach > 0) return(as.double(reach))
  brenier_abort("{.arg reach} must be positive, not {reach}.", "argument", argument = "reach")
}

check_mass <- function(w, n, name) {
  if (!is.numeric(w) || length(w) != n) {
    brenier_abort("{.arg {name}} must be {n} number{?s}, one a point, not {shown(w)}.", "argument",
                  argument = name)
  }
  bad <- which(!is.finite(w) | w < 0)
  if (length(bad)) {
    brenier_abort(c(
      "{.arg {name}} must be finite and not negative; number {bad[1]} is {w[bad[1]]}.",
      i = "A point of mass 0 carries nothing."
    ), "argument", argument = name)
  }
  if (any(w > 0)) return(as.double(w))
  brenier_abort("{.arg {name}} is all zero: there is no mass to move.", "empty", argument = name)
}

#' Masses that sum to one where all is moved, and are taken as they are otherwise.
#' @noRd
masses <- function(w, n, name, balanced) {
  if (is.null(w)) return(rep(1 / n, n))
  w <- check_mass(w, n, name)
  if (!balanced) return(w)
  w <- w / max(w) # the sum of large ones may overflow
  w / sum(w)
}

#' A power of two near the size of the points, or of the costs.
#' @noRd
cost_unit <- function(problem) {
  size <- if (problem$kind == "matrix") {
    finite <- problem$matrix[is.finite(problem$matrix)]
    max(abs(finite))
  } else {
    max(apply(rbind(problem$x, problem$y), 2, function(v) diff(range(v))))
  }
  if (!(size > 0)) return(1)
  2^round(log2(size))
}

check_epsilon <- function(epsilon, problem) {
  epsilon <- check_number(epsilon, "epsilon", 0, remedy = "It is in units of the cost.")
  unit <- if (problem$kind == "sqeuclidean") problem$scale^2 else problem$scale
  if (epsilon > 0 && epsilon / unit > 1e-12) return(epsilon)
  brenier_abort(c(
    "{.arg epsilon} must be positive and at least 1e-12 of the largest cost, not {epsilon}.",
    i = "For transport without blur use {.fn wasserstein}."
  ), "argument", argument = "epsilon")
}

#' A blur that follows the units of the data and no common shift; see sinkhorn().
#' @noRd
default_epsilon <- function(problem) {
  if (problem$kind == "matrix") {
    finite <- is.finite(problem$matrix)
    w <- outer(problem$a, problem$b)[finite]
    cost <- problem$matrix[finite]
    size <- sum(w * (cost - min(cost))) / sum(w)
    return(if (size > 0) 0.01 * size else 1)
  }
  s <- problem$scale
  spread <- function(z, w) {
    w <- w / sum(w)
    z <- z / s
    sum(w * rowSums(sweep(z, 2, colSums(w * z))^2))
  }
  size <- spread(problem$x, problem$a) + spread(problem$y, problem$b)
  if (!(size > 0)) { # a point against a point: any blur gives the same plan
    size <- sum((colMeans(problem$x / s) - colMeans(problem$y / s))^2)
    if (!(size > 0)) size <- 1
  }
  if (problem$kind == "sqeuclidean") 0.01 * size * s^2 else 0.05 * sqrt(size) * s
}

check_two_sided <- function(formula) {
  if (length(formula) == 3) return(invisible())
  brenier_abort(c(
    "{.arg formula} must have the points on the left and the group on the right.",
    i = "Write {.code cbind(a, b) ~ group}."
  ), "formula", argument = "formula")
}

#' The one variable on the right as a factor of two levels that both occur.
#' @noRd
two_groups <- function(model) {
  right <- setdiff(names(model)[-1], c("(weights)", "(offset)"))
  if (length(right) != 1) {
    brenier_abort(c(
      "{.arg formula} must have one variable on the right, not {length(right)}.",
      i = "It tells the two groups apart; {.fn interaction} makes one of many."
    ), "formula", argument = "formula")
  }
  group <- droplevels(as.factor(model[[right]]))
  if (nlevels(group) == 2) return(group)
  seen <- utils::head(levels(group), 5)
  brenier_abort(c(
    "{.var {right}} must have two values, not {nlevels(group)}: {.val {seen}}.",
    i = "Choose two by {.arg subset}."
  ), "groups", argument = "formula")
}

#' Runs code with a number of threads of its own.
#' @noRd
with_threads <- function(threads, code) {
  old <- brenier_threads()
  if (threads == old) return(code)
  brenier_threads(threads)
  on.exit(brenier_threads(old))
  code
}
