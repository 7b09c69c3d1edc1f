# From unbounded coordinates z to parameters x and back. A block is some columns of x, and of z, that
# one transform joins. A new transform is one row of this table: for matrices with a row a point,
#   size(k)                     how many columns of z k columns of x have
#   to(z, lower, upper)         list(x, logdet): logdet is log |dx/dz| of each row; where x has one column
#                               more than z, that of the columns of x but the last
#   pull(z, x, g, lower, upper) the gradient by z of f(x) + logdet, where g is that of f by x
#   back(x, lower, upper)       z, which is not finite where x is not inside
# lower and upper have a value for each column of x.

transforms <- list(
  real = list(
    size = identity,
    to = function(z, lower, upper) list(x = z, logdet = numeric(nrow(z))),
    pull = function(z, x, g, lower, upper) g,
    back = function(x, lower, upper) x
  ),
  lower = list(
    size = identity,
    to = function(z, lower, upper) {
      list(x = rep(lower, each = nrow(z)) + exp(z), logdet = rowSums(z))
    },
    pull = function(z, x, g, lower, upper) g * exp(z) + 1,
    back = function(x, lower, upper) log_or_nan(x - rep(lower, each = nrow(x)))
  ),
  upper = list(
    size = identity,
    to = function(z, lower, upper) {
      list(x = rep(upper, each = nrow(z)) - exp(-z), logdet = -rowSums(z))
    },
    pull = function(z, x, g, lower, upper) g * exp(-z) - 1,
    back = function(x, lower, upper) -log_or_nan(rep(upper, each = nrow(x)) - x)
  ),
  interval = list(
    size = identity,
    to = function(z, lower, upper) {
      width <- rep(upper - lower, each = nrow(z))
      list(x = rep(lower, each = nrow(z)) + width * stats::plogis(z),
           logdet = rowSums(log(width) + stats::plogis(z, log.p = TRUE) +
                              stats::plogis(-z, log.p = TRUE)))
    },
    pull = function(z, x, g, lower, upper) {
      p <- stats::plogis(z)
      g * rep(upper - lower, each = nrow(z)) * p * stats::plogis(-z) + 1 - 2 * p
    },
    back = function(x, lower, upper) {
      log_or_nan(x - rep(lower, each = nrow(x))) - log_or_nan(rep(upper, each = nrow(x)) - x)
    }
  ),
  # softmax of orthonormal contrasts of z: no entry is set apart, as the first or last would be by
  # logits against it or by breaking a stick
  simplex = list(
    size = function(k) k - 1L,
    to = function(z, lower, upper) {
      a <- z %*% t(contrasts_of(ncol(z) + 1L))
      a <- a - apply(a, 1, max)
      a <- a - log(rowSums(exp(a)))
      list(x = exp(a), logdet = rowSums(a) + log(ncol(a)) / 2)
    },
    pull = function(z, x, g, lower, upper) {
      (x * (g - rowSums(x * g)) - ncol(x) * x) %*% contrasts_of(ncol(x))
    },
    back = function(x, lower, upper) {
      z <- log_or_nan(x) %*% contrasts_of(ncol(x))
      z[abs(rowSums(x) - 1) > 1e-6, ] <- NaN
      z
    }
  ),
  ordered = list(
    size = identity,
    to = function(z, lower, upper) {
      list(x = row_cumsum(cbind(z[, 1], exp(z[, -1, drop = FALSE]))),
           logdet = rowSums(z[, -1, drop = FALSE]))
    },
    pull = function(z, x, g, lower, upper) {
      total <- row_cumsum(g, from_right = TRUE)
      total[, -1] <- total[, -1] * exp(z[, -1]) + 1
      total
    },
    back = function(x, lower, upper) {
      cbind(x[, 1], log_or_nan(x[, -1, drop = FALSE] - x[, -ncol(x), drop = FALSE]))
    }
  ),
  positive_ordered = list(
    size = identity,
    to = function(z, lower, upper) list(x = row_cumsum(exp(z)), logdet = rowSums(z)),
    pull = function(z, x, g, lower, upper) row_cumsum(g, from_right = TRUE) * exp(z) + 1,
    back = function(x, lower, upper) {
      log_or_nan(x - cbind(0, x[, -ncol(x), drop = FALSE]))
    }
  )
)

#' What users may call a transform: a row of the table, or bounds.
#' @noRd
transform_names <- list(
  positive = c(0, Inf), unit = c(0, 1), simplex = "simplex", ordered = "ordered",
  positive_ordered = "positive_ordered"
)

log_or_nan <- function(x) log(replace(x, !(x > 0), NaN))

#' An orthonormal basis of the vectors of k entries with sum 0.
#' @noRd
contrasts_of <- function(k) {
  v <- stats::contr.helmert(k)
  unname(v / rep(sqrt(colSums(v^2)), each = k))
}

