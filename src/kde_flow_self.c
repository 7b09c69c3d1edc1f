/* Kernel sums over the other particles, term by term: for particles so much alone that the sum over
 * all of them, less the self term, has lost its digits. */
#include "kde_flow.h"

#include <math.h>

/* log k by r^2, *slope k'(r)/(r k). vmf counts as the Gaussian, which it is on the sphere; the
 * gradients of both have the same tangent part. */
static double log_kernel(br_kernel_id kernel, double h, double square, double *slope) {
  const double u = square / (h * h), r = sqrt(u);
  switch (kernel) {
  case BR_LAPLACE: *slope = r > 0 ? -1 / (r * h * h) : 0; return -r;
  case BR_MATERN32:
    *slope = -3 / ((1 + sqrt(3) * r) * h * h);
    return log1p(sqrt(3) * r) - sqrt(3) * r;
  case BR_IMQ: *slope = -1 / ((1 + u) * h * h); return -log1p(u) / 2;
  default: *slope = -1 / (h * h); return -u / 2;
  }
}

static double square_between(const br_flow *f, const double *x, size_t i, size_t j) {
  double square = 0;
  for (int c = 0; c < f->d; c++) {
    const double apart = x[(size_t)c * f->n + i] - x[(size_t)c * f->n + j];
    square += apart * apart;
  }
  return square;
}

double br_flow_others(const br_flow *f, const double *x, size_t i, double *grad) {
  double top = -INFINITY, sum = 0, slope;
  for (size_t j = 0; j < f->n; j++)
    if (j != i)
      top = fmax(top, log_kernel(f->kernel, f->scale, square_between(f, x, i, j), &slope));
  for (int c = 0; c < f->d; c++) grad[(size_t)c * f->n + i] = 0;
  for (size_t j = 0; j < f->n; j++) {
    if (j == i) continue;
    const double log_k = log_kernel(f->kernel, f->scale, square_between(f, x, i, j), &slope);
    const double k = exp(log_k - top);
    sum += k;
    for (size_t c = 0; c < (size_t)f->d; c++)
      grad[c * f->n + i] += k * slope * (x[c * f->n + i] - x[c * f->n + j]);
  }
  for (int c = 0; c < f->d; c++) grad[(size_t)c * f->n + i] /= sum;
  return top + log(sum);
}

void br_flow_pull(const br_flow *f, const double *x, size_t i, double lse, double factor,
                  double *velocity) {
  for (size_t j = 0; j < f->n; j++) {
    if (j == i) continue;
    double slope;
    const double log_k = log_kernel(f->kernel, f->scale, square_between(f, x, i, j), &slope);
    const double pull = factor * exp(log_k - lse) * slope;
    for (size_t c = 0; c < (size_t)f->d; c++)
      velocity[c * f->n + j] -= pull * (x[c * f->n + j] - x[c * f->n + i]);
  }
}
