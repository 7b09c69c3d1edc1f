/* The learners of two samples: J and its derivatives against plain loops and finite differences,
 * closed forms of Gaussian flows, the certificate, and the minimum that they share. */
#include "two-samples.h"

/* --- derivatives ------------------------------------------------------------------ */

/* The covariates from column `from` on made to have mean zero and unit covariance. */
static void standardise(br_sample *s, int from) {
  for (int k = from; k < s->d; k++) {
    double *b = (double *)s->x + (size_t)k * s->n, mean = 0, square = 0;
    for (size_t i = 0; i < s->n; i++) mean += s->weight[i] * b[i];
    for (size_t i = 0; i < s->n; i++) b[i] -= mean;
    for (int l = from; l < k; l++) {
      const double *a = s->x + (size_t)l * s->n;
      double inner = 0;
      for (size_t i = 0; i < s->n; i++) inner += s->weight[i] * a[i] * b[i];
      for (size_t i = 0; i < s->n; i++) b[i] -= inner * a[i];
    }
    for (size_t i = 0; i < s->n; i++) square += s->weight[i] * b[i] * b[i];
    for (size_t i = 0; i < s->n; i++) b[i] /= sqrt(square);
  }
}

static problem two_samples(int d, int given, int n_atoms) {
  uint64_t seed = (uint64_t)(10 * d + given);
  problem p = {.u = naive_conditional(&seed, d, given, -1, n_atoms, 0.05)};
  const size_t n = 83, m = given > 0 ? n : 71;
  p.data.sample = scaled(&seed, n, d + given, 0.8, 0.2);
  p.data.other = scaled(&seed, m, d + given, 1.1, -0.1);
  if (given == 0) return p;
  /* the same covariates, with the same weights */
  standardise(&p.data.sample, d);
  p.data.other.weight = p.data.sample.weight;
  memcpy((double *)p.data.other.x + d * m, p.data.sample.x + d * n,
         (size_t)given * n * sizeof(double));
  return p;
}

static double loss_at(problem *p, int j, double step, int l, double other) {
  const double at_j = p->u.coef[j], at_l = p->u.coef[l];
  p->u.coef[j] += step;
  p->u.coef[l] += other;
  p->u.family->prepare(&p->u);
  const double loss = p->learner.kind->loss(&p->learner, &p->u);
  p->u.coef[l] = at_l;
  p->u.coef[j] = at_j;
  p->u.family->prepare(&p->u);
  return loss;
}

static void test_derivatives(int d, int given) {
  static const double one[] = {1};
  const br_mirror_options options = {1, one, 1, 0, 0};
  problem p = two_samples(d, given, 5);
  start(&p, "semidual", &options, 0);
  const br_moments *m = &p.learner.moments;
  const int n_coef = p.u.n_coef;
  CHECK(p.learner.kind->moments(&p.learner, &p.u, 1, 1) == BR_OK);
  CHECK_NEAR(m->loss, naive_semidual(&p.u, &p.data.sample, &p.data.other), 1e-12);
  CHECK_NEAR(p.learner.kind->loss(&p.learner, &p.u), m->loss, 1e-14);
  double worst_g = 0, worst_K = 0, worst_M = 0, mean[64] = {0}, x[NAIVE_D], y[NAIVE_D];
  double *gram = br_take(&heap, (size_t)n_coef * n_coef);
  for (size_t i = 0; i < p.data.other.n; i++) {
    naive_point(&p.data.other, i, y);
    naive_inverse(&p.u, y, x);
    for (int j = 0; j < n_coef; j++) {
      const double w = p.data.other.weight[i], psi = naive_at(&p.u, j, x).value;
      mean[j] += w * psi;
      for (int l = 0; l < n_coef; l++) gram[j * n_coef + l] += w * psi * naive_at(&p.u, l, x).value;
    }
  }
  const double h = 1e-4;
  for (int j = 0; j < n_coef; j++) {
    /* of fourth order: (8 (J(h) - J(-h)) - (J(2h) - J(-2h)))/(12 h) */
    const double g = (8 * (loss_at(&p, j, h, j, 0) - loss_at(&p, j, -h, j, 0)) -
                      (loss_at(&p, j, 2 * h, j, 0) - loss_at(&p, j, -2 * h, j, 0))) /
                     (12 * h);
    worst_g = larger(worst_g, apart(m->gradient[j], g));
    for (int l = 0; l <= j; l++) {
      const double e = 2e-3;
      double K[2];
      for (int k = 0; k < 2; k++) /* Richardson: steps e and 2 e */
        K[k] = (loss_at(&p, j, (k + 1) * e, l, (k + 1) * e) -
                loss_at(&p, j, (k + 1) * e, l, -(k + 1) * e) -
                loss_at(&p, j, -(k + 1) * e, l, (k + 1) * e) +
                loss_at(&p, j, -(k + 1) * e, l, -(k + 1) * e)) /
               (4 * (k + 1) * (k + 1) * e * e);
      worst_K = larger(worst_K, apart(entry(m->hessian, m->ldm, j, l), (4 * K[0] - K[1]) / 3));
      worst_M = larger(
          worst_M, apart(entry(m->metric, m->ldm, j, l), gram[j * n_coef + l] - mean[j] * mean[l]));
    }
  }
  CHECK_NEAR(worst_g, 0, 1e-9);
  CHECK_NEAR(worst_K, 0, 1e-6);
  CHECK_NEAR(worst_M, 0, 1e-11);
}

