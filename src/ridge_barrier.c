#include "ridge_barrier.h"

#include "linalg.h"
#include "ridge.h"

#include <math.h>
#include <string.h>

#define OFF_CENTRE 1e6 /* theta times its multiplier, over beta, or the inverse, at most */
#define SHRINK .05     /* of a multiplier that is left by one step, at least */
#define SHORTER .6     /* factor between the lengths that are tried for the matrix of multipliers */
#define MAX_TRIES 30
#define TO_BORDER .9 /* of the way to Q >= kappa I, see br_ridge_max_step(), */
#define HALF_WAY .5  /* and where no multipliers are known */

static br_ridge *self(const br_potential *u) { return u->self; }

static double dot(int d, const double *a, const double *b) {
  double sum = 0;
  for (int k = 0; k < d; k++) sum += a[k] * b[k];
  return sum;
}

static const double *quadratic(const br_potential *u, int k) {
  return br_ridge_direction(u, self(u)->n_linear + k);
}

/* Lower Cholesky factor of Q - kappa I, column-major, in r->work. */
static br_status factor_excess(const br_potential *u, double *factor) {
  const br_ridge *r = self(u);
  int d = r->d;
  for (int j = 0; j < d; j++)
    for (int i = j; i < d; i++)
      factor[i + (size_t)j * d] = r->Q[BR_PACKED(i, j)] - (i == j ? r->kappa : 0);
  return br_cholesky(d, factor, d);
}

/* out_k = R^{-1} w_k for the quadratic directions, R = Q - kappa I. */
static void solve_directions(const br_potential *u, const double *factor, double *out) {
  const br_ridge *r = self(u);
  size_t d = r->d;
  for (int k = 0; k < r->n_quadratic; k++)
    memcpy(out + k * d, br_ridge_direction(u, r->n_linear + k), d * sizeof(double));
  br_cholesky_solve(r->d, r->n_quadratic, factor, r->d, out, r->d);
}

/* That of theta_j >= 0: the estimate if there is one, kept near beta/theta_j. */
static double multiplier(const br_potential *u, int j, double beta) {
  double dual = self(u)->dual[j], centre = beta / u->coef[j];
  return dual > 0 ? fmin(fmax(dual, centre / OFF_CENTRE), centre * OFF_CENTRE) : centre;
}

/* Whether there is an estimate of Z. */
static int known_quadratic(const br_potential *u) { return self(u)->dual_Q[0] > 0; }

/* out_k = Z w_k, with the estimate of Z if there is one; solved_k = R^{-1} w_k. */
static void multiply_directions(const br_potential *u, double beta, const double *solved,
                                double *out) {
  const br_ridge *r = self(u);
  int d = r->d, known = known_quadratic(u);
  for (int k = 0; k < r->n_quadratic; k++)
    for (int i = 0; i < d; i++) {
      size_t at = (size_t)k * d + i;
      out[at] = known ? dot(d, r->dual_Q + (size_t)i * d, quadratic(u, k)) : beta * solved[at];
    }
}

/* out = R^{-1}, in full; factor is work. */
static br_status invert_excess(const br_potential *u, double *factor, double *out) {
  int d = u->d;
  if (factor_excess(u, factor) != BR_OK || br_cholesky_invert(d, factor, d) != BR_OK)
    return BR_ERR_SINGULAR;
  for (int j = 0; j < d; j++)
    for (int i = 0; i < d; i++)
      out[i + (size_t)j * d] = i >= j ? factor[i + (size_t)j * d] : factor[j + (size_t)i * d];
  return BR_OK;
}

/* out = R^{-1} dQ Z. */
static void turn_step(const br_potential *u, const double *step, const double *inverse,
                      double *out) {
  const br_ridge *r = self(u);
  int d = r->d;
  double *left = r->work + 3 * (size_t)d * d, *right = left + d;
  memset(out, 0, (size_t)d * d * sizeof(double));
  for (int k = 0; k < r->n_quadratic; k++) {
    const double *w = quadratic(u, k);
    for (int i = 0; i < d; i++) {
      left[i] = step[r->n_linear + k] * dot(d, inverse + (size_t)i * d, w);
      right[i] = dot(d, r->dual_Q + (size_t)i * d, w);
    }
    for (int j = 0; j < d; j++)
      for (int i = 0; i < d; i++) out[i + (size_t)j * d] += left[i] * right[j];
  }
}

