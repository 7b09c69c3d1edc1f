/* The flows of the learners against closed forms: Gaussian laws in one dimension and many, the
 * stability of explicit steps, both orientations, and the symmetries of optimal transport. */
#include "two-samples.h"

static const double infinite[] = {INFINITY};

static br_mirror_options fixed_steps(int implicit, const double *eta) {
  return (br_mirror_options){implicit, eta, 1, 0, 0};
}

/* --- one dimension ---------------------------------------------------------------- */

static void on_line(problem *p, const br_sample *sample, const br_sample *other, double a,
                    const char *learner, const br_mirror_options *options) {
  *p = (problem){.data = {.sample = *sample, .other = *other}};
  br_ridge_make(&p->u, 1, 0, 1, 0, 0, &heap);
  p->u.coef[1] = a;
  p->u.family->prepare(&p->u);
  start(p, learner, options, 0);
}

/* One step, without a search of the line if free. */
static void step(problem *p, int free) {
  CHECK(br_mirror_prepare(&p->m) == BR_OK);
  if (!free) {
    CHECK(br_mirror_advance(&p->m) == BR_OK);
    CHECK(p->m.length == 1);
    return;
  }
  for (int j = 0; j < p->u.n_coef; j++) p->u.coef[j] += p->m.delta[j];
  p->u.family->prepare(&p->u);
}

/* Three points with the first four moments of N(0, s^2): M is the population's. */
static const double third[] = {1.0 / 6, 2.0 / 3, 1.0 / 6};
static const double one_x[] = {-1.7320508075688772, 0, 1.7320508075688772};
static const double two_x[] = {-3.4641016151377544, 0, 3.4641016151377544};
static const double three_x[] = {-5.196152422706632, 0, 5.196152422706632};
static const br_sample normal_three = {3, 1, one_x, third}, data_three = {3, 1, two_x, third};

/* Reference side, nu = N(0, 1), data of standard deviation s = 2: the score of Gaussian laws is
 * linear, so that explicit steps are Euler's method for A' = 1 - A^2/s^2, of order one: A = 1/b
 * with b(1) = 0.639765422194, b(2) = 0.547242974874. */
static void test_riccati(void) {
  static const double ends[] = {1 / 0.639765422194, 1 / 0.547242974874};
  double error[2][3];
  for (int k = 0; k < 3; k++) {
    const double eta = 0.1 / (1 << k);
    const br_mirror_options options = fixed_steps(0, &eta);
    problem p;
    on_line(&p, &normal_three, &data_three, 1, "score", &options);
    for (int i = 0; i < 20 << k; i++) {
      step(&p, 0);
      if (i + 1 == 10 && k == 0) CHECK_NEAR(p.u.coef[1], 1.576238181095, 1e-10);
      if (i + 1 == 10 << k) error[0][k] = p.u.coef[1] - ends[0];
    }
    error[1][k] = p.u.coef[1] - ends[1];
    CHECK_NEAR(p.u.coef[0], 0, 1e-14);
  }
  for (int end = 0; end < 2; end++)
    for (int k = 0; k < 2; k++) {
      const double order = log2(error[end][k] / error[end][k + 1]);
      CHECK(order > 0.95 && order < 1.1);
    }
}

/* Implicit steps of infinite size with the exact ratio are the Babylonian iteration for the root of
 * S, here of 9. Along the gradient they are Newton's, A <- 3 A/2 - A^3/(2 S). */
static void test_babylonian(void) {
  static const double huge[] = {1e12};
  static const double known[] = {5, 3.4, 3.0235, 3.00009};
  const br_sample data = {3, 1, three_x, third};
  const br_mirror_options options = fixed_steps(1, huge);
  problem p;
  on_line(&p, &normal_three, &data, 1, "score", &options);
  double a = 1;
  for (int k = 0; k < 4; k++) {
    step(&p, 0);
    a = (a + 9 / a) / 2;
    CHECK_NEAR(p.u.coef[1], a, 1e-10);
    CHECK_NEAR(p.u.coef[1], known[k], 5e-5);
  }
  problem q;
  on_line(&q, &normal_three, &data, 2.5, "semidual", &options);
  step(&q, 0);
  CHECK_NEAR(q.u.coef[1], 1.5 * 2.5 - 2.5 * 2.5 * 2.5 / 18, 1e-10);
}

