#include "grid_sinkhorn.h"

#include <math.h>
#include <string.h>

#include "simd.h"
#include "threads.h"

#define PI 3.14159265358979323846
#define LN2 0.69314718055994530942

#define TOGETHER 8 /* lines, the lanes of a product */
#define BLOCK 32   /* cells of a line with one scale */
#define TILE 32    /* cells to sum at, with one choice of blocks */

/* exp(-40) is far below the rounding of a sum that has a term of 1. */
#define NEGLIGIBLE 40

/* Terms are 0 below 1e-308 of what they may be at most: to a sum over this they are nothing. */
#define SOUND 1e-270

static size_t blocks_of(int n) { return ((size_t)n + BLOCK - 1) / BLOCK; }

static double log_kernel(double distance, double period, double epsilon) {
  if (period == 0) return -distance * distance / (2 * epsilon);
  if (epsilon > period * period) { /* few frequencies, where there are many images */
    const double angle = 2 * PI * distance / period, ratio = epsilon / (period * period);
    double sum = 1;
    for (int q = 1; q <= 2; q++) sum += 2 * exp(-2 * PI * PI * q * q * ratio) * cos(q * angle);
    return 0.5 * log(2 * PI * ratio) + log(sum);
  }
  distance -= period * round(distance / period);
  const double first = -distance * distance / (2 * epsilon);
  double sum = 1;
  for (int m = 1;; m++) {
    const double far = period * m - fabs(distance), beyond = period * m + fabs(distance);
    const double a = -far * far / (2 * epsilon) - first,
                 b = -beyond * beyond / (2 * epsilon) - first;
    if (a < -NEGLIGIBLE) break;
    sum += exp(a) + exp(b);
  }
  return first + log(sum);
}

static void log_masses(const br_grid *g, const double *density, double *out) {
  double mass = 0;
  for (size_t i = 0; i < g->cells; i++) mass += density[i];
  for (size_t i = 0; i < g->cells; i++) out[i] = log(density[i] / mass);
}

/* The kernel of axis k, see grid_sinkhorn.h. */
static void make_kernel(br_grid_sinkhorn *s, int back, int k, br_workspace *ws) {
  const br_grid *from = back ? &s->y : &s->x, *to = back ? &s->x : &s->y;
  const int n = from->n[k], m = to->n[k];
  const double period = from->periodic ? from->n[k] * from->step[k] : 0;
  double *kernel = s->kernel[back][k] = br_take(ws, (size_t)n * (size_t)m);
  double *peak = s->peak[back][k] = br_take(ws, blocks_of(n) * (size_t)m);
  for (int j = 0; j < m; j++)
    for (int i0 = 0; i0 < n; i0 += BLOCK) {
      double *row = kernel + (size_t)j * n, most = -INFINITY;
      const int end = i0 + BLOCK < n ? i0 + BLOCK : n;
      for (int i = i0; i < end; i++) {
        row[i] =
            log_kernel(br_grid_centre(from, k, i) - br_grid_centre(to, k, j), period, s->epsilon);
        most = fmax(most, row[i]);
      }
      peak[(size_t)(i0 / BLOCK) * m + j] = most;
      for (int i = i0; i < end; i++) row[i] = row[i] - most < -700 ? 0 : exp(row[i] - most);
    }
}

void br_grid_sinkhorn_make(br_grid_sinkhorn *s, const br_grid *x, const double *mu,
                           const br_grid *y, const double *nu, double epsilon, br_workspace *ws) {
  memset(s, 0, sizeof *s);
  s->x = *x;
  s->y = *y;
  s->epsilon = epsilon;
  s->log_mu = br_take(ws, x->cells);
  s->log_nu = br_take(ws, y->cells);
  log_masses(x, mu, s->log_mu);
  log_masses(y, nu, s->log_nu);
  size_t most = 1;
  int longest = 1;
  for (int k = 0; k < BR_GRID_AXES; k++) {
    const int n = x->n[k] > y->n[k] ? x->n[k] : y->n[k];
    most *= (size_t)n;
    if (n > longest) longest = n;
    for (int back = 0; back < 2 && k < x->d; back++) make_kernel(s, back, k, ws);
  }
  s->half[0] = br_take(ws, most);
  s->half[1] = br_take(ws, most);
  s->desk_room = TOGETHER * (2 * (size_t)longest + blocks_of(longest) + 5 * TILE);
  s->desks = br_take(ws, (size_t)br_threads_limit() * s->desk_room);
}

