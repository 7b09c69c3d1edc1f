# What a generator can be asked.

#' Draws, images and densities of a generator
#'
#' @param object,x A generator of [drift_generator()].
#' @param newdata For `"image"` and `"inverse"` latents: a matrix with a row a point and as many
#'   columns as the
#'   data. Else points
#'   in the units of the data.
#' @param type `"image"`, G(z) for each row, in the units of the data. With `model = "potential"`
#'   also what [predict.brenier()] has: `"density"` and `"log_density"` of the draws at a point,
#'   `"map"`, the
#'   latent that G takes to it, `"rank"`, and `"inverse"`, which is `"image"`.
#' @param nsim Number of draws.
#' @param seed As in [simulate.brenier()].
#' @param digits Significant digits.
#' @param ... None.
#' @return `predict()`: a matrix, or a vector for densities and ranks. `simulate()`: a data frame of
#'   independent draws. `print()` returns `x`, invisibly.
#' @section Errors:
#' `brenier_error_argument` for a wrong argument, also for the density of a network, which has none.
#' @examples
#' gen <- drift_generator(faithful, model = "potential", n = 200, steps = 30,
#'                        control = list(components = 4))
#' predict(gen, faithful[1:3, ], type = "log_density")
#' @seealso [brenier_definitions], [drift_generator()], [plot.drift_generator()]
#' @name predict.drift_generator
#' @export
predict.drift_generator <- function(object, newdata = NULL,
                                    type = c("image", "density", "log_density", "map", "rank",
                                             "inverse"), ...) {
  check_no_dots(..., known = c("newdata", "type"))
  types <- c("image", "density", "log_density", "map", "rank", "inverse")
  type <- check_choice(type, types, "type")
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
  if (type != "image") return(predict(generator_map(object), newdata, type = type))
  z <- as_points(newdata, "newdata")
  check_columns(z, object$d)
  draws_of(object, unname(z))
}

#' Images in the units of the data.
#' @noRd
draws_of <- function(object, z) {
  x <- from_white(object$whitening, images(object, z))
  matrix(x, nrow(z), object$d, dimnames = list(NULL, object$variables))
}

#' @rdname predict.drift_generator
#' @export
simulate.drift_generator <- function(object, nsim = 1, seed = NULL, ...) {
  check_no_dots(..., known = c("nsim", "seed"))
  nsim <- check_count(nsim, "nsim")
  as.data.frame(draws_of(object, with_seed(seed, matrix(stats::rnorm(nsim * object$d), nsim, object$d))))
}

#' @rdname predict.drift_generator
#' @export
print.drift_generator <- function(x, digits = 3, ...) {
  show <- function(v) format(v, digits = digits)
  d <- x$distance
  latents <- paste0(x$d, " normal latent", if (x$d > 1) "s")
  what <- if (x$model == "network") {
    widths <- x$network$hidden
    paste0(if (length(widths)) paste0("network of ", paste(widths, collapse = " + "), " tanh units")
           else "affine map", " of ", latents)
  } else {
    paste0("gradient of a convex potential of ", x$potential$n_components, " quadratics",
           if (x$potential$n_atoms > 0) paste0(" and ", x$potential$n_atoms, " ridge atoms"), " of ", latents)
  }
  cat("Generator of ", list_of(x$variables), ", trained on ", x$n_data, " points\n",
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
