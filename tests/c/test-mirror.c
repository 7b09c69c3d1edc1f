/* Mirror steps: the Gaussian fixed point S^{-1/2} on raw data under many schedules, the Riccati
 * recursion in one dimension, Newton's quadratic convergence, descent, and the certificate against
 * much tighter solutions and against random points. */
#include "../../src/mirror.h"
#include "naive.h"

typedef struct {
  br_potential u;
  br_sample sample;
  br_learner learner;
  br_mirror m;
} problem;

static void start(problem *p, const br_mirror_options *options, double beta) {
  const int max_coef = ((br_ridge *)p->u.self)->max_coef;
  const br_learner_data data = {.sample = p->sample};
  br_learner_make(&p->learner, br_learner_find("likelihood"), &data, &p->u, max_coef, &heap);
  br_mirror_make(&p->m, options, &p->u, &p->learner, max_coef, &heap);
  p->m.beta = beta;
}

static double objective(const problem *p, double penalty) {
  return naive_loss(&p->u, &p->sample) + naive_penalty(&p->u, penalty);
}

/* --- Gaussian maps ------------------------------------------------------------ */

/* Raw points: correlated, scales from about 0.6 to 1.6, means away from 0. */
static br_sample raw_sample(uint64_t seed, size_t n, int d) {
  br_sample sample = naive_sample(&seed, n, d, 1);
  double *x = br_take(&heap, n * (size_t)d);
  for (int k = 0; k < d; k++)
    for (size_t i = 0; i < n; i++)
      x[k * n + i] = 2 - k + (0.7 + 0.15 * k) * sample.x[k * n + i] +
                     0.3 * sample.x[(size_t)((k + 1) % d) * n + i];
  sample.x = x;
  return sample;
}

/* Mean, and S^{-1/2} by the coupled iteration of Denman and Beavers:
 * Y <- (Y + Z^{-1})/2, Z <- (Z + Y^{-1})/2 from Y = S, Z = I, where Z tends to S^{-1/2}. */
static void inverse_root(const br_sample *s, double *mean, double *Z) {
  const int d = s->d, size = d * d;
  double Y[25] = {0}, invY[25], invZ[25], x[5];
  memset(mean, 0, (size_t)d * sizeof(double));
  for (size_t i = 0; i < s->n; i++)
    for (int k = 0; k < d; k++) mean[k] += s->weight[i] * s->x[(size_t)k * s->n + i];
  for (size_t i = 0; i < s->n; i++) {
    naive_point(s, i, x);
    for (int k = 0; k < d; k++)
      for (int l = 0; l < d; l++)
        Y[k * d + l] += s->weight[i] * (x[k] - mean[k]) * (x[l] - mean[l]);
  }
  for (int i = 0; i < size; i++) Z[i] = i % (d + 1) == 0;
  for (int step = 0; step < 40; step++) {
    memcpy(invY, Y, sizeof Y);
    memcpy(invZ, Z, (size_t)size * sizeof(double));
    naive_invert(d, invY);
    naive_invert(d, invZ);
    for (int i = 0; i < size; i++) {
      Y[i] = 0.5 * (Y[i] + invZ[i]);
      Z[i] = 0.5 * (Z[i] + invY[i]);
    }
  }
}

static void gaussian(problem *p, int d, const br_mirror_options *options) {
  p->sample = raw_sample((uint64_t)d, 101, d);
  br_ridge_make(&p->u, d, 0, d * (d + 1) / 2, 0, 0, &heap);
  naive_full_quadratic(&p->u);
  start(p, options, 0);
}

/* Largest difference of Q and q from the truth. */
static double gaussian_error(const problem *p, const double *mean, const double *root) {
  const br_ridge *r = p->u.self;
  const int d = p->u.d;
  double worst = 0;
  for (int i = 0; i < d; i++) {
    worst = larger(worst, fabs(p->u.coef[i] + naive_dot(d, root + i * d, mean)));
    for (int j = 0; j <= i; j++)
      worst = larger(worst, fabs(r->Q[BR_PACKED(i, j)] - root[i * d + j]));
  }
  return worst;
}

