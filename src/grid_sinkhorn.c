#include "grid_sinkhorn.h"

#include <math.h>
#include <string.h>

#include "threads.h"

/* Lines taken together: consecutive in memory, so that the sums over a line run over them at once.
 */
#define TOGETHER 8

/* exp(-40) is far below the rounding of a sum that has a term of 1. */
#define NEGLIGIBLE 40

static double log_kernel(double distance, double period, double epsilon) {
  if (period == 0) return -distance * distance / (2 * epsilon);
  distance -= period * round(distance / period);
  const double first = -distance * distance / (2 * epsilon);
  double sum = 1;
  for (int m = 1; m < 8; m++) {
    const double far = period * m - fabs(distance), beyond = period * m + fabs(distance);
    const double a = -far * far / (2 * epsilon) - first,
                 b = -beyond * beyond / (2 * epsilon) - first;
    if (a < -NEGLIGIBLE) break;
    sum += exp(a) + exp(b);
  }
  return first + log(sum);
}

static void log_masses(const br_grid *g, const double *density, double *out) {
  double mass = 0;
  for (size_t i = 0; i < g->cells; i++) mass += density[i];
  for (size_t i = 0; i < g->cells; i++) out[i] = log(density[i] / mass);
}

void br_grid_sinkhorn_make(br_grid_sinkhorn *s, const br_grid *x, const double *mu,
                           const br_grid *y, const double *nu, double epsilon, br_workspace *ws) {
  memset(s, 0, sizeof *s);
  s->x = *x;
  s->y = *y;
  s->epsilon = epsilon;
  s->log_mu = br_take(ws, x->cells);
  s->log_nu = br_take(ws, y->cells);
  log_masses(x, mu, s->log_mu);
  log_masses(y, nu, s->log_nu);
  size_t most = 1, longest = 1;
  for (int k = 0; k < BR_GRID_AXES; k++) {
    const size_t n = (size_t)(x->n[k] > y->n[k] ? x->n[k] : y->n[k]);
    most *= n;
    if (n > longest) longest = n;
    if (k >= x->d) continue;
    for (int back = 0; back < 2; back++) {
      const br_grid *from = back ? y : x, *to = back ? x : y;
      double *kernel = s->kernel[back][k] = br_take(ws, (size_t)from->n[k] * (size_t)to->n[k]);
      const double period = x->periodic ? x->n[k] * x->step[k] : 0;
      for (int j = 0; j < to->n[k]; j++)
        for (int i = 0; i < from->n[k]; i++)
          kernel[(size_t)j * from->n[k] + i] =
              log_kernel(br_grid_centre(from, k, i) - br_grid_centre(to, k, j), period, epsilon);
    }
  }
  s->half[0] = br_take(ws, most);
  s->half[1] = br_take(ws, most);
  s->line_room = longest * TOGETHER;
  s->lines = br_take(ws, (size_t)br_threads_limit() * s->line_room);
}

/* log sum exp of n values a + b, b contiguous. */
static double log_sum(int n, const double *kernel, const double *value) {
  double most = -INFINITY;
  for (int i = 0; i < n; i++) {
    const double t = kernel[i] + value[i];
    most = t > most ? t : most;
  }
  if (most == -INFINITY) return most;
  double sum = 0;
  const double least = most - NEGLIGIBLE;
  for (int i = 0; i < n; i++) {
    const double t = kernel[i] + value[i];
    if (t > least) sum += exp(t - most);
  }
  return most + log(sum);
}

static void sum_axis(br_grid_sinkhorn *s, int back, int k, size_t inner, size_t outer,
                     const double *f, double *out) {
  const br_grid *from = back ? &s->y : &s->x, *to = back ? &s->x : &s->y;
  const int n = from->n[k], m = to->n[k];
  const double *kernel = s->kernel[back][k];
  const size_t blocks = (inner + TOGETHER - 1) / TOGETHER, jobs = blocks * outer;
  const int threads = br_threads_for(4.0 * (double)(inner * outer) * n * m);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (size_t job = 0; job < jobs; job++) {
    double *line = s->lines + (size_t)BR_THREAD_ID * s->line_room;
    const size_t start = job % blocks * TOGETHER, o = job / blocks;
    const int width = (int)(inner - start < TOGETHER ? inner - start : TOGETHER);
    const double *source = f + o * n * inner + start;
    double *target = out + o * m * inner + start;
    for (int i = 0; i < n; i++)
      for (int c = 0; c < width; c++) line[c * n + i] = source[i * inner + c];
    for (int j = 0; j < m; j++)
      for (int c = 0; c < width; c++)
        target[j * inner + c] = log_sum(n, kernel + (size_t)j * n, line + c * n);
  }
}

void br_grid_sinkhorn_half(br_grid_sinkhorn *s, int back, const double *f, double *out) {
  const br_grid *from = back ? &s->y : &s->x, *to = back ? &s->x : &s->y;
  const double *log_mass = back ? s->log_nu : s->log_mu;
  double *values = s->half[1];
  for (size_t i = 0; i < from->cells; i++) values[i] = log_mass[i] - f[i] / s->epsilon;
  size_t inner = 1, outer = from->cells;
  for (int k = 0; k < from->d; k++) {
    outer /= (size_t)from->n[k];
    double *target = k + 1 == from->d ? out : s->half[k % 2];
    sum_axis(s, back, k, inner, outer, values, target);
    values = target;
    inner *= (size_t)to->n[k];
  }
  for (size_t i = 0; i < to->cells; i++) out[i] *= s->epsilon;
}
