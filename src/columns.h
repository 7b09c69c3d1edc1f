/* Column generation: the ridge atoms that would lower the objective most.
 *
 * At the current u an atom (w, c, a) has, per unit of its coefficient,
 *
 *   g = mean of a s'(t) w'T - s''(t) w'(D^2 u)^{-1} w + penalty,  t = (w'x - c)/a,
 *   h = mean of (a s'(t))^2 + (s''(t) w'(D^2 u)^{-1} w)^2,
 *
 * and the optimality condition is violated by -g/sqrt(h) in the local norm.
 * For the variational learner grad f(T) takes the place of T, and w'(D^2 u)^{-2} w is a factor of
 * the first square of h. With covariates w'x is w'[x; b], the part of w in x has length 1, and
 * there are gates, whose part in b has length 1 as well. Candidates of each profile are drawn, the
 * best are improved by gradient ascent of that score in (w, c, log a), and the best that differ are
 * returned. */
#ifndef BR_COLUMNS_H
#define BR_COLUMNS_H

#include "host.h"
#include "ridge.h"

typedef struct {
  double min_width, max_width; /* of a, in whitened units */
  double penalty;
  int directions;     /* candidate directions a search */
  int a_direction;    /* candidate (c, a) a direction */
  int refine;         /* evaluations of the ascent from each start */
  size_t max_points;  /* points of the sample that a search looks at */
  const double *axes; /* d x d: directions that are always tried; NULL: the coordinates */
} br_columns_options;

typedef struct {
  br_profile profile;
  double *w; /* d, and one a covariate */
  double centre, width;
  double g, h, score;
} br_column;

typedef struct br_violation br_violation;

typedef struct {
  br_columns_options options;
  const br_violation *violation;
  br_sample points;         /* the subsample, padded with weight 0 */
  int d;                    /* of the map; points have the covariates as well */
  const br_sample *pulled;  /* NULL, or the points x_j of semidual.h, or grad f of target.h */
  br_sample other;          /* then a subsample of them */
  double *map;              /* of u at the points, d rows; without x_j */
  double *factor, *inverse; /* of its Hessian there, or at the x_j, d(d+1)/2 rows */
  br_column *found;         /* best first */
  int n_found;
  int n_starts, n_wanted;
  int threads;
  br_column *starts;
  double *draws, *work, *scratch;
  size_t draws_a_direction, rows_a_thread, work_a_thread, scratch_a_thread;
} br_columns;

/* For J the x_j at the present u are to be in pulled at each search, for the variational learner
 * the gradients at the points of the sample; else pulled is NULL. */
void br_columns_make(br_columns *columns, const br_columns_options *options, const br_potential *u,
                     const br_sample *sample, const br_violation *violation,
                     const br_sample *pulled, int n_wanted, br_workspace *ws);

/* Fills columns->found with at most n_wanted atoms of positive score. */
void br_columns_search(br_columns *columns, const br_potential *u, const br_host *host);

#endif
