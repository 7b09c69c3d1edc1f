/* A law known by minus its log density f, up to a constant, and the gradient of f. Behind it is
 * code of the host, which is asked on the main thread, for one batch of points at a time. */
#ifndef BR_TARGET_H
#define BR_TARGET_H

#include "status.h"
#include "workspace.h"

#include <stddef.h>

typedef struct {
  void *ctx;
  int d;

  /* f at n points x, and its gradient unless that is NULL: both n x d, by columns. Where the
   * density is 0, or there is no telling, f is not finite. BR_OK, or why the fit has to stop:
   * BR_INTERRUPTED, BR_TARGET_FAILED. */
  br_status (*eval)(void *ctx, size_t n, const double *x, double *f, double *gradient);

  /* so far */
  size_t batches, points, gradients; /* calls, points, and those of them with a gradient */
  size_t refused;                    /* points where f or its gradient was not finite */
} br_target;

/* Asks for a batch and counts it. *refused is the number of its points where f, or its gradient,
 * is not finite. */
br_status br_target_eval(br_target *target, size_t n, const double *x, double *f, double *gradient,
                         size_t *refused);

/* The same law in coordinates w of x = center + root w, root d x d by columns. It must stay where
 * it was made. */
typedef struct {
  const br_target *inner;
  const double *center, *root;
  br_reused memory;
} br_affine;

br_target br_target_affine(br_affine *affine, const br_target *inner, const double *center,
                           const double *root, br_workspace *ws);

#endif
