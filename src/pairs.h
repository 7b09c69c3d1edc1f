/* Sums over pairs of points, the engine of Sinkhorn, kernel flows, MMD, KSD and energy distance:
 * queries x_i (n of them), centres y_j (m), a kernel k from a table, a scale h and log weights
 * w_j, which may be -Inf (a centre of zero weight) and absorb potentials.
 *
 *   lse_i  = log sum_j exp(w_j) k(x_i, y_j)                               br_pairs_lse
 *   sum_ic = exp(-shift_i) sum_j exp(w_j) k(x_i, y_j) a_jc                br_pairs_sum
 *   grad_i = exp(-shift_i) sum_j exp(w_j) a_j grad_x k(x_i, y_j)          br_pairs_gradient
 *
 * No n x m matrix is held and no power overflows. What the solvers want of it:
 *
 *   Sinkhorn          f_i = -eps lse_i with w_j = log b_j + g_j/eps; the cost |x-y|^2 is the
 *                     Gaussian of 2 h^2 = eps, |x-y|^2/2 that of h^2 = eps, |x-y| the Laplace
 *                     kernel of h = eps, a matrix of costs br_pairs_stored() with h = eps.
 *                     The plan's means: br_pairs_sum() with shift = lse.
 *   softmax means     br_pairs_sum() with shift = lse; the gradient of lse_i is
 *                     br_pairs_gradient() with shift = lse, a = NULL.
 *   adjoint gathers   sum_i c_i k(x_i, y_j)/S_i (..) is the same sum with the roles of the clouds
 *                     exchanged: w_i = -log S_i and signed a_i = c_i. As k/S is at most 1/weight,
 *                     nothing overflows there either.
 *   MMD, energy       br_pairs_sum() of signed weights, several columns a call.
 *   KSD               BR_VALUE, BR_SLOPE and BR_LAPLACIAN of columns of scores, see below.
 *   covariates        a product of Gaussians of two bandwidths is one Gaussian of columns divided
 *                     by their bandwidths and h = 1; so is a product of exponentials on spheres.
 *
 * Derivatives are with respect to x: with r = |x - y|,
 *
 *   grad k = slope (x - y),  slope = k'(r)/r,    Laplacian = k''(r) + (d - 1) k'(r)/r;
 *
 * where one is not defined at r = 0 (Laplace, energy) it counts as 0. von Mises-Fisher is a
 * function of x'y: grad k = slope y, slope = k/h^2, Laplacian k/h^4, in the space around
 * the sphere; its clouds have the origin 0.
 *
 * Accuracy: about 1e-14 (1 + the digits that the exponent needs) relative to the sum of absolute
 * terms. Points are held less a common origin (br_cloud_make), so that a cloud far from zero
 * loses nothing but what its own coordinates have lost; squares are expanded only where the
 * spread of the points against h lets that be exact enough, and otherwise taken of
 * differences. With tolerance > 0 terms may be left out or joined, as long as
 * each sum of weights keeps that relative error: br_pairs_lse() is then within tolerance in
 * absolute terms, br_pairs_sum() within tolerance times sum_j exp(w_j) |k| max|a|. The answer does
 * not depend on the number of threads. */
#ifndef BR_PAIRS_H
#define BR_PAIRS_H

#include "status.h"
#include "workspace.h"

#include <stddef.h>

/* A row of the table: |k| = exp(-c_square r^2 - c_root r + c_inner (x'y - 1)) times a factor of
 * r^2/h^2, and c the coefficients over the powers of h that they carry: h^-2, h^-1, h^-2. */
typedef struct {
  const char *name;
  double square, root, inner;
  int positive; /* k > 0, so that it has a logarithm */
} br_kernel;

/* k(x, y), r = |x - y|:
 *   gaussian  exp(-r^2/(2 h^2))                 laplace  exp(-r/h)
 *   matern32  (1 + sqrt(3) r/h) exp(-sqrt(3) r/h)
 *   imq       (1 + r^2/h^2)^(-1/2)              energy   -r, whatever h
 *   vmf       exp((x'y - 1)/h^2), points on the unit sphere, h^-2 the concentration
 * and stored, exp(-C_ij/h), of which br_pairs_stored() makes the pairs. */
typedef enum {
  BR_GAUSSIAN = 0,
  BR_LAPLACE,
  BR_MATERN32,
  BR_IMQ,
  BR_ENERGY,
  BR_VMF,
  BR_STORED,
  BR_N_KERNELS
} br_kernel_id;

extern const br_kernel br_kernel_table[BR_N_KERNELS];

/* The row of that name, or -1. */
int br_kernel_find(const char *name);

