#include "grid.h"

#include <math.h>
#include <string.h>

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

double br_grid_volume(const br_grid *g) {
  double volume = 1;
  for (int k = 0; k < g->d; k++) volume *= g->step[k];
  return volume;
}

double *br_grid_field(const br_grid *g, br_workspace *ws) { return br_take(ws, g->total); }

int br_grid_threads(const br_grid *g, double cost) {
  return br_threads_for(cost * (double)g->cells);
}

void br_grid_load(const br_grid *g, const double *dense, double *field) {
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++)
    memcpy(field + br_grid_row(g, r), dense + (size_t)r * g->n[0], g->n[0] * sizeof(double));
}

void br_grid_store(const br_grid *g, const double *field, double *dense) {
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
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
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    row_sum[r] = br_grid_row_dot(g->n[0], a + at, b + at);
  }
  return br_grid_sum_rows(g, row_sum);
}

double br_grid_sum(const br_grid *g, const double *a, double *row_sum) {
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const double *v = a + br_grid_row(g, r);
    double sum = 0;
    for (int i = 0; i < g->n[0]; i++) sum += v[i];
    row_sum[r] = sum;
  }
  return br_grid_sum_rows(g, row_sum);
}

double br_grid_mass(const br_grid *g, const double *a, double *row_sum) {
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const double *v = a + (size_t)r * (size_t)g->n[0];
    double sum = 0;
    for (int i = 0; i < g->n[0]; i++) sum += v[i];
    row_sum[r] = sum;
  }
  return br_grid_sum_rows(g, row_sum) * br_grid_volume(g);
}

double br_grid_mean(const br_grid *g, const double *a, const double *b, double *row_sum) {
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const size_t at = (size_t)r * (size_t)g->n[0];
    row_sum[r] = br_grid_row_dot(g->n[0], a + at, b + at);
  }
  return br_grid_sum_rows(g, row_sum) * br_grid_volume(g);
}

void br_grid_add_base(const br_grid *x, const br_grid *y, double sign, double *field) {
  const int threads = br_grid_threads(x, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < x->rows; r++) {
    const int index[BR_GRID_AXES] = {0, r % x->n[1], r / x->n[1]};
    double *v = field + br_grid_row(x, r);
    for (int k = 0; k < x->d; k++) {
      const double slope = y->n[k] * y->step[k] / (x->n[k] * x->step[k]);
      for (int i = 0; i < x->n[0]; i++) {
        const double m = x->step[k] * ((k ? index[k] : i) + 0.5);
        v[i] += sign * m * (y->lower[k] + 0.5 * slope * m);
      }
    }
  }
}

/* Transfers between grids: along each axis a new value is a weighted sum of a few old ones. */
#define TAPS 4

typedef struct {
  int index[TAPS];
  double weight[TAPS];
} taps;

static int fold(int i, int n, int periodic) {
  if (periodic) return ((i % n) + n) % n;
  if (i < 0) i = -1 - i;
  if (i >= n) i = 2 * n - 1 - i;
  return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static taps average_taps(int j, int n, int m, int periodic) {
  (void)periodic;
  const double ratio = (double)n / m, start = j * ratio, end = (j + 1) * ratio;
  taps t = {{0}, {0}};
  for (int k = 0; k < TAPS; k++) {
    const int i = (int)start + k;
    t.index[k] = i < n ? i : n - 1;
    if (i < n) t.weight[k] = fmax(0, fmin(end, i + 1.0) - fmax(start, i)) / ratio;
  }
  return t;
}

static taps cubic_taps(int j, int n, int m, int periodic) {
  const double at = (j + 0.5) * n / m - 0.5;
  int i = (int)floor(at);
  if (!periodic && n >= 4) i = i < 1 ? 1 : i > n - 3 ? n - 3 : i;
  const double t = at - i;
  taps out = {{0},
              {-t * (1 - t) * (2 - t) / 6, (1 - t * t) * (2 - t) / 2, t * (1 + t) * (2 - t) / 2,
               -t * (1 - t * t) / 6}};
  for (int k = 0; k < TAPS; k++) out.index[k] = fold(i - 1 + k, n, periodic);
  return out;
}

/* Where rows start, of a dense array or of a field. */
typedef struct {
  double *first;
  size_t stride[2];
} rows_of;

static rows_of dense_rows(const br_grid *g, double *a) {
  return (rows_of){a, {(size_t)g->n[0], (size_t)g->n[0] * (size_t)g->n[1]}};
}

static rows_of field_rows(const br_grid *g, double *a) {
  return (rows_of){a + g->first, {g->stride[1], g->stride[2]}};
}

static void transfer(const br_grid *from, rows_of a, const br_grid *to, rows_of b,
                     taps (*taps_at)(int, int, int, int), br_workspace *ws) {
  const int n = from->n[0];
  taps *along[BR_GRID_AXES];
  for (int k = 0; k < BR_GRID_AXES; k++) {
    along[k] = (taps *)br_take(ws, (size_t)to->n[k] * (sizeof(taps) / sizeof(double)));
    for (int j = 0; j < to->n[k]; j++)
      along[k][j] = k < to->d ? taps_at(j, from->n[k], to->n[k], from->periodic) : (taps){{0}, {1}};
  }
  double *lines = br_take(ws, (size_t)br_threads_limit() * (size_t)n);
  const int threads = br_grid_threads(to, 4 * BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < to->rows; r++) {
    const int at[2] = {r % to->n[1], r / to->n[1]};
    const taps *second = &along[1][at[0]], *third = &along[2][at[1]];
    double *line = lines + (size_t)BR_THREAD_ID * (size_t)n;
    double *out = b.first + at[0] * b.stride[0] + at[1] * b.stride[1];
    memset(line, 0, (size_t)n * sizeof(double));
    for (int q = 0; q < TAPS * TAPS; q++) {
      const int k2 = q % TAPS, k3 = q / TAPS;
      const double weight = second->weight[k2] * third->weight[k3];
      if (weight == 0) continue;
      const double *in = a.first + second->index[k2] * a.stride[0] + third->index[k3] * a.stride[1];
      BR_OMP(simd)
      for (int i = 0; i < n; i++) line[i] += weight * in[i];
    }
    for (int i = 0; i < to->n[0]; i++) {
      const taps *t = &along[0][i];
      double sum = 0;
      for (int k = 0; k < TAPS; k++) sum += t->weight[k] * line[t->index[k]];
      out[i] = sum;
    }
  }
}

void br_grid_average(const br_grid *from, const double *a, const br_grid *to, double *b,
                     br_workspace *ws) {
  transfer(from, dense_rows(from, (double *)a), to, dense_rows(to, b), average_taps, ws);
}

void br_grid_interpolate(const br_grid *from, const double *a, const br_grid *to, double *b,
                         br_workspace *ws) {
  transfer(from, field_rows(from, (double *)a), to, field_rows(to, b), cubic_taps, ws);
  br_grid_reflect(to, b);
}
