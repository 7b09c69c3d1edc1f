#include "glm.h"

#include "simd.h"
#include "threads.h"

#include <math.h>
#include <string.h>

#define ROWS 64 /* of data in a block: they and their lanes stay in the second cache */

/* --- families ----------------------------------------------------------------------- */

/* sum is the residual sum of squares that no coefficient removes; the rows are those of a
 * triangular root of the design. a is the standard deviation. */
static void gaussian_row(int n, double total, double weight, const br_glm_aux *aux, double *eta,
                         double *value, double *slope, double *work) {
  (void)work;
  for (int b = 0; b < n; b++) {
    const double precision = 1 / (aux->value[b] * aux->value[b]);
    const double residual = total / weight - eta[b], size = weight * residual * precision;
    value[b] -= 0.5 * size * residual;
    slope[b] += size * residual;
    eta[b] = size;
  }
}

static double gaussian_rest(const br_glm *g, double a, double log_a, double *slope) {
  const double square = g->sum / a / a;
  *slope = square - g->mass;
  return -g->mass * log_a - 0.5 * square;
}

/* Successes and trials. */
static void logit_row(int n, double total, double weight, const br_glm_aux *aux, double *eta,
                      double *value, double *slope, double *work) {
  (void)aux, (void)slope;
  double *share = work + BR_LANES;
  br_simd()->log1pexp((size_t)n, eta, work, share);
  for (int b = 0; b < n; b++) {
    value[b] += total * eta[b] - weight * work[b];
    eta[b] = total - weight * share[b];
  }
}

/* log Phi(t) and its derivative. In the left tail Phi(t) = phi(t)/(s + 1/(s + 2/(s + ...))), s =
 * -t: from 10 on twelve terms are exact. */
static double log_cdf(double t, double phi, double cdf, double *slope) {
  if (t > -10) {
    *slope = phi / cdf;
    return log(cdf);
  }
  double fraction = -t;
  for (int k = 12; k > 0; k--) fraction = -t + k / fraction;
  *slope = fraction;
  return -0.5 * t * t - 0.918938533204672742 - log(fraction);
}

static void probit_row(int n, double total, double weight, const br_glm_aux *aux, double *eta,
                       double *value, double *slope, double *work) {
  (void)aux, (void)slope;
  double *phi = work, *cdf = phi + BR_LANES, *minus = cdf + BR_LANES, *rest = minus + BR_LANES;
  const double failures = weight - total;
  for (int b = 0; b < n; b++) minus[b] = -eta[b];
  br_simd()->normal((size_t)n, minus, phi, rest); /* phi is even */
  br_simd()->normal((size_t)n, eta, phi, cdf);
  for (int b = 0; b < n; b++) {
    const double t = eta[b];
    double up = 0, down = 0;
    if (total > 0) value[b] += total * log_cdf(t, phi[b], cdf[b], &up);
    if (failures > 0) value[b] += failures * log_cdf(-t, phi[b], rest[b], &down);
    eta[b] = total * up - failures * down;
  }
}

/* log p = log(1 - exp(-m)), m = e^eta; log(1 - p) = -m. */
static void cloglog_row(int n, double total, double weight, const br_glm_aux *aux, double *eta,
                        double *value, double *slope, double *work) {
  (void)aux, (void)slope;
  br_simd()->exponential((size_t)n, eta, work);
  for (int b = 0; b < n; b++) {
    const double m = work[b], failures = weight - total;
    double by_eta = -failures * m;
    value[b] -= failures * m;
    if (total > 0) {
      const double p = -expm1(-m);
      value[b] += total * (m > 0 ? log(p) : eta[b]);
      by_eta += total * (m > 0 ? m * (1 - p) / p : 1);
    }
    eta[b] = by_eta;
  }
}

static void poisson_row(int n, double total, double weight, const br_glm_aux *aux, double *eta,
                        double *value, double *slope, double *work) {
  (void)aux, (void)slope;
  br_simd()->exponential((size_t)n, eta, work);
  for (int b = 0; b < n; b++) {
    const double mean = weight * work[b];
    value[b] += total * eta[b] - mean;
    eta[b] = total - mean;
  }
}

/* a is the reciprocal dispersion: the variance is mu + mu^2/a. With r = eta - log a,
 *   t r - (t + w a) log(1 + e^r) + w (log Gamma(y + a) - log Gamma(a)). */
