#include "simd.h"

#include <string.h>

static const br_kernels *current = &br_kernels_baseline;

static int has_avx2(void) {
#ifdef BR_HAVE_AVX2
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return 0;
#endif
}

const char *br_simd_best(void) { return has_avx2() ? "avx2" : "baseline"; }

int br_simd_set(const char *level) {
  if (strcmp(level, "auto") == 0) level = br_simd_best();
  if (strcmp(level, "baseline") == 0) {
    current = &br_kernels_baseline;
    return 1;
  }
#ifdef BR_HAVE_AVX2
  if (strcmp(level, "avx2") == 0 && has_avx2()) {
    current = &br_kernels_avx2;
    return 1;
  }
#endif
  return 0;
}

const br_kernels *br_simd(void) { return current; }
