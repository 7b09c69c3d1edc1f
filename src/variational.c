/* The learner of a law known by minus its log density f, up to a constant: variational inference.
 * Here u lives on the space of the reference, its map T takes points y_j of the reference to draws
 * of the model, and the loss
 *
 *   mean of f(T(y_j)) - log det D^2 u(y_j)
 *
 * is KL(model | target) up to a constant, as far as the y_j can tell: with f normalised, and less
 * the entropy of the reference. It is convex in the coefficients where f is, and there is no
 * certificate. Many features on few points overfit, so that the loss is validated on others.
 *
 * The target is asked for one batch a loss, at the points where it was not asked before: moments
 * at the potential of the last loss cost nothing. */
#include "learner.h"
#include "violation.h"

#include <math.h>
#include <string.h>

/* Points a coefficient of what the matrices of components are summed over, next to those of a
 * learner of data: curvature without second derivatives of f is rough anyway. */
#define THINNER 4

/* What is known of a sample under the last potential. */
typedef struct {
  double *map, *next; /* T as of the last batch, n x d; and that of the potential asked for */
  double *f, *loss;   /* n */
  int known, sloped;  /* whether f, and whether the gradient are those at map */
  size_t refused;     /* points where they are not finite */
} answers;

typedef struct {
  br_moments_plan plan;
  answers on_sample, on_held;
  double *gradient; /* of f at the map of the sample, n x d */
  br_sample pull;
  int started; /* the loss was finite once */
  br_reused reused;
} variational;

static answers take_answers(const br_sample *sample, int d, br_workspace *ws) {
  size_t n = sample->n;
  return (answers){.map = br_take(ws, n * d),
                   .next = br_take(ws, n * d),
                   .f = br_take(ws, n),
                   .loss = br_take(ws, n)};
}

static void make(br_learner *l, const br_potential *u, int max_coef, br_workspace *ws) {
  variational *self = (variational *)br_take(ws, (sizeof(variational) + 7) / 8);
  const br_sample *sample = &l->data.sample;
  l->self = self;
  br_moments_make(&l->moments, &self->plan, u, sample->n, max_coef, ws);
  self->on_sample = take_answers(sample, u->d, ws);
  self->on_held = take_answers(&l->data.held_sample, u->d, ws);
  self->gradient = br_take(ws, sample->n * u->d);
  self->pull = (br_sample){sample->n, u->d, self->gradient, sample->weight};
  self->plan.pull = self->gradient;
  self->plan.thin = u->family->rank_one ? 0 : THINNER;
  br_reused_make(&self->reused, ws);
}

/* Points where f is finite and its gradient is not pull at nothing: there f alone holds steps back.
 */
static void hush(size_t n, int d, double *gradient, answers *a) {
  a->refused = 0;
  for (size_t i = 0; i < n; i++) {
    int finite = 1;
    for (int k = 0; k < d; k++) finite &= isfinite(gradient[k * n + i]) != 0;
    for (int k = 0; k < d && !finite; k++) gradient[k * n + i] = 0;
    a->refused += !isfinite(a->f[i]);
  }
}

/* Mean and mean square of the loss; infinite where f is not finite, NaN once the target failed.
 * The gradient is asked for where it is wanted alone: steps that are refused do without. */
static br_loss ask(br_learner *l, const br_potential *u, const br_sample *sample, answers *a,
                   double *gradient) {
  variational *self = l->self;
  const br_loss none = {NAN, NAN}, infinite = {INFINITY, INFINITY};
  size_t n = sample->n, size = n * u->d * sizeof(double);
  if (l->status != BR_OK) return none;
  br_potential_eval(u, sample, a->next, a->loss, NULL, br_reused_anew(&self->reused));
  for (size_t i = 0; i < n; i++) /* log det D^2 u: no number where that is not positive definite */
    if (!isfinite(a->loss[i])) return infinite;
  int same = a->known && memcmp(a->map, a->next, size) == 0;
  if (!same || (gradient && !a->sloped)) {
    memcpy(a->map, a->next, size);
    /* f is known where the gradient alone is missing: what comes with it is laid aside */
    double *f = same ? a->next : a->f;
    l->status = br_target_eval(l->data.target, n, a->map, f, gradient, &a->refused);
    a->known = l->status == BR_OK;
    a->sloped = a->known && gradient;
    if (!a->known) return none;
    if (gradient) hush(n, u->d, gradient, a);
  }
  if (a->refused > 0) return infinite;
  br_loss total = {0, 0};
  for (size_t i = 0; i < n; i++) a->loss[i] = a->f[i] - a->loss[i];
  total.mean = br_mean(n, a->loss, sample->weight);
  for (size_t i = 0; i < n; i++) total.square += sample->weight[i] * a->loss[i] * a->loss[i];
  return total;
}

static double loss(br_learner *l, const br_potential *u) {
  return ask(l, u, &l->data.sample, &((variational *)l->self)->on_sample, NULL).mean;
}

static br_status moments(br_learner *l, const br_potential *u, int want_hessian, int want_metric) {
  variational *self = l->self;
  double at_u = ask(l, u, &l->data.sample, &self->on_sample, self->gradient).mean;
  if (l->status != BR_OK) return l->status;
  /* the potentials of a fit were all accepted for a finite loss, but for the first */
  if (!isfinite(at_u)) return self->started ? BR_TARGET_FAILED : BR_ERR_NOT_FINITE;
  self->started = 1;
  br_moments_compute(&l->moments, &self->plan, u, &l->data.sample, want_hessian, want_metric);
  l->moments.loss = at_u;
  return BR_OK;
}

static br_loss held_out(br_learner *l, const br_potential *u) {
  variational *self = l->self;
  if (l->data.held_sample.n == 0) return (br_loss){NAN, NAN};
  return ask(l, u, &l->data.held_sample, &self->on_held, NULL);
}

static const br_sample *pull(br_learner *l) { return &((variational *)l->self)->pull; }

const br_learner_kind br_variational_learner = {
    .name = "variational",
    .make = make,
    .moments = moments,
    .loss = loss,
    .held_out = held_out,
    .pull = pull,
    .violation = &br_variational_violation,
};
