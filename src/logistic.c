/* The learner of two samples that tells them apart. The logistic regression of rho (1) against
 * mu (0), the x_j against the sample, with the features as covariates and both classes of
 * total weight one,
 *
 *   l(c, theta) = mean_mu log(1 + e^h) + mean_rho log(1 + e^-h),   h = c + theta'psi,
 *
 * is least at h near log(rho/mu). Its gradient at zero is g/2, g that of J, and l is convex: so
 * theta is a direction of descent of J, and vanishes where g does. The step takes the force
 * -M theta in the place of g, to which it is equal to first order, M twice the Hessian of l.
 *
 * Penalty and barrier have to be in balance with the samples, not with what the regression
 * makes of them. So they shift the regression: l + e'theta/2, e their gradient, has the gradient
 * (g + e)/2 of F at zero, and what was said of J and g holds of F and g + e.
 *
 * Where the features separate the samples, l has no minimum, and where they are many it overfits:
 * the ridge p theta'M theta/(2 n) keeps theta finite, as a prior of variance one for h would, n
 * the effective number of points of the smaller sample. What it takes from a small theta, a
 * factor 1 + 2 p/n, is given back. */
#include "semidual.h"

#include "linalg.h"
#include "violation.h"

#include <math.h>
#include <string.h>

#define LAST 1e-12 /* squared decrement, over that of the first step, of the last */
#define MAX_STEPS 50
#define MAX_HALVINGS 30
#define ARMIJO 1e-4
#define MIN_LIFT 1e-12
#define MAX_LIFT 1e-2

/* One class: its points, h there, and weights for sums. */
typedef struct {
  br_sample points;
  double *h, *pull, *weight;
  double *mean, *slope; /* sums of features */
} class;

typedef struct {
  br_semidual shared;
  class side[2]; /* the sample, the x_j */
  double *theta, *gradient, *delta, *ridge, *system, *gram, *tilt;
  double intercept;
  double points, shrink; /* n and p/n */
} logistic;

static double effective(const br_sample *sample) {
  double square = 0;
  for (size_t i = 0; i < sample->n; i++) square += sample->weight[i] * sample->weight[i];
  return 1 / square;
}

static void make(br_learner *l, const br_potential *u, int max_coef, br_workspace *ws) {
  br_semidual_make(l, u, max_coef, sizeof(logistic), ws);
  logistic *s = l->self;
  size_t square = (size_t)l->moments.ldm * l->moments.ldm;
  s->side[0].points = l->data.sample;
  s->side[1].points = s->shared.pulled.x;
  for (int k = 0; k < 2; k++) {
    s->side[k].h = br_take(ws, s->side[k].points.n);
    s->side[k].pull = br_take(ws, s->side[k].points.n);
    s->side[k].weight = br_take(ws, s->side[k].points.n);
    s->side[k].mean = br_take(ws, max_coef);
    s->side[k].slope = br_take(ws, max_coef);
  }
  s->points = fmin(effective(&s->side[0].points), effective(&s->side[1].points));
  double **arrays[] = {&s->theta, &s->gradient, &s->delta, &s->ridge, &s->tilt};
  for (int k = 0; k < 5; k++) *arrays[k] = br_take(ws, max_coef);
  s->system = br_take(ws, square);
  s->gram = br_take(ws, square);
}

/* The metric is twice the Hessian of l at zero: the covariance of the features under the even
 * mixture of mu and rho. The force is then equal to g to first order. */
static br_status moments(br_learner *l, const br_potential *u, int want_hessian, int want_metric) {
  logistic *s = l->self;
  br_moments *m = &l->moments;
  int p = u->n_coef;
  br_status status = br_semidual_moments(l, u, want_hessian, want_metric);
  if (status != BR_OK || !want_metric) return status;
  const double *mean = s->side[0].mean, *g = m->gradient;
  br_features_sum(&s->shared.features, u, &s->side[0].points, s->side[0].mean, s->gram);
  for (int j = 0; j < p; j++)
    for (int i = j; i < p; i++) {
      size_t at = (size_t)j * m->ldm + i;
      m->metric[at] = 0.5 * (m->metric[at] + s->gram[at] - mean[j] * mean[i]) + 0.25 * g[j] * g[i];
    }
  return BR_OK;
}

static double log1p_exp(double t) { return fmax(t, 0) + log1p(exp(-fabs(t))); }

/* h at the points, without the intercept. */
static void scores(logistic *s, const br_potential *u, const double *theta) {
  for (int k = 0; k < 2; k++)
    br_features_combine(&s->shared.features, u, &s->side[k].points, theta, s->side[k].h);
}

/* The objective of the regression; ridge is -M theta. */
static double objective(logistic *s, const br_learner *l, int p, double intercept,
                        const double *theta) {
  double total = 0;
  for (int k = 0; k < 2; k++) {
    const class *side = &s->side[k];
    for (size_t i = 0; i < side->points.n; i++)
      total += side->points.weight[i] * log1p_exp((k ? -1 : 1) * (intercept + side->h[i]));
  }
  br_semidual_force(l, p, theta, s->ridge);
  for (int j = 0; j < p; j++)
    total += 0.5 * s->tilt[j] * theta[j] - 0.5 * s->shrink * s->ridge[j] * theta[j];
  return total;
}

/* Newton's system at theta, the intercept eliminated: its step is *shift less the inner product
 * of s->side[0].mean, by then the mean of both, and that of theta. */
