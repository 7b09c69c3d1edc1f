#include <string.h>

#include "grid_flow.h"
#include "grid_particles.h"
#include "grid_push.h"
#include "grid_sinkhorn.h"
#include "grid_transport.h"
#include "r_cycles.h"

/* A grid from a list with n, lower, upper and periodic. */
static br_grid glue_grid(SEXP list) {
  SEXP n = glue_get(list, "n"), lower = glue_get(list, "lower"), upper = glue_get(list, "upper");
  const int d = (int)XLENGTH(n);
  if (TYPEOF(n) != INTSXP || d < 1 || d > BR_GRID_AXES || XLENGTH(lower) != d ||
      XLENGTH(upper) != d || TYPEOF(lower) != REALSXP || TYPEOF(upper) != REALSXP)
    Rf_error("internal error: the grid is not whole; please report");
  br_grid g;
  br_grid_make(&g, d, INTEGER(n), REAL(lower), REAL(upper), glue_int(list, "periodic"));
  return g;
}

static const double *glue_values(SEXP values, const br_grid *g) {
  if (TYPEOF(values) != REALSXP || (size_t)XLENGTH(values) != g->cells)
    Rf_error("internal error: one value a cell is needed; please report");
  return REAL(values);
}

static double *new_doubles(SEXP list, int at, size_t n) {
  SEXP values = Rf_allocVector(REALSXP, (R_xlen_t)n);
  SET_VECTOR_ELT(list, at, values);
  memset(REAL(values), 0, n * sizeof(double));
  return REAL(values);
}

static br_stopping glue_stopping(SEXP options) {
  br_stopping stop;
  br_stopping_start(&stop, glue_double(options, "tol"), glue_int(options, "max_iter"),
                    glue_double(options, "max_seconds"));
  return stop;
}

#define TRACE_ROOM 1000
#define TRACE_COLUMNS ((int)(sizeof(br_grid_row_of_trace) / sizeof(double)))

/* An array of the cells of a grid, or of their coordinates. */
static double *new_array(SEXP list, int at, const br_grid *g, int coordinates) {
  const int d = g->d;
  SEXP values = Rf_allocVector(REALSXP, (R_xlen_t)(g->cells * (size_t)(coordinates ? d : 1)));
  SET_VECTOR_ELT(list, at, values);
  SEXP dim = PROTECT(Rf_allocVector(INTSXP, d + (coordinates != 0)));
  memcpy(INTEGER(dim), g->n, (size_t)d * sizeof(int));
  if (coordinates) INTEGER(dim)[d] = d;
  Rf_setAttrib(values, R_DimSymbol, dim);
  UNPROTECT(1);  // dim
  return REAL(values);
}

static void glue_frame(SEXP frame, br_transport *t) {
  SEXP x = glue_get(frame, "x"), y = glue_get(frame, "y");
  if (XLENGTH(x) != t->x.d || XLENGTH(y) != t->x.d || TYPEOF(x) != REALSXP || TYPEOF(y) != REALSXP)
    Rf_error("internal error: the frame is not whole; please report");
  memcpy(t->shift_x, REAL(x), (size_t)t->x.d * sizeof(double));
  memcpy(t->shift_y, REAL(y), (size_t)t->x.d * sizeof(double));
  t->scale = glue_double(frame, "scale");
}

/* list(u, v, map, inverse, image, error, squared, cost, status, trace): see br_transport_result;
 * trace has a row of br_grid_row_of_trace a column. The arrays are NULL where Newton's method found
 * nothing. */
