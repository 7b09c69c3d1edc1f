#define BR_TARGET
#define BR_LEVEL "baseline"
#define BR_TABLE br_kernels_baseline
#include "kernels_body.h"
