# A million draws, a million densities, and the error of the inverse, from the fit of faithful.
# Rscript bench/draws.R [--quick | --full]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
source(file.path(dirname(gsub("~+~", " ", file, fixed = TRUE)), "common.R"))

n <- amount(1e5, 1e6)
n_kde <- amount(1e3, 2e4)

x <- as.matrix(faithful)
fit <- fit_brenier(x)
mixture <- fit_mclust(x)
H <- select_bandwidth("Hpi", x)
spread <- apply(x, 2, sd)

set.seed(2002)
took <- c(
  draw_brenier = seconds(draws <- as.matrix(simulate(fit, n))),
  draw_mclust = seconds(sim(mixture$modelName, mixture$parameters, n)),
  draw_kde = seconds(x[sample.int(nrow(x), n, replace = TRUE), ] +
                       matrix(rnorm(2 * n), n) %*% chol(H)),
  density_brenier = seconds(predict(fit, draws)),
  density_mclust = seconds(predict(mixture, draws)),
  density_kde = seconds(kde(x, H = H, eval.points = draws[seq_len(n_kde), ])) * n / n_kde
)

# In units of the standard deviation of each variable, and of the reference.
back <- predict(fit, predict(fit, draws, type = "map"), type = "inverse")
error_data <- max(abs(back - draws) / rep(spread, each = n))
z <- matrix(rnorm(2 * n), n)
error_reference <- max(abs(predict(fit, predict(fit, z, type = "inverse"), type = "map") - z))

show_table(
  paste0("From the fits of faithful: ", formatC(n, format = "d", big.mark = " "),
         " points, seconds"),
  data.frame(
    what = c("draws", "density", "draws taken back: largest error, sd",
             "reference and back: largest error"),
    brenier = c(fixed(took[["draw_brenier"]], 2), fixed(took[["density_brenier"]], 2),
                formatC(c(error_data, error_reference), digits = 1, format = "e")),
    mclust = c(fixed(took[c("draw_mclust", "density_mclust")], 2), "-", "-"),
    kde = c(fixed(took[c("draw_kde", "density_kde")], 2), "-", "-")
  ),
  c(
    paste0("kde: bandwidth Hpi of ks; draws are resampled points plus noise; ",
           "the density is ks::kde at ", formatC(n_kde, format = "d", big.mark = " "),
           " points, scaled up."),
    paste0("brenier used ", brenier_threads(), " thread(s), SIMD level ", brenier_simd(), ".")
  ),
  rows = "what"
)
