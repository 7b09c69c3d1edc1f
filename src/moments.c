#include "moments.h"

#include "simd.h"
#include "threads.h"

#include <math.h>
#include <string.h>

/* Curvature features of a superblock of points: about half of a second-level
 * cache, so that the Gram tiles stream from it. */
#define SUPERBLOCK 65536
#define MAX_SUPERLANES 512
#define POINTS_A_COEF 10     /* of the points that the matrices are summed over, at least, */
#define MIN_POINTS 4000      /* and so many, where there are twice as many */
#define POINTS_A_FULL_COEF 2 /* the same in the full form */
#define MIN_FULL_POINTS 1000
#define MIN_PIECE 256 /* points: below this the sums of the pieces cost more than they save */

static int pad(int count, int to) { return (count + to - 1) / to * to; }

/* Rows of a block that the largest of the jets of a feature takes. */
static int jet_rows(const br_potential *u) {
  return u->family->rank_one ? u->d : BR_JET_ROWS(u->d);
}

static int superlanes(int p, int rows) {
  int lanes = SUPERBLOCK / (p * rows);
  lanes -= lanes % BR_VECTOR;
  if (lanes > MAX_SUPERLANES) lanes = MAX_SUPERLANES;
  return lanes < 2 * BR_VECTOR ? 2 * BR_VECTOR : lanes;
}

/* lanes p rows <= SUPERBLOCK, unless lanes is at its floor */
static size_t array_size(int max_coef, int rows) {
  size_t at_floor = (size_t)max_coef * rows * 2 * BR_VECTOR;
  return at_floor > SUPERBLOCK ? at_floor : SUPERBLOCK;
}

/* Points that the two matrices are summed over: all, or so many that the step hardly differs. A
 * point adds d or so terms of rank one; in the full form many more, and fewer points will do. */
static size_t enough(const br_potential *u, size_t n, int p, int thin) {
  size_t some = (size_t)p * (u->family->rank_one ? POINTS_A_COEF : POINTS_A_FULL_COEF) / thin;
  size_t least = (u->family->rank_one ? MIN_POINTS : MIN_FULL_POINTS) / thin;
  if (some < least) some = least;
  return 2 * some > n ? n : some;
}

/* The most that enough() makes of less than n points with at most p coefficients. */
static size_t most_thinned(const br_potential *u, size_t n, int p) {
  size_t some = enough(u, n, p, 1);
  return some < n ? some : n / 2;
}

static void take_moments(br_moments *m, int p, int given, br_workspace *ws) {
  m->ldm = p;
  m->gradient = br_take(ws, p);
  m->slope = br_take(ws, (size_t)p * (1 + given));
  m->hessian = br_take(ws, (size_t)p * p);
  m->metric = br_take(ws, (size_t)p * p);
  m->curvature = br_take(ws, (size_t)p * p);
}

void br_moments_make(br_moments *m, br_moments_plan *plan, const br_potential *u, size_t n,
                     int max_coef, br_workspace *ws) {
  /* linear and curved features are padded apart: room for both paddings */
  int d = u->d, p = pad(max_coef, BR_GRAM_PAD) + BR_GRAM_PAD;
  size_t pieces = n / MIN_PIECE;
  plan->d = d;
  plan->at_identity = plan->flat = plan->thin = 0;
  plan->pull = NULL;
  plan->pieces = pieces < 1 ? 1 : pieces > BR_PIECES ? BR_PIECES : (int)pieces;
  plan->threads = br_threads_for((double)n * p * (p * (jet_rows(u) + 2.0)));
  if (plan->threads > plan->pieces) plan->threads = plan->pieces;
  plan->array = array_size(p, jet_rows(u));
  plan->memory_a_thread = 4 * plan->array +
                          MAX_SUPERLANES * (3 * d + u->given + BR_PACKED_SIZE(d) + 3) +
                          u->family->scratch_size(u, MAX_SUPERLANES, 1);
  plan->memory = br_take(ws, plan->memory_a_thread * plan->threads);
  plan->thinned = br_take(ws, most_thinned(u, n, max_coef) * (d + u->given + 1));
  take_moments(m, p, u->given, ws);
  for (int k = 0; k < plan->pieces; k++) take_moments(&plan->piece[k], p, u->given, ws);
}

