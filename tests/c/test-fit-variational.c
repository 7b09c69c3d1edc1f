/* Whole fits from a log density: a normal law is recovered, atoms come near the evidence of others,
 * validation and limits hold, fits go on from a potential. */
#include "../../src/fit.h"
#include "targets.h"

static br_fit_options standard(int max_atoms) {
  const br_fit_options options = {.tol = 1e-6,
                                  .round_tol = 1e-3,
                                  .max_iter = 1000,
                                  .max_seconds = INFINITY,
                                  .max_atoms = max_atoms,
                                  .max_rounds = 10,
                                  .a_round = 4,
                                  .patience = 3,
                                  .keep_best = 1,
                                  .kappa = 0.05,
                                  .min_score = 1e-4,
                                  .learner = &br_variational_learner,
                                  .mirror = {.implicit = 1, .step = INFINITY, .penalty = 1e-5},
                                  .columns = {.min_width = 0.1,
                                              .max_width = 3,
                                              .penalty = 1e-5,
                                              .directions = 32,
                                              .a_direction = 8,
                                              .refine = 12,
                                              .max_points = 1000}};
  return options;
}

typedef struct {
  br_fit fit;
  br_target target;
  law law;
} outcome;

static outcome *run(const br_fit_options *options, const law *t, const br_sample *sample,
                    const br_sample *held) {
  uint64_t seed = 2026;
  const br_host host = heap_host(&seed);
  outcome *o = heap_alloc(NULL, sizeof *o);
  o->law = *t;
  o->target = target_of(&o->law);
  br_learner_data data = {.sample = *sample, .target = &o->target};
  if (held) data.held_sample = *held;
  br_fit_run(&o->fit, options, &data, &host, &heap);
  o->fit.u.family->prepare(&o->fit.u);
  return o;
}

static double loss_of(outcome *o, const br_sample *sample) {
  return naive_variational(&o->fit.u, &o->law, sample);
}

/* --- a normal law ----------------------------------------------------------------- */

/* From the identity, by standard points: the mean and the covariance are those of the law, and Q is
 * the symmetric root. */
static void test_normal(void) {
  static const double mean[] = {0.5, -1, 2};
  static const double root[] = {1.2, 0.3, -0.2, 0.3, 0.8, 0.1, -0.2, 0.1, 2};
  double precision[9] = {0}, T[3], Q[9], worst = 0;
  const double origin[3] = {0};
  for (int k = 0; k < 27; k++)
    precision[k / 9 * 3 + k / 3 % 3] += root[k / 9 * 3 + k % 3] * root[k % 3 * 3 + k / 3 % 3];
  naive_invert(3, precision);
  const law t = {.f = normal_f, .d = 3, .mean = mean, .precision = precision};
  const br_sample sample = standard_points(4, 100, 3, 0);
  br_fit_options o = standard(0);
  o.tol = 1e-16;
  o.round_tol = 1e-6;
  outcome *out = run(&o, &t, &sample, NULL);
  CHECK(out->fit.status == BR_OK && isinf(out->fit.gap));
  naive_u(&out->fit.u, origin, T, Q);
  for (int k = 0; k < 3; k++) worst = larger(worst, fabs(T[k] - mean[k]));
  for (int k = 0; k < 9; k++) worst = larger(worst, fabs(Q[k] - root[k]));
  CHECK_NEAR(worst, 0, 1e-8);
  CHECK(out->target.batches < 25 && out->target.refused == 0);
  /* where the points stand for the reference to rounding, atoms have nothing to add */
  const law one = {.f = normal_f, .d = 1, .mean = mean + 2, .precision = (double[]){0.25}};
  const br_sample all = quadrature();
  o = standard(8);
  outcome *more = run(&o, &one, &all, NULL);
  CHECK(more->fit.status == BR_OK);
  CHECK_NEAR(loss_of(more, &all), 0.5 - log(2), 1e-5);
}

/* --- the evidence of a quartic ----------------------------------------------------- */

/* With r = log N(y) - f(T) + log T' log mean exp(r) is the log evidence whatever T, the mean of r
 * is below it, and it lies between the extremes of r. */
