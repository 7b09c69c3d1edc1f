#include "mirror.h"

#include "linalg.h"

#include <math.h>
#include <string.h>

#define ARMIJO 1e-4
#define TO_BOUNDARY .95 /* of the way to the nearest constraint */
#define MAX_HALVINGS 40
#define DAMPING .03   /* of coefficients that u is not linear in, see assemble() */
#define FIRST_STEP .1 /* at most, where the objective is not convex */
#define GROWTH 4      /* of the adaptive step size after a full step */
#define RELATED .01   /* descent along a learner's force, over that along the gradient, at least */
#define LONG 100      /* its length over that of the gradient's step, at most */
#define MIN_LIFT 1e-12
#define MAX_LIFT 1e-2

void br_mirror_make(br_mirror *m, const br_mirror_options *options, br_potential *u,
                    br_learner *learner, int max_coef, br_workspace *ws) {
  memset(m, 0, sizeof *m);
  m->options = *options;
  m->u = u;
  m->learner = learner;
  m->adaptive = u->family->linear ? options->step : fmin(options->step, FIRST_STEP);
  m->gap = INFINITY;
  m->gradient = br_take(ws, max_coef);
  m->force = br_take(ws, max_coef);
  m->downhill = br_take(ws, max_coef);
  m->delta = br_take(ws, max_coef);
  m->start = br_take(ws, max_coef);
  m->system = br_take(ws, (size_t)learner->moments.ldm * learner->moments.ldm);
}

static double step_size(const br_mirror *m) {
  if (!m->options.eta) return m->adaptive;
  int last = m->options.n_eta - 1;
  return m->options.eta[m->steps < last ? m->steps : last];
}

/* The system of the step, and the gradient of F; the diagonal is lifted where
 * duplicated features leave the system semidefinite. Frozen coefficients stay. Where u is not
 * linear in the coefficients the features say little of a long step, least of all of one that
 * the metric finds short because they hardly change u: there DAMPING I is added to the
 * metric. */
static br_status assemble(br_mirror *m, double lift) {
  br_potential *u = m->u;
  const br_moments *mo = &m->learner->moments;
  int p = u->n_coef, ldm = mo->ldm;
  double on_metric = isinf(m->eta) ? 0 : 1 / m->eta, *M = m->system;
  for (int j = 0; j < p; j++)
    for (int l = j; l < p; l++) {
      size_t at = (size_t)j * ldm + l;
      M[at] = m->options.implicit ? mo->hessian[at] : 0;
      if (on_metric > 0) M[at] += on_metric * mo->metric[at];
    }
  memcpy(m->gradient, mo->gradient, p * sizeof(double));
  double penalty = u->family->penalty(u, m->options.penalty, m->gradient, M, ldm);
  m->objective = mo->loss + penalty;
  if (u->family->barrier(u, m->beta, &m->barrier, m->gradient, M, ldm) != BR_OK)
    return BR_ERR_SINGULAR;
  for (int j = 0; j < p; j++) {
    if (u->frozen[j]) {
      for (int l = 0; l < p; l++) M[l < j ? (size_t)l * ldm + j : (size_t)j * ldm + l] = 0;
      M[(size_t)j * ldm + j] = 1;
      m->gradient[j] = 0;
    }
    if (!u->family->linear) M[(size_t)j * ldm + j] += DAMPING * on_metric;
    M[(size_t)j * ldm + j] *= 1 + lift;
  }
  return BR_OK;
}

static double inner(int p, const double *a, const double *b) {
  double sum = 0;
  for (int j = 0; j < p; j++) sum += a[j] * b[j];
  return sum;
}

/* The step along the learner's force, where F falls along it about as it does along the
 * gradient; else the gradient keeps its place. So no force can keep a path from the minimum. */