typedef struct {
  int d, given, p, full, ld, lanes;
  int padded, curved; /* p and p - linear, to a tile */
  int want_hessian, want_metric, at_identity, flat;
  int solved;     /* with a pull the slopes are those for its Hessian, d rows a feature */
  int slope_rows; /* a feature */
  const double *all_pull;
  double *slope, *curve, *steep, *force;
  double *x, *map, *pull, *hess, *logdet, *weight, *root, *scratch;
} superblock;

/* Features [from, to) of so many rows each. */
static void clear_rows(const superblock *s, double *a, int from, int to, int rows) {
  memset(a + (size_t)from * rows * s->ld, 0, (size_t)(to - from) * rows * s->ld * sizeof(double));
}

static superblock arrange(const br_moments_plan *plan, const br_potential *u, double *memory,
                          int want_hessian, int want_metric) {
  int d = plan->d, p = u->n_coef, linear = u->family->n_linear(u);
  int rows = jet_rows(u);
  superblock s = {.d = d, .given = u->given, .p = p};
  s.full = !u->family->rank_one;
  s.padded = pad(p, BR_GRAM_PAD);
  s.curved = s.full ? 0 : pad(p - linear, BR_GRAM_PAD);
  s.ld = superlanes(s.padded, rows);
  s.lanes = br_block_lanes(d) < s.ld ? br_block_lanes(d) : s.ld;
  s.want_hessian = want_hessian;
  s.want_metric = want_metric;
  s.at_identity = plan->at_identity;
  s.flat = plan->flat;
  s.all_pull = plan->pull;
  s.solved = plan->pull && want_hessian && !plan->flat;
  s.slope_rows = s.full ? rows : s.solved ? d : 1;
  s.slope = memory;
  s.curve = s.slope + plan->array;
  s.steep = s.curve + plan->array;
  s.force = s.steep + plan->array;
  s.x = s.force + plan->array;
  s.map = s.x + (size_t)(d + u->given) * s.ld;
  s.pull = s.map + (size_t)d * s.ld;
  s.hess = s.pull + (size_t)d * s.ld;
  s.logdet = s.hess + BR_PACKED_SIZE(d) * s.ld;
  s.weight = s.logdet + s.ld;
  s.root = s.weight + s.ld;
  s.scratch = s.root + s.ld;
  /* the rows that pad the tiles; the others are written at every point */
  clear_rows(&s, s.slope, p, s.padded, s.slope_rows);
  clear_rows(&s, s.steep, p, s.padded, d);
  if (!s.full) clear_rows(&s, s.curve, p - linear, s.curved, d);
  return s;
}

static void set_identity(const superblock *s, int at, int n) {
  for (int i = 0; i < s->d; i++) {
    memcpy(s->map + (size_t)i * s->ld + at, s->x + (size_t)i * s->ld + at, n * sizeof(double));
    for (int j = 0; j <= i; j++)
      for (int b = at; b < at + n; b++) s->hess[BR_PACKED(i, j) * s->ld + b] = i == j;
  }
}

/* L^{-1} = 0: then D^2 psi_j counts for nothing. */
static void clear_factor(const superblock *s, int at, int n) {
  for (size_t row = 0; row < BR_PACKED_SIZE(s->d); row++)
    memset(s->hess + row * s->ld + at, 0, n * sizeof(double));
}

/* (D^2 u)^{-1} grad psi_j in the place of the slopes, from the steep slopes L^{-1} grad psi_j. */
static void solve_slopes(const superblock *s, int at, int n) {
  int d = s->d, ld = s->ld;
  for (int j = 0; j < s->p; j++) {
    double *slope = s->slope + (size_t)j * s->slope_rows * ld + at;
    const double *steep = s->steep + (size_t)j * d * ld + at;
    for (int k = 0; k < d; k++)
      memcpy(slope + (size_t)k * ld, steep + (size_t)k * ld, n * sizeof(double));
    br_simd()->back_solve(d, n, ld, s->hess + at, slope);
  }
}

