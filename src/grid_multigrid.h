/* Elliptic equations on a grid by conjugate gradients with multigrid:
 *   rate s x - div(K grad x) = b
 * with no flux through the faces, or round the torus. K is symmetric positive semidefinite, s >= 0;
 * where the rate is 0, b must sum to zero and so does x. The operator is a weighted graph:
 * face[k] joins a cell to the next on axis k, and corner[p] joins the two pairs of cells opposite
 * each other across the corner of a pair of axes, with weights corner / 2 and - corner / 2, which
 * is the term in 2 K_kl d_k x d_l x. One V-cycle, of the faces alone, is the preconditioner: so the
 * number of iterations does not grow with the grid, and grows with the shear of K only. O(cells)
 * time an iteration. What bounds that is memory: so passes over the fields are joined, each slab of
 * cells being read once for all that is done to it. 9 fields of memory in the plane. */
#ifndef BR_GRID_MULTIGRID_H
#define BR_GRID_MULTIGRID_H

#include "grid.h"

#define BR_MULTIGRID_LEVELS 24

typedef struct {
  br_grid grid;
  double *face[BR_GRID_AXES]; /* over the square of the step; 0 on the faces of the box */
  double *shift;              /* s; NULL for 0 */
  double *inverse_diagonal, *x, *b;
  int halved[BR_GRID_AXES]; /* which axes the next level has half of */
} br_multigrid_level;

typedef struct {
  int n_levels;
  double rate;
  br_multigrid_level level[BR_MULTIGRID_LEVELS]; /* 0 is the finest: its face and shift are set */
  double *corner[BR_GRID_AXES]; /* axes 0 and 1, 0 and 2, 1 and 2; over the product of the steps */
  double *residual;             /* b before a solve, which uses it up */
  double *p, *ap, *row_sum, *lines;
  size_t line_room;
} br_multigrid;

/* Memory for the grid. */
#define BR_MULTIGRID_SHIFT 1   /* there is s */
#define BR_MULTIGRID_CORNERS 2 /* K is not diagonal */
void br_multigrid_make(br_multigrid *m, const br_grid *g, int with, br_workspace *ws);

/* Where the caller writes K_kl at the cells: in face and corner of level 0. */
double *br_multigrid_k(br_multigrid *m, int k, int l);

/* From K at the cells, to be written again before the next call, and s: sets up the operator. */
void br_multigrid_factor(br_multigrid *m, double rate);

/* Solves to the relative residual tol; x is the answer, with ghosts, and b was in m->residual.
 * Returns the number of iterations, or -1 if the operator was found not to be positive. */
int br_multigrid_solve(br_multigrid *m, double *x, double tol, int max_iterations);

/* One V-cycle: x = an approximate inverse of the operator without its corners, symmetric positive.
 * Returns the inner product of b and x. */
double br_multigrid_cycle(br_multigrid *m, const double *b, double *x);

#endif
