/* Sinkhorn's algorithm between densities on grids for the cost |x - y|^2 / 2, in logarithms. The
 * kernel is a product over the axes, so that a half cycle is one sum over the lines of each axis:
 * O(cells times n) for axes of n cells, with terms below the rounding of the largest left out. */
#ifndef BR_GRID_SINKHORN_H
#define BR_GRID_SINKHORN_H

#include "grid.h"

typedef struct {
  br_grid x, y;
  double epsilon;
  double *log_mu, *log_nu;         /* dense: log mass of the cells */
  double *kernel[2][BR_GRID_AXES]; /* log kernel of an axis: by y cells of x ones, and turned */
  double *half[2], *lines;
  size_t line_room;
} br_grid_sinkhorn;

/* mu and nu are dense densities, which may vanish. */
void br_grid_sinkhorn_make(br_grid_sinkhorn *s, const br_grid *x, const double *mu,
                           const br_grid *y, const double *nu, double epsilon, br_workspace *ws);

/* out(y) = epsilon log sum_x exp(-|x - y|^2 / (2 epsilon) - f(x) / epsilon) mu(x), or from y to x.
 * With f = u - |x|^2 / 2 this is half a cycle: out is v - |y|^2 / 2. Round the torus the kernel is
 * summed over its images. */
void br_grid_sinkhorn_half(br_grid_sinkhorn *s, int back, const double *f, double *out);

#endif
