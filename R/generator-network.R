# Networks as generators: a start near the identity, and training on fresh latents. A network is the
# list that the core reads: `inputs`, `outputs`, `hidden` (widths) and `coef`, where each layer has
# its matrix by rows, padded (src/network.h).

# Scales of the first draws: weights of the first layer and offsets, in units of what keeps the
# values of a layer at unit variance. Large enough that tanh bends within the latents.
FIRST_WEIGHTS <- 3
FIRST_OFFSETS <- 1.5

# The rate of Adam stays for half of the steps and then falls along a cosine to this share.
LAST_RATE <- 0.02

#' A network whose value is z where `outputs` are the last of `inputs`.
#' @noRd
new_network <- function(inputs, outputs, hidden) {
  shape <- network_shape(inputs, outputs, hidden)
  layers <- lapply(seq_along(shape$rows), function(l) {
    columns <- shape$columns[l] - 1 # the last one is the offset
    rows <- shape$rows[l]
    w <- matrix(0, shape$stride[l], rows)
    if (l == length(shape$rows)) {
      w[columns - outputs + seq_len(outputs), ] <- diag(outputs)
    } else {
      size <- (if (l == 1) FIRST_WEIGHTS else 1) / sqrt(columns)
      w[seq_len(columns), ] <- stats::rnorm(columns * rows) * size
      w[columns + 1, ] <- FIRST_OFFSETS * stats::rnorm(rows)
    }
    w
  })
  list(inputs = as.integer(inputs), outputs = as.integer(outputs), hidden = as.integer(hidden),
       coef = as.double(unlist(layers)))
}

network_shape <- function(inputs, outputs, hidden) {
  .Call(C_brenier_network_shape, as.integer(inputs), as.integer(outputs), as.integer(hidden))
}

#' Images of the rows of z.
#' @noRd
network_images <- function(net, z) .Call(C_brenier_network, net, z)

#' Fresh latents of a step: scrambled quasi-random points, each standard normal and together more
#' even than independent draws, so that the field they see is less noisy.
#' @noRd
fresh_latents <- function(n, d) {
  if (d <= 256) sobol_points(n, d, normal = TRUE) else matrix(stats::rnorm(n * d), n)
}

