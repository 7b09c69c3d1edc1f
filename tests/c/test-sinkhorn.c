/* Transport by Sinkhorn's algorithm against closed forms and plain loops, and its parts: clusters,
 * Anderson steps. */
#include "../../src/anderson.h"
#include "../../src/clusters.h"
#include "../../src/sinkhorn.h"
#include "heap.h"

static double *uniform(size_t count, uint64_t *state) {
  double *x = br_take(&heap, count);
  for (size_t i = 0; i < count; i++) x[i] = heap_uniform(state);
  return x;
}

static double *even(size_t n, double sum) {
  double *w = br_take(&heap, n);
  for (size_t i = 0; i < n; i++) w[i] = sum / (double)n;
  return w;
}

static br_sinkhorn solve(const br_transport *t, double tolerance, int anneal, int most) {
  br_sinkhorn s = {.f = br_take(&heap, t->n), .g = br_take(&heap, t->m)};
  br_sinkhorn_row *rows = (br_sinkhorn_row *)br_take(&heap, 1000 * sizeof(br_sinkhorn_row) / 8);
  const br_sinkhorn_options options = {tolerance, most, 10, anneal};
  s.trace = rows;
  s.most_trace = 1000;
  br_sinkhorn_run(&s, t, &options, NULL, &heap);
  return s;
}

static double cost_of(const br_transport *t, size_t i, size_t j) {
  double square = 0;
  if (t->cost == BR_COST_MATRIX) return t->matrix[j * t->n + i];
  for (int k = 0; k < t->d; k++) {
    const double by = t->x[(size_t)k * t->n + i] - t->y[(size_t)k * t->m + j];
    square += by * by;
  }
  return t->cost == BR_COST_SQUARE ? square : sqrt(square);
}

/* Marginals, cost and KL of the plan by loops. */
static void check_plan(const br_transport *t, const br_sinkhorn *s, double tol) {
  double error = 0, cost = 0, kl = 0, left = 0, right = 0, mass = 0;
  double *column = br_take(&heap, t->m);
  for (size_t i = 0; i < t->n; i++) {
    double row = 0;
    left += t->a[i];
    for (size_t j = 0; j < t->m; j++) {
      if (!(t->a[i] > 0 && t->b[j] > 0)) continue;
      const double c = cost_of(t, i, j), u = (s->f[i] + s->g[j] - c) / t->epsilon;
      const double p = t->a[i] * t->b[j] * exp(u);
      row += p;
      column[j] += p;
      if (p > 0) {
        cost += p * c;
        kl += p * u;
      }
    }
    mass += row;
    error += fabs(row - t->a[i] * (isinf(t->reach) ? 1 : exp(-s->f[i] / t->reach)));
  }
  for (size_t j = 0; j < t->m; j++) {
    right += t->b[j];
    if (t->b[j] > 0 && !t->symmetric)
      CHECK_NEAR(column[j], t->b[j] * (isinf(t->reach) ? 1 : exp(-s->g[j] / t->reach)), tol);
  }
  if (t->symmetric) return;
  CHECK_NEAR(error / ((left + right) / 2), s->error, tol);
  CHECK_NEAR(cost, s->cost, tol);
  CHECK_NEAR(kl - mass + left * right, s->kl, tol / t->epsilon);
}

static void test_costs(void) {
  uint64_t state = 1;
  for (int cost = 0; cost < 3; cost++)
    for (int d = 1; d <= 3; d += 2)
      for (int anneal = 0; anneal < 2; anneal++) {
        const size_t n = 40, m = 55;
        br_transport t = {.cost = (br_cost)cost, .d = d, .n = n, .m = m, .epsilon = 0.02};
        double *matrix = uniform(n * m, &state);
        t.x = uniform(n * (size_t)d, &state);
        t.y = uniform(m * (size_t)d, &state);
        t.matrix = matrix;
        matrix[3] = matrix[50] = INFINITY;
        double *a = even(n, 1), *b = even(m, 1);
        a[5] += a[4];
        a[4] = 0;
        t.a = a;
        t.b = b;
        t.reach = INFINITY;
        const br_sinkhorn s = solve(&t, 1e-9, anneal, 5000);
        CHECK(s.status == BR_OK);
        CHECK(s.error <= 1e-9);
        /* rounding may need the forbidden pairs of the matrix */
        CHECK(s.gap >= 0 && (s.gap < 1e-7 || cost == BR_COST_MATRIX));
        CHECK_NEAR(s.value, s.cost + t.epsilon * s.kl, 1e-8);
        check_plan(&t, &s, 1e-10);
        t.reach = 0.3;
        const br_sinkhorn u = solve(&t, 1e-9, anneal, 5000);
        CHECK(u.status == BR_OK);
        CHECK(u.gap >= 0 && u.gap < 1e-7);
        CHECK(u.value < s.value);
        check_plan(&t, &u, 1e-9);
      }
}

