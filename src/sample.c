#include "sample.h"

void br_sample_block(const br_sample *sample, size_t start, int count, int n, int ld, double *x,
                     double *weight) {
  for (int k = 0; k < sample->d; k++) {
    const double *from = sample->x + (size_t)k * sample->n + start;
    double *to = x + (size_t)k * ld;
    for (int b = 0; b < n; b++) to[b] = from[b < count ? b : count - 1];
  }
  if (weight)
    for (int b = 0; b < n; b++) weight[b] = b < count ? sample->weight[start + b] : 0;
}
