#include "grid_legendre.h"

#include <math.h>

#include "threads.h"

/* Lines that are taken together, for they share cache lines where their axis is not the first. */
#define TOGETHER 8

void br_legendre_make(br_legendre *l, const br_grid *x, const br_grid *y, br_workspace *ws) {
  l->x = *x;
  l->y = *y;
  size_t most = 1, longest = 1;
  for (int k = 0; k < BR_GRID_AXES; k++) {
    const size_t n = (size_t)(x->n[k] > y->n[k] ? x->n[k] : y->n[k]);
    most *= n;
    if (n > longest) longest = n;
  }
  for (int k = 0; k < 2; k++) l->half[k] = k + 1 < x->d ? br_take(ws, most) : NULL;
  l->line_room = longest * TOGETHER * 2;
  const size_t threads = (size_t)br_threads_limit();
  l->lines = br_take(ws, threads * l->line_room);
  l->hulls = br_take_int(ws, threads * longest);
}

/* One line: from n values at first + i step to m values at slopes to_first + j to_step. */
static void transform_line(int n, double step, double first, const double *f, int m, double to_step,
                           double to_first, double *out, int *hull) {
  int top = 0;
  for (int i = 0; i < n; i++) {
    while (top >= 2) {
      const int a = hull[top - 2], b = hull[top - 1];
      /* b is above the chord from a to i */
      if ((f[b] - f[a]) * (i - b) < (f[i] - f[b]) * (b - a)) break;
      top--;
    }
    hull[top++] = i;
  }
  int at = 0;
  for (int j = 0; j < m; j++) {
    const double y = to_first + j * to_step;
    while (at + 1 < top && f[hull[at + 1]] - f[hull[at]] <= y * step * (hull[at + 1] - hull[at]))
      at++;
    const int i = hull[at];
    out[j] = y * (first + i * step) - f[i];
    if (i > 1 && i < n - 2) {
      const double bend = f[i + 1] - 2 * f[i] + f[i - 1];
      const double miss = y * step - 0.5 * (f[i + 1] - f[i - 1]);
      const double left = f[i] - 2 * f[i - 1] + f[i - 2], right = f[i + 2] - 2 * f[i + 1] + f[i];
      /* a corner is no parabola */
      if (fabs(miss) < 0.5 * bend && bend < 2 * (left + right)) out[j] += 0.5 * miss * miss / bend;
    }
  }
}

/* One axis of inner x n x outer values; sign turns the values of earlier axes round. */
static void transform_axis(br_legendre *l, const br_grid *from, const br_grid *to, int k,
                           size_t inner, size_t outer, double sign, const double *f, double *out) {
  const int n = from->n[k], m = to->n[k];
  const size_t blocks = (inner + TOGETHER - 1) / TOGETHER, jobs = blocks * outer;
  const int threads = br_threads_for(25.0 * (double)(inner * outer) * (n + m));
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (size_t job = 0; job < jobs; job++) {
    double *in_line = l->lines + (size_t)BR_THREAD_ID * l->line_room;
    double *out_line = in_line + l->line_room / 2;
    int *hull = l->hulls + (size_t)BR_THREAD_ID * (l->line_room / (2 * TOGETHER));
    const size_t start = job % blocks * TOGETHER, o = job / blocks;
    const int width = (int)(inner - start < TOGETHER ? inner - start : TOGETHER);
    const double *source = f + o * n * inner + start;
    double *target = out + o * m * inner + start;
    for (int i = 0; i < n; i++)
      for (int c = 0; c < width; c++) in_line[c * n + i] = sign * source[i * inner + c];
    for (int c = 0; c < width; c++)
      transform_line(n, from->step[k], br_grid_centre(from, k, 0), in_line + c * n, m, to->step[k],
                     br_grid_centre(to, k, 0), out_line + c * m, hull);
    for (int j = 0; j < m; j++)
      for (int c = 0; c < width; c++) target[j * inner + c] = out_line[c * m + j];
  }
}

void br_legendre_transform(br_legendre *l, int back, const double *f, double *out) {
  const br_grid *from = back ? &l->y : &l->x, *to = back ? &l->x : &l->y;
  size_t inner = 1, outer = from->cells;
  for (int k = 0; k < from->d; k++) {
    outer /= (size_t)from->n[k];
    double *target = k + 1 == from->d ? out : l->half[k % 2];
    transform_axis(l, from, to, k, inner, outer, k == 0 ? 1 : -1, f, target);
    f = target;
    inner *= (size_t)to->n[k];
  }
}
