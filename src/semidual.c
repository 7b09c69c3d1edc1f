#include "semidual.h"
#include "violation.h"

#include <math.h>
#include <string.h>

#define CANCELLED 1e-9 /* what rounding leaves of means that cancel */

static br_semidual *self(const br_learner *l) { return l->self; }

void br_semidual_make(br_learner *l, const br_potential *u, int max_coef, size_t size,
                      br_workspace *ws) {
  const br_learner_data *data = &l->data;
  l->self = br_take(ws, (size + 7) / 8);
  br_semidual *s = self(l);
  size_t n = data->sample.n, m = data->other.n;
  br_pullback_make(&s->pulled, u, &data->other, ws);
  br_moments_make(&l->moments, &s->plan, u, m, max_coef, ws);
  br_features_make(&s->features, u, n > m ? n : m, max_coef, l->moments.ldm, ws);
  s->on_sample = br_take(ws, n);
  s->mean_sample = br_take(ws, max_coef);
  s->mean_pulled = br_take(ws, max_coef);
  s->shifted = br_take(ws, m * (size_t)(u->d + u->given));
  br_reused_make(&s->reused, ws);
  if (data->held_sample.n > 0) s->on_held = br_take(ws, data->held_sample.n);
  if (data->held_other.n > 0) br_pullback_make(&s->held, u, &data->held_other, ws);
}

/* Values of u at a sample, and their mean. */
static double mean_on(br_semidual *s, const br_potential *u, const br_sample *sample,
                      double *value) {
  br_potential_eval(u, sample, NULL, NULL, value, br_reused_anew(&s->reused));
  return br_mean(sample->n, value, sample->weight);
}

static double mean_conjugate(const br_pullback *p) {
  return br_mean(p->y.n, p->conjugate, p->y.weight);
}

double br_semidual_loss(br_learner *l, const br_potential *u) {
  br_semidual *s = self(l);
  if (br_pullback_solve(&s->pulled, u) != BR_OK) return INFINITY;
  return mean_on(s, u, &l->data.sample, s->on_sample) + mean_conjugate(&s->pulled);
}

br_loss br_semidual_held_out(br_learner *l, const br_potential *u) {
  br_semidual *s = self(l);
  const br_sample *sample = &l->data.sample, *held = &l->data.held_sample;
  const br_loss none = {NAN, NAN};
  br_pullback *pulled = l->data.held_other.n > 0 ? &s->held : &s->pulled;
  if (held->n == 0 && l->data.held_other.n == 0) return none;
  if (br_pullback_solve(pulled, u) != BR_OK) return none;
  /* the spread is that of the held-out points: of the sample's where both are held out */
  double on_sample =
      held->n > 0 ? mean_on(s, u, held, s->on_held) : mean_on(s, u, sample, s->on_sample);
  double on_other = mean_conjugate(pulled), square = 0;
  size_t n = held->n > 0 ? held->n : pulled->y.n;
  for (size_t i = 0; i < n; i++) {
    double loss = held->n > 0 ? s->on_held[i] + on_other : on_sample + pulled->conjugate[i];
    square += (held->n > 0 ? held->weight[i] : pulled->y.weight[i]) * loss * loss;
  }
  return (br_loss){on_sample + on_other, square};
}

const br_sample *br_semidual_pulled(br_learner *l) { return &self(l)->pulled.x; }

