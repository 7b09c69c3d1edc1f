#include "mirror.h"

#include "linalg.h"

#include <math.h>
#include <string.h>

#define ARMIJO 1e-4
#define TO_BOUNDARY .95 /* of the way to the nearest constraint */
#define MAX_HALVINGS 40
#define GROWTH 4 /* of the adaptive step size after a full step */
#define MIN_LIFT 1e-12
#define MAX_LIFT 1e-2

void br_mirror_make(br_mirror *m, const br_mirror_options *options, br_potential *u,
                    const br_sample *sample, int max_coef, br_workspace *ws) {
  memset(m, 0, sizeof *m);
  m->options = *options;
  m->u = u;
  m->sample = sample;
  m->adaptive = options->step;
  m->gap = INFINITY;
  br_moments_make(&m->moments, &m->plan, u, sample->n, max_coef, ws);
  br_loss_plan_make(&m->loss_plan, u, sample->n,
                    (double)sample->n * max_coef * (20.0 + u->d * u->d), ws);
  m->gradient = br_take(ws, max_coef);
  m->delta = br_take(ws, max_coef);
  m->start = br_take(ws, max_coef);
  m->system = br_take(ws, (size_t)m->moments.ldm * m->moments.ldm);
}

/* Certificate, by convex duality: with T - C [1; b], C the regression of T on the covariates
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
static double certificate(br_mirror *m, double penalty) {
  br_potential *u = m->u;
  double square = 0, *g = m->start;
  memcpy(g, m->moments.gradient, u->n_coef * sizeof(double));
  for (int k = 0; k < u->d * (1 + u->given); k++) square += g[k] * g[k];
  u->family->penalty(u, m->options.penalty, g);
  return m->moments.square_map - 0.5 * square - u->d + penalty -
         u->family->dual_minimum(u, m->beta, m->moments.slope, g);
}

static double step_size(const br_mirror *m) {
  if (!m->options.eta) return m->adaptive;
  int last = m->options.n_eta - 1;
  return m->options.eta[m->steps < last ? m->steps : last];
}

/* The system of the step, and the gradient of F; the diagonal is lifted where
 * duplicated features leave the system semidefinite. Frozen coefficients stay. */
static br_status assemble(br_mirror *m, double lift) {
  br_potential *u = m->u;
  const br_moments *mo = &m->moments;
  int p = u->n_coef, ldm = mo->ldm;
  double on_metric = isinf(m->eta) ? 0 : 1 / m->eta, *M = m->system;
  for (int j = 0; j < p; j++)
    for (int l = j; l < p; l++) {
      size_t at = (size_t)j * ldm + l;
      M[at] = m->options.implicit ? mo->hessian[at] : 0;
      if (on_metric > 0) M[at] += on_metric * mo->metric[at];
    }
  memcpy(m->gradient, mo->gradient, p * sizeof(double));
  double penalty = u->family->penalty(u, m->options.penalty, m->gradient);
  m->objective = mo->loss + penalty;
  if (u->family->barrier(u, m->beta, &m->barrier, m->gradient, M, ldm) != BR_OK)
    return BR_ERR_SINGULAR;
  for (int j = 0; j < p; j++) {
    if (u->frozen[j]) {
      for (int l = 0; l < p; l++) M[l < j ? (size_t)l * ldm + j : (size_t)j * ldm + l] = 0;
      M[(size_t)j * ldm + j] = 1;
      m->gradient[j] = 0;
    }
    M[(size_t)j * ldm + j] *= 1 + lift;
  }
  return BR_OK;
}

br_status br_mirror_prepare(br_mirror *m) {
  br_potential *u = m->u;
  int p = u->n_coef, ldm = m->moments.ldm;
  m->gap = INFINITY; /* until it is proved for what u has become */
  m->eta = step_size(m);
  u->family->prepare(u);
  br_moments_compute(&m->moments, &m->plan, u, m->sample, m->options.implicit, !isinf(m->eta));
  m->evaluations++;
  if (!isfinite(m->moments.loss)) return BR_ERR_NOT_FINITE;
  br_status status;
  for (double lift = 0; lift<MAX_LIFT; lift = lift> 0 ? 100 * lift : MIN_LIFT) {
    status = assemble(m, lift);
    if (status == BR_OK) status = br_cholesky(p, m->system, ldm);
    if (status == BR_OK) break;
  }
  if (status != BR_OK) return status;
  m->gap = certificate(m, m->objective - m->moments.loss);
  for (int j = 0; j < p; j++) m->delta[j] = -m->gradient[j];
  status = br_cholesky_solve(p, 1, m->system, ldm, m->delta, ldm);
  if (status != BR_OK) return status;
  m->descent = 0;
  for (int j = 0; j < p; j++) m->descent -= m->gradient[j] * m->delta[j];
  if (!isfinite(m->descent)) return BR_ERR_NOT_FINITE;
  /* delta shrinks with eta when eta < 1: per unit of time */
  m->decrement = sqrt(fmax(0, m->descent) / fmin(m->eta, 1));
  return BR_OK;
}

/* F less its value at the start; infinite outside the constraints. */
static double change(br_mirror *m, double start, double barrier_at_start) {
  br_potential *u = m->u;
  double barrier;
  u->family->prepare(u);
  if (u->family->barrier(u, 0, &barrier, NULL, NULL, 0) != BR_OK) return INFINITY;
  double loss = br_potential_loss(u, m->sample, &m->loss_plan, NULL).mean;
  m->evaluations++;
  if (!isfinite(loss)) return INFINITY;
  double objective = loss + u->family->penalty(u, m->options.penalty, NULL);
  return (objective - start) + m->beta * (barrier - barrier_at_start);
}

br_status br_mirror_advance(br_mirror *m) {
  br_potential *u = m->u;
  int p = u->n_coef;
  double start = m->objective;
  memcpy(m->start, u->coef, p * sizeof(double));
  double t = fmin(1, TO_BOUNDARY * u->family->max_step(u, m->delta));
  /* below this the change of F is lost in the rounding of the loss */
  double noise = 1e-14 * (1 + fabs(start));
  int halvings = 0;
  for (; halvings < MAX_HALVINGS; halvings++, t /= 2) {
    for (int j = 0; j < p; j++) u->coef[j] = m->start[j] + t * m->delta[j];
    if (change(m, start, m->barrier) <= -ARMIJO * t * m->descent + noise) break;
  }
  m->length = t;
  if (halvings == MAX_HALVINGS) {
    memcpy(u->coef, m->start, p * sizeof(double));
    u->family->prepare(u);
    return BR_STALLED;
  }
  m->steps++;
  if (t == 1) m->adaptive *= GROWTH;
  if (halvings > 0) m->adaptive /= GROWTH;
  return BR_OK;
}
