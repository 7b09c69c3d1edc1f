/* The inverse: what it returns is mapped to the target, from near and far, for steep potentials;
 * the answer does not depend on the other points or on the threads; failures are told. */
#include "../../src/inverse.h"
#include "naive.h"

#define TOL 1e-10

static const br_inverse_options standard = {TOL, 200};

/* Targets of all sizes: normal, times 1, 10, ... up to the largest. */
static br_sample targets(uint64_t *seed, size_t n, int d, double largest) {
  br_sample y = naive_sample(seed, n, d, 0);
  double *x = br_take(&heap, n * (size_t)d);
  for (size_t i = 0; i < n; i++) {
    const double size = pow(largest, (double)(i % 8) / 7);
    for (int k = 0; k < d; k++) x[(size_t)k * n + i] = size * y.x[(size_t)k * n + i];
  }
  y.x = x;
  return y;
}

/* Largest |T(x) - y| over 1 + max |y|, T by the plain formulas. */
static double residual(const br_potential *u, const br_sample *y, const double *x) {
  const br_sample points = {y->n, y->d, x, NULL};
  double worst = 0;
  for (size_t i = 0; i < y->n; i++) {
    double at[NAIVE_D], T[NAIVE_D], size = 0, error = 0;
    naive_point(&points, i, at);
    naive_u(u, at, T, NULL);
    for (int k = 0; k < y->d; k++) {
      const double target = y->x[(size_t)k * y->n + i];
      size = fmax(size, fabs(target));
      error = larger(error, fabs(T[k] - target));
    }
    worst = larger(worst, error / (1 + size));
  }
  return worst;
}

static const double *solve(const br_potential *u, const br_sample *y, int *most) {
  double *x = br_take(&heap, y->n * (size_t)y->d);
  int *iterations = br_take_int(&heap, y->n), fewest = 1000;
  CHECK(br_inverse(u, y, &standard, x, iterations, &heap) == BR_OK);
  *most = 0;
  for (size_t i = 0; i < y->n; i++) {
    *most = iterations[i] > *most ? iterations[i] : *most;
    fewest = iterations[i] < fewest ? iterations[i] : fewest;
  }
  CHECK(fewest >= 0);
  /* the tolerance, and the rounding of T at both levels, some 1e-14 of its size */
  CHECK_NEAR(residual(u, y, x), 0, TOL + 1e-13);
  return x;
}

static void test_solved(int d, int extra, int n_atoms) {
  uint64_t seed = (uint64_t)(d + n_atoms);
  const br_potential u = naive_potential(&seed, d, extra, n_atoms, 0.05);
  const br_sample y = targets(&seed, 203, d, 1e6);
  int most;
  solve(&u, &y, &most);
  CHECK(most > 0 && most < 60);
  /* the other way round: the inverse of T(x) is x, to the tolerance over the least eigenvalue */
  double *map = br_take(&heap, 203 * (size_t)d), worst = 0;
  br_potential v = u;
  const br_sample x = naive_sample(&seed, 203, d, 0);
  br_potential_eval(&u, &x, map, NULL, NULL, &heap);
  const br_sample image = {203, d, map, NULL};
  const double *back = solve(&u, &image, &most);
  for (int i = 0; i < 203 * d; i++) worst = larger(worst, fabs(back[i] - x.x[i]));
  CHECK_NEAR(worst, 0, 20 * TOL * sqrt(d) / u.family->min_eigenvalue(&v));
}

/* The identity needs no step, a quadratic potential one: Newton is exact. */
static void test_exact(void) {
  br_potential u;
  uint64_t seed = 1;
  const br_sample y = targets(&seed, 37, 3, 1e3);
  int most;
  br_ridge_make(&u, 3, 0, 6, 0, 0.1, &heap);
  u.family->prepare(&u);
  const double *x = solve(&u, &y, &most);
  CHECK(most == 0 && memcmp(x, y.x, 111 * sizeof(double)) == 0);
  u = naive_potential(&seed, 3, -1, 0, 0.1);
  solve(&u, &y, &most);
  CHECK(most == 1);
}

/* Nearly steps: atoms of width down to 1e-3 and slope up to 1e5 on a floor of 0.05. */
static br_potential steep(uint64_t *seed, int d) {
  br_potential u;
  double w[NAIVE_D];
  br_ridge_make(&u, d, 0, d, 12, 0.05, &heap);
  for (int k = 0; k < d; k++) u.coef[d + k] = 0.05;
  for (int k = 0; k < 12; k++) {
    naive_unit(seed, d, w);
    const double centre = heap_normal(seed);
    br_ridge_add_atom(&u, k % 5 ? BR_BUMP : BR_STEP, w, centre, pow(10, -3.0 * (k % 4) / 3),
                      pow(10, k / 2 - 1));
  }
  u.family->prepare(&u);
  return u;
}

static void test_steep(int d) {
  uint64_t seed = (uint64_t)(d + 40);
  const br_potential u = steep(&seed, d);
  const br_sample y = targets(&seed, 300, d, 1e6);
  int most;
  solve(&u, &y, &most);
  CHECK(most < 150);
}

