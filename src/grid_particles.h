/* Particles that follow the law rho_t of the parabolic Monge-Ampere flow on a grid. With A = (D^2
 * u)^(-1) the model obeys d rho/dt = div(rho A grad r), r = log(rho / mu). As rho A grad log rho =
 * div(rho A) - rho div A, with the divergence by rows, it is the law of
 *   dX = (div A + A grad log mu) dt + sqrt(2 A) dB,
 * as well as of dX = -A grad r dt, along which grad u_t(X_t) stays as it is. At the faces of the
 * box particles are reflected: there A has the normal for an eigenvector, as u takes faces to
 * faces. */
#ifndef BR_GRID_PARTICLES_H
#define BR_GRID_PARTICLES_H

#include "grid_pma.h"

/* The drift and, with noise, the Cholesky factor of A packed by rows: so many numbers a cell. */
#define BR_PARTICLE_FIELDS 9
int br_particle_fields(int d, int noise);

/* Those numbers, cell by cell, after br_pma_evaluate() with coefficients, which it uses up. */
void br_particle_drift(br_pma *p, int noise, double *fields);

/* `steps` steps of length `step` each, the fields going linearly in time from `from` to `to`. */
typedef struct {
  br_grid x;
  int noise, steps;
  double step;
  const double *from, *to;
} br_particles;

/* at: n x d, column-major, moved in place; normal: n x d for each step, NULL without noise.
 * Drifts are of order 2, by a predictor; the noise is of weak order 1. */
void br_particles_move(const br_particles *s, size_t n, double *at, const double *normal);

#endif
