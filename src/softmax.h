/* The softmax of quadratics,
 *
 *   s(x; b) = theta log sum_k exp(f_k/theta),   theta > 0,
 *   f_k = |R_k'x|^2/2 + slopes_k'[x; b] + c_k,
 *
 * convex in x because each f_k is: a soft patchwork of affine maps grad f_k, blended over a
 * distance that grows with theta. R_k is lower triangular in low dimensions and diagonal
 * in others. Alone it is not strongly convex: it is a part of a sum (sum.h).
 *
 * Coefficients stand in the order log theta; then of each k R_k (packed by rows, or its diagonal),
 * the d + given slopes, c_k. u is not linear in them, and the features du/dcoef_j
 * depend on where u is. */
#ifndef BR_SOFTMAX_H
#define BR_SOFTMAX_H

#include "host.h"
#include "potential.h"

typedef struct {
  br_quadratics terms; /* its coef are those of the potential, after the first */
} br_softmax;

extern const br_family br_softmax_family;

/* Coefficients of a potential of n terms. */
int br_softmax_coefs(int d, int given, int n);

/* All coefficients start at 0. */
void br_softmax_make(br_potential *u, int d, int given, int n, br_workspace *ws);

/* Tangent planes of share |x|^2/2 at the centres of n cells of the sample, so that s is
 * near share |x|^2/2 where there are data. */
void br_softmax_start(br_potential *u, const br_sample *sample, double share, const br_host *host,
                      br_workspace *ws);

/* v'D^2 s v far out along v, |v| = 1. */
double br_softmax_far_curvature(const br_potential *u, const double *v);

#endif
