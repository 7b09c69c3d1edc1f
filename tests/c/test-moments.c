/* Loss, gradient, metric and Hessian of the moments against sums over one point at a time, and
 * the gradient and the Hessian against finite differences of the loss and of the gradient. */
#include "../../src/moments.h"
#include "naive.h"

/* d^2 terms a point, each up to a condition number of about 100, and their sum. */
#define ROUNDING 1e-11

typedef struct {
  br_potential u;
  br_sample sample;
  br_moments m;
  br_moments_plan plan;
  br_loss_plan loss_plan;
} problem;

/* Many operations in the loss get it all threads, few get it one, which small samples want. */
static void prepare_memory(problem *p, size_t n, double operations) {
  const br_ridge *r = p->u.self;
  br_moments_make(&p->m, &p->plan, &p->u, n, r->max_coef, &heap);
  br_loss_plan_make(&p->loss_plan, &p->u, n, operations, &heap);
}

/* extra < 0: the full quadratic part; else the diagonal and that many directions. */
static problem make_conditional(int d, int given, int extra, int n_atoms, size_t n, int weighted) {
  uint64_t seed = (uint64_t)(1000 * d + n_atoms) + n;
  problem p;
  p.u = naive_conditional(&seed, d, given, extra, n_atoms, 0.05);
  p.sample = naive_sample(&seed, n, d + given, weighted);
  prepare_memory(&p, n, 0);
  return p;
}

static problem make_problem(int d, int extra, int n_atoms, size_t n, int weighted) {
  return make_conditional(d, 0, extra, n_atoms, n, weighted);
}

static void compute(problem *p, int want_hessian, int want_metric) {
  p->u.family->prepare(&p->u);
  br_moments_compute(&p->m, &p->plan, &p->u, &p->sample, want_hessian, want_metric);
}

static double loss_at(problem *p, int j, double shift) {
  const double coef = p->u.coef[j];
  p->u.coef[j] = coef + shift;
  p->u.family->prepare(&p->u);
  const double loss = br_potential_loss(&p->u, &p->sample, &p->loss_plan, NULL).mean;
  p->u.coef[j] = coef;
  p->u.family->prepare(&p->u);
  return loss;
}

typedef struct {
  double loss, square, square_map, *gradient, *slope, *metric, *hessian; /* p x p */
} naive_moments;

static naive_moments naive_compute(const problem *q) {
  const br_potential *u = &q->u;
  const int d = u->d, p = u->n_coef;
  naive_moments m = {.gradient = br_take(&heap, p),
                     .slope = br_take(&heap, (size_t)p * (1 + u->given))};
  m.metric = br_take(&heap, (size_t)p * p);
  m.hessian = br_take(&heap, (size_t)p * p);
  double *solved = br_take(&heap, (size_t)p * d); /* (D^2 u)^{-1} w_j */
  for (size_t i = 0; i < q->sample.n; i++) {
    double x[NAIVE_D], T[NAIVE_D], A[NAIVE_D * NAIVE_D];
    const double weight = q->sample.weight[i];
    naive_point(&q->sample, i, x);
    naive_u(u, x, T, A);
    const double square = naive_dot(d, T, T), loss = 0.5 * square - naive_invert(d, A);
    m.loss += weight * loss;
    m.square += weight * loss * loss;
    m.square_map += weight * square;
    for (int j = 0; j < p; j++)
      for (int k = 0; k < d; k++)
        solved[j * d + k] = naive_dot(d, A + k * d, naive_direction(u, j));
    for (int j = 0; j < p; j++) {
      const naive_feature f = naive_at(u, j, x);
      const double *w = naive_direction(u, j);
      for (int l = 0; l <= u->given; l++)
        m.slope[j * (1 + u->given) + l] += weight * f.slope * (l ? x[d + l - 1] : 1);
      m.gradient[j] +=
          weight * (f.slope * naive_dot(d, w, T) - f.curve * naive_dot(d, w, solved + j * d));
      for (int l = j; l < p; l++) {
        const naive_feature g = naive_at(u, l, x);
        const double inner = naive_dot(d, w, solved + l * d);
        m.metric[j * p + l] += weight * f.slope * g.slope * inner;
        m.hessian[j * p + l] +=
            weight * (f.slope * g.slope * naive_dot(d, w, naive_direction(u, l)) +
                      f.curve * g.curve * inner * inner);
      }
    }
  }
  return m;
}

