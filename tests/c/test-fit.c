/* Whole fits: what ends them, what they return, and that it is what it claims to be. */
#include "../../src/fit.h"
#include "naive.h"

static br_fit_options standard(size_t n) {
  const double penalty = 1 / (double)n;
  const br_fit_options options = {.tol = 1e-6,
                                  .round_tol = 1e-3,
                                  .max_iter = 1000,
                                  .max_seconds = INFINITY,
                                  .max_atoms = 20,
                                  .max_rounds = 6,
                                  .a_round = 4,
                                  .patience = 3,
                                  .kappa = 0.05,
                                  .min_score = 1e-3,
                                  .learner = br_learner_find("likelihood"),
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

/* Two clusters with mean near 0 and variance near 1, in the first coordinate; normal others. */
static br_sample clusters(uint64_t seed, size_t n, int d) {
  br_sample sample = naive_sample(&seed, n, d, 0);
  double *x = br_take(&heap, n * (size_t)d);
  memcpy(x, sample.x, n * (size_t)d * sizeof(double));
  for (size_t i = 0; i < n; i++) x[i] = 0.35 * x[i] + (i % 2 ? 0.94 : -0.94);
  sample.x = x;
  return sample;
}

static const br_sample no_sample = {0, 0, NULL, NULL};

static br_fit run(const br_fit_options *options, const br_sample *train, const br_sample *valid) {
  uint64_t seed = 2026;
  const br_host host = heap_host(&seed);
  br_fit fit;
  const br_learner_data data = {.sample = *train, .held_sample = *valid};
  br_fit_run(&fit, options, &data, &host, &heap);
  return fit;
}

static int column(const char *const *names, int n, const char *name) {
  for (int k = 0; k < n; k++)
    if (strcmp(names[k], name) == 0) return k;
  CHECK(!"a column of that name");
  return 0;
}

static double cell(const br_table *table, int row, const char *const *names, int n,
                   const char *name) {
  return table->rows[(size_t)column(names, n, name) * table->capacity + row];
}

static double trace(const br_fit *fit, int row, const char *name) {
  return cell(&fit->trace, row, br_trace_names, BR_TRACE_COLUMNS, name);
}

static double rounds(const br_fit *fit, int row, const char *name) {
  return cell(&fit->rounds, row, br_round_names, BR_ROUND_COLUMNS, name);
}

static double objective(const br_fit *fit, const br_fit_options *o, const br_sample *train) {
  return naive_loss(&fit->u, train) + naive_penalty(&fit->u, o->mirror.penalty);
}

/* Atoms that the fit chose; the frozen ones carry the tails. */
static int atoms(const br_fit *fit) {
  int count = 0;
  for (int j = br_ridge_first_atom(&fit->u); j < fit->u.n_coef; j++) count += !fit->u.frozen[j];
  return count;
}

/* The potential is usable, and the last row of the trace is about it. */
static void check_state(br_fit *fit, const br_fit_options *o, const br_sample *train) {
  const int last = fit->trace.n - 1;
  fit->u.family->prepare(&fit->u);
  const double lowest = fit->u.family->min_eigenvalue(&fit->u);
  CHECK(last >= 0 && fit->trace.n <= fit->trace.capacity);
  CHECK(lowest >= o->kappa);
  for (int j = br_ridge_first_atom(&fit->u); j < fit->u.n_coef; j++) CHECK(fit->u.coef[j] > 0);
  for (int j = 0; j < fit->u.n_coef; j++) {
    const double *w = naive_direction(&fit->u, j);
    CHECK_NEAR(naive_dot(fit->u.d, w, w), 1, 1e-14);
  }
  CHECK(atoms(fit) <= o->max_atoms);
  CHECK_NEAR(trace(fit, last, "objective"), objective(fit, o, train), 1e-10); /* rounding */
  CHECK_NEAR(trace(fit, last, "min_eigenvalue"), lowest, 1e-12);
  CHECK(trace(fit, last, "atoms") == atoms(fit));
  CHECK(trace(fit, last, "gap") == fit->gap);
  CHECK(isnan(trace(fit, last, "step")));
  for (int k = 0; k < last; k++) {
    CHECK(trace(fit, k, "iter") == k);
    CHECK(trace(fit, k, "step") > 0 && trace(fit, k, "step") <= 1);
    CHECK(trace(fit, k, "evaluations") < trace(fit, k + 1, "evaluations"));
    CHECK(trace(fit, k, "seconds") <= trace(fit, k + 1, "seconds"));
  }
}

/* Converged: the certificate is below the tolerance, and each round lowered the objective. */
static br_fit check_converged(const br_fit_options *o, const br_sample *train,
                              const br_sample *valid) {
  br_fit fit = run(o, train, valid);
  CHECK(fit.status == BR_OK);
  CHECK(fit.gap >= 0 && fit.gap <= o->tol);
  check_state(&fit, o, train);
  for (int k = 0; k < fit.rounds.n; k++) CHECK(rounds(&fit, k, "round") == k);
  for (int k = 1; k < fit.rounds.n; k++) {
    /* each is within round_tol of its minimum, and dropped atoms weigh no more than that */
    CHECK(rounds(&fit, k, "objective") <= rounds(&fit, k - 1, "objective") + o->round_tol);
    CHECK(rounds(&fit, k, "score") >= o->min_score);
  }
  CHECK(rounds(&fit, 0, "atoms") == 0 && isnan(rounds(&fit, 0, "score")));
  return fit;
}

/* The clusters differ from the normal law by some 0.4 nats in the first coordinate. */
static void test_clusters(int d, size_t n) {
  const br_sample train = clusters(1, n, d), valid = clusters(2, n, d);
  const br_fit_options o = standard(n);
  const br_fit fit = check_converged(&o, &train, &no_sample);
  const int last = fit.rounds.n - 1;
  CHECK(last > 0 && atoms(&fit) > 0);
  CHECK(fit.trace.n < 200); /* Newton: a few steps a barrier */
  /* in high dimensions every atom brings a direction of Q */
  const int n_quadratic = ((const br_ridge *)fit.u.self)->n_quadratic;
  const int full = d * (d + 1) / 2, most = d + o.max_atoms;
  CHECK(d > 12 ? n_quadratic > d && n_quadratic <= most : n_quadratic == full);
  CHECK(isnan(rounds(&fit, 0, "validation")) && isnan(rounds(&fit, last, "validation")));
  CHECK(objective(&fit, &o, &train) < rounds(&fit, 0, "objective") - 0.2);
  /* the standard normal law has d/2; in 13 dimensions a few hundred points are overfitted */
  if (d <= 2) CHECK(naive_loss(&fit.u, &valid) < 0.5 * d - 0.2);
}

/* A tolerance no finer than that of the rounds is met, too, after the last atoms are dropped. */
static void test_coarse(void) {
  static const double tolerances[] = {1e-3, 1e-2, 0.1, 0.5};
  const br_sample train = clusters(4, 150, 2);
  br_fit_options o = standard(150);
  for (int k = 0; k < 4; k++)
    for (o.max_rounds = 1; o.max_rounds <= 6; o.max_rounds++) {
      o.tol = o.round_tol = tolerances[k];
      check_converged(&o, &train, &no_sample);
    }
}

/* Without atoms: the Gaussian map, Q S Q = I and T of mean 0. The loss is within tol of the
 * minimum, where its second derivative is 2 or so: coefficients within sqrt(tol). */
static void test_gaussian(void) {
  uint64_t seed = 5;
  const br_sample train = naive_sample(&seed, 97, 3, 1), valid = naive_sample(&seed, 50, 3, 1);
  br_fit_options o = standard(97);
  o.max_atoms = 0;
  o.tol = o.round_tol = 1e-10;
  const br_fit fit = check_converged(&o, &train, &valid);
  CHECK(atoms(&fit) == 0 && fit.rounds.n == 1);
  double mean[3] = {0}, square[9] = {0};
  for (size_t i = 0; i < train.n; i++) {
    double x[3], T[3];
    naive_point(&train, i, x);
    naive_u(&fit.u, x, T, NULL);
    for (int k = 0; k < 3; k++) {
      mean[k] += train.weight[i] * T[k];
      for (int l = 0; l < 3; l++) square[3 * k + l] += train.weight[i] * T[k] * T[l];
    }
  }
  for (int k = 0; k < 3; k++) CHECK_NEAR(mean[k], 0, 1e-4);
  for (int k = 0; k < 9; k++) CHECK_NEAR(square[k], k % 4 == 0, 1e-4);
  /* that of the round, which is not as near the minimum as the end */
  o.rounds_only = 1;
  const br_fit round = run(&o, &train, &valid);
  CHECK(round.status == BR_OK && isinf(round.gap) && round.rounds.n == 1);
  CHECK_NEAR(rounds(&round, 0, "validation"), rounds(&fit, 0, "validation"), 0);
  CHECK_NEAR(rounds(&round, 0, "validation"), naive_loss(&round.u, &valid), 1e-12);
  CHECK_NEAR(rounds(&round, 0, "validation"), naive_loss(&fit.u, &valid), 1e-5);
  double squares = 0, x[3];
  for (size_t i = 0; i < valid.n; i++) {
    naive_point(&valid, i, x);
    squares += valid.weight[i] * pow(naive_point_loss(&round.u, x), 2);
  }
  CHECK_NEAR(rounds(&round, 0, "validation_square"), squares, 1e-11);
}

/* Normal data: whatever atoms the training sample suggests, they change next to nothing. */
static void test_normal_data(void) {
  enum { n = 3000 };
  uint64_t seed = 6;
  const br_sample train = naive_sample(&seed, n, 2, 0), valid = naive_sample(&seed, n, 2, 0);
  const br_sample fresh = naive_sample(&seed, 2 * n, 2, 0);
  br_fit_options o = standard(n);
  o.tol = 1e-4;
  o.patience = 2;
  const br_fit fit = check_converged(&o, &train, &valid);
  double best = INFINITY, excess = 0, x[2];
  for (int k = 0; k < fit.rounds.n; k++) best = fmin(best, rounds(&fit, k, "validation"));
  /* 20 atoms of 3 numbers each overfit by p/(2n), that is 0.01; its noise is smaller */
  CHECK(best > rounds(&fit, 0, "validation") - 0.01);
  for (size_t i = 0; i < fresh.n; i++) {
    naive_point(&fresh, i, x);
    excess += (naive_point_loss(&fit.u, x) - 0.5 * naive_dot(2, x, x)) / (double)fresh.n;
  }
  CHECK(excess > -0.01 && excess < 0.03);
}

/* The rounds end when the validation has not improved for `patience` of them. */
static void test_patience(void) {
  uint64_t seed = 7;
  const br_sample train = naive_sample(&seed, 60, 2, 0), valid = naive_sample(&seed, 500, 2, 0);
  br_fit_options o = standard(60);
  o.max_atoms = 200;
  o.max_rounds = 40;
  o.patience = 2;
  o.min_score = 0;
  const br_fit fit = check_converged(&o, &train, &valid);
  double best = INFINITY;
  int at = 0; /* round 0 is not counted: the first with atoms always passes */
  for (int k = 1; k < fit.rounds.n; k++)
    if (rounds(&fit, k, "validation") < best) {
      best = rounds(&fit, k, "validation");
      at = k;
    }
  CHECK(fit.rounds.n - 1 == at + o.patience);
}

/* Atoms that vanish are dropped: some round ends with fewer than its steps had. */
static void test_dropped(void) {
  int dropped = 0;
  for (uint64_t seed = 13; seed < 17; seed++) {
    const br_sample train = clusters(seed, 100, 2);
    br_fit_options o = standard(100);
    o.max_atoms = 200;
    o.max_rounds = 16;
    o.round_tol = 0.05;
    o.min_score = 0;
    const br_fit fit = check_converged(&o, &train, &no_sample);
    int row = 0;
    for (int k = 0; k < fit.rounds.n; k++)
      for (; row < fit.trace.n - 1 && trace(&fit, row, "round") == k; row++)
        dropped += trace(&fit, row, "atoms") > rounds(&fit, k, "atoms");
    CHECK(atoms(&fit) > 0);
  }
  CHECK(dropped > 0);
}

/* Columns below min_score are not added, and a round without any is the last. */
static void test_min_score(void) {
  const br_sample train = clusters(12, 200, 2);
  br_fit_options o = standard(200);
  o.min_score = 1e3;
  const br_fit fit = check_converged(&o, &train, &no_sample);
  CHECK(atoms(&fit) == 0 && fit.rounds.n == 1);
}

/* Explicit steps reach the same place more slowly, and keep their atoms. */
static void test_explicit(void) {
  static const double eta[] = {0.5};
  const br_sample train = clusters(8, 300, 1);
  br_fit_options o = standard(300);
  o.tol = o.round_tol = 1e-2;
  o.max_rounds = 3;
  o.mirror = (br_mirror_options){.eta = eta, .n_eta = 1, .penalty = o.mirror.penalty};
  const br_fit fit = check_converged(&o, &train, &no_sample);
  CHECK(atoms(&fit) > 0);
  CHECK(objective(&fit, &o, &train) < rounds(&fit, 0, "objective") - 0.1);
}

typedef struct {
  uint64_t seed;
  int calls, stop_at, atoms;
  double objective;
} watcher;

static double watch_uniform(void *ctx) { return heap_uniform(&((watcher *)ctx)->seed); }

static int watch(void *ctx, const br_progress *progress) {
  watcher *w = ctx;
  w->calls++;
  CHECK(progress->iteration == w->calls);
  CHECK(isfinite(progress->objective));
  w->atoms = progress->atoms;
  return w->calls == w->stop_at;
}

/* Stopped by the host, by the number of steps or by time: told, and usable. */
static void test_stopped(int steps) {
  const br_sample train = clusters(9, 200, 2);
  br_fit_options o = standard(200);
  watcher w = {.seed = 3, .stop_at = steps};
  const br_host host = {&w, watch, watch_uniform};
  br_fit fit;
  const br_learner_data data = {.sample = train};
  br_fit_run(&fit, &o, &data, &host, &heap);
  CHECK(fit.status == BR_INTERRUPTED && w.calls == steps);
  CHECK(fit.trace.n == steps + 1);
  check_state(&fit, &o, &train);
  o.max_iter = steps;
  fit = run(&o, &train, &no_sample);
  CHECK(fit.status == BR_MAX_ITERATIONS && fit.trace.n == steps + 1);
  check_state(&fit, &o, &train);
  o.max_iter = 1000;
  o.max_seconds = -1;
  fit = run(&o, &train, &no_sample);
  CHECK(fit.status == BR_MAX_TIME && fit.trace.n == 2);
  check_state(&fit, &o, &train);
}

static void test_threads(void) {
  const br_sample train = clusters(10, 1500, 3), valid = clusters(11, 600, 3);
  br_fit_options o = standard(1500);
  o.max_rounds = 2;
  o.columns.directions = 120;
  br_fit fit[2];
  for (int k = 0; k < 2; k++) {
    br_threads_set(k + 1);
    fit[k] = run(&o, &train, &valid);
  }
  br_threads_set(1);
  CHECK(fit[0].status == fit[1].status && fit[0].gap == fit[1].gap && atoms(&fit[0]) > 0);
  CHECK(fit[0].u.n_coef == fit[1].u.n_coef && fit[0].trace.n == fit[1].trace.n);
  CHECK(memcmp(fit[0].u.coef, fit[1].u.coef, (size_t)fit[0].u.n_coef * sizeof(double)) == 0);
  for (int k = 0; k < fit[0].rounds.n; k++)
    CHECK(rounds(&fit[0], k, "validation") == rounds(&fit[1], k, "validation"));
}

static void test_level(void) {
  test_clusters(1, 300);
  test_clusters(2, 301);
  test_clusters(13, 400); /* Q is diagonal plus the directions of the atoms */
  test_coarse();
  test_gaussian();
  test_normal_data();
  test_patience();
  test_dropped();
  test_min_score();
  test_explicit();
  test_stopped(1);
  test_stopped(3);
  test_stopped(14);
  test_threads();
}

int main(void) {
  CHECK(br_fit_max_quadratic(12, 5) == 78 && br_fit_max_quadratic(13, 5) == 18);
  br_threads_set(1);
  heap_each_level(test_level);
  return CHECK_DONE();
}
