/* Anderson acceleration of a fixed-point iteration g -> T(g): the next point is the combination of
 * the last few images whose residuals T(g) - g cancel best, in a weighted least-squares sense. For
 * an almost linear T that is GMRES (Walker and Ni 2011). */
#ifndef BR_ANDERSON_H
#define BR_ANDERSON_H

#include "workspace.h"

#include <stddef.h>

#define BR_ANDERSON_MEMORY 14 /* the most */

typedef struct {
  size_t n;
  int memory;
  int n_kept, newest;                     /* differences kept, and the place of the last one */
  int started;                            /* whether there is a last residual */
  double *residual, *image;               /* of the last point */
  double *d_residual[BR_ANDERSON_MEMORY]; /* differences of residuals, and of images */
  double *d_image[BR_ANDERSON_MEMORY];
  double gram[BR_ANDERSON_MEMORY * BR_ANDERSON_MEMORY];
} br_anderson;

/* Takes 2 (memory + 1) n doubles. */
void br_anderson_make(br_anderson *a, size_t n, int memory, br_workspace *ws);

/* Forgets what was seen. */
void br_anderson_reset(br_anderson *a);

/* Replaces g by the next point, given its image, from which no coordinate is moved by more than
 * `most`: all moves are shortened alike. Coordinates of weight 0 do not count, and become those of
 * the image. The first step after a reset is plain. */
void br_anderson_step(br_anderson *a, const double *weight, const double *image, double most,
                      double *g);

#endif
