#include "sample.h"

#define SUM_BLOCK 256 /* terms summed before they join the total: less rounding */

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

double br_mean(size_t n, const double *value, const double *weight) {
  double total = 0;
  for (size_t start = 0; start < n; start += SUM_BLOCK) {
    size_t end = n - start < SUM_BLOCK ? n : start + SUM_BLOCK;
    double sum = 0;
    for (size_t i = start; i < end; i++) sum += weight ? weight[i] * value[i] : value[i];
    total += sum;
  }
  return weight ? total : total / (double)n;
}
