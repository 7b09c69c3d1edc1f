/* How far an atom that is not in the potential violates optimality, for one objective: the part
 * of column generation (columns.h) that knows which. */
#ifndef BR_VIOLATION_H
#define BR_VIOLATION_H

#include "columns.h"

/* The work of a thread begins with z at the points: w'x, or for a gate the covariates' part of
 * it. After it comes arm, the other part. What follows is the objective's own. */
struct br_violation {
  /* Doubles of work that along() fills, with those that the next two use up. */
  size_t (*rows_size)(const br_columns *columns);

  /* What all candidates share, at the present u. */
  void (*fields)(br_columns *columns, const br_potential *u);

  /* What all candidates along one direction share. */
  void (*along)(const br_columns *columns, int is_gate, const double *w, double *work);

  /* g, without the penalty, and h of a candidate. */
  void (*rate)(const br_columns *columns, br_column *column, double *work);

  /* The same with their gradients in (w, c, a), which start at 0. */
  void (*rate_gradient)(const br_columns *columns, br_column *column, double *g, double *h,
                        double *work);
};

extern const br_violation br_likelihood_violation, br_semidual_violation, br_regression_violation,
    br_variational_violation;

/* Slope and curvature of a profile at t, and their derivatives in z. */
typedef struct {
  double slope, curve, slope_z, curve_z;
} br_profile_at;

static inline br_profile_at br_profile_derivatives(br_profile profile, double a, double t,
                                                   double phi, double cdf, double arm) {
  switch (profile) {
  case BR_BUMP: return (br_profile_at){a * cdf, phi, phi, -t * phi / a};
  case BR_STEP: return (br_profile_at){a * (t * cdf + phi), cdf, cdf, phi / a};
  default: return (br_profile_at){arm * cdf, cdf, arm * phi / a, phi / a};
  }
}

/* q = w'A w for packed matrices A = inverse at n points; packed is work. */
void br_violation_square(int d, size_t n, const double *w, const double *inverse, double *packed,
                         double *q);

/* z and arm at n points. */
void br_violation_project(int d, const br_sample *points, int is_gate, const double *w, double *z,
                          double *arm);

/* Map and inverse Hessian of u at points. */
void br_violation_inverse(br_columns *columns, const br_potential *u, const br_sample *points,
                          double *map, double *inverse);

#endif