static br_status newton(logistic *s, const br_learner *l, const br_potential *u, double *shift) {
  int p = u->n_coef, ldm = l->moments.ldm;
  double slope = 0, total = 0;
  size_t square = (size_t)p * ldm;
  for (int j = 0; j < p; j++) s->gradient[j] = 0.5 * s->tilt[j] - s->shrink * s->ridge[j];
  for (size_t i = 0; i < square; i++) s->system[i] = s->shrink * l->moments.metric[i];
  for (int k = 0; k < 2; k++) {
    class *side = &s->side[k];
    br_sample weighted = side->points;
    weighted.weight = side->weight;
    for (size_t i = 0; i < side->points.n; i++) {
      double h = s->intercept + side->h[i], e = exp(-fabs(h)), weight = side->points.weight[i];
      double chance = (k ? h < 0 : h > 0) ? 1 / (1 + e) : e / (1 + e); /* of the other class */
      side->pull[i] = (k ? -weight : weight) * chance;
      side->weight[i] = weight * e / ((1 + e) * (1 + e));
      slope += side->pull[i];
      total += side->weight[i];
    }
    br_features_sums(&s->shared.features, u, &weighted, side->pull, side->slope, side->mean,
                     s->gram);
    for (int j = 0; j < p; j++) {
      s->gradient[j] += side->slope[j];
      for (int i = j; i < p; i++) s->system[(size_t)j * ldm + i] += s->gram[(size_t)j * ldm + i];
    }
  }
  if (!(total > 0)) return BR_ERR_SINGULAR;
  double *mean = s->side[0].mean;
  *shift = -slope / total;
  for (int j = 0; j < p; j++) mean[j] = (mean[j] + s->side[1].mean[j]) / total;
  for (int j = 0; j < p; j++) {
    s->gradient[j] -= mean[j] * slope;
    for (int i = j; i < p; i++) s->system[(size_t)j * ldm + i] -= total * mean[j] * mean[i];
  }
  return BR_OK;
}

static br_status solve(logistic *s, const br_potential *u, int ldm) {
  int p = u->n_coef;
  for (double lift = 0; lift<MAX_LIFT; lift = lift> 0 ? 100 * lift : MIN_LIFT) {
    memcpy(s->gram, s->system, (size_t)p * ldm * sizeof(double));
    for (int j = 0; j < p; j++) {
      if (u->frozen[j]) {
        for (int i = 0; i < p; i++)
          s->gram[i < j ? (size_t)i * ldm + j : (size_t)j * ldm + i] = i == j;
        s->gradient[j] = 0;
      }
      s->gram[(size_t)j * ldm + j] *= 1 + lift;
      s->delta[j] = -s->gradient[j];
    }
    if (br_cholesky(p, s->gram, ldm) != BR_OK) continue;
    return br_cholesky_solve(p, 1, s->gram, ldm, s->delta, ldm);
  }
  return BR_ERR_SINGULAR;
}

/* Newton steps with a search of each line. Wherever it ends below zero, theta goes downhill. */
static br_status regress(logistic *s, const br_learner *l, const br_potential *u) {
  int p = u->n_coef, ldm = l->moments.ldm;
  double *trial = s->side[1].mean, first = 0;
  memset(s->theta, 0, p * sizeof(double));
  s->intercept = 0;
  for (int k = 0; k < 2; k++) memset(s->side[k].h, 0, s->side[k].points.n * sizeof(double));
  double value = objective(s, l, p, 0, s->theta);
  for (int step = 0; step < MAX_STEPS; step++) {
    double shift, decrement = 0, t = 1;
    br_status status = newton(s, l, u, &shift);
    if (status == BR_OK) status = solve(s, u, ldm);
    if (status != BR_OK) return step > 0 ? BR_OK : status;
    for (int j = 0; j < p; j++) {
      decrement -= s->gradient[j] * s->delta[j];
      shift -= s->side[0].mean[j] * s->delta[j];
    }
    if (step == 0) first = decrement;
    if (!(decrement > 0)) return BR_OK;
    for (int halvings = 0; halvings < MAX_HALVINGS; halvings++, t /= 2) {
      for (int j = 0; j < p; j++) trial[j] = s->theta[j] + t * s->delta[j];
      scores(s, u, trial);
      double next = objective(s, l, p, s->intercept + t * shift, trial);
      if (next <= value - ARMIJO * t * decrement + 1e-15) {
        value = next;
        break;
      }
      if (halvings == MAX_HALVINGS - 1) return BR_OK;
    }
    memcpy(s->theta, trial, p * sizeof(double));
    s->intercept += t * shift;
    if (decrement <= LAST * first) return BR_OK; /* the next would be its square */
  }
  return BR_OK;
}

static br_status force(br_learner *l, const br_potential *u, const double *gradient,
                       double *force) {
  logistic *s = l->self;
  for (int j = 0; j < u->n_coef; j++) s->tilt[j] = gradient[j] - l->moments.gradient[j];
  s->shrink = u->n_coef / s->points;
  br_status status = regress(s, l, u);
  if (status != BR_OK) return status;
  br_semidual_force(l, u->n_coef, s->theta, force);
  for (int j = 0; j < u->n_coef; j++) force[j] = u->frozen[j] ? 0 : (1 + 2 * s->shrink) * force[j];
  return BR_OK;
}

const br_learner_kind br_logistic_learner = {
    .name = "logistic",
    .make = make,
    .moments = moments,
    .force = force,
    .loss = br_semidual_loss,
    .held_out = br_semidual_held_out,
    .pulled = br_semidual_pulled,
    .gap = br_semidual_gap,
    .violation = &br_semidual_violation,
};
