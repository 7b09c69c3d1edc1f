/* One cloud against another at one eps at a time: the iterations of br_sinkhorn_run(). */
#ifndef BR_SINKHORN_STAGE_H
#define BR_SINKHORN_STAGE_H

#include "anderson.h"
#include "sinkhorn.h"
#include "stopping.h"

typedef struct {
  br_transport problem; /* of this stage: its points, masses and eps */
  double mass;          /* mean of the sums of a and of b */
  double *f, *g;        /* potentials */
  double *tf, *tg;      /* what an update of f from g, of g from f would make of them */
  double *log_a, *log_b, *log_weight, *shift, *mean;
  br_anderson accelerator;
  br_cloud x, y;
  br_pairs to_x, to_y; /* sums over y for each x, and over x for each y */
} br_stage;

/* What the stages of a run share. */
typedef struct {
  br_sinkhorn *result; /* trace, count of pairs, status */
  const br_sinkhorn_options *options;
  const br_host *host;
  br_stopping clock;
  double asked; /* when the host was asked last */
} br_stage_run;

/* problem's arrays are kept; f and g are zeros. origin as in br_cloud_make(). */
void br_stage_make(br_stage *s, const br_transport *problem, const double *origin,
                   br_workspace *ws);

/* Changes eps; sums may lose that relative part. */
void br_stage_epsilon(br_stage *s, double epsilon, double sums);

/* Iterates until the error is at most tolerance. counted: iterations count, and make trace lines.
 */
br_status br_stage_solve(br_stage *s, double tolerance, int max_iterations, int counted,
                         br_stage_run *run);

/* Potentials of the stage at the points of another, of the same eps. */
void br_stage_prolong(br_stage *to, br_stage *from, br_workspace *ws);

/* Gives a symmetric stage a potential g of its own, the update of f. */
void br_stage_split(br_stage *s, double *g, br_sinkhorn *result);

/* Sums the plan: marginals, cost, value, error and certificate of f and g = tg, into the result. */
void br_stage_finish(br_stage *s, br_sinkhorn *result, br_workspace *ws);

/* An upper bound of OT less the dual value, where the marginal of b holds and that of a is p; see
 * sinkhorn_gap.c. Either side may be the one called a, as `swapped` says. */
double br_stage_gap(const br_stage *s, const double *p, double *value, int swapped);

#endif
