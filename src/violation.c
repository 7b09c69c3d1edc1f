#include "violation.h"

#include "simd.h"
#include "threads.h"

void br_violation_square(int d, size_t n, const double *w, const double *inverse, double *packed,
                         double *q) {
  for (int i = 0; i < d; i++)
    for (int j = 0; j <= i; j++) packed[BR_PACKED(i, j)] = (i == j ? 1 : 2) * w[i] * w[j];
  br_simd()->project((int)BR_PACKED_SIZE(d), (int)n, (int)n, packed, inverse, q);
}

void br_violation_project(int d, const br_sample *points, int is_gate, const double *w, double *z,
                          double *arm) {
  const br_kernels *kernels = br_simd();
  int ld = (int)points->n, rows = points->d;
  kernels->project(d, ld, ld, w, points->x, arm);
  if (is_gate) kernels->project(rows - d, ld, ld, w + d, points->x + (size_t)d * ld, z);
  else kernels->project(rows, ld, ld, w, points->x, z);
}

void br_violation_inverse(br_columns *columns, const br_potential *u, const br_sample *points,
                          double *map, double *inverse) {
  const br_kernels *kernels = br_simd();
  int d = u->d, ld = (int)points->n;
  BR_OMP(parallel for num_threads(columns->threads) schedule(static))
  for (int start = 0; start < ld; start += BR_LANES) {
    int n = ld - start < BR_LANES ? ld - start : BR_LANES;
    double logdet[BR_LANES], *factor = columns->factor + start;
    u->family->eval(u, n, ld, points->x + start, map + start, factor,
                    columns->scratch + BR_THREAD_ID * columns->scratch_a_thread, 0);
    kernels->cholesky(d, n, ld, factor, logdet);
    kernels->invert(d, n, ld, factor, inverse + start);
  }
}
