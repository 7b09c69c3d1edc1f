/* src/sobol.c: published points, the table's number theory, net properties, integration. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/sobol.h"
#include "../../src/sobol_table.h"
#include "check.h"

/* Words for the scramble, for tests only: Marsaglia's xorshift (2003, J. Stat. Softw. 8(14)). */
static void draw_words(uint64_t seed, size_t n, uint32_t *words) {
  uint64_t state = seed * UINT64_C(2654435761) + UINT64_C(88172645463325252);
  for (size_t i = 0; i < n; i++) {
    for (int k = 0; k < 4; k++) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
    }
    words[i] = (uint32_t)(state >> 24);
  }
}

/* The ten points in three dimensions that Joe and Kuo print in their notes on generating Sobol
 * sequences (2008); here half a unit of the last of 32 binary places is added. */
static void test_published(void) {
  static const double published[10][3] = {{0, 0, 0},
                                          {.5, .5, .5},
                                          {.75, .25, .25},
                                          {.25, .75, .75},
                                          {.375, .375, .625},
                                          {.875, .875, .125},
                                          {.625, .125, .875},
                                          {.125, .625, .375},
                                          {.1875, .3125, .9375},
                                          {.6875, .8125, .4375}};
  double x[30];
  CHECK(br_sobol(10, 3, NULL, x) == BR_OK);
  for (int i = 0; i < 10; i++)
    for (int j = 0; j < 3; j++) CHECK(x[10 * j + i] == published[i][j] + 0x1p-33);
}

/* x^e modulo the polynomial of degree s over GF(2). */
static uint32_t power_of_x(uint32_t polynomial, int s, uint32_t e) {
  uint32_t value = 1, base = 2;
  if (s == 1) base ^= polynomial;
  for (; e; e >>= 1) {
    for (int pass = e & 1 ? 0 : 1; pass < 2; pass++) {
      uint32_t *target = pass ? &base : &value, a = *target, b = base, product = 0;
      for (; b; b >>= 1) {
        if (b & 1) product ^= a;
        a <<= 1;
        if (a >> s & 1) a ^= polynomial;
      }
      *target = product;
    }
  }
  return value;
}

/* A polynomial of degree s is primitive when x has order 2^s - 1 modulo it. All initial numbers
 * odd and in range, polynomials in increasing order (Joe and Kuo list them so), no entry left. */
static void test_table(void) {
  const uint16_t *entry = br_sobol_table;
  uint32_t last = 1;
  int dimensions = 1;
  while (entry < br_sobol_table + BR_SOBOL_TABLE_SIZE) {
    const uint32_t polynomial = *entry++;
    int s = 0;
    while (polynomial >> (s + 1)) s++;
    const uint32_t order = (UINT32_C(1) << s) - 1;
    CHECK(polynomial > last && (polynomial & 1));
    CHECK(power_of_x(polynomial, s, order) == 1);
    for (uint32_t q = 2; q <= order; q++)
      if (order % q == 0 && order > 1) CHECK(power_of_x(polynomial, s, order / q) != 1);
    for (int k = 1; k <= s; k++, entry++) CHECK((*entry & 1) && *entry >> k == 0);
    last = polynomial;
    dimensions++;
  }
  CHECK(entry == br_sobol_table + BR_SOBOL_TABLE_SIZE);
  CHECK(dimensions == BR_SOBOL_DIMENSIONS);
}

/* The hash (FNV-1a, by words) of the first 4096 points in all dimensions, computed from another
 * form of the table: the generator matrices that L. Gruenschloss published for the numbers of Joe
 * and Kuo in 2012 (sobolmatrices.h of the CRAN package spacefillr), point i being the sum of the
 * columns at the ones of i ^ (i >> 1). One wrong number in the table changes it. */
static void test_matrices(void) {
  enum { d = BR_SOBOL_DIMENSIONS, n = 4096 };
  double *x = malloc(sizeof(double) * d * n);
  uint64_t hash = UINT64_C(14695981039346656037);
  CHECK(br_sobol(n, d, NULL, x) == BR_OK);
  for (size_t i = 0; i < (size_t)d * n; i++) {
    hash = (hash ^ (uint32_t)ldexp(x[i], 32)) * UINT64_C(1099511628211);
  }
  CHECK(hash == UINT64_C(0x27ca8e57ca22325));
  free(x);
}

