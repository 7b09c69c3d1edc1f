/* Optimal transport between any two densities on boxes by going back and forth (Jacobs and Leger,
 * 2020, doi:10.1007/s00211-020-01154-8): ascent of the dual in turn for the potential of x and that
 * of y, each time in the metric of an elliptic operator, with exact Legendre transforms in between.
 * Densities may vanish. From coarse grids to fine ones. */
#ifndef BR_GRID_FORTH_H
#define BR_GRID_FORTH_H

#include "grid_legendre.h"
#include "grid_levels.h"
#include "grid_multigrid.h"

typedef struct {
  br_grid x, y;  /* the finest reached: coarser than asked for only after an interrupt */
  double *u, *v; /* dense; convex, each the Legendre transform of the other */
  double value;  /* the semi-dual, mean of u plus mean of v */
  double error;  /* integral of |law of grad u(X) - nu| */
} br_forth_solution;

br_status br_grid_forth(const br_grid *x, const double *mu, const br_grid *y, const double *nu,
                        br_stopping *stop, const br_host *host, br_grid_trace *trace,
                        br_forth_solution *solution, br_workspace *ws);

#endif
