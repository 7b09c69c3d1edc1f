#include "grid_push.h"

#include <math.h>
#include <string.h>

#include "grid_raster.h"

/* The cells that an interval meets, and the share of it in each: the first cell and the last reach
 * to infinity. */
typedef struct {
  int first, last;
  double low, high, inverse; /* in cells */
} piece;

static int clamp(double v, int n) { return !(v > 0) ? 0 : v >= n ? n - 1 : (int)v; }

static piece piece_of(const br_grid *g, int k, double centre, double width) {
  const double scale = 1 / g->step[k];
  const double at = (centre - g->lower[k]) * scale, half = 0.5 * width * scale;
  piece p = {clamp(at - half, g->n[k]), clamp(at + half, g->n[k]), at - half, at + half, 0};
  p.inverse = half > 0 ? 0.5 / half : 0;
  return p;
}

static inline double share(const piece *p, int cell) {
  if (p->first == p->last) return 1;
  const double low = cell == p->first ? p->low : cell;
  const double high = cell == p->last ? p->high : cell + 1;
  return (high - low) * p->inverse;
}

static void drop(const br_grid *g, const double *centre, const double *width, double amount,
                 double *mass) {
  piece p[BR_GRID_AXES] = {{0, 0, 0, 1, 1}, {0, 0, 0, 1, 1}, {0, 0, 0, 1, 1}};
  for (int k = 0; k < g->d; k++) p[k] = piece_of(g, k, centre[k], width[k]);
  for (int c = p[2].first; c <= p[2].last; c++) {
    const double at_c = amount * share(&p[2], c);
    for (int b = p[1].first; b <= p[1].last; b++) {
      const double at_b = at_c * share(&p[1], b);
      double *row = mass + g->first + b * g->stride[1] + c * g->stride[2];
      for (int a = p[0].first; a <= p[0].last; a++) row[a] += at_b * share(&p[0], a);
    }
  }
}

size_t br_grid_push_room(const br_grid *from, const br_grid *to) {
  return from->d == 2 ? br_grid_raster_room(from, to) : 0;
}

/* One thread: several would add to the same cells. */
void br_grid_push(const br_grid *from, const double *density, const double *u, const br_grid *to,
                  double *mass, int parts, double *work) {
  const int d = from->d;
  if (d == 2) {
    br_grid_raster(from, density, u, to, mass, work);
    return;
  }
  const double amount = br_grid_volume(from) / pow(parts, d);
  int count[BR_GRID_AXES];
  for (int k = 0; k < BR_GRID_AXES; k++) count[k] = k < d ? parts : 1;
  memset(mass, 0, to->total * sizeof(double));
  for (int r = 0; r < from->rows; r++) {
    const size_t at = br_grid_row(from, r);
    for (int i = 0; i < from->n[0]; i++) {
      if (!(density[at + i] > 0)) continue;
      const double *v = u + at + i;
      double gradient[BR_GRID_AXES], h[BR_GRID_AXES][BR_GRID_AXES], width[BR_GRID_AXES];
      for (int k = 0; k < d; k++) {
        const ptrdiff_t s = (ptrdiff_t)from->stride[k];
        gradient[k] = (v[s] - v[-s]) / (2 * from->step[k]);
        h[k][k] = fmax(0, (v[s] - 2 * v[0] + v[-s]) / (from->step[k] * from->step[k]));
        width[k] = h[k][k] * from->step[k] / parts;
        for (int l = 0; l < k && parts > 1; l++) {
          const ptrdiff_t t = (ptrdiff_t)from->stride[l];
          h[k][l] = h[l][k] =
              (v[s + t] - v[s - t] - v[t - s] + v[-s - t]) / (4 * from->step[k] * from->step[l]);
        }
      }
      if (parts == 1) {
        drop(to, gradient, width, amount * density[at + i], mass);
        continue;
      }
      for (int c = 0; c < count[2]; c++)
        for (int b = 0; b < count[1]; b++)
          for (int a = 0; a < count[0]; a++) {
            const int index[BR_GRID_AXES] = {a, b, c};
            double centre[BR_GRID_AXES];
            memcpy(centre, gradient, sizeof centre);
            for (int k = 0; k < d; k++)
              for (int l = 0; l < d; l++)
                centre[k] += h[k][l] * from->step[l] * ((index[l] + 0.5) / parts - 0.5);
            drop(to, centre, width, amount * density[at + i], mass);
          }
    }
  }
}
