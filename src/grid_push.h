/* The image of a density on a grid under the gradient of a convex function, as mass in the cells of
 * another grid. */
#ifndef BR_GRID_PUSH_H
#define BR_GRID_PUSH_H

#include "grid.h"

/* Doubles of work space that it needs. */
size_t br_grid_push_room(const br_grid *from);

/* density is dense; u is a field with ghosts, mass a field of `to`, whose ghosts are undefined. On
 * the plane by br_grid_raster(). Else each cell is cut into parts^d boxes; each is carried by the
 * gradient and its derivative at the centre, as a box whose sides the diagonal of the derivative
 * stretches, so that boxes side by side leave no gaps on the line and small ones where the map
 * shears, and cut by the cells of `to`. What would leave the grid stays in its outermost cells. The
 * mass is that of the density. */
void br_grid_push(const br_grid *from, const double *density, const double *u, const br_grid *to,
                  double *mass, int parts, double *work);

#endif
