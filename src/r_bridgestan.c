#include "r_common.h"

#include <R_ext/Rdynload.h>

#include <stdbool.h>
#include <string.h>

/* A Stan model in a library compiled by BridgeStan 2, by its C interface. Messages that it
 * allocates are given back to it. Models are asked on the main thread, for they need not be
 * thread-safe. */
typedef struct bs_model bs_model;
typedef struct bs_rng bs_rng;

typedef bs_model *construct_fn(const char *data, unsigned int seed, char **error);
typedef void destruct_fn(bs_model *);
typedef void free_error_fn(char *);
typedef const char *name_fn(const bs_model *);
typedef const char *param_names_fn(const bs_model *, bool transformed, bool generated);
typedef const char *param_unc_names_fn(const bs_model *);
typedef int param_num_fn(const bs_model *, bool transformed, bool generated);
typedef int param_unc_num_fn(const bs_model *);
typedef int log_density_fn(const bs_model *, bool propto, bool jacobian, const double *z,
                           double *value, char **error);
typedef int log_density_gradient_fn(const bs_model *, bool propto, bool jacobian, const double *z,
                                    double *value, double *gradient, char **error);
typedef int param_constrain_fn(const bs_model *, bool transformed, bool generated, const double *z,
                               double *x, bs_rng *rng, char **error);
typedef int param_unconstrain_fn(const bs_model *, const double *x, double *z, char **error);

typedef struct {
  bs_model *model;
  construct_fn *construct;
  destruct_fn *destruct;
  free_error_fn *free_error;
  name_fn *name;
  param_names_fn *param_names;
  param_unc_names_fn *param_unc_names;
  param_num_fn *param_num;
  param_unc_num_fn *param_unc_num;
  log_density_fn *log_density;
  log_density_gradient_fn *log_density_gradient;
  param_constrain_fn *param_constrain;
  param_unconstrain_fn *param_unconstrain;
} bridge;

static void close_model(SEXP pointer) {
  bridge *b = R_ExternalPtrAddr(pointer);
  if (!b) return;
  if (b->model) b->destruct(b->model);
  R_Free(b);
  R_ClearExternalPtr(pointer);
}

static bridge *the_bridge(SEXP pointer) {
  bridge *b = TYPEOF(pointer) == EXTPTRSXP ? R_ExternalPtrAddr(pointer) : NULL;
  if (!b) Rf_error("internal error: the model is not open; please report");
  return b;
}

/* A message as R's own memory, the other freed. */
static const char *keep_message(const bridge *b, char *error) {
  if (!error) return "the model gave no reason";
  size_t length = strlen(error) + 1;
  char *kept = R_alloc(length, 1);
  memcpy(kept, error, length);
  b->free_error(error);
  return kept;
}

/* symbols: the functions, in the order in which R lists them; data: JSON or NULL. */
SEXP brenier_bridgestan_open(SEXP symbols, SEXP data, SEXP seed) {
  bridge *b = R_Calloc(1, bridge);
  SEXP pointer = PROTECT(R_MakeExternalPtr(b, R_NilValue, R_NilValue));
  R_RegisterCFinalizerEx(pointer, close_model, TRUE);
  int k = 0;
#define NEXT(slot) \
  b->slot = (slot##_fn *)(void (*)(void))R_ExternalPtrAddrFn(VECTOR_ELT(symbols, k++))
  NEXT(construct);
  NEXT(destruct);
  NEXT(free_error);
  NEXT(name);
  NEXT(param_names);
  NEXT(param_unc_names);
  NEXT(param_num);
  NEXT(param_unc_num);
  NEXT(log_density);
  NEXT(log_density_gradient);
  NEXT(param_constrain);
  NEXT(param_unconstrain);
#undef NEXT
  char *error = NULL;
  const char *json = data == R_NilValue ? NULL : CHAR(STRING_ELT(data, 0));
  b->model = b->construct(json, (unsigned int)Rf_asInteger(seed), &error);
  if (!b->model) Rf_error("%s", keep_message(b, error));
  UNPROTECT(1);
  return pointer;
}

/* Names between commas, as a character vector. */
static SEXP split_names(const char *text) {
  int n = *text != '\0';
  for (const char *s = text; *s; s++) n += *s == ',';
  SEXP out = PROTECT(Rf_allocVector(STRSXP, n));
  for (int k = 0; k < n; k++) {
    size_t length = strcspn(text, ",");
    SET_STRING_ELT(out, k, Rf_mkCharLenCE(text, (int)length, CE_UTF8));
    text += length + 1;
  }
  UNPROTECT(1);
  return out;
}

SEXP brenier_bridgestan_about(SEXP pointer, SEXP transformed) {
  const bridge *b = the_bridge(pointer);
  const bool all = Rf_asLogical(transformed);
  const char *fields[] = {"name", "names", "needed", "coordinates", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, fields));
  SET_VECTOR_ELT(out, 0, Rf_mkString(b->name(b->model)));
  SET_VECTOR_ELT(out, 1, split_names(b->param_names(b->model, all, false)));
  SET_VECTOR_ELT(out, 2, split_names(b->param_names(b->model, false, false)));
  SET_VECTOR_ELT(out, 3, split_names(b->param_unc_names(b->model)));
  UNPROTECT(1);
  return out;
}

