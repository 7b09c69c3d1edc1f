/* Column generation. What a column says of itself is what the moments say of the atom with
 * coefficient 0; one ascent step goes where finite differences of the score point; more steps never
 * lose and end where the score is flat; threads do not matter. */
#include "../../src/violation.h"
#include "../../src/moments.h"
#include "naive.h"

static const br_columns_options standard = {.min_width = 0.1,
                                            .max_width = 3,
                                            .penalty = 0.01,
                                            .directions = 36,
                                            .a_direction = 8,
                                            .refine = 12,
                                            .max_points = 1000};

typedef struct {
  br_potential u; /* with room for one atom more */
  br_sample sample;
} problem;

static problem make_problem(uint64_t seed, int d, size_t n) {
  problem p;
  p.u = naive_potential(&seed, d, d > 5 ? 0 : -1, 4, 0.05);
  p.sample = naive_sample(&seed, n, d, 1);
  return p;
}

static const br_columns *search(const problem *p, const br_columns_options *options, int wanted,
                                uint64_t seed) {
  br_columns *columns = heap_alloc(NULL, sizeof *columns);
  const br_host host = heap_host(&seed);
  br_columns_make(columns, options, &p->u, &p->sample, &br_likelihood_violation, NULL, wanted,
                  &heap);
  br_columns_search(columns, &p->u, &host);
  return columns;
}

/* --- the score in plain loops ------------------------------------------------------ */

typedef struct {
  const br_sample *sample;
  double penalty;
  double *map, *inverse; /* n x d, n x d d */
} fields;

static fields make_fields(const problem *p, double penalty) {
  const int d = p->u.d;
  fields f = {&p->sample, penalty, br_take(&heap, p->sample.n * (size_t)d), NULL};
  f.inverse = br_take(&heap, p->sample.n * (size_t)(d * d));
  for (size_t i = 0; i < p->sample.n; i++) {
    double x[NAIVE_D];
    naive_point(&p->sample, i, x);
    naive_u(&p->u, x, f.map + i * d, f.inverse + i * d * d);
    naive_invert(d, f.inverse + i * d * d);
  }
  return f;
}

static double score_of(const fields *f, br_profile profile, const double *w, double c, double a) {
  const int d = f->sample->d;
  double g = f->penalty, h = 0;
  for (size_t i = 0; i < f->sample->n; i++) {
    double x[NAIVE_D], q = 0;
    naive_point(f->sample, i, x);
    for (int k = 0; k < d; k++) q += w[k] * naive_dot(d, f->inverse + (i * d + k) * d, w);
    const naive_feature s = naive_profile((int)profile, (naive_dot(d, w, x) - c) / a);
    const double slope = a * s.slope, curve = s.curve * q, tau = naive_dot(d, w, f->map + i * d);
    g += f->sample->weight[i] * (slope * tau - curve);
    h += f->sample->weight[i] * (slope * slope + curve * curve);
  }
  return -g / sqrt(h);
}

/* The place at `at` times direction k (w, then c, then log a), w back on the sphere. */
static br_column moved(int d, const br_column *from, const double *direction, double at,
                       double *w) {
  br_column to = *from;
  to.w = w;
  for (int k = 0; k < d; k++) w[k] = from->w[k] + at * direction[k];
  const double norm = sqrt(naive_dot(d, w, w));
  for (int k = 0; k < d; k++) w[k] /= norm;
  to.centre += at * direction[d];
  to.width *= exp(at * direction[d + 1]);
  return to;
}

static double score_moved(const fields *f, const br_column *from, const double *direction,
                          double at) {
  double w[NAIVE_D];
  const br_column to = moved(f->sample->d, from, direction, at, w);
  return score_of(f, from->profile, w, to.centre, to.width);
}

/* Gradient by differences; returns its norm. h^2 times a third derivative of up to (1/a)^3. */
static double gradient_of(const fields *f, const br_column *c, double *gradient) {
  const int d = f->sample->d;
  const double h = 1e-4 * c->width;
  for (int k = 0; k < d + 2; k++) {
    double direction[NAIVE_D + 2] = {0};
    direction[k] = 1;
    gradient[k] = (score_moved(f, c, direction, h) - score_moved(f, c, direction, -h)) / (2 * h);
  }
  return sqrt(naive_dot(d + 2, gradient, gradient));
}

static void range(const br_sample *s, const double *w, double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (size_t i = 0; i < s->n; i++) {
    double x[NAIVE_D];
    naive_point(s, i, x);
    *low = fmin(*low, naive_dot(s->d, w, x));
    *high = fmax(*high, naive_dot(s->d, w, x));
  }
}

/* --- tests ------------------------------------------------------------------------- */