SEXP brenier_grid_transport(SEXP method_sexp, SEXP x_sexp, SEXP mu_sexp, SEXP y_sexp, SEXP nu_sexp,
                            SEXP frame_sexp, SEXP options_sexp, SEXP progress_sexp) {
  br_workspace ws = glue_workspace();
  glue_host_state state;
  br_host host = glue_host(&state, progress_sexp, 0);
  br_transport t = {.x = glue_grid(x_sexp), .y = glue_grid(y_sexp)};
  t.mu = glue_values(mu_sexp, &t.x);
  t.nu = glue_values(nu_sexp, &t.y);
  glue_frame(frame_sexp, &t);
  br_stopping stop = glue_stopping(options_sexp);
  br_grid_trace trace = {(br_grid_row_of_trace *)br_take(&ws, TRACE_ROOM * TRACE_COLUMNS), 0,
                         TRACE_ROOM};
  const char *names[] = {"u",       "v",    "map",    "inverse", "image", "error",
                         "squared", "cost", "status", "trace",   ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  t.potential = br_grid_field(&t.x, &ws);
  void *mark = vmaxget();
  const br_status status =
      br_grid_transport(&t, Rf_asInteger(method_sexp), &stop, &host, &trace, &ws);
  vmaxset(mark); /* what the solver needed may make room for the results */
  if (t.found) {
    br_transport_result result = {.u = new_array(out, 0, &t.x, 0)};
    result.v = new_array(out, 1, &t.y, 0);
    result.map = new_array(out, 2, &t.x, 1);
    result.inverse = new_array(out, 3, &t.y, 1);
    result.image = new_array(out, 4, &t.y, 0);
    br_grid_transport_finish(&t, &result, &ws);
    SET_VECTOR_ELT(out, 5, Rf_ScalarReal(result.error));
    SET_VECTOR_ELT(out, 6, Rf_ScalarReal(result.squared));
    SET_VECTOR_ELT(out, 7, Rf_ScalarReal(result.cost));
  }
  SET_VECTOR_ELT(out, 8, Rf_mkString(br_status_name(status)));
  SEXP rows = Rf_allocMatrix(REALSXP, TRACE_COLUMNS, trace.n);
  SET_VECTOR_ELT(out, 9, rows);
  if (trace.n) memcpy(REAL(rows), trace.row, (size_t)trace.n * sizeof *trace.row);
  UNPROTECT(1);  // out
  return out;
}

/* The image of a density under the gradient of u, as masses on the grid y. */
SEXP brenier_grid_push(SEXP x_sexp, SEXP density_sexp, SEXP u_sexp, SEXP y_sexp, SEXP parts_sexp) {
  br_workspace ws = glue_workspace();
  br_grid x = glue_grid(x_sexp), y = glue_grid(y_sexp);
  double *u = br_grid_field(&x, &ws), *mass = br_grid_field(&y, &ws);
  br_grid_load(&x, glue_values(u_sexp, &x), u);
  br_grid_extrapolate(&x, u, 2);
  br_grid_push(&x, glue_values(density_sexp, &x), u, &y, mass, Rf_asInteger(parts_sexp),
               br_take(&ws, br_grid_push_room(&x)));
  SEXP out = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)y.cells));
  br_grid_store(&y, mass, REAL(out));
  UNPROTECT(1);  // out
  return out;
}

/* f* on the grid y, or with back f of the grid y on x. */
SEXP brenier_grid_legendre(SEXP x_sexp, SEXP y_sexp, SEXP back_sexp, SEXP f_sexp) {
  br_workspace ws = glue_workspace();
  br_grid x = glue_grid(x_sexp), y = glue_grid(y_sexp);
  const int back = Rf_asLogical(back_sexp);
  const double *f = glue_values(f_sexp, back ? &y : &x);
  br_legendre legendre;
  br_legendre_make(&legendre, &x, &y, &ws);
  SEXP out = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)(back ? x.cells : y.cells)));
  br_legendre_transform(&legendre, back, f, REAL(out));
  UNPROTECT(1);  // out
  return out;
}

enum { FLOW_KL, FLOW_REVERSE, FLOW_LOW, FLOW_HIGH, FLOW_STEPS, FLOW_COLUMNS };

/* list(w, r, values, status, reached): the flow from w at the times; w and r have a column a time,
 * values FLOW_COLUMNS rows; reached is the number of times that were. */