static void check_naive(problem *q) {
  const naive_moments m = naive_compute(q);
  const int p = q->u.n_coef;
  double gradient = 0, metric = 0, hessian = 0;
  compute(q, 1, 1);
  double *map = br_take(&heap, q->sample.n * (size_t)q->u.d), maps = 0;
  const br_loss loss = br_potential_loss(&q->u, &q->sample, &q->loss_plan, map);
  for (size_t i = 0; i < q->sample.n; i++) {
    double x[NAIVE_D], T[NAIVE_D];
    naive_point(&q->sample, i, x);
    naive_u(&q->u, x, T, NULL);
    for (int k = 0; k < q->u.d; k++) maps = larger(maps, apart(map[k * q->sample.n + i], T[k]));
  }
  CHECK_NEAR(maps, 0, ROUNDING);
  CHECK_NEAR(apart(q->m.loss, m.loss), 0, ROUNDING);
  CHECK_NEAR(apart(loss.mean, m.loss), 0, ROUNDING);
  CHECK_NEAR(apart(loss.square, m.square), 0, ROUNDING);
  CHECK_NEAR(apart(q->m.square_map, m.square_map), 0, ROUNDING);
  for (int j = 0; j < p; j++) {
    gradient = larger(gradient, apart(q->m.gradient[j], m.gradient[j]));
    for (int l = j * (1 + q->u.given); l < (j + 1) * (1 + q->u.given); l++)
      gradient = larger(gradient, apart(q->m.slope[l], m.slope[l]));
    for (int l = j; l < p; l++) {
      const size_t at = (size_t)j * q->m.ldm + l;
      metric = larger(metric, apart(q->m.metric[at], m.metric[j * p + l]));
      hessian = larger(hessian, apart(q->m.hessian[at], m.hessian[j * p + l]));
    }
  }
  CHECK_NEAR(gradient, 0, ROUNDING);
  CHECK_NEAR(metric, 0, ROUNDING);
  CHECK_NEAR(hessian, 0, ROUNDING);
}

/* Central differences with step h err by h^2 |f'''|/6, with h = 1e-4 some 1e-8 here, and by the
 * rounding of the loss, up to 50 d 1e-16, over h. Two step sizes remove the h^2 term. */
static void check_gradient(problem *q) {
  const double h = 1e-3;
  double worst = 0;
  compute(q, 0, 0);
  for (int j = 0; j < q->u.n_coef; j++) {
    const double one = (loss_at(q, j, h) - loss_at(q, j, -h)) / (2 * h);
    const double two = (loss_at(q, j, 2 * h) - loss_at(q, j, -2 * h)) / (4 * h);
    worst = larger(worst, apart((4 * one - two) / 3, q->m.gradient[j]));
  }
  CHECK_NEAR(worst, 0, 1e-7);
}

static void check_hessian(problem *q) {
  const double h = 1e-4;
  const int p = q->u.n_coef, ldm = q->m.ldm;
  double worst = 0, *hessian = br_take(&heap, (size_t)p * ldm);
  compute(q, 1, 0);
  memcpy(hessian, q->m.hessian, (size_t)p * ldm * sizeof(double));
  /* every column of a small problem, the last and about 20 others of a large one */
  for (int j = p - 1; j >= 0; j -= 1 + p / 20) {
    double column[2 * NAIVE_D] = {0};
    const double coef = q->u.coef[j];
    for (int side = -1; side <= 1; side += 2) {
      q->u.coef[j] = coef + side * h;
      compute(q, 0, 0);
      for (int l = 0; l < p; l++) column[l] += side * q->m.gradient[l] / (2 * h);
    }
    q->u.coef[j] = coef;
    for (int l = 0; l < p; l++)
      worst = larger(worst, apart(column[l], l < j ? hessian[l * ldm + j] : hessian[j * ldm + l]));
  }
  CHECK_NEAR(worst, 0, 1e-6); /* h^2 times a fourth derivative of at most 100 */
}