/* Density of N(0, s^2) on a grid: sums over it are integrals to the last digits. */
static br_sample grid(size_t n, double s) {
  double *x = br_take(&heap, n), *weight = br_take(&heap, n), total = 0;
  for (size_t i = 0; i < n; i++) {
    const double t = -8 + 16 * (double)i / (double)(n - 1);
    x[i] = s * t;
    total += weight[i] = exp(-0.5 * t * t);
  }
  for (size_t i = 0; i < n; i++) weight[i] /= total;
  return (br_sample){n, 1, x, weight};
}

/* The regression finds the ratio of two normal laws, but for its ridge, which vanishes with the
 * number of points: data side B' = 1/s^2 - B^2, reference side as above. */
static void test_ratio(void) {
  static const double eta[] = {0.1};
  const br_mirror_options options = fixed_steps(0, eta);
  double error[2][2];
  for (int k = 0; k < 2; k++) {
    const br_sample noise = grid(4001 << k, 1), data = grid(4001 << k, 2);
    problem p;
    on_line(&p, &data, &noise, 1, "logistic", &options);
    problem q;
    on_line(&q, &noise, &data, 1, "logistic", &options);
    for (int i = 0; i < 10; i++) {
      step(&p, 0);
      step(&q, 0);
    }
    error[0][k] = fabs(p.u.coef[1] - 0.626788967163);
    error[1][k] = fabs(q.u.coef[1] - 1.576238181095);
  }
  for (int side = 0; side < 2; side++) {
    CHECK(error[side][0] < 5e-3);
    CHECK(error[side][1] < 0.6 * error[side][0]);
  }
}

/* About A = s a mode of degree n is multiplied by 1 - n eta/s: explicit steps are stable below
 * eta = 2 s/n. The ridge family has the modes of degree one, the mean, and two. */
static void test_thresholds(void) {
  static const double s = 2, small = 1e-5;
  for (int mode = 1; mode <= 2; mode++)
    for (int above = 0; above <= 1; above++) {
      const double eta = (above ? 1.05 : 0.95) * 2 * s / mode;
      const br_mirror_options options = fixed_steps(0, &eta);
      problem p;
      on_line(&p, &normal_three, &data_three, s, "score", &options);
      p.u.coef[mode - 1] += small;
      double last = small;
      for (int k = 0; k < 5; k++) {
        step(&p, 1);
        const double now = p.u.coef[mode - 1] - (mode == 2 ? s : 0);
        CHECK_NEAR(now / last, 1 - mode * eta / s, 1e-3);
        last = now;
      }
      CHECK(above == (fabs(last) > small));
      /* where they are not, the search of the line makes them so */
      int shortened = 0;
      p.u.coef[mode - 1] = 0.1 + (mode == 2 ? s : 0);
      for (int k = 0; k < 100; k++) {
        CHECK(br_mirror_prepare(&p.m) == BR_OK && br_mirror_advance(&p.m) == BR_OK);
        shortened += p.m.length < 1;
      }
      CHECK_NEAR(p.u.coef[mode - 1], mode == 2 ? s : 0, 2e-3);
      if (above) CHECK(shortened > 0);
    }
}

/* --- Gaussian maps ------------------------------------------------------------------ */

static void moments_of(const br_sample *s, double *mean, double *S) {
  const int d = s->d;
  double x[NAIVE_D];
  memset(mean, 0, (size_t)d * sizeof(double));
  memset(S, 0, (size_t)(d * d) * sizeof(double));
  for (size_t i = 0; i < s->n; i++)
    for (int k = 0; k < d; k++) mean[k] += s->weight[i] * s->x[(size_t)k * s->n + i];
  for (size_t i = 0; i < s->n; i++) {
    naive_point(s, i, x);
    for (int k = 0; k < d; k++)
      for (int l = 0; l < d; l++)
        S[k * d + l] += s->weight[i] * (x[k] - mean[k]) * (x[l] - mean[l]);
  }
}

static void full_Q(const br_potential *u, double *Q) {
  const br_ridge *r = u->self;
  for (int i = 0; i < u->d; i++)
    for (int j = 0; j <= i; j++) Q[i * u->d + j] = Q[j * u->d + i] = r->Q[BR_PACKED(i, j)];
}

/* Correlated, of different scales, means away from 0. */
static br_sample raw(uint64_t seed, size_t n, int d) {
  br_sample sample = naive_sample(&seed, n, d, 1);
  double *x = br_take(&heap, n * (size_t)d);
  for (int k = 0; k < d; k++)
    for (size_t i = 0; i < n; i++)
      x[k * n + i] = 1 - k + (0.7 + 0.15 * k) * sample.x[k * n + i] +
                     0.3 * sample.x[(size_t)((k + 1) % d) * n + i];
  sample.x = x;
  return sample;
}

