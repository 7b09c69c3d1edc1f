#include "kernels.h"

#ifdef BR_HAVE_AVX2
#define BR_TARGET __attribute__((target("avx2,fma")))
#define BR_NORMAL_LANES 4
#define BR_LEVEL "avx2"
#define BR_TABLE br_kernels_avx2
#include "kernels_body.h"
#else
/* ISO C wants a declaration in every translation unit. */
typedef int br_kernels_avx2_absent;
#endif
