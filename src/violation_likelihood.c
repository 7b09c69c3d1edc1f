/* The violation of the likelihood, see columns.h, and that of the variational learner
 * (variational.c), which has grad f in the place of T and (D^2 u)^{-1} grad psi in the place of
 * grad psi in h; and that of a regression, which has T less its targets, and (D^2 u)^{-1} = 0. */
#include "violation.h"

#include "simd.h"

#include <math.h>
#include <string.h>

/* With A = (D^2 u)^{-1}, tau = w'T or w'grad f and q = w'A w at the points follow z and arm; packed
 * is work. For the variational learner A w is there as well and stretch = |A w|^2, for which the
 * likelihood has 1. */
typedef struct {
  double *z, *arm, *tau, *q, *packed, *stretch, *solved;
} profile_rows;

static profile_rows rows_at(const br_columns *columns, double *work) {
  size_t ld = columns->points.n;
  profile_rows at = {work, work + ld, work + 2 * ld, work + 3 * ld, work + 4 * ld, NULL, NULL};
  if (columns->violation == &br_variational_violation) {
    at.stretch = work + 4 * ld;
    at.solved = work + 5 * ld;
  }
  return at;
}

static size_t rows_size(const br_columns *columns) {
  return 4 * columns->points.n + BR_PACKED_SIZE(columns->d);
}

static size_t variational_rows_size(const br_columns *columns) {
  return (5 + (size_t)columns->d) * columns->points.n;
}

static void fields(br_columns *columns, const br_potential *u) {
  br_violation_inverse(columns, u, &columns->points, columns->map, columns->inverse);
}

/* The residuals are the pull; no D^2 psi has a part. */
static void residuals(br_columns *columns, const br_potential *u) {
  size_t n = columns->points.n;
  memcpy(columns->map, columns->other.x, n * u->d * sizeof(double));
  memset(columns->inverse, 0, n * BR_PACKED_SIZE(u->d) * sizeof(double));
}

static void along(const br_columns *columns, int is_gate, const double *w, double *work) {
  profile_rows to = rows_at(columns, work);
  int d = columns->d, ld = (int)columns->points.n;
  br_violation_project(d, &columns->points, is_gate, w, to.z, to.arm);
  br_violation_square(d, columns->points.n, w, columns->inverse, to.packed, to.q);
  br_simd()->project(d, ld, ld, w, columns->map, to.tau);
}

static void variational_along(const br_columns *columns, int is_gate, const double *w,
                              double *work) {
  profile_rows to = rows_at(columns, work);
  int d = columns->d, ld = (int)columns->points.n;
  br_violation_project(d, &columns->points, is_gate, w, to.z, to.arm);
  br_simd()->project(d, ld, ld, w, columns->other.x, to.tau);
  memset(to.q, 0, 2 * (size_t)ld * sizeof(double)); /* and stretch */
  for (int i = 0; i < d; i++) {
    double *Aw = to.solved + (size_t)i * ld;
    memset(Aw, 0, ld * sizeof(double));
    for (int k = 0; k < d; k++) {
      const double *A = columns->inverse + (i >= k ? BR_PACKED(i, k) : BR_PACKED(k, i)) * ld;
      for (int b = 0; b < ld; b++) Aw[b] += A[b] * w[k];
    }
    for (int b = 0; b < ld; b++) {
      to.q[b] += w[i] * Aw[b];
      to.stretch[b] += Aw[b] * Aw[b];
    }
  }
}

static void rate(const br_columns *columns, br_column *column, double *work) {
  profile_rows at = rows_at(columns, work);
  double sums[2];
  br_simd()->score(column->profile, columns->points.n, column->centre, column->width,
                   columns->points.weight, at.z, at.arm, at.tau, at.q, at.stretch, sums);
  column->g = sums[0];
  column->h = sums[1];
}

/* With the slope s and the curvature k of the profile, their derivatives s' and k' in z, the
 * stretch v, and
 *
 *   e = s tau - k q,        f = v s^2 + (k q)^2,
 *   p = s' tau - k' q,      r = 2 (v s s' + k k' q^2),
 *
 *   de/dw = p x + s T - 2 k A w,                 de/dc = -p,   de/da = s tau/a - t p,
 *   df/dw = r x + 4 k^2 q A w + s^2 dv/dw,       df/dc = -r,   df/da = 2 v s^2/a - t r,
 *
 * dv/dw = 2 A^2 w,
 * of which the part of w in the covariates has the terms in x alone. In a gate z does not
 * depend on the part of w in the point, but s does, by k x in place of s' x; and s has no
 * factor a. */
