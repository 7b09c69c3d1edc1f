#include "threads.h"

#ifndef _WIN32
#include <pthread.h>
#endif

/* Below this a region costs more than it saves. Waking a thread takes microseconds, but on a
 * machine that is busy with something else the region waits for a time slice: so a thread
 * is asked for only where it has about a millisecond of work. */
#define OPERATIONS_PER_THREAD 5e6

static int limit = 1;
static int forked = 0;

static void after_fork(void) { forked = 1; }

void br_threads_init(void) {
#if defined(_OPENMP) && !defined(_WIN32)
  pthread_atfork(NULL, NULL, after_fork);
#else
  (void)after_fork;
#endif
}

void br_threads_set(int n) { limit = n < 1 ? 1 : n; }

int br_threads_limit(void) { return limit; }

int br_threads_available(void) {
#ifdef _OPENMP
  int n = omp_get_num_procs();
  int cap = omp_get_thread_limit();
  return n < cap ? n : cap;
#else
  return 1;
#endif
}

int br_threads_for(double operations) {
#ifdef _OPENMP
  if (forked) return 1;
  double useful = operations / OPERATIONS_PER_THREAD;
  int n = useful >= limit ? limit : (int)useful;
  return n < 1 ? 1 : n;
#else
  (void)operations;
  return 1;
#endif
}