br_status br_semidual_moments(br_learner *l, const br_potential *u, int want_hessian,
                              int want_metric) {
  br_semidual *s = self(l);
  br_moments *m = &l->moments;
  int p = u->n_coef, ldm = m->ldm;
  double loss = br_semidual_loss(l, u);
  if (!isfinite(loss)) return BR_ERR_NOT_FINITE;
  if (want_hessian) {
    /* what is the metric of a likelihood at the x_j is the Hessian here */
    br_moments_compute(m, &s->plan, u, &s->pulled.x, 0, 1);
    double *swap = m->hessian;
    m->hessian = m->metric;
    m->metric = swap;
  }
  br_features_sum(&s->features, u, &s->pulled.x, s->mean_pulled, want_metric ? m->metric : NULL);
  br_features_sum(&s->features, u, &l->data.sample, s->mean_sample, NULL);
  for (int j = 0; j < p; j++) {
    m->gradient[j] = s->mean_sample[j] - s->mean_pulled[j];
    for (int i = j; want_metric && i < p; i++)
      m->metric[(size_t)j * ldm + i] -= s->mean_pulled[j] * s->mean_pulled[i];
  }
  m->loss = loss;
  return BR_OK;
}

/* For any fixed points z_j, v*(y_j) >= z_j'y_j - v(z_j), and so
 *
 *   J(v) >= mean z_j'y_j + mean_mu v - mean v(z_j),
 *
 * which is linear in the coefficients of v: its least value on the constraints, with the
 * penalty, is that of a gradient, made of features at the z_j in place of the x_j. With
 * z_j = x_j + S [1; b_j], b_j the covariates, the linear features cancel, for which there is no
 * constraint. Covariates of mean zero and unit covariance make S their gradient. At the exact
 * minimum of F the gap is beta times the barrier parameter, as z_j = x_j there. */
double br_semidual_gap(br_learner *l, br_potential *u, double lambda, double penalty, double beta,
                       double *work) {
  br_semidual *s = self(l);
  br_moments *m = &l->moments;
  const br_sample *x = &s->pulled.x;
  size_t n = x->n;
  int d = u->d, linear = d * (1 + u->given);
  double pairing = 0, *g = work;
  memcpy(s->shifted, x->x, n * x->d * sizeof(double));
  for (int k = 0; k < d; k++) {
    double *z = s->shifted + (size_t)k * n, sum = 0;
    const double *y = s->pulled.y.x + (size_t)k * n;
    for (size_t j = 0; j < n; j++) z[j] += m->gradient[k];
    for (int i = 1; i <= u->given; i++)
      for (size_t j = 0; j < n; j++)
        z[j] += m->gradient[i * d + k] * x->x[(size_t)(d + i - 1) * n + j];
    for (size_t j = 0; j < n; j++) sum += x->weight[j] * z[j] * y[j];
    pairing += sum;
  }
  br_sample z = {n, x->d, s->shifted, x->weight};
  br_features_sum(&s->features, u, &z, g, NULL);
  for (int j = 0; j < u->n_coef; j++) g[j] = s->mean_sample[j] - g[j];
  for (int j = 0; j < linear; j++) {
    if (fabs(g[j]) > CANCELLED * (1 + fabs(s->mean_sample[j]))) return INFINITY;
    g[j] = 0;
  }
  u->family->penalty(u, lambda, g, NULL, 0);
  return m->loss + penalty - pairing - u->family->dual_minimum(u, beta, m->slope, g);
}

void br_semidual_force(const br_learner *l, int p, const double *theta, double *force) {
  const br_moments *m = &l->moments;
  memset(force, 0, p * sizeof(double));
  for (int j = 0; j < p; j++)
    for (int i = j; i < p; i++) {
      double entry = m->metric[(size_t)j * m->ldm + i];
      force[i] -= entry * theta[j];
      if (i > j) force[j] -= entry * theta[i];
    }
}

static void make(br_learner *l, const br_potential *u, int max_coef, br_workspace *ws) {
  br_semidual_make(l, u, max_coef, sizeof(br_semidual), ws);
}

const br_learner_kind br_semidual_learner = {
    .name = "semidual",
    .make = make,
    .moments = br_semidual_moments,
    .loss = br_semidual_loss,
    .held_out = br_semidual_held_out,
    .pulled = br_semidual_pulled,
    .gap = br_semidual_gap,
    .violation = &br_semidual_violation,
};
