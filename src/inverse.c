#include "inverse.h"

#include "simd.h"
#include "threads.h"

#include <math.h>
#include <string.h>

/* Newton on u(x) - y'x with a search of each line that looks at slopes alone: the
 * slope s(t) = (T(x + t p) - y)'p rises with t, because u is convex, and starts
 * negative. A point where it is still negative is lower than the start; where it
 * has become positive, more than FLAT times as steep, the minimum of the line is
 * bracketed and the secant finds it. So u is never evaluated, and no far or steep
 * place can trap the search, as it can one of |T - y|.
 *
 * Points are solved side by side, one a lane of a block. A lane that is done takes
 * the next point of its chunk at once, so that no lane waits for the slowest. */
#define CHUNK 1024 /* points a task: fixed, so that threads cannot matter */
#define FLAT .5
#define MAX_TRIALS 60 /* of one line: the bracket is then below rounding */

typedef struct {
  /* blocks of `lanes` lanes */
  double *x, *step, *target, *residual, *map, *hess, *logdet, *scratch;
  double slope[BR_LANES];                                   /* s(0); 0 before a step */
  double t[BR_LANES], high[BR_LANES], high_slope[BR_LANES]; /* trial, end of the bracket */
  size_t point[BR_LANES];
  int steps[BR_LANES], trials[BR_LANES], busy[BR_LANES];
} lanes_state;

static size_t state_size(const br_potential *u, int lanes) {
  size_t d = u->d, rows = 5 * d + u->given + BR_PACKED_SIZE(d) + 1;
  return rows * lanes + u->family->scratch_size(u, lanes, 0);
}

static void arrange(lanes_state *s, double *memory, const br_potential *u, int lanes) {
  int d = u->d;
  size_t rows = (size_t)d * lanes;
  s->x = memory;
  s->step = s->x + rows + (size_t)u->given * lanes;
  s->target = s->step + rows;
  s->residual = s->target + rows;
  s->map = s->residual + rows;
  s->hess = s->map + rows;
  s->logdet = s->hess + BR_PACKED_SIZE(d) * lanes;
  s->scratch = s->logdet + lanes;
}

static void load(lanes_state *s, const br_sample *y, int d, const double *start, int b,
                 size_t point, int lanes) {
  s->point[b] = point;
  s->busy[b] = 1;
  s->steps[b] = 0;
  s->slope[b] = 0;
  for (int k = d; k < y->d; k++) s->x[k * lanes + b] = y->x[(size_t)k * y->n + point];
  for (int k = 0; k < d; k++) {
    s->target[k * lanes + b] = y->x[(size_t)k * y->n + point];
    s->x[k * lanes + b] = start[(size_t)k * y->n + point];
    s->step[k * lanes + b] = 0;
  }
}

static void move(lanes_state *s, int d, int lanes, int b, double to) {
  for (int k = 0; k < d; k++) s->x[k * lanes + b] += (to - s->t[b]) * s->step[k * lanes + b];
  s->t[b] = to;
}

/* A point inside the bracket [0, high]: the secant of the slopes, kept off the ends. */
static double inside(const lanes_state *s, int b) {
  double width = s->high[b];
  double secant = s->slope[b] * width / (s->slope[b] - s->high_slope[b]);
  double margin = (s->trials[b] % 3 == 0 ? .5 : .05) * width; /* at times the middle */
  return fmin(fmax(secant, margin), width - margin);
}

/* After the map at x is known: 1 the lane is solved, -1 given up, 0 not yet; then
 * *wants_step says whether a new Newton step is to be taken from x, else x has
 * been moved along the old one. */
static int judge(lanes_state *s, int d, const br_inverse_options *o, int b, int lanes,
                 int *wants_step) {
  double slope = 0, worst = 0, size = 0;
  for (int k = 0; k < d; k++) {
    double r = s->map[k * lanes + b] - s->target[k * lanes + b];
    slope += r * s->step[k * lanes + b];
    worst = fmax(worst, fabs(r));
    size = fmax(size, fabs(s->target[k * lanes + b]));
    if (isnan(r)) return -1;
  }
  *wants_step = 0;
  if (worst <= o->tol * (1 + size)) return 1;
  if (slope <= -FLAT * s->slope[b] || s->trials[b] >= MAX_TRIALS || s->slope[b] == 0) {
    if (s->steps[b] >= o->max_iter) return -1;
    s->steps[b]++;
    *wants_step = 1;
    return 0;
  }
  s->trials[b]++;
  s->high[b] = s->t[b];
  s->high_slope[b] = slope;
  move(s, d, lanes, b, inside(s, b));
  return 0;
}

