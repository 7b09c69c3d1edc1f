/* The ridge family of convex potentials,
 *
 *   u(x) = q'x + x'Qx/2 + sum_j theta_j a_j^2 s_j((w_j'x - c_j)/a_j),
 *   |w_j| = 1,   theta_j >= 0,   Q >= kappa I,
 *
 * with one of two profiles s_j (kernels.h), every term of which is a ridge function. With
 * covariates b it is
 *
 *   u(x; b) = x'q [1; b] + x'Qx/2 + sum_j theta_j a_j^2 s_j((w_j'[x; b] - c_j)/a_j)
 *           + sum_j theta_j (v_j'x)^2 Phi((g_j'b - c_j)/a_j)/2,
 *
 * the parts w_j and v_j in x of length 1. The last terms, the gates, let the covariates change
 * the scale. Coefficients stand in the order
 *
 *   linear     d            slope 1       curve 0       direction e_k
 *              d given      slope b_l     curve 0       direction e_k, l = 1, 2, ...
 *   quadratic  n_quadratic  slope w'x     curve 1       Q = sum coef w w'
 *   atoms      n_atoms      slope a s'(t) curve s''(t)
 *
 * Steps let the curvature of the far field differ from Q: without them the map is flat
 * beyond the data wherever it is flat in some gap of them, and draws stray.
 */
#ifndef BR_RIDGE_H
#define BR_RIDGE_H

#include "potential.h"

typedef struct {
  int d, given, n_linear, n_quadratic, n_atoms, max_coef;
  double kappa;   /* floor of the eigenvalues of Q */
  double *dir;    /* (d + given) x max_coef; 0 for the covariates except in atoms */
  int *profile;   /* max_coef, used for atoms, as are the next two */
  double *centre; /* max_coef */
  double *width;  /* max_coef */
  double *dual;   /* max_coef, used for atoms: multipliers as estimated, 0 where unknown */
  double *dual_Q; /* d x d, likewise */
  double *Q;      /* packed, from coef by prepare */
  double *work;   /* see ridge_barrier.h */
} br_ridge;

extern const br_family br_ridge_family;

/* Room for that many quadratic directions and atoms; u starts as x'x/2. */
void br_ridge_make(br_potential *u, int d, int given, int max_quadratic, int max_atoms,
                   double kappa, br_workspace *ws);

/* Appends; the coefficient is not checked against the constraints. The w of a quadratic
 * direction has d entries, that of an atom d + given. A quadratic direction that is there
 * already, up to sign, is not added again. */
void br_ridge_add_quadratic(br_potential *u, const double *w, double coef);
void br_ridge_add_atom(br_potential *u, br_profile profile, const double *w, double centre,
                       double width, double coef);

/* Fills a potential made with room for them from what a ridge potential holds: dir is
 * (d + given) x (n_quadratic + n_atoms), coef begins with the linear coefficients. */
void br_ridge_load(br_potential *u, int n_quadratic, int n_atoms, const double *dir,
                   const int *profile, const double *centre, const double *width,
                   const double *coef);

/* Makes u, which has room for it, what another ridge potential is, but for kappa. */
void br_ridge_copy(br_potential *u, const br_potential *from);

/* Keeps the atoms j with keep[j] != 0, in their order. */
void br_ridge_keep(br_potential *u, const int *keep);

/* Drops the last atoms, so many. */
void br_ridge_truncate(br_potential *u, int atoms);

/* Column of a coefficient in dir. */
const double *br_ridge_direction(const br_potential *u, int j);

/* Index of the first atom among the coefficients. */
int br_ridge_first_atom(const br_potential *u);

#endif
