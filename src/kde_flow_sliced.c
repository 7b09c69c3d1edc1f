/* The sliced energy distance: one sort a direction. Directions are shared out in shares of a fixed
 * size, each summed by one thread, and the shares in their order. */
#include "kde_flow.h"
#include "threads.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SHARE 8 /* directions */

double br_sliced_constant(int d) {
  return sqrt(3.141592653589793) * exp(lgamma((d + 1) / 2.0) - lgamma(d / 2.0));
}

/* A projected point, and its index: particles first, then data. */
typedef struct {
  double at;
  size_t index;
} projected;

/* The bits of a double as a number in the same order; -0 is 0. */
static uint64_t key_of(double at) {
  uint64_t bits;
  at += 0.0;
  memcpy(&bits, &at, sizeof bits);
  return bits >> 63 ? ~bits : bits | (UINT64_C(1) << 63);
}

/* Sorts what is nearly sorted; gives up, at some order of the points, where it is not: 0. */
static int insert_sort(projected *p, size_t n) {
  size_t moves = 0;
  for (size_t i = 1; i < n; i++) {
    const projected one = p[i];
    size_t k = i;
    for (; k > 0 && p[k - 1].at > one.at; k--) p[k] = p[k - 1];
    p[k] = one;
    moves += i - k;
    if (moves > 16 * n) return 0;
  }
  return 1;
}

static int by_place(const void *a, const void *b) {
  const double s = ((const projected *)a)->at, t = ((const projected *)b)->at;
  return (s > t) - (s < t);
}

/* Sorts by place: by the 22 highest of the bits that differ, eleven at a time, which leaves next to
 * nothing for the insertions, unless the points are in few heaps far apart. other: room for n more.
 */
static void sort_places(projected *p, projected *other, size_t n) {
  uint64_t low = UINT64_MAX, high = 0;
  for (size_t i = 0; i < n; i++) {
    const uint64_t key = key_of(p[i].at);
    if (key < low) low = key;
    if (key > high) high = key;
  }
  int width = 0; /* of the range of keys */
  while (width < 64 && (high - low) >> width) width++;
  const int shift = width > 22 ? width - 22 : 0;
  for (int digit = 0; digit < 2; digit++) {
    size_t count[2048] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++) count[(key_of(p[i].at) - low) >> shift >> 11 * digit & 2047]++;
    for (int k = 0; k < 2048; k++) {
      const size_t here = count[k];
      count[k] = sum;
      sum += here;
    }
    for (size_t i = 0; i < n; i++)
      other[count[(key_of(p[i].at) - low) >> shift >> 11 * digit & 2047]++] = p[i];
    projected *swap = p;
    p = other;
    other = swap;
  }
  /* after two passes they are back where they were */
  if (!insert_sort(p, n)) qsort(p, n, sizeof *p, by_place);
}

typedef struct {
  size_t n, m;
  const double *x, *y, *weight;
  int d, n_directions;
  const double *directions;
  int moves; /* whether velocities are wanted */
} slices;

/* int (F_x - F_y)^2 of sorted points; at each particle 2 (F_x - F_y), of middle ranks, times
 * factor u into velocity, n x d. */
static double line_energy(const slices *s, const projected *p, const double *u, double *velocity) {
  const size_t n = s->n, total = n + s->m;
  double below = 0, energy = 0; /* below = F_x - F_y to the left */
  for (size_t i = 0; i < total;) {
    size_t end = i;
    double here = 0;
    for (; end < total && p[end].at == p[i].at; end++) {
      const size_t k = p[end].index;
      here += k < n ? 1.0 / (double)n : -(s->weight ? s->weight[k - n] : 1.0 / (double)s->m);
    }
    for (size_t k = i; k < end && s->moves; k++)
      for (int c = 0; p[k].index < n && c < s->d; c++)
        velocity[(size_t)c * n + p[k].index] += (2 * below + here) * u[c];
    below += here;
    if (end < total) energy += below * below * (p[end].at - p[i].at);
    i = end;
  }
  return energy;
}

static void project(const slices *s, size_t rows, const double *cloud, const double *u,
                    size_t first, projected *p) {
  for (size_t i = 0; i < rows; i++) {
    double at = 0;
    for (int c = 0; c < s->d; c++) at += u[c] * cloud[(size_t)c * rows + i];
    p[i] = (projected){at, first + i};
  }
}

/* The energy of the directions of one share, and what they add to the velocity; u: d more. */
static double share_energy(const slices *s, int share, projected *p, double *u, double *velocity) {
  const size_t total = s->n + s->m;
  const int first = share * SHARE, end = first + SHARE;
  double energy = 0;
  for (int k = first; k < end && k < s->n_directions; k++) {
    for (int c = 0; c < s->d; c++) u[c] = s->directions[(size_t)c * (size_t)s->n_directions + k];
    project(s, s->n, s->x, u, 0, p);
    project(s, s->m, s->y, u, s->n, p + s->n);
    sort_places(p, p + total, total);
    energy += line_energy(s, p, u, velocity);
  }
  return energy;
}

double br_sliced_energy(size_t n, const double *x, size_t m, const double *y, const double *weight,
                        int d, int n_directions, const double *directions, double *velocity,
                        br_workspace *ws) {
  const slices s = {n, m, x, y, weight, d, n_directions, directions, velocity != NULL};
  const size_t total = n + m, size = velocity ? n * (size_t)d : 0;
  const int shares = (n_directions + SHARE - 1) / SHARE;
  const double factor = br_sliced_constant(d) / n_directions;
  int threads = br_threads_for(60.0 * (double)total * n_directions);
  if (threads > shares) threads = shares;
  /* the shares of a round are summed before the next, so that memory does not grow with them */
  const int round = shares < 16 ? shares : 16;
  const size_t room = 2 * total * sizeof(projected) / sizeof(double);
  double *p = br_take(ws, (size_t)threads * room), *u = br_take(ws, (size_t)threads * (size_t)d);
  double *parts = br_take(ws, (size_t)round * size), *sums = br_take(ws, (size_t)round), energy = 0;
  for (size_t i = 0; i < size; i++) velocity[i] = 0;
  for (int first = 0; first < shares; first += round) {
    const int now = shares - first < round ? shares - first : round;
    BR_OMP(parallel for num_threads(threads) schedule(dynamic))
    for (int k = 0; k < now; k++) {
      double *part = parts + (size_t)k * size;
      if (size > 0) memset(part, 0, size * sizeof(double));
      const size_t thread = (size_t)BR_THREAD_ID;
      sums[k] = share_energy(&s, first + k, (projected *)(p + thread * room),
                             u + thread * (size_t)d, part);
    }
    for (int k = 0; k < now; k++) {
      energy += sums[k];
      for (size_t i = 0; i < size; i++) velocity[i] += parts[(size_t)k * size + i];
    }
  }
  for (size_t i = 0; i < size; i++) velocity[i] *= factor;
  return factor * energy;
}
