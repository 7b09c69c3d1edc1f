#include "grid_levels.h"

static void halve(br_grid *coarse, const br_grid *fine) {
  int n[BR_GRID_AXES];
  double upper[BR_GRID_AXES];
  for (int k = 0; k < BR_GRID_AXES; k++) {
    n[k] = fine->n[k] > 4 ? (fine->n[k] + 1) / 2 : fine->n[k];
    upper[k] = br_grid_upper(fine, k);
  }
  br_grid_make(coarse, fine->d, n, fine->lower, upper, fine->periodic);
}

static const double *halve_density(const br_grid *fine, const double *density,
                                   const br_grid *coarse, br_workspace *ws) {
  double *mean = br_take(ws, coarse->cells);
  br_grid_average(fine, density, coarse, mean, ws);
  return mean;
}

void br_grid_levels_make(br_grid_levels *l, const br_grid *x, const double *mu, const br_grid *y,
                         const double *nu, br_workspace *ws) {
  l->x[0] = *x;
  l->y[0] = *y;
  l->mu[0] = mu;
  l->nu[0] = nu;
  for (l->n = 1; l->n < BR_GRID_LEVELS; l->n++) {
    const int k = l->n;
    const br_grid *g = &l->x[k - 1];
    if (g->n[0] <= 16 && g->n[1] <= 16 && g->n[2] <= 16) break;
    halve(&l->x[k], g);
    halve(&l->y[k], &l->y[k - 1]);
    l->mu[k] = halve_density(g, l->mu[k - 1], &l->x[k], ws);
    l->nu[k] = halve_density(&l->y[k - 1], l->nu[k - 1], &l->y[k], ws);
  }
}

void br_grid_note(br_grid_trace *trace, const br_stopping *stop, br_grid_row_of_trace row) {
  if (trace->n >= trace->room) return;
  row.seconds = br_stopping_seconds(stop);
  trace->row[trace->n++] = row;
}
