/* The mathematics of a ridge potential in plain loops, a point at a time and with erfc() and
 * exp() of libm: what the core is compared with. Matrices are full, row by row. */
#ifndef BR_NAIVE_H
#define BR_NAIVE_H

#include "../../src/ridge.h"
#include "heap.h"

#define NAIVE_D 64

static inline double naive_phi(double t) { return 0.398942280401432678 * exp(-0.5 * t * t); }

static inline double naive_cdf(double t) { return 0.5 * erfc(-0.707106781186547524 * t); }

static inline double naive_dot(int d, const double *a, const double *b) {
  double sum = 0;
  for (int k = 0; k < d; k++) sum += a[k] * b[k];
  return sum;
}

static inline void naive_point(const br_sample *sample, size_t i, double *x) {
  for (int k = 0; k < sample->d; k++) x[k] = sample->x[(size_t)k * sample->n + i];
}

/* Feature j at x is a function of w'x: its value, slope and curvature along w. */
typedef struct {
  double value, slope, curve;
} naive_feature;

static inline naive_feature naive_profile(int profile, double t) {
  const double cdf = naive_cdf(t), phi = naive_phi(t), slope = t * cdf + phi;
  if (profile == BR_BUMP) return (naive_feature){slope, cdf, phi};
  return (naive_feature){0.5 * (t * slope + cdf), slope, cdf};
}

static inline const double *naive_direction(const br_potential *u, int j) {
  return ((const br_ridge *)u->self)->dir + (size_t)j * (u->d + u->given);
}

static inline naive_feature naive_at(const br_potential *u, int j, const double *x) {
  const br_ridge *r = u->self;
  const int d = u->d, n_linear = d * (1 + u->given);
  const double z = naive_dot(d + u->given, naive_direction(u, j), x);
  if (j < d) return (naive_feature){z, 1, 0};
  if (j < n_linear) return (naive_feature){z * x[j / d - 1 + d], x[j / d - 1 + d], 0};
  if (j < n_linear + r->n_quadratic) return (naive_feature){0.5 * z * z, z, 1};
  const double a = r->width[j];
  if (r->profile[j] == BR_GATE) {
    const double arm = naive_dot(d, naive_direction(u, j), x);
    const double open = naive_cdf((z - arm - r->centre[j]) / a);
    return (naive_feature){0.5 * arm * arm * open, arm * open, open};
  }
  const naive_feature s = naive_profile(r->profile[j], (z - r->centre[j]) / a);
  return (naive_feature){a * a * s.value, a * s.slope, s.curve};
}

/* u(x); map and hess may be NULL. */
static inline double naive_u(const br_potential *u, const double *x, double *map, double *hess) {
  const int d = u->d;
  double value = 0;
  if (map) memset(map, 0, (size_t)d * sizeof(double));
  if (hess) memset(hess, 0, (size_t)d * d * sizeof(double));
  for (int j = 0; j < u->n_coef; j++) {
    const naive_feature f = naive_at(u, j, x);
    const double *w = naive_direction(u, j), coef = u->coef[j];
    value += coef * f.value;
    for (int i = 0; i < d; i++) {
      if (map) map[i] += coef * f.slope * w[i];
      for (int k = 0; hess && k < d; k++) hess[i * d + k] += coef * f.curve * w[i] * w[k];
    }
  }
  return value;
}

/* Inverse of a symmetric matrix by Gauss and Jordan, in place, and log det; NaN if a pivot is not
 * positive, that is, if the matrix is not positive definite. */
static inline double naive_invert(int d, double *a) {
  double logdet = 0;
  for (int k = 0; k < d; k++) {
    const double pivot = a[k * d + k];
    logdet += pivot > 0 ? log(pivot) : NAN;
    a[k * d + k] = 1;
    for (int j = 0; j < d; j++) a[k * d + j] /= pivot;
    for (int i = 0; i < d; i++) {
      if (i == k) continue;
      const double factor = a[i * d + k];
      a[i * d + k] = 0;
      for (int j = 0; j < d; j++) a[i * d + j] -= factor * a[k * d + j];
    }
  }
  return logdet;
}

