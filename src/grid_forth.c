#include "grid_forth.h"

#include <math.h>
#include <string.h>

#include "grid_push.h"

/* One of the two sides: its grid, its density, and where its gradient goes. */
typedef struct {
  br_grid grid;
  double *density; /* a field of mass 1 */
  double *u;       /* dense */
  double *moved;   /* dense: a trial */
  double *padded;  /* u with ghosts */
  double *image;   /* field: mass that came from the other side, then the residual */
  double *delta;   /* field */
  double *k[6];
  br_multigrid solver;
  double *row_sum;
  int plain;    /* whether the metric is that of the Laplacian */
  double sigma; /* the step that was taken last */
} side;

typedef struct {
  side s[2];
  br_legendre legendre;
  double *work; /* of br_grid_push() */
} pair;

static void side_make(side *s, const br_grid *g, br_workspace *ws) {
  s->grid = *g;
  s->density = br_grid_field(g, ws);
  s->u = br_take(ws, g->cells);
  s->moved = br_take(ws, g->cells);
  s->padded = br_grid_field(g, ws);
  s->image = br_grid_field(g, ws);
  s->delta = br_grid_field(g, ws);
  for (int p = 0; p < g->d * (g->d + 1) / 2; p++) s->k[p] = br_grid_field(g, ws);
  s->row_sum = br_take(ws, (size_t)g->rows);
  br_multigrid_make(&s->solver, g, 0, ws);
  s->sigma = 1;
  s->plain = 0;
}

static double dense_dot(const side *s, const double *dense) {
  const br_grid *g = &s->grid;
  for (int r = 0; r < g->rows; r++) {
    const double *m = s->density + br_grid_row(g, r), *v = dense + (size_t)r * g->n[0];
    double sum = 0;
    for (int i = 0; i < g->n[0]; i++) sum += m[i] * v[i];
    s->row_sum[r] = sum;
  }
  return br_grid_sum_rows(g, s->row_sum) * br_grid_volume(g);
}

static double semi_dual(const pair *p) {
  return dense_dot(&p->s[0], p->s[0].u) + dense_dot(&p->s[1], p->s[1].u);
}

/* The law of the gradient of the other side's potential, and how far it is from the density here.
 */
static double pull_image(pair *p, int a) {
  side *here = &p->s[a], *there = &p->s[1 - a];
  const br_grid *g = &here->grid;
  br_grid_load(&there->grid, there->u, there->padded);
  br_grid_extrapolate(&there->grid, there->padded, 2);
  br_grid_push(&there->grid, there->density, there->padded, g, here->image, 1, p->work);
  const double volume = br_grid_volume(g);
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    double sum = 0;
    for (int i = 0; i < g->n[0]; i++)
      sum += fabs(here->image[at + i] / volume - here->density[at + i]);
    here->row_sum[r] = sum;
  }
  return br_grid_sum_rows(g, here->row_sum) * volume;
}

/* The metric of a step is -div(k grad .), with k diagonal and near that of the Hessian of the
 * semi-dual, the density over the second derivative of the potential: so that a full step is nearly
 * Newton's. The density is floored at a hundredth of its largest value, lest empty regions move
 * without bound, and the second derivative at a tenth of what takes box to box. */
#define DENSITY_FLOOR 1e-2
#define SLOPE_FLOOR 0.1

static void set_metric(side *here, const side *there) {
  const br_grid *g = &here->grid;
  const double volume = br_grid_volume(g);
  double most = 0;
  for (int r = 0; r < g->rows; r++) {
    const double *m = here->density + br_grid_row(g, r);
    for (int i = 0; i < g->n[0]; i++) most = fmax(most, m[i]);
  }
  br_grid_load(g, here->u, here->padded);
  br_grid_extrapolate(g, here->padded, 2);
  for (int k = 0; k < g->d; k++) {
    const ptrdiff_t s = (ptrdiff_t)g->stride[k];
    const double square = g->step[k] * g->step[k];
    const double least =
        SLOPE_FLOOR * there->grid.n[k] * there->grid.step[k] / (g->n[k] * g->step[k]);
    for (int r = 0; r < g->rows; r++) {
      const size_t at = br_grid_row(g, r);
      for (int i = 0; i < g->n[0]; i++) {
        const double *v = here->padded + at + i;
        const double rho = 0.5 * (here->density[at + i] + here->image[at + i] / volume);
        here->k[k * (k + 3) / 2][at + i] =
            here->plain ? most / (10 * least)
                        : (rho + DENSITY_FLOOR * most) /
                              (least + fmax(0, (v[s] - 2 * v[0] + v[-s]) / square));
      }
    }
  }
  br_multigrid_coefficients(&here->solver, here->k);
  br_multigrid_refresh(&here->solver);
}

