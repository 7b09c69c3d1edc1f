#include "grid_newton.h"

#include <math.h>
#include <string.h>

#define LEAST_STEP 0.05
#define INNER_TOLERANCE 0.02
#define INNER_ITERATIONS 40

static void note(br_grid_trace *trace, const br_grid *g, int iteration, const br_pma_value *value,
                 double step, double rate, int inner, const br_stopping *stop) {
  br_grid_note(trace, stop,
               (br_grid_row_of_trace){.cells = (double)g->cells,
                                      .iteration = iteration,
                                      .error = value->error,
                                      .low = value->low,
                                      .high = value->high,
                                      .step = step,
                                      .rate = rate,
                                      .inner = inner});
}

/* The right-hand side rho (r - mean), in the place of r. */
static void newton_right(br_pma *p, double mean) {
  const br_grid *x = &p->x;
  const int threads = br_grid_threads(x, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < x->rows; r++) {
    const size_t at = br_grid_row(x, r);
    for (int i = 0; i < x->n[0]; i++) p->r[at + i] = p->rho[at + i] * (p->r[at + i] - mean);
  }
}

/* w += t delta */
static void move(const br_pma *p, double *w, double t) {
  const br_grid *x = &p->x;
  const int threads = br_grid_threads(x, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < x->rows; r++) {
    const size_t at = br_grid_row(x, r);
    for (int i = 0; i < x->n[0]; i++) w[at + i] += t * p->delta[at + i];
  }
}

/* The slowest rate of the flow, that of the longest wave across the box. */
static double slow_rate(const br_pma *p) {
  double rate = 0;
  for (int k = 0; k < p->x.d; k++) {
    const double length = p->x.n[k] * p->x.step[k];
    rate = fmax(rate, 9.8696 / (p->slope[k] * length * length));
  }
  return rate;
}

/* Tries w + delta, w + delta / 2 ... in the place of w; what was accepted, or 0, and w as it was
 * but for its rounding. */
static double search(br_pma *p, double *w, const br_pma_value *value, br_pma_value *next) {
  double at = 0;
  for (double t = 1; t > LEAST_STEP; t *= 0.5) {
    move(p, w, t - at);
    at = t;
    *next = br_pma_evaluate(p, w, 1);
    if (next->convex && (next->error <= (1 - 0.1 * t) * value->error ||
                         next->kl_reverse < value->kl_reverse * (1 - 0.01 * t)))
      return t;
  }
  move(p, w, -at);
  return 0;
}

/* Steps on one grid from w until l1 < tolerance. */
static br_status solve_level(br_pma *p, double *w, double tolerance, int most, br_stopping *stop,
                             const br_host *host, br_grid_trace *trace, br_pma_value *value) {
  const br_grid *x = &p->x;
  double rate = 0;
  *value = br_pma_evaluate(p, w, 1);
  if (!value->convex) {
    /* an interpolated start that lost convexity: the quadratic never does */
    memset(w, 0, x->total * sizeof(double));
    *value = br_pma_evaluate(p, w, 1);
  }
  note(trace, x, 0, value, NAN, NAN, 0, stop);
  for (int iteration = 1; iteration <= most && value->error > tolerance; iteration++) {
    br_pma_value next = {0};
    double t = 0;
    int inner = 0;
    while (t == 0) {
      newton_right(p, value->mean);
      br_pma_factor(p, rate);
      inner = br_multigrid_solve(&p->solver, p->delta, INNER_TOLERANCE, INNER_ITERATIONS);
      if (inner >= 0) t = search(p, w, value, &next);
      if (t > 0) break;
      /* r and the operator are those of the trial: back to w, and a shorter step of the flow */
      *value = br_pma_evaluate(p, w, 1);
      rate = rate == 0 ? slow_rate(p) : 8 * rate;
      if (rate > 1e7 * slow_rate(p)) return BR_STALLED;
    }
    if (t == 1) rate = rate > slow_rate(p) ? rate / 8 : 0;
    *value = next;
    note(trace, x, iteration, value, t, rate, inner, stop);
    br_progress progress = {trace->n, (int)x->cells, value->error, NAN};
    br_status status = br_stopping_tick(stop, host, &progress);
    if (status != BR_OK) return status;
  }
  return value->error <= tolerance ? BR_OK : BR_MAX_ITERATIONS;
}

