#include "feature_sums.h"

#include "simd.h"
#include "threads.h"

#include <math.h>
#include <string.h>

static int pad(int count, int to) { return (count + to - 1) / to * to; }

typedef struct {
  double *x, *weight, *values, *scratch;
} block;

static block block_at(const br_features *f, int thread) {
  block b;
  b.x = f->memory + f->memory_a_thread * thread;
  b.weight = b.x + (size_t)f->rows * BR_LANES;
  b.values = b.weight + BR_LANES;
  b.scratch = b.values + (size_t)f->ldm * BR_LANES;
  return b;
}

void br_features_make(br_features *f, const br_potential *u, size_t n, int max_coef, int ldm,
                      br_workspace *ws) {
  f->rows = u->d + u->given;
  f->ldm = ldm;
  f->threads = br_threads_for((double)n * max_coef * (10.0 + u->d + max_coef));
  if (f->threads > BR_PIECES) f->threads = BR_PIECES;
  f->memory_a_thread =
      (f->rows + 1 + (size_t)ldm) * BR_LANES + u->family->scratch_size(u, BR_LANES, 0);
  f->memory = br_take(ws, f->memory_a_thread * f->threads);
  for (int k = 0; k < BR_PIECES; k++) {
    f->sum[k] = br_take(ws, ldm);
    f->mean[k] = br_take(ws, ldm);
    f->gram[k] = br_take(ws, (size_t)ldm * ldm);
  }
}

/* The features at lanes of a block, with rows of zeros to the end of the last tile. */
static void fill(const br_potential *u, const br_sample *sample, size_t start, int count,
                 const block *b) {
  int n = pad(count, BR_VECTOR), p = u->n_coef;
  br_sample_block(sample, start, count, n, BR_LANES, b->x, b->weight);
  u->family->features(u, n, BR_LANES, b->x, b->values, b->scratch);
  memset(b->values + (size_t)p * BR_LANES, 0,
         (size_t)(pad(p, BR_GRAM_PAD) - p) * BR_LANES * sizeof(double));
}

static double inner(int n, const double *a, const double *b) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* Adds a block of count points; what follows them in its lanes has weight 0. */
static void add_block(const br_potential *u, const block *b, int count, const double *factor,
                      double *sum, double *mean, double *gram, int ldm) {
  int p = u->n_coef, padded = pad(p, BR_GRAM_PAD), n = pad(count, BR_VECTOR);
  double root[BR_LANES];
  for (int i = 0; gram && i < n; i++) root[i] = sqrt(b->weight[i]);
  for (int j = 0; j < p; j++) {
    double *row = b->values + (size_t)j * BR_LANES;
    mean[j] += inner(n, b->weight, row);
    if (factor) sum[j] += inner(count, factor, row);
    for (int i = 0; gram && i < n; i++) row[i] *= root[i];
  }
  for (int j = 0; gram && j < padded; j += BR_GRAM_ROWS)
    br_simd()->gram(0, 1, n, BR_LANES, b->values, padded, j, gram, ldm);
}

/* Of those that there is memory for; features cost some 30 operations a point. */
static int threads_for(const br_features *f, const br_potential *u, size_t n, int gram) {
  double p = u->n_coef;
  int wanted = br_threads_for((double)n * p * (30 + (gram ? p : 0)));
  return wanted < f->threads ? wanted : f->threads;
}

void br_features_sum(br_features *f, const br_potential *u, const br_sample *sample, double *mean,
                     double *gram) {
  br_features_sums(f, u, sample, NULL, NULL, mean, gram);
}

void br_features_sums(br_features *f, const br_potential *u, const br_sample *sample,
                      const double *factor, double *sum, double *mean, double *gram) {
  size_t n = sample->n;
  int p = u->n_coef, padded = pad(p, BR_GRAM_PAD), ldm = f->ldm;
  const int threads = threads_for(f, u, n, gram != NULL);
  (void)threads;
  BR_OMP(parallel for num_threads(threads) schedule(dynamic))
  for (int k = 0; k < BR_PIECES; k++) {
    block b = block_at(f, BR_THREAD_ID);
    size_t end = n * (k + 1) / BR_PIECES;
    memset(f->sum[k], 0, p * sizeof(double));
    memset(f->mean[k], 0, p * sizeof(double));
    if (gram) memset(f->gram[k], 0, (size_t)padded * ldm * sizeof(double));
    for (size_t start = n * k / BR_PIECES; start < end; start += BR_LANES) {
      int count = end - start < BR_LANES ? (int)(end - start) : BR_LANES;
      fill(u, sample, start, count, &b);
      add_block(u, &b, count, factor ? factor + start : NULL, f->sum[k], f->mean[k],
                gram ? f->gram[k] : NULL, ldm);
    }
  }
  memset(mean, 0, p * sizeof(double));
  if (factor) memset(sum, 0, p * sizeof(double));
  if (gram) memset(gram, 0, (size_t)padded * ldm * sizeof(double));
  for (int k = 0; k < BR_PIECES; k++)
    for (int j = 0; j < p; j++) {
      mean[j] += f->mean[k][j];
      if (factor) sum[j] += f->sum[k][j];
      for (int l = j; gram && l < p; l++)
        gram[(size_t)j * ldm + l] += f->gram[k][(size_t)j * ldm + l];
    }
}

void br_features_combine(br_features *f, const br_potential *u, const br_sample *sample,
                         const double *coef, double *value) {
  size_t n = sample->n, groups = (n + BR_LANES - 1) / BR_LANES;
  const int threads = threads_for(f, u, n, 0);
  (void)threads;
  BR_OMP(parallel for num_threads(threads) schedule(static))
  for (size_t g = 0; g < groups; g++) {
    block b = block_at(f, BR_THREAD_ID);
    size_t start = g * BR_LANES;
    int count = n - start < BR_LANES ? (int)(n - start) : BR_LANES;
    fill(u, sample, start, count, &b);
    for (int i = 0; i < count; i++) value[start + i] = 0;
    for (int j = 0; j < u->n_coef; j++)
      for (int i = 0; i < count; i++)
        value[start + i] += coef[j] * b.values[(size_t)j * BR_LANES + i];
  }
}
