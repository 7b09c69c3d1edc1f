#ifndef R_NO_REMAP
#define R_NO_REMAP
#endif
#include <R.h>
#include <Rinternals.h>

#include <R_ext/Random.h>
#include <limits.h>

#include "sobol.h"

/* Two draws a word: some of R's generators give fewer than 32 random bits in one. */
static void draw_words(size_t n, uint32_t *words) {
  for (size_t i = 0; i < n; i++) {
    const uint32_t high = (uint32_t)(unif_rand() * 65536), low = (uint32_t)(unif_rand() * 65536);
    words[i] = high << 16 | low;
  }
}

/* n scrambled Sobol points in d dimensions, an n x d matrix. */
SEXP brenier_sobol(SEXP n_sexp, SEXP d_sexp) {
  const double n = Rf_asReal(n_sexp), d = Rf_asReal(d_sexp);
  if (!(n >= 0 && n <= INT_MAX && d >= 1 && d <= BR_SOBOL_DIMENSIONS)) {
    Rf_error("Internal error in brenier_sobol(): %s.", br_status_message(BR_ERR_SIZE));
  }
  SEXP out = PROTECT(Rf_allocMatrix(REALSXP, (int)n, (int)d));
  const size_t n_words = (size_t)BR_SOBOL_WORDS * (size_t)d;
  uint32_t *words = (uint32_t *)R_alloc(n_words, sizeof(uint32_t));
  GetRNGstate();
  draw_words(n_words, words);
  PutRNGstate();
  const br_status status = br_sobol((size_t)n, (int)d, words, REAL(out));
  if (status != BR_OK) {
    Rf_error("Internal error in brenier_sobol(): %s.", br_status_message(status));
  }
  UNPROTECT(1);  // out
  return out;
}
