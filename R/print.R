#' Print and summarise a fitted map
#'
#' @details
#' The lines of a printed fit:
#' * the size of the data, with the rows that were removed for missing values;
#' * `potential`: the number of ridge atoms, and of those that continue the map beyond the data,
#'   which are not fitted; `Gaussian` where there are none, and why;
#' * `log lik.`: the mean log density of a point, in the sample and held out, the latter with its
#'   standard error. The number and the least width of the atoms are those with the best held-out
#'   value, so that it is a little too good;
#' * `certificate`: no other coefficients of these atoms lower the objective by more than this, see
#'   [certificate()];
#' * `converged` or `NOT converged` and why: whether the certificate met `tol` of
#'   [brenier_control()]; the mirror steps of the final fit, and the seconds of all fits.
#'
#' @param x,object A fit of [brenier()] or its summary.
#' @param digits Significant digits.
#' @param ... None.
#' @return `print()` returns its argument invisibly. `summary()` returns a list of class
#'   `summary.brenier` with `fit`, `residuals` (a data frame with a row a coordinate of the reference:
#'   `mean`, `sd`, `skewness`, excess `kurtosis` and the Kolmogorov `distance` to N(0, 1), weighted)
#'   and `reach` (the largest center-outward rank of a point of the data).
#' @name print.brenier
#' @family maps of data
#' @template definitions
#' @examples
#' summary(brenier(~ eruptions + waiting, data = faithful))
#' @export
print.brenier <- function(x, digits = 4, ...) {
  cat(if (is.null(x$design)) "Brenier map of " else "Conditional Brenier map of ",
      list_of(x$variables),
      if (!is.null(x$design)) paste0(" given ", list_of(x$design$variables)), "\n", sep = "")
  cat(rows_of(x), "\n", sep = "")
  cat("  potential   ", potential_words(x), "\n", sep = "")
  cat(pairing_words(x))
  if (is.na(x$log_likelihood)) {
    cat("  log lik.    none: the reference is a sample")
  } else {
    cat("  log lik.    ", format(x$log_likelihood / sum(x$weights), digits = digits),
        " a point in the sample", sep = "")
  }
  if (is.na(x$log_likelihood)) {
    cat("\n")
  } else if (is.na(x$held_out$log_likelihood)) {
    cat("; none held out\n")
  } else {
    cat(", ", format(x$held_out$log_likelihood, digits = digits), " (se ",
        format(x$held_out$se, digits = 2), ") held out\n", sep = "")
  }
  cat("  certificate ", gap_words(x), "\n", sep = "")
  cat("  ", end_words(x),
      " in ", n_steps(x), " steps, ", format(x$seconds, digits = 2), " s in all\n", sep = "")
  invisible(x)
}

#' Mirror steps of the final fit of all layers.
#' @noRd
n_steps <- function(x) sum(tapply(x$trace$iter, x$trace$layer, max))

end_words <- function(x) {
  if (x$converged && n_components(x) > 0) return("ended at a stationary point")
  if (x$converged) return("converged")
  if (x$status == "ok") return("stopped early, as the held-out likelihood asked,")
  paste0("NOT converged: ", status_message(x$status))
}

list_of <- function(names, most = 8) {
  if (length(names) > most) names <- c(names[seq_len(most)], paste("and", length(names) - most, "more"))
  paste(names, collapse = ", ")
}

rows_of <- function(x) {
  omitted <- length(x$na.action)
  weighted <- if (any(x$weights != 1)) paste0(", weights summing to ",
                                              format(sum(x$weights), digits = 4))
  paste0("  ", x$n, " points in ", x$d, " dimension", if (x$d > 1) "s", weighted,
         if (omitted) paste0("; ", omitted, " removed for missing values"))
}

