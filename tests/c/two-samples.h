/* Problems of two samples, and their objective J in plain loops: what the learners are compared
 * with. */
#ifndef BR_TWO_SAMPLES_H
#define BR_TWO_SAMPLES_H

#include "../../src/mirror.h"
#include "../../src/semidual.h"
#include "naive.h"

typedef struct {
  br_potential u;
  br_learner_data data;
  br_learner learner;
  br_mirror m;
} problem;

static inline void start(problem *p, const char *name, const br_mirror_options *options,
                         double beta) {
  const int max_coef = ((br_ridge *)p->u.self)->max_coef;
  br_learner_make(&p->learner, br_learner_find(name), &p->data, &p->u, max_coef, &heap);
  br_mirror_make(&p->m, options, &p->u, &p->learner, max_coef, &heap);
  p->m.beta = beta;
}

/* x with grad u(x) = y by Newton's method, halved until |grad u - y| falls. */
static inline void naive_inverse(const br_potential *u, const double *y, double *x) {
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

static inline double naive_semidual(const br_potential *u, const br_sample *sample,
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

/* Normal points, shifted and scaled, with random weights. */
static inline br_sample scaled(uint64_t *seed, size_t n, int d, double scale, double shift) {
  br_sample sample = naive_sample(seed, n, d, 1);
  double *x = (double *)sample.x;
  for (size_t i = 0; i < n * (size_t)d; i++) x[i] = shift + scale * x[i];
  return sample;
}

/* Of a symmetric matrix as the moments hold it. */
static inline double entry(const double *M, int ldm, int j, int l) {
  return M[j < l ? (size_t)j * ldm + l : (size_t)l * ldm + j];
}

#endif
