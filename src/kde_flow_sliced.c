/* The sliced energy distance: one sort a direction. */
#include "kde_flow.h"

#include <math.h>
#include <stdlib.h>

double br_sliced_constant(int d) {
  return sqrt(3.141592653589793) * exp(lgamma((d + 1) / 2.0) - lgamma(d / 2.0));
}

/* A projected point: of the particles (weight < 0, their share) or of the data (their weight). */
typedef struct {
  double at, weight;
  size_t index;
} projected;

static int by_place(const void *a, const void *b) {
  const double s = ((const projected *)a)->at, t = ((const projected *)b)->at;
  return (s > t) - (s < t);
}

/* int (F_x - F_y)^2 of sorted points; at each particle 2 (F_x - F_y), of middle ranks, into slope.
 */
static double line_energy(size_t n, const projected *p, double *slope) {
  double below = 0, energy = 0; /* below = F_x - F_y to the left */
  for (size_t i = 0; i < n;) {
    size_t end = i;
    double here = 0;
    while (end < n && p[end].at == p[i].at) here -= p[end++].weight;
    for (size_t k = i; k < end && slope; k++)
      if (p[k].weight < 0) slope[p[k].index] = 2 * below + here;
    below += here;
    if (end < n) energy += below * below * (p[end].at - p[i].at);
    i = end;
  }
  return energy;
}

double br_sliced_energy(size_t n, const double *x, size_t m, const double *y, const double *weight,
                        int d, int n_directions, const double *directions, double *velocity,
                        br_workspace *ws) {
  const size_t total = n + m;
  projected *p = (projected *)br_take(ws, total * sizeof(projected) / sizeof(double));
  double *slope = br_take(ws, n), energy = 0;
  const double factor = br_sliced_constant(d) / n_directions;
  for (size_t i = 0; velocity && i < n * (size_t)d; i++) velocity[i] = 0;
  for (int u = 0; u < n_directions; u++) {
    for (size_t i = 0; i < total; i++) {
      const int particle = i < n;
      const double *cloud = particle ? x : y;
      const size_t rows = particle ? n : m, row = particle ? i : i - n;
      double at = 0;
      for (int c = 0; c < d; c++)
        at += directions[(size_t)c * (size_t)n_directions + u] * cloud[(size_t)c * rows + row];
      const double share = weight ? weight[particle ? 0 : row] : 1.0 / (double)m;
      p[i] = (projected){at, particle ? -1.0 / (double)n : share, row};
    }
    qsort(p, total, sizeof(projected), by_place);
    energy += line_energy(total, p, velocity ? slope : NULL);
    /* the particles repel each other and are drawn by the data */
    for (int c = 0; velocity && c < d; c++) {
      const double to = factor * directions[(size_t)c * (size_t)n_directions + u];
      for (size_t i = 0; i < n; i++) velocity[(size_t)c * n + i] += to * slope[i];
    }
  }
  return factor * energy;
}
