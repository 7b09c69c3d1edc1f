/* The sum of a softmax and a ridge potential: its parts, moments in the full form against
 * differences and against the form of rank one, and mirror steps. */
#include "../../src/fit.h"
#include "../../src/sum.h"
#include "softmax.h"

#define ROUNDING 1e-11

typedef struct {
  br_potential u;
  br_sample sample;
  br_moments m;
  br_moments_plan plan;
  br_loss_plan loss_plan;
} problem;

static void at_point(br_potential *u, const double *x, double *grad, double *hess) {
  double part[NAIVE_D], curve[NAIVE_D * NAIVE_D];
  const int d = u->d;
  naive_u(br_sum_ridge(u), x, grad, hess);
  softmax_at(br_sum_softmax(u), x, part, curve);
  for (int i = 0; i < d; i++) grad[i] += part[i];
  for (int i = 0; i < d * d; i++) hess[i] += curve[i];
}

static void make_sum(br_potential *u, uint64_t *seed, int d, int given, int n, int n_atoms) {
  const br_potential from = naive_conditional(seed, d, given, -1, n_atoms, 0.05);
  const br_ridge *r = from.self;
  const int first = r->n_linear;
  br_sum_make(u, d, given, n, r->n_quadratic, n_atoms + 2, 0.05, &heap);
  br_ridge_load(br_sum_ridge(u), r->n_quadratic, n_atoms, br_ridge_direction(&from, first),
                r->profile + first, r->centre + first, r->width + first, from.coef);
  br_sum_refresh(u);
  softmax_fill(br_sum_softmax(u), seed);
  u->family->prepare(u);
}

static problem make_problem(int d, int given, int n, int n_atoms, size_t points) {
  uint64_t seed = (uint64_t)(d + 10 * n + 100 * n_atoms);
  problem p;
  make_sum(&p.u, &seed, d, given, n, n_atoms);
  p.sample = naive_sample(&seed, points, d + given, 1);
  br_moments_make(&p.m, &p.plan, &p.u, points, p.u.n_coef + 2, &heap);
  br_loss_plan_make(&p.loss_plan, &p.u, points, 0, &heap);
  return p;
}

static void test_parts(void) {
  uint64_t seed = 1;
  br_potential u;
  make_sum(&u, &seed, 2, 1, 3, 4);
  const br_potential *s = br_sum_softmax(&u), *r = br_sum_ridge(&u);
  CHECK(strcmp(u.family->name, "sum") == 0);
  CHECK(u.n_coef == s->n_coef + r->n_coef && s->coef == u.coef && r->coef == u.coef + s->n_coef);
  CHECK(br_sum_ridge((br_potential *)r) == r && br_sum_softmax((br_potential *)r) == NULL);
  const br_sample sample = naive_sample(&seed, 70, 3, 0);
  double *map = br_take(&heap, 140), *logdet = br_take(&heap, 70), *value = br_take(&heap, 70);
  double worst[3] = {0};
  br_potential_eval(&u, &sample, map, logdet, value, &heap);
  for (size_t i = 0; i < 70; i++) {
    double x[3], grad[2], hess[4];
    naive_point(&sample, i, x);
    at_point(&u, x, grad, hess);
    const double total = naive_u(r, x, NULL, NULL) + softmax_at(s, x, NULL, NULL);
    worst[0] = larger(worst[0], apart(value[i], total));
    for (int k = 0; k < 2; k++) worst[1] = larger(worst[1], apart(map[k * 70 + i], grad[k]));
    worst[2] = larger(worst[2], apart(logdet[i], naive_invert(2, hess)));
  }
  for (int k = 0; k < 3; k++) CHECK_NEAR(worst[k], 0, ROUNDING);
  /* an atom more, and fewer */
  const double w[3] = {0.6, 0.8, 0.1};
  const int keep[5] = {1, 0, 1, 0, 1}, before = u.n_coef;
  br_ridge_add_atom(br_sum_ridge(&u), BR_BUMP, w, 0.3, 0.5, 0.7);
  br_sum_refresh(&u);
  CHECK(u.n_coef == before + 1 && u.coef[before] == 0.7);
  br_ridge_keep(br_sum_ridge(&u), keep);
  br_sum_refresh(&u);
  CHECK(u.n_coef == before - 1 && u.coef[before - 2] == 0.7);
  CHECK(u.family->min_eigenvalue(&u) == r->family->min_eigenvalue(br_sum_ridge(&u)));
}

