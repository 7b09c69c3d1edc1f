#include "network.h"

#include "simd.h"
#include "threads.h"

#include <math.h>
#include <string.h>

/* The points that gradients are summed over are cut into so many pieces at most, each summed by
 * one thread; these are added in order. */
#define PIECES 8

static const double forget_mean = 0.9, forget_square = 0.999, least_root = 1e-8;

static int padded(int count) { return (count + BR_VECTOR - 1) / BR_VECTOR * BR_VECTOR; }

int br_network_rows(const br_network *net, int layer) {
  return layer < net->hidden ? net->width[layer] : net->outputs;
}

int br_network_columns(const br_network *net, int layer) {
  const int from_hidden = layer > 0 ? net->width[layer - 1] : 0;
  const int from_z = layer == 0 || layer == net->hidden ? net->inputs : 0;
  return from_hidden + from_z + 1;
}

int br_network_stride(const br_network *net, int layer) {
  return padded(br_network_columns(net, layer));
}

static size_t layer_size(const br_network *net, int layer) {
  return (size_t)br_network_rows(net, layer) * br_network_stride(net, layer);
}

size_t br_network_coefs(const br_network *net) {
  size_t sum = 0;
  for (int l = 0; l <= net->hidden; l++) sum += layer_size(net, l);
  return sum;
}

double br_network_cost(const br_network *net) {
  double sum = 0;
  for (int l = 0; l <= net->hidden; l++)
    sum += br_network_rows(net, l) * (br_network_columns(net, l) - 1.0);
  return sum;
}

/* tanh t = 2/(1 + exp(-2 t)) - 1 in the place of t, and its derivative. */
static void activate(int lanes, double *t, double *slope) {
  double unused[BR_LANES];
  for (int i = 0; i < lanes; i++) t[i] *= 2;
  br_simd()->log1pexp((size_t)lanes, t, unused, slope);
  for (int i = 0; i < lanes; i++) {
    t[i] = 2 * slope[i] - 1;
    slope[i] = 1 - t[i] * t[i];
  }
}

/* What a thread works on: a block of BR_LANES points. The columns of layer l see the rows of
 * seen[l], the last of which is 1. */
typedef struct {
  double *seen[BR_NETWORK_HIDDEN + 1]; /* br_network_columns() rows */
  double *slope[BR_NETWORK_HIDDEN];    /* 1 - tanh^2 */
  double *out;                         /* outputs */
  double *delta, *above;               /* the most rows of a layer; reverse pass alone */
  double *turned;                      /* BR_LANES x the longest stride; likewise */
} block;

static size_t block_size(const br_network *net, int reverse) {
  size_t size = (size_t)net->outputs * BR_LANES, rows = 0, stride = 0;
  for (int l = 0; l <= net->hidden; l++) {
    const size_t all = (size_t)br_network_rows(net, l), wide = (size_t)br_network_stride(net, l);
    size += (size_t)br_network_columns(net, l) * BR_LANES;
    if (l < net->hidden) size += all * BR_LANES;
    if (all > rows) rows = all;
    if (wide > stride) stride = wide;
  }
  return size + (reverse ? (2 * rows + stride) * BR_LANES : 0);
}

static block block_at(const br_network *net, double *memory, int reverse) {
  block b;
  size_t rows = 0;
  for (int l = 0; l <= net->hidden; l++) {
    const size_t all = (size_t)br_network_rows(net, l), in = (size_t)br_network_columns(net, l);
    b.seen[l] = memory;
    memory += in * BR_LANES;
    for (int i = 0; i < BR_LANES; i++) memory[i - BR_LANES] = 1;
    if (l < net->hidden) {
      b.slope[l] = memory;
      memory += all * BR_LANES;
    }
    if (all > rows) rows = all;
  }
  b.out = memory;
  b.delta = b.out + (size_t)net->outputs * BR_LANES;
  b.above = b.delta + (reverse ? rows * BR_LANES : 0);
  b.turned = b.above + (reverse ? rows * BR_LANES : 0);
  return b;
}

/* Points [start, start + count) and what becomes of them; lanes beyond count repeat the last. */
static void forward(const br_network *net, const block *b, size_t n, const double *z, size_t start,
                    int count, int lanes) {
  const br_kernels *kernels = br_simd();
  const int last = net->hidden;
  const double *w = net->coef;
  double *end = b->seen[last] + (size_t)(last > 0 ? net->width[last - 1] : 0) * BR_LANES;
  for (int k = 0; k < net->inputs; k++) {
    const double *from = z + (size_t)k * n + start;
    double *to = b->seen[0] + (size_t)k * BR_LANES;
    for (int i = 0; i < lanes; i++) to[i] = from[i < count ? i : count - 1];
    if (last > 0) memcpy(end + (size_t)k * BR_LANES, to, (size_t)lanes * sizeof(double));
  }
  for (int l = 0; l <= last; l++) {
    const int rows = br_network_rows(net, l), stride = br_network_stride(net, l);
    double *value = l < last ? b->seen[l + 1] : b->out;
    for (int r = 0; r < rows; r++)
      memset(value + (size_t)r * BR_LANES, 0, (size_t)lanes * sizeof(double));
    kernels->multiply(rows, br_network_columns(net, l), lanes, BR_LANES, w, (size_t)stride, 1,
                      b->seen[l], value);
    w += layer_size(net, l);
    for (int r = 0; l < last && r < rows; r++) {
      double *t = value + (size_t)r * BR_LANES;
      activate(lanes, t, b->slope[l] + (size_t)r * BR_LANES);
    }
  }
}

