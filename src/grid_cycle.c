/* The V-cycle of grid_multigrid.h. */
#include <string.h>

#include "grid_multigrid.h"

/* Gauss-Seidel over the cells of one colour in a row: neighbours have the other, so their order is
 * free. Where x was zero, only the second colour has neighbours. */
static inline void colour_row(const br_multigrid_level *l, const double *b, double *x, int r,
                              int colour, int alone, const int d) {
  const br_grid *g = &l->grid;
  const size_t at = br_grid_row(g, r);
  const ptrdiff_t s = (ptrdiff_t)g->stride[1], t = (ptrdiff_t)g->stride[2];
  const double *f0 = l->face[0] + at, *f1 = d > 1 ? l->face[1] + at : NULL;
  const double *f2 = d > 2 ? l->face[2] + at : NULL;
  const double *scale = l->inverse_diagonal + at, *right = b + at;
  double *v = x + at;
  const int n = g->n[0], start = (r % g->n[1] + r / g->n[1] + colour) % 2;
  if (alone) {
    for (int i = start; i < n; i += 2) v[i] = right[i] * scale[i];
    return;
  }
  for (int i = start; i < n; i += 2) {
    double sum = right[i] + f0[i] * v[i + 1] + f0[i - 1] * v[i - 1];
    if (d > 1) sum += f1[i] * v[i + s] + f1[i - s] * v[i - s];
    if (d > 2) sum += f2[i] * v[i + t] + f2[i - t] * v[i - t];
    v[i] = sum * scale[i];
  }
}

static void colour_slab(const br_multigrid_level *l, const double *b, double *x, int slab,
                        int colour, int alone) {
  const int d = l->grid.d, rows = br_grid_slab_rows(&l->grid);
  for (int r = slab * rows; r < (slab + 1) * rows; r++) {
    if (d == 1) colour_row(l, b, x, r, colour, alone, 1);
    else if (d == 2) colour_row(l, b, x, r, colour, alone, 2);
    else colour_row(l, b, x, r, colour, alone, 3);
  }
}

/* Where fine index i takes its value from: its own coarse cell by 3/4 and the nearer one by 1/4. */
typedef struct {
  int near, far;
  double share; /* of the far one */
} origin;

static inline origin origin_of(int i, int n_coarse, int halved, int periodic) {
  origin o = {i, i, 0};
  if (!halved) return o;
  o.near = i / 2;
  o.far = i % 2 ? o.near + 1 : o.near - 1;
  o.share = 0.25;
  if (o.far < 0) o.far = periodic ? n_coarse - 1 : o.near;
  if (o.far >= n_coarse) o.far = periodic ? 0 : o.near;
  return o;
}

/* Adds the coarse correction, interpolated, to a row of x. */
static void prolong_row(const br_multigrid_level *fine, const br_multigrid_level *coarse, double *x,
                        int r) {
  const br_grid *g = &fine->grid, *c = &coarse->grid;
  const origin o1 = origin_of(r % g->n[1], c->n[1], fine->halved[1], g->periodic);
  const origin o2 = origin_of(r / g->n[1], c->n[2], fine->halved[2], g->periodic);
  const int n = g->n[0], m = c->n[0];
  double *v = x + br_grid_row(g, r);
  for (int q = 0; q < 4; q++) {
    const double w1 = q % 2 ? o1.share : 1 - o1.share, w2 = q / 2 ? o2.share : 1 - o2.share;
    const double w = w1 * w2;
    if (w == 0) continue;
    const double *from = coarse->x + c->first + (size_t)(q % 2 ? o1.far : o1.near) * c->stride[1] +
                         (size_t)(q / 2 ? o2.far : o2.near) * c->stride[2];
    if (!fine->halved[0]) {
      for (int i = 0; i < n; i++) v[i] += w * from[i];
      continue;
    }
    const double near = 0.75 * w, far = 0.25 * w;
    v[0] += near * from[0] + far * from[origin_of(0, m, 1, g->periodic).far];
    for (int i = 1; i + 2 < n; i += 2) {
      v[i] += near * from[i / 2] + far * from[i / 2 + 1];
      v[i + 1] += near * from[i / 2 + 1] + far * from[i / 2];
    }
    /* the last one or two */
    for (int i = n % 2 ? n - 2 : n - 1; i < n; i++)
      v[i] += near * from[i / 2] + far * from[origin_of(i, m, 1, g->periodic).far];
  }
}

static void prolong_slab(const br_multigrid_level *fine, const br_multigrid_level *coarse,
                         double *x, int slab) {
  const int rows = br_grid_slab_rows(&fine->grid);
  for (int r = slab * rows; r < (slab + 1) * rows; r++) prolong_row(fine, coarse, x, r);
}

