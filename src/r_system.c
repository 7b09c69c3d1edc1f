#include "r_common.h"
#include "simd.h"
#include "status.h"
#include "threads.h"

SEXP brenier_threads_set(SEXP n_sexp) {
  br_threads_set(Rf_asInteger(n_sexp));
  return Rf_ScalarInteger(br_threads_limit());
}

SEXP brenier_threads_available(void) { return Rf_ScalarInteger(br_threads_available()); }

/* Level in use after trying to set it; NA if that level cannot be had. */
SEXP brenier_simd_set(SEXP level_sexp) {
  if (!br_simd_set(CHAR(STRING_ELT(level_sexp, 0)))) return Rf_ScalarString(NA_STRING);
  return Rf_mkString(br_simd()->level);
}

SEXP brenier_simd_level(void) { return Rf_mkString(br_simd()->level); }

/* The status table: messages named by the names of the codes. */
SEXP brenier_status_table(void) {
  SEXP out = PROTECT(Rf_allocVector(STRSXP, BR_N_STATUS));
  SEXP names = PROTECT(Rf_allocVector(STRSXP, BR_N_STATUS));
  for (int k = 0; k < BR_N_STATUS; k++) {
    SET_STRING_ELT(out, k, Rf_mkChar(br_status_message((br_status)k)));
    SET_STRING_ELT(names, k, Rf_mkChar(br_status_name((br_status)k)));
  }
  Rf_setAttrib(out, R_NamesSymbol, names);
  UNPROTECT(2);
  return out;
}
