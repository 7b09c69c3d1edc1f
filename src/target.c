#include "target.h"

#include <math.h>
#include <string.h>

br_status br_target_eval(br_target *target, size_t n, const double *x, double *f, double *gradient,
                         size_t *refused) {
  *refused = 0;
  target->batches++;
  target->points += n;
  if (gradient) target->gradients += n;
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

static br_status affine_eval(void *ctx, size_t n, const double *w, double *f, double *gradient) {
  br_affine *self = ctx;
  const int d = self->inner->d;
  br_workspace *ws = br_reused_anew(&self->memory);
  double *x = br_take(ws, n * d);
  for (int k = 0; k < d; k++) {
    double *column = x + k * n;
    for (size_t i = 0; i < n; i++) column[i] = self->center[k];
    for (int l = 0; l < d; l++) {
      const double entry = self->root[k + (size_t)l * d], *from = w + l * n;
      for (size_t i = 0; i < n && entry != 0; i++) column[i] += entry * from[i];
    }
  }
  const br_status status = self->inner->eval(self->inner->ctx, n, x, f, gradient);
  if (status != BR_OK || !gradient) return status;
  memcpy(x, gradient, n * d * sizeof(double));
  for (int l = 0; l < d; l++) {
    double *column = gradient + l * n;
    memset(column, 0, n * sizeof(double));
    for (int k = 0; k < d; k++) {
      const double entry = self->root[k + (size_t)l * d], *from = x + k * n;
      for (size_t i = 0; i < n && entry != 0; i++) column[i] += entry * from[i];
    }
  }
  return BR_OK;
}

br_target br_target_affine(br_affine *affine, const br_target *inner, const double *center,
                           const double *root, br_workspace *ws) {
  *affine = (br_affine){.inner = inner, .center = center, .root = root};
  br_reused_make(&affine->memory, ws);
  return (br_target){.ctx = affine, .d = inner->d, .eval = affine_eval};
}
