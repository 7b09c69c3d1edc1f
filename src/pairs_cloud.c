#include "pairs_pass.h"

#include <math.h>
#include <string.h>

void br_cloud_origin(int d, size_t n, const double *x, size_t m, const double *y, double *origin) {
  for (int k = 0; k < d; k++) {
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
      low = fmin(low, x[(size_t)k * n + i]);
      high = fmax(high, x[(size_t)k * n + i]);
    }
    for (size_t j = 0; y && j < m; j++) {
      low = fmin(low, y[(size_t)k * m + j]);
      high = fmax(high, y[(size_t)k * m + j]);
    }
    /* Rounded so that a difference from it is exact: the points keep all their digits. */
    const double range = high - low, middle = low + range / 2;
    const double unit = range > 0 ? exp2(floor(log2(range)) - 2) : fabs(middle);
    origin[k] = n + m == 0 || fabs(middle) <= range ? 0 : unit * nearbyint(middle / unit);
  }
}

/* --- the order of the points -------------------------------------------------------- */

static void swap(int *a, int *b) {
  const int t = *a;
  *a = *b;
  *b = t;
}

/* Puts the k-th smallest in its place, smaller ones before it and larger ones behind. */
static void split_at(const double *key, int *index, size_t n, size_t k) {
  size_t low = 0, high = n - 1;
  while (low < high) {
    const double pivot = key[index[low + (high - low) / 2]];
    size_t i = low, j = high;
    for (;;) {
      while (key[index[i]] < pivot) i++;
      while (key[index[j]] > pivot) j--;
      if (i >= j) break;
      swap(index + i++, index + j--);
    }
    /* low .. j are <= pivot, j + 1 .. high are >= it; i == j leaves the pivot at j */
    if (k <= j) high = j;
    else low = j + 1;
  }
}

/* A tree by halves of the widest side, of which the leaves are runs of BR_PAIR_LEAF points and any
 * 2^k leaves from a multiple of 2^k are a node. x as given by the caller. */
static void arrange(size_t n, int d, const double *x, int *index, size_t total) {
  const size_t leaves = (n + BR_PAIR_LEAF - 1) / BR_PAIR_LEAF;
  if (leaves < 2) return;
  double widest = -1;
  int side = 0;
  for (int k = 0; k < d; k++) {
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
      const double at = x[(size_t)k * total + (size_t)index[i]];
      low = at < low ? at : low;
      high = at > high ? at : high;
    }
    if (high - low > widest) {
      widest = high - low;
      side = k;
    }
  }
  size_t left = 1;
  while (2 * left < leaves) left *= 2;
  left *= BR_PAIR_LEAF;
  split_at(x + (size_t)side * total, index, n, left);
  arrange(left, d, x, index, total);
  arrange(n - left, d, x, index + left, total);
}

void br_cloud_make(br_cloud *cloud, size_t n, int d, const double *x, const double *origin,
                   br_workspace *ws) {
  memset(cloud, 0, sizeof *cloud);
  cloud->n = n;
  cloud->ld = br_pairs_round_up(n);
  cloud->d = d;
  cloud->origin = origin;
  cloud->x = br_take(ws, (size_t)d * cloud->ld);
  if (d >= BR_PAIR_DIFFER) cloud->half_square = br_take(ws, cloud->ld);
  if (d <= BR_PAIR_TILED && n > 4 * BR_PAIR_LEAF) {
    cloud->order = br_take_int(ws, n);
    for (size_t i = 0; i < n; i++) cloud->order[i] = (int)i;
    arrange(n, d, x, cloud->order, n);
  }
  for (int k = 0; k < d; k++)
    for (size_t i = 0; i < n; i++)
      cloud->x[(size_t)k * cloud->ld + i] = x[(size_t)k * n + br_cloud_place(cloud, i)] - origin[k];
  for (size_t i = 0; i < n; i++) {
    double square = 0;
    for (int k = 0; k < d; k++) {
      const double at = cloud->x[(size_t)k * cloud->ld + i];
      square += at * at;
    }
    cloud->radius = fmax(cloud->radius, sqrt(square));
    if (cloud->half_square) cloud->half_square[i] = square / 2;
  }
}
