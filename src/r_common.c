#include "r_common.h"

#include "sum.h"

#include <string.h>

static void *alloc(void *ctx, size_t bytes) {
  (void)ctx;
  return R_alloc(bytes / 8 + 1, 8);
}

br_workspace glue_workspace(void) {
  br_workspace ws = {alloc, NULL};
  return ws;
}

static void check_interrupt(void *unused) {
  (void)unused;
  R_CheckUserInterrupt();
}

static int tick(void *ctx, const br_progress *p) {
  glue_host_state *state = ctx;
  if (!R_ToplevelExec(check_interrupt, NULL)) return 1;
  if (!Rf_isFunction(state->progress)) return 0;
  SEXP report = PROTECT(Rf_allocVector(REALSXP, 4));
  REAL(report)[0] = p->iteration;
  REAL(report)[1] = p->atoms;
  REAL(report)[2] = p->objective;
  REAL(report)[3] = p->validation;
  SEXP call = PROTECT(Rf_lang2(state->progress, report));
  int failed = 0;
  /* R code may draw: it must find the generator where the fit left it, and leave it so */
  if (state->draws) PutRNGstate();
  R_tryEvalSilent(call, R_BaseEnv, &failed);
  if (state->draws) GetRNGstate();
  UNPROTECT(2);
  return failed;
}

static double uniform(void *ctx) {
  (void)ctx;
  return unif_rand();
}

br_host glue_host(glue_host_state *state, SEXP progress, int draws) {
  state->progress = progress;
  state->draws = draws;
  br_host host = {state, tick, draws ? uniform : NULL};
  return host;
}

SEXP glue_get(SEXP list, const char *name) {
  SEXP names = PROTECT(Rf_getAttrib(list, R_NamesSymbol));
  SEXP found = NULL;
  for (R_xlen_t i = 0; i < Rf_xlength(names) && !found; i++)
    if (strcmp(CHAR(STRING_ELT(names, i)), name) == 0) found = VECTOR_ELT(list, i);
  UNPROTECT(1);
  if (!found) Rf_error("internal error: element '%s' is missing; please report", name);
  return found;
}

double glue_double(SEXP list, const char *name) { return Rf_asReal(glue_get(list, name)); }

int glue_int(SEXP list, const char *name) { return Rf_asInteger(glue_get(list, name)); }

br_sample glue_sample(SEXP x_sexp, SEXP weight_sexp) {
  if (!Rf_isMatrix(x_sexp) || TYPEOF(x_sexp) != REALSXP)
    Rf_error("internal error: points must be a matrix of doubles; please report");
  br_sample sample = {(size_t)Rf_nrows(x_sexp), Rf_ncols(x_sexp), REAL(x_sexp), NULL};
  if (weight_sexp != R_NilValue) {
    if (TYPEOF(weight_sexp) != REALSXP || (size_t)XLENGTH(weight_sexp) != sample.n)
      Rf_error("internal error: one weight a point is needed; please report");
    sample.weight = REAL(weight_sexp);
  }
  return sample;
}

br_potential glue_potential(SEXP list, br_workspace *ws) {
  int d = glue_int(list, "d"), given = glue_int(list, "given");
  int n_quadratic = glue_int(list, "n_quadratic"), n_atoms = glue_int(list, "n_atoms");
  SEXP dir = glue_get(list, "direction"), coef = glue_get(list, "coef");
  SEXP profile = glue_get(list, "profile");
  SEXP centre = glue_get(list, "centre"), width = glue_get(list, "width");
  R_xlen_t terms = (R_xlen_t)n_quadratic + n_atoms;
  if (XLENGTH(dir) != (d + given) * terms || XLENGTH(profile) != terms ||
      XLENGTH(coef) != d * (1 + given) + terms || XLENGTH(centre) != terms ||
      XLENGTH(width) != terms)
    Rf_error("internal error: the potential is not whole; please report");
  SEXP components = glue_get(list, "components");
  int n_components = glue_int(list, "n_components");
  int max_quadratic = n_quadratic > d ? n_quadratic : d;
  double kappa = glue_double(list, "kappa");
  if (n_components > 0 && XLENGTH(components) != br_softmax_coefs(d, given, n_components))
    Rf_error("internal error: the components are not whole; please report");
  br_potential u;
  if (n_components > 0) br_sum_make(&u, d, given, n_components, max_quadratic, n_atoms, kappa, ws);
  else br_ridge_make(&u, d, given, max_quadratic, n_atoms, kappa, ws);
  br_ridge_load(br_sum_ridge(&u), n_quadratic, n_atoms, REAL(dir), INTEGER(profile), REAL(centre),
                REAL(width), REAL(coef));
  br_sum_refresh(&u);
  if (n_components > 0)
    memcpy(u.coef, REAL(components), (size_t)XLENGTH(components) * sizeof(double));
  br_potential *ridge = br_sum_ridge(&u);
  int n_tails = glue_int(list, "n_tails"); /* the last atoms */
  for (int j = 1; j <= n_tails && j <= n_atoms; j++) ridge->frozen[ridge->n_coef - j] = 1;
  u.family->prepare(&u);
  return u;
}

