# Posteriors against reference draws, and laws that are known: what brenier_vi() reaches, and the cost.
# Rscript bench/posteriors.R [--quick | --full] [--only=name,name]

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1])
bench_folder <- dirname(gsub("~+~", " ", file, fixed = TRUE))
source(file.path(bench_folder, "common.R"))
source(file.path(bench_folder, "posterior-models.R"))
source(file.path(bench_folder, "posterior-rivals.R"))

chosen <- c(posteriors, synthetic)
only <- option("only")
if (!is.null(only)) chosen <- chosen[grepl(gsub(",", "|", only), names(chosen))]
if ("--quick" %in% arguments) chosen <- utils::head(chosen, 2)
n_draws <- amount(1000, 4000)
with_rstan <- "--full" %in% arguments && requireNamespace("rstan", quietly = TRUE)

# Sliced 2-Wasserstein distance in units of the reference standard deviations: 64 directions.
sliced <- function(x, y, sd) {
  set.seed(3)
  x <- sweep(x, 2, sd, "/")
  y <- sweep(y, 2, sd, "/")
  p <- (seq_len(200) - 0.5) / 200
  squares <- replicate(64, {
    w <- stats::rnorm(ncol(x))
    w <- w / sqrt(sum(w^2))
    mean((stats::quantile(x %*% w, p) - stats::quantile(y %*% w, p))^2)
  })
  sqrt(mean(squares))
}

# Draws on the scale of the reference, with weights, against it.
judge <- function(x, weights, reference) {
  w <- weights / sum(weights)
  mean <- colSums(w * x)
  sd <- sqrt(pmax(colSums(w * x^2) - mean^2, 0))
  rows <- if (all(weights == weights[1])) seq_len(nrow(x)) else
    sample.int(nrow(x), nrow(x), TRUE, w)
  c(mean = sqrt(mean(((mean - reference$mean) / reference$sd)^2)),
    sd = sqrt(mean((sd / reference$sd - 1)^2)),
    sliced = sliced(x[rows, , drop = FALSE], reference$draws, reference$sd))
}

known_reference <- function(target) {
  set.seed(5)
  draws <- target$draw(1e5)
  list(mean = colMeans(draws), sd = apply(draws, 2, stats::sd), draws = draws[1:5000, ])
}

fit_with <- function(target, ...) {
  suppressWarnings(brenier_vi(
    target$log_density, target$init, target$gradient, vectorised = TRUE, lower = target$lower,
    upper = target$upper, ...
  ))
}

row_of_fit <- function(target, reference, ...) {
  took <- cpu_seconds(post <- fit_with(target, ...))
  frame <- as.data.frame(simulate(post, n_draws, seed = 9))
  known <- !is.null(target$draw)
  c(judge(target$constrain(as.matrix(frame)), rep(1, n_draws), reference), khat = post$khat,
    ess = post$is_ess / post$draws, kl = if (known) -post$elbo else post$kl_gap,
    gradients = post$evaluations$gradient, values = post$evaluations$log_density, seconds = took,
    converged = post$converged)
}

jobs <- lapply(names(chosen), function(name) list(name = name))
results <- run_jobs(jobs, function(job) {
  target <- chosen[[job$name]]()
  reference <- if (is.null(target$draw)) reference_of(job$name) else known_reference(target)
  methods <- list(
    brenier = function() row_of_fit(target, reference),
    Gaussian = function() row_of_fit(target, reference, potential = "ridge",
                                     control = list(max_atoms = 0)),
    "Laplace + IS" = function() laplace_row(target, reference, n_draws)
  )
  if (with_rstan && !is.null(stan_programs[[job$name]])) {
    methods$ADVI <- function() stan_row(job$name, target, reference, "vb")
    methods$NUTS <- function() stan_row(job$name, target, reference, "nuts")
  }
  rows <- lapply(names(methods), function(method) {
    row <- tryCatch(methods[[method]](), error = function(e) {
      message(job$name, ", ", method, ": ", conditionMessage(e))
      NULL
    })
    if (is.null(row)) return(NULL)
    cbind(data.frame(posterior = sub("^[^-]*-", "", job$name), method = method), t(row))
  })
  do.call(rbind, rows)
})
results <- do.call(rbind, results)

count <- function(x) ifelse(is.na(x), "-", format(round(x), big.mark = " ", trim = TRUE))
show_table(
  paste0("Posteriors: error of means and standard deviations (RMS, in sds; relative), ", n_draws,
         " draws"),
  data.frame(
    posterior = results$posterior,
    method = results$method, mean = fixed(results$mean, 3), sd = fixed(results$sd, 3),
    sliced = fixed(results$sliced, 3), khat = fixed(results$khat, 2), ess = fixed(results$ess, 2),
    kl = fixed(results$kl, 3), gradients = count(results$gradients), values = count(results$values),
    seconds = fixed(results$seconds, 1),
    conv = ifelse(is.na(results$converged), "-", ifelse(results$converged == 1, "yes", "no"))
  ),
  c("khat, ess: of importance weights of fresh draws, ess as a share.",
    "kl: the divergence where the law is known, else the gap of the evidence.",
    "gradients, values: points at which the gradient and the log density were asked for. seconds of the processor.",
    "Laplace + IS: normal law at a mode, draws weighted. Moments of funnels in ten dimensions and more are of heavy tails: the draws of the law itself miss them.",
    "Data: posteriordb, see bench/data/posteriordb."),
  rows = c("posterior", "method")
)

# The worst over the posteriors that a normal law is near to.
near_normal <- c("kidscore_interaction", "logearn_interaction", "blr", "arK", "garch11",
                 "low_dim_gauss_mix", "mesquite", "kilpisjarvi")
worst_of <- function(rows, name, columns) {
  if (nrow(rows) == 0) return(invisible())
  keep_figures(data.frame(row = name, column = columns,
                          value = vapply(columns, function(k) max(rows[[k]]), 0)))
}
for (method in c("brenier", "Gaussian")) {
  rows <- results[results$method == method, ]
  worst_of(rows[rows$posterior %in% near_normal, ], paste0("near normal, ", method),
           c("mean", "sd", "khat"))
  worst_of(rows, paste0("all, ", method), "gradients")
}
