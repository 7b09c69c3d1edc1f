#include "grid_flow.h"

#include <math.h>
#include <string.h>

#define STAGES BR_FLOW_STAGES
#define GAMMA 0.43586652150845900

/* ROS34PW2 in the form without products by the operator L: with t the size of a step,
 *   (1 / (GAMMA t) - L) U_i = r(w + sum_j PLACE_ij U_j) + sum_j LEAD_ij U_j / t,
 * and the end is where r was last asked for plus the last U; MISS gives the difference from the
 * embedded method. */
static const double PLACE[STAGES][STAGES - 1] = {
    {0},
    {2},
    {1.4192173174557647, -0.25923221167296973},
    {4.1847604823191604, -0.28519201735549599, 2.2942803602790418}};
static const double LEAD[STAGES][STAGES - 1] = {
    {0},
    {-4.5885607205580836},
    {-4.1847604823191604, 0.28519201735549599},
    {-6.3681792001283597, -6.7956209444668367, 2.8700986043310555}};
static const double MISS[STAGES] = {0.2777499476479681, -1.4032398951759988, 1.7726301276675502,
                                    0.5};

#define INNER_ITERATIONS 60

/* Relative to a stage: the less a step moves, the less digits of it count. */
static double inner_tolerance(double tolerance) { return fmin(1e-4, 0.01 * sqrt(tolerance)); }

void br_flow_make(br_flow *flow, const br_pma *p, br_workspace *ws) {
  memset(flow, 0, sizeof *flow);
  flow->trial = br_grid_field(&p->x, ws);
  for (int i = 0; i < STAGES; i++) flow->stage[i] = br_grid_field(&p->x, ws);
}

/* to += sum_j of factor_j U_j, at all cells and ghosts. */
static void add_stages(const br_flow *flow, const br_pma *p, int n, const double *factor,
                       double *to) {
  for (int j = 0; j < n; j++)
    for (size_t i = 0; i < p->x.total; i++) to[i] += factor[j] * flow->stage[j][i];
}

/* rho r, with the sum of LEAD, in the place of r. */
static void stage_right(const br_flow *flow, br_pma *p, int stage, double tau) {
  const br_grid *x = &p->x;
  double factor[STAGES];
  for (int j = 0; j < stage; j++) factor[j] = LEAD[stage][j] / tau;
  add_stages(flow, p, stage, factor, p->r);
  for (int r = 0; r < x->rows; r++) {
    const size_t at = br_grid_row(x, r);
    for (int i = 0; i < x->n[0]; i++) p->r[at + i] *= p->rho[at + i];
  }
}

/* The embedded method is of order 2, and errors of steps add up: with this factor that at the end
 * has been below the tolerance. */
#define SAFETY 3

static double error_of(const br_flow *flow, const br_grid *x) {
  double most = 0;
  for (int r = 0; r < x->rows; r++) {
    const size_t at = br_grid_row(x, r);
    for (int i = 0; i < x->n[0]; i++) {
      double sum = 0;
      for (int j = 0; j < STAGES; j++) sum += MISS[j] * flow->stage[j][at + i];
      most = fmax(most, fabs(sum));
    }
  }
  return SAFETY * most;
}

/* One step of size tau from w, which has just been evaluated with coefficients, to
 * flow->trial, within about the tolerance. Returns the error, infinite where u loses its convexity
 * on the way. */
static double try_step(br_flow *flow, br_pma *p, const double *w, double tau, double tolerance) {
  br_pma_factor(p, 1 / (GAMMA * tau));
  for (int i = 0; i < STAGES; i++) {
    memcpy(flow->trial, w, p->x.total * sizeof(double));
    add_stages(flow, p, i, PLACE[i], flow->trial);
    if (i > 0 && !br_pma_evaluate(p, flow->trial, 0).convex) return INFINITY;
    stage_right(flow, p, i, tau);
    const int inner = br_multigrid_solve(&p->solver, flow->stage[i], inner_tolerance(tolerance),
                                         INNER_ITERATIONS);
    if (inner < 0) return INFINITY;
    flow->inner += inner;
  }
  for (size_t i = 0; i < p->x.total; i++) flow->trial[i] += flow->stage[STAGES - 1][i];
  return error_of(flow, &p->x);
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
    const double ratio = cbrt(stop->tolerance / fmax(error, 1e-300));
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
