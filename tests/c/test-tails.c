/* The frozen atoms that carry the map beyond the data, against a plain regression. */
#include "../../src/tails.h"
#include "naive.h"

typedef struct {
  double edge, slope;
} outer;

static int decreasing(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

/* Weighted least squares of v'T on v'x over the outer tenth of the points, at least five. */
static outer regress(const br_potential *u, const br_sample *s, const double *v) {
  const size_t n = s->n, k = n / 10 < 5 ? (n < 5 ? n : 5) : n / 10;
  double *z = br_take(&heap, n), *t = br_take(&heap, n), *sorted = br_take(&heap, n);
  double w = 0, wz = 0, wt = 0, wzz = 0, wzt = 0;
  for (size_t i = 0; i < n; i++) {
    double x[NAIVE_D], T[NAIVE_D];
    naive_point(s, i, x);
    naive_u(u, x, T, NULL);
    sorted[i] = z[i] = naive_dot(s->d, v, x);
    t[i] = naive_dot(s->d, v, T);
  }
  qsort(sorted, n, sizeof(double), decreasing);
  for (size_t i = 0; i < n; i++) {
    if (z[i] < sorted[k - 1]) continue;
    const double a = s->weight[i];
    w += a, wz += a * z[i], wt += a * t[i], wzz += a * z[i] * z[i], wzt += a * z[i] * t[i];
  }
  return (outer){sorted[0], (wzt - wz * wt / w) / (wzz - wz * wz / w)};
}

/* Q is diagonal, so its eigenvectors are the axes: on each side of each, an atom where the outer
 * slope of the map is above its curvature far out, and none elsewhere. */
static void test_complete(int d, size_t n, uint64_t seed) {
  br_potential u;
  br_tails tails;
  br_loss_plan plan;
  double w[NAIVE_D];
  br_ridge_make(&u, d, 0, d, 4 + BR_MAX_TAILS(d), 0.05, &heap);
  const br_ridge *r = u.self;
  for (int k = 0; k < d; k++) u.coef[d + k] = 0.2 + 0.1 * k;
  for (int k = 0; k < 4; k++) {
    naive_unit(&seed, d, w);
    const double centre = heap_between(&seed, -2, 2);
    br_ridge_add_atom(&u, k % 2 ? BR_STEP : BR_BUMP, w, centre, 0.5, 0.6);
  }
  const br_sample sample = naive_sample(&seed, n, d, 1);
  const int first = br_ridge_first_atom(&u);
  br_tails_make(&tails, &u, &sample, 4 + BR_MAX_TAILS(d), &heap);
  br_loss_plan_make(&plan, &u, n, 0, &heap);
  u.family->prepare(&u);
  double expected[2 * NAIVE_D], edge[2 * NAIVE_D];
  int count = 0;
  for (int side = 0; side < 2 * d; side++) {
    double v[NAIVE_D] = {0}, far = u.coef[d + side / 2];
    v[side / 2] = side % 2 ? -1 : 1;
    for (int j = first; j < first + 4; j++) {
      const double inner = naive_dot(d, v, naive_direction(&u, j));
      if (r->profile[j] == BR_STEP && inner > 0) far += u.coef[j] * inner * inner;
    }
    const outer o = regress(&u, &sample, v);
    expected[side] = o.slope - far;
    edge[side] = o.edge;
    count += o.slope > far;
  }
  /* again: it replaces what it added before */
  for (int times = 0; times < 2; times++) br_tails_complete(&tails, &u, &sample, &plan);
  CHECK(r->n_atoms == 4 + count);
  for (int j = first; j < u.n_coef; j++) {
    CHECK(u.frozen[j] == (j >= first + 4));
    if (!u.frozen[j]) continue;
    int side = 0; /* eigenvectors come with any sign: find the axis */
    for (int k = 0; k < 2 * d; k++)
      if (naive_direction(&u, j)[k / 2] * (k % 2 ? -1 : 1) > 0.999) side = k;
    CHECK_NEAR(fabs(naive_direction(&u, j)[side / 2]), 1, 1e-12);
    CHECK(expected[side] > 0 && r->profile[j] == BR_STEP);
    CHECK_NEAR(u.coef[j], expected[side], 1e-10); /* rounding of the regression */
    CHECK_NEAR(r->centre[j], edge[side] + r->width[j], 1e-12);
  }
}

static void test_setting(void) {
  int n = 0;
  for (uint64_t seed = 1; seed <= 10; seed++, n += 17) {
    test_complete(1, 40 + (size_t)n, seed);
    test_complete(3, 120 + (size_t)n, seed);
  }
  test_complete(2, 3, 5);
}

int main(void) {
  heap_each_setting(test_setting);
  return CHECK_DONE();
}
