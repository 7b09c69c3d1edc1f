#include "grid_forth.h"

#include <math.h>
#include <string.h>

#include "grid_push.h"

/* One of the two sides: its grid, its density, and where its gradient goes. */
typedef struct {
  br_grid grid;
  const double *density; /* dense */
  double scale;          /* of the density to mass 1 */
  double *u;             /* dense */
  double *moved;         /* dense: a trial */
  double *image;         /* field: mass that came from the other side, then the residual */
  double *delta;         /* field */
  br_multigrid solver;
  double *row_sum;
  int plain;    /* whether the metric is that of the Laplacian */
  double sigma; /* the step that was taken last */
} side;

typedef struct {
  side s[2];
  br_legendre legendre;
  double *padded; /* a potential with ghosts, of either side */
  double *work;   /* of br_grid_push() */
} pair;

static void take_side(side *s, const br_grid *g, br_workspace *ws) {
  s->grid = *g;
  s->u = br_take(ws, g->cells);
  s->moved = br_take(ws, g->cells);
  s->row_sum = br_take(ws, (size_t)g->rows);
  s->sigma = 1;
  s->plain = 0;
}

static int same_cells(const br_grid *x, const br_grid *y) {
  return x->n[0] == y->n[0] && x->n[1] == y->n[1] && x->n[2] == y->n[2];
}

/* The sides move in turn: if they have the same cells, in the same memory. */
static void take_pair(pair *p, const br_grid *x, const br_grid *y, br_arena *arena) {
  br_workspace *ws = &arena->ws;
  take_side(&p->s[0], x, ws);
  take_side(&p->s[1], y, ws);
  p->padded = br_take(ws, x->total > y->total ? x->total : y->total);
  const size_t there = br_grid_push_room(x), back = br_grid_push_room(y);
  p->work = br_take(ws, there > back ? there : back);
  br_legendre_make(&p->legendre, x, y, ws);
  const size_t mark = arena->used;
  for (int a = 0; a < 2; a++) {
    side *s = &p->s[a];
    if (same_cells(x, y)) br_arena_reset(arena, mark);
    s->delta = br_grid_field(&s->grid, ws);
    br_multigrid_make(&s->solver, &s->grid, 0, ws);
    s->image = s->solver.residual;
  }
}

static double mean_of(const side *s, const double *dense) {
  return s->scale * br_grid_mean(&s->grid, s->density, dense, s->row_sum);
}

static double semi_dual(const pair *p) {
  return mean_of(&p->s[0], p->s[0].u) + mean_of(&p->s[1], p->s[1].u);
}

static void pad(pair *p, const side *s) {
  br_grid_load(&s->grid, s->u, p->padded);
  br_grid_extrapolate(&s->grid, p->padded, 2);
}

/* The density of the law of the gradient of the other side's potential, and how far it is from the
 * density here. */
static double pull_image(pair *p, int a) {
  side *here = &p->s[a], *there = &p->s[1 - a];
  const br_grid *g = &here->grid;
  pad(p, there);
  br_grid_push(&there->grid, there->density, p->padded, g, here->image, 1, p->work);
  const double scale = there->scale / br_grid_volume(g);
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const double *m = here->density + (size_t)r * (size_t)g->n[0];
    double *image = here->image + br_grid_row(g, r), sum = 0;
    for (int i = 0; i < g->n[0]; i++) {
      image[i] *= scale;
      sum += fabs(image[i] - here->scale * m[i]);
    }
    here->row_sum[r] = sum;
  }
  return br_grid_sum_rows(g, here->row_sum) * br_grid_volume(g);
}

/* The metric of a step is -div(k grad .), with k diagonal and near that of the Hessian of the
 * semi-dual, the density over the second derivative of the potential: so that a full step is nearly
 * Newton's. The density is floored at a hundredth of its largest value, lest empty regions move
 * without bound, and the second derivative at a tenth of what takes box to box. */
#define DENSITY_FLOOR 1e-2
#define SLOPE_FLOOR 0.1