#' Trains a network by Adam on mean |x - stop(x + step V)|^2, whose gradient is
#' -(2 step/n) sum_i J_i'V_i, and gives the state of run_flow() with the network. What it returns is
#' a mean of the last iterates.
#' @noRd
run_network <- function(problem, space, stages, control) {
  d <- length(space$moving)
  # covariates go in before the latents and stay beside the images
  frozen <- if (ncol(problem$y) > d) problem$y[, -space$moving, drop = FALSE]
  held <- function(rows) if (!is.null(frozen)) frozen[rows, , drop = FALSE]
  batch <- control$batch
  state <- new.env(parent = emptyenv())
  total <- sum(stages$steps)
  report <- new_progress(words = function(what, done) "Training", total = total)$report
  order <- if (nrow(problem$y) > batch) spatial_order(problem$y)
  net <- new_network(ncol(problem$y), d, control$hidden)
  adam <- list(rate = control$rate, longest = control$norm, memory = min(50, max(total / 10, 1)), steps = 0,
               mean = 0 * net$coef, square = 0 * net$coef, average = net$coef + 0)
  n_shown <- min(2000, max(batch, 500))
  shown <- fresh_latents(n_shown, d) # at the end of each stage
  if (!is.null(frozen)) state$rows <- even_rows(nrow(frozen), n_shown, problem$weight)
  monitor <- monitor_of(problem, list(watched = seq_len(nrow(shown))))
  state$network <- net
  state$trace <- list()
  state$status <- "max_iterations"
  state$evaluations <- state$refused <- 0
  state$z <- beside(shown, held(state$rows))
  state$began <- proc.time()[[3]]
  done <- 0
  scale <- 1 # of the rate, after steps that were refused
  tryCatch({
    for (k in seq_along(stages$steps)) {
      h <- stages$h[[k]] %||% (if (stages$rule == "gap") {
        min(max(data_gap(problem, state$z), stages$range[1]), stages$range[2])
      } else {
        bandwidth_of(stages$rule, state$z)
      })
      for (j in seq_len(stages$steps[k])) {
        share <- done / total
        z <- fresh_latents(batch, d)
        part <- batch_problem(problem, order, batch, control)
        stage <- open_stage(part, h)
        # the covariates of the batch itself: no kernel then sees another law of them
        at <- held(part$rows %||% if (!is.null(frozen)) even_rows(nrow(frozen), batch, problem$weight))
        z <- latents_with(at, z)
        x <- beside(network_images(net, z), at)
        now <- flow_at(stage, x)
        now$velocity <- now$velocity[, space$moving, drop = FALSE]
        state$evaluations <- state$evaluations + 1
        move <- shortened(now$velocity, control$longest)
        fall <- if (share < 0.5) 1 else (1 + cos(pi * (2 * share - 1))) / 2
        adam$rate <- scale * control$rate * (LAST_RATE + (1 - LAST_RATE) * fall)
        step <- .Call(C_brenier_network_step, net, adam, z, -(2 * control$step / batch) * move)
        speed <- sqrt(mean(rowSums(now$velocity^2)))
        taken <- is.finite(step$norm) && all(is.finite(step$net$coef))
        if (taken) {
          net <- step$net
          adam <- step$adam
          state$speed <- speed
        } else { # from the mean of the iterates, more slowly
          state$refused <- state$refused + 1
          net$coef <- adam$average + 0
          scale <- scale / 2
        }
        done <- done + 1
        record_step(state, done, now$energy, if (taken) adam$rate else 0, h, speed)
        if (!is.null(report)) report(done)
        if (scale < 1e-6) {
          state$status <- "stalled"
          break
        }
      }
      state$h <- h
      state$network$coef <- adam$average
      at <- held(state$rows)
      state$z <- beside(network_images(state$network, latents_with(at, shown)), at)
      rows <- length(state$trace)
      state$trace[[rows]][c("energy_distance", "floor")] <- monitor(state$z)
      if (state$status == "stalled") break
    }
  }, interrupt = function(c) {
    state$status <- "interrupted"
    state$network$coef <- adam$average
  })
  state$trace <- bound_trace(state$trace)
  state$seconds <- proc.time()[[3]] - state$began
  state
}

#' The problem with a batch of the data: one datum from each of so many cells of equal weight,
#' which are
#' stretches of the order. So the shares of separate modes hardly vary from batch to batch. `rows` are
#' those of the batch.
#' @noRd
batch_problem <- function(problem, order, batch, control) {
  problem <- new_directions(problem, control)
  m <- nrow(problem$y)
  if (m <= batch) return(problem)
  share <- cumsum(problem$weight[order])
  at <- (seq_len(batch) - stats::runif(batch)) / batch * share[m]
  rows <- order[pmin(findInterval(at, share) + 1, m)]
  part <- function(problem) {
    problem$y <- problem$y[rows, , drop = FALSE]
    problem$weight <- rep(1 / batch, batch)
    problem
  }
  if (!is.null(problem$beside)) problem$beside <- part(problem$beside)
  problem$rows <- rows
  part(problem)
}

#' The problem with that of the energy distance beside it: a small bandwidth does not see the
#' masses of
#' separate modes, which noise would then move.
#' @noRd
with_far <- function(problem) {
  if (problem$kind %in% c("energy", "sliced")) return(problem)
  far <- flow_problem("energy", problem$y, problem$weight, kernel = "energy",
                      tolerance = problem$tolerance)
  far$data_mean <- mean_distance(far)
  problem$beside <- far
  problem
}

#' Rows in an order in which neighbours are near: halved again and again across their widest side.
#' @noRd
spatial_order <- function(y) {
  halve <- function(rows) {
    n <- length(rows)
    if (n < 2) return(rows)
    part <- y[rows, , drop = FALSE]
    side <- which.max(apply(part, 2, function(v) diff(range(v))))
    rows <- rows[order(part[, side])]
    c(halve(rows[seq_len(n %/% 2)]), halve(rows[-seq_len(n %/% 2)]))
  }
  halve(seq_len(nrow(y)))
}
