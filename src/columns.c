#include "columns.h"

#include "threads.h"
#include "violation.h"

#include <math.h>
#include <string.h>

#define STARTS_A_COLUMN 2 /* ascents for each atom that is wanted */
#define MIN_GATE .5       /* width of a gate, at least: scales change slowly, and so vary less */
#define MAX_TILT 4        /* length of the part of w in the covariates, at most */
#define SAME_FEATURE .9   /* likeness above which two atoms are one, see alike() */

static size_t pad(size_t n) { return (n + BR_VECTOR - 1) / BR_VECTOR * BR_VECTOR; }

static br_column *take_columns(br_workspace *ws, int count, int rows) {
  br_column *columns = (br_column *)br_take(ws, (sizeof(br_column) / 8 + 1) * (size_t)count);
  double *w = br_take(ws, (size_t)rows * count);
  for (int i = 0; i < count; i++) columns[i].w = w + (size_t)i * rows;
  return columns;
}

/* Evenly spaced rows: all of them when n is the size of the sample. */
static void pick(const br_sample *sample, size_t n, size_t ld, double *x) {
  for (size_t i = 0; i < ld; i++) {
    size_t from = (size_t)((double)(i < n ? i : n - 1) * ((double)sample->n / (double)n));
    for (int k = 0; k < sample->d; k++)
      x[(size_t)k * ld + i] = sample->x[(size_t)k * sample->n + from];
  }
}

static br_sample subsample(const br_sample *sample, size_t max_points, br_workspace *ws) {
  size_t n = sample->n < max_points ? sample->n : max_points, ld = pad(n);
  double *x = br_take(ws, ld * sample->d), *weight = br_take(ws, ld), total = 0;
  const br_sample weights = {sample->n, 1, sample->weight, NULL};
  pick(sample, n, ld, x);
  pick(&weights, n, ld, weight);
  for (size_t i = n; i < ld; i++) weight[i] = 0;
  for (size_t i = 0; i < ld; i++) total += weight[i];
  for (size_t i = 0; i < ld; i++) weight[i] /= total;
  return (br_sample){ld, sample->d, x, weight};
}

void br_columns_make(br_columns *columns, const br_columns_options *options, const br_potential *u,
                     const br_sample *sample, const br_violation *violation,
                     const br_sample *pulled, int n_wanted, br_workspace *ws) {
  int d = u->d, rows = sample->d;
  memset(columns, 0, sizeof *columns);
  columns->options = *options;
  columns->violation = violation;
  columns->d = d;
  columns->n_wanted = n_wanted;
  columns->n_starts = STARTS_A_COLUMN * n_wanted;
  columns->points = subsample(sample, options->max_points, ws);
  columns->pulled = pulled;
  if (pulled) columns->other = subsample(pulled, options->max_points, ws);
  size_t ld = columns->points.n, ld_map = pulled ? columns->other.n : ld;
  columns->map = br_take(ws, ld_map * d);
  columns->factor = br_take(ws, ld_map * BR_PACKED_SIZE(d));
  columns->inverse = br_take(ws, ld_map * BR_PACKED_SIZE(d));
  columns->found = take_columns(ws, n_wanted, rows);
  columns->starts = take_columns(ws, columns->options.directions, rows);
  columns->draws_a_direction = 2 * (size_t)rows + 2 + 2 * columns->options.a_direction;
  columns->draws = br_take(ws, columns->draws_a_direction * columns->options.directions);
  columns->threads =
      br_threads_for((double)(pulled ? ld + ld_map : ld) * columns->options.directions *
                     (BR_PACKED_SIZE(d) + 10.0 * columns->options.a_direction));
  columns->rows_a_thread = columns->violation->rows_size(columns);
  columns->work_a_thread = columns->rows_a_thread + 5 * ((size_t)rows + 2);
  columns->work = br_take(ws, columns->work_a_thread * columns->threads);
  columns->scratch_a_thread = u->family->scratch_size(u, (int)ld_map, 0);
  columns->scratch = br_take(ws, columns->scratch_a_thread * columns->threads);
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

/* The score, from g and h of the objective. */
static void judge(br_column *column, double penalty) {
  column->g += penalty;
  column->score = column->h > 0 ? -column->g / sqrt(column->h) : -INFINITY;
}

/* The best of the candidates (c, a) of some profiles along one direction. */
static void try_profiles(br_columns *columns, int i, int from, int profiles, double *work) {
  const br_columns_options *options = &columns->options;
  const double *draw = columns->draws + i * columns->draws_a_direction + 2 + 2 * columns->points.d;
  size_t ld = columns->points.n;
  br_column *best = &columns->starts[i], try = *best;
  columns->violation->along(columns, from == BR_GATE, best->w, work);
  for (int k = 0; k < options->a_direction; k++, draw += 2) {
    if (from == BR_GATE && k % BR_N_PROFILES != BR_GATE) continue;
    try.profile = (br_profile)(from + k % profiles);
    try.centre = work[(size_t)(draw[0] * (double)ld)];
    double least = from == BR_GATE ? fmax(MIN_GATE, options->min_width) : options->min_width;
    try.width = least * exp(log(options->max_width / least) * draw[1]);
    columns->violation->rate(columns, &try, work);
    judge(&try, options->penalty);
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

/* Score of an atom and its gradient in (w, c, log a), w along the sphere. */
static void rate_gradient(const br_columns *columns, br_column *column, double *gradient,
                          double *work) {
  int d = columns->d, rows = columns->points.d, is_gate = column->profile == BR_GATE;
  double *g = work + columns->rows_a_thread, *h = g + rows + 2;
  columns->violation->along(columns, is_gate, column->w, work);
  column->centre = among(work, columns->points.n, column->centre);
  memset(g, 0, 2 * ((size_t)rows + 2) * sizeof(double));
  columns->violation->rate_gradient(columns, column, g, h, work);
  judge(column, columns->options.penalty);
  /* d(-g/sqrt(h)) = -dg/sqrt(h) + g dh/(2 h^(3/2)) */
  double on_g = -1 / sqrt(column->h), on_h = column->g / (2 * column->h * sqrt(column->h));
  for (int k = 0; k < rows + 2; k++) gradient[k] = on_g * g[k] + on_h * h[k];
  gradient[rows + 1] *= column->width;
  tangent(gradient, column->w, 0, d);
  if (is_gate) tangent(gradient, column->w, d, rows);
}

/* Gradient ascent with a step length that adapts; the width stays in range. */
static void ascend(const br_columns *columns, br_column *column, double *work) {
  const br_columns_options *options = &columns->options;
  int rows = columns->points.d;
  double *gradient = work + columns->rows_a_thread + 2 * (rows + 2);
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
    double least =
        trial.profile == BR_GATE ? fmax(MIN_GATE, options->min_width) : options->min_width;
    trial.width = fmin(fmax(trial.width, least), options->max_width);
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
  if (columns->pulled) {
    size_t n = columns->pulled->n, most = options->max_points;
    pick(columns->pulled, n < most ? n : most, columns->other.n, (double *)columns->other.x);
  }
  columns->violation->fields(columns, u);
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
