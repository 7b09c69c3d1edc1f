/* Targets from R: a function of R, or a list that says which code of the core to ask. */
#ifndef BR_R_TARGET_H
#define BR_R_TARGET_H

#include "r_common.h"
#include "target.h"

/* The target, in d dimensions, of
 *   a function of a matrix of points, one a row, and of whether the gradient is wanted. Its value
 *     is list(f, gradient), the second a matrix or NULL, or a condition that it caught, an
 *     interrupt or an error, which ends the fit and is put into the list `kept`;
 *   list(model, center, root): a model of the core, see glue_model(), in coordinates w of
 *     center + root w.
 * The value may be used as long as these live. */
br_target glue_target(SEXP target, SEXP kept, int d, br_workspace *ws);

/* The target of a model, a list whose element `kind` names it. */
br_target glue_model(SEXP model, br_workspace *ws);

br_target glue_glm(SEXP model, br_workspace *ws);

#endif
