/* Entropic optimal transport by Sinkhorn's algorithm, in logarithms.
 *
 *   OT(a, b) = min_P <C, P> + eps KL(P | a b') [+ rho KL(P 1 | a) + rho KL(P' 1 | b)]
 *            = max_{f, g} <a, f> + <b, g> - eps (sum_ij P_ij - 1),
 *   P_ij = a_i b_j exp((f_i + g_j - C_ij)/eps),
 *
 * over couplings P of a and b, or with rho < Inf over all P >= 0; KL(p | q) = sum p log(p/q) - p +
 * q. Updates are exact maxima over one potential in turn, with Anderson acceleration; no n x m
 * matrix is held. Large problems start from coarser clouds, and from larger eps.
 *
 * Time: iterations times n m pairs, less what the pair sums may leave out. Memory O((n + m) d). */
#ifndef BR_SINKHORN_H
#define BR_SINKHORN_H

#include "host.h"
#include "pairs.h"
#include "status.h"
#include "workspace.h"

typedef enum {
  BR_COST_SQUARE = 0, /* |x - y|^2 */
  BR_COST_DISTANCE,   /* |x - y| */
  BR_COST_MATRIX      /* given; Inf forbids a pair */
} br_cost;

typedef struct {
  br_cost cost;
  int d;
  size_t n, m;
  const double *x, *y;  /* n x d and m x d, column-major; unused for a matrix */
  const double *matrix; /* n x m, column-major */
  const double *a, *b;  /* masses: not negative; sums 1 each where reach is infinite */
  double epsilon;
  double reach;  /* rho; infinite for couplings */
  int symmetric; /* (y, b) is (x, a), and C symmetric: one potential */
} br_transport;

typedef struct {
  double tolerance;   /* of the L1 error of the marginals, relative to the mass */
  int max_iterations; /* over all points; those on coarser clouds are not counted */
  int check_every;    /* iterations from one line of the trace to the next */
  int anneal;         /* from coarse clouds and large eps; otherwise from f and g as they are */
} br_sinkhorn_options;

/* A line of the trace. */
typedef struct {
  int iteration; /* over all points so far */
  size_t points; /* of both clouds that it was on */
  double epsilon, error, gap, seconds;
} br_sinkhorn_row;

typedef struct {
  double *f, *g;  /* n, m: the caller's. Inf where a point of zero mass has no partner */
  double value;   /* the dual value, a lower bound of OT */
  double cost;    /* <C, P> */
  double kl;      /* KL(P | a b') */
  double mass;    /* sum of P */
  double error;   /* L1 error of the marginals over the mass; see br_sinkhorn_run() */
  double gap;     /* OT is in [value, value + gap] */
  int iterations; /* over all points */
  double visited; /* pairs evaluated, over all iterations */
  br_status status;
  br_sinkhorn_row *trace;
  int n_trace, most_trace;
} br_sinkhorn;

/* Runs it. Marginals of P are a and b if rho is infinite; otherwise the error is that of the
 * optimality conditions P 1 = a exp(-f/rho), P' 1 = b exp(-g/rho). On return the second holds
 * exactly, but for symmetric problems, whose f is one potential for both sides. The state is usable
 * whatever the status: BR_OK, BR_MAX_ITERATIONS, BR_INTERRUPTED; BR_STALLED where rounding keeps
 * the error above the tolerance. */
void br_sinkhorn_run(br_sinkhorn *result, const br_transport *t, const br_sinkhorn_options *options,
                     const br_host *host, br_workspace *ws);

#endif
