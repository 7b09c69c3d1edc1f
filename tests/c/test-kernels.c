/* The kernels of each instruction level against plain loops over one lane at a time, and the
 * levels against each other. normal() has its own test, test-normal.c.
 *
 * Blocks have more lanes than are in use (ld > n); the rest must stay as it was. */
#include "naive.h"

/* Sums of at most 60 products of numbers near 1, in another order and with or without a fused
 * multiply-add: 60 roundings of 1.1e-16, doubled. What solves with a matrix multiplies it by the
 * condition number, here below 100. */
#define SUMS 2e-14
#define SOLVES 2e-12

enum { SPARE = 7, ATOMS = 5, MAX_D = 50 };
static const int dims[] = {1, 2, 3, 5, 13, MAX_D};
static const int sizes[] = {4, 20, BR_LANES};
#define MARK 1234.5

typedef struct {
  int d, n, ld;
  double *a, *logdet, *b, *inverse, *half, *scale, *w; /* blocks; w is d numbers */
} block;

static double *marked(size_t rows, int ld) {
  double *a = br_take(&heap, rows * (size_t)ld);
  for (size_t i = 0; i < rows * (size_t)ld; i++) a[i] = MARK;
  return a;
}

static int untouched(const double *a, size_t rows, int n, int ld) {
  for (size_t r = 0; r < rows; r++)
    for (int b = n; b < ld; b++)
      if (a[r * (size_t)ld + (size_t)b] != MARK) return 0;
  return 1;
}

static void fill(uint64_t *seed, double *a, size_t rows, int n, int ld) {
  for (size_t r = 0; r < rows; r++)
    for (int b = 0; b < n; b++) a[r * (size_t)ld + (size_t)b] = heap_normal(seed);
}

/* Matrices I + V V'/d with two random columns V, times a scale of its own in each lane. */
static block make_block(uint64_t seed, int d, int n) {
  block k = {.d = d, .n = n, .ld = n + SPARE};
  const size_t packed = BR_PACKED_SIZE(d);
  k.a = marked(packed, k.ld);
  k.logdet = marked(1, k.ld);
  k.b = marked((size_t)d, k.ld);
  k.inverse = marked(packed, k.ld);
  k.half = marked((size_t)d, k.ld);
  k.scale = marked(1, k.ld);
  k.w = br_take(&heap, (size_t)d);
  fill(&seed, k.b, (size_t)d, n, k.ld);
  fill(&seed, k.scale, 1, n, k.ld);
  naive_unit(&seed, d, k.w);
  for (int b = 0; b < n; b++) {
    double v[2][MAX_D];
    for (int i = 0; i < d; i++) v[0][i] = heap_normal(&seed), v[1][i] = heap_normal(&seed);
    const double size = exp(heap_between(&seed, -4, 4));
    for (int i = 0; i < d; i++)
      for (int j = 0; j <= i; j++)
        k.a[BR_PACKED(i, j) * (size_t)k.ld + (size_t)b] =
            size * ((i == j) + (v[0][i] * v[0][j] + v[1][i] * v[1][j]) / d);
  }
  return k;
}

static void unpack(const block *k, const double *a, int b, double *full) {
  for (int i = 0; i < k->d; i++)
    for (int j = 0; j <= i; j++)
      full[i * k->d + j] = full[j * k->d + i] = a[BR_PACKED(i, j) * (size_t)k->ld + (size_t)b];
}

static void run_linear(const block *k) {
  const br_kernels *f = br_simd();
  f->cholesky(k->d, k->n, k->ld, k->a, k->logdet);
  f->solve(k->d, k->n, k->ld, k->a, k->b);
  f->half_solve(k->d, k->n, k->ld, k->a, k->w, k->scale, k->half);
  f->invert(k->d, k->n, k->ld, k->a, k->inverse);
}

