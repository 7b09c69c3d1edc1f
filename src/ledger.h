/* The books of a fit on the data side: what convexity says of the path of potentials,
 * whatever the moves were.
 *
 * mu is the sample, nu the reference, as m points y_j of equal weight. At u
 *
 *   x_j = (grad u)^{-1}(y_j),   rho = the law of the x_j,   u*(y_j) = x_j'y_j - u(x_j),
 *   J(u) = mean_mu u + mean_nu u*,
 *
 * J is convex in u and mu - rho is its first variation. So every move from u to
 * v = u + Delta, rho to sigma, obeys the three-point identity
 *
 *   J(v) = J(u) - <Delta, rho - mu> + B(rho|sigma),
 *   B(rho|sigma) = mean of v(x_j) + v*(y_j) - x_j'y_j >= 0,
 *
 * and the sums over a path telescope. The least value of J need not be known:
 *
 *   regret = sum <Delta, rho - mu> = J(first) - J(last) + stability,  stability = sum B
 *         <= J(first) - min J over the path + stability.
 *
 * A mirror step of size s moves by s r, r = log(rho/mu); then <Delta, rho - mu> is s times
 * Jeffreys' divergence KL(rho|mu) + KL(mu|rho). A step in any direction delta has the size
 * that projects r on it in the mirror metric <a, b> = mean_mu grad a'(D^2 u)^{-1} grad b:
 * r is near c delta, c = <r, delta>/<delta, delta>, and <r, delta> is minus the derivative
 * of the mean loss along delta, so no density is needed. For an explicit step without
 * barrier and penalty 1/c is the step size eta. */
#ifndef BR_LEDGER_H
#define BR_LEDGER_H

#include "potential.h"

typedef struct {
  double semidual;          /* J at the present potential */
  double first, lowest;     /* J at the start of the path, and its minimum on it */
  double regret, stability; /* sums over the path so far */

  /* about the last step; NaN where there is no ledger */
  double jeffreys; /* c <delta, rho - mu>, at the state before it */
  double gain;     /* <Delta, rho - mu> */
  double bregman;  /* B(rho|sigma) */
  double identity; /* residual of the three-point identity over |J(u)| + |J(v)| */

  const br_sample *data;
  br_sample noise;  /* the y_j; no points: no ledger */
  br_sample some;   /* points of the data, for the mirror metric */
  double *x;        /* the x_j, m x d */
  double *on_data;  /* a value a point of the data */
  double *on_model; /* a value a point x_j */
  double *pairing;  /* x_j'y_j less u(x_j) */
  double *slope;    /* grad delta at `some` */
  double *block;    /* of the loop over `some` */
  double unit_gain; /* <delta, rho - mu> */
  int lanes, open;
  br_reused reused; /* a ledger must stay where it was made */
} br_ledger;

/* A ledger of paths of u; noise, y_j in rows, may have no points. O(n + m d) memory. */
void br_ledger_make(br_ledger *ledger, const br_potential *u, const br_sample *data,
                    const br_sample *noise, br_workspace *ws);

/* Opens the ledger at u; later, enters whatever became of u other than by steps, such as
 * new and dropped features. Leaves u as it is, prepared. */
void br_ledger_update(br_ledger *ledger, br_potential *u);

/* Before a step along delta, with the derivative of the mean loss of the likelihood along it. NaN
 * where the loss is J itself, whose derivative is <delta, mu - rho> and whose metric is the
 * covariance over rho. */
void br_ledger_aim(br_ledger *ledger, br_potential *u, const double *delta, double derivative);

/* After it: u has moved by length delta. */
void br_ledger_step(br_ledger *ledger, br_potential *u, double length);

#endif
