/* The sum of a softmax of quadratics and a ridge potential: convex as both are, and strongly
 * so by the Q of the second. Coefficients are those of the softmax, then those of
 * the ridge potential, so that atoms are appended. */
#ifndef BR_SUM_H
#define BR_SUM_H

#include "ridge.h"
#include "softmax.h"

typedef struct {
  br_potential softmax, ridge; /* their coef and frozen point into those of the sum */
} br_sum;

extern const br_family br_sum_family;

/* n_terms quadratics, and room for a ridge potential as in br_ridge_make(). */
void br_sum_make(br_potential *u, int d, int given, int n_terms, int max_quadratic, int max_atoms,
                 double kappa, br_workspace *ws);

/* The parts; u itself is the ridge part where it is one. */
br_potential *br_sum_ridge(br_potential *u);
br_potential *br_sum_softmax(br_potential *u); /* NULL where there is none */

/* Makes u, which has room for it, what another potential of the same family is, but for kappa. */
void br_sum_copy(br_potential *u, const br_potential *from);

/* To be called after terms were added to the ridge part or dropped from it. */
void br_sum_refresh(br_potential *u);

#endif
