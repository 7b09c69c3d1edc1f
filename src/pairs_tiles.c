/* Passes within a tolerance. Queries and centres are in tiles, runs of their clouds' orders. With
 * U_B the log of the most that the tile B of centres can add to a query of the tile A (its weight
 * times the kernel at the least distance of the two boxes), the B are taken by decreasing U_B,
 * until
 *
 *   sum of exp(U_B) of those left  <=  tolerance/2  *  least sum of a query so far,
 *
 * which bounds what is left out relative to the sums themselves, wherever the weights put them.
 *
 * A Gaussian between two tiles is a product but for one factor: with x = a + u, y = b + v,
 *
 *   exp(-|x-y|^2/2h^2) = exp(-|x-b|^2/2h^2) exp(-|a-y|^2/2h^2) exp(|a-b|^2/2h^2) exp(u'v/h^2),
 *
 * and the last is a short Taylor series in which every query and centre appears alone: the sum
 * costs n_A + n_B instead of n_A n_B. With |u'v|/h^2 <= rho the series of p terms is off by at
 * most rho^p/p! e^rho, relative to each pair: p is chosen for the other half of the tolerance,
 * or less where U_B says that the tile matters little. */
#include "pairs_pass.h"

#include <math.h>
#include <string.h>

#define BUCKETS 64
#define EVEN 32
#define STEEPEST 1.5 /* rho of tiles that are worth a series, */
#define MOST 0.7     /* and how many of them must be so */

int br_tiles_apply(const br_pass *q) {
  const br_pairs *p = q->p;
  if (!(p->tolerance > 0) || !p->x || !p->x->order || !p->y->order) return 0;
  if (p->kernel == BR_LAPLACE) return q->of == BR_VALUE || q->what == BR_MOVES;
  return p->kernel == BR_GAUSSIAN || p->kernel == BR_MATERN32;
}

/* --- tiles ------------------------------------------------------------------------- */

static size_t tiles_of(const br_cloud *cloud, int level) {
  const size_t size = (size_t)BR_PAIR_LEAF << level;
  return (cloud->n + size - 1) / size;
}

/* Boxes of the tiles: low and high sides, d + d rows of as many as there are leaves. */
static void boxes(const br_cloud *cloud, int level, double *box) {
  const size_t size = (size_t)BR_PAIR_LEAF << level, ld = tiles_of(cloud, 0);
  for (int k = 0; k < cloud->d; k++)
    for (size_t i = 0; i < tiles_of(cloud, level); i++) {
      const double *x = cloud->x + (size_t)k * cloud->ld;
      const size_t end = (i + 1) * size < cloud->n ? (i + 1) * size : cloud->n;
      double low = x[i * size], high = low;
      for (size_t j = i * size; j < end; j++) {
        low = x[j] < low ? x[j] : low;
        high = x[j] > high ? x[j] : high;
      }
      box[(size_t)k * ld + i] = low;
      box[(size_t)(cloud->d + k) * ld + i] = high;
    }
}

/* Half the diagonal of a box, and its middle. */
static double reach(const br_cloud *cloud, const double *box, size_t i, double *middle) {
  const size_t ld = tiles_of(cloud, 0);
  double square = 0;
  for (int k = 0; k < cloud->d; k++) {
    const double low = box[(size_t)k * ld + i], high = box[(size_t)(cloud->d + k) * ld + i];
    middle[k] = low + (high - low) / 2;
    square += (high - low) * (high - low) / 4;
  }
  return sqrt(square);
}

void br_tiles_boxes(br_pairs *p, int level) {
  p->level = level;
  boxes(p->x, level, p->x_box);
  boxes(p->y, level, p->y_box);
}

