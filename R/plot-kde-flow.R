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
#'   it;
#' * `"bandwidth"`: the bandwidth, the first of several, and the root mean square of the velocity
#'   against the steps, on a log scale.
#'
#' With covariates the response is drawn against the first one that varies. On tori angles are
#' drawn, on spheres the first
#' two coordinates.
#'
#' @param x A flow of [kde_flow()].
#' @param which One or more of `"particles"`, `"paths"`, `"energy"` and `"bandwidth"`.
#' @param variables Names or numbers of the variables to draw: two for `"paths"`, up to five for
#'   `"particles"`.
#' @param frames A folder: a picture of the particles at the end of each stage is written there as
#'   `frame001.png`, ..., for an
#'   animation, in place of the plot. It must exist.
#' @param ... Graphical parameters, as in [plot.brenier()].
#' @return `x`, invisibly; with `frames` the names of the files, invisibly.
#' @seealso [kde_flow()], [summary.kde_flow()]
#' @family pictures
#' @examples
#' flow <- kde_flow(~ eruptions + waiting, data = faithful, n = 100, steps = 60)
#' plot(flow)
#' plot(flow, c("paths", "energy"))
#' @export
plot.kde_flow <- function(x, which = "particles", variables = NULL, frames = NULL, ...) {
  which <- check_which(which, flow_pictures())
  dots <- check_graphical(..., known = c("which", "variables", "frames"))
  ask <- list(variables = flow_variables(x, variables))
  if (!is.null(frames)) return(invisible(draw_frames(x, ask$variables, frames, dots)))
  draw_pictures(flow_pictures(), which, x, ask, dots)
  invisible(x)
}