static void test_quartic(void) {
  const law t = {.f = quartic_f, .d = 1};
  const br_sample sample = quadrature();
  const double log_z = 0.7736609, constant = 0.918938533204672742;
  double elbo[2];
  for (int atoms = 0; atoms <= 1; atoms++) {
    br_fit_options o = standard(atoms ? 12 : 0);
    o.tol = 1e-9;
    o.mirror.penalty = o.columns.penalty = 1e-9;
    outcome *out = run(&o, &t, &sample, NULL);
    CHECK(out->fit.status == BR_OK);
    double mean = 0, evidence = 0, low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < sample.n; i++) {
      const double y = sample.x[i];
      const double r = 0.5 * y * y + constant - naive_excess(&out->fit.u, &out->law, &y);
      mean += sample.weight[i] * r;
      evidence += sample.weight[i] * exp(r);
      low = fmin(low, r);
      high = fmax(high, r);
    }
    CHECK_NEAR(log(evidence), log_z, 1e-7);
    CHECK(low <= log_z && log_z <= high && mean <= log_z);
    CHECK_NEAR(mean, 0.5 + constant - loss_of(out, &sample), 1e-12);
    elbo[atoms] = mean;
  }
  CHECK_NEAR(elbo[0], 0.7498146, 1e-7);
  CHECK(log_z - elbo[1] < 1e-3);
}

/* --- validation, threads ----------------------------------------------------------- */

static int same(const br_potential *a, const br_potential *b) {
  return a->n_coef == b->n_coef &&
         memcmp(a->coef, b->coef, (size_t)a->n_coef * sizeof(double)) == 0;
}

static double last(const br_table *table, int column) {
  return table->rows[(size_t)column * table->capacity + table->n - 1];
}

static void test_two_modes(void) {
  const law t = {.f = two_modes_f, .d = 2};
  const br_sample sample = quasi_points(1, 512, 2), held = quasi_points(2, 256, 2);
  const br_sample fresh = quasi_points(3, 4096, 2);
  const br_fit_options o = standard(16), gaussian = standard(0);
  outcome *one = run(&gaussian, &t, &sample, &held), *out = run(&o, &t, &sample, &held);
  CHECK(out->fit.status == BR_OK && one->fit.status == BR_OK && isinf(out->fit.gap));
  const double log_entropy = 2 * 0.918938533204672742 + 1; /* of the reference */
  const double first = loss_of(one, &fresh) - log_entropy, end = loss_of(out, &fresh) - log_entropy;
  CHECK(first > 0.1 && end > 0 && end < first / 10); /* KL to the law */
  CHECK_NEAR(last(&out->fit.rounds, 3), naive_variational(&out->fit.u, &out->law, &held), 1e-2);
  CHECK(last(&out->fit.rounds, 4) >= pow(last(&out->fit.rounds, 3), 2));
  CHECK(last(&out->fit.trace, 10) == (double)out->target.batches);
  CHECK_NEAR(last(&out->fit.trace, 2), loss_of(out, &sample), 1e-3); /* the penalty apart */
  const double *objective = out->fit.trace.rows + 2 * out->fit.trace.capacity;
  const double *round = out->fit.trace.rows + out->fit.trace.capacity;
  for (int i = 1; i < out->fit.trace.n; i++)
    if (round[i] == round[i - 1]) CHECK(objective[i] <= objective[i - 1] + 1e-2);
  br_threads_set(2);
  outcome *again = run(&o, &t, &sample, &held);
  br_threads_set(1);
  CHECK(same(&again->fit.u, &out->fit.u) && again->target.batches == out->target.batches);
}

