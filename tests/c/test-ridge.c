/* The ridge family: value, map and Hessian against plain formulas and against each other by
 * differences; what adding, keeping and loading terms does; barrier, dual and bounds. */
#include "../../src/linalg.h"
#include "naive.h"

#define ROUNDING 1e-12 /* some 100 terms near 1, condition numbers near 10 */

static double barrier_value(br_potential *u) {
  double value = NAN;
  u->family->prepare(u);
  CHECK(u->family->barrier(u, 1, &value, NULL, NULL, 0) == BR_OK);
  return value;
}

/* br_potential_eval() against the plain formulas. 1001 points are many blocks, the last not full,
 * and enough work for two threads. */
static void test_eval(int d, int extra, int n_atoms) {
  enum { n = 1001 };
  uint64_t seed = (uint64_t)(d + 100 * n_atoms);
  const br_potential u = naive_potential(&seed, d, extra, n_atoms, 0.05);
  const br_sample sample = naive_sample(&seed, n, d, 0);
  double *map = br_take(&heap, (size_t)n * d), *logdet = br_take(&heap, n), *value;
  double maps = 0, logdets = 0, values = 0;
  value = br_take(&heap, n);
  CHECK(br_potential_eval(&u, &sample, map, logdet, value, &heap) == BR_OK);
  for (size_t i = 0; i < n; i += i < 3 || i > n - 5 ? 1 : 13) {
    double x[NAIVE_D], T[NAIVE_D], H[NAIVE_D * NAIVE_D];
    naive_point(&sample, i, x);
    values = larger(values, apart(value[i], naive_u(&u, x, T, H)));
    for (int k = 0; k < d; k++) maps = larger(maps, apart(map[(size_t)k * n + i], T[k]));
    logdets = larger(logdets, apart(logdet[i], naive_invert(d, H)));
  }
  CHECK_NEAR(maps, 0, ROUNDING);
  CHECK_NEAR(logdets, 0, ROUNDING * d);
  CHECK_NEAR(values, 0, ROUNDING);
  /* each output alone, and other thread counts, give the same bits */
  double *again = br_take(&heap, (size_t)n * d);
  const int limit = br_threads_limit();
  br_threads_set(3 - limit);
  br_potential_eval(&u, &sample, again, NULL, NULL, &heap);
  CHECK(memcmp(map, again, (size_t)n * d * sizeof(double)) == 0);
  br_potential_eval(&u, &sample, NULL, again, NULL, &heap);
  CHECK(memcmp(logdet, again, n * sizeof(double)) == 0);
  br_potential_eval(&u, &sample, NULL, NULL, again, &heap);
  CHECK(memcmp(value, again, n * sizeof(double)) == 0);
  br_threads_set(limit);
}

/* The map is the gradient of the value and log det is that of its Jacobian. */
static void test_derivatives(int d) {
  const double h = 1e-4;
  uint64_t seed = (uint64_t)d;
  const br_potential u = naive_potential(&seed, d, -1, 6, 0.05);
  const int n = 1 + 2 * d;
  double *x = br_take(&heap, (size_t)n * d), *map = br_take(&heap, (size_t)n * d), logdet[32];
  double value[32], J[NAIVE_D * NAIVE_D], centre[NAIVE_D];
  for (int k = 0; k < d; k++) centre[k] = heap_normal(&seed);
  for (int k = 0; k < d; k++)
    for (int i = 0; i < n; i++)
      x[k * n + i] = centre[k] + (i == 1 + 2 * k ? h : i == 2 + 2 * k ? -h : 0);
  const br_sample points = {(size_t)n, d, x, NULL};
  br_potential_eval(&u, &points, map, logdet, value, &heap);
  /* h^2 times a third derivative of u below 30, and the rounding of u up to 10 over h */
  for (int k = 0; k < d; k++) {
    CHECK_NEAR((value[1 + 2 * k] - value[2 + 2 * k]) / (2 * h), map[k * n], 1e-7);
    for (int i = 0; i < d; i++)
      J[i * d + k] = (map[i * n + 1 + 2 * k] - map[i * n + 2 + 2 * k]) / (2 * h);
  }
  for (int i = 0; i < d; i++)
    for (int k = 0; k < i; k++) CHECK_NEAR(J[i * d + k], J[k * d + i], 2e-6);
  CHECK_NEAR(naive_invert(d, J), logdet[0], 1e-5);
}

