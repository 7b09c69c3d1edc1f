/* Sums over pairs against plain loops in long double, in every kernel and at every level; gradients
 * and Laplacians against differences; far clouds, poor shifts, zero weights, forbidden pairs. */
#include "../../src/pairs_block.h"
#include "heap.h"

#define ROOT3 1.7320508075688772935L

/* --- the plain formulas ----------------------------------------------------------------- */

typedef long double real;
/* k, and its derivatives by r over r and twice by r, at a distance. */
typedef struct {
  real log, value, slope, bend;
} profile;

static profile profile_at(br_kernel_id kernel, real r, real h) {
  const real s = r * r / (h * h), q = ROOT3 * r / h, e = expl(-q), u = 1 / sqrtl(1 + s);
  switch (kernel) {
  case BR_GAUSSIAN:
    return (profile){-s / 2, expl(-s / 2), -expl(-s / 2) / (h * h),
                     expl(-s / 2) * (s - 1) / (h * h)};
  case BR_LAPLACE:
    return (profile){-r / h, expl(-r / h), r > 0 ? -expl(-r / h) / (h * r) : 0,
                     expl(-r / h) / (h * h)};
  case BR_MATERN32:
    return (profile){log1pl(q) - q, (1 + q) * e, -3 * e / (h * h), -3 * e * (1 - q) / (h * h)};
  case BR_IMQ:
    return (profile){logl(u), u, -u * u * u / (h * h), (3 * s * u * u - 1) * u * u * u / (h * h)};
  default: return (profile){0, -r, r > 0 ? -1 / r : 0, 0};
  }
}

typedef struct {
  br_kernel_id kernel;
  size_t n, m;
  int d;
  const double *x, *y, *weight;
  double h;
} problem;

static real naive_pair(const problem *q, br_pairs_of of, size_t i, size_t j, real *log_value) {
  real square = 0, inner = 0, h = q->h;
  for (int k = 0; k < q->d; k++) {
    const real a = q->x[(size_t)k * q->n + i], b = q->y[(size_t)k * q->m + j];
    square += (a - b) * (a - b);
    inner += a * b;
  }
  if (q->kernel == BR_VMF) {
    const real value = expl((inner - 1) / (h * h));
    *log_value = (inner - 1) / (h * h);
    return of == BR_VALUE ? value : of == BR_SLOPE ? value / (h * h) : value / (h * h * h * h);
  }
  const profile p = profile_at(q->kernel, sqrtl(square), h);
  *log_value = p.log;
  if (of == BR_VALUE) return p.value;
  if (of == BR_SLOPE) return p.slope;
  if (square == 0 && (q->kernel == BR_LAPLACE || q->kernel == BR_ENERGY)) return 0;
  return p.bend + (q->d - 1) * p.slope;
}

static real naive_lse(const problem *q, size_t i) {
  real top = -INFINITY, total = 0, t;
  for (int pass = 0; pass < 2 && (pass == 0 || top > -INFINITY); pass++)
    for (size_t j = 0; j < q->m; j++) {
      naive_pair(q, BR_VALUE, i, j, &t);
      t += q->weight ? q->weight[j] : 0;
      if (pass == 0) top = fmaxl(top, t);
      else total += expl(t - top);
    }
  return top > -INFINITY ? top + logl(total) : -INFINITY;
}

/* The sum of row i and column a, and that of the absolute terms. */
static real naive_sum(const problem *q, br_pairs_of of, double shift, const double *a, size_t i,
                      real *size) {
  real total = 0, t;
  *size = 0;
  for (size_t j = 0; j < q->m; j++) {
    if (q->weight && q->weight[j] == -INFINITY) continue;
    const real pair = naive_pair(q, of, i, j, &t);
    const real weight = expl((q->weight ? q->weight[j] : 0) - (real)shift) * a[j];
    total += weight * pair;
    *size += fabsl(weight * pair);
    /* the two parts of a Laplacian cancel within a pair */
    if (of == BR_LAPLACIAN) *size += fabsl(weight * q->d * naive_pair(q, BR_SLOPE, i, j, &t));
  }
  return total;
}

/* --- problems --------------------------------------------------------------------------- */

static void onto_sphere(size_t n, int d, double *x) {
  for (size_t i = 0; i < n; i++) {
    double size = 0;
    for (int k = 0; k < d; k++) size += x[(size_t)k * n + i] * x[(size_t)k * n + i];
    for (int k = 0; k < d; k++) x[(size_t)k * n + i] /= sqrt(size);
  }
}

