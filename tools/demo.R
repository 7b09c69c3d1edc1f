# make demo: fits a first map, prints it, and draws it into demo/.

suppressPackageStartupMessages(library(brenier))

# A picture of two by two panels: PNG, or PDF where R cannot write PNG.
picture <- function(name, draw) {
  file <- file.path("demo", paste0(name, if (capabilities("png")) ".png" else ".pdf"))
  if (capabilities("png")) png(file, 1500, 1350, res = 150) else pdf(file, 10, 9)
  on.exit(dev.off())
  par(mfrow = c(2, 2))
  draw()
  normalizePath(file)
}

draws_beside_data <- function(fit) {
  draws <- simulate(fit, nsim = nobs(fit), seed = 1)
  blue <- hcl.colors(5, "Blues 3")[2]
  plot(faithful, type = "n", xlim = range(faithful[[1]], draws[[1]]),
       ylim = range(faithful[[2]], draws[[2]]), main = "Data and draws", bty = "l", las = 1)
  points(draws, pch = 16, cex = 0.6, col = adjustcolor(blue, 0.7))
  points(faithful, cex = 0.6, col = "grey30")
  legend("topleft", c("data", "draws"), pch = c(1, 16), col = c("grey30", blue), bty = "n")
}

cat("The data: 272 eruptions of the Old Faithful geyser, their length and the wait to the next.\n")
cat("> fit <- brenier(~ eruptions + waiting, data = faithful)\n> summary(fit)\n")
fit <- brenier(~ eruptions + waiting, data = faithful)
print(summary(fit))

dir.create("demo", showWarnings = FALSE)
law <- picture("faithful", function() {
  plot(fit, "density", main = "Density over the data")
  plot(fit, "quantile")
  draws_beside_data(fit)
  plot(fit, "grid")
})
checks <- picture("faithful-checks", function() plot(fit, c("trace", "qq")))

cat(
  "\nThe pictures:\n",
  "  ", law, "\n    density, quantile regions, draws, and the grid of the reference\n",
  "  ", checks, "\n    the trace of the fit, its certificate, and reference QQ plots\n",
  "\nNext: make install, then in R:\n",
  "  library(brenier)\n",
  "  fit <- brenier(~ long + lat + depth, data = quakes)\n",
  "  plot(fit); simulate(fit, nsim = 5); ?brenier\n",
  sep = ""
)
