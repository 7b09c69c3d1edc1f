# The steps of a kernel flow. A problem is the list that the core reads; the particles z, the space that
# they move in and the stages of bandwidths come from R/kde-flow.R.

DIVERGENCES <- c("kl", "reverse_kl", "chisq", "neyman", "hellinger", "js", "alpha")

# Of the kinds of the core, those whose velocity is minus the gradient of their energy.
DESCENDING <- c("mixture", "data", "particle", "smooth", "bregman", "mmd", "energy", "sliced", "blob",
                "ksd")

#' @param kind A row of the table of flows of the core.
#' @param y,weights Data in the coordinates of the flow, and weights of sum 1; NULL for a target.
#' @noRd
flow_problem <- function(kind, y = NULL, weights = NULL, share = c(kl = 1), order = 1.5, clip = 6,
                         kernel = "gaussian", tolerance = 0, self = TRUE) {
  shares <- stats::setNames(numeric(length(DIVERGENCES)), DIVERGENCES)
  shares[names(share)] <- share
  list(
    kind = kind, kernel = kernel, scale = 1, tolerance = tolerance, data_mean = 0, order = order,
    clip = clip, self = as.double(self), share = unname(shares), y = y, weight = weights, log_p_data = NULL,
    log_target = NULL, score = NULL, directions = NULL, draws = NULL, memory = NULL
  )
}

#' Room in which the core keeps the powers of small problems from one sweep of a step to the next, at
#' most 8 MB. It is written to, and belongs to one run: large problems take them again and again.
#' @noRd
flow_memory <- function(problem, n) {
  room <- n * (n + NROW(problem$y) + 16)
  if (problem$kernel == "gaussian" && room <= 2^20) numeric(room)
}

#' What is frozen while a stage lasts: a problem for each bandwidth, with the sums over the data
#' alone.
#' @noRd
open_stage <- function(problem, h, last = NULL) {
  if (!is.null(last) && identical(h, last$h) && is.null(problem$directions)) return(last)
  problems <- lapply(h, function(scale) {
    problem$scale <- scale
    if (problem$kind %in% c("mixture", "data", "bregman", "mmd")) {
      problem$log_p_data <- .Call(C_brenier_flow_data, problem)$log_p
    }
    problem
  })
  # a problem without a bandwidth that is solved together with the others
  if (!is.null(problem$beside)) problems <- c(problems, list(problem$beside))
  list(h = h, problems = problems)
}

#' Energy and velocity at z, in units of the mean shift; over several bandwidths the mean of the
#' velocities,
#' which belongs to the energies weighted by their units.
#' @noRd
flow_at <- function(stage, z, target = NULL, guess = NULL) {
  answer <- if (!is.null(target)) target(z, stage$h[1])
  if (!is.null(target) && any(!is.finite(answer$gradient))) {
    return(list(energy = Inf, velocity = z * NaN, refused = TRUE))
  }
  parts <- Map(function(problem, guess) {
    problem["log_target"] <- list(answer$value)
    problem["score"] <- list(answer$gradient)
    .Call(C_brenier_flow, z, problem, guess)
  }, stage$problems, if (length(guess) == length(stage$problems)) guess else list(NULL))
  if (!is.null(parts[[1]]$pull)) {
    parts <- lapply(parts, function(p) {
      p$velocity <- p$velocity - score_along(target, z, p$pull, stage$h[1])
      p
    })
    if (any(!is.finite(parts[[1]]$velocity))) {
      return(list(energy = Inf, velocity = z * NaN, refused = TRUE))
    }
  }
  unit <- vapply(parts, function(p) p$unit, 0)
  list(
    energy = sum(unit * vapply(parts, function(p) p$energy, 0)) / sum(unit), unit = mean(unit),
    velocity = Reduce(`+`, lapply(parts, function(p) p$velocity)) / length(parts), guess = parts
  )
}

#' The derivative of the score at each point along its row of v, by central differences.
#' @noRd
score_along <- function(target, z, v, h) {
  size <- sqrt(rowSums(v^2))
  step <- .Machine$double.eps^(1 / 3) * pmax(1, sqrt(rowSums(z^2)))
  shift <- v * (step / pmax(size, 1e-300))
  n <- nrow(z)
  score <- target(rbind(z + shift, z - shift), h)$gradient
  (score[seq_len(n), , drop = FALSE] - score[-seq_len(n), , drop = FALSE]) * (size / (2 * step))
}

