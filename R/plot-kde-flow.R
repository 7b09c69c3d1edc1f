#' Plot a kernel flow
#'
#' @details
#' * `"particles"`: in one dimension a histogram of the particles over the outline of that of the
#'   data; in two the
#'   particles over the data; in more a matrix of scatter plots, data below the diagonal and
#'   particles above;
#' * `"paths"`: where the kept particles went, from the hollow start to the filled end, in one
#'   dimension against the
#'   steps;
#' * `"energy"`: the energy against the steps, where there is one, and the energy distance to the
#'   data with the floor of as
#'   many draws, on a log scale. Grey lines are where the bandwidth changes: the energy changes with
#'   it.
#'
#' With covariates the response is drawn against the first one that varies. On tori angles are
#' drawn, on spheres the first
#' two coordinates.
#'
#' @param x A flow of [kde_flow()].
#' @param which One or more of `"particles"`, `"paths"` and `"energy"`.
#' @param variables Names or numbers of the variables to draw: two for `"paths"`, up to five for
#'   `"particles"`.
#' @param frames A folder: a picture of the particles at the end of each stage is written there as
#'   `frame001.png`, ..., for an
#'   animation, in place of the plot. It must exist.
#' @param ... Graphical parameters, as in [plot.brenier()].
#' @return `x`, invisibly; with `frames` the names of the files, invisibly.
#' @examples
#' flow <- kde_flow(~ eruptions + waiting, data = faithful, n = 100, steps = 60)
#' plot(flow)
#' plot(flow, c("paths", "energy"))
#' @export
plot.kde_flow <- function(x, which = "particles", variables = NULL, frames = NULL, ...) {
  choices <- c("particles", "paths", "energy")
  for (w in which) check_choice(w, choices, "which")
  if (!is.character(which) || length(which) == 0) check_choice(which, choices, "which")
  dots <- check_graphical(..., known = c("which", "variables", "frames"))
  at <- flow_variables(x, variables)
  if (!is.null(frames)) return(invisible(draw_frames(x, at, frames, dots)))
  for (w in which) {
    switch(
      w,
      particles = plot_particles(x, x$particles, at, dots),
      paths = plot_paths(x, at, dots),
      energy = plot_energy(x, dots)
    )
  }
  invisible(x)
}

flow_variables <- function(x, variables) {
  names <- colnames(x$particles)
  most <- if (length(x$space$blocks)) 2 else 5
  chosen_variables(variables, names, seq_len(min(length(names), most)))
}

#' Numbers of the variables that a user named.
#' @noRd
chosen_variables <- function(variables, names, default = seq_along(names)) {
  if (is.null(variables)) return(default)
  at <- if (is.character(variables)) match(variables, names) else variables
  if (is.numeric(at) && length(at) && !anyNA(at) && all(at %in% seq_along(names))) return(at)
  brenier_abort(c(
    "{.arg variables} must be names or numbers of variables, not {shown(variables)}.",
    i = "They are {.val {names}}."
  ), "argument", argument = "variables")
}

#' What stands on the horizontal axis for a single response: its covariate, or nothing.
#' @noRd
flow_axis <- function(x) {
  if (is.null(x$given)) return(NULL)
  list(data = x$data_given[, 1], particles = x$given[, 1], name = x$design$columns[1])
}

