#include "sinkhorn.h"

#include "clusters.h"
#include "sinkhorn_stage.h"

#include <math.h>
#include <string.h>

/* The ladder. On the way down to the eps asked for each stage is over clouds whose cells are no
 * wider than CELL times the width of the kernel, and ends at a rough error; at that eps ever finer
 * cells follow, and then the points, whose marginals differ from those of the cells by little. */
#define CELL 1.0
#define FINEST_CELL 0.125
#define COARSENING \
  0.6 /* a level is worth it with at most this part of the points of the one below */
#define MOST_LEVELS 16
#define FACTOR 0.25 /* of eps, from one stage to the next: halves of the width of a Gaussian */
#define ROUGH_ERROR 0.05
#define ROUGH_ITERATIONS 20
#define LEVEL_ERROR 1e-3
#define LEVEL_ITERATIONS 500
/* Part of the tolerance that sums may lose, and of the stages before the last. */
#define SUMS 0.05
#define ROUGH_SUMS 1e-4
#define FEW_PAIRS 4e6 /* below that all pairs are summed */

typedef struct {
  double size; /* of the cells; 0 for the points */
  br_stage stage;
  br_clusters x, y;
} level;

/* Where a kernel has fallen to 1/e. */
static double kernel_width(br_cost cost, double epsilon) {
  return cost == BR_COST_SQUARE ? sqrt(epsilon) : epsilon;
}

/* The largest cost that counts, from which eps comes down. */
static double cost_scale(const br_transport *t, const br_cloud *x, const br_cloud *y) {
  if (t->cost != BR_COST_MATRIX) {
    const double diameter = x->radius + y->radius;
    return t->cost == BR_COST_SQUARE ? diameter * diameter : diameter;
  }
  double low = INFINITY, high = -INFINITY;
  for (size_t k = 0; k < t->n * t->m; k++)
    if (isfinite(t->matrix[k])) {
      low = fmin(low, t->matrix[k]);
      high = fmax(high, t->matrix[k]);
    }
  return low <= high ? high - low : 0;
}

/* Levels above the points, finest first; returns how many there are with the points. */
static int make_levels(level *levels, const br_transport *t, double diameter, const double *origin,
                       br_workspace *ws) {
  int n_levels = 1;
  double size = FINEST_CELL * kernel_width(t->cost, t->epsilon);
  if (t->cost == BR_COST_MATRIX) return 1;
  for (; size < diameter / 4 && n_levels < MOST_LEVELS; size *= 2) {
    level *below = levels + n_levels - 1, *l = levels + n_levels;
    const br_transport *p = &below->stage.problem;
    /* with fewer points than that a cell holds about one, where the points fill their box */
    if (pow(diameter / size, t->d < 3 ? t->d : 3) > 8.0 * (double)(t->n + t->m) + 1e3) continue;
    br_clusters_make(&l->x, p->n, t->d, p->x, p->a, size, ws);
    if (t->symmetric) l->y = l->x;
    else br_clusters_make(&l->y, p->m, t->d, p->y, p->b, size, ws);
    if ((double)(l->x.n + l->y.n) > COARSENING * (double)(p->n + p->m)) continue;
    br_transport coarse = *t;
    coarse.n = l->x.n;
    coarse.m = l->y.n;
    coarse.x = l->x.x;
    coarse.y = l->y.x;
    coarse.a = l->x.weight;
    coarse.b = l->y.weight;
    l->size = size;
    br_stage_make(&l->stage, &coarse, origin, ws);
    n_levels++;
  }
  return n_levels;
}

static double allowed_loss(const br_transport *t, double tolerance) {
  return (double)t->n * (double)t->m < FEW_PAIRS ? 0 : SUMS * tolerance;
}

/* From eps of the size of the costs down to the one asked for, and from the coarsest cloud to all
 * points; leaves potentials at the points. */
