#include "grid_pma.h"

#include <math.h>
#include <string.h>

void br_pma_make(br_pma *p, const br_grid *x, const br_grid *y, br_workspace *ws) {
  memset(p, 0, sizeof *p);
  p->x = *x;
  p->y = *y;
  p->log_nu = br_grid_field(y, ws);
  p->delta = br_grid_field(x, ws);
  const int rows = x->rows > y->rows ? x->rows : y->rows;
  p->sums = br_take(ws, (size_t)rows * BR_PMA_SUMS);
  for (int k = 0; k < x->d; k++) p->slope[k] = y->n[k] * y->step[k] / (x->n[k] * x->step[k]);
  br_multigrid_make(&p->solver, x, BR_MULTIGRID_SHIFT | BR_MULTIGRID_CORNERS, ws);
  p->r = p->solver.residual;
  p->rho = p->solver.level[0].shift;
}

void br_pma_load(br_pma *p, const double *mu, const double *nu) {
  const br_grid *y = &p->y;
  p->mu = mu;
  p->mass = br_grid_mass(&p->x, mu, p->sums);
  const double mass = br_grid_mass(y, nu, p->sums);
  const int threads = br_grid_threads(y, 5 * BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < y->rows; r++) {
    const double *from = nu + (size_t)r * (size_t)y->n[0];
    double *out = p->log_nu + br_grid_row(y, r);
    for (int i = 0; i < y->n[0]; i++) out[i] = log(from[i] / mass);
  }
  br_grid_extrapolate(y, p->log_nu, 1);
}

/* The cell and the weight of the next one for the coordinate v in steps from the first centre. */
static inline int locate(double v, int n, int periodic, double *weight) {
  if (periodic) v -= n * floor((v + 0.5) / n);
  if (v < -0.5) v = -0.5;
  if (v > n - 0.5) v = n - 0.5;
  int i = (int)(v + 1) - 1; /* floor, from -1 on */
  if (i > n - 1) i = n - 1;
  *weight = v - i;
  return i;
}

static inline double interpolate(const br_grid *y, const double *f, const double *at) {
  size_t base = y->first;
  double weight[BR_GRID_AXES];
  for (int k = 0; k < y->d; k++) {
    const int i =
        locate((at[k] - y->lower[k]) / y->step[k] - 0.5, y->n[k], y->periodic, weight + k);
    base += (size_t)((ptrdiff_t)y->stride[k] * i);
  }
  double value[4];
  const int quads = 1 << (y->d - 1);
  for (int q = 0; q < quads; q++) {
    const double *v = f + base + (q & 1) * y->stride[1] + (q >> 1) * y->stride[2];
    value[q] = v[0] + weight[0] * (v[1] - v[0]);
  }
  if (y->d > 2) {
    value[0] += weight[2] * (value[2] - value[0]);
    value[1] += weight[2] * (value[3] - value[1]);
  }
  return y->d > 1 ? value[0] + weight[1] * (value[1] - value[0]) : value[0];
}

/* Determinant and inverse of a symmetric matrix packed by rows of the lower triangle; 0 if it is
 * not positive definite. */
static inline double invert(int d, const double *h, double *a) {
  if (!(h[0] > 0)) return 0;
  if (d == 1) {
    a[0] = 1 / h[0];
    return h[0];
  }
  const double minor = h[0] * h[2] - h[1] * h[1];
  if (!(minor > 0)) return 0;
  if (d == 2) {
    a[0] = h[2] / minor;
    a[1] = -h[1] / minor;
    a[2] = h[0] / minor;
    return minor;
  }
  const double c0 = h[2] * h[5] - h[4] * h[4], c1 = h[3] * h[4] - h[1] * h[5];
  const double c3 = h[1] * h[4] - h[2] * h[3];
  const double det = h[0] * c0 + h[1] * c1 + h[3] * c3;
  if (!(det > 0)) return 0;
  a[0] = c0 / det;
  a[1] = c1 / det;
  a[2] = (h[0] * h[5] - h[3] * h[3]) / det;
  a[3] = c3 / det;
  a[4] = (h[1] * h[3] - h[0] * h[4]) / det;
  a[5] = minor / det;
  return det;
}

/* log(det / mu), by one logarithm unless that is too far out for the quotient. */
static inline double log_ratio(double det, double mu) {
  return mu > 1e-200 && det < 1e100 ? log(det / mu) : log(det) - log(mu);
}

