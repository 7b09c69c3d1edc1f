/* The softmax of quadratics: value, gradient, Hessian and features against plain loops and finite
 * differences; what it is when its terms are one, or are equal; the start and the penalty. */
#include "softmax.h"

#define ROUNDING 1e-12
#define DIFFERENCES 1e-7 /* h^4 = 1e-12 times fifth derivatives up to 1e4, and rounding over h */

static void at_point(br_potential *u, const double *x, double *grad, double *hess) {
  softmax_at(u, x, grad, hess);
}

/* Blocks whose lanes beyond n must stay as they are. */
typedef struct {
  int n, ld;
  double *x, *map, *hess, *scratch;
} block;

static block make_block(const br_potential *u, uint64_t *seed, int n, double spread) {
  block b = {n, n + 3, NULL, NULL, NULL, NULL};
  const size_t rows = u->d + u->given;
  b.x = br_take(&heap, rows * b.ld);
  b.map = br_take(&heap, (size_t)u->d * b.ld);
  b.hess = br_take(&heap, BR_PACKED_SIZE(u->d) * b.ld);
  b.scratch = br_take(&heap, u->family->scratch_size(u, b.ld, 1));
  for (size_t i = 0; i < rows * b.ld; i++) b.x[i] = spread * heap_normal(seed);
  return b;
}

static void lane(const block *b, int rows, int i, double *x) {
  for (int k = 0; k < rows; k++) x[k] = b->x[k * b->ld + i];
}

static void test_eval(int d, int given, int n) {
  uint64_t seed = (uint64_t)(d + 10 * given + 100 * n);
  br_potential u = softmax_make(&seed, d, given, n);
  const block b = make_block(&u, &seed, 12, 1.5);
  double value[15], worst[3] = {0};
  u.family->value(&u, b.n, b.ld, b.x, value, b.scratch);
  u.family->eval(&u, b.n, b.ld, b.x, b.map, b.hess, b.scratch, 0);
  for (int i = 0; i < b.n; i++) {
    double x[NAIVE_D], grad[NAIVE_D], hess[NAIVE_D * NAIVE_D];
    lane(&b, d + given, i, x);
    worst[0] = larger(worst[0], apart(value[i], softmax_at(&u, x, grad, hess)));
    for (int k = 0; k < d; k++) {
      worst[1] = larger(worst[1], apart(b.map[k * b.ld + i], grad[k]));
      for (int l = 0; l <= k; l++)
        worst[2] = larger(worst[2], apart(b.hess[BR_PACKED(k, l) * b.ld + i], hess[k * d + l]));
    }
  }
  for (int k = 0; k < 3; k++) CHECK_NEAR(worst[k], 0, ROUNDING);
  for (int i = b.n; i < b.ld; i++) CHECK(b.map[i] == 0 && b.hess[i] == 0);
}

/* The gradient is that of the value, and the Hessian that of the gradient. */
static void test_derivatives(int d, int given) {
  const double h = 1e-4;
  uint64_t seed = (uint64_t)d;
  br_potential u = softmax_make(&seed, d, given, 5);
  double x[NAIVE_D], grad[NAIVE_D], hess[NAIVE_D * NAIVE_D], up[NAIVE_D], down[NAIVE_D];
  for (int k = 0; k < d + given; k++) x[k] = heap_normal(&seed);
  softmax_at(&u, x, grad, hess);
  for (int k = 0; k < d; k++) {
    const double at = x[k];
    x[k] = at + h;
    const double above = softmax_at(&u, x, up, NULL);
    x[k] = at - h;
    const double below = softmax_at(&u, x, down, NULL);
    x[k] = at;
    CHECK_NEAR((above - below) / (2 * h), grad[k], 1e-6);
    for (int i = 0; i < d; i++) CHECK_NEAR((up[i] - down[i]) / (2 * h), hess[i * d + k], 1e-5);
  }
}

/* A lower triangular factor of its own in each lane, as the kernel holds it. */
static void factors(uint64_t *seed, int d, const block *b, double *factor) {
  for (int i = 0; i < d; i++)
    for (int j = 0; j <= i; j++)
      for (int k = 0; k < b->n; k++)
        factor[BR_PACKED(i, j) * b->ld + k] =
            i == j ? 1 / heap_between(seed, 0.5, 2) : heap_normal(seed) / d;
}