double br_tiles_gap(const br_pairs *p, size_t i, size_t j, double *far) {
  const size_t x_ld = tiles_of(p->x, 0), y_ld = tiles_of(p->y, 0);
  const int d = p->x->d;
  double near = 0;
  *far = 0;
  for (int k = 0; k < d; k++) {
    const double x0 = p->x_box[(size_t)k * x_ld + i], x1 = p->x_box[(size_t)(d + k) * x_ld + i];
    const double y0 = p->y_box[(size_t)k * y_ld + j], y1 = p->y_box[(size_t)(d + k) * y_ld + j];
    const double gap = x0 > y1 ? x0 - y1 : y0 > x1 ? y0 - x1 : 0;
    const double span = x1 - y0 > y1 - x0 ? x1 - y0 : y1 - x0;
    near += gap * gap;
    *far += span * span;
  }
  return near;
}

void br_tiles_make(br_pairs *p, br_workspace *ws) {
  if (!p->x->order || !p->y->order) return;
  p->x_box = br_take(ws, 2 * (size_t)p->x->d * tiles_of(p->x, 0));
  p->y_box = br_take(ws, 2 * (size_t)p->y->d * tiles_of(p->y, 0));
  p->tile_weight = br_take(ws, tiles_of(p->y, 0));
  p->bounds = br_take(ws, (size_t)p->threads * tiles_of(p->y, 0));
  p->orders = br_take_int(ws, (size_t)p->threads * tiles_of(p->y, 0));
}

static int series_apply(const br_pass *q) {
  return q->p->kernel == BR_GAUSSIAN && q->p->x->d <= 3 && (q->what == BR_MOVES || !q->factored);
}

/* The largest tiles of which most are small enough for short series; else leaves. */
void br_tiles_start(const br_pass *q) {
  br_pairs *p = q->p;
  double middle[BR_PAIR_TILED];
  for (p->level = series_apply(q) ? BR_PAIR_LEVELS : 0;; p->level--) {
    boxes(p->y, p->level, p->y_box);
    if (p->level == 0) break;
    size_t compact = 0;
    for (size_t j = 0; j < tiles_of(p->y, p->level); j++) {
      const double r = reach(p->y, p->y_box, j, middle) / p->scale;
      compact += r * r <= STEEPEST;
    }
    if ((double)compact >= MOST * (double)tiles_of(p->y, p->level)) break;
  }
  br_tiles_boxes(p, p->level);
  const size_t size = (size_t)BR_PAIR_LEAF << p->level;
  for (size_t j = 0; j < tiles_of(p->y, p->level); j++) {
    const size_t left = br_pairs_round_up(p->m) - j * size;
    const int n = (int)(left < size ? left : size);
    const double *w = p->weight + j * size, top = q->simd->pair_top(n, w);
    p->tile_weight[j] =
        top > -INFINITY ? top + log(q->simd->pair_powers(n, top, w, NULL)) : -INFINITY;
  }
}

size_t br_tiles_chunk(const br_pairs *p) { return (size_t)BR_PAIR_LEAF << p->level; }

double br_tiles_guess(const br_pass *q, size_t i0) {
  const br_pairs *p = q->p;
  const br_pair_block b = br_pass_block(p, 0, 0);
  double best = -INFINITY, a[BR_PAIR_TILED], middle[BR_PAIR_TILED];
  reach(p->x, p->x_box, i0 / br_tiles_chunk(p), a);
  for (size_t j = 0; j < tiles_of(p->y, p->level); j++) {
    double square = 0;
    reach(p->y, p->y_box, j, middle);
    for (int k = 0; k < b.d; k++) square += (a[k] - middle[k]) * (a[k] - middle[k]);
    best = fmax(best, p->tile_weight[j] - b.square * square - b.root * sqrt(square));
  }
  return best;
}

/* --- series ------------------------------------------------------------------------ */

/* Terms of total degree below order, and the least order whose error is allowed. */
static int terms_of(int d, int order) {
  return d == 1 ? order : d == 2 ? order * (order + 1) / 2 : order * (order + 1) * (order + 2) / 6;
}

static int order_for(double rho, double allowed) {
  double error = exp(rho);
  for (int order = 1; order <= BR_PAIR_ORDER; order++) {
    error *= rho / order;
    if (error <= allowed) return order;
  }
  return 0;
}

