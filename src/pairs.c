#include "pairs_pass.h"
#include "threads.h"

#include <math.h>
#include <string.h>

#define CHUNK BR_PAIR_LEAF /* queries that pass over all centres together */

const br_kernel br_kernel_table[BR_N_KERNELS] = {
    [BR_GAUSSIAN] = {"gaussian", .square = 0.5, .positive = 1},
    [BR_LAPLACE] = {"laplace", .root = 1, .positive = 1},
    [BR_MATERN32] = {"matern32", .root = 1.7320508075688772, .positive = 1},
    [BR_IMQ] = {"imq", .positive = 1},
    [BR_ENERGY] = {"energy", .positive = 0},
    [BR_VMF] = {"vmf", .inner = 1, .positive = 1},
    [BR_STORED] = {"stored", .positive = 1},
};

int br_kernel_find(const char *name) {
  for (int k = 0; k < BR_N_KERNELS; k++)
    if (strcmp(br_kernel_table[k].name, name) == 0) return k;
  return -1;
}

/* --- pairs -------------------------------------------------------------------------- */

/* Queries of the largest chunk. */
static size_t chunk_size(const br_pairs *p) { return p->x_box ? BR_PAIR_TILE : CHUNK; }

static int width_of(int d) { return d > BR_PAIR_COLUMNS ? d : BR_PAIR_COLUMNS; }

static size_t desk_size(const br_pairs *p) {
  const int d = p->x ? p->x->d : 0;
  const size_t tiled = p->x_box ? 4 * BR_PAIR_BLOCK + (1 + BR_PAIR_COLUMNS) * BR_PAIR_TERMS : 0;
  return (chunk_size(p) + BR_PAIR_QUERIES) * (size_t)d +
         (2 * BR_PAIR_QUERIES + 1 + BR_PAIR_COLUMNS) * BR_PAIR_BLOCK +
         chunk_size(p) * (size_t)(width_of(d) + 2) + tiled;
}

br_desk br_pass_desk(const br_pairs *p, int thread) {
  const int d = p->x ? p->x->d : 0;
  const size_t chunk = chunk_size(p);
  br_desk w = {.width = width_of(d)};
  w.x = p->work + (size_t)thread * desk_size(p);
  w.at = w.x + chunk * (size_t)d;
  w.t = w.at + (size_t)BR_PAIR_QUERIES * (size_t)d;
  w.s = w.t + BR_PAIR_QUERIES * BR_PAIR_BLOCK;
  w.e = w.s + BR_PAIR_QUERIES * BR_PAIR_BLOCK;
  w.columns = w.e + BR_PAIR_BLOCK;
  w.sums = w.columns + BR_PAIR_COLUMNS * BR_PAIR_BLOCK;
  w.top = w.sums + chunk * (size_t)w.width;
  w.total = w.top + chunk;
  if (p->x_box) {
    const size_t leaves = (p->m + BR_PAIR_LEAF - 1) / BR_PAIR_LEAF;
    w.near = w.total + chunk;
    w.terms = w.near + 4 * BR_PAIR_BLOCK;
    w.bound = p->bounds + (size_t)thread * leaves;
    w.by_bound = p->orders + (size_t)thread * leaves;
  }
  return w;
}

static int threads_for(const br_pairs *p) {
  return br_threads_for((double)p->n * (double)p->m * (20 + 2 * (p->x ? p->x->d : 0)));
}

static void make(br_pairs *p, size_t n, size_t m, br_kernel_id kernel, double scale,
                 br_workspace *ws) {
  p->n = n;
  p->m = m;
  p->kernel = kernel;
  p->scale = scale;
  p->threads = threads_for(p);
  p->weight = br_take(ws, br_pairs_round_up(m));
  if (p->x) br_tiles_make(p, ws);
  p->work = br_take(ws, (size_t)p->threads * desk_size(p));
}