/* Sobol's property A, which Joe and Kuo keep: the 2^d cubes of side 1/2 each hold one of 2^d
 * consecutive points. It ties the initial numbers of different dimensions to each other. */
static void test_property_a(void) {
  enum { d = 16, n = 1 << d };
  double *x = malloc(sizeof(double) * d * n);
  unsigned char *seen = calloc(n, 1);
  size_t filled = 0;
  CHECK(br_sobol(n, d, NULL, x) == BR_OK);
  for (size_t i = 0; i < n; i++) {
    size_t cube = 0;
    for (size_t j = 0; j < d; j++) cube = 2 * cube + (x[j * n + i] >= 0.5);
    filled += !seen[cube];
    seen[cube] = 1;
  }
  CHECK(filled == n);
  free(x);
  free(seen);
}

/* Counts boxes of volume 1/n = 2^-k, sides 2^-a and 2^-(k-a), that do not hold exactly one of the
 * points in dimensions p and q from first on. With p = q and a = k: strata of one dimension. */
static int empty_boxes(const double *x, size_t total, size_t first, int k, int a, int p, int q) {
  const size_t n = (size_t)1 << k;
  unsigned char *seen = calloc(n, 1);
  size_t filled = 0;
  for (size_t i = first; i < first + n; i++) {
    const size_t row = (size_t)ldexp(x[(size_t)p * total + i], a);
    const size_t column = (size_t)ldexp(x[(size_t)q * total + i], k - a);
    const size_t box = (row << (k - a)) + column;
    filled += !seen[box];
    seen[box] = 1;
  }
  free(seen);
  return (int)(n - filled);
}

static void test_nets(const uint32_t *words) {
  enum { d = BR_SOBOL_DIMENSIONS, n = 1024 };
  double *x = malloc(sizeof(double) * d * n);
  int empty = 0, outside = 0;
  CHECK(br_sobol(n, d, words, x) == BR_OK);
  for (size_t i = 0; i < (size_t)d * n; i++) outside += !(x[i] > 0 && x[i] < 1);
  CHECK(outside == 0);
  for (int k = 0; k <= 10; k++) {
    for (size_t first = 0; first < n; first += (size_t)1 << k) {
      for (int j = 0; j < d; j++) empty += empty_boxes(x, n, first, k, k, j, j);
      for (int a = 0; a <= k; a++) empty += empty_boxes(x, n, first, k, a, 0, 1);
    }
  }
  CHECK(empty == 0);
  free(x);
}

/* The matrix is linear, triangular with unit diagonal, and no mere shift; every word that can
 * matter for the points at hand does, and no other. */
static void test_scramble(void) {
  enum { n = 64 };
  uint32_t words[BR_SOBOL_WORDS];
  double x[n], plain[n], other[n];
  draw_words(7, BR_SOBOL_WORDS, words);
  CHECK(br_sobol(n, 1, words, x) == BR_OK);
  CHECK(br_sobol(n, 1, NULL, plain) == BR_OK);
  CHECK((uint32_t)ldexp(x[0], 32) == words[31]);
  int differs = 0;
  for (int i = 0; i < n; i++) {
    const uint32_t a = (uint32_t)ldexp(x[i], 32) ^ words[31], b = (uint32_t)ldexp(plain[i], 32);
    differs += a != b;
    CHECK(i == 0 ? a == 0 : __builtin_clz(a) == __builtin_clz(b)); /* unit diagonal */
  }
  CHECK(differs > n / 2);
  for (int i = 0; i + 3 < n; i += 4) {
    /* Gray code: points 4k, ..., 4k+3 run through a coset of two directions. */
    uint32_t sum = 0;
    for (int j = i; j < i + 4; j++) sum ^= (uint32_t)ldexp(x[j], 32);
    CHECK(sum == 0);
  }
  /* The first 64 points of dimension 1 use its first 6 directions, hence the columns 0 to 5. */
  for (int j = 0; j < BR_SOBOL_WORDS - 1; j++) {
    words[j] ^= 1;
    CHECK(br_sobol(n, 1, words, other) == BR_OK);
    CHECK((memcmp(x, other, sizeof x) != 0) == (j < 6));
    words[j] ^= 1;
  }
  CHECK(br_sobol(n, 1, words, other) == BR_OK);
  CHECK(memcmp(x, other, sizeof x) == 0);
}

