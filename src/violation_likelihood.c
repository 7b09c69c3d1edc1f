/* The violation of the likelihood, see columns.h. */
#include "violation.h"

#include "simd.h"

#include <math.h>
#include <string.h>

/* tau = w'T and q = w'(D^2 u)^{-1} w at the points follow z and arm; packed is work. */
typedef struct {
  double *z, *arm, *tau, *q, *packed;
} profile_rows;

static profile_rows rows_at(const br_columns *columns, double *work) {
  size_t ld = columns->points.n;
  return (profile_rows){work, work + ld, work + 2 * ld, work + 3 * ld, work + 4 * ld};
}

static size_t rows_size(const br_columns *columns) {
  return 4 * columns->points.n + BR_PACKED_SIZE(columns->d);
}

static void fields(br_columns *columns, const br_potential *u) {
  br_violation_inverse(columns, u, &columns->points, columns->map, columns->inverse);
}

static void along(const br_columns *columns, int is_gate, const double *w, double *work) {
  profile_rows to = rows_at(columns, work);
  int d = columns->d, ld = (int)columns->points.n;
  br_violation_project(d, &columns->points, is_gate, w, to.z, to.arm);
  br_violation_square(d, columns->points.n, w, columns->inverse, to.packed, to.q);
  br_simd()->project(d, ld, ld, w, columns->map, to.tau);
}

static void rate(const br_columns *columns, br_column *column, double *work) {
  profile_rows at = rows_at(columns, work);
  double sums[2];
  br_simd()->score(column->profile, columns->points.n, column->centre, column->width,
                   columns->points.weight, at.z, at.arm, at.tau, at.q, sums);
  column->g = sums[0];
  column->h = sums[1];
}

/* With A = (D^2 u)^{-1},
 * the slope s and the curvature k of the profile, their derivatives s' and k' in z, and
 *
 *   e = s tau - k q,        f = s^2 + (k q)^2,
 *   p = s' tau - k' q,      r = 2 (s s' + k k' q^2),
 *
 *   de/dw = p x + s T - 2 k A w,     de/dc = -p,   de/da = s tau/a - t p,
 *   df/dw = r x + 4 k^2 q A w,       df/dc = -r,   df/da = 2 s^2/a - t r,
 *
 * of which the part of w in the covariates has the terms in x alone. In a gate z does not
 * depend on the part of w in the point, but s does, by k x in place of s' x; and s has no
 * factor a. */
static void rate_gradient(const br_columns *columns, br_column *column, double *gradient_g,
                          double *gradient_h, double *work) {
  const br_kernels *kernels = br_simd();
  const br_sample *points = &columns->points;
  int d = columns->d, rows = points->d, ld = (int)points->n, is_gate = column->profile == BR_GATE;
  profile_rows at = rows_at(columns, work);
  double g = 0, h = 0, g_c = 0, h_c = 0, g_a = 0, h_a = 0;
  double a = column->width, c = column->centre;
  for (int start = 0; start < ld; start += BR_LANES) {
    int n = ld - start < BR_LANES ? ld - start : BR_LANES;
    double t[BR_LANES], phi[BR_LANES], cdf[BR_LANES];
    double on_x[BR_LANES], r_x[BR_LANES], on_given[BR_LANES], r_given[BR_LANES];
    double on_map[BR_LANES], on_inverse[BR_LANES], r_inverse[BR_LANES];
    for (int b = 0; b < n; b++) t[b] = (at.z[start + b] - c) / a;
    kernels->normal((size_t)n, t, phi, cdf);
    for (int b = 0; b < n; b++) {
      double weight = points->weight[start + b], q = at.q[start + b], tau = at.tau[start + b];
      br_profile_at v =
          br_profile_derivatives(column->profile, a, t[b], phi[b], cdf[b], at.arm[start + b]);
      double p = v.slope_z * tau - v.curve_z * q;
      double r = 2 * (v.slope * v.slope_z + v.curve * v.curve_z * q * q);
      double by_a = is_gate ? 0 : v.slope / a;
      g += weight * (v.slope * tau - v.curve * q);
      h += weight * (v.slope * v.slope + v.curve * v.curve * q * q);
      g_c -= weight * p;
      h_c -= weight * r;
      g_a += weight * (by_a * tau - t[b] * p);
      h_a += weight * (2 * by_a * v.slope - t[b] * r);
      on_given[b] = weight * p;
      r_given[b] = weight * r;
      on_x[b] = is_gate ? weight * v.curve * tau : on_given[b];
      r_x[b] = is_gate ? 2 * weight * v.slope * v.curve : r_given[b];
      on_map[b] = weight * v.slope;
      on_inverse[b] = -2 * weight * v.curve;
      r_inverse[b] = 4 * weight * v.curve * v.curve * q;
    }
    for (int i = 0; i < d; i++) {
      const double *x = points->x + (size_t)i * ld + start;
      const double *map = columns->map + (size_t)i * ld + start;
      double Aw[BR_LANES] = {0}, sum_g = 0, sum_h = 0;
      for (int k = 0; k < d; k++) {
        size_t row = i >= k ? BR_PACKED(i, k) : BR_PACKED(k, i);
        const double *A = columns->inverse + row * ld + start;
        for (int b = 0; b < n; b++) Aw[b] += A[b] * column->w[k];
      }
      for (int b = 0; b < n; b++) {
        sum_g += on_x[b] * x[b] + on_map[b] * map[b] + on_inverse[b] * Aw[b];
        sum_h += r_x[b] * x[b] + r_inverse[b] * Aw[b];
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
