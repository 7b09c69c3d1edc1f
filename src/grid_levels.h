/* What methods that go from coarse grids to fine ones share: the grids, the densities on them, and
 * the record of their iterations. */
#ifndef BR_GRID_LEVELS_H
#define BR_GRID_LEVELS_H

#include "grid.h"
#include "stopping.h"

#define BR_GRID_LEVELS 16

typedef struct {
  int n;
  br_grid x[BR_GRID_LEVELS], y[BR_GRID_LEVELS];          /* 0 is the finest */
  const double *mu[BR_GRID_LEVELS], *nu[BR_GRID_LEVELS]; /* dense; those of 0 are the caller's */
} br_grid_levels;

/* Both grids halved, axes of more than 4 cells, until no axis of x has more than 16. */
void br_grid_levels_make(br_grid_levels *levels, const br_grid *x, const double *mu,
                         const br_grid *y, const double *nu, br_workspace *ws);

/* One row of the trace: the state that a step left, on a grid of so many cells. */
typedef struct {
  double cells, iteration, error, low, high, step, rate, inner, seconds;
} br_grid_row_of_trace;

typedef struct {
  br_grid_row_of_trace *row;
  int n, room;
} br_grid_trace;

/* Adds a row, at the time of stop, while there is room. */
void br_grid_note(br_grid_trace *trace, const br_stopping *stop, br_grid_row_of_trace row);

#endif
