# Convex potentials as generators: the map of brenier() on the side of the reference, moved by the
# field of a kernel flow.

# Regressions between two searches for atoms.
A_SEARCH <- 10L

#' The space of the images of the latents u under gradients of potentials: a move is the projection
#' of the targets on the class, one mirror step of the regression of the targets on the latents. It
#' remembers the potential of the last move that was taken and of the one that is on trial.
#' @noRd
potential_space <- function(space, u, control) {
  n <- nrow(u)
  d <- ncol(u)
  none <- u[0, , drop = FALSE]
  share <- rep(1 / n, n)
  potential <- start_components(u, rep(1, d), control$components, control$kappa)
  options <- core_options(
    utils::modifyList(brenier_control(max_atoms = control$atoms, kappa = control$kappa, max_iter = 1),
                      list(n_components = control$components, min_width = 0.1, penalty = 0)),
    d, 0L, n, 0L
  )
  options <- c(options, list(noise = ledger_points(0, u, d), axes = diag(d), learner = "regression"))
  options["held_offset"] <- list(NULL)
  options$eta <- 8 # damped: tangent features say little of a long step
  memory <- list(taken = potential, tried = potential, at = NULL, moves = 0L)
  to <- function(potential) evaluate(potential, u, map = TRUE)$map
  space$plain <- space
  space$start <- to(potential)
  space$move <- function(z, v) {
    if (!is.null(memory$at) && identical(z, memory$at)) { # the trial before was taken
      memory$taken <<- memory$tried
      memory$moves <<- memory$moves + 1L
      memory$at <<- NULL
    }
    options$start <- memory$taken
    options$other <- list(x = z + v, weights = share, held = none, held_weights = numeric())
    search <- memory$moves %% A_SEARCH == A_SEARCH - 1 && control$atoms > 0
    options$max_rounds <- as.integer(search)
    options$max_iter <- if (search) 12L else 1L # before atoms are sought the steps have to settle
    run <- .Call(C_brenier_fit, u, share, none, numeric(), options, NULL)
    if (run$status %in% c("size", "singular", "not_finite")) return(z)
    memory$tried <<- run$potential
    memory$at <<- to(run$potential)
    memory$at
  }
  space$potential <- function(z) {
    if (!is.null(memory$at) && identical(z, memory$at)) memory$tried else memory$taken
  }
  space
}

#' The map of a generator as a fit of brenier().
#' @noRd
generator_map <- function(object) {
  structure(list(
    layers = list(list(whitening = object$whitening, potential = object$potential, side = "reference")),
    variables = object$variables, n = object$n_data, d = object$d
  ), class = "brenier")
}

#' Steps of run_flow() on the images of fixed latents; the state has the potential too.
#' @noRd
run_potential <- function(problem, space, stages, control) {
  u <- fresh_latents(control$batch, length(space$moving))
  space <- potential_space(space, u, control)
  state <- run_flow(problem, space$start, space, stages, control)
  state$potential <- space$potential(state$z)
  state
}