void br_pairs_make(br_pairs *p, const br_cloud *x, const br_cloud *y, br_kernel_id kernel,
                   double scale, br_workspace *ws) {
  memset(p, 0, sizeof *p);
  p->x = x;
  p->y = y;
  make(p, x->n, y->n, kernel, scale, ws);
}

void br_pairs_stored(br_pairs *p, size_t n, size_t m, const double *cost, int transposed,
                     double scale, br_workspace *ws) {
  memset(p, 0, sizeof *p);
  make(p, n, m, BR_STORED, scale, ws);
  p->cost = cost;
  p->by_x = transposed ? m : 1;
  p->by_y = transposed ? 1 : n;
}

/* --- one pass ------------------------------------------------------------------------- */

/* The rows of t of up to BR_PAIR_QUERIES queries, from their places in the chunk. */
static void fill(const br_pass *q, br_desk *w, const br_pair_block *b, size_t j0, size_t i0, int n,
                 const int *row) {
  const br_pairs *p = q->p;
  if (p->kernel == BR_STORED) {
    const double cool = -1 / p->scale;
    for (int k = 0; k < n; k++) {
      const double *cost = p->cost + (i0 + (size_t)row[k]) * p->by_x + j0 * p->by_y;
      double *t = w->t + k * BR_PAIR_BLOCK;
      for (int j = 0; j < b->n; j++)
        t[j] =
            b->weight[j] > -INFINITY ? b->weight[j] + cool * cost[(size_t)j * p->by_y] : -INFINITY;
    }
    return;
  }
  for (int k = 0; k < n; k++)
    memcpy(w->at + k * b->d, w->x + row[k] * b->d, (size_t)b->d * sizeof(double));
  q->simd->pair_fill(b, n, w->at, w->t, w->s, q->factored || q->what != BR_POWERS);
}

/* Adds a block to the sums of one query, whose row of the block is k. */
static void add(const br_pass *q, br_desk *w, const br_pair_block *b, int k, int i, int running) {
  const br_pairs *p = q->p;
  const double *t = w->t + k * BR_PAIR_BLOCK, *s = w->s + k * BR_PAIR_BLOCK;
  const int stay = q->factored || q->what != BR_POWERS;
  if (running) {
    const double top = q->simd->pair_top(b->n, t);
    if (top > w->top[i]) {
      w->total[i] *= exp(w->top[i] - top);
      w->top[i] = top;
    }
    if (!(w->top[i] > -INFINITY)) return;
  }
  const double sum = q->simd->pair_powers(b->n, w->top[i], t, stay ? w->e : NULL);
  if (q->what != BR_POWERS || !q->factored || sum == INFINITY) w->total[i] += sum;
  if (q->factored) {
    const double all =
        q->simd->pair_factor((int)p->kernel, (int)q->of, b->d, p->scale, b->n, s, w->e);
    if (q->what == BR_POWERS) w->total[i] += all;
  }
  if (q->what == BR_SUMS)
    q->simd->pair_dots(b->n, w->e, q->r, w->columns, w->sums + (size_t)i * w->width);
  if (q->what == BR_MOVES) {
    if (q->a)
      for (int j = 0; j < b->n; j++) w->e[j] *= w->columns[j];
    if (p->kernel == BR_VMF)
      for (int c = 0; c < b->d; c++) {
        double at = 0;
        q->simd->pair_dots(b->n, w->e, 1, b->y + (size_t)c * b->ld, &at);
        w->sums[(size_t)i * w->width + c] += at;
      }
    else q->simd->pair_moves(b, w->x + (size_t)i * b->d, w->e, w->sums + (size_t)i * w->width);
  }
}

