/* The learners of two samples: J and its derivatives against plain loops and finite differences,
 * closed forms of Gaussian flows, the certificate, and the minimum that they share. */
#include "../../src/mirror.h"
#include "../../src/semidual.h"
#include "naive.h"

typedef struct {
  br_potential u;
  br_learner_data data;
  br_learner learner;
  br_mirror m;
} problem;

static void start(problem *p, const char *name, const br_mirror_options *options, double beta) {
  const int max_coef = ((br_ridge *)p->u.self)->max_coef;
  br_learner_make(&p->learner, br_learner_find(name), &p->data, &p->u, max_coef, &heap);
  br_mirror_make(&p->m, options, &p->u, &p->learner, max_coef, &heap);
  p->m.beta = beta;
}

/* --- J in plain loops ----------------------------------------------------------- */

/* x with grad u(x) = y by Newton's method, halved until |grad u - y| falls. */
static void naive_inverse(const br_potential *u, const double *y, double *x) {
  const int d = u->d, rows = d + u->given;
  double map[NAIVE_D], hess[NAIVE_D * NAIVE_D], r[NAIVE_D], trial[NAIVE_D], size = INFINITY;
  memcpy(x, y, (size_t)rows * sizeof(double));
  for (int step = 0; step < 200; step++) {
    naive_u(u, x, map, hess);
    naive_invert(d, hess);
    for (int k = 0; k < d; k++) r[k] = y[k] - map[k];
    size = naive_dot(d, r, r);
    if (size < 1e-28) return;
    memcpy(trial, x, (size_t)rows * sizeof(double));
    for (double t = 1; t > 1e-9; t /= 2) {
      for (int k = 0; k < d; k++) trial[k] = x[k] + t * naive_dot(d, hess + k * d, r);
      naive_u(u, trial, map, NULL);
      double next = 0;
      for (int k = 0; k < d; k++) next += pow(y[k] - map[k], 2);
      if (next < size) break;
    }
    memcpy(x, trial, (size_t)rows * sizeof(double));
  }
}

static double naive_semidual(const br_potential *u, const br_sample *sample,
                             const br_sample *other) {
  double sum = 0, x[NAIVE_D], y[NAIVE_D];
  for (size_t i = 0; i < sample->n; i++) {
    naive_point(sample, i, x);
    sum += sample->weight[i] * naive_u(u, x, NULL, NULL);
  }
  for (size_t j = 0; j < other->n; j++) {
    naive_point(other, j, y);
    naive_inverse(u, y, x);
    sum += other->weight[j] * (naive_dot(u->d, x, y) - naive_u(u, x, NULL, NULL));
  }
  return sum;
}

/* --- derivatives ------------------------------------------------------------------ */

static br_sample scaled(uint64_t *seed, size_t n, int d, double scale, double shift) {
  br_sample sample = naive_sample(seed, n, d, 1);
  double *x = (double *)sample.x;
  for (size_t i = 0; i < n * (size_t)d; i++) x[i] = shift + scale * x[i];
  return sample;
}

/* Covariates of a sample made to have mean zero and unit covariance: one column. */
static void standardise(br_sample *s, int column) {
  double *b = (double *)s->x + (size_t)column * s->n, mean = 0, square = 0;
  for (size_t i = 0; i < s->n; i++) mean += s->weight[i] * b[i];
  for (size_t i = 0; i < s->n; i++) square += s->weight[i] * pow(b[i] - mean, 2);
  for (size_t i = 0; i < s->n; i++) b[i] = (b[i] - mean) / sqrt(square);
}

static problem two_samples(int d, int given, int n_atoms) {
  uint64_t seed = (uint64_t)(10 * d + given);
  problem p = {.u = naive_conditional(&seed, d, given, -1, n_atoms, 0.05)};
  p.data.sample = scaled(&seed, 83, d + given, 0.8, 0.2);
  p.data.other = scaled(&seed, 71, d + given, 1.1, -0.1);
  for (int l = d; l < d + given; l++) {
    standardise(&p.data.sample, l);
    standardise(&p.data.other, l);
  }
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

static double entry(const double *M, int ldm, int j, int l) {
  return M[j < l ? (size_t)j * ldm + l : (size_t)l * ldm + j];
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
                      (loss_at(&p, j, 2 * h, j, 0) - loss_at(&p, j, -2 * h, j, 0))) / (12 * h);
    worst_g = larger(worst_g, apart(m->gradient[j], g));
    for (int l = 0; l <= j; l++) {
      const double e = 2e-3;
      double K[2];
      for (int k = 0; k < 2; k++) /* Richardson: steps e and 2 e */
        K[k] = (loss_at(&p, j, (k + 1) * e, l, (k + 1) * e) -
                loss_at(&p, j, (k + 1) * e, l, -(k + 1) * e) -
                loss_at(&p, j, -(k + 1) * e, l, (k + 1) * e) +
                loss_at(&p, j, -(k + 1) * e, l, -(k + 1) * e)) / (4 * (k + 1) * (k + 1) * e * e);
      worst_K = larger(worst_K, apart(entry(m->hessian, m->ldm, j, l), (4 * K[0] - K[1]) / 3));
      worst_M = larger(worst_M, apart(entry(m->metric, m->ldm, j, l),
                                      gram[j * n_coef + l] - mean[j] * mean[l]));
    }
  }
  CHECK_NEAR(worst_g, 0, 1e-9);
  CHECK_NEAR(worst_K, 0, 1e-6);
  CHECK_NEAR(worst_M, 0, 1e-11);
  if (getenv("SHOW")) printf("d %d given %d g %g K %g M %g\n", d, given, worst_g, worst_K, worst_M);
}

static void test_level(void) {
  test_derivatives(1, 0);
  test_derivatives(3, 0);
  test_derivatives(2, 2);
}

int main(void) {
  br_threads_set(1);
  heap_each_level(test_level);
  return CHECK_DONE();
}