/* terms over the factorials of their degrees */
static void over_factorials(int d, int order, double *terms) {
  double over[BR_PAIR_ORDER] = {1};
  for (int k = 1; k < BR_PAIR_ORDER; k++) over[k] = over[k - 1] / k;
  for (int a = 0; a < order; a++)
    for (int b = 0; b < (d > 1 ? order - a : 1); b++)
      for (int c = 0; c < (d > 2 ? order - a - b : 1); c++) *terms++ *= over[a] * over[b] * over[c];
}

/* Coordinates of the points in places j0 .. less the middle and over h, in rows. */
static void local(const br_cloud *cloud, size_t j0, int n, const double *middle, double h,
                  double *v) {
  for (int k = 0; k < cloud->d; k++)
    for (int j = 0; j < n; j++)
      v[k * BR_PAIR_BLOCK + j] = (cloud->x[(size_t)k * cloud->ld + j0 + (size_t)j] - middle[k]) / h;
}

/* Sums that a series is made for: of ones, and of each column; in gradients of the column, or of
 * ones, and of it times y - b. */
static int series_of(const br_pass *q) {
  return q->what == BR_MOVES ? 1 + (q->a != NULL) + q->p->x->d : 1 + q->r;
}

/* Terms of the tile of centres in n places from j0 for queries around a. The powers are taken less
 * the returned one. */
static double gather(const br_pass *q, br_desk *w, size_t j0, size_t n, const double *a,
                     const double *middle, int order) {
  const br_pairs *p = q->p;
  const int d = p->x->d;
  double top = -INFINITY;
  for (size_t from = 0; from < n; from += BR_PAIR_BLOCK) {
    const size_t left = n - from;
    const br_pair_block b =
        br_pass_block(p, j0 + from, left < BR_PAIR_BLOCK ? left : BR_PAIR_BLOCK);
    q->simd->pair_fill(&b, 1, a, w->t, w->s, 0);
    top = fmax(top, q->simd->pair_top(b.n, w->t));
  }
  memset(w->terms, 0, (size_t)series_of(q) * BR_PAIR_TERMS * sizeof(double));
  if (!(top > -INFINITY)) return top;
  for (size_t from = 0; from < n; from += BR_PAIR_BLOCK) {
    const size_t left = n - from;
    const br_pair_block b =
        br_pass_block(p, j0 + from, left < BR_PAIR_BLOCK ? left : BR_PAIR_BLOCK);
    q->simd->pair_fill(&b, 1, a, w->t, w->s, 0);
    q->simd->pair_powers(b.n, top, w->t, w->e);
    local(p->y, j0 + from, b.n, middle, p->scale, w->near);
    q->simd->pair_moments(d, order, b.n, w->near, w->e, w->s, w->terms);
    br_pass_columns(q, w, j0 + from, b.n);
    double *t = w->t, *terms = w->terms + BR_PAIR_TERMS;
    for (int c = 0; q->a && c < q->r; c++, terms += BR_PAIR_TERMS) {
      const double *column = w->columns + c * BR_PAIR_BLOCK;
      for (int j = 0; j < b.n; j++) t[j] = w->e[j] * column[j];
      q->simd->pair_moments(d, order, b.n, w->near, t, w->s, terms);
    }
    if (q->what != BR_MOVES) continue;
    double *weighted = q->a ? t : w->e, *moved = w->t + BR_PAIR_BLOCK;
    for (int c = 0; c < d; c++, terms += BR_PAIR_TERMS) {
      for (int j = 0; j < b.n; j++)
        moved[j] = weighted[j] * w->near[c * BR_PAIR_BLOCK + j] * p->scale;
      q->simd->pair_moments(d, order, b.n, w->near, moved, w->s, terms);
    }
  }
  for (int c = 0; c < series_of(q); c++)
    over_factorials(d, order, w->terms + (size_t)c * BR_PAIR_TERMS);
  return top;
}