void br_network_eval(const br_network *net, size_t n, const double *z, double *x,
                     br_workspace *ws) {
  const int threads = br_threads_for((double)n * (double)br_network_coefs(net));
  const size_t size = block_size(net, 0), blocks = (n + BR_LANES - 1) / BR_LANES;
  double *memory = br_take(ws, size * (size_t)threads);
  BR_OMP(parallel for num_threads(threads) schedule(static))
  for (size_t g = 0; g < blocks; g++) {
    const block b = block_at(net, memory + size * (size_t)BR_THREAD_ID, 0);
    const size_t start = g * BR_LANES;
    const int count = n - start < BR_LANES ? (int)(n - start) : BR_LANES;
    forward(net, &b, n, z, start, count, padded(count));
    for (int k = 0; k < net->outputs; k++)
      memcpy(x + (size_t)k * n + start, b.out + (size_t)k * BR_LANES,
             (size_t)count * sizeof(double));
  }
}

/* gradient += delta seen' for a layer. */
static void sum_layer(const br_network *net, const block *b, int l, int lanes, double *gradient) {
  const int columns = br_network_columns(net, l), stride = br_network_stride(net, l);
  for (int c = 0; c < stride; c++)
    for (int i = 0; i < lanes; i++)
      b->turned[(size_t)i * stride + c] = c < columns ? b->seen[l][(size_t)c * BR_LANES + i] : 0;
  br_simd()->multiply(br_network_rows(net, l), lanes, stride, stride, b->delta, BR_LANES, 1,
                      b->turned, gradient);
}

/* The reverse pass of a block whose forward pass is done: b->delta is that of the last layer. */
static void backward(const br_network *net, block *b, int lanes, double *gradient) {
  size_t at = br_network_coefs(net);
  for (int l = net->hidden; l >= 0; l--) {
    at -= layer_size(net, l);
    sum_layer(net, b, l, lanes, gradient + at);
    if (l == 0) return;
    const int rows = net->width[l - 1];
    for (int r = 0; r < rows; r++)
      memset(b->above + (size_t)r * BR_LANES, 0, (size_t)lanes * sizeof(double));
    br_simd()->multiply(rows, br_network_rows(net, l), lanes, BR_LANES, net->coef + at, 1,
                        (size_t)br_network_stride(net, l), b->delta, b->above);
    for (int r = 0; r < rows; r++) {
      double *above = b->above + (size_t)r * BR_LANES;
      const double *slope = b->slope[l - 1] + (size_t)r * BR_LANES;
      for (int i = 0; i < lanes; i++) above[i] *= slope[i];
    }
    double *swap = b->delta;
    b->delta = b->above;
    b->above = swap;
  }
}

void br_network_pull(const br_network *net, size_t n, const double *z, const double *pull,
                     double *gradient, br_workspace *ws) {
  const size_t coefs = br_network_coefs(net), blocks = (n + BR_LANES - 1) / BR_LANES;
  const size_t size = block_size(net, 1), pieces = blocks < PIECES ? blocks : PIECES;
  int threads = br_threads_for(4 * (double)n * (double)coefs);
  if ((size_t)threads > pieces) threads = (int)pieces;
  double *memory = br_take(ws, size * (size_t)threads), *sums = br_take(ws, coefs * pieces);
  BR_OMP(parallel for num_threads(threads) schedule(static))
  for (size_t p = 0; p < pieces; p++) {
    double *own = memory + size * (size_t)BR_THREAD_ID;
    for (size_t g = blocks * p / pieces; g < blocks * (p + 1) / pieces; g++) {
      block b = block_at(net, own, 1);
      const size_t start = g * BR_LANES;
      const int count = n - start < BR_LANES ? (int)(n - start) : BR_LANES, lanes = padded(count);
      forward(net, &b, n, z, start, count, lanes);
      for (int k = 0; k < net->outputs; k++) {
        double *to = b.delta + (size_t)k * BR_LANES;
        for (int i = 0; i < lanes; i++) to[i] = i < count ? pull[(size_t)k * n + start + i] : 0;
      }
      backward(net, &b, lanes, sums + coefs * p);
    }
  }
  memset(gradient, 0, coefs * sizeof(double));
  for (size_t p = 0; p < pieces; p++)
    for (size_t j = 0; j < coefs; j++) gradient[j] += sums[coefs * p + j];
}

double br_adam_step(br_adam *a, size_t n, double *gradient, double *coef) {
  double square = 0;
  for (size_t j = 0; j < n; j++) square += gradient[j] * gradient[j];
  const double norm = sqrt(square), cut = norm > a->longest ? a->longest / norm : 1;
  if (!isfinite(norm)) return norm;
  a->steps++;
  /* the running means begin at 0, which these shares make up for */
  const double mean_share = 1 - pow(forget_mean, a->steps);
  const double square_share = 1 - pow(forget_square, a->steps);
  const double fresh = fmax(1 / a->memory, 1 / a->steps);
  for (size_t j = 0; j < n; j++) {
    const double g = gradient[j] *= cut;
    a->mean[j] += (1 - forget_mean) * (g - a->mean[j]);
    a->square[j] += (1 - forget_square) * (g * g - a->square[j]);
    coef[j] -=
        a->rate * (a->mean[j] / mean_share) / (sqrt(a->square[j] / square_share) + least_root);
    a->average[j] += fresh * (coef[j] - a->average[j]);
  }
  return norm;
}