static void gaussian(problem *p, const br_sample *sample, const br_sample *other,
                     const char *learner, const br_mirror_options *options) {
  const int d = sample->d;
  *p = (problem){.data = {.sample = *sample, .other = *other}};
  br_ridge_make(&p->u, d, 0, d * (d + 1) / 2, 0, 0, &heap);
  naive_full_quadratic(&p->u);
  start(p, learner, options, 0);
}

/* Q S Q = R and T(mean) = mean for the covariances of the two samples: the optimal map of the
 * normal laws with their moments. That of the other orientation is its inverse. */
static void test_gaussian(int d, const char *learner, const br_mirror_options *options, int steps) {
  const br_sample x = raw(3, 53, d), y = raw(4, 47, d);
  double mean_x[3], mean_y[3], S[9], R[9], Q[2][9];
  moments_of(&x, mean_x, S);
  moments_of(&y, mean_y, R);
  for (int swap = 0; swap <= 1; swap++) {
    problem p;
    gaussian(&p, swap ? &y : &x, swap ? &x : &y, learner, options);
    double last = INFINITY;
    for (int k = 0; k < steps; k++) {
      CHECK(br_mirror_prepare(&p.m) == BR_OK);
      CHECK(p.m.objective <= last + 1e-13);
      last = p.m.objective;
      if (br_mirror_advance(&p.m) != BR_OK) break;
    }
    p.u.family->prepare(&p.u);
    full_Q(&p.u, Q[swap]);
    double worst = 0;
    for (int i = 0; i < d; i++) {
      worst =
          larger(worst, fabs(p.u.coef[i] + naive_dot(d, Q[swap] + i * d, swap ? mean_y : mean_x) -
                             (swap ? mean_x : mean_y)[i]));
      for (int j = 0; j < d; j++) {
        double QSQ = 0;
        for (int k = 0; k < d; k++)
          QSQ += Q[swap][i * d + k] * naive_dot(d, (swap ? R : S) + k * d, Q[swap] + j * d);
        worst = larger(worst, fabs(QSQ - (swap ? S : R)[i * d + j]));
      }
    }
    /* the descent test cannot see J below 1e-14: coefficients within its root, 1e-7 */
    CHECK_NEAR(worst, 0, 1e-6);
  }
  naive_invert(d, Q[1]);
  for (int i = 0; i < d * d; i++) CHECK_NEAR(Q[0][i], Q[1][i], 1e-6);
}

/* From the same start, explicit steps of the likelihood on the data side and of the score on the
 * reference side follow one curve, B = A^{-1}, up to an error of order eta. */
static void test_orientations(void) {
  const br_sample data = raw(5, 61, 2);
  double corners[] = {-1, -1, 1, 1, -1, 1, -1, 1}, quarter[] = {.25, .25, .25, .25}, error[3];
  const br_sample noise = {4, 2, corners, quarter}; /* the moments of N(0, I), exactly */
  for (int k = 0; k < 3; k++) {
    const double eta = 0.025 / (1 << k);
    const br_mirror_options options = fixed_steps(0, &eta);
    problem p;
    gaussian(&p, &data, &noise, "likelihood", &options);
    problem q;
    gaussian(&q, &noise, &data, "score", &options);
    for (int i = 0; i < 40 << k; i++) {
      step(&p, 0);
      step(&q, 0);
    }
    double B[4], A[4];
    p.u.family->prepare(&p.u);
    full_Q(&p.u, B);
    q.u.family->prepare(&q.u);
    full_Q(&q.u, A);
    naive_invert(2, A);
    error[k] = 0;
    for (int i = 0; i < 4; i++) error[k] = larger(error[k], fabs(A[i] - B[i]));
  }
  for (int k = 0; k < 2; k++) {
    const double order = log2(error[k] / error[k + 1]);
    CHECK(order > 0.9 && order < 1.1);
  }
}

/* --- symmetries ---------------------------------------------------------------------- */

/* x <- C x at every point; C full, by rows. */
static br_sample transformed(const br_sample *s, const double *C) {
  const int d = s->d;
  double *x = br_take(&heap, s->n * (size_t)d), at[NAIVE_D];
  for (size_t i = 0; i < s->n; i++) {
    naive_point(s, i, at);
    for (int k = 0; k < d; k++) x[(size_t)k * s->n + i] = naive_dot(d, C + k * d, at);
  }
  return (br_sample){s->n, d, x, s->weight};
}

/* With x <- C x, y <- C^{-T} y and u <- u o C^{-1} a path is the same path: J, the certificate, Q
 * and theta transform as they should. C orthogonal for the score, which is against N(0, I). */
