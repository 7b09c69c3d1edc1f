#include "pairs.h"
#include "r_common.h"
#include "status.h"

#include <string.h>

static const double *numbers(SEXP x, size_t n) {
  if (x == R_NilValue) return NULL;
  if (TYPEOF(x) != REALSXP || (size_t)XLENGTH(x) != n)
    Rf_error("internal error: %.0f doubles are needed; please report", (double)n);
  return REAL(x);
}

/* Pairs of the rows of x and of y, or, for the kernel "stored", of a matrix x of costs. */
static void pairs_from(br_pairs *p, SEXP x_sexp, SEXP y_sexp, int kernel, double scale,
                       br_workspace *ws) {
  const br_sample x = glue_sample(x_sexp, R_NilValue);
  if (kernel == BR_STORED) {
    br_pairs_stored(p, x.n, (size_t)x.d, x.x, 0, scale, ws);
    return;
  }
  const br_sample y = glue_sample(y_sexp, R_NilValue);
  if (x.d != y.d || x.d < 1) Rf_error("internal error: points of two dimensions; please report");
  double *origin = br_take(ws, (size_t)x.d);
  br_cloud *clouds = (br_cloud *)R_alloc(2, sizeof(br_cloud));
  if (kernel != BR_VMF) br_cloud_origin(x.d, x.n, x.x, y.n, y.x, origin);
  br_cloud_make(clouds, x.n, x.d, x.x, origin, ws);
  br_cloud_make(clouds + 1, y.n, y.d, y.x, origin, ws);
  br_pairs_make(p, clouds, clouds + 1, (br_kernel_id)kernel, scale, ws);
}

/* list(sums, visited): what is "lse", "gradient", "value", "slope" or "laplacian", the last three
 * of the columns of a. */
SEXP brenier_pairs(SEXP what_sexp, SEXP x_sexp, SEXP y_sexp, SEXP kernel_sexp, SEXP scale_sexp,
                   SEXP tolerance_sexp, SEXP weight_sexp, SEXP shift_sexp, SEXP a_sexp) {
  static const char *const what_names[] = {"value", "slope", "laplacian", "lse", "gradient"};
  const char *what = CHAR(STRING_ELT(what_sexp, 0)), *names[] = {"sums", "visited", ""};
  const int kernel = br_kernel_find(CHAR(STRING_ELT(kernel_sexp, 0)));
  int which = 0;
  while (which < 5 && strcmp(what, what_names[which]) != 0) which++;
  if (kernel < 0 || which == 5) Rf_error("internal error: no such kernel or sum; please report");
  br_workspace ws = glue_workspace();
  br_pairs p;
  pairs_from(&p, x_sexp, y_sexp, kernel, Rf_asReal(scale_sexp), &ws);
  p.tolerance = Rf_asReal(tolerance_sexp);
  const int columns = which > 2 || p.m == 0 ? 1 : (int)((size_t)XLENGTH(a_sexp) / p.m);
  const double *weight = numbers(weight_sexp, p.m), *shift = numbers(shift_sexp, p.n);
  const double *a = which == 3 ? NULL : numbers(a_sexp, p.m * (size_t)columns);
  if (which < 3 && !a) Rf_error("internal error: columns are missing; please report");
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SEXP sums = Rf_allocMatrix(REALSXP, (int)p.n, which == 4 && p.x ? p.x->d : columns);
  SET_VECTOR_ELT(out, 0, sums);
  const br_status status =
      which == 3   ? br_pairs_lse(&p, weight, shift, REAL(sums))
      : which == 4 ? br_pairs_gradient(&p, weight, shift, a, REAL(sums))
                   : br_pairs_sum(&p, (br_pairs_of)which, weight, shift, columns, a, REAL(sums));
  if (status != BR_OK) Rf_error("%s", br_status_message(status));
  SET_VECTOR_ELT(out, 1, Rf_ScalarReal(p.visited));
  UNPROTECT(1);
  return out;
}