/* Few points, many atoms: the validation has its minimum, and that is what is returned. */
static void test_best(void) {
  const law t = {.f = two_modes_f, .d = 2};
  const br_sample sample = quasi_points(1, 64, 2), held = quasi_points(2, 512, 2);
  br_fit_options o = standard(40);
  for (int keep = 0; keep <= 1; keep++) {
    o.keep_best = keep;
    outcome *out = run(&o, &t, &sample, &held);
    const double *validation = out->fit.rounds.rows + 3 * out->fit.rounds.capacity;
    double best = INFINITY, at_end = naive_variational(&out->fit.u, &out->law, &held);
    for (int i = 0; i < out->fit.rounds.n; i++) best = fmin(best, validation[i]);
    CHECK(last(&out->fit.rounds, 3) > best + 0.02);
    CHECK(keep ? at_end < best + 0.01 : at_end > best + 0.02);
    CHECK(last(&out->fit.trace, 3) == (keep ? best : last(&out->fit.rounds, 3)));
    CHECK(isfinite(last(&out->fit.trace, 2)));
  }
}

/* --- targets that refuse or fail ---------------------------------------------------- */

/* Where f is not finite at the start, the one batch says at how many points. */
static void test_bad_start(void) {
  const law t = {.f = two_modes_f, .d = 2, .wall = 2};
  const br_sample sample = quasi_points(1, 128, 2), held = quasi_points(2, 64, 2);
  const br_fit_options o = standard(8);
  outcome *out = run(&o, &t, &sample, &held);
  size_t outside = 0;
  double y[2];
  for (size_t i = 0; i < sample.n; i++) {
    naive_point(&sample, i, y);
    outside += naive_dot(2, y, y) > 4;
  }
  CHECK(out->fit.status == BR_ERR_NOT_FINITE && out->target.batches == 1);
  CHECK(outside > 0 && out->target.refused == outside);
}

/* Whatever batch fails, the fit ends with that status and a potential that is convex, and no worse
 * than the start. */
static void test_failures(void) {
  law t = {.f = two_modes_f, .d = 2};
  const br_sample sample = quasi_points(1, 128, 2), held = quasi_points(2, 64, 2);
  const br_fit_options o = standard(8);
  outcome *whole = run(&o, &t, &sample, &held);
  const int batches = (int)whole->target.batches;
  double before = 0, y[2];
  for (size_t i = 0; i < sample.n; i++) {
    naive_point(&sample, i, y);
    before += sample.weight[i] * two_modes_f(&t, y, (double[2]){0});
  }
  for (int at = 1; at <= batches; at += 1 + at / 10) {
    t.fail_at = at;
    t.failure = at % 2 ? BR_TARGET_FAILED : BR_INTERRUPTED;
    outcome *out = run(&o, &t, &sample, &held);
    CHECK(out->fit.status == t.failure && out->law.asked == at);
    CHECK(loss_of(out, &sample) <= before + 1e-12);
    t.fail_at = 0;
    t.refuse_after = at;
    out = run(&o, &t, &sample, &held);
    CHECK(out->fit.status == BR_OK || out->fit.status == BR_STALLED ||
          out->fit.status == BR_TARGET_FAILED);
    CHECK(out->target.batches < (size_t)batches + 400);
    CHECK(loss_of(out, &sample) <= before + 1e-12);
    t.refuse_after = 0;
  }
}

static double farthest(const br_potential *u, const br_sample *sample) {
  double most = 0, y[2], T[2];
  for (size_t i = 0; i < sample->n; i++) {
    naive_point(sample, i, y);
    naive_u(u, y, T, NULL);
    most = fmax(most, sqrt(naive_dot(u->d, T, T)));
  }
  return most;
}

/* A wall just beyond where the Gaussian map takes the points: atoms begin, steps end and atoms go
 * where it is not in the way. */
static void test_walls(int d) {
  law t = {.f = two_modes_f, .d = d};
  const br_sample sample = quasi_points(1, 128, d);
  const br_fit_options gaussian = standard(0), o = standard(8);
  outcome *one = run(&gaussian, &t, &sample, NULL);
  const double reach = farthest(&one->fit.u, &sample);
  for (int k = 0; k < 8; k++) {
    t.wall = reach * (1.0001 + 0.01 * k);
    outcome *out = run(&o, &t, &sample, NULL);
    CHECK(out->fit.status == BR_OK || out->fit.status == BR_STALLED);
    CHECK(farthest(&out->fit.u, &sample) <= t.wall);
    CHECK(loss_of(out, &sample) < loss_of(one, &sample) - 0.01);
  }
}

