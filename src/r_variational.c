#include "r_fit.h"

#include <string.h>

/* An R function behind a target: of a matrix of points, one a row, and of whether the gradient is
 * wanted. Its value is list(f, gradient), the second a matrix or NULL, or a condition that it
 * caught, an interrupt or an error, which ends the fit and goes back to R. */
typedef struct {
  SEXP target, kept; /* kept is list(condition) */
  int d;
} r_target;

static br_status read_answer(SEXP answer, size_t n, int d, double *f, double *gradient) {
  if (TYPEOF(answer) != VECSXP || XLENGTH(answer) != 2) return BR_TARGET_FAILED;
  SEXP value = VECTOR_ELT(answer, 0), slope = VECTOR_ELT(answer, 1);
  if (TYPEOF(value) != REALSXP || (size_t)XLENGTH(value) != n) return BR_TARGET_FAILED;
  memcpy(f, REAL(value), n * sizeof(double));
  if (!gradient) return BR_OK;
  if (TYPEOF(slope) != REALSXP || (size_t)XLENGTH(slope) != n * d) return BR_TARGET_FAILED;
  memcpy(gradient, REAL(slope), n * d * sizeof(double));
  return BR_OK;
}

static br_status evaluate(void *ctx, size_t n, const double *x, double *f, double *gradient) {
  r_target *self = ctx;
  int d = self->d, failed = 0;
  SEXP points = PROTECT(Rf_allocMatrix(REALSXP, (int)n, d));
  memcpy(REAL(points), x, n * d * sizeof(double));
  SEXP wanted = PROTECT(Rf_ScalarLogical(gradient != NULL));
  SEXP call = PROTECT(Rf_lang3(self->target, points, wanted));
  /* R code may draw: it must find the generator where the fit left it, and leave it so */
  PutRNGstate();
  SEXP answer = R_tryEvalSilent(call, R_BaseEnv, &failed);
  GetRNGstate();
  PROTECT(failed ? R_NilValue : answer);
  br_status status = BR_TARGET_FAILED;
  if (!failed && Rf_inherits(answer, "condition")) {
    SET_VECTOR_ELT(self->kept, 0, answer);
    if (Rf_inherits(answer, "interrupt")) status = BR_INTERRUPTED;
  } else if (!failed) {
    status = read_answer(answer, n, d, f, gradient);
  }
  UNPROTECT(4);
  return status;
}

/* A fit to the law with minus log density f: x are points of the reference, one a row, valid those
 * to validate on. The value has the batches and points that were asked for, those refused, and the
 * condition that ended the fit, if one did. */
SEXP brenier_variational(SEXP x_sexp, SEXP weight_sexp, SEXP valid_sexp, SEXP valid_weight_sexp,
                         SEXP target_sexp, SEXP options_sexp, SEXP progress_sexp) {
  br_workspace ws = glue_workspace();
  glue_host_state state;
  br_host host = glue_host(&state, progress_sexp);
  br_fit_options options = glue_fit_options(options_sexp, Rf_ncols(x_sexp), &ws);
  options.learner = &br_variational_learner;
  br_learner_data data = {.sample = glue_sample(x_sexp, weight_sexp),
                          .held_sample = glue_sample(valid_sexp, valid_weight_sexp)};
  if (!Rf_isFunction(target_sexp) || data.held_sample.d != data.sample.d)
    Rf_error("internal error: the target or its points are not whole; please report");
  SEXP kept = PROTECT(Rf_allocVector(VECSXP, 1));
  r_target self = {target_sexp, kept, data.sample.d};
  br_target target = {.ctx = &self, .d = data.sample.d, .eval = evaluate};
  data.target = &target;
  br_fit fit;
  GetRNGstate();
  br_fit_run(&fit, &options, &data, &host, &ws);
  PutRNGstate();

  const char *names[] = {"fit", "batches", "points", "refused", "condition", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, glue_fit_list(&fit));
  SET_VECTOR_ELT(out, 1, Rf_ScalarReal((double)target.batches));
  SET_VECTOR_ELT(out, 2, Rf_ScalarReal((double)target.points));
  SET_VECTOR_ELT(out, 3, Rf_ScalarReal((double)target.refused));
  SET_VECTOR_ELT(out, 4, VECTOR_ELT(kept, 0));
  UNPROTECT(2);
  return out;
}
