/* The ground floor: status table, stopping rule, threads, instruction levels, workspace, and the
 * seam to LAPACK. */
#include <setjmp.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/linalg.h"
#include "../../src/status.h"
#include "../../src/stopping.h"
#include "../../src/system.h"
#include "naive.h"

static void test_status(void) {
  for (int i = 0; i < BR_N_STATUS; i++) {
    const char *name = br_status_name((br_status)i), *text = br_status_message((br_status)i);
    CHECK(name && text && strlen(name) > 0 && strlen(text) > 0);
    if (!name || !text) continue;
    CHECK(text[strlen(text) - 1] != '.'); /* the caller ends the sentence */
    CHECK(strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
    for (int j = 0; j < i; j++) {
      CHECK(strcmp(name, br_status_name((br_status)j)) != 0);
      CHECK(strcmp(text, br_status_message((br_status)j)) != 0);
    }
  }
  /* R tells programs by these names */
  CHECK(BR_OK == 0 && strcmp(br_status_name(BR_OK), "ok") == 0);
  CHECK(strcmp(br_status_name(BR_MAX_ITERATIONS), "max_iterations") == 0);
  CHECK(strcmp(br_status_name(BR_MAX_TIME), "max_time") == 0);
  CHECK(strcmp(br_status_name(BR_INTERRUPTED), "interrupted") == 0);
  CHECK(strcmp(br_status_name(BR_STALLED), "stalled") == 0);
  CHECK(strcmp(br_status_name(BR_ERR_SIZE), "size") == 0);
  CHECK(strcmp(br_status_name(BR_ERR_SINGULAR), "singular") == 0);
  CHECK(strcmp(br_status_name(BR_ERR_NOT_FINITE), "not_finite") == 0);
  /* fit.c tells usable states from errors by their order */
  CHECK(BR_STALLED < BR_ERR_SIZE && BR_ERR_SIZE < BR_ERR_SINGULAR);
  /* numbers that are no status are never an index */
  CHECK(br_status_message((br_status)BR_N_STATUS) && br_status_name((br_status)1000));
}

static int stop_at_3(void *ctx, const br_progress *progress) {
  int *calls = ctx;
  ++*calls;
  return progress->iteration == 3 ? 7 : 0;
}

static void test_stopping(void) {
  br_stopping stop;
  int calls = 0;
  const br_host host = {&calls, stop_at_3, NULL}, silent = {NULL, NULL, NULL};
  br_progress progress = {1, 0, 0, NAN};
  br_stopping_start(&stop, 1e-3, 3, INFINITY);
  CHECK(stop.status == BR_OK && stop.tolerance == 1e-3 && stop.iterations == 0);
  CHECK(br_stopping_tick(&stop, NULL, &progress) == BR_OK);
  CHECK(br_stopping_tick(&stop, &silent, &progress) == BR_OK && stop.iterations == 2);
  CHECK(br_stopping_tick(&stop, &host, &progress) == BR_MAX_ITERATIONS && calls == 1);
  CHECK(stop.status == BR_MAX_ITERATIONS);
  br_stopping_start(&stop, 0, 100, INFINITY);
  progress.iteration = 3;
  CHECK(br_stopping_tick(&stop, &host, &progress) == BR_INTERRUPTED);
  br_stopping_start(&stop, 0, 1, INFINITY); /* the user's word counts first */
  CHECK(br_stopping_tick(&stop, &host, &progress) == BR_INTERRUPTED);
  br_stopping_start(&stop, 0, 100, -1); /* over before it started */
  CHECK(br_stopping_tick(&stop, NULL, &progress) == BR_MAX_TIME);
  br_stopping_start(&stop, 0, 100, 1e9);
  CHECK(br_stopping_tick(&stop, NULL, &progress) == BR_OK);
  const double one = br_stopping_seconds(&stop), two = br_stopping_seconds(&stop);
  CHECK(one >= 0 && two >= one && two < 1e9);
}

static void test_threads(void) {
  CHECK(br_threads_available() >= 1);
  for (int n = -2; n <= 4; n++) {
    br_threads_set(n);
    CHECK(br_threads_limit() == (n < 1 ? 1 : n));
    int last = 0;
    for (double work = 0; work < 1e12; work = 10 * work + 1) {
      const int threads = br_threads_for(work);
      CHECK(threads >= 1 && threads <= br_threads_limit() && threads >= last);
      last = threads;
    }
    CHECK(br_threads_for(1e4) == 1); /* less than it takes to wake a thread */
#ifdef _OPENMP
    CHECK(br_threads_for(1e12) == br_threads_limit() && br_threads_for(INFINITY) == last);
#else
    CHECK(br_threads_for(1e12) == 1);
#endif
  }
  br_threads_set(1);
}

/* In a forked child the threads of the parent do not exist: starting some would hang. */
static void test_fork(void) {
  int status = -1;
  br_threads_set(2);
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) _exit(br_threads_for(1e12) == 1 ? 0 : 1);
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(heap_threads() >= 1);
#ifdef _OPENMP
  CHECK(br_threads_for(1e12) == 2); /* the parent goes on as before */
#endif
  br_threads_set(1);
}

