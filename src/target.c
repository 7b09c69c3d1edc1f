#include "target.h"

#include <math.h>

br_status br_target_eval(br_target *target, size_t n, const double *x, double *f, double *gradient,
                         size_t *refused) {
  *refused = 0;
  target->batches++;
  target->points += n;
  br_status status = target->eval(target->ctx, n, x, f, gradient);
  if (status != BR_OK) return status;
  for (size_t i = 0; i < n; i++) {
    int finite = isfinite(f[i]);
    for (int k = 0; gradient && k < target->d; k++) finite &= isfinite(gradient[k * n + i]) != 0;
    *refused += !finite;
  }
  target->refused += *refused;
  return BR_OK;
}
