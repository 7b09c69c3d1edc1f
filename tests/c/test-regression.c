/* The learner that takes a map to given points: its loss in plain loops, its gradient against
 * differences of the loss, and its Hessian against products of differences of the map, for ridge
 * potentials and softmaxes. */
#include "../../src/learner.h"
#include "softmax.h"

static const size_t n = 83;

static br_sample scattered(uint64_t *seed, int d) {
  double *x = br_take(&heap, n * (size_t)d), *weight = br_take(&heap, n), total = 0;
  for (size_t i = 0; i < n * (size_t)d; i++) x[i] = heap_normal(seed);
  for (size_t i = 0; i < n; i++) total += weight[i] = heap_between(seed, 0.2, 1);
  for (size_t i = 0; i < n; i++) weight[i] /= total;
  return (br_sample){n, d, x, weight};
}

static double *map_at(br_potential *u, const br_sample *sample, int j, double step) {
  double *map = br_take(&heap, n * (size_t)u->d), at = u->coef[j];
  u->coef[j] += step;
  u->family->prepare(u);
  CHECK(br_potential_eval(u, sample, map, NULL, NULL, &heap) == BR_OK);
  u->coef[j] = at;
  u->family->prepare(u);
  return map;
}

static double loss_at(br_learner *l, br_potential *u, int j, double step) {
  const double at = u->coef[j];
  u->coef[j] += step;
  u->family->prepare(u);
  const double loss = l->kind->loss(l, u);
  u->coef[j] = at;
  u->family->prepare(u);
  return loss;
}

static void derivatives(br_potential *u, uint64_t *seed) {
  const int d = u->d, p = u->n_coef;
  br_learner_data data = {.sample = scattered(seed, d), .other = scattered(seed, d)};
  br_learner l;
  br_learner_make(&l, br_learner_find("regression"), &data, u, p, &heap);
  u->family->prepare(u);
  CHECK(l.kind->moments(&l, u, 1, 1) == BR_OK);
  const br_moments *m = &l.moments;
  const double *map = map_at(u, &data.sample, 0, 0), h = 1e-3, *w = data.sample.weight;
  double plain = 0, worst_g = 0, worst_H = 0, worst_M = 0;
  for (size_t i = 0; i < n * (size_t)d; i++)
    plain += w[i % n] * pow(map[i] - data.other.x[i], 2) / 2;
  CHECK_NEAR(m->loss, plain, 1e-13);
  CHECK_NEAR(l.kind->loss(&l, u), plain, 1e-13);
  double *slopes = br_take(&heap, (size_t)p * n * (size_t)d);
  for (int j = 0; j < p; j++) {
    const double *up = map_at(u, &data.sample, j, h), *down = map_at(u, &data.sample, j, -h);
    const double *up2 = map_at(u, &data.sample, j, 2 * h);
    const double *down2 = map_at(u, &data.sample, j, -2 * h);
    double *slope = slopes + (size_t)j * n * (size_t)d;
    for (size_t i = 0; i < n * (size_t)d; i++)
      slope[i] = (8 * (up[i] - down[i]) - (up2[i] - down2[i])) / (12 * h);
    const double g = (8 * (loss_at(&l, u, j, h) - loss_at(&l, u, j, -h)) -
                      (loss_at(&l, u, j, 2 * h) - loss_at(&l, u, j, -2 * h))) /
                     (12 * h);
    worst_g = larger(worst_g, apart(m->gradient[j], g));
    for (int k = 0; k <= j; k++) {
      double sum = 0;
      for (size_t i = 0; i < n * (size_t)d; i++)
        sum += w[i % n] * slope[i] * slopes[(size_t)k * n * (size_t)d + i];
      worst_H = larger(worst_H, apart(m->hessian[(size_t)k * m->ldm + j], sum));
      worst_M = larger(
          worst_M, fabs(m->metric[(size_t)k * m->ldm + j] - m->hessian[(size_t)k * m->ldm + j]));
    }
  }
  CHECK_NEAR(worst_g, 0, 1e-8);
  CHECK_NEAR(worst_H, 0, 1e-8);
  CHECK(worst_M == 0);
  /* the residuals are what atoms are sought by */
  CHECK(l.kind->moments(&l, u, 0, 0) == BR_OK);
  const br_sample *pull = l.kind->pull(&l);
  for (size_t i = 0; i < n * (size_t)d; i++)
    CHECK_NEAR(pull->x[i], map[i] - data.other.x[i], 1e-13);
}

static void every_family(void) {
  uint64_t seed = 5;
  for (int d = 1; d <= 4; d++) {
    br_potential ridge = naive_conditional(&seed, d, 0, -1, 5, 0.05);
    derivatives(&ridge, &seed);
    br_potential softmax = softmax_make(&seed, d, 0, 4);
    derivatives(&softmax, &seed);
  }
}

int main(void) {
  heap_each_setting(every_family);
  return CHECK_DONE();
}
