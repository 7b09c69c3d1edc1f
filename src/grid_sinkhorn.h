/* Sinkhorn's algorithm between densities on grids for the cost |x - y|^2 / 2, at any epsilon. The
 * kernel is a product over the axes, so that a half cycle is one sum over the lines of each axis:
 * O(cells times n) for axes of n cells. A line is summed in blocks, each a product of the kernel
 * and the values over their largest in the block, and the sums of blocks are added with their
 * logarithms: nothing under- or overflows, with an exponential a cell and a block. */
#ifndef BR_GRID_SINKHORN_H
#define BR_GRID_SINKHORN_H

#include "grid.h"

typedef struct {
  br_grid x, y;
  double epsilon;
  double *log_mu, *log_nu; /* dense: log mass of the cells */
  /* of an axis, from x to y and back: the kernel over its largest in a block, for each cell to sum
   * at the cells of a line, and the logarithms of these largest, for each block those cells */
  double *kernel[2][BR_GRID_AXES], *peak[2][BR_GRID_AXES];
  double *half[2], *desks; /* a desk a thread */
  size_t desk_room;
} br_grid_sinkhorn;

/* mu and nu are dense densities, which may vanish. */
void br_grid_sinkhorn_make(br_grid_sinkhorn *s, const br_grid *x, const double *mu,
                           const br_grid *y, const double *nu, double epsilon, br_workspace *ws);

/* out(y) = epsilon log sum_x exp(-|x - y|^2 / (2 epsilon) - f(x) / epsilon) mu(x), or from y to x.
 * With f = u - |x|^2 / 2 this is half a cycle: out is v - |y|^2 / 2. Round the torus the kernel is
 * summed over its images. */
void br_grid_sinkhorn_half(br_grid_sinkhorn *s, int back, const double *f, double *out);

#endif
