/* Plain cycles of Sinkhorn between points against loops, and where they stop. */
#include "../../src/sinkhorn_cycles.h"
#include "heap.h"

enum { N = 37, M = 23, D = 3 };

static double inner(const double *x, int i, const double *y, int j) {
  double sum = 0;
  for (int k = 0; k < D; k++) sum += x[k * N + i] * y[k * M + j];
  return sum;
}

static int stop_at(void *ctx, const br_progress *progress) {
  return progress->iteration >= *(const int *)ctx;
}

int main(void) {
  uint64_t state = 5;
  double *x = br_take(&heap, N * D), *y = br_take(&heap, M * D);
  double *a = br_take(&heap, N), *b = br_take(&heap, M);
  double left = 0, right = 0;
  for (int i = 0; i < N * D; i++) x[i] = heap_uniform(&state) - 0.5;
  for (int j = 0; j < M * D; j++) y[j] = 2 * heap_uniform(&state);
  for (int i = 0; i < N; i++) left += a[i] = i == 4 ? 0 : heap_uniform(&state);
  for (int j = 0; j < M; j++) right += b[j] = j == 2 ? 0 : heap_uniform(&state);
  for (int i = 0; i < N; i++) a[i] /= left;
  for (int j = 0; j < M; j++) b[j] /= right;
  const double epsilon = 0.05;

  br_point_cycles s;
  br_point_cycles_make(&s, D, N, x, a, M, y, b, epsilon, 0, &heap);
  const br_cycles cycles = {N, M, epsilon, br_points_half, &s};
  const double at[] = {0, 1, 4};
  double *f = br_take(&heap, N), *kept_f = br_take(&heap, 3 * N), *kept_g = br_take(&heap, 3 * M);
  double *kept_r = br_take(&heap, 3 * N);
  br_stopping stop;
  br_stopping_start(&stop, 0, 100, INFINITY);
  const int reached = br_cycles_run(&cycles, f, 3, at, kept_f, kept_g, kept_r, &stop, NULL, &heap);
  CHECK(reached == 3 && stop.status == BR_OK);

  /* the same by loops, of u = f + |x|^2 / 2 and v */
  double *u = br_take(&heap, N), *v = br_take(&heap, M), *next = br_take(&heap, N);
  double *half_x = br_take(&heap, N), *half_y = br_take(&heap, M);
  for (int k = 0; k < D; k++) {
    for (int i = 0; i < N; i++) half_x[i] += x[k * N + i] * x[k * N + i] / 2;
    for (int j = 0; j < M; j++) half_y[j] += y[k * M + j] * y[k * M + j] / 2;
  }
  memcpy(u, half_x, N * sizeof(double));
  int kept = 0;
  for (int cycle = 0; kept < 3; cycle++) {
    for (int j = 0; j < M; j++) {
      double sum = 0;
      for (int i = 0; i < N; i++) sum += a[i] * exp((inner(x, i, y, j) - u[i]) / epsilon);
      v[j] = epsilon * log(sum);
    }
    for (int i = 0; i < N; i++) {
      double sum = 0;
      for (int j = 0; j < M; j++) sum += b[j] * exp((inner(x, i, y, j) - v[j]) / epsilon);
      next[i] = epsilon * log(sum);
    }
    if (cycle == at[kept]) {
      for (int i = 0; i < N; i++) {
        CHECK_NEAR(kept_f[kept * N + i] + half_x[i], u[i], 1e-13);
        CHECK_NEAR(kept_r[kept * N + i], (next[i] - u[i]) / epsilon, 1e-11);
      }
      for (int j = 0; j < M; j++) CHECK_NEAR(kept_g[kept * M + j] + half_y[j], v[j], 1e-13);
      kept++;
    }
    memcpy(u, next, N * sizeof(double));
  }

  double *conjugate = br_take(&heap, N);
  br_points_conjugate(D, N, x, M, y, v, conjugate, &heap);
  for (int i = 0; i < N; i++) {
    double most = -INFINITY;
    for (int j = 0; j < M; j++) most = fmax(most, inner(x, i, y, j) - v[j]);
    CHECK_NEAR(conjugate[i], most, 1e-14);
  }

  /* a limit of three cycles leaves the fourth out; so does a host that asks to stop */
  memset(f, 0, N * sizeof(double));
  br_stopping_start(&stop, 0, 3, INFINITY);
  CHECK(br_cycles_run(&cycles, f, 3, at, kept_f, kept_g, kept_r, &stop, NULL, &heap) == 2);
  CHECK(stop.status == BR_MAX_ITERATIONS);
  int most = 2;
  const br_host host = {&most, stop_at, NULL};
  memset(f, 0, N * sizeof(double));
  br_stopping_start(&stop, 0, 100, INFINITY);
  CHECK(br_cycles_run(&cycles, f, 3, at, kept_f, kept_g, kept_r, &stop, &host, &heap) == 2);
  CHECK(stop.status == BR_INTERRUPTED);
  return CHECK_DONE();
}
