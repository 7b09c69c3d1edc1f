/* The softmax of quadratics in plain loops, a point at a time. Matrices are full, row by row. */
#ifndef BR_TEST_SOFTMAX_H
#define BR_TEST_SOFTMAX_H

#include "../../src/softmax.h"
#include "naive.h"

enum { TERMS = 16, ROWS = BR_JET_ROWS(6) };

/* s(x) from the coefficients; grad and hess may be NULL. */
static inline double softmax_at(const br_potential *u, const double *x, double *grad,
                                double *hess) {
  const int d = u->d, all = d + u->given, full = d <= 3, roots = full ? d * (d + 1) / 2 : d;
  const int stride = roots + all + 1, n = (u->n_coef - 1) / stride;
  const double theta = exp(u->coef[0]);
  double f[TERMS], m[TERMS][NAIVE_D], Q[TERMS][NAIVE_D * NAIVE_D], top = -INFINITY, total = 0;
  for (int k = 0; k < n; k++) {
    const double *c = u->coef + 1 + k * stride;
    double R[NAIVE_D * NAIVE_D] = {0};
    for (int i = 0; i < d; i++)
      for (int j = 0; j <= i; j++)
        if (full || i == j) R[i * d + j] = c[full ? i * (i + 1) / 2 + j : i];
    f[k] = c[roots + all] + naive_dot(all, c + roots, x);
    for (int i = 0; i < d; i++) {
      m[k][i] = c[roots + i];
      for (int j = 0; j < d; j++) {
        Q[k][i * d + j] = naive_dot(d, R + i * d, R + j * d);
        m[k][i] += Q[k][i * d + j] * x[j];
        f[k] += 0.5 * x[i] * Q[k][i * d + j] * x[j];
      }
    }
    top = fmax(top, f[k]);
  }
  for (int k = 0; k < n; k++) total += exp((f[k] - top) / theta);
  if (grad) memset(grad, 0, (size_t)d * sizeof(double));
  if (hess) memset(hess, 0, (size_t)d * d * sizeof(double));
  for (int k = 0; grad && k < n; k++)
    for (int i = 0; i < d; i++) grad[i] += exp((f[k] - top) / theta) / total * m[k][i];
  for (int k = 0; hess && k < n; k++)
    for (int i = 0; i < d; i++)
      for (int j = 0; j < d; j++)
        hess[i * d + j] += exp((f[k] - top) / theta) / total *
                           (Q[k][i * d + j] + (m[k][i] - grad[i]) * (m[k][j] - grad[j]) / theta);
  return top + theta * log(total);
}

static inline void softmax_fill(br_potential *u, uint64_t *seed) {
  u->coef[0] = heap_between(seed, -1.5, 0.5);
  for (int j = 1; j < u->n_coef; j++) u->coef[j] = 0.7 * heap_normal(seed);
  u->family->prepare(u);
}

static inline br_potential softmax_make(uint64_t *seed, int d, int given, int n) {
  br_potential u;
  br_softmax_make(&u, d, given, n, &heap);
  softmax_fill(&u, seed);
  return u;
}

/* What the full jets of a feature must be at x, from differences of grad and hess in its
 * coefficient: rows of the gradient and the packed Hessian, of L^{-1} gradient, and the force. L
 * is d x d. Differences at h and 2 h, which err by h^4. */
typedef struct {
  double rows[ROWS], steep[NAIVE_D], force;
} jet;

typedef void naive_map(br_potential *u, const double *x, double *grad, double *hess);

static inline void softmax_half(int d, const double *L, double *v, int stride) {
  for (int i = 0; i < d; i++) {
    for (int k = 0; k < i; k++) v[i * stride] -= L[i * d + k] * v[k * stride];
    v[i * stride] /= L[i * d + i];
  }
}

static inline jet jet_at(br_potential *u, naive_map *at, int j, const double *x, const double *T,
                         const double *L, double omega) {
  const double h = 1e-3, coef = u->coef[j], weight[2] = {4. / 3, -1. / 3};
  const int d = u->d;
  double grad[NAIVE_D] = {0}, hess[NAIVE_D * NAIVE_D] = {0}, g[NAIVE_D], H[NAIVE_D * NAIVE_D];
  for (int step = 1; step <= 2; step++)
    for (int side = -1; side <= 1; side += 2) {
      u->coef[j] = coef + side * step * h;
      at(u, x, g, H);
      const double w = side * weight[step - 1] / (2 * step * h);
      for (int i = 0; i < d; i++) grad[i] += w * g[i];
      for (int i = 0; i < d * d; i++) hess[i] += w * H[i];
    }
  u->coef[j] = coef;
  jet out = {.force = naive_dot(d, grad, T)};
  for (int i = 0; i < d; i++) softmax_half(d, L, hess + i, d);
  for (int i = 0; i < d; i++) softmax_half(d, L, hess + i * d, 1);
  for (int i = 0; i < d; i++) {
    out.force -= hess[i * d + i];
    out.rows[i] = sqrt(omega) * grad[i];
    for (int k = 0; k <= i; k++)
      out.rows[d + BR_PACKED(i, k)] = sqrt(omega) * hess[i * d + k] * (i == k ? 1 : sqrt(2));
  }
  out.force *= omega;
  softmax_half(d, L, grad, 1);
  for (int i = 0; i < d; i++) out.steep[i] = sqrt(omega) * grad[i];
  return out;
}

#endif
