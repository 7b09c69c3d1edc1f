# Rscript tools/readme-picture.R    (from the top of the checkout, with the package installed)
# Draws man/figures/README-faithful.png, the picture of README.md.

suppressPackageStartupMessages(library(brenier))

fit <- brenier(~ eruptions + waiting, data = faithful)
dir.create("man/figures", showWarnings = FALSE, recursive = TRUE)
file <- "man/figures/README-faithful.png"
png(file, 960, 410, res = 96)
par(mfrow = c(1, 2), mar = c(4, 4, 4, 1), mgp = c(2.4, 0.8, 0))
plot(fit, "density", main = "Density", cex.main = 1.1)
plot(fit, "grid", main = "Square grid, taken back by the map", cex.main = 1.1)
invisible(dev.off())
cat(file, file.size(file), "bytes\n")
