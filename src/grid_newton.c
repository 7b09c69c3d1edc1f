#include "grid_newton.h"

#include <math.h>
#include <string.h>

#define LEAST_STEP 0.05
#define INNER_TOLERANCE 0.02
#define INNER_ITERATIONS 40

static void note(br_grid_trace *trace, const br_grid *g, int iteration, const br_pma_value *value,
                 double step, double rate, int inner, const br_stopping *stop) {
  if (trace->n >= trace->room) return;
  trace->row[trace->n++] = (br_grid_row_of_trace){
      (double)g->cells,         iteration, value->error, value->low, value->high, step, rate, inner,
      br_stopping_seconds(stop)};
}

/* The right-hand side rho (r - mean). */
static void newton_right(br_pma *p, double mean) {
  const br_grid *x = &p->x;
  for (int r = 0; r < x->rows; r++) {
    const size_t at = br_grid_row(x, r);
    for (int i = 0; i < x->n[0]; i++) p->rhs[at + i] = p->rho[at + i] * (p->r[at + i] - mean);
  }
}

static void move(const br_grid *x, const double *w, double t, const double *delta, double *to) {
  for (size_t i = 0; i < x->total; i++) to[i] = w[i] + t * delta[i];
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
    newton_right(p, value->mean);
    br_pma_value next = {0};
    double t = 1;
    int inner = 0, accepted = 0;
    while (!accepted) {
      inner = br_pma_solve(p, rate, p->rhs, p->delta, INNER_TOLERANCE, INNER_ITERATIONS);
      for (t = 1; inner >= 0 && t > LEAST_STEP && !accepted; t *= 0.5) {
        move(x, w, t, p->delta, p->trial);
        next = br_pma_evaluate(p, p->trial, 0);
        accepted = next.convex && (next.error <= (1 - 0.1 * t) * value->error ||
                                   next.kl_reverse < value->kl_reverse * (1 - 0.01 * t));
        if (accepted) break;
      }
      if (accepted) break;
      /* r and rho are those of the trial: back to w, and a shorter step of the flow */
      *value = br_pma_evaluate(p, w, 1);
      rate = rate == 0 ? slow_rate(p) : 8 * rate;
      if (rate > 1e7 * slow_rate(p)) return BR_STALLED;
    }
    memcpy(w, p->trial, x->total * sizeof(double));
    if (t == 1) rate = rate > slow_rate(p) ? rate / 8 : 0;
    *value = br_pma_evaluate(p, w, 1);
    note(trace, x, iteration, value, t, rate, inner, stop);
    br_progress progress = {trace->n, (int)x->cells, value->error, NAN};
    br_status status = br_stopping_tick(stop, host, &progress);
    if (status != BR_OK) return status;
  }
  return value->error <= tolerance ? BR_OK : BR_MAX_ITERATIONS;
}

static double log_range(const br_grid *g, const double *a) {
  double low = INFINITY, high = 0;
  for (int r = 0; r < g->rows; r++) {
    const double *v = a + br_grid_row(g, r);
    for (int i = 0; i < g->n[0]; i++) {
      low = fmin(low, v[i]);
      high = fmax(high, v[i]);
    }
  }
  return log(high / low);
}

/* The coarsest grid, where a start near the solution is not at hand: powers of the densities lead
 * from nearly flat ones, for which Newton's method converges, to those asked for. */
static br_status solve_coarsest(br_pma *p, const double *mu, const double *nu, double *w,
                                double *kept, double tolerance, br_stopping *stop,
                                const br_host *host, br_grid_trace *trace, br_pma_value *value) {
  const size_t bytes = p->x.total * sizeof(double);
  double power = 2 / fmax(2, fmax(log_range(&p->x, mu), log_range(&p->y, nu)));
  double solved = 0, factor = 2;
  br_status status = BR_OK;
  while (solved < 1) {
    br_pma_load(p, mu, nu, power);
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
  br_grid xs[BR_GRID_LEVELS], ys[BR_GRID_LEVELS];
  const int levels = br_grid_levels(x, y, xs, ys);
  br_status status = BR_OK;
  const double *coarse_w = NULL;
  for (int l = levels - 1; l >= 0; l--) {
    double *m = br_grid_field(&xs[l], ws), *n = br_grid_field(&ys[l], ws);
    br_grid_average(x, mu, &xs[l], m, ws);
    br_grid_average(y, nu, &ys[l], n, ws);
    br_pma *p = &solution->problem;
    br_pma_make(p, &xs[l], &ys[l], ws);
    solution->w = br_grid_field(&xs[l], ws);
    /* coarse grids are a start: no better than their own error */
    const double tolerance = l == 0 ? stop->tolerance : fmax(stop->tolerance, 1e-3);
    if (coarse_w) {
      br_grid_interpolate(&xs[l + 1], coarse_w, &xs[l], solution->w, ws);
      br_pma_load(p, m, n, 1);
      status = solve_level(p, solution->w, tolerance, stop->max_iterations, stop, host, trace,
                           &solution->value);
    } else {
      double *kept = br_grid_field(&xs[l], ws);
      status = solve_coarsest(p, m, n, solution->w, kept, tolerance, stop, host, trace,
                              &solution->value);
    }
    if (status == BR_INTERRUPTED || status == BR_MAX_TIME || (status == BR_STALLED && l > 0)) break;
    coarse_w = solution->w;
  }
  return status;
}
