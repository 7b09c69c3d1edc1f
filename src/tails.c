#include "tails.h"

#include "linalg.h"

#include <math.h>
#include <string.h>

#define OUTER 10    /* the slope is taken over this part of the data, one in so many */
#define MIN_OUTER 5 /* but over this many points at least */
#define WIDTH .1    /* of the steps, in whitened units */

void br_tails_make(br_tails *tails, const br_potential *u, const br_sample *sample, int max_atoms,
                   br_workspace *ws) {
  size_t n = sample->n, d = u->d;
  tails->map = br_take(ws, n * d);
  tails->z = br_take(ws, n);
  tails->order = br_take(ws, n);
  tails->vectors = br_take(ws, d * d);
  tails->values = br_take(ws, 4 * d);
  tails->direction = br_take(ws, d + u->given); /* 0 for the covariates */
  tails->keep = br_take_int(ws, max_atoms);
}

/* The k-th largest of n values, which are reordered. */
static double kth_largest(double *a, size_t n, size_t k) {
  size_t low = 0, high = n - 1;
  while (low < high) {
    double pivot = a[low + (high - low) / 2];
    size_t i = low, j = high;
    for (;;) {
      while (a[i] > pivot) i++;
      while (a[j] < pivot) j--;
      if (i >= j) break;
      double swap = a[i];
      a[i++] = a[j];
      a[j--] = swap;
    }
    /* a[low .. j] >= pivot >= a[j + 1 .. high], where i = j: both sides shrink */
    if (k <= j) high = j;
    else low = j + 1;
  }
  return a[k];
}

/* Slope of v'T on v'x over the outer points along v; *edge is the outermost v'x. */
static double outer_slope(const br_tails *tails, const br_sample *sample, int d, const double *v,
                          double sign, double *edge) {
  size_t n = sample->n, count = n / OUTER;
  double mean_z = 0, mean_t = 0, zz = 0, zt = 0, total = 0;
  if (count < MIN_OUTER) count = MIN_OUTER;
  if (count > n) count = n;
  *edge = -INFINITY;
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    for (int k = 0; k < d; k++) sum += v[k] * sample->x[(size_t)k * n + i];
    tails->z[i] = tails->order[i] = sign * sum;
    *edge = fmax(*edge, sign * sum);
  }
  double from = kth_largest(tails->order, n, count - 1);
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < n; i++) {
      if (tails->z[i] < from) continue;
      double t = 0, w = sample->weight[i];
      for (int k = 0; k < d; k++) t += sign * v[k] * tails->map[(size_t)k * n + i];
      if (pass == 0) {
        total += w;
        mean_z += w * tails->z[i];
        mean_t += w * t;
      } else {
        double z = tails->z[i] - mean_z / total;
        zz += w * z * z;
        zt += w * z * (t - mean_t / total);
      }
    }
  return zz > 0 ? zt / zz : 0;
}

/* Mean of Phi(t) of gate j: how much of it there is, over the covariates. */
static double mean_gate(const br_potential *u, int j, const br_sample *sample) {
  const br_ridge *r = u->self;
  const double *g = br_ridge_direction(u, j) + u->d;
  double mean = 0;
  for (size_t i = 0; i < sample->n; i++) {
    double z = 0;
    for (int k = 0; k < u->given; k++) z += g[k] * sample->x[(size_t)(u->d + k) * sample->n + i];
    mean += sample->weight[i] * 0.5 * erfc(-(z - r->centre[j]) / r->width[j] * sqrt(.5));
  }
  return mean;
}

/* v'D^2 u v far out along v: steps that rise along v count, bumps do not, gates on average. */
static double far_curvature(const br_potential *u, const br_sample *sample, const double *v,
                            double sign, double in_Q) {
  const br_ridge *r = u->self;
  double sum = in_Q;
  for (int j = br_ridge_first_atom(u); j < u->n_coef; j++) {
    const double *w = br_ridge_direction(u, j);
    double inner = 0;
    for (int k = 0; k < u->d; k++) inner += w[k] * v[k];
    double share = r->profile[j] == BR_STEP   ? sign * inner > 0
                   : r->profile[j] == BR_GATE ? mean_gate(u, j, sample)
                                              : 0;
    sum += share * u->coef[j] * inner * inner;
  }
  return sum;
}

/* Its counterpart in the softmax: far out the steepest of the terms is all that is left. */
static double far_softmax(const br_potential *u, const double *v) {
  return u ? br_softmax_far_curvature(u, v) : 0;
}

static void drop_frozen(br_potential *u, int *keep) {
  const br_ridge *r = u->self;
  int first = br_ridge_first_atom(u);
  for (int j = 0; j < r->n_atoms; j++) keep[j] = !u->frozen[first + j];
  br_ridge_keep(u, keep);
}

void br_tails_complete(br_tails *tails, br_potential *u, const br_sample *sample,
                       const br_loss_plan *plan) {
  int d = u->d;
  br_potential *ridge = br_sum_ridge(u);
  drop_frozen(ridge, tails->keep);
  br_sum_refresh(u);
  u->family->prepare(u);
  br_potential_loss(u, sample, plan, tails->map);
  if (br_eigen(d, ((const br_ridge *)ridge->self)->Q, tails->values, tails->vectors) != BR_OK)
    return;
  for (int side = 0; side < 2 * d; side++) {
    const double *v = tails->vectors + (size_t)(side / 2) * d;
    double sign = side % 2 ? -1 : 1, edge;
    double slope = outer_slope(tails, sample, d, v, sign, &edge);
    double missing = slope - far_curvature(ridge, sample, v, sign, tails->values[side / 2]) -
                     far_softmax(br_sum_softmax(u), v);
    if (!(missing > 0)) continue;
    for (int k = 0; k < d; k++) tails->direction[k] = sign * v[k];
    br_ridge_add_atom(ridge, BR_STEP, tails->direction, edge + WIDTH, WIDTH, missing);
    ridge->frozen[ridge->n_coef - 1] = 1;
  }
  br_sum_refresh(u);
  u->family->prepare(u);
}
