/* Optimal transport between densities on grids, by Newton's method or back and forth, with what a
 * user asks of it: potentials, maps, the image of mu, the distance. In two parts, for the first
 * needs much memory that the second can do without. */
#ifndef BR_GRID_TRANSPORT_H
#define BR_GRID_TRANSPORT_H

#include "grid_forth.h"
#include "grid_newton.h"

typedef enum { BR_GRID_NEWTON, BR_GRID_FORTH } br_grid_method;

/* The grids are those of a frame of unit size: there x is shift_x + scale times a point of it, and
 * y is shift_y + scale times one. All that is asked for is of x and y. */
typedef struct {
  br_grid x, y;
  double shift_x[BR_GRID_AXES], shift_y[BR_GRID_AXES], scale;
  const double *mu, *nu; /* dense */
  double *potential;     /* u in the frame: a field, with ghosts */
  int found;             /* whether it is; Newton's method may find none */
} br_transport;

/* Dense arrays of the caller's, u and map on the cells of x, v and inverse on those of y: the maps
 * have d blocks of cells, one an axis. */
typedef struct {
  double *u, *v, *map, *inverse;
  double *image;  /* of mu under the map, as a density on y */
  double error;   /* integral of |image - nu| */
  double squared; /* mean of |x - map(x)|^2, by the potentials */
  double cost;    /* the same, by the map */
} br_transport_result;

/* The potential. */
br_status br_grid_transport(br_transport *t, br_grid_method method, br_stopping *stop,
                            const br_host *host, br_grid_trace *trace, br_workspace *ws);

/* All else. */
void br_grid_transport_finish(br_transport *t, br_transport_result *out, br_workspace *ws);

#endif