#' Moves of at most `longest`.
#' @noRd
shortened <- function(v, longest) {
  if (is.infinite(longest)) return(v)
  v * pmin(1, longest / pmax(sqrt(rowSums(v^2)), 1e-300))
}

#' Runs the stages. The value is an environment: z, status, trace, paths and what the last evaluation
#' gave, whole at any time, so that an interrupt loses at most a step.
#' @noRd
run_flow <- function(problem, z, space, stages, control, target = NULL) {
  state <- new.env(parent = emptyenv())
  report <- new_progress(words = function(what, done) "Flow", total = sum(stages$steps))$report
  state$z <- z
  state$status <- "max_iterations"
  state$trace <- list()
  state$paths <- list(z[control$kept, , drop = FALSE])
  state$eta <- control$step
  state$evaluations <- 0
  state$began <- proc.time()[[3]]
  state$distance <- monitor_of(problem, control)
  run <- if (control$optimiser == "lbfgs") minimise_stage else step_stage
  problem["memory"] <- list(flow_memory(problem, nrow(z)))
  tryCatch({
    stage <- NULL
    done <- 0
    for (k in seq_along(stages$steps)) {
      h <- stages$h[[k]] %||% if (k <= 0.7 * length(stages$steps) || is.null(stage)) {
        if (stages$rule == "gap") {
          min(max(data_gap(problem, state$z), stages$range[1]), stages$range[2])
        } else {
          bandwidth_of(stages$rule, state$z)
        }
      } else {
        stage$h
      }
      problem <- new_directions(problem, control)
      stage <- open_stage(problem, h, stage)
      # towards a target the end may come in any stage of a bandwidth that stays; data are cheap to
      # ask, and fields without an energy may be slow for long
      last <- k == length(stages$steps) || (problem$kind %in% c("blob", "ksd") &&
        !is.null(stages$h[[k]]) && length(unique(stages$h[k:length(stages$h)])) == 1)
      run(state, stage, space, stages$steps[k], done, control, target, report, last)
      state$h <- h
      done <- done + stages$steps[k]
      close_stage(state, control)
      if (state$status %in% c("ok", "target_failed") && last) break
    }
  }, interrupt = function(c) state$status <- "interrupted")
  state$trace <- bound_trace(state$trace)
  state$seconds <- proc.time()[[3]] - state$began
  state
}

#' Sliced flows see other directions at each stage.
#' @noRd
new_directions <- function(problem, control) {
  if (problem$kind != "sliced") return(problem)
  d <- ncol(problem$y)
  u <- matrix(stats::rnorm(control$directions * d), ncol = d)
  problem$directions <- u / sqrt(rowSums(u^2))
  problem
}

#' One row of the trace: numbers, for a data frame a step would take longer than the step.
#' @noRd
record_step <- function(state, iter, energy, step, h, speed) {
  state$trace[[length(state$trace) + 1]] <- c(
    iter = iter, energy = energy, step = step, bandwidth = h[[1]], speed = speed,
    energy_distance = NA_real_, floor = NA_real_, evaluations = state$evaluations,
    seconds = proc.time()[[3]] - state$began
  )
}

#' The rows as a data frame; NULL where there is none.
#' @noRd
bound_trace <- function(rows) {
  if (length(rows)) as.data.frame(do.call(rbind, rows))
}

close_stage <- function(state, control) {
  rows <- length(state$trace)
  if (rows == 0) return(invisible())
  state$trace[[rows]][c("energy_distance", "floor")] <- state$distance(state$z)
  state$paths <- c(state$paths, list(state$z[control$kept, , drop = FALSE]))
}

