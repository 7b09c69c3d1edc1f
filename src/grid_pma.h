/* The Monge-Ampere equation between two positive densities on boxes, in logarithms:
 *   r(u) = log nu(grad u) + log det D^2 u - log mu = log(rho_u / mu),
 * where rho_u is the law of grad u*(Y) for Y from nu. u is convex, on the cells of mu; it is a
 * quadratic that takes the box of mu onto that of nu, plus w with no slope across the faces: so
 * each face is taken to a face, as the optimal map between positive densities on boxes does. On a
 * torus w is periodic. Differences are central and compact, of second order; log nu is interpolated
 * linearly. The derivative of r is L = div(rho (D^2 u)^(-1) grad .) / rho. */
#ifndef BR_GRID_PMA_H
#define BR_GRID_PMA_H

#include "grid_multigrid.h"

typedef struct {
  br_grid x, y;            /* of mu and of nu */
  double *mu, *nu;         /* densities: their sums times the volume of a cell are 1 */
  double *log_mu, *log_nu; /* log_nu with ghosts */
  double slope[BR_GRID_AXES];
  double *r, *rho;     /* at the last evaluation */
  double *k[6];        /* rho (D^2 u)^(-1), packed by rows of the lower triangle */
  double *sums;        /* BR_PMA_SUMS a row */
  br_multigrid solver; /* with a shift */
  double *rhs, *delta, *second, *trial;
} br_pma;

#define BR_PMA_SUMS 6

/* What an evaluation finds; integrals over the cells. */
typedef struct {
  int convex;   /* whether D^2 u is positive definite at all cells: else nothing else is set */
  double mass;  /* of rho */
  double mean;  /* of r under rho */
  double error; /* root of the mean under mu of (r - mean)^2; the integral of |rho - mu| is
                 * about that or less, but for a factor of the mass of rho */
  double kl, kl_reverse; /* KL(rho || mu) and KL(mu || rho), rho scaled to mass 1 */
  double low, high;      /* of r */
} br_pma_value;

void br_pma_make(br_pma *p, const br_grid *x, const br_grid *y, br_workspace *ws);

/* Positive densities, as fields: their powers, scaled to mass 1, become mu and nu. */
void br_pma_load(br_pma *p, const double *mu, const double *nu, double power);

/* r, rho and, if coefficients, k at w, whose ghosts are filled. */
br_pma_value br_pma_evaluate(br_pma *p, double *w, int coefficients);

/* Solves (rate - L) delta = right / rho for delta; right is a field. After an evaluation with
 * coefficients. Returns the number of inner iterations, -1 if the operator is not positive. */
int br_pma_solve(br_pma *p, double rate, const double *right, double *delta, double tol,
                 int max_iterations);

/* Sets up the operator of the next solves: they may share it. */
void br_pma_factor(br_pma *p, double rate);

/* u at all cells from w, with ghosts: quadratic extrapolation where w has none. */
void br_pma_potential(const br_pma *p, double *w, double *u);

#endif
