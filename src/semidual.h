/* What the learners of two samples share. With mu the sample, nu the other one, y_j its points,
 * x_j = (grad u)^{-1}(y_j) and rho the law of the x_j,
 *
 *   J(u) = mean_mu u + mean_nu u*,
 *
 * the semi-dual of optimal transport, is convex in u, and so in the coefficients of a family
 * that is linear in them:
 *
 *   gradient  g = mean_mu psi - mean_rho psi
 *   hessian   K = mean_rho grad psi'(D^2 u)^{-1} grad psi
 *   metric    M = Cov_rho psi
 *
 * At its minimum grad u pushes mu to nu as far as the features can tell, and is the optimal map
 * of the two samples where they can tell all. Data for mu and a reference for nu fit the map
 * from the data to the reference; the roles exchanged, that from the reference to the data. The
 * flow u' = log(rho/mu) is the same curve for both, as Legendre transforms of one another.
 *
 * Between two finite samples the minimum of J overfits as features grow: to the assignment of
 * the points. So it is validated on samples that were held out. */
#ifndef BR_SEMIDUAL_H
#define BR_SEMIDUAL_H

#include "feature_sums.h"
#include "learner.h"
#include "pullback.h"

typedef struct {
  br_pullback pulled, held;          /* of the other sample, and of the one held out for it */
  br_moments_plan plan;              /* for sums over the x_j */
  br_features features;              /* for the sample and the x_j */
  double *on_sample, *on_held;       /* u at their points */
  double *mean_sample, *mean_pulled; /* of the features */
  double *shifted;                   /* n x (d + given), for the gap */
  br_reused reused;
} br_semidual;

/* Functions of the table of learners; self begins with a br_semidual, which has size bytes. */
void br_semidual_make(br_learner *l, const br_potential *u, int max_coef, size_t size,
                      br_workspace *ws);
br_status br_semidual_moments(br_learner *l, const br_potential *u, int want_hessian,
                              int want_metric);
double br_semidual_loss(br_learner *l, const br_potential *u);
br_loss br_semidual_held_out(br_learner *l, const br_potential *u);
const br_sample *br_semidual_pulled(br_learner *l);
double br_semidual_gap(br_learner *l, br_potential *u, double lambda, double penalty, double beta,
                       double *work);

/* force = -M theta, M the metric of the moments. */
void br_semidual_force(const br_learner *l, int p, const double *theta, double *force);

#endif
