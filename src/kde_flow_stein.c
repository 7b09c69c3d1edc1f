/* The kernel Stein discrepancy of the particles and its gradient, term by term: a few hundred
 * particles are the rule, and three derivatives of a kernel are more than sums over pairs have. */
#include "kde_flow.h"
#include "threads.h"

#include <math.h>

/* k by r^2, and the next three of the row f, f'(r)/r, ...: k itself, the slope of pairs.h, its
 * slope and so on. They exist at 0 for the Gaussian and the inverse multiquadric alone. */
static void derivatives(br_kernel_id kernel, double h2, double square, double *k) {
  if (kernel == BR_IMQ) {
    const double v = 1 / (1 + square / h2);
    k[0] = sqrt(v);
    k[1] = -k[0] * v / h2;
    k[2] = -3 * k[1] * v / h2;
    k[3] = -5 * k[2] * v / h2;
    return;
  }
  k[0] = exp(-square / (2 * h2));
  for (int i = 1; i < 4; i++) k[i] = -k[i - 1] / h2;
}

/* n x d by columns into rows, or back. */
static void to_rows(size_t n, size_t d, const double *x, double *rows) {
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < d; c++) rows[i * d + c] = x[c * n + i];
}

static void to_columns(size_t n, size_t d, const double *rows, double factor, double *x) {
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < d; c++) x[c * n + i] = factor * rows[i * d + c];
}

/* sum_j u(x_i, x_j) of the Stein kernel; the sums of its derivatives by x_i, the score s_i held,
 * into by_x, and by s_i into by_s. */
static double row(const br_flow *f, const double *x, const double *s, size_t i, double *by_x,
                  double *by_s) {
  const size_t d = (size_t)f->d;
  const double *x_i = x + i * d, *s_i = s + i * d;
  double sum = 0, k[4];
  for (size_t j = 0; j < f->n; j++) {
    const double *x_j = x + j * d, *s_j = s + j * d;
    double square = 0, product = 0, along = 0;
    for (size_t c = 0; c < d; c++) {
      const double apart = x_i[c] - x_j[c];
      square += apart * apart;
      product += s_i[c] * s_j[c];
      along += (s_j[c] - s_i[c]) * apart;
    }
    derivatives(f->kernel, f->scale * f->scale, square, k);
    sum += product * k[0] + along * k[1] - ((double)d * k[1] + square * k[2]);
    const double radial = product * k[1] + along * k[2] - ((double)(d + 2) * k[2] + square * k[3]);
    for (size_t c = 0; c < d; c++) {
      const double apart = x_i[c] - x_j[c];
      by_x[c] += radial * apart + k[1] * (s_j[c] - s_i[c]);
      by_s[c] += k[0] * s_j[c] - k[1] * apart;
    }
  }
  return sum;
}

void br_stein_energy(const br_flow *f, const double *x, br_flow_state *state, br_workspace *ws) {
  const size_t n = f->n, d = (size_t)f->d;
  double *rows = br_take(ws, n * d), *scores = br_take(ws, n * d), *sums = br_take(ws, n);
  double *by_x = br_take(ws, n * d), *by_s = br_take(ws, n * d), total = 0;
  to_rows(n, d, x, rows);
  to_rows(n, d, f->score, scores);
  const int threads = br_threads_for(8.0 * (double)(n * n) * (double)(d + 2));
  (void)threads;
  BR_OMP(parallel for num_threads(threads) schedule(static))
  for (size_t i = 0; i < n; i++) sums[i] = row(f, rows, scores, i, by_x + i * d, by_s + i * d);
  for (size_t i = 0; i < n; i++) total += sums[i];
  state->energy = total / (double)n / (double)n;
  to_columns(n, d, by_x, -2 * state->unit / (double)n, state->velocity);
  if (state->pull) to_columns(n, d, by_s, 2 * state->unit / (double)n, state->pull);
}
