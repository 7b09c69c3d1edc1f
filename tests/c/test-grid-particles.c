/* Particles of the flow on a grid: their drift and diffusion against formulas, their steps against
 * arithmetic, and draws from Sinkhorn's plans against running sums. */
#include "../../src/grid_particles.h"
#include "../../src/sinkhorn_cycles.h"
#include "heap.h"

/* On the unit square to [0, 2] x [0, 1/2], with log densities and w that are smooth: with C = cos
 * pi x_1 cos pi x_2 times c, D^2 w is -pi^2 times (C, -S; -S, C) for S = c sin pi x_1 sin pi x_2.
 */
static const double c = 0.01, pi = 3.14159265358979323846;

static double log_mu(const double *x) { return 0.3 * x[0] + 0.5 * sin(2 * x[1]) * x[0]; }

static void hessian_inverse(const double *x, double *a) {
  const double even = c * cos(pi * x[0]) * cos(pi * x[1]);
  const double odd = c * sin(pi * x[0]) * sin(pi * x[1]);
  const double h[3] = {2 - pi * pi * even, pi * pi * odd, 0.5 - pi * pi * even};
  const double det = h[0] * h[2] - h[1] * h[1];
  a[0] = h[2] / det;
  a[1] = -h[1] / det;
  a[2] = h[0] / det;
}

/* div A + A grad log mu by differences of the formulas. */
static void exact_drift(const double *x, double *out) {
  const double step = 1e-5;
  double a[3];
  hessian_inverse(x, a);
  out[0] = out[1] = 0;
  for (int l = 0; l < 2; l++) {
    double up[2] = {x[0], x[1]}, down[2] = {x[0], x[1]}, high[3], low[3];
    up[l] += step;
    down[l] -= step;
    hessian_inverse(up, high);
    hessian_inverse(down, low);
    const double rise = (log_mu(up) - log_mu(down)) / (2 * step);
    for (int k = 0; k < 2; k++) out[k] += a[k + l] * rise + (high[k + l] - low[k + l]) / (2 * step);
  }
}

static double drift_error(int n, double *root_error) {
  const int cells[] = {n, n};
  const double zero[] = {0, 0}, one[] = {1, 1}, end[] = {2, 0.5};
  br_grid x, y;
  br_grid_make(&x, 2, cells, zero, one, 0);
  br_grid_make(&y, 2, cells, zero, end, 0);
  double *mu = br_take(&heap, x.cells), *nu = br_take(&heap, y.cells);
  double *w = br_grid_field(&x, &heap);
  double at[2];
  for (int j = 0; j < n; j++)
    for (int i = 0; i < n; i++) {
      const size_t cell = (size_t)j * (size_t)n + (size_t)i;
      at[0] = br_grid_centre(&x, 0, i);
      at[1] = br_grid_centre(&x, 1, j);
      mu[cell] = exp(log_mu(at));
      nu[cell] = 1 + at[0];
      w[br_grid_row(&x, j) + (size_t)i] = c * cos(pi * at[0]) * cos(pi * at[1]);
    }
  br_pma p;
  br_pma_make(&p, &x, &y, &heap);
  br_pma_load(&p, mu, nu);
  CHECK(br_pma_evaluate(&p, w, 1).convex);
  double *fields = br_take(&heap, 5 * x.cells), error = 0, a[3], drift[2];
  br_particle_drift(&p, 1, fields);
  *root_error = 0;
  for (int j = 0; j < n; j++)
    for (int i = 0; i < n; i++) {
      const double *f = fields + 5 * ((size_t)j * n + i);
      at[0] = br_grid_centre(&x, 0, i);
      at[1] = br_grid_centre(&x, 1, j);
      exact_drift(at, drift);
      hessian_inverse(at, a);
      error = fmax(error, fmax(fabs(f[0] - drift[0]), fabs(f[1] - drift[1])));
      *root_error = fmax(*root_error, fabs(f[2] * f[2] - a[0]));
      *root_error = fmax(*root_error, fabs(f[2] * f[3] - a[1]));
      *root_error = fmax(*root_error, fabs(f[3] * f[3] + f[4] * f[4] - a[2]));
    }
  /* without noise -A grad r, by differences of the r that the flow has */
  CHECK(br_pma_evaluate(&p, w, 1).convex);
  double *r = br_take(&heap, x.total);
  for (size_t i = 0; i < x.total; i++) r[i] = p.r[i];
  br_particle_drift(&p, 0, fields);
  const int i = n / 3, j = n / 4;
  const size_t cell = br_grid_row(&x, j) + (size_t)i;
  at[0] = br_grid_centre(&x, 0, i);
  at[1] = br_grid_centre(&x, 1, j);
  hessian_inverse(at, a);
  const double slope[] = {(r[cell + 1] - r[cell - 1]) / (2 * x.step[0]),
                          (r[cell + x.stride[1]] - r[cell - x.stride[1]]) / (2 * x.step[1])};
  const double *f = fields + 2 * ((size_t)j * n + i);
  CHECK_NEAR(f[0], -a[0] * slope[0] - a[1] * slope[1], 20.0 / n / n);
  CHECK_NEAR(f[1], -a[1] * slope[0] - a[2] * slope[1], 20.0 / n / n);
  return error;
}

