# Checks of the arguments of plots.

#' The plot that is drawn when none is asked for.
#' @noRd
default_plot <- function(fit) {
  if (!is.null(fit$pairing$reference)) return("trace")
  if (!is.null(fit$design) && fit$d <= 2) "quantile" else "density"
}

# What may come in the dots. `log` and `type` would undo what a plot is.
GRAPHICAL <- c(
  "main", "sub", "xlab", "ylab", "xlim", "ylim", "asp", "axes", "ann", "frame.plot", "bty", "las",
  "col", "pch", "cex", "bg", "lwd", "lty", "fg", "family", "font", "lend", "ljoin", "lmitre",
  "cex.axis", "cex.lab", "cex.main", "cex.sub", "col.axis", "col.lab", "col.main", "col.sub",
  "font.axis", "font.lab", "font.main", "font.sub", "lab", "mgp", "tck", "tcl", "xaxp", "yaxp",
  "xaxs", "yaxs", "xaxt", "yaxt", "adj", "panel.first", "panel.last"
)

#' The dots as a list; a name that means nothing is a misspelt one.
#' @noRd
check_graphical <- function(..., known) {
  dots <- list(...)
  strange <- if (is.null(names(dots))) seq_along(dots) else which(!names(dots) %in% GRAPHICAL)
  if (length(strange)) do.call(check_no_dots, c(dots[strange[1]],
                                                list(known = c(known, GRAPHICAL))))
  dots
}

#' Numbers of the variables of one plot.
#' @noRd
drawn_variables <- function(fit, variables, which) {
  most <- switch(which, density = 5, grid = 2, fit$d)
  all <- seq_len(fit$d)
  if (fit$d <= 2 || most == fit$d) return(all)
  if (is.null(variables)) {
    if (which == "density" && fit$d > most) {
      cli::cli_inform(c(
        "Drawing the first {most} of {fit$d} variables.",
        i = "Choose others with {.arg variables}."
      ), class = "brenier_message")
    }
    return(utils::head(all, most))
  }
  k <- if (is.character(variables)) match(variables, fit$variables) else match(variables, all)
  wrong <- variables[is.na(k) | duplicated(k)]
  if (length(wrong)) {
    brenier_abort(c(
      "{.arg variables} must be variables of the fit, each once; {.val {wrong[1]}} is not.",
      i = "They are {.val {fit$variables}}."
    ), "argument", argument = "variables")
  }
  fewest <- 2
  if (length(k) < fewest || length(k) > most) {
    range <- if (fewest == most) most else paste(fewest, "to", most)
    brenier_abort(
      "{.arg variables} must be {range} of the variables for {.val {which}}, not {length(k)}.",
      "argument", argument = "variables"
    )
  }
  k
}

#' Whether the fit has the plots, and these use `newdata` if it is given.
#' @noRd
check_laws <- function(fit, which, newdata) {
  if (!is.null(fit$pairing$reference) && !all(which == "trace")) {
    brenier_abort(c(
      "There is no {.val {setdiff(which, 'trace')[1]}} of a map to a sample: its reference has no
       density.", i = "Fit without {.arg reference}, or draw the {.val trace}."
    ), "argument", argument = "which")
  }
  if (is.null(fit$design)) {
    if (is.null(newdata)) return(invisible())
    brenier_abort("{.arg newdata} must be left out: the fit has no covariates.", "argument",
                  argument = "newdata")
  }
  if ("grid" %in% which) {
    brenier_abort(c(
      "{.val grid} is for fits without covariates: here each value of these has a map of its own.",
      i = "Draw {.val quantile} or {.val density} at the rows of {.arg newdata}."
    ), "argument", argument = "which")
  }
  used <- c("density", if (fit$d <= 2) "quantile")
  if (is.null(newdata)) {
    if (fit$d <= 2 && any(which %in% used)) plain_variables(fit)
    return(invisible())
  }
  if (!any(which %in% used)) {
    brenier_abort(c(
      "{.arg newdata} is of no use for {.val {which}}: all the data are drawn.",
      i = "It chooses the laws of {.val {used}}."
    ), "argument", argument = "newdata")
  }
  n <- nrow(region_covariates(fit, newdata))
  if (n == 0) {
    brenier_abort("{.arg newdata} has no row, hence no law to draw.", "empty", argument = "newdata")
  }
  # scatter plots and what lies along a covariate have room for more
  crowded <- which[which == "density" & fit$d <= 2 | which == "quantile" & fit$d == 2]
  if (n > MOST_LAWS && length(crowded)) {
    brenier_abort(c(
      "{.arg newdata} must have at most {MOST_LAWS} rows for {.val {crowded}}, not {n}.",
      i = if (fit$d == 1) "{.val quantile} draws the regions of more, along a covariate."
    ), "argument", argument = "newdata")
  }
}

#' A region that can be drawn.
#' @noRd
check_contour <- function(region) {
  if (!is.null(region$contour)) return(invisible())
  d <- length(region$variables)
  if (d > 2) {
    brenier_abort(c(
      "{.arg x} is a region in {d} dimensions, which has no contour to draw.",
      i = "Ask {.code x$contains(newdata)} for membership, or draw the ranks with
           {.code plot(fit, \"rank\")}."
    ), "argument", argument = "x")
  }
  brenier_abort(c(
    "{.arg x} has no contour to draw: the region of a fit with covariates differs from law to law.",
    i = "Choose laws: {.code quantile_region(fit, newdata = )}."
  ), "argument", argument = "x")
}