/* Adds a tile by its series. cover: -top of each query of the chunk, -Inf of those left alone. */
static void add_series(const br_pass *q, br_desk *w, size_t i0, int n, size_t j0, size_t m,
                       const double *a, const double *middle, int order, const double *cover) {
  const br_pairs *p = q->p;
  const int d = p->x->d;
  const double ref = gather(q, w, j0, m, a, middle, order);
  if (!(ref > -INFINITY)) return;
  double square = 0;
  for (int k = 0; k < d; k++) square += (a[k] - middle[k]) * (a[k] - middle[k]);
  for (int from = 0; from < n; from += BR_PAIR_BLOCK) {
    br_pair_block b = br_pass_block(p, 0, 0);
    b.n = n - from < BR_PAIR_BLOCK ? (int)br_pairs_round_up((size_t)(n - from)) : BR_PAIR_BLOCK;
    b.ld = p->x->ld;
    b.y = p->x->x + i0 + (size_t)from;
    b.weight = cover + from;
    q->simd->pair_fill(&b, 1, middle, w->t, w->s, 0);
    const double sum = q->simd->pair_powers(b.n, -(b.square * square + ref), w->t, w->e);
    local(p->x, i0 + (size_t)from, b.n, a, p->scale, w->near);
    const int end = n - from < b.n ? n - from : b.n, last = series_of(q) - 1;
    const double *terms = w->terms;
    double *whole = w->t + BR_PAIR_BLOCK; /* of the column, in gradients */
    for (int c = 0; c <= last; c++, terms += BR_PAIR_TERMS) {
      const int k = q->what == BR_MOVES ? c - (last - d) - 1 : c - 1;
      q->simd->pair_series(d, order, b.n, w->near, terms, w->t);
      if (q->what == BR_MOVES && k == -1) memcpy(whole, w->t, (size_t)b.n * sizeof(double));
      for (int i = 0; i < end; i++) {
        if (!(cover[from + i] > -INFINITY)) continue;
        const double power = sum == INFINITY ? INFINITY : w->e[i];
        double *sums = w->sums + (size_t)(from + i) * w->width;
        if (c == 0) w->total[from + i] += power * w->t[i];
        else if (q->what == BR_SUMS) sums[k] += power * w->t[i];
        if (q->what == BR_MOVES && k >= 0) {
          const double move = w->near[k * BR_PAIR_BLOCK + i] * p->scale + (a[k] - middle[k]);
          sums[k] -= power * (move * whole[i] - w->t[i]) / (p->scale * p->scale);
        }
      }
    }
  }
}

/* --- the pass ----------------------------------------------------------------------- */

/* U_B of every tile of centres, for the tile of queries i. */
static double bound_all(const br_pass *q, br_desk *w, size_t i) {
  const br_pairs *p = q->p;
  const br_pair_block b = br_pass_block(p, 0, 0);
  const int steep = q->what == BR_MOVES || q->of != BR_VALUE;
  double top = -INFINITY;
  for (size_t j = 0; j < tiles_of(p->y, p->level); j++) {
    double far;
    const double near = br_tiles_gap(p, i, j, &far);
    double u = p->tile_weight[j] - b.square * near;
    if (b.root != 0) u -= b.root * sqrt(near);
    if (p->kernel == BR_MATERN32) u += log1p(b.root * sqrt(near));
    if (steep) u += 2 * log1p(sqrt(far) / p->scale);
    w->bound[j] = u;
    top = u > top ? u : top;
  }
  return top;
}

/* Ranges of top - U_B: of width 1 up to EVEN, then four to a factor of 2. */
static int range_of(double below) {
  if (below < EVEN) return (int)below;
  const double k = EVEN + 4 * log2(below / EVEN);
  return k < BUCKETS - 1 ? (int)k : BUCKETS - 1;
}

static double least_of_range(int k) { return k < EVEN ? k : EVEN * exp2((k - EVEN) / 4.0); }