/* cholesky, solve, half_solve and invert against the inverse by Gauss and Jordan. */
static void test_linear(int d, int n) {
  const block k = make_block((uint64_t)(d * 100 + n), d, n);
  const size_t packed = BR_PACKED_SIZE(d);
  double *given = br_take(&heap, packed * (size_t)k.ld), *rhs = br_take(&heap, d * (size_t)k.ld);
  memcpy(given, k.a, packed * (size_t)k.ld * sizeof(double));
  memcpy(rhs, k.b, d * (size_t)k.ld * sizeof(double));
  run_linear(&k);
  double logdets = 0, factors = 0, solutions = 0, inverses = 0, halves = 0;
  for (int b = 0; b < n; b++) {
    double A[MAX_D * MAX_D], inverse[MAX_D * MAX_D], L[MAX_D * MAX_D] = {0};
    unpack(&k, given, b, A);
    memcpy(inverse, A, sizeof A);
    const double norm = A[0];
    logdets = larger(logdets, apart(k.logdet[b], naive_invert(d, inverse)));
    for (int i = 0; i < d; i++)
      for (int j = 0; j <= i; j++) {
        const double entry = k.a[BR_PACKED(i, j) * (size_t)k.ld + (size_t)b];
        L[i * d + j] = i == j ? 1 / entry : entry;
      }
    for (int i = 0; i < d; i++) {
      double solution = 0, half = 0;
      for (int j = 0; j < d; j++) {
        factors = larger(factors, fabs(naive_dot(d, L + i * d, L + j * d) - A[i * d + j]) / norm);
        const size_t at = j <= i ? BR_PACKED(i, j) : BR_PACKED(j, i);
        const double entry = k.inverse[at * (size_t)k.ld + (size_t)b];
        inverses = larger(inverses, fabs(entry - inverse[i * d + j]) * norm);
        solution += inverse[i * d + j] * rhs[j * k.ld + b];
        if (j <= i) half += L[i * d + j] * k.half[j * k.ld + b];
      }
      solutions = larger(solutions, fabs(k.b[i * k.ld + b] - solution) * norm);
      halves = larger(halves, fabs(half - k.scale[b] * k.w[i]));
    }
  }
  CHECK_NEAR(factors, 0, SUMS);
  CHECK_NEAR(logdets, 0, SOLVES);
  CHECK_NEAR(solutions, 0, SOLVES);
  CHECK_NEAR(inverses, 0, SOLVES);
  CHECK_NEAR(halves, 0, SUMS);
  CHECK(untouched(k.a, packed, n, k.ld) && untouched(k.logdet, 1, n, k.ld));
  CHECK(untouched(k.b, (size_t)d, n, k.ld) && untouched(k.half, (size_t)d, n, k.ld));
  CHECK(untouched(k.inverse, packed, n, k.ld));
}

/* Lanes that are not positive definite say so and do not touch their neighbours. */
static void test_not_definite(int d) {
  enum { n = 8 };
  double a[BR_PACKED_SIZE(MAX_D) * n] = {0}, logdet[n];
  for (int i = 0; i < d; i++)
    for (int b = 0; b < n; b++) a[BR_PACKED(i, i) * n + (size_t)b] = 2;
  const size_t last = BR_PACKED(d - 1, d - 1) * n, before = BR_PACKED(d - 2, d - 2) * n;
  a[last + 0] = -1;                 /* one negative pivot */
  a[last + 2] = a[before + 2] = -1; /* two, whose product is positive */
  a[0 + 3] = a[last + 3] = -1;      /* two, far apart */
  a[last + 4] = 0;
  a[last + 5] = NAN;
  a[BR_PACKED(1, 0) * n + 6] = 2.5; /* positive diagonal, negative determinant */
  br_simd()->cholesky(d, n, n, a, logdet);
  for (int b = 0; b < n; b++) {
    if (b == 1 || b == 7) {
      CHECK_NEAR(logdet[b], d * log(2), SUMS * d);
    } else {
      CHECK(isnan(logdet[b]));
    }
  }
}

/* log of a product of eight pivots must neither overflow nor vanish. */
static void test_scales(void) {
  for (double size = 1e-6; size <= 1e6; size *= 1e3) {
    double a[BR_PACKED_SIZE(MAX_D) * 4] = {0}, logdet[4];
    for (int i = 0; i < MAX_D; i++)
      for (int b = 0; b < 4; b++) a[BR_PACKED(i, i) * 4 + (size_t)b] = size * (b + 1);
    br_simd()->cholesky(MAX_D, 4, 4, a, logdet);
    for (int b = 0; b < 4; b++) CHECK_NEAR(logdet[b], MAX_D * log(size * (b + 1)), 1e-12);
  }
}