/* Normal points around `at`, a few of them duplicates of each other and across the clouds; weights
 * spread over e^-3 .. e^3, some zero. */
static problem make_problem(br_kernel_id kernel, size_t n, size_t m, int d, double h, double at,
                            uint64_t *seed) {
  double *x = br_take(&heap, n * (size_t)d), *y = br_take(&heap, m * (size_t)d);
  double *w = br_take(&heap, m);
  for (size_t i = 0; i < n * (size_t)d; i++) x[i] = at + heap_normal(seed);
  for (size_t i = 0; i < m * (size_t)d; i++) y[i] = at + heap_normal(seed);
  for (size_t j = 0; j < m; j++) w[j] = j % 7 == 3 ? -INFINITY : heap_between(seed, -3, 3);
  if (n > 2 && m > 4)
    for (int k = 0; k < d; k++) {
      y[(size_t)k * m + 4] = y[(size_t)k * m + 2];
      x[(size_t)k * n + 1] = y[(size_t)k * m + 2];
    }
  if (kernel == BR_VMF) {
    onto_sphere(n, d, x);
    onto_sphere(m, d, y);
  }
  return (problem){kernel, n, m, d, x, y, w, h};
}

typedef struct {
  br_cloud x, y;
  double *origin;
  br_pairs p;
} engine;

static void start(engine *e, const problem *q) {
  e->origin = br_take(&heap, (size_t)q->d);
  if (q->kernel != BR_VMF) br_cloud_origin(q->d, q->n, q->x, q->m, q->y, e->origin);
  br_cloud_make(&e->x, q->n, q->d, q->x, e->origin, &heap);
  br_cloud_make(&e->y, q->m, q->d, q->y, e->origin, &heap);
  br_pairs_make(&e->p, &e->x, &e->y, q->kernel, q->h, &heap);
}

static double *normals(size_t n, uint64_t *seed) {
  double *a = br_take(&heap, n);
  for (size_t i = 0; i < n; i++) a[i] = heap_normal(seed);
  return a;
}

/* --- what is checked of a problem -------------------------------------------------------- */

/* Largest error of lse; guesses of the shift: none, the answer, and wild ones. */
static double lse_error(engine *e, const problem *q, uint64_t *seed) {
  double *lse = br_take(&heap, q->n), *shift = br_take(&heap, q->n), worst = 0;
  for (int guess = 0; guess < 4; guess++) {
    if (guess == 1) memcpy(shift, lse, q->n * sizeof(double));
    for (size_t i = 0; guess > 1 && i < q->n; i++)
      shift[i] = guess == 2 ? lse[i] + heap_between(seed, -5, 5) : heap_between(seed, -4e3, 4e3);
    CHECK(br_pairs_lse(&e->p, q->weight, guess ? shift : NULL, lse) == BR_OK);
    for (size_t i = 0; i < q->n; i++) {
      const real truth = naive_lse(q, i);
      worst = larger(worst, (double)(fabsl(lse[i] - truth) / (1 + fabsl(truth))));
    }
  }
  return worst;
}

static double sum_error(engine *e, const problem *q, br_pairs_of of, int shifted, uint64_t *seed) {
  const int r = 11;
  double *a = normals(q->m * (size_t)r, seed), *sum = br_take(&heap, q->n * (size_t)r);
  double *lse = br_take(&heap, q->n), worst = 0;
  if (shifted) br_pairs_lse(&e->p, q->weight, NULL, lse);
  CHECK(br_pairs_sum(&e->p, of, q->weight, shifted ? lse : NULL, r, a, sum) == BR_OK);
  for (size_t i = 0; i < q->n; i++)
    for (int c = 0; c < r; c++) {
      real size;
      const real truth = naive_sum(q, of, lse[i], a + (size_t)c * q->m, i, &size);
      const double got = sum[(size_t)c * q->n + i];
      if (size > 1e-250L) worst = larger(worst, (double)(fabsl(got - truth) / size));
      else worst = larger(worst, fabs(got) > 1e-240);
    }
  return worst;
}

