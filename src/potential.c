#include "potential.h"

#include "simd.h"
#include "threads.h"

#include <math.h>

int br_block_lanes(int d) {
  /* a packed Hessian a lane: keep the block under about 128 kB */
  size_t lanes = 16384 / BR_PACKED_SIZE(d);
  if (lanes > BR_LANES) lanes = BR_LANES;
  lanes -= lanes % BR_VECTOR;
  return lanes < BR_VECTOR ? BR_VECTOR : (int)lanes;
}

static int padded(int count) { return (count + BR_VECTOR - 1) / BR_VECTOR * BR_VECTOR; }

/* x, map, hess, logdet, weight of one block, then the family's scratch */
static size_t block_size(const br_potential *u, int lanes) {
  size_t d = u->d, rows = 2 * d + u->given + BR_PACKED_SIZE(d) + 2;
  return rows * lanes + u->family->scratch_size(u, lanes, 0);
}

typedef struct {
  double *x, *map, *hess, *logdet, *weight, *scratch;
} block;

static block block_at(double *memory, const br_potential *u, int lanes) {
  block b;
  b.x = memory;
  b.map = b.x + (size_t)(u->d + u->given) * lanes;
  b.hess = b.map + (size_t)u->d * lanes;
  b.logdet = b.hess + BR_PACKED_SIZE(u->d) * lanes;
  b.weight = b.logdet + lanes;
  b.scratch = b.weight + lanes;
  return b;
}

static void store_map(const block *b, int d, int lanes, int count, size_t n, double *map) {
  for (int k = 0; k < d; k++)
    for (int i = 0; i < count; i++) map[(size_t)k * n + i] = b->map[k * lanes + i];
}

static double operations(const br_potential *u, size_t n) {
  return (double)n * (u->n_coef * (20.0 + u->d * u->d) + u->d * u->d * u->d);
}

br_status br_potential_eval(const br_potential *u, const br_sample *points, double *map,
                            double *logdet, double *value, br_workspace *ws) {
  const br_kernels *kernels = br_simd();
  int d = u->d, lanes = br_block_lanes(d);
  int threads = br_threads_for(operations(u, points->n));
  size_t groups = (points->n + lanes - 1) / lanes, n = points->n;
  size_t size = block_size(u, lanes);
  double *memory = br_take(ws, size * threads);
  BR_OMP(parallel for num_threads(threads) schedule(static))
  for (size_t g = 0; g < groups; g++) {
    block b = block_at(memory + size * BR_THREAD_ID, u, lanes);
    size_t start = g * lanes;
    int count = n - start < (size_t)lanes ? (int)(n - start) : lanes;
    int m = padded(count);
    br_sample_block(points, start, count, m, lanes, b.x, NULL);
    if (value) {
      u->family->value(u, m, lanes, b.x, b.logdet, b.scratch);
      for (int i = 0; i < count; i++) value[start + i] = b.logdet[i];
    }
    if (!map && !logdet) continue;
    u->family->eval(u, m, lanes, b.x, b.map, b.hess, b.scratch, 0);
    if (map) store_map(&b, d, lanes, count, n, map + start);
    if (logdet) {
      kernels->cholesky(d, m, lanes, b.hess, b.logdet);
      for (int i = 0; i < count; i++) logdet[start + i] = b.logdet[i];
    }
  }
  return BR_OK;
}

void br_loss_plan_make(br_loss_plan *plan, const br_potential *u, size_t n, double operations,
                       br_workspace *ws) {
  plan->offset = NULL;
  plan->lanes = br_block_lanes(u->d);
  plan->threads = br_threads_for(operations);
  plan->groups = (n + plan->lanes - 1) / plan->lanes;
  plan->scratch = block_size(u, plan->lanes);
  plan->memory = br_take(ws, plan->scratch * plan->threads);
  plan->partial = br_take(ws, 2 * plan->groups);
}

br_loss br_potential_loss(const br_potential *u, const br_sample *sample, const br_loss_plan *plan,
                          double *map) {
  const br_kernels *kernels = br_simd();
  int d = u->d, lanes = plan->lanes;
  size_t n = sample->n, groups = (n + lanes - 1) / lanes;
  BR_OMP(parallel for num_threads(plan->threads) schedule(static))
  for (size_t g = 0; g < groups; g++) {
    block b = block_at(plan->memory + plan->scratch * BR_THREAD_ID, u, lanes);
    size_t start = g * lanes;
    int count = n - start < (size_t)lanes ? (int)(n - start) : lanes;
    int m = padded(count);
    br_sample_block(sample, start, count, m, lanes, b.x, b.weight);
    u->family->eval(u, m, lanes, b.x, b.map, b.hess, b.scratch, 0);
    if (map) store_map(&b, d, lanes, count, n, map + start);
    kernels->cholesky(d, m, lanes, b.hess, b.logdet);
    double mean = 0, square = 0;
    for (int i = 0; i < count; i++) {
      double loss = (plan->offset ? plan->offset[start + i] : 0) - b.logdet[i];
      for (int k = 0; k < d; k++) loss += 0.5 * b.map[k * lanes + i] * b.map[k * lanes + i];
      mean += b.weight[i] * loss;
      square += b.weight[i] * loss * loss;
    }
    plan->partial[2 * g] = mean;
    plan->partial[2 * g + 1] = square;
  }
  br_loss total = {0, 0};
  for (size_t g = 0; g < groups; g++) {
    total.mean += plan->partial[2 * g];
    total.square += plan->partial[2 * g + 1];
  }
  return total;
}
