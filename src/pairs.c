#include "pairs.h"

#include "threads.h"

#include <math.h>
#include <string.h>

#define PAD 8 /* clouds are padded to a multiple of this */

const br_kernel br_kernel_table[BR_N_KERNELS] = {
    [BR_GAUSSIAN] = {"gaussian", .square = 0.5, .positive = 1},
    [BR_LAPLACE] = {"laplace", .root = 1, .positive = 1},
    [BR_MATERN32] = {"matern32", .root = 1.7320508075688772, .positive = 1},
    [BR_IMQ] = {"imq", .positive = 1},
    [BR_ENERGY] = {"energy", .positive = 0},
    [BR_VMF] = {"vmf", .inner = 1, .positive = 1},
    [BR_STORED] = {"stored", .positive = 1},
};

int br_kernel_find(const char *name) {
  for (int k = 0; k < BR_N_KERNELS; k++)
    if (strcmp(br_kernel_table[k].name, name) == 0) return k;
  return -1;
}

/* --- clouds ------------------------------------------------------------------------- */

void br_cloud_origin(int d, size_t n, const double *x, size_t m, const double *y, double *origin) {
  for (int k = 0; k < d; k++) {
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
      low = fmin(low, x[(size_t)k * n + i]);
      high = fmax(high, x[(size_t)k * n + i]);
    }
    for (size_t j = 0; y && j < m; j++) {
      low = fmin(low, y[(size_t)k * m + j]);
      high = fmax(high, y[(size_t)k * m + j]);
    }
    /* Rounded so that a difference from it is exact: the points keep all their digits. */
    const double range = high - low, middle = low + range / 2;
    const double unit = range > 0 ? exp2(floor(log2(range)) - 2) : fabs(middle);
    origin[k] = n + m == 0 || fabs(middle) <= range ? 0 : unit * nearbyint(middle / unit);
  }
}

void br_cloud_make(br_cloud *cloud, size_t n, int d, const double *x, const double *origin,
                   br_workspace *ws) {
  memset(cloud, 0, sizeof *cloud);
  cloud->n = n;
  cloud->ld = (n + PAD - 1) / PAD * PAD;
  cloud->d = d;
  cloud->origin = origin;
  cloud->x = br_take(ws, (size_t)d * cloud->ld);
  for (int k = 0; k < d; k++)
    for (size_t i = 0; i < n; i++)
      cloud->x[(size_t)k * cloud->ld + i] = x[(size_t)k * n + i] - origin[k];
  for (size_t i = 0; i < n; i++) {
    double square = 0;
    for (int k = 0; k < d; k++) {
      const double at = cloud->x[(size_t)k * cloud->ld + i];
      square += at * at;
    }
    cloud->radius = fmax(cloud->radius, sqrt(square));
  }
}

/* --- pairs -------------------------------------------------------------------------- */

void br_pairs_make(br_pairs *p, const br_cloud *x, const br_cloud *y, br_kernel_id kernel,
                   double scale, br_workspace *ws) {
  memset(p, 0, sizeof *p);
  p->x = x;
  p->y = y;
  p->n = x->n;
  p->m = y->n;
  p->kernel = kernel;
  p->scale = scale;
  p->weight = br_take(ws, p->m);
}

void br_pairs_stored(br_pairs *p, size_t n, size_t m, const double *cost, int transposed,
                     double scale, br_workspace *ws) {
  memset(p, 0, sizeof *p);
  p->n = n;
  p->m = m;
  p->kernel = BR_STORED;
  p->scale = scale;
  p->cost = cost;
  p->by_x = transposed ? m : 1;
  p->by_y = transposed ? 1 : n;
  p->weight = br_take(ws, m);
}

/* The exponent of a pair without the weight, its square distance, and the factor. */
static double exponent(const br_pairs *p, size_t i, size_t j, double *square) {
  const double h = p->scale;
  const br_kernel *k = br_kernel_table + p->kernel;
  if (p->kernel == BR_STORED) return -p->cost[i * p->by_x + j * p->by_y] / h;
  double s = 0, inner = 0;
  for (int c = 0; c < p->x->d; c++) {
    const double a = p->x->x[(size_t)c * p->x->ld + i], b = p->y->x[(size_t)c * p->y->ld + j];
    s += (a - b) * (a - b);
    inner += (a + p->x->origin[c]) * (b + p->x->origin[c]);
  }
  *square = s;
  return -k->square * s / (h * h) - k->root * sqrt(s) / h + k->inner * (inner - 1) / (h * h);
}