/* Of the gradient of the sum of all rows, against the slopes. */
static double gradient_error(engine *e, const problem *q, int shifted, uint64_t *seed) {
  double *a = normals(q->m, seed), *grad = br_take(&heap, q->n * (size_t)q->d), worst = 0;
  double *lse = br_take(&heap, q->n), *column = br_take(&heap, q->m);
  if (shifted) br_pairs_lse(&e->p, q->weight, NULL, lse);
  CHECK(br_pairs_gradient(&e->p, q->weight, shifted ? lse : NULL, a, grad) == BR_OK);
  for (size_t i = 0; i < q->n; i++) {
    real total = 0, got = 0;
    for (int k = 0; k < q->d; k++) {
      for (size_t j = 0; j < q->m; j++) {
        const double y = q->y[(size_t)k * q->m + j];
        column[j] = a[j] * (q->kernel == BR_VMF ? y : q->x[(size_t)k * q->n + i] - y);
      }
      real size;
      const real truth = naive_sum(q, BR_SLOPE, lse[i], column, i, &size);
      total += size;
      got = fmaxl(got, fabsl(grad[(size_t)k * q->n + i] - truth));
    }
    if (total > 1e-250L) worst = larger(worst, (double)(got / total));
  }
  return worst;
}

static void every_kernel(void) {
  const int dims[] = {1, 2, 3, 10, 17, 40};
  const size_t sizes[][2] = {{1, 1}, {1, 700}, {37, 5}, {13, 330}};
  uint64_t seed = 7;
  for (int kernel = 0; kernel < BR_STORED; kernel++)
    for (size_t D = 0; D < sizeof dims / sizeof *dims; D++)
      for (size_t N = 0; N < 4; N++) {
        const int d = dims[D];
        const problem q =
            make_problem(kernel, sizes[N][0], sizes[N][1], d, 0.4 * sqrt(d), 0, &seed);
        engine e;
        start(&e, &q);
        const int positive = br_kernel_table[kernel].positive;
        if (positive) CHECK_NEAR(lse_error(&e, &q, &seed), 0, 2e-14);
        else CHECK(br_pairs_lse(&e.p, NULL, NULL, br_take(&heap, q.n)) == BR_ERR_SIZE);
        for (int of = 0; of <= BR_LAPLACIAN; of++)
          for (int shifted = 0; shifted <= positive; shifted++)
            CHECK_NEAR(sum_error(&e, &q, of, shifted, &seed), 0, 5e-14);
        for (int shifted = 0; shifted <= positive; shifted++)
          CHECK_NEAR(gradient_error(&e, &q, shifted, &seed), 0, 5e-14);
      }
}

/* From a thousandth of the spacing of the points to a million times their spread: the exponents go
 * down to -1e8, of which 1e-14 relative is what a double holds. */
static void every_scale(void) {
  uint64_t seed = 8;
  for (int kernel = 0; kernel < BR_ENERGY; kernel++)
    for (int d = 1; d <= 4; d++)
      for (int power = -4; power <= 6; power++) {
        const problem q = make_problem(kernel, 17, 60, d, pow(10, power), 0, &seed);
        engine e;
        start(&e, &q);
        CHECK_NEAR(lse_error(&e, &q, &seed), 0, 2e-14);
      }
}

/* A cloud of spread 1 around 1e6 loses nothing but what its coordinates have lost already. */
static void far_from_zero(void) {
  uint64_t seed = 9;
  for (int kernel = 0; kernel < BR_VMF; kernel++)
    for (int d = 1; d <= 4; d++) {
      const problem q = make_problem(kernel, 50, 80, d, 0.3, 1e6, &seed);
      engine e;
      start(&e, &q);
      if (br_kernel_table[kernel].positive) CHECK_NEAR(lse_error(&e, &q, &seed), 0, 2e-14);
      CHECK_NEAR(gradient_error(&e, &q, 0, &seed), 0, 5e-14);
    }
}

