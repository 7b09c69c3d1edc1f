/* The learner of two samples whose direction is a relative score: of all h in the span of the
 * features it takes the one whose gradient is nearest to that of log(rho/mu) in mean square
 * over rho, for mu = N(0, I) in its d coordinates. Integration by parts removes the unknown
 * density of rho:
 *
 *   mean_rho |grad h - grad log(rho/mu)|^2 / 2
 *     = mean_rho [|grad h|^2/2 + Laplacian h - grad h'x] + constant
 *     = theta'G theta/2 + theta'b + constant,
 *   G = mean_rho grad psi'grad psi,   b = mean_rho [Laplacian psi - grad psi'x],
 *
 * so that theta = -G^{-1} b is one linear system, and the sample is not looked at. These are
 * the metric and minus the gradient that the likelihood has at u = |x|^2/2 for the points x_j.
 *
 * The direction is exact where log(rho/mu) is in the span. Where it is not, it vanishes elsewhere
 * than the gradient of J does, close to the minimum of J and not at it: the mirror step takes
 * it while J falls along it, and the gradient from there on. Only the reference
 * orientation has such a mu: normal points for the sample, data for the other. */
#include "semidual.h"

#include "linalg.h"
#include "violation.h"

#include <math.h>
#include <string.h>

#define MIN_LIFT 1e-12
#define MAX_LIFT 1e-2

typedef struct {
  br_semidual shared;
  br_moments at_identity;
  br_moments_plan plan;
  double *theta, *system;
} score;

static void make(br_learner *l, const br_potential *u, int max_coef, br_workspace *ws) {
  br_semidual_make(l, u, max_coef, sizeof(score), ws);
  score *s = l->self;
  br_moments_make(&s->at_identity, &s->plan, u, l->data.other.n, max_coef, ws);
  s->plan.at_identity = 1;
  s->theta = br_take(ws, max_coef);
  s->system = br_take(ws, (size_t)s->at_identity.ldm * s->at_identity.ldm);
}

/* theta = G^{-1} (-b), the diagonal lifted where features are duplicated. */
static br_status solve(score *s, const br_potential *u) {
  const br_moments *m = &s->at_identity;
  int p = u->n_coef, ldm = m->ldm;
  for (double lift = 0; lift<MAX_LIFT; lift = lift> 0 ? 100 * lift : MIN_LIFT) {
    memcpy(s->system, m->metric, (size_t)p * ldm * sizeof(double));
    for (int j = 0; j < p; j++) {
      if (u->frozen[j])
        for (int i = 0; i < p; i++)
          s->system[i < j ? (size_t)i * ldm + j : (size_t)j * ldm + i] = i == j;
      s->system[(size_t)j * ldm + j] *= 1 + lift;
      s->theta[j] = u->frozen[j] ? 0 : m->gradient[j];
    }
    if (br_cholesky(p, s->system, ldm) != BR_OK) continue;
    return br_cholesky_solve(p, 1, s->system, ldm, s->theta, ldm);
  }
  return BR_ERR_SINGULAR;
}

/* -M theta in the place of the gradient of J; penalty and barrier pull as they do. */
static br_status force(br_learner *l, const br_potential *u, const double *gradient,
                       double *force) {
  score *s = l->self;
  br_moments_compute(&s->at_identity, &s->plan, u, &s->shared.pulled.x, 0, 1);
  br_status status = solve(s, u);
  if (status != BR_OK) return status;
  br_semidual_force(l, u->n_coef, s->theta, force);
  for (int j = 0; j < u->n_coef; j++)
    force[j] = u->frozen[j] ? 0 : force[j] + gradient[j] - l->moments.gradient[j];
  return BR_OK;
}

const br_learner_kind br_score_learner = {
    .name = "score",
    .make = make,
    .moments = br_semidual_moments,
    .force = force,
    .loss = br_semidual_loss,
    .held_out = br_semidual_held_out,
    .pulled = br_semidual_pulled,
    .gap = br_semidual_gap,
    .violation = &br_semidual_violation,
};
