/* Certificates: how far the dual value is from OT at most, and what the plan adds up to.
 *
 * Couplings. Let the marginal of P on the side of b be b, and p that on the side of a. Scale each
 * row by u = min(1, a/p) (Altschuler, Weed and Rigollet 2017): Q = diag(u) P lacks r = (a - p)+ of
 * a, and some c, 0 <= c <= b, of b, both of mass delta; Q + r c'/delta is a coupling. KL is convex,
 * and both r/(a delta) and c/(b delta) are at most 1/delta, so that
 *
 *   OT <= sum_i (a - r)_i (f_i + eps log u_i) + <b - c, g> - eps (1 - delta) log(1 - delta)
 *         + <c, C' r>/delta + 2 eps delta log(1/delta),
 *
 * and the terms of the unknown c are at most delta max_j ((C' r)_j/delta - g_j).
 *
 * Otherwise every P >= 0 is admitted, and OT <= what the primal problem gives for P. */
#include "sinkhorn_stage.h"

#include <math.h>

/* The sides as the certificate names them. */
typedef struct {
  size_t n, m;
  const double *x, *y, *a, *b, *f, *g;
  size_t by_x, by_y; /* of the matrix of costs */
} sides;

static sides name_sides(const br_stage *s, int swapped) {
  const br_transport *t = &s->problem;
  if (swapped) return (sides){t->m, t->n, t->y, t->x, t->b, t->a, s->g, s->f, t->n, 1};
  return (sides){t->n, t->m, t->x, t->y, t->a, t->b, s->f, s->g, 1, t->n};
}

/* max_j (sum_i r_i C_ij - g_j) over the j of positive mass, or a bound of it; sum r = 1. For
 * squares the sum is |y_j - m|^2 + v with the mean m and the variance v of r, for distances at most
 * the root of that. */
static double worst_cost(const br_transport *t, const sides *e, const double *r, double *mean) {
  double variance = 0, worst = -INFINITY;
  for (int k = 0; t->cost != BR_COST_MATRIX && k < t->d; k++) {
    const double *column = e->x + (size_t)k * e->n;
    mean[k] = 0;
    for (size_t i = 0; i < e->n; i++) mean[k] += r[i] * column[i];
    for (size_t i = 0; i < e->n; i++)
      variance += r[i] * (column[i] - mean[k]) * (column[i] - mean[k]);
  }
  for (size_t j = 0; j < e->m; j++) {
    if (!(e->b[j] > 0)) continue;
    double cost = t->cost == BR_COST_MATRIX ? 0 : variance;
    if (t->cost == BR_COST_MATRIX) {
      for (size_t i = 0; i < e->n; i++)
        if (r[i] > 0) cost += r[i] * t->matrix[i * e->by_x + j * e->by_y];
    } else {
      for (int k = 0; k < t->d; k++) {
        const double by = e->y[(size_t)k * e->m + j] - mean[k];
        cost += by * by;
      }
      if (t->cost == BR_COST_DISTANCE) cost = sqrt(cost);
    }
    worst = fmax(worst, cost - e->g[j]);
  }
  return worst;
}

static double divergence(double p, double q) { return p > 0 ? p * log(p / q) - p + q : q; }

/* Dual value and gap where masses may be left: both are sums over the points. */
static double relaxed_gap(const br_stage *s, const sides *e, const double *p, double *value) {
  const double epsilon = s->problem.epsilon, reach = s->problem.reach;
  double primal = 0, dual = 0, left = 0, right = 0, mass = 0;
  for (size_t i = 0; i < e->n; i++) {
    if (!(e->a[i] > 0)) continue;
    primal += p[i] * e->f[i] + reach * divergence(p[i], e->a[i]);
    dual -= reach * e->a[i] * expm1(-e->f[i] / reach);
    left += e->a[i];
    mass += p[i];
  }
  for (size_t j = 0; j < e->m; j++) {
    if (!(e->b[j] > 0)) continue;
    const double q = e->b[j] * exp(-e->g[j] / reach);
    primal += q * e->g[j] + reach * divergence(q, e->b[j]);
    dual -= reach * e->b[j] * expm1(-e->g[j] / reach);
    right += e->b[j];
  }
  *value = dual - epsilon * (mass - left * right);
  return primal - epsilon * (mass - left * right) - *value;
}