static void test_make(void) {
  br_potential u;
  br_ridge_make(&u, 3, 0, 6, 2, 0.1, &heap);
  const br_ridge *r = u.self;
  CHECK(u.d == 3 && u.n_coef == 6 && r->n_quadratic == 3 && r->n_atoms == 0);
  CHECK(br_ridge_first_atom(&u) == 6 && u.family->n_linear(&u) == 3);
  CHECK(strcmp(u.family->name, "ridge") == 0);
  u.family->prepare(&u);
  const double x[3] = {1, -2, 0.5};
  double T[3];
  CHECK(naive_u(&u, x, T, NULL) == 0.5 * (1 + 4 + 0.25));
  CHECK(T[0] == 1 && T[1] == -2 && T[2] == 0.5);
  CHECK(r->Q[0] == 1 && r->Q[1] == 0 && r->Q[2] == 1 && r->Q[3] == 0 && r->Q[5] == 1);
}

/* A quadratic direction added after atoms stands before them; one that is there is merged, also
 * with the other sign. */
static void test_add(void) {
  br_potential u;
  const double w[2] = {0.6, 0.8}, minus[2] = {-0.6, -0.8}, v[2] = {-0.8, 0.6};
  br_ridge_make(&u, 2, 0, 4, 3, 0.1, &heap);
  const br_ridge *r = u.self;
  br_ridge_add_atom(&u, BR_STEP, v, 0.5, 0.25, 7);
  u.frozen[4] = 1;
  br_ridge_add_quadratic(&u, w, 2);
  br_ridge_add_atom(&u, BR_BUMP, w, -1, 3, 8);
  br_ridge_add_quadratic(&u, v, 3);
  CHECK(u.n_coef == 8 && r->n_quadratic == 4 && r->n_atoms == 2 && br_ridge_first_atom(&u) == 6);
  br_ridge_add_quadratic(&u, minus, 0.5);
  CHECK(u.n_coef == 8 && r->n_quadratic == 4);
  CHECK(u.coef[4] == 2.5 && u.coef[5] == 3 && u.coef[6] == 7 && u.coef[7] == 8);
  CHECK(r->dir[8] == 0.6 && r->dir[9] == 0.8 && r->dir[10] == -0.8 && r->dir[11] == 0.6);
  CHECK(r->dir[12] == -0.8 && r->centre[6] == 0.5 && r->width[6] == 0.25);
  CHECK(r->profile[6] == BR_STEP && r->profile[7] == BR_BUMP);
  CHECK(u.frozen[6] && !u.frozen[4] && !u.frozen[5] && !u.frozen[7]);
  CHECK(r->dir[14] == 0.6 && r->centre[7] == -1 && r->width[7] == 3);
  u.family->prepare(&u); /* Q = I + 2.5 ww' + 3 vv' */
  CHECK_NEAR(r->Q[0], 1 + 2.5 * 0.36 + 3 * 0.64, 1e-15);
  CHECK_NEAR(r->Q[1], 2.5 * 0.48 - 3 * 0.48, 1e-15);
  CHECK_NEAR(r->Q[2], 1 + 2.5 * 0.64 + 3 * 0.36, 1e-15);
}

/* Dropping atoms leaves the others; loading what a potential holds gives that potential. */
static void test_keep_load(void) {
  enum { d = 3, atoms = 5 };
  uint64_t seed = 3;
  br_potential u = naive_potential(&seed, d, -1, atoms, 0.1), same, dropped;
  const br_ridge *r = u.self;
  const double x[d] = {0.3, -1, 2};
  const int keep[atoms] = {1, 0, 0, 1, 1}, first = br_ridge_first_atom(&u);
  br_ridge_make(&same, d, 0, 6, atoms, 0.1, &heap);
  br_ridge_load(&same, 6, atoms, r->dir + d * d, r->profile + d, r->centre + d, r->width + d,
                u.coef);
  CHECK(same.n_coef == u.n_coef && naive_u(&same, x, NULL, NULL) == naive_u(&u, x, NULL, NULL));
  for (int i = 0; i < 6; i++) CHECK(((br_ridge *)same.self)->Q[i] == r->Q[i]);
  double expected = naive_u(&u, x, NULL, NULL);
  for (int j = 0; j < atoms; j++)
    if (!keep[j]) expected -= u.coef[first + j] * naive_at(&u, first + j, x).value;
  u.frozen[first + 4] = 1;
  br_ridge_keep(&u, keep);
  CHECK(u.n_coef == first + 3 && r->n_atoms == 3);
  CHECK_NEAR(naive_u(&u, x, NULL, NULL), expected, ROUNDING);
  CHECK(u.coef[first + 1] == same.coef[first + 3]);
  CHECK(!u.frozen[first] && u.frozen[first + 2]);
  /* fewer directions than there is room for */
  br_ridge_make(&dropped, d, 0, 9, 20, 0.1, &heap);
  br_ridge_load(&dropped, 6, 3, r->dir + d * d, r->profile + d, r->centre + d, r->width + d,
                u.coef);
  CHECK(naive_u(&dropped, x, NULL, NULL) == naive_u(&u, x, NULL, NULL));
  CHECK(br_ridge_first_atom(&dropped) == first);
  const int none[3] = {0, 0, 0};
  br_ridge_keep(&u, none);
  CHECK(u.n_coef == first && r->n_atoms == 0);
}

