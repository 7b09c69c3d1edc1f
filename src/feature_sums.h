/* Sums of the features themselves over a sample, where moments.h has those of their
 * derivatives. Memory does not grow with the sample. */
#ifndef BR_FEATURE_SUMS_H
#define BR_FEATURE_SUMS_H

#include "moments.h"

typedef struct {
  int rows, ldm, threads;
  size_t memory_a_thread;
  double *memory;
  double *sum[BR_PIECES], *mean[BR_PIECES], *gram[BR_PIECES];
} br_features;

/* Memory for samples of at most n points and at most max_coef coefficients; Gram matrices have
 * ldm rows and columns, those of the moments of the same potential. */
void br_features_make(br_features *f, const br_potential *u, size_t n, int max_coef, int ldm,
                      br_workspace *ws);

/* mean[j] = sum of weight psi_j. Where gram is not NULL no weight is negative, and
 * gram[j * ldm + l] = sum of weight psi_j psi_l, l >= j, the lower triangle of LAPACK. */
void br_features_sum(br_features *f, const br_potential *u, const br_sample *sample, double *mean,
                     double *gram);

/* The same, and sum[j] = sum of factor_i psi_j over the points i, where factor is not NULL. */
void br_features_sums(br_features *f, const br_potential *u, const br_sample *sample,
                      const double *factor, double *sum, double *mean, double *gram);

/* value[i] = sum_j coef_j psi_j at point i, whether or not u is such a sum. */
void br_features_combine(br_features *f, const br_potential *u, const br_sample *sample,
                         const double *coef, double *value);

#endif
