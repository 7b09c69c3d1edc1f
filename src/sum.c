#include "sum.h"

#include <math.h>
#include <string.h>

static br_sum *self(const br_potential *u) { return u->self; }

br_potential *br_sum_ridge(br_potential *u) {
  return u->family == &br_sum_family ? &self(u)->ridge : u;
}

br_potential *br_sum_softmax(br_potential *u) {
  return u->family == &br_sum_family ? &self(u)->softmax : NULL;
}

void br_sum_refresh(br_potential *u) {
  if (u->family == &br_sum_family) u->n_coef = self(u)->softmax.n_coef + self(u)->ridge.n_coef;
}

void br_sum_copy(br_potential *u, const br_potential *from) {
  if (u->family == &br_sum_family) {
    memcpy(u->coef, from->coef, self(from)->softmax.n_coef * sizeof(double));
    br_ridge_copy(&self(u)->ridge, &self(from)->ridge);
  } else {
    br_ridge_copy(u, from);
  }
  br_sum_refresh(u);
}

/* From arrays of its own to those of the sum, from entry first on. */
static void adopt(br_potential *part, const br_potential *u, int first) {
  memcpy(u->coef + first, part->coef, part->n_coef * sizeof(double));
  part->coef = u->coef + first;
  part->frozen = u->frozen + first;
}

void br_sum_make(br_potential *u, int d, int given, int n_terms, int max_quadratic, int max_atoms,
                 double kappa, br_workspace *ws) {
  br_sum *s = (br_sum *)br_take(ws, (sizeof(br_sum) + 7) / 8);
  br_softmax_make(&s->softmax, d, given, n_terms, ws);
  br_ridge_make(&s->ridge, d, given, max_quadratic, max_atoms, kappa, ws);
  int first = s->softmax.n_coef, max_coef = first + ((br_ridge *)s->ridge.self)->max_coef;
  u->family = &br_sum_family;
  u->d = d;
  u->given = given;
  u->coef = br_take(ws, max_coef);
  u->frozen = br_take_int(ws, max_coef);
  u->self = s;
  adopt(&s->softmax, u, 0);
  adopt(&s->ridge, u, first);
  br_sum_refresh(u);
}

/* --- evaluation ----------------------------------------------------------- */

static void prepare(br_potential *u) {
  br_sum *s = self(u);
  s->softmax.family->prepare(&s->softmax);
  s->ridge.family->prepare(&s->ridge);
}

static size_t softmax_size(const br_sum *s, int ld, int keep) {
  return s->softmax.family->scratch_size(&s->softmax, ld, keep);
}

/* the scratch of the softmax, that of the ridge potential, and the map and Hessian of one */
static size_t scratch_size(const br_potential *u, int ld, int keep) {
  const br_sum *s = self(u);
  return softmax_size(s, ld, keep) + s->ridge.family->scratch_size(&s->ridge, ld, keep) +
         (size_t)ld * BR_JET_ROWS(u->d);
}

static void add_rows(size_t rows, int n, int ld, const double *from, double *to) {
  for (size_t i = 0; i < rows; i++)
    for (int b = 0; b < n; b++) to[i * ld + b] += from[i * ld + b];
}

static void eval(const br_potential *u, int n, int ld, const double *x, double *map, double *hess,
                 double *scratch, int keep) {
  const br_sum *s = self(u);
  double *on_ridge = scratch + softmax_size(s, ld, keep);
  double *part = on_ridge + s->ridge.family->scratch_size(&s->ridge, ld, keep);
  double *part_hess = part + (size_t)u->d * ld;
  s->softmax.family->eval(&s->softmax, n, ld, x, part, part_hess, scratch, keep);
  s->ridge.family->eval(&s->ridge, n, ld, x, map, hess, on_ridge, keep);
  add_rows((size_t)u->d, n, ld, part, map);
  add_rows(BR_PACKED_SIZE(u->d), n, ld, part_hess, hess);
}

static void value(const br_potential *u, int n, int ld, const double *x, double *value,
                  double *scratch) {
  const br_sum *s = self(u);
  double part[BR_LANES];
  s->softmax.family->value(&s->softmax, n, ld, x, part, scratch);
  s->ridge.family->value(&s->ridge, n, ld, x, value, scratch);
  add_rows(1, n, ld, part, value);
}

static void jets(const br_potential *u, const br_jets *o, double *scratch) {
  const br_sum *s = self(u);
  size_t first = s->softmax.n_coef, ld = o->ld;
  br_jets rest = *o;
  rest.slope += first * BR_JET_ROWS(u->d) * ld;
  rest.force += first * ld;
  if (rest.steep) rest.steep += first * u->d * ld;
  s->softmax.family->jets(&s->softmax, o, scratch);
  s->ridge.family->jets(&s->ridge, &rest, scratch + softmax_size(s, o->ld, 1));
}

static int n_linear(const br_potential *u) {
  (void)u;
  return 0;
}

/* --- solver: the softmax is free, the ridge potential has its constraints ------ */

/* Entry (i, i) of a matrix; NULL stays NULL. */
static double *corner(double *H, int i, int ldh) { return H ? H + (size_t)i * ldh + i : NULL; }

static double *entry(double *gradient, int i) { return gradient ? gradient + i : NULL; }

static br_status barrier(br_potential *u, double beta, double *value, double *gradient, double *H,
                         int ldh) {
  br_sum *s = self(u);
  int first = s->softmax.n_coef;
  return s->ridge.family->barrier(&s->ridge, beta, value, entry(gradient, first),
                                  corner(H, first, ldh), ldh);
}

static double penalty(const br_potential *u, double lambda, double *gradient, double *H, int ldh) {
  const br_sum *s = self(u);
  int first = s->softmax.n_coef;
  return s->softmax.family->penalty(&s->softmax, lambda, gradient, H, ldh) +
         s->ridge.family->penalty(&s->ridge, lambda, entry(gradient, first), corner(H, first, ldh),
                                  ldh);
}

static double barrier_parameter(const br_potential *u) {
  const br_sum *s = self(u);
  return s->ridge.family->barrier_parameter(&s->ridge);
}

static double max_step(const br_potential *u, const double *step) {
  const br_sum *s = self(u);
  return fmin(s->softmax.family->max_step(&s->softmax, step),
              s->ridge.family->max_step(&s->ridge, step + s->softmax.n_coef));
}

/* The objective is not convex in the coefficients of the softmax: there is no certificate. */
static double dual_minimum(br_potential *u, double beta, const double *slope, double *gradient) {
  (void)u, (void)beta, (void)slope, (void)gradient;
  return -INFINITY;
}

static double min_eigenvalue(br_potential *u) {
  br_sum *s = self(u);
  return s->ridge.family->min_eigenvalue(&s->ridge);
}

const br_family br_sum_family = {
    .name = "sum",
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