/* What a thread has before it: TOGETHER lines, a row a cell. */
typedef struct {
  double *value;  /* n rows: logarithms */
  double *weight; /* n rows: exp(value - top) */
  double *top;    /* a row a block */
  /* TILE rows: the largest of top + peak over the blocks, which the sums are relative to; what a
   * block must pass, relative to the same; sums of a block, its scale, and all sums */
  double *most, *least, *part, *scale, *sum;
} desk;

static desk desk_of(const br_grid_sinkhorn *s, int n, int thread) {
  desk w = {.value = s->desks + (size_t)thread * s->desk_room};
  w.weight = w.value + TOGETHER * (size_t)n;
  w.top = w.weight + TOGETHER * (size_t)n;
  w.most = w.top + TOGETHER * blocks_of(n);
  w.least = w.most + TOGETHER * TILE;
  w.part = w.least + TOGETHER * TILE;
  w.scale = w.part + TOGETHER * TILE;
  w.sum = w.scale + TOGETHER * TILE;
  return w;
}

/* Where the l-th line along axis k begins: `inner` cells lie between two of its own n. */
static size_t line_start(size_t l, size_t inner, int n) {
  return l / inner * inner * (size_t)n + l % inner;
}

static void scale_lines(const desk *w, int n) {
  for (int i0 = 0; i0 < n; i0 += BLOCK) {
    double *top = w->top + (size_t)(i0 / BLOCK) * TOGETHER;
    const int end = i0 + BLOCK < n ? i0 + BLOCK : n;
    for (int c = 0; c < TOGETHER; c++) top[c] = -INFINITY;
    for (int i = i0; i < end; i++)
      for (int c = 0; c < TOGETHER; c++) {
        const double t = w->value[(size_t)i * TOGETHER + c];
        top[c] = t > top[c] ? t : top[c];
      }
    for (int i = i0; i < end; i++)
      for (int c = 0; c < TOGETHER; c++) {
        const size_t at = (size_t)i * TOGETHER + c;
        w->weight[at] = top[c] == -INFINITY ? -INFINITY : w->value[at] - top[c];
      }
  }
  br_simd()->exponential((size_t)n * TOGETHER, w->weight, w->weight);
}

/* Whether block b matters to any of the rows of the tile. */
static int matters(const desk *w, const double *peak, size_t b, int rows) {
  const double *top = w->top + b * TOGETHER;
  int any = 0;
  for (int j = 0; j < rows; j++)
    for (int c = 0; c < TOGETHER; c++) any |= top[c] + peak[j] > w->least[j * TOGETHER + c];
  return any;
}

static void add_block(const desk *w, const double *kernel, const double *peak, size_t b, int n,
                      int rows) {
  const double *top = w->top + b * TOGETHER;
  const int i0 = (int)b * BLOCK, size = n - i0 < BLOCK ? n - i0 : BLOCK;
  memset(w->part, 0, (size_t)rows * TOGETHER * sizeof(double));
  br_simd()->multiply(rows, size, TOGETHER, TOGETHER, kernel + i0, (size_t)n, 1,
                      w->weight + (size_t)i0 * TOGETHER, w->part);
  for (int j = 0; j < rows; j++)
    for (int c = 0; c < TOGETHER; c++)
      w->scale[j * TOGETHER + c] = top[c] + peak[j] - w->most[j * TOGETHER + c];
  br_simd()->exponential((size_t)rows * TOGETHER, w->scale, w->scale);
  for (int at = 0; at < rows * TOGETHER; at++) w->sum[at] += w->part[at] * w->scale[at];
}

/* Sums at `rows` cells from j0 on: the block that may have most at the middle first, and then those
 * that could still matter. */