/* The certificate of an early state holds the value of a late one. */
static void test_certificate(void) {
  uint64_t state = 2;
  br_transport t = {.d = 2, .n = 60, .m = 50, .epsilon = 0.005, .reach = INFINITY};
  t.x = uniform(120, &state);
  t.y = uniform(100, &state);
  t.a = even(60, 1);
  t.b = even(50, 1);
  const double best = solve(&t, 1e-12, 1, 20000).value;
  for (int most = 1; most <= 64; most *= 2) {
    const br_sinkhorn s = solve(&t, 1e-12, 0, most);
    CHECK(s.status == BR_MAX_ITERATIONS && s.iterations == most);
    CHECK(s.value <= best + 1e-12);
    CHECK(s.value + s.gap >= best - 1e-12);
    CHECK(s.n_trace > 0 && s.trace[s.n_trace - 1].gap >= best - s.value - 1e-12);
  }
  t.y = t.x;
  t.b = t.a;
  t.m = t.n;
  t.symmetric = 1;
  const double own = solve(&t, 1e-12, 1, 20000).value;
  const br_sinkhorn rough = solve(&t, 1e-2, 1, 1000);
  CHECK(rough.value <= own + 1e-12 && rough.value + rough.gap >= own - 1e-12);
  t.symmetric = 0;
  CHECK_NEAR(solve(&t, 1e-12, 1, 20000).value, own, 1e-12);
}

/* Cells and truncated sums against all pairs. */
static void test_levels(void) {
  uint64_t state = 3;
  const size_t n = 2200;
  br_transport t = {.d = 2, .n = n, .m = n, .epsilon = 0.01, .reach = INFINITY};
  t.x = uniform(2 * n, &state);
  t.y = uniform(2 * n, &state);
  t.a = even(n, 1);
  t.b = even(n, 1);
  const br_sinkhorn fast = solve(&t, 1e-5, 1, 1000), slow = solve(&t, 1e-5, 0, 1000);
  CHECK(fast.status == BR_OK && slow.status == BR_OK);
  CHECK(fast.iterations < slow.iterations);
  CHECK_NEAR(fast.value, slow.value, fast.gap + slow.gap);
  CHECK_NEAR(fast.value, slow.value, 1e-6);
  CHECK_NEAR(fast.cost, slow.cost, 1e-5);
}

static void test_clusters(void) {
  uint64_t state = 4;
  const size_t n = 500;
  double *x = uniform(3 * n, &state), *w = even(n, 2);
  w[7] = 0;
  x[8] = x[9];
  double last = 0;
  for (double size = 2; size > 1e-3; size /= 3) {
    br_clusters c;
    br_clusters_make(&c, n, 3, x, w, size, &heap);
    double mass = 0, mean = 0, wanted = 0;
    for (size_t j = 0; j < c.n; j++) {
      mass += c.weight[j];
      mean += c.weight[j] * c.x[c.n + j];
    }
    for (size_t i = 0; i < n; i++) wanted += w[i] * x[n + i];
    CHECK_NEAR(mass, 2 - 2.0 / (double)n, 1e-12);
    CHECK_NEAR(mean, wanted, 1e-12);
    CHECK((double)c.n >= last);
    last = (double)c.n;
  }
  CHECK(last == (double)n - 1);
  double same[6] = {1, 1, 1, 2, 2, 2}, mass[3] = {1, 2, 3};
  br_clusters c;
  br_clusters_make(&c, 3, 2, same, mass, 0.1, &heap);
  CHECK(c.n == 1 && c.weight[0] == 6 && c.x[1] == 2);
}

/* For a linear map in n dimensions the steps are over after n + 1 of them. */
static void test_anderson(void) {
  double g[4] = {3, -1, 2, 8}, image[4], w[4] = {1, 2, 1, 0};
  br_anderson a;
  br_anderson_make(&a, 4, 8, &heap);
  for (int k = 0; k < 5; k++) {
    image[0] = 0.9 * g[0] + 0.05 * g[1] + 1;
    image[1] = 0.05 * g[0] + 0.8 * g[1] - 1;
    image[2] = -0.5 * g[2] + 0.3;
    image[3] = 7;
    br_anderson_step(&a, w, image, INFINITY, g);
  }
  CHECK_NEAR(g[0], 0.9 * g[0] + 0.05 * g[1] + 1, 1e-6);
  CHECK_NEAR(g[1], 0.05 * g[0] + 0.8 * g[1] - 1, 1e-6);
  CHECK_NEAR(g[2], 0.2, 1e-6);
  CHECK(g[3] == 7);
}

static int stop_at_once(void *ctx, const br_progress *p) {
  (void)ctx;
  return p->iteration >= 3;
}

static void test_interrupt(void) {
  uint64_t state = 5;
  const size_t n = 3000;
  br_transport t = {
      .cost = BR_COST_DISTANCE, .d = 3, .n = n, .m = n, .epsilon = 1e-3, .reach = INFINITY};
  t.x = uniform(3 * n, &state);
  t.y = uniform(3 * n, &state);
  t.a = even(n, 1);
  t.b = even(n, 1);
  br_sinkhorn s = {.f = br_take(&heap, n), .g = br_take(&heap, n)};
  const br_sinkhorn_options options = {1e-12, 100000, 10, 0};
  const br_host host = {NULL, stop_at_once, NULL};
  br_sinkhorn_run(&s, &t, &options, &host, &heap);
  CHECK(s.status == BR_INTERRUPTED);
  CHECK(isfinite(s.value) && isinf(s.gap) && isnan(s.cost));
  for (size_t i = 0; i < n; i += 100) CHECK(isfinite(s.f[i]) && isfinite(s.g[i]));
}

static void all(void) {
  test_costs();
  test_certificate();
  test_levels();
}

int main(void) {
  heap_each_level(all);
  test_clusters();
  test_anderson();
  test_interrupt();
  heap_free();
  return CHECK_DONE();
}
