/* Glue of Sinkhorn cycles, for every kind of laws. */
#ifndef BR_R_CYCLES_H
#define BR_R_CYCLES_H

#include "r_common.h"
#include "sinkhorn_cycles.h"

/* list(f, g, r, status, reached): the cycles from f at those asked for; see br_cycles_run().
 * options: list(max_iter, max_seconds). */
SEXP glue_cycles(const br_cycles *c, const double *f, SEXP at_sexp, SEXP options_sexp,
                 SEXP progress_sexp, br_workspace *ws);

#endif
