#include "grid_flow.h"

#include <math.h>
#include <string.h>

#define GAMMA 0.29289321881345254 /* 1 - 1 / sqrt 2: L-stable */
#define INNER_ITERATIONS 60

/* Steps grow with the root of their tolerance, and so may what is left of a stage. */
static double inner_tolerance(double tolerance) { return fmin(1e-4, 0.01 * sqrt(tolerance)); }

void br_flow_make(br_flow *flow, const br_pma *p, br_workspace *ws) {
  memset(flow, 0, sizeof *flow);
  flow->trial = br_grid_field(&p->x, ws);
  flow->second = br_grid_field(&p->x, ws);
}

/* The right-hand side rate rho (r - 2 k1), or rate rho r where k1 is NULL, in the place of r. */
static void stage_right(br_pma *p, double rate, const double *k1) {
  const br_grid *x = &p->x;
  for (int r = 0; r < x->rows; r++) {
    const size_t at = br_grid_row(x, r);
    for (int i = 0; i < x->n[0]; i++)
      p->r[at + i] = rate * p->rho[at + i] * (p->r[at + i] - (k1 ? 2 * k1[at + i] : 0));
  }
}

static double largest(const br_grid *x, const double *a, const double *b) {
  double most = 0;
  for (int r = 0; r < x->rows; r++) {
    const size_t at = br_grid_row(x, r);
    for (int i = 0; i < x->n[0]; i++) most = fmax(most, fabs(a[at + i] + b[at + i]));
  }
  return most;
}

/* One step of size tau from w, which has just been evaluated with coefficients, to
 * flow->trial, within about the tolerance. Returns the error, infinite where u loses its convexity
 * on the way. */
static double try_step(br_flow *flow, br_pma *p, const double *w, double tau, double tolerance) {
  const size_t total = p->x.total;
  const double rate = 1 / (GAMMA * tau), inner_goal = inner_tolerance(tolerance);
  br_pma_factor(p, rate);
  stage_right(p, rate, NULL);
  int inner = br_multigrid_solve(&p->solver, p->delta, inner_goal, INNER_ITERATIONS);
  if (inner < 0) return INFINITY;
  flow->inner += inner;
  for (size_t i = 0; i < total; i++) flow->trial[i] = w[i] + tau * p->delta[i];
  if (!br_pma_evaluate(p, flow->trial, 0).convex) return INFINITY;
  stage_right(p, rate, p->delta);
  double *k2 = flow->second;
  inner = br_multigrid_solve(&p->solver, k2, inner_goal, INNER_ITERATIONS);
  if (inner < 0) return INFINITY;
  flow->inner += inner;
  for (size_t i = 0; i < total; i++)
    flow->trial[i] = w[i] + tau * (1.5 * p->delta[i] + 0.5 * k2[i]);
  return 0.5 * tau * largest(&p->x, p->delta, k2);
}

br_status br_flow_advance(br_flow *flow, br_pma *p, double *w, double until, br_stopping *stop,
                          const br_host *host, br_pma_value *value) {
  *value = br_pma_evaluate(p, w, 1);
  if (!value->convex) return BR_ERR_NOT_FINITE;
  if (flow->step == 0) flow->step = 1e-6 * (until - flow->time);
  while (flow->time < until * (1 - 1e-14)) {
    const double left = until - flow->time;
    /* two even steps rather than a long one and a splinter */
    const double tau = flow->step >= left        ? left
                       : flow->step > 0.5 * left ? 0.5 * left
                                                 : flow->step;
    const double error = try_step(flow, p, w, tau, stop->tolerance);
    br_pma_value next = {0};
    if (error <= stop->tolerance) next = br_pma_evaluate(p, flow->trial, 1);
    const double ratio = sqrt(stop->tolerance / fmax(error, 1e-300));
    const double factor = isfinite(error) ? fmin(3, fmax(0.2, 0.85 * ratio)) : 0.2;
    if (!next.convex) {
      flow->refused++;
      flow->step = tau * fmin(factor, 0.7);
      if (flow->step < 1e-12 * until) return BR_STALLED;
      *value = br_pma_evaluate(p, w, 1);
      continue;
    }
    memcpy(w, flow->trial, p->x.total * sizeof(double));
    *value = next;
    flow->time = tau == left ? until : flow->time + tau;
    /* a step cut short by an output time says nothing against the longer one */
    flow->step = factor < 1 ? tau * factor : fmax(flow->step, tau * factor);
    flow->steps++;
    const br_progress progress = {flow->steps, (int)p->x.cells, value->error, flow->time};
    const br_status status = br_stopping_tick(stop, host, &progress);
    if (status != BR_OK && flow->time < until) return status;
  }
  return BR_OK;
}
