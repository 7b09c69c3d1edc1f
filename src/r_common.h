/* What the glue files share: R's memory and R's requests as the core sees them. */
#ifndef BR_R_COMMON_H
#define BR_R_COMMON_H

#ifndef R_NO_REMAP
#define R_NO_REMAP
#endif
#include <R.h>
#include <Rinternals.h>

#include "host.h"
#include "potential.h"

/* Memory by R_alloc: R frees it when the .Call returns or fails. */
br_workspace glue_workspace(void);

/* The host that checks for interrupts and, if progress is a function, calls it with c(iteration,
 * atoms, objective, validation); an error of it is taken for an interrupt. If `draws` it draws from
 * R's generator, and must be used between GetRNGstate() and PutRNGstate(): where nothing is drawn
 * the generator is not touched, and need not exist. */
typedef struct {
  SEXP progress;
  int draws;
} glue_host_state;
br_host glue_host(glue_host_state *state, SEXP progress, int draws);

/* Element of a named list; an internal error if it is absent. */
SEXP glue_get(SEXP list, const char *name);
double glue_double(SEXP list, const char *name);
int glue_int(SEXP list, const char *name);

/* A matrix of doubles as points of equal or given weight. */
br_sample glue_sample(SEXP x_sexp, SEXP weight_sexp);

/* A potential from and to the list that a fit keeps. */
br_potential glue_potential(SEXP list, br_workspace *ws);
SEXP glue_potential_list(br_potential *u);

#endif
