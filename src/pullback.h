/* A sample y_j pulled back by the map of a potential: x_j = (grad u)^{-1}(y_j), and the
 * conjugate u*(y_j) = x_j'y_j - u(x_j). With covariates both are at those of y_j. */
#ifndef BR_PULLBACK_H
#define BR_PULLBACK_H

#include "potential.h"

typedef struct {
  br_sample y;
  br_sample x;       /* the x_j, with the weights and the covariates of the y_j */
  double *points;    /* where they are: n x (d + given) */
  double *conjugate; /* u*(y_j) */
  int known;         /* whether the x_j are those of some potential yet */
  br_reused reused;  /* a pull-back must stay where it was made */
} br_pullback;

void br_pullback_make(br_pullback *p, const br_potential *u, const br_sample *y, br_workspace *ws);

/* Fills x and conjugate, from where they were. */
br_status br_pullback_solve(br_pullback *p, const br_potential *u);

#endif