/* The block of centres j0 .. j0 + n - 1, n a multiple of BR_PAIR_PAD. */
br_pair_block br_pass_block(const br_pairs *p, size_t j0, size_t n) {
  const double h = p->scale;
  const br_kernel *k = br_kernel_table + p->kernel;
  br_pair_block b = {.n = (int)n, .weight = p->weight + j0};
  b.square = k->square / (h * h);
  b.root = k->root / h;
  b.inner = k->inner / (h * h);
  if (!p->y) return b;
  b.d = p->y->d;
  b.ld = p->y->ld;
  b.y = p->y->x + j0;
  /* An expanded square is off by its rounding times the squared radius. Roots and poles at 0 would
   * feel that. */
  const double radius = fmax(p->x->radius, p->y->radius);
  if ((p->kernel == BR_GAUSSIAN || p->kernel == BR_IMQ) && p->y->half_square &&
      radius * radius <= 64 * h * h)
    b.half_square = p->y->half_square + j0;
  return b;
}

void br_pass_columns(const br_pass *q, br_desk *w, size_t j0, int n) {
  const br_pairs *p = q->p;
  for (int j = 0; q->a && j < n; j++) {
    const size_t from = j0 + (size_t)j < p->m ? br_cloud_place(p->y, j0 + (size_t)j) : p->m;
    for (int c = 0; c < q->r; c++)
      w->columns[c * BR_PAIR_BLOCK + j] = from < p->m ? q->a[(size_t)c * p->m + from] : 0;
  }
}

void br_pass_add(const br_pass *q, br_desk *w, const br_pair_block *b, size_t j0, size_t i0,
                 const int *row, int n, int running) {
  for (int k = 0; k < n; k += BR_PAIR_QUERIES) {
    const int some = n - k < BR_PAIR_QUERIES ? n - k : BR_PAIR_QUERIES;
    fill(q, w, b, j0, i0, some, row + k);
    for (int l = 0; l < some; l++) add(q, w, b, l, row[k + l], running);
  }
}

/* Adds all centres to some queries of the chunk. */
static void over_all(const br_pass *q, br_desk *w, size_t i0, const int *row, int n, int running) {
  const br_pairs *p = q->p;
  const size_t padded = br_pairs_round_up(p->m);
  if (q->tiled) {
    br_tiles_over(q, w, i0, row, n, running);
    return;
  }
  for (size_t j0 = 0; n > 0 && j0 < padded; j0 += BR_PAIR_BLOCK) {
    const size_t left = padded - j0;
    const br_pair_block b = br_pass_block(p, j0, left < BR_PAIR_BLOCK ? left : BR_PAIR_BLOCK);
    br_pass_columns(q, w, j0, b.n);
    br_pass_add(q, w, &b, j0, i0, row, n, running);
  }
  w->visited += (double)n * (double)p->m;
}

static void clear(const br_pass *q, br_desk *w, int i, double top) {
  w->top[i] = top;
  w->total[i] = 0;
  if (q->what != BR_POWERS)
    memset(w->sums + (size_t)i * w->width, 0, (size_t)w->width * sizeof(double));
}

/* The queries i0 .. i0 + n - 1. */
static void chunk(const br_pass *q, br_desk *w, size_t i0, int n) {
  const br_pairs *p = q->p;
  const int d = p->x ? p->x->d : 0, width = q->what == BR_SUMS ? q->r : d;
  int row[BR_PAIR_TILE] = {0}, rows = 0, poor[BR_PAIR_TILE], n_poor = 0;
  const double guess = q->tiled && q->what == BR_POWERS ? br_tiles_guess(q, i0) : NAN;
  for (int i = 0; i < n; i++) {
    const size_t from = br_cloud_place(p->x, i0 + (size_t)i);
    double top = q->shift ? q->shift[from] : q->what == BR_POWERS ? NAN : 0;
    for (int k = 0; k < d; k++) w->x[i * d + k] = p->x->x[(size_t)k * p->x->ld + i0 + (size_t)i];
    if (!isfinite(top)) top = guess;
    clear(q, w, i, top);
    if (isfinite(top)) row[rows++] = i;
    else if (q->what == BR_POWERS) poor[n_poor++] = i;
  }
  over_all(q, w, i0, row, rows, 0);
  if (q->what == BR_POWERS) {
    /* A sum that is far from 1 has lost digits in its exponents, or terms. */
    const double far = q->tiled ? 1e200 : 1e20;
    for (int k = 0; k < rows; k++)
      if (!(w->total[row[k]] > 1 / far && w->total[row[k]] < far)) poor[n_poor++] = row[k];
    for (int k = 0; k < n_poor; k++) clear(q, w, poor[k], -INFINITY);
    over_all(q, w, i0, poor, n_poor, 1);
  }
  for (int i = 0; i < n; i++) {
    const size_t to = br_cloud_place(p->x, i0 + (size_t)i);
    if (q->what == BR_POWERS)
      q->out[to] = w->top[i] > -INFINITY ? w->top[i] + log(w->total[i]) : -INFINITY;
    else
      for (int c = 0; c < width; c++)
        q->out[(size_t)c * p->n + to] =
            w->total[i] == INFINITY ? NAN : w->sums[(size_t)i * w->width + c];
  }
}

