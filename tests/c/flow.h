/* Small flows with random data, and what an evaluation of one needs. */
#ifndef FLOW_H
#define FLOW_H

#include "../../src/kde_flow.h"
#include "heap.h"

static inline double *normals(size_t n, double scale, uint64_t *seed) {
  double *x = br_take(&heap, n);
  for (size_t i = 0; i < n; i++) x[i] = scale * heap_normal(seed);
  return x;
}

static inline double *unit_rows(size_t n, int d, double *x) {
  for (size_t i = 0; i < n; i++) {
    double square = 0;
    for (int c = 0; c < d; c++) square += x[(size_t)c * n + i] * x[(size_t)c * n + i];
    for (int c = 0; c < d; c++) x[(size_t)c * n + i] /= sqrt(square);
  }
  return x;
}

static inline br_flow make_flow(br_flow_kind kind, size_t n, size_t m, int d, uint64_t *seed) {
  br_flow f = {
      .kind = kind, .mix = {.order = 1.5, .clip = 6}, .scale = 0.7, .n = n, .m = m, .d = d};
  f.mix.share[0] = 1;
  if (kind == BR_FLOW_ENERGY) f.kernel = BR_ENERGY;
  if (br_flow_table[kind].data) {
    double *weight = br_take(&heap, m), total = 0;
    f.y = normals(m * (size_t)d, 1, seed);
    for (size_t j = 0; j < m; j++) total += weight[j] = heap_between(seed, 0.2, 1);
    for (size_t j = 0; j < m; j++) weight[j] /= total;
    f.weight = weight;
  } else {
    f.m = 0;
  }
  f.n_draws = 5;
  f.draws = normals(5 * (size_t)d, 1, seed);
  f.n_directions = 7;
  f.directions = unit_rows(7, d, normals(7 * (size_t)d, 1, seed));
  return f;
}

static inline void prepare(br_flow *f) {
  double *log_p = br_take(&heap, f->m);
  if (f->kind == BR_FLOW_SLICED) f->data_mean = 2.1;
  else if (br_flow_table[f->kind].data)
    CHECK(br_flow_data(f, log_p, &f->data_mean, &heap) == BR_OK);
  f->log_p_data = log_p;
}

/* The known law: N(0, I). */
static inline void score_at(br_flow *f, const double *x) {
  double *score = br_take(&heap, f->n * (size_t)f->d), *value = br_take(&heap, f->n);
  for (size_t i = 0; i < f->n; i++)
    for (int c = 0; c < f->d; c++) {
      const double at = x[(size_t)c * f->n + i];
      score[(size_t)c * f->n + i] = -at;
      value[i] -= at * at / 2;
    }
  f->score = score;
  f->log_target = value;
}

static inline br_flow_state make_state(const br_flow *f) {
  return (br_flow_state){.velocity = br_take(&heap, f->n * (size_t)f->d),
                         .pull = br_take(&heap, f->n * (size_t)f->d),
                         .log_q = br_take(&heap, f->n),
                         .log_p = br_take(&heap, f->n),
                         .log_q_data = br_take(&heap, f->m)};
}

static inline br_flow_state eval_at(br_flow *f, const double *x) {
  br_flow_state s = make_state(f);
  score_at(f, x);
  CHECK(br_flow_eval(f, x, &s, &heap) == BR_OK);
  return s;
}

#endif
