/* The seam to BLAS and LAPACK: R's when built with R, any Fortran library
 * when built alone. Matrices are column-major. Main thread only: a BLAS may
 * start threads of its own. */
#ifndef BR_LINALG_H
#define BR_LINALG_H

#include "status.h"

/* Cholesky factor of the symmetric n x n matrix in the lower triangle of a,
 * in place; BR_ERR_SINGULAR if it is not positive definite. */
br_status br_cholesky(int n, double *a, int lda);

/* Solves a x = b for nrhs columns with the factor of br_cholesky(), in place. */
br_status br_cholesky_solve(int n, int nrhs, const double *factor, int lda, double *b, int ldb);

/* Inverse from the factor of br_cholesky(), in place, both triangles. */
br_status br_cholesky_invert(int n, double *factor, int lda);

/* Eigenvalues, increasing, and eigenvectors, the columns, of a symmetric d x d matrix
 * packed by rows of the lower triangle; values has 4 d doubles, the last 3 d for work. */
br_status br_eigen(int d, const double *packed, double *values, double *vectors);

/* Smallest eigenvalue of a symmetric d x d matrix packed by rows of the lower
 * triangle; work has d (d + 1) / 2 + 4 d doubles. */
double br_min_eigenvalue(int d, const double *packed, double *work);

#endif
