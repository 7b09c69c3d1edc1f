/* The constraints theta_j >= 0 and Q >= kappa I of a ridge potential, as its family has them
 * (potential.h). With R = Q - kappa I the barrier is B = -sum log theta_j - log det R, and at the
 * minimum of objective + beta B the multipliers z_j = beta/theta_j and Z = beta R^{-1} are those of
 * the constraints, but for beta. The Hessian beta B'' of the barrier has them in the squares
 * beta/theta_j^2 and beta R^{-1} x R^{-1}. Once steps have been taken, estimates of the multipliers
 * take their place there, and it is z_j/theta_j and Z x R^{-1}: the primal-dual Newton step, which
 * aims at theta_j z_j = beta linearised. Where new atoms push others towards zero, and so theta_j
 * is far from beta over the force on it, the step with beta/theta_j^2 overshoots in every such
 * coefficient, and is cut at the first; in many dimensions that happens a hundred times over. */
#ifndef BR_RIDGE_BARRIER_H
#define BR_RIDGE_BARRIER_H

#include "potential.h"

br_status br_ridge_barrier(br_potential *u, double beta, double *value, double *gradient, double *H,
                           int ldh);
double br_ridge_penalty(const br_potential *u, double lambda, double *gradient, double *H, int ldh);
double br_ridge_barrier_parameter(const br_potential *u);
double br_ridge_max_step(const br_potential *u, const double *step);
void br_ridge_follow(br_potential *u, double beta, const double *step);
double br_ridge_dual_minimum(br_potential *u, double beta, const double *slope, double *gradient);

#endif