static br_status follow(br_mirror *m) {
  int p = m->u->n_coef, ldm = m->learner->moments.ldm;
  double *step = m->start;
  br_status status = m->learner->kind->force(m->learner, m->u, m->gradient, m->force);
  if (status != BR_OK) return status;
  for (int j = 0; j < p; j++) step[j] = -m->force[j];
  status = br_cholesky_solve(p, 1, m->system, ldm, step, ldm);
  if (status != BR_OK) return status;
  double descent = -inner(p, m->gradient, step), square = -inner(p, m->force, step);
  if (!(descent >= RELATED * m->descent)) return BR_OK;
  double scale = fmin(1, LONG * sqrt(m->descent / square));
  for (int j = 0; j < p; j++) m->delta[j] = scale * step[j];
  m->descent = scale * descent;
  return BR_OK;
}

br_status br_mirror_prepare(br_mirror *m) {
  br_potential *u = m->u;
  br_learner *learner = m->learner;
  const br_learner_kind *kind = learner->kind;
  int p = u->n_coef, ldm = learner->moments.ldm;
  m->gap = INFINITY; /* until it is proved for what u has become */
  m->decrement = NAN;
  m->eta = step_size(m);
  u->family->prepare(u);
  /* a force other than the gradient is made of the metric */
  br_status status = kind->moments(learner, u, m->options.implicit, kind->force || !isinf(m->eta));
  m->evaluations++;
  if (status != BR_OK) return status;
  for (double lift = 0; lift<MAX_LIFT; lift = lift> 0 ? 100 * lift : MIN_LIFT) {
    status = assemble(m, lift);
    if (status == BR_OK) status = br_cholesky(p, m->system, ldm);
    if (status == BR_OK) break;
  }
  if (status != BR_OK) return status;
  if (kind->gap)
    m->gap = kind->gap(learner, u, m->options.penalty, m->objective - learner->moments.loss,
                       m->beta, m->start);
  for (int j = 0; j < p; j++) m->delta[j] = -m->gradient[j];
  status = br_cholesky_solve(p, 1, m->system, ldm, m->delta, ldm);
  if (status != BR_OK) return status;
  m->descent = -inner(p, m->gradient, m->delta);
  if (!isfinite(m->descent)) return BR_ERR_NOT_FINITE;
  /* delta shrinks with eta when eta < 1: per unit of time */
  m->decrement = sqrt(fmax(0, m->descent) / fmin(m->eta, 1));
  memcpy(m->downhill, m->delta, p * sizeof(double));
  return kind->force ? follow(m) : BR_OK;
}

/* F less its value at the start; infinite outside the constraints. */
static double change(br_mirror *m, double start, double barrier_at_start) {
  br_potential *u = m->u;
  double barrier;
  u->family->prepare(u);
  if (u->family->barrier(u, 0, &barrier, NULL, NULL, 0) != BR_OK) return INFINITY;
  double loss = m->learner->kind->loss(m->learner, u);
  m->evaluations++;
  if (!isfinite(loss)) return INFINITY;
  double objective = loss + u->family->penalty(u, m->options.penalty, NULL, NULL, 0);
  return (objective - start) + m->beta * (barrier - barrier_at_start);
}

br_status br_mirror_advance(br_mirror *m) {
  br_potential *u = m->u;
  int p = u->n_coef;
  double start = m->objective;
  memcpy(m->start, u->coef, p * sizeof(double));
  /* below this the change of F is lost in the rounding of the loss */
  double noise = 1e-14 * (1 + fabs(start));
  double t = fmin(1, TO_BOUNDARY * u->family->max_step(u, m->delta));
  if (u->family->follow) u->family->follow(u, m->beta, m->downhill);
  int halvings = 0;
  for (; halvings < MAX_HALVINGS; halvings++, t /= 2) {
    for (int j = 0; j < p; j++) u->coef[j] = m->start[j] + t * m->delta[j];
    if (change(m, start, m->barrier) <= -ARMIJO * t * m->descent + noise) break;
  }
  m->length = t;
  if (halvings == MAX_HALVINGS) {
    memcpy(u->coef, m->start, p * sizeof(double));
    u->family->prepare(u);
    return m->learner->status != BR_OK ? m->learner->status : BR_STALLED;
  }
  m->steps++;
  if (t == 1) m->adaptive *= GROWTH;
  if (halvings > 0) m->adaptive /= GROWTH;
  return BR_OK;
}