SEXP brenier_grid_flow(SEXP x_sexp, SEXP mu_sexp, SEXP y_sexp, SEXP nu_sexp, SEXP w_sexp,
                       SEXP times_sexp, SEXP options_sexp, SEXP progress_sexp) {
  br_workspace ws = glue_workspace();
  glue_host_state state;
  br_host host = glue_host(&state, progress_sexp, 0);
  br_grid x = glue_grid(x_sexp), y = glue_grid(y_sexp);
  const int n_times = (int)XLENGTH(times_sexp);
  double *w = br_grid_field(&x, &ws);
  br_grid_load(&x, glue_values(w_sexp, &x), w);
  br_pma p;
  br_pma_make(&p, &x, &y, &ws);
  br_pma_load(&p, glue_values(mu_sexp, &x), glue_values(nu_sexp, &y));
  br_stopping stop = glue_stopping(options_sexp);
  const char *names[] = {"w", "r", "values", "status", "reached", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  double *w_out = new_doubles(out, 0, x.cells * (size_t)n_times);
  double *r_out = new_doubles(out, 1, x.cells * (size_t)n_times);
  double *values = new_doubles(out, 2, (size_t)FLOW_COLUMNS * (size_t)n_times);
  br_flow flow;
  br_flow_make(&flow, &p, &ws);
  br_status status = BR_OK;
  int k = 0;
  for (; k < n_times; k++) {
    br_pma_value value;
    status = br_flow_advance(&flow, &p, w, REAL(times_sexp)[k], &stop, &host, &value);
    if (status != BR_OK) break;
    br_grid_store(&x, w, w_out + k * x.cells);
    br_grid_store(&x, p.r, r_out + k * x.cells);
    double *v = values + (size_t)FLOW_COLUMNS * k;
    v[FLOW_KL] = value.kl;
    v[FLOW_REVERSE] = value.kl_reverse;
    v[FLOW_LOW] = value.low;
    v[FLOW_HIGH] = value.high;
    v[FLOW_STEPS] = flow.steps;
  }
  SET_VECTOR_ELT(out, 3, Rf_mkString(br_status_name(status)));
  SET_VECTOR_ELT(out, 4, Rf_ScalarInteger(k));
  UNPROTECT(1);  // out
  return out;
}

/* Drift and diffusion of particles at w, a column a cell: see br_particle_drift(). NULL where u is
 * not convex. */
SEXP brenier_grid_drift(SEXP x_sexp, SEXP mu_sexp, SEXP y_sexp, SEXP nu_sexp, SEXP w_sexp,
                        SEXP noise_sexp) {
  br_workspace ws = glue_workspace();
  br_grid x = glue_grid(x_sexp), y = glue_grid(y_sexp);
  const int noise = Rf_asLogical(noise_sexp);
  double *w = br_grid_field(&x, &ws);
  br_grid_load(&x, glue_values(w_sexp, &x), w);
  br_pma p;
  br_pma_make(&p, &x, &y, &ws);
  br_pma_load(&p, glue_values(mu_sexp, &x), glue_values(nu_sexp, &y));
  if (!br_pma_evaluate(&p, w, 1).convex) return R_NilValue;
  SEXP out = PROTECT(Rf_allocMatrix(REALSXP, br_particle_fields(x.d, noise), (int)x.cells));
  br_particle_drift(&p, noise, REAL(out));
  UNPROTECT(1);  // out
  return out;
}

/* The points, rows of a matrix, after steps from the fields of one time to those of another. */
SEXP brenier_grid_particles(SEXP x_sexp, SEXP from_sexp, SEXP to_sexp, SEXP at_sexp,
                            SEXP normal_sexp, SEXP step_sexp, SEXP steps_sexp) {
  br_particles s = {.x = glue_grid(x_sexp), .noise = normal_sexp != R_NilValue};
  s.steps = Rf_asInteger(steps_sexp);
  s.step = Rf_asReal(step_sexp);
  const size_t n = (size_t)Rf_nrows(at_sexp), d = (size_t)s.x.d;
  const size_t values = (size_t)br_particle_fields(s.x.d, s.noise) * s.x.cells;
  if ((size_t)XLENGTH(from_sexp) != values || (size_t)XLENGTH(to_sexp) != values ||
      (size_t)XLENGTH(at_sexp) != n * d ||
      (s.noise && (size_t)XLENGTH(normal_sexp) != n * d * (size_t)s.steps))
    Rf_error("internal error: the fields are not those of the grid; please report");
  s.from = REAL(from_sexp);
  s.to = REAL(to_sexp);
  SEXP out = PROTECT(Rf_duplicate(at_sexp));
  br_particles_move(&s, n, REAL(out), s.noise ? REAL(normal_sexp) : NULL);
  UNPROTECT(1);  // out
  return out;
}

static void grid_half(void *ctx, int back, const double *f, double *out) {
  br_grid_sinkhorn_half(ctx, back, f, out);
}

/* Sinkhorn from f = u - |x|^2 / 2 at the cycles, increasing whole numbers: see glue_cycles(). */
SEXP brenier_grid_sinkhorn(SEXP x_sexp, SEXP mu_sexp, SEXP y_sexp, SEXP nu_sexp, SEXP f_sexp,
                           SEXP epsilon_sexp, SEXP cycles_sexp, SEXP options_sexp,
                           SEXP progress_sexp) {
  br_workspace ws = glue_workspace();
  br_grid x = glue_grid(x_sexp), y = glue_grid(y_sexp);
  const double epsilon = Rf_asReal(epsilon_sexp);
  br_grid_sinkhorn s;
  br_grid_sinkhorn_make(&s, &x, glue_values(mu_sexp, &x), &y, glue_values(nu_sexp, &y), epsilon,
                        &ws);
  const br_cycles cycles = {x.cells, y.cells, epsilon, grid_half, &s};
  return glue_cycles(&cycles, glue_values(f_sexp, &x), cycles_sexp, options_sexp, progress_sexp,
                     &ws);
}
