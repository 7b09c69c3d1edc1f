#include "r_common.h"
#include "sinkhorn.h"

#include <math.h>
#include <string.h>

static void check_doubles(SEXP x, size_t n) {
  if (TYPEOF(x) != REALSXP || (size_t)XLENGTH(x) != n)
    Rf_error("internal error: %.0f doubles are needed; please report", (double)n);
}

/* problem: list(cost, x, y, matrix, a, b, epsilon, reach, symmetric) */
static br_transport glue_transport(SEXP list) {
  SEXP x = glue_get(list, "x"), y = glue_get(list, "y"), matrix = glue_get(list, "matrix");
  SEXP a = glue_get(list, "a"), b = glue_get(list, "b");
  br_transport t = {.cost = (br_cost)glue_int(list, "cost"),
                    .n = (size_t)XLENGTH(a),
                    .m = (size_t)XLENGTH(b),
                    .a = REAL(a),
                    .b = REAL(b),
                    .epsilon = glue_double(list, "epsilon"),
                    .reach = glue_double(list, "reach"),
                    .symmetric = glue_int(list, "symmetric")};
  if (t.cost == BR_COST_MATRIX) {
    check_doubles(matrix, t.n * t.m);
    t.matrix = REAL(matrix);
    return t;
  }
  t.d = Rf_ncols(x);
  check_doubles(x, t.n * (size_t)t.d);
  check_doubles(y, t.m * (size_t)t.d);
  t.x = REAL(x);
  t.y = REAL(y);
  return t;
}

static SEXP trace_list(const br_sinkhorn *s) {
  const char *names[] = {"iter", "points", "epsilon", "error", "gap", "seconds", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  for (int k = 0; k < 6; k++) {
    SEXP column = Rf_allocVector(REALSXP, s->n_trace);
    SET_VECTOR_ELT(out, k, column);
    for (int i = 0; i < s->n_trace; i++) {
      const br_sinkhorn_row *r = s->trace + i;
      const double row[] = {r->iteration, (double)r->points, r->epsilon, r->error,
                            r->gap,       r->seconds};
      REAL(column)[i] = row[k];
    }
  }
  UNPROTECT(1);
  return out;
}

/* options: list(tol, max_iter, check_every, anneal); f_sexp, g_sexp: where to start without
 * annealing, or NULL for zeros. */
SEXP brenier_sinkhorn(SEXP problem_sexp, SEXP options_sexp, SEXP f_sexp, SEXP g_sexp,
                      SEXP progress_sexp) {
  br_workspace ws = glue_workspace();
  glue_host_state state;
  br_host host = glue_host(&state, progress_sexp, 0);
  br_transport t = glue_transport(problem_sexp);
  br_sinkhorn_options options = {.tolerance = glue_double(options_sexp, "tol"),
                                 .max_iterations = glue_int(options_sexp, "max_iter"),
                                 .check_every = glue_int(options_sexp, "check_every"),
                                 .anneal = glue_int(options_sexp, "anneal")};
  SEXP f = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)t.n));
  SEXP g = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)t.m));
  memset(REAL(f), 0, t.n * sizeof(double));
  memset(REAL(g), 0, t.m * sizeof(double));
  if (f_sexp != R_NilValue) {
    check_doubles(f_sexp, t.n);
    memcpy(REAL(f), REAL(f_sexp), t.n * sizeof(double));
  }
  if (g_sexp != R_NilValue) {
    check_doubles(g_sexp, t.m);
    memcpy(REAL(g), REAL(g_sexp), t.m * sizeof(double));
  }
  br_sinkhorn s = {.f = REAL(f), .g = REAL(g)};
  s.most_trace = options.max_iterations / options.check_every + 200;
  s.trace = (br_sinkhorn_row *)R_alloc((size_t)s.most_trace, sizeof(br_sinkhorn_row));
  br_sinkhorn_run(&s, &t, &options, &host, &ws);

  const char *names[] = {"f",   "g",          "value", "cost",   "kl",    "mass", "error",
                         "gap", "iterations", "pairs", "status", "trace", ""};
  const double numbers[] = {s.value, s.cost, s.kl, s.mass, s.error, s.gap, s.iterations, s.visited};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, f);
  SET_VECTOR_ELT(out, 1, g);
  for (int k = 0; k < 8; k++) SET_VECTOR_ELT(out, 2 + k, Rf_ScalarReal(numbers[k]));
  SET_VECTOR_ELT(out, 10, Rf_mkString(br_status_name(s.status)));
  SET_VECTOR_ELT(out, 11, trace_list(&s));
  UNPROTECT(3);
  return out;
}

/* With more pairs than that sums may be off by a relative TOLERANCE. */
#define FEW_PAIRS 4e6
#define TOLERANCE 1e-9

/* At the rows of x, against centres y with log weights w: the log of sum_j w_j k(x, y_j), the means
 * of the columns of `columns` under the weights of that sum, and the gradient of the log in x. */
SEXP brenier_softmin(SEXP x_sexp, SEXP y_sexp, SEXP log_weight_sexp, SEXP cost_sexp,
                     SEXP epsilon_sexp, SEXP columns_sexp, SEXP gradient_sexp) {
  br_workspace ws = glue_workspace();
  const size_t n = (size_t)Rf_nrows(x_sexp), m = (size_t)Rf_nrows(y_sexp);
  const int d = Rf_ncols(x_sexp), square = Rf_asInteger(cost_sexp) == BR_COST_SQUARE;
  const double epsilon = Rf_asReal(epsilon_sexp);
  check_doubles(x_sexp, n * (size_t)d);
  check_doubles(y_sexp, m * (size_t)d);
  check_doubles(log_weight_sexp, m);
  br_cloud x, y;
  br_pairs pairs;
  double *origin = br_take(&ws, (size_t)d);
  br_cloud_origin(d, n, REAL(x_sexp), m, REAL(y_sexp), origin);
  br_cloud_make(&x, n, d, REAL(x_sexp), origin, &ws);
  br_cloud_make(&y, m, d, REAL(y_sexp), origin, &ws);
  br_pairs_make(&pairs, &x, &y, square ? BR_GAUSSIAN : BR_LAPLACE,
                square ? sqrt(epsilon / 2) : epsilon, &ws);
  if ((double)n * (double)m > FEW_PAIRS) pairs.tolerance = TOLERANCE;
  const char *names[] = {"log", "mean", "gradient", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SEXP lse = Rf_allocVector(REALSXP, (R_xlen_t)n);
  SET_VECTOR_ELT(out, 0, lse);
  br_pairs_lse(&pairs, REAL(log_weight_sexp), NULL, REAL(lse));
  if (columns_sexp != R_NilValue) {
    const int r = Rf_ncols(columns_sexp);
    check_doubles(columns_sexp, m * (size_t)r);
    SEXP mean = Rf_allocMatrix(REALSXP, (int)n, r);
    SET_VECTOR_ELT(out, 1, mean);
    br_pairs_sum(&pairs, BR_VALUE, REAL(log_weight_sexp), REAL(lse), r, REAL(columns_sexp),
                 REAL(mean));
  }
  if (Rf_asLogical(gradient_sexp)) {
    SEXP gradient = Rf_allocMatrix(REALSXP, (int)n, d);
    SET_VECTOR_ELT(out, 2, gradient);
    br_pairs_gradient(&pairs, REAL(log_weight_sexp), REAL(lse), NULL, REAL(gradient));
  }
  UNPROTECT(1);
  return out;
}
