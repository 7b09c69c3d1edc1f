#include "grid_multigrid.h"

#include <math.h>
#include <string.h>

static const int pair_axes[3][2] = {{0, 1}, {0, 2}, {1, 2}};

/* Pairs of axes below d. */
static int n_pairs(int d) { return d * (d - 1) / 2; }

static int coarsest(const br_grid *g) { return g->n[0] <= 2 && g->n[1] <= 2 && g->n[2] <= 2; }

static void take_level(br_multigrid_level *l, int with, br_workspace *ws) {
  const size_t total = l->grid.total;
  for (int k = 0; k < l->grid.d; k++) l->face[k] = br_take(ws, total);
  l->shift = with & BR_MULTIGRID_SHIFT ? br_take(ws, total) : NULL;
  l->inverse_diagonal = br_take(ws, total);
}

static void halve_axes(const br_grid *fine, const int *halved, br_grid *coarse) {
  int n[BR_GRID_AXES];
  double upper[BR_GRID_AXES];
  for (int k = 0; k < BR_GRID_AXES; k++) {
    n[k] = halved[k] ? (fine->n[k] + 1) / 2 : fine->n[k];
    upper[k] = fine->lower[k] + n[k] * fine->step[k] * (halved[k] ? 2 : 1);
  }
  br_grid_make(coarse, fine->d, n, fine->lower, upper, fine->periodic);
}

/* Only axes of nearly the least step are halved: cells are weakly coupled along the others, which
 * wait until the steps are alike. */
static void choose_axes(const br_grid *g, int *halved) {
  double least = INFINITY;
  for (int k = 0; k < g->d; k++)
    if (g->n[k] > 2) least = fmin(least, g->step[k]);
  for (int k = 0; k < BR_GRID_AXES; k++)
    halved[k] = k < g->d && g->n[k] > 2 && g->step[k] < 1.9 * least;
}

void br_multigrid_make(br_multigrid *m, const br_grid *g, int with, br_workspace *ws) {
  memset(m, 0, sizeof *m);
  m->level[0].grid = *g;
  take_level(&m->level[0], with, ws);
  int n = 1;
  for (; !coarsest(&m->level[n - 1].grid) && n < BR_MULTIGRID_LEVELS; n++) {
    br_multigrid_level *fine = &m->level[n - 1], *l = &m->level[n];
    choose_axes(&fine->grid, fine->halved);
    halve_axes(&fine->grid, fine->halved, &l->grid);
    take_level(l, with, ws);
    l->x = br_take(ws, l->grid.total);
    l->b = br_take(ws, l->grid.total);
  }
  m->n_levels = n;
  if (with & BR_MULTIGRID_CORNERS)
    for (int p = 0; p < n_pairs(g->d); p++) m->corner[p] = br_take(ws, g->total);
  m->p = br_take(ws, g->total);
  m->ap = br_take(ws, g->total);
  m->residual = br_take(ws, g->total);
  m->row_sum = br_take(ws, (size_t)g->rows);
  /* a slab of restricted defects and a row of them */
  m->line_room = (size_t)g->n[0] * (size_t)(br_grid_slab_rows(g) + 1);
  m->lines = br_take(ws, m->line_room * (size_t)br_threads_limit());
}

double *br_multigrid_k(br_multigrid *m, int k, int l) {
  if (k == l) return m->level[0].face[k];
  const int low = k < l ? k : l, high = k < l ? l : k;
  return m->corner[low + high - 1];
}

/* f of each cell plus that of the next on axis k, in place; 0 for the last but round the torus. */
static void add_next(const br_grid *g, int k, double *f) {
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  if (g->periodic) br_grid_reflect(g, f);
  const int n = g->n[0], last = g->periodic ? -1 : g->n[k] - 1;
  if (k == 0) {
    BR_OMP(parallel for num_threads(threads))
    for (int r = 0; r < g->rows; r++) {
      double *v = f + br_grid_row(g, r);
      for (int i = 0; i < n; i++) v[i] += v[i + 1];
      if (last >= 0) v[last] = 0;
    }
    return;
  }
  /* lines side by side, in pieces of rows: each piece from its start to its end */
  enum { PIECE = 64 };
  const int other = 3 - k, pieces = (n + PIECE - 1) / PIECE, jobs = pieces * g->n[other];
  const size_t s = g->stride[k];
  BR_OMP(parallel for num_threads(threads))
  for (int job = 0; job < jobs; job++) {
    const int start = job % pieces * PIECE, width = n - start < PIECE ? n - start : PIECE;
    double *line = f + g->first + start + (size_t)(job / pieces) * g->stride[other];
    for (int j = 0; j < g->n[k]; j++) {
      double *v = line + (size_t)j * s;
      if (j == last) memset(v, 0, (size_t)width * sizeof(double));
      else
        for (int i = 0; i < width; i++) v[i] += v[i + s];
    }
  }
}

