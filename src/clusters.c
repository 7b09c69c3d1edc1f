#include "clusters.h"

#include <math.h>

/* Of two halves the larger waits on the stack, so that at most log2(n) wait. */
#define MOST_WAITING 64

typedef struct {
  size_t from, to; /* of the order */
} range;

/* The widest side of the box around some points, its middle, and the diagonal. */
static int widest_side(size_t n, int d, const double *x, const int *order, range r, double *middle,
                       double *diagonal) {
  int widest = 0;
  double width = -1, square = 0;
  for (int k = 0; k < d; k++) {
    const double *column = x + (size_t)k * n;
    double low = column[order[r.from]], high = low;
    for (size_t i = r.from + 1; i < r.to; i++) {
      const double at = column[order[i]];
      if (at < low) low = at;
      if (at > high) high = at;
    }
    square += (high - low) * (high - low);
    if (high - low > width) {
      width = high - low;
      widest = k;
      *middle = low + width / 2;
    }
  }
  *diagonal = sqrt(square);
  return widest;
}

/* Puts the points below the middle first and returns where the others begin. */
static size_t split(const double *column, int *order, range r, double middle) {
  size_t at = r.from;
  for (size_t i = r.from; i < r.to; i++)
    if (column[order[i]] < middle) {
      const int kept = order[i];
      order[i] = order[at];
      order[at++] = kept;
    }
  return at;
}

/* Orders the points by cells and returns how many there are; cell c is [end[2c], end[2c + 1]). */
static size_t find_cells(size_t n, size_t positive, int d, const double *x, double size, int *order,
                         int *end) {
  range waiting[MOST_WAITING];
  size_t n_cells = 0;
  int n_waiting = 0;
  if (positive > 0) waiting[n_waiting++] = (range){0, positive};
  while (n_waiting > 0) {
    range r = waiting[--n_waiting];
    for (;;) {
      double middle = 0, diagonal = 0;
      const int side = widest_side(n, d, x, order, r, &middle, &diagonal);
      size_t at = r.from;
      if (diagonal > size) at = split(x + (size_t)side * n, order, r, middle);
      if (at == r.from || at == r.to) break; /* small, or too narrow for a middle */
      const range below = {r.from, at}, above = {at, r.to};
      const int larger_below = below.to - below.from > above.to - above.from;
      waiting[n_waiting++] = larger_below ? below : above;
      r = larger_below ? above : below;
    }
    /* cells are found in any order: where one begins is kept beside where it ends */
    end[2 * n_cells] = (int)r.from;
    end[2 * n_cells + 1] = (int)r.to;
    n_cells++;
  }
  return n_cells;
}

void br_clusters_make(br_clusters *c, size_t n, int d, const double *x, const double *weight,
                      double size, br_workspace *ws) {
  int *order = br_take_int(ws, n), *end = br_take_int(ws, 2 * n);
  size_t positive = 0;
  for (size_t i = 0; i < n; i++)
    if (weight[i] > 0) order[positive++] = (int)i;
  c->n = find_cells(n, positive, d, x, size, order, end);
  c->x = br_take(ws, c->n * (size_t)d);
  c->weight = br_take(ws, c->n);
  for (size_t j = 0; j < c->n; j++) {
    for (int i = end[2 * j]; i < end[2 * j + 1]; i++) c->weight[j] += weight[order[i]];
    for (int k = 0; k < d; k++) {
      const double *column = x + (size_t)k * n;
      double mean = 0;
      for (int i = end[2 * j]; i < end[2 * j + 1]; i++)
        mean += weight[order[i]] / c->weight[j] * column[order[i]];
      c->x[(size_t)k * c->n + j] = mean;
    }
  }
}