static void test_drift(void) {
  double coarse_root, fine_root;
  const double coarse = drift_error(32, &coarse_root), fine = drift_error(64, &fine_root);
  CHECK(coarse / fine > 3.5 && fine < 0.01);
  CHECK(coarse_root / fine_root > 3.5 && fine_root < 1e-3);
}

/* One step in a box of one axis whose drift is a + b x and whose A is the square of root. */
static double step_of(int periodic, double from, double a, double b, double root, double normal) {
  enum { N = 8 };
  const int n = N;
  const double lower = -1, upper = 1;
  double fields[2 * N];
  br_particles s = {.noise = 1, .steps = 1, .step = 0.1, .from = fields, .to = fields};
  br_grid_make(&s.x, 1, &n, &lower, &upper, periodic);
  for (int i = 0; i < n; i++) {
    fields[2 * i] = a + b * br_grid_centre(&s.x, 0, i);
    fields[2 * i + 1] = root;
  }
  br_particles_move(&s, 1, &from, &normal);
  return from;
}

static void test_steps(void) {
  const double noise = sqrt(0.2) * 0.5;
  /* order 2 where A is constant: x (1 + h b + h^2 b^2 / 2) and the same of the noise */
  CHECK_NEAR(step_of(0, 0.3, 0, -2, 0.5, 0.4), 0.3 * (1 - 0.2 + 0.02) + noise * 0.4 * (1 - 0.1),
             1e-14);
  /* beyond the outermost centre the fields go on */
  CHECK_NEAR(step_of(0, -0.99, 0, -1, 0, 0), -0.99 * (1 - 0.1 + 0.005), 1e-14);
  /* reflected, with the mirrored drift at the predictor; more than once */
  CHECK_NEAR(step_of(0, 0.9, 0, 0, 0.5, 2), 2 - (0.9 + 2 * noise), 1e-14);
  CHECK_NEAR(step_of(0, 0.9, 1, 0, 0.5, 2), 2 - (0.9 + 0.05 - 0.05 + 2 * noise), 1e-14);
  CHECK_NEAR(step_of(0, -0.9, 0, 0, 0.5, -12), -0.9 - 12 * noise + 4, 1e-13);
  /* round the torus */
  CHECK_NEAR(step_of(1, 0.9, 0, 0, 0.5, 2), 0.9 + 2 * noise - 2, 1e-14);
  CHECK_NEAR(step_of(1, -0.9, -2, 0, 0.5, -2), -0.9 - 0.2 - 2 * noise + 2, 1e-14);
  /* never out of the box, whatever comes */
  const double wild = step_of(0, 0.5, 1e300, 1e300, 1, 0);
  CHECK(wild >= -1 && wild <= 1);
}

static void test_time(void) {
  /* drift t in time: the trapezium is exact */
  enum { N = 4 };
  const int n = N;
  const double lower = 0, upper = 1;
  double from[N] = {0}, to[N];
  for (int i = 0; i < n; i++) to[i] = 1;
  br_particles s = {.steps = 5, .step = 0.1, .from = from, .to = to};
  br_grid_make(&s.x, 1, &n, &lower, &upper, 0);
  double at[] = {0.1, 0.6};
  br_particles_move(&s, 2, at, NULL);
  CHECK_NEAR(at[0], 0.1 + 0.25, 1e-14);
  CHECK_NEAR(at[1], 0.6 + 0.25, 1e-14);
}

static void test_draws(void) {
  enum { N = 50, M = 31, D = 2 };
  uint64_t state = 3;
  double x[N * D], y[M * D], log_weight[M], uniform[N];
  int drawn[N], again[N];
  for (int i = 0; i < N * D; i++) x[i] = heap_uniform(&state);
  for (int j = 0; j < M * D; j++) y[j] = heap_uniform(&state);
  for (int j = 0; j < M; j++) log_weight[j] = j % 5 == 0 ? -INFINITY : 300 * heap_uniform(&state);
  for (int i = 0; i < N; i++) uniform[i] = heap_uniform(&state);
  uniform[0] = 0;
  uniform[1] = 1 - 1e-16;
  const double epsilon = 0.02;
  br_threads_set(1);
  br_points_draw(D, N, x, M, y, log_weight, epsilon, uniform, drawn, &heap);
  br_threads_set(3);
  br_points_draw(D, N, x, M, y, log_weight, epsilon, uniform, again, &heap);
  for (int i = 0; i < N; i++) {
    double share[M], total = 0, below = 0;
    for (int j = 0; j < M; j++) {
      double square = 0;
      for (int k = 0; k < D; k++) square += pow(x[k * N + i] - y[k * M + j], 2);
      share[j] = exp(log_weight[j] - 300 - square / (2 * epsilon));
      total += share[j];
    }
    CHECK(drawn[i] == again[i]);
    CHECK(drawn[i] >= 0 && drawn[i] < M && drawn[i] % 5 != 0);
    for (int j = 0; j < drawn[i]; j++) below += share[j];
    CHECK(below <= (uniform[i] + 1e-12) * total);
    CHECK(below + share[drawn[i]] >= (uniform[i] - 1e-12) * total);
  }
}

int main(void) {
  test_drift();
  test_steps();
  test_time();
  test_draws();
  heap_free();
  return CHECK_DONE();
}