/* One step for the potential of side a; the semi-dual falls, or nothing moves: then 0. */
static int step_side(pair *p, int a, double *value) {
  side *here = &p->s[a], *there = &p->s[1 - a];
  const br_grid *g = &here->grid;
  const double volume = br_grid_volume(g);
  set_metric(here, there);
  /* the residual: density less image, per volume */
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    for (int i = 0; i < g->n[0]; i++)
      here->image[at + i] = here->density[at + i] - here->image[at + i] / volume;
  }
  br_multigrid_solve(&here->solver, here->image, here->delta, 0.05, 20);
  const double slope = br_grid_dot(g, here->image, here->delta, here->row_sum) * volume;
  if (!(slope > 0)) return 0;
  for (double sigma = here->sigma; sigma > 1e-4; sigma *= 0.6) {
    for (int r = 0; r < g->rows; r++) {
      const size_t at = br_grid_row(g, r), to = (size_t)r * g->n[0];
      for (int i = 0; i < g->n[0]; i++)
        here->moved[to + i] = here->u[to + i] - sigma * here->delta[at + i];
    }
    br_legendre_transform(&p->legendre, a, here->moved, there->moved);
    const double next = dense_dot(here, here->moved) + dense_dot(there, there->moved);
    if (next > *value - 0.25 * sigma * slope) continue;
    /* the other potential is the conjugate of this one, which becomes that of the other: no higher
     */
    double *swap = there->u;
    there->u = there->moved;
    there->moved = swap;
    br_legendre_transform(&p->legendre, 1 - a, there->u, here->u);
    *value = semi_dual(p);
    here->sigma = fmin(1.3 * sigma, here->plain ? 100 : 1);
    return 1;
  }
  return 0;
}

static void load_side(side *s, const br_grid *full, const double *density, br_workspace *ws) {
  const br_grid *g = &s->grid;
  br_grid_average(full, density, g, s->density, ws);
  const double mass = br_grid_sum(g, s->density, s->row_sum) * br_grid_volume(g);
  for (size_t i = 0; i < g->total; i++) s->density[i] /= mass;
}

static void note(br_grid_trace *trace, const pair *p, int iteration, double error, double value,
                 const br_stopping *stop) {
  if (trace->n >= trace->room) return;
  trace->row[trace->n++] = (br_grid_row_of_trace){.cells = (double)p->s[0].grid.cells,
                                                  .iteration = iteration,
                                                  .error = error,
                                                  .low = NAN,
                                                  .high = NAN,
                                                  .step = p->s[0].sigma,
                                                  .rate = value,
                                                  .inner = NAN,
                                                  .seconds = br_stopping_seconds(stop)};
}

/* The distance keeps gaining after the tolerance is met: so until the error is well below, or
 * rounds do not make it less by a tenth any more, more of them while it is above. Then the
 * potentials are as good as this grid can tell. */
#define AIM 0.1
#define PATIENCE 2
#define IDLE 5

static br_status solve_level(pair *p, double tolerance, int most, br_stopping *stop,
                             const br_host *host, br_grid_trace *trace, br_forth_solution *out) {
  br_legendre_transform(&p->legendre, 0, p->s[0].u, p->s[1].u);
  br_legendre_transform(&p->legendre, 1, p->s[1].u, p->s[0].u);
  out->value = semi_dual(p);
  out->error = pull_image(p, 0);
  note(trace, p, 0, out->error, out->value, stop);
  double best = out->error;
  for (int iteration = 1, idle = 0; out->error > AIM * tolerance; iteration++) {
    if (iteration > most) return out->error > tolerance ? BR_MAX_ITERATIONS : BR_OK;
    int moved = step_side(p, 0, &out->value);
    pull_image(p, 1);
    moved += step_side(p, 1, &out->value);
    out->error = pull_image(p, 0);
    note(trace, p, iteration, out->error, out->value, stop);
    idle = out->error < 0.9 * best ? 0 : idle + 1;
    if (idle == 0) best = out->error;
    if (idle >= PATIENCE && out->error <= tolerance) return BR_OK;
    if (idle >= IDLE) return BR_STALLED;
    if (!moved) {
      if (p->s[0].plain) return out->error > tolerance ? BR_STALLED : BR_OK;
      for (int a = 0; a < 2; a++) {
        p->s[a].plain = 1;
        p->s[a].sigma = 1;
      }
    }
    const br_progress progress = {trace->n, (int)p->s[0].grid.cells, out->error, out->value};
    const br_status status = br_stopping_tick(stop, host, &progress);
    if (status != BR_OK) return status;
  }
  return BR_OK;
}

br_status br_grid_forth(const br_grid *x, const double *mu, const br_grid *y, const double *nu,
                        br_stopping *stop, const br_host *host, br_grid_trace *trace,
                        br_forth_solution *solution, br_workspace *ws) {
  br_grid xs[BR_GRID_LEVELS], ys[BR_GRID_LEVELS];
  const int levels = br_grid_levels(x, y, xs, ys);
  br_status status = BR_OK;
  double *coarse = NULL;
  pair p;
  for (int l = levels - 1; l >= 0; l--) {
    side *s = p.s;
    side_make(&s[0], &xs[l], ws);
    side_make(&s[1], &ys[l], ws);
    load_side(&s[0], x, mu, ws);
    load_side(&s[1], y, nu, ws);
    const size_t there = br_grid_push_room(&xs[l], &ys[l]),
                 back = br_grid_push_room(&ys[l], &xs[l]);
    p.work = br_take(ws, there > back ? there : back);
    br_legendre_make(&p.legendre, &xs[l], &ys[l], ws);
    if (coarse) br_grid_interpolate(&xs[l + 1], coarse, &xs[l], s[0].delta, ws);
    br_grid_add_base(&xs[l], &ys[l], 1, s[0].delta);
    br_grid_store(&xs[l], s[0].delta, s[0].u);
    status = solve_level(&p, stop->tolerance, l ? 20 : stop->max_iterations, stop, host, trace,
                         solution);
    coarse = s[0].padded;
    br_grid_load(&xs[l], s[0].u, coarse);
    br_grid_add_base(&xs[l], &ys[l], -1, coarse);
    solution->x = xs[l];
    solution->y = ys[l];
    solution->u = s[0].u;
    solution->v = s[1].u;
    if (status == BR_INTERRUPTED || status == BR_MAX_TIME) break;
  }
  return status;
}
