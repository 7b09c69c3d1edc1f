#include "r_fit.h"
#include "r_target.h"

/* A fit to the law with minus log density f: x are points of the reference, one a row, valid those
 * to validate on. The value has the batches, points and gradients that were asked for, the points
 * refused, and the condition that ended the fit, if one did. */
SEXP brenier_variational(SEXP x_sexp, SEXP weight_sexp, SEXP valid_sexp, SEXP valid_weight_sexp,
                         SEXP target_sexp, SEXP options_sexp, SEXP progress_sexp) {
  br_workspace ws = glue_workspace();
  glue_host_state state;
  br_host host = glue_host(&state, progress_sexp, 1);
  br_fit_options options = glue_fit_options(options_sexp, Rf_ncols(x_sexp), &ws);
  options.learner = &br_variational_learner;
  br_learner_data data = {.sample = glue_sample(x_sexp, weight_sexp),
                          .held_sample = glue_sample(valid_sexp, valid_weight_sexp)};
  SEXP kept = PROTECT(Rf_allocVector(VECSXP, 1));
  br_target target = glue_target(target_sexp, kept, data.sample.d, &ws);
  if (data.held_sample.d != data.sample.d)
    Rf_error("internal error: the points to validate on are not whole; please report");
  data.target = &target;
  br_fit fit;
  GetRNGstate();
  br_fit_run(&fit, &options, &data, &host, &ws);
  PutRNGstate();

  const char *names[] = {"fit", "batches", "points", "gradients", "refused", "condition", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, glue_fit_list(&fit));
  SET_VECTOR_ELT(out, 1, Rf_ScalarReal((double)target.batches));
  SET_VECTOR_ELT(out, 2, Rf_ScalarReal((double)target.points));
  SET_VECTOR_ELT(out, 3, Rf_ScalarReal((double)target.gradients));
  SET_VECTOR_ELT(out, 4, Rf_ScalarReal((double)target.refused));
  SET_VECTOR_ELT(out, 5, VECTOR_ELT(kept, 0));
  UNPROTECT(2);
  return out;
}
