/* Optimal transport between densities on grids, by Newton's method or back and forth, with what a
 * user asks of it: potentials, maps, the image of mu. */
#ifndef BR_GRID_TRANSPORT_H
#define BR_GRID_TRANSPORT_H

#include "grid_forth.h"

typedef enum { BR_GRID_NEWTON, BR_GRID_FORTH } br_grid_method;

/* All dense. u and map on x, v and inverse on y; map and inverse have d blocks of cells, one an
 * axis. */
typedef struct {
  double *u, *v, *map, *inverse;
  double *image; /* of mu under the map, as a density on y */
  double error;  /* integral of |image - nu| */
  double value;  /* mean of u over mu plus mean of v over nu */
} br_transport;

/* mu and nu are dense; the members of out are memory of the caller's. */
br_status br_grid_transport(br_grid_method method, const br_grid *x, const double *mu,
                            const br_grid *y, const double *nu, br_stopping *stop,
                            const br_host *host, br_grid_trace *trace, br_transport *out,
                            br_workspace *ws);

/* The gradient of a field with ghosts, at the centres. */
void br_grid_gradient(const br_grid *g, const double *u, double *dense);

#endif