/* Map, factor and jets of lanes [at, at + n) of the superblock from point start on. */
static void fill(br_moments *m, const superblock *s, const br_potential *u, const br_sample *sample,
                 size_t start, int count, int at, int n) {
  int d = s->d, ld = s->ld;
  const br_sample pull = {sample->n, d, s->all_pull, NULL};
  br_sample_block(sample, start, count, n, ld, s->x + at, s->weight + at);
  if (s->all_pull) br_sample_block(&pull, start, count, n, ld, s->pull + at, NULL);
  u->family->eval(u, n, ld, s->x + at, s->map + at, s->hess + at, s->scratch + at, 1);
  if (s->at_identity) set_identity(s, at, n);
  br_simd()->cholesky(d, n, ld, s->hess + at, s->logdet + at);
  if (s->flat) clear_factor(s, at, n);
  for (int b = at; b < at + n; b++) {
    double square = 0;
    for (int k = 0; k < d; k++) square += s->map[(size_t)k * ld + b] * s->map[(size_t)k * ld + b];
    s->root[b] = sqrt(s->weight[b]);
    m->square_map += s->weight[b] * square;
    m->loss += s->weight[b] * (0.5 * square - s->logdet[b]);
  }
  br_jets jets = {n,
                  ld,
                  s->full,
                  s->x + at,
                  (s->all_pull ? s->pull : s->map) + at,
                  s->hess + at,
                  s->weight + at,
                  s->slope + at,
                  s->curve + at,
                  s->want_metric || s->solved ? s->steep + at : NULL,
                  s->force + at};
  u->family->jets(u, &jets, s->scratch + at);
  if (s->solved) solve_slopes(s, at, n);
}

/* Adds the jets of n lanes of the superblock. */
static void reduce(br_moments *m, const superblock *s, int n) {
  const br_kernels *kernels = br_simd();
  for (int j = 0; j < s->p; j++) {
    const double *force = s->force + (size_t)j * s->ld, *slope = s->slope + (size_t)j * s->ld;
    double sum = 0, mean = 0;
    for (int b = 0; b < n; b++) sum += force[b];
    m->gradient[j] += sum;
    if (s->full || s->all_pull) continue;
    for (int b = 0; b < n; b++) mean += s->root[b] * slope[b];
    m->slope[(size_t)j * (1 + s->given)] += mean;
    for (int l = 0; l < s->given; l++) {
      const double *covariate = s->x + (size_t)(s->d + l) * s->ld;
      mean = 0;
      for (int b = 0; b < n; b++) mean += s->root[b] * slope[b] * covariate[b];
      m->slope[(size_t)j * (1 + s->given) + 1 + l] += mean;
    }
  }
  for (int j = 0; j < s->padded; j += BR_GRAM_ROWS) {
    if (s->want_hessian)
      kernels->gram(0, s->slope_rows, n, s->ld, s->slope, s->padded, j, m->hessian, m->ldm);
    if (s->want_metric) kernels->gram(0, s->d, n, s->ld, s->steep, s->padded, j, m->metric, m->ldm);
    if (s->want_hessian && j < s->curved)
      kernels->gram(1, s->d, n, s->ld, s->curve, s->curved, j, m->curvature, m->ldm);
  }
}

static void clear(br_moments *m, int p, int given) {
  size_t square = (size_t)m->ldm * p * sizeof(double);
  m->loss = m->square_map = 0;
  memset(m->gradient, 0, p * sizeof(double));
  memset(m->slope, 0, (size_t)p * (1 + given) * sizeof(double));
  memset(m->hessian, 0, square);
  memset(m->metric, 0, square);
  memset(m->curvature, 0, square);
}