/* Takes the Newton step that stands in map, at full length. */
static void start_line(lanes_state *s, int d, int lanes, int b) {
  s->slope[b] = 0;
  for (int k = 0; k < d; k++) {
    s->step[k * lanes + b] = s->map[k * lanes + b];
    s->slope[b] -= s->residual[k * lanes + b] * s->map[k * lanes + b];
  }
  s->t[b] = 0;
  s->trials[b] = 0;
  move(s, d, lanes, b, 1);
}

static int solve_chunk(const br_potential *u, const br_sample *y, const double *start,
                       const br_inverse_options *o, size_t first, size_t end, double *x,
                       int *iterations, lanes_state *s, int lanes) {
  const br_kernels *kernels = br_simd();
  int d = u->d, busy = 0, failed = 0, wants[BR_LANES];
  size_t next = first;
  for (int b = 0; b < lanes; b++) {
    if (next < end) {
      load(s, y, d, start, b, next++, lanes);
      busy++;
    } else {
      load(s, y, d, start, b, end - 1, lanes); /* an idle lane repeats a point */
      s->busy[b] = 0;
    }
  }
  while (busy > 0) {
    u->family->eval(u, lanes, lanes, s->x, s->map, s->hess, s->scratch, 0);
    int any = 0;
    for (int b = 0; b < lanes; b++) {
      wants[b] = 0;
      if (!s->busy[b]) continue;
      int done = judge(s, d, o, b, lanes, &wants[b]);
      any |= wants[b];
      if (!done) continue;
      for (int k = 0; k < d; k++) x[(size_t)k * y->n + s->point[b]] = s->x[k * lanes + b];
      if (iterations) iterations[s->point[b]] = done > 0 ? s->steps[b] : -1 - s->steps[b];
      failed |= done < 0;
      if (next < end) {
        load(s, y, d, start, b, next++, lanes);
      } else {
        s->busy[b] = 0;
        busy--;
      }
    }
    if (!any) continue;
    for (int k = 0; k < d * lanes; k++) {
      s->residual[k] = s->target[k] - s->map[k];
      s->map[k] = s->residual[k];
    }
    kernels->cholesky(d, lanes, lanes, s->hess, s->logdet);
    kernels->solve(d, lanes, lanes, s->hess, s->map);
    for (int b = 0; b < lanes; b++)
      if (wants[b]) start_line(s, d, lanes, b);
  }
  return failed;
}

/* Starts at y itself: in whitened coordinates the map is near the identity. */
br_status br_inverse(const br_potential *u, const br_sample *y, const br_inverse_options *options,
                     double *x, int *iterations, br_workspace *ws) {
  return br_inverse_from(u, y, y->x, options, x, iterations, ws);
}

br_status br_inverse_from(const br_potential *u, const br_sample *y, const double *start,
                          const br_inverse_options *options, double *x, int *iterations,
                          br_workspace *ws) {
  int d = u->d, lanes = br_block_lanes(d), failed = 0;
  size_t n = y->n, chunks = (n + CHUNK - 1) / CHUNK;
  int threads = br_threads_for((double)n * (u->n_coef * (20.0 + d * d) + d * d * d) * 8);
  size_t size = state_size(u, lanes);
  size_t extra = (sizeof(lanes_state) + 7) / 8;
  double *memory = br_take(ws, (size + extra) * threads);
  BR_OMP(parallel for num_threads(threads) schedule(dynamic) reduction(| : failed))
  for (size_t c = 0; c < chunks; c++) {
    double *own = memory + (size + extra) * BR_THREAD_ID;
    lanes_state *s = (lanes_state *)own;
    arrange(s, own + extra, u, lanes);
    size_t end = (c + 1) * CHUNK < n ? (c + 1) * CHUNK : n;
    failed |= solve_chunk(u, y, start, options, c * CHUNK, end, x, iterations, s, lanes);
  }
  return failed ? BR_MAX_ITERATIONS : BR_OK;
}