static void test_jets(int d, int given, int n) {
  uint64_t seed = (uint64_t)(3 * d + 7 * given);
  br_potential u = softmax_make(&seed, d, given, n);
  const block b = make_block(&u, &seed, 8, 1);
  const int rows = BR_JET_ROWS(d);
  double *factor = br_take(&heap, BR_PACKED_SIZE(d) * b.ld);
  double *T = br_take(&heap, (size_t)d * b.ld), *weight = br_take(&heap, b.ld);
  double *slope = br_take(&heap, (size_t)u.n_coef * rows * b.ld);
  double *steep = br_take(&heap, (size_t)u.n_coef * d * b.ld);
  double *force = br_take(&heap, (size_t)u.n_coef * b.ld), worst[3] = {0};
  factors(&seed, d, &b, factor);
  for (int i = 0; i < d * b.ld; i++) T[i] = heap_normal(&seed);
  for (int i = 0; i < b.n; i++) weight[i] = i == 3 ? 0 : heap_between(&seed, 0.1, 2);
  u.family->eval(&u, b.n, b.ld, b.x, b.map, b.hess, b.scratch, 1);
  const br_jets o = {b.n, b.ld, 1, b.x, T, factor, weight, slope, NULL, steep, force};
  u.family->jets(&u, &o, b.scratch);
  for (int i = 0; i < b.n; i++) {
    double x[NAIVE_D], t[NAIVE_D], L[NAIVE_D * NAIVE_D] = {0};
    lane(&b, d + given, i, x);
    for (int k = 0; k < d; k++) {
      t[k] = T[k * b.ld + i];
      for (int l = 0; l <= k; l++) L[k * d + l] = factor[BR_PACKED(k, l) * b.ld + i];
      L[k * d + k] = 1 / L[k * d + k];
    }
    for (int j = 0; j < u.n_coef; j++) {
      const jet want = jet_at(&u, at_point, j, x, t, L, weight[i]);
      for (int r = 0; r < rows; r++)
        worst[0] = larger(worst[0], apart(slope[(j * rows + r) * b.ld + i], want.rows[r]));
      for (int r = 0; r < d; r++)
        worst[1] = larger(worst[1], apart(steep[(j * d + r) * b.ld + i], want.steep[r]));
      worst[2] = larger(worst[2], apart(force[j * b.ld + i], want.force));
    }
  }
  for (int k = 0; k < 3; k++) CHECK_NEAR(worst[k], 0, DIFFERENCES);
  for (size_t r = 0; r < (size_t)u.n_coef * rows; r++)
    for (int i = b.n; i < b.ld; i++)
      if (slope[r * b.ld + i] != 0) CHECK(0);
}

/* One term is its quadratic at any temperature; equal terms are one, and theta log n. */
static void test_one(void) {
  uint64_t seed = 5;
  br_potential one = softmax_make(&seed, 3, 0, 1), many;
  br_softmax_make(&many, 3, 0, 4, &heap);
  many.coef[0] = -0.7;
  for (int k = 0; k < 4; k++) memcpy(many.coef + 1 + 10 * k, one.coef + 1, 10 * sizeof(double));
  many.family->prepare(&many);
  const block a = make_block(&one, &seed, 4, 2), b = make_block(&many, &seed, 4, 2);
  double *c = one.coef + 1, value[4], other[4];
  one.family->eval(&one, 4, a.ld, a.x, a.map, a.hess, a.scratch, 0);
  many.family->eval(&many, 4, b.ld, a.x, b.map, b.hess, b.scratch, 0);
  one.family->value(&one, 4, a.ld, a.x, value, a.scratch);
  many.family->value(&many, 4, b.ld, a.x, other, b.scratch);
  for (int i = 0; i < 4; i++) {
    const double x = a.x[i], z = c[0] * x + c[1] * a.x[a.ld + i] + c[3] * a.x[2 * a.ld + i];
    CHECK_NEAR(a.map[i], c[0] * z + c[6], 1e-13);
    CHECK_NEAR(a.hess[i], c[0] * c[0], 1e-14);
    CHECK_NEAR(other[i], value[i] + exp(-0.7) * log(4), 1e-12);
    for (int k = 0; k < 3; k++) CHECK_NEAR(b.map[k * b.ld + i], a.map[k * a.ld + i], 1e-13);
    for (int k = 0; k < 6; k++) CHECK_NEAR(b.hess[k * b.ld + i], a.hess[k * a.ld + i], 1e-12);
  }
}

/* Far out and cold one term is all there is, and nothing is NaN. */
static void test_far(void) {
  uint64_t seed = 6;
  br_potential u = softmax_make(&seed, 2, 0, 6);
  const block b = make_block(&u, &seed, 8, 1e6);
  u.coef[0] = -7;
  u.family->prepare(&u);
  u.family->eval(&u, 8, b.ld, b.x, b.map, b.hess, b.scratch, 1);
  for (int i = 0; i < 8; i++) {
    double x[2], grad[2], hess[4];
    lane(&b, 2, i, x);
    softmax_at(&u, x, grad, hess);
    CHECK_NEAR(b.map[i] / grad[0], 1, 1e-12);
    CHECK_NEAR(b.hess[2 * b.ld + i], hess[3], 1e-8);
  }
}

