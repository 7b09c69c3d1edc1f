/* The registration table: written by tools/make-init.R, not by hand. */
#ifndef R_NO_REMAP
#define R_NO_REMAP
#endif
#include <Rinternals.h>

#include <R_ext/Rdynload.h>
#include <R_ext/Visibility.h>

#include "system.h"

SEXP brenier_bridgestan_about(SEXP, SEXP);
SEXP brenier_bridgestan_ask(SEXP, SEXP, SEXP);
SEXP brenier_bridgestan_from(SEXP, SEXP);
SEXP brenier_bridgestan_open(SEXP, SEXP, SEXP);
SEXP brenier_bridgestan_to(SEXP, SEXP, SEXP);
SEXP brenier_evaluate(SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_fit(SEXP, SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_flow(SEXP, SEXP, SEXP);
SEXP brenier_flow_data(SEXP);
SEXP brenier_grid_drift(SEXP, SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_grid_flow(SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_grid_legendre(SEXP, SEXP, SEXP, SEXP);
SEXP brenier_grid_particles(SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_grid_push(SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_grid_sinkhorn(SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_grid_transport(SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_invert(SEXP, SEXP, SEXP, SEXP);
SEXP brenier_model(SEXP, SEXP, SEXP);
SEXP brenier_network(SEXP, SEXP);
SEXP brenier_network_shape(SEXP, SEXP, SEXP);
SEXP brenier_network_step(SEXP, SEXP, SEXP, SEXP);
SEXP brenier_pairs(SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_point_conjugate(SEXP, SEXP, SEXP);
SEXP brenier_point_cycles(SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_point_draw(SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_simd_level(void);
SEXP brenier_simd_set(SEXP);
SEXP brenier_sinkhorn(SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_sobol(SEXP, SEXP);
SEXP brenier_softmin(SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP);
SEXP brenier_status_table(void);
SEXP brenier_threads_available(void);
SEXP brenier_threads_set(SEXP);
SEXP brenier_variational(SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP);

/* Cast by way of void (*)(void), which stands for any function, so that no compiler warns. */
/* clang-format off */
static const R_CallMethodDef call_entries[] = {
  {"brenier_bridgestan_about", (DL_FUNC)(void (*)(void))brenier_bridgestan_about, 2},
  {"brenier_bridgestan_ask", (DL_FUNC)(void (*)(void))brenier_bridgestan_ask, 3},
  {"brenier_bridgestan_from", (DL_FUNC)(void (*)(void))brenier_bridgestan_from, 2},
  {"brenier_bridgestan_open", (DL_FUNC)(void (*)(void))brenier_bridgestan_open, 3},
  {"brenier_bridgestan_to", (DL_FUNC)(void (*)(void))brenier_bridgestan_to, 3},
  {"brenier_evaluate", (DL_FUNC)(void (*)(void))brenier_evaluate, 5},
  {"brenier_fit", (DL_FUNC)(void (*)(void))brenier_fit, 6},
  {"brenier_flow", (DL_FUNC)(void (*)(void))brenier_flow, 3},
  {"brenier_flow_data", (DL_FUNC)(void (*)(void))brenier_flow_data, 1},
  {"brenier_grid_drift", (DL_FUNC)(void (*)(void))brenier_grid_drift, 6},
  {"brenier_grid_flow", (DL_FUNC)(void (*)(void))brenier_grid_flow, 8},
  {"brenier_grid_legendre", (DL_FUNC)(void (*)(void))brenier_grid_legendre, 4},
  {"brenier_grid_particles", (DL_FUNC)(void (*)(void))brenier_grid_particles, 7},
  {"brenier_grid_push", (DL_FUNC)(void (*)(void))brenier_grid_push, 5},
  {"brenier_grid_sinkhorn", (DL_FUNC)(void (*)(void))brenier_grid_sinkhorn, 9},
  {"brenier_grid_transport", (DL_FUNC)(void (*)(void))brenier_grid_transport, 8},
  {"brenier_invert", (DL_FUNC)(void (*)(void))brenier_invert, 4},
  {"brenier_model", (DL_FUNC)(void (*)(void))brenier_model, 3},
  {"brenier_network", (DL_FUNC)(void (*)(void))brenier_network, 2},
  {"brenier_network_shape", (DL_FUNC)(void (*)(void))brenier_network_shape, 3},
  {"brenier_network_step", (DL_FUNC)(void (*)(void))brenier_network_step, 4},
  {"brenier_pairs", (DL_FUNC)(void (*)(void))brenier_pairs, 9},
  {"brenier_point_conjugate", (DL_FUNC)(void (*)(void))brenier_point_conjugate, 3},
  {"brenier_point_cycles", (DL_FUNC)(void (*)(void))brenier_point_cycles, 9},
  {"brenier_point_draw", (DL_FUNC)(void (*)(void))brenier_point_draw, 5},
  {"brenier_simd_level", (DL_FUNC)(void (*)(void))brenier_simd_level, 0},
  {"brenier_simd_set", (DL_FUNC)(void (*)(void))brenier_simd_set, 1},
  {"brenier_sinkhorn", (DL_FUNC)(void (*)(void))brenier_sinkhorn, 5},
  {"brenier_sobol", (DL_FUNC)(void (*)(void))brenier_sobol, 2},
  {"brenier_softmin", (DL_FUNC)(void (*)(void))brenier_softmin, 7},
  {"brenier_status_table", (DL_FUNC)(void (*)(void))brenier_status_table, 0},
  {"brenier_threads_available", (DL_FUNC)(void (*)(void))brenier_threads_available, 0},
  {"brenier_threads_set", (DL_FUNC)(void (*)(void))brenier_threads_set, 1},
  {"brenier_variational", (DL_FUNC)(void (*)(void))brenier_variational, 7},
  {NULL, NULL, 0},
};
/* clang-format on */

void attribute_visible R_init_brenier(DllInfo *dll) {
  R_registerRoutines(dll, NULL, call_entries, NULL, NULL);
  R_useDynamicSymbols(dll, FALSE);
  R_forceSymbols(dll, TRUE);
  br_system_init();
}