/* Of couplings: p on the side of a, b exact; see above. Sums that may be off by a part `lost` of
 * each marginal add that part of what the marginals multiply. Uses s->shift. */
static double coupling_gap(const br_stage *s, const sides *e, const double *p, double *value) {
  const double epsilon = s->problem.epsilon, lost = s->to_x.tolerance;
  double dual = 0, upper = 0, delta = lost, mass = 0, size = epsilon, *r = s->shift;
  for (size_t i = 0; i < e->n; i++) {
    r[i] = 0;
    if (!(e->a[i] > 0)) continue;
    const double kept = fmin(e->a[i], p[i]);
    dual += e->a[i] * e->f[i];
    size += e->a[i] * fabs(e->f[i]);
    mass += p[i];
    r[i] = e->a[i] - kept;
    delta += r[i];
    upper -= r[i] * e->f[i];
    if (kept > 0) upper += kept * epsilon * fmin(0, log(e->a[i] / p[i]));
  }
  for (size_t j = 0; j < e->m; j++)
    if (e->b[j] > 0) dual += e->b[j] * e->g[j];
  *value = dual - epsilon * (mass - 1);
  upper += epsilon * (mass - 1) + 2 * lost * size; /* so far: the upper bound less the dual value */
  if (!(delta > 0)) return fmax(upper, 0);
  if (!(delta < 1)) return INFINITY;
  double total = 0;
  for (size_t i = 0; i < e->n; i++) total += r[i];
  for (size_t i = 0; i < e->n; i++) r[i] = total > 0 ? r[i] / total : e->a[i];
  upper -= epsilon * (1 - delta) * log1p(-delta) + 2 * epsilon * delta * log(delta);
  return fmax(upper + (delta + lost) * worst_cost(&s->problem, e, r, s->mean), 0);
}

double br_stage_gap(const br_stage *s, const double *p, double *value, int swapped) {
  const sides e = name_sides(s, swapped);
  const double gap =
      isinf(s->problem.reach) ? coupling_gap(s, &e, p, value) : relaxed_gap(s, &e, p, value);
  return isnan(gap) ? INFINITY : fmax(gap, 0); /* rounding */
}

/* --- the plan ------------------------------------------------------------------------- */

/* sum_j b_j exp((g_j - C_ij)/eps - shift_i), once as it is and once times C_ij, from stored costs.
 */
static void sum_stored(const br_stage *s, const double *log_weight, const double *shift,
                       double *row, double *row_cost) {
  const br_transport *t = &s->problem;
  for (size_t i = 0; i < t->n; i++) row[i] = row_cost[i] = 0;
  for (size_t j = 0; j < t->m; j++) {
    if (log_weight[j] == -INFINITY) continue;
    for (size_t i = 0; i < t->n; i++) {
      const double cost = t->matrix[j * t->n + i];
      const double term = exp(log_weight[j] - cost / t->epsilon - shift[i]);
      row[i] += term;
      if (term > 0) row_cost[i] += term * cost;
    }
  }
}

/* The same from points. With k the kernel of scale h, r^2 k is h^4 times the Laplacian of a
 * Gaussian plus d h^2 k, and r k is h times the difference of the Matern kernel of scale sqrt(3) h
 * and k = exp(-r/h): no digits are lost however small the costs are. */