static void dot_slab(const br_grid *g, const double *a, const double *b, int slab,
                     double *row_sum) {
  const int rows = br_grid_slab_rows(g);
  for (int r = slab * rows; r < (slab + 1) * rows; r++)
    row_sum[r] = br_grid_row_dot(g->n[0], a + br_grid_row(g, r), b + br_grid_row(g, r));
}

/* A sweep over both colours, one after the other slab by slab: the second may take a slab once the
 * first has done the next. Slabs where chunks meet wait until all of the first colour is done. */
typedef struct {
  int first;                        /* colour */
  int from_zero;                    /* whether x is to be taken for zero */
  const br_multigrid_level *coarse; /* what is to be added before, or NULL */
  double *row_sum;                  /* of b x after, or NULL */
} sweep;

static void sweep_torus(const br_multigrid_level *l, const double *b, double *x, sweep s) {
  const br_grid *g = &l->grid;
  const int threads = br_grid_threads(g, 2 * BR_GRID_PASS), slabs = br_grid_slabs(g);
  (void)threads;
  if (s.from_zero) memset(x, 0, g->total * sizeof(double));
  if (s.coarse)
    for (int slab = 0; slab < slabs; slab++) prolong_slab(l, s.coarse, x, slab);
  for (int k = 0; k < 2; k++) {
    br_grid_reflect(g, x);
    BR_OMP(parallel for num_threads(threads))
    for (int slab = 0; slab < slabs; slab++) colour_slab(l, b, x, slab, (s.first + k) % 2, 0);
  }
  if (s.row_sum)
    for (int slab = 0; slab < slabs; slab++) dot_slab(g, b, x, slab, s.row_sum);
}

static void sweep_box(const br_multigrid_level *l, const double *b, double *x, sweep s) {
  const br_grid *g = &l->grid;
  const int threads = br_grid_threads(g, 3 * BR_GRID_PASS), chunks = br_grid_chunks(g, threads);
  const int second = 1 - s.first;
  (void)threads;
  if (s.coarse) {
    BR_OMP(parallel for num_threads(chunks) schedule(static, 1))
    for (int c = 0; c < chunks; c++) {
      const int start = br_grid_chunk(g, chunks, c), last = br_grid_chunk(g, chunks, c + 1) - 1;
      prolong_slab(l, s.coarse, x, start);
      if (last > start) prolong_slab(l, s.coarse, x, last);
    }
  }
  BR_OMP(parallel for num_threads(chunks) schedule(static, 1))
  for (int c = 0; c < chunks; c++) {
    const int start = br_grid_chunk(g, chunks, c), last = br_grid_chunk(g, chunks, c + 1) - 1;
    for (int slab = start; slab <= last; slab++) {
      if (s.coarse && slab + 1 < last) prolong_slab(l, s.coarse, x, slab + 1);
      colour_slab(l, b, x, slab, s.first, s.from_zero);
      if (slab - 1 <= start) continue;
      colour_slab(l, b, x, slab - 1, second, 0);
      if (s.row_sum) dot_slab(g, b, x, slab - 1, s.row_sum);
    }
  }
  BR_OMP(parallel for num_threads(chunks) schedule(static, 1))
  for (int c = 0; c < chunks; c++) {
    const int start = br_grid_chunk(g, chunks, c), last = br_grid_chunk(g, chunks, c + 1) - 1;
    for (int slab = start; slab <= last; slab += last > start ? last - start : 1) {
      colour_slab(l, b, x, slab, second, 0);
      if (s.row_sum) dot_slab(g, b, x, slab, s.row_sum);
    }
  }
}

static void smooth(const br_multigrid_level *l, const double *b, double *x, sweep s) {
  if (l->grid.periodic) sweep_torus(l, b, x, s);
  else sweep_box(l, b, x, s);
}

/* A row of b - A x, of the faces alone, summed to the coarse cells along the first axis. After a
 * sweep from zero, which ends with the second colour, the defect is that of the first, and what
 * neighbours have added to it since. */
