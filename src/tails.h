/* The map beyond the data.
 *
 * The likelihood says nothing of the map where there are no data: along a direction in
 * which the data leave a gap, Q falls to its floor, and beyond the outermost point the map
 * would go on as flat as in the gap, unless some step atom happens to be there. A few
 * draws in a hundred would then stray many standard deviations. Here the map goes on as
 * it came: along each eigenvector of Q, both ways, with the slope that it has over the
 * outer tenth of the data, by a frozen step atom that starts at the outermost point. */
#ifndef BR_TAILS_H
#define BR_TAILS_H

#include "sum.h"

/* Most atoms that br_tails_complete() keeps in a potential. */
#define BR_MAX_TAILS(d) (2 * (d))

typedef struct {
  double *map, *z, *order;              /* n x d, n, n */
  double *vectors, *values, *direction; /* of Q: d x d; with work, 4 d; d */
  int *keep;                            /* one an atom */
} br_tails;

void br_tails_make(br_tails *tails, const br_potential *u, const br_sample *sample, int max_atoms,
                   br_workspace *ws);

/* Replaces the frozen atoms of u, a ridge potential or a sum. */
void br_tails_complete(br_tails *tails, br_potential *u, const br_sample *sample,
                       const br_loss_plan *plan);

#endif
