/* Choice of the instruction set, once, when the library is loaded; the user may
 * force a level. Levels differ in the last bits (fused multiply-add, order of
 * lanes), never in the algorithm: they are compiled from the same bodies. */
#ifndef BR_SIMD_H
#define BR_SIMD_H

#include "kernels.h"

/* The best level that this processor and this build have: "baseline" or "avx2". */
const char *br_simd_best(void);

/* Uses that level from now on; returns 0 and changes nothing if it is unknown
 * or the processor lacks it. "auto" is the best. */
int br_simd_set(const char *level);

/* The kernels in use, and their level. */
const br_kernels *br_simd(void);

#endif
