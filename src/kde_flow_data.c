/* What a flow asks of its data alone: once a bandwidth. */
#include "kde_flow.h"

#include <math.h>

br_status br_flow_data(const br_flow *f, double *log_p, double *mean, br_workspace *ws) {
  const size_t m = f->m;
  double *origin = br_take(ws, (size_t)f->d), *log_b = br_take(ws, m), *sums = br_take(ws, m);
  if (f->kernel != BR_VMF) br_cloud_origin(f->d, m, f->y, 0, NULL, origin);
  br_cloud data;
  br_pairs pairs;
  br_cloud_make(&data, m, f->d, f->y, origin, ws);
  br_pairs_make(&pairs, &data, &data, f->kernel, f->scale, ws);
  pairs.tolerance = f->tolerance;
  for (size_t j = 0; j < m; j++) log_b[j] = log(f->weight[j]);
  if (f->kernel != BR_ENERGY) return br_pairs_lse(&pairs, log_b, NULL, log_p);
  const br_status status = br_pairs_sum(&pairs, BR_VALUE, NULL, NULL, 1, f->weight, sums);
  *mean = 0;
  for (size_t j = 0; j < m; j++) *mean -= f->weight[j] * sums[j];
  return status;
}