static void negative_binomial_row(int n, double total, double weight, const br_glm_aux *aux,
                                  double *eta, double *value, double *slope, double *work) {
  double *share = work + BR_LANES;
  for (int b = 0; b < n; b++) eta[b] -= aux->log[b];
  br_simd()->log1pexp((size_t)n, eta, work, share);
  for (int b = 0; b < n; b++) {
    const double trials = weight * aux->value[b], by_eta = total - (total + trials) * share[b];
    value[b] += total * eta[b] - (total + trials) * work[b];
    slope[b] -= by_eta + trials * work[b];
    eta[b] = by_eta;
  }
}

static double digamma_of(double x) {
  double sum = 0;
  for (; x < 10; x++) sum -= 1 / x;
  const double y = 1 / (x * x);
  return sum + log(x) - 0.5 / x -
         y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y * (1.0 / 132)))));
}

/* Sums of log(a + j) for few j: they are exact where a is large, and the difference of log Gamma
 * is not. */
static double negative_binomial_rest(const br_glm *g, double a, double log_a, double *slope) {
  (void)log_a;
  const double base = lgamma(a), base_slope = digamma_of(a);
  double value = 0, by_a = 0;
  for (size_t k = 0; k < g->n_levels; k++) {
    const double y = g->level[k];
    double part = 0, part_slope = 0;
    if (y <= 20 && y == floor(y)) {
      for (int j = 0; j < (int)y; j++) part += log(a + j), part_slope += 1 / (a + j);
    } else {
      part = lgamma(y + a) - base;
      part_slope = digamma_of(y + a) - base_slope;
    }
    value += g->level_weight[k] * part;
    by_a += g->level_weight[k] * part_slope;
  }
  *slope = a * by_a;
  return value;
}

/* a is the shape, the mean e^eta; sum is that of w log y. */
static void gamma_row(int n, double total, double weight, const br_glm_aux *aux, double *eta,
                      double *value, double *slope, double *work) {
  double *size = work + BR_LANES;
  for (int b = 0; b < n; b++) work[b] = -eta[b];
  br_simd()->exponential((size_t)n, work, size);
  for (int b = 0; b < n; b++) {
    const double a = aux->value[b], part = a * (weight * eta[b] + total * size[b]);
    value[b] -= part;
    slope[b] -= part;
    eta[b] = a * (total * size[b] - weight);
  }
}

static double gamma_rest(const br_glm *g, double a, double log_a, double *slope) {
  *slope = a * (g->mass * (log_a + 1 - digamma_of(a)) + g->sum);
  return g->mass * (a * log_a - lgamma(a)) + (a - 1) * g->sum;
}

static const br_glm_family families[] = {
    {"gaussian(identity)", 1, gaussian_row, gaussian_rest},
    {"binomial(logit)", 0, logit_row, NULL},
    {"binomial(probit)", 0, probit_row, NULL},
    {"binomial(cloglog)", 0, cloglog_row, NULL},
    {"poisson(log)", 0, poisson_row, NULL},
    {"negative_binomial(log)", 1, negative_binomial_row, negative_binomial_rest},
    {"Gamma(log)", 1, gamma_row, gamma_rest},
};

const br_glm_family *br_glm_family_named(const char *name) {
  for (size_t k = 0; k < sizeof families / sizeof *families; k++)
    if (strcmp(families[k].name, name) == 0) return families + k;
  return NULL;
}

/* --- priors ------------------------------------------------------------------------- */

static double prior_of(const br_glm_prior *prior, int k, double x, double *slope) {
  const double scale = prior->scale[k], z = (x - prior->location[k]) / scale, df = prior->df[k];
  switch ((br_prior_kind)prior->kind[k]) {
  case BR_PRIOR_NORMAL: *slope = -z / scale; return -0.5 * z * z;
  case BR_PRIOR_STUDENT_T:
    *slope = -(df + 1) * z / (df + z * z) / scale;
    return -0.5 * (df + 1) * log1p(z * z / df);
  case BR_PRIOR_LAPLACE: *slope = (z < 0) - (z > 0), *slope /= scale; return -fabs(z);
  case BR_PRIOR_EXPONENTIAL: *slope = -1 / scale; return -z;
  default: *slope = 0; return 0;
  }
}

/* --- a batch of points --------------------------------------------------------------- */

/* Rows of lanes: the parameters, the derivatives by them, eta, and seven of work. */
static size_t rows_of_memory(const br_glm *g) { return 2 * (size_t)(g->p + 1) + ROWS + 7; }

