.onLoad <- function(libname, pkgname) {
  the$threads <- .Call(C_brenier_threads_set, as.integer(default_threads()))
  level <- getOption("brenier.simd", Sys.getenv("BRENIER_SIMD", "auto"))
  if (level != "auto" && is.na(.Call(C_brenier_simd_set, level))) {
    packageStartupMessage("brenier: there is no instruction level '", level, "' here; using '",
                          .Call(C_brenier_simd_level), "'.")
  }
}
