/* The learner of a log density: its loss, gradient, metric and Hessian against plain loops and
 * finite differences; explicit steps against their closed form for a normal law; what it asks its
 * target, and what it does when that answers nothing, or fails. */
#include "../../src/sum.h"
#include "targets.h"

typedef struct {
  br_potential u;
  law *law;
  br_target target;
  br_sample sample;
  br_learner learner;
  br_mirror m;
} problem;

static problem *make(const br_potential *u, const law *t, const br_sample *sample) {
  problem *p = heap_alloc(NULL, sizeof *p);
  memset(p, 0, sizeof *p);
  p->law = heap_alloc(NULL, sizeof *p->law);
  *p->law = *t;
  p->u = *u;
  p->sample = *sample;
  p->target = target_of(p->law);
  const br_learner_data data = {.sample = *sample, .target = &p->target};
  br_learner_make(&p->learner, &br_variational_learner, &data, &p->u, u->n_coef, &heap);
  return p;
}

static void steps(problem *p, const br_mirror_options *options, double beta) {
  br_mirror_make(&p->m, options, &p->u, &p->learner, ((br_ridge *)p->u.self)->max_coef, &heap);
  p->m.beta = beta;
}

static double loss_at(problem *p, int j, double step) {
  const double coef = p->u.coef[j];
  p->u.coef[j] += step;
  p->u.family->prepare(&p->u);
  const double loss = p->learner.kind->loss(&p->learner, &p->u);
  p->u.coef[j] = coef;
  p->u.family->prepare(&p->u);
  return loss;
}

static double entry(const double *M, int ldm, int j, int l) {
  return M[j < l ? (size_t)j * ldm + l : (size_t)l * ldm + j];
}

/* --- derivatives ------------------------------------------------------------------ */

/* Of fourth order: h^4 times a fifth derivative, and rounding over h. */
static void test_derivatives(int d, int extra, size_t n) {
  const law t = {.f = quartic_f, .d = d};
  uint64_t seed = (uint64_t)d;
  const br_potential u = naive_potential(&seed, d, extra, 4, 0.05);
  const br_sample sample = naive_sample(&seed, n, d, 1);
  problem *p = make(&u, &t, &sample);
  const br_moments *m = &p->learner.moments;
  const int n_coef = u.n_coef;
  CHECK(p->learner.kind->moments(&p->learner, &p->u, 1, 1) == BR_OK);
  CHECK_NEAR(apart(m->loss, naive_variational(&p->u, p->law, &sample)), 0, 1e-12);
  double *metric = br_take(&heap, (size_t)n_coef * n_coef), *solved = br_take(&heap, n_coef * d);
  double *hessian = br_take(&heap, (size_t)n_coef * n_coef);
  for (size_t i = 0; i < n; i++) {
    double y[NAIVE_D], A[NAIVE_D * NAIVE_D];
    naive_point(&sample, i, y);
    naive_u(&p->u, y, NULL, A);
    naive_invert(d, A);
    for (int j = 0; j < n_coef; j++)
      for (int k = 0; k < d; k++)
        solved[j * d + k] = naive_dot(d, A + k * d, naive_direction(&p->u, j));
    for (int j = 0; j < n_coef; j++)
      for (int l = 0; l < n_coef; l++) {
        const naive_feature a = naive_at(&p->u, j, y), b = naive_at(&p->u, l, y);
        const double q = naive_dot(d, naive_direction(&p->u, j), solved + l * d);
        const double v = naive_dot(d, solved + j * d, solved + l * d);
        metric[j * n_coef + l] += sample.weight[i] * a.slope * b.slope * q;
        hessian[j * n_coef + l] +=
            sample.weight[i] * (a.slope * b.slope * v + a.curve * b.curve * q * q);
      }
  }
  double worst_g = 0, worst_M = 0, worst_H = 0;
  const double h = 1e-3;
  for (int j = 0; j < n_coef; j++) {
    const double g = (8 * (loss_at(p, j, h) - loss_at(p, j, -h)) -
                      (loss_at(p, j, 2 * h) - loss_at(p, j, -2 * h))) /
                     (12 * h);
    worst_g = larger(worst_g, apart(m->gradient[j], g));
    for (int l = 0; l < n_coef; l++) {
      worst_M = larger(worst_M, apart(entry(m->metric, m->ldm, j, l), metric[j * n_coef + l]));
      worst_H = larger(worst_H, apart(entry(m->hessian, m->ldm, j, l), hessian[j * n_coef + l]));
    }
  }
  CHECK_NEAR(worst_g, 0, 1e-7);
  CHECK_NEAR(worst_M, 0, 1e-11);
  CHECK_NEAR(worst_H, 0, 1e-11);
}