/* Gradient by differences of the value, Hessian by differences of the gradient. */
static void test_barrier(int d, int extra) {
  const double h = 1e-5, beta = 0.3;
  uint64_t seed = (uint64_t)d;
  br_potential u = naive_potential(&seed, d, extra, 4, 0.2);
  const int p = u.n_coef, first = br_ridge_first_atom(&u), ldh = p + 3;
  double *g = br_take(&heap, p), *H = br_take(&heap, (size_t)p * ldh), value, Q[NAIVE_D * NAIVE_D];
  double *sides = br_take(&heap, (size_t)2 * p), gradients = 0, hessians = 0;
  for (int j = 0; j < p; j++) g[j] = H[j * ldh + j] = 1; /* barrier() adds */
  CHECK(u.family->barrier(&u, beta, &value, g, H, ldh) == BR_OK);
  const br_ridge *r = u.self;
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++)
      Q[i * d + j] = r->Q[i >= j ? BR_PACKED(i, j) : BR_PACKED(j, i)] - (i == j) * r->kappa;
  double expected = -naive_invert(d, Q);
  for (int j = first; j < p; j++) expected -= log(u.coef[j]);
  CHECK_NEAR(value, expected, ROUNDING);
  CHECK_NEAR(barrier_value(&u), expected, ROUNDING);
  CHECK(u.family->barrier_parameter(&u) == 4 + d);
  for (int j = 0; j < p; j++) {
    const double coef = u.coef[j];
    double ends[2];
    memset(sides, 0, (size_t)2 * p * sizeof(double));
    for (int side = 0; side <= 1; side++) {
      u.coef[j] = coef + (side ? h : -h);
      ends[side] = barrier_value(&u);
      u.family->barrier(&u, beta, NULL, sides + side * p, NULL, 0);
    }
    u.coef[j] = coef;
    /* h^2 times third and fourth derivatives: coefficients from 0.1 on give up to 1e-6 */
    gradients = larger(gradients, apart(beta * (ends[1] - ends[0]) / (2 * h), g[j] - 1));
    for (int l = 0; l < p; l++) {
      const double entry = l < j ? H[l * ldh + j] : H[j * ldh + l];
      const double difference = (sides[p + l] - sides[l]) / (2 * h);
      hessians = larger(hessians, apart(difference, entry - (l == j)));
    }
  }
  CHECK_NEAR(gradients, 0, 1e-6);
  CHECK_NEAR(hessians, 0, 1e-6);
}

static void test_outside(void) {
  uint64_t seed = 8;
  br_potential u = naive_potential(&seed, 2, -1, 2, 0.5);
  const int first = br_ridge_first_atom(&u);
  double value, step[16] = {0};
  step[0] = -100; /* linear coefficients have no sign, quadratic ones may grow */
  step[2] = step[3] = 1;
  CHECK(isinf(u.family->max_step(&u, step)));
  u.coef[first] = 0.5;
  u.coef[first + 1] = 0.3;
  step[first] = -2;
  step[first + 1] = 1;
  CHECK(u.family->max_step(&u, step) == 0.25);
  step[first + 1] = -3;
  CHECK_NEAR(u.family->max_step(&u, step), 0.1, 1e-16);
  double g[16] = {0};
  CHECK_NEAR(u.family->penalty(&u, 2, g, NULL, 0), 1.6, 1e-15);
  CHECK(g[first] == 2 && g[first + 1] == 2 && g[0] == 0 && g[first - 1] == 0);
  u.coef[first] = 0;
  CHECK(u.family->barrier(&u, 1, &value, NULL, NULL, 0) == BR_ERR_SINGULAR);
  u.coef[first] = 1;
  u.coef[2] = 0.499; /* below kappa */
  u.coef[4] = 0;
  u.family->prepare(&u);
  CHECK(u.family->barrier(&u, 1, &value, NULL, NULL, 0) == BR_ERR_SINGULAR);
  u.coef[2] = 0.501;
  u.family->prepare(&u);
  CHECK(u.family->barrier(&u, 1, &value, NULL, NULL, 0) == BR_OK);
}

