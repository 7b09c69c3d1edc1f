#include "grid_multigrid.h"

#include <math.h>
#include <string.h>

#include "threads.h"

static const int pair_axes[3][2] = {{0, 1}, {0, 2}, {1, 2}};

/* Pairs of axes below d. */
static int n_pairs(int d) { return d * (d - 1) / 2; }

static int coarsest(const br_grid *g) { return g->n[0] <= 2 && g->n[1] <= 2 && g->n[2] <= 2; }

static void take_level(br_multigrid_level *l, size_t total, int d, int with_shift,
                       br_workspace *ws) {
  for (int k = 0; k < d; k++) l->face[k] = br_take(ws, total);
  l->shift = with_shift ? br_take(ws, total) : NULL;
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

void br_multigrid_make(br_multigrid *m, const br_grid *g, int with_shift, br_workspace *ws) {
  memset(m, 0, sizeof *m);
  m->level[0].grid = *g;
  take_level(&m->level[0], g->total, g->d, with_shift, ws);
  br_grid at = *g;
  int n = 1;
  while (!coarsest(&at) && n < BR_MULTIGRID_LEVELS) {
    int halved[BR_GRID_AXES];
    choose_axes(&at, halved);
    br_grid next;
    halve_axes(&at, halved, &next);
    memcpy(m->level[n - 1].halved, halved, sizeof halved);
    at = next;
    m->level[n].grid = at;
    take_level(&m->level[n], at.total, at.d, with_shift, ws);
    m->level[n].x = br_take(ws, at.total);
    m->level[n].b = br_take(ws, at.total);
    n++;
  }
  m->n_levels = n;
  for (int p = 0; p < n_pairs(g->d); p++) m->corner[p] = br_take(ws, g->total);
  m->p = br_take(ws, g->total);
  m->ap = br_take(ws, g->total);
  m->residual = br_take(ws, g->total);
  m->row_sum = br_take(ws, (size_t)g->rows);
}

static int row_threads(const br_grid *g, double operations) {
  return br_threads_for(operations * (double)g->cells);
}

/* The coordinates of row r on axes 1 and 2. */
static int row_at(const br_grid *g, int r, int k) { return k == 1 ? r % g->n[1] : r / g->n[1]; }

/* Number of cells of row r that have a next one on axis k: none of them, all, or all but the last.
 */
static int cells_with_next(const br_grid *g, int r, int k) {
  if (g->periodic) return g->n[0];
  if (k == 0) return g->n[0] - 1;
  return row_at(g, r, k) < g->n[k] - 1 ? g->n[0] : 0;
}

void br_multigrid_coefficients(br_multigrid *m, double *const *k_fields) {
  const br_grid *g = &m->level[0].grid;
  for (int a = 0, p = 0; a < g->d; a++)
    for (int b = 0; b <= a; b++) br_grid_reflect(g, k_fields[p++]);
  const int threads = row_threads(g, 10);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    for (int a = 0; a < g->d; a++) {
      const double *k = k_fields[a * (a + 3) / 2] + at, scale = 0.5 / (g->step[a] * g->step[a]);
      double *face = m->level[0].face[a] + at;
      const size_t s = g->stride[a];
      const int n = cells_with_next(g, r, a);
      for (int i = 0; i < n; i++) face[i] = scale * (k[i] + k[i + s]);
      for (int i = n; i < g->n[0]; i++) face[i] = 0;
    }
    for (int p = 0; p < n_pairs(g->d); p++) {
      const int a = pair_axes[p][0], b = pair_axes[p][1];
      const double *k = k_fields[b * (b + 1) / 2 + a] + at;
      const double scale = 0.25 / (g->step[a] * g->step[b]);
      const size_t s = g->stride[a], t = g->stride[b];
      const int na = cells_with_next(g, r, a), nb = cells_with_next(g, r, b);
      const int n = na < nb ? na : nb;
      double *corner = m->corner[p] + at;
      for (int i = 0; i < n; i++) corner[i] = scale * (k[i] + k[i + s] + k[i + t] + k[i + s + t]);
      for (int i = n; i < g->n[0]; i++) corner[i] = 0;
    }
  }
}

/* The ghost faces before the first cells: zero, or round the torus. Ghosts of faces are read below
 * the first cell only. */
static void close_faces(br_multigrid_level *l) {
  for (int k = 0; k < l->grid.d; k++)
    if (l->grid.periodic) br_grid_reflect(&l->grid, l->face[k]);
}