/* Map and Hessian by affine() and atoms(), with and without keep, and project(). */
static void test_potential(int d, int n) {
  const int ld = n + SPARE;
  const size_t packed = BR_PACKED_SIZE(d);
  uint64_t seed = (uint64_t)(d + n);
  const br_potential u = naive_potential(&seed, d, d > 5 ? 2 : -1, ATOMS, 0);
  const br_ridge *r = u.self;
  const int first = br_ridge_first_atom(&u);
  const br_atoms atoms = {d,
                          0,
                          ATOMS,
                          r->profile + first,
                          r->dir + (size_t)first * d,
                          r->centre + first,
                          r->width + first,
                          u.coef + first};
  double *x = marked((size_t)d, ld), *map = marked((size_t)d, ld), *hess = marked(packed, ld);
  double *map_kept = marked((size_t)d, ld), *hess_kept = marked(packed, ld), *z = marked(1, ld);
  double *slope = marked(ATOMS, ld), *curve = marked(ATOMS, ld);
  double *row = marked(1, ld), *row_two = marked(1, ld);
  fill(&seed, x, (size_t)d, n, ld);
  br_simd()->affine(d, 0, n, ld, u.coef, r->Q, x, map, hess);
  br_simd()->affine(d, 0, n, ld, u.coef, r->Q, x, map_kept, hess_kept);
  br_simd()->atoms(&atoms, n, ld, x, map, hess, row, row_two, 0);
  br_simd()->atoms(&atoms, n, ld, x, map_kept, hess_kept, slope, curve, 1);
  br_simd()->project(d, n, ld, atoms.dir, x, z);
  double maps = 0, hessians = 0, kept = 0, projections = 0;
  int same = 1;
  for (int b = 0; b < n; b++) {
    double point[MAX_D], T[MAX_D], H[MAX_D * MAX_D];
    for (int i = 0; i < d; i++) point[i] = x[i * ld + b];
    naive_u(&u, point, T, H);
    for (int i = 0; i < d; i++) {
      maps = larger(maps, apart(map[i * ld + b], T[i]));
      same &= map[i * ld + b] == map_kept[i * ld + b];
      for (int j = 0; j <= i; j++) {
        const size_t at = BR_PACKED(i, j) * (size_t)ld + (size_t)b;
        hessians = larger(hessians, apart(hess[at], H[i * d + j]));
        same &= hess[at] == hess_kept[at];
      }
    }
    for (int j = 0; j < ATOMS; j++) {
      const naive_feature f = naive_at(&u, first + j, point);
      kept = larger(kept, apart(curve[j * ld + b], f.curve));
      kept = larger(kept, apart(slope[j * ld + b], f.slope));
    }
    projections = larger(projections, apart(z[b], naive_dot(d, atoms.dir, point)));
  }
  CHECK_NEAR(maps, 0, SUMS * sqrt(d)); /* entries of x up to 4, some 50 of them */
  CHECK_NEAR(hessians, 0, SUMS);
  CHECK_NEAR(kept, 0, SUMS);
  CHECK_NEAR(projections, 0, SUMS);
  CHECK(same);
  CHECK(untouched(map, (size_t)d, n, ld) && untouched(hess, packed, n, ld));
  CHECK(untouched(slope, ATOMS, n, ld) && untouched(curve, ATOMS, n, ld) && untouched(z, 1, n, ld));
}

static double *run_gram(int square, int k, int n, int p, int ldm) {
  const int ld = n + SPARE;
  uint64_t seed = (uint64_t)(k * 1000 + n + p);
  double *v = marked((size_t)p * k, ld), *M = br_take(&heap, (size_t)p * ldm);
  fill(&seed, v, (size_t)p * k, n, ld);
  for (int i = 0; i < p * ldm; i++) M[i] = i; /* gram() adds */
  for (int j = 0; j < p; j += BR_GRAM_ROWS) br_simd()->gram(square, k, n, ld, v, p, j, M, ldm);
  double worst = 0;
  for (int j = 0; j < p; j++)
    for (int l = j; l < p; l++) {
      double sum = 0;
      for (int b = 0; b < n; b++) {
        double inner = 0;
        for (int r = 0; r < k; r++) inner += v[(j * k + r) * ld + b] * v[(l * k + r) * ld + b];
        sum += square ? inner * inner : inner;
      }
      worst = larger(worst, apart(M[j * ldm + l] - (j * ldm + l), sum));
    }
  /* n k terms up to 10, or n of up to (10 k)^2, on top of numbers up to 400 */
  CHECK_NEAR(worst, 0, 1e-12);
  for (int j = 0; j < p; j++)
    for (int l = p; l < ldm; l++) CHECK(M[j * ldm + l] == j * ldm + l);
  return M;
}

