/* Sobol points by the recursion of Antonov and Saleev (1979, USSR Comput. Math. Math. Phys. 19,
 * 252-256): in Gray code order a point differs from the one before by one direction number.
 *
 * The scramble is linear (Matousek 1998, J. Complexity 14, 527-556): the binary digits of a
 * coordinate, the first one on top, are multiplied over GF(2) by a random lower triangular matrix
 * with unit diagonal, and a random digital shift is added. Digits depend only on earlier digits, so
 * that elementary intervals go to elementary intervals and the net property holds. */
#include "sobol.h"

#include "sobol_table.h"

#define BITS 32

/* Direction numbers of the next dimension from its entry in the table: v[k] has m_{k+1} in its
 * upper k + 1 bits, and
 *   v[k] = a_1 v[k-1] + ... + a_{s-1} v[k-s+1] + v[k-s] + (v[k-s] >> s)   over GF(2)
 * for the polynomial x^s + a_1 x^{s-1} + ... + a_{s-1} x + 1. Returns the entry that follows. */
static const uint16_t *table_directions(const uint16_t *entry, uint32_t *v) {
  const uint32_t polynomial = *entry++;
  int s = 0;
  while (polynomial >> (s + 1)) s++;
  for (int k = 0; k < s; k++) v[k] = (uint32_t)*entry++ << (BITS - 1 - k);
  for (int k = s; k < BITS; k++) {
    v[k] = v[k - s] ^ (v[k - s] >> s);
    for (int i = 1; i < s; i++)
      if ((polynomial >> (s - i)) & 1) v[k] ^= v[k - i];
  }
  return entry;
}

/* Multiplies each v[k] by the matrix. Its column j has a one at digit j and, below, the
 * lower bits of words[j]; the product is the sum of the columns at the ones of v[k]. */
static void scramble_directions(const uint32_t *words, uint32_t *v) {
  uint32_t column[BITS];
  for (int j = 0; j < BITS; j++) {
    const uint32_t diagonal = UINT32_C(1) << (BITS - 1 - j);
    column[j] = diagonal | (words[j] & (diagonal - 1));
  }
  for (int k = 0; k < BITS; k++) {
    uint32_t sum = 0;
    for (int j = 0; j < BITS; j++)
      if ((v[k] >> (BITS - 1 - j)) & 1) sum ^= column[j];
    v[k] = sum;
  }
}

static void write_coordinate(size_t n, const uint32_t *v, uint32_t u, double *x) {
  for (size_t i = 0; i < n; i++) {
    x[i] = (u + 0.5) * 0x1p-32;
    /* i + 1 wraps to 0 after the last of 2^32 points only: there is no next point then. */
    const uint32_t next = (uint32_t)(i + 1);
    if (next) u ^= v[__builtin_ctz(next)];
  }
}

br_status br_sobol(size_t n, int d, const uint32_t *words, double *x) {
  if (d < 1 || d > BR_SOBOL_DIMENSIONS || (uint64_t)n > UINT64_C(1) << BITS) return BR_ERR_SIZE;
  const uint16_t *entry = br_sobol_table;
  for (int j = 0; j < d; j++) {
    uint32_t v[BITS], shift = 0;
    if (j == 0) {
      /* The first dimension is the van der Corput sequence and has no entry. */
      for (int k = 0; k < BITS; k++) v[k] = UINT32_C(1) << (BITS - 1 - k);
    } else {
      entry = table_directions(entry, v);
    }
    if (words) {
      const uint32_t *w = words + BR_SOBOL_WORDS * j;
      scramble_directions(w, v);
      shift = w[BITS - 1]; /* the last column has no digit below the diagonal: the word is free */
    }
    write_coordinate(n, v, shift, x + (size_t)j * n);
  }
  return BR_OK;
}
