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
    f->mean[k] = br_take(ws, ldm);
    f->gram[k] = br_take(ws, (size_t)ldm * ldm);
  }
}

/* The features at lanes of a block, with rows of zeros to the end of the last tile. */
static int fill(const br_potential *u, const br_sample *sample, size_t start, int count,
                const block *b) {
  int n = pad(count, BR_VECTOR), p = u->n_coef;
  br_sample_block(sample, start, count, n, BR_LANES, b->x, b->weight);
  u->family->features(u, n, BR_LANES, b->x, b->values, b->scratch);
  memset(b->values + (size_t)p * BR_LANES, 0,
         (size_t)(pad(p, BR_GRAM_PAD) - p) * BR_LANES * sizeof(double));
  return n;
}

static void add_block(const br_potential *u, const block *b, int n, double *mean, double *gram,
                      int ldm) {
  int p = u->n_coef, padded = pad(p, BR_GRAM_PAD);
  for (int j = 0; j < p; j++) {
    double *row = b->values + (size_t)j * BR_LANES, sum = 0;
    for (int i = 0; i < n; i++) sum += b->weight[i] * row[i];
    mean[j] += sum;
    if (!gram) continue;
    for (int i = 0; i < n; i++) row[i] *= sqrt(b->weight[i]);
  }
  for (int j = 0; gram && j < padded; j += BR_GRAM_ROWS)
    br_simd()->gram(0, 1, n, BR_LANES, b->values, padded, j, gram, ldm);
}

void br_features_sum(br_features *f, const br_potential *u, const br_sample *sample, double *mean,
                     double *gram) {
  size_t n = sample->n;
  int p = u->n_coef, padded = pad(p, BR_GRAM_PAD), ldm = f->ldm;
  BR_OMP(parallel for num_threads(f->threads) schedule(dynamic))
  for (int k = 0; k < BR_PIECES; k++) {
    block b = block_at(f, BR_THREAD_ID);
    size_t end = n * (k + 1) / BR_PIECES;
    memset(f->mean[k], 0, p * sizeof(double));
    if (gram) memset(f->gram[k], 0, (size_t)padded * ldm * sizeof(double));
    for (size_t start = n * k / BR_PIECES; start < end; start += BR_LANES) {
      int count = end - start < BR_LANES ? (int)(end - start) : BR_LANES;
      int lanes = fill(u, sample, start, count, &b);
      add_block(u, &b, lanes, f->mean[k], gram ? f->gram[k] : NULL, ldm);
    }
  }
  memset(mean, 0, p * sizeof(double));
  if (gram) memset(gram, 0, (size_t)padded * ldm * sizeof(double));
  for (int k = 0; k < BR_PIECES; k++) {
    for (int j = 0; j < p; j++) mean[j] += f->mean[k][j];
    for (int j = 0; gram && j < p; j++)
      for (int l = j; l < p; l++) gram[(size_t)j * ldm + l] += f->gram[k][(size_t)j * ldm + l];
  }
}

void br_features_combine(br_features *f, const br_potential *u, const br_sample *sample,
                         const double *coef, double *value) {
  size_t n = sample->n, groups = (n + BR_LANES - 1) / BR_LANES;
  BR_OMP(parallel for num_threads(f->threads) schedule(static))
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