/* A normal law of that mean and the covariance S = R R. */
static const double mean3[] = {0.5, -1, 2};
static const double root3[] = {1.2, 0.3, -0.2, 0.3, 0.8, 0.1, -0.2, 0.1, 2};

static law normal_law(int d) {
  double *precision = br_take(&heap, (size_t)d * d);
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++)
      for (int k = 0; k < d; k++) precision[i * d + j] += root3[i * 3 + k] * root3[k * 3 + j];
  naive_invert(d, precision);
  return (law){.f = normal_f, .d = d, .mean = mean3, .precision = precision};
}

/* The quadratic potential with the map y -> Q y + b. */
static void set_affine(br_potential *u, const double *Q, int ldq, const double *b) {
  const int d = u->d;
  int pair = 2 * d;
  for (int k = 0; k < d; k++) u->coef[k] = b[k];
  for (int k = 0; k < d; k++) u->coef[d + k] = Q[k * ldq + k];
  for (int i = 0; i < d; i++)
    for (int j = 0; j < i; j++, pair++) {
      u->coef[pair] = 2 * Q[i * ldq + j];
      u->coef[d + i] -= Q[i * ldq + j];
      u->coef[d + j] -= Q[i * ldq + j];
    }
  u->family->prepare(u);
}

/* At the optimum of a normal law D^2 u D^2 f D^2 u = I, so that H is the Hessian: by differences of
 * the gradient, along atoms of coefficient 0 as well. */
static void test_hessian(int d) {
  const law t = normal_law(d);
  uint64_t seed = 5;
  br_potential u = naive_potential(&seed, d, -1, 3, 0.05);
  const br_sample sample = naive_sample(&seed, 61, d, 1);
  for (int j = br_ridge_first_atom(&u); j < u.n_coef; j++) u.coef[j] = 0;
  set_affine(&u, root3, 3, mean3);
  problem *p = make(&u, &t, &sample);
  const br_moments *m = &p->learner.moments;
  const int n_coef = u.n_coef;
  CHECK(p->learner.kind->moments(&p->learner, &p->u, 1, 0) == BR_OK);
  double *H = br_take(&heap, (size_t)n_coef * n_coef), *low = br_take(&heap, n_coef), worst = 0;
  for (int j = 0; j < n_coef; j++)
    for (int l = 0; l < n_coef; l++) H[j * n_coef + l] = entry(m->hessian, m->ldm, j, l);
  for (int j = 0; j < n_coef; j++) {
    const double coef = p->u.coef[j], h = 1e-5;
    for (int side = -1; side <= 1; side += 2) {
      p->u.coef[j] = coef + side * h;
      p->u.family->prepare(&p->u);
      CHECK(p->learner.kind->moments(&p->learner, &p->u, 0, 0) == BR_OK);
      if (side < 0) memcpy(low, m->gradient, (size_t)n_coef * sizeof(double));
    }
    p->u.coef[j] = coef;
    for (int l = 0; l < n_coef; l++)
      worst = larger(worst, apart(H[j * n_coef + l], (m->gradient[l] - low[l]) / (2 * h)));
  }
  CHECK_NEAR(worst, 0, 1e-7);
}

