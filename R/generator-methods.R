# What a generator can be asked.

#' Draws, images and densities of a generator
#'
#' @param object,x A generator of [drift_generator()].
#' @param newdata For `"image"` and `"inverse"` latents: a matrix with a row a point and as many
#'   columns as the data; a data frame with the variables of the data is refused. Else points
#'   in the units of the data. For `simulate()` of a generator with covariates a data frame with them,
#'   by default those of the data.
#' @param type `"image"`, G(z) for each row, in the units of the data. With `model = "potential"`
#'   also what [predict.brenier()] has: `"density"` and `"log_density"` of the draws at a point,
#'   `"map"`, the
#'   latent that G takes to it, `"rank"`, and `"inverse"`, which is `"image"`.
#' @param nsim Number of draws; with covariates for each row of `newdata`.
#' @param seed As in [simulate.brenier()].
#' @param digits Significant digits.
#' @param ... None.
#' @return `predict()`: a matrix, or a vector for densities and ranks. `simulate()`: a data frame of
#'   independent draws; with covariates `nsim` for each row of `newdata`, whose number is in the column
#'   `row` in front, `NA` for a missing covariate. `print()` returns `x`, invisibly.
#' @section Errors:
#' `brenier_error_argument` for a wrong argument, also for the density of a network, which has none,
#' for `predict()` with covariates, and for a covariate without a datum within about three bandwidths;
#' those of [predict.brenier()] for other `newdata`.
#' @examples
#' gen <- drift_generator(faithful, model = "potential", n = 200, steps = 30,
#'                        control = list(components = 4))
#' predict(gen, faithful[1:3, ], type = "log_density")
#' @seealso [brenier_definitions], [drift_generator()], [plot.drift_generator()]
#' @family kernel flows
#' @name predict.drift_generator
#' @export
predict.drift_generator <- function(object, newdata = NULL,
                                    type = c("image", "density", "log_density", "map", "rank",
                                             "inverse"), ...) {
  check_no_dots(..., known = c("newdata", "type"))
  types <- c("image", "density", "log_density", "map", "rank", "inverse")
  type <- check_choice(type, types, "type")
  if (!is.null(object$given)) {
    brenier_abort(c(
      "Images of a generator with covariates need these, too.",
      i = "Use {.code simulate(newdata = )}."
    ), "argument", argument = "object")
  }
  if (type != "image" && object$model != "potential") {
    brenier_abort(c(
      "A network has no {.val {type}}: it need not be invertible.",
      i = "Use {.code model = \"potential\"}, or {.fn brenier}."
    ), "argument", argument = "type")
  }
  if (is.null(newdata)) {
    brenier_abort(c(
      "{.arg newdata} is missing.",
      i = "Give {if (type %in% c('image', 'inverse')) 'latents' else 'points'}, one a row."
    ), "argument", argument = "newdata")
  }
  if (type == "image" && is.data.frame(newdata) && all(object$variables %in% names(newdata))) {
    brenier_abort(c(
      "{.arg newdata} has the variables of the data, but an image is that of a latent.",
      i = if (object$model == "potential") "Ask for {.code type = \"density\"}, {.val map} or {.val rank}; or"
          else "Draws come from {.fn simulate}; or",
      " " = "give the latents as a matrix."
    ), "argument", argument = "newdata")
  }
  if (type != "image") return(predict(generator_map(object), newdata, type = type))
  z <- as_points(newdata, "newdata")
  check_columns(z, object$d)
  draws_of(object, unname(z))
}

#' Images in the units of the data.
#' @noRd
draws_of <- function(object, z, given = NULL) {
  frozen <- if (!is.null(given)) standard_covariates(object, given)
  x <- from_white(object$whitening, images(object, z, frozen), given)
  matrix(x, nrow(z), object$d, dimnames = list(NULL, object$variables))
}

#' @rdname predict.drift_generator
#' @export
simulate.drift_generator <- function(object, nsim = 1, seed = NULL, ..., newdata = NULL) {
  check_no_dots(..., known = c("nsim", "seed", "newdata"))
  nsim <- check_count(nsim, "nsim")
  latents <- function(n) with_seed(seed, matrix(stats::rnorm(n * object$d), n, object$d))
  if (is.null(object$given)) {
    if (!is.null(newdata)) {
      brenier_abort("{.arg newdata} must be left out: the generator has no covariates.", "argument",
                    argument = "newdata")
    }
    check_drawn(nsim, object$d)
    return(as.data.frame(draws_of(object, latents(nsim))))
  }
  given <- new_covariates(object, newdata)
  check_drawn(as.double(nsim) * nrow(given), object$d + 1)
  row <- rep(seq_len(nrow(given)), each = nsim)
  known <- stats::complete.cases(given)
  if (!is.null(newdata)) {
    own <- standard_covariates(object, object$given)
    at <- standard_covariates(object, given[known, , drop = FALSE])
    check_near(at, which(known), own, rep(1, nrow(own)), object$reach)
  }
  x <- matrix(NA_real_, length(row), object$d, dimnames = list(NULL, object$variables))
  x[known[row], ] <- draws_of(object, latents(length(row))[known[row], , drop = FALSE],
                              given[row[known[row]], , drop = FALSE])
  data.frame(row = row, x, check.names = FALSE)
}

#' Covariates in the coordinates of the network.
#' @noRd
standard_covariates <- function(object, given) {
  to_white(object$whitening, matrix(0, nrow(given), object$d), given)[, -seq_len(object$d), drop = FALSE]
}

#' @rdname predict.drift_generator
#' @export
print.drift_generator <- function(x, digits = 3, ...) {
  show <- function(v) format(v, digits = digits)
  d <- x$distance
  latents <- paste0(x$d, " normal latent", if (x$d > 1) "s")
  if (!is.null(x$given)) latents <- paste(latents, "and", list_of(x$design$variables))
  what <- if (x$model == "network") {
    widths <- x$network$hidden
    paste0(if (length(widths)) paste0("network of ", paste(widths, collapse = " + "), " tanh units")
           else "affine map", " of ", latents)
  } else {
    paste0("gradient of a convex potential of ", x$potential$n_components, " quadratics",
           if (x$potential$n_atoms > 0) paste0(" and ", x$potential$n_atoms, " ridge atoms"), " of ", latents)
  }
  cat("Generator of ", list_of(x$variables),
      if (!is.null(x$given)) paste(" given", list_of(x$design$variables)), ", trained on ",
      x$n_data, " points\n",
      "  function    ", what, "\n",
      "  energy      ", divergence_words(x), "\n",
      "  steps       ", NROW(x$trace), if (x$model == "network") " of " else " on ", x$n,
      if (x$model == "network") " fresh latents", if (x$model != "network") " latents",
      if (x$status == "interrupted") ": INTERRUPTED", if (x$status == "stalled") ": STALLED",
      if (x$refused > 0) paste0("; ", x$refused, " NOT finite, not taken"), "; ", show(x$seconds), " s\n",
      "  cost        ", format(x$cost, big.mark = ","), " multiplications a draw\n",
      "  distance    energy distance of fresh draws to the data ", show(d$energy_distance),
      "; as many draws of the data have ", show(d$floor), " on average\n", sep = "")
  if (d$energy_distance > 3 * d$floor) {
    cat(strwrap(paste(
      "The draws are NOT those of the data: give more steps, or take particles by kde_flow(),",
      "or a map by brenier()."
    ), 90, prefix = "  "), sep = "\n")
  }
  invisible(x)
}
