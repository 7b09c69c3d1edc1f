#include "grid_transport.h"

#include <math.h>
#include <string.h>

#include "grid_push.h"

/* Boxes a cell is cut into, on each axis, for the image that is reported. */
#define PARTS 3

/* u on the grid x from a grid that may be coarser, after an interrupt; with ghosts. */
static void newton_potential(br_grid_solution *s, const br_grid *x, const br_grid *y, double *u,
                             br_workspace *ws) {
  br_pma full = s->problem;
  if (full.x.cells != x->cells) br_grid_interpolate(&full.x, s->w, x, u, ws);
  else memcpy(u, s->w, x->total * sizeof(double));
  full.x = *x;
  full.y = *y;
  br_pma_potential(&full, u);
}

static void forth_potential(const br_forth_solution *s, const br_grid *x, double *u,
                            br_workspace *ws) {
  if (s->x.cells == x->cells) {
    br_grid_load(x, s->u, u);
  } else {
    double *coarse = br_grid_field(&s->x, ws);
    br_grid_load(&s->x, s->u, coarse);
    br_grid_add_base(&s->x, &s->y, -1, coarse);
    br_grid_interpolate(&s->x, coarse, x, u, ws);
    br_grid_add_base(x, &s->y, 1, u);
  }
  br_grid_extrapolate(x, u, 2);
}

br_status br_grid_transport(br_transport *t, br_grid_method method, br_stopping *stop,
                            const br_host *host, br_grid_trace *trace, br_workspace *ws) {
  br_status status;
  if (method == BR_GRID_NEWTON) {
    br_grid_solution solution;
    status = br_grid_newton(&t->x, t->mu, &t->y, t->nu, stop, host, trace, &solution, ws);
    t->found = status == BR_OK || status == BR_INTERRUPTED || status == BR_MAX_TIME;
    if (t->found) newton_potential(&solution, &t->x, &t->y, t->potential, ws);
  } else {
    br_forth_solution solution;
    status = br_grid_forth(&t->x, t->mu, &t->y, t->nu, stop, host, trace, &solution, ws);
    t->found = 1;
    forth_potential(&solution, &t->x, t->potential, ws);
  }
  return status;
}

/* What a row has to say about a law and the gradient of a potential on its grid: integrals over the
 * cells, each of even density, in which the potential is a quadratic. */
enum {
  MASS,
  POTENTIAL,
  SQUARE,
  COST,
  MEAN,
  MOVED = MEAN + BR_GRID_AXES,
  SUMS = MOVED + BR_GRID_AXES
};

/* The second difference on axis k from the gradients of the neighbours, one of them at a face:
 * where the gradient jumps that is shared with the cells beside, which may be empty. */
static inline double spread(const br_grid *g, int k, int at, const double *v) {
  const ptrdiff_t s = (ptrdiff_t)g->stride[k];
  if (at == 0) return 0.5 * (v[2 * s] - *v - (v[s] - v[-s]));
  if (at == g->n[k] - 1) return 0.5 * (v[s] - v[-s] - (*v - v[-2 * s]));
  return 0.25 * (v[2 * s] - 2 * *v + v[-2 * s]);
}

static void sum_row(const br_grid *g, const double *density, const double *u, int row,
                    double *sums) {
  const int d = g->d, index[BR_GRID_AXES] = {0, row % g->n[1], row / g->n[1]};
  memset(sums, 0, SUMS * sizeof(double));
  double at[BR_GRID_AXES];
  for (int k = 0; k < d; k++) at[k] = br_grid_centre(g, k, index[k]);
  for (int i = 0; i < g->n[0]; i++) {
    const double m = density[i], *v = u + i;
    at[0] = br_grid_centre(g, 0, i);
    double potential = *v, square = 0, cost = 0;
    for (int k = 0; k < d; k++) {
      const ptrdiff_t s = (ptrdiff_t)g->stride[k];
      const double h = g->step[k], to = (v[s] - v[-s]) / (2 * h), moved = to - at[k];
      const double second = spread(g, k, k ? index[k] : i, v);
      potential += second / 24;
      square += at[k] * at[k] + h * h / 12;
      cost += moved * moved + (second / h - h) * (second / h - h) / 12;
      for (int l = 0; l < d; l++) {
        if (l == k) continue;
        const ptrdiff_t t = (ptrdiff_t)g->stride[l];
        const double mixed = (v[s + t] - v[s - t] - v[t - s] + v[-s - t]) / (4 * h);
        cost += mixed * mixed / 12;
      }
      sums[MEAN + k] += m * at[k];
      sums[MOVED + k] += m * to;
    }
    sums[MASS] += m;
    sums[POTENTIAL] += m * potential;
    sums[SQUARE] += m * square;
    sums[COST] += m * cost;
  }
}

