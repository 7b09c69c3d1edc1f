# Objects of TMB and RTMB: lists with par, fn, gr and env, where fn is minus the log density.

#' @rdname as_target
#' @export
as_target.list <- function(x, init = NULL, joint = FALSE, ...) {
  check_no_dots(..., known = c("init", "joint"))
  whole <- is.numeric(x$par) && is.function(x$fn) && is.function(x$gr) && is.environment(x$env)
  if (!whole) return(as_target.default(x))
  tmb_target(x, init, joint)
}

#' @rdname as_target
#' @export
as_target.glmmTMB <- function(x, init = NULL, joint = FALSE, ...) {
  check_no_dots(..., known = c("init", "joint"))
  need_package("glmmTMB", "A {.cls glmmTMB}")
  tmb_target(x$obj, init, joint)
}

tmb_target <- function(obj, init, joint) {
  env <- obj$env
  random <- env$random
  all <- env$last.par.best %||% env$par
  if (check_flag(joint, "joint")) {
    if (!is.function(env$f) || !length(random)) {
      brenier_abort("The object has no random effects, and so no density {.arg joint} with them.",
                    "argument", argument = "joint")
    }
    best <- env$par
  } else {
    best <- obj$par
  }
  start <- if (length(all) == length(best)) all else if (length(random)) all[-random]
  if (length(start) != length(best) || !all(is.finite(start))) start <- best
  d <- length(best)
  names <- unname(repeated_names(names(best) %||% paste0("x", seq_len(d))))
  recipe <- list(obj = obj, joint = joint, library = tmb_library(env$DLL))
  what <- if (joint) "TMB object, joint with the random effects" else if (length(random)) {
    "TMB object, its random effects integrated out by Laplace"
  } else {
    "TMB object"
  }
  new_target("TMB", recipe, names, names, check_coordinates(init %||% start, d), what,
             now = tmb_evaluator(recipe))
}

#' The vector b, b, b as b[1], b[2], b[3].
#' @noRd
repeated_names <- function(names) {
  often <- names %in% names[duplicated(names)]
  index <- stats::ave(seq_along(names), names, FUN = seq_along)
  ifelse(often, paste0(names, "[", index, "]"), names)
}

#' Name and file of the library with the compiled template; NULL where it is unknown.
#' @noRd
tmb_library <- function(name) {
  if (!is.character(name) || length(name) != 1) return(NULL)
  list(name = name, path = tryCatch(getLoadedDLLs()[[name]][["path"]], error = function(e) NULL))
}

#' The compiled template, in a session that has not loaded it. \pkg{TMB} then tapes the objective
#' anew by itself.
#' @noRd
load_template <- function(library) {
  if (is.null(library) || library$name %in% names(getLoadedDLLs())) return(invisible())
  package <- c("TMB", "RTMB", "glmmTMB")
  if (library$name %in% package) return(need_package(library$name, "The target"))
  if (!is.null(library$path) && file.exists(library$path)) {
    need_package("TMB", "The target")
    return(invisible(dyn.load(library$path)))
  }
  cannot_ask(c(
    "The compiled template {.val {library$name}} of the {.pkg TMB} object is not loaded, nor is its
     file {.file {library$path}} there.", i = "Load it with {.fn dyn.load} first."
  ))
}

tmb_evaluator <- function(recipe) {
  load_template(recipe$library)
  obj <- recipe$obj
  env <- obj$env
  if (recipe$joint) {
    value <- function(p) env$f(p, order = 0)
    slope <- function(p) env$f(p, order = 1)
  } else {
    value <- obj$fn
    slope <- obj$gr
  }
  inner <- model_evaluator(
    length(if (recipe$joint) env$par else obj$par),
    both = function(p) -c(as.double(value(p)), as.double(slope(p))),
    one = function(p) -as.double(value(p)),
    to = identity, from = identity
  )
  ask <- inner$ask
  inner$ask <- function(...) {
    # the object remembers its last and best points, where the inner optimisation starts, and may
    # talk
    memory <- c("last.par", "last.par.best", "last.par1", "last.par2", "value.best")
    before <- mget(memory, env, ifnotfound = list(NULL))
    on.exit(for (name in memory) if (!is.null(before[[name]])) assign(name, before[[name]], env))
    if (isTRUE(env$silent)) return(suppressWarnings(ask(...)))
    utils::capture.output(answer <- suppressWarnings(ask(...)))
    answer
  }
  inner
}
