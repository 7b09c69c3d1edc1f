#' The parabolic Monge-Ampere flow of two normal laws
#'
#' The limit of the Sinkhorn algorithm as its temperature falls to zero, between two normal laws, in
#' closed form; or the Sinkhorn iterates themselves at the same times. There every number of a
#' computed flow can be checked.
#'
#' @details
#' With \eqn{\mu = N(m, S)}{mu = N(m, S)} and \eqn{\nu = N(n, R)}{nu = N(n, R)} the flow is
#' \deqn{\partial_t u = \log(\rho_u/\mu),\quad \rho_u = (\nabla u^*)_\#\nu,}{du/dt = log(rho_u / mu),
#'   rho_u the law of grad u*(Y), Y from nu,}
#' the mirror flow of \eqn{KL(\rho\,\|\,\mu)}{KL(rho || mu)}. From a quadratic start it stays quadratic:
#' \eqn{\nabla u_t(x) = q_t + B_t(x - m)}{grad u_t(x) = q_t + B_t (x - m)} with the Riccati equation
#' \deqn{B' = S^{-1} - BR^{-1}B,\quad q' = -BR^{-1}(q - n),}{B' = S^(-1) - B R^(-1) B, q' = -B R^(-1)
#'   (q - n),}
#' which is solved in closed form, at no loss of digits for any t. The model \eqn{\rho_t}{rho_t} is
#' \eqn{N(m + B^{-1}(n - q), B^{-1}RB^{-1})}{N(m + B^(-1) (n - q), B^(-1) R B^(-1))}; as t grows it
#' becomes \eqn{\mu}{mu}, and \eqn{\nabla u}{grad u} the optimal map from \eqn{\mu}{mu} to
#' \eqn{\nu}{nu}.
#'
#' With `epsilon` > 0, cycle k of Sinkhorn for the cost \eqn{|x - y|^2/2} at temperature `epsilon`
#' stands at time k `epsilon`:
#' \deqn{B_{k+1} = ((B_k + \epsilon S^{-1})^{-1} + \epsilon R^{-1})^{-1},\quad
#'   q_{k+1} - n = B_{k+1}(B_k + \epsilon S^{-1})^{-1}(q_k - n).}{B_(k+1) = ((B_k + epsilon
#'   S^(-1))^(-1)
#'   + epsilon R^(-1))^(-1), q_(k+1) - n = B_(k+1) (B_k + epsilon S^(-1))^(-1) (q_k - n).}
#' Its distance to the flow is of order `epsilon`, with the limit off by about
#' \eqn{-(\epsilon/2)S^{-1}}{-(epsilon/2) S^(-1)}. With `debias = TRUE` the iterates start lower by that
#' and are raised by it, which leaves an error of order `epsilon`^2. The model of an iterate is here the
#' image of `nu` under the inverse of its gradient, not the marginal of its plan as on grids: its
#' divergence from `mu` stays above zero.
#'
#' @param mu,nu The laws of x and of y: lists with elements `mean`, d numbers, and `cov`, a positive
#'   definite d x d matrix, or the variance where d is 1.
#' @param times Times at least 0, in increasing order; with `epsilon` > 0 multiples of it.
#' @param epsilon Temperature; 0 is the flow.
#' @param debias Whether to take the bias of order `epsilon` off the Sinkhorn iterates.
#' @param start The potential at time 0: a list with `slope`, the symmetric positive definite
#'   matrix B,
#'   and `shift`, the vector q to which the mean of `mu` goes. By default the gradient is the
#'   identity.
#' @param ... None.
#' @return A list of class `gaussian_flow`, which is a `sinkhorn_flow` too:
#' \describe{
#'   \item{`trace`}{a data frame with a row a time: `time`; `kl`, KL(model || mu), and `kl_reverse`,
#'     KL(mu || model), in nats; `jeffreys`, their sum; `objective`, the semi-dual
#'     \eqn{J = \int u\,d\mu + \int u^*d\nu}{J = mean of u over mu + mean of u* over nu}; `gap`, J less
#'     its minimum; `bound`, the gap at time 0 over the time, which `jeffreys` does not exceed
#'     along the
#'     flow}
#'   \item{`slope`, `shift`}{B_t, a d x d x k array, and q_t, a k x d matrix, k the number of times}
#'   \item{`model_mean`, `model_cov`}{of the model, in the same shapes}
#'   \item{`limit`}{a list with `slope` and `shift` of the optimal map and `distance`, the
#'     Wasserstein
#'     distance \eqn{W_2(\mu, \nu)}{W2(mu, nu)}}
#'   \item{`rates`}{the d rates of decay: means lose \eqn{e^{-\lambda_i t}}{exp(-lambda_i t)},
#'     covariances \eqn{e^{-(\lambda_i + \lambda_j) t}}{exp(-(lambda_i + lambda_j) t)}}
#'   \item{`mu`, `nu`, `epsilon`, `debias`, `start`, `d`}{what was asked for}
#' }
#' @section Errors:
#' `brenier_error_argument`, which names the argument: a law without mean or covariance, a matrix
#' that
#' is not symmetric positive definite, times that are negative, not increasing or no multiples of
#' `epsilon`, a start that debiasing would make indefinite.
#' @references
#' Deb, N., Kim, Y.-H., Pal, S. and Schiebinger, G. (2023). Wasserstein mirror gradient flow as the
#' limit
#' of the Sinkhorn algorithm. \doi{10.48550/arXiv.2307.16421}
#' @seealso [brenier_definitions], [sinkhorn_flow()], [simulate.sinkhorn_flow()]
#' @family transport between densities
#' @examples
#' mu <- list(mean = c(0, 1), cov = matrix(c(2, 0.5, 0.5, 1), 2))
#' nu <- list(mean = c(0, 0), cov = diag(2))
#' flow <- gaussian_flow(mu, nu, times = seq(0, 4, 0.5))
#' flow
#' flow$limit$slope
#' @export
gaussian_flow <- function(mu, nu, times, epsilon = 0, debias = FALSE, start = NULL, ...) {
  check_no_dots(..., known = names(formals(gaussian_flow)))
  mu <- check_gaussian(mu, "mu")
  nu <- check_gaussian(nu, "nu", length(mu$mean))
  epsilon <- check_number(epsilon, "epsilon", 0)
  times <- check_times(times, epsilon)
  debias <- check_flag(debias, "debias") && epsilon > 0
  start <- check_gaussian_start(start, mu, epsilon * debias)
  path <- if (epsilon > 0) {
    sinkhorn_path(mu, nu, round(times / epsilon), epsilon, debias, start)
  } else {
    riccati_path(mu, nu, times, start)
  }
  new_gaussian_flow(mu, nu, times, epsilon, debias, start, path)
}