/* With x_j those of u and v* that of v,  J(v) = J(u) + g'(v - u) + mean [v(x_j) + v*(y_j) -
 * x_j'y_j] for every v, and the last term is not negative. */
static void test_identity(int d, int given) {
  static const double one[] = {1};
  const br_mirror_options options = {1, one, 1, 0, 0};
  problem p = two_samples(d, given, 4);
  start(&p, "semidual", &options, 0);
  const size_t n = p.data.other.n;
  const br_pullback *pulled = &((const br_semidual *)p.learner.self)->pulled;
  double *x = br_take(&heap, n * (size_t)(d + given)), step[64], point[NAIVE_D], y[NAIVE_D];
  uint64_t seed = 3;
  for (int trial = 0; trial < 5; trial++) {
    CHECK(p.learner.kind->moments(&p.learner, &p.u, 0, 0) == BR_OK);
    const double before = p.learner.moments.loss;
    double slope = 0, bregman = 0;
    memcpy(x, pulled->points, n * (size_t)(d + given) * sizeof(double));
    for (int j = 0; j < p.u.n_coef; j++) {
      step[j] = 0.05 * heap_normal(&seed);
      if (p.u.coef[j] + step[j] < 0 && j >= d * (1 + given)) step[j] = 0;
      slope += step[j] * p.learner.moments.gradient[j];
      p.u.coef[j] += step[j];
    }
    p.u.family->prepare(&p.u);
    const double after = p.learner.kind->loss(&p.learner, &p.u);
    for (size_t j = 0; j < n; j++) {
      for (int k = 0; k < d + given; k++) point[k] = x[(size_t)k * n + j];
      naive_point(&p.data.other, j, y);
      bregman += p.data.other.weight[j] *
                 (naive_u(&p.u, point, NULL, NULL) + pulled->conjugate[j] - naive_dot(d, point, y));
    }
    CHECK(bregman > 1e-5);
    CHECK_NEAR(after - before - slope - bregman, 0, 1e-12);
  }
}

/* --- the minimum -------------------------------------------------------------------- */

static const double infinite[] = {INFINITY};

/* Steps at one barrier, with a certificate that is valid at each; minimum may be infinite, for
 * unknown. Returns the last one. */
static double run_path(problem *p, double penalty, double minimum, double beta, int steps) {
  double last = INFINITY, barrier;
  p->m.beta = beta;
  for (int k = 0; k < steps; k++) {
    CHECK(br_mirror_prepare(&p->m) == BR_OK);
    CHECK_NEAR(p->m.objective, p->learner.moments.loss + naive_penalty(&p->u, penalty), 1e-13);
    CHECK(p->u.family->barrier(&p->u, 0, &barrier, NULL, NULL, 0) == BR_OK);
    const double F = p->m.objective + beta * barrier;
    CHECK(F <= last + 1e-12);
    last = F;
    CHECK(p->m.gap >= p->m.objective - minimum - 1e-9);
    if (br_mirror_advance(&p->m) != BR_OK) break;
  }
  br_mirror_prepare(&p->m);
  return p->m.gap;
}

