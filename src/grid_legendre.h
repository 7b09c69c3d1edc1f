/* The discrete Legendre transform between grids of points,
 *   f*(y) = max over cells x of <x, y> - f(x), x and y centres of cells,
 * exact, axis by axis; along a line by its lower convex hull. O(cells) time for each axis. Values
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
