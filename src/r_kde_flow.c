#include "kde_flow.h"
#include "r_common.h"

#include <string.h>

static const double *optional_doubles(SEXP list, const char *name, size_t n) {
  SEXP value = glue_get(list, name);
  if (value == R_NilValue) return NULL;
  if (TYPEOF(value) != REALSXP || (size_t)XLENGTH(value) != n)
    Rf_error("internal error: '%s' of a flow is not whole; please report", name);
  return REAL(value);
}

static const char *string_of(SEXP list, const char *name) {
  return CHAR(Rf_asChar(glue_get(list, name)));
}

static int row_of(int row, const char *what) {
  if (row < 0) Rf_error("internal error: there is no such %s; please report", what);
  return row;
}

/* A flow from the list that R keeps. */
static br_flow read_flow(SEXP list, size_t n, int d) {
  br_flow f = {.n = n, .d = d};
  f.kind = (br_flow_kind)row_of(br_flow_find(string_of(list, "kind")), "flow");
  f.kernel = (br_kernel_id)row_of(br_kernel_find(string_of(list, "kernel")), "kernel");
  f.scale = glue_double(list, "scale");
  f.leave_out = glue_double(list, "self") == 0;
  f.tolerance = glue_double(list, "tolerance");
  f.data_mean = glue_double(list, "data_mean");
  f.mix.order = glue_double(list, "order");
  f.mix.clip = glue_double(list, "clip");
  memcpy(f.mix.share, optional_doubles(list, "share", BR_N_DIVERGENCES), sizeof f.mix.share);
  SEXP y = glue_get(list, "y"), directions = glue_get(list, "directions");
  if (y != R_NilValue) {
    f.m = (size_t)Rf_nrows(y);
    f.y = optional_doubles(list, "y", f.m * (size_t)d);
    f.weight = optional_doubles(list, "weight", f.m);
    f.log_p_data = optional_doubles(list, "log_p_data", f.m);
  }
  SEXP memory = glue_get(list, "memory");
  if (memory != R_NilValue) {
    f.memory = REAL(memory);
    f.room = (size_t)XLENGTH(memory);
  }
  f.log_target = optional_doubles(list, "log_target", n);
  f.score = optional_doubles(list, "score", n * (size_t)d);
  SEXP draws = glue_get(list, "draws");
  if (draws != R_NilValue) {
    f.n_draws = Rf_nrows(draws);
    f.draws = optional_doubles(list, "draws", (size_t)f.n_draws * (size_t)d);
  }
  if (directions != R_NilValue) {
    f.n_directions = Rf_nrows(directions);
    f.directions = optional_doubles(list, "directions", (size_t)f.n_directions * (size_t)d);
  }
  return f;
}

static void check_points(SEXP x) {
  if (!Rf_isMatrix(x) || TYPEOF(x) != REALSXP)
    Rf_error("internal error: points must be a matrix of doubles; please report");
}

static void check_status(br_status status, const char *where) {
  if (status != BR_OK)
    Rf_error("internal error in %s: %s; please report", where, br_status_message(status));
}

/* log p at the data, and mean |Y - Y'| where the kernel is that of the energy distance. */
SEXP brenier_flow_data(SEXP flow_sexp) {
  SEXP y = glue_get(flow_sexp, "y");
  check_points(y);
  br_workspace ws = glue_workspace();
  br_flow f = read_flow(flow_sexp, 0, Rf_ncols(y));
  const char *names[] = {"log_p", "mean", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SEXP log_p = Rf_allocVector(REALSXP, (R_xlen_t)f.m);
  SET_VECTOR_ELT(out, 0, log_p);
  double mean = NA_REAL;
  check_status(br_flow_data(&f, REAL(log_p), &mean, &ws), "brenier_flow_data()");
  SET_VECTOR_ELT(out, 1, Rf_ScalarReal(mean));
  UNPROTECT(1);
  return out;
}

/* Energy and velocity at the particles x; guess is NULL or the answer of a state near by. */
SEXP brenier_flow(SEXP x_sexp, SEXP flow_sexp, SEXP guess_sexp) {
  check_points(x_sexp);
  const size_t n = (size_t)Rf_nrows(x_sexp);
  const int d = Rf_ncols(x_sexp);
  br_workspace ws = glue_workspace();
  br_flow f = read_flow(flow_sexp, n, d);
  const char *names[] = {"energy", "unit", "velocity", "log_q", "log_p", "log_q_data", "pull", ""};
  const size_t sizes[] = {n, n, f.m};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SEXP velocity = Rf_allocMatrix(REALSXP, (int)n, d);
  SET_VECTOR_ELT(out, 2, velocity);
  double *pull = NULL;
  if (f.kind == BR_FLOW_KSD) {
    SEXP values = Rf_allocMatrix(REALSXP, (int)n, d);
    SET_VECTOR_ELT(out, 6, values);
    pull = REAL(values);
  }
  double *logs[3];
  for (int k = 0; k < 3; k++) {
    SEXP values = Rf_allocVector(REALSXP, (R_xlen_t)sizes[k]);
    SET_VECTOR_ELT(out, 3 + k, values);
    logs[k] = REAL(values);
    memset(logs[k], 0, sizes[k] * sizeof(double));
    if (guess_sexp != R_NilValue) {
      const double *guess = optional_doubles(guess_sexp, names[3 + k], sizes[k]);
      memcpy(logs[k], guess, sizes[k] * sizeof(double));
    }
  }
  br_flow_state state = {.velocity = REAL(velocity),
                         .pull = pull,
                         .log_q = logs[0],
                         .log_p = logs[1],
                         .log_q_data = logs[2],
                         .guessed = guess_sexp != R_NilValue};
  check_status(br_flow_eval(&f, REAL(x_sexp), &state, &ws), "brenier_flow()");
  SET_VECTOR_ELT(out, 0, Rf_ScalarReal(state.energy));
  SET_VECTOR_ELT(out, 1, Rf_ScalarReal(state.unit));
  UNPROTECT(1);
  return out;
}
