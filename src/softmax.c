#include "softmax.h"

#include "simd.h"

#include <math.h>
#include <string.h>

#define FULL_ROOTS 3 /* up to this dimension R_k is triangular, above it diagonal */
#define LLOYD 5      /* steps that improve the centres of the start */
#define BLEND 2      /* theta of the start, over share times the variance of a cell */
#define SLIGHT .6    /* R_k of the start, over that of share |x|^2/2 */
#define COOLEST 1e-3 /* theta of the start, at least: copies leave a cell without variance */

static br_softmax *self(const br_potential *u) { return u->self; }

int br_softmax_coefs(int d, int given, int n) {
  const br_quadratics r = {.d = d, .given = given, .full = d <= FULL_ROOTS};
  return 1 + n * BR_QUADRATIC_COEFS(&r);
}

void br_softmax_make(br_potential *u, int d, int given, int n, br_workspace *ws) {
  br_softmax *s = (br_softmax *)br_take(ws, (sizeof(br_softmax) + 7) / 8);
  s->terms = (br_quadratics){.d = d, .given = given, .n = n, .full = d <= FULL_ROOTS, .theta = 1};
  u->family = &br_softmax_family;
  u->d = d;
  u->given = given;
  u->n_coef = br_softmax_coefs(d, given, n);
  u->coef = br_take(ws, u->n_coef);
  u->frozen = br_take_int(ws, u->n_coef);
  u->self = s;
}

/* --- start ---------------------------------------------------------------- */

static double distance(const br_sample *sample, size_t i, const double *centre) {
  double sum = 0;
  for (int k = 0; k < sample->d; k++) {
    double gap = sample->x[(size_t)k * sample->n + i] - centre[k];
    sum += gap * gap;
  }
  return sum;
}

/* Centres drawn in turn, each with a chance that grows with the squared distance from those
 * before; nearest holds these distances. */
static void seed_centres(const br_sample *sample, int n, double *centres, double *nearest,
                         const br_host *host) {
  for (size_t i = 0; i < sample->n; i++) nearest[i] = INFINITY;
  for (int c = 0; c < n; c++) {
    double total = 0, *centre = centres + (size_t)c * sample->d;
    for (size_t i = 0; i < sample->n; i++) total += sample->weight[i] * (c > 0 ? nearest[i] : 1);
    double rest = host->uniform(host->ctx) * total;
    size_t at = 0;
    for (; at + 1 < sample->n; at++) {
      rest -= sample->weight[at] * (c > 0 ? nearest[at] : 1);
      if (rest <= 0) break;
    }
    for (int k = 0; k < sample->d; k++) centre[k] = sample->x[(size_t)k * sample->n + at];
    for (size_t i = 0; i < sample->n; i++)
      nearest[i] = fmin(nearest[i], distance(sample, i, centre));
  }
}

/* One step of Lloyd: centres move to the means of their cells, sums and mass are work. Returns the
 * mean squared distance from the centres before. */
static double move_centres(const br_sample *sample, int n, double *centres, double *sums,
                           double *mass) {
  int d = sample->d;
  double mean = 0;
  memset(sums, 0, (size_t)n * d * sizeof(double));
  memset(mass, 0, (size_t)n * sizeof(double));
  for (size_t i = 0; i < sample->n; i++) {
    double best = INFINITY;
    int cell = 0;
    for (int c = 0; c < n; c++) {
      double here = distance(sample, i, centres + (size_t)c * d);
      if (here < best) {
        best = here;
        cell = c;
      }
    }
    mean += sample->weight[i] * best;
    mass[cell] += sample->weight[i];
    for (int k = 0; k < d; k++)
      sums[(size_t)cell * d + k] += sample->weight[i] * sample->x[(size_t)k * sample->n + i];
  }
  for (int c = 0; c < n; c++)
    for (int k = 0; k < d && mass[c] > 0; k++)
      centres[(size_t)c * d + k] = sums[(size_t)c * d + k] / mass[c];
  return mean;
}

