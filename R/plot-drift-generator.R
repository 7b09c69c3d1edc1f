# plot(drift_generator(...))

#' Plot a generator
#'
#' @details
#' * `"draws"`: fresh draws, over the data if these are given: in one dimension a histogram, in two
#'   points, in more a matrix of scatter plots, data below the diagonal and draws above;
#' * `"energy"`: the energy and the distance to the data against the steps of the training, as
#'   [plot.kde_flow()] has them.
#'
#' The draws have a fixed seed of their own.
#'
#' @param x A generator of [drift_generator()].
#' @param which `"draws"`, `"energy"` or both.
#' @param variables Names or numbers of the variables to draw, at most five.
#' @param data The data, or others, to compare the draws with: a matrix or data frame with the variables
#'   of the generator. It keeps none itself.
#' @param ndraws Number of draws.
#' @param ... Graphical parameters, as in [plot.brenier()].
#' @return `x`, invisibly.
#' @section Errors:
#' `brenier_error_argument` for a wrong `which`, `variables`, `data` or `ndraws`, and for a graphical
#' parameter that does not exist.
#' @seealso [drift_generator()]
#' @family pictures
#' @examples
#' gen <- drift_generator(~ eruptions + waiting, data = faithful, hidden = c(16, 16), steps = 100)
#' plot(gen, data = faithful)
#' @export
plot.drift_generator <- function(x, which = "draws", variables = NULL, data = NULL, ndraws = 1000, ...) {
  which <- check_which(which, generator_pictures())
  dots <- check_graphical(..., known = c("which", "variables", "data", "ndraws"))
  draw_pictures(generator_pictures(), which, x, asked_of_generator(x, variables, data, ndraws), dots)
  invisible(x)
}

generator_pictures <- function() {
  list(draws = picture(generated_data, draw_particles, gg_particles),
       energy = picture(energy_data, draw_energy, gg_energy))
}

asked_of_generator <- function(x, variables, data, ndraws) {
  names <- x$variables
  at <- if (is.null(variables)) seq_len(min(length(names), 5)) else
    if (is.character(variables)) match(variables, names) else match(variables, seq_along(names))
  if (length(at) == 0 || anyNA(at) || anyDuplicated(at)) {
    brenier_abort(c(
      "{.arg variables} must be names or numbers of variables, each once, not {shown(variables)}.",
      i = "They are {.val {names}}."
    ), "argument", argument = "variables")
  }
  if (!is.null(data)) {
    if (is.data.frame(data) && all(names %in% names(data))) data <- data[names]
    data <- as_points(data, "data")
    if (ncol(data) != length(names)) {
      brenier_abort("{.arg data} must have the {length(names)} variable{?s} of the generator, not
                     {ncol(data)}.", "argument", argument = "data")
    }
  }
  list(variables = at, data = data, ndraws = check_count(ndraws, "ndraws", 2, 1e6))
}

#' Draws with a fixed seed, at covariates of the data where there are any.
#' @noRd
marginal_draws <- function(x, n) {
  if (is.null(x$given)) return(simulate(x, n, seed = 1))
  rows <- with_seed(1, even_rows(nrow(x$given), n, rep(1, nrow(x$given))))
  x$given <- x$given[rows, , drop = FALSE]
  simulate(x, 1, seed = 1)[x$variables]
}

generated_data <- function(x, ask) {
  draws <- as.matrix(marginal_draws(x, ask$ndraws))
  data <- ask$data
  title <- if (is.null(data)) "Draws" else "Draws and data"
  shown <- cloud_data(draws, data, if (!is.null(data)) rep(1, nrow(data)), ask$variables, title)
  shown$key <- "draws"
  if (shown$kind == "pairs") shown$main <- if (is.null(data)) "Draws" else "Data (below) and draws (above)"
  shown
}