static void copy_problem(problem *to, const problem *from) {
  const br_ridge *r = from->u.self;
  *to = *from;
  br_ridge_make(&to->u, r->d, r->given, r->n_quadratic, r->n_atoms, r->kappa, &heap);
  br_ridge_load(&to->u, r->n_quadratic, r->n_atoms, br_ridge_direction(&from->u, r->n_linear),
                r->profile + r->n_linear, r->centre + r->n_linear, r->width + r->n_linear,
                from->u.coef);
  memcpy(to->u.frozen, from->u.frozen, (size_t)to->u.n_coef * sizeof(int));
}

static double tight_minimum(const problem *from, double penalty) {
  const br_mirror_options options = {1, infinite, 1, 0, penalty};
  problem p;
  copy_problem(&p, from);
  start(&p, "semidual", &options, 1);
  double gap = INFINITY;
  for (double beta = 1e-2; beta > 1e-11; beta /= 5) gap = run_path(&p, penalty, INFINITY, beta, 9);
  CHECK(gap < 1e-9);
  return p.m.objective;
}

/* The certificate is valid on the way, is beta times its parameter at the centre, and all
 * learners that lower J to the end come to the same centre. */
static void test_certificate(int d, int given, int freeze) {
  static const double one[] = {1}, fifth[] = {0.2};
  const double penalty = 0.01;
  const struct {
    const char *name;
    br_mirror_options options;
    int steps, ends;
  } runs[] = {{"semidual", {1, infinite, 1, 0, penalty}, 25, 1},
              {"semidual", {1, NULL, 0, 0.5, penalty}, 30, 1},
              {"semidual", {0, fifth, 1, 0, penalty}, 40, 0},
              {"logistic", {1, infinite, 1, 0, penalty}, 20, 1},
              {"logistic", {1, NULL, 0, 0.5, penalty}, 25, 1},
              {"logistic", {0, fifth, 1, 0, penalty}, 20, 0},
              {"score", {1, one, 1, 0, penalty}, 15, 0}};
  problem from = two_samples(d, given, 6);
  const int first = br_ridge_first_atom(&from.u);
  if (freeze) from.u.frozen[first + 1] = from.u.frozen[first + 4] = 1;
  const double minimum = tight_minimum(&from, penalty);
  double centre[64], beta = 1e-2;
  for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
    problem p;
    copy_problem(&p, &from);
    start(&p, runs[k].name, &runs[k].options, beta);
    const double parameter = p.u.family->barrier_parameter(&p.u);
    const double gap = run_path(&p, penalty, minimum, beta, runs[k].steps);
    if (freeze) CHECK(p.u.coef[first + 1] == from.u.coef[first + 1]);
    if (k == 0) memcpy(centre, p.u.coef, (size_t)p.u.n_coef * sizeof(double));
    if (!runs[k].ends) continue;
    CHECK_NEAR(gap, beta * parameter, 1e-5 * parameter);
    for (int j = 0; j < p.u.n_coef; j++) CHECK_NEAR(p.u.coef[j], centre[j], 1e-5);
  }
}

/* --- forces --------------------------------------------------------------------------- */

/* theta from a force -M theta. */
static void direction_of(const problem *p, const double *force, double *theta) {
  const br_moments *m = &p->learner.moments;
  const int n_coef = p->u.n_coef;
  double *M = br_take(&heap, (size_t)n_coef * n_coef);
  for (int j = 0; j < n_coef; j++)
    for (int l = 0; l < n_coef; l++) M[j * n_coef + l] = entry(m->metric, m->ldm, j, l);
  naive_invert(n_coef, M);
  for (int j = 0; j < n_coef; j++) theta[j] = -naive_dot(n_coef, M + j * n_coef, force);
}

/* The shifted regression is solved: its gradient, ridge and all, is zero in plain loops. shift is
 * what penalty and barrier add to the gradient of J. */
