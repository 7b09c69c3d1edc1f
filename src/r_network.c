#include "network.h"
#include "r_common.h"

#include <string.h>

/* A network from the list that R keeps: inputs, outputs, hidden, coef. */
static br_network read_network(SEXP list) {
  SEXP hidden = glue_get(list, "hidden"), coef = glue_get(list, "coef");
  br_network net = {.inputs = glue_int(list, "inputs"),
                    .outputs = glue_int(list, "outputs"),
                    .hidden = (int)XLENGTH(hidden)};
  if (TYPEOF(hidden) != INTSXP || net.hidden > BR_NETWORK_HIDDEN)
    Rf_error("internal error: the layers of the network are wrong; please report");
  memcpy(net.width, INTEGER(hidden), (size_t)net.hidden * sizeof(int));
  if (TYPEOF(coef) != REALSXP || (size_t)XLENGTH(coef) != br_network_coefs(&net))
    Rf_error("internal error: the network is not whole; please report");
  net.coef = REAL(coef);
  return net;
}

static size_t check_matrix(SEXP x, int columns) {
  if (!Rf_isMatrix(x) || TYPEOF(x) != REALSXP || Rf_ncols(x) != columns)
    Rf_error("internal error: points do not fit the network; please report");
  return (size_t)Rf_nrows(x);
}

/* Rows, columns and doubles in a row of the matrix of each layer, and the multiplications of a
 * value. */
SEXP brenier_network_shape(SEXP inputs, SEXP outputs, SEXP hidden) {
  br_network net = {.inputs = Rf_asInteger(inputs),
                    .outputs = Rf_asInteger(outputs),
                    .hidden = (int)XLENGTH(hidden)};
  if (net.hidden > BR_NETWORK_HIDDEN)
    Rf_error("internal error: the network has too many layers; please report");
  memcpy(net.width, INTEGER(hidden), (size_t)net.hidden * sizeof(int));
  const char *names[] = {"rows", "columns", "stride", "cost", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  for (int k = 0; k < 3; k++) SET_VECTOR_ELT(out, k, Rf_allocVector(INTSXP, net.hidden + 1));
  for (int l = 0; l <= net.hidden; l++) {
    INTEGER(VECTOR_ELT(out, 0))[l] = br_network_rows(&net, l);
    INTEGER(VECTOR_ELT(out, 1))[l] = br_network_columns(&net, l);
    INTEGER(VECTOR_ELT(out, 2))[l] = br_network_stride(&net, l);
  }
  SET_VECTOR_ELT(out, 3, Rf_ScalarReal(br_network_cost(&net)));
  UNPROTECT(1);
  return out;
}

/* The images of the rows of z. */
SEXP brenier_network(SEXP net_sexp, SEXP z_sexp) {
  br_workspace ws = glue_workspace();
  const br_network net = read_network(net_sexp);
  const size_t n = check_matrix(z_sexp, net.inputs);
  SEXP x = PROTECT(Rf_allocMatrix(REALSXP, (int)n, net.outputs));
  br_network_eval(&net, n, REAL(z_sexp), REAL(x), &ws);
  UNPROTECT(1);
  return x;
}

/* The network and the state of Adam after a step against the gradient of sum_i pull_i'G(z_i): a
 * list(net, adam, norm). The step is not taken where the norm of the gradient is not finite. */
SEXP brenier_network_step(SEXP net_sexp, SEXP adam_sexp, SEXP z_sexp, SEXP pull_sexp) {
  br_workspace ws = glue_workspace();
  const char *names[] = {"net", "adam", "norm", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_duplicate(net_sexp));
  SET_VECTOR_ELT(out, 1, Rf_duplicate(adam_sexp));
  SEXP state = VECTOR_ELT(out, 1);
  br_network net = read_network(VECTOR_ELT(out, 0));
  const size_t n = check_matrix(z_sexp, net.inputs), coefs = br_network_coefs(&net);
  if (check_matrix(pull_sexp, net.outputs) != n ||
      XLENGTH(glue_get(state, "mean")) != (R_xlen_t)coefs)
    Rf_error("internal error: the step does not fit the network; please report");
  br_adam adam = {.rate = glue_double(state, "rate"),
                  .longest = glue_double(state, "longest"),
                  .memory = glue_double(state, "memory"),
                  .steps = glue_double(state, "steps"),
                  .mean = REAL(glue_get(state, "mean")),
                  .square = REAL(glue_get(state, "square")),
                  .average = REAL(glue_get(state, "average"))};
  double *gradient = br_take(&ws, coefs);
  br_network_pull(&net, n, REAL(z_sexp), REAL(pull_sexp), gradient, &ws);
  SET_VECTOR_ELT(out, 2, Rf_ScalarReal(br_adam_step(&adam, coefs, gradient, net.coef)));
  REAL(glue_get(state, "steps"))[0] = adam.steps;
  UNPROTECT(1);
  return out;
}
