/* The powers k(x_i, y_j) of a Gaussian, held for several sums over the same pairs. Rows in leaves
 * of BR_PAIR_LEAF queries; of each the runs of centres that the tolerance asks for, which end with
 * a block of BR_PAIR_BLOCK. Others count as 0 and are not touched. */
#include "pairs_pass.h"
#include "threads.h"

#include <math.h>
#include <string.h>

#define LEAF BR_PAIR_LEAF
#define BLOCK BR_PAIR_BLOCK
/* How much worse than the guess a logarithm of a sum may be, before more is kept. */
#define SLACK 5

static size_t leaves_of(size_t n) { return (n + LEAF - 1) / LEAF; }

static size_t blocks_of(const br_kept *k) { return (k->ld + BLOCK - 1) / BLOCK; }

size_t br_kept_size(size_t n, size_t m) { return n * br_pairs_round_up(m); }

int br_kept_apply(const br_pairs *p) {
  return p->kernel == BR_GAUSSIAN && p->x->d < BR_PAIR_COLUMNS;
}

void br_kept_make(br_kept *k, br_pairs *p, double *memory, br_workspace *ws) {
  memset(k, 0, sizeof *k);
  k->p = p;
  k->power = memory;
  k->ld = br_pairs_round_up(p->m);
  k->packed = br_take(ws, blocks_of(k) * BLOCK * BR_PAIR_COLUMNS);
  k->partial = br_take(ws, leaves_of(p->n) * k->ld);
  k->low_x = br_take(ws, leaves_of(p->n));
  k->low_y = br_take(ws, leaves_of(p->m));
  k->runs = br_take_int(ws, leaves_of(p->n));
  k->run = br_take_int(ws, 2 * leaves_of(p->n) * leaves_of(p->m));
}

/* Columns in the order of the centres, block after block. */
static void pack(br_kept *k, int r, const double *a) {
  const br_pairs *p = k->p;
  for (size_t j = 0; j < blocks_of(k) * BLOCK; j++) {
    double *to = k->packed + j / BLOCK * BLOCK * (size_t)r + j % BLOCK;
    const size_t from = j < p->m ? br_cloud_place(p->y, j) : 0;
    for (int c = 0; c < r; c++) to[c * BLOCK] = j < p->m ? a[(size_t)c * p->m + from] : 0;
  }
}

/* The least value of each leaf. */
static void least(const br_cloud *cloud, const double *value, double *low) {
  for (size_t i = 0; i < cloud->n; i++) {
    const double at = value[br_cloud_place(cloud, i)];
    if (i % LEAF == 0 || !(at >= low[i / LEAF])) low[i / LEAF] = at;
  }
}

/* The runs of each leaf of queries. log_x and log_y: guesses of the sums of rows, of total weight
 * `mass`, and of columns; NULL: all centres. On return low_x and low_y are what these sums must not
 * fall below for that choice to be right. */
static void choose(br_kept *k, double mass, const double *log_x, const double *log_y) {
  br_pairs *p = k->p;
  const size_t across = leaves_of(p->m);
  const double allowed = log(p->tolerance / 2), n = (double)p->n;
  const int all = !log_x;
  if (!all) {
    br_tiles_boxes(p, 0);
    least(p->x, log_x, k->low_x);
    if (log_y) least(p->y, log_y, k->low_y);
  }
  double *need_y = k->partial; /* free until the sums */
  for (size_t j = 0; j < across; j++) need_y[j] = 0;
  for (size_t i = 0; i < leaves_of(p->n); i++) {
    int *run = k->run + 2 * i * across, runs = 0;
    double need_x = 0;
    for (size_t j = 0; j < across; j++) {
      if (!all) {
        double far;
        const double near = br_tiles_gap(p, i, j, &far), h2 = p->scale * p->scale;
        const double most = 2 * log1p(sqrt(far) / p->scale) - near / (2 * h2) - allowed;
        double low = k->low_x[i] - log(mass);
        if (log_y) low = fmin(low, k->low_y[j] - log(n));
        if (most < low - SLACK) {
          need_x = fmax(need_x, exp(most) * mass);
          need_y[j] = fmax(need_y[j], exp(most) * n);
          continue;
        }
      }
      const int at = (int)(j * LEAF), size = at + LEAF < (int)k->ld ? LEAF : (int)k->ld - at;
      if (runs > 0 && run[2 * runs - 2] + run[2 * runs - 1] == at && at % BLOCK != 0)
        run[2 * runs - 1] += size;
      else {
        run[2 * runs] = at;
        run[2 * runs + 1] = size;
        runs++;
      }
    }
    k->runs[i] = runs;
    k->low_x[i] = need_x;
  }
  for (size_t j = 0; j < across; j++) k->low_y[j] = log_y ? need_y[j] : 0;
}

