# What the plots share: colours, the frame, points, keys.

MOST_POINTS <- 5000

# Graphical parameters of points and lines, not of the frame.
MARKS <- c("col", "pch", "cex", "bg", "lwd", "lty")

# Luminance orders the shades and two hues far apart do the rest, so that colour-blind readers and
# grey printers lose nothing.
shades <- function(n) grDevices::hcl.colors(n + 4, "Blues 3", rev = TRUE)[seq_len(n) + 1]
FIT_COLOUR <- grDevices::hcl.colors(5, "Blues 3")[2]
OTHER_COLOUR <- grDevices::hcl.colors(5, "Oranges")[2]
BAND_COLOUR <- "grey90"

#' A colour let through by `alpha`, where the device can do that.
#' @noRd
faint <- function(colour, alpha) {
  if (!isTRUE(grDevices::dev.capabilities("semiTransparency")[[1]])) return(colour)
  grDevices::adjustcolor(colour, alpha)
}

#' The axes of a plot and nothing in them. `...` and `words`, see words_of(), are defaults, `dots`
#' what the user gave, without what belongs to the marks.
#' @noRd
open_frame <- function(dots, words = NULL, ...) {
  args <- c(list(bty = "l", cex.sub = 0.8, cex.main = par("cex.main"), ...), words)
  args[names(dots)] <- dots
  # upright numbers where they leave room for the name of the axis
  if (is.null(args$las)) {
    digits <- nchar(gsub("[-.]", "", format(pretty(args$ylim), trim = TRUE)))
    args$las <- if (max(digits) <= 3) 1 else 0
  }
  args[MARKS] <- NULL
  args$x <- args$xlim
  args$y <- args$ylim
  titles <- args[c("main", "sub")]
  do.call(plot.default, c(replace(args, c("main", "sub"), ""), type = "n"))
  if (isFALSE(args$ann)) return(invisible())
  # titles no wider than their figure has room for
  room <- par("pin")[1] + 2 * min(par("mai")[c(2, 4)])
  for (name in names(titles)[lengths(titles) > 0]) {
    size <- paste0("cex.", name)
    font <- args[[paste0("font.", name)]] %||% par(paste0("font.", name))
    wide <- graphics::strwidth(titles[[name]], "inches", cex = args[[size]], font = font)
    args[[size]] <- args[[size]] * min(1, 0.98 * room / max(wide))
    style <- args[intersect(names(args), c(size, paste0(c("col.", "font."), name), "adj", "family"))]
    do.call(graphics::title, c(titles[name], style))
  }
}

#' What the user gave for a mark, or the default.
#' @noRd
mark <- function(dots, name, default) dots[[name]] %||% default

#' Range of values with a margin on both sides.
#' @noRd
wide_range <- function(x, margin = 0.08) grDevices::extendrange(x[is.finite(x)], f = margin)

#' The rows of the data that are drawn.
#' @noRd
drawn_rows <- function(n) {
  if (n <= MOST_POINTS) return(seq_len(n))
  sort(with_seed(1, sample.int(n, MOST_POINTS)))
}

#' Data as points: smaller and fainter the more there are, in area proportional to their weights.
#' `colour` may be one a point.
#' @noRd
draw_points <- function(x, weights, dots, colour = "grey15", strength = 1) {
  rows <- drawn_rows(nrow(x))
  n <- length(rows)
  w <- weights[rows]
  points(
    x[rows, , drop = FALSE], pch = mark(dots, "pch", 16),
    cex = mark(dots, "cex", min(0.8, max(0.4, 2.2 / n^0.2))) * pmin(sqrt(w / mean(w)), 4),
    col = mark(dots, "col", faint(rep_len(colour, nrow(x))[rows],
                                  min(1, strength * min(0.8, 12 / sqrt(n))))),
    bg = mark(dots, "bg", NA)
  )
}

#' A row of keys between the plot and its title, where no data are.
#' @noRd
key_above <- function(words, ...) {
  usr <- par("usr")
  key <- function(cex, plot) {
    legend(usr[1], usr[4], words, ..., horiz = TRUE, bty = "n", xjust = 0, yjust = 0, xpd = NA,
           cex = cex, plot = plot, x.intersp = 0.6,
           text.width = graphics::strwidth(paste(words, ""), cex = cex))
  }
  width <- key(0.8, FALSE)$rect$w
  key(0.8 * min(1, (usr[2] - usr[1]) / width), TRUE)
}

percent <- function(level) paste0(format(100 * level, trim = TRUE, drop0trailing = TRUE), "%")

#' Two panels on a page of one; on a page of more, the next two cells. Returns what to restore.
#' @noRd
two_panels <- function(layout = c(1, 2)) {
  old <- par("mfrow", "cex", "mex")
  if (prod(old$mfrow) == 1) par(mfrow = layout) else old <- NULL
  old
}

#' The dots of one panel of two: `main` may have a title for each.
#' @noRd
panel_dots <- function(dots, k) {
  if (length(dots$main)) dots$main <- rep_len(dots$main, 2)[[k]]
  dots
}

#' Heights of the bars of a histogram of weighted values.
#' @noRd
weighted_heights <- function(x, weights, breaks) {
  bin <- findInterval(x, breaks, rightmost.closed = TRUE, all.inside = TRUE)
  mass <- tapply(weights, factor(bin, seq_len(length(breaks) - 1)), sum, default = 0)
  as.vector(mass) / sum(weights) / diff(breaks)
}

bars_data <- function(breaks, heights) {
  data.frame(left = utils::head(breaks, -1), right = breaks[-1], height = heights)
}

draw_bars <- function(bars, colour = "grey85", most = 40) {
  # many bars, or those far from a line, are too narrow for a white line between them
  narrow <- min(bars$right - bars$left) < diff(par("usr")[1:2]) / 100
  graphics::rect(bars$left, 0, bars$right, bars$height, col = colour,
                 border = if (nrow(bars) < most && !narrow) "white" else colour)
}

histogram_breaks <- function(x) {
  pretty(range(x), min(80, max(5, 2.5 * length(x)^(1 / 3), grDevices::nclass.FD(x))))
}
