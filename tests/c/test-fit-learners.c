/* Whole fits between two samples: columns, certificate and validation of J, in one dimension
 * against sorting. */
#include "../../src/fit.h"
#include "two-samples.h"

static br_fit_options standard(const char *learner, double penalty) {
  const br_fit_options options = {.tol = 1e-6,
                                  .round_tol = 1e-3,
                                  .max_iter = 1000,
                                  .max_seconds = INFINITY,
                                  .max_atoms = 12,
                                  .max_rounds = 10,
                                  .a_round = 4,
                                  .patience = 3,
                                  .kappa = 0.05,
                                  .min_score = 1e-4,
                                  .learner = br_learner_find(learner),
                                  .mirror = {.implicit = 1, .step = INFINITY, .penalty = penalty},
                                  .columns = {.min_width = 0.1,
                                              .max_width = 3,
                                              .penalty = penalty,
                                              .directions = 32,
                                              .a_direction = 8,
                                              .refine = 12,
                                              .max_points = 1000}};
  return options;
}

static br_fit run(const br_fit_options *options, const br_learner_data *data) {
  uint64_t seed = 2026;
  const br_host host = heap_host(&seed);
  br_fit fit;
  br_fit_run(&fit, options, data, &host, &heap);
  fit.u.family->prepare(&fit.u);
  return fit;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Two clusters along the first coordinate, normal others; equal weights. */
static br_sample clusters(uint64_t seed, size_t n, int d) {
  br_sample sample = naive_sample(&seed, n, d, 0);
  double *x = (double *)sample.x;
  for (size_t i = 0; i < n; i++) x[i] = 0.35 * x[i] + (i % 2 ? 0.94 : -0.94);
  return sample;
}

static br_sample normal(uint64_t seed, size_t n, int d) { return naive_sample(&seed, n, d, 0); }

static double lowest(const br_table *table, int column) {
  double best = INFINITY;
  for (int i = 0; i < table->n; i++) best = fmin(best, table->rows[column * table->capacity + i]);
  return best;
}

/* In one dimension the assignment of sorted points is optimal, so that J less its mean product is
 * the duality gap B of the map, and with D^2 u <= L at and between the points
 * mean |T(x_(i)) - y_(i)|^2 <= 2 L B. More atoms bring B down. */
static void test_sorting(const char *learner, int data_first) {
  enum { n = 120 };
  const br_sample data = clusters(1, n, 1), noise = normal(2, n, 1);
  const br_learner_data both = {.sample = data_first ? data : noise,
                                .other = data_first ? noise : data};
  br_fit_options o = standard(learner, 1e-5);
  double x[n], y[n], excess[2], product = 0;
  memcpy(x, both.sample.x, sizeof x);
  memcpy(y, both.other.x, sizeof y);
  qsort(x, n, sizeof *x, by_value);
  qsort(y, n, sizeof *y, by_value);
  for (int i = 0; i < n; i++) product += x[i] * y[i] / n;
  for (int atoms = 0; atoms <= 1; atoms++) {
    o.max_atoms = atoms ? 12 : 0;
    br_fit fit = run(&o, &both);
    CHECK(fit.status == BR_OK && fit.gap <= o.tol);
    excess[atoms] = naive_semidual(&fit.u, &both.sample, &both.other) - product;
    double error = 0, steepest = 0, map, hess;
    for (double at = x[0] - 1; at < x[n - 1] + 1; at += 1e-3) {
      naive_u(&fit.u, &at, &map, &hess);
      steepest = fmax(steepest, hess);
    }
    for (int i = 0; i < n; i++) {
      naive_u(&fit.u, &x[i], &map, NULL);
      error += pow(map - y[i], 2) / n;
    }
    CHECK(excess[atoms] >= -1e-12);
    CHECK(error <= 2 * steepest * excess[atoms] * (1 + 1e-6)); /* equal without atoms */
  }
  CHECK(excess[1] < 0.1 * excess[0]);
}

/* In more dimensions: the trace falls within a round, the certificate holds, the map takes
 * fresh points of the one law to the other better than the Gaussian map does. */
static void test_clusters(const char *learner, int d, int data_first) {
  const br_sample data = clusters(1, 150, d), noise = normal(2, 200, d);
  const br_sample fresh = clusters(3, 150, d), fresh_noise = normal(4, 150, d);
  const br_learner_data both = {.sample = data_first ? data : noise,
                                .other = data_first ? noise : data,
                                .held_sample = data_first ? fresh : fresh_noise,
                                .held_other = data_first ? fresh_noise : fresh};
  br_fit_options o = standard(learner, 1e-3);
  o.noise = both.other;
  br_fit fit = run(&o, &both);
  CHECK(fit.status == BR_OK && fit.gap <= o.tol);
  CHECK(fit.rounds.n > 1);
  const double *validation = fit.rounds.rows + 3 * fit.rounds.capacity;
  CHECK(lowest(&fit.rounds, 3) < validation[0] - 0.01);
  CHECK_NEAR(validation[fit.rounds.n - 1],
             naive_semidual(&fit.u, &both.held_sample, &both.held_other), 1e-2);
  const double *identity = fit.trace.rows + 16 * fit.trace.capacity;
  const double *jeffreys = fit.trace.rows + 13 * fit.trace.capacity;
  for (int i = 0; i + 1 < fit.trace.n; i++) CHECK(identity[i] < 1e-12);
  for (int i = 0; i + 1 < fit.trace.n; i++) CHECK(jeffreys[i] > -1e-12);
}

static void test_level(void) {
  static const char *const names[] = {"semidual", "logistic", "score"};
  for (int k = 0; k < 3; k++) {
    test_sorting(names[k], 0);
    if (k < 2) test_sorting(names[k], 1);
    test_clusters(names[k], 2, 0);
    if (k < 2) test_clusters(names[k], 2, 1);
  }
}

int main(void) {
  br_threads_set(1);
  heap_each_level(test_level);
  return CHECK_DONE();
}
