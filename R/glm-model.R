# The posterior of a regression as the core wants it, and its coordinates. theta are the coefficients of
# the design with its columns centred, followed by the log of the auxiliary parameter; z = R theta, in
# which the posterior is near N(., I); x are the parameters that the user sees.

#' Columns of the design about their means, where there is an intercept.
#' @noRd
centre_design <- function(design) {
  center <- if (design$intercept) replace(colMeans(design$X), 1, 0) else rep(0, ncol(design$X))
  list(X = sweep(design$X, 2, center), center = center)
}

#' Rows that agree in design and offset, summed: list(X, offset, total, weight).
#' @noRd
sum_rows <- function(X, offset, total, weight) {
  used <- weight > 0
  if (!all(used)) {
    X <- X[used, , drop = FALSE]
    offset <- offset[used]
    total <- total[used]
    weight <- weight[used]
  }
  # rows that agree have the same sum with irrational weights; that others have it too is checked
  key <- drop(X %*% sqrt(seq_len(ncol(X)) + 1)) + offset * sqrt(ncol(X) + 2)
  first <- which(!duplicated(key))
  group <- match(key, key[first])
  if (length(first) > 0.8 * length(key) || any(X != X[first[group], ]) ||
        any(offset != offset[first[group]])) {
    return(list(X = X, offset = offset, total = total, weight = weight))
  }
  sum_of <- function(v) rowsum(v, group, reorder = TRUE)[, 1]
  list(X = X[first, , drop = FALSE], offset = offset[first], total = unname(sum_of(total)),
       weight = unname(sum_of(weight)))
}

#' A Gaussian likelihood in as many rows as there are columns: those of the triangular root, and the
#' squares that no coefficient removes.
#' @noRd
gaussian_rows <- function(X, offset, y, w) {
  root <- qr(sqrt(w) * X, LAPACK = TRUE)
  k <- seq_len(min(dim(X)))
  q <- qr.qty(root, sqrt(w) * (y - offset))
  list(X = qr.R(root)[, order(root$pivot), drop = FALSE], offset = rep(0, length(k)), total = q[k],
       weight = rep(1, length(k)), rest = sum(q[-k]^2), sum = sum(q^2))
}

#' The model of the core: see src/glm.h.
#' @noRd
glm_model <- function(design, response, offset, family, priors) {
  X <- centre_design(design)$X
  dimnames(X) <- NULL
  w <- response$w
  y <- response$y
  gaussian <- family$name == "gaussian"
  rows <- if (gaussian) gaussian_rows(X, offset, y, w) else
    sum_rows(X, offset, w * y, w * response$size)
  table <- do.call(rbind, unname(priors[c("intercept", "coefficients", "auxiliary")]))
  level <- if (family$name == "neg_binomial_2") sort(unique(y)) else numeric()
  count <- if (length(level)) rowsum(w, match(y, level))[, 1] else numeric()
  list(
    kind = "glm", family = core_family(family), X = t(rows$X), total = as.double(rows$total),
    weight = as.double(rows$weight), offset = if (any(rows$offset != 0)) as.double(rows$offset),
    constant = family$constant(y, response$size, w) + sum(table$log_top), mass = sum(w),
    sum = switch(family$name, gaussian = rows$rest, Gamma = sum(w * log(y)), 0),
    level = as.double(level), level_weight = as.double(count),
    prior_kind = table$code, prior_location = table$location, prior_scale = table$scale,
    prior_df = table$df
  )
}

#' A start and the root R of the information about it: list(theta, root).
#' @noRd
glm_start <- function(design, response, offset, family, priors) {
  X <- centre_design(design)$X
  y <- response$y
  size <- response$size
  w <- response$w
  mean <- if (family$name == "gaussian") sum(w * (y - offset)) / sum(w) else
    (sum(w * y) + 0.5) / (sum(w * size) + if (family$name == "binomial") 1 else 0.5)
  start <- family$start(y, size, w, mean)
  table <- rbind(priors$intercept, priors$coefficients)
  theta <- table$location * (table$dist != "flat")
  if (design$intercept) theta[1] <- family$object$linkfun(mean) - if (family$name == "gaussian") 0 else
    stats::weighted.mean(offset, w)
  weight <- w * size * start$information
  precision <- ifelse(table$dist == "flat", 0, 1 / table$scale^2)
  root <- chol(crossprod(sqrt(weight) * X) + diag(precision, length(precision)))
  if (length(family$aux)) {
    theta <- c(theta, log(start$aux))
    # information of the log of sigma is 2 n, of a shape about n/2
    scale <- sqrt(sum(w) * if (family$name == "gaussian") 2 else 0.5)
    root <- rbind(cbind(root, 0), c(numeric(ncol(root)), scale))
  }
  list(theta = theta, root = unname(root))
}

#' The model as a target of brenier_vi(). Its recipe: the model of the core; theta = `theta` z; the
#' parameters, but for the exponential of the last where it is auxiliary, are `linear` z.
#' @noRd
glm_target <- function(model, design, family, start) {
  p <- ncol(design$X)
  d <- ncol(start$root)
  theta <- backsolve(start$root, diag(d))
  uncentre <- diag(d)
  if (design$intercept) uncentre[1, seq_len(p)] <- c(1, -centre_design(design)$center[-1])
  recipe <- list(model = model, theta = theta, linear = uncentre %*% theta, auxiliary = d > p,
                 log_scale = -sum(log(abs(diag(start$root)))))
  names <- c(colnames(design$X), family$aux)
  new_target("glm", recipe, names, names, drop(start$root %*% start$theta), "a regression")
}

#' @noRd
glm_evaluator <- function(recipe) {
  d <- ncol(recipe$linear)
  list(
    ask = function(z, value, gradient, count) {
      count_asked(count, 1, nrow(z), if (gradient) nrow(z) else 0)
      answer <- .Call(C_brenier_model, recipe$model, z %*% t(recipe$theta), gradient)
      list(value = answer[[1]] + recipe$log_scale,
           gradient = if (gradient) answer[[2]] %*% recipe$theta)
    },
    to = function(z) {
      x <- z %*% t(recipe$linear)
      logdet <- rep(recipe$log_scale, nrow(z))
      if (recipe$auxiliary) {
        logdet <- logdet + x[, d]
        x[, d] <- exp(x[, d])
      }
      list(x = x, logdet = logdet)
    },
    from = function(x) {
      if (recipe$auxiliary) x[, d] <- log_or_nan(x[, d])
      x %*% t(solve(recipe$linear))
    }
  )
}

count_asked <- function(count, batches, points, gradients) {
  count$batches <- count$batches + batches
  count$points <- count$points + points
  count$gradients <- count$gradients + gradients
}