static void sum_tile(const br_grid_sinkhorn *s, const desk *w, int back, int k, int n, int m,
                     int j0, int rows) {
  const double *kernel = s->kernel[back][k] + (size_t)j0 * n, *peak = s->peak[back][k] + j0;
  const size_t blocks = blocks_of(n);
  size_t first = 0;
  double best = -INFINITY;
  for (int at = 0; at < rows * TOGETHER; at++) {
    w->most[at] = -INFINITY;
    w->sum[at] = 0;
  }
  for (size_t b = 0; b < blocks; b++) {
    const double *top = w->top + b * TOGETHER, middle = top[0] + peak[b * (size_t)m + rows / 2];
    if (middle > best) {
      best = middle;
      first = b;
    }
    for (int j = 0; j < rows; j++)
      for (int c = 0; c < TOGETHER; c++) {
        const double t = top[c] + peak[b * (size_t)m + j];
        double *most = w->most + j * TOGETHER + c;
        *most = t > *most ? t : *most;
      }
  }
  for (int at = 0; at < rows * TOGETHER; at++)
    if (w->most[at] == -INFINITY) w->most[at] = 0; /* an empty line: its sums are 0 */
  add_block(w, kernel, peak + first * (size_t)m, first, n, rows);
  for (int at = 0; at < rows * TOGETHER; at++)
    w->least[at] = w->most[at] + (w->sum[at] > SOUND ? ilogb(w->sum[at]) * LN2 : -700) -
                   NEGLIGIBLE - log(BLOCK);
  for (size_t b = 0; b < blocks; b++)
    if (b != first && matters(w, peak + b * (size_t)m, b, rows))
      add_block(w, kernel, peak + b * (size_t)m, b, n, rows);
}

/* The sum at cell j of the line c by logarithms alone. */
static double log_sum(const br_grid_sinkhorn *s, const desk *w, int back, int k, int n, int j,
                      int c) {
  const br_grid *from = back ? &s->y : &s->x, *to = back ? &s->x : &s->y;
  const double period = from->periodic ? from->n[k] * from->step[k] : 0;
  const double at = br_grid_centre(to, k, j);
  double most = -INFINITY, sum = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < n; i++) {
      const double value = w->value[(size_t)i * TOGETHER + c];
      const double t = value + log_kernel(br_grid_centre(from, k, i) - at, period, s->epsilon);
      if (pass == 0) most = t > most ? t : most;
      else if (t > most - NEGLIGIBLE) sum += exp(t - most);
    }
  return most == -INFINITY ? most : most + log(sum);
}

static void sum_axis(br_grid_sinkhorn *s, int back, int k, size_t inner, size_t outer,
                     const double *f, double *out) {
  const br_grid *from = back ? &s->y : &s->x, *to = back ? &s->x : &s->y;
  const int n = from->n[k], m = to->n[k];
  const size_t lines = inner * outer, jobs = (lines + TOGETHER - 1) / TOGETHER;
  const int threads = br_threads_for(0.3 * (double)lines * n * m);
  (void)threads;
  BR_OMP(parallel for num_threads(threads) schedule(dynamic))
  for (size_t job = 0; job < jobs; job++) {
    const desk w = desk_of(s, n, BR_THREAD_ID);
    const size_t l0 = job * TOGETHER;
    const int width = (int)(lines - l0 < TOGETHER ? lines - l0 : TOGETHER);
    for (int c = 0; c < TOGETHER; c++) {
      const double *source = c < width ? f + line_start(l0 + c, inner, n) : NULL;
      for (int i = 0; i < n; i++)
        w.value[(size_t)i * TOGETHER + c] = source ? source[(size_t)i * inner] : -INFINITY;
    }
    scale_lines(&w, n);
    for (int j0 = 0; j0 < m; j0 += TILE) {
      const int rows = m - j0 < TILE ? m - j0 : TILE;
      sum_tile(s, &w, back, k, n, m, j0, rows);
      for (int c = 0; c < width; c++) {
        double *target = out + line_start(l0 + c, inner, m) + (size_t)j0 * inner;
        for (int j = 0; j < rows; j++) {
          const double sum = w.sum[j * TOGETHER + c];
          target[(size_t)j * inner] = sum > SOUND ? w.most[j * TOGETHER + c] + log(sum)
                                                  : log_sum(s, &w, back, k, n, j0 + j, c);
        }
      }
    }
  }
}

void br_grid_sinkhorn_half(br_grid_sinkhorn *s, int back, const double *f, double *out) {
  const br_grid *from = back ? &s->y : &s->x, *to = back ? &s->x : &s->y;
  const double *log_mass = back ? s->log_nu : s->log_mu;
  double *values = s->half[1];
  for (size_t i = 0; i < from->cells; i++) values[i] = log_mass[i] - f[i] / s->epsilon;
  size_t inner = 1, outer = from->cells;
  for (int k = 0; k < from->d; k++) {
    outer /= (size_t)from->n[k];
    double *target = k + 1 == from->d ? out : s->half[k % 2];
    sum_axis(s, back, k, inner, outer, values, target);
    values = target;
    inner *= (size_t)to->n[k];
  }
  for (size_t i = 0; i < to->cells; i++) out[i] *= s->epsilon;
}
