#include "grid_raster.h"

#include <math.h>
#include <string.h>

/* An image smaller than this, in cells of the target, is a point. */
#define POINT 1e-9

/* Rows of corners and of weights, of this row of cells and the one before. */
#define LINES 6

size_t br_grid_raster_room(const br_grid *from) {
  return LINES * ((size_t)from->n[0] + 2) * (size_t)br_threads_limit();
}

/* The rows of the target from low to high - 1, in cells; row 0 starts at first. A row has its cells
 * and the two ghosts that follow them: sums along it, from the left, are masses. */
typedef struct {
  double *first;
  size_t stride;
  int low, high;
} band;

/* The mean over x uniform on [low, high] of max(t - x, 0). */
static inline double ramp(double t, double low, double high) {
  if (t <= low) return 0;
  return t >= high ? t - 0.5 * (low + high) : 0.5 * (t - low) * (t - low) / (high - low);
}

/* Adds weight times the area on the right of the edge to the rows of the band. */
static void add_edge(const band *to, double x0, double y0, double x1, double y1, double weight) {
  if (y0 == y1 || weight == 0) return;
  if (y0 > y1) {
    double swap = x0;
    x0 = x1;
    x1 = swap;
    swap = y0;
    y0 = y1;
    y1 = swap;
    weight = -weight;
  }
  if (y1 <= to->low || y0 >= to->high) return;
  const double slope = (x1 - x0) / (y1 - y0);
  const int below = y0 < to->low;
  double x = below ? x0 + slope * (to->low - y0) : x0, y = below ? to->low : y0;
  for (int j = (int)y; y < y1 && j < to->high; j++) {
    const double end = y1 < j + 1 ? y1 : j + 1, next = end == y1 ? x1 : x0 + slope * (end - y0);
    const double height = weight * (end - y);
    const double low = x < next ? x : next, high = x < next ? next : x;
    double *row = to->first + (size_t)j * to->stride;
    int i = (int)low;
    if (high <= i + 1) {
      const double left = 0.5 * (low + high) - i;
      row[i] += height * (1 - left);
      row[i + 1] += height * left;
    } else {
      double before = 0, total = 0;
      for (; i < high + 1; i++) {
        const double so_far = ramp(i + 1, low, high), cell = so_far - total;
        row[i] += height * (cell - before);
        before = cell;
        total = so_far;
      }
    }
    x = next;
    y = end;
  }
}

static double within(double v, int n) { return v > 0 ? (v < n ? v : n) : 0; }

/* Where the corners above row j of cells go, j from -1 on, in cells of the target; range is that of
 * their y. */
static void corner_row(const br_grid *from, const double *u, const br_grid *to, int j, double *x,
                       double *y, double *range) {
  const size_t s = from->stride[1];
  const double *low = u + from->first + (ptrdiff_t)s * j, *high = low + s;
  const double sx = 0.5 / (from->step[0] * to->step[0]), sy = 0.5 / (from->step[1] * to->step[1]);
  const double x0 = to->lower[0] / to->step[0], y0 = to->lower[1] / to->step[1];
  range[0] = INFINITY;
  range[1] = -INFINITY;
  for (int i = -1; i < from->n[0]; i++) {
    const double gx = low[i + 1] - low[i] + high[i + 1] - high[i];
    const double gy = high[i] - low[i] + high[i + 1] - low[i + 1];
    x[i + 1] = within(gx * sx - x0, to->n[0]);
    y[i + 1] = within(gy * sy - y0, to->n[1]);
    range[0] = y[i + 1] < range[0] ? y[i + 1] : range[0];
    range[1] = y[i + 1] > range[1] ? y[i + 1] : range[1];
  }
}

/* A mass in one cell, as a row of sums has it. */
static void add_point(const band *to, int n, int rows, double x, double y, double mass) {
  const int a = x < n ? (int)x : n - 1, b = y < rows ? (int)y : rows - 1;
  if (b < to->low || b >= to->high) return;
  double *cell = to->first + (size_t)b * to->stride + a;
  cell[0] += mass;
  cell[1] -= mass;
}

static void draw(const br_grid *from, const double *density, const double *u, const br_grid *to,
                 band b, double *work) {
  const int n = from->n[0];
  const size_t line = (size_t)n + 2;
  const double volume = br_grid_volume(from);
  double *x[2] = {work, work + line}, *y[2] = {work + 2 * line, work + 3 * line};
  double *weight[2] = {work + 4 * line, work + 5 * line}, range[2][2];
  memset(weight[0], 0, 2 * line * sizeof(double));
  corner_row(from, u, to, -1, x[0], y[0], range[0]);
  /* weights of the row below and of this one, with an empty cell on either side; the last row is
   * empty, and those that miss the band need none */
  for (int j = 0; j <= from->n[1]; j++) {
    const int old = j % 2, new = 1 - old, inside = j < from->n[1];
    const double *xa = x[old], *ya = y[old];
    double *xb = x[new], *yb = y[new], *below = weight[old], *here = weight[new];
    if (inside) corner_row(from, u, to, j, xb, yb, range[new]);
    const double least = inside ? fmin(range[0][0], range[1][0]) : range[old][0];
    const double most = inside ? fmax(range[0][1], range[1][1]) : range[old][1];
    if ((least >= b.high && b.high < to->n[1]) || most < b.low) continue;
    if (inside) {
      const double *m = density + (size_t)j * (size_t)n;
      for (int i = 0; i < n; i++) {
        /* by the diagonals, anticlockwise */
        const double area = 0.5 * ((xb[i + 1] - xa[i]) * (yb[i] - ya[i + 1]) -
                                   (yb[i + 1] - ya[i]) * (xb[i] - xa[i + 1]));
        here[i + 1] = fabs(area) > POINT ? volume * m[i] / area : 0;
        if (fabs(area) > POINT || m[i] == 0) continue;
        add_point(&b, to->n[0], to->n[1], 0.25 * (xa[i] + xa[i + 1] + xb[i] + xb[i + 1]),
                  0.25 * (ya[i] + ya[i + 1] + yb[i] + yb[i + 1]), volume * m[i]);
      }
      for (int i = 0; i <= n; i++) add_edge(&b, xa[i], ya[i], xb[i], yb[i], here[i + 1] - here[i]);
    } else {
      memset(here, 0, line * sizeof(double));
    }
    for (int i = 0; i < n; i++)
      add_edge(&b, xa[i], ya[i], xa[i + 1], ya[i + 1], below[i + 1] - here[i + 1]);
  }
}

void br_grid_raster(const br_grid *from, const double *density, const double *u, const br_grid *to,
                    double *mass, double *work) {
  const int bands = br_grid_chunks(to, br_grid_threads(from, 10 * BR_GRID_PASS));
  const size_t room = LINES * ((size_t)from->n[0] + 2);
  memset(mass, 0, to->total * sizeof(double));
  BR_OMP(parallel for num_threads(bands) schedule(static, 1))
  for (int k = 0; k < bands; k++) {
    const band b = {mass + to->first, to->stride[1], br_grid_chunk(to, bands, k),
                    br_grid_chunk(to, bands, k + 1)};
    draw(from, density, u, to, b, work + (size_t)k * room);
    for (int j = b.low; j < b.high; j++) {
      double sum = 0, *row = b.first + (size_t)j * b.stride;
      for (int i = 0; i < to->n[0]; i++) row[i] = sum += row[i];
    }
  }
}
