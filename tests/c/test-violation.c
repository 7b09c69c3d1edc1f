/* What column generation asks of an objective: g and h of a candidate are the gradient and the
 * Hessian of that objective for the atom at coefficient 0, in plain loops, and their gradients are
 * those of finite differences. */
#include "../../src/violation.h"
#include "two-samples.h"

typedef struct {
  const br_violation *violation;
  br_potential u;
  br_sample sample, other; /* the points x_j, or grad f at the sample, but for the likelihood */
  br_columns columns;
  double *work;
} search;

static search make(const br_violation *violation, int d, int given, uint64_t seed) {
  static const br_columns_options options = {.min_width = 0.1,
                                             .max_width = 3,
                                             .penalty = 0,
                                             .directions = 4,
                                             .a_direction = 4,
                                             .refine = 4,
                                             .max_points = 1000};
  search s = {.violation = violation, .u = naive_conditional(&seed, d, given, -1, 4, 0.05)};
  s.sample = scaled(&seed, 43, d + given, 0.9, 0.1);
  if (violation == &br_semidual_violation) s.other = scaled(&seed, 38, d + given, 1.2, -0.2);
  if (violation == &br_variational_violation) s.other = scaled(&seed, 43, d, 1.2, -0.2);
  br_columns_make(&s.columns, &options, &s.u, &s.sample, violation, s.other.n ? &s.other : NULL, 2,
                  &heap);
  br_host host = heap_host(&seed);
  br_columns_search(&s.columns, &s.u, &host); /* for the fields */
  s.work = br_take(&heap, s.columns.work_a_thread);
  return s;
}

/* g and h by the core, at a column moved by step along entry k of (w, c, a). */
static br_column rated(search *s, const br_column *from, int k, double step) {
  static double w[NAIVE_D];
  const int rows = s->sample.d;
  br_column at = *from;
  at.w = w;
  memcpy(w, from->w, (size_t)rows * sizeof(double));
  if (k >= 0 && k < rows) w[k] += step;
  if (k == rows) at.centre += step;
  if (k == rows + 1) at.width += step;
  s->columns.violation->along(&s->columns, at.profile == BR_GATE, w, s->work);
  s->columns.violation->rate(&s->columns, &at, s->work);
  return at;
}

/* The atom as the last feature of a potential. */
static void naive_rate(const search *s, const br_column *c, double *g, double *h) {
  const int two = s->violation == &br_semidual_violation;
  const int pulled = s->violation == &br_variational_violation;
  uint64_t seed = 1;
  const int d = s->u.d, given = s->u.given;
  br_potential one = naive_conditional(&seed, d, given, -1, 1, 0.05);
  one.n_coef--;
  ((br_ridge *)one.self)->n_atoms--;
  br_ridge_add_atom(&one, c->profile, c->w, c->centre, c->width, 0);
  const int j = one.n_coef - 1;
  double x[NAIVE_D], map[NAIVE_D], hess[NAIVE_D * NAIVE_D], Aw[NAIVE_D];
  *g = *h = 0;
  const br_sample *samples[] = {&s->sample, &s->other};
  for (int k = 0; k <= two; k++)
    for (size_t i = 0; i < samples[k]->n; i++) {
      const double weight = samples[k]->weight[i];
      naive_point(samples[k], i, x);
      const naive_feature f = naive_at(&one, j, x);
      naive_u(&s->u, x, map, hess);
      naive_invert(d, hess);
      if (pulled) naive_point(&s->other, i, map);
      for (int l = 0; l < d; l++) Aw[l] = naive_dot(d, hess + l * d, c->w);
      const double q = naive_dot(d, Aw, c->w), stretch = pulled ? naive_dot(d, Aw, Aw) : 1;
      if (two) *g += (k ? -1 : 1) * weight * f.value;
      else *g += weight * (f.slope * naive_dot(d, c->w, map) - f.curve * q);
      if (two && k) *h += weight * f.slope * f.slope * q;
      if (!two) *h += weight * (stretch * pow(f.slope, 2) + pow(f.curve * q, 2));
    }
}

static void test_violation(const br_violation *violation, int d, int given) {
  uint64_t seed = (uint64_t)(20 + 3 * d + given);
  search s = make(violation, d, given, seed);
  const int rows = d + given;
  for (int trial = 0; trial < 12; trial++) {
    double w[NAIVE_D], g, h, *vectors = br_take(&heap, 2 * (size_t)(rows + 2));
    naive_unit(&seed, d, w);
    for (int k = d; k < rows; k++) w[k] = heap_between(&seed, -1, 1);
    const br_column c = {.profile = (br_profile)(trial % (given ? 3 : 2)),
                         .w = w,
                         .centre = heap_between(&seed, -1, 1),
                         .width = heap_between(&seed, 0.3, 2)};
    br_column at = rated(&s, &c, -1, 0);
    naive_rate(&s, &c, &g, &h);
    CHECK_NEAR(at.g, g, 1e-12);
    CHECK_NEAR(at.h, h, 1e-12);
    s.columns.violation->along(&s.columns, c.profile == BR_GATE, w, s.work);
    s.columns.violation->rate_gradient(&s.columns, &at, vectors, vectors + rows + 2, s.work);
    CHECK_NEAR(at.g, g, 1e-12);
    CHECK_NEAR(at.h, h, 1e-12);
    for (int k = 0; k < rows + 2; k++) {
      const double e = 1e-4; /* e^2 times a third derivative, of up to 1/0.3^3 */
      const br_column up = rated(&s, &c, k, e);
      const double up_g = up.g, up_h = up.h;
      const br_column down = rated(&s, &c, k, -e);
      CHECK_NEAR(vectors[k], (up_g - down.g) / (2 * e), 1e-6);
      CHECK_NEAR(vectors[rows + 2 + k], (up_h - down.h) / (2 * e), 1e-6);
    }
  }
}

static void test_level(void) {
  static const br_violation *const all[] = {&br_likelihood_violation, &br_semidual_violation,
                                            &br_variational_violation};
  for (int k = 0; k < 3; k++) {
    test_violation(all[k], 1, 0);
    test_violation(all[k], 3, 0);
    test_violation(all[k], 1, 2);
    test_violation(all[k], 2, 1);
  }
}

int main(void) {
  br_threads_set(1);
  heap_each_level(test_level);
  return CHECK_DONE();
}