static double factor(const br_pairs *p, br_pairs_of of, double s, double y2) {
  const double h = p->scale, r = sqrt(s), u = 1 / sqrt(1 + s / (h * h));
  const double q = 1.7320508075688772 * r / h, h2 = h * h;
  const int d = p->x ? p->x->d : 0;
  switch (p->kernel) {
  case BR_GAUSSIAN: return of == BR_VALUE ? 1 : of == BR_SLOPE ? -1 / h2 : (s / h2 - d) / h2;
  case BR_LAPLACE:
    if (of == BR_VALUE) return 1;
    if (of == BR_SLOPE) return r > 0 ? -1 / (h * r) : 0;
    return r > 0 ? (1 - (d - 1) * h / r) / h2 : 0;
  case BR_MATERN32: return of == BR_VALUE ? 1 + q : of == BR_SLOPE ? -3 / h2 : -3 / h2 * (d - q);
  case BR_IMQ:
    if (of == BR_VALUE) return u;
    return of == BR_SLOPE ? -u * u * u / h2 : u * u * u / h2 * (3 * s / h2 * u * u - d);
  case BR_ENERGY: return of == BR_VALUE ? -r : r > 0 ? -(of == BR_SLOPE ? 1 : d - 1) / r : 0;
  case BR_VMF: return of == BR_VALUE ? 1 : of == BR_SLOPE ? 1 / h2 : y2 / (h2 * h2);
  default: return 1;
  }
}

static void load_weights(br_pairs *p, const double *log_weight) {
  if (log_weight) memcpy(p->weight, log_weight, p->m * sizeof(double));
  else memset(p->weight, 0, p->m * sizeof(double));
  p->visited = (double)p->n * (double)p->m;
}

br_status br_pairs_lse(br_pairs *p, const double *log_weight, const double *shift, double *lse) {
  if (!br_kernel_table[p->kernel].positive) return BR_ERR_SIZE;
  (void)shift;
  load_weights(p, log_weight);
  for (size_t i = 0; i < p->n; i++) {
    double top = -INFINITY, total = 0, s = 0;
    for (size_t j = 0; j < p->m; j++) top = fmax(top, p->weight[j] + exponent(p, i, j, &s));
    for (size_t j = 0; top > -INFINITY && j < p->m; j++) {
      const double t = p->weight[j] + exponent(p, i, j, &s);
      total += exp(t - top) * factor(p, BR_VALUE, s, 0);
    }
    lse[i] = top > -INFINITY ? top + log(total) : -INFINITY;
  }
  return BR_OK;
}

static double centre_square(const br_pairs *p, size_t j) {
  double y2 = 0;
  for (int c = 0; p->kernel == BR_VMF && c < p->y->d; c++) {
    const double b = p->y->x[(size_t)c * p->y->ld + j] + p->y->origin[c];
    y2 += b * b;
  }
  return y2;
}

static double term(const br_pairs *p, br_pairs_of of, const double *shift, size_t i, size_t j) {
  if (p->weight[j] == -INFINITY || (shift && shift[i] == -INFINITY)) return 0;
  double s = 0;
  const double t = p->weight[j] + exponent(p, i, j, &s) - (shift ? shift[i] : 0);
  return exp(t) * factor(p, of, s, centre_square(p, j));
}

br_status br_pairs_sum(br_pairs *p, br_pairs_of of, const double *log_weight, const double *shift,
                       int r, const double *a, double *sum) {
  if (p->kernel == BR_STORED && of != BR_VALUE) return BR_ERR_SIZE;
  load_weights(p, log_weight);
  memset(sum, 0, p->n * (size_t)r * sizeof(double));
  for (size_t i = 0; i < p->n; i++)
    for (size_t j = 0; j < p->m; j++) {
      const double t = term(p, of, shift, i, j);
      for (int c = 0; c < r; c++) sum[(size_t)c * p->n + i] += t * a[(size_t)c * p->m + j];
    }
  return BR_OK;
}

br_status br_pairs_gradient(br_pairs *p, const double *log_weight, const double *shift,
                            const double *a, double *grad) {
  if (p->kernel == BR_STORED) return BR_ERR_SIZE;
  load_weights(p, log_weight);
  memset(grad, 0, p->n * (size_t)p->x->d * sizeof(double));
  for (size_t i = 0; i < p->n; i++)
    for (size_t j = 0; j < p->m; j++) {
      const double t = term(p, BR_SLOPE, shift, i, j) * (a ? a[j] : 1);
      for (int c = 0; c < p->x->d; c++) {
        const double at = p->x->x[(size_t)c * p->x->ld + i];
        const double y = p->y->x[(size_t)c * p->y->ld + j];
        grad[(size_t)c * p->n + i] += t * (p->kernel == BR_VMF ? y + p->y->origin[c] : at - y);
      }
    }
  return BR_OK;
}
