/* A block of centres and the stages of a sum over it; pairs.h is what the solvers see. Each stage
 * is one kernel of kernels.h on rows of at most BR_PAIR_BLOCK doubles, which stay in the first
 * cache:
 *
 *   fill    exponents t and squared distances s, of some queries
 *   top     the largest exponent
 *   powers  e = exp(t - shift) and their sum
 *   factor  e times the factor of the kernel, and their sum
 *   dots    columns times e;  moves: x - y times e                                            */
#ifndef BR_PAIRS_BLOCK_H
#define BR_PAIRS_BLOCK_H

#include "pairs.h"

#define BR_PAIR_BLOCK 256 /* most centres of a block */
#define BR_PAIR_PAD 8     /* clouds are padded to a multiple of this, with weight -Inf */
#define BR_PAIR_QUERIES 4 /* most queries of a fill */
#define BR_PAIR_DIFFER                                                      \
  16 /* from this dimension on squares are expanded if that is exact enough \
      */

struct br_pair_block {
  int d, n; /* n a multiple of BR_PAIR_PAD */
  size_t ld;
  const double *y;            /* d rows of ld */
  const double *weight;       /* n; -Inf where there is none */
  const double *half_square;  /* |y|^2/2, n; NULL: squares are of differences */
  double square, root, inner; /* t = weight - square s - root sqrt(s) + inner x'y */
};

#endif