static void sum_points(br_stage *s, const double *log_weight, const double *shift, double *row,
                       double *row_cost, br_workspace *ws) {
  br_pairs *pairs = &s->to_x;
  const double h = pairs->scale;
  const int square = s->problem.cost == BR_COST_SQUARE, d = s->problem.d;
  double *ones = br_take(ws, pairs->m);
  for (size_t j = 0; j < pairs->m; j++) ones[j] = 1;
  br_pairs_sum(pairs, BR_VALUE, log_weight, shift, 1, ones, row);
  if (square) {
    br_pairs_sum(pairs, BR_LAPLACIAN, log_weight, shift, 1, ones, row_cost);
    for (size_t i = 0; i < pairs->n; i++) row_cost[i] = h * h * (h * h * row_cost[i] + d * row[i]);
    return;
  }
  pairs->kernel = BR_MATERN32;
  pairs->scale = sqrt(3.0) * h;
  br_pairs_sum(pairs, BR_VALUE, log_weight, shift, 1, ones, row_cost);
  pairs->kernel = BR_LAPLACE;
  pairs->scale = h;
  for (size_t i = 0; i < pairs->n; i++) row_cost[i] = h * (row_cost[i] - row[i]);
}

/* Within a tolerance, of squares: |x|^2, -2 x'y and |y|^2 apart, of which the sums of y are fast.
 */
static void sum_squares(br_stage *s, const double *log_weight, const double *shift, double *row,
                        double *row_cost, br_workspace *ws) {
  const br_transport *t = &s->problem;
  const double *origin = s->x.origin;
  const size_t n = t->n, m = t->m, d = (size_t)t->d;
  double *columns = br_take(ws, m * (d + 2)), *sums = br_take(ws, n * (d + 2));
  for (size_t j = 0; j < m; j++) {
    double square = 0;
    for (size_t k = 0; k < d; k++) {
      const double y = columns[(k + 1) * m + j] = t->y[k * m + j] - origin[k];
      square += y * y;
    }
    columns[j] = 1;
    columns[(d + 1) * m + j] = square;
  }
  br_pairs_sum(&s->to_x, BR_VALUE, log_weight, shift, (int)d + 2, columns, sums);
  for (size_t i = 0; i < n; i++) {
    row[i] = sums[i];
    row_cost[i] = sums[(d + 1) * n + i];
    for (size_t k = 0; k < d; k++) {
      const double x = t->x[k * n + i] - origin[k];
      row_cost[i] += x * (x * row[i] - 2 * sums[(k + 1) * n + i]);
    }
  }
}

void br_stage_finish(br_stage *s, br_sinkhorn *result, br_workspace *ws) {
  const br_transport *t = &s->problem;
  const double epsilon = t->epsilon;
  double *row = br_take(ws, t->n), *row_cost = br_take(ws, t->n);
  for (size_t j = 0; j < t->m; j++)
    s->log_weight[j] = t->b[j] > 0 ? s->log_b[j] + s->g[j] / epsilon : -INFINITY;
  for (size_t i = 0; i < t->n; i++) s->shift[i] = isfinite(s->f[i]) ? -s->f[i] / epsilon : 0;
  if (t->cost == BR_COST_MATRIX) sum_stored(s, s->log_weight, s->shift, row, row_cost);
  else if (t->cost == BR_COST_SQUARE && s->to_x.tolerance > 0)
    sum_squares(s, s->log_weight, s->shift, row, row_cost, ws);
  else sum_points(s, s->log_weight, s->shift, row, row_cost, ws);

  double product = 0, error = 0, mass = 0, cost = 0, left = 0, right = 0;
  for (size_t i = 0; i < t->n; i++) {
    row[i] = t->a[i] > 0 ? t->a[i] * row[i] : 0; /* the marginal from here on */
    if (!(t->a[i] > 0)) continue;
    const double wanted = isinf(t->reach) ? 1 : exp(-s->f[i] / t->reach);
    error += fabs(row[i] - t->a[i] * wanted);
    cost += t->a[i] * row_cost[i];
    product += row[i] * s->f[i];
    mass += row[i];
    left += t->a[i];
  }
  for (size_t j = 0; j < t->m; j++) {
    if (!(t->b[j] > 0)) continue;
    product += t->b[j] * (isinf(t->reach) ? 1 : exp(-s->g[j] / t->reach)) * s->g[j];
    right += t->b[j];
  }
  result->mass = mass;
  result->cost = fmax(cost, 0);
  result->kl = fmax((product - cost) / epsilon - mass + left * right, 0);
  result->error = error / s->mass;
  result->gap = br_stage_gap(s, row, &result->value, 0);
}
