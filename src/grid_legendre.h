/* The discrete Legendre transform between grids of points,
 *   f*(y) = max over x of <x, y> - f(x), y centres of cells,
 * axis by axis; along a line by its lower convex hull, and where f is smooth by the parabola
 * through the best cell and its neighbours. O(cells) time for each axis. Values
 * are dense arrays, the first axis fastest. */
#ifndef BR_GRID_LEGENDRE_H
#define BR_GRID_LEGENDRE_H

#include "grid.h"

typedef struct {
  br_grid x, y;
  double *half[2]; /* between the axes */
  double *lines;   /* of one thread after the other */
  int *hulls;
  size_t line_room;
} br_legendre;

void br_legendre_make(br_legendre *l, const br_grid *x, const br_grid *y, br_workspace *ws);

/* From values on x to values on y, or, if back, from y to x. f and out may be the same only where
 * both grids have the same number of cells. */
void br_legendre_transform(br_legendre *l, int back, const double *f, double *out);

#endif