plot_particles <- function(x, particles, at, dots, title = "Particles and data") {
  if (is.null(x$data)) title <- sub(" and data", "", title)
  axis <- flow_axis(x)
  of <- function(m) m[, at, drop = FALSE]
  ink <- list(data = faint("grey40", 0.5), particles = FIT_COLOUR)
  if (length(at) == 1 && is.null(axis)) {
    values <- particles[, at]
    breaks <- histogram_breaks(c(values, x$data[, at]))
    heights <- weighted_heights(values, rep(1, length(values)), breaks)
    outline <- if (!is.null(x$data)) weighted_heights(x$data[, at], x$weights, breaks)
    open_frame(dots, xlim = range(breaks), ylim = c(0, max(heights, outline) * 1.05),
               xlab = colnames(particles)[at], ylab = "density", main = title)
    draw_bars(breaks, heights, mark(dots, "col", shades(4)[2]))
    if (!is.null(outline)) {
      lines(rep(breaks, each = 2), c(0, rep(outline, each = 2), 0), col = "grey15")
      key_above(c("particles", "data"), fill = c(shades(4)[2], NA), border = c(NA, "grey15"))
    }
    return(invisible())
  }
  if (length(at) > 2) return(plot_pairs(x, particles, at, dots))
  shown <- of(particles)
  data <- if (!is.null(x$data)) of(x$data)
  if (length(at) == 1) {
    shown <- cbind(axis$particles, shown)
    data <- cbind(axis$data, data)
    colnames(shown)[1] <- axis$name
  }
  both <- rbind(shown, data)
  open_frame(dots, xlim = wide_range(both[, 1]), ylim = wide_range(both[, 2]),
             xlab = colnames(shown)[1], ylab = colnames(shown)[2], main = title)
  if (!is.null(data)) draw_points(data, x$weights, list(), "grey50", 0.8)
  draw_points(shown, rep(1, nrow(shown)), dots, FIT_COLOUR, 2)
  if (!is.null(data)) {
    key_above(c("particles", "data"), pch = 16, col = c(mark(dots, "col", FIT_COLOUR), "grey50"))
  }
}

plot_pairs <- function(x, particles, at, dots) {
  data <- x$data %||% particles
  rows <- c(drawn_rows(nrow(data)), nrow(data) + drawn_rows(nrow(particles)))
  group <- rep(c("data", "particles"), c(nrow(data), nrow(particles)))[rows]
  both <- rbind(data, particles)[rows, at, drop = FALSE]
  side <- function(which, colour) function(a, b, ...) {
    points(a[group == which], b[group == which], pch = 16, cex = 0.5, col = faint(colour, 0.5))
  }
  graphics::pairs(both, lower.panel = side("data", "grey30"),
                  upper.panel = side("particles", FIT_COLOUR),
                  main = dots$main %||% "Data below, particles above")
}

plot_paths <- function(x, at, dots) {
  paths <- x$paths
  if (is.null(paths) || dim(paths)[2] == 0) {
    brenier_abort(c(
      "There are no paths: none were kept.", i = "Set {.code control = list(paths = 200)}."
    ), "argument", argument = "which")
  }
  times <- seq_len(dim(paths)[1])
  names <- colnames(x$particles)
  if (dim(paths)[3] == 1 || length(at) == 1) {
    y <- matrix(paths[, , at[1]], length(times))
    steps <- c(0, x$trace$iter[!duplicated(stage_of(x), fromLast = TRUE)])[times]
    return(paths_in_time(steps, y, c("step", names[at[1]]), dots))
  }
  of <- function(k) matrix(paths[, , at[k]], length(times))
  paths_in_plane(of(1), of(2), names[at[1:2]], dots)
}

#' Paths, a column each, against time. Where one jumps by more than `far` it goes round a torus, and is
#' not drawn.
#' @noRd
paths_in_time <- function(times, y, names, dots, far = Inf) {
  open_frame(dots, xlim = range(times), ylim = wide_range(y), xlab = names[1], ylab = names[2],
             main = "Paths")
  draw_paths(matrix(times, length(times), ncol(y)), y, dots, c(Inf, far))
}

#' Paths in the plane, from the hollow start to the filled end.
#' @noRd
paths_in_plane <- function(a, b, names, dots, far = c(Inf, Inf)) {
  open_frame(dots, xlim = wide_range(a), ylim = wide_range(b), xlab = names[1], ylab = names[2],
             main = "Paths")
  draw_paths(a, b, dots, far)
  points(a[1, ], b[1, ], pch = 1, cex = 0.5, col = "grey50")
  points(a[nrow(a), ], b[nrow(b), ], pch = 16, cex = 0.6, col = FIT_COLOUR)
  key_above(c("start", "end"), pch = c(1, 16), col = c("grey50", FIT_COLOUR))
}

draw_paths <- function(a, b, dots, far) {
  jump <- which(rbind(abs(diff(a)) > far[1] | abs(diff(b)) > far[2], FALSE, FALSE))
  # one line for all, with gaps between paths and at jumps
  gaps <- function(v) {
    v <- rbind(v, NA)
    c(v, rep(NA, length(jump)))[order(c(seq_along(v), jump + 0.5))]
  }
  lines(gaps(a), gaps(b), col = mark(dots, "col", faint(FIT_COLOUR, 0.35)), lty = mark(dots, "lty", 1),
        lwd = mark(dots, "lwd", 1))
}

