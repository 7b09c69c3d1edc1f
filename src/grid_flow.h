/* The parabolic Monge-Ampere equation du/dt = log(rho_u / mu) in time, on the grids of a problem.
 */
#ifndef BR_GRID_FLOW_H
#define BR_GRID_FLOW_H

#include "grid_pma.h"
#include "stopping.h"

#define BR_FLOW_STAGES 4

typedef struct {
  double time, step; /* where the flow is, and the step that it tries next; 0 at the start */
  int steps, refused, inner;
  double *trial, *stage[BR_FLOW_STAGES]; /* fields */
} br_flow;

void br_flow_make(br_flow *flow, const br_pma *p, br_workspace *ws);

/* From flow->time to `until`, w with it. ROS34PW2, a linearly implicit method of order 3, L-stable,
 * whose order does not depend on how good its operator is (Rang and Angermann 2005,
 * doi:10.1007/s10543-005-0035-y); steps keep three times the difference from the embedded
 * method of order 2 below the tolerance of stop in every cell. value is that at the end. BR_STALLED
 * if the step would have to be less than 1e-12 of the time. */
br_status br_flow_advance(br_flow *flow, br_pma *p, double *w, double until, br_stopping *stop,
                          const br_host *host, br_pma_value *value);

#endif
