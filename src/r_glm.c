#include "glm.h"
#include "r_target.h"

static const double *doubles(SEXP list, const char *name, size_t length) {
  SEXP value = glue_get(list, name);
  if (TYPEOF(value) != REALSXP || (size_t)XLENGTH(value) != length)
    Rf_error("internal error: element '%s' of the model is not whole; please report", name);
  return REAL(value);
}

/* The list is that of glm_model() in R. */
br_target glue_glm(SEXP model, br_workspace *ws) {
  br_glm *g = (br_glm *)br_take(ws, (sizeof(br_glm) + 7) / 8);
  br_glm_target *self = (br_glm_target *)br_take(ws, (sizeof(br_glm_target) + 7) / 8);
  SEXP X = glue_get(model, "X"), kind = glue_get(model, "prior_kind");
  const char *name = CHAR(Rf_asChar(glue_get(model, "family")));
  g->family = br_glm_family_named(name);
  if (!g->family) Rf_error("internal error: there is no family '%s'; please report", name);
  g->p = Rf_nrows(X);
  g->n = (size_t)Rf_ncols(X);
  const size_t d = (size_t)(g->p + g->family->has_aux);
  g->X = doubles(model, "X", (size_t)g->p * g->n);
  g->total = doubles(model, "total", g->n);
  g->weight = doubles(model, "weight", g->n);
  g->offset = glue_get(model, "offset") == R_NilValue ? NULL : doubles(model, "offset", g->n);
  g->constant = glue_double(model, "constant");
  g->mass = glue_double(model, "mass");
  g->sum = glue_double(model, "sum");
  g->n_levels = (size_t)XLENGTH(glue_get(model, "level"));
  g->level = doubles(model, "level", g->n_levels);
  g->level_weight = doubles(model, "level_weight", g->n_levels);
  if (TYPEOF(kind) != INTSXP || (size_t)XLENGTH(kind) != d)
    Rf_error("internal error: the priors of the model are not whole; please report");
  g->prior = (br_glm_prior){INTEGER(kind), doubles(model, "prior_location", d),
                            doubles(model, "prior_scale", d), doubles(model, "prior_df", d)};
  return br_glm_target_make(self, g, ws);
}