static void test_affine(const char *learner, const br_mirror_options *options, int orthogonal) {
  static const double turn[] = {0.8, -0.6, 0.6, 0.8}, shear[] = {1.3, 0.4, -0.2, 0.7};
  const double *C = orthogonal ? turn : shear;
  double inverse[4], transpose[4], Q[2][4], coef[2][16];
  const double det = C[0] * C[3] - C[1] * C[2];
  const double inv[] = {C[3] / det, -C[1] / det, -C[2] / det, C[0] / det};
  memcpy(inverse, inv, sizeof inv);
  for (int i = 0; i < 4; i++) transpose[i] = inverse[i / 2 + 2 * (i % 2)]; /* C^{-T} */
  uint64_t seed = 12;
  problem p = {.u = naive_potential(&seed, 2, -1, 3, 0)}, q = p;
  p.data.sample = scaled(&seed, 59, 2, 0.9, 0.2);
  p.data.other = scaled(&seed, 67, 2, 1, 0);
  q.data.sample = transformed(&p.data.sample, C);
  q.data.other = transformed(&p.data.other, transpose);
  br_ridge_make(&q.u, 2, 0, 3, 3, 0, &heap);
  naive_full_quadratic(&q.u);
  const br_ridge *r = p.u.self;
  const int first = br_ridge_first_atom(&p.u);
  double norm[3], before[4];
  full_Q(&p.u, before);
  for (int k = 0; k < 2; k++) q.u.coef[k] = naive_dot(2, transpose + 2 * k, p.u.coef);
  for (int i = 0; i < 2; i++)
    for (int j = 0; j <= i; j++) {
      double sum = 0;
      for (int k = 0; k < 2; k++)
        sum += transpose[2 * i + k] * naive_dot(2, before + 2 * k, transpose + 2 * j);
      if (i != j) q.u.coef[4] = 2 * sum; /* along (1, 1)/sqrt(2) */
      else q.u.coef[2 + i] = sum;
    }
  for (int i = 0; i < 2; i++) q.u.coef[2 + i] -= q.u.coef[4] / 2;
  for (int k = 0; k < 3; k++) {
    double w[2];
    for (int i = 0; i < 2; i++) w[i] = naive_dot(2, transpose + 2 * i, r->dir + 2 * (first + k));
    norm[k] = sqrt(naive_dot(2, w, w));
    for (int i = 0; i < 2; i++) w[i] /= norm[k];
    br_ridge_add_atom(&q.u, (br_profile)r->profile[first + k], w, r->centre[first + k] / norm[k],
                      r->width[first + k] / norm[k], p.u.coef[first + k] * norm[k] * norm[k]);
  }
  q.u.family->prepare(&q.u);
  start(&p, learner, options, 0);
  start(&q, learner, options, 0);
  for (int k = 0; k < 3; k++) {
    problem *both[] = {&p, &q};
    for (int i = 0; i < 2; i++) {
      CHECK(br_mirror_prepare(&both[i]->m) == BR_OK);
      CHECK(br_mirror_advance(&both[i]->m) == BR_OK);
      full_Q(&both[i]->u, Q[i]);
      memcpy(coef[i], both[i]->u.coef, (size_t)p.u.n_coef * sizeof(double));
    }
    CHECK_NEAR(p.m.objective, q.m.objective, 1e-12);
    CHECK_NEAR(apart(p.m.decrement, q.m.decrement), 0, 1e-10);
    CHECK_NEAR(p.m.length, q.m.length, 1e-10);
    for (int i = 0; i < 2; i++) {
      CHECK_NEAR(coef[1][i], naive_dot(2, transpose + 2 * i, coef[0]), 1e-10);
      for (int j = 0; j < 2; j++) {
        double sum = 0;
        for (int l = 0; l < 2; l++)
          sum += transpose[2 * i + l] * naive_dot(2, Q[0] + 2 * l, transpose + 2 * j);
        CHECK_NEAR(Q[1][2 * i + j], sum, 1e-10);
      }
    }
    for (int i = 0; i < 3; i++)
      CHECK_NEAR(coef[1][first + i], coef[0][first + i] * norm[i] * norm[i], 1e-10);
  }
}

/* Between products of laws on the line a separable potential stays separable, with the
 * coefficients that it has on each line, though x_1 x_2 is among the features. So it is for the
 * score, which projects a separable ratio, and for all learners at the minimum. */