/* --- going on from a potential ------------------------------------------------------ */

static double naive_distance(const br_potential *a, const br_potential *b, const br_sample *at) {
  double worst = 0, y[NAIVE_D], S[NAIVE_D], T[NAIVE_D];
  for (size_t i = 0; i < at->n; i++) {
    naive_point(at, i, y);
    naive_u(a, y, S, NULL);
    naive_u(b, y, T, NULL);
    for (int k = 0; k < a->d; k++) worst = larger(worst, fabs(S[k] - T[k]));
  }
  return worst;
}

static void test_start(int d) {
  const law t = {.f = quartic_f, .d = d};
  const br_sample sample = standard_points(1, 200, d, 0), more = standard_points(5, 400, d, 0);
  br_fit_options o = standard(12);
  o.max_rounds = 3;
  outcome *first = run(&o, &t, &sample, NULL);
  CHECK(br_ridge_first_atom(&first->fit.u) < first->fit.u.n_coef);
  o.start = &first->fit.u;
  o.max_rounds = 0;
  o.round_tol = o.tol; /* the barrier stays where it was */
  outcome *again = run(&o, &t, &sample, NULL);
  CHECK(again->fit.status == BR_OK && again->fit.u.n_coef == first->fit.u.n_coef);
  CHECK(again->target.batches <= 4);
  CHECK(naive_distance(&first->fit.u, &again->fit.u, &sample) < 1e-2);
  CHECK_NEAR(loss_of(again, &sample), loss_of(first, &sample), 2e-6);
  CHECK(again->fit.trace.rows[2 * again->fit.trace.capacity] == last(&first->fit.trace, 2));
  /* more points and more atoms: fewer batches than from the beginning */
  o.round_tol = 1e-3;
  o.max_rounds = 1;
  o.max_atoms = 16;
  outcome *on = run(&o, &t, &more, NULL);
  o.start = NULL;
  o.max_rounds = 4;
  outcome *anew = run(&o, &t, &more, NULL);
  CHECK(on->fit.status == BR_OK && on->target.batches < anew->target.batches);
  CHECK(loss_of(on, &more) < loss_of(first, &more) - 1e-4);
}

/* On the data side too, with its frozen tails. */
static void test_start_of_data(void) {
  uint64_t seed = 1, draws = 2;
  br_sample data = naive_sample(&seed, 150, 2, 0);
  for (size_t i = 0; i < data.n; i++) ((double *)data.x)[i] += i % 2 ? 1.5 : -1.5;
  const br_learner_data all = {.sample = data};
  const br_host host = heap_host(&draws);
  br_fit_options o = standard(8);
  br_fit first, again;
  o.learner = &br_likelihood_learner;
  o.max_rounds = 2;
  br_fit_run(&first, &o, &all, &host, &heap);
  o.start = &first.u;
  o.max_rounds = 0;
  o.round_tol = o.tol;
  br_fit_run(&again, &o, &all, &host, &heap);
  int frozen[2] = {0, 0};
  for (int j = 0; j < first.u.n_coef; j++) frozen[0] += first.u.frozen[j];
  for (int j = 0; j < again.u.n_coef; j++) frozen[1] += again.u.frozen[j];
  CHECK(frozen[0] > 0 && frozen[1] == frozen[0] && again.u.n_coef == first.u.n_coef);
  CHECK(again.status == BR_OK && again.gap <= o.tol);
  CHECK(last(&again.trace, 0) <= 2);
  CHECK_NEAR(naive_loss(&again.u, &data), naive_loss(&first.u, &data), 2e-6);
}

static void test_level(void) {
  test_normal();
  test_quartic();
  test_two_modes();
  test_best();
  test_walls(1);
  test_walls(2);
  test_failures();
  test_bad_start();
  test_start(1);
  test_start(2);
  test_start(14); /* Q is not full there */
  test_start_of_data();
}

int main(void) {
  br_threads_set(1);
  heap_each_level(test_level);
  return CHECK_DONE();
}