static void run_score(br_profile profile, size_t n, double *sums, double *expected) {
  double *v[4];
  uint64_t seed = n;
  const double c = 0.3, a = 0.7;
  for (int i = 0; i < 4; i++) {
    v[i] = br_take(&heap, n);
    for (size_t b = 0; b < n; b++) v[i][b] = heap_normal(&seed);
  }
  br_simd()->score(profile, n, c, a, v[0], v[1], NULL, v[2], v[3], NULL, sums);
  expected[0] = expected[1] = 0;
  for (size_t b = 0; b < n; b++) {
    const naive_feature f = naive_profile((int)profile, (v[1][b] - c) / a);
    const double slope = a * f.slope, curve = f.curve * v[3][b];
    expected[0] += v[0][b] * (slope * v[2][b] - curve);
    expected[1] += v[0][b] * (slope * slope + curve * curve);
  }
}

/* Each profile against the plain formula, whose slope and curvature are its derivatives. */
static void test_profiles(void) {
  for (int profile = 0; profile < BR_GATE; profile++)
    for (double t = -9; t < 40; t += 0.37) {
      const double h = 1e-3, in[4] = {t - h, t, t + h, -t};
      const naive_feature f = naive_profile(profile, t);
      double s[4];
      br_simd()->profile((br_profile)profile, 4, in, s);
      CHECK_NEAR(s[1], f.value, SUMS * (1 + t * t)); /* terms of size t^2 */
      CHECK_NEAR(s[3], naive_profile(profile, -t).value, SUMS * (1 + t * t));
      /* h^2 times a third and a fourth derivative below 1; rounding of t^2 over h and h^2 */
      CHECK_NEAR((s[2] - s[0]) / (2 * h), f.slope, 1e-6 + 1e-12 * t * t);
      CHECK_NEAR((s[2] - 2 * s[1] + s[0]) / (h * h), f.curve, 1e-6 + 2e-9 * t * t);
    }
}

static void test_level(void) {
  for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
      test_linear(dims[i], sizes[k]);
      test_potential(dims[i], sizes[k]);
    }
  test_not_definite(2);
  test_not_definite(9);
  test_not_definite(MAX_D);
  test_scales();
  test_profiles();
  for (int square = 0; square <= 1; square++)
    for (int k = 1; k <= 4; k++) {
      run_gram(square, k, 4, 6, 6);
      run_gram(square, k, 2 * BR_LANES + 8, 18, 20);
    }
  for (size_t n = 4; n <= 600; n += 148) {
    double sums[2], expected[2];
    run_score(n % 8 ? BR_BUMP : BR_STEP, n, sums, expected);
    CHECK_NEAR(sums[0], expected[0], SUMS * (double)n);
    CHECK_NEAR(sums[1], expected[1], SUMS * (double)n);
  }
}

/* The same blocks at both levels. */
static void test_levels_agree(void) {
  const block one = make_block(5, 13, BR_LANES), two = make_block(5, 13, BR_LANES);
  double sums[2][2], expected[2];
  CHECK(br_simd_set("baseline"));
  run_linear(&one);
  const double *gram = run_gram(1, 3, 72, 12, 12);
  run_score(BR_STEP, 300, sums[0], expected);
  CHECK(strcmp(br_simd()->level, "baseline") == 0);
  if (!br_simd_set("avx2")) return;
  CHECK(strcmp(br_simd()->level, "avx2") == 0);
  run_linear(&two);
  const double *gram_two = run_gram(1, 3, 72, 12, 12);
  run_score(BR_STEP, 300, sums[1], expected);
  double worst = 0;
  for (size_t i = 0; i < BR_PACKED_SIZE(13) * (size_t)one.ld; i++) {
    worst = larger(worst, apart(one.a[i], two.a[i]));
    worst = larger(worst, apart(one.inverse[i], two.inverse[i]));
  }
  for (int i = 0; i < 13 * one.ld; i++) {
    worst = larger(worst, apart(one.b[i], two.b[i]));
    worst = larger(worst, apart(one.half[i], two.half[i]));
  }
  for (int i = 0; i < 144; i++) worst = larger(worst, apart(gram[i], gram_two[i]));
  for (int i = 0; i < 2; i++) worst = larger(worst, apart(sums[0][i], sums[1][i]));
  CHECK_NEAR(worst, 0, SOLVES);
}

int main(void) {
  heap_each_level(test_level);
  test_levels_agree();
  heap_free();
  return CHECK_DONE();
}
