#include "inverse.h"
#include "r_common.h"

static br_sample glue_points(SEXP x_sexp, const br_potential *u) {
  br_sample points = glue_sample(x_sexp, R_NilValue);
  if (points.d != u->d + u->given)
    Rf_error("internal error: points of %d columns, potential of %d; please report", points.d,
             u->d + u->given);
  return points;
}

/* list(map, logdet, value) of the potential at the rows of x; what names those
 * that are wanted, the others are NULL. */
SEXP brenier_evaluate(SEXP potential_sexp, SEXP x_sexp, SEXP map_sexp, SEXP logdet_sexp,
                      SEXP value_sexp) {
  br_workspace ws = glue_workspace();
  br_potential u = glue_potential(potential_sexp, &ws);
  br_sample points = glue_points(x_sexp, &u);
  int n = (int)points.n;
  const char *names[] = {"map", "logdet", "value", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  if (Rf_asLogical(map_sexp)) SET_VECTOR_ELT(out, 0, Rf_allocMatrix(REALSXP, n, u.d));
  if (Rf_asLogical(logdet_sexp)) SET_VECTOR_ELT(out, 1, Rf_allocVector(REALSXP, n));
  if (Rf_asLogical(value_sexp)) SET_VECTOR_ELT(out, 2, Rf_allocVector(REALSXP, n));
  double *v[3];
  for (int k = 0; k < 3; k++)
    v[k] = VECTOR_ELT(out, k) == R_NilValue ? NULL : REAL(VECTOR_ELT(out, k));
  br_potential_eval(&u, &points, v[0], v[1], v[2], &ws);
  UNPROTECT(1);
  return out;
}

/* list(x, iterations, status): the points that the map takes to the rows of y. */
SEXP brenier_invert(SEXP potential_sexp, SEXP y_sexp, SEXP tol_sexp, SEXP max_iter_sexp) {
  br_workspace ws = glue_workspace();
  br_potential u = glue_potential(potential_sexp, &ws);
  br_sample y = glue_points(y_sexp, &u);
  br_inverse_options options = {Rf_asReal(tol_sexp), Rf_asInteger(max_iter_sexp)};
  const char *names[] = {"x", "iterations", "status", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SEXP x = Rf_allocMatrix(REALSXP, (int)y.n, u.d);
  SET_VECTOR_ELT(out, 0, x);
  SEXP iterations = Rf_allocVector(INTSXP, (R_xlen_t)y.n);
  SET_VECTOR_ELT(out, 1, iterations);
  br_status status = br_inverse(&u, &y, &options, REAL(x), INTEGER(iterations), &ws);
  SET_VECTOR_ELT(out, 2, Rf_mkString(br_status_name(status)));
  UNPROTECT(1);
  return out;
}