/* g and h of each column from the moments of the potential with that atom at coefficient 0. */
static void check_moments(problem *p, const br_columns *columns, const br_sample *points) {
  const br_ridge *r = p->u.self;
  const int d = p->u.d, last = p->u.n_coef;
  for (int i = 0; i < columns->n_found; i++) {
    const br_column *c = &columns->found[i];
    br_potential v;
    br_moments m;
    br_moments_plan plan;
    const int first = r->n_linear;
    br_ridge_make(&v, d, p->u.given, r->n_quadratic, r->n_atoms + 1, 0.05, &heap);
    br_ridge_load(&v, r->n_quadratic, r->n_atoms, br_ridge_direction(&p->u, first),
                  r->profile + first, r->centre + first, r->width + first, p->u.coef);
    br_ridge_add_atom(&v, c->profile, c->w, c->centre, c->width, 0);
    br_moments_make(&m, &plan, &v, points->n, last + 1, &heap);
    br_moments_compute(&m, &plan, &v, points, 1, 0);
    /* sums of n terms of size 1 */
    CHECK_NEAR(apart(c->g, m.gradient[last] + columns->options.penalty), 0, 1e-12);
    CHECK_NEAR(apart(c->h, m.hessian[(size_t)last * m.ldm + last]), 0, 1e-12);
    CHECK_NEAR(c->score, -c->g / sqrt(c->h), 1e-14);
  }
}

/* With a map of mean 0, as at an optimum, a bump and its mirror image score alike. */
static void centre_map(problem *p) {
  const int d = p->u.d;
  double mean[NAIVE_D] = {0}, x[NAIVE_D], T[NAIVE_D];
  for (size_t i = 0; i < p->sample.n; i++) {
    naive_point(&p->sample, i, x);
    naive_u(&p->u, x, T, NULL);
    for (int k = 0; k < d; k++) mean[k] += p->sample.weight[i] * T[k];
  }
  for (int k = 0; k < d; k++) p->u.coef[k] -= mean[k];
  p->u.family->prepare(&p->u);
}

static int test_found(int d, size_t n, int wanted, uint64_t seed) {
  problem p = make_problem((uint64_t)d + seed, d, n);
  centre_map(&p);
  const br_columns *columns = search(&p, &standard, wanted, 77);
  CHECK(columns->n_found <= wanted);
  check_moments(&p, columns, &p.sample);
  for (int i = 0; i < columns->n_found; i++) {
    const br_column *c = &columns->found[i];
    double low, high;
    range(&p.sample, c->w, &low, &high);
    CHECK_NEAR(naive_dot(d, c->w, c->w), 1, 1e-14);
    CHECK(c->centre >= low - 1e-14 && c->centre <= high + 1e-14);
    CHECK(c->width >= 0.1 && c->width <= 3);
    CHECK(c->score > 0 && (i == 0 || c->score <= c[-1].score));
    for (int k = 0; k < i; k++) { /* no two are nearly the same atom */
      const br_column *b = &columns->found[k];
      const double inner = naive_dot(d, c->w, b->w);
      const double shift =
          (inner < 0 ? c->centre + b->centre : c->centre - b->centre) / fmin(c->width, b->width);
      const double ratio = log(c->width / b->width);
      if (b->profile == c->profile && (inner > 0 || c->profile == BR_BUMP))
        CHECK(fabs(inner) * exp(-0.5 * (shift * shift + ratio * ratio)) < 0.91);
    }
  }
  return columns->n_found;
}

/* With a larger sample the search looks at evenly spaced rows, their weights sum to one. */
static void test_subsample(void) {
  enum { n = 400, d = 2 };
  problem p = make_problem(9, d, n);
  br_columns_options options = standard;
  options.max_points = 100;
  const br_columns *columns = search(&p, &options, 3, 5);
  double x[d * 100], weight[100], sum = 0;
  for (int i = 0; i < 100; i++) {
    for (int k = 0; k < d; k++) x[k * 100 + i] = p.sample.x[k * n + 4 * i];
    sum += weight[i] = p.sample.weight[4 * i];
  }
  for (int i = 0; i < 100; i++) weight[i] /= sum;
  const br_sample part = {100, d, x, weight};
  CHECK(columns->n_found > 0);
  check_moments(&p, columns, &part);
}

/* From one start, one step of length 0.3 along the gradient of the score, taken if it is better.
 * Start and direction are known from a search without refinement and from differences. */
