# A Stan model that BridgeStan compiled into a shared library, asked without its R package: a batch
# of points is one call into C.

#' @rdname as_target
#' @export
as_target.character <- function(x, init = NULL, data = NULL, model_seed = 1, transformed = FALSE,
                                ...) {
  check_no_dots(..., known = c("init", "data", "model_seed", "transformed"))
  if (length(x) != 1 || is.na(x)) {
    brenier_abort("{.arg x} must be one file name, not {shown(x)}.", "argument", argument = "x")
  }
  if (!file.exists(x) || dir.exists(x)) {
    brenier_abort(c(
      "There is no file {.file {x}}.", i = "A compiled model of BridgeStan ends in {.file _model.so}."
    ), "argument", argument = "x")
  }
  recipe <- bridgestan_recipe(x, data, model_seed, transformed)
  model <- bridgestan_open(recipe)
  about <- .Call(C_brenier_bridgestan_about, model, transformed)
  names <- bracketed(about$names)
  d <- length(about$coordinates)
  new_target("bridgestan", recipe, names, bracketed(about$coordinates),
             check_coordinates(init %||% numeric(d), d), paste0("Stan model '", about$name, "'"),
             needed = bracketed(about$needed), now = bridgestan_evaluator(recipe, model))
}

#' The data are read at once, so that their file may go.
#' @noRd
bridgestan_recipe <- function(lib, data, seed, transformed) {
  if (!is.null(data)) {
    if (!is.character(data) || length(data) != 1 || is.na(data)) {
      brenier_abort("{.arg data} must be one file name or JSON, not {shown(data)}.", "argument",
                    argument = "data")
    }
    if (grepl("\\.json$", data)) {
      if (!file.exists(data)) {
        brenier_abort("There is no file {.file {data}}.", "argument", argument = "data")
      }
      data <- paste(readLines(data, warn = FALSE), collapse = "\n")
    }
  }
  list(lib = if (!is.null(lib)) normalizePath(lib), data = data,
       seed = check_count(seed, "model_seed"),
       transformed = check_flag(transformed, "transformed"))
}

bridgestan_functions <- c(
  "bs_model_construct", "bs_model_destruct", "bs_free_error_msg", "bs_name", "bs_param_names",
  "bs_param_unc_names", "bs_param_num", "bs_param_unc_num", "bs_log_density",
  "bs_log_density_gradient", "bs_param_constrain", "bs_param_unconstrain"
)

#' The model as an external pointer. The library stays loaded, for others may use it.
#' @noRd
bridgestan_open <- function(recipe) {
  if (is.null(recipe$lib)) {
    cannot_ask(c(
      "The BridgeStan model was made in another R session, where it ended.",
      i = "Make the target with what it is from: {.code as_target(model, lib = , data = )}."
    ), "lib")
  }
  if (!file.exists(recipe$lib)) {
    cannot_ask("The compiled model {.file {recipe$lib}} is no longer there.", "lib")
  }
  library <- tryCatch(dyn.load(recipe$lib), error = function(e) {
    cannot_ask("{.file {recipe$lib}} cannot be loaded.", parent = e)
  })
  there <- vapply(bridgestan_functions, is.loaded, NA, PACKAGE = library[["name"]])
  if (!all(there)) {
    cannot_ask(c(
      "{.file {recipe$lib}} has no function {.code {bridgestan_functions[!there][1]}}.",
      i = "It must be a model compiled by BridgeStan 2.0 or later."
    ))
  }
  symbols <- lapply(bridgestan_functions, function(name) {
    getNativeSymbolInfo(name, library)$address
  })
  tryCatch(.Call(C_brenier_bridgestan_open, symbols, recipe$data, recipe$seed),
           error = function(e) {
             cannot_ask("The Stan model cannot be made from {.arg data}.", "data", e)
           })
}

bridgestan_evaluator <- function(recipe, model = bridgestan_open(recipe)) {
  force(model)
  list(
    ask = function(z, value, gradient, count) {
      count_points(count, nrow(z), value, gradient)
      answer <- .Call(C_brenier_bridgestan_ask, model, z, gradient)
      if (answer$errors > 0) count_error(count, answer$first_error, answer$errors)
      answer
    },
    to = function(z) {
      list(x = .Call(C_brenier_bridgestan_to, model, z, recipe$transformed),
           logdet = numeric(nrow(z)))
    },
    from = function(x) .Call(C_brenier_bridgestan_from, model, x)
  )
}
