#include "grid.h"

#include <math.h>
#include <string.h>

#include "threads.h"

void br_grid_make(br_grid *g, int d, const int *n, const double *lower, const double *upper,
                  int periodic) {
  memset(g, 0, sizeof *g);
  g->d = d;
  g->periodic = periodic;
  g->total = g->cells = 1;
  for (int k = 0; k < BR_GRID_AXES; k++) {
    g->n[k] = k < d ? n[k] : 1;
    g->lower[k] = k < d ? lower[k] : 0;
    g->step[k] = k < d ? (upper[k] - lower[k]) / n[k] : 1;
    if (k >= d) continue;
    g->stride[k] = g->total;
    g->first += g->stride[k];
    g->total *= (size_t)g->n[k] + 2;
    g->cells *= (size_t)g->n[k];
  }
  g->rows = g->n[1] * g->n[2];
}

void br_grid_halve(br_grid *coarse, const br_grid *fine) {
  int n[BR_GRID_AXES];
  double upper[BR_GRID_AXES];
  for (int k = 0; k < BR_GRID_AXES; k++) {
    n[k] = fine->n[k] > 4 ? (fine->n[k] + 1) / 2 : fine->n[k];
    upper[k] = br_grid_upper(fine, k);
  }
  br_grid_make(coarse, fine->d, n, fine->lower, upper, fine->periodic);
}

int br_grid_levels(const br_grid *x, const br_grid *y, br_grid *xs, br_grid *ys) {
  int levels = 1;
  xs[0] = *x;
  ys[0] = *y;
  for (; levels < BR_GRID_LEVELS; levels++) {
    const br_grid *g = &xs[levels - 1];
    if (g->n[0] <= 16 && g->n[1] <= 16 && g->n[2] <= 16) break;
    br_grid_halve(&xs[levels], g);
    br_grid_halve(&ys[levels], &ys[levels - 1]);
  }
  return levels;
}

double br_grid_volume(const br_grid *g) {
  double volume = 1;
  for (int k = 0; k < g->d; k++) volume *= g->step[k];
  return volume;
}

double *br_grid_field(const br_grid *g, br_workspace *ws) { return br_take(ws, g->total); }

void br_grid_load(const br_grid *g, const double *dense, double *field) {
  for (int r = 0; r < g->rows; r++)
    memcpy(field + br_grid_row(g, r), dense + (size_t)r * g->n[0], g->n[0] * sizeof(double));
}

void br_grid_store(const br_grid *g, const double *field, double *dense) {
  for (int r = 0; r < g->rows; r++)
    memcpy(dense + (size_t)r * g->n[0], field + br_grid_row(g, r), g->n[0] * sizeof(double));
}

/* The two ghosts of a line of n cells at stride s, from its inside. */
static void reflect_line(double *line, size_t s, int n, int periodic) {
  double *last = line + (size_t)(n - 1) * s;
  line[-(ptrdiff_t)s] = periodic ? *last : *line;
  last[s] = periodic ? *line : *last;
}

static double beyond(const double *edge, ptrdiff_t inward, int order) {
  const double a = edge[0], b = edge[inward];
  return order == 1 ? 2 * a - b : 3 * a - 3 * b + edge[2 * inward];
}

static void extrapolate_line(double *line, size_t s, int n, int order) {
  if (order > n - 1) order = n - 1;
  double *last = line + (size_t)(n - 1) * s;
  const ptrdiff_t step = (ptrdiff_t)s;
  line[-step] = order == 0 ? *line : beyond(line, step, order);
  last[step] = order == 0 ? *last : beyond(last, -step, order);
}

/* Axis by axis; lines of a later axis start in the ghosts of those before, for the corners. */
static void fill_ghosts(const br_grid *g, double *field, int order) {
  for (int k = 0; k < g->d; k++) {
    size_t count[BR_GRID_AXES], start = g->stride[k];
    for (int l = 0; l < BR_GRID_AXES; l++)
      count[l] = l == k || l >= g->d ? 1 : l < k ? (size_t)g->n[l] + 2 : (size_t)g->n[l];
    for (int l = k + 1; l < g->d; l++) start += g->stride[l];
    for (size_t c = 0; c < count[2]; c++)
      for (size_t b = 0; b < count[1]; b++)
        for (size_t a = 0; a < count[0]; a++) {
          double *line = field + start + a * g->stride[0] + b * g->stride[1] + c * g->stride[2];
          if (order == 0 || g->periodic) reflect_line(line, g->stride[k], g->n[k], g->periodic);
          else extrapolate_line(line, g->stride[k], g->n[k], order);
        }
  }
}

void br_grid_reflect(const br_grid *g, double *field) { fill_ghosts(g, field, 0); }

void br_grid_extrapolate(const br_grid *g, double *field, int order) {
  fill_ghosts(g, field, order);
}