/* Explicit steps are stable for eta below 1/max eigenvalue of S^{-1/2}, here above 0.5. The slow
 * modes, the means at rate 1/2 or more, need log(1e9)/(eta/2) steps; sqrt(k) sums to 2 sqrt(k). */
static void test_gaussian(int d) {
  enum { most = 1200 };
  static double constant[] = {0.25}, slow[] = {0.05}, decreasing[most];
  static const double infinite[] = {INFINITY}, large[] = {1e3};
  for (int k = 0; k < most; k++) decreasing[k] = 1 / sqrt(k + 1.0);
  const struct {
    br_mirror_options options;
    int steps;
  } runs[] = {{{0, constant, 1, 0, 0}, 250},      {{0, slow, 1, 0, 0}, 1200},
              {{0, NULL, 0, 0.1, 0}, 150},        {{1, constant, 1, 0, 0}, 400},
              {{1, decreasing, most, 0, 0}, 900}, {{1, NULL, 0, 0.1, 0}, 30},
              {{1, NULL, 0, INFINITY, 0}, 12},    {{1, infinite, 1, 0, 0}, 12},
              {{1, large, 1, 0, 0}, 20}};
  double mean[5], root[25];
  for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
    problem p;
    gaussian(&p, d, &runs[k].options);
    if (k == 0) inverse_root(&p.sample, mean, root);
    double last = INFINITY;
    for (int step = 0; step < runs[k].steps; step++) {
      const br_status status = br_mirror_prepare(&p.m);
      CHECK(status == BR_OK);
      if (status != BR_OK) break;
      CHECK(p.m.objective <= last + 1e-12); /* rounding of the loss */
      last = p.m.objective;
      if (br_mirror_advance(&p.m) != BR_OK) break;
    }
    p.u.family->prepare(&p.u);
    /* the descent test cannot see the loss below 1e-14: coefficients within its root, 1e-7 */
    CHECK_NEAR(gaussian_error(&p, mean, root), 0, 1e-7);
  }
}

/* Newton squares the error: e' <= C e^2, with C near 1 for -log b about b near 1. */
static void test_newton(void) {
  static const double infinite[] = {INFINITY};
  const br_mirror_options options = {1, infinite, 1, 0, 0};
  double mean[5], root[25], before = INFINITY;
  problem p;
  int squared = 0;
  gaussian(&p, 3, &options);
  inverse_root(&p.sample, mean, root);
  for (int step = 0; step < 12; step++) {
    const double error = gaussian_error(&p, mean, root);
    if (before < 0.1 && before > 1e-7) {
      CHECK(error <= 5 * before * before + 1e-13);
      squared++;
    }
    before = error;
    CHECK(br_mirror_prepare(&p.m) == BR_OK);
    br_mirror_advance(&p.m);
    p.u.family->prepare(&p.u);
  }
  CHECK(squared >= 2);
}

/* In one dimension, data of mean 0 and standard deviation s = 2, u = b x^2/2: the explicit step is
 * Euler's method for the Riccati equation b' = 1/s^2 - b^2. From b = 1 with eta = 0.1 it gives
 * 0.626788967163 after ten steps. The implicit step solves (G + eta H) delta = -eta g with
 * g = b s^2 - 1/b, G = s^2/b, H = s^2 + 1/b^2. */
static void test_riccati(void) {
  static const double x[] = {-2, 2}, even[] = {0.5, 0.5}, eta[] = {0.1}, two[] = {0.3, 2};
  const br_mirror_options options[] = {{0, eta, 1, 0, 0}, {1, two, 2, 0, 0}};
  for (int implicit = 0; implicit <= 1; implicit++) {
    problem p = {.sample = {2, 1, x, even}};
    double b = 1;
    br_ridge_make(&p.u, 1, 0, 1, 0, 0, &heap);
    start(&p, &options[implicit], 0);
    for (int step = 0; step < 10; step++) {
      const double size = implicit ? two[step > 0] : eta[0], g = 4 * b - 1 / b;
      CHECK(br_mirror_prepare(&p.m) == BR_OK);
      CHECK(p.m.eta == size);
      const double system = 4 / b + implicit * size * (4 + 1 / (b * b));
      CHECK_NEAR(p.m.decrement, fabs(g) * sqrt(size / fmin(size, 1) / system), 1e-10);
      b -= implicit ? size * g / system : size * (b * b - 0.25);
      CHECK(br_mirror_advance(&p.m) == BR_OK);
      CHECK(p.m.length == 1);
      CHECK_NEAR(p.u.coef[1], b, 1e-12);
      CHECK_NEAR(p.u.coef[0], 0, 1e-15);
    }
    CHECK(p.m.steps == 10);
    if (!implicit) CHECK_NEAR(p.u.coef[1], 0.626788967163, 1e-10);
  }
}

