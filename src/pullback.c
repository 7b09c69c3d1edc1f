#include "pullback.h"

#include "inverse.h"

#include <string.h>

/* u* depends on x to second order, but the means of features at x to first. */
static const br_inverse_options closely = {.tol = 1e-11, .max_iter = 100};

void br_pullback_make(br_pullback *p, const br_potential *u, const br_sample *y, br_workspace *ws) {
  size_t size = y->n * (size_t)(u->d + u->given);
  memset(p, 0, sizeof *p);
  p->y = *y;
  p->points = br_take(ws, size);
  p->conjugate = br_take(ws, y->n);
  memcpy(p->points, y->x, size * sizeof(double)); /* the covariates stay */
  p->x = (br_sample){y->n, y->d, p->points, y->weight};
  br_reused_make(&p->reused, ws);
}

/* From where they are, and where that fails, or they are not known yet, from y. */
static br_status solve(br_pullback *p, const br_potential *u) {
  br_workspace *ws = br_reused_anew(&p->reused);
  if (p->known && br_inverse_from(u, &p->y, p->points, &closely, p->points, NULL, ws) == BR_OK)
    return BR_OK;
  return br_inverse(u, &p->y, &closely, p->points, NULL, br_reused_anew(&p->reused));
}

br_status br_pullback_solve(br_pullback *p, const br_potential *u) {
  size_t n = p->y.n;
  br_status status = solve(p, u);
  p->known = status == BR_OK;
  if (status != BR_OK) return status;
  br_potential_eval(u, &p->x, NULL, NULL, p->conjugate, br_reused_anew(&p->reused));
  for (size_t j = 0; j < n; j++) {
    double pairing = 0;
    for (int k = 0; k < u->d; k++)
      pairing += p->points[(size_t)k * n + j] * p->y.x[(size_t)k * n + j];
    p->conjugate[j] = pairing - p->conjugate[j];
  }
  return BR_OK;
}