static double log_range(const br_grid *g, const double *a) {
  double low = INFINITY, high = 0;
  for (size_t i = 0; i < g->cells; i++) {
    low = fmin(low, a[i]);
    high = fmax(high, a[i]);
  }
  return log(high / low);
}

static void powers(const br_grid *g, const double *a, double power, double *out) {
  for (size_t i = 0; i < g->cells; i++) out[i] = power == 1 ? a[i] : pow(a[i], power);
}

/* The coarsest grid, where a start near the solution is not at hand: powers of the densities lead
 * from nearly flat ones, for which Newton's method converges, to those asked for. */
static br_status solve_coarsest(br_pma *p, const double *mu, const double *nu, double *w,
                                double tolerance, br_stopping *stop, const br_host *host,
                                br_grid_trace *trace, br_pma_value *value, br_workspace *ws) {
  const size_t bytes = p->x.total * sizeof(double);
  double *kept = br_grid_field(&p->x, ws);
  double *mu_power = br_take(ws, p->x.cells), *nu_power = br_take(ws, p->y.cells);
  double power = 2 / fmax(2, fmax(log_range(&p->x, mu), log_range(&p->y, nu)));
  double solved = 0, factor = 2;
  br_status status = BR_OK;
  while (solved < 1) {
    powers(&p->x, mu, power, mu_power);
    powers(&p->y, nu, power, nu_power);
    br_pma_load(p, mu_power, nu_power);
    memcpy(kept, w, bytes);
    status = solve_level(p, w, power < 1 ? 0.1 : tolerance, power < 1 ? 12 : 50, stop, host, trace,
                         value);
    if (status == BR_INTERRUPTED || status == BR_MAX_TIME) return status;
    if (status == BR_OK) {
      solved = power;
      factor = fmin(factor * 1.5, 8);
    } else {
      memcpy(w, kept, bytes);
      factor = sqrt(factor);
      if (factor < 1.005 || solved == 0) return BR_STALLED;
    }
    power = fmin(1, solved * factor);
  }
  return status;
}

br_status br_grid_newton(const br_grid *x, const double *mu, const br_grid *y, const double *nu,
                         br_stopping *stop, const br_host *host, br_grid_trace *trace,
                         br_grid_solution *solution, br_workspace *ws) {
  br_grid_levels levels;
  br_grid_levels_make(&levels, x, mu, y, nu, ws);
  br_pma *p = &solution->problem;
  br_arena arena; /* for one level after the other */
  br_arena_make(&arena);
  br_pma_make(p, x, y, &arena.ws);
  br_arena_open(&arena, ws);
  br_status status = BR_OK;
  const double *coarse_w = NULL;
  for (int l = levels.n - 1; l >= 0; l--) {
    const br_grid *at = &levels.x[l];
    br_arena_reset(&arena, 0);
    br_pma_make(p, at, &levels.y[l], &arena.ws);
    solution->w = br_grid_field(at, ws);
    /* coarse grids are a start: no better than their own error */
    const double tolerance = l == 0 ? stop->tolerance : fmax(stop->tolerance, 1e-3);
    if (coarse_w) {
      br_grid_interpolate(&levels.x[l + 1], coarse_w, at, solution->w, ws);
      br_pma_load(p, levels.mu[l], levels.nu[l]);
      status = solve_level(p, solution->w, tolerance, stop->max_iterations, stop, host, trace,
                           &solution->value);
    } else {
      status = solve_coarsest(p, levels.mu[l], levels.nu[l], solution->w, tolerance, stop, host,
                              trace, &solution->value, ws);
    }
    if (status == BR_INTERRUPTED || status == BR_MAX_TIME || (status == BR_STALLED && l > 0)) break;
    coarse_w = solution->w;
  }
  return status;
}
