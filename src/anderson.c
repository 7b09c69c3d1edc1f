#include "anderson.h"

#include "linalg.h"

#include <math.h>
#include <string.h>

#define MEMORY BR_ANDERSON_MEMORY
/* Relative ridge of the normal equations: differences that are nearly combinations of others tell
 * nothing new. */
#define RIDGE 1e-14

void br_anderson_make(br_anderson *a, size_t n, int memory, br_workspace *ws) {
  memset(a, 0, sizeof *a);
  a->n = n;
  a->memory = memory;
  a->residual = br_take(ws, n);
  a->image = br_take(ws, n);
  for (int k = 0; k < memory; k++) {
    a->d_residual[k] = br_take(ws, n);
    a->d_image[k] = br_take(ws, n);
  }
  br_anderson_reset(a);
}

void br_anderson_reset(br_anderson *a) {
  a->n_kept = a->started = 0;
  a->newest = -1;
}

static double dot(size_t n, const double *w, const double *x, const double *y) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += w[i] * x[i] * y[i];
  return sum;
}

/* Keeps the differences to the last point in place of the oldest ones. */
static void remember(br_anderson *a, const double *weight, const double *image, const double *g) {
  if (a->started) {
    const int at = a->newest = (a->newest + 1) % a->memory;
    if (a->n_kept < a->memory) a->n_kept++;
    for (size_t i = 0; i < a->n; i++) {
      const int counts = weight[i] > 0;
      a->d_residual[at][i] = counts ? image[i] - g[i] - a->residual[i] : 0;
      a->d_image[at][i] = counts ? image[i] - a->image[i] : 0;
    }
    for (int k = 0; k < a->n_kept; k++)
      a->gram[at * MEMORY + k] = a->gram[k * MEMORY + at] =
          dot(a->n, weight, a->d_residual[at], a->d_residual[k]);
  }
  for (size_t i = 0; i < a->n; i++) {
    a->residual[i] = weight[i] > 0 ? image[i] - g[i] : 0;
    a->image[i] = image[i];
  }
  a->started = 1;
}

/* Solves the n x n normal equations, scaled to a unit diagonal, x in place of b; 0 if they are
 * singular. */
static int solve(int n, const double *gram, double *b) {
  double factor[MEMORY * MEMORY], scale[MEMORY];
  for (int i = 0; i < n; i++) {
    if (!(gram[i * MEMORY + i] > 0)) return 0;
    scale[i] = 1 / sqrt(gram[i * MEMORY + i]);
    b[i] *= scale[i];
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      factor[j * MEMORY + i] = gram[j * MEMORY + i] * scale[i] * scale[j] + (i == j ? RIDGE : 0);
  if (br_cholesky(n, factor, MEMORY) != BR_OK) return 0;
  if (br_cholesky_solve(n, 1, factor, MEMORY, b, MEMORY) != BR_OK) return 0;
  for (int i = 0; i < n; i++) b[i] *= scale[i];
  return 1;
}

void br_anderson_step(br_anderson *a, const double *weight, const double *image, double most,
                      double *g) {
  double part[MEMORY], largest = 0;
  remember(a, weight, image, g);
  memcpy(g, image, a->n * sizeof(double));
  for (int k = 0; k < a->n_kept; k++) part[k] = dot(a->n, weight, a->d_residual[k], a->residual);
  if (a->n_kept == 0 || !solve(a->n_kept, a->gram, part)) return;
  for (int k = 0; k < a->n_kept; k++)
    for (size_t i = 0; i < a->n; i++) g[i] -= part[k] * a->d_image[k][i];
  for (size_t i = 0; i < a->n; i++)
    if (weight[i] > 0) largest = fmax(largest, fabs(g[i] - image[i]));
  if (largest <= most) return;
  for (size_t i = 0; i < a->n; i++)
    if (weight[i] > 0) g[i] = image[i] + most / largest * (g[i] - image[i]);
}