static int check_one_step(int d, uint64_t seed) {
  const problem p = make_problem(seed + 50, d, 61);
  br_columns_options options = standard;
  options.directions = 1;
  options.refine = 0;
  options.penalty = seed % 2 ? 0 : -0.5; /* negative: even poor starts have a score */
  const br_columns *raw = search(&p, &options, 1, seed);
  options.refine = 1;
  const br_columns *refined = search(&p, &options, 1, seed);
  CHECK(raw->n_found <= refined->n_found);
  if (raw->n_found == 0) return 0;
  const br_column *from = &raw->found[0], *to = &refined->found[0];
  const fields f = make_fields(&p, options.penalty);
  double gradient[NAIVE_D + 2], w[NAIVE_D], low, high;
  CHECK_NEAR(from->score, score_of(&f, from->profile, from->w, from->centre, from->width), 1e-12);
  const double norm = gradient_of(&f, from, gradient);
  br_column trial = moved(d, from, gradient, 0.3 / norm, w);
  trial.width = fmin(fmax(trial.width, options.min_width), options.max_width);
  range(&p.sample, w, &low, &high);
  trial.centre = fmin(fmax(trial.centre, low), high);
  trial.score = score_of(&f, from->profile, w, trial.centre, trial.width);
  const int better = trial.score > from->score;
  const br_column *expected = better ? &trial : from;
  /* differences are good to 1e-7 of a gradient that is rarely below 1e-2 */
  for (int k = 0; k < d; k++) CHECK_NEAR(to->w[k], expected->w[k], 1e-5);
  CHECK_NEAR(to->centre, expected->centre, 1e-5);
  CHECK_NEAR(to->width, expected->width, 1e-5);
  CHECK_NEAR(to->score, expected->score, 1e-5);
  CHECK(to->profile == from->profile);
  return better ? 1 + (int)to->profile : 0;
}

static void test_one_step(void) {
  static const int dims[] = {1, 2, 3, 7};
  int better[1 + BR_N_PROFILES] = {0};
  for (int i = 0; i < 4; i++)
    for (uint64_t seed = 1; seed <= 40; seed++) better[check_one_step(dims[i], seed)]++;
  CHECK(better[1 + BR_BUMP] >= 50 && better[1 + BR_STEP] >= 10); /* else there is no test */
}

/* Refined columns are never worse than their starts; after many steps the score is flat, but for
 * a width or a centre that is at its bound. */
static void test_ascent(int d) {
  const problem p = make_problem((uint64_t)d + 3, d, 150);
  for (uint64_t seed = 1; seed <= 5; seed++) {
    br_columns_options options = standard;
    options.refine = 0;
    const br_columns *raw = search(&p, &options, 4, seed);
    double before[NAIVE_D + 2], after[NAIVE_D + 2], low, high;
    const fields f = make_fields(&p, options.penalty);
    gradient_of(&f, &raw->found[0], before);
    const double best = raw->found[0].score;
    options.refine = 12;
    const double some = search(&p, &options, 4, seed)->found[0].score;
    CHECK(some >= best);
    options.refine = 2000;
    const br_column *end = &search(&p, &options, 4, seed)->found[0];
    CHECK(end->score >= some && end->score > best);
    gradient_of(&f, end, after);
    range(&p.sample, end->w, &low, &high);
    const int at_bound = end->width < 0.101 || end->width > 2.99 || end->centre < low + 1e-3 ||
                         end->centre > high - 1e-3;
    /* steps end below 1e-3, so the slope is some 1e-3 of the curvature, 1/width^2 at most */
    if (!at_bound)
      CHECK(naive_dot(d + 2, after, after) < 0.01 * naive_dot(d + 2, before, before) + 1e-4);
  }
}

/* A penalty above every gain leaves nothing worth adding. */
static void test_none(void) {
  const problem p = make_problem(3, 2, 100);
  br_columns_options options = standard;
  options.penalty = 1e3;
  CHECK(search(&p, &options, 4, 1)->n_found == 0);
}

/* Enough work for two threads: the same columns to the last bit. */
static void test_threads(void) {
  static const int dims[] = {1, 3};
  for (int i = 0; i < 2; i++) {
    const problem p = make_problem(4, dims[i], 999);
    br_columns_options options = standard;
    options.directions = 120;
    options.a_direction = 12;
    br_threads_set(1);
    const br_columns *one = search(&p, &options, 4, 9);
    br_threads_set(2);
    const br_columns *two = search(&p, &options, 4, 9);
    CHECK(one->threads == 1 && two->threads == heap_threads());
    CHECK(one->n_found == two->n_found);
    for (int k = 0; k < one->n_found; k++) {
      const br_column *a = &one->found[k], *b = &two->found[k];
      CHECK(memcmp(a->w, b->w, (size_t)dims[i] * sizeof(double)) == 0);
      CHECK(a->centre == b->centre && a->width == b->width);
      CHECK(a->g == b->g && a->h == b->h && a->score == b->score);
    }
  }
  br_threads_set(1);
}