double br_grid_sum_rows(const br_grid *g, const double *row_sum) {
  double sum = 0;
  for (int r = 0; r < g->rows; r++) sum += row_sum[r];
  return sum;
}

double br_grid_dot(const br_grid *g, const double *a, const double *b, double *row_sum) {
  const int threads = br_threads_for(2.0 * g->cells);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    double sum = 0;
    BR_OMP(simd reduction(+ : sum))
    for (int i = 0; i < g->n[0]; i++) sum += a[at + i] * b[at + i];
    row_sum[r] = sum;
  }
  return br_grid_sum_rows(g, row_sum);
}

double br_grid_sum(const br_grid *g, const double *a, double *row_sum) {
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    double sum = 0;
    for (int i = 0; i < g->n[0]; i++) sum += a[at + i];
    row_sum[r] = sum;
  }
  return br_grid_sum_rows(g, row_sum);
}

void br_grid_add_base(const br_grid *x, const br_grid *y, double sign, double *w) {
  for (int r = 0; r < x->rows; r++) {
    const int index[BR_GRID_AXES] = {0, r % x->n[1], r / x->n[1]};
    double *v = w + br_grid_row(x, r);
    for (int k = 0; k < x->d; k++) {
      const double slope = y->n[k] * y->step[k] / (x->n[k] * x->step[k]);
      for (int i = 0; i < x->n[0]; i++) {
        const double m = x->step[k] * ((k ? index[k] : i) + 0.5);
        v[i] += sign * m * (y->lower[k] + 0.5 * slope * m);
      }
    }
  }
}

/* Transfers between grids go axis by axis through dense arrays: along one axis every new value is a
 * weighted sum of old ones. `from` has inner x n x outer values, `to` inner x m x outer. */
typedef struct {
  size_t inner, outer;
  int n, m, periodic;
} line_shape;

static void average_axis(line_shape s, const double *from, double *to) {
  const double ratio = (double)s.n / s.m;
  for (size_t o = 0; o < s.outer; o++)
    for (int j = 0; j < s.m; j++) {
      double *out = to + (o * s.m + j) * s.inner;
      memset(out, 0, s.inner * sizeof(double));
      const double start = j * ratio, end = (j + 1) * ratio;
      for (int i = (int)start; i < s.n && i < end - 1e-9; i++) {
        const double overlap = fmin(end, i + 1.0) - fmax(start, i);
        const double *in = from + (o * s.n + i) * s.inner;
        for (size_t c = 0; c < s.inner; c++) out[c] += overlap / ratio * in[c];
      }
    }
}

static int fold(int i, int n, int periodic) {
  if (periodic) return ((i % n) + n) % n;
  if (i < 0) i = -1 - i;
  if (i >= n) i = 2 * n - 1 - i;
  return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static void interpolate_axis(line_shape s, const double *from, double *to) {
  for (int j = 0; j < s.m; j++) {
    const double at = (j + 0.5) * s.n / s.m - 0.5;
    const int i = (int)floor(at);
    const double t = at - i;
    const double weight[4] = {-t * (1 - t) * (2 - t) / 6, (1 - t * t) * (2 - t) / 2,
                              t * (1 + t) * (2 - t) / 2, -t * (1 - t * t) / 6};
    for (size_t o = 0; o < s.outer; o++) {
      double *out = to + (o * s.m + j) * s.inner;
      memset(out, 0, s.inner * sizeof(double));
      for (int k = 0; k < 4; k++) {
        const double *in = from + (o * s.n + fold(i - 1 + k, s.n, s.periodic)) * s.inner;
        for (size_t c = 0; c < s.inner; c++) out[c] += weight[k] * in[c];
      }
    }
  }
}

static void transfer(const br_grid *from, const double *a, const br_grid *to, double *b,
                     br_workspace *ws, void (*axis)(line_shape, const double *, double *)) {
  size_t largest = 1;
  for (int k = 0; k < BR_GRID_AXES; k++)
    largest *= (size_t)(from->n[k] > to->n[k] ? from->n[k] : to->n[k]);
  double *old = br_take(ws, largest), *new = br_take(ws, largest);
  br_grid_store(from, a, old);
  line_shape s = {1, from->cells, 0, 0, from->periodic};
  for (int k = 0; k < from->d; k++) {
    s.n = from->n[k];
    s.m = to->n[k];
    s.outer /= (size_t)s.n;
    axis(s, old, new);
    s.inner *= (size_t)s.m;
    double *swap = old;
    old = new;
    new = swap;
  }
  br_grid_load(to, old, b);
}

void br_grid_average(const br_grid *from, const double *a, const br_grid *to, double *b,
                     br_workspace *ws) {
  transfer(from, a, to, b, ws, average_axis);
}

void br_grid_interpolate(const br_grid *from, const double *a, const br_grid *to, double *b,
                         br_workspace *ws) {
  transfer(from, a, to, b, ws, interpolate_axis);
  br_grid_reflect(to, b);
}