static void scale(const br_grid *g, double by, double *f) {
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    double *v = f + br_grid_row(g, r);
    for (int i = 0; i < g->n[0]; i++) v[i] *= by;
  }
}

/* The ghosts before the first cells, which alone are read: zero, or round the torus. */
static void close_ghosts(const br_grid *g, double *f) {
  if (g->periodic) {
    br_grid_reflect(g, f);
    return;
  }
  for (int r = 0; r < g->rows; r++) f[br_grid_row(g, r) - 1] = 0;
  for (int k = 1; k < g->d; k++) {
    const int other = 3 - k, beyond = other < g->d;
    for (int r = -beyond; r < g->n[other]; r++)
      memset(f + g->first - 1 - g->stride[k] + (ptrdiff_t)r * (ptrdiff_t)g->stride[other], 0,
             ((size_t)g->n[0] + 2) * sizeof(double));
  }
}

/* Means of K at the faces and corners. */
static void average_coefficients(br_multigrid *m) {
  const br_grid *g = &m->level[0].grid;
  for (int k = 0; k < g->d; k++) {
    add_next(g, k, m->level[0].face[k]);
    scale(g, 0.5 / (g->step[k] * g->step[k]), m->level[0].face[k]);
  }
  for (int p = 0; p < n_pairs(g->d) && m->corner[p]; p++) {
    const int k = pair_axes[p][0], l = pair_axes[p][1];
    add_next(g, k, m->corner[p]);
    add_next(g, l, m->corner[p]);
    scale(g, 0.25 / (g->step[k] * g->step[l]), m->corner[p]);
    close_ghosts(g, m->corner[p]);
  }
}

static void set_diagonal(br_multigrid_level *l, double rate) {
  const br_grid *g = &l->grid;
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    double *out = l->inverse_diagonal + at;
    for (int i = 0; i < g->n[0]; i++) out[i] = rate > 0 ? rate * l->shift[at + i] : 0;
    for (int k = 0; k < g->d; k++) {
      const double *f = l->face[k] + at;
      const ptrdiff_t s = (ptrdiff_t)g->stride[k];
      for (int i = 0; i < g->n[0]; i++) out[i] += f[i] + f[i - s];
    }
    for (int i = 0; i < g->n[0]; i++) out[i] = out[i] > 0 ? 1 / out[i] : 0;
  }
}

/* Adds factor times a fine row to a coarse one; only every other cell, from the second, if the
 * faces of a halved axis are. A last cell alone has the face that closes the torus. */
static void add_row(int n, int halved, int faces, double factor, const double *fine,
                    double *coarse) {
  if (!halved)
    for (int i = 0; i < n; i++) coarse[i] += factor * fine[i];
  else if (faces) {
    for (int i = 1; i < n; i += 2) coarse[i / 2] += factor * fine[i];
    if (n % 2) coarse[n / 2] += factor * fine[n - 1];
  } else
    for (int i = 0; i < n; i++) coarse[i / 2] += factor * fine[i];
}

