/* src/ledger.c: the three-point identity, and a path against sums done by hand. */
#include "../../src/inverse.h"
#include "../../src/ledger.h"
#include "../../src/mirror.h"
#include "../../src/ridge.h"
#include "heap.h"

/* --- draws ------------------------------------------------------------------- */

static uint64_t state = 1;

static double uniform(void) { return heap_uniform(&state); }

static double normal(void) { return heap_normal(&state); }

static br_sample draw(size_t n, int d, int weighted) {
  double *x = br_take(&heap, n * d), *weight = br_take(&heap, n), total = 0;
  for (size_t i = 0; i < n * d; i++) x[i] = normal();
  for (size_t i = 0; i < n; i++) total += weight[i] = weighted ? .1 + uniform() : 1;
  for (size_t i = 0; i < n; i++) weight[i] /= total;
  return (br_sample){n, d, x, weight};
}

/* Points on the line with mean zero and standard deviation s exactly. */
static br_sample on_line(size_t n, double s) {
  br_sample sample = draw(n, 1, 0);
  double *x = (double *)sample.x, mean = 0, square = 0;
  for (size_t i = 0; i < n; i++) mean += x[i] / (double)n;
  for (size_t i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean) / (double)n;
  for (size_t i = 0; i < n; i++) x[i] = s * (x[i] - mean) / sqrt(square);
  return sample;
}

static void add_atom(br_potential *u) {
  double w[8], norm = 0;
  for (int k = 0; k < u->d; k++) {
    w[k] = normal();
    norm += w[k] * w[k];
  }
  for (int k = 0; k < u->d; k++) w[k] /= sqrt(norm);
  br_profile profile = uniform() < .5 ? BR_BUMP : BR_STEP;
  br_ridge_add_atom(u, profile, w, normal(), .1 + uniform(), uniform());
}

/* --- the identity under moves of every size -------------------------------- */

/* A move of all coefficients that leaves u convex: atoms stay positive, and Q = I + small. */
static void draw_move(const br_potential *u, double size, double *delta) {
  int first = br_ridge_first_atom(u);
  for (int j = 0; j < u->n_coef; j++)
    delta[j] = size * (j < u->d    ? normal()
                       : j < first ? .3 * (uniform() - u->coef[j])
                                   : uniform() - u->coef[j]);
}

static void worst_of_x(const br_ledger *ledger, const br_potential *u, double *worst) {
  size_t m = ledger->noise.n;
  br_sample model = {m, u->d, ledger->x, NULL};
  double *map = br_take(&heap, m * u->d);
  br_potential_eval(u, &model, map, NULL, NULL, &heap);
  for (size_t i = 0; i < m * u->d; i++) *worst = fmax(*worst, fabs(map[i] - ledger->noise.x[i]));
}