#' How the steps learnt, where it was not by the likelihood.
#' @noRd
pairing_words <- function(x) {
  if (is.null(x$pairing)) return("")
  to <- if (is.null(x$pairing$reference)) "N(0, I)" else
    paste(nrow(x$pairing$reference), "points of the reference")
  way <- if (x$pairing$side == "data") paste("from the data to", to) else paste("from", to, "to the data")
  paste0("  learner     ", x$pairing$learner, ", gradient ", way, "\n")
}

potential_words <- function(x) {
  components <- n_components(x)
  atoms <- n_atoms(x) + n_tails(x) + components
  if (x$control$max_atoms == 0) return("Gaussian: no atoms were allowed")
  if (atoms == 0 && identical(x$control$folds, 0L)) {
    return("Gaussian: no atom lowered the objective")
  }
  if (atoms == 0 && is.null(x$validation)) return("Gaussian: too few points to judge atoms by")
  if (atoms == 0) return("Gaussian: no atom improved the held-out likelihood")
  tails <- n_tails(x)
  layers <- length(x$layers)
  # in one dimension it is one: it rises
  no_map <- if (x$d > 1) ": the composition is no Brenier map"
  ridge <- n_atoms(x)
  paste0(if (layers > 1) paste0(layers, " layers", no_map, "; "),
         if (components > 0) paste0("softmax of ", components, " quadratics",
                                    if (x$family == "both") ", "),
         if (components == 0 || x$family == "both") paste(ridge, "ridge atoms"),
         if (layers == 1 && ridge >= x$control$max_atoms) ", the most allowed",
         if (tails > 0) paste0(", ", tails, " more for the tails"))
}

gap_words <- function(x) {
  if (n_components(x) > 0) {
    return("none: the objective is not convex in the coefficients of a softmax")
  }
  if (!is.finite(x$gap)) return("none: the fit ended far from its minimum")
  paste0("within ", format(x$gap, digits = 2), " nats a point of the best for ",
         if (n_atoms(x)) "these atoms" else "a Gaussian map")
}

#' @rdname print.brenier
#' @export
summary.brenier <- function(object, ...) {
  r <- residuals(object)
  w <- object$weights / sum(object$weights)
  table <- apply(r, 2, function(v) {
    mean <- sum(w * v)
    sd <- sqrt(sum(w * (v - mean)^2))
    z <- (v - mean) / sd
    o <- order(v)
    upper <- cumsum(w[o])
    normal <- stats::pnorm(v[o])
    c(mean = mean, sd = sd, skewness = sum(w * z^3), kurtosis = sum(w * z^4) - 3,
      distance = max(abs(upper - normal), abs(upper - w[o] - normal)))
  })
  structure(list(
    fit = object, residuals = as.data.frame(t(table)),
    reach = max(stats::pchisq(rowSums(r^2), object$d))
  ), class = "summary.brenier")
}

#' @rdname print.brenier
#' @export
print.summary.brenier <- function(x, digits = 3, ...) {
  print(x$fit)
  cat("\nReference residuals, N(0, I) if the fit is right:\n")
  print(signif(x$residuals, digits))
  cat("\nThe outermost point has center-outward rank ", format(x$reach, digits = 6),
      "; of ", x$fit$n, " points about ", format(x$fit$n / (x$fit$n + 1), digits = 6),
      " is expected.\n", sep = "")
  if (!is.null(x$fit$validation)) {
    for (table in split(x$fit$validation, x$fit$validation$layer)) {
      best <- table[which.min(table$loss), ]
      cat("Rounds of atoms", if (best$layer > 1) paste(" in layer", best$layer), ": ", best$round,
          ", least width ", best$min_width, ", chosen by ", fold_words(x$fit), ".\n", sep = "")
    }
  }
  invisible(x)
}

fold_words <- function(fit) {
  if (fit$held_out$folds == 1) {
    return(paste0("a held-out part of ", format(100 * fit$control$validation), "%"))
  }
  paste0(fit$held_out$folds, "-fold cross-validation")
}