flow_pictures <- function() {
  list(
    particles = picture(particles_data, draw_particles, gg_particles),
    paths = picture(paths_data, draw_paths, gg_paths),
    energy = picture(energy_data, draw_energy, gg_energy),
    bandwidth = picture(bandwidth_data, draw_energy, gg_energy)
  )
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

#' Directions have equal scales on both axes.
#' @noRd
flow_asp <- function(x) if (length(x$space$blocks) && !isTRUE(x$space$torus)) 1 else NA

particles_data <- function(x, ask, particles = x$particles, title = "Particles and data") {
  if (is.null(x$data)) title <- sub(" and data", "", title)
  cloud_data(
    particles, x$data, x$weights, ask$variables, title, asp = flow_asp(x),
    axis = if (!is.null(x$given)) list(data = x$data_given[, 1], particles = x$given[, 1],
                                       name = x$design$columns[1])
  )
}

#' Particles, and the data if there are any: in one dimension histograms, in two points, in more
#' a matrix of scatter plots. A single response with covariates stands over the first one, `axis`.
#' @noRd
cloud_data <- function(particles, data, weights, at, title, axis = NULL, asp = NA) {
  of <- function(m) if (!is.null(m)) m[, at, drop = FALSE]
  names <- colnames(particles)
  if (length(at) == 1 && is.null(axis)) {
    values <- particles[, at]
    breaks <- histogram_breaks(c(values, of(data)))
    heights <- function(v, w) bars_data(breaks, weighted_heights(v, w, breaks))
    return(list(kind = "bars", breaks = breaks, particles = heights(values, rep(1, length(values))),
                data = if (!is.null(data)) heights(of(data)[, 1], weights),
                words = words_of(title, names[at], "Density")))
  }
  if (length(at) > 2) {
    both <- !is.null(data)
    return(scatter_data(
      if (both) data else particles, if (both) weights else rep(1, nrow(particles)), particles, at, names,
      if (both) "Data (below) and particles (above)" else title
    ))
  }
  shown <- of(particles)
  if (length(at) == 1) {
    shown <- cbind(axis$particles, shown)
    data <- if (!is.null(data)) cbind(axis$data, of(data))
    names <- c(axis$name, names[at])
  } else {
    data <- of(data)
    names <- names[at]
  }
  list(kind = "points", particles = shown, data = data, weights = weights, asp = asp,
       words = words_of(title, names[1], names[2]))
}

draw_particles <- function(data, dots) {
  if (data$kind == "pairs") return(draw_pairs(data, dots))
  if (data$kind == "bars") {
    open_frame(dots, data$words, xlim = range(data$breaks),
               ylim = c(0, max(data$particles$height, data$data$height) * 1.05))
    colour <- mark(dots, "col", shades(4)[2])
    draw_bars(data$particles, colour)
    if (!is.null(data$data)) {
      lines(bar_outline(data$breaks, data$data$height), col = "grey15")
      key_above(c(data$key %||% "particles", "data"), fill = c(colour, NA), border = c(NA, "grey15"))
    }
    return(invisible())
  }
  both <- rbind(data$particles, data$data)
  open_frame(dots, data$words, xlim = wide_range(both[, 1]), ylim = wide_range(both[, 2]), asp = data$asp)
  # rings, for the particles lie among the data
  if (!is.null(data$data)) draw_points(data$data, data$weights, list(pch = 1), "grey50", 2)
  draw_points(data$particles, rep(1, nrow(data$particles)), dots, FIT_COLOUR, 1.5)
  if (!is.null(data$data)) {
    key_above(c(data$key %||% "particles", "data"), pch = c(16, 1),
              col = c(mark(dots, "col", FIT_COLOUR), "grey50"))
  }
}

#' Where the kept particles went: x, y, and the number of the particle; in one dimension x is the step.
#' @noRd
paths_data <- function(x, ask) {
  paths <- x$paths
  if (is.null(paths) || dim(paths)[2] == 0) {
    brenier_abort(c(
      "There are no paths: none were kept.", i = "Set {.code control = list(paths = 200)}."
    ), "argument", argument = "which")
  }
  at <- ask$variables
  n <- dim(paths)[1]
  line <- dim(paths)[3] == 1 || length(at) == 1
  names <- colnames(x$particles)
  over <- if (line) c(0, x$trace$iter[!duplicated(stage_of(x), fromLast = TRUE)])[seq_len(n)] else
    as.vector(paths[, , at[1]])
  list(
    paths = data.frame(x = over, y = as.vector(paths[, , at[if (line) 1 else 2]]),
                       particle = rep(seq_len(dim(paths)[2]), each = n), time = seq_len(n)),
    line = line, end = n, asp = if (line) NA else flow_asp(x),
    words = words_of("Paths", if (line) "Step" else names[at[1]], names[at[if (line) 1 else 2]])
  )
}

draw_paths <- function(data, dots) {
  paths <- data$paths
  open_frame(dots, data$words, xlim = if (data$line) range(paths$x) else wide_range(paths$x),
             ylim = wide_range(paths$y), asp = data$asp)
  gaps <- function(v) unlist(lapply(split(v, paths$particle), c, NA)) # between particles
  lines(gaps(paths$x), gaps(paths$y), col = mark(dots, "col", faint(FIT_COLOUR, 0.35)),
        lty = mark(dots, "lty", 1), lwd = mark(dots, "lwd", 1))
  if (data$line) return(invisible())
  start <- paths[paths$time == 1, ]
  end <- paths[paths$time == data$end, ]
  points(start$x, start$y, pch = 1, cex = 0.5, col = "grey50")
  points(end$x, end$y, pch = 16, cex = 0.6, col = FIT_COLOUR)
  key_above(c("start", "end"), pch = c(1, 16), col = c("grey50", FIT_COLOUR))
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

#' The energy, in the parts between changes of the bandwidth, and the distance to the data: logarithms
#' where both have a zero.
#' @noRd
energy_data <- function(x, ask) {
  trace <- x$trace
  if (is.null(trace)) {
    brenier_abort("There is no energy to draw: the flow has no step.", "argument", argument = "which")
  }
  # energies of blobs have no zero
  free <- identical(x$kind, "blob")
  part <- cumsum(c(TRUE, diff(trace$bandwidth) != 0))
  one <- rep(0, nrow(trace))
  curves <- rbind(step_curve(trace, "energy", "energy", part, !free),
                  step_curve(trace, "energy_distance", "distance to the data", one),
                  step_curve(trace, "floor", "its floor", one))
  if (nrow(curves) == 0) {
    brenier_abort(c(
      "There is no energy to draw: the field of this flow has none."
    ), "argument", argument = "which")
  }
  what <- if (free) "Energy, up to a constant" else if (identical(x$kind, "ksd"))
    "Squared Stein discrepancy" else "Energy, energy distance"
  list(curves = curves, log = !free, changes = bandwidth_changes(trace),
       words = words_of("Energy", "Step", what))
}

#' A column of the trace against the steps, its logarithm where `log`, in parts to be drawn apart.
#' @noRd
step_curve <- function(trace, column, of, part = rep(0, nrow(trace)), log = TRUE) {
  value <- trace[[column]]
  if (log) value <- log10(ifelse(value > 0, value, NA))
  kept <- is.finite(value)
  data.frame(iter = trace$iter[kept], value = value[kept], of = rep(of, sum(kept)), part = part[kept])
}

bandwidth_changes <- function(trace) trace$iter[which(diff(trace$bandwidth) != 0)] + 0.5

bandwidth_data <- function(x, ask) {
  trace <- x$trace
  if (is.null(trace) || x$kind %in% c("energy", "sliced")) {
    brenier_abort(
      "There is no bandwidth to draw: the flow has no {if (is.null(trace)) 'step' else 'kernel'}.",
      "argument", argument = "which"
    )
  }
  list(curves = rbind(step_curve(trace, "bandwidth", "bandwidth"), step_curve(trace, "speed", "velocity")),
       log = TRUE, changes = bandwidth_changes(trace),
       words = words_of("Bandwidth and velocity", "Step", "Length"))
}

draw_energy <- function(data, dots) {
  curves <- data$curves
  open_frame(dots, data$words, xlim = c(0, max(curves$iter)), ylim = wide_range(curves$value, 0.04),
             yaxt = if (data$log) "n" else "s")
  if (data$log) draw_log_axis(dots)
  abline(v = data$changes, col = "grey92")
  style <- energy_style(unique(curves$of), dots)
  for (k in seq_along(style$words)) {
    of <- curves[curves$of == style$words[k], ]
    for (part in split(of, of$part)) {
      lines(part$iter, part$value, col = style$col[k], lty = style$lty[k], lwd = style$lwd[k])
    }
  }
  key_above(style$words, col = style$col, lty = style$lty, lwd = style$lwd, seg.len = 1.6)
}

energy_style <- function(words, dots = list()) {
  of <- c(energy = 1, bandwidth = 1, "distance to the data" = 2, velocity = 2, "its floor" = 3)
  known <- unname(of[words])
  list(words = words, col = c(mark(dots, "col", FIT_COLOUR), OTHER_COLOUR, OTHER_COLOUR)[known],
       lty = c(1, 1, 2)[known], lwd = c(mark(dots, "lwd", 1.5), 1.5, 1)[known])
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
    range_of <- function(j) wide_range(c(x$paths[, , at[j]], x$data[, at[j]]))
    limits <- if (length(at) == 2) {
      list(xlim = range_of(1), ylim = range_of(2))
    } else if (length(at) == 1 && !is.null(x$given)) {
      list(xlim = wide_range(x$data_given[, 1]), ylim = range_of(1))
    } else if (length(at) == 1) {
      list(xlim = range_of(1))
    }
    dots <- utils::modifyList(as.list(limits), dots)
    data <- particles_data(x, list(variables = at), now, paste("Particles and data, stage", k - 1))
    draw_particles(data, dots)
    file
  }, "")
}
