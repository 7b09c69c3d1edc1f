/* The violation of the semi-dual: with psi an atom of slope s and x_j the points pulled back,
 *
 *   g = mean of psi over the sample - mean of psi over the x_j,
 *   h = mean of s^2 q over the x_j,  q = w'(D^2 u)^{-1} w,
 *
 * the gradient of J and its Hessian. */
#include "violation.h"

#include "simd.h"

#include <math.h>
#include <string.h>

/* z and arm at the x_j and q there follow those at the points; packed is work. */
typedef struct {
  double *z, *arm, *other_z, *other_arm, *q, *packed;
} profile_rows;

static profile_rows rows_at(const br_columns *columns, double *work) {
  size_t ld = columns->points.n, other = columns->other.n;
  double *z = work + 2 * ld;
  return (profile_rows){work, work + ld, z, z + other, z + 2 * other, z + 3 * other};
}

static size_t rows_size(const br_columns *columns) {
  return 2 * columns->points.n + 3 * columns->other.n + BR_PACKED_SIZE(columns->d);
}

static void fields(br_columns *columns, const br_potential *u) {
  br_violation_inverse(columns, u, &columns->other, columns->map, columns->inverse);
}

static void along(const br_columns *columns, int is_gate, const double *w, double *work) {
  profile_rows to = rows_at(columns, work);
  int d = columns->d;
  br_violation_project(d, &columns->points, is_gate, w, to.z, to.arm);
  br_violation_project(d, &columns->other, is_gate, w, to.other_z, to.other_arm);
  br_violation_square(d, columns->other.n, w, columns->inverse, to.packed, to.q);
}

/* Sums over one sample, with sign 1 for the points and -1, and q, for the x_j. With s' the
 * derivative of s in z and k the curvature,
 *
 *   dpsi/dw = s x,               dpsi/dc = -s,   dpsi/da = 2 psi/a - t s,
 *   d(s^2 q)/dw = 2 s s' q x + 2 s^2 A w,
 *   d(s^2 q)/dc = -2 s s' q,     d(s^2 q)/da = 2 s q (s/a - t s'),
 *
 * of which the part of w in the covariates has the terms in x alone. In a gate z does not depend
 * on the part of w in the point: there s' x is k x; the covariates have arm s'/2 in place of
 * s, and so has c; and psi and s have no factor a. */
static void add(const br_columns *columns, br_column *column, const br_sample *points, double sign,
                const double *z, const double *arm, const double *q, double *gradient_g,
                double *gradient_h) {
  const br_kernels *kernels = br_simd();
  int d = columns->d, rows = points->d, ld = (int)points->n, is_gate = column->profile == BR_GATE;
  double a = column->width, c = column->centre;
  for (int start = 0; start < ld; start += BR_LANES) {
    int n = ld - start < BR_LANES ? ld - start : BR_LANES;
    double t[BR_LANES], psi[BR_LANES], phi[BR_LANES], cdf[BR_LANES];
    double on_x[BR_LANES], on_given[BR_LANES], r_x[BR_LANES], r_given[BR_LANES], r_Aw[BR_LANES];
    for (int b = 0; b < n; b++) t[b] = (z[start + b] - c) / a;
    kernels->profile(column->profile, (size_t)n, t, psi);
    kernels->normal((size_t)n, t, phi, cdf);
    for (int b = 0; b < n; b++) {
      double v = arm[start + b], weight = points->weight[start + b];
      br_profile_at at = br_profile_derivatives(column->profile, a, t[b], phi[b], cdf[b], v);
      double value = psi[b] * (is_gate ? 0.5 * v * v : a * a);
      double by_z = is_gate ? 0.5 * v * at.slope_z : at.slope, by_a = is_gate ? 0 : 1 / a;
      column->g += sign * weight * value;
      if (q) column->h += weight * at.slope * at.slope * q[start + b];
      if (!gradient_g) continue;
      on_x[b] = sign * weight * at.slope;
      on_given[b] = sign * weight * by_z;
      gradient_g[rows] -= on_given[b];
      gradient_g[rows + 1] += sign * weight * (2 * value * by_a - t[b] * by_z);
      if (!q) continue;
      double twice = 2 * weight * at.slope * q[start + b];
      r_x[b] = twice * (is_gate ? at.curve : at.slope_z);
      r_given[b] = twice * at.slope_z;
      r_Aw[b] = 2 * weight * at.slope * at.slope;
      gradient_h[rows] -= r_given[b];
      gradient_h[rows + 1] += twice * (at.slope * by_a - t[b] * at.slope_z);
    }
    for (int i = 0; gradient_g && i < rows; i++) {
      const double *x = points->x + (size_t)i * ld + start;
      for (int b = 0; b < n; b++) gradient_g[i] += (i < d ? on_x : on_given)[b] * x[b];
      if (!q) continue;
      for (int b = 0; b < n; b++) gradient_h[i] += (i < d ? r_x : r_given)[b] * x[b];
      for (int k = 0; i < d && k < d; k++) {
        size_t row = i >= k ? BR_PACKED(i, k) : BR_PACKED(k, i);
        const double *A = columns->inverse + row * ld + start;
        for (int b = 0; b < n; b++) gradient_h[i] += r_Aw[b] * A[b] * column->w[k];
      }
    }
  }
}

static void rate_gradient(const br_columns *columns, br_column *column, double *g, double *h,
                          double *work) {
  profile_rows at = rows_at(columns, work);
  column->g = column->h = 0;
  add(columns, column, &columns->points, 1, at.z, at.arm, NULL, g, h);
  add(columns, column, &columns->other, -1, at.other_z, at.other_arm, at.q, g, h);
}

static void rate(const br_columns *columns, br_column *column, double *work) {
  rate_gradient(columns, column, NULL, NULL, work);
}

const br_violation br_semidual_violation = {
    .rows_size = rows_size,
    .fields = fields,
    .along = along,
    .rate = rate,
    .rate_gradient = rate_gradient,
};