static void run(br_pass *q) {
  br_pairs *p = q->p;
  q->tiled = br_tiles_apply(q);
  if (q->tiled) br_tiles_start(q);
  const size_t size = q->tiled ? br_tiles_chunk(p) : CHUNK;
  const long chunks = (long)((p->n + size - 1) / size);
  double visited = 0;
  int threads = threads_for(p);
  if (threads > p->threads) threads = p->threads;
  BR_OMP(parallel for num_threads(threads) schedule(dynamic) reduction(+ : visited))
  for (long c = 0; c < chunks; c++) {
    const size_t i0 = (size_t)c * size, left = p->n - i0;
    br_desk w = br_pass_desk(p, BR_THREAD_ID);
    chunk(q, &w, i0, left < size ? (int)left : (int)size);
    visited += w.visited;
  }
  p->visited += visited;
}

/* --- what the solvers call ------------------------------------------------------------ */

static br_pass start(br_pairs *p, br_purpose what, br_pairs_of of, const double *log_weight,
                     const double *shift) {
  const double h = p->scale;
  const double constant = br_kernel_table[p->kernel].inner / (h * h);
  for (size_t j = 0; j < br_pairs_round_up(p->m); j++)
    p->weight[j] =
        j >= p->m ? -INFINITY : (log_weight ? log_weight[br_cloud_place(p->y, j)] : 0) - constant;
  p->visited = 0;
  br_pass q = {.p = p, .simd = br_simd(), .what = what, .of = of, .shift = shift};
  q.factored =
      of != BR_VALUE || (p->kernel == BR_MATERN32 || p->kernel == BR_IMQ || p->kernel == BR_ENERGY);
  return q;
}

br_status br_pairs_lse(br_pairs *p, const double *log_weight, const double *shift, double *lse) {
  if (!br_kernel_table[p->kernel].positive) return BR_ERR_SIZE;
  br_pass q = start(p, BR_POWERS, BR_VALUE, log_weight, shift);
  q.out = lse;
  run(&q);
  return BR_OK;
}

br_status br_pairs_sum(br_pairs *p, br_pairs_of of, const double *log_weight, const double *shift,
                       int r, const double *a, double *sum) {
  if (p->kernel == BR_STORED && of != BR_VALUE) return BR_ERR_SIZE;
  br_pass q = start(p, BR_SUMS, of, log_weight, shift);
  for (int c = 0; c < r; c += BR_PAIR_COLUMNS) {
    q.r = r - c < BR_PAIR_COLUMNS ? r - c : BR_PAIR_COLUMNS;
    q.a = a + (size_t)c * p->m;
    q.out = sum + (size_t)c * p->n;
    run(&q);
  }
  return BR_OK;
}

br_status br_pairs_gradient(br_pairs *p, const double *log_weight, const double *shift,
                            const double *a, double *grad) {
  if (p->kernel == BR_STORED) return BR_ERR_SIZE;
  br_pass q = start(p, BR_MOVES, BR_SLOPE, log_weight, shift);
  q.r = 1;
  q.a = a;
  q.out = grad;
  run(&q);
  return BR_OK;
}