/* Z + dZ with Z + dZ = beta R^{-1} - the symmetric part of R^{-1} dQ Z, or as far that way as Z
 * stays positive definite. */
static void follow_quadratic(br_potential *u, double beta, const double *step) {
  br_ridge *r = self(u);
  int d = r->d;
  size_t square = (size_t)d * d;
  double *trial = r->work, *inverse = trial + square, *turned = inverse + square, *Z = r->dual_Q;
  if (invert_excess(u, trial, inverse) != BR_OK) return;
  if (!known_quadratic(u))
    for (size_t i = 0; i < square; i++) Z[i] = beta * inverse[i];
  turn_step(u, step, inverse, turned);
  for (int j = 0; j < d; j++)
    for (int i = 0; i < d; i++) {
      size_t at = i + (size_t)j * d;
      inverse[at] = beta * inverse[at] - 0.5 * (turned[at] + turned[j + (size_t)i * d]) - Z[at];
    }
  double length = 1;
  for (int tries = 0; tries < MAX_TRIES; tries++, length *= SHORTER) {
    for (size_t i = 0; i < square; i++) trial[i] = Z[i] + length * inverse[i];
    if (br_cholesky(d, trial, d) == BR_OK) break;
  }
  if (length < 1) length *= SHORTER; /* off the border */
  for (size_t i = 0; i < square; i++) Z[i] += length * inverse[i];
}

void br_ridge_follow(br_potential *u, double beta, const double *step) {
  for (int j = br_ridge_first_atom(u); j < u->n_coef; j++) {
    if (u->frozen[j]) continue;
    double now = multiplier(u, j, beta);
    self(u)->dual[j] = fmax((beta - now * step[j]) / u->coef[j], SHRINK * now);
  }
  follow_quadratic(u, beta, step);
}

br_status br_ridge_barrier(br_potential *u, double beta, double *value, double *gradient, double *H,
                           int ldh) {
  br_ridge *r = self(u);
  int d = r->d, first = br_ridge_first_atom(u);
  double *factor = r->work, *solved = r->work + (size_t)d * d, sum = 0;
  for (int j = first; j < u->n_coef; j++) {
    if (u->frozen[j]) continue;
    if (!(u->coef[j] > 0)) return BR_ERR_SINGULAR;
    sum -= log(u->coef[j]);
    if (gradient) gradient[j] -= beta / u->coef[j];
    if (H) H[(size_t)j * ldh + j] += multiplier(u, j, beta) / u->coef[j];
  }
  if (factor_excess(u, factor) != BR_OK) return BR_ERR_SINGULAR;
  for (int k = 0; k < d; k++) sum -= 2 * log(factor[k + (size_t)k * d]);
  if (value) *value = sum;
  if (!gradient && !H) return BR_OK;
  solve_directions(u, factor, solved);
  double *multiplied = solved + (size_t)d * r->n_quadratic;
  multiply_directions(u, beta, solved, multiplied);
  for (int k = 0; k < r->n_quadratic; k++)
    for (int l = k; l < r->n_quadratic; l++) {
      const double *w = quadratic(u, k);
      size_t row = r->n_linear + k, column = r->n_linear + l;
      double inner = dot(d, w, solved + (size_t)l * d);
      if (gradient && k == l) gradient[row] -= beta * inner;
      if (H) H[row * ldh + column] += inner * dot(d, w, multiplied + (size_t)l * d);
    }
  return BR_OK;
}

double br_ridge_penalty(const br_potential *u, double lambda, double *gradient, double *H,
                        int ldh) {
  double sum = 0;
  (void)H, (void)ldh; /* it is linear */
  for (int j = br_ridge_first_atom(u); j < u->n_coef; j++) {
    if (u->frozen[j]) continue;
    sum += u->coef[j];
    if (gradient) gradient[j] += lambda;
  }
  return lambda * sum;
}

double br_ridge_barrier_parameter(const br_potential *u) {
  int free_atoms = 0;
  for (int j = br_ridge_first_atom(u); j < u->n_coef; j++) free_atoms += !u->frozen[j];
  return free_atoms + u->d;
}

