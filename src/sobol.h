/* Scrambled Sobol points: low-discrepancy points in the open unit cube. */
#ifndef BR_SOBOL_H
#define BR_SOBOL_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define BR_SOBOL_DIMENSIONS 256
#define BR_SOBOL_WORDS 32 /* random words one dimension takes */

/* The first n points in d dimensions, as R holds a matrix: coordinate j of point i is
 * x[j * n + i]; n <= 2^32, 1 <= d <= BR_SOBOL_DIMENSIONS.
 *
 * words holds BR_SOBOL_WORDS * d independent uniform 32-bit words, those of dimension j from
 * words[BR_SOBOL_WORDS * j] on: the points are then each uniform on the cube, and stay a Sobol
 * net. NULL gives the plain Sobol points, in the Gray code order of Joe and Kuo.
 *
 * Each coordinate is (u + 1/2) / 2^32 with a 32-bit integer u, strictly inside (0, 1).
 * Cost: n d + 32^2 d operations. Fails with BR_ERR_SIZE for n or d out of range. */
br_status br_sobol(size_t n, int d, const uint32_t *words, double *x);

#endif
