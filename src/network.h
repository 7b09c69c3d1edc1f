/* A small fully connected network G from R^inputs to R^outputs, and its training:
 *
 *   s_1 = tanh(W_1 [z; 1]),   s_l = tanh(W_l [s_{l-1}; 1]),   G(z) = W [s_L; z; 1].
 *
 * The last layer sees z itself, so that G can begin at the identity, or
 * be affine where there is no hidden layer. */
#ifndef BR_NETWORK_H
#define BR_NETWORK_H

#include <stddef.h>

#include "status.h"
#include "workspace.h"

#define BR_NETWORK_HIDDEN 8 /* most hidden layers */

typedef struct {
  int inputs, outputs, hidden; /* hidden: the number of hidden layers */
  int width[BR_NETWORK_HIDDEN];
  double *coef; /* W_1, ..., W_L, W: each by rows of br_network_stride() doubles, those that pad
                 * a row 0 */
} br_network;

/* Columns of the matrix of a layer, from 0 to `hidden`, rows of it, and doubles in a row. */
int br_network_columns(const br_network *net, int layer);
int br_network_rows(const br_network *net, int layer);
int br_network_stride(const br_network *net, int layer);

size_t br_network_coefs(const br_network *net);

/* Multiplications that one value of G takes, those of tanh aside. */
double br_network_cost(const br_network *net);

/* x_i = G(z_i): z n x inputs, x n x outputs, as R holds matrices. Split over threads by points. */
void br_network_eval(const br_network *net, size_t n, const double *z, double *x, br_workspace *ws);

/* gradient = sum_i J_i'pull_i, J_i the derivative of G(z_i) in the coefficients: that of
 * sum_i pull_i'G(z_i). pull n x outputs. The points are cut into pieces whose number does not
 * depend on that of the threads. */
void br_network_pull(const br_network *net, size_t n, const double *z, const double *pull,
                     double *gradient, br_workspace *ws);

/* Adam (Kingma and Ba): a step of length about `rate` in each coefficient against running means of
 * gradients, `mean`, and of their squares, `square`, both 0 at the start. `average` is the mean of
 * the iterates with weights that fall by 1/memory a step. */
typedef struct {
  double rate, longest, memory; /* gradients are cut to the norm `longest` */
  double steps;                 /* taken so far */
  double *mean, *square, *average;
} br_adam;

/* Takes a step against the gradient, which is cut in place, and returns its norm before; where
 * that is not finite nothing changes. */
double br_adam_step(br_adam *adam, size_t n, double *gradient, double *coef);

#endif