#' The explicit steps of a stage: all of `step` where the velocity is no gradient; else halved until
#' the energy
#' falls by what Armijo's rule asks for, and doubled again after.
#' @noRd
step_stage <- function(state, stage, space, steps, done, control, target, report, last) {
  descends <- stage$problems[[1]]$kind %in% DESCENDING
  ask <- function(z, guess) {
    state$evaluations <- state$evaluations + 1
    flow_at(stage, z, target, guess)
  }
  same <- !is.null(state$now) && identical(state$now$stage, stage)
  now <- if (same) state$now$at else ask(state$z, state$now$at$guess)
  if (isTRUE(now$refused)) return(state$status <- "target_failed")
  for (k in seq_len(steps)) {
    v <- space$tangent(state$z, now$velocity)
    move <- shortened(v, control$longest)
    speed <- sqrt(mean(rowSums(v^2)))
    rise <- mean(rowSums(v * move)) / now$unit
    if (!descends) state$eta <- control$step
    repeat {
      z <- space$move(state$z, state$eta * move)
      found <- ask(z, now$guess)
      if (!isTRUE(found$refused) &&
          (!descends || found$energy <= now$energy - 1e-4 * state$eta * rise)) break
      if (state$eta < control$step * 1e-9) {
        # nothing lower in this direction but by rounding
        state$status <- if (isTRUE(found$refused)) "target_failed" else "stalled"
        record_step(state, done + k, now$energy, 0, stage$h, speed)
        state$now <- list(stage = stage, at = now)
        state$eta <- control$step
        return(invisible())
      }
      state$eta <- state$eta / 2
    }
    state$z <- z
    now <- found
    state$speed <- speed
    state$status <- "max_iterations"
    record_step(state, done + k, now$energy, state$eta, stage$h, speed)
    state$eta <- min(control$step, 2 * state$eta)
    if (!is.null(report)) report(done + k)
    if (last && speed <= control$tol * sqrt(now$unit)) {
      state$status <- "ok"
      break
    }
  }
  state$now <- list(stage = stage, at = now)
}

#' A stage by L-BFGS on its energy, in the moving columns.
#' @noRd
minimise_stage <- function(state, stage, space, steps, done, control, target, report, last) {
  z <- state$z
  seen <- NULL
  ask <- function(par) {
    if (!is.null(seen) && identical(par, seen$par)) return(seen$at)
    z[, space$moving] <- par
    state$evaluations <- state$evaluations + 1
    seen <<- list(par = par, at = flow_at(stage, z, target, seen$at$guess))
    if (isTRUE(seen$at$refused)) seen$at <<- list(energy = 1e10, velocity = 0 * z, unit = 1)
    seen$at
  }
  first <- ask(as.vector(z[, space$moving]))
  n <- nrow(z)
  slope <- function(par) -as.vector(ask(par)$velocity[, space$moving])
  found <- stats::optim(
    as.vector(z[, space$moving]), function(par) n * first$unit * ask(par)$energy, slope,
    method = "L-BFGS-B", control = list(maxit = steps, factr = 0, pgtol = control$tol * sqrt(first$unit))
  )
  z[, space$moving] <- found$par
  now <- ask(found$par)
  state$z <- z
  state$speed <- sqrt(mean(rowSums(now$velocity[, space$moving, drop = FALSE]^2)))
  state$status <- if (state$speed <= control$tol * sqrt(first$unit)) "ok" else "max_iterations"
  record_step(state, done + steps, now$energy, NA_real_, stage$h, state$speed)
  if (!is.null(report)) report(done + steps)
}

#' A function of z: energy distance to the data and the value that as many draws from them would have
#' on average. It reads at most 2000 particles and data.
#' @noRd
monitor_of <- function(problem, control) {
  if (is.null(problem$y)) return(function(z) c(NA_real_, NA_real_))
  rows <- rule_rows(nrow(problem$y), problem$weight)
  y <- problem$y[rows, , drop = FALSE]
  w <- if (length(rows) == nrow(problem$y)) problem$weight else rep(1 / length(rows), length(rows))
  own <- sum(w * pair_sums(y, y, matrix(w), "energy"))
  function(z) {
    z <- z[control$watched, , drop = FALSE]
    n <- nrow(z)
    cross <- mean(pair_sums(z, y, matrix(w), "energy"))
    among <- mean(pair_sums(z, z, matrix(rep(1 / n, n)), "energy"))
    c(among + own - 2 * cross, -own / n)
  }
}

#' sum_j k(x_i, y_j) a_j for each column of a, or of "slope", k'(r)/r, or "laplacian" in place of k.
#' @noRd
pair_sums <- function(x, y, a, kernel, scale = 1, of = "value", tolerance = 0) {
  .Call(C_brenier_pairs, of, x, y, kernel, scale, tolerance, NULL, NULL, a)$sums
}

#' log sum_j exp(w_j) k(x_i, y_j).
#' @noRd
pair_lse <- function(x, y, log_weight, kernel, scale) {
  .Call(C_brenier_pairs, "lse", x, y, kernel, scale, 0, log_weight, NULL, NULL)$sums[, 1]
}