static void set_diagonal(br_multigrid_level *l) {
  const br_grid *g = &l->grid;
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    for (int i = 0; i < g->n[0]; i++) {
      double diagonal = l->shift ? l->shift[at + i] : 0;
      for (int k = 0; k < g->d; k++)
        diagonal += l->face[k][at + i] + l->face[k][at + i - g->stride[k]];
      l->inverse_diagonal[at + i] = diagonal > 0 ? 1 / diagonal : 0;
    }
  }
}

/* The sums over pairs of cells: faces between pairs, by half where the distance doubles; shifts. */
static void coarsen(const br_multigrid_level *fine, br_multigrid_level *coarse) {
  const br_grid *g = &fine->grid, *c = &coarse->grid;
  for (int k = 0; k < c->d; k++) memset(coarse->face[k], 0, c->total * sizeof(double));
  if (coarse->shift) memset(coarse->shift, 0, c->total * sizeof(double));
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    const int j = row_at(g, r, 1), k = row_at(g, r, 2);
    const int cj = fine->halved[1] ? j / 2 : j, ck = fine->halved[2] ? k / 2 : k;
    const size_t to = c->first + cj * c->stride[1] + ck * c->stride[2];
    const int index[BR_GRID_AXES] = {0, j, k};
    for (int a = 0; a < g->d; a++) {
      const double *face = fine->face[a] + at;
      double *sum = coarse->face[a] + to;
      const int halved = fine->halved[a];
      if (a == 0) {
        for (int i = halved; i < g->n[0]; i += 1 + halved)
          sum[halved ? i / 2 : i] += (halved ? 0.5 : 1) * face[i];
        /* a last cell alone: its face joins it to the first of the torus */
        if (halved && g->n[0] % 2) sum[g->n[0] / 2] += 0.5 * face[g->n[0] - 1];
        continue;
      }
      if (halved && index[a] % 2 == 0 && index[a] != g->n[a] - 1) continue;
      for (int i = 0; i < g->n[0]; i++)
        sum[fine->halved[0] ? i / 2 : i] += (halved ? 0.5 : 1) * face[i];
    }
    if (coarse->shift)
      for (int i = 0; i < g->n[0]; i++)
        coarse->shift[to + (fine->halved[0] ? i / 2 : i)] += fine->shift[at + i];
  }
}

void br_multigrid_refresh(br_multigrid *m) {
  const br_multigrid_level *finest = &m->level[0];
  m->singular = !finest->shift || br_grid_sum(&finest->grid, finest->shift, m->row_sum) == 0;
  for (int l = 0; l < m->n_levels; l++) {
    close_faces(&m->level[l]);
    set_diagonal(&m->level[l]);
    if (l + 1 < m->n_levels) coarsen(&m->level[l], &m->level[l + 1]);
  }
}

/* Gauss-Seidel over the cells of one colour: neighbours have the other, so their order is free. */
static void smooth(const br_multigrid_level *l, const double *b, double *x, int colour) {
  const br_grid *g = &l->grid;
  if (g->periodic) br_grid_reflect(g, x);
  const int threads = row_threads(g, 8), d = g->d;
  const size_t s1 = g->stride[1], s2 = g->stride[2];
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    const double *f0 = l->face[0] + at, *f1 = d > 1 ? l->face[1] + at : NULL;
    const double *f2 = d > 2 ? l->face[2] + at : NULL, *scale = l->inverse_diagonal + at;
    double *v = x + at;
    for (int i = (row_at(g, r, 1) + row_at(g, r, 2) + colour) % 2; i < g->n[0]; i += 2) {
      double sum = b[at + i] + f0[i] * v[i + 1] + f0[i - 1] * v[i - 1];
      if (d > 1) sum += f1[i] * v[i + s1] + f1[(ptrdiff_t)(i - s1)] * v[(ptrdiff_t)(i - s1)];
      if (d > 2) sum += f2[i] * v[i + s2] + f2[(ptrdiff_t)(i - s2)] * v[(ptrdiff_t)(i - s2)];
      v[i] = sum * scale[i];
    }
  }
}

/* b - A x at one cell, of the faces alone. */
static inline double defect(const br_multigrid_level *l, const double *b, const double *x,
                            size_t i) {
  const br_grid *g = &l->grid;
  double sum = b[i] - (l->shift ? l->shift[i] * x[i] : 0);
  for (int k = 0; k < g->d; k++) {
    const size_t s = g->stride[k];
    sum += l->face[k][i] * (x[i + s] - x[i]) + l->face[k][i - s] * (x[i - s] - x[i]);
  }
  return sum;
}