static void test_truth(void) {
  static const struct {
    int d, given, extra, atoms;
    size_t n;
    int weighted;
  } cases[] = {{1, 0, -1, 4, 1, 0},   {1, 0, -1, 7, 131, 1}, {2, 0, -1, 5, 67, 0},
               {2, 0, -1, 0, 66, 1},  {3, 0, -1, 6, 129, 1}, {5, 0, -1, 3, 33, 0},
               {13, 0, -1, 4, 9, 1},  {13, 0, 3, 5, 35, 0},  {50, 0, 4, 7, 7, 1},
               {2, 0, 0, 1, 1, 0},    {1, 0, -1, 0, 65, 0},  {1, 2, -1, 5, 67, 1},
               {2, 3, -1, 6, 130, 1}, {4, 1, 2, 3, 35, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    problem q = make_conditional(cases[i].d, cases[i].given, cases[i].extra, cases[i].atoms,
                                 cases[i].n, cases[i].weighted);
    check_naive(&q);
    check_gradient(&q);
    check_hessian(&q);
  }
}

static double differs(const problem *a, const problem *b) {
  double worst = apart(a->m.loss, b->m.loss);
  for (int j = 0; j < a->u.n_coef; j++) {
    worst = larger(worst, apart(a->m.gradient[j], b->m.gradient[j]));
    for (int l = j; l < a->u.n_coef; l++) {
      const size_t at = (size_t)j * a->m.ldm + l;
      worst = larger(worst, apart(a->m.metric[at], b->m.metric[at]));
      worst = larger(worst, apart(a->m.hessian[at], b->m.hessian[at]));
    }
  }
  return worst;
}

/* A point of weight 2 is a point given twice, and weight 0 is a point that is not there. */
static void test_weights(void) {
  enum { n = 137, d = 3 };
  problem a = make_problem(d, -1, 5, n, 0), b = a;
  double *weight = br_take(&heap, n), *x = br_take(&heap, 2 * n * d), *even;
  size_t size = 0, from[2 * n];
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < i % 3; k++) from[size++] = i;
  even = br_take(&heap, size);
  for (size_t i = 0; i < n; i++) weight[i] = (double)(i % 3) / (double)size;
  for (size_t i = 0; i < size; i++) {
    even[i] = 1 / (double)size;
    for (size_t k = 0; k < d; k++) x[k * size + i] = a.sample.x[k * n + from[i]];
  }
  a.sample.weight = weight;
  b.sample = (br_sample){size, d, x, even};
  prepare_memory(&b, size, 0);
  compute(&a, 1, 1);
  compute(&b, 1, 1);
  CHECK_NEAR(differs(&a, &b), 0, ROUNDING);
  CHECK_NEAR(apart(br_potential_loss(&a.u, &a.sample, &a.loss_plan, NULL).mean,
                   br_potential_loss(&b.u, &b.sample, &b.loss_plan, NULL).mean),
             0, ROUNDING);
}

/* What is not asked for changes nothing else. Wide memory serves fewer coefficients. */
static void test_parts(void) {
  problem a = make_problem(5, -1, 4, 77, 1), b = a;
  br_moments_make(&b.m, &b.plan, &b.u, 77, ((br_ridge *)b.u.self)->max_coef, &heap);
  compute(&a, 1, 1);
  compute(&b, 0, 1);
  for (int j = 0; j < a.u.n_coef; j++) {
    CHECK(a.m.gradient[j] == b.m.gradient[j]);
    const size_t last = (size_t)j * a.m.ldm + a.u.n_coef - 1;
    CHECK(a.m.metric[last] == b.m.metric[last]);
    const double hessian = a.m.hessian[last];
    compute(&b, 1, 0);
    CHECK(hessian == b.m.hessian[last]);
    compute(&b, 0, 1);
  }
}

/* Of a large sample the means are over all points, the matrices over some that are evenly spaced:
 * those of the sample of these points. */