/* The mean of prod_j (2 x_j) is 1; by Monte Carlo with n points its standard deviation is
 * sqrt(((4/3)^d - 1) / n) = 0.028 here. Root mean square over 32 scrambles: a tenth of it would
 * already need 100 times the points; observed 0.0006. The mean over scrambles is unbiased. */
static void test_integral(void) {
  enum { d = 5, n = 4096, repeats = 32 };
  uint32_t words[BR_SOBOL_WORDS * d];
  double *x = malloc(sizeof(double) * d * n), square = 0, sum = 0;
  for (int r = 0; r < repeats; r++) {
    draw_words(100 + (uint64_t)r, BR_SOBOL_WORDS * d, words);
    CHECK(br_sobol(n, d, words, x) == BR_OK);
    double mean = 0;
    for (size_t i = 0; i < n; i++) {
      double product = 1;
      for (size_t j = 0; j < d; j++) product *= 2 * x[j * n + i];
      mean += product / n;
    }
    square += (mean - 1) * (mean - 1) / repeats;
    sum += (mean - 1) / repeats;
  }
  const double monte_carlo = sqrt((pow(4.0 / 3, d) - 1) / n);
  CHECK(sqrt(square) < monte_carlo / 10);
  CHECK(fabs(sum) < 4 * sqrt(square / repeats));
  free(x);
}

/* A single scrambled point is uniform: means of x, and of the product of two coordinates' signs,
 * over many scrambles, within 4 standard errors. */
static void test_uniform(void) {
  enum { d = 3, n = 4, repeats = 20000 };
  uint32_t words[BR_SOBOL_WORDS * d];
  double x[d * n], mean[d * n] = {0}, sign = 0;
  for (int r = 0; r < repeats; r++) {
    draw_words(5000 + (uint64_t)r, BR_SOBOL_WORDS * d, words);
    br_sobol(n, d, words, x);
    for (int i = 0; i < d * n; i++) mean[i] += x[i] / repeats;
    sign += (x[1] < 0.5 ? 1.0 : -1.0) * (x[n + 1] < 0.5 ? 1.0 : -1.0) / repeats;
  }
  for (int i = 0; i < d * n; i++) CHECK_NEAR(mean[i], 0.5, 4 * sqrt(1.0 / 12 / repeats));
  CHECK_NEAR(sign, 0, 4 / sqrt(repeats));
}

static void test_sizes(void) {
  double x[2] = {-1, -1};
  CHECK(br_sobol(1, 0, NULL, x) == BR_ERR_SIZE);
  CHECK(br_sobol(1, -1, NULL, x) == BR_ERR_SIZE);
  CHECK(br_sobol(1, BR_SOBOL_DIMENSIONS + 1, NULL, x) == BR_ERR_SIZE);
  if (sizeof(size_t) > 4) {
    CHECK(br_sobol((size_t)((UINT64_C(1) << 32) + 1), 1, NULL, x) == BR_ERR_SIZE);
  }
  CHECK(br_sobol(0, 2, NULL, x) == BR_OK);
  CHECK(x[0] == -1 && x[1] == -1);
}

int main(void) {
  uint32_t *words = malloc(sizeof(uint32_t) * BR_SOBOL_WORDS * BR_SOBOL_DIMENSIONS);
  test_published();
  test_table();
  test_matrices();
  test_property_a();
  test_nets(NULL);
  draw_words(1, (size_t)BR_SOBOL_WORDS * BR_SOBOL_DIMENSIONS, words);
  test_nets(words);
  /* The extreme words: all ones, the shift that pushes coordinates towards 1. */
  memset(words, 255, sizeof(uint32_t) * BR_SOBOL_WORDS * BR_SOBOL_DIMENSIONS);
  test_nets(words);
  free(words);
  test_scramble();
  test_integral();
  test_uniform();
  test_sizes();
  return CHECK_DONE();
}
