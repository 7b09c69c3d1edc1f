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
  br_grid x, y;     /* of mu and of nu */
  const double *mu; /* dense, the caller's */
  double mass;      /* of mu: what it is divided by */
  double *log_nu;   /* with ghosts */
  double slope[BR_GRID_AXES];
  double *r;           /* at the last evaluation, until the next solve */
  double *rho;         /* at the last evaluation with coefficients */
  double *delta;       /* for what a solve finds */
  double *sums;        /* BR_PMA_SUMS a row */
  br_multigrid solver; /* with a shift: rho */
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

/* Positive densities, dense, of which mu must stay where it is; they are scaled to mass 1. */
void br_pma_load(br_pma *p, const double *mu, const double *nu);

/* r at w, whose ghosts are filled; with coefficients rho and the operator L too. */
br_pma_value br_pma_evaluate(br_pma *p, double *w, int coefficients);

/* After an evaluation with coefficients: sets up (rate - L) for the next solves, which want their
 * right-hand side, times rho, in solver.residual. r is lost. */
void br_pma_factor(br_pma *p, double rate);

/* u at all cells in the place of w, with ghosts: quadratic extrapolation where w has none. */
void br_pma_potential(const br_pma *p, double *w);

#endif
