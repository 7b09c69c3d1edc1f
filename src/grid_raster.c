#include "grid_raster.h"

#include <math.h>
#include <string.h>

/* An image smaller than this, in cells of the target, is a point. */
#define POINT 1e-9

size_t br_grid_raster_room(const br_grid *from, const br_grid *to) {
  return (size_t)(to->n[0] + 3) * (size_t)to->n[1] + 6 * (size_t)(from->n[0] + 2);
}

/* The mean over x uniform on [low, high] of max(t - x, 0). */
static inline double ramp(double t, double low, double high) {
  if (t <= low) return 0;
  return t >= high ? t - 0.5 * (low + high) : 0.5 * (t - low) * (t - low) / (high - low);
}

/* Adds weight times the area on the right of the edge to cover, whose sums along a row are the
 * cells. */
static void add_edge(double *cover, int width, double x0, double y0, double x1, double y1,
                     double weight) {
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
  const double slope = (x1 - x0) / (y1 - y0);
  double x = x0, y = y0;
  for (int j = (int)y0; y < y1; j++) {
    const double end = y1 < j + 1 ? y1 : j + 1, next = end == y1 ? x1 : x0 + slope * (end - y0);
    const double height = weight * (end - y);
    const double low = x < next ? x : next, high = x < next ? next : x;
    double *row = cover + (size_t)j * width;
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

/* Where the corners above row j of cells go, j from -1 on, in cells of the target. */
static void corner_row(const br_grid *from, const double *u, const br_grid *to, int j, double *x,
                       double *y) {
  const size_t s = from->stride[1];
  const double *low = u + from->first + (ptrdiff_t)s * j, *high = low + s;
  const double sx = 0.5 / (from->step[0] * to->step[0]), sy = 0.5 / (from->step[1] * to->step[1]);
  const double x0 = to->lower[0] / to->step[0], y0 = to->lower[1] / to->step[1];
  for (int i = -1; i < from->n[0]; i++) {
    const double gx = low[i + 1] - low[i] + high[i + 1] - high[i];
    const double gy = high[i] - low[i] + high[i + 1] - low[i + 1];
    x[i + 1] = within(gx * sx - x0, to->n[0]);
    y[i + 1] = within(gy * sy - y0, to->n[1]);
  }
}

void br_grid_raster(const br_grid *from, const double *density, const double *u, const br_grid *to,
                    double *mass, double *work) {
  const int n = from->n[0], width = to->n[0] + 3;
  const double volume = br_grid_volume(from);
  double *cover = work, *x[2], *y[2], *weight[2];
  const size_t cells = (size_t)width * (size_t)to->n[1];
  for (int k = 0; k < 2; k++) {
    x[k] = cover + cells + (size_t)k * (n + 2);
    y[k] = x[k] + 2 * (n + 2);
    weight[k] = y[k] + 2 * (n + 2);
  }
  memset(cover, 0, cells * sizeof(double));
  memset(mass, 0, to->total * sizeof(double));
  memset(weight[0], 0, 2 * (size_t)(n + 2) * sizeof(double));
  corner_row(from, u, to, -1, x[0], y[0]);
  /* weights of the row below and of this one, with an empty cell on either side; the last row is
   * empty */
  for (int j = 0; j <= from->n[1]; j++) {
    const int old = j % 2, new = 1 - old;
    const double *xa = x[old], *ya = y[old];
    double *xb = x[new], *yb = y[new], *below = weight[old], *here = weight[new];
    if (j < from->n[1]) {
      corner_row(from, u, to, j, xb, yb);
      const double *m = density + from->first + (size_t)j * from->stride[1];
      for (int i = 0; i < n; i++) {
        /* by the diagonals, anticlockwise */
        const double area = 0.5 * ((xb[i + 1] - xa[i]) * (yb[i] - ya[i + 1]) -
                                   (yb[i + 1] - ya[i]) * (xb[i] - xa[i + 1]));
        here[i + 1] = fabs(area) > POINT ? volume * m[i] / area : 0;
        if (fabs(area) > POINT || m[i] == 0) continue;
        int a = (int)(0.25 * (xa[i] + xa[i + 1] + xb[i] + xb[i + 1]));
        int b = (int)(0.25 * (ya[i] + ya[i + 1] + yb[i] + yb[i + 1]));
        if (a > to->n[0] - 1) a = to->n[0] - 1;
        if (b > to->n[1] - 1) b = to->n[1] - 1;
        mass[to->first + a + b * to->stride[1]] += volume * m[i];
      }
      for (int i = 0; i <= n; i++)
        add_edge(cover, width, xa[i], ya[i], xb[i], yb[i], here[i + 1] - here[i]);
    } else {
      memset(here, 0, (size_t)(n + 2) * sizeof(double));
    }
    for (int i = 0; i < n; i++)
      add_edge(cover, width, xa[i], ya[i], xa[i + 1], ya[i + 1], below[i + 1] - here[i + 1]);
  }
  for (int j = 0; j < to->n[1]; j++) {
    double sum = 0;
    double *out = mass + br_grid_row(to, j);
    for (int i = 0; i < to->n[0]; i++) {
      sum += cover[(size_t)j * width + i];
      out[i] += sum;
    }
  }
}
