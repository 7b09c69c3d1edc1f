/* A convex potential u on R^d and what the solvers ask of it. A family of potentials is
 * one table of functions in one file (ridge.c, softmax.c); everything else is written
 * against this header.
 *
 * The map is T = grad u, a bijection of R^d because u is strongly convex, and
 *
 *     log density(x) = -|T(x)|^2 / 2 - d/2 log(2 pi) + log det D^2 u(x).
 *
 * A conditional potential u(x; b) is convex in x for every value b of the covariates, and grad
 * and D^2 are in x alone. A point is then the d coordinates of x followed by those of b.
 *
 * Blocks of points are laid out as in kernels.h. */
#ifndef BR_POTENTIAL_H
#define BR_POTENTIAL_H

#include "kernels.h"
#include "sample.h"
#include "status.h"
#include "workspace.h"

typedef struct br_family br_family;

typedef struct {
  const br_family *family;
  int d;     /* coordinates that u is differentiated in */
  int given; /* covariates that follow them in a point */
  int n_coef;
  double *coef; /* n_coef, owned with the family's own state */
  int *frozen;  /* n_coef, likewise: nonzero where a solver must not move coef */
  void *self;   /* state of the family */
} br_potential;

/* What a feature psi_j = du/dcoef_j contributes at the points of a block: its
 * gradient is slope_j w_j and its Hessian curve_j w_j w_j', and with
 * D^2 u = L L' and weights omega
 *
 *     slope  row j           sqrt(omega) slope_j
 *     curve  rows i d + r    omega^(1/4) sqrt(curve_j) (L^{-1} w_j)_r,  i = j - n_linear
 *     steep  rows j d + r    sqrt(omega) slope_j (L^{-1} w_j)_r, if not NULL
 *     force  row j           omega (slope_j w_j'T - curve_j |L^{-1} w_j|^2)
 *
 * from which the gradient, the mirror metric and the Hessian of the objective
 * are sums of products (moments.h). Features that are not functions of one direction
 * have them in full:
 *
 *     slope  rows j R + r    sqrt(omega) (grad psi_j)_r, r < d, then sqrt(omega) times the packed
 *                            L^{-1} D^2 psi_j L^{-T}, entries off its diagonal times sqrt(2),
 *                            R = BR_JET_ROWS(d); there is no curve
 *     steep  rows j d + r    sqrt(omega) (L^{-1} grad psi_j)_r, if not NULL
 *     force  row j           omega (grad psi_j'T - tr((D^2 u)^{-1} D^2 psi_j)) */
#define BR_JET_ROWS(d) ((d) + (int)BR_PACKED_SIZE(d))
struct br_jets {
  int n, ld, full;
  const double *x, *map, *factor, *weight;
  double *slope, *curve, *steep, *force;
};

struct br_family {
  const char *name;
  int linear;   /* whether u is linear in coef; then the objective is convex in it */
  int rank_one; /* whether jets() can do without the full form */

  /* To be called after coef changed, before anything else below. */
  void (*prepare)(br_potential *u);

  /* Doubles of scratch for blocks of ld lanes: what eval with keep and jets need
   * at the largest number of coefficients, or what eval without it and value need. */
  size_t (*scratch_size)(const br_potential *u, int ld, int keep);

  /* Map (d rows) and packed Hessian of u on a block. With keep the scratch
   * afterwards serves jets() at the same points. */
  void (*eval)(const br_potential *u, int n, int ld, const double *x, double *map, double *hess,
               double *scratch, int keep);

  /* u itself on a block. */
  void (*value)(const br_potential *u, int n, int ld, const double *x, double *value,
                double *scratch);

  /* The features themselves, psi_j in row j of values. Scratch as for value. NULL unless linear. */
  void (*features)(const br_potential *u, int n, int ld, const double *x, double *values,
                   double *scratch);

  void (*jets)(const br_potential *u, const br_jets *jets, double *scratch);

  /* Multiplies M[j * ldm + l], l >= j, by the inner products w_j'w_l. NULL unless rank_one. */
  void (*scale_by_directions)(const br_potential *u, double *M, int ldm);

  /* Number of leading features whose Hessian is zero. */
  int (*n_linear)(const br_potential *u);

  /* The self-concordant barrier B of the convexity constraints: returns
   * BR_ERR_SINGULAR outside them. Adds beta times its gradient and Hessian, or what follow() made
   * of that (H[j * ldh + l], l >= j), where these are not NULL. */
  br_status (*barrier)(br_potential *u, double beta, double *value, double *gradient, double *H,
                       int ldh);

  /* A convex penalty times lambda: of a ridge potential the sum of the sign-constrained
   * coefficients that are not frozen. Adds its gradient and its Hessian, as barrier() does. */
  double (*penalty)(const br_potential *u, double lambda, double *gradient, double *H, int ldh);

  /* Its parameter: the objective at the minimum of objective + beta B is
   * within beta times this of the constrained minimum. */
  double (*barrier_parameter)(const br_potential *u);

  /* Largest t with coef + t step inside the constraints, half of it, or .9 after follow(), where
   * Q >= kappa I is the nearest; may be infinite. */
  double (*max_step)(const br_potential *u, const double *step);

  /* To be called before a step of objective + beta B is taken: what stands for the Hessian of the
   * barrier goes along, see ridge_barrier.h. NULL where it stays what it is, as with components,
   * whose steps are damped. */
  void (*follow)(br_potential *u, double beta, const double *step);

  /* The dual part of the certificate (mirror.c): corrects the gradient in place for the
   * part C [1; b] of the map that the covariates b explain, with whose entries c_l the gradient
   * begins, by sum_l c_l'w_j times the mean of slope_j b_l, at slope[j (1 + given) + l], and
   * returns the minimum of gradient'coef over the constraints, with the frozen coefficients
   * as they are, or -infinity where that is unbounded. */
  double (*dual_minimum)(br_potential *u, double beta, const double *slope, double *gradient);

  /* Smallest eigenvalue of the part of D^2 u that does not depend on x: a lower
   * bound of D^2 u everywhere. */
  double (*min_eigenvalue)(br_potential *u);
};

/* Lanes in a block at dimension d: fewer when a packed Hessian is large. */
int br_block_lanes(int d);

/* map (n x d, column-major), log det D^2 u and u at n points, each of which may
 * be NULL. Split over threads by points. */
br_status br_potential_eval(const br_potential *u, const br_sample *points, double *map,
                            double *logdet, double *value, br_workspace *ws);

/* Mean and mean square over the sample of the loss |T|^2/2 - log det D^2 u, which is
 * minus the log likelihood a point, less d/2 log(2 pi). */
typedef struct {
  double mean, square;
} br_loss;

typedef struct {
  int threads, lanes;
  size_t groups, scratch;
  double *memory, *partial;
  const double *offset; /* added to the loss of each point; NULL, as it is made: nothing */
} br_loss_plan;

/* Memory for br_potential_loss() on samples of at most n points, taken once. */
void br_loss_plan_make(br_loss_plan *plan, const br_potential *u, size_t n, double operations,
                       br_workspace *ws);

/* Not finite where some Hessian is not positive definite. map (n x d) is filled unless
 * it is NULL. */
br_loss br_potential_loss(const br_potential *u, const br_sample *sample, const br_loss_plan *plan,
                          double *map);

#endif
