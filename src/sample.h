/* A weighted sample of points, as R holds a matrix: coordinate k of point i is
 * x[k * n + i]. The weights sum to one. */
#ifndef BR_SAMPLE_H
#define BR_SAMPLE_H

#include <stddef.h>

typedef struct {
  size_t n;
  int d;
  const double *x;
  const double *weight;
} br_sample;

/* Copies points [start, start + count) into a block of n >= count lanes, one
 * coordinate a row; the lanes beyond count repeat the last point with weight 0. */
void br_sample_block(const br_sample *sample, size_t start, int count, int n, int ld, double *x,
                     double *weight);

/* Mean of n values with weights that sum to one, or the plain mean where weight is NULL. */
double br_mean(size_t n, const double *value, const double *weight);

#endif