static void test_product(const char *learner, const br_mirror_options *options, int to_the_end) {
  enum { n = 19, m = 17 };
  uint64_t seed = 31;
  problem line[2], p = {.u = {.d = 2}};
  double *x = br_take(&heap, 2 * n * n), *y = br_take(&heap, 2 * m * m);
  double *on_x = br_take(&heap, n * n), *on_y = br_take(&heap, m * m);
  br_ridge_make(&p.u, 2, 0, 3, 2, 0, &heap);
  naive_full_quadratic(&p.u);
  for (int k = 0; k < 2; k++) {
    const double w[] = {k == 0, k == 1}, one = 1, centre = 0.3 - 0.5 * k;
    line[k] = (problem){.data = {.sample = scaled(&seed, n, 1, 0.8 + 0.3 * k, 0.1),
                                 .other = scaled(&seed, m, 1, 1, 0)}};
    br_ridge_make(&line[k].u, 1, 0, 1, 1, 0, &heap);
    br_ridge_add_atom(&line[k].u, BR_BUMP, &one, centre, 0.8, 0.8);
    br_ridge_add_atom(&p.u, BR_BUMP, w, centre, 0.8, 0.8);
    line[k].u.family->prepare(&line[k].u);
  }
  p.u.family->prepare(&p.u);
  for (int i = 0; i < n * n; i++) {
    const br_sample *a = &line[0].data.sample, *b = &line[1].data.sample;
    x[i] = a->x[i % n];
    x[n * n + i] = b->x[i / n];
    on_x[i] = a->weight[i % n] * b->weight[i / n];
  }
  for (int i = 0; i < m * m; i++) {
    const br_sample *a = &line[0].data.other, *b = &line[1].data.other;
    y[i] = a->x[i % m];
    y[m * m + i] = b->x[i / m];
    on_y[i] = a->weight[i % m] * b->weight[i / m];
  }
  p.data.sample = (br_sample){n * n, 2, x, on_x};
  p.data.other = (br_sample){m * m, 2, y, on_y};
  problem *all[] = {&p, &line[0], &line[1]};
  for (int i = 0; i < 3; i++) start(all[i], learner, options, to_the_end ? 1e-4 : 0);
  for (int i = 0; i < (to_the_end ? 25 : 4); i++) {
    double Q[4];
    for (int k = 0; k < 3; k++) {
      if (!to_the_end) {
        step(all[k], 1);
        continue;
      }
      CHECK(br_mirror_prepare(&all[k]->m) == BR_OK);
      br_mirror_advance(&all[k]->m); /* stalls at the minimum */
      all[k]->u.family->prepare(&all[k]->u);
    }
    if (to_the_end && i < 24) continue;
    /* what the descent test can see of J, 1e-14, is that of the coefficients squared */
    const double tol = to_the_end ? 1e-5 : 1e-10;
    full_Q(&p.u, Q);
    CHECK_NEAR(Q[1], 0, tol);
    for (int k = 0; k < 2; k++) {
      CHECK_NEAR(p.u.coef[k], line[k].u.coef[0], tol);
      CHECK_NEAR(Q[3 * k], line[k].u.coef[1], tol);
      CHECK_NEAR(p.u.coef[5 + k], line[k].u.coef[2], tol);
    }
  }
}

static void test_level(void) {
  static const double half[] = {0.5}, tenth[] = {0.1};
  const br_mirror_options newton = fixed_steps(1, infinite), half_implicit = fixed_steps(1, half);
  const br_mirror_options tenth_implicit = fixed_steps(1, tenth);
  const br_mirror_options explicit_step = fixed_steps(0, tenth), adaptive = {1, NULL, 0, 0.1, 0};
  test_riccati();
  test_babylonian();
  test_ratio();
  test_thresholds();
  for (int d = 1; d <= 3; d++) {
    test_gaussian(d, "semidual", &newton, 12);
    test_gaussian(d, "semidual", &adaptive, 30);
    test_gaussian(d, "logistic", &newton, 15);
    test_gaussian(d, "logistic", &adaptive, 30);
    test_gaussian(d, "score", &newton, 20);
  }
  test_gaussian(2, "semidual", &explicit_step, 400);
  test_gaussian(2, "logistic", &explicit_step, 400);
  test_orientations();
  test_affine("semidual", &newton, 0);
  test_affine("semidual", &explicit_step, 0);
  test_affine("logistic", &half_implicit, 0);
  test_affine("logistic", &explicit_step, 0);
  test_affine("score", &half_implicit, 1);
  test_product("semidual", &newton, 1);
  test_product("logistic", &newton, 1);
  test_product("score", &tenth_implicit, 0);
}

int main(void) {
  br_threads_set(1);
  heap_each_level(test_level);
  return CHECK_DONE();
}
