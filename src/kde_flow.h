/* Velocities and energies of kernel gradient flows: n particles x_i of weight 1/n move towards m
 * data y_j of weights b_j, or towards a law whose score is known. With a kernel k of scale h,
 *
 *   q(z) = (1/n) sum_i k(z, x_i),   p(z) = sum_j b_j k(z, y_j),   l = log q - log p,
 *
 * and the self term k(x_i, x_i) in q. The velocity is V_i = -n unit dE/dx_i, unit = h^2: a length
 * of the order of the mean shift. It is exactly that gradient of the energy E for every kind but
 * plug-in and its like (descends below), whose energy is NaN. To data:
 *
 * plugin: V_i = h^2 w(l(x_i)) (grad log p - grad log q)(x_i), w(r) = r f''(r).
 *
 * mixture: E = mean of phi(l) over the equal mixture of particles and data, phi = 2 f(r)/(1 + r).
 *
 * data: E = mean of f(r) over the data.
 *
 * particle: E = mean of f(r)/r over the particles.
 *
 * smooth: E = mean of f(r)/r over draws x_i + h xi_l of the smoothed particles: D_f(q || p) of the
 * densities themselves, by quadrature.
 *
 * bregman: E = mean_i [l(x_i) - sum_j b_j k(x_i, y_j)/p(y_j)] + 1: the Bregman divergence of
 * mu -> mean of log(k * mu) over mu; KL alone.
 *
 * mmd: E = squared MMD over 2 mean k(Y, Y').
 *
 * energy: the same of k(x, y) = -|x - y|, over 2 mean |Y - Y'|, unit the square of that mean over
 * 2: no scale at all.
 *
 * sliced: the same with the mean of |u'(x - y)| over directions u in place of |x - y|.
 *
 * To a law pi known at the particles:
 *
 * blob: E = mean of log q(x_i) - log pi(x_i).
 *
 * known: V_i = h^2 (grad log pi - grad log q)(x_i).
 *
 * svgd: V_i = (h^2/n) sum_j [k(x_i, x_j) grad log pi(x_j) + grad_j k(x_j, x_i)].
 *
 * ksd: E = mean over all pairs of the Stein kernel of k, Gaussian or inverse multiquadric, and
 * s = grad log pi. V leaves out that s moves with the particles: V_i - S_i pull_i is -n unit times
 * the gradient, S_i the derivative of s at x_i, which is for the caller to know. */
#ifndef BR_KDE_FLOW_H
#define BR_KDE_FLOW_H

#include "divergence.h"
#include "pairs.h"

typedef enum {
  BR_FLOW_PLUGIN = 0,
  BR_FLOW_MIXTURE,
  BR_FLOW_DATA,
  BR_FLOW_PARTICLE,
  BR_FLOW_SMOOTH,
  BR_FLOW_BREGMAN,
  BR_FLOW_MMD,
  BR_FLOW_ENERGY,
  BR_FLOW_SLICED,
  BR_FLOW_BLOB,
  BR_FLOW_KNOWN,
  BR_FLOW_SVGD,
  BR_FLOW_KSD,
  BR_N_FLOWS
} br_flow_kind;

typedef struct {
  const char *name;
  int descends; /* whether V is minus the gradient of E */
  int data;     /* whether there are data, or else a score */
  int at_data;  /* whether log p at the data is needed */
  int held;     /* pairs that it sweeps more than once: 1 of particles, + 2 of particles and data */
} br_flow_row;

extern const br_flow_row br_flow_table[BR_N_FLOWS];

/* The row of that name, or -1. */
int br_flow_find(const char *name);

typedef struct {
  br_flow_kind kind;
  br_mixture mix;
  br_kernel_id kernel; /* positive, but for energy and sliced, which need none */
  int leave_out; /* whether q at a particle is the mean over the n - 1 others: plugin, mixture,
                  * particle, bregman, blob, known; n > 1 */
  double scale, tolerance;

  size_t n, m;
  int d;
  const double *y;          /* m x d */
  const double *weight;     /* m, > 0, of sum 1 */
  const double *log_p_data; /* m: log p at the data, by br_flow_data(), where `at_data` */
  double data_mean;         /* mean |Y - Y'|, for energy and sliced */

  const double *log_target, *score; /* n, n x d: blob (both), known, svgd, ksd */

  int n_draws;         /* of the kernel with scale 1, for smooth */
  const double *draws; /* n_draws x d */

  /* room for so many doubles, or NULL: Gaussian powers are held in it where they all fit, n^2 + n m
   * of mixture, and not taken again by each sweep */
  double *memory;
  size_t room;

  int n_directions;
  const double *directions; /* n_directions x d, by rows, of length 1 */
} br_flow;

/* Where a flow is. log_q and log_p are at the particles, log_q_data at the data; those that the
 * kind does not need are left alone. If `guessed`, they are guesses of the answer on entry, such as
 * those of the step before, which saves sweeps. */
typedef struct {
  double energy, unit;
  double *velocity; /* n x d */
  double *pull;     /* n x d, of ksd; NULL where it is not wanted */
  double *log_q, *log_p, *log_q_data;
  int guessed;
} br_flow_state;

/* log p at the data; for the kernel -|x - y| instead *mean, mean |Y - Y'|, and log_p is not
 * touched. */
br_status br_flow_data(const br_flow *flow, double *log_p, double *mean, br_workspace *ws);

/* Velocity and energy at the particles x, n x d. Cost: n (n + m) pairs a sweep, of which plug-in
 * takes one with good guesses and mixture 2 n + 3 m a particle; O((n + m) d) memory. */
br_status br_flow_eval(const br_flow *flow, const double *x, br_flow_state *state,
                       br_workspace *ws);

/* log sum_{j != i} k(x_i, x_j)/k(x_i, x_i) and row i of its gradient, into grad (n x d), term by
 * term. */
double br_flow_others(const br_flow *flow, const double *x, size_t i, double *grad);

/* velocity_j -= factor exp(-lse) grad_j k(x_j, x_i)/k(x_i, x_i) for j != i, term by term. */
void br_flow_pull(const br_flow *flow, const double *x, size_t i, double lse, double factor,
                  double *velocity);

/* Energy, velocity and pull of ksd, see above. O(n^2 d). */
void br_stein_energy(const br_flow *flow, const double *x, br_flow_state *state, br_workspace *ws);

/* Half the squared sliced energy distance: the mean over directions u of int (F_x - F_y)^2, F the
 * distribution functions of u'x and u'y, times the constant that makes the mean over all directions
 * that of |x - y|. velocity (NULL to leave it out), n x d, is -n times its gradient. y of equal
 * weight if weight is NULL. O(P (n + m) log(n + m)). */
double br_sliced_energy(size_t n, const double *x, size_t m, const double *y, const double *weight,
                        int d, int n_directions, const double *directions, double *velocity,
                        br_workspace *ws);

/* The constant: |x| = c E|u'x| for u uniform on the sphere. */
double br_sliced_constant(int d);

#endif
