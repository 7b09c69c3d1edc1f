#include "linalg.h"

#include <math.h>
#include <string.h>

#ifdef BR_STANDALONE
#define F77_CALL(name) name##_
#define FCONE
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dpotrs_(const char *uplo, const int *n, const int *nrhs, const double *a, const int *lda,
             double *b, const int *ldb, int *info);
void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
            double *work, const int *lwork, int *info);
void dspev_(const char *jobz, const char *uplo, const int *n, double *ap, double *w, double *z,
            const int *ldz, double *work, int *info);
#else
#define USE_FC_LEN_T
#include <Rconfig.h>
#include <R_ext/BLAS.h>
#include <R_ext/Lapack.h>
#ifndef FCONE
#define FCONE
#endif
#endif

br_status br_cholesky(int n, double *a, int lda) {
  int info = 0;
  if (n == 0) return BR_OK;
  F77_CALL(dpotrf)("L", &n, a, &lda, &info FCONE);
  return info == 0 ? BR_OK : BR_ERR_SINGULAR;
}

br_status br_cholesky_solve(int n, int nrhs, const double *factor, int lda, double *b, int ldb) {
  int info = 0;
  if (n == 0 || nrhs == 0) return BR_OK;
  F77_CALL(dpotrs)("L", &n, &nrhs, factor, &lda, b, &ldb, &info FCONE);
  return info == 0 ? BR_OK : BR_ERR_SIZE;
}

br_status br_cholesky_invert(int n, double *factor, int lda) {
  int info = 0;
  if (n == 0) return BR_OK;
  F77_CALL(dpotri)("L", &n, factor, &lda, &info FCONE);
  if (info != 0) return BR_ERR_SINGULAR;
  for (int j = 0; j < n; j++)
    for (int i = j + 1; i < n; i++) factor[j + (long)i * lda] = factor[i + (long)j * lda];
  return BR_OK;
}

br_status br_eigen(int d, const double *packed, double *values, double *vectors) {
  int info = 0, size = 3 * d;
  for (int i = 0; i < d; i++)
    for (int j = 0; j <= i; j++) vectors[i + (size_t)j * d] = packed[(size_t)i * (i + 1) / 2 + j];
  F77_CALL(dsyev)
  ("V", "L", &d, vectors, &d, values, values + d, &size, &info FCONE FCONE);
  return info == 0 ? BR_OK : BR_ERR_SINGULAR;
}

double br_min_eigenvalue(int d, const double *packed, double *work) {
  int info = 0, one = 1;
  size_t size = (size_t)d * (d + 1) / 2;
  double *values = work + size;
  memcpy(work, packed, size * sizeof(double));
  /* rows of the lower triangle are columns of the upper one */
  F77_CALL(dspev)
  ("N", "U", &d, work, values, NULL, &one, values + d, &info FCONE FCONE);
  return info == 0 ? values[0] : NAN;
}