/* --- atoms, certificate --------------------------------------------------------- */

/* Two clusters: nothing that a Gaussian map serves. With scale 1 the data are about whitened. */
static void clusters(problem *p, int d, int n_atoms, double scale, double kappa,
                     const br_mirror_options *options) {
  uint64_t seed = (uint64_t)(d + 17);
  p->sample = naive_sample(&seed, 203, d, 1);
  double *x = br_take(&heap, 203 * (size_t)d), w[NAIVE_D];
  for (size_t i = 0; i < 203 * (size_t)d; i++)
    x[i] = scale * (0.4 * p->sample.x[i] + (i % 203 < 80 ? -1.1 : 0.7));
  p->sample.x = x;
  br_ridge_make(&p->u, d, 0, d * (d + 1) / 2, n_atoms, kappa, &heap);
  naive_full_quadratic(&p->u);
  for (int k = 0; k < n_atoms; k++) {
    naive_unit(&seed, d, w);
    const double centre = scale * heap_between(&seed, -1.5, 1.5);
    const double width = scale * heap_between(&seed, 0.2, 1.5);
    br_ridge_add_atom(&p->u, k % 3 == 1 ? BR_STEP : BR_BUMP, w, centre, width, 0.1);
  }
  p->u.family->prepare(&p->u);
  start(p, options, 1e-2);
}

/* Newton with a barrier that falls to nothing: within 1e-9 of the minimum. */
static double tight_minimum(const problem *from, double penalty) {
  static const double infinite[] = {INFINITY};
  const br_mirror_options options = {1, infinite, 1, 0, penalty};
  const br_ridge *r = from->u.self;
  problem p = *from;
  double *coef = br_take(&heap, (size_t)r->max_coef);
  const int n = r->n_quadratic, d = r->d;
  br_ridge_make(&p.u, d, 0, n, r->n_atoms, r->kappa, &heap);
  br_ridge_load(&p.u, n, r->n_atoms, r->dir + (size_t)d * d, r->profile + d, r->centre + d,
                r->width + d, from->u.coef);
  memcpy(p.u.frozen, from->u.frozen, (size_t)p.u.n_coef * sizeof(int));
  start(&p, &options, 1);
  for (double beta = 1e-2; beta > 1e-12; beta /= 5) {
    p.m.beta = beta;
    for (int k = 0; k < 60; k++) {
      if (br_mirror_prepare(&p.m) != BR_OK) break;
      if (p.m.gap <= 1.5 * beta * p.u.family->barrier_parameter(&p.u)) break;
      if (br_mirror_advance(&p.m) != BR_OK) break;
    }
    memcpy(coef, p.u.coef, (size_t)p.u.n_coef * sizeof(double));
  }
  memcpy(p.u.coef, coef, (size_t)p.u.n_coef * sizeof(double));
  p.u.family->prepare(&p.u);
  return objective(&p, penalty);
}

/* A random point of the constraints near where the potential is. */
static double random_objective(const problem *from, uint64_t *seed, double penalty) {
  const br_ridge *r = from->u.self;
  const int d = r->d;
  problem p = *from;
  double value;
  br_ridge_make(&p.u, d, 0, r->n_quadratic, r->n_atoms, r->kappa, &heap);
  br_ridge_load(&p.u, r->n_quadratic, r->n_atoms, r->dir + (size_t)d * d, r->profile + d,
                r->centre + d, r->width + d, from->u.coef);
  memcpy(p.u.frozen, from->u.frozen, (size_t)p.u.n_coef * sizeof(int));
  for (int j = 0; j < p.u.n_coef; j++)
    if (!p.u.frozen[j]) p.u.coef[j] *= exp(0.1 * heap_normal(seed));
  p.u.family->prepare(&p.u);
  if (p.u.family->barrier(&p.u, 0, &value, NULL, NULL, 0) != BR_OK) return INFINITY;
  return objective(&p, penalty);
}

