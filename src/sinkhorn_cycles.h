/* Plain cycles of Sinkhorn's algorithm, one after the other, for the cost |x - y|^2 / 2: its
 * iterates themselves are wanted, not its end, so that nothing is accelerated. Of any two laws
 * between which half a cycle is known: on grids br_grid_sinkhorn_half(), on points the one here. */
#ifndef BR_SINKHORN_CYCLES_H
#define BR_SINKHORN_CYCLES_H

#include "host.h"
#include "pairs.h"
#include "stopping.h"
#include "workspace.h"

/* out(y) = epsilon log sum_x exp(-|x - y|^2 / (2 epsilon) - f(x) / epsilon) mu(x), or, if back,
 * from y to x. With f = u - |x|^2 / 2 the first is v - |y|^2 / 2. */
typedef void br_half_cycle(void *ctx, int back, const double *f, double *out);

typedef struct {
  size_t n, m; /* values of f and of g */
  double epsilon;
  br_half_cycle *half;
  void *ctx;
} br_cycles;

/* From f, which is overwritten, to the cycles at[], increasing whole numbers from 0 on. kept_f,
 * kept_g, which is of the half cycle after f, and kept_r = (next f - f) / epsilon have n, m and n
 * values for each. Returns how many there are; the status of stop says why not all. */
int br_cycles_run(const br_cycles *c, double *f, int n_at, const double *at, double *kept_f,
                  double *kept_g, double *kept_r, br_stopping *stop, const br_host *host,
                  br_workspace *ws);

/* Points x and y with masses, which may be zero, as ctx of br_points_half(). */
typedef struct {
  br_cloud x, y;
  br_pairs to_x, to_y;
  double *log_a, *log_b;
  double *log_weight, *shift[2]; /* the last answers, which make the next sums fast */
  int known[2];
  double epsilon;
} br_point_cycles;

/* x: n x d and y: m x d, column-major. tolerance: that of the sums, see pairs.h. */
void br_point_cycles_make(br_point_cycles *s, int d, size_t n, const double *x, const double *a,
                          size_t m, const double *y, const double *b, double epsilon,
                          double tolerance, br_workspace *ws);

br_half_cycle br_points_half;

/* out_i = max_j <x_i, y_j> - v_j over the points y: the exact conjugate on the sample. */
void br_points_conjugate(int d, size_t n, const double *x, size_t m, const double *y,
                         const double *v, double *out, br_workspace *ws);

/* For each point x one of the points y, with probability proportional to exp(log_weight - |x - y|^2
 * / (2 epsilon)): the first at which the running share exceeds `uniform`, of [0, 1). A point of
 * weight -Inf is never drawn; one must have weight. */
void br_points_draw(int d, size_t n, const double *x, size_t m, const double *y,
                    const double *log_weight, double epsilon, const double *uniform, int *drawn,
                    br_workspace *ws);

#endif