static void add(double *to, const double *from, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] += from[i];
}

static void add_means(br_moments *m, const br_moments *piece, int p, int given) {
  m->loss += piece->loss;
  m->square_map += piece->square_map;
  add(m->gradient, piece->gradient, p);
  add(m->slope, piece->slope, (size_t)p * (1 + given));
}

static void add_matrices(br_moments *m, const br_moments *piece, int p) {
  size_t square = (size_t)m->ldm * p;
  add(m->hessian, piece->hessian, square);
  add(m->metric, piece->metric, square);
  add(m->curvature, piece->curvature, square);
}

/* Fills the moments of the pieces. */
static void sum_pieces(br_moments_plan *plan, const br_potential *u, const br_sample *sample,
                       int want_hessian, int want_metric) {
  int padded = pad(u->n_coef, BR_GRAM_PAD);
  size_t n = sample->n;
  BR_OMP(parallel for num_threads(plan->threads) schedule(dynamic))
  for (int k = 0; k < plan->pieces; k++) {
    br_moments *piece = &plan->piece[k];
    superblock s = arrange(plan, u, plan->memory + plan->memory_a_thread * BR_THREAD_ID,
                           want_hessian, want_metric);
    size_t end = n * (k + 1) / plan->pieces;
    clear(piece, padded, u->given);
    for (size_t start = n * k / plan->pieces; start < end; start += s.ld) {
      int count = end - start < (size_t)s.ld ? (int)(end - start) : s.ld;
      for (int at = 0; at < count; at += s.lanes) {
        int some = count - at < s.lanes ? count - at : s.lanes;
        fill(piece, &s, u, sample, start + at, some, at, pad(some, BR_VECTOR));
      }
      reduce(piece, &s, pad(count, BR_VECTOR));
    }
  }
}

/* Evenly spaced points of the sample, so many. */
static br_sample thin(const br_moments_plan *plan, const br_sample *sample, size_t n) {
  br_sample some = {n, sample->d, plan->thinned, plan->thinned + n * sample->d};
  double *weight = plan->thinned + n * sample->d, total = 0;
  for (size_t i = 0; i < n; i++) {
    size_t from = (size_t)(((double)i + 0.5) * ((double)sample->n / (double)n));
    for (int k = 0; k < sample->d; k++)
      plan->thinned[(size_t)k * n + i] = sample->x[(size_t)k * sample->n + from];
    total += weight[i] = sample->weight[from];
  }
  for (size_t i = 0; i < n; i++) weight[i] /= total;
  return some;
}

void br_moments_compute(br_moments *m, br_moments_plan *plan, const br_potential *u,
                        const br_sample *sample, int want_hessian, int want_metric) {
  int p = u->n_coef, padded = pad(p, BR_GRAM_PAD), linear = u->family->n_linear(u);
  int matrices = want_hessian || want_metric;
  size_t n = plan->thin ? enough(u, sample->n, p, plan->thin) : sample->n;
  clear(m, padded, u->given);
  if (!matrices || n < sample->n) {
    sum_pieces(plan, u, sample, 0, 0);
    for (int k = 0; k < plan->pieces; k++) add_means(m, &plan->piece[k], padded, u->given);
  }
  if (!matrices) return;
  br_sample some = n < sample->n ? thin(plan, sample, n) : *sample;
  sum_pieces(plan, u, &some, want_hessian, want_metric);
  for (int k = 0; k < plan->pieces; k++) {
    if (n == sample->n) add_means(m, &plan->piece[k], padded, u->given);
    add_matrices(m, &plan->piece[k], padded);
  }
  if (!want_hessian || !u->family->rank_one) return;
  if (!plan->pull || plan->flat) u->family->scale_by_directions(u, m->hessian, m->ldm);
  for (int j = linear; j < p; j++)
    for (int l = j; l < p; l++)
      m->hessian[(size_t)j * m->ldm + l] +=
          m->curvature[(size_t)(j - linear) * m->ldm + l - linear];
}
