#include "columns.h"

#include "simd.h"
#include "threads.h"

#include <math.h>
#include <string.h>

#define STARTS_A_COLUMN 2 /* ascents for each atom that is wanted */
#define MAX_TILT 4        /* length of the part of w in the covariates, at most */
#define SAME_FEATURE .9   /* likeness above which two atoms are one, see alike() */

static size_t pad(size_t n) { return (n + BR_VECTOR - 1) / BR_VECTOR * BR_VECTOR; }

static br_column *take_columns(br_workspace *ws, int count, int rows) {
  br_column *columns = (br_column *)br_take(ws, (sizeof(br_column) / 8 + 1) * (size_t)count);
  double *w = br_take(ws, (size_t)rows * count);
  for (int i = 0; i < count; i++) columns[i].w = w + (size_t)i * rows;
  return columns;
}

void br_columns_make(br_columns *columns, const br_columns_options *options, const br_potential *u,
                     const br_sample *sample, int n_wanted, br_workspace *ws) {
  int d = u->d, rows = sample->d;
  size_t n = sample->n < options->max_points ? sample->n : options->max_points, ld = pad(n);
  memset(columns, 0, sizeof *columns);
  columns->options = *options;
  columns->d = d;
  columns->n_wanted = n_wanted;
  columns->n_starts = STARTS_A_COLUMN * n_wanted;
  double *x = br_take(ws, ld * rows), *weight = br_take(ws, ld), total = 0;
  for (size_t i = 0; i < ld; i++) {
    /* evenly spaced rows: all of them when n is the size of the sample */
    size_t from = (size_t)((double)(i < n ? i : n - 1) * ((double)sample->n / (double)n));
    for (int k = 0; k < rows; k++) x[(size_t)k * ld + i] = sample->x[(size_t)k * sample->n + from];
    weight[i] = i < n ? sample->weight[from] : 0;
    total += weight[i];
  }
  for (size_t i = 0; i < ld; i++) weight[i] /= total;
  columns->points = (br_sample){ld, rows, x, weight};
  columns->map = br_take(ws, ld * d);
  columns->factor = br_take(ws, ld * BR_PACKED_SIZE(d));
  columns->inverse = br_take(ws, ld * BR_PACKED_SIZE(d));
  columns->found = take_columns(ws, n_wanted, rows);
  columns->starts = take_columns(ws, columns->options.directions, rows);
  columns->draws_a_direction = 2 * (size_t)rows + 2 + 2 * columns->options.a_direction;
  columns->draws = br_take(ws, columns->draws_a_direction * columns->options.directions);
  columns->threads = br_threads_for((double)ld * columns->options.directions *
                                    (BR_PACKED_SIZE(d) + 10.0 * columns->options.a_direction));
  columns->work_a_thread = 4 * ld + BR_PACKED_SIZE(d) + 5 * (size_t)rows + 4;
  columns->work = br_take(ws, columns->work_a_thread * columns->threads);
  columns->scratch_a_thread = u->family->scratch_size(u, (int)ld, 0);
  columns->scratch = br_take(ws, columns->scratch_a_thread * columns->threads);
}

/* Map and inverse Hessian at the points. */
static void fields(br_columns *columns, const br_potential *u) {
  const br_kernels *kernels = br_simd();
  int d = u->d, ld = (int)columns->points.n;
  BR_OMP(parallel for num_threads(columns->threads) schedule(static))
  for (int start = 0; start < ld; start += BR_LANES) {
    int n = ld - start < BR_LANES ? ld - start : BR_LANES;
    double logdet[BR_LANES], *factor = columns->factor + start;
    u->family->eval(u, n, ld, columns->points.x + start, columns->map + start, factor,
                    columns->scratch + BR_THREAD_ID * columns->scratch_a_thread, 0);
    kernels->cholesky(d, n, ld, factor, logdet);
    kernels->invert(d, n, ld, factor, columns->inverse + start);
  }
}

/* tau = w'T, q = w'(D^2 u)^{-1} w at the points, and z: w'x, or for a gate the covariates' part of
 * it; arm is the other part. packed is work. */
typedef struct {
  double *z, *arm, *tau, *q, *packed;
} profile_rows;

static profile_rows rows_at(const br_columns *columns, double *work) {
  size_t ld = columns->points.n;
  return (profile_rows){work, work + ld, work + 2 * ld, work + 3 * ld, work + 4 * ld};
}

