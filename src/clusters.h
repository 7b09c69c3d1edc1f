/* Coarser clouds: points that lie close together, replaced by their mean and their total mass. */
#ifndef BR_CLUSTERS_H
#define BR_CLUSTERS_H

#include "workspace.h"

#include <stddef.h>

typedef struct {
  size_t n;
  double *x;      /* n x d, column-major: the means */
  double *weight; /* n: the sums */
} br_clusters;

/* Splits the box around the n points x (n x d, column-major) in halves of its widest side, and each
 * half again, until the diagonal of a box is at most size. Points of zero weight are left out.
 * Takes O(n log n) time for points of bounded range, and O(n d) memory. */
void br_clusters_make(br_clusters *c, size_t n, int d, const double *x, const double *weight,
                      double size, br_workspace *ws);

#endif