/* Constraints and penalty are those of the parts, in their places. */
static void test_constraints(void) {
  uint64_t seed = 2;
  br_potential u;
  make_sum(&u, &seed, 2, 0, 2, 3);
  br_potential *s = br_sum_softmax(&u), *r = br_sum_ridge(&u);
  const int p = u.n_coef, first = s->n_coef, q = r->n_coef;
  double *g = br_take(&heap, p), *H = br_take(&heap, (size_t)p * p), *h = br_take(&heap, p);
  double *K = br_take(&heap, (size_t)p * p), value, part;
  CHECK(u.family->barrier(&u, 0.3, &value, g, H, p) == BR_OK);
  CHECK(r->family->barrier(r, 0.3, &part, h + first, K, q) == BR_OK);
  CHECK(value == part && memcmp(g, h, p * sizeof(double)) == 0);
  for (int j = 0; j < p; j++)
    for (int l = j; l < p; l++)
      CHECK(H[j * p + l] == (j < first ? 0 : K[(j - first) * q + l - first]));
  CHECK(u.family->barrier_parameter(&u) == r->family->barrier_parameter(r));
  memset(g, 0, p * sizeof(double));
  memset(h, 0, p * sizeof(double));
  const double penalty = u.family->penalty(&u, 0.2, g, H, p);
  part = s->family->penalty(s, 0.2, h, NULL, 0) + r->family->penalty(r, 0.2, h + first, NULL, 0);
  CHECK_NEAR(penalty, part, 1e-15);
  CHECK(memcmp(g, h, p * sizeof(double)) == 0);
  memset(g, 0, p * sizeof(double));
  CHECK(isinf(u.family->max_step(&u, g)));
  g[0] = -4;
  CHECK_NEAR(u.family->max_step(&u, g), 0.25, 1e-15);
  g[p - 1] = -8 * u.coef[p - 1];
  CHECK_NEAR(u.family->max_step(&u, g), 0.125, 1e-15);
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

/* Gradient against differences of the loss; metric and Hessian against sums of features that
 * are differences themselves. */
static void test_moments(int d, int given, int n, int n_atoms, size_t points) {
  problem q = make_problem(d, given, n, n_atoms, points);
  const int p = q.u.n_coef, rows = BR_JET_ROWS(d);
  const double h = 1e-3;
  double gradient = 0, force = 0, metric = 0, hessian = 0, loss = 0, square = 0;
  double *G = br_take(&heap, (size_t)p * p), *H = br_take(&heap, (size_t)p * p);
  double *g = br_take(&heap, p);
  jet *jets = (jet *)br_take(&heap, (size_t)p * sizeof(jet) / sizeof(double));
  br_moments_compute(&q.m, &q.plan, &q.u, &q.sample, 1, 1);
  for (int j = 0; j < p; j++) {
    const double one = (loss_at(&q, j, h) - loss_at(&q, j, -h)) / (2 * h);
    const double two = (loss_at(&q, j, 2 * h) - loss_at(&q, j, -2 * h)) / (4 * h);
    gradient = larger(gradient, apart((4 * one - two) / 3, q.m.gradient[j]));
  }
  for (size_t i = 0; i < points; i++) {
    double x[NAIVE_D], T[NAIVE_D], A[NAIVE_D * NAIVE_D], L[NAIVE_D * NAIVE_D] = {0};
    naive_point(&q.sample, i, x);
    at_point(&q.u, x, T, A);
    for (int k = 0; k < d; k++)
      for (int l = 0; l <= k; l++) {
        const double sum = A[k * d + l] - naive_dot(l, L + k * d, L + l * d);
        L[k * d + l] = k == l ? sqrt(sum) : sum / L[l * d + l];
      }
    square += q.sample.weight[i] * naive_dot(d, T, T);
    loss += q.sample.weight[i] * (0.5 * naive_dot(d, T, T) - naive_invert(d, A));
    for (int j = 0; j < p; j++) {
      jets[j] = jet_at(&q.u, at_point, j, x, T, L, q.sample.weight[i]);
      g[j] += jets[j].force;
      for (int l = 0; l <= j; l++) {
        G[l * p + j] += naive_dot(d, jets[j].steep, jets[l].steep);
        H[l * p + j] += naive_dot(rows, jets[j].rows, jets[l].rows);
      }
    }
  }
  for (int j = 0; j < p; j++) {
    force = larger(force, apart(q.m.gradient[j], g[j]));
    for (int l = j; l < p; l++) {
      metric = larger(metric, apart(q.m.metric[j * q.m.ldm + l], G[j * p + l]));
      hessian = larger(hessian, apart(q.m.hessian[j * q.m.ldm + l], H[j * p + l]));
    }
  }
  CHECK_NEAR(apart(q.m.loss, loss), 0, ROUNDING);
  CHECK_NEAR(apart(q.m.square_map, square), 0, ROUNDING);
  CHECK_NEAR(gradient, 0, 1e-7);
  CHECK_NEAR(force, 0, 1e-7);
  CHECK_NEAR(metric, 0, 1e-7);
  CHECK_NEAR(hessian, 0, 1e-7);
}

/* A ridge potential that may not use its form of rank one has the same moments. */
static void test_full_form(int d, int given, size_t points) {
  uint64_t seed = (uint64_t)(d + given);
  br_potential u = naive_conditional(&seed, d, given, -1, 7, 0.05), v = u;
  br_family family = *u.family;
  family.rank_one = 0;
  v.family = &family;
  const br_sample sample = naive_sample(&seed, points, d + given, 1);
  br_moments m[2];
  br_moments_plan plan[2];
  double worst = 0;
  for (int k = 0; k < 2; k++) {
    br_moments_make(&m[k], &plan[k], k ? &v : &u, points, u.n_coef, &heap);
    br_moments_compute(&m[k], &plan[k], k ? &v : &u, &sample, 1, 1);
  }
  CHECK(m[0].loss == m[1].loss || apart(m[0].loss, m[1].loss) < 1e-14);
  for (int j = 0; j < u.n_coef; j++) {
    worst = larger(worst, apart(m[1].gradient[j], m[0].gradient[j]));
    for (int l = j; l < u.n_coef; l++) {
      const size_t at = (size_t)j * m[0].ldm + l;
      worst = larger(worst, apart(m[1].metric[at], m[0].metric[at]));
      worst = larger(worst, apart(m[1].hessian[at], m[0].hessian[at]));
    }
  }
  CHECK_NEAR(worst, 0, ROUNDING);
}

/* --- steps and fits ---------------------------------------------------------- */

/* Two clusters at -1 and 1 with deviation 0.3 in the first coordinate, normal others; the mean
 * loss of the true law, whose clusters hardly overlap, is log 2 + log 0.3 + d/2. */
static double truth(int d) { return log(0.6) + 0.5 * d; }

static br_sample clusters(uint64_t seed, size_t n, int d) {
  br_sample sample = naive_sample(&seed, n, d, 0);
  double *x = br_take(&heap, n * (size_t)d);
  memcpy(x, sample.x, n * (size_t)d * sizeof(double));
  for (size_t i = 0; i < n; i++) x[i] = 0.3 * x[i] + (i % 2 ? 1 : -1);
  sample.x = x;
  return sample;
}

static double naive_sum_loss(br_potential *u, const br_sample *sample) {
  double sum = 0, x[NAIVE_D], T[NAIVE_D], A[NAIVE_D * NAIVE_D];
  for (size_t i = 0; i < sample->n; i++) {
    naive_point(sample, i, x);
    at_point(u, x, T, A);
    sum += sample->weight[i] * (0.5 * naive_dot(u->d, T, T) - naive_invert(u->d, A));
  }
  return sum;
}

/* No step raises the objective, and together they find the clusters. */
static void test_steps(int implicit) {
  uint64_t seed = 3;
  const br_sample sample = clusters(9, 600, 2);
  const br_host host = heap_host(&seed);
  const br_mirror_options options = {.implicit = implicit, .step = 0.5, .penalty = 1e-3};
  br_potential u;
  br_mirror m;
  br_sum_make(&u, 2, 0, 12, 3, 0, 0.05, &heap);
  br_softmax_start(br_sum_softmax(&u), &sample, 0.6, &host, &heap);
  br_ridge_add_quadratic(br_sum_ridge(&u), (double[]){0.6, 0.8}, 0);
  br_sum_refresh(&u);
  for (int k = 2; k < 4; k++) br_sum_ridge(&u)->coef[k] = 0.4; /* and 0.6 in the components */
  br_learner learner;
  const br_learner_data data = {.sample = sample};
  br_learner_make(&learner, br_learner_find("likelihood"), &data, &u, u.n_coef, &heap);
  br_mirror_make(&m, &options, &u, &learner, u.n_coef, &heap);
  m.beta = 1e-3;
  double before = INFINITY, first = 0;
  for (int step = 0; step < 60; step++) {
    if (br_mirror_prepare(&m) != BR_OK) CHECK(0);
    const double now = m.objective + m.beta * m.barrier;
    CHECK(now <= before + 1e-12);
    CHECK(isinf(m.gap) && m.decrement >= 0);
    if (step == 0) first = m.decrement;
    before = now;
    if (br_mirror_advance(&m) != BR_OK) break;
  }
  br_mirror_prepare(&m);
  CHECK_NEAR(learner.moments.loss, naive_sum_loss(&u, &sample), 1e-11);
  CHECK(m.decrement < 0.2 * first);
  if (implicit) CHECK_NEAR(learner.moments.loss, truth(2), 0.06);
}

static br_fit_options standard(size_t n) {
  const double penalty = 1 / (double)n;
  const br_fit_options options = {.learner = br_learner_find("likelihood"),
                                  .tol = 1e-6,
                                  .round_tol = 1e-2,
                                  .max_iter = 1000,
                                  .max_seconds = INFINITY,
                                  .max_rounds = 8,
                                  .n_components = 8,
                                  .a_round = 2,
                                  .patience = 8,
                                  .kappa = 0.05,
                                  .min_score = 1e-3,
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

static br_fit fit_of(const br_fit_options *o, const br_sample *train, const br_sample *valid) {
  uint64_t seed = 11;
  const br_host host = heap_host(&seed);
  const br_learner_data data = {.sample = *train, .held_sample = *valid};
  br_fit fit;
  br_fit_run(&fit, o, &data, &host, &heap);
  return fit;
}

static double last_of(const br_table *table, int column) {
  return table->rows[(size_t)column * table->capacity + table->n - 1];
}

enum { OBJECTIVE = 2, DECREMENT = 7, ATOMS = 11, ROUND_VALIDATION = 3 };

static void test_fit(int d, int max_atoms) {
  const br_sample train = clusters(1, 700, d), valid = clusters(2, 700, d);
  br_fit_options o = standard(train.n);
  o.max_atoms = max_atoms;
  br_fit fit = fit_of(&o, &train, &valid);
  const br_ridge *r = br_sum_ridge(&fit.u)->self;
  CHECK(strcmp(fit.u.family->name, "sum") == 0 && br_sum_softmax(&fit.u) != NULL);
  CHECK(fit.status == BR_OK && isinf(fit.gap) && fit.rounds.n <= 9);
  CHECK(fit.u.n_coef == br_softmax_coefs(d, 0, 8) + br_sum_ridge(&fit.u)->n_coef);
  CHECK(max_atoms > 0 ? last_of(&fit.trace, ATOMS) > 0 : last_of(&fit.trace, ATOMS) == 0);
  CHECK(r->n_atoms >= last_of(&fit.trace, ATOMS));
  const double loss = naive_sum_loss(&fit.u, &train), held = naive_sum_loss(&fit.u, &valid);
  const double penalty = fit.u.family->penalty(&fit.u, o.mirror.penalty, NULL, NULL, 0);
  CHECK_NEAR(last_of(&fit.trace, OBJECTIVE), loss + penalty, 1e-11);
  CHECK_NEAR(last_of(&fit.rounds, ROUND_VALIDATION), held, 1e-11);
  CHECK_NEAR(held, truth(d), d < 4 ? 0.1 : 0.2); /* Gauss would be 0.55 above */
  /* another number of threads, the same bits */
  const int limit = br_threads_limit();
  br_threads_set(3 - limit);
  const br_fit again = fit_of(&o, &train, &valid);
  CHECK(again.u.n_coef == fit.u.n_coef);
  CHECK(memcmp(again.u.coef, fit.u.coef, fit.u.n_coef * sizeof(double)) == 0);
  br_threads_set(limit);
}

/* Rounds enough, and the steps settle: then there are no more rounds. */
static void test_settled(void) {
  const br_sample train = clusters(1, 400, 1), none = {0, 0, NULL, NULL};
  br_fit_options o = standard(train.n);
  o.max_rounds = 300;
  o.tol = 1e-5;
  br_fit fit = fit_of(&o, &train, &none);
  CHECK(fit.status == BR_OK && fit.rounds.n < 300);
  CHECK(last_of(&fit.trace, DECREMENT) <= sqrt(1e-5));
  o.max_iter = 3;
  fit = fit_of(&o, &train, &none);
  CHECK(fit.status == BR_MAX_ITERATIONS && fit.trace.n == 4);
}

static void all(void) {
  test_parts();
  test_constraints();
  test_moments(1, 0, 3, 2, 9);
  test_moments(2, 0, 3, 4, 21);
  test_moments(2, 2, 3, 4, 600);
  test_moments(5, 1, 2, 3, 17);
  test_full_form(1, 0, 50);
  test_full_form(2, 1, 700);
  test_full_form(6, 0, 300);
  test_steps(1);
  test_steps(0);
  test_fit(1, 0);
  test_fit(2, 0);
  test_fit(2, 6);
  test_fit(4, 0);
  test_settled();
}

int main(void) {
  heap_each_setting(all);
  return CHECK_DONE();
}