static SEXP doubles(const double *from, R_xlen_t n) {
  SEXP out = Rf_allocVector(REALSXP, n);
  if (n > 0) memcpy(REAL(out), from, (size_t)n * sizeof(double));
  return out;
}

SEXP glue_potential_list(br_potential *whole) {
  const br_potential *u = br_sum_ridge(whole), *softmax = br_sum_softmax(whole);
  const br_ridge *r = u->self;
  const char *names[] = {"family",  "d",     "given",        "n_quadratic", "n_atoms",
                         "n_tails", "kappa", "direction",    "profile",     "centre",
                         "width",   "coef",  "n_components", "components",  ""};
  int d = u->d, rows = d + u->given, first = r->n_linear, terms = r->n_quadratic + r->n_atoms;
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  enum {
    FAMILY,
    D,
    GIVEN,
    QUADRATIC,
    ATOMS,
    TAILS,
    KAPPA,
    DIRECTION,
    PROFILE,
    CENTRE,
    WIDTH,
    COEF,
    N_COMPONENTS,
    COMPONENTS
  };
  int n_tails = 0;
  for (int j = 0; j < u->n_coef; j++) n_tails += u->frozen[j] != 0;
  SET_VECTOR_ELT(out, FAMILY, Rf_mkString(whole->family->name));
  SET_VECTOR_ELT(out, D, Rf_ScalarInteger(d));
  SET_VECTOR_ELT(out, GIVEN, Rf_ScalarInteger(u->given));
  SET_VECTOR_ELT(out, QUADRATIC, Rf_ScalarInteger(r->n_quadratic));
  SET_VECTOR_ELT(out, ATOMS, Rf_ScalarInteger(r->n_atoms));
  SET_VECTOR_ELT(out, TAILS, Rf_ScalarInteger(n_tails));
  SET_VECTOR_ELT(out, KAPPA, Rf_ScalarReal(r->kappa));
  SEXP dir = Rf_allocMatrix(REALSXP, rows, terms);
  SET_VECTOR_ELT(out, DIRECTION, dir);
  memcpy(REAL(dir), br_ridge_direction(u, first), (size_t)rows * terms * sizeof(double));
  SEXP profile = Rf_allocVector(INTSXP, terms);
  SET_VECTOR_ELT(out, PROFILE, profile);
  memcpy(INTEGER(profile), r->profile + first, (size_t)terms * sizeof(int));
  SET_VECTOR_ELT(out, CENTRE, doubles(r->centre + first, terms));
  SET_VECTOR_ELT(out, WIDTH, doubles(r->width + first, terms));
  SET_VECTOR_ELT(out, COEF, doubles(u->coef, first + terms));
  int n_components = softmax ? ((br_softmax *)softmax->self)->terms.n : 0;
  SET_VECTOR_ELT(out, N_COMPONENTS, Rf_ScalarInteger(n_components));
  SET_VECTOR_ELT(out, COMPONENTS,
                 doubles(softmax ? softmax->coef : NULL, softmax ? softmax->n_coef : 0));
  UNPROTECT(1);
  return out;
}