/* Where fine index i takes its value from: its own coarse cell by 3/4 and the nearer one by 1/4. */
typedef struct {
  int near, far;
  double share; /* of the far one */
} origin;

static origin origin_of(int i, int n_coarse, int halved, int periodic) {
  origin o = {i, i, 0};
  if (!halved) return o;
  o.near = i / 2;
  o.far = i % 2 ? o.near + 1 : o.near - 1;
  o.share = 0.25;
  if (o.far < 0) o.far = periodic ? n_coarse - 1 : o.near;
  if (o.far >= n_coarse) o.far = periodic ? 0 : o.near;
  return o;
}

/* b of the coarse level from the defect of the fine one: the transpose of prolong(). */
static void restrict_defect(const br_multigrid_level *fine, const double *b, const double *x,
                            br_multigrid_level *coarse) {
  const br_grid *g = &fine->grid, *c = &coarse->grid;
  memset(coarse->b, 0, c->total * sizeof(double));
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    const origin o1 = origin_of(row_at(g, r, 1), c->n[1], fine->halved[1], g->periodic);
    const origin o2 = origin_of(row_at(g, r, 2), c->n[2], fine->halved[2], g->periodic);
    const int n1 = o1.share > 0 ? 2 : 1, n2 = o2.share > 0 ? 2 : 1;
    double *to[4], weight[4];
    int n_to = 0;
    for (int b2 = 0; b2 < n2; b2++)
      for (int b1 = 0; b1 < n1; b1++) {
        to[n_to] = coarse->b + c->first + (b1 ? o1.far : o1.near) * c->stride[1] +
                   (b2 ? o2.far : o2.near) * c->stride[2];
        weight[n_to++] = (b1 ? o1.share : 1 - o1.share) * (b2 ? o2.share : 1 - o2.share);
      }
    for (int i = 0; i < g->n[0]; i++) {
      const double value = defect(fine, b, x, at + i);
      const origin o0 = origin_of(i, c->n[0], fine->halved[0], g->periodic);
      for (int t = 0; t < n_to; t++) {
        to[t][o0.near] += weight[t] * (1 - o0.share) * value;
        to[t][o0.far] += weight[t] * o0.share * value;
      }
    }
  }
}

/* Adds the coarse correction, interpolated, to x. */
static void prolong(const br_multigrid_level *fine, const br_multigrid_level *coarse, double *x) {
  const br_grid *g = &fine->grid, *c = &coarse->grid;
  const int threads = row_threads(g, 6);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const origin o1 = origin_of(row_at(g, r, 1), c->n[1], fine->halved[1], g->periodic);
    const origin o2 = origin_of(row_at(g, r, 2), c->n[2], fine->halved[2], g->periodic);
    const int n1 = o1.share > 0 ? 2 : 1, n2 = o2.share > 0 ? 2 : 1;
    double *v = x + br_grid_row(g, r);
    for (int b2 = 0; b2 < n2; b2++)
      for (int b1 = 0; b1 < n1; b1++) {
        const double *from = coarse->x + c->first + (b1 ? o1.far : o1.near) * c->stride[1] +
                             (b2 ? o2.far : o2.near) * c->stride[2];
        const double w = (b1 ? o1.share : 1 - o1.share) * (b2 ? o2.share : 1 - o2.share);
        for (int i = 0; i < g->n[0]; i++) {
          const origin o0 = origin_of(i, c->n[0], fine->halved[0], g->periodic);
          v[i] += w * ((1 - o0.share) * from[o0.near] + o0.share * from[o0.far]);
        }
      }
  }
}

/* Colours in the opposite order on the way up: so the cycle is symmetric. */
static void cycle(br_multigrid *m, int l, const double *b, double *x) {
  const br_multigrid_level *at = &m->level[l];
  memset(x, 0, at->grid.total * sizeof(double));
  const int sweeps = l + 1 < m->n_levels ? 1 : 8;
  for (int s = 0; s < sweeps; s++) {
    smooth(at, b, x, 0);
    smooth(at, b, x, 1);
  }
  if (l + 1 < m->n_levels) {
    br_multigrid_level *next = &m->level[l + 1];
    if (at->grid.periodic) br_grid_reflect(&at->grid, x);
    restrict_defect(at, b, x, next);
    cycle(m, l + 1, next->b, next->x);
    prolong(at, next, x);
  }
  for (int s = 0; s < sweeps; s++) {
    smooth(at, b, x, 1);
    smooth(at, b, x, 0);
  }
}

