/* The mirror step. The objective is
 *
 *   F(coef) = loss + penalty * sum theta + beta B(coef)
 *
 * and with gradient g, mirror metric G and Hessian H of F, the loss and what belongs to it as
 * the learner has them, a step solves
 *
 *   explicit   (G + eta beta B'') delta = -eta g    the parabolic Monge-Ampere equation,
 *                                                   projected on the features
 *   implicit   (G + eta H)        delta = -eta g    eta -> infinity is Newton
 *
 * with multipliers of the constraints in beta B'', as primal-dual steps have them
 * (ridge_barrier.h), followed by backtracking on F, so that every iterate stays strictly convex. A
 * learner may put a force of its own in the place of g, where it goes downhill as well. Where u is
 * not linear in its coefficients, H is the Hessian of Gauss and Newton; eta damps the step, and the
 * metric has a small multiple of the identity added. */
#ifndef BR_MIRROR_H
#define BR_MIRROR_H

#include "learner.h"

typedef struct {
  int implicit;      /* 0: explicit */
  const double *eta; /* step sizes of steps 0, 1, ..., n_eta - 1; NULL: adaptive */
  int n_eta;
  double step;    /* first step size of the adaptive schedule; infinite for Newton steps,
                     finite if explicit; smaller where u is not linear in its coefficients */
  double penalty; /* lambda */
} br_mirror_options;

typedef struct {
  br_mirror_options options;
  br_potential *u;
  br_learner *learner;
  double *gradient, *force, *start, *system;
  double *downhill; /* the solution with g */
  double *delta;    /* the step: this, or the solution with the learner's force */
  double beta;      /* weight of the barrier */
  double adaptive;  /* next step size of the adaptive schedule */

  /* about the last call */
  double objective; /* loss + penalty */
  double eta;       /* step size */
  double decrement; /* sqrt(-g'delta / min(eta, 1)): the local norm of the gradient */
  double length;    /* fraction of delta that was taken */
  double gap;       /* certificate: objective - minimum over the dictionary <= gap */
  int steps;        /* steps taken so far */
  int evaluations;  /* passes over the samples so far */
  double barrier;   /* B */
  double descent;   /* -g'delta */
} br_mirror;

/* max_coef bounds the coefficients that u will ever have. */
void br_mirror_make(br_mirror *m, const br_mirror_options *options, br_potential *u,
                    br_learner *learner, int max_coef, br_workspace *ws);

/* Moments, direction, decrement and certificate at the current coefficients. */
br_status br_mirror_prepare(br_mirror *m);

/* Moves along the direction; BR_STALLED if no length lowers F. The potential stays where it was
 * then, and where the learner cannot go on. */
br_status br_mirror_advance(br_mirror *m);

#endif