/* -g/sqrt(h) of an atom of any profile, by the naive features of a potential that has it. */
static double score_with(const problem *p, const fields *f, const br_column *c) {
  const int d = p->u.d;
  br_potential v;
  double g = f->penalty, h = 0;
  br_ridge_make(&v, d, p->u.given, d, 1, 0.05, &heap);
  br_ridge_add_atom(&v, c->profile, c->w, c->centre, c->width, 1);
  for (size_t i = 0; i < p->sample.n; i++) {
    double x[NAIVE_D], q = 0;
    naive_point(&p->sample, i, x);
    for (int k = 0; k < d; k++) q += c->w[k] * naive_dot(d, f->inverse + (i * d + k) * d, c->w);
    const naive_feature s = naive_at(&v, v.n_coef - 1, x);
    const double tau = naive_dot(d, c->w, f->map + i * d);
    g += p->sample.weight[i] * (s.slope * tau - s.curve * q);
    h += p->sample.weight[i] * (s.slope * s.slope + s.curve * s.curve * q * q);
  }
  return -g / sqrt(h);
}

/* With covariates all profiles are found, their g and h are those of the moments, and after a long
 * ascent no small move of (w, c, log a) raises the score. */
static void test_conditional(int d, int given) {
  int seen[BR_N_PROFILES] = {0};
  for (uint64_t seed = 1; seed < 5; seed++) {
    uint64_t draw = seed;
    problem p = {naive_conditional(&draw, d, given, -1, 5, 0.05), {0}};
    p.sample = naive_sample(&draw, 150, d + given, 1);
    for (size_t i = 0; i < 150; i++) /* the first covariate changes the scale */
      for (int k = 0; k < d; k++)
        ((double *)p.sample.x)[k * 150 + i] *= exp(0.8 * p.sample.x[d * 150 + i]);
    centre_map(&p);
    br_columns_options options = standard;
    options.refine = 400;
    const br_columns *columns = search(&p, &options, 8, seed);
    check_moments(&p, columns, &p.sample);
    const fields f = make_fields(&p, options.penalty);
    for (int i = 0; i < columns->n_found; i++) {
      const br_column *c = &columns->found[i];
      seen[c->profile]++;
      CHECK_NEAR(naive_dot(d, c->w, c->w), 1, 1e-14);
      if (c->profile == BR_GATE) CHECK_NEAR(naive_dot(given, c->w + d, c->w + d), 1, 1e-14);
      CHECK_NEAR(score_with(&p, &f, c), c->score, 1e-11);
      for (int k = 0; k < 20; k++) {
        double w[NAIVE_D], by_w = sqrt(naive_dot(given, c->w + d, c->w + d));
        br_column trial = *c;
        trial.w = w;
        for (int l = 0; l < d + given; l++) w[l] = c->w[l] + 0.003 * heap_normal(&draw);
        const double norm = sqrt(naive_dot(d, w, w));
        const double tilt = sqrt(naive_dot(given, w + d, w + d));
        for (int l = 0; l < d; l++) w[l] /= norm;
        /* a gate's part has length 1; the other may stand at its bound */
        for (int l = d; l < d + given && (c->profile == BR_GATE || by_w > 3.9); l++)
          w[l] *= by_w / tilt;
        trial.centre += 0.003 * heap_normal(&draw);
        trial.width *= exp(0.003 * heap_normal(&draw));
        double low, high;
        range(&p.sample, trial.w, &low, &high);
        const double least = c->profile == BR_GATE ? 0.5 : 0.1;
        if (trial.width < least || trial.width > 3) trial.width = c->width;
        if (c->profile != BR_GATE && (trial.centre < low || trial.centre > high)) continue;
        if (c->profile == BR_GATE) trial.centre = c->centre; /* it may stand at the edge */
        CHECK(score_with(&p, &f, &trial) < c->score + 2e-4 * (1 + c->score));
      }
    }
  }
  for (int k = 0; k < BR_N_PROFILES; k++) CHECK(seen[k] > 0);
}

static void test_setting(void) {
  int found = 0;
  for (uint64_t seed = 0; seed < 6; seed++)
    found += test_found(1, 101, 8, seed) + test_found(2, 67, 8, seed);
  CHECK(found >= 20); /* else there is no test */
  CHECK(test_found(5, 130, 8, 0) > 0 && test_found(20, 41, 3, 0) > 0);
  test_subsample();
  test_one_step();
  test_ascent(1);
  test_ascent(2);
  test_ascent(4);
  test_none();
}

int main(void) {
  heap_each_setting(test_setting);
  test_conditional(1, 2);
  test_conditional(2, 1);
  heap_each_level(test_threads);
  return CHECK_DONE();
}