/* A potential with components: the Hessian by differences of its map and of its D^2 in the
 * coefficients, the gradient by those of the loss. */
static void eval_at(br_potential *u, int j, double step, const double *y, double *map,
                    double *hess) {
  double x[BR_VECTOR * 2], T[BR_VECTOR * 2], H[BR_VECTOR * 3];
  double *scratch = br_take(&heap, u->family->scratch_size(u, BR_VECTOR, 0));
  const double coef = j < 0 ? 0 : u->coef[j];
  if (j >= 0) u->coef[j] += step;
  u->family->prepare(u);
  for (int b = 0; b < 2 * BR_VECTOR; b++) x[b] = y[b / BR_VECTOR];
  u->family->eval(u, BR_VECTOR, BR_VECTOR, x, T, H, scratch, 0);
  for (int k = 0; k < 2; k++) map[k] = T[k * BR_VECTOR];
  for (int i = 0; i < 2; i++)
    for (int k = 0; k < 2; k++)
      hess[2 * i + k] = H[BR_PACKED(i > k ? i : k, i > k ? k : i) * BR_VECTOR];
  if (j >= 0) u->coef[j] = coef;
  u->family->prepare(u);
}

static void test_components(void) {
  enum { d = 2, n = 30 };
  uint64_t seed = 3;
  const br_host host = heap_host(&seed);
  const law t = {.f = quartic_f, .d = d};
  const br_sample sample = naive_sample(&seed, n, d, 1);
  br_potential u;
  br_sum_make(&u, d, 0, 3, d, 2, 0.05, &heap);
  br_softmax_start(br_sum_softmax(&u), &sample, 0.6, &host, &heap);
  br_ridge_add_atom(br_sum_ridge(&u), BR_BUMP, (double[]){0.6, 0.8}, 0.2, 0.7, 0.5);
  br_sum_refresh(&u);
  u.family->prepare(&u);
  const int p = u.n_coef;
  problem *q = make(&u, &t, &sample);
  const br_moments *m = &q->learner.moments;
  CHECK(q->learner.kind->moments(&q->learner, &q->u, 1, 1) == BR_OK);
  double *hessian = br_take(&heap, p * p), *metric = br_take(&heap, p * p);
  double *slope = br_take(&heap, p * d), *curve = br_take(&heap, p * d * d);
  for (size_t i = 0; i < n; i++) {
    double y[d], T[d], A[d * d], low[d], low_H[d * d], up[d], up_H[d * d];
    naive_point(&sample, i, y);
    eval_at(&u, -1, 0, y, T, A);
    naive_invert(d, A);
    for (int j = 0; j < p; j++) { /* A grad psi_j and A D^2 psi_j */
      eval_at(&u, j, 1e-5, y, up, up_H);
      eval_at(&u, j, -1e-5, y, low, low_H);
      for (int k = 0; k < d; k++) up[k] = (up[k] - low[k]) / 2e-5;
      for (int k = 0; k < d * d; k++) up_H[k] = (up_H[k] - low_H[k]) / 2e-5;
      for (int k = 0; k < d; k++) {
        slope[j * d + k] = naive_dot(d, A + k * d, up);
        for (int l = 0; l < d; l++)
          curve[j * d * d + k * d + l] = A[k * d] * up_H[l] + A[k * d + 1] * up_H[d + l];
      }
      for (int l = 0; l <= j; l++) {
        double trace = 0;
        for (int k = 0; k < d; k++)
          for (int r = 0; r < d; r++)
            trace += curve[j * d * d + k * d + r] * curve[l * d * d + r * d + k];
        hessian[j * p + l] +=
            sample.weight[i] * (naive_dot(d, slope + j * d, slope + l * d) + trace);
        metric[j * p + l] += sample.weight[i] * naive_dot(d, up, slope + l * d);
      }
    }
  }
  double worst_H = 0, worst_M = 0, worst_g = 0;
  for (int j = 0; j < p; j++) {
    const double h = 1e-3;
    const double g = (8 * (loss_at(q, j, h) - loss_at(q, j, -h)) -
                      (loss_at(q, j, 2 * h) - loss_at(q, j, -2 * h))) /
                     (12 * h);
    worst_g = larger(worst_g, apart(m->gradient[j], g));
    for (int l = 0; l <= j; l++) {
      worst_H = larger(worst_H, apart(entry(m->hessian, m->ldm, j, l), hessian[j * p + l]));
      worst_M = larger(worst_M, apart(entry(m->metric, m->ldm, j, l), metric[j * p + l]));
    }
  }
  CHECK_NEAR(worst_g, 0, 1e-7);
  CHECK_NEAR(worst_H, 0, 1e-7);
  CHECK_NEAR(worst_M, 0, 1e-7);
}

