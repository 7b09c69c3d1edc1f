/* Targets with densities known in closed form, in plain loops, and what the tests of the
 * variational learner share. */
#ifndef BR_TARGETS_H
#define BR_TARGETS_H

#include "../../src/mirror.h"
#include "../../src/sobol.h"
#include "naive.h"

typedef struct law law;
struct law {
  double (*f)(const law *t, const double *x, double *gradient); /* minus the log density */
  int d;
  const double *mean, *precision; /* of a normal law: d, d x d */

  /* what to do amiss: nothing where it is 0 */
  double wall;      /* f = infinity where |x| is more */
  int refuse_after; /* batches after which f is NaN everywhere */
  int bad_gradient; /* its gradient alone */
  int fail_at;      /* batch that ends in the status */
  br_status failure;
  int asked;
};

static inline br_status law_eval(void *ctx, size_t n, const double *x, double *f,
                                 double *gradient) {
  law *t = ctx;
  double at[NAIVE_D], slope[NAIVE_D];
  t->asked++;
  if (t->fail_at && t->asked >= t->fail_at) {
    memset(f, 0x7f, n * sizeof(double)); /* nobody is to look at this */
    return t->failure;
  }
  for (size_t i = 0; i < n; i++) {
    for (int k = 0; k < t->d; k++) at[k] = x[(size_t)k * n + i];
    const int refused = t->refuse_after && t->asked > t->refuse_after;
    f[i] = t->f(t, at, slope);
    if (t->wall > 0 && naive_dot(t->d, at, at) > t->wall * t->wall) f[i] = INFINITY;
    if (refused && !t->bad_gradient) f[i] = NAN;
    for (int k = 0; gradient && k < t->d; k++)
      gradient[(size_t)k * n + i] = refused && t->bad_gradient ? NAN : slope[k];
  }
  return BR_OK;
}

static inline br_target target_of(law *t) {
  return (br_target){.ctx = t, .d = t->d, .eval = law_eval};
}

/* Less its constant, d/2 log(2 pi) - log det precision/2. */
static inline double normal_f(const law *t, const double *x, double *gradient) {
  double value = 0;
  for (int k = 0; k < t->d; k++) {
    gradient[k] = 0;
    for (int l = 0; l < t->d; l++) gradient[k] += t->precision[k * t->d + l] * (x[l] - t->mean[l]);
    value += 0.5 * (x[k] - t->mean[k]) * gradient[k];
  }
  return value;
}

/* x^4/4 + x^2/2 - .7 x in each coordinate, and x_1 x_2/2 between the first two. */
static inline double quartic_f(const law *t, const double *x, double *gradient) {
  double value = 0;
  for (int k = 0; k < t->d; k++) {
    value += pow(x[k], 4) / 4 + x[k] * x[k] / 2 - 0.7 * x[k];
    gradient[k] = pow(x[k], 3) + x[k] - 0.7;
  }
  if (t->d > 1) {
    value += x[0] * x[1] / 2;
    gradient[0] += x[1] / 2;
    gradient[1] += x[0] / 2;
  }
  return value;
}

/* A third of normal laws of sd 1/2 at -1, two thirds at 1, in the first coordinate; the others
 * normal. Not log-concave. */
static inline double two_modes_f(const law *t, const double *x, double *gradient) {
  const double left = exp(-2 * pow(x[0] + 1, 2)) / 3, right = 2 * exp(-2 * pow(x[0] - 1, 2)) / 3;
  double value = -log((left + right) * 2 / sqrt(6.283185307179586));
  gradient[0] = 4 * (left * (x[0] + 1) + right * (x[0] - 1)) / (left + right);
  for (int k = 1; k < t->d; k++) {
    value += 0.5 * x[k] * x[k] + 0.918938533204672742;
    gradient[k] = x[k];
  }
  return value;
}

/* Quasi-random normal points: scrambled Sobol points by Newton's method for the quantile. */
static inline br_sample quasi_points(uint64_t seed, size_t n, int d) {
  uint32_t words[BR_SOBOL_WORDS * 4];
  double *x = br_take(&heap, n * (size_t)d), *weight = br_take(&heap, n);
  for (int k = 0; k < BR_SOBOL_WORDS * d; k++) words[k] = (uint32_t)(0x1p32 * heap_uniform(&seed));
  br_sobol(n, d, words, x);
  for (size_t i = 0; i < n * (size_t)d; i++) {
    double t = 0, step = 1;
    while (fabs(step) > 1e-13) {
      step = (x[i] - naive_cdf(t)) / naive_phi(t);
      t += step = fmax(-1, fmin(1, step));
    }
    x[i] = t;
  }
  for (size_t i = 0; i < n; i++) weight[i] = 1 / (double)n;
  return (br_sample){n, d, x, weight};
}

/* Points of mean 0 and covariance I in their weights. */
static inline br_sample standard_points(uint64_t seed, size_t n, int d, int weighted) {
  br_sample s = naive_sample(&seed, n, d, weighted);
  for (int k = 0; k < d; k++) {
    double *b = (double *)s.x + (size_t)k * n, mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) mean += s.weight[i] * b[i];
    for (size_t i = 0; i < n; i++) b[i] -= mean;
    for (int l = 0; l < k; l++) {
      const double *a = s.x + (size_t)l * n;
      double inner = 0;
      for (size_t i = 0; i < n; i++) inner += s.weight[i] * a[i] * b[i];
      for (size_t i = 0; i < n; i++) b[i] -= inner * a[i];
    }
    for (size_t i = 0; i < n; i++) square += s.weight[i] * b[i] * b[i];
    for (size_t i = 0; i < n; i++) b[i] /= sqrt(square);
  }
  return s;
}

/* The trapezoidal rule for N(0, 1), which is exact to rounding at this spacing. */
static inline br_sample quadrature(void) {
  enum { n = 321 };
  double *x = br_take(&heap, n), *weight = br_take(&heap, n), total = 0;
  for (int i = 0; i < n; i++) {
    x[i] = 0.05 * (i - n / 2);
    total += weight[i] = exp(-0.5 * x[i] * x[i]);
  }
  for (int i = 0; i < n; i++) weight[i] /= total;
  return (br_sample){n, 1, x, weight};
}

/* f(T) - log det D^2 u at a point. */
static inline double naive_excess(const br_potential *u, law *t, const double *y) {
  double T[NAIVE_D], hess[NAIVE_D * NAIVE_D], gradient[NAIVE_D];
  naive_u(u, y, T, hess);
  return t->f(t, T, gradient) - naive_invert(u->d, hess);
}

static inline double naive_variational(const br_potential *u, law *t, const br_sample *sample) {
  double sum = 0, y[NAIVE_D];
  for (size_t i = 0; i < sample->n; i++) {
    naive_point(sample, i, y);
    sum += sample->weight[i] * naive_excess(u, t, y);
  }
  return sum;
}

#endif