/* The curvature far along v is that of the steepest term. */
static void test_far_curvature(int d) {
  uint64_t seed = (uint64_t)d;
  br_potential u = softmax_make(&seed, d, 0, 5);
  double v[NAIVE_D], x[NAIVE_D] = {0}, grad[NAIVE_D], hess[NAIVE_D * NAIVE_D], sum = 0;
  naive_unit(&seed, d, v);
  for (int k = 0; k < d; k++) x[k] = 1e5 * v[k];
  softmax_at(&u, x, grad, hess);
  for (int k = 0; k < d; k++) sum += v[k] * naive_dot(d, hess + k * d, v);
  CHECK_NEAR(br_softmax_far_curvature(&u, v), sum, 1e-9);
}

static void test_start(int d, int given, int n) {
  uint64_t seed = (uint64_t)(40 + d);
  const br_sample sample = naive_sample(&seed, 500, d + given, 1);
  const br_host host = heap_host(&seed);
  br_potential u;
  br_softmax_make(&u, d, given, n, &heap);
  br_softmax_start(&u, &sample, 0.6, &host, &heap);
  double error = 0, size = 0, x[NAIVE_D], grad[NAIVE_D];
  for (size_t i = 0; i < sample.n; i++) {
    naive_point(&sample, i, x);
    CHECK(isfinite(softmax_at(&u, x, grad, NULL)));
    for (int k = 0; k < d; k++) {
      error += (grad[k] - 0.6 * x[k]) * (grad[k] - 0.6 * x[k]);
      size += 0.36 * x[k] * x[k];
    }
  }
  if (d <= 3 && given == 0) CHECK(error < 0.3 * size); /* that of a map to zero would be size */
  /* as many copies of one point as there are terms */
  double *same = br_take(&heap, 40 * (size_t)(d + given)), *weight = br_take(&heap, 40);
  for (int i = 0; i < 40; i++) weight[i] = 1. / 40;
  const br_sample copies = {40, d + given, same, weight};
  br_softmax_start(&u, &copies, 0.6, &host, &heap);
  for (int j = 0; j < u.n_coef; j++) CHECK(isfinite(u.coef[j]));
}

static void test_penalty(void) {
  uint64_t seed = 8;
  br_potential u = softmax_make(&seed, 2, 1, 3);
  const int p = u.n_coef;
  const double h = 1e-4;
  double *g = br_take(&heap, p), *H = br_take(&heap, (size_t)p * p), worst[2] = {0};
  double *up = br_take(&heap, p), *down = br_take(&heap, p);
  const double value = u.family->penalty(&u, 0.3, g, H, p);
  CHECK(value > 0);
  CHECK_NEAR(u.family->penalty(&u, 0.6, NULL, NULL, 0), 2 * value, 1e-14);
  for (int j = 0; j < p; j++) {
    const double coef = u.coef[j];
    memset(up, 0, p * sizeof(double));
    memset(down, 0, p * sizeof(double));
    u.coef[j] = coef + h;
    u.family->prepare(&u);
    const double above = u.family->penalty(&u, 0.3, up, NULL, 0);
    u.coef[j] = coef - h;
    u.family->prepare(&u);
    const double below = u.family->penalty(&u, 0.3, down, NULL, 0);
    u.coef[j] = coef;
    u.family->prepare(&u);
    worst[0] = larger(worst[0], fabs((above - below) / (2 * h) - g[j]));
    for (int l = j; l < p; l++)
      worst[1] = larger(worst[1], fabs((up[l] - down[l]) / (2 * h) - H[(size_t)j * p + l]));
  }
  CHECK_NEAR(worst[0], 0, 1e-7); /* h^2 times a third derivative, that of the temperature */
  CHECK_NEAR(worst[1], 0, 1e-7);
}

static void all(void) {
  for (int d = 1; d <= 6; d++) {
    test_eval(d, 0, 7);
    test_eval(d, 2, 16);
    test_derivatives(d, d % 3);
    test_jets(d, 0, 4);
    test_jets(d, 2, 3);
    test_start(d, d % 2, 9);
    test_far_curvature(d);
  }
  test_one();
  test_far();
  test_penalty();
}

int main(void) {
  heap_each_level(all);
  return CHECK_DONE();
}
