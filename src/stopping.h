/* One stopping rule for every solver. */
#ifndef BR_STOPPING_H
#define BR_STOPPING_H

#include "host.h"
#include "status.h"

typedef struct {
  double tolerance;   /* what the solver certifies must fall below this */
  int max_iterations; /* outer iterations */
  double max_seconds; /* wall clock; infinite for none */
  int iterations;     /* outer iterations so far */
  double started;     /* clock at br_stopping_start() */
  br_status status;   /* BR_OK until a limit is met */
} br_stopping;

void br_stopping_start(br_stopping *stop, double tolerance, int max_iterations, double max_seconds);

/* Counts one outer iteration and asks the host: BR_OK to go on, or why to stop. */
br_status br_stopping_tick(br_stopping *stop, const br_host *host, const br_progress *progress);

/* Wall-clock seconds since the start. */
double br_stopping_seconds(const br_stopping *stop);

#endif