/* Loss |T|^2/2 - log det D^2 u at a point. */
static inline double naive_point_loss(const br_potential *u, const double *x) {
  double map[NAIVE_D], hess[NAIVE_D * NAIVE_D];
  naive_u(u, x, map, hess);
  return 0.5 * naive_dot(u->d, map, map) - naive_invert(u->d, hess);
}

static inline double naive_loss(const br_potential *u, const br_sample *sample) {
  double sum = 0, x[NAIVE_D];
  for (size_t i = 0; i < sample->n; i++) {
    naive_point(sample, i, x);
    sum += sample->weight[i] * naive_point_loss(u, x);
  }
  return sum;
}

static inline double naive_penalty(const br_potential *u, double lambda) {
  double sum = 0;
  for (int j = br_ridge_first_atom(u); j < u->n_coef; j++)
    if (!u->frozen[j]) sum += lambda * u->coef[j];
  return sum;
}

/* n points with mean 0 and variance 1 on average; weights even or random, summing to one. */
static inline br_sample naive_sample(uint64_t *seed, size_t n, int d, int weighted) {
  double *x = br_take(&heap, n * (size_t)d), *weight = br_take(&heap, n), sum = 0;
  for (size_t i = 0; i < n * (size_t)d; i++) x[i] = heap_normal(seed);
  for (size_t i = 0; i < n; i++) sum += weight[i] = weighted ? heap_between(seed, 0.1, 3) : 1;
  for (size_t i = 0; i < n; i++) weight[i] /= sum;
  return (br_sample){n, d, x, weight};
}

static inline void naive_unit(uint64_t *seed, int d, double *w) {
  for (int k = 0; k < d; k++) w[k] = heap_normal(seed);
  const double norm = sqrt(naive_dot(d, w, w));
  for (int k = 0; k < d; k++) w[k] /= norm;
}

/* All products of two coordinates, as quadratic features. */
static inline void naive_full_quadratic(br_potential *u) {
  for (int i = 0; i < u->d; i++)
    for (int j = 0; j < i; j++) {
      double w[NAIVE_D] = {0};
      w[i] = w[j] = 0.707106781186547524;
      br_ridge_add_quadratic(u, w, 0);
    }
}

/* A strictly convex potential with the full quadratic part or, where extra >= 0, the diagonal
 * and that many other directions; both profiles; coefficients away from 0. */
static inline br_potential naive_conditional(uint64_t *seed, int d, int given, int extra,
                                             int n_atoms, double kappa) {
  br_potential u;
  double w[NAIVE_D];
  const int n_quadratic = extra < 0 ? d * (d + 1) / 2 : d + extra;
  br_ridge_make(&u, d, given, n_quadratic, n_atoms, kappa, &heap);
  const int n_linear = u.n_coef - d;
  if (extra < 0) naive_full_quadratic(&u);
  for (int k = 0; k < extra; k++) {
    naive_unit(seed, d, w);
    br_ridge_add_quadratic(&u, w, 0);
  }
  for (int j = 0; j < u.n_coef; j++)
    u.coef[j] = j < n_linear       ? heap_between(seed, -1, 1)
                : j < n_linear + d ? heap_between(seed, 0.7, 1.5)
                                   : heap_between(seed, -0.2, 0.2) / d;
  for (int k = 0; k < n_atoms; k++) {
    naive_unit(seed, d, w);
    for (int l = d; l < d + given; l++) w[l] = heap_between(seed, -1, 1);
    const double centre = heap_between(seed, -1.5, 1.5), width = heap_between(seed, 0.3, 2);
    const br_profile profile = given && k % 4 == 2 ? BR_GATE : k % 3 == 1 ? BR_STEP : BR_BUMP;
    br_ridge_add_atom(&u, profile, w, centre, width, heap_between(seed, 0.1, 1));
  }
  u.family->prepare(&u);
  return u;
}

static inline br_potential naive_potential(uint64_t *seed, int d, int extra, int n_atoms,
                                           double kappa) {
  return naive_conditional(seed, d, 0, extra, n_atoms, kappa);
}

#endif