/* --- steps ------------------------------------------------------------------------ */

/* A <- A + eta (I - A P A), b <- b - eta A P (b - mean): the explicit step of standard points. */
static void test_explicit(int d) {
  static const double eta[] = {0.2};
  const br_mirror_options options = {0, eta, 1, 0, 0};
  const law t = normal_law(d);
  const br_sample sample = standard_points(3, 40, d, 1);
  br_potential u;
  br_ridge_make(&u, d, 0, d * (d + 1) / 2, 0, 0.01, &heap);
  naive_full_quadratic(&u);
  u.family->prepare(&u);
  problem *p = make(&u, &t, &sample);
  steps(p, &options, 0);
  double A[9] = {0}, b[3] = {0}, zero[3] = {0}, T[3], worst = 0;
  for (int k = 0; k < d; k++) A[k * d + k] = 1;
  for (int step = 0; step < 25; step++) {
    double PA[9] = {0}, next[9], slope[3];
    normal_f(&t, b, slope);
    for (int i = 0; i < d; i++)
      for (int j = 0; j < d; j++)
        for (int k = 0; k < d; k++) PA[i * d + j] += t.precision[i * d + k] * A[k * d + j];
    for (int i = 0; i < d; i++)
      for (int j = 0; j < d; j++) {
        next[i * d + j] = A[i * d + j] + eta[0] * (i == j);
        for (int k = 0; k < d; k++) next[i * d + j] -= eta[0] * A[i * d + k] * PA[k * d + j];
      }
    for (int i = 0; i < d; i++) zero[i] = b[i] - eta[0] * naive_dot(d, A + i * d, slope);
    memcpy(A, next, sizeof A);
    memcpy(b, zero, sizeof b);
    CHECK(br_mirror_prepare(&p->m) == BR_OK);
    CHECK(br_mirror_advance(&p->m) == BR_OK && p->m.length == 1);
    const double origin[3] = {0};
    double Q[9];
    naive_u(&p->u, origin, T, Q);
    for (int k = 0; k < d; k++) worst = larger(worst, apart(T[k], b[k]));
    for (int k = 0; k < d * d; k++) worst = larger(worst, apart(Q[k], A[k]));
  }
  CHECK_NEAR(worst, 0, 1e-11);
  CHECK(isinf(p->m.gap));
  /* one batch at the start, one a step, and one for the gradient where the next step starts */
  CHECK(p->target.batches == 50 && p->target.points == 50 * sample.n && p->target.refused == 0);
}

/* --- what may go wrong ------------------------------------------------------------ */

/* Steps until they settle, stall or fail. */
static br_status run(problem *p, int most) {
  br_status status = BR_OK;
  for (int step = 0; step < most && status == BR_OK; step++) {
    status = br_mirror_prepare(&p->m);
    if (status == BR_OK && p->m.decrement < 1e-7) break;
    if (status == BR_OK) status = br_mirror_advance(&p->m);
  }
  return status;
}