/* Along the path the objective is that of the plain formulas, F falls, and the certificate is
 * valid at every state. Returns the last one; minimum may be infinite, for unknown. */
static double run_path(problem *p, double penalty, double minimum, double beta, int steps) {
  double last = INFINITY, value;
  p->m.beta = beta;
  uint64_t seed = 5;
  for (int k = 0; k < steps; k++) {
    const br_status status = br_mirror_prepare(&p->m);
    CHECK(status == BR_OK);
    if (status != BR_OK) return INFINITY;
    CHECK_NEAR(p->m.objective, objective(p, penalty), 1e-11);
    CHECK(p->u.family->barrier(&p->u, 0, &value, NULL, NULL, 0) == BR_OK);
    const double F = p->m.objective + beta * value;
    CHECK(F <= last + 1e-12); /* rounding of the loss, and of the noise that the search allows */
    last = F;
    CHECK(p->m.gap >= p->m.objective - minimum - 1e-9); /* what the tight solution is short of */
    if (k % 5 == 0 && isfinite(p->m.gap))
      CHECK(random_objective(p, &seed, penalty) >= p->m.objective - p->m.gap - 1e-11);
    if (br_mirror_advance(&p->m) != BR_OK) break;
  }
  return p->m.gap;
}

static void test_certificate(int d, double scale, double kappa, double penalty) {
  static const double half[] = {0.5}, one[] = {1};
  const br_mirror_options runs[] = {{1, NULL, 0, INFINITY, penalty},
                                    {1, NULL, 0, 0.5, penalty},
                                    {1, one, 1, 0, penalty},
                                    {0, half, 1, 0, penalty}};
  double minimum = NAN;
  for (int k = 0; k < 4; k++) {
    problem p;
    clusters(&p, d, 6, scale, kappa, &runs[k]);
    if (k == 0) minimum = tight_minimum(&p, penalty);
    const double parameter = p.u.family->barrier_parameter(&p.u);
    const double first = run_path(&p, penalty, minimum, 1e-2, k < 2 ? 25 : 60);
    /* at the centre it is beta times the parameter: explicit steps need not be there yet */
    if (k < 3) CHECK_NEAR(first, 1e-2 * parameter, 1e-3 * parameter);
    const double second = run_path(&p, penalty, minimum, 1e-4, k < 2 ? 25 : 60);
    if (k < 2) CHECK_NEAR(second, 1e-4 * parameter, 1e-5 * parameter);
    if (k < 2) CHECK(p.m.objective - minimum <= 1e-4 * parameter + 1e-9);
    if (k > 0) continue;
    /* a shift c of the map costs |c|^2/2, and the certificate says just that */
    p.u.coef[0] += 0.3;
    CHECK(br_mirror_prepare(&p.m) == BR_OK);
    CHECK_NEAR(p.m.gap, second + 0.045, 1e-5 * parameter);
  }
}

/* Wide data want Q below kappa: the smallest eigenvalue ends at it, not below. */
static void test_floor(void) {
  static const double infinite[] = {INFINITY};
  const br_mirror_options options = {1, infinite, 1, 0, 0};
  problem p;
  clusters(&p, 2, 0, 10, 0.5, &options);
  for (double beta = 1e-1; beta > 1e-8; beta /= 10) run_path(&p, 0, INFINITY, beta, 15);
  const double lowest = p.u.family->min_eigenvalue(&p.u);
  CHECK(lowest > 0.5 && lowest < 0.5 + 1e-6);
  CHECK(p.m.gap < 1e-6);
}