static void test_simd(void) {
  CHECK(strcmp(br_simd()->level, br_simd_best()) == 0); /* by br_system_init() */
  CHECK(br_simd_set("baseline") && strcmp(br_simd()->level, "baseline") == 0);
  CHECK(!br_simd_set("nonsense") && !br_simd_set(""));
  CHECK(strcmp(br_simd()->level, "baseline") == 0);
  CHECK(br_simd_set("auto") && strcmp(br_simd()->level, br_simd_best()) == 0);
  if (strcmp(br_simd_best(), "baseline") == 0) {
    CHECK(!br_simd_set("avx2"));
  } else {
    CHECK(br_simd_set("avx2") && strcmp(br_simd()->level, "avx2") == 0);
  }
}

static jmp_buf refused;
static size_t asked;

static void *refuse(void *ctx, size_t bytes) {
  (void)ctx;
  asked = bytes;
  longjmp(refused, 1);
}

/* A size that overflows asks for SIZE_MAX bytes, which no host has; memory comes zeroed. */
static void test_workspace(void) {
  br_workspace strict = {refuse, NULL};
  if (setjmp(refused) == 0) br_take(&strict, SIZE_MAX / 4);
  CHECK(asked == SIZE_MAX);
  if (setjmp(refused) == 0) br_take_int(&strict, SIZE_MAX / 3);
  CHECK(asked == SIZE_MAX);
  if (setjmp(refused) == 0) br_take(&strict, 10);
  CHECK(asked == 80);
  if (setjmp(refused) == 0) br_take_int(&strict, 10);
  CHECK(asked == 10 * sizeof(int));
  double *a = br_take(&heap, 100);
  int *b = br_take_int(&heap, 100), zero = 1;
  for (int i = 0; i < 100; i++) zero &= a[i] == 0 && b[i] == 0;
  CHECK(zero);
  CHECK(br_take(&heap, 0) && br_take_int(&heap, 0));
}

/* Points of a block beyond the sample repeat its last point with weight 0. */
static void test_sample_block(void) {
  const double x[6] = {1, 2, 3, 4, 5, 6}, weight[3] = {0.2, 0.3, 0.5};
  const br_sample sample = {3, 2, x, weight};
  double block[10], w[4];
  br_sample_block(&sample, 1, 2, 4, 5, block, w);
  CHECK(block[0] == 2 && block[1] == 3 && block[2] == 3 && block[3] == 3);
  CHECK(block[5] == 5 && block[6] == 6 && block[7] == 6 && block[8] == 6);
  CHECK(w[0] == 0.3 && w[1] == 0.5 && w[2] == 0 && w[3] == 0);
  br_sample_block(&sample, 0, 1, 4, 5, block, NULL);
  CHECK(block[0] == 1 && block[3] == 1 && block[5] == 4);
}

/* Symmetric matrices A = I + v v' have inverse I - v v'/(1 + v'v) and eigenvalues 1, 1 + v'v;
 * I - v v' has the smallest eigenvalue 1 - v'v. Rounding: n^2 terms. */
static void test_linalg(int n) {
  const int lda = n + 2;
  uint64_t seed = (uint64_t)n;
  double *a = br_take(&heap, (size_t)n * lda), v[NAIVE_D], b[2 * NAIVE_D];
  double *packed = br_take(&heap, (size_t)n * (n + 1) / 2), worst = 0;
  double *work = br_take(&heap, (size_t)n * (n + 1) / 2 + 4 * (size_t)n);
  for (int i = 0; i < n; i++) v[i] = heap_normal(&seed) / sqrt(n);
  const double square = naive_dot(n, v, v);
  for (int j = 0; j < n; j++) /* the upper triangle is not to be read */
    for (int i = 0; i < n; i++) a[i + j * lda] = i < j ? 1e9 : (i == j) + v[i] * v[j];
  for (int i = 0; i < n; i++) {
    b[i] = v[i];             /* solved by v / (1 + v'v) */
    b[NAIVE_D + i] = i == 0; /* by e - v v_0 / (1 + v'v) */
  }
  CHECK(br_cholesky(n, a, lda) == BR_OK);
  CHECK(br_cholesky_solve(n, 2, a, lda, b, NAIVE_D) == BR_OK);
  for (int i = 0; i < n; i++) {
    worst = larger(worst, fabs(b[i] - v[i] / (1 + square)));
    worst = larger(worst, fabs(b[NAIVE_D + i] - ((i == 0) - v[i] * v[0] / (1 + square))));
  }
  CHECK(br_cholesky_invert(n, a, lda) == BR_OK);
  for (int j = 0; j < n; j++)
    for (int i = 0; i < n; i++)
      worst = larger(worst, fabs(a[i + j * lda] - ((i == j) - v[i] * v[j] / (1 + square))));
  CHECK_NEAR(worst, 0, 1e-14 * n);
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) packed[BR_PACKED(i, j)] = (i == j) - v[i] * v[j];
  CHECK_NEAR(br_min_eigenvalue(n, packed, work), 1 - square, 1e-14 * n);
  CHECK(packed[0] == 1 - v[0] * v[0]); /* its argument is left as it was */
  a[0] = -1;
  CHECK(br_cholesky(n, a, lda) == BR_ERR_SINGULAR);
}

int main(void) {
  br_system_init();
  test_status();
  test_stopping();
  test_threads();
  test_fork();
  test_simd();
  test_workspace();
  test_sample_block();
  test_linalg(1);
  test_linalg(2);
  test_linalg(9);
  test_linalg(50);
  CHECK(br_cholesky(0, NULL, 1) == BR_OK && br_cholesky_solve(0, 1, NULL, 1, NULL, 1) == BR_OK);
  CHECK(br_cholesky_invert(0, NULL, 1) == BR_OK);
  heap_free();
  return CHECK_DONE();
}
