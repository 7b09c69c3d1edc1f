# The laws and the data sets of density-tables.R.

# Skewed, heavy or two-humped laws of one variable with mean 0 and variance 1, so that no whitening
# tells one from another: quantile function or draws, and log density.
standardised <- function(draw, density, mean, sd) {
  list(
    draw = function(n) (draw(n) - mean) / sd,
    log_density = function(x) log(sd) + density(mean + sd * x)
  )
}
skewed <- list(
  gamma = standardised(
    function(n) rgamma(n, 2), function(x) dgamma(x, 2, log = TRUE), 2, sqrt(2)
  ),
  lognormal = standardised(
    function(n) rlnorm(n, 0, 0.5), function(x) dlnorm(x, 0, 0.5, log = TRUE),
    exp(0.125), sqrt((exp(0.25) - 1) * exp(0.25))
  ),
  mixture = standardised(
    function(n) ifelse(runif(n) < 0.75, rnorm(n, 0, 0.5), rnorm(n, 2, 1)),
    function(x) log(0.75 * dnorm(x, 0, 0.5) + 0.25 * dnorm(x, 2, 1)),
    0.5, sqrt(0.75 * 0.25 + 0.25 * 5 - 0.25)
  ),
  gumbel = standardised(
    function(n) -log(-log(runif(n))), function(x) -x - exp(-x), -digamma(1), pi / sqrt(6)
  )
)

# Independent skewed variables, turned by a rotation that is fixed for each d.
product_law <- function(d) {
  set.seed(d)
  rotation <- qr.Q(qr(matrix(rnorm(d^2), d)))
  laws <- skewed[rep_len(seq_along(skewed), d)]
  list(
    draw = function(n) vapply(laws, function(law) law$draw(n), numeric(n)) %*% t(rotation),
    log_density = function(p) {
      p <- p %*% rotation
      rowSums(vapply(seq_len(d), function(j) laws[[j]]$log_density(p[, j]), numeric(nrow(p))))
    }
  )
}

# A t copula with 4 degrees of freedom and correlations .5^|i-j|; margins gamma of shape 1, 2, 3, ...
copula_law <- function(d) {
  df <- 4
  root <- chol(0.5^abs(outer(seq_len(d), seq_len(d), `-`)))
  shape <- rep_len(1:3, d)
  list(
    draw = function(n) {
      t <- matrix(rnorm(n * d), n) %*% root * sqrt(df / rchisq(n, df))
      matrix(qgamma(pt(t, df, log.p = TRUE), rep(shape, each = n), log.p = TRUE), n)
    },
    log_density = function(p) {
      shapes <- rep(shape, each = nrow(p))
      t <- matrix(qt(pgamma(p, shapes, log.p = TRUE), df, log.p = TRUE), nrow(p))
      squares <- colSums(backsolve(root, t(t), transpose = TRUE)^2)
      joint <- lgamma((df + d) / 2) - lgamma(df / 2) - d / 2 * log(df * pi) -
        sum(log(diag(root))) - (df + d) / 2 * log1p(squares / df)
      joint + rowSums(dgamma(p, shapes, log = TRUE) - dt(t, df, log = TRUE))
    }
  )
}

# Bananas in a chain, each variable bent by the one before: about x^2 - 1 near zero, bounded beyond,
# since squares of squares would not stay finite for long.
chain_law <- function(d) {
  bend <- function(x) 3 * x^2 / (3 + x^2) - 1
  list(
    draw = function(n) {
      x <- matrix(rnorm(n * d, sd = 0.5), n)
      x[, 1] <- 2 * x[, 1]
      for (j in seq_len(d - 1)) x[, j + 1] <- x[, j + 1] + bend(x[, j])
      x
    },
    log_density = function(p) {
      links <- dnorm(p[, -1, drop = FALSE], bend(p[, -d, drop = FALSE]), 0.5, log = TRUE)
      dnorm(p[, 1], log = TRUE) + rowSums(links)
    }
  )
}

laws <- list(product = product_law, copula = copula_law, chain = chain_law)

# Rounded columns, those with fewer than half as many values as rows, get uniform noise as wide as
# the median gap between values: a density would else be paid for the ties.
spread_ties <- function(x) {
  x <- as.matrix(x)
  for (j in seq_len(ncol(x))) {
    values <- sort(unique(x[, j]))
    if (length(values) < nrow(x) / 2) {
      x[, j] <- x[, j] + stats::median(diff(values)) * (stats::runif(nrow(x)) - 0.5)
    }
  }
  x
}

# Continuous columns only. Logs where a variable is positive and its spread grows with it; they are
# taken after the noise.
logs_of <- function(x, names) {
  x[, names] <- log(x[, names])
  colnames(x)[match(names, colnames(x))] <- paste0("log_", names)
  x
}

of_package <- function(name, package) {
  get(utils::data(list = name, package = package, envir = environment()))
}

real_tables <- function() {
  set.seed(2004)
  diamonds <- as.data.frame(ggplot2::diamonds)
  diamonds <- diamonds[diamonds$x > 0, c("carat", "price", "depth", "table", "x")]
  diamonds <- spread_ties(diamonds[sample.int(nrow(diamonds), 4000), ])
  # Boston without what is a code, a property of the town, mostly one value or cut off within.
  boston <- spread_ties(MASS::Boston[, c("crim", "nox", "rm", "dis", "lstat", "medv")])
  cancer <- of_package("wdbc", "mclust")
  # In units of the standard deviation: mclust does not converge in reasonable time in others.
  lapply(FUN = scale, X = list(
    iris = spread_ties(iris[, 1:4]),
    quakes = logs_of(spread_ties(quakes), "stations"),
    diamonds = logs_of(diamonds, c("carat", "price", "x")),
    boston = logs_of(boston, c("crim", "dis", "lstat", "medv")),
    banknote = spread_ties(of_package("banknote", "mclust")[, -1]),
    cancer10 = spread_ties(cancer[, 3:12]),
    cancer30 = spread_ties(cancer[, 3:32])
  ))
}