static void test_identity(int d) {
  br_sample data = draw(700, d, 1), noise = draw(96, d, 0);
  br_potential u;
  br_ledger ledger;
  double delta[64], worst_x = 0, worst = 0, least = INFINITY, sum = 0;
  br_ridge_make(&u, d, 0, 8, 20, .01, &heap);
  for (int i = 0; i < 5; i++) add_atom(&u);
  br_ledger_make(&ledger, &u, &data, &noise, &heap);
  br_ledger_update(&ledger, &u);
  double lowest = ledger.first;
  for (int step = 0; step < 40; step++) {
    double length = step % 2 ? 1 : .3, size = pow(10, -(step % 5) * 2);
    draw_move(&u, size, delta);
    br_ledger_aim(&ledger, &u, delta, 1);
    for (int j = 0; j < u.n_coef; j++) u.coef[j] += length * delta[j];
    br_ledger_step(&ledger, &u, length);
    worst = fmax(worst, ledger.identity);
    least = fmin(least, ledger.bregman);
    sum += ledger.gain;
    if (step % 10 == 5) { /* features come and go between rounds */
      int keep[20] = {0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
      br_ridge_keep(&u, keep);
      add_atom(&u);
      add_atom(&u);
      br_ledger_update(&ledger, &u);
      least = fmin(least, ledger.bregman);
      sum += ledger.gain;
    }
    worst_of_x(&ledger, &u, &worst_x);
    lowest = fmin(lowest, ledger.semidual);
    CHECK(ledger.regret <= ledger.first - ledger.lowest + ledger.stability + 1e-12);
  }
  /* Terms of size d to 10 d, sums of 700: rounding is some 1e-15 of them. */
  CHECK_NEAR(worst, 0, 1e-13);
  CHECK(least >= -1e-13);
  CHECK(ledger.lowest == lowest);
  CHECK_NEAR(ledger.regret, sum, 1e-11);
  CHECK_NEAR(ledger.regret, ledger.first - ledger.semidual + ledger.stability, 1e-11);
  /* The tolerance of the solves, 1e-8 of 1 + |y|, |y| < 5. */
  CHECK_NEAR(worst_x, 0, 1e-7);
}

/* A start that is the solution is left as it is, and start and answer may be one array. */
static void test_start(void) {
  br_sample y = draw(200, 2, 0);
  br_potential u;
  br_inverse_options options = {.tol = 1e-9, .max_iter = 100};
  double *x = br_take(&heap, 400), *again = br_take(&heap, 400);
  int *cold = br_take_int(&heap, 200), *warm = br_take_int(&heap, 200), steps = 0;
  br_ridge_make(&u, 2, 0, 3, 4, .01, &heap);
  for (int i = 0; i < 4; i++) add_atom(&u);
  u.family->prepare(&u);
  CHECK(br_inverse(&u, &y, &options, x, cold, &heap) == BR_OK);
  memcpy(again, x, 400 * sizeof(double));
  CHECK(br_inverse_from(&u, &y, again, &options, again, warm, &heap) == BR_OK);
  for (int i = 0; i < 200; i++) {
    CHECK(warm[i] == 0);
    steps += cold[i];
  }
  CHECK(steps >= 200);
  CHECK(memcmp(x, again, 400 * sizeof(double)) == 0);
}

/* A step that is not the one announced must show. */
static void test_identity_can_fail(void) {
  br_sample data = draw(100, 2, 0), noise = draw(64, 2, 0);
  br_potential u;
  br_ledger ledger;
  double delta[8] = {.2, 0, .1, 0};
  br_ridge_make(&u, 2, 0, 3, 2, .01, &heap);
  br_ledger_make(&ledger, &u, &data, &noise, &heap);
  br_ledger_update(&ledger, &u);
  br_ledger_aim(&ledger, &u, delta, 1);
  for (int j = 0; j < u.n_coef; j++) u.coef[j] += delta[j];
  br_ledger_step(&ledger, &u, .99);
  CHECK(ledger.identity > 1e-6);
}

/* --- one dimension, by bisection and the C library's erfc ------------------- */

static double psi(double t) {
  return t * .5 * erfc(-t * sqrt(.5)) + exp(-t * t / 2) / sqrt(6.283185307179586);
}

static double value_by_hand(const double *c, double x) {
  return c[0] * x + c[1] * x * x / 2 + c[2] * .25 * psi((x - .3) / .5);
}

static double inverse_by_hand(const double *c, double y) {
  double low = -100, high = 100;
  while (high - low > 1e-13) {
    double x = (low + high) / 2;
    double map = c[0] + c[1] * x + c[2] * .5 * .5 * erfc(-(x - .3) / .5 * sqrt(.5));
    *(map < y ? &low : &high) = x;
  }
  return (low + high) / 2;
}

static double semidual_by_hand(const double *c, const br_sample *data, const br_sample *noise) {
  double sum = 0;
  for (size_t i = 0; i < data->n; i++) sum += data->weight[i] * value_by_hand(c, data->x[i]);
  for (size_t j = 0; j < noise->n; j++) {
    double x = inverse_by_hand(c, noise->x[j]);
    sum += (x * noise->x[j] - value_by_hand(c, x)) / (double)noise->n;
  }
  return sum;
}

static double gain_by_hand(const double *c, const double *delta, const br_sample *data,
                           const br_sample *noise) {
  double sum = 0;
  for (size_t j = 0; j < noise->n; j++)
    sum += value_by_hand(delta, inverse_by_hand(c, noise->x[j])) / (double)noise->n;
  for (size_t i = 0; i < data->n; i++) sum -= data->weight[i] * value_by_hand(delta, data->x[i]);
  return sum;
}

static void test_by_hand(void) {
  br_sample data = draw(150, 1, 1), noise = draw(50, 1, 0);
  const double w = 1, c[4][3] = {{.2, .8, 0}, {.2, .8, 1.5}, {-.1, .5, 2.5}, {-.1, .5, 0}};
  br_potential u;
  br_ledger ledger;
  double delta[3], regret = 0;
  int keep = 0;
  br_ridge_make(&u, 1, 0, 1, 1, .01, &heap);
  memcpy(u.coef, c[0], 2 * sizeof(double));
  br_ledger_make(&ledger, &u, &data, &noise, &heap);
  br_ledger_update(&ledger, &u);
  for (int k = 1; k < 4; k++) {
    for (int j = 0; j < 3; j++) delta[j] = c[k][j] - c[k - 1][j];
    if (k == 2) { /* a step; before it an atom comes, and after it goes */
      br_ledger_aim(&ledger, &u, delta, 1);
      memcpy(u.coef, c[2], 3 * sizeof(double));
      br_ledger_step(&ledger, &u, 1);
    } else {
      if (k == 1) br_ridge_add_atom(&u, BR_BUMP, &w, .3, .5, c[1][2]);
      if (k == 3) br_ridge_keep(&u, &keep);
      br_ledger_update(&ledger, &u);
    }
    double gain = gain_by_hand(c[k - 1], delta, &data, &noise);
    double fall = semidual_by_hand(c[k - 1], &data, &noise) - semidual_by_hand(c[k], &data, &noise);
    regret += gain;
    /* An x to 1e-8/min u'' = 2e-8 moves the gain by as much, and J by its square. */
    CHECK_NEAR(ledger.gain, gain, 2e-7);
    CHECK_NEAR(ledger.bregman, gain - fall, 2e-7);
    CHECK_NEAR(ledger.semidual, semidual_by_hand(c[k], &data, &noise), 1e-12);
    CHECK_NEAR(ledger.regret, regret, 4e-7);
  }
}

/* --- Gaussian laws: u = b x^2/2, sample of standard deviation s -------------- */

/* J - min J = (b s - 1)^2/(2 b), Jeffreys = (b s - 1/(b s))^2/2; explicit mirror steps of
 * size .1 are Euler's for b' = 1/s^2 - b^2, which from b = 1, s = 2 has .626788967163 after
 * ten. The sums depend on second moments alone, which are exact here. */
static void test_gaussian(void) {
  const double s = 2, eta = .1;
  br_sample data = on_line(300, s), noise = on_line(64, 1);
  br_mirror_options options = {.eta = &eta, .n_eta = 1, .step = eta};
  br_potential u;
  const br_learner_data samples = {.sample = data};
  br_learner learner;
  br_mirror mirror;
  br_ledger ledger;
  double regret = 0, b = 1;
  br_ridge_make(&u, 1, 0, 1, 0, 1e-3, &heap);
  br_learner_make(&learner, br_learner_find("likelihood"), &samples, &u, 2, &heap);
  br_mirror_make(&mirror, &options, &u, &learner, 2, &heap);
  br_ledger_make(&ledger, &u, &data, &noise, &heap);
  br_ledger_update(&ledger, &u);
  for (int k = 0; k < 10; k++) {
    double derivative = 0, jeffreys = .5 * pow(b * s - 1 / (b * s), 2);
    CHECK_NEAR(ledger.semidual - s, pow(b * s - 1, 2) / (2 * b), 1e-13);
    CHECK(br_mirror_prepare(&mirror) == BR_OK);
    for (int j = 0; j < 2; j++) derivative += learner.moments.gradient[j] * mirror.delta[j];
    br_ledger_aim(&ledger, &u, mirror.delta, derivative);
    CHECK(br_mirror_advance(&mirror) == BR_OK && mirror.length == 1);
    br_ledger_step(&ledger, &u, mirror.length);
    /* x is solved to 1e-8; a quadratic potential leaves nothing to solve after one step. */
    CHECK_NEAR(ledger.jeffreys, jeffreys, 1e-12);
    CHECK_NEAR(ledger.gain, eta * jeffreys, 1e-13);
    CHECK(ledger.identity < 1e-15);
    b += eta * (1 / (s * s) - b * b);
    regret += eta * jeffreys;
  }
  CHECK_NEAR(u.coef[1], .626788967163, 1e-12);
  CHECK_NEAR(ledger.regret, regret, 1e-12);
}

/* A Newton step of any length gives the same estimate: the size of the step is its own. */
static void test_newton(void) {
  const double s = 2, b = .9;
  br_sample data = on_line(1000, s), noise = on_line(64, 1);
  br_potential u;
  br_ledger ledger;
  br_ridge_make(&u, 1, 0, 1, 0, 1e-3, &heap);
  u.coef[1] = b;
  br_ledger_make(&ledger, &u, &data, &noise, &heap);
  br_ledger_update(&ledger, &u);
  double gradient = b * s * s - 1 / b, delta[2] = {0, -gradient / (s * s + 1 / (b * b))};
  br_ledger_aim(&ledger, &u, delta, gradient * delta[1]);
  /* 512 of the 1000 points are in the metric: their mean square is s^2 to a few percent. */
  CHECK_NEAR(ledger.jeffreys / (.5 * pow(b * s - 1 / (b * s), 2)), 1, .15);
}

static void test_none(void) {
  br_sample data = draw(20, 2, 0), noise = {0, 2, NULL, NULL};
  br_potential u;
  br_ledger ledger;
  double delta[4] = {0};
  br_ridge_make(&u, 2, 0, 3, 2, .01, &heap);
  br_ledger_make(&ledger, &u, &data, &noise, &heap);
  br_ledger_update(&ledger, &u);
  br_ledger_aim(&ledger, &u, delta, 0);
  br_ledger_step(&ledger, &u, 1);
  CHECK(isnan(ledger.regret) && isnan(ledger.jeffreys) && isnan(ledger.identity));
  CHECK(isnan(ledger.first) && isnan(ledger.lowest));
}

int main(void) {
  test_identity(1);
  test_identity(3);
  test_identity_can_fail();
  test_start();
  test_by_hand();
  test_gaussian();
  test_newton();
  test_none();
  heap_free();
  return CHECK_DONE();
}