void br_softmax_start(br_potential *u, const br_sample *sample, double share, const br_host *host,
                      br_workspace *ws) {
  const br_quadratics *r = &self(u)->terms;
  int n = r->n, d = r->d, all = d + r->given;
  double *centres = br_take(ws, (size_t)n * all), *sums = br_take(ws, (size_t)n * all);
  double *mass = br_take(ws, n), spread = 0;
  seed_centres(sample, n, centres, br_take(ws, sample->n), host);
  for (int step = 0; step < LLOYD; step++)
    spread = move_centres(sample, n, centres, sums, mass) / all;
  u->coef[0] = log(fmax(BLEND * share * spread, COOLEST));
  for (int k = 0; k < n; k++) {
    double *coef = u->coef + 1 + (size_t)k * BR_QUADRATIC_COEFS(r), square = 0;
    const double *centre = centres + (size_t)k * all;
    for (int i = 0; i < d; i++) coef[r->full ? BR_PACKED(i, i) : (size_t)i] = SLIGHT * sqrt(share);
    coef += BR_ROOT_COEFS(r);
    for (int i = 0; i < all; i++) {
      coef[i] = share * centre[i];
      square += centre[i] * centre[i];
    }
    coef[all] = -0.5 * share * square;
  }
  u->family->prepare(u);
}

/* --- evaluation ----------------------------------------------------------- */

static void prepare(br_potential *u) {
  br_quadratics *r = &self(u)->terms;
  r->theta = exp(u->coef[0]);
  r->coef = u->coef + 1;
}

double br_softmax_far_curvature(const br_potential *u, const double *v) {
  const br_quadratics *r = &self(u)->terms;
  double most = 0;
  for (int k = 0; k < r->n; k++) {
    const double *root = r->coef + (size_t)k * BR_QUADRATIC_COEFS(r);
    double square = 0;
    for (int j = 0; j < r->d; j++) {
      double sum = r->full ? 0 : root[j] * v[j];
      for (int i = j; r->full && i < r->d; i++) sum += root[BR_PACKED(i, j)] * v[i];
      square += sum * sum;
    }
    most = fmax(most, square);
  }
  return most;
}

static size_t scratch_size(const br_potential *u, int ld, int keep) {
  const br_quadratics *r = &self(u)->terms;
  return (size_t)ld * ((size_t)r->n * (2 + r->d) + (keep ? BR_SOFTMAX_WORK(r->d) : 0));
}

typedef struct {
  double *share, *height, *move, *work;
} arrays;

static arrays arrange(const br_quadratics *r, int ld, double *scratch) {
  arrays a = {.share = scratch};
  a.height = a.share + (size_t)r->n * ld;
  a.move = a.height + (size_t)r->n * ld;
  a.work = a.move + (size_t)r->n * r->d * ld;
  return a;
}

static void eval(const br_potential *u, int n, int ld, const double *x, double *map, double *hess,
                 double *scratch, int keep) {
  const br_quadratics *r = &self(u)->terms;
  const arrays a = arrange(r, ld, scratch);
  (void)keep; /* what jets() need is what the map is made of */
  br_simd()->softmax(r, n, ld, x, map, hess, a.share, a.height, a.move);
}

static void value(const br_potential *u, int n, int ld, const double *x, double *value,
                  double *scratch) {
  const br_quadratics *r = &self(u)->terms;
  const arrays a = arrange(r, ld, scratch);
  for (int k = 0; k < r->n; k++)
    br_simd()->quadratic(r, k, n, ld, x, a.height + (size_t)k * ld, a.move);
  for (int b = 0; b < n; b++) {
    double top = -INFINITY, sum = 0;
    for (int k = 0; k < r->n; k++) top = fmax(top, a.height[(size_t)k * ld + b]);
    for (int k = 0; k < r->n; k++) sum += exp((a.height[(size_t)k * ld + b] - top) / r->theta);
    value[b] = top + r->theta * log(sum);
  }
}