static void set_metric(pair *p, side *here, const side *there) {
  const br_grid *g = &here->grid;
  double most = 0;
  for (size_t i = 0; i < g->cells; i++) most = fmax(most, here->density[i]);
  most *= here->scale;
  pad(p, here);
  const int threads = br_grid_threads(g, 3 * BR_GRID_PASS);
  (void)threads;
  for (int k = 0; k < g->d; k++) {
    const ptrdiff_t s = (ptrdiff_t)g->stride[k];
    const double square = g->step[k] * g->step[k];
    const double least =
        SLOPE_FLOOR * there->grid.n[k] * there->grid.step[k] / (g->n[k] * g->step[k]);
    double *diagonal = br_multigrid_k(&here->solver, k, k);
    BR_OMP(parallel for num_threads(threads))
    for (int r = 0; r < g->rows; r++) {
      const size_t at = br_grid_row(g, r);
      const double *m = here->density + (size_t)r * (size_t)g->n[0];
      for (int i = 0; i < g->n[0]; i++) {
        const double *v = p->padded + at + i;
        const double rho = 0.5 * (here->scale * m[i] + here->image[at + i]);
        diagonal[at + i] = here->plain ? most / (10 * least)
                                       : (rho + DENSITY_FLOOR * most) /
                                             (least + fmax(0, (v[s] - 2 * v[0] + v[-s]) / square));
      }
    }
  }
  br_multigrid_factor(&here->solver, 0);
}

/* moved = u - sigma delta */
static void try_move(side *s, double sigma) {
  const br_grid *g = &s->grid;
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const size_t to = (size_t)r * (size_t)g->n[0];
    const double *delta = s->delta + br_grid_row(g, r);
    for (int i = 0; i < g->n[0]; i++) s->moved[to + i] = s->u[to + i] - sigma * delta[i];
  }
}

/* The residual, density less image, in the place of the image. */
static void set_residual(side *s) {
  const br_grid *g = &s->grid;
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const double *m = s->density + (size_t)r * (size_t)g->n[0];
    double *image = s->image + br_grid_row(g, r);
    for (int i = 0; i < g->n[0]; i++) image[i] = s->scale * m[i] - image[i];
  }
}

/* One step for the potential of side a; the semi-dual falls, or nothing moves: then 0. */
static int step_side(pair *p, int a, double *value) {
  side *here = &p->s[a], *there = &p->s[1 - a];
  set_metric(p, here, there);
  set_residual(here);
  memcpy(p->padded, here->image, here->grid.total * sizeof(double)); /* the solver uses it up */
  br_multigrid_solve(&here->solver, here->delta, 0.05, 20);
  const double slope =
      br_grid_dot(&here->grid, p->padded, here->delta, here->row_sum) * br_grid_volume(&here->grid);
  if (!(slope > 0)) return 0;
  for (double sigma = here->sigma; sigma > 1e-4; sigma *= 0.6) {
    try_move(here, sigma);
    br_legendre_transform(&p->legendre, a, here->moved, there->moved);
    const double next = mean_of(here, here->moved) + mean_of(there, there->moved);
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

static void load_side(side *s, const double *density) {
  s->density = density;
  s->scale = 1 / br_grid_mass(&s->grid, density, s->row_sum);
}

static void note(br_grid_trace *trace, const pair *p, int iteration, double error, double value,
                 const br_stopping *stop) {
  br_grid_note(trace, stop,
               (br_grid_row_of_trace){.cells = (double)p->s[0].grid.cells,
                                      .iteration = iteration,
                                      .error = error,
                                      .low = NAN,
                                      .high = NAN,
                                      .step = p->s[0].sigma,
                                      .rate = value,
                                      .inner = NAN});
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
  br_grid_levels levels;
  br_grid_levels_make(&levels, x, mu, y, nu, ws);
  br_status status = BR_OK;
  double *coarse = NULL; /* u without its quadratic */
  pair p;
  br_arena arena; /* for one level after the other */
  br_arena_make(&arena);
  take_pair(&p, x, y, &arena);
  br_arena_open(&arena, ws);
  for (int l = levels.n - 1; l >= 0; l--) {
    const br_grid *xl = &levels.x[l], *yl = &levels.y[l];
    br_arena_reset(&arena, 0);
    take_pair(&p, xl, yl, &arena);
    load_side(&p.s[0], levels.mu[l]);
    load_side(&p.s[1], levels.nu[l]);
    if (coarse) br_grid_interpolate(&levels.x[l + 1], coarse, xl, p.padded, ws);
    br_grid_add_base(xl, yl, 1, p.padded);
    br_grid_store(xl, p.padded, p.s[0].u);
    status = solve_level(&p, stop->tolerance, l ? 20 : stop->max_iterations, stop, host, trace,
                         solution);
    solution->x = *xl;
    solution->y = *yl;
    solution->u = p.s[0].u;
    solution->v = p.s[1].u;
    if (status == BR_INTERRUPTED || status == BR_MAX_TIME || l == 0) break;
    coarse = br_grid_field(xl, ws);
    br_grid_load(xl, p.s[0].u, coarse);
    br_grid_add_base(xl, yl, -1, coarse);
  }
  return status;
}