/* One row: its sums of rho, mu, rho r, mu r, mu r^2; 0 where u is not convex. */
static inline int evaluate_row(br_pma *p, const double *w, int row, int coefficients, double *sums,
                               double *range, const int d) {
  const br_grid *x = &p->x, *y = &p->y;
  const size_t at = br_grid_row(x, row);
  const double *mu = p->mu + (size_t)row * (size_t)x->n[0];
  const int index[BR_GRID_AXES] = {0, row % x->n[1], row / x->n[1]};
  double gradient[BR_GRID_AXES], h[6], a[6], base[BR_GRID_AXES], *k_at[6];
  for (int k = 0, q = 0; k < d; k++) {
    base[k] = y->lower[k] + p->slope[k] * x->step[k] * (index[k] + 0.5);
    for (int l = 0; l <= k; l++, q++) k_at[q] = br_multigrid_k(&p->solver, k, l) + at;
  }
  for (int i = 0; i < x->n[0]; i++) {
    const double *v = w + at + i;
    for (int k = 0, q = 0; k < d; k++) {
      const ptrdiff_t s = (ptrdiff_t)x->stride[k];
      gradient[k] = base[k] + (v[s] - v[-s]) / (2 * x->step[k]);
      for (int l = 0; l < k; l++, q++) {
        const ptrdiff_t t = (ptrdiff_t)x->stride[l];
        h[q] = (v[s + t] - v[s - t] - v[t - s] + v[-s - t]) / (4 * x->step[k] * x->step[l]);
      }
      h[q++] = p->slope[k] + (v[s] - 2 * v[0] + v[-s]) / (x->step[k] * x->step[k]);
    }
    base[0] += p->slope[0] * x->step[0];
    const double det = invert(d, h, a);
    if (!(det > 0)) return 0;
    const double r = interpolate(y, p->log_nu, gradient) + log_ratio(det * p->mass, mu[i]);
    const double rho = mu[i] / p->mass * exp(r);
    p->r[at + i] = r;
    if (coefficients) {
      p->rho[at + i] = rho;
      for (int q = 0; q < d * (d + 1) / 2; q++) k_at[q][i] = rho * a[q];
    }
    sums[0] += rho;
    sums[1] += rho * r;
    sums[2] += mu[i] * r;
    sums[3] += mu[i] * r * r;
    if (r < range[0]) range[0] = r;
    if (r > range[1]) range[1] = r;
  }
  return 1;
}

br_pma_value br_pma_evaluate(br_pma *p, double *w, int coefficients) {
  const br_grid *x = &p->x;
  br_grid_reflect(x, w);
  const int threads = br_grid_threads(x, 100);
  (void)threads;
  int failed = 0;
  BR_OMP(parallel for num_threads(threads) reduction(| : failed))
  for (int r = 0; r < x->rows; r++) {
    double *sums = p->sums + (size_t)r * BR_PMA_SUMS;
    memset(sums, 0, BR_PMA_SUMS * sizeof(double));
    sums[4] = INFINITY;
    sums[5] = -INFINITY;
    if (failed) continue;
    failed |= x->d == 1   ? !evaluate_row(p, w, r, coefficients, sums, sums + 4, 1)
              : x->d == 2 ? !evaluate_row(p, w, r, coefficients, sums, sums + 4, 2)
                          : !evaluate_row(p, w, r, coefficients, sums, sums + 4, 3);
  }
  br_pma_value value = {.convex = !failed, .low = INFINITY, .high = -INFINITY};
  if (failed) return value;
  double total[4] = {0};
  for (int r = 0; r < x->rows; r++) {
    const double *sums = p->sums + (size_t)r * BR_PMA_SUMS;
    for (int k = 0; k < 4; k++) total[k] += sums[k];
    value.low = fmin(value.low, sums[4]);
    value.high = fmax(value.high, sums[5]);
  }
  const double volume = br_grid_volume(x);
  value.mass = total[0] * volume;
  value.mean = total[1] / total[0];
  /* of rho scaled to mass 1, which it has but for the error of the differences */
  value.kl = value.mean - log(value.mass);
  const double weight = volume / p->mass; /* of mu as it was given */
  value.kl_reverse = log(value.mass) - total[2] * weight;
  const double spread =
      total[3] * weight - 2 * value.mean * total[2] * weight + value.mean * value.mean;
  value.error = sqrt(fmax(spread, 0));
  return value;
}

void br_pma_factor(br_pma *p, double rate) { br_multigrid_factor(&p->solver, rate); }

void br_pma_potential(const br_pma *p, double *w) {
  const br_grid *x = &p->x, *y = &p->y;
  br_grid_reflect(x, w);
  /* ghosts too: their base is that of the quadratic beyond the face */
  const int ghost[BR_GRID_AXES] = {1, x->d > 1, x->d > 2};
  const int rows = (x->n[1] + 2 * ghost[1]) * (x->n[2] + 2 * ghost[2]), width = x->n[0] + 2;
  const int threads = br_grid_threads(x, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < rows; r++) {
    const int across = x->n[1] + 2 * ghost[1];
    const int index[BR_GRID_AXES] = {0, r % across - ghost[1], r / across - ghost[2]};
    double *u = w + (size_t)r * (size_t)width;
    for (int i = 0; i < width; i++)
      for (int k = 0; k < x->d; k++) {
        const double moved = x->step[k] * ((k ? index[k] : i - 1) + 0.5);
        u[i] += moved * (y->lower[k] + 0.5 * p->slope[k] * moved);
      }
  }
}