static void jets(const br_potential *u, const br_jets *o, double *scratch) {
  const br_quadratics *r = &self(u)->terms;
  const arrays a = arrange(r, o->ld, scratch);
  br_simd()->softmax_jets(r, o, a.share, a.height, a.move, a.work);
}

static int n_linear(const br_potential *u) {
  (void)u;
  return 0;
}

/* --- solver --------------------------------------------------------------- */

/* Any coefficients will do. */
static br_status barrier(br_potential *u, double beta, double *value, double *gradient, double *H,
                         int ldh) {
  (void)u, (void)beta, (void)gradient, (void)H, (void)ldh;
  if (value) *value = 0;
  return BR_OK;
}

static double barrier_parameter(const br_potential *u) {
  (void)u;
  return 0;
}

/* weight/2 times the sum over the terms of the square of their coefficient j, less its mean if
 * centred. */
static double shrink(const br_quadratics *r, int j, double weight, int centred, double *gradient,
                     double *H, int ldh) {
  const int stride = BR_QUADRATIC_COEFS(r);
  double mean = 0, sum = 0, share = centred ? 1.0 / r->n : 0;
  for (int k = 0; k < r->n; k++) mean += share * r->coef[(size_t)k * stride + j];
  for (int k = 0; k < r->n; k++) {
    double gap = r->coef[(size_t)k * stride + j] - mean;
    size_t at = 1 + (size_t)k * stride + j;
    sum += gap * gap;
    if (gradient) gradient[at] += weight * gap;
    if (!H) continue;
    H[at * ldh + at] += weight;
    for (int l = k; l < r->n; l++) H[at * ldh + 1 + (size_t)l * stride + j] -= weight * share;
  }
  return 0.5 * weight * sum;
}

/* lambda times the sum over the terms of
 *
 *   |R_k - mean R|^2/2 + TILTED |slopes_k|^2/2 + LOOSE c_k^2/2
 *
 * plus lambda/theta: a term of few points must not be much steeper than the others, and the
 * blends not much sharper than the data need. The rest takes away what the likelihood cannot tell:
 * a common c, and common slopes, which the ridge potential has too. Held-out likelihoods
 * change by a hundredth between weights three times as large or small. */
#define TILTED 3
#define LOOSE 1e-3

static double penalty(const br_potential *u, double lambda, double *gradient, double *H, int ldh) {
  const br_quadratics *r = &self(u)->terms;
  const int roots = BR_ROOT_COEFS(r), slopes = r->d + r->given;
  double sum = lambda / r->theta;
  if (gradient) gradient[0] -= sum;
  if (H) H[0] += sum;
  for (int j = 0; j < roots + slopes + 1; j++) {
    double weight = j < roots ? 1 : j < roots + slopes ? TILTED : LOOSE;
    sum += shrink(r, j, lambda * weight, j < roots, gradient, H, ldh);
  }
  return sum;
}

/* The temperature moves by a factor of e at most: it is far from linear in it. */
static double max_step(const br_potential *u, const double *step) {
  (void)u;
  return step[0] != 0 ? 1 / fabs(step[0]) : INFINITY;
}

static double dual_minimum(br_potential *u, double beta, const double *slope, double *gradient) {
  (void)u, (void)beta, (void)slope, (void)gradient;
  return -INFINITY;
}

static double min_eigenvalue(br_potential *u) {
  (void)u;
  return 0;
}

const br_family br_softmax_family = {
    .name = "softmax",
    .linear = 0,
    .rank_one = 0,
    .prepare = prepare,
    .scratch_size = scratch_size,
    .eval = eval,
    .value = value,
    .jets = jets,
    .n_linear = n_linear,
    .barrier = barrier,
    .penalty = penalty,
    .barrier_parameter = barrier_parameter,
    .max_step = max_step,
    .dual_minimum = dual_minimum,
    .min_eigenvalue = min_eigenvalue,
};
