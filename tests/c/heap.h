/* Memory and a host for the tests.
 *
 * Every allocation of the core is a block of malloc() of its own, so that the address sanitizer
 * sees each access beyond it. heap_free() at the end frees them all: what is left is a leak. */
#ifndef BR_HEAP_H
#define BR_HEAP_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "../../src/host.h"
#include "../../src/simd.h"
#include "../../src/threads.h"
#include "../../src/workspace.h"
#include "check.h"

typedef struct heap_block {
  struct heap_block *next;
  void *memory;
} heap_block;

static heap_block *heap_list = NULL;

static void *heap_alloc(void *ctx, size_t bytes) {
  heap_block *block = malloc(sizeof *block);
  (void)ctx;
  if (!block || !(block->memory = malloc(bytes))) exit(2);
  block->next = heap_list;
  heap_list = block;
  return block->memory;
}

static br_workspace heap = {heap_alloc, NULL};

static inline void heap_free(void) {
  while (heap_list) {
    heap_block *block = heap_list;
    heap_list = block->next;
    free(block->memory);
    free(block);
  }
}

/* The 64-bit linear congruential generator of Knuth, MMIX; the high bits, in (0, 1). */
static inline double heap_uniform(void *state) {
  uint64_t *s = state;
  *s = *s * 6364136223846793005u + 1442695040888963407u;
  return ((double)(*s >> 12) + 0.5) * 0x1p-52;
}

static inline double heap_between(uint64_t *state, double low, double high) {
  return low + (high - low) * heap_uniform(state);
}

static inline double heap_normal(uint64_t *state) {
  const double radius = sqrt(-2 * log(heap_uniform(state)));
  return radius * cos(6.283185307179586 * heap_uniform(state));
}

/* A host that never stops; its draws start at the seed in *state. */
static inline br_host heap_host(uint64_t *state) { return (br_host){state, NULL, heap_uniform}; }

/* The larger, or NaN once there was one: fmax() would hide it. */
static inline double larger(double worst, double x) { return x > worst || isnan(x) ? x : worst; }

/* |a - b| in units of 1 + |b|. */
static inline double apart(double a, double b) { return fabs(a - b) / (1 + fabs(b)); }

/* Runs a test at each level of instructions that this processor has. */
static inline void heap_each_level(void (*test)(void)) {
  CHECK(br_simd_set("baseline"));
  test();
  heap_free();
  if (br_simd_set("avx2")) {
    test();
    heap_free();
  }
}

/* Runs it with 1 and 2 threads at each level. */
static inline void heap_each_setting(void (*test)(void)) {
  for (int threads = 1; threads <= 2; threads++) {
    br_threads_set(threads);
    heap_each_level(test);
  }
  br_threads_set(1);
}

/* Threads that a region with enough work gets: 1 where there is no OpenMP. */
static inline int heap_threads(void) { return br_threads_for(1e12); }

#endif