/* Means of these under the density; sums has SUMS for each row. */
static void find_means(const br_grid *g, const double *density, const double *u, double *sums,
                       double *means) {
  const int threads = br_grid_threads(g, 4 * BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++)
    sum_row(g, density + (size_t)r * (size_t)g->n[0], u + br_grid_row(g, r), r,
            sums + (size_t)r * SUMS);
  memset(means, 0, SUMS * sizeof(double));
  for (int r = 0; r < g->rows; r++)
    for (int k = 0; k < SUMS; k++) means[k] += sums[(size_t)r * SUMS + (size_t)k];
  for (int k = SUMS - 1; k >= 0; k--) means[k] /= means[MASS];
}

/* shift + scale times the gradient of a field with ghosts, at the centres. */
static void write_gradient(const br_grid *g, const double *u, double scale, const double *shift,
                           double *dense) {
  const int threads = br_grid_threads(g, 2 * BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++)
    for (int k = 0; k < g->d; k++) {
      const double *v = u + br_grid_row(g, r), by = scale / (2 * g->step[k]);
      double *out = dense + (size_t)k * g->cells + (size_t)r * (size_t)g->n[0];
      const ptrdiff_t s = (ptrdiff_t)g->stride[k];
      for (int i = 0; i < g->n[0]; i++) out[i] = shift[k] + by * (v[i + s] - v[i - s]);
    }
}

/* From a potential in the frame, dense, to scale^2 of it plus scale times <slope, .>, plus a
 * constant. */
static void leave_frame(const br_grid *g, double scale, const double *slope, double constant,
                        double *u) {
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    double along = constant, *v = u + (size_t)r * (size_t)g->n[0];
    const int index[BR_GRID_AXES] = {0, r % g->n[1], r / g->n[1]};
    for (int k = 1; k < g->d; k++) along += scale * slope[k] * br_grid_centre(g, k, index[k]);
    for (int i = 0; i < g->n[0]; i++)
      v[i] = scale * scale * v[i] + scale * slope[0] * br_grid_centre(g, 0, i) + along;
  }
}

/* From masses, of which all that is given is the image, to a density, and how far it is from nu. */
static double write_image(const br_transport *t, const double *mass, double *dense,
                          double *row_sum) {
  const br_grid *y = &t->y;
  const double mass_x = br_grid_mass(&t->x, t->mu, row_sum);
  const double mass_y = br_grid_mass(y, t->nu, row_sum);
  const double volume = br_grid_volume(y), density = 1 / (volume * pow(t->scale, y->d));
  const int threads = br_grid_threads(y, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < y->rows; r++) {
    const double *in = mass + br_grid_row(y, r), *nu = t->nu + (size_t)r * (size_t)y->n[0];
    double *out = dense + (size_t)r * (size_t)y->n[0], sum = 0;
    for (int i = 0; i < y->n[0]; i++) {
      const double share = in[i] / mass_x;
      sum += fabs(share - nu[i] * volume / mass_y);
      out[i] = share * density;
    }
    row_sum[r] = sum;
  }
  return br_grid_sum_rows(y, row_sum);
}

void br_grid_transport_finish(br_transport *t, br_transport_result *out, br_workspace *ws) {
  const br_grid *x = &t->x, *y = &t->y;
  const int rows = x->rows > y->rows ? x->rows : y->rows;
  double *field = br_grid_field(y, ws), *sums = br_take(ws, (size_t)rows * SUMS);
  double of_x[SUMS], of_y[SUMS];
  br_grid_push(x, t->mu, t->potential, y, field, PARTS, br_take(ws, br_grid_push_room(x)));
  out->error = write_image(t, field, out->image, sums);
  write_gradient(x, t->potential, t->scale, t->shift_y, out->map);
  find_means(x, t->mu, t->potential, sums, of_x);
  br_grid_store(x, t->potential, out->u);
  br_legendre legendre;
  br_legendre_make(&legendre, x, y, ws);
  br_legendre_transform(&legendre, 0, out->u, out->v);
  br_grid_load(y, out->v, field);
  br_grid_extrapolate(y, field, 2);
  write_gradient(y, field, t->scale, t->shift_x, out->inverse);
  find_means(y, t->nu, field, sums, of_y);
  const double s = t->scale;
  double shifts = 0,
         squared = of_x[SQUARE] + of_y[SQUARE] - 2 * (of_x[POTENTIAL] + of_y[POTENTIAL]);
  double cost = of_x[COST];
  squared *= s * s;
  cost *= s * s;
  for (int k = 0; k < x->d; k++) {
    const double shift = t->shift_x[k] - t->shift_y[k];
    squared += 2 * s * shift * (of_x[MEAN + k] - of_y[MEAN + k]) + shift * shift;
    cost += 2 * s * shift * (of_x[MEAN + k] - of_x[MOVED + k]) + shift * shift;
    shifts += t->shift_x[k] * t->shift_y[k];
  }
  out->squared = squared;
  out->cost = cost;
  leave_frame(x, s, t->shift_y, 0, out->u);
  leave_frame(y, s, t->shift_x, shifts, out->v);
}