static void stored_costs(void) {
  uint64_t seed = 10;
  const size_t n = 23, m = 301;
  double *cost = br_take(&heap, n * m), *turned = br_take(&heap, n * m);
  double *w = br_take(&heap, m), *lse = br_take(&heap, n), *sum = br_take(&heap, n);
  double *shift = br_take(&heap, n), *a = normals(m, &seed);
  for (size_t j = 0; j < m; j++) {
    w[j] = j % 5 == 1 ? -INFINITY : heap_normal(&seed);
    for (size_t i = 0; i < n; i++) {
      /* the last query is forbidden everywhere */
      const int forbidden = i == n - 1 || heap_uniform(&seed) < .3;
      cost[i + j * n] = turned[j + i * m] = forbidden ? INFINITY : 5 * heap_uniform(&seed);
    }
  }
  for (int transposed = 0; transposed < 2; transposed++) {
    br_pairs p;
    br_pairs_stored(&p, n, m, transposed ? turned : cost, transposed, 0.01, &heap);
    for (int guess = 0; guess < 3; guess++) {
      for (size_t i = 0; i < n; i++) shift[i] = guess == 1 ? lse[i] : 1e3;
      CHECK(br_pairs_lse(&p, w, guess ? shift : NULL, lse) == BR_OK);
      for (size_t i = 0; i < n; i++) {
        real top = -INFINITY, total = 0;
        for (size_t j = 0; j < m; j++) top = fmaxl(top, w[j] - cost[i + j * n] / 0.01L);
        for (size_t j = 0; j < m; j++) total += expl(w[j] - cost[i + j * n] / 0.01L - top);
        CHECK_NEAR(lse[i], (double)(i == n - 1 ? -INFINITY : top + logl(total)), 1e-11);
      }
    }
    CHECK(br_pairs_sum(&p, BR_VALUE, w, lse, 1, a, sum) == BR_OK);
    for (size_t i = 0; i < n; i++) {
      real total = 0;
      for (size_t j = 0; i < n - 1 && j < m; j++)
        total += a[j] * expl(w[j] - cost[i + j * n] / 0.01L - lse[i]);
      CHECK_NEAR(sum[i], (double)total, 1e-12);
    }
    CHECK(br_pairs_sum(&p, BR_SLOPE, w, NULL, 1, a, sum) == BR_ERR_SIZE);
    CHECK(br_pairs_gradient(&p, w, NULL, a, sum) == BR_ERR_SIZE);
  }
}

/* No weight anywhere: lse is -Inf, softmax means and gradients are 0, and nothing is NaN. */
static void no_weight(void) {
  uint64_t seed = 11;
  for (int kernel = 0; kernel < BR_STORED; kernel++) {
    if (!br_kernel_table[kernel].positive) continue;
    problem q = make_problem(kernel, 5, 20, 2, 1, 0, &seed);
    double w[20], lse[5], sum[5], grad[10];
    engine e;
    start(&e, &q);
    for (int j = 0; j < 20; j++) w[j] = -INFINITY;
    CHECK(br_pairs_lse(&e.p, w, NULL, lse) == BR_OK);
    for (int i = 0; i < 5; i++) CHECK(lse[i] == -INFINITY);
    CHECK(br_pairs_lse(&e.p, w, lse, lse) == BR_OK);
    for (int i = 0; i < 5; i++) CHECK(lse[i] == -INFINITY);
    CHECK(br_pairs_sum(&e.p, BR_VALUE, w, lse, 1, normals(20, &seed), sum) == BR_OK);
    for (int i = 0; i < 5; i++) CHECK(sum[i] == 0);
    CHECK(br_pairs_gradient(&e.p, w, lse, NULL, grad) == BR_OK);
    for (int i = 0; i < 10; i++) CHECK(grad[i] == 0);
  }
}

/* grad lse and the Laplacian of a sum against central differences of lse and of gradients. */
static void differences(void) {
  uint64_t seed = 12;
  const double step = 1e-5;
  for (int kernel = 0; kernel < BR_STORED; kernel++)
    for (int d = 2; d <= 3; d++) {
      problem q = make_problem(kernel, 6, 40, d, 0.8, 0, &seed);
      double *x = br_take(&heap, q.n * (size_t)d), *a = normals(q.m, &seed);
      double value[2][6], lse[6], grad[18], turned[2][18], laplacian[6], total[6] = {0};
      memcpy(x, q.x, q.n * (size_t)d * sizeof(double));
      for (int k = 0; k < d; k++) x[(size_t)k * q.n + 1] += 0.3; /* off the duplicate */
      q.x = x;
      const int positive = br_kernel_table[kernel].positive;
      engine e;
      start(&e, &q);
      if (positive) {
        br_pairs_lse(&e.p, q.weight, NULL, lse);
        br_pairs_gradient(&e.p, q.weight, lse, NULL, grad);
      }
      br_pairs_sum(&e.p, BR_LAPLACIAN, q.weight, NULL, 1, a, laplacian);
      for (int k = 0; k < d; k++) {
        for (int side = 0; side < 2; side++) {
          for (size_t i = 0; i < q.n; i++) x[(size_t)k * q.n + i] += side ? 2 * step : -step;
          start(&e, &q);
          if (positive) br_pairs_lse(&e.p, q.weight, NULL, value[side]);
          br_pairs_gradient(&e.p, q.weight, NULL, a, turned[side]);
        }
        for (size_t i = 0; i < q.n; i++) {
          x[(size_t)k * q.n + i] -= step;
          if (positive)
            CHECK_NEAR(grad[(size_t)k * q.n + i], (value[1][i] - value[0][i]) / (2 * step), 1e-8);
          total[i] +=
              (turned[1][(size_t)k * q.n + i] - turned[0][(size_t)k * q.n + i]) / (2 * step);
        }
      }
      for (size_t i = 0; i < q.n; i++) CHECK_NEAR(laplacian[i], total[i], 2e-6);
    }
}