/* Points, less their origin and padded, one coordinate a row; made once, used by many pairs. */
typedef struct {
  size_t n, ld; /* ld: n rounded up */
  int d;
  const double *origin; /* d, the caller's */
  double *x;            /* d rows of ld */
  double radius;        /* largest distance from the origin */
  double *half_square;  /* |x|^2/2 in high dimension, else NULL */
  int *order;           /* the point of the caller in each place; NULL: its own */
} br_cloud;

/* A common origin for clouds that meet in pairs: near the middle of the box around the points of
 * both, so round that no digit of a point is lost, or 0; y may be NULL. Where kernels of x'y are
 * wanted use zeros instead. */
void br_cloud_origin(int d, size_t n, const double *x, size_t m, const double *y, double *origin);

/* x: n x d, column-major, finite. */
void br_cloud_make(br_cloud *cloud, size_t n, int d, const double *x, const double *origin,
                   br_workspace *ws);

typedef struct {
  const br_cloud *x, *y; /* queries and centres, of one origin; NULL where costs are stored */
  size_t n, m;
  br_kernel_id kernel;
  double scale;     /* h > 0; may be changed between calls */
  double tolerance; /* 0: all pairs; may be changed between calls */

  const double *cost; /* stored: C_ij is cost[i by_x + j by_y] */
  size_t by_x, by_y;

  double visited; /* pairs evaluated by the last call, n m a pass */
  /* inside */
  int threads; /* that there is work memory for */
  int level;   /* of the tiles */
  double *weight, *work, *x_box, *y_box, *tile_weight, *bounds;
  int *orders;
} br_pairs;

/* Pairs of two clouds, which may be one. Takes O(n + m) memory, all that the calls need. */
void br_pairs_make(br_pairs *p, const br_cloud *x, const br_cloud *y, br_kernel_id kernel,
                   double scale, br_workspace *ws);

/* Pairs whose costs are a matrix: n x m column-major, or m x n if transposed. Inf forbids a
 * pair. Gradients and BR_SLOPE do not exist then. */
void br_pairs_stored(br_pairs *p, size_t n, size_t m, const double *cost, int transposed,
                     double scale, br_workspace *ws);

/* lse, n values; -Inf where no centre has weight. log_weight: m values below Inf, NULL for zeros.
 * shift: NULL, or a guess of the answer (that of the last iteration), which makes it faster and
 * never wrong: rows for which it is poor are done again with their own maximum.
 * shift == lse is allowed. BR_ERR_SIZE for a kernel that is not positive. */
br_status br_pairs_lse(br_pairs *p, const double *log_weight, const double *shift, double *lse);

/* What is summed in place of k. */
typedef enum { BR_VALUE = 0, BR_SLOPE, BR_LAPLACIAN } br_pairs_of;

/* sum, n x r column-major; a, m x r, finite; shift NULL for zeros. A shift of -Inf is the lse of a
 * row without weight: its sums are 0. A row with a term above e^700 is NaN: give its lse as shift.
 */
br_status br_pairs_sum(br_pairs *p, br_pairs_of of, const double *log_weight, const double *shift,
                       int r, const double *a, double *sum);

/* grad, n x d column-major; a: m signed values, NULL for ones. */
br_status br_pairs_gradient(br_pairs *p, const double *log_weight, const double *shift,
                            const double *a, double *grad);

/* Powers of a Gaussian that are held: for small problems with several sums over the same pairs,
 * which take an exponential a pair once. */
typedef struct {
  br_pairs *p;
  size_t ld;
  double *power; /* n rows of ld, the caller's */
  double *packed, *partial, *low_x, *low_y;
  int *runs, *run;
} br_kept;

/* Whether they can be: Gaussian, not too many dimensions. */
int br_kept_apply(const br_pairs *p);

/* Doubles that n by m pairs take. */
size_t br_kept_size(size_t n, size_t m);

void br_kept_make(br_kept *k, br_pairs *p, double *memory, br_workspace *ws);

/* Takes the powers, sum_ic = sum_j k(x_i, y_j) a_jc of r <= BR_PAIR_COLUMNS columns, the first of
 * which is positive, and column_j = sum_i k(x_i, y_j) unless that is NULL. log_x (NULL if there is
 * none) is a guess of the logarithms of the first sums, log_y of those of the columns: with a
 * tolerance pairs are left out by it, none in error. Returns 0, and nothing that is of use, where a
 * sum is too small without a shift. */
int br_kept_fill(br_kept *k, int r, const double *a, const double *log_x, const double *log_y,
                 double *sum, double *column);

/* The first of these sums, of other columns. */
void br_kept_sum(br_kept *k, int r, const double *a, double *sum);

#endif