row_cumsum <- function(x, from_right = FALSE) {
  k <- ncol(x)
  x %*% (if (from_right) lower.tri(diag(k), TRUE) else upper.tri(diag(k), TRUE))
}

#' The blocks of parameters, each with its transform.
#' @param names Of the parameters; `theta[1]` and `theta[2]` are of `theta`.
#' @param lower,upper A bound for each.
#' @param chosen A list or character vector: names of transforms, by the name of the parameter.
#' @return A list with `names`, `coordinates`, the names of the columns of z, and `blocks`.
#' @noRd
new_space <- function(names, lower, upper, chosen = NULL) {
  p <- length(names)
  rows <- c("real", "lower", "upper", "interval")
  row <- rows[1 + is.finite(lower) + 2 * is.finite(upper)]
  group <- match(row, rows)
  chosen <- check_transforms(chosen, names, group > 1)
  for (name in base::names(chosen)) {
    at <- values_of(name, names)
    value <- transform_names[[chosen[[name]]]]
    if (is.numeric(value)) {
      lower[at] <- value[1]
      upper[at] <- value[2]
      row[at] <- rows[1 + is.finite(value[1]) + 2 * is.finite(value[2])]
      group[at] <- match(row[at], rows)
    } else {
      row[at] <- value
      group[at] <- max(group) + 4 # a block of its own
    }
  }
  z_of <- lapply(split(seq_len(p), group), function(at) {
    at[seq_len(transforms[[row[at[1]]]]$size(length(at)))]
  })
  kept <- sort(unlist(z_of, use.names = FALSE))
  blocks <- Map(function(x, z) {
    list(row = row[x[1]], x = x, z = match(z, kept), lower = lower[x], upper = upper[x])
  }, split(seq_len(p), group), z_of)
  list(names = names, coordinates = names[kept], blocks = unname(blocks))
}

#' The parameter that an entry is of: `theta` of `theta[2]`.
#' @noRd
parameter_of <- function(names) sub("\\[[^]]*\\]$", "", names)

values_of <- function(name, names) which(parameter_of(names) == name | names == name)

check_transforms <- function(chosen, names, bounded) {
  if (is.null(chosen)) return(NULL)
  known <- base::names(transform_names)
  given <- base::names(chosen)
  if (!(is.list(chosen) || is.character(chosen)) || length(given) != length(chosen) ||
        any(given == "") || anyDuplicated(given)) {
    brenier_abort(c(
      "{.arg transforms} must be named by parameters, each once, not {shown(chosen)}.",
      i = "For example {.code list(theta = \"simplex\")}."
    ), "argument", argument = "transforms")
  }
  for (name in given) {
    chosen[[name]] <- check_choice(chosen[[name]], known, paste0("transforms$", name))
    at <- values_of(name, names)
    block <- is.character(transform_names[[chosen[[name]]]])
    if (length(at) >= if (block) 2 else 1) {
      if (!any(bounded[at])) next
      brenier_abort("{.var {name}} is in {.arg transforms} and has bounds too: leave out the one.",
                    "argument", argument = "transforms")
    }
    brenier_abort(c(
      "{.arg transforms} has {.var {name}}, of which {.arg init} has {length(at)} value{?s}.",
      i = "{.code init = list({name} = c(...))} or names such as {.val {paste0(name, \"[1]\")}} make a
           parameter of several values."
    ), "argument", argument = "transforms")
  }
  if (anyDuplicated(unlist(lapply(given, values_of, names)))) {
    brenier_abort("{.arg transforms} has a value and the parameter that it is of.", "argument",
                  argument = "transforms")
  }
  as.list(chosen)
}

#' x at the rows of z, and log |dx/dz| of each row.
#' @noRd
to_parameters <- function(space, z) {
  x <- matrix(0, nrow(z), length(space$names))
  logdet <- numeric(nrow(z))
  for (block in space$blocks) {
    at <- transforms[[block$row]]$to(z[, block$z, drop = FALSE], block$lower, block$upper)
    x[, block$x] <- at$x
    logdet <- logdet + at$logdet
  }
  list(x = x, logdet = logdet)
}

#' z of the rows of x, not finite where x is not strictly inside.
#' @noRd
from_parameters <- function(space, x) {
  z <- matrix(0, nrow(x), length(space$coordinates))
  for (block in space$blocks) {
    at <- transforms[[block$row]]$back(x[, block$x, drop = FALSE], block$lower, block$upper)
    z[, block$z] <- at
  }
  z
}

#' The gradient by z of f(x) + log |dx/dz|, g that of f by x.
#' @noRd
pull_gradient <- function(space, z, x, g) {
  out <- z
  for (block in space$blocks) {
    out[, block$z] <- transforms[[block$row]]$pull(
      z[, block$z, drop = FALSE], x[, block$x, drop = FALSE], g[, block$x, drop = FALSE],
      block$lower, block$upper
    )
  }
  out
}