static void restrict_row(const br_multigrid_level *l, double rate, const double *b, const double *x,
                         int r, const br_grid *c, double *out) {
  const br_grid *g = &l->grid;
  const size_t at = br_grid_row(g, r);
  const int n = g->n[0], halved = l->halved[0];
  const int first = g->periodic ? 0 : (r % g->n[1] + r / g->n[1]) % 2, by = g->periodic ? 1 : 2;
  memset(out, 0, (size_t)c->n[0] * sizeof(double));
  const double *v = x + at, *f[BR_GRID_AXES];
  for (int k = 0; k < g->d; k++) f[k] = l->face[k] + at;
  const ptrdiff_t s = (ptrdiff_t)g->stride[1], t = (ptrdiff_t)g->stride[2];
  for (int i = first; i < n; i += by) {
    double sum = f[0][i] * v[i + 1] + f[0][i - 1] * v[i - 1];
    if (g->d > 1) sum += f[1][i] * v[i + s] + f[1][i - s] * v[i - s];
    if (g->d > 2) sum += f[2][i] * v[i + t] + f[2][i - t] * v[i - t];
    if (g->periodic) {
      double diagonal = rate > 0 ? rate * l->shift[at + i] : 0;
      for (int k = 0; k < g->d; k++) diagonal += f[k][i] + f[k][i - (ptrdiff_t)g->stride[k]];
      sum += b[at + i] - diagonal * v[i];
    }
    const origin o = origin_of(i, c->n[0], halved, g->periodic);
    out[o.near] += (1 - o.share) * sum;
    out[o.far] += o.share * sum;
  }
}

static void add_to(int n, double w, const double *from, double *to) {
  for (int i = 0; i < n; i++) to[i] += w * from[i];
}

/* b of the coarse level from the defect of the fine one: the transpose of prolong_row(). Each
 * thread finds its own coarse slabs, from fine ones in their order; those between two threads are
 * worked out by both. */
static void restrict_defect(const br_multigrid *m, const br_multigrid_level *fine, const double *b,
                            const double *x, br_multigrid_level *coarse) {
  const br_grid *g = &fine->grid, *c = &coarse->grid;
  const int axis = g->d > 1 ? g->d - 1 : 1, rows = br_grid_slab_rows(g), n = c->n[0];
  const int coarse_rows = br_grid_slab_rows(c);
  const int threads = br_grid_threads(g, 3 * BR_GRID_PASS), chunks = br_grid_chunks(c, threads);
  (void)threads;
  BR_OMP(parallel for num_threads(chunks) schedule(static, 1))
  for (int chunk = 0; chunk < chunks; chunk++) {
    const int start = br_grid_chunk(c, chunks, chunk), end = br_grid_chunk(c, chunks, chunk + 1);
    double *line = m->lines + (size_t)BR_THREAD_ID * m->line_room, *slab = line + n;
    for (int r = start * coarse_rows; r < end * coarse_rows; r++)
      memset(coarse->b + br_grid_row(c, r), 0, (size_t)n * sizeof(double));
    for (int s = 0; s < br_grid_slabs(g); s++) {
      const origin o = origin_of(s, c->n[axis], fine->halved[axis], g->periodic);
      const int near = o.near >= start && o.near < end;
      const int far = o.share > 0 && o.far >= start && o.far < end;
      if (!near && !far) continue;
      memset(slab, 0, (size_t)n * (size_t)coarse_rows * sizeof(double));
      for (int j = 0; j < rows; j++) {
        restrict_row(fine, m->rate, b, x, s * rows + j, c, line);
        const origin in =
            g->d > 2 ? origin_of(j, coarse_rows, fine->halved[1], g->periodic) : (origin){0, 0, 0};
        add_to(n, 1 - in.share, line, slab + (size_t)in.near * (size_t)n);
        if (in.share > 0) add_to(n, in.share, line, slab + (size_t)in.far * (size_t)n);
      }
      for (int j = 0; j < coarse_rows; j++) {
        const double *from = slab + (size_t)j * (size_t)n;
        if (near)
          add_to(n, 1 - o.share, from, coarse->b + br_grid_row(c, o.near * coarse_rows + j));
        if (far) add_to(n, o.share, from, coarse->b + br_grid_row(c, o.far * coarse_rows + j));
      }
    }
  }
}

/* Colours in the opposite order on the way up: so the cycle is symmetric. */
static void cycle(br_multigrid *m, int l, const double *b, double *x, double *row_sum) {
  const br_multigrid_level *at = &m->level[l];
  const int bottom = l + 1 == m->n_levels, sweeps = bottom ? 8 : 1;
  for (int s = 0; s < sweeps; s++) smooth(at, b, x, (sweep){0, s == 0, NULL, NULL});
  br_multigrid_level *next = bottom ? NULL : &m->level[l + 1];
  if (next) {
    if (at->grid.periodic) br_grid_reflect(&at->grid, x);
    restrict_defect(m, at, b, x, next);
    cycle(m, l + 1, next->b, next->x, NULL);
  }
  for (int s = 0; s < sweeps; s++)
    smooth(at, b, x, (sweep){1, 0, s == 0 ? next : NULL, s + 1 == sweeps ? row_sum : NULL});
}

double br_multigrid_cycle(br_multigrid *m, const double *b, double *x) {
  cycle(m, 0, b, x, m->row_sum);
  return br_grid_sum_rows(&m->level[0].grid, m->row_sum);
}