static void test_logistic(int d, double apart_by, double shift) {
  problem p = two_samples(d, 0, 3);
  const br_mirror_options options = {1, infinite, 1, 0, 0};
  const int n_coef = p.u.n_coef;
  double *x = (double *)p.data.sample.x;
  for (size_t i = 0; i < p.data.sample.n; i++) x[i] += apart_by;
  start(&p, "logistic", &options, 0);
  CHECK(p.learner.kind->moments(&p.learner, &p.u, 1, 1) == BR_OK);
  const br_moments *m = &p.learner.moments;
  double gradient[64], force[64], theta[64], psi[64], residual[65], point[NAIVE_D];
  for (int j = 0; j < n_coef; j++) gradient[j] = m->gradient[j] + shift * (j % 3 - 1);
  CHECK(p.learner.kind->force(&p.learner, &p.u, gradient, force) == BR_OK);
  direction_of(&p, force, theta);
  double square[2] = {0, 0};
  const br_sample *side[] = {&p.data.sample, &((br_semidual *)p.learner.self)->pulled.x};
  for (int k = 0; k < 2; k++)
    for (size_t i = 0; i < side[k]->n; i++) square[k] += pow(side[k]->weight[i], 2);
  const double ridge = n_coef * fmax(square[0], square[1]);
  for (int j = 0; j < n_coef; j++) theta[j] /= 1 + 2 * ridge;
  double low = -1e4, high = 1e4; /* of the intercept, which balances the classes */
  for (int step = 0; step < 80; step++) {
    const double intercept = (low + high) / 2;
    memset(residual, 0, sizeof residual);
    for (int k = 0; k < 2; k++)
      for (size_t i = 0; i < side[k]->n; i++) {
        naive_point(side[k], i, point);
        double h = intercept;
        for (int j = 0; j < n_coef; j++) h += theta[j] * (psi[j] = naive_at(&p.u, j, point).value);
        const double pull = side[k]->weight[i] * (k ? -1 / (1 + exp(h)) : 1 / (1 + exp(-h)));
        for (int j = 0; j < n_coef; j++) residual[j] += pull * psi[j];
        residual[n_coef] += pull;
      }
    *(residual[n_coef] > 0 ? &high : &low) = intercept;
  }
  double descent = 0, worst = 0;
  for (int j = 0; j < n_coef; j++) {
    residual[j] += 0.5 * (gradient[j] - m->gradient[j]) - ridge * force[j] / (1 + 2 * ridge);
    worst = larger(worst, fabs(residual[j]) / (1 + sqrt(entry(m->metric, m->ldm, j, j))));
    descent -= gradient[j] * theta[j];
    CHECK(isfinite(theta[j]));
  }
  CHECK_NEAR(worst, 0, 1e-8); /* M is nearly singular */
  CHECK(descent > 0);
}

/* theta'G theta/2 + theta'b is least, G and b in plain loops. */
static void test_score(int d, int given) {
  problem p = two_samples(d, given, 4);
  const br_mirror_options options = {1, infinite, 1, 0, 0};
  const int n_coef = p.u.n_coef;
  start(&p, "score", &options, 0);
  CHECK(p.learner.kind->moments(&p.learner, &p.u, 1, 1) == BR_OK);
  double force[64], theta[64], residual[64] = {0}, x[NAIVE_D];
  CHECK(p.learner.kind->force(&p.learner, &p.u, p.learner.moments.gradient, force) == BR_OK);
  direction_of(&p, force, theta);
  const br_sample *pulled = &((br_semidual *)p.learner.self)->pulled.x;
  for (size_t i = 0; i < pulled->n; i++) {
    double gradient[NAIVE_D] = {0};
    naive_point(pulled, i, x);
    for (int j = 0; j < n_coef; j++)
      for (int k = 0; k < d; k++)
        gradient[k] += theta[j] * naive_at(&p.u, j, x).slope * naive_direction(&p.u, j)[k];
    for (int j = 0; j < n_coef; j++) {
      const naive_feature f = naive_at(&p.u, j, x);
      const double *w = naive_direction(&p.u, j);
      residual[j] +=
          pulled->weight[i] * (f.slope * naive_dot(d, w, gradient) + f.curve * naive_dot(d, w, w) -
                               f.slope * naive_dot(d, w, x));
    }
  }
  for (int j = 0; j < n_coef; j++) CHECK_NEAR(residual[j], 0, 1e-8);
}

