/* The optimal map between positive densities on boxes by Newton's method: implicit steps of the
 * parabolic equation du/dt = log(rho_u / mu) of infinite length where the flow allows, shorter ones
 * where u would lose its convexity. Solved on coarse grids first, so that one or two steps are left
 * to the finest: O(cells) time in all. */
#ifndef BR_GRID_NEWTON_H
#define BR_GRID_NEWTON_H

#include "grid_levels.h"
#include "grid_pma.h"

typedef struct {
  br_pma problem; /* of the finest grid reached */
  double *w;
  br_pma_value value; /* at w */
} br_grid_solution;

/* Until the error of br_pma_value is below the tolerance of stop. Densities are dense. */
br_status br_grid_newton(const br_grid *x, const double *mu, const br_grid *y, const double *nu,
                         br_stopping *stop, const br_host *host, br_grid_trace *trace,
                         br_grid_solution *solution, br_workspace *ws);

#endif