void br_multigrid_cycle(br_multigrid *m, const double *b, double *x) { cycle(m, 0, b, x); }

/* y = A x with the corners; x has its ghosts. */
static void multiply(const br_multigrid *m, const double *x, double *y) {
  const br_multigrid_level *l = &m->level[0];
  const br_grid *g = &l->grid;
  const int threads = row_threads(g, 12);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    double *out = y + at;
    const double *v = x + at;
    for (int i = 0; i < g->n[0]; i++) out[i] = l->shift ? l->shift[at + i] * v[i] : 0;
    for (int k = 0; k < g->d; k++) {
      const ptrdiff_t s = (ptrdiff_t)g->stride[k];
      const double *f = l->face[k] + at;
      for (int i = 0; i < g->n[0]; i++)
        out[i] += f[i] * (v[i] - v[i + s]) + f[i - s] * (v[i] - v[i - s]);
    }
    for (int p = 0; p < n_pairs(g->d); p++) {
      const ptrdiff_t s = (ptrdiff_t)g->stride[pair_axes[p][0]];
      const ptrdiff_t t = (ptrdiff_t)g->stride[pair_axes[p][1]];
      const double *c = m->corner[p] + at;
      for (int i = 0; i < g->n[0]; i++)
        out[i] += 0.5 * (c[i] * (v[i] - v[i + s + t]) + c[i - s - t] * (v[i] - v[i - s - t]) -
                         c[i - s] * (v[i] - v[i - s + t]) - c[i - t] * (v[i] - v[i + s - t]));
    }
  }
}

static void centre(const br_grid *g, double *x, double *row_sum) {
  const double mean = br_grid_sum(g, x, row_sum) / (double)g->cells;
  for (int r = 0; r < g->rows; r++) {
    double *v = x + br_grid_row(g, r);
    for (int i = 0; i < g->n[0]; i++) v[i] -= mean;
  }
}

/* y += a x over the cells. */
static void add(const br_grid *g, double a, const double *x, double *y) {
  const int threads = row_threads(g, 2);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < g->rows; r++) {
    const size_t at = br_grid_row(g, r);
    for (int i = 0; i < g->n[0]; i++) y[at + i] += a * x[at + i];
  }
}

int br_multigrid_solve(br_multigrid *m, const double *b, double *x, double tol,
                       int max_iterations) {
  const br_multigrid_level *l = &m->level[0];
  const br_grid *g = &l->grid;
  double *z = m->ap; /* the preconditioned residual is needed only while A p is not */
  memset(x, 0, g->total * sizeof(double));
  memset(m->p, 0, g->total * sizeof(double));
  memcpy(m->residual, b, g->total * sizeof(double));
  if (g->periodic)
    for (int p = 0; p < n_pairs(g->d); p++) br_grid_reflect(g, m->corner[p]);
  if (m->singular) centre(g, m->residual, m->row_sum);
  double rz_old = 0, first = 0;
  int iteration = 0, positive = 1;
  for (; iteration <= max_iterations; iteration++) {
    br_multigrid_cycle(m, m->residual, z);
    const double rz = br_grid_dot(g, m->residual, z, m->row_sum);
    /* the norm of the residual in the metric of the preconditioner, near that of the error in
     * energy */
    if (iteration == 0) first = rz;
    if (!(rz > tol * tol * first) || iteration == max_iterations) break;
    const double beta = iteration == 0 ? 0 : rz / rz_old;
    for (int r = 0; r < g->rows; r++) {
      const size_t at = br_grid_row(g, r);
      for (int i = 0; i < g->n[0]; i++) m->p[at + i] = z[at + i] + beta * m->p[at + i];
    }
    if (g->periodic) br_grid_reflect(g, m->p);
    multiply(m, m->p, m->ap);
    const double curvature = br_grid_dot(g, m->p, m->ap, m->row_sum);
    if (!(curvature > 0)) {
      positive = 0;
      break;
    }
    add(g, rz / curvature, m->p, x);
    add(g, -rz / curvature, m->ap, m->residual);
    rz_old = rz;
  }
  if (m->singular) centre(g, x, m->row_sum);
  br_grid_reflect(g, x);
  return positive ? iteration : -1;
}
