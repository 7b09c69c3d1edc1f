/* Regular grids of cells in one to three dimensions, and fields on them. A field has one double a
 * cell, the first axis fastest, and a layer of ghost cells around, so that stencils need no cases
 * at the border: its cell (i, j, k) is at first + i stride[0] + j stride[1] + k stride[2]. Axes
 * beyond d have one cell and no ghosts. */
#ifndef BR_GRID_H
#define BR_GRID_H

#include <stddef.h>

#include "threads.h"
#include "workspace.h"

#define BR_GRID_AXES 3

typedef struct {
  int d;
  int n[BR_GRID_AXES];
  int periodic; /* all axes or none */
  double lower[BR_GRID_AXES], step[BR_GRID_AXES];
  size_t stride[BR_GRID_AXES]; /* 0 beyond d */
  size_t first, total, cells;  /* total counts ghosts, cells does not */
  int rows;                    /* of n[0] cells */
} br_grid;

void br_grid_make(br_grid *g, int d, const int *n, const double *lower, const double *upper,
                  int periodic);

double br_grid_volume(const br_grid *g); /* of a cell */

static inline double br_grid_upper(const br_grid *g, int k) {
  return g->lower[k] + g->n[k] * g->step[k];
}

static inline double br_grid_centre(const br_grid *g, int k, int i) {
  return g->lower[k] + (i + 0.5) * g->step[k];
}

/* Where row r, of rows, starts; its second and third coordinates are r % n[1] and r / n[1]. */
static inline size_t br_grid_row(const br_grid *g, int r) {
  return g->first + (size_t)(r % g->n[1]) * g->stride[1] + (size_t)(r / g->n[1]) * g->stride[2];
}

/* Threads for work of that cost a cell, in elementary operations. BR_GRID_PASS is one that does
 * little but read and write a few fields: it counts for more than its arithmetic, as it waits for
 * memory, and follows another one at once, so that threads are awake. */
#define BR_GRID_PASS 20
int br_grid_threads(const br_grid *g, double cost);

/* Slabs are the cells of one index of the last axis, whole rows; on the line, all of it. A pass
 * that needs its neighbours' results is cut into chunks of slabs, the first and last slabs of which
 * take their turn before or after. */
static inline int br_grid_slabs(const br_grid *g) { return g->d > 1 ? g->n[g->d - 1] : 1; }

static inline int br_grid_slab_rows(const br_grid *g) { return g->d > 2 ? g->n[1] : 1; }

/* Chunks of 4 slabs or more for that many threads, and the first slab of one; that after
 * the last is the number of slabs. */
static inline int br_grid_chunks(const br_grid *g, int threads) {
  const int most = br_grid_slabs(g) / 4;
  return threads < most ? threads : most > 1 ? most : 1;
}

static inline int br_grid_chunk(const br_grid *g, int chunks, int c) {
  return (int)((long long)br_grid_slabs(g) * c / chunks);
}

double *br_grid_field(const br_grid *g, br_workspace *ws);
void br_grid_load(const br_grid *g, const double *dense, double *field);
void br_grid_store(const br_grid *g, const double *field, double *dense);

/* Ghosts that continue the field evenly across the faces, as its mirror image, or round the torus.
 */
void br_grid_reflect(const br_grid *g, double *field);

/* Ghosts that continue it with the polynomial of that order, 1 or 2, through the cells inside;
 * round the torus where the grid is periodic. */
void br_grid_extrapolate(const br_grid *g, double *field, int order);

/* The sum of a b over the cells, always in the same order; row_sum has rows doubles. */
double br_grid_dot(const br_grid *g, const double *a, const double *b, double *row_sum);
double br_grid_sum(const br_grid *g, const double *a, double *row_sum);
double br_grid_sum_rows(const br_grid *g, const double *row_sum);

/* The integral of a dense array, of the product of two. */
double br_grid_mass(const br_grid *g, const double *a, double *row_sum);
double br_grid_mean(const br_grid *g, const double *a, const double *b, double *row_sum);

static inline double br_grid_row_dot(int n, const double *a, const double *b) {
  double sum = 0;
  BR_OMP(simd reduction(+ : sum))
  for (int i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* Adds sign times the convex quadratic whose gradient takes the box of x onto that of y, axis by
 * axis, to the cells of a field on x. */
void br_grid_add_base(const br_grid *x, const br_grid *y, double sign, double *field);

/* Means of a dense array over the cells of another grid of the same box, which has at least a third
 * of the cells on each axis. */
void br_grid_average(const br_grid *from, const double *a, const br_grid *to, double *b,
                     br_workspace *ws);

/* Values of a smooth function at the centres of another grid of the same box, by cubic
 * interpolation: to fourth order, second differences to second. */
void br_grid_interpolate(const br_grid *from, const double *a, const br_grid *to, double *b,
                         br_workspace *ws);

#endif