static void along(const br_columns *columns, int is_gate, const double *w, const profile_rows *to) {
  const br_kernels *kernels = br_simd();
  const double *x = columns->points.x;
  int d = columns->d, rows = columns->points.d, ld = (int)columns->points.n;
  for (int i = 0; i < d; i++)
    for (int j = 0; j <= i; j++) to->packed[BR_PACKED(i, j)] = (i == j ? 1 : 2) * w[i] * w[j];
  kernels->project(d, ld, ld, w, x, to->arm);
  if (is_gate) kernels->project(rows - d, ld, ld, w + d, x + (size_t)d * ld, to->z);
  else kernels->project(rows, ld, ld, w, x, to->z);
  kernels->project(d, ld, ld, w, columns->map, to->tau);
  kernels->project((int)BR_PACKED_SIZE(d), ld, ld, to->packed, columns->inverse, to->q);
}

/* Centres stay among the data: an atom beyond them sees no data, and bends the
 * map without a bound where there is nothing to hold it. */
static double among(const double *z, size_t n, double centre) {
  double low = z[0], high = z[0];
  for (size_t i = 1; i < n; i++) {
    low = fmin(low, z[i]);
    high = fmax(high, z[i]);
  }
  return fmin(fmax(centre, low), high);
}

static double length(const double *w, int from, int to) {
  double square = 0;
  for (int k = from; k < to; k++) square += w[k] * w[k];
  return sqrt(square);
}

/* Gives the part of w in x the length 1. The other is cut where it is too long, that of a gate
 * has length 1 too. Returns the length that the first had. */
static double normalise(const br_columns *columns, int is_gate, double *w) {
  int d = columns->d, rows = columns->points.d;
  double norm = length(w, 0, d);
  if (!(norm > 0)) return 0;
  for (int k = 0; k < rows; k++) w[k] /= norm;
  double tilt = length(w, d, rows), to = is_gate ? 1 : fmin(tilt, MAX_TILT);
  for (int k = d; k < rows && tilt > 0; k++) w[k] *= to / tilt;
  return norm;
}

/* Direction number i from its draws: an axis, the difference of two points, or any direction,
 * every other one of these in one covariate alone. */
static void direction(const br_columns *columns, int i, const double *draw, double *w) {
  int d = columns->d, rows = columns->points.d;
  size_t ld = columns->points.n;
  memset(w, 0, rows * sizeof(double));
  if (d > 1 && i < 2 * d && 4 * d <= columns->options.directions) {
    const double *axes = columns->options.axes;
    for (int k = 0; k < d; k++) w[k] = (i % 2 ? -1 : 1) * (axes ? axes[i / 2 * d + k] : k == i / 2);
    if (normalise(columns, 0, w) > 0) return;
  }
  if (rows > 1 && i % 2 == 0) {
    size_t a = (size_t)(draw[0] * (double)ld), b = (size_t)(draw[1] * (double)ld);
    for (int k = 0; k < rows; k++)
      w[k] = columns->points.x[k * ld + a] - columns->points.x[k * ld + b];
    if (normalise(columns, 0, w) > 1e-8) return;
    memset(w, 0, rows * sizeof(double));
  }
  for (int k = 0; k < rows; k++) /* Box-Muller */
    w[k] = sqrt(-2 * log(draw[2 + 2 * k])) * cos(6.283185307179586 * draw[3 + 2 * k]);
  if (i % 4 == 1 && rows > d) {
    int only = d + (int)(draw[0] * (rows - d));
    for (int k = d; k < rows; k++)
      if (k != only) w[k] = 0;
  }
  if (d == 1) w[0] = w[0] < 0 ? -1 : 1; /* the sides of a step differ */
  if (!(normalise(columns, 0, w) > 0)) w[0] = 1;
}

static void rate(br_column *column, const double *sums, double penalty) {
  column->g = sums[0] + penalty;
  column->h = sums[1];
  column->score = column->h > 0 ? -column->g / sqrt(column->h) : -INFINITY;
}

/* The best of the candidates (c, a) of some profiles along one direction. */
static void try_profiles(br_columns *columns, int i, int from, int profiles, double *work) {
  const br_columns_options *options = &columns->options;
  const br_kernels *kernels = br_simd();
  const double *draw = columns->draws + i * columns->draws_a_direction + 2 + 2 * columns->points.d;
  size_t ld = columns->points.n;
  profile_rows at = rows_at(columns, work);
  br_column *best = &columns->starts[i], try = *best;
  double spread = log(options->max_width / options->min_width);
  along(columns, from == BR_GATE, best->w, &at);
  for (int k = 0; k < options->a_direction; k++, draw += 2) {
    double sums[2];
    if (from == BR_GATE && k % BR_N_PROFILES != BR_GATE) continue;
    try.profile = (br_profile)(from + k % profiles);
    try.centre = at.z[(size_t)(draw[0] * (double)ld)];
    try.width = options->min_width * exp(spread * draw[1]);
    kernels->score(try.profile, ld, try.centre, try.width, columns->points.weight, at.z, at.arm,
                   at.tau, at.q, sums);
    rate(&try, sums, options->penalty);
    if (try.score > best->score) *best = try;
  }
}

