/* The core of the grids against naive sums: transfers between grids, the Legendre transform, images
 * of densities, Newton's method and back and forth on maps that are known. */
#include "../../src/grid_push.h"
#include "../../src/grid_transport.h"
#include "check.h"
#include "heap.h"

static const double lower[3] = {0, 0, 0}, upper[3] = {1, 1, 1};

static void legendre_of_any(void) {
  const int n[3] = {9, 6, 5}, m[3] = {7, 8, 4};
  const double far[3] = {3, 1, 2};
  uint64_t seed = 5;
  for (int d = 1; d <= 3; d++) {
    br_grid x, y;
    br_grid_make(&x, d, n, lower, far, 0);
    br_grid_make(&y, d, m, lower, upper, 0);
    br_legendre l;
    br_legendre_make(&l, &x, &y, &heap);
    double *f = br_take(&heap, x.cells), *g = br_take(&heap, y.cells);
    /* slopes of so steep a function are on the hull by chance: the maximum is at a point, not
     * between */
    for (size_t i = 0; i < x.cells; i++) f[i] = heap_between(&seed, 0, 50);
    br_legendre_transform(&l, 0, f, g);
    for (size_t j = 0; j < y.cells; j++) {
      double most = -INFINITY;
      for (size_t i = 0; i < x.cells; i++) {
        double sum = -f[i];
        size_t a = i, b = j;
        for (int k = 0; k < d; k++) {
          sum += br_grid_centre(&x, k, (int)(a % (size_t)n[k])) *
                 br_grid_centre(&y, k, (int)(b % (size_t)m[k]));
          a /= (size_t)n[k];
          b /= (size_t)m[k];
        }
        most = fmax(most, sum);
      }
      CHECK(g[j] >= most - 1e-12 && g[j] <= most + 0.5 * d);
    }
  }
}

/* A quadratic has a parabola between its points: the transform is that of the function, not of
 * points. */
static void legendre_of_quadratic(void) {
  const int n[3] = {40, 30, 1}, m[3] = {33, 21, 1};
  br_grid x, y;
  br_grid_make(&x, 2, n, lower, upper, 0);
  br_grid_make(&y, 2, m, lower, upper, 0);
  br_legendre l;
  br_legendre_make(&l, &x, &y, &heap);
  double *f = br_take(&heap, x.cells), *g = br_take(&heap, y.cells);
  for (int j = 0; j < n[1]; j++)
    for (int i = 0; i < n[0]; i++)
      f[i + j * n[0]] = pow(br_grid_centre(&x, 0, i), 2) / 2 + pow(br_grid_centre(&x, 1, j), 2) / 2;
  br_legendre_transform(&l, 0, f, g);
  for (int j = 3; j < m[1] - 3; j++)
    for (int i = 3; i < m[0] - 3; i++)
      CHECK_NEAR(g[i + j * m[0]],
                 pow(br_grid_centre(&y, 0, i), 2) / 2 + pow(br_grid_centre(&y, 1, j), 2) / 2,
                 1e-14);
}

static void transfers(void) {
  const int n[3] = {32, 20, 12}, m[3] = {16, 7, 6};
  br_grid x, y;
  br_grid_make(&x, 3, n, lower, upper, 0);
  br_grid_make(&y, 3, m, lower, upper, 0);
  double *a = br_take(&heap, x.cells), *b = br_take(&heap, y.cells);
  double *sums = br_take(&heap, (size_t)x.rows);
  uint64_t seed = 9;
  for (size_t i = 0; i < x.cells; i++) a[i] = heap_uniform(&seed);
  br_grid_average(&x, a, &y, b, &heap);
  CHECK_NEAR(br_grid_mass(&x, a, sums), br_grid_mass(&y, b, sums), 1e-12);
  /* even functions come through to fourth order */
  double worst[2];
  for (int t = 0; t < 2; t++) {
    const int c[3] = {16 << t, 16 << t, 1}, f[3] = {32 << t, 32 << t, 1};
    br_grid_make(&x, 2, c, lower, upper, 0);
    br_grid_make(&y, 2, f, lower, upper, 0);
    double *u = br_grid_field(&x, &heap), *v = br_grid_field(&y, &heap);
    for (int r = 0; r < x.rows; r++)
      for (int i = 0; i < c[0]; i++)
        u[br_grid_row(&x, r) + i] =
            cos(M_PI * br_grid_centre(&x, 0, i)) * cos(2 * M_PI * br_grid_centre(&x, 1, r));
    br_grid_interpolate(&x, u, &y, v, &heap);
    worst[t] = 0;
    for (int r = 0; r < y.rows; r++)
      for (int i = 0; i < f[0]; i++)
        worst[t] = fmax(worst[t], fabs(v[br_grid_row(&y, r) + i] -
                                       cos(M_PI * br_grid_centre(&y, 0, i)) *
                                           cos(2 * M_PI * br_grid_centre(&y, 1, r))));
  }
  CHECK(worst[1] < worst[0] / 12);
}

