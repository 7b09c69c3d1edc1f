# Models of Stan, asked in their unbounded coordinates with the Jacobian: fits of rstan and
# cmdstanr, and models of bridgestan.

# --- rstan -------------------------------------------------------------------------

#' @rdname as_target
#' @export
as_target.stanfit <- function(x, init = NULL, data = NULL, transformed = FALSE, ...) {
  # nocov start: Stan compiles for a minute, for the test with BRENIER_SLOW_TESTS
  check_no_dots(..., known = c("init", "data", "transformed"))
  need_package("rstan", "A {.cls stanfit}")
  recipe <- list(model = rstan::get_stanmodel(x), data = data,
                 transformed = check_flag(transformed, "transformed"))
  fit <- if (rstan_lives(x)) x else rstan_instance(recipe)
  start <- tryCatch(x@inits[[1]], error = function(e) NULL)
  z <- if (is.null(init) && length(start)) {
    tryCatch(rstan::unconstrain_pars(fit, start), error = function(e) NULL)
  }
  d <- rstan::get_num_upars(fit)
  z <- check_coordinates(init %||% z %||% numeric(d), d)
  counts <- rstan_counts(fit)
  recipe$skeleton <- rstan::constrain_pars(fit, z)
  names <- flat_names(recipe$skeleton)
  recipe$kept <- seq_len(counts[[if (transformed) "transformed" else "parameters"]])
  recipe$needed <- seq_len(counts[["parameters"]])
  new_target(
    "rstan", recipe, names[recipe$kept], counts$coordinates, z,
    paste0("Stan model '", x@model_name, "' by rstan"), needed = names[recipe$needed],
    now = rstan_evaluator(recipe, fit)
  )
  # nocov end
}

rstan_lives <- function(fit) {
  tryCatch(is.numeric(rstan::get_num_upars(fit)), error = function(e) FALSE)
}

#' How many of the values of constrain_pars() are parameters, and are parameters or transformed: it
#' has them in this order, and generated quantities last.
#' @noRd
rstan_counts <- function(fit) {
  # nocov start: as above
  instance <- fit@.MISC$stan_fit_instance
  list(
    parameters = length(instance$constrained_param_names(FALSE, FALSE)),
    transformed = length(instance$constrained_param_names(TRUE, FALSE)),
    coordinates = bracketed(instance$unconstrained_param_names(FALSE, FALSE))
  )
  # nocov end
}

#' theta[1], Sigma[1,2] of Stan's theta.1, Sigma.1.2
#' @noRd
bracketed <- function(names) {
  index <- "((\\.[0-9]+)+)$"
  parts <- grepl(index, names)
  inside <- gsub(".", ",", sub("^\\.", "", regmatches(names, regexpr(index, names))), fixed = TRUE)
  names[parts] <- paste0(sub(index, "", names[parts]), "[", inside, "]")
  names
}

#' The model with its data, without draws.
#' @noRd
rstan_instance <- function(recipe) {
  need_package("rstan", "A Stan model of {.pkg rstan}")
  if (is.null(recipe$data)) {
    cannot_ask(c(
      "The Stan model was made in another R session, where it ended, and its data are not known.",
      i = "Make the target with them: {.code as_target(fit, data = data)}."
    ), "data")
  }
  fit <- tryCatch(
    suppressMessages(rstan::sampling(recipe$model, data = recipe$data, chains = 0)),
    error = function(e) cannot_ask("The Stan model cannot be made from its code and data.", "data", e)
  )
  # nocov start: as above
  if (rstan_lives(fit)) return(fit)
  cannot_ask(c(
    "The Stan model cannot be made from its code and data.", i = "Does {.arg data} have all of them?"
  ), "data")
  # nocov end
}