#' The stage of each row of the trace: those whose last row has a distance, or a bandwidth of its own.
#' @noRd
stage_of <- function(x) {
  ends <- if (all(is.na(x$trace$energy_distance))) {
    c(diff(x$trace$bandwidth) != 0, TRUE)
  } else {
    !is.na(x$trace$energy_distance)
  }
  c(0, cumsum(ends))[seq_along(ends)]
}

plot_energy <- function(x, dots) {
  trace <- x$trace
  if (is.null(trace)) {
    brenier_abort("There is no energy to draw: the flow has no step.", "argument", argument = "which")
  }
  seen <- !is.na(trace$energy_distance)
  # energies of flows to targets have no zero
  energy <- if (is.null(x$data)) trace$energy else ifelse(trace$energy > 0, trace$energy, NA)
  log <- if (is.null(x$data)) "" else "y"
  values <- c(energy, trace$energy_distance, trace$floor)
  values <- values[is.finite(values)]
  if (length(values) == 0) {
    brenier_abort(c(
      "There is no energy to draw: the field of this flow has none."
    ), "argument", argument = "which")
  }
  room <- c(1, if (log == "y") 3 else 1) # for the key
  open_frame(dots, xlim = c(0, max(trace$iter)), ylim = range(values) * room, log = log,
             xlab = "step", ylab = if (is.null(x$data)) "energy, up to a constant" else "energy, energy distance",
             main = "Energy", las = if (log == "y") 0 else 1)
  change <- which(diff(trace$bandwidth) != 0)
  if (length(change)) abline(v = trace$iter[change] + 0.5, col = "grey92")
  if (any(is.finite(energy))) {
    parts <- split(seq_along(energy), cumsum(c(TRUE, diff(trace$bandwidth) != 0)))
    for (k in parts) {
      lines(trace$iter[k], energy[k], col = mark(dots, "col", FIT_COLOUR), lwd = mark(dots, "lwd", 2))
    }
  }
  if (any(seen)) {
    lines(trace$iter[seen], trace$energy_distance[seen], col = OTHER_COLOUR, type = "b", pch = 16,
          cex = 0.5)
    lines(trace$iter[seen], trace$floor[seen], col = OTHER_COLOUR, lty = 2)
  }
  keys <- c(if (any(is.finite(energy))) "energy", if (any(seen)) c("distance to the data", "its floor"))
  legend("topright", keys, lty = c(if (any(is.finite(energy))) 1, if (any(seen)) 1:2), bty = "n",
         cex = 0.8,
         col = c(if (any(is.finite(energy))) FIT_COLOUR, if (any(seen)) rep(OTHER_COLOUR, 2)))
}

draw_frames <- function(x, at, folder, dots) {
  if (!is.character(folder) || length(folder) != 1 || !dir.exists(folder)) {
    brenier_abort("{.arg frames} must be a folder that exists, not {shown(folder)}.", "argument",
                  argument = "frames")
  }
  if (is.null(x$paths) || dim(x$paths)[2] == 0) return(character())
  kept <- x$control$kept
  x$given <- x$given[kept, , drop = FALSE]
  # one frame for all: the range of the paths and the data
  vapply(seq_len(dim(x$paths)[1]), function(k) {
    file <- file.path(folder, sprintf("frame%03d.png", k))
    grDevices::png(file, 720, 720, res = 120)
    on.exit(grDevices::dev.off())
    now <- matrix(x$paths[k, , ], dim(x$paths)[2], dimnames = list(NULL, colnames(x$particles)))
    if (length(at) == 2 && is.null(x$given)) {
      range_of <- function(j) wide_range(c(x$paths[, , at[j]], x$data[, at[j]]))
      defaults <- list(xlim = range_of(1), ylim = range_of(2))
      dots <- utils::modifyList(defaults, dots)
    }
    plot_particles(x, now, at, dots, paste("Particles and data, stage", k - 1))
    file
  }, "")
}
