#include "status.h"

static const struct {
  const char *name;
  const char *message;
} table[BR_N_STATUS] = {
    [BR_OK] = {"ok", "converged to the tolerance asked for"},
    [BR_MAX_ITERATIONS] = {"max_iterations", "the limit of iterations was reached"},
    [BR_MAX_TIME] = {"max_time", "the limit of time was reached"},
    [BR_INTERRUPTED] = {"interrupted", "the fit was interrupted"},
    [BR_STALLED] = {"stalled", "no step made progress before the tolerance was met"},
    [BR_TARGET_FAILED] = {"target_failed", "the log density could not be evaluated"},
    [BR_ERR_SIZE] = {"size", "a size is out of the range that the method can hold"},
    [BR_ERR_SINGULAR] = {"singular", "a matrix that must be positive definite is not"},
    [BR_ERR_NOT_FINITE] = {"not_finite", "a value that must be finite is not"},
};

static br_status clamp(br_status status) {
  return ((int)status < 0 || status >= BR_N_STATUS) ? BR_ERR_NOT_FINITE : status;
}

const char *br_status_message(br_status status) { return table[clamp(status)].message; }

const char *br_status_name(br_status status) { return table[clamp(status)].name; }