rstan_evaluator <- function(recipe, fit = rstan_instance(recipe)) {
  # nocov start: as above
  force(fit)
  model_evaluator(
    rstan::get_num_upars(fit),
    both = function(z) {
      slope <- rstan::grad_log_prob(fit, z)
      c(attr(slope, "log_prob"), slope)
    },
    one = function(z) rstan::log_prob(fit, z),
    to = function(z) unlist(rstan::constrain_pars(fit, z), use.names = FALSE)[recipe$kept],
    from = function(x) {
      values <- unlist(recipe$skeleton)
      values[recipe$needed] <- x
      rstan::unconstrain_pars(fit, utils::relist(values, recipe$skeleton))
    }
  )
  # nocov end
}

# --- cmdstanr ----------------------------------------------------------------------

#' @rdname as_target
#' @export
as_target.CmdStanFit <- function(x, init = NULL, transformed = FALSE, ...) {
  check_no_dots(..., known = c("init", "transformed"))
  check_flag(transformed, "transformed")
  recipe <- list(fit = x, transformed = transformed)
  cmdstanr_ready(x)
  needed <- x$variable_skeleton(transformed_parameters = FALSE, generated_quantities = FALSE)
  recipe$needed <- needed
  skeleton <- if (!transformed) needed else {
    x$variable_skeleton(transformed_parameters = TRUE, generated_quantities = FALSE)
  }
  if (is.null(init)) {
    names <- flat_names(needed)
    draw <- posterior::as_draws_matrix(x$draws(names(needed)))[1, names]
    init <- x$unconstrain_variables(utils::relist(as.double(draw), needed))
  }
  coordinates <- if (length(init) == length(flat_names(needed))) flat_names(needed) else
    paste0("z[", seq_along(init), "]")
  z <- check_coordinates(init, length(init))
  recipe$d <- length(z)
  new_target("cmdstanr", recipe, flat_names(skeleton), coordinates, z,
             "Stan model by cmdstanr", needed = flat_names(needed),
             now = cmdstanr_evaluator(recipe, FALSE))
}

cmdstanr_ready <- function(fit) {
  tryCatch(suppressMessages(fit$init_model_methods()), error = function(e) {
    cannot_ask(c(
      "The methods of the model cannot be compiled, by {.code fit$init_model_methods()}.",
      i = "It needs {.pkg Rcpp}, the code of the model, and the file {.code fit$data_file()}."
    ), parent = e)
  })
}

cmdstanr_evaluator <- function(recipe, prepare = TRUE) {
  fit <- recipe$fit
  if (prepare) cmdstanr_ready(fit)
  model_evaluator(
    recipe$d,
    both = function(z) {
      slope <- fit$grad_log_prob(z)
      c(attr(slope, "log_prob") %||% fit$log_prob(z), slope)
    },
    one = function(z) fit$log_prob(z),
    to = function(z) {
      unlist(fit$constrain_variables(z, transformed_parameters = recipe$transformed,
                                     generated_quantities = FALSE), use.names = FALSE)
    },
    from = function(x) fit$unconstrain_variables(utils::relist(as.double(x), recipe$needed))
  )
}

# --- bridgestan --------------------------------------------------------------------

#' @rdname as_target
#' @export
as_target.StanModel <- function(x, init = NULL, lib = NULL, data = NULL, model_seed = 1,
                                transformed = FALSE, ...) {
  check_no_dots(..., known = c("init", "lib", "data", "model_seed", "transformed"))
  recipe <- bridgestan_recipe(lib, data, model_seed, transformed)
  d <- x$param_unc_num()
  needed <- bracketed(x$param_names())
  names <- bracketed(x$param_names(include_tp = transformed))
  coordinates <- bracketed(x$param_unc_names())
  now <- model_evaluator(
    d,
    both = function(z) {
      answer <- x$log_density_gradient(z, propto = FALSE, jacobian = TRUE)
      c(answer$val, answer$gradient)
    },
    one = function(z) x$log_density(z, propto = FALSE, jacobian = TRUE),
    to = function(z) x$param_constrain(z, include_tp = transformed),
    from = function(x_) x$param_unconstrain(x_)
  )
  new_target("bridgestan", recipe, names, coordinates, check_coordinates(init %||% numeric(d), d),
             paste0("Stan model '", x$name(), "' by bridgestan"), needed = needed, now = now)
}
