#include "r_cycles.h"

#include <string.h>

/* With more pairs than that sums may be off by a relative TOLERANCE. */
#define FEW_PAIRS 4e6
#define TOLERANCE 1e-12

static double *new_doubles(SEXP list, int at, size_t n) {
  SEXP values = Rf_allocVector(REALSXP, (R_xlen_t)n);
  SET_VECTOR_ELT(list, at, values);
  memset(REAL(values), 0, n * sizeof(double));
  return REAL(values);
}

SEXP glue_cycles(const br_cycles *c, const double *f, SEXP at_sexp, SEXP options_sexp,
                 SEXP progress_sexp, br_workspace *ws) {
  glue_host_state state;
  br_host host = glue_host(&state, progress_sexp, 0);
  br_stopping stop;
  br_stopping_start(&stop, 0, glue_int(options_sexp, "max_iter"),
                    glue_double(options_sexp, "max_seconds"));
  const int n_at = (int)XLENGTH(at_sexp);
  double *start = br_take(ws, c->n);
  memcpy(start, f, c->n * sizeof(double));
  const char *names[] = {"f", "g", "r", "status", "reached", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  double *f_out = new_doubles(out, 0, c->n * (size_t)n_at);
  double *g_out = new_doubles(out, 1, c->m * (size_t)n_at);
  double *r_out = new_doubles(out, 2, c->n * (size_t)n_at);
  const int reached =
      br_cycles_run(c, start, n_at, REAL(at_sexp), f_out, g_out, r_out, &stop, &host, ws);
  SET_VECTOR_ELT(out, 3, Rf_mkString(br_status_name(stop.status)));
  SET_VECTOR_ELT(out, 4, Rf_ScalarInteger(reached));
  UNPROTECT(1);  // out
  return out;
}

static const double *doubles(SEXP x, size_t n) {
  if (TYPEOF(x) != REALSXP || (size_t)XLENGTH(x) != n)
    Rf_error("internal error: %.0f doubles are needed; please report", (double)n);
  return REAL(x);
}

/* Cycles between points, rows of x and y with masses a and b, from f = u - |x|^2 / 2. */
SEXP brenier_point_cycles(SEXP x_sexp, SEXP a_sexp, SEXP y_sexp, SEXP b_sexp, SEXP f_sexp,
                          SEXP epsilon_sexp, SEXP at_sexp, SEXP options_sexp, SEXP progress_sexp) {
  br_workspace ws = glue_workspace();
  const size_t n = (size_t)Rf_nrows(x_sexp), m = (size_t)Rf_nrows(y_sexp);
  const int d = Rf_ncols(x_sexp);
  br_point_cycles s;
  br_point_cycles_make(&s, d, n, doubles(x_sexp, n * (size_t)d), doubles(a_sexp, n), m,
                       doubles(y_sexp, m * (size_t)d), doubles(b_sexp, m), Rf_asReal(epsilon_sexp),
                       (double)n * (double)m > FEW_PAIRS ? TOLERANCE : 0, &ws);
  const br_cycles cycles = {n, m, s.epsilon, br_points_half, &s};
  return glue_cycles(&cycles, doubles(f_sexp, n), at_sexp, options_sexp, progress_sexp, &ws);
}

/* max_j <x_i, y_j> - v_j. */
SEXP brenier_point_conjugate(SEXP x_sexp, SEXP y_sexp, SEXP v_sexp) {
  br_workspace ws = glue_workspace();
  const size_t n = (size_t)Rf_nrows(x_sexp), m = (size_t)Rf_nrows(y_sexp);
  const int d = Rf_ncols(x_sexp);
  SEXP out = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)n));
  br_points_conjugate(d, n, doubles(x_sexp, n * (size_t)d), m, doubles(y_sexp, m * (size_t)d),
                      doubles(v_sexp, m), REAL(out), &ws);
  UNPROTECT(1);  // out
  return out;
}

/* For each row of x the number of a row of y: see br_points_draw(). */
SEXP brenier_point_draw(SEXP x_sexp, SEXP y_sexp, SEXP log_weight_sexp, SEXP epsilon_sexp,
                        SEXP uniform_sexp) {
  br_workspace ws = glue_workspace();
  const size_t n = (size_t)Rf_nrows(x_sexp), m = (size_t)Rf_nrows(y_sexp);
  const int d = Rf_ncols(x_sexp);
  SEXP out = PROTECT(Rf_allocVector(INTSXP, (R_xlen_t)n));
  int *drawn = INTEGER(out);
  br_points_draw(d, n, doubles(x_sexp, n * (size_t)d), m, doubles(y_sexp, m * (size_t)d),
                 doubles(log_weight_sexp, m), Rf_asReal(epsilon_sexp), doubles(uniform_sexp, n),
                 drawn, &ws);
  for (size_t i = 0; i < n; i++) drawn[i]++;
  UNPROTECT(1);  // out
  return out;
}