/* Duplicated features, with one of them frozen: no learner fails. */
static void test_duplicates(const char *name) {
  const br_mirror_options options = {1, infinite, 1, 0, 0.01};
  uint64_t seed = 8;
  problem p = {.u = naive_potential(&seed, 2, -1, 4, 0.05)};
  br_ridge *r = p.u.self;
  const int first = br_ridge_first_atom(&p.u);
  memcpy(r->dir + (first + 2) * 2, r->dir + (first + 0) * 2, 2 * sizeof(double));
  r->centre[first + 2] = r->centre[first];
  r->width[first + 2] = r->width[first];
  r->profile[first + 2] = r->profile[first];
  p.u.frozen[first + 3] = 1;
  p.data.sample = scaled(&seed, 60, 2, 0.7, 0.3);
  p.data.other = scaled(&seed, 64, 2, 1, 0);
  start(&p, name, &options, 1e-3);
  const double gap = run_path(&p, 0.01, INFINITY, 1e-3, 15);
  CHECK(gap < 0.1);
}

/* Samples far apart, which any regression separates: all learners come to the minimum. */
static void test_apart(const char *name) {
  const br_mirror_options options = {1, NULL, 0, 0.5, 0.01};
  problem p = two_samples(2, 0, 3);
  double *x = (double *)p.data.sample.x;
  for (size_t i = 0; i < p.data.sample.n * 2; i++) x[i] = 12 + 3 * x[i];
  start(&p, name, &options, 1e-3);
  const double gap = run_path(&p, 0.01, INFINITY, 1e-3, 80);
  CHECK_NEAR(gap, 1e-3 * p.u.family->barrier_parameter(&p.u), 1e-5);
}

/* The same bits with 1 and 2 threads. */
static void test_threads(const char *name) {
  const br_mirror_options options = {1, NULL, 0, 0.5, 0.01};
  double *coef[2];
  for (int threads = 1; threads <= 2; threads++) {
    uint64_t seed = 4;
    br_threads_set(threads);
    problem p = {.u = naive_potential(&seed, 3, -1, 50, 0.05)};
    p.data.sample = scaled(&seed, 2501, 3, 1.2, 0);
    p.data.other = scaled(&seed, 2303, 3, 1, 0);
    start(&p, name, &options, 1e-3);
    CHECK(((br_semidual *)p.learner.self)->features.threads == heap_threads());
    CHECK(br_mirror_prepare(&p.m) == BR_OK && br_mirror_advance(&p.m) == BR_OK);
    coef[threads - 1] = p.u.coef;
  }
  CHECK(memcmp(coef[0], coef[1], 59 * sizeof(double)) == 0);
  br_threads_set(1);
}

/* J with what was held out in the place of what was not. */
static void test_held_out(void) {
  const br_mirror_options options = {1, infinite, 1, 0, 0};
  for (int which = 0; which < 4; which++) {
    problem p = two_samples(2, 0, 3);
    uint64_t seed = 77;
    if (which & 1) p.data.held_sample = scaled(&seed, 31, 2, 0.8, 0.3);
    if (which & 2) p.data.held_other = scaled(&seed, 37, 2, 1, 0);
    start(&p, "semidual", &options, 0);
    const br_loss loss = p.learner.kind->held_out(&p.learner, &p.u);
    if (which == 0) {
      CHECK(isnan(loss.mean) && isnan(loss.square));
      continue;
    }
    CHECK_NEAR(loss.mean,
               naive_semidual(&p.u, which & 1 ? &p.data.held_sample : &p.data.sample,
                              which & 2 ? &p.data.held_other : &p.data.other),
               1e-12);
    CHECK(loss.square > loss.mean * loss.mean);
  }
}

static void test_level(void) {
  test_derivatives(1, 0);
  test_derivatives(3, 0);
  test_derivatives(2, 2);
  test_identity(1, 0);
  test_identity(3, 0);
  test_identity(2, 1);
  test_certificate(1, 0, 0);
  test_certificate(3, 0, 0);
  test_certificate(2, 0, 1);
  test_certificate(2, 1, 0);
  test_logistic(1, 0, 0);
  test_logistic(3, 0, 0.003);
  test_logistic(2, 8, 0); /* separated */
  test_score(1, 0);
  test_score(2, 1);
  test_held_out();
  static const char *const names[] = {"semidual", "logistic", "score"};
  for (int k = 0; k < 3; k++) {
    test_duplicates(names[k]);
    test_apart(names[k]);
    test_threads(names[k]);
  }
}

int main(void) {
  br_threads_set(1);
  heap_each_level(test_level);
  return CHECK_DONE();
}
