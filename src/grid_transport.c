#include "grid_transport.h"

#include <math.h>
#include <string.h>

#include "grid_push.h"

/* Boxes a cell is cut into, on each axis, for the image that is reported. */
#define PARTS 3

void br_grid_gradient(const br_grid *g, const double *u, double *dense) {
  for (int k = 0; k < g->d; k++)
    for (int r = 0; r < g->rows; r++) {
      const double *v = u + br_grid_row(g, r);
      double *out = dense + k * g->cells + (size_t)r * g->n[0];
      const ptrdiff_t s = (ptrdiff_t)g->stride[k];
      for (int i = 0; i < g->n[0]; i++) out[i] = (v[i + s] - v[i - s]) / (2 * g->step[k]);
    }
}

static double mean(const br_grid *g, const double *density, const double *f) {
  double sum = 0, mass = 0;
  for (size_t i = 0; i < g->cells; i++) {
    sum += density[i] * f[i];
    mass += density[i];
  }
  return sum / mass;
}

/* u on the grid x from a grid that may be coarser, after an interrupt; with ghosts. */
static void newton_potential(br_grid_solution *s, const br_grid *x, const br_grid *y, double *u,
                             br_workspace *ws) {
  br_pma full = s->problem;
  double *w = s->w;
  if (full.x.cells != x->cells) {
    w = br_grid_field(x, ws);
    br_grid_interpolate(&full.x, s->w, x, w, ws);
    full.x = *x;
    full.y = *y;
  }
  br_pma_potential(&full, w, u);
}

static void forth_potential(const br_forth_solution *s, const br_grid *x, double *u,
                            br_workspace *ws) {
  if (s->x.cells == x->cells) {
    br_grid_load(x, s->u, u);
    br_grid_extrapolate(x, u, 2);
    return;
  }
  double *coarse = br_grid_field(&s->x, ws);
  br_grid_load(&s->x, s->u, coarse);
  br_grid_add_base(&s->x, &s->y, -1, coarse);
  br_grid_interpolate(&s->x, coarse, x, u, ws);
  br_grid_add_base(x, &s->y, 1, u);
  br_grid_extrapolate(x, u, 2);
}

br_status br_grid_transport(br_grid_method method, const br_grid *x, const double *mu,
                            const br_grid *y, const double *nu, br_stopping *stop,
                            const br_host *host, br_grid_trace *trace, br_transport *out,
                            br_workspace *ws) {
  double *m = br_grid_field(x, ws), *n = br_grid_field(y, ws), *u = br_grid_field(x, ws);
  br_grid_load(x, mu, m);
  br_grid_load(y, nu, n);
  br_status status;
  if (method == BR_GRID_NEWTON) {
    br_grid_solution solution;
    status = br_grid_newton(x, m, y, n, stop, host, trace, &solution, ws);
    if (status != BR_OK && status != BR_INTERRUPTED && status != BR_MAX_TIME) return status;
    newton_potential(&solution, x, y, u, ws);
  } else {
    br_forth_solution solution;
    status = br_grid_forth(x, m, y, n, stop, host, trace, &solution, ws);
    forth_potential(&solution, x, u, ws);
  }
  br_grid_store(x, u, out->u);
  br_grid_gradient(x, u, out->map);
  br_legendre legendre;
  br_legendre_make(&legendre, x, y, ws);
  br_legendre_transform(&legendre, 0, out->u, out->v);
  double *v = n, *image = br_grid_field(y, ws);
  br_grid_push(x, m, u, y, image, PARTS, br_take(ws, br_grid_push_room(x, y)));
  br_grid_store(y, image, out->image);
  double mass_m = 0, mass_n = 0;
  for (size_t i = 0; i < x->cells; i++) mass_m += mu[i];
  for (size_t i = 0; i < y->cells; i++) mass_n += nu[i];
  const double volume = br_grid_volume(y);
  out->error = 0;
  for (size_t i = 0; i < y->cells; i++) {
    out->image[i] /= mass_m * br_grid_volume(x);
    out->error += fabs(out->image[i] - nu[i] / mass_n);
    out->image[i] /= volume;
  }
  br_grid_load(y, out->v, v);
  br_grid_extrapolate(y, v, 2);
  br_grid_gradient(y, v, out->inverse);
  out->value = mean(x, mu, out->u) + mean(y, nu, out->v);
  return status;
}
