/* Regressions: their kernels against the functions of libm, log posteriors against densities
 * written out in long double, gradients against differences of these; and what threads, blocks and
 * affine coordinates may not change. */
#include "../../src/glm.h"
#include "heap.h"

enum { P = 3, N = 150, D = P + 1, POINTS = 70 };

/* --- kernels ------------------------------------------------------------------------- */

static double relative(double a, double b) {
  return a == b ? 0 : fabs(a - b) / fmax(fabs(b), 1e-300);
}

static void test_functions(void) {
  enum { count = 4000 };
  static double t[count], e[count], value[count], slope[count];
  for (int i = 0; i < count; i++) t[i] = (i % 2 ? 708.0 : 3.0) * (2.0 * i / count - 1);
  br_simd()->exponential(count, t, e);
  br_simd()->log1pexp(count, t, value, slope);
  double exp_error = 0, value_error = 0, slope_error = 0;
  for (int i = 0; i < count; i++) {
    const long double x = t[i], y = expl(-fabsl(x));
    exp_error = fmax(exp_error, relative(e[i], (double)expl(x)));
    value_error = fmax(value_error, relative(value[i], (double)(fmaxl(x, 0) + log1pl(y))));
    slope_error = fmax(slope_error, relative(slope[i], (double)((x > 0 ? 1 : y) / (1 + y))));
  }
  CHECK_NEAR(exp_error, 0, 5e-16);
  CHECK_NEAR(value_error, 0, 1e-15);
  CHECK_NEAR(slope_error, 0, 1e-15);

  double odd[8] = {-INFINITY, INFINITY, NAN, 0, 800, -800, 709.5, -0.0}, out[8], by[8];
  br_simd()->exponential(8, odd, out);
  CHECK(out[0] == 0 && out[1] == INFINITY && isnan(out[2]) && out[3] == 1);
  CHECK(out[4] == INFINITY && out[5] == 0 && out[6] == INFINITY && out[7] == 1);
  br_simd()->log1pexp(8, odd, out, by);
  CHECK(out[0] == 0 && by[0] == 0 && out[1] == INFINITY && by[1] == 1 && isnan(out[2]));
  CHECK(by[3] == 0.5 && out[4] == 800 && out[5] == 0);
}

static void test_multiply(int rows, int inner, int n) {
  const int ld = n + 4;
  uint64_t seed = (uint64_t)(rows * 100 + inner * 10 + n);
  double *a = br_take(&heap, (size_t)(rows * inner)), *b = br_take(&heap, (size_t)(inner * ld));
  double *c = br_take(&heap, (size_t)(rows * ld)), *turned = br_take(&heap, (size_t)(rows * ld));
  double *across = br_take(&heap, (size_t)(rows * inner)), error = 0;
  for (int i = 0; i < rows * inner; i++) a[i] = heap_normal(&seed);
  for (int i = 0; i < inner * ld; i++) b[i] = heap_normal(&seed);
  for (int i = 0; i < rows * ld; i++) c[i] = turned[i] = i;
  for (int r = 0; r < rows; r++)
    for (int k = 0; k < inner; k++) across[k * rows + r] = a[r * inner + k];
  br_simd()->multiply(rows, inner, n, ld, a, (size_t)inner, 1, b, c);
  br_simd()->multiply(rows, inner, n, ld, across, 1, (size_t)rows, b, turned);
  for (int r = 0; r < rows; r++)
    for (int l = 0; l < ld; l++) {
      long double sum = r * ld + l;
      for (int k = 0; k < inner && l < n; k++) sum += (long double)a[r * inner + k] * b[k * ld + l];
      error = fmax(error, fabs((double)(c[r * ld + l] - sum)) / (1 + r * ld + l));
      error = fmax(error, fabs(c[r * ld + l] - turned[r * ld + l]));
    }
  CHECK_NEAR(error, 0, 1e-14);
}

/* --- log posteriors -------------------------------------------------------------------- */

typedef struct {
  const char *name;
  br_glm glm;
  double X[P * N], y[N], size[N], w[N], total[N], weight[N], offset[N];
  double location[D], scale[D], df[D];
  int kind[D];
} model;

static long double log_choose(long double n, long double k) {
  return lgammal(n + 1) - lgammal(k + 1) - lgammal(n - k + 1);
}

/* Of one response, in full. */
static long double log_density(const model *m, int i, long double eta, long double a) {
  const long double y = m->y[i], size = m->size[i];
  if (strcmp(m->name, "gaussian(identity)") == 0)
    return -0.5L * (y - eta) * (y - eta) / (a * a) - logl(a) - 0.5L * logl(2 * acosl(-1));
  if (strcmp(m->name, "poisson(log)") == 0) return y * eta - expl(eta) - lgammal(y + 1);
  if (strcmp(m->name, "negative_binomial(log)") == 0)
    return lgammal(y + a) - lgammal(a) - lgammal(y + 1) + a * logl(a / (a + expl(eta))) +
           y * (eta - logl(a + expl(eta)));
  if (strcmp(m->name, "Gamma(log)") == 0)
    return a * logl(a) - lgammal(a) + (a - 1) * logl(y) - a * eta - a * y * expl(-eta);
  long double p = 1 / (1 + expl(-eta)), q = 1 / (1 + expl(eta));
  if (strcmp(m->name, "binomial(probit)") == 0) {
    p = 0.5L * erfcl(-eta / sqrtl(2));
    q = 0.5L * erfcl(eta / sqrtl(2));
  } else if (strcmp(m->name, "binomial(cloglog)") == 0) {
    p = -expm1l(-expl(eta));
    q = expl(-expl(eta));
  }
  return log_choose(size, y) + (y > 0 ? y * logl(p) : 0) + (y < size ? (size - y) * logl(q) : 0);
}

