#include "r_target.h"

#include <string.h>

typedef struct {
  SEXP target, kept; /* kept is list(condition) */
  int d;
} r_function;

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
  const r_function *self = ctx;
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

static void *take(br_workspace *ws, size_t bytes) { return br_take(ws, (bytes + 7) / 8); }

static br_target glue_function(SEXP function, SEXP kept, int d, br_workspace *ws) {
  r_function *self = take(ws, sizeof *self);
  *self = (r_function){function, kept, d};
  return (br_target){.ctx = self, .d = d, .eval = evaluate};
}

/* --- models of the core ------------------------------------------------------------- */

static const struct {
  const char *kind;
  br_target (*make)(SEXP model, br_workspace *ws);
} models[] = {
    {"glm", glue_glm},
};

br_target glue_model(SEXP model, br_workspace *ws) {
  const char *kind = CHAR(Rf_asChar(glue_get(model, "kind")));
  for (size_t k = 0; k < sizeof models / sizeof *models; k++)
    if (strcmp(models[k].kind, kind) == 0) return models[k].make(model, ws);
  Rf_error("internal error: there is no model '%s'; please report", kind);
}

br_target glue_target(SEXP target, SEXP kept, int d, br_workspace *ws) {
  if (Rf_isFunction(target)) return glue_function(target, kept, d, ws);
  SEXP center = glue_get(target, "center"), root = glue_get(target, "root");
  br_target *inner = take(ws, sizeof *inner);
  br_affine *affine = take(ws, sizeof *affine);
  *inner = glue_model(glue_get(target, "model"), ws);
  if (inner->d != d || TYPEOF(center) != REALSXP || XLENGTH(center) != d ||
      TYPEOF(root) != REALSXP || XLENGTH(root) != (R_xlen_t)d * d)
    Rf_error("internal error: the target and its points do not agree; please report");
  return br_target_affine(affine, inner, REAL(center), REAL(root), ws);
}

/* The model at the rows of x: list(log density, its gradient or NULL). */
SEXP brenier_model(SEXP model, SEXP x_sexp, SEXP gradient_sexp) {
  br_workspace ws = glue_workspace();
  const br_sample x = glue_sample(x_sexp, R_NilValue);
  br_target target = glue_model(model, &ws);
  if (target.d != x.d) Rf_error("internal error: points of a wrong dimension; please report");
  SEXP out = PROTECT(Rf_allocVector(VECSXP, 2));
  SEXP value = Rf_allocVector(REALSXP, (R_xlen_t)x.n);
  SET_VECTOR_ELT(out, 0, value);
  double *gradient = NULL;
  if (Rf_asLogical(gradient_sexp)) {
    SEXP slope = Rf_allocMatrix(REALSXP, (int)x.n, x.d);
    SET_VECTOR_ELT(out, 1, slope);
    gradient = REAL(slope);
  }
  target.eval(target.ctx, x.n, x.x, REAL(value), gradient);
  for (size_t i = 0; i < x.n; i++) REAL(value)[i] = -REAL(value)[i];
  for (size_t i = 0; gradient && i < x.n * (size_t)x.d; i++) gradient[i] = -gradient[i];
  UNPROTECT(1);
  return out;
}