#' Powers of a symmetric positive definite matrix.
#' @noRd
matrix_power <- function(a, power) {
  e <- eigen(a, symmetric = TRUE)
  e$vectors %*% (e$values^power * t(e$vectors))
}

symmetric <- function(a) (a + t(a)) / 2

#' The flow at the times. In the basis V of eigenvectors of R^(-1/2) S^(-1) R^(-1/2), with
#' eigenvalues
#' the squares of the rates, W = V' R^(-1/2) B R^(-1/2) V solves W' = Lambda^2 - W^2, and its
#' distance
#' D from Lambda has the closed form below, in which nothing grows with t. `carry` takes q - n from
#' time 0 to t.
#' @noRd
riccati_path <- function(mu, nu, times, start) {
  root <- matrix_power(nu$cov, 0.5)
  inverse_root <- matrix_power(nu$cov, -0.5)
  d <- nrow(root)
  e <- eigen(symmetric(inverse_root %*% solve(mu$cov) %*% inverse_root), symmetric = TRUE)
  rate <- sqrt(e$values)
  basis <- root %*% e$vectors
  dual <- inverse_root %*% e$vectors
  first <- crossprod(dual, start$slope %*% dual) - diag(rate, d)
  moved <- start$shift - nu$mean
  lapply(times, function(t) {
    decay <- exp(-rate * t)
    k <- solve(diag(d) + first %*% diag((1 - decay^2) / (2 * rate), d))
    w <- diag(rate, d) + decay * (k %*% first) %*% diag(decay, d)
    carry <- basis %*% (decay * k) %*% t(dual)
    list(slope = basis %*% symmetric(w) %*% t(basis), carry = carry,
         shift = nu$mean + drop(carry %*% moved))
  })
}

