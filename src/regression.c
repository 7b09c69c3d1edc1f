/* The learner that takes a map to given points: with t_i where x_i is to go, the loss
 *
 *   mean of |T(x_i) - t_i|^2 / 2
 *
 * has the gradient mean (T - t)'grad psi_j, and the mean of grad psi_j'grad psi_l for its Hessian,
 * exactly where u is linear in the coefficients, and for a metric: a step is a projection of t - T
 * on the gradients of features. It is convex then; there is no certificate. The t_i are the other
 * sample. */
#include "learner.h"
#include "violation.h"

#include <math.h>
#include <string.h>

typedef struct {
  br_moments_plan plan;
  double *map, *residual;
  br_sample pull;
  br_reused reused;
} regression;

static void make(br_learner *l, const br_potential *u, int max_coef, br_workspace *ws) {
  regression *self = (regression *)br_take(ws, (sizeof(regression) + 7) / 8);
  const br_sample *sample = &l->data.sample;
  l->self = self;
  br_moments_make(&l->moments, &self->plan, u, sample->n, max_coef, ws);
  self->map = br_take(ws, sample->n * u->d);
  self->residual = br_take(ws, sample->n * u->d);
  self->pull = (br_sample){sample->n, u->d, self->residual, sample->weight};
  self->plan.pull = self->residual;
  self->plan.flat = 1;
  br_reused_make(&self->reused, ws);
}

/* The residuals at u, and the loss. */
static double loss(br_learner *l, const br_potential *u) {
  regression *self = l->self;
  const br_sample *sample = &l->data.sample;
  size_t n = sample->n;
  double total = 0;
  br_potential_eval(u, sample, self->map, NULL, NULL, br_reused_anew(&self->reused));
  for (int k = 0; k < u->d; k++)
    for (size_t i = 0; i < n; i++) {
      double e = self->map[k * n + i] - l->data.other.x[k * n + i];
      self->residual[k * n + i] = e;
      total += 0.5 * sample->weight[i] * e * e;
    }
  return total;
}

static br_status moments(br_learner *l, const br_potential *u, int want_hessian, int want_metric) {
  regression *self = l->self;
  br_moments *m = &l->moments;
  double at_u = loss(l, u);
  br_moments_compute(m, &self->plan, u, &l->data.sample, want_hessian || want_metric, 0);
  if (want_metric) memcpy(m->metric, m->hessian, (size_t)m->ldm * u->n_coef * sizeof(double));
  m->loss = at_u;
  return isfinite(at_u) ? BR_OK : BR_ERR_NOT_FINITE;
}

static br_loss held_out(br_learner *l, const br_potential *u) {
  (void)l;
  (void)u;
  return (br_loss){NAN, NAN};
}

static const br_sample *pull(br_learner *l) { return &((regression *)l->self)->pull; }

const br_learner_kind br_regression_learner = {
    .name = "regression",
    .make = make,
    .moments = moments,
    .loss = loss,
    .held_out = held_out,
    .pull = pull,
    .violation = &br_regression_violation,
};
