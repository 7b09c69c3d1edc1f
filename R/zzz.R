.onLoad <- function(libname, pkgname) {
  the$threads <- .Call(C_brenier_threads_set, as.integer(default_threads()))
  level <- wanted_level()
  if (level != "auto") .Call(C_brenier_simd_set, level)
  if (!is.null(khat_of_posterior())) { # nocov start: a newer version of posterior
    registerS3method("pareto_khat", "brenier_posterior", pareto_khat.brenier_posterior,
                     asNamespace("posterior"))
  } # nocov end
}

.onAttach <- function(libname, pkgname) {
  level <- wanted_level()
  if (!level %in% c("auto", brenier_simd())) {
    packageStartupMessage("brenier: there is no instruction level '", level, "' here; using '",
                          brenier_simd(), "'.")
  }
}

wanted_level <- function() getOption("brenier.simd", Sys.getenv("BRENIER_SIMD", "auto"))