static void test_thinned(void) {
  enum { n = 12000, some = 4000 };
  problem a = make_problem(2, -1, 6, n, 1), b = a;
  double *x = br_take(&heap, 2 * some), *weight = br_take(&heap, some), total = 0;
  for (int i = 0; i < some; i++) {
    const int from = 3 * i + 1;
    for (int k = 0; k < 2; k++) x[k * some + i] = a.sample.x[k * n + from];
    total += weight[i] = a.sample.weight[from];
  }
  for (int i = 0; i < some; i++) weight[i] /= total;
  b.sample = (br_sample){some, 2, x, weight};
  prepare_memory(&b, some, 0);
  a.plan.thin = 1;
  compute(&a, 1, 1);
  compute(&b, 1, 1);
  const naive_moments m = naive_compute(&a);
  double gradient = 0, matrices = 0;
  CHECK_NEAR(apart(a.m.loss, m.loss), 0, ROUNDING);
  CHECK_NEAR(apart(a.m.square_map, m.square_map), 0, ROUNDING);
  for (int j = 0; j < a.u.n_coef; j++) {
    gradient = larger(gradient, apart(a.m.gradient[j], m.gradient[j]));
    gradient = larger(gradient, apart(a.m.slope[j], m.slope[j]));
    for (int l = j; l < a.u.n_coef; l++) {
      const size_t at = (size_t)j * a.m.ldm + l;
      matrices = larger(matrices, apart(a.m.hessian[at], b.m.hessian[at]));
      matrices = larger(matrices, apart(a.m.metric[at], b.m.metric[at]));
    }
  }
  CHECK_NEAR(gradient, 0, ROUNDING);
  CHECK_NEAR(matrices, 0, ROUNDING);
  CHECK(fabs(a.m.gradient[0] - b.m.gradient[0]) > 1e-6); /* the points do differ */
}

static void set_limit(problem *q, int threads, int expected) {
  br_threads_set(threads);
  prepare_memory(q, q->sample.n, 1e12);
  CHECK(q->plan.threads == expected && q->loss_plan.threads == expected);
}

/* The same bits with 1, 2 and 3 threads. Several superblocks and pieces. */
static void test_threads(void) {
  static const int dims[] = {1, 2, 13};
  const int limit = br_threads_limit();
  for (int i = 0; i < 3; i++) {
    problem a = make_problem(dims[i], dims[i] > 5 ? 2 : -1, 30, 2911, 1), b = a;
    set_limit(&a, 1, 1);
    compute(&a, 1, 1);
    const br_loss loss = br_potential_loss(&a.u, &a.sample, &a.loss_plan, NULL);
    check_naive(&a);
    for (int threads = 2; threads <= 3; threads++) {
      br_threads_set(threads);
      set_limit(&b, threads, heap_threads());
      compute(&b, 1, 1);
      const br_loss other = br_potential_loss(&b.u, &b.sample, &b.loss_plan, NULL);
      CHECK(differs(&a, &b) == 0);
      CHECK(loss.mean == other.mean && loss.square == other.square);
    }
  }
  br_threads_set(limit);
}

/* A potential that is not convex at a point of the sample has no finite loss. */
static void test_not_convex(void) {
  problem q = make_problem(2, -1, 2, 9, 0);
  q.u.coef[2] = q.u.coef[3] = -1;
  q.u.family->prepare(&q.u);
  CHECK(isnan(br_potential_loss(&q.u, &q.sample, &q.loss_plan, NULL).mean));
  compute(&q, 1, 1);
  CHECK(!isfinite(q.m.loss));
}

/* The full quadratic part in 50 dimensions has 1275 features: a few of the sums alone. */
static void test_large(void) {
  problem q = make_problem(50, -1, 0, 1, 0);
  compute(&q, 0, 0);
  const double h = 1e-3;
  for (int j = 3; j < q.u.n_coef; j += 400)
    CHECK_NEAR((loss_at(&q, j, h) - loss_at(&q, j, -h)) / (2 * h), q.m.gradient[j],
               1e-5 * (1 + fabs(q.m.gradient[j]))); /* h^2, and a third derivative of 10 */
  CHECK_NEAR(q.m.loss, naive_loss(&q.u, &q.sample), ROUNDING * 100);
}

static void test_setting(void) {
  test_truth();
  test_weights();
  test_parts();
  test_thinned();
  test_not_convex();
}

int main(void) {
  heap_each_setting(test_setting);
  heap_each_level(test_threads);
  test_large();
  heap_free();
  return CHECK_DONE();
}
