/* Status codes of the core, with one table of messages. */
#ifndef BR_STATUS_H
#define BR_STATUS_H

typedef enum {
  BR_OK = 0,
  BR_MAX_ITERATIONS, /* stopped by the iteration limit: the state is usable */
  BR_MAX_TIME,       /* stopped by the time limit: the state is usable */
  BR_INTERRUPTED,    /* stopped by the user: the state is usable */
  BR_STALLED,        /* no step makes progress although the tolerance is not met */
  BR_TARGET_FAILED,  /* the target reported an error: the state before it is usable */
  BR_ERR_SIZE,       /* a size or a product of sizes is out of range */
  BR_ERR_SINGULAR,   /* a matrix that must be positive definite is not */
  BR_ERR_NOT_FINITE, /* a value that must be finite is not */
  BR_N_STATUS
} br_status;

/* One sentence, without a full stop; never NULL. */
const char *br_status_message(br_status status);

/* The name of the code, for programs: "ok", "max_iterations", ... */
const char *br_status_name(br_status status);

#endif