static void take_row(const double *matrix, size_t n, size_t i, int columns, double *row) {
  for (int k = 0; k < columns; k++) row[k] = matrix[i + k * n];
}

static void put_row(double *matrix, size_t n, size_t i, int columns, const double *row) {
  for (int k = 0; k < columns; k++) matrix[i + k * n] = row ? row[k] : R_NaN;
}

/* Log density, constants and Jacobian within, and its gradient, at the rows of z: NaN where the
 * model fails, which is counted. */
SEXP brenier_bridgestan_ask(SEXP pointer, SEXP z_sexp, SEXP gradient_sexp) {
  const bridge *b = the_bridge(pointer);
  const int d = b->param_unc_num(b->model), wanted = Rf_asLogical(gradient_sexp);
  const size_t n = (size_t)Rf_nrows(z_sexp);
  if (TYPEOF(z_sexp) != REALSXP || Rf_ncols(z_sexp) != d)
    Rf_error("internal error: points of a wrong dimension; please report");
  const char *fields[] = {"value", "gradient", "errors", "first_error", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, fields));
  SEXP value_sexp = Rf_allocVector(REALSXP, (R_xlen_t)n);
  SET_VECTOR_ELT(out, 0, value_sexp);
  double *value = REAL(value_sexp), *slopes = NULL;
  if (wanted) {
    SEXP slope_sexp = Rf_allocMatrix(REALSXP, (int)n, d);
    SET_VECTOR_ELT(out, 1, slope_sexp);
    slopes = REAL(slope_sexp);
  }
  double *z = (double *)R_alloc((size_t)d, sizeof(double));
  double *slope = (double *)R_alloc((size_t)d, sizeof(double));
  size_t errors = 0;
  for (size_t i = 0; i < n; i++) {
    if (i % 256 == 255) R_CheckUserInterrupt();
    take_row(REAL(z_sexp), n, i, d, z);
    char *error = NULL;
    int failed = wanted
                     ? b->log_density_gradient(b->model, false, true, z, value + i, slope, &error)
                     : b->log_density(b->model, false, true, z, value + i, &error);
    if (failed) value[i] = R_NaN;
    if (wanted) put_row(slopes, n, i, d, failed ? NULL : slope);
    if (failed && errors++ == 0) {
      SET_VECTOR_ELT(out, 3, Rf_mkString(keep_message(b, error)));
    } else if (error) {
      b->free_error(error);
    }
  }
  SET_VECTOR_ELT(out, 2, Rf_ScalarReal((double)errors));
  UNPROTECT(1);
  return out;
}

/* Rows of parameters from rows of coordinates, or back; NaN where the model cannot. */
static SEXP convert(const bridge *b, SEXP from_sexp, int to_parameters, bool transformed) {
  const int d = b->param_unc_num(b->model);
  const int p = b->param_num(b->model, to_parameters && transformed, false);
  const int in = to_parameters ? d : p, out_columns = to_parameters ? p : d;
  const size_t n = (size_t)Rf_nrows(from_sexp);
  if (TYPEOF(from_sexp) != REALSXP || Rf_ncols(from_sexp) != in)
    Rf_error("internal error: points of a wrong dimension; please report");
  SEXP out = PROTECT(Rf_allocMatrix(REALSXP, (int)n, out_columns));
  double *row = (double *)R_alloc((size_t)in, sizeof(double));
  double *converted = (double *)R_alloc((size_t)out_columns, sizeof(double));
  for (size_t i = 0; i < n; i++) {
    take_row(REAL(from_sexp), n, i, in, row);
    char *error = NULL;
    int failed = to_parameters ? b->param_constrain(b->model, transformed, false, row, converted,
                                                    NULL, &error)
                               : b->param_unconstrain(b->model, row, converted, &error);
    if (error) b->free_error(error);
    put_row(REAL(out), n, i, out_columns, failed ? NULL : converted);
  }
  UNPROTECT(1);
  return out;
}

SEXP brenier_bridgestan_to(SEXP pointer, SEXP z, SEXP transformed) {
  return convert(the_bridge(pointer), z, 1, Rf_asLogical(transformed));
}

SEXP brenier_bridgestan_from(SEXP pointer, SEXP x) {
  return convert(the_bridge(pointer), x, 0, false);
}
