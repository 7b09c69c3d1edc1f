#include "sinkhorn_cycles.h"

#include <math.h>
#include <string.h>

#include "simd.h"
#include "threads.h"

int br_cycles_run(const br_cycles *c, double *f, int n_at, const double *at, double *kept_f,
                  double *kept_g, double *kept_r, br_stopping *stop, const br_host *host,
                  br_workspace *ws) {
  double *g = br_take(ws, c->m), *next = br_take(ws, c->n);
  int k = 0;
  for (double cycle = 0; k < n_at; cycle++) {
    c->half(c->ctx, 0, f, g);
    c->half(c->ctx, 1, g, next);
    if (cycle == at[k]) {
      memcpy(kept_f + (size_t)k * c->n, f, c->n * sizeof(double));
      memcpy(kept_g + (size_t)k * c->m, g, c->m * sizeof(double));
      double *r = kept_r + (size_t)k * c->n;
      for (size_t i = 0; i < c->n; i++) r[i] = (next[i] - f[i]) / c->epsilon;
      if (++k == n_at) break;
    }
    double *swap = f;
    f = next;
    next = swap;
    const br_progress progress = {(int)fmin(cycle + 1, 1e9), (int)c->n, NAN, NAN};
    if (cycle > 0 && br_stopping_tick(stop, host, &progress) != BR_OK) break;
  }
  return k;
}

static double *logarithms(size_t n, const double *mass, br_workspace *ws) {
  double *out = br_take(ws, n);
  for (size_t i = 0; i < n; i++) out[i] = mass[i] > 0 ? log(mass[i]) : -INFINITY;
  return out;
}

void br_point_cycles_make(br_point_cycles *s, int d, size_t n, const double *x, const double *a,
                          size_t m, const double *y, const double *b, double epsilon,
                          double tolerance, br_workspace *ws) {
  memset(s, 0, sizeof *s);
  s->epsilon = epsilon;
  double *origin = br_take(ws, (size_t)d);
  br_cloud_origin(d, n, x, m, y, origin);
  br_cloud_make(&s->x, n, d, x, origin, ws);
  br_cloud_make(&s->y, m, d, y, origin, ws);
  br_pairs_make(&s->to_x, &s->x, &s->y, BR_GAUSSIAN, sqrt(epsilon), ws);
  br_pairs_make(&s->to_y, &s->y, &s->x, BR_GAUSSIAN, sqrt(epsilon), ws);
  s->to_x.tolerance = s->to_y.tolerance = tolerance;
  s->log_a = logarithms(n, a, ws);
  s->log_b = logarithms(m, b, ws);
  s->log_weight = br_take(ws, n > m ? n : m);
  s->shift[0] = br_take(ws, m);
  s->shift[1] = br_take(ws, n);
}

void br_points_half(void *ctx, int back, const double *f, double *out) {
  br_point_cycles *s = ctx;
  br_pairs *pairs = back ? &s->to_x : &s->to_y;
  const double *log_mass = back ? s->log_b : s->log_a;
  double *last = s->shift[back];
  for (size_t j = 0; j < pairs->m; j++)
    s->log_weight[j] = log_mass[j] == -INFINITY ? -INFINITY : log_mass[j] - f[j] / s->epsilon;
  br_pairs_lse(pairs, s->log_weight, s->known[back] ? last : NULL, last);
  s->known[back] = 1;
  for (size_t i = 0; i < pairs->n; i++) out[i] = s->epsilon * last[i];
}

void br_points_conjugate(int d, size_t n, const double *x, size_t m, const double *y,
                         const double *v, double *out, br_workspace *ws) {
  const int threads = br_threads_for((double)d * (double)n * (double)m);
  double *room = br_take(ws, (size_t)br_threads_limit() * m);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (size_t i = 0; i < n; i++) {
    double *value = room + (size_t)BR_THREAD_ID * m;
    for (size_t j = 0; j < m; j++) value[j] = -v[j];
    for (int k = 0; k < d; k++) {
      const double *column = y + (size_t)k * m, at = x[(size_t)k * n + i];
      for (size_t j = 0; j < m; j++) value[j] += at * column[j];
    }
    double most = -INFINITY;
    for (size_t j = 0; j < m; j++) most = value[j] > most ? value[j] : most;
    out[i] = most;
  }
}

void br_points_draw(int d, size_t n, const double *x, size_t m, const double *y,
                    const double *log_weight, double epsilon, const double *uniform, int *drawn,
                    br_workspace *ws) {
  const int threads = br_threads_for(((double)d + 5) * (double)n * (double)m);
  const size_t padded = (m + BR_VECTOR - 1) / BR_VECTOR * BR_VECTOR;
  double *room = br_take(ws, 2 * (size_t)br_threads_limit() * padded);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (size_t i = 0; i < n; i++) {
    double *t = room + 2 * (size_t)BR_THREAD_ID * padded, *e = t + padded;
    for (size_t j = 0; j < m; j++) t[j] = 0;
    for (int k = 0; k < d; k++) {
      const double *column = y + (size_t)k * m, at = x[(size_t)k * n + i];
      for (size_t j = 0; j < m; j++) t[j] += (at - column[j]) * (at - column[j]);
    }
    double most = -INFINITY;
    for (size_t j = 0; j < m; j++) {
      t[j] = log_weight[j] - t[j] / (2 * epsilon);
      most = t[j] > most ? t[j] : most;
    }
    for (size_t j = 0; j < m; j++) t[j] -= most;
    for (size_t j = m; j < padded; j++) t[j] = -INFINITY;
    br_simd()->exponential(padded, t, e);
    double total = 0, sum = 0;
    for (size_t j = 0; j < m; j++) total += e[j];
    const double target = uniform[i] * total;
    int last = 0;
    for (size_t j = 0; j < m; j++) {
      if (e[j] > 0) last = (int)j;
      sum += e[j];
      if (sum > target) break;
    }
    drawn[i] = last;
  }
}
