#include "divergence.h"

#include <math.h>
#include <string.h>

static br_divergence_at kl(double l, double order) {
  (void)order;
  return (br_divergence_at){exp(l) * l - expm1(l), l, 1};
}

static br_divergence_at reverse_kl(double l, double order) {
  (void)order;
  return (br_divergence_at){expm1(l) - l, -expm1(-l), exp(-l)};
}

static br_divergence_at chisq(double l, double order) {
  (void)order;
  const double e = expm1(l);
  return (br_divergence_at){e * e, 2 * e, 2 * exp(l)};
}

static br_divergence_at neyman(double l, double order) {
  (void)order;
  return (br_divergence_at){expm1(l) * -expm1(-l), -expm1(-2 * l), 2 * exp(-2 * l)};
}

static br_divergence_at hellinger(double l, double order) {
  (void)order;
  const double e = expm1(l / 2);
  return (br_divergence_at){e * e, -expm1(-l / 2), exp(-l / 2) / 2};
}

static br_divergence_at js(double l, double order) {
  (void)order;
  const double r = exp(l), middle = log1p(expm1(l) / 2); /* log((1 + r)/2) */
  return (br_divergence_at){(r * l - (1 + r) * middle) / 2, (l - middle) / 2, 0.5 / (1 + r)};
}

static br_divergence_at alpha(double l, double order) {
  if (fabs(order) < 1e-6) return reverse_kl(l, order);
  if (fabs(order - 1) < 1e-6) return kl(l, order);
  const double value = (expm1(order * l) - order * expm1(l)) / (order * (order - 1));
  return (br_divergence_at){value, expm1((order - 1) * l) / (order - 1), exp((order - 1) * l)};
}

const br_divergence br_divergence_table[BR_N_DIVERGENCES] = {
    {"kl", kl},         {"reverse_kl", reverse_kl}, {"chisq", chisq},
    {"neyman", neyman}, {"hellinger", hellinger},   {"js", js},
    {"alpha", alpha},
};

int br_divergence_find(const char *name) {
  for (int k = 0; k < BR_N_DIVERGENCES; k++)
    if (strcmp(br_divergence_table[k].name, name) == 0) return k;
  return -1;
}

static double clipped(const br_mixture *mix, double l) {
  return fmin(fmax(l, -mix->clip), mix->clip);
}

static br_divergence_at mixed(const br_mixture *mix, double l) {
  br_divergence_at sum = {0, 0, 0};
  for (int k = 0; k < BR_N_DIVERGENCES; k++) {
    if (mix->share[k] == 0) continue;
    const br_divergence_at one = br_divergence_table[k].at(l, mix->order);
    sum.value += mix->share[k] * one.value;
    sum.slope += mix->share[k] * one.slope;
    sum.weight += mix->share[k] * one.weight;
  }
  return sum;
}

double br_mixture_weight(const br_mixture *mix, double l) {
  return mixed(mix, clipped(mix, l)).weight;
}

double br_mixture_energy(const br_mixture *mix, br_phi phi, double l, double *slope) {
  const double at = clipped(mix, l), r = exp(at);
  const br_divergence_at f = mixed(mix, at);
  double value;
  switch (phi) {
  case BR_PHI_MIXTURE:
    value = 2 * f.value / (1 + r);
    *slope = 2 * r * (f.slope - f.value / (1 + r)) / (1 + r);
    break;
  case BR_PHI_DATA:
    value = f.value;
    *slope = r * f.slope;
    break;
  default: value = f.value / r; *slope = f.slope - f.value / r;
  }
  if (phi == BR_PHI_SMOOTH) {
    value += mix->share[0] * (1 - 1 / r);
    *slope += mix->share[0] / r;
  }
  return value + *slope * (l - at);
}