static br_status climb(level *levels, int n_levels, double epsilon, const br_transport *t,
                       br_stage_run *run, br_workspace *ws) {
  int at = n_levels - 1;
  const double tolerance = run->options->tolerance;
  br_status status = BR_OK;
  for (; status != BR_INTERRUPTED; epsilon = fmax(FACTOR * epsilon, t->epsilon)) {
    const int last = !(epsilon > t->epsilon);
    if (last) epsilon = t->epsilon;
    while (at > 0 && levels[at].size > CELL * kernel_width(t->cost, epsilon)) {
      br_stage_prolong(&levels[at - 1].stage, &levels[at].stage, ws);
      at--;
    }
    if (last) break;
    const int left = run->options->max_iterations - run->result->iterations;
    if (at == 0 && left <= 1) break; /* the one that is left is for the eps asked for */
    br_stage_epsilon(&levels[at].stage, epsilon,
                     at == 0 ? allowed_loss(t, ROUGH_ERROR) : ROUGH_SUMS);
    const int most = at == 0 && left - 1 < ROUGH_ITERATIONS ? left - 1 : ROUGH_ITERATIONS;
    status = br_stage_solve(&levels[at].stage, ROUGH_ERROR, most, at == 0, run);
  }
  for (; at > 0; at--) {
    if (status != BR_INTERRUPTED) {
      br_stage_epsilon(&levels[at].stage, t->epsilon, ROUGH_SUMS);
      status =
          br_stage_solve(&levels[at].stage, fmax(tolerance, LEVEL_ERROR), LEVEL_ITERATIONS, 0, run);
    }
    br_stage_prolong(&levels[at - 1].stage, &levels[at].stage, ws);
  }
  return status;
}

/* What an interrupted run knows without sums over all pairs. */
static void leave_early(const br_stage *s, br_sinkhorn *result) {
  const br_transport *t = &s->problem;
  result->value = result->cost = result->kl = result->mass = NAN;
  result->gap = INFINITY;
  if (!isinf(t->reach)) return;
  result->value = 0;
  for (size_t i = 0; i < t->n; i++)
    if (t->a[i] > 0) result->value += t->a[i] * s->f[i];
  for (size_t j = 0; j < t->m; j++)
    if (t->b[j] > 0) result->value += t->b[j] * s->g[j];
}

void br_sinkhorn_run(br_sinkhorn *result, const br_transport *t, const br_sinkhorn_options *options,
                     const br_host *host, br_workspace *ws) {
  level levels[MOST_LEVELS];
  br_stage_run run = {.result = result, .options = options, .host = host};
  double *origin = br_take(ws, t->cost == BR_COST_MATRIX ? 1 : (size_t)t->d);
  br_stage *all = &levels[0].stage;
  memset(levels, 0, sizeof levels);
  result->iterations = result->n_trace = 0;
  result->visited = 0;
  br_stopping_start(&run.clock, options->tolerance, options->max_iterations, INFINITY);
  if (t->cost != BR_COST_MATRIX)
    br_cloud_origin(t->d, t->n, t->x, t->symmetric ? 0 : t->m, t->symmetric ? NULL : t->y, origin);
  br_stage_make(all, t, origin, ws);

  br_status status = BR_OK;
  if (options->anneal) {
    const double scale = cost_scale(t, &all->x, t->symmetric ? &all->x : &all->y);
    const double diameter = t->cost == BR_COST_SQUARE ? sqrt(scale) : scale;
    const int n_levels = make_levels(levels, t, diameter, origin, ws);
    status = climb(levels, n_levels, scale, t, &run, ws);
  } else {
    memcpy(all->f, result->f, t->n * sizeof(double));
    if (!t->symmetric) memcpy(all->g, result->g, t->m * sizeof(double));
  }
  if (status != BR_INTERRUPTED) {
    br_stage_epsilon(all, t->epsilon, allowed_loss(t, options->tolerance));
    const int left = options->max_iterations - result->iterations;
    status = br_stage_solve(all, options->tolerance, left < 1 ? 1 : left, 1, &run);
  }
  result->status = status;
  memcpy(result->f, all->f, t->n * sizeof(double));
  if (!t->symmetric) memcpy(result->g, all->g, t->m * sizeof(double));
  if (status == BR_INTERRUPTED) {
    leave_early(all, result);
    return;
  }
  if (t->symmetric) br_stage_split(all, br_take(ws, t->n), result);
  br_stage_finish(all, result, ws);
}
