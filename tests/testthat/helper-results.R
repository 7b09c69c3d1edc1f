# One small result of every class, made once.

results <- function() {
  cached("results", {
    fit <- faithful_fit()
    slope <- function(x) -x
    law <- function(x) -sum(x^2) / 2
    x <- withr::with_seed(1, matrix(rnorm(80), 40, dimnames = list(NULL, c("a", "b"))))
    hill <- function(m) grid_density(function(x) exp(-20 * rowSums((x - m)^2)) + 0.05, c(0, 0), c(1, 1),
                                     n = 16)
    normal <- list(list(mean = 0, cov = 4), list(mean = 1, cov = 1))
    particles <- kde_flow(~ eruptions + waiting, data = faithful, n = 40, steps = 35, seed = 1)
    on_target <- kde_flow(target = law, gradient = slope, init = c(a = 1, b = 0), n = 40, steps = 20)
    posterior <- brenier_vi(law, c(a = 1, b = 0), slope)
    list(
      brenier = fit, conditional = fan_fit(), region = quantile_region(fit, c(0.5, 0.9)),
      regret = regret(fit), certificate = certificate(fit),
      bounds = kl_bounds(brenier(faithful[1:136, ], control = gaussian_control()), faithful[137:272, ],
                         control = gaussian_control()),
      posterior = posterior, glm = brenier_glm(mpg ~ wt, data = mtcars), prior = normal_prior(0, 2),
      target = as_target(law, c(a = 0)), sinkhorn = sinkhorn(x[1:20, ], x[21:40, ] + 1),
      barycenter = sinkhorn_barycenter(list(one = x[1:20, ], two = x[21:40, ] + 1), n = 20),
      monge_ampere = suppressWarnings(monge_ampere(hill(0.4), hill(0.6))), density = hill(0.4),
      gaussian_flow = gaussian_flow(normal[[1]], normal[[2]], 0:4),
      grid_flow = sinkhorn_flow(hill(0.4), hill(0.6), times = c(0, 0.05, 0.1)),
      points_flow = sinkhorn_flow(x[1:20, ], x[21:40, ], times = c(0, 0.5, 1), epsilon = 0.5),
      kde_flow = particles, on_target = on_target,
      generator = drift_generator(~ eruptions + waiting, data = faithful, model = "potential",
                                  n = 100, steps = 40, control = list(components = 4)),
      agreement = agreement(on_target, posterior, draws = 100, permutations = 19, seed = 1),
      distance = energy_distance(x[1:20, ], x[21:40, ] + 1, seed = 1), ksd = ksd(x, slope, seed = 1),
      control = brenier_control(), vi_control = brenier_vi_control(), sinkhorn_control = sinkhorn_control()
    )
  })
}

# What each can be asked, beyond print(): the same in every session.
answers <- function(results) {
  words <- lapply(results, function(x) utils::capture.output(print(x)))
  numbers <- with(results, list(
    predict(brenier, data.frame(eruptions = 2, waiting = 55)), simulate(brenier, 2, seed = 1),
    predict(conditional, data.frame(x = 0.5), "quantile", level = 0.9),
    region$contains(data.frame(eruptions = 2, waiting = 55)), summary(regret)$regret,
    simulate(posterior, 3, seed = 1), as.data.frame(as_draws(posterior, 3, seed = 1))$lp__,
    predict(glm, data.frame(wt = 3)), as.data.frame(as_draws(glm, 3, seed = 1))$lp__,
    predict(sinkhorn), barycenter$x, predict(monge_ampere, rbind(c(0.3, 0.4))),
    displacement(monge_ampere, 0.5)$density, predict(points_flow, rbind(c(0, 0))),
    predict(kde_flow, data.frame(eruptions = 2, waiting = 55)), simulate(generator, 2, seed = 1),
    as.numeric(distance)
  ))
  list(words = words, numbers = numbers)
}