#' Sinkhorn cycles `at`, increasing whole numbers.
#' @noRd
sinkhorn_path <- function(mu, nu, at, epsilon, debias, start) {
  s <- solve(mu$cov)
  r <- solve(nu$cov)
  bias <- if (debias) epsilon / 2 * s else 0 * s
  b <- start$slope - bias
  moved <- start$shift - nu$mean
  path <- vector("list", length(at))
  done <- 0
  for (i in seq_along(at)) {
    while (done < at[i]) {
      half <- solve(b + epsilon * s)
      b <- symmetric(solve(half + epsilon * r))
      moved <- drop(b %*% half %*% moved)
      done <- done + 1
    }
    path[[i]] <- list(slope = b + bias, shift = nu$mean + moved)
  }
  path
}

#' KL(N(a) || N(b)).
#' @noRd
kl_gaussian <- function(a, b) {
  moved <- a$mean - b$mean
  ratio <- solve(b$cov, a$cov)
  # log det by Cholesky factors: exact where both are near each other
  logdet <- 2 * sum(log(diag(chol(b$cov)))) - 2 * sum(log(diag(chol(a$cov))))
  max(0, (sum(diag(ratio)) - length(moved) + logdet + sum(moved * solve(b$cov, moved))) / 2)
}

#' Slope of the optimal map from N(., s) to N(., r).
#' @noRd
gaussian_slope <- function(s, r) {
  root <- matrix_power(s, 0.5)
  inverse <- matrix_power(s, -0.5)
  symmetric(inverse %*% matrix_power(symmetric(root %*% r %*% root), 0.5) %*% inverse)
}

#' The semi-dual less its minimum, without the difference of two large numbers:
#' tr (B - B*) B^(-1) (B - B*) S / 2 + |q - n|^2 in the metric of B^(-1) / 2.
#' @noRd
gaussian_gap <- function(at, optimal, mu, nu) {
  moved <- at$slope - optimal
  (sum(diag(solve(at$slope, moved %*% mu$cov %*% moved))) +
     sum((at$shift - nu$mean) * solve(at$slope, at$shift - nu$mean))) / 2
}

new_gaussian_flow <- function(mu, nu, times, epsilon, debias, start, path) {
  optimal <- gaussian_slope(mu$cov, nu$cov)
  d <- length(mu$mean)
  models <- lapply(path, function(at) {
    inverse <- solve(at$slope)
    list(mean = mu$mean + drop(inverse %*% (nu$mean - at$shift)),
         cov = symmetric(inverse %*% nu$cov %*% inverse))
  })
  kl <- vapply(models, kl_gaussian, 0, mu)
  reverse <- vapply(models, function(model) kl_gaussian(mu, model), 0)
  gap <- vapply(path, gaussian_gap, 0, optimal, mu, nu)
  least <- sum(diag(optimal %*% mu$cov)) + sum(mu$mean * nu$mean)
  gap0 <- gaussian_gap(start, optimal, mu, nu)
  trace <- data.frame(
    time = times, kl = kl, kl_reverse = reverse, jeffreys = kl + reverse, objective = least + gap,
    gap = gap, bound = gap0 / times
  )
  squared <- sum((mu$mean - nu$mean)^2) + sum(diag(mu$cov)) + sum(diag(nu$cov)) -
    2 * sum(diag(optimal %*% mu$cov))
  rows <- function(list, name) do.call(rbind, lapply(list, `[[`, name))
  slices <- function(list, name) array(unlist(lapply(list, `[[`, name)), c(d, d, length(list)))
  structure(list(
    trace = trace, slope = slices(path, "slope"), shift = rows(path, "shift"),
    model_mean = rows(models, "mean"), model_cov = slices(models, "cov"),
    limit = list(slope = optimal, shift = nu$mean, distance = sqrt(max(0, squared))),
    rates = sort(sqrt(1 / Re(eigen(nu$cov %*% mu$cov, only.values = TRUE)$values))),
    mu = mu, nu = nu, epsilon = epsilon, debias = debias, start = start, d = d
  ), class = c("gaussian_flow", "sinkhorn_flow"))
}

