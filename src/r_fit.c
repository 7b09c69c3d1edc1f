#include "r_fit.h"

static const br_learner_kind *learner_named(SEXP name) {
  const br_learner_kind *kind =
      Rf_isString(name) && XLENGTH(name) == 1 ? br_learner_find(CHAR(STRING_ELT(name, 0))) : NULL;
  if (!kind) Rf_error("internal error: there is no such learner; please report");
  return kind;
}

/* The potential to go on from, or NULL. */
static const br_potential *start_from_list(SEXP list, int columns, br_workspace *ws) {
  SEXP from = glue_get(list, "start");
  if (from == R_NilValue) return NULL;
  br_potential *start = (br_potential *)br_take(ws, (sizeof(br_potential) + 7) / 8);
  *start = glue_potential(from, ws);
  if (glue_int(from, "n_components") != glue_int(list, "n_components") ||
      start->given != glue_int(list, "given") || start->d + start->given != columns)
    Rf_error("internal error: the fit cannot go on from that potential; please report");
  return start;
}

br_fit_options glue_fit_options(SEXP list, int columns, br_workspace *ws) {
  SEXP eta = glue_get(list, "eta");
  br_fit_options o = {.tol = glue_double(list, "tol"),
                      .round_tol = glue_double(list, "round_tol"),
                      .max_iter = glue_int(list, "max_iter"),
                      .max_seconds = glue_double(list, "max_seconds"),
                      .max_atoms = glue_int(list, "max_atoms"),
                      .n_components = glue_int(list, "n_components"),
                      .max_rounds = glue_int(list, "max_rounds"),
                      .a_round = glue_int(list, "a_round"),
                      .patience = glue_int(list, "patience"),
                      .keep_best = glue_int(list, "keep_best"),
                      .rounds_only = glue_int(list, "rounds_only"),
                      .given = glue_int(list, "given"),
                      .kappa = glue_double(list, "kappa"),
                      .keep_iterates = glue_int(list, "keep_iterates"),
                      .min_score = glue_double(list, "min_score"),
                      .start = start_from_list(list, columns, ws),
                      .mirror = {.implicit = glue_int(list, "implicit"),
                                 .eta = eta == R_NilValue ? NULL : REAL(eta),
                                 .n_eta = (int)Rf_xlength(eta),
                                 .step = glue_double(list, "step"),
                                 .penalty = glue_double(list, "penalty")},
                      .columns = {.min_width = glue_double(list, "min_width"),
                                  .max_width = glue_double(list, "max_width"),
                                  .penalty = glue_double(list, "penalty"),
                                  .directions = glue_int(list, "directions"),
                                  .a_direction = glue_int(list, "a_direction"),
                                  .refine = glue_int(list, "refine"),
                                  .max_points = (size_t)glue_double(list, "max_points"),
                                  .axes = REAL(glue_get(list, "axes"))},
                      .noise = glue_sample(glue_get(list, "noise"), R_NilValue)};
  return o;
}

/* The second sample of a learner of two: list(x, weights, held, held_weights), the last two of
 * points that are held out, as many as none. */
static void add_other(br_learner_data *data, const br_learner_kind *kind, SEXP other) {
  if (!kind->pulled && kind != &br_regression_learner) return;
  if (other == R_NilValue)
    Rf_error("internal error: this learner needs two samples; please report");
  data->other = glue_sample(glue_get(other, "x"), glue_get(other, "weights"));
  data->held_other = glue_sample(glue_get(other, "held"), glue_get(other, "held_weights"));
  if (data->other.n == 0 || data->other.d != data->sample.d || data->held_other.d != data->sample.d)
    Rf_error("internal error: the second sample does not fit the first; please report");
}

static SEXP table(const br_table *from, int columns, const char *const *names) {
  SEXP out = PROTECT(Rf_allocMatrix(REALSXP, from->n, columns));
  for (int k = 0; k < columns; k++)
    for (int i = 0; i < from->n; i++)
      REAL(out)[i + (R_xlen_t)k * from->n] = from->rows[i + (size_t)k * from->capacity];
  SEXP dimnames = PROTECT(Rf_allocVector(VECSXP, 2));
  SEXP labels = Rf_allocVector(STRSXP, columns);
  SET_VECTOR_ELT(dimnames, 1, labels);
  for (int k = 0; k < columns && names; k++) SET_STRING_ELT(labels, k, Rf_mkChar(names[k]));
  if (names) Rf_setAttrib(out, R_DimNamesSymbol, dimnames);
  UNPROTECT(2);
  return out;
}

SEXP glue_fit_list(br_fit *fit) {
  const char *names[] = {"potential", "trace", "rounds", "gap", "status", "iterates", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, glue_potential_list(&fit->u));
  SET_VECTOR_ELT(out, 1, table(&fit->trace, BR_TRACE_COLUMNS, br_trace_names));
  SET_VECTOR_ELT(out, 2, table(&fit->rounds, BR_ROUND_COLUMNS, br_round_names));
  SET_VECTOR_ELT(out, 3, Rf_ScalarReal(fit->gap));
  SET_VECTOR_ELT(out, 4, Rf_mkString(br_status_name(fit->status)));
  SET_VECTOR_ELT(out, 5, table(&fit->iterates, fit->iterate_columns, NULL));
  UNPROTECT(1);
  return out;
}

/* Points are rows, already whitened; weights sum to one. */
SEXP brenier_fit(SEXP x_sexp, SEXP weight_sexp, SEXP valid_sexp, SEXP valid_weight_sexp,
                 SEXP options_sexp, SEXP progress_sexp) {
  br_workspace ws = glue_workspace();
  glue_host_state state;
  br_host host = glue_host(&state, progress_sexp, 1);
  br_fit_options options = glue_fit_options(options_sexp, Rf_ncols(x_sexp), &ws);
  options.learner = learner_named(glue_get(options_sexp, "learner"));
  br_learner_data data = {.sample = glue_sample(x_sexp, weight_sexp),
                          .held_sample = glue_sample(valid_sexp, valid_weight_sexp)};
  SEXP offset = glue_get(options_sexp, "held_offset");
  if (offset != R_NilValue) data.held_offset = REAL(offset);
  add_other(&data, options.learner, glue_get(options_sexp, "other"));
  br_fit fit;
  GetRNGstate();
  br_fit_run(&fit, &options, &data, &host, &ws);
  PutRNGstate();
  return glue_fit_list(&fit);
}