/* Along a step that leaves Q >= kappa I, max_step() is half of where: 1e-9 before the border the
 * barrier is finite, 1e-9 behind it is not. */
static void test_max_step(int d, int extra) {
  uint64_t seed = (uint64_t)(3 * d);
  br_potential u = naive_potential(&seed, d, extra, 1, 0.2);
  const int first = br_ridge_first_atom(&u);
  double *step = br_take(&heap, u.n_coef), *coef = br_take(&heap, u.n_coef), value;
  memcpy(coef, u.coef, (size_t)u.n_coef * sizeof(double));
  for (int trial = 0; trial < 5; trial++) {
    for (int j = 0; j < first; j++) /* the trace of Q falls */
      step[j] = j >= d && j < 2 * d ? -1 - heap_uniform(&seed) : heap_normal(&seed) / 4;
    const double most = 2 * u.family->max_step(&u, step);
    CHECK(most > 0 && isfinite(most));
    for (int side = -1; side <= 1; side += 2) {
      for (int j = 0; j < first; j++) u.coef[j] = coef[j] + most * (1 + side * 1e-9) * step[j];
      u.family->prepare(&u);
      const br_status expected = side < 0 ? BR_OK : BR_ERR_SINGULAR;
      CHECK(u.family->barrier(&u, 0, &value, NULL, NULL, 0) == expected);
    }
    memcpy(u.coef, coef, (size_t)u.n_coef * sizeof(double));
    u.family->prepare(&u);
  }
}

/* Primal-dual steps on gradient'coef + beta B, where it is known: theta_j = beta/gradient_j and,
 * with directions that span all symmetric matrices, Q = kappa I + beta G^{-1} for gradients w_k'G
 * w_k. The start is far off, and the multipliers end at gradient_j and G, of which they know
 * nothing. */
static void test_follow(void) {
  enum { d = 3, atoms = 2, p = d + 6 + atoms };
  const double beta = 1e-3, G[9] = {2, 0.5, 0, 0.5, 1, -0.3, 0, -0.3, 0.7};
  uint64_t seed = 31;
  br_potential u = naive_potential(&seed, d, 3, atoms, 0.1);
  const br_ridge *r = u.self;
  double force[p] = {0}, inverse[9];
  CHECK(u.n_coef == p);
  for (int j = d; j < p; j++) {
    const double *w = br_ridge_direction(&u, j);
    for (int i = 0; i < 9 && j < p - atoms; i++) force[j] += w[i / 3] * G[i] * w[i % 3];
    if (j >= p - atoms) force[j] = j - d;
  }
  for (int k = 0; k < 15; k++) {
    double gradient[p], H[p * p] = {0};
    u.family->prepare(&u);
    memcpy(gradient, force, sizeof gradient);
    CHECK(u.family->barrier(&u, beta, NULL, gradient, H, p) == BR_OK);
    for (int j = 0; j < d; j++) H[j * p + j] = 1; /* nothing depends on q */
    for (int j = 0; j < p; j++) gradient[j] *= -1;
    CHECK(br_cholesky(p, H, p) == BR_OK);
    CHECK(br_cholesky_solve(p, 1, H, p, gradient, p) == BR_OK);
    const double t = fmin(1, 0.95 * u.family->max_step(&u, gradient));
    u.family->follow(&u, beta, gradient);
    for (int j = 0; j < p; j++) u.coef[j] += t * gradient[j];
  }
  for (int j = p - atoms; j < p; j++) {
    CHECK_NEAR(u.coef[j] * force[j], beta, 1e-10);
    CHECK_NEAR(r->dual[j], force[j], 1e-8);
  }
  memcpy(inverse, G, sizeof G);
  naive_invert(d, inverse);
  u.family->prepare(&u);
  for (int i = 0; i < d; i++)
    for (int j = 0; j <= i; j++) {
      CHECK_NEAR(r->Q[BR_PACKED(i, j)], 0.1 * (i == j) + beta * inverse[i * d + j], 1e-10);
      CHECK_NEAR(r->dual_Q[i * d + j], G[i * d + j], 1e-7);
    }
}