static long double log_prior(const model *m, int k, long double x) {
  const long double s = m->scale[k], z = (x - m->location[k]) / s, df = m->df[k];
  switch (m->kind[k]) {
  case BR_PRIOR_NORMAL: return -z * z / 2;
  case BR_PRIOR_STUDENT_T: return -(df + 1) / 2 * logl(1 + z * z / df);
  case BR_PRIOR_LAPLACE: return -fabsl(z);
  case BR_PRIOR_EXPONENTIAL: return -z;
  default: return 0;
  }
}

static long double naive_log(const model *m, const long double *theta) {
  const int has_aux = m->glm.family->has_aux;
  const long double a = has_aux ? expl(theta[P]) : 1;
  long double sum = has_aux ? theta[P] + log_prior(m, P, a) : 0;
  for (int k = 0; k < P; k++) sum += log_prior(m, k, theta[k]);
  for (int i = 0; i < N; i++) {
    long double eta = m->offset[i];
    for (int k = 0; k < P; k++) eta += theta[k] * m->X[i * P + k];
    sum += m->w[i] * log_density(m, i, eta, a);
  }
  return sum;
}

static long double naive_slope(const model *m, const long double *theta, int k) {
  const long double h = 1e-4L;
  const int steps[4] = {1, -1, 2, -2};
  const long double factor[4] = {8, -8, -1, 1};
  long double sum = 0, at[D];
  for (int s = 0; s < 4; s++) {
    memcpy(at, theta, sizeof at);
    at[k] += steps[s] * h;
    sum += factor[s] * naive_log(m, at);
  }
  return sum / (12 * h);
}

static model *make(const char *name, int prior, double far) {
  model *m = heap_alloc(NULL, sizeof *m);
  uint64_t seed = (uint64_t)(prior + 7);
  memset(m, 0, sizeof *m);
  m->name = name;
  br_glm *g = &m->glm;
  g->family = br_glm_family_named(name);
  for (int i = 0; i < N; i++) {
    m->X[i * P] = 1;
    for (int k = 1; k < P; k++) m->X[i * P + k] = far * heap_normal(&seed);
    const int binomial = strncmp(name, "binomial", 8) == 0;
    m->size[i] = binomial ? 1 + i % 4 : 1;
    m->y[i] = binomial ? i % (int)(m->size[i] + 1) : floor(40 * pow(heap_uniform(&seed), 3));
    if (strcmp(name, "Gamma(log)") == 0) m->y[i] += 0.5;
    m->w[i] = 1 + (i % 3 == 0);
    m->offset[i] = strcmp(name, "gaussian(identity)") == 0 ? 0 : heap_normal(&seed) / 4;
    m->total[i] = m->w[i] * m->y[i];
    m->weight[i] = m->w[i] * m->size[i];
    g->mass += m->w[i];
    if (strcmp(name, "Gamma(log)") == 0) g->sum += m->w[i] * log(m->y[i]);
    const long double y = m->y[i];
    g->constant +=
        m->w[i] * (double)(strncmp(name, "binomial", 8) == 0         ? log_choose(m->size[i], y)
                           : strcmp(name, "gaussian(identity)") == 0 ? -0.5L * logl(2 * acosl(-1))
                           : strcmp(name, "Gamma(log)") == 0         ? 0
                                                                     : -lgammal(y + 1));
  }
  for (int k = 0; k < D; k++) {
    m->kind[k] = k < P ? prior : BR_PRIOR_EXPONENTIAL;
    m->location[k] = k < P ? 0.3 * k : 0;
    m->scale[k] = 0.7 + k;
    m->df[k] = 3;
  }
  g->p = P;
  g->n = N;
  g->X = m->X;
  g->total = m->total;
  g->weight = m->weight;
  g->offset = m->offset;
  g->n_levels = N; /* each response a level of its own */
  g->level = m->y;
  g->level_weight = m->w;
  g->prior = (br_glm_prior){m->kind, m->location, m->scale, m->df};
  return m;
}