/* One at a time, in another order, all together, with 1 or 2 threads: the same bits. */
static void test_batches(int d) {
  enum { n = 8300 }; /* nine chunks, work for two threads */
  uint64_t seed = (uint64_t)d;
  const br_potential u = d == 2 ? steep(&seed, d) : naive_potential(&seed, d, -1, 6, 0.05);
  const br_sample y = targets(&seed, n, d, 1e4);
  double *all = br_take(&heap, n * (size_t)d), *other = br_take(&heap, n * (size_t)d);
  double *turned = br_take(&heap, n * (size_t)d);
  int *counts = br_take_int(&heap, n), *other_counts = br_take_int(&heap, n);
  br_threads_set(1);
  CHECK(br_inverse(&u, &y, &standard, all, counts, &heap) == BR_OK);
  br_threads_set(2);
  CHECK(br_inverse(&u, &y, &standard, other, other_counts, &heap) == BR_OK);
  CHECK(memcmp(all, other, n * (size_t)d * sizeof(double)) == 0);
  CHECK(memcmp(counts, other_counts, n * sizeof(int)) == 0);
  for (size_t i = 0; i < n; i++)
    for (int k = 0; k < d; k++) turned[k * n + i] = y.x[k * n + n - 1 - i];
  const br_sample reversed = {n, d, turned, NULL};
  CHECK(br_inverse(&u, &reversed, &standard, other, NULL, &heap) == BR_OK);
  int same = 1;
  for (size_t i = 0; i < n; i++)
    for (int k = 0; k < d; k++) same &= other[k * n + i] == all[k * n + n - 1 - i];
  CHECK(same);
  for (size_t i = 0; i < n; i += 211) {
    double point[NAIVE_D], x[NAIVE_D];
    int count;
    naive_point(&y, i, point);
    const br_sample one = {1, d, point, NULL};
    CHECK(br_inverse(&u, &one, &standard, x, &count, &heap) == BR_OK);
    CHECK(count == counts[i]);
    for (int k = 0; k < d; k++) CHECK(x[k] == all[k * n + i]);
  }
  br_threads_set(1);
}

/* Too few steps are told, point by point, and solved points are not among them. */
static void test_failures(void) {
  uint64_t seed = 12;
  const br_potential u = naive_potential(&seed, 2, -1, 8, 0.05);
  br_sample y = targets(&seed, 64, 2, 1e3);
  double x[128], T[2];
  int iterations[64], failures = 0;
  const br_inverse_options few = {TOL, 1};
  const double at[2] = {0, 0};
  naive_u(&u, at, T, NULL);
  CHECK(br_inverse(&u, &y, &few, x, iterations, &heap) == BR_MAX_ITERATIONS);
  for (int i = 0; i < 64; i++) {
    const double point[2] = {x[i], x[64 + i]}, target[2] = {y.x[i], y.x[64 + i]};
    naive_u(&u, point, T, NULL);
    const double error = fmax(fabs(T[0] - target[0]), fabs(T[1] - target[1]));
    const int solved = error <= TOL * (1 + fmax(fabs(target[0]), fabs(target[1])));
    CHECK(iterations[i] == (solved ? iterations[i] : -2) && iterations[i] <= 1);
    failures += iterations[i] < 0;
  }
  CHECK(failures > 32);
  CHECK(br_inverse(&u, &y, &few, x, NULL, &heap) == BR_MAX_ITERATIONS);
}

/* A target that is not finite ends, is told, and leaves the points beside it alone. */
static void test_not_finite(void) {
  enum { n = 70 };
  static const double bad[] = {NAN, INFINITY, -INFINITY};
  uint64_t seed = 13;
  const br_potential u = naive_potential(&seed, 2, -1, 8, 0.05);
  const br_sample y = targets(&seed, n, 2, 10);
  double clean[2 * n], x[2 * n], given[2 * n];
  int iterations[n];
  CHECK(br_inverse(&u, &y, &standard, clean, NULL, &heap) == BR_OK);
  for (int k = 0; k < 3; k++) {
    memcpy(given, y.x, sizeof given);
    given[5] = given[n + 66] = bad[k];
    const br_sample holes = {n, 2, given, NULL};
    CHECK(br_inverse(&u, &holes, &standard, x, iterations, &heap) == BR_MAX_ITERATIONS);
    CHECK(iterations[5] < 0 && iterations[66] < 0);
    for (int i = 0; i < n; i++)
      if (i != 5 && i != 66) CHECK(x[i] == clean[i] && x[n + i] == clean[n + i]);
  }
}

/* No points: nothing to do. */
static void test_empty(void) {
  uint64_t seed = 2;
  const br_potential u = naive_potential(&seed, 2, -1, 1, 0.05);
  const br_sample y = {0, 2, NULL, NULL};
  CHECK(br_inverse(&u, &y, &standard, NULL, NULL, &heap) == BR_OK);
}

static void test_setting(void) {
  test_solved(1, -1, 5);
  test_solved(2, -1, 9);
  test_solved(10, -1, 12);
  test_solved(40, 3, 5);
  test_exact();
  test_steep(1);
  test_steep(2);
  test_steep(10);
  test_failures();
  test_not_finite();
  test_empty();
}

static void test_level(void) {
  test_batches(1);
  test_batches(2);
  test_batches(10);
}

int main(void) {
  heap_each_setting(test_setting);
  heap_each_level(test_level);
  return CHECK_DONE();
}
