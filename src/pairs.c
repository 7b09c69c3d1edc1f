#include "pairs.h"

#include "pairs_block.h"
#include "simd.h"
#include "threads.h"

#include <math.h>
#include <string.h>

#define CHUNK 64   /* queries that pass over the centres together */
#define COLUMNS 32 /* right-hand sides a pass */

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

static size_t round_up(size_t n) { return (n + BR_PAIR_PAD - 1) / BR_PAIR_PAD * BR_PAIR_PAD; }

/* --- clouds ------------------------------------------------------------------------- */

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

void br_cloud_make(br_cloud *cloud, size_t n, int d, const double *x, const double *origin,
                   br_workspace *ws) {
  memset(cloud, 0, sizeof *cloud);
  cloud->n = n;
  cloud->ld = round_up(n);
  cloud->d = d;
  cloud->origin = origin;
  cloud->x = br_take(ws, (size_t)d * cloud->ld);
  if (d >= BR_PAIR_DIFFER) cloud->half_square = br_take(ws, cloud->ld);
  for (int k = 0; k < d; k++)
    for (size_t i = 0; i < n; i++)
      cloud->x[(size_t)k * cloud->ld + i] = x[(size_t)k * n + i] - origin[k];
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

/* --- pairs -------------------------------------------------------------------------- */

/* What a thread works with. */
typedef struct {
  double *x;                                        /* CHUNK queries, d apart */
  double *at;                                       /* queries of one fill */
  double *t, *s;                                    /* BR_PAIR_QUERIES rows */
  double *e;                                        /* one row */
  double *columns;                                  /* COLUMNS rows */
  double *sums;                                     /* CHUNK rows of width */
  int width;                                        /* of COLUMNS, and d */
  double top[CHUNK], total[CHUNK], at_shift[CHUNK]; /* of the queries */
} desk;

static size_t desk_size(int d) {
  return (size_t)(CHUNK + BR_PAIR_QUERIES) * d +
         (2 * BR_PAIR_QUERIES + 1 + COLUMNS) * BR_PAIR_BLOCK +
         (size_t)CHUNK * (d > COLUMNS ? d : COLUMNS);
}

static void desk_make(desk *w, const br_pairs *p, int thread) {
  const int d = p->x ? p->x->d : 0;
  double *memory = p->work + (size_t)thread * desk_size(d);
  w->x = memory;
  w->at = w->x + (size_t)CHUNK * d;
  w->t = w->at + (size_t)BR_PAIR_QUERIES * d;
  w->s = w->t + BR_PAIR_QUERIES * BR_PAIR_BLOCK;
  w->e = w->s + BR_PAIR_QUERIES * BR_PAIR_BLOCK;
  w->columns = w->e + BR_PAIR_BLOCK;
  w->sums = w->columns + COLUMNS * BR_PAIR_BLOCK;
  w->width = d > COLUMNS ? d : COLUMNS;
}

static void make(br_pairs *p, size_t n, size_t m, int d, br_kernel_id kernel, double scale,
                 br_workspace *ws) {
  memset(p, 0, sizeof *p);
  p->n = n;
  p->m = m;
  p->kernel = kernel;
  p->scale = scale;
  p->threads = br_threads_limit();
  p->weight = br_take(ws, round_up(m));
  p->work = br_take(ws, (size_t)p->threads * desk_size(d));
}

void br_pairs_make(br_pairs *p, const br_cloud *x, const br_cloud *y, br_kernel_id kernel,
                   double scale, br_workspace *ws) {
  make(p, x->n, y->n, x->d, kernel, scale, ws);
  p->x = x;
  p->y = y;
}

void br_pairs_stored(br_pairs *p, size_t n, size_t m, const double *cost, int transposed,
                     double scale, br_workspace *ws) {
  make(p, n, m, 0, BR_STORED, scale, ws);
  p->cost = cost;
  p->by_x = transposed ? m : 1;
  p->by_y = transposed ? 1 : n;
}

/* --- one pass ------------------------------------------------------------------------- */

typedef enum { POWERS, SUMS, MOVES } purpose;

/* One pass over all pairs: which sums, of which columns. */
typedef struct {
  br_pairs *p;
  const br_kernels *simd;
  purpose what;
  br_pairs_of of;
  int factored;
  const double *shift;
  int r;           /* columns */
  const double *a; /* m x r, or NULL */
  double *out;
} pass;

/* The rows of t of up to BR_PAIR_QUERIES queries, from their places in the chunk. */
static void fill(const pass *q, desk *w, const br_pair_block *b, size_t j0, size_t i0, int n,
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
  q->simd->pair_fill(b, n, w->at, w->t, w->s, q->factored || q->what != POWERS);
}

/* Adds a block to the sums of one query, whose row of the block is k. */
static void add(const pass *q, desk *w, const br_pair_block *b, int k, int i, int running) {
  const br_pairs *p = q->p;
  const double *t = w->t + k * BR_PAIR_BLOCK, *s = w->s + k * BR_PAIR_BLOCK;
  const int stay = q->factored || q->what != POWERS;
  if (running) {
    const double top = q->simd->pair_top(b->n, t);
    if (top > w->top[i]) {
      w->total[i] *= exp(w->top[i] - top);
      w->top[i] = top;
    }
    if (!(w->top[i] > -INFINITY)) return;
  }
  const double sum = q->simd->pair_powers(b->n, w->top[i], t, stay ? w->e : NULL);
  if (!q->factored || sum == INFINITY) w->total[i] += sum;
  if (q->factored) {
    const double all =
        q->simd->pair_factor((int)p->kernel, (int)q->of, b->d, p->scale, b->n, s, w->e);
    if (q->what == POWERS) w->total[i] += all;
  }
  if (q->what == SUMS)
    q->simd->pair_dots(b->n, w->e, q->r, w->columns, w->sums + (size_t)i * w->width);
  if (q->what == MOVES) {
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
static br_pair_block block_at(const br_pairs *p, size_t j0, size_t n) {
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

static size_t place(const br_cloud *cloud, size_t i) {
  return cloud && cloud->order ? (size_t)cloud->order[i] : i;
}

/* Adds all centres to some queries of the chunk. */
static void over_all(const pass *q, desk *w, size_t i0, const int *row, int n, int running) {
  const br_pairs *p = q->p;
  const size_t padded = round_up(p->m);
  for (size_t j0 = 0; j0 < padded; j0 += BR_PAIR_BLOCK) {
    const size_t left = padded - j0;
    const br_pair_block b = block_at(p, j0, left < BR_PAIR_BLOCK ? left : BR_PAIR_BLOCK);
    for (int c = 0; q->a && c < q->r; c++)
      for (int j = 0; j < b.n; j++)
        w->columns[c * BR_PAIR_BLOCK + j] =
            j0 + (size_t)j < p->m ? q->a[(size_t)c * p->m + place(p->y, j0 + (size_t)j)] : 0;
    for (int k = 0; k < n; k += BR_PAIR_QUERIES) {
      const int some = n - k < BR_PAIR_QUERIES ? n - k : BR_PAIR_QUERIES;
      fill(q, w, &b, j0, i0, some, row + k);
      for (int l = 0; l < some; l++) add(q, w, &b, l, row[k + l], running);
    }
  }
}

static void clear(const pass *q, desk *w, int i, double top) {
  w->top[i] = top;
  w->total[i] = 0;
  if (q->what != POWERS)
    memset(w->sums + (size_t)i * w->width, 0, (size_t)w->width * sizeof(double));
}

/* The queries i0 .. i0 + n - 1. */
static void chunk(const pass *q, desk *w, size_t i0, int n) {
  const br_pairs *p = q->p;
  const int d = p->x ? p->x->d : 0, width = q->what == SUMS ? q->r : d;
  int row[CHUNK], rows = 0, poor[CHUNK], n_poor = 0;
  for (int i = 0; i < n; i++) {
    const size_t from = place(p->x, i0 + (size_t)i);
    const double top = q->shift ? q->shift[from] : q->what == POWERS ? NAN : 0;
    for (int k = 0; k < d; k++) w->x[i * d + k] = p->x->x[(size_t)k * p->x->ld + i0 + (size_t)i];
    clear(q, w, i, top);
    if (isfinite(top)) row[rows++] = i;
    else if (q->what == POWERS) poor[n_poor++] = i;
  }
  over_all(q, w, i0, row, rows, 0);
  if (q->what == POWERS) {
    /* A sum that is far from 1 has lost digits in its exponents, or terms. */
    for (int k = 0; k < rows; k++)
      if (!(w->total[row[k]] > 1e-20 && w->total[row[k]] < 1e20)) poor[n_poor++] = row[k];
    for (int k = 0; k < n_poor; k++) clear(q, w, poor[k], -INFINITY);
    over_all(q, w, i0, poor, n_poor, 1);
  }
  for (int i = 0; i < n; i++) {
    const size_t to = place(p->x, i0 + (size_t)i);
    if (q->what == POWERS)
      q->out[to] = w->top[i] > -INFINITY ? w->top[i] + log(w->total[i]) : -INFINITY;
    else
      for (int c = 0; c < width; c++)
        q->out[(size_t)c * p->n + to] =
            w->total[i] == INFINITY ? NAN : w->sums[(size_t)i * w->width + c];
  }
}

static void run(const pass *q) {
  br_pairs *p = q->p;
  const int d = p->x ? p->x->d : 0;
  const long chunks = (long)((p->n + CHUNK - 1) / CHUNK);
  int threads = br_threads_for((double)p->n * (double)p->m * (20 + 2 * d));
  if (threads > p->threads) threads = p->threads;
  BR_OMP(parallel for num_threads(threads) schedule(dynamic))
  for (long c = 0; c < chunks; c++) {
    const size_t i0 = (size_t)c * CHUNK, left = p->n - i0;
    desk w;
    desk_make(&w, p, BR_THREAD_ID);
    chunk(q, &w, i0, left < CHUNK ? (int)left : CHUNK);
  }
  p->visited += (double)p->n * (double)p->m;
}

/* --- what the solvers call ------------------------------------------------------------ */

static pass start(br_pairs *p, purpose what, br_pairs_of of, const double *log_weight,
                  const double *shift) {
  const double h = p->scale;
  const double constant = br_kernel_table[p->kernel].inner / (h * h);
  for (size_t j = 0; j < round_up(p->m); j++)
    p->weight[j] = j >= p->m ? -INFINITY : (log_weight ? log_weight[place(p->y, j)] : 0) - constant;
  p->visited = 0;
  pass q = {.p = p, .simd = br_simd(), .what = what, .of = of, .shift = shift};
  q.factored =
      of != BR_VALUE || (p->kernel == BR_MATERN32 || p->kernel == BR_IMQ || p->kernel == BR_ENERGY);
  return q;
}

br_status br_pairs_lse(br_pairs *p, const double *log_weight, const double *shift, double *lse) {
  if (!br_kernel_table[p->kernel].positive) return BR_ERR_SIZE;
  pass q = start(p, POWERS, BR_VALUE, log_weight, shift);
  q.out = lse;
  run(&q);
  return BR_OK;
}

br_status br_pairs_sum(br_pairs *p, br_pairs_of of, const double *log_weight, const double *shift,
                       int r, const double *a, double *sum) {
  if (p->kernel == BR_STORED && of != BR_VALUE) return BR_ERR_SIZE;
  pass q = start(p, SUMS, of, log_weight, shift);
  for (int c = 0; c < r; c += COLUMNS) {
    q.r = r - c < COLUMNS ? r - c : COLUMNS;
    q.a = a + (size_t)c * p->m;
    q.out = sum + (size_t)c * p->n;
    run(&q);
  }
  return BR_OK;
}

br_status br_pairs_gradient(br_pairs *p, const double *log_weight, const double *shift,
                            const double *a, double *grad) {
  if (p->kernel == BR_STORED) return BR_ERR_SIZE;
  pass q = start(p, MOVES, BR_SLOPE, log_weight, shift);
  q.r = 1;
  q.a = a;
  q.out = grad;
  run(&q);
  return BR_OK;
}