/* Sums of a tolerance against all pairs: what they promise, where potentials are steep and where
 * weights are zero, in tight and in wide kernels. */
static void within_tolerance(void) {
  const br_kernel_id kernels[] = {BR_GAUSSIAN, BR_LAPLACE, BR_MATERN32, BR_IMQ};
  const double scales[] = {0.01, 0.1, 0.5, 3}; /* of points of spread 1 */
  const size_t n = 600, m = 900;
  uint64_t seed = 13;
  for (int K = 0; K < 4; K++)
    for (int d = 1; d <= 4; d++)
      for (int S = 0; S < 4; S++)
        for (int potential = 0; potential < 2; potential++) {
          const double h = scales[S], tolerance = potential ? 1e-9 : 1e-5;
          problem q = make_problem(kernels[K], n, m, d, h, 3, &seed);
          double *w = br_take(&heap, m), *a = br_take(&heap, 2 * m), *ones = br_take(&heap, m);
          double *exact = br_take(&heap, n), *near = br_take(&heap, n), *guess = br_take(&heap, n);
          for (size_t j = 0; j < m; j++) {
            ones[j] = 1;
            a[j] = heap_between(&seed, -1, 1);
            a[m + j] = 1;
            /* the potential that moves all points by 5 h, in a Gaussian */
            w[j] = j % 9 == 2 ? -INFINITY : potential ? 5 * q.y[j] / h : heap_normal(&seed);
          }
          engine e;
          q.weight = w;
          start(&e, &q);
          br_pairs_lse(&e.p, w, NULL, exact);
          CHECK(e.p.visited == (double)(n * m));
          for (int first = 0; first < 3; first++) {
            for (size_t i = 0; i < n; i++)
              guess[i] = first == 1 ? exact[i] + heap_between(&seed, -3, 3) : 1e3;
            e.p.tolerance = tolerance;
            CHECK(br_pairs_lse(&e.p, w, first ? guess : NULL, near) == BR_OK);
            double worst = 0;
            for (size_t i = 0; i < n; i++) worst = larger(worst, fabs(near[i] - exact[i]));
            CHECK_NEAR(worst, 0, tolerance + 1e-11 * (1 + 1 / h));
          }
          double *sum = br_take(&heap, 2 * n), *rough = br_take(&heap, 2 * n);
          double *grad = br_take(&heap, n * (size_t)d), *slope = br_take(&heap, n * (size_t)d);
          br_pairs_sum(&e.p, BR_VALUE, w, exact, 2, a, rough);
          br_pairs_gradient(&e.p, w, exact, a, slope);
          e.p.tolerance = 0;
          br_pairs_sum(&e.p, BR_VALUE, w, exact, 2, a, sum);
          br_pairs_gradient(&e.p, w, exact, a, grad);
          double worst = 0;
          for (size_t i = 0; i < 2 * n; i++) worst = larger(worst, fabs(sum[i] - rough[i]));
          CHECK_NEAR(worst, 0, tolerance + 1e-12 * (1 + 1 / h));
          worst = 0;
          for (size_t i = 0; i < n * (size_t)d; i++)
            worst = larger(worst, fabs(grad[i] - slope[i]) * h);
          CHECK_NEAR(worst, 0, tolerance + 1e-12 * (1 + 1 / h));
          heap_free();
        }
}

