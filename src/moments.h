/* Sample means that a mirror step needs, at the current coefficients of u:
 *
 *   loss      mean of |T|^2/2 - log det D^2 u
 *   gradient  mean of T'grad psi_j - tr((D^2 u)^{-1} D^2 psi_j)
 *   metric    mean of grad psi_j'(D^2 u)^{-1} grad psi_l
 *   hessian   mean of grad psi_j'grad psi_l
 *                     + tr((D^2 u)^{-1} D^2 psi_j (D^2 u)^{-1} D^2 psi_l)
 *
 * The gradient is minus the projection of log(model/data) on the features in the
 * mirror metric: integration by parts removes the density of the data from it.
 * O(n p^2 d) time; memory does not grow with n.
 *
 * With a pull, grad f at the points T, the same for f(T) - log det D^2 u, but for the loss: grad f
 * takes the place of T in the gradient. The Hessian has grad psi_j'D^2 f(T) grad psi_l in the place
 * of the first product, with (D^2 u)^{-2} for the D^2 f(T) that is not known. They are equal where
 * u is the optimal map to a normal law exp(-f), and alike near the optimum for others. */
#ifndef BR_MOMENTS_H
#define BR_MOMENTS_H

#include "potential.h"

typedef struct {
  double loss;
  double square_map; /* mean of |T|^2 */
  int ldm;           /* row stride of the matrices */
  double *gradient;  /* p */
  double *slope;     /* [j (1 + given) + l]: mean of slope_j times 1 or covariate l; if rank_one,
                        without a pull */
  double *hessian;   /* entries [j * ldm + l], l >= j: the lower triangle of LAPACK */
  double *metric;    /* likewise */
  double *curvature; /* likewise: the second mean of the Hessian, work space */
} br_moments;

/* The sample is cut into this many pieces at most, each summed by one thread into
 * moments of its own; these are added in order. The cut does not depend on the
 * number of threads, so neither does the answer; and no thread waits for another
 * before the end. */
#define BR_PIECES 8

typedef struct {
  int d, pieces, threads;
  int thin;        /* sum the matrices over some of the points where there are very many: 1, or so
                      many times fewer; 0: over all */
  int at_identity; /* T = x and D^2 u = I in the place of those of u, the features as they are */
  int flat;        /* with a pull: the loss is f(T) alone, D^2 f = I. Gradient and Hessian are the
                      means of pull'grad psi_j and of grad psi_j'grad psi_l; there is no metric */
  const double *pull; /* grad f, n x d; NULL: none */
  br_moments piece[BR_PIECES];
  size_t memory_a_thread, array;
  double *memory, *thinned;
} br_moments_plan;

/* Memory for samples of n points and at most max_coef coefficients. */
void br_moments_make(br_moments *m, br_moments_plan *plan, const br_potential *u, size_t n,
                     int max_coef, br_workspace *ws);

/* Fills m; the two matrices only if asked for. */
void br_moments_compute(br_moments *m, br_moments_plan *plan, const br_potential *u,
                        const br_sample *sample, int want_hessian, int want_metric);

#endif