static void test_model(const char *name, int prior, double far, double tolerance) {
  model *m = make(name, prior, far);
  br_glm_target self;
  br_target target = br_glm_target_make(&self, &m->glm, &heap);
  const int d = target.d;
  uint64_t seed = 5;
  double x[D * POINTS], f[POINTS], gradient[D * POINTS], alone[POINTS];
  for (int i = 0; i < d * POINTS; i++) x[i] = heap_normal(&seed) / 2;
  CHECK(target.eval(target.ctx, POINTS, x, f, gradient) == BR_OK);
  CHECK(target.eval(target.ctx, POINTS, x, alone, NULL) == BR_OK);
  double error = 0, slope_error = 0;
  for (int i = 0; i < POINTS; i++) {
    long double theta[D];
    for (int k = 0; k < d; k++) theta[k] = x[k * POINTS + i];
    const double value = (double)-naive_log(m, theta);
    error = fmax(error, fabs(f[i] - value) / (1 + fabs(value)));
    CHECK(f[i] == alone[i]);
    for (int k = 0; k < d && i % 10 == 0; k++) {
      const double slope = (double)-naive_slope(m, theta, k);
      slope_error = fmax(slope_error, fabs(gradient[k * POINTS + i] - slope) / (1 + fabs(slope)));
    }
  }
  CHECK_NEAR(error, 0, tolerance);
  CHECK_NEAR(slope_error, 0, 1e-9);
}

/* Threads, the points beside it, and the batch that it is in do not change a value. */
static void test_blocks(void) {
  enum { many = 2000 };
  model *m = make("binomial(logit)", BR_PRIOR_NORMAL, 1);
  const int before = br_threads_limit();
  double *x = br_take(&heap, P * many), *f[2], *gradient[2], one[P], value, slope[P];
  uint64_t seed = 3;
  for (int i = 0; i < P * many; i++) x[i] = heap_normal(&seed);
  for (int t = 0; t < 2; t++) {
    br_glm_target self;
    br_threads_set(1 + 3 * t);
    br_target target = br_glm_target_make(&self, &m->glm, &heap);
    f[t] = br_take(&heap, many);
    gradient[t] = br_take(&heap, P * many);
    target.eval(target.ctx, many, x, f[t], gradient[t]);
    for (int k = 0; k < P; k++) one[k] = x[k * many + 77];
    target.eval(target.ctx, 1, one, &value, slope);
    CHECK(value == f[t][77] && slope[1] == gradient[t][many + 77]);
  }
  CHECK(memcmp(f[0], f[1], many * sizeof(double)) == 0);
  CHECK(memcmp(gradient[0], gradient[1], P * many * sizeof(double)) == 0);
  br_threads_set(before);
}

/* Coordinates w of x = center + root w. */
static void test_affine(void) {
  model *m = make("gaussian(identity)", BR_PRIOR_STUDENT_T, 1);
  br_glm_target self;
  br_affine affine;
  br_target inner = br_glm_target_make(&self, &m->glm, &heap);
  uint64_t seed = 9;
  double center[D], root[D * D], w[D * 5], x[D * 5], f[5], g[5], by_w[D * 5], by_x[D * 5];
  for (int k = 0; k < D; k++) center[k] = heap_normal(&seed) / 4;
  for (int k = 0; k < D * D; k++) root[k] = k % 5 == 2 ? 0 : heap_normal(&seed) / 4;
  for (int i = 0; i < D * 5; i++) w[i] = heap_normal(&seed);
  for (int i = 0; i < 5; i++)
    for (int k = 0; k < D; k++) {
      x[k * 5 + i] = center[k];
      for (int l = 0; l < D; l++) x[k * 5 + i] += root[k + l * D] * w[l * 5 + i];
    }
  br_target target = br_target_affine(&affine, &inner, center, root, &heap);
  size_t refused;
  CHECK(br_target_eval(&target, 5, w, f, by_w, &refused) == BR_OK && refused == 0);
  CHECK(br_target_eval(&target, 5, w, f, NULL, &refused) == BR_OK);
  CHECK(target.batches == 2 && target.points == 10 && target.gradients == 5);
  inner.eval(inner.ctx, 5, x, g, by_x);
  for (int i = 0; i < 5; i++) {
    CHECK_NEAR(f[i], g[i], 1e-9 * fabs(g[i]));
    for (int l = 0; l < D; l++) {
      double sum = 0;
      for (int k = 0; k < D; k++) sum += root[k + l * D] * by_x[k * 5 + i];
      CHECK_NEAR(by_w[l * 5 + i], sum, 1e-9 * (1 + fabs(sum)));
    }
  }
}

static void test_level(void) {
  static const char *names[] = {"gaussian(identity)", "binomial(logit)", "binomial(probit)",
                                "binomial(cloglog)",  "poisson(log)",    "negative_binomial(log)",
                                "Gamma(log)"};
  test_functions();
  for (int rows = 1; rows <= 9; rows++) test_multiply(rows, 10 - rows, rows % 2 ? 20 : 64);
  for (int k = 0; k < 7; k++) test_model(names[k], 1 + k % 3, 1, 1e-14);
  test_model("binomial(probit)", BR_PRIOR_FLAT, 12, 1e-14); /* far in both tails */
  test_model("binomial(logit)", BR_PRIOR_FLAT, 40, 1e-14);
  test_blocks();
  test_affine();
}

int main(void) {
  heap_each_level(test_level);
  CHECK(br_glm_family_named("poisson(sqrt)") == NULL);
  heap_free();
  return CHECK_DONE();
}