/* Frozen atoms are no part of barrier, penalty and constraints. */
static void test_frozen(void) {
  uint64_t seed = 21;
  br_potential u = naive_potential(&seed, 2, -1, 3, 0.1);
  const int first = br_ridge_first_atom(&u), p = u.n_coef;
  double g[16] = {0}, slope[16] = {0}, H[256] = {0}, before, after;
  before = barrier_value(&u) + log(u.coef[first + 1]);
  const double sum = u.family->penalty(&u, 2, NULL, NULL, 0) - 2 * u.coef[first + 1];
  u.frozen[first + 1] = 1;
  after = barrier_value(&u);
  CHECK_NEAR(after, before, 1e-14);
  CHECK(u.family->barrier_parameter(&u) == 2 + 2);
  u.family->barrier(&u, 1, NULL, g, H, p);
  CHECK(g[first + 1] == 0 && H[(first + 1) * p + first + 1] == 0);
  CHECK(g[first] != 0 && H[(first + 2) * p + first + 2] != 0);
  memset(g, 0, sizeof g);
  CHECK_NEAR(u.family->penalty(&u, 2, g, NULL, 0), sum, 1e-15);
  CHECK(g[first] == 2 && g[first + 1] == 0 && g[first + 2] == 2);
  /* the dual bound counts its part as it is, of either sign */
  for (int j = 2; j < first; j++) g[j] = 1; /* the gradient of tr Q */
  const double without = u.family->dual_minimum(&u, 0, slope, g);
  CHECK_NEAR(without, 0.1 * 2, 1e-12);
  g[first + 1] = -3;
  CHECK_NEAR(u.family->dual_minimum(&u, 0, slope, g), without - 3 * u.coef[first + 1], 1e-12);
  g[first] = -1e-9;
  CHECK(u.family->dual_minimum(&u, 0, slope, g) == -INFINITY);
}

/* dual_minimum() never exceeds gradient'coef at a feasible point, and reaches its infimum
 * kappa tr Z where the gradient of the quadratic part is that of tr Z Q. */
static void test_dual(int d, int extra) {
  const double beta = 0.07, kappa = 0.2;
  uint64_t seed = (uint64_t)(7 * d + 1);
  br_potential u = naive_potential(&seed, d, extra, 3, kappa);
  const br_ridge *r = u.self;
  const int p = u.n_coef, first = br_ridge_first_atom(&u);
  double Z[NAIVE_D * NAIVE_D], trace = 0, *g = br_take(&heap, p), *slope = br_take(&heap, p);
  double *given = br_take(&heap, p);
  for (int i = 0; i < d; i++)
    for (int j = 0; j < d; j++)
      Z[i * d + j] = r->Q[i >= j ? BR_PACKED(i, j) : BR_PACKED(j, i)] - (i == j) * kappa;
  naive_invert(d, Z);
  for (int i = 0; i < d * d; i++) Z[i] *= beta;
  for (int i = 0; i < d; i++) trace += Z[i * d + i];
  for (int j = 0; j < p; j++) {
    const double *w = naive_direction(&u, j);
    if (j < d) g[j] = heap_normal(&seed); /* the mean c of the map */
    slope[j] = j < d ? 1 : heap_normal(&seed);
    double Zw[NAIVE_D];
    for (int i = 0; i < d; i++) Zw[i] = naive_dot(d, Z + i * d, w);
    if (j >= d) g[j] = j < first ? naive_dot(d, w, Zw) : heap_between(&seed, 0, 1);
    given[j] = g[j];
    if (j >= d) g[j] += naive_dot(d, g, w) * slope[j]; /* what the mean adds */
  }
  const double bound = u.family->dual_minimum(&u, beta, slope, g);
  CHECK_NEAR(bound, kappa * trace, ROUNDING);
  for (int j = d; j < p; j++) CHECK_NEAR(g[j], given[j], ROUNDING);
  for (int j = first; j < p; j++) g[j] = given[j] = -1e-9; /* unbounded along an atom */
  memset(slope, 0, (size_t)p * sizeof(double));
  CHECK(u.family->dual_minimum(&u, beta, slope, g) == -INFINITY);
  /* any gradient: a bound wherever it is finite, and finite close to the centre */
  int finite = 0;
  for (int trial = 0; trial < 20; trial++) {
    for (int j = 0; j < p; j++)
      g[j] = j < d ? 0 : j < first ? given[j] * heap_between(&seed, 0.9, 1.1) : heap_uniform(&seed);
    double *before = br_take(&heap, p);
    memcpy(before, g, (size_t)p * sizeof(double));
    const double lowest = u.family->dual_minimum(&u, beta, slope, g);
    finite += isfinite(lowest);
    for (int k = 0; k < 20; k++) {
      br_potential v = naive_potential(&seed, d, extra < 0 ? -1 : 0, 0, kappa);
      double value;
      if (v.family->barrier(&v, 0, &value, NULL, NULL, 0) != BR_OK) continue;
      double product = 0; /* atoms at 0; the same quadratic features come first */
      for (int j = d; j < v.n_coef; j++) product += before[j] * v.coef[j];
      CHECK(lowest <= product);
    }
  }
  CHECK(finite > 0);
}