static void try_direction(br_columns *columns, int i, double *work) {
  br_column *best = &columns->starts[i];
  int d = columns->d, rows = columns->points.d;
  best->score = -INFINITY;
  direction(columns, i, columns->draws + i * columns->draws_a_direction, best->w);
  double tilt = length(best->w, d, rows);
  try_profiles(columns, i, BR_BUMP, 2, work);
  if (!(tilt > 0)) return;
  normalise(columns, 1, best->w);
  try_profiles(columns, i, BR_GATE, 1, work);
  for (int k = d; k < rows && best->profile != BR_GATE; k++) best->w[k] *= tilt;
}

/* Takes off the part of the gradient along w, of length 1 there. */
static void tangent(double *gradient, const double *w, int from, int to) {
  double radial = 0;
  for (int k = from; k < to; k++) radial += gradient[k] * w[k];
  for (int k = from; k < to; k++) gradient[k] -= radial * w[k];
}

/* Slope and curvature of a profile at t, and their derivatives in z. */
typedef struct {
  double slope, curve, slope_z, curve_z;
} profile_at;

static profile_at profile_derivatives(br_profile profile, double a, double t, double phi,
                                      double cdf, double arm) {
  switch (profile) {
  case BR_BUMP: return (profile_at){a * cdf, phi, phi, -t * phi / a};
  case BR_STEP: return (profile_at){a * (t * cdf + phi), cdf, cdf, phi / a};
  default: return (profile_at){arm * cdf, cdf, arm * phi / a, phi / a};
  }
}

/* Score of an atom and its gradient in (w, c, log a), w along the sphere. With A = (D^2 u)^{-1},
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
static void rate_gradient(const br_columns *columns, br_column *column, double *gradient,
                          double *work) {
  const br_kernels *kernels = br_simd();
  const br_sample *points = &columns->points;
  int d = columns->d, rows = points->d, ld = (int)points->n, is_gate = column->profile == BR_GATE;
  profile_rows at = rows_at(columns, work);
  double *g_w = at.packed + BR_PACKED_SIZE(d), *h_w = g_w + rows;
  double g = 0, h = 0, g_c = 0, h_c = 0, g_a = 0, h_a = 0;
  double a = column->width;
  along(columns, is_gate, column->w, &at);
  double c = column->centre = among(at.z, (size_t)ld, column->centre);
  memset(g_w, 0, 2 * rows * sizeof(double));
  for (int start = 0; start < ld; start += BR_LANES) {
    int n = ld - start < BR_LANES ? ld - start : BR_LANES;
    double t[BR_LANES], phi[BR_LANES], cdf[BR_LANES];
    double on_x[BR_LANES], r_x[BR_LANES], on_given[BR_LANES], r_given[BR_LANES];
    double on_map[BR_LANES], on_inverse[BR_LANES], r_inverse[BR_LANES];
    for (int b = 0; b < n; b++) t[b] = (at.z[start + b] - c) / a;
    kernels->normal((size_t)n, t, phi, cdf);
    for (int b = 0; b < n; b++) {
      double weight = points->weight[start + b], q = at.q[start + b], tau = at.tau[start + b];
      profile_at v =
          profile_derivatives(column->profile, a, t[b], phi[b], cdf[b], at.arm[start + b]);
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
      g_w[i] += sum_g;
      h_w[i] += sum_h;
    }
    for (int i = d; i < rows; i++) {
      const double *x = points->x + (size_t)i * ld + start;
      for (int b = 0; b < n; b++) {
        g_w[i] += on_given[b] * x[b];
        h_w[i] += r_given[b] * x[b];
      }
    }
  }
  double sums[2] = {g, h};
  rate(column, sums, columns->options.penalty);
  /* d(-g/sqrt(h)) = -dg/sqrt(h) + g dh/(2 h^(3/2)) */
  double on_g = -1 / sqrt(h), on_h = column->g / (2 * h * sqrt(h));
  for (int k = 0; k < rows; k++) gradient[k] = on_g * g_w[k] + on_h * h_w[k];
  tangent(gradient, column->w, 0, d);
  if (is_gate) tangent(gradient, column->w, d, rows);
  gradient[rows] = on_g * g_c + on_h * h_c;
  gradient[rows + 1] = a * (on_g * g_a + on_h * h_a);
}

