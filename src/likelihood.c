/* The learner whose loss is |T|^2/2 - log det D^2 u on the data: KL(data | model) up to a
 * constant, convex in the coefficients. */
#include "learner.h"
#include "violation.h"

#include <math.h>
#include <string.h>

typedef struct {
  br_moments_plan plan;
  br_loss_plan loss, held_out;
} likelihood;

static br_loss_plan loss_plan(const br_potential *u, const br_sample *sample, int max_coef,
                              br_workspace *ws) {
  br_loss_plan plan;
  double operations = (double)sample->n * max_coef * (20.0 + u->d * u->d);
  br_loss_plan_make(&plan, u, sample->n, operations, ws);
  return plan;
}

static void make(br_learner *l, const br_potential *u, int max_coef, br_workspace *ws) {
  likelihood *self = (likelihood *)br_take(ws, (sizeof(likelihood) + 7) / 8);
  l->self = self;
  br_moments_make(&l->moments, &self->plan, u, l->data.sample.n, max_coef, ws);
  self->plan.thin = 1;
  self->loss = loss_plan(u, &l->data.sample, max_coef, ws);
  if (l->data.held_sample.n == 0) return;
  self->held_out = loss_plan(u, &l->data.held_sample, max_coef, ws);
  self->held_out.offset = l->data.held_offset;
}

static br_status moments(br_learner *l, const br_potential *u, int want_hessian, int want_metric) {
  likelihood *self = l->self;
  br_moments_compute(&l->moments, &self->plan, u, &l->data.sample, want_hessian, want_metric);
  return isfinite(l->moments.loss) ? BR_OK : BR_ERR_NOT_FINITE;
}

static double loss(br_learner *l, const br_potential *u) {
  likelihood *self = l->self;
  return br_potential_loss(u, &l->data.sample, &self->loss, NULL).mean;
}

static br_loss held_out(br_learner *l, const br_potential *u) {
  likelihood *self = l->self;
  if (l->data.held_sample.n == 0) return (br_loss){NAN, NAN};
  return br_potential_loss(u, &l->data.held_sample, &self->held_out, NULL);
}

/* By convex duality: with T - C [1; b], C the regression of T on the covariates
 * b, and (D^2 u)^{-1} as dual variables (the shift makes them feasible for the linear
 * features) the penalised objective is nowhere on the constraints less than
 *
 *   mean loss + penalty - gap,
 *   gap = mean |T|^2 - |C|^2/2 - d + penalty - min over the constraints of g'coef,
 *
 * g being the gradient corrected for C. Covariates of mean zero and unit covariance make
 * C the mean of T [1; b]', which the linear features have for gradient. Without
 * covariates it is the mean of T. At the exact minimum of F the gap is
 * beta times the barrier parameter. Infinite where g is not dual feasible. */
static double gap(br_learner *l, br_potential *u, double lambda, double penalty, double beta,
                  double *work) {
  const br_moments *m = &l->moments;
  double square = 0, *g = work;
  memcpy(g, m->gradient, u->n_coef * sizeof(double));
  for (int k = 0; k < u->d * (1 + u->given); k++) square += g[k] * g[k];
  u->family->penalty(u, lambda, g, NULL, 0);
  return m->square_map - 0.5 * square - u->d + penalty -
         u->family->dual_minimum(u, beta, m->slope, g);
}

const br_learner_kind br_likelihood_learner = {
    .name = "likelihood",
    .make = make,
    .moments = moments,
    .loss = loss,
    .held_out = held_out,
    .gap = gap,
    .violation = &br_likelihood_violation,
};