/* Frozen coefficients keep their bits, and the certificate is that of the others. */
static void test_frozen(void) {
  const br_mirror_options options = {1, NULL, 0, INFINITY, 0.02};
  problem p;
  clusters(&p, 2, 6, 1, 0.05, &options);
  const int first = br_ridge_first_atom(&p.u);
  p.u.coef[first + 1] = 0.25;
  p.u.coef[first + 4] = 0.03;
  p.u.frozen[first + 1] = p.u.frozen[first + 4] = 1;
  const double minimum = tight_minimum(&p, 0.02);
  const double parameter = p.u.family->barrier_parameter(&p.u);
  CHECK(parameter == 4 + 2);
  run_path(&p, 0.02, minimum, 1e-2, 20);
  CHECK(p.u.coef[first + 1] == 0.25 && p.u.coef[first + 4] == 0.03);
  const double gap = run_path(&p, 0.02, minimum, 1e-4, 20);
  CHECK_NEAR(gap, 1e-4 * parameter, 1e-5 * parameter);
}

/* A step far beyond the constraints or out of the domain is shortened, also with eta too large
 * for stable explicit steps. */
static void test_backtracking(void) {
  static const double large[] = {30};
  const br_mirror_options options = {0, large, 1, 0, 0.1};
  problem p;
  int shortened = 0;
  double last = INFINITY, value;
  clusters(&p, 2, 8, 1, 0.05, &options);
  for (int k = 0; k < 30; k++) {
    CHECK(br_mirror_prepare(&p.m) == BR_OK);
    p.u.family->barrier(&p.u, 0, &value, NULL, NULL, 0);
    CHECK(p.m.objective + p.m.beta * value <= last + 1e-12);
    last = p.m.objective + p.m.beta * value;
    CHECK(br_mirror_advance(&p.m) == BR_OK);
    shortened += p.m.length < 1;
  }
  CHECK(shortened > 0);
}

/* An atom given twice leaves a system that is singular but for the barrier and its lift. */
static void test_duplicates(void) {
  static const double infinite[] = {INFINITY};
  const br_mirror_options options = {1, infinite, 1, 0, 0};
  problem once, p;
  clusters(&once, 2, 3, 1, 0.05, &options);
  p = once;
  const br_ridge *r = once.u.self;
  const int first = br_ridge_first_atom(&once.u);
  br_ridge_make(&p.u, 2, 0, 3, 6, 0.05, &heap);
  naive_full_quadratic(&p.u);
  for (int k = 0; k < 6; k++)
    br_ridge_add_atom(&p.u, (br_profile)r->profile[first + k / 2], r->dir + (first + k / 2) * 2,
                      r->centre[first + k / 2], r->width[first + k / 2], 0.05);
  start(&p, &options, 1e-9);
  for (int k = 0; k < 60; k++) {
    CHECK(br_mirror_prepare(&p.m) == BR_OK);
    if (p.m.gap < 1e-7) break;
    if (br_mirror_advance(&p.m) != BR_OK) break;
  }
  CHECK_NEAR(p.m.objective, tight_minimum(&once, 0), 1e-7);
}

/* The whole path with 1 and 2 threads: the same bits. */
static void test_threads(void) {
  const br_mirror_options options = {1, NULL, 0, 0.5, 0.01};
  double *coef[2];
  for (int threads = 1; threads <= 2; threads++) {
    uint64_t seed = 4;
    br_threads_set(threads);
    problem p;
    p.u = naive_potential(&seed, 3, -1, 40, 0.05);
    p.sample = naive_sample(&seed, 7101, 3, 1);
    start(&p, &options, 1e-3);
    for (int k = 0; k < 2; k++)
      CHECK(br_mirror_prepare(&p.m) == BR_OK && br_mirror_advance(&p.m) == BR_OK);
    coef[threads - 1] = p.u.coef;
  }
  CHECK(memcmp(coef[0], coef[1], 49 * sizeof(double)) == 0);
  br_threads_set(1);
}

static void test_level(void) {
  static const int dims[] = {1, 2, 3, 5};
  for (int i = 0; i < 4; i++) test_gaussian(dims[i]);
  test_newton();
  test_riccati();
  test_certificate(1, 1, 0.05, 0);
  test_certificate(2, 1, 0.05, 0.02);
  test_certificate(3, 1, 0.3, 0);
  test_certificate(2, 5, 0.5, 0.02); /* Q presses against kappa */
  test_floor();
  test_frozen();
  test_backtracking();
  test_duplicates();
  test_threads();
}

int main(void) {
  br_threads_set(1);
  heap_each_level(test_level);
  return CHECK_DONE();
}