/* The sums over pairs of cells: faces between pairs, by half where the distance doubles; shifts. */
static void coarsen(const br_multigrid_level *fine, br_multigrid_level *coarse, double rate) {
  const br_grid *g = &fine->grid, *c = &coarse->grid;
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < c->rows; r++) {
    const size_t to = br_grid_row(c, r);
    const size_t bytes = (size_t)c->n[0] * sizeof(double);
    for (int a = 0; a < c->d; a++) memset(coarse->face[a] + to, 0, bytes);
    if (rate > 0) memset(coarse->shift + to, 0, bytes);
    const int j0 = r % c->n[1] << fine->halved[1], k0 = r / c->n[1] << fine->halved[2];
    for (int k = k0; k <= k0 + fine->halved[2] && k < g->n[2]; k++)
      for (int j = j0; j <= j0 + fine->halved[1] && j < g->n[1]; j++) {
        const size_t at = g->first + (size_t)j * g->stride[1] + (size_t)k * g->stride[2];
        const int index[BR_GRID_AXES] = {0, j, k};
        for (int a = 0; a < g->d; a++) {
          const int halved = fine->halved[a], even = index[a] % 2 == 0;
          if (a > 0 && halved && even && index[a] != g->n[a] - 1) continue;
          add_row(g->n[0], fine->halved[0], a == 0, halved ? 0.5 : 1, fine->face[a] + at,
                  coarse->face[a] + to);
        }
        if (rate > 0) add_row(g->n[0], fine->halved[0], 0, 1, fine->shift + at, coarse->shift + to);
      }
  }
}

void br_multigrid_factor(br_multigrid *m, double rate) {
  m->rate = m->level[0].shift ? rate : 0;
  average_coefficients(m);
  for (int l = 0; l < m->n_levels; l++) {
    br_multigrid_level *at = &m->level[l];
    for (int k = 0; k < at->grid.d; k++) close_ghosts(&at->grid, at->face[k]);
    set_diagonal(at, m->rate);
    if (l + 1 < m->n_levels) coarsen(at, &m->level[l + 1], m->rate);
  }
}

/* One row of A p, and its inner product with p. */
static inline double multiply_row(const br_multigrid *m, int r, const int d) {
  const br_multigrid_level *l = &m->level[0];
  const br_grid *g = &l->grid;
  const size_t at = br_grid_row(g, r);
  const ptrdiff_t s = (ptrdiff_t)g->stride[1];
  const double *v = m->p + at, *f0 = l->face[0] + at, *f1 = d > 1 ? l->face[1] + at : NULL;
  double *out = m->ap + at;
  const int n = g->n[0];
  if (d == 1) {
    for (int i = 0; i < n; i++) out[i] = f0[i] * (v[i] - v[i + 1]) + f0[i - 1] * (v[i] - v[i - 1]);
  } else {
    BR_OMP(simd)
    for (int i = 0; i < n; i++)
      out[i] = f0[i] * (v[i] - v[i + 1]) + f0[i - 1] * (v[i] - v[i - 1]) +
               f1[i] * (v[i] - v[i + s]) + f1[i - s] * (v[i] - v[i - s]);
  }
  if (d == 3) {
    const ptrdiff_t t = (ptrdiff_t)g->stride[2];
    const double *f2 = l->face[2] + at;
    BR_OMP(simd)
    for (int i = 0; i < n; i++) out[i] += f2[i] * (v[i] - v[i + t]) + f2[i - t] * (v[i] - v[i - t]);
  }
  for (int p = 0; p < n_pairs(d) && m->corner[p]; p++) {
    const ptrdiff_t a = (ptrdiff_t)g->stride[pair_axes[p][0]];
    const ptrdiff_t b = (ptrdiff_t)g->stride[pair_axes[p][1]];
    const double *c = m->corner[p] + at;
    BR_OMP(simd)
    for (int i = 0; i < n; i++)
      out[i] += 0.5 * (c[i] * (v[i] - v[i + a + b]) + c[i - a - b] * (v[i] - v[i - a - b]) -
                       c[i - a] * (v[i] - v[i - a + b]) - c[i - b] * (v[i] - v[i + a - b]));
  }
  if (m->rate > 0) {
    const double *shift = l->shift + at, rate = m->rate;
    for (int i = 0; i < n; i++) out[i] += rate * shift[i] * v[i];
  }
  return br_grid_row_dot(n, v, out);
}

static void multiply_slab(const br_multigrid *m, int slab) {
  const br_grid *g = &m->level[0].grid;
  const int rows = br_grid_slab_rows(g);
  for (int r = slab * rows; r < (slab + 1) * rows; r++)
    m->row_sum[r] = g->d == 1   ? multiply_row(m, r, 1)
                    : g->d == 2 ? multiply_row(m, r, 2)
                                : multiply_row(m, r, 3);
}