/* Images keep the mass; that of a sheared square is known cell by cell. */
static void images(void) {
  const int n[3] = {8, 8, 8}, m[3] = {10, 10, 10};
  for (int d = 1; d <= 3; d++) {
    br_grid x, y;
    br_grid_make(&x, d, n, lower, upper, 0);
    br_grid_make(&y, d, m, lower, upper, 0);
    double *density = br_take(&heap, x.cells), *u = br_grid_field(&x, &heap);
    double *mass = br_grid_field(&y, &heap), *sums = br_take(&heap, (size_t)y.rows);
    double *work = br_take(&heap, br_grid_push_room(&x));
    uint64_t seed = 3;
    double total = 0;
    for (int r = 0; r < x.rows; r++)
      for (int i = 0; i < n[0]; i++) {
        const size_t at = br_grid_row(&x, r) + i;
        double *m = density + r * n[0] + i;
        *m = heap_uniform(&seed) > 0.3 ? heap_uniform(&seed) : 0;
        total += *m * br_grid_volume(&x);
        u[at] =
            heap_between(&seed, 0, 0.1); /* nothing convex: images fold, meet the border, vanish */
      }
    br_grid_extrapolate(&x, u, 2);
    br_grid_push(&x, density, u, &y, mass, 2, work);
    CHECK_NEAR(br_grid_sum(&y, mass, sums), total, 1e-10);
  }
  /* u = (x^2 + y^2) / 4 + x y / 4 takes the unit square to a rhombus; cells inside have mass area /
   * det */
  br_grid x, y;
  br_grid_make(&x, 2, n, lower, upper, 0);
  br_grid_make(&y, 2, m, lower, upper, 0);
  double *density = br_take(&heap, x.cells), *u = br_grid_field(&x, &heap);
  double *mass = br_grid_field(&y, &heap), *work = br_take(&heap, br_grid_push_room(&x));
  for (int j = 0; j < 8; j++)
    for (int i = 0; i < 8; i++) {
      const double a = br_grid_centre(&x, 0, i), b = br_grid_centre(&x, 1, j);
      density[j * 8 + i] = 1;
      u[br_grid_row(&x, j) + i] = (a * a + b * b + a * b) / 4;
    }
  br_grid_extrapolate(&x, u, 2);
  br_grid_push(&x, density, u, &y, mass, 2, work);
  const double det = 0.25 - 0.0625;
  for (int i = 2; i < 5; i++) CHECK_NEAR(mass[br_grid_row(&y, i) + i], 0.01 / det, 1e-12);
  CHECK_NEAR(mass[br_grid_row(&y, 9)], 0, 1e-12);
}

/* What an arena has counted is all that is asked of it, level after level. */
static size_t asked_of_heap;

static void *count_and_take(void *ctx, size_t bytes) {
  asked_of_heap += bytes;
  return heap.alloc(ctx, bytes);
}

static void memory(void) {
  const int n[3] = {128, 128, 1};
  br_grid x;
  br_grid_make(&x, 2, n, lower, upper, 0);
  double *mu = br_take(&heap, x.cells), *nu = br_take(&heap, x.cells);
  for (size_t i = 0; i < x.cells; i++) {
    mu[i] = 1;
    nu[i] = 1 + 0.5 * br_grid_centre(&x, 0, (int)(i % (size_t)n[0]));
  }
  for (int method = BR_GRID_NEWTON; method <= BR_GRID_FORTH; method++) {
    br_workspace counting = {count_and_take, heap.ctx};
    br_transport t = {.x = x, .y = x, .scale = 1, .mu = mu, .nu = nu};
    t.potential = br_grid_field(&x, &heap);
    br_grid_row_of_trace rows[100];
    br_grid_trace trace = {rows, 0, 100};
    br_stopping stop;
    br_stopping_start(&stop, 1e-2, 200, INFINITY);
    const br_host host = {0};
    asked_of_heap = 0;
    br_grid_transport(&t, method, &stop, &host, &trace, &counting);
    const double fields = (double)asked_of_heap / (double)(x.total * sizeof(double));
    printf("%s: %.1f fields\n", method == BR_GRID_NEWTON ? "newton" : "back and forth", fields);
    CHECK(fields < 20);
  }
}

/* From a uniform law to a product of 2 y: T = sqrt(x) on each axis; the two methods, d = 2 and 3.
 */
