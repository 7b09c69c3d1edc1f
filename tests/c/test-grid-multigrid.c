/* The elliptic solver: its answer against the operator written out as a sum over pairs of cells,
 * the symmetry of the cycle, iteration counts that do not grow with the grid, exact modes. */
#include "../../src/grid_multigrid.h"
#include "check.h"
#include "heap.h"

static double noise(unsigned *state) {
  *state = *state * 1664525u + 1013904223u;
  return (*state >> 8) / 16777216.0 - 0.5;
}

static size_t cell(const br_grid *g, const int *i) {
  size_t at = g->first;
  for (int k = 0; k < g->d; k++) at += (size_t)i[k] * g->stride[k];
  return at;
}

/* The index after i + by on axis k, or -1 beyond a face. */
static int moved(const br_grid *g, int k, int i, int by) {
  i += by;
  if (g->periodic) return (i + g->n[k]) % g->n[k];
  return i < 0 || i >= g->n[k] ? -1 : i;
}

/* x' A y straight from the energy: faces and corners of means of K, differences of x and y. */
static double energy(const br_grid *g, double *const *K, const double *shift, const double *x,
                     const double *y) {
  double sum = 0;
  for (int c = 0; c < g->n[2]; c++)
    for (int b = 0; b < g->n[1]; b++)
      for (int a = 0; a < g->n[0]; a++) {
        const int i[3] = {a, b, c};
        const size_t o = cell(g, i);
        if (shift) sum += shift[o] * x[o] * y[o];
        for (int k = 0; k < g->d; k++) {
          int j[3] = {a, b, c};
          j[k] = moved(g, k, i[k], 1);
          if (j[k] < 0) continue;
          const size_t p = cell(g, j);
          const double *kk = K[k * (k + 3) / 2];
          sum += 0.5 * (kk[o] + kk[p]) * (x[p] - x[o]) * (y[p] - y[o]) / (g->step[k] * g->step[k]);
          for (int l = k + 1; l < g->d; l++) {
            int q[3] = {a, b, c}, r[3] = {j[0], j[1], j[2]};
            q[l] = r[l] = moved(g, l, i[l], 1);
            if (q[l] < 0) continue;
            const size_t u = cell(g, q), v = cell(g, r);
            const double *kl = K[l * (l + 1) / 2 + k];
            const double mean = (kl[o] + kl[p] + kl[u] + kl[v]) / 4;
            const double xk = (x[p] - x[o] + x[v] - x[u]) / 2, xl = (x[u] - x[o] + x[v] - x[p]) / 2;
            const double yk = (y[p] - y[o] + y[v] - y[u]) / 2, yl = (y[u] - y[o] + y[v] - y[p]) / 2;
            sum += mean * (xk * yl + xl * yk) / (g->step[k] * g->step[l]);
          }
        }
      }
  return sum;
}

static void fill(const br_grid *g, double *x, unsigned *state, double low, double spread) {
  memset(x, 0, g->total * sizeof(double));
  for (int r = 0; r < g->rows; r++)
    for (int i = 0; i < g->n[0]; i++)
      x[br_grid_row(g, r) + i] = low + spread * (noise(state) + 0.5);
}

static int solve_one(int d, const int *n, const double *upper, int periodic, int with_shift) {
  br_workspace ws = heap;
  const double lower[3] = {0, -1, 2};
  br_grid g;
  br_grid_make(&g, d, n, lower, upper, periodic);
  br_multigrid m;
  br_multigrid_make(&m, &g, BR_MULTIGRID_CORNERS | (with_shift ? BR_MULTIGRID_SHIFT : 0), &ws);
  unsigned state = 7;
  double *K[6], *row_sum = br_take(&ws, g.rows);
  for (int a = 0, p = 0; a < d; a++)
    for (int b = 0; b <= a; b++, p++) {
      K[p] = br_grid_field(&g, &ws);
      fill(&g, K[p], &state, a == b ? 1 : -0.3, a == b ? 2 : 0.6);
      memcpy(br_multigrid_k(&m, a, b), K[p], g.total * sizeof(double));
    }
  const double rate = 1.5;
  double *shift = with_shift ? br_grid_field(&g, &ws) : NULL;
  if (with_shift) {
    fill(&g, m.level[0].shift, &state, 1, 3);
    for (size_t i = 0; i < g.total; i++) shift[i] = rate * m.level[0].shift[i];
  }
  br_multigrid_factor(&m, rate);
  double *b = br_grid_field(&g, &ws), *x = br_grid_field(&g, &ws), *t = br_grid_field(&g, &ws);
  fill(&g, b, &state, -0.5, 1);
  const double mean = br_grid_sum(&g, b, row_sum) / g.cells;
  if (!with_shift)
    for (int r = 0; r < g.rows; r++)
      for (int i = 0; i < n[0]; i++) b[br_grid_row(&g, r) + i] -= mean;
  memcpy(m.residual, b, g.total * sizeof(double));
  const int iterations = br_multigrid_solve(&m, x, 1e-11, 60);
  CHECK(iterations > 0 && iterations < 60);
  /* weakly: t' A x = t' b for any t */
  for (int trial = 0; trial < 3; trial++) {
    fill(&g, t, &state, -0.5, 1);
    const double right = br_grid_dot(&g, t, b, row_sum);
    CHECK_NEAR(energy(&g, K, shift, x, t), right, 1e-7 * sqrt((double)g.cells));
  }
  double *u = br_grid_field(&g, &ws);
  fill(&g, t, &state, -0.5, 1);
  br_multigrid_cycle(&m, t, x);
  br_multigrid_cycle(&m, b, u);
  CHECK_NEAR(br_grid_dot(&g, b, x, row_sum), br_grid_dot(&g, t, u, row_sum),
             1e-9 * fabs(br_grid_dot(&g, t, x, row_sum)));
  heap_free();
  return iterations;
}

int main(void) {
  const double upper[3] = {1, 1, 3.5};
  int counts[4], at = 0;
  for (int n = 32; n <= 256; n *= 2) {
    const int size[3] = {n, n, 1};
    counts[at++] = solve_one(2, size, upper, 0, 0);
  }
  printf("iterations %d %d %d %d\n", counts[0], counts[1], counts[2], counts[3]);
  CHECK(counts[3] <= counts[0] + 4);
  const int odd[3] = {37, 23, 17}, line[3] = {101, 1, 1}, even[3] = {16, 24, 8},
            flat[3] = {128, 6, 1};
  for (int shift = 0; shift < 2; shift++) {
    solve_one(3, odd, upper, 0, shift);
    solve_one(2, odd, upper, 0, shift);
    solve_one(1, line, upper, 0, shift);
    solve_one(2, flat, upper, 0, shift);
    solve_one(3, even, upper, 1, shift);
    solve_one(1, even, upper, 1, shift);
    solve_one(2, odd, upper, 1, shift);
  }
  return CHECK_DONE();
}