/* p = z + beta p, where z is in ap. */
static void turn_slab(const br_multigrid *m, int slab, double beta) {
  const br_grid *g = &m->level[0].grid;
  const int rows = br_grid_slab_rows(g);
  for (int r = slab * rows; r < (slab + 1) * rows; r++) {
    double *p = m->p + br_grid_row(g, r);
    const double *z = m->ap + br_grid_row(g, r);
    for (int i = 0; i < g->n[0]; i++) p[i] = z[i] + beta * p[i];
  }
}

/* p = z + beta p and then A p in the place of z: returns the inner product of p and A p. */
static double turn_and_multiply(const br_multigrid *m, double beta) {
  const br_grid *g = &m->level[0].grid;
  const int threads = br_grid_threads(g, 3 * BR_GRID_PASS), chunks = br_grid_chunks(g, threads);
  const int all = g->periodic; /* p is needed round the torus before any product */
  (void)threads;
  BR_OMP(parallel for num_threads(chunks) schedule(static, 1))
  for (int c = 0; c < chunks; c++) {
    const int start = br_grid_chunk(g, chunks, c), end = br_grid_chunk(g, chunks, c + 1);
    for (int slab = start; slab < end; slab++)
      if (all || slab == start || slab == end - 1) turn_slab(m, slab, beta);
  }
  if (g->periodic) br_grid_reflect(g, m->p);
  BR_OMP(parallel for num_threads(chunks) schedule(static, 1))
  for (int c = 0; c < chunks; c++) {
    const int start = br_grid_chunk(g, chunks, c), end = br_grid_chunk(g, chunks, c + 1);
    for (int slab = start; slab < end; slab++) {
      if (!all && slab + 1 < end - 1) turn_slab(m, slab + 1, beta);
      multiply_slab(m, slab);
    }
  }
  return br_grid_sum_rows(g, m->row_sum);
}

/* x += a p, residual -= a A p; x is new in the first iteration. */
static void advance(const br_multigrid *m, double a, int first, double *x) {
  const br_grid *g = &m->level[0].grid;
  const int threads = br_grid_threads(g, 2 * BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    const double *p = m->p + at, *ap = m->ap + at;
    double *v = x + at, *residual = m->residual + at;
    if (first)
      for (int i = 0; i < g->n[0]; i++) v[i] = a * p[i];
    else
      for (int i = 0; i < g->n[0]; i++) v[i] += a * p[i];
    for (int i = 0; i < g->n[0]; i++) residual[i] -= a * ap[i];
  }
}

static void centre(const br_grid *g, double *x, double *row_sum) {
  const double mean = br_grid_sum(g, x, row_sum) / (double)g->cells;
  const int threads = br_grid_threads(g, BR_GRID_PASS);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    double *v = x + br_grid_row(g, r);
    for (int i = 0; i < g->n[0]; i++) v[i] -= mean;
  }
}

int br_multigrid_solve(br_multigrid *m, double *x, double tol, int max_iterations) {
  const br_grid *g = &m->level[0].grid;
  double *z = m->ap; /* the preconditioned residual is needed only while A p is not */
  if (m->rate == 0) centre(g, m->residual, m->row_sum);
  double rz_old = 0, first = 0;
  int iteration = 0, positive = 1;
  for (; iteration <= max_iterations; iteration++) {
    const double rz = br_multigrid_cycle(m, m->residual, z);
    /* the norm of the residual in the metric of the preconditioner, near that of the error in
     * energy */
    if (iteration == 0) first = rz;
    if (!(rz > tol * tol * first) || iteration == max_iterations) break;
    const double curvature = turn_and_multiply(m, iteration == 0 ? 0 : rz / rz_old);
    if (!(curvature > 0)) {
      positive = 0;
      break;
    }
    advance(m, rz / curvature, iteration == 0, x);
    rz_old = rz;
  }
  if (iteration == 0) memset(x, 0, g->total * sizeof(double));
  if (m->rate == 0) centre(g, x, m->row_sum);
  br_grid_reflect(g, x);
  return positive ? iteration : -1;
}