/* The tiles by ranges of U_B, from the top; mass[k]: sum of exp(U_B - top) from range k
 * on. */
static void sort_tiles(const br_pairs *p, br_desk *w, double top, int *start, double *mass) {
  const size_t n = tiles_of(p->y, p->level);
  memset(start, 0, (BUCKETS + 2) * sizeof(int));
  memset(mass, 0, (BUCKETS + 1) * sizeof(double));
#define RANGE(u) range_of(top - (u))
  for (size_t j = 0; j < n; j++) {
    const int k = RANGE(w->bound[j]);
    start[k + 2]++;
    mass[k] += exp(w->bound[j] - top);
  }
  for (int k = 0; k < BUCKETS; k++) start[k + 1] += start[k];
  for (size_t j = 0; j < n; j++) w->by_bound[start[RANGE(w->bound[j]) + 1]++] = (int)j;
  for (int k = BUCKETS - 1; k >= 0; k--) mass[k] += mass[k + 1];
#undef RANGE
}

void br_tiles_over(const br_pass *q, br_desk *w, size_t i0, const int *row, int n, int running) {
  br_pairs *p = q->p;
  const size_t size = br_tiles_chunk(p), i = i0 / size, tiles = tiles_of(p->y, p->level);
  const int d = p->x->d, in_tile = (int)(p->n - i0 < size ? p->n - i0 : size);
  int start[BUCKETS + 2];
  double mass[BUCKETS + 1], cover[BR_PAIR_TILE], a[BR_PAIR_TILED], b[BR_PAIR_TILED],
      least = -INFINITY;
  if (n == 0) return;
  const double top = bound_all(q, w, i), x_reach = reach(p->x, p->x_box, i, a);
  if (!(top > -INFINITY)) return;
  sort_tiles(p, w, top, start, mass);
  for (int k = 0; k < BR_PAIR_TILE; k++) cover[k] = -INFINITY;
  for (int k = 0; k < n; k++) cover[row[k]] = -w->top[row[k]];
  for (int k = 0; k < BUCKETS; k++) {
    if (start[k] == start[k + 1]) continue;
    least = INFINITY;
    for (int l = 0; l < n; l++) {
      const double sum = w->top[row[l]] + log(w->total[row[l]]);
      least = sum < least ? sum : least;
    }
    const double left_out =
        mass[k] > 1e-290 ? log(mass[k]) : log((double)tiles) - least_of_range(k) + 1e-6;
    if (top + left_out <= least + log(p->tolerance / 2)) break;
    for (int l = start[k]; l < start[k + 1]; l++) {
      const size_t j = (size_t)w->by_bound[l], j0 = j * size;
      const size_t left = br_pairs_round_up(p->m) - j0, m = left < size ? left : size;
      int order = 0;
      if (series_apply(q) && !running) {
        const double rho = x_reach * reach(p->y, p->y_box, j, b) / (p->scale * p->scale);
        const double slack = exp(fmin(least - w->bound[j], 50)) / (double)tiles;
        order = order_for(rho, p->tolerance / 2 * (slack > 1 ? slack : 1));
      }
      const double each = 6 + 0.6 * terms_of(d, order) * series_of(q);
      if (order > 0 && (double)(in_tile + (int)m) * each < 2.5 * n * (double)m) {
        add_series(q, w, i0, in_tile, j0, m, a, b, order, cover);
        w->visited += (double)(in_tile + (int)m);
      } else {
        for (size_t from = 0; from < m; from += BR_PAIR_BLOCK) {
          const size_t some = m - from < BR_PAIR_BLOCK ? m - from : BR_PAIR_BLOCK;
          const br_pair_block block = br_pass_block(p, j0 + from, some);
          br_pass_columns(q, w, j0 + from, block.n);
          br_pass_add(q, w, &block, j0 + from, i0, row, n, running);
        }
        w->visited += (double)n * (double)m;
      }
    }
  }
}