check_gaussian <- function(law, name, d = NULL) {
  refuse <- function(what) {
    brenier_abort(c(
      paste0("{.arg {name}} must be a normal law; ", what, "."),
      i = "Give {.code list(mean = , cov = )}, d numbers and a positive definite d x d matrix."
    ), "argument", argument = name)
  }
  if (!is.list(law) || !all(c("mean", "cov") %in% names(law))) refuse("it lacks mean or cov")
  mean <- law$mean
  if (!is.numeric(mean) || length(mean) == 0 || !all(is.finite(mean))) {
    refuse("its mean is not finite numbers")
  }
  if (!is.null(d) && length(mean) != d) {
    refuse(paste0("its mean has length ", length(mean), ", that of mu ", d))
  }
  list(mean = as.double(mean), cov = check_definite(law$cov, length(mean), "its cov", refuse))
}

check_definite <- function(a, d, words, refuse) {
  if (!is.numeric(a) || length(a) != d^2 || !all(is.finite(a))) {
    refuse(paste0(words, " is not a finite ", d, " x ", d, " matrix"))
  }
  a <- matrix(as.double(a), d, d)
  if (max(abs(a - t(a))) > 1e-8 * max(abs(a))) refuse(paste(words, "is not symmetric"))
  a <- symmetric(a)
  values <- eigen(a, symmetric = TRUE, only.values = TRUE)$values
  if (!(min(values) > 1e-12 * max(values))) refuse(paste(words, "is not positive definite"))
  a
}

check_gaussian_start <- function(start, mu, epsilon) {
  d <- length(mu$mean)
  refuse <- function(what) {
    brenier_abort(c(
      paste0("{.arg start} must be a quadratic potential; ", what, "."),
      i = "Give {.code list(slope = , shift = )}, a positive definite d x d matrix and d numbers."
    ), "argument", argument = "start")
  }
  if (is.null(start)) start <- list(slope = diag(d), shift = mu$mean)
  if (!is.list(start) || !all(c("slope", "shift") %in% names(start))) refuse("it lacks one of them")
  if (!is.numeric(start$shift) || length(start$shift) != d || !all(is.finite(start$shift))) {
    refuse(paste("its shift is not", d, "finite numbers"))
  }
  slope <- check_definite(start$slope, d, "its slope", refuse)
  if (epsilon > 0) {
    check_definite(slope - epsilon / 2 * solve(mu$cov), d,
                   "its slope less the bias (epsilon / 2) S^(-1)", refuse)
  }
  list(slope = slope, shift = as.double(start$shift))
}

check_times <- function(times, epsilon = 0) {
  ok <- is.numeric(times) && length(times) > 0 && all(is.finite(times)) && all(times >= 0) &&
    !is.unsorted(times, strictly = TRUE)
  if (!ok) {
    brenier_abort("{.arg times} must be increasing finite numbers from 0 on, not {shown(times)}.",
                  "argument", argument = "times")
  }
  off <- if (epsilon > 0) abs(times / epsilon - round(times / epsilon)) > 1e-6 else FALSE
  if (any(off)) {
    brenier_abort(c(
      "{.arg times} must be multiples of {.arg epsilon}: a cycle takes that time.",
      x = "{format(times[off][1])} is not one of {format(epsilon)}."
    ), "argument", argument = "times")
  }
  as.double(times)
}
