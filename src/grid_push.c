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

/* What falls into slabs low to high - 1 of g. */
static void drop(const br_grid *g, int low, int high, const double *centre, const double *width,
                 double amount, double *mass) {
  piece p[BR_GRID_AXES] = {{0, 0, 0, 1, 1}, {0, 0, 0, 1, 1}, {0, 0, 0, 1, 1}};
  for (int k = 0; k < g->d; k++) p[k] = piece_of(g, k, centre[k], width[k]);
  const int from = p[2].first > low ? p[2].first : low;
  const int to = p[2].last < high - 1 ? p[2].last : high - 1;
  for (int c = from; c <= to; c++) {
    const double at_c = amount * share(&p[2], c);
    for (int b = p[1].first; b <= p[1].last; b++) {
      const double at_b = at_c * share(&p[1], b);
      double *row = mass + g->first + (size_t)b * g->stride[1] + (size_t)c * g->stride[2];
      for (int a = p[0].first; a <= p[0].last; a++) row[a] += at_b * share(&p[0], a);
    }
  }
}

size_t br_grid_push_room(const br_grid *from) {
  return from->d == 2 ? br_grid_raster_room(from) : 0;
}

/* Whether the image of a cell, of so many cells of the target on its third axis, meets none of the
 * slabs: the outermost of all reach to infinity. */
static int misses(const br_grid *to, int low, int high, double centre, double half) {
  const double at = (centre - to->lower[2]) / to->step[2], more = half / to->step[2] + 1e-6;
  return (low > 0 && at + more < low) || (high < to->n[2] && at - more >= high);
}

/* Cells in turn, for the slabs low to high - 1 of the target. */
static void push_slabs(const br_grid *from, const double *density, const double *u,
                       const br_grid *to, int low, int high, double *mass, int parts) {
  const int d = from->d;
  const double amount = br_grid_volume(from) / pow(parts, d);
  int count[BR_GRID_AXES];
  for (int k = 0; k < BR_GRID_AXES; k++) count[k] = k < d ? parts : 1;
  for (int r = 0; r < from->rows; r++) {
    const size_t at = br_grid_row(from, r);
    const double *m = density + (size_t)r * (size_t)from->n[0];
    for (int i = 0; i < from->n[0]; i++) {
      if (!(m[i] > 0)) continue;
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
      if (d == 3) {
        double half = 0.5 * width[2] * parts;
        for (int l = 0; l < 2 && parts > 1; l++) half += 0.5 * fabs(h[2][l]) * from->step[l];
        if (misses(to, low, high, gradient[2], half)) continue;
      }
      if (parts == 1) {
        drop(to, low, high, gradient, width, amount * m[i], mass);
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
            drop(to, low, high, centre, width, amount * m[i], mass);
          }
    }
  }
}

void br_grid_push(const br_grid *from, const double *density, const double *u, const br_grid *to,
                  double *mass, int parts, double *work) {
  if (from->d == 2) {
    br_grid_raster(from, density, u, to, mass, work);
    return;
  }
  memset(mass, 0, to->total * sizeof(double));
  if (from->d == 1) {
    push_slabs(from, density, u, to, 0, 1, mass, parts);
    return;
  }
  const int chunks =
      br_grid_chunks(to, br_grid_threads(from, 20 * BR_GRID_PASS * parts * parts * parts));
  BR_OMP(parallel for num_threads(chunks) schedule(static, 1))
  for (int k = 0; k < chunks; k++)
    push_slabs(from, density, u, to, br_grid_chunk(to, chunks, k), br_grid_chunk(to, chunks, k + 1),
               mass, parts);
}