/* Powers against libm: 1e-14 relative down to e^-708, 0 below, and Inf for what is too large. */
static void powers(void) {
  double t[BR_PAIR_BLOCK], e[BR_PAIR_BLOCK], worst = 0;
  uint64_t seed = 14;
  for (int round = 0; round < 100; round++) {
    const double low = round < 50 ? -1 : -707.9, high = round < 50 ? 1 : 699;
    for (int j = 0; j < BR_PAIR_BLOCK; j++) t[j] = heap_between(&seed, low, high);
    br_simd()->pair_powers(BR_PAIR_BLOCK, 0, t, e);
    for (int j = 0; j < BR_PAIR_BLOCK; j++)
      worst = larger(worst, (double)fabsl(e[j] / expl(t[j]) - 1));
  }
  CHECK_NEAR(worst, 0, 1e-15);
  for (int j = 0; j < BR_PAIR_BLOCK; j++) t[j] = -INFINITY;
  t[1] = -709;
  t[2] = 0;
  CHECK(br_simd()->pair_powers(BR_PAIR_BLOCK, 0, t, e) == 1);
  CHECK(e[0] == 0 && e[1] == 0 && e[2] == 1);
  t[5] = 701;
  CHECK(br_simd()->pair_powers(BR_PAIR_BLOCK, 0, t, e) == INFINITY);
}

/* All that a problem gives, in one array. */
static double *everything(const problem *q, double tolerance) {
  const size_t n = q->n, d = (size_t)q->d;
  double *out = br_take(&heap, n * (3 + d)), *a = br_take(&heap, 2 * q->m);
  uint64_t seed = 15;
  for (size_t j = 0; j < 2 * q->m; j++) a[j] = heap_normal(&seed);
  engine e;
  start(&e, q);
  e.p.tolerance = tolerance;
  br_pairs_lse(&e.p, q->weight, NULL, out);
  br_pairs_sum(&e.p, BR_VALUE, q->weight, out, 2, a, out + n);
  br_pairs_gradient(&e.p, q->weight, out, a, out + 3 * n);
  return out;
}

/* The number of threads changes nothing, levels of instructions the last digits. */
static void settings(void) {
  uint64_t seed = 16;
  for (int d = 2; d <= 17; d += 15)
    for (int rough = 0; rough < 2; rough++) {
      const problem q = make_problem(BR_GAUSSIAN, 1300, 1100, d, 0.3 * d, 0, &seed);
      const size_t all = q.n * (size_t)(3 + d);
      CHECK(br_simd_set("baseline"));
      br_threads_set(1);
      const double *one = everything(&q, rough * 1e-7);
      br_threads_set(3);
      const double *three = everything(&q, rough * 1e-7);
      CHECK(memcmp(one, three, all * sizeof(double)) == 0);
      if (br_simd_set("avx2")) {
        const double *other = everything(&q, rough * 1e-7);
        double worst = 0;
        for (size_t i = 0; i < all; i++) worst = larger(worst, apart(other[i], one[i]));
        CHECK_NEAR(worst, 0, 1e-13);
      }
      br_threads_set(1);
      heap_free();
    }
}

/* Points that are all the same, in numbers that make tiles. */
static void one_place(void) {
  const size_t n = 700;
  uint64_t seed = 17;
  problem q = make_problem(BR_GAUSSIAN, n, n, 2, 0.5, 0, &seed);
  double *x = br_take(&heap, 2 * n), *lse = br_take(&heap, n);
  for (size_t i = 0; i < 2 * n; i++) x[i] = 3;
  q.x = q.y = x;
  engine e;
  start(&e, &q);
  for (int rough = 0; rough < 2; rough++) {
    e.p.tolerance = rough * 1e-8;
    CHECK(br_pairs_lse(&e.p, NULL, NULL, lse) == BR_OK);
    for (size_t i = 0; i < n; i++) CHECK_NEAR(lse[i], log((double)n), 1e-8 * rough + 1e-14);
  }
}

static void the_table(void) {
  CHECK(br_kernel_find("gaussian") == BR_GAUSSIAN);
  CHECK(br_kernel_find("vmf") == BR_VMF);
  CHECK(br_kernel_find("triangle") == -1);
}

int main(void) {
  heap_each_level(powers);
  heap_each_level(every_kernel);
  heap_each_level(every_scale);
  heap_each_level(far_from_zero);
  heap_each_level(stored_costs);
  heap_each_level(no_weight);
  heap_each_level(differences);
  heap_each_level(within_tolerance);
  heap_each_level(one_place);
  settings();
  the_table();
  heap_free();
  return CHECK_DONE();
}
