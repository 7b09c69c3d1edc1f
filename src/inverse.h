/* The inverse of the map T = grad u: for each y the x with T(x) = y, the minimum
 * of the strictly convex u(x) - y'x. Covariates follow y in its columns. */
#ifndef BR_INVERSE_H
#define BR_INVERSE_H

#include "potential.h"

typedef struct {
  double tol;   /* on max |T(x) - y|, relative to 1 + max |y| */
  int max_iter; /* Newton steps a point */
} br_inverse_options;

/* x: n x d, column-major, filled; covariates are not in it. iterations (n, may be NULL): k Newton
 * steps, or -1 - k where the tolerance was not met. Returns BR_MAX_ITERATIONS if there is such a
 * point, else BR_OK. Split over threads by points; the answer for a point does not depend on the
 * others. */
br_status br_inverse(const br_potential *u, const br_sample *y, const br_inverse_options *options,
                     double *x, int *iterations, br_workspace *ws);

/* The same from given starts, n x d; start may be x itself. */
br_status br_inverse_from(const br_potential *u, const br_sample *y, const double *start,
                          const br_inverse_options *options, double *x, int *iterations,
                          br_workspace *ws);

#endif