/* One leaf of queries: powers where `fill`, and sums of r columns; where `partial` is not NULL the
 * sums of the columns of powers over the leaf. */
static void leaf(const br_kept *k, br_desk *w, size_t i0, int n, int fill, int r, double *sum,
                 double *partial) {
  static const double ones[BR_PAIR_QUERIES] = {1, 1, 1, 1};
  const br_pairs *p = k->p;
  const br_kernels *simd = br_simd();
  const size_t i = i0 / LEAF;
  const int d = p->x->d, *run = k->run + 2 * i * leaves_of(p->m);
  for (int q = 0; fill && q < n; q++)
    for (int c = 0; c < d; c++) w->x[q * d + c] = p->x->x[(size_t)c * p->x->ld + i0 + (size_t)q];
  memset(w->sums, 0, (size_t)n * (size_t)w->width * sizeof(double));
  if (partial) memset(partial, 0, k->ld * sizeof(double));
  for (int l = 0; l < k->runs[i]; l++) {
    const size_t j0 = (size_t)run[2 * l], block = j0 / BLOCK * BLOCK;
    const br_pair_block b = br_pass_block(p, j0, (size_t)run[2 * l + 1]);
    const double *a = k->packed + block * (size_t)r + (j0 - block);
    for (int q = 0; q < n; q += BR_PAIR_QUERIES) {
      const int some = n - q < BR_PAIR_QUERIES ? n - q : BR_PAIR_QUERIES;
      double *power = k->power + (i0 + (size_t)q) * k->ld + j0;
      if (fill) {
        memcpy(w->at, w->x + q * d, (size_t)(some * d) * sizeof(double));
        simd->pair_fill(&b, some, w->at, w->t, w->s, 0);
        for (int s = 0; s < some; s++)
          simd->pair_powers(b.n, 0, w->t + s * BLOCK, power + (size_t)s * k->ld);
      }
      for (int s = 0; s < some; s++)
        simd->pair_dots(b.n, power + (size_t)s * k->ld, r, a, w->sums + (q + s) * w->width);
      if (partial) simd->multiply(1, some, b.n, (int)k->ld, ones, 0, 1, power, partial + j0);
    }
  }
  for (int q = 0; q < n; q++) {
    const size_t to = br_cloud_place(p->x, i0 + (size_t)q);
    for (int c = 0; c < r; c++) sum[(size_t)c * p->n + to] = w->sums[q * w->width + c];
  }
}

static void sweep(br_kept *k, int fill, int r, const double *a, double *sum, int columns) {
  const br_pairs *p = k->p;
  const long leaves = (long)leaves_of(p->n);
  pack(k, r, a);
  int threads = br_threads_for((double)p->n * (double)p->m * (fill ? 20 + 2 * p->x->d : 0.3 * r));
  if (threads > p->threads) threads = p->threads;
  BR_OMP(parallel for num_threads(threads) schedule(dynamic))
  for (long i = 0; i < leaves; i++) {
    const size_t i0 = (size_t)i * LEAF, left = p->n - i0;
    br_desk w = br_pass_desk(p, BR_THREAD_ID);
    leaf(k, &w, i0, left < LEAF ? (int)left : LEAF, fill, r, sum,
         columns ? k->partial + (size_t)i * k->ld : NULL);
  }
}

/* Whether the sums are large enough for what was left out, and for digits. */
static int sound(const br_cloud *cloud, const double *sum, const double *need) {
  int good = 1;
  for (size_t i = 0; i < cloud->n && good; i++) {
    const double at = sum[br_cloud_place(cloud, i)];
    good = at > 1e-250 && at >= need[i / LEAF];
  }
  return good;
}

int br_kept_fill(br_kept *k, int r, const double *a, const double *log_x, const double *log_y,
                 double *sum, double *column) {
  br_pairs *p = k->p;
  double mass = 0;
  for (size_t j = 0; j < p->m; j++) mass += a[j];
  for (size_t j = 0; j < k->ld; j++) p->weight[j] = j < p->m ? 0 : -INFINITY;
  int some = p->tolerance > 0 && log_x && p->x->order && p->y->order;
  for (;; some = 0) {
    choose(k, mass, some ? log_x : NULL, some ? log_y : NULL);
    sweep(k, 1, r, a, sum, column != NULL);
    for (size_t j = 0; column && j < p->m; j++) {
      double total = 0;
      for (size_t i = 0; i < leaves_of(p->n); i++) total += k->partial[i * k->ld + j];
      column[br_cloud_place(p->y, j)] = total;
    }
    const int good = sound(p->x, sum, k->low_x) && (!column || sound(p->y, column, k->low_y));
    if (good || !some) return good;
  }
}

void br_kept_sum(br_kept *k, int r, const double *a, double *sum) { sweep(k, 0, r, a, sum, 0); }