static void likelihood(const br_glm *g, int n, const double *coef, const br_glm_aux *aux,
                       double *eta, double *value, double *by_coef, double *by_aux, double *work) {
  const br_kernels *kernel = br_simd();
  const size_t p = (size_t)g->p;
  for (size_t start = 0; start < g->n; start += ROWS) {
    const int rows = g->n - start < ROWS ? (int)(g->n - start) : ROWS;
    const double *X = g->X + start * p;
    for (int r = 0; r < rows; r++)
      for (int b = 0; b < n; b++)
        eta[r * BR_LANES + b] = g->offset ? g->offset[start + (size_t)r] : 0;
    kernel->multiply(rows, g->p, n, BR_LANES, X, p, 1, coef, eta);
    for (int r = 0; r < rows; r++)
      g->family->row(n, g->total[start + (size_t)r], g->weight[start + (size_t)r], aux,
                     eta + r * BR_LANES, value, by_aux, work);
    if (by_coef) kernel->multiply(g->p, rows, n, BR_LANES, X, 1, p, eta, by_coef);
  }
}

/* count points from start on, at most BR_LANES. */
static void block(const br_glm *g, size_t start, int count, size_t n, const double *x, double *f,
                  double *gradient, double *memory) {
  const int has_aux = g->family->has_aux, p = g->p, d = p + has_aux;
  const int lanes = (count + BR_VECTOR - 1) / BR_VECTOR * BR_VECTOR;
  double *coef = memory, *by_coef = coef + (size_t)(p + 1) * BR_LANES;
  double *eta = by_coef + (size_t)(p + 1) * BR_LANES, *value = eta + ROWS * BR_LANES;
  double *aux = value + BR_LANES, *work = aux + BR_LANES;
  double *log_aux = coef + (size_t)p * BR_LANES, *by_aux = by_coef + (size_t)p * BR_LANES;
  memset(memory, 0, rows_of_memory(g) * BR_LANES * sizeof(double));
  for (int k = 0; k < d; k++)
    for (int b = 0; b < lanes; b++) /* lanes to spare are like the last */
      coef[(size_t)k * BR_LANES + b] = x[k * n + start + (size_t)(b < count ? b : count - 1)];
  for (int b = 0; b < lanes; b++) aux[b] = exp(log_aux[b]);
  const br_glm_aux a = {log_aux, aux};
  likelihood(g, lanes, coef, &a, eta, value, gradient ? by_coef : NULL, by_aux, work);
  for (int b = 0; b < count; b++) {
    double sum = value[b] + g->constant, slope = 0;
    if (has_aux) { /* with the Jacobian of its log */
      sum += g->family->rest(g, aux[b], log_aux[b], &slope) + log_aux[b];
      by_aux[b] += slope + 1;
    }
    for (int k = 0; k < d; k++) {
      const int at = k * BR_LANES + b, is_aux = k == p;
      sum += prior_of(&g->prior, k, is_aux ? aux[b] : coef[at], &slope);
      by_coef[at] += is_aux ? slope * aux[b] : slope;
      if (gradient) gradient[k * n + start + (size_t)b] = -by_coef[at];
    }
    f[start + (size_t)b] = -sum;
  }
}

static br_status eval(void *ctx, size_t n, const double *x, double *f, double *gradient) {
  const br_glm_target *self = ctx;
  const size_t blocks = (n + BR_LANES - 1) / BR_LANES;
  const size_t memory = rows_of_memory(self->glm) * BR_LANES;
  int threads = br_threads_for((double)n * (double)self->glm->n * (self->glm->p + 10.0));
  if (threads > self->threads) threads = self->threads;
  BR_OMP(parallel for schedule(static) num_threads(threads))
  for (size_t k = 0; k < blocks; k++) {
    const size_t start = k * BR_LANES;
    const int count = n - start < BR_LANES ? (int)(n - start) : BR_LANES;
    block(self->glm, start, count, n, x, f, gradient, self->memory + memory * (size_t)BR_THREAD_ID);
  }
  return BR_OK;
}

br_target br_glm_target_make(br_glm_target *self, const br_glm *glm, br_workspace *ws) {
  *self = (br_glm_target){.glm = glm, .threads = br_threads_limit()};
  self->memory = br_take(ws, rows_of_memory(glm) * BR_LANES * (size_t)self->threads);
  return (br_target){.ctx = self, .d = glm->p + glm->family->has_aux, .eval = eval};
}