/* Gradient ascent with a step length that adapts; the width stays in range. */
static void ascend(const br_columns *columns, br_column *column, double *work) {
  const br_columns_options *options = &columns->options;
  int d = columns->d, rows = columns->points.d;
  double *gradient = work + 4 * columns->points.n + BR_PACKED_SIZE(d) + 2 * rows;
  double *trial_gradient = gradient + rows + 2, *w = trial_gradient + rows + 2, step = .3;
  br_column trial = {.profile = column->profile, .w = w};
  rate_gradient(columns, column, gradient, work);
  for (int k = 0; k < options->refine && step > 1e-3; k++) {
    double norm = 0;
    for (int j = 0; j < rows + 2; j++) norm += gradient[j] * gradient[j];
    norm = sqrt(norm);
    if (!(norm > 1e-12)) return;
    for (int j = 0; j < rows; j++) w[j] = column->w[j] + step * gradient[j] / norm;
    normalise(columns, column->profile == BR_GATE, w);
    trial.centre = column->centre + step * gradient[rows] / norm;
    trial.width = column->width * exp(step * gradient[rows + 1] / norm);
    trial.width = fmin(fmax(trial.width, options->min_width), options->max_width);
    rate_gradient(columns, &trial, trial_gradient, work);
    if (trial.score > column->score) {
      memcpy(column->w, w, rows * sizeof(double));
      memcpy(gradient, trial_gradient, (rows + 2) * sizeof(double));
      column->centre = trial.centre;
      column->width = trial.width;
      column->g = trial.g;
      column->h = trial.h;
      column->score = trial.score;
      step *= 1.5;
    } else {
      step *= .4;
    }
  }
}

/* A cosine of directions, damped by the distance of centres, tilts and log widths. */
static int alike(const br_columns *columns, const br_column *a, const br_column *b) {
  double inner = 0, tilt = 0, narrow = fmin(a->width, b->width);
  int d = columns->d;
  if (a->profile != b->profile) return 0;
  for (int k = 0; k < d; k++) inner += a->w[k] * b->w[k];
  if (a->profile == BR_STEP && inner < 0) return 0;
  double sign = inner < 0 && a->profile != BR_GATE ? -1 : 1;
  for (int k = d; k < columns->points.d; k++)
    tilt += (a->w[k] - sign * b->w[k]) * (a->w[k] - sign * b->w[k]) / (narrow * narrow);
  double shift = (a->centre - sign * b->centre) / narrow;
  double ratio = log(a->width / b->width);
  return fabs(inner) * exp(-.5 * (shift * shift + tilt + ratio * ratio)) > SAME_FEATURE;
}

static void order(br_column *columns, int n) {
  for (int i = 1; i < n; i++)
    for (int j = i; j > 0 && columns[j].score > columns[j - 1].score; j--) {
      br_column swap = columns[j];
      columns[j] = columns[j - 1];
      columns[j - 1] = swap;
    }
}

void br_columns_search(br_columns *columns, const br_potential *u, const br_host *host) {
  const br_columns_options *options = &columns->options;
  int n_starts = columns->n_starts;
  if (n_starts > options->directions) n_starts = options->directions;
  for (size_t i = 0; i < columns->draws_a_direction * options->directions; i++)
    columns->draws[i] = host->uniform(host->ctx);
  fields(columns, u);
  BR_OMP(parallel for num_threads(columns->threads) schedule(dynamic))
  for (int i = 0; i < options->directions; i++)
    try_direction(columns, i, columns->work + BR_THREAD_ID * columns->work_a_thread);
  order(columns->starts, options->directions);
  BR_OMP(parallel for num_threads(columns->threads) schedule(dynamic))
  for (int i = 0; i < n_starts; i++)
    ascend(columns, &columns->starts[i], columns->work + BR_THREAD_ID * columns->work_a_thread);
  order(columns->starts, n_starts);
  columns->n_found = 0;
  for (int i = 0; i < n_starts && columns->n_found < columns->n_wanted; i++) {
    int fresh = columns->starts[i].score > 0;
    for (int k = 0; k < columns->n_found && fresh; k++)
      fresh = !alike(columns, &columns->starts[i], &columns->found[k]);
    if (!fresh) continue;
    br_column *to = &columns->found[columns->n_found++];
    double *w = to->w;
    *to = columns->starts[i];
    to->w = w;
    memcpy(w, columns->starts[i].w, columns->points.d * sizeof(double));
  }
}