static problem *wide(law t) {
  static const double mean[] = {3, 0}, precision[] = {0.01, 0, 0, 1};
  static const br_mirror_options newton = {1, NULL, 0, INFINITY, 0};
  uint64_t seed = 8;
  const br_sample sample = naive_sample(&seed, 50, 2, 0);
  br_potential u;
  br_ridge_make(&u, 2, 0, 3, 0, 0.01, &heap);
  naive_full_quadratic(&u);
  u.family->prepare(&u);
  t.f = normal_f;
  t.d = 2;
  t.mean = mean;
  t.precision = precision;
  problem *p = make(&u, &t, &sample);
  steps(p, &newton, 1e-9);
  return p;
}

static double farthest(const problem *p) {
  double most = 0, y[2], T[2];
  for (size_t i = 0; i < p->sample.n; i++) {
    naive_point(&p->sample, i, y);
    naive_u(&p->u, y, T, NULL);
    most = fmax(most, sqrt(naive_dot(2, T, T)));
  }
  return most;
}

static double now(problem *p) { return naive_variational(&p->u, p->law, &p->sample); }

static void test_walls(void) {
  problem *free = wide((law){0});
  CHECK(run(free, 100) == BR_OK && farthest(free) > 12);
  /* the wall is in the way: steps become shorter and stop there */
  problem *p = wide((law){.wall = 8});
  const double before = now(p);
  const br_status status = run(p, 200);
  CHECK(status == BR_OK || status == BR_STALLED);
  CHECK(farthest(p) <= 8 && farthest(p) > 7 && now(p) < before - 1);
  CHECK(p->target.refused > 0 && p->target.batches < 200 * 41);
  /* points beyond it at the start */
  p = wide((law){.wall = 1});
  CHECK(run(p, 10) == BR_ERR_NOT_FINITE);
  CHECK(p->target.batches == 1 && p->target.refused > 0 && p->target.refused < p->sample.n);
}

static void test_refusals(void) {
  for (int gradient = 0; gradient <= 1; gradient++)
    for (int after = 1; after <= 4; after++) {
      problem *p = wide((law){.refuse_after = after, .bad_gradient = gradient});
      const double before = now(p);
      const br_status status = run(p, 100);
      if (gradient) { /* a gradient that is not finite pulls at nothing, f alone holds steps back */
        CHECK(status == BR_STALLED || status == BR_OK);
        CHECK(now(p) <= before && p->target.refused > 0);
        continue;
      }
      CHECK(status == BR_STALLED);
      CHECK(p->target.batches <= (size_t)after + 41);
      CHECK(p->target.refused == (p->target.batches - after) * p->sample.n);
      CHECK(after == 1 ? now(p) == before : now(p) < before - 0.1);
    }
}

static void test_failures(void) {
  static const br_status statuses[] = {BR_TARGET_FAILED, BR_INTERRUPTED};
  for (int k = 0; k < 2; k++)
    for (int at = 1; at <= 4; at++) {
      problem *p = wide((law){.fail_at = at, .failure = statuses[k]});
      const double before = now(p);
      CHECK(run(p, 100) == statuses[k]);
      CHECK(at <= 2 ? now(p) == before : now(p) < before - 0.1);
      CHECK(br_mirror_prepare(&p->m) == statuses[k]);
      CHECK(p->law->asked == at); /* and not again */
    }
}

static void test_level(void) {
  test_derivatives(1, -1, 70);
  test_derivatives(2, -1, 90);
  test_derivatives(3, 2, 600); /* more than one piece */
  test_derivatives(5, -1, 40);
  for (int d = 1; d <= 3; d++) {
    test_hessian(d);
    test_explicit(d);
  }
  test_components();
  test_walls();
  test_refusals();
  test_failures();
}

int main(void) {
  heap_each_setting(test_level);
  return CHECK_DONE();
}