/* Largest t with Q + t dQ >= kappa I: -1 over the smallest eigenvalue of
 * L^{-1} dQ L^{-T}, L the factor of Q - kappa I. */
static double max_step_quadratic(const br_potential *u, const double *step) {
  br_ridge *r = self(u);
  int d = r->d, m = r->n_quadratic;
  double *factor = r->work, *v = factor + (size_t)d * d, *sum = v + (size_t)d * m;
  double *work = sum + BR_PACKED_SIZE(d);
  if (factor_excess(u, factor) != BR_OK) return 0;
  memset(sum, 0, BR_PACKED_SIZE(d) * sizeof(double));
  for (int k = 0; k < m; k++) {
    const double *w = quadratic(u, k);
    for (int i = 0; i < d; i++) {
      double rest = w[i];
      for (int j = 0; j < i; j++) rest -= factor[i + (size_t)j * d] * v[j];
      v[i] = rest / factor[i + (size_t)i * d];
      for (int j = 0; j <= i; j++) sum[BR_PACKED(i, j)] += step[r->n_linear + k] * v[i] * v[j];
    }
  }
  double smallest = br_min_eigenvalue(d, sum, work);
  return smallest < 0 ? -1 / smallest : INFINITY;
}

/* Not almost to the border of Q >= kappa I: in a few steps the barrier, beta over the square of the
 * distance, would drown the rest of the system in rounding, and no step would lead away again. With
 * multipliers the system is better than that. */
double br_ridge_max_step(const br_potential *u, const double *step) {
  double t = (known_quadratic(u) ? TO_BORDER : HALF_WAY) * max_step_quadratic(u, step);
  for (int j = br_ridge_first_atom(u); j < u->n_coef; j++)
    if (step[j] < 0 && -u->coef[j] / step[j] < t) t = -u->coef[j] / step[j];
  return t;
}

/* Looks for Z >= 0 with w_k'Z w_k = gradient_k for every quadratic direction:
 * then gradient'coef >= kappa tr Z on the constraints. Near the minimum of
 * objective + beta B, Z = beta R^{-1} is almost it; the rest is made up in the
 * span of the w_k w_k'. */
double br_ridge_dual_minimum(br_potential *u, double beta, const double *slope, double *gradient) {
  br_ridge *r = self(u);
  int d = r->d, m = r->n_quadratic, terms = 1 + r->given;
  for (int j = r->n_linear; j < u->n_coef; j++)
    for (int l = 0; l < terms; l++)
      gradient[j] -= dot(d, gradient + l * d, br_ridge_direction(u, j)) * slope[j * terms + l];
  double *factor = r->work, *solved = factor + (size_t)d * d, *gram = solved + (size_t)d * m;
  double *y = gram + (size_t)m * m, *Z = y + m, trace = 0, fixed = 0;
  for (int j = br_ridge_first_atom(u); j < u->n_coef; j++) {
    if (u->frozen[j]) fixed += gradient[j] * u->coef[j];
    else if (gradient[j] < 0) return -INFINITY;
  }
  if (factor_excess(u, factor) != BR_OK) return -INFINITY;
  solve_directions(u, factor, solved);
  for (int k = 0; k < m; k++) {
    const double *w = quadratic(u, k);
    y[k] = gradient[r->n_linear + k] - beta * dot(d, w, solved + (size_t)k * d);
    for (int l = 0; l < m; l++) {
      double inner = dot(d, w, br_ridge_direction(u, r->n_linear + l));
      gram[k + (size_t)l * m] = inner * inner;
    }
  }
  if (br_cholesky(m, gram, m) != BR_OK) return -INFINITY;
  br_cholesky_solve(m, 1, gram, m, y, m);
  if (br_cholesky_invert(d, factor, d) != BR_OK) return -INFINITY;
  for (int j = 0; j < d; j++)
    for (int i = 0; i < d; i++) {
      double sum = beta * factor[i + (size_t)j * d];
      for (int k = 0; k < m; k++) {
        const double *w = quadratic(u, k);
        sum += y[k] * w[i] * w[j];
      }
      Z[i + (size_t)j * d] = sum;
      if (i == j) trace += sum;
    }
  return br_cholesky(d, Z, d) == BR_OK ? r->kappa * trace + fixed : -INFINITY;
}
