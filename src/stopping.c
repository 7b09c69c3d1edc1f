#include "stopping.h"

#include <time.h>

/* A clock that is not set while it runs, where there is one. */
static double clock_seconds(void) {
  struct timespec now;
#ifdef CLOCK_MONOTONIC
  if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
#else
  if (timespec_get(&now, TIME_UTC) != TIME_UTC) return 0;
#endif
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void br_stopping_start(br_stopping *stop, double tolerance, int max_iterations,
                       double max_seconds) {
  stop->tolerance = tolerance;
  stop->max_iterations = max_iterations;
  stop->max_seconds = max_seconds;
  stop->iterations = 0;
  stop->started = clock_seconds();
  stop->status = BR_OK;
}

br_status br_stopping_tick(br_stopping *stop, const br_host *host, const br_progress *progress) {
  stop->iterations++;
  if (host && host->tick && host->tick(host->ctx, progress)) stop->status = BR_INTERRUPTED;
  else if (stop->iterations >= stop->max_iterations) stop->status = BR_MAX_ITERATIONS;
  else if (br_stopping_seconds(stop) > stop->max_seconds) stop->status = BR_MAX_TIME;
  return stop->status;
}

double br_stopping_seconds(const br_stopping *stop) { return clock_seconds() - stop->started; }
