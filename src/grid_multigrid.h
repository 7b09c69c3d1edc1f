/* Elliptic equations on a grid by conjugate gradients with multigrid:
 *   s x - div(K grad x) = b
 * with no flux through the faces, or round the torus. K is symmetric positive semidefinite, s >= 0;
 * where s is 0 everywhere, b must sum to zero and so does x. The operator is a weighted graph:
 * face[k] joins a cell to the next on axis k, and corner[p] joins the two pairs of cells opposite
 * each other across the corner of a pair of axes, with weights corner / 2 and - corner / 2, which
 * is the term in 2 K_kl d_k x d_l x. One V-cycle, of the faces alone, is the preconditioner: so the
 * number of iterations does not grow with the grid, and grows with the shear of K only. O(cells)
 * time an iteration, 12 to 20 fields of memory. */
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
  int singular; /* whether s is 0 everywhere; set by br_multigrid_refresh() */
  br_multigrid_level level[BR_MULTIGRID_LEVELS]; /* 0 is the finest: its face and shift are set */
  double *corner[BR_GRID_AXES]; /* axes 0 and 1, 0 and 2, 1 and 2; over the product of the steps */
  double *p, *ap, *residual, *row_sum;
} br_multigrid;

/* Memory for the grid; then the caller sets level[0].face and corner of all cells. */
void br_multigrid_make(br_multigrid *m, const br_grid *g, int with_shift, br_workspace *ws);

/* Fields of K from its d (d + 1) / 2 fields at the cells, packed by rows of the lower triangle,
 * whose ghosts are filled here: means of neighbours. */
void br_multigrid_coefficients(br_multigrid *m, double *const *k);

/* To be called when face or shift have changed. */
void br_multigrid_refresh(br_multigrid *m);

/* Solves to the relative residual tol; x is the answer, with ghosts, and its start is zero. Returns
 * the number of iterations, or -1 if the operator was found not to be positive. */
int br_multigrid_solve(br_multigrid *m, const double *b, double *x, double tol, int max_iterations);

/* One V-cycle: x = an approximate inverse of the operator without its corners, symmetric positive.
 */
void br_multigrid_cycle(br_multigrid *m, const double *b, double *x);

#endif
