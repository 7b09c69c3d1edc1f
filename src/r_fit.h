/* Options of a fit from R, and a fit to R, whatever it learns from. */
#ifndef BR_R_FIT_H
#define BR_R_FIT_H

#include "fit.h"
#include "r_common.h"

/* All but the learner, for points of so many columns. */
br_fit_options glue_fit_options(SEXP list, int columns, br_workspace *ws);

/* The list of what a fit is. */
SEXP glue_fit_list(br_fit *fit);

#endif
