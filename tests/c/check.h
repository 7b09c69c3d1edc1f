/* A small test harness: count what holds, say what does not.
 *
 *   int main(void) {
 *     CHECK(1 + 1 == 2);
 *     CHECK_NEAR(sqrt(2.0), 1.41421356, 1e-8);
 *     return CHECK_DONE();
 *   }
 */
#ifndef BR_CHECK_H
#define BR_CHECK_H

#include <math.h>
#include <stdio.h>
#include <string.h>

static int check_passed = 0;
static int check_failed = 0;

static inline void check_record(int ok, const char *text, const char *file, int line) {
  if (ok) {
    check_passed++;
  } else {
    check_failed++;
    printf("%s:%d: failed: %s\n", file, line, text);
  }
}

/* |a - b| <= tol; equal infinities agree, NaN agrees with nothing. */
static inline void check_near(double a, double b, double tol, const char *text, const char *file,
                              int line) {
  const int ok = a == b || fabs(a - b) <= tol;
  check_record(ok, text, file, line);
  if (!ok) {
    printf("  %.17g against %.17g, difference %.3g, allowed %.3g\n", a, b, a - b, tol);
  }
}

/* Prints "name: N passed, N failed"; 0 when something passed and nothing failed. */
static inline int check_done(const char *file) {
  const char *slash = strrchr(file, '/');
  const char *name = slash ? slash + 1 : file;
  const int length = (int)strcspn(name, ".");
  printf("%.*s: %d passed, %d failed\n", length, name, check_passed, check_failed);
  return check_failed > 0 || check_passed == 0;
}

#define CHECK(cond) check_record((cond) != 0, #cond, __FILE__, __LINE__)
#define CHECK_NEAR(a, b, tol) check_near((a), (b), (tol), #a " is near " #b, __FILE__, __LINE__)
#define CHECK_DONE() check_done(__FILE__)

#endif