static void rate_gradient(const br_columns *columns, br_column *column, double *gradient_g,
                          double *gradient_h, double *work) {
  const br_kernels *kernels = br_simd();
  const br_sample *points = &columns->points;
  int d = columns->d, rows = points->d, ld = (int)points->n, is_gate = column->profile == BR_GATE;
  profile_rows at = rows_at(columns, work);
  const double *pull = at.solved ? columns->other.x : columns->map;
  double g = 0, h = 0, g_c = 0, h_c = 0, g_a = 0, h_a = 0;
  double a = column->width, c = column->centre;
  for (int start = 0; start < ld; start += BR_LANES) {
    int n = ld - start < BR_LANES ? ld - start : BR_LANES;
    double t[BR_LANES], phi[BR_LANES], cdf[BR_LANES];
    double on_x[BR_LANES], r_x[BR_LANES], on_given[BR_LANES], r_given[BR_LANES];
    double on_pull[BR_LANES], on_inverse[BR_LANES], r_inverse[BR_LANES], r_solved[BR_LANES];
    for (int b = 0; b < n; b++) t[b] = (at.z[start + b] - c) / a;
    kernels->normal((size_t)n, t, phi, cdf);
    for (int b = 0; b < n; b++) {
      double weight = points->weight[start + b], q = at.q[start + b], tau = at.tau[start + b];
      double stretch = at.stretch ? at.stretch[start + b] : 1;
      br_profile_at v =
          br_profile_derivatives(column->profile, a, t[b], phi[b], cdf[b], at.arm[start + b]);
      double p = v.slope_z * tau - v.curve_z * q;
      double r = 2 * (stretch * v.slope * v.slope_z + v.curve * v.curve_z * q * q);
      double by_a = is_gate ? 0 : v.slope / a;
      g += weight * (v.slope * tau - v.curve * q);
      h += weight * (stretch * v.slope * v.slope + v.curve * v.curve * q * q);
      g_c -= weight * p;
      h_c -= weight * r;
      g_a += weight * (by_a * tau - t[b] * p);
      h_a += weight * (2 * stretch * by_a * v.slope - t[b] * r);
      on_given[b] = weight * p;
      r_given[b] = weight * r;
      on_x[b] = is_gate ? weight * v.curve * tau : on_given[b];
      r_x[b] = is_gate ? 2 * weight * stretch * v.slope * v.curve : r_given[b];
      on_pull[b] = weight * v.slope;
      on_inverse[b] = -2 * weight * v.curve;
      r_inverse[b] = 4 * weight * v.curve * v.curve * q;
      r_solved[b] = 2 * weight * v.slope * v.slope;
    }
    for (int i = 0; i < d; i++) {
      const double *x = points->x + (size_t)i * ld + start;
      const double *to = pull + (size_t)i * ld + start;
      double Aw[BR_LANES] = {0}, AAw[BR_LANES] = {0}, sum_g = 0, sum_h = 0;
      for (int k = 0; k < d; k++) {
        size_t row = i >= k ? BR_PACKED(i, k) : BR_PACKED(k, i);
        const double *A = columns->inverse + row * ld + start;
        for (int b = 0; b < n; b++) Aw[b] += A[b] * column->w[k];
        const double *solved = at.solved ? at.solved + (size_t)k * ld + start : NULL;
        for (int b = 0; solved && b < n; b++) AAw[b] += A[b] * solved[b];
      }
      for (int b = 0; b < n; b++) {
        sum_g += on_x[b] * x[b] + on_pull[b] * to[b] + on_inverse[b] * Aw[b];
        sum_h += r_x[b] * x[b] + r_inverse[b] * Aw[b] + r_solved[b] * AAw[b];
      }
      gradient_g[i] += sum_g;
      gradient_h[i] += sum_h;
    }
    for (int i = d; i < rows; i++) {
      const double *x = points->x + (size_t)i * ld + start;
      for (int b = 0; b < n; b++) {
        gradient_g[i] += on_given[b] * x[b];
        gradient_h[i] += r_given[b] * x[b];
      }
    }
  }
  column->g = g;
  column->h = h;
  gradient_g[rows] = g_c;
  gradient_h[rows] = h_c;
  gradient_g[rows + 1] = g_a;
  gradient_h[rows + 1] = h_a;
}

const br_violation br_likelihood_violation = {
    .rows_size = rows_size,
    .fields = fields,
    .along = along,
    .rate = rate,
    .rate_gradient = rate_gradient,
};

const br_violation br_regression_violation = {
    .rows_size = rows_size,
    .fields = residuals,
    .along = along,
    .rate = rate,
    .rate_gradient = rate_gradient,
};

const br_violation br_variational_violation = {
    .rows_size = variational_rows_size,
    .fields = fields,
    .along = variational_along,
    .rate = rate,
    .rate_gradient = rate_gradient,
};
