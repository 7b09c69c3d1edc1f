#' Threads and instruction sets
#'
#' `brenier_threads()` says how many threads the package uses, or sets it. The default is 2, or fewer
#' where the machine has fewer; 1 where OpenMP is absent. Set the option `brenier.threads` before the
#' package is loaded, or call `brenier_threads(n)`. A forked child, as of [parallel::mclapply()],
#' always uses one. No result depends on the number. Threads wait for each other: where other programs
#' keep the cores busy, one may be faster than two.
#'
#' A worker of another process, of [parallel::makePSOCKcluster()], future or mirai, is a session of its own
#' with its own default: as many workers as cores should have one thread each. Set the option there before
#' the package is loaded, `parallel::clusterCall(cl, options, brenier.threads = 1)`, or call
#' `brenier_threads(1)` in the task. Fits travel to workers and back, and are read by [readRDS()], without
#' loss: they hold no pointers. Of a posterior what asks the target again, such as `as_draws()`, needs there
#' what the target needs, see [as_target()].
#'
#' `brenier_simd()` says which compiled variant of the inner loops is in use, or sets it:
#' `"baseline"` runs on every processor, `"avx2"` on those with AVX2 and FMA, `"auto"` takes the best.
#' The option `brenier.simd` or the environment variable `BRENIER_SIMD` sets it at load. Variants
#' agree to rounding; force `"baseline"` for the same bits on different processors.
#'
#' @param n Number of threads, at least 1.
#' @param level `"auto"`, `"baseline"` or `"avx2"`.
#' @return The number in use, or the level in use; invisibly when it was set.
#' @section Errors:
#' `brenier_error_argument` for a number below 1, or a level that this machine does not have.
#' @template definitions
#' @examples
#' brenier_threads()
#' brenier_simd()
#' @export
brenier_threads <- function(n) {
  if (missing(n)) return(the$threads)
  n <- check_count(n, "n", 1, 1024)
  the$threads <- .Call(C_brenier_threads_set, n)
  invisible(the$threads)
}

#' @rdname brenier_threads
#' @export
brenier_simd <- function(level) {
  if (missing(level)) return(.Call(C_brenier_simd_level))
  level <- check_choice(level, c("auto", "baseline", "avx2"), "level")
  now <- .Call(C_brenier_simd_set, level)
  if (is.na(now)) { # nocov start: another processor
    brenier_abort(c(
      "{.arg level} = {.val {level}} is not available on this processor.",
      i = "Use {.val auto}: it takes the best there is."
    ), "argument", argument = "level")
  } # nocov end
  invisible(now)
}

# State of the session that is not a user's option.
the <- new.env(parent = emptyenv())
the$threads <- 1L

default_threads <- function() {
  limited <- tolower(Sys.getenv("_R_CHECK_LIMIT_CORES_", "")) %in% c("true", "warn", "error")
  wanted <- getOption("brenier.threads")
  if (is.null(wanted)) wanted <- min(2L, .Call(C_brenier_threads_available))
  if (limited) wanted <- min(2L, wanted)
  wanted
}
