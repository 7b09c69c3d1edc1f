/* Regular grids of cells in one to three dimensions, and fields on them. A field has one double a
 * cell, the first axis fastest, and a layer of ghost cells around, so that stencils need no cases
 * at the border: its cell (i, j, k) is at first + i stride[0] + j stride[1] + k stride[2]. Axes
 * beyond d have one cell and no ghosts. */
#ifndef BR_GRID_H
#define BR_GRID_H

#include <stddef.h>

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

/* The same box with ceil(n / 2) cells on axes that have more than 4. */
void br_grid_halve(br_grid *coarse, const br_grid *fine);

/* Both grids and their coarser ones, until no axis of x has more than 16 cells; returns how many.
 */
#define BR_GRID_LEVELS 16
int br_grid_levels(const br_grid *x, const br_grid *y, br_grid *xs, br_grid *ys);

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

/* Adds sign times the convex quadratic whose gradient takes the box of x onto that of y, axis by
 * axis, to the cells of a field on x. */
void br_grid_add_base(const br_grid *x, const br_grid *y, double sign, double *field);

/* Mean of a density over the cells of another grid of the same box. */
void br_grid_average(const br_grid *from, const double *a, const br_grid *to, double *b,
                     br_workspace *ws);

/* Values of an even (or periodic) smooth function at the centres of another grid of the same box,
 * by cubic interpolation. Second differences of the result are those of the function, up to a part
 * of the order of the square of the step. */
void br_grid_interpolate(const br_grid *from, const double *a, const br_grid *to, double *b,
                         br_workspace *ws);

#endif
