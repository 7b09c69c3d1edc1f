/* The image of a density under the gradient of a convex function on the plane, cell by cell exact:
 * the corners of a cell go to the means of the four gradients around them, so that the images of
 * the cells are quadrangles that tile, and each spreads its mass evenly over its own. What cells of
 * the target get is found from the edges alone, as a font is drawn: an edge adds to the cells on
 * its right the difference of the densities on its sides. O(cells) time. */
#ifndef BR_GRID_RASTER_H
#define BR_GRID_RASTER_H

#include "grid.h"

/* Doubles of work space. */
size_t br_grid_raster_room(const br_grid *from);

/* As br_grid_push(), d = 2. Cells whose image is nearly nothing leave their mass in one cell. Each
 * thread draws a band of rows of the target. */
void br_grid_raster(const br_grid *from, const double *density, const double *u, const br_grid *to,
                    double *mass, double *work);

#endif
