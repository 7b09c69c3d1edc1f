# What a summary of a kernel flow says beyond distances: whether particles copy the data, and how they
# divide among known modes.

# A particle sits on a datum if it is that many times nearer to it than to the next one.
ON_DATUM <- 10

#' How particles lie by their nearest data, and how the data themselves lie by the others, which
#' is what
#' independent draws of the same law do: the share that sits on a datum, and the median distance.
#' NULL where particles share covariates with data. It reads at most 2000 particles and 4000 data.
#' @noRd
memorisation <- function(flow) {
  if (is.null(flow$data) || !is.null(flow$given) || nrow(flow$problem$y) < 3) return(NULL)
  y <- flow$problem$y[rule_rows(nrow(flow$problem$y), flow$problem$weight, 4000), , drop = FALSE]
  z <- flow$z[rule_rows(flow$n, rep(1, flow$n)), , drop = FALSE]
  tested <- rule_rows(nrow(y), rep(1, nrow(y)))
  to_data <- nearest_distances(z, y, 2)
  among <- nearest_distances(y, y, 2, own = TRUE, rows = tested)
  on <- function(near) mean(near[, 1] * ON_DATUM <= near[, 2])
  share <- c(on(to_data), on(among))
  n <- c(nrow(z), length(tested))
  pooled <- sum(share * n) / sum(n)
  data.frame(share = share[1], floor = share[2], se = sqrt(pooled * (1 - pooled) * sum(1 / n)),
             nearest = stats::median(to_data[, 1]), nearest_floor = stats::median(among[, 1]))
}

#' Particles by the nearest of known modes. The floor of the largest error of a share is its mean
#' for as
#' many independent draws of the weights.
#' @noRd
mode_report <- function(flow, modes) {
  if (is.null(modes)) return(NULL)
  modes <- check_modes(modes, colnames(flow$particles))
  x <- flow$particles
  k <- nrow(modes$mean)
  # distances in standard deviations of each mode
  away <- vapply(seq_len(k), function(j) {
    colSums(((t(x) - modes$mean[j, ]) / modes$sd[j])^2)
  }, numeric(flow$n))
  away <- matrix(away, flow$n)
  nearest <- max.col(-away, "first")
  within <- sqrt(away[cbind(seq_len(flow$n), nearest)]) <= 3
  count <- function(rows) tabulate(nearest[rows], k) / flow$n
  draws <- with_seed(1, stats::rmultinom(500, flow$n, modes$weight)) / flow$n
  table <- data.frame(modes$mean, weight = modes$weight, share = count(TRUE), within = count(within),
                      check.names = FALSE)
  table$covered <- table$within >= 0.01
  list(
    table = table, covered = sum(table$covered), quality = mean(within),
    deviation = max(abs(table$share - table$weight)),
    floor = mean(apply(abs(draws - modes$weight), 2, max))
  )
}

#' Modes as list(mean, sd, weight): a row of `mean`, a number of each of the others, a mode.
#' @noRd
check_modes <- function(modes, variables) {
  d <- length(variables)
  refuse <- function(what) {
    brenier_abort(c(
      paste0("{.arg modes} must be a list of {.field mean}, of {d} column{?s}, {.field sd} and perhaps
              {.field weight}; ", what, "."),
      i = "For example {.code list(mean = centres, sd = 0.1)}, with a row of {.field mean} a mode."
    ), "argument", argument = "modes")
  }
  if (!is.list(modes) || is.data.frame(modes) || !all(c("mean", "sd") %in% names(modes))) {
    refuse("it has no mean or no sd")
  }
  strange <- setdiff(names(modes), c("mean", "sd", "weight"))
  if (length(strange)) refuse(paste("it has", strange[1]))
  mean <- as.matrix(modes$mean)
  if (!is.numeric(mean) || ncol(mean) != d || nrow(mean) == 0 || !all(is.finite(mean))) {
    refuse("mean is no matrix of finite numbers with that many columns")
  }
  if (all(variables %in% colnames(mean))) mean <- mean[, variables, drop = FALSE]
  colnames(mean) <- variables
  k <- nrow(mean)
  positive <- function(v) is.numeric(v) && length(v) %in% c(1, k) && all(is.finite(v)) && all(v > 0)
  if (!positive(modes$sd)) refuse("sd is not positive, one number or one a mode")
  weight <- modes$weight %||% 1
  if (!positive(weight)) refuse("weight is not positive, one number a mode")
  weight <- rep_len(as.double(weight), k)
  list(mean = mean, sd = rep_len(as.double(modes$sd), k), weight = weight / sum(weight))
}

print_memorisation <- function(m, digits) {
  show <- function(v) format(v, digits = digits)
  cat("Particles on a datum ", show(100 * m$share), "%; as many independent draws would have ",
      show(100 * m$floor), "% (se of the difference ", show(100 * m$se), "%)\n",
      "  distance to the nearest datum ", show(m$nearest), " in the median; of draws ",
      show(m$nearest_floor), "\n", sep = "")
}

print_modes <- function(m, digits) {
  show <- function(v) format(v, digits = digits)
  cat("\nModes: ", m$covered, " of ", nrow(m$table), " covered; ", show(100 * m$quality),
      "% of the particles within 3 standard deviations of one\n",
      "  largest error of a share ", show(m$deviation), "; as many independent draws have ",
      show(m$floor), " on average\n", sep = "")
  print(m$table, digits = digits, row.names = FALSE)
}