/* Q = H diag(values) H with a reflection H has those eigenvalues. */
static void test_min_eigenvalue(int d) {
  uint64_t seed = (uint64_t)d;
  br_potential u;
  double h[NAIVE_D], smallest = INFINITY;
  br_ridge_make(&u, d, 0, d * (d + 1), 0, 0, &heap);
  naive_unit(&seed, d, h);
  for (int k = 0; k < d; k++) u.coef[d + k] = 0;
  for (int k = 0; k < d; k++) {
    double w[NAIVE_D];
    const double value = heap_between(&seed, 0.1, 3);
    for (int i = 0; i < d; i++) w[i] = (i == k) - 2 * h[i] * h[k];
    br_ridge_add_quadratic(&u, w, value);
    smallest = fmin(smallest, value);
  }
  u.family->prepare(&u);
  CHECK_NEAR(u.family->min_eigenvalue(&u), smallest, 1e-13 * d);
}

/* Far beyond the data, too, (T(x) - T(y))'(x - y) >= lambda |x - y|^2. */
static void test_strong_convexity(void) {
  enum { d = 3, n = 400 };
  uint64_t seed = 99;
  br_potential u = naive_potential(&seed, d, -1, 20, 0.05);
  double *x = br_take(&heap, n * d), *map = br_take(&heap, n * d), *logdet = br_take(&heap, n);
  for (int i = 0; i < n * d; i++) x[i] = heap_normal(&seed) * exp(heap_between(&seed, -2, 14));
  const br_sample points = {n, d, x, NULL};
  const double lambda = u.family->min_eigenvalue(&u);
  CHECK(lambda > ((br_ridge *)u.self)->kappa);
  br_potential_eval(&u, &points, map, logdet, NULL, &heap);
  for (int i = 1; i < n; i++) {
    double product = 0, square = 0;
    for (int k = 0; k < d; k++) {
      const double step = x[k * n + i] - x[k * n + i - 1];
      product += step * (map[k * n + i] - map[k * n + i - 1]);
      square += step * step;
    }
    CHECK(product >= lambda * square * (1 - 1e-12)); /* rounding of T */
    CHECK(logdet[i] >= d * log(lambda));
  }
}

static void test_setting(void) {
  test_eval(1, -1, 4);
  test_eval(2, -1, 0);
  test_eval(5, -1, 9);
  test_eval(13, 4, 3);
  test_eval(50, 2, 5);
  test_derivatives(1);
  test_derivatives(2);
  test_derivatives(6);
  test_make();
  test_add();
  test_keep_load();
  test_barrier(1, -1);
  test_barrier(3, -1);
  test_barrier(6, 3);
  test_outside();
  test_max_step(1, -1);
  test_max_step(3, -1);
  test_max_step(5, 2);
  test_follow();
  test_frozen();
  test_dual(1, -1);
  test_dual(3, -1);
  test_dual(5, 2);
  test_min_eigenvalue(2);
  test_min_eigenvalue(7);
  test_min_eigenvalue(40);
  test_strong_convexity();
}

int main(void) {
  heap_each_setting(test_setting);
  return CHECK_DONE();
}