static void known_map(int d, int n_cells, br_grid_method method, double allowed) {
  const int n[3] = {n_cells, n_cells, n_cells};
  br_grid x;
  br_grid_make(&x, d, n, lower, upper, 0);
  double *mu = br_take(&heap, x.cells), *nu = br_take(&heap, x.cells);
  for (size_t i = 0; i < x.cells; i++) {
    size_t a = i;
    mu[i] = nu[i] = 1;
    for (int k = 0; k < d; k++) {
      nu[i] *= 0.5 + br_grid_centre(&x, k, (int)(a % (size_t)n_cells));
      a /= (size_t)n_cells;
    }
  }
  br_transport t = {.x = x, .y = x, .scale = 1, .mu = mu, .nu = nu};
  t.potential = br_grid_field(&x, &heap);
  br_transport_result out = {.u = br_take(&heap, x.cells),
                             .v = br_take(&heap, x.cells),
                             .map = br_take(&heap, d * x.cells),
                             .inverse = br_take(&heap, d * x.cells),
                             .image = br_take(&heap, x.cells)};
  br_grid_row_of_trace rows[100];
  br_grid_trace trace = {rows, 0, 100};
  br_stopping stop;
  br_stopping_start(&stop, method == BR_GRID_NEWTON ? 1e-6 : d == 1 ? 0.05 : 0.1, 200, INFINITY);
  const br_host host = {0};
  CHECK(br_grid_transport(&t, method, &stop, &host, &trace, &heap) == BR_OK && t.found);
  br_grid_transport_finish(&t, &out, &heap);
  CHECK_NEAR(out.squared, out.cost, allowed);
  double worst = 0, there = 0;
  for (size_t i = 0; i < x.cells; i++) {
    size_t a = i;
    for (int k = 0; k < d; k++) {
      const double at = br_grid_centre(&x, k, (int)(a % (size_t)n_cells));
      worst = fmax(worst, fabs(out.map[k * x.cells + i] - (sqrt(0.25 + 2 * at) - 0.5)));
      there = fmax(there, fabs(out.inverse[k * x.cells + i] - (at * at + at) / 2));
      a /= (size_t)n_cells;
    }
  }
  CHECK(worst < allowed);
  CHECK(there < 4 * allowed);
  CHECK(out.error < (method == BR_GRID_NEWTON ? 0.05 : 0.1));
}

/* Large enough for threads, with an odd number of cells on one axis: the same to the last bit. */
static void any_number_of_threads(int d, const int *n, br_grid_method method) {
  br_grid x;
  br_grid_make(&x, d, n, lower, upper, 0);
  double *mu = br_take(&heap, x.cells), *nu = br_take(&heap, x.cells);
  for (int r = 0; r < x.rows; r++)
    for (int i = 0; i < n[0]; i++) {
      const double a = br_grid_centre(&x, 0, i),
                   b = br_grid_centre(&x, d - 1, r / (x.rows / n[d - 1]));
      mu[(size_t)r * n[0] + i] = 1 + 0.5 * cos(6 * a) * cos(9 * b);
      nu[(size_t)r * n[0] + i] = exp(-4 * (a - b) * (a - b));
    }
  double *first = NULL;
  const size_t room = (size_t)(3 + 2 * d) * x.cells;
  for (int threads = 1; threads <= 2; threads++) {
    br_threads_set(threads);
    double *all = br_take(&heap, room + 3);
    br_transport t = {.x = x, .y = x, .scale = 1, .mu = mu, .nu = nu};
    t.potential = br_grid_field(&x, &heap);
    br_transport_result out = {.u = all,
                               .v = all + x.cells,
                               .image = all + 2 * x.cells,
                               .map = all + 3 * x.cells,
                               .inverse = all + (size_t)(3 + d) * x.cells};
    br_grid_row_of_trace rows[100];
    br_grid_trace trace = {rows, 0, 100};
    br_stopping stop;
    br_stopping_start(&stop, method == BR_GRID_NEWTON ? 1e-3 : 0.1, 200, INFINITY);
    const br_host host = {0};
    CHECK(br_grid_transport(&t, method, &stop, &host, &trace, &heap) == BR_OK);
    br_grid_transport_finish(&t, &out, &heap);
    all[room] = out.error;
    all[room + 1] = out.squared;
    all[room + 2] = out.cost;
    if (!first) first = all;
    CHECK(memcmp(first, all, (room + 3) * sizeof(double)) == 0);
  }
  br_threads_set(1);
  heap_free();
}

int main(void) {
  legendre_of_any();
  legendre_of_quadratic();
  transfers();
  images();
  memory();
  known_map(1, 64, BR_GRID_NEWTON, 1e-3);
  known_map(2, 32, BR_GRID_NEWTON, 1.5e-3);
  known_map(3, 16, BR_GRID_NEWTON, 5e-3);
  known_map(1, 64, BR_GRID_FORTH, 1e-2);
  known_map(2, 32, BR_GRID_FORTH, 2e-2);
  known_map(3, 20, BR_GRID_FORTH, 5e-2);
  heap_free();
  const int plane[3] = {520, 507, 1}, space[3] = {64, 63, 65};
  any_number_of_threads(2, plane, BR_GRID_NEWTON);
  any_number_of_threads(2, plane, BR_GRID_FORTH);
  any_number_of_threads(3, space, BR_GRID_NEWTON);
  any_number_of_threads(3, space, BR_GRID_FORTH);
  return CHECK_DONE();
}
