/* The one place that decides how many threads a region uses. No result of the
 * core depends on the number: work is split by output, or into pieces of a fixed
 * size that are summed in a fixed order. */
#ifndef BR_THREADS_H
#define BR_THREADS_H

#include <stddef.h>

/* BR_OMP(parallel for ...) is the pragma where there is OpenMP, else nothing. */
#ifdef _OPENMP
#include <omp.h>
#define BR_OMP_TEXT(text) _Pragma(#text)
#define BR_OMP(...) BR_OMP_TEXT(omp __VA_ARGS__)
#define BR_THREAD_ID omp_get_thread_num()
#else
#define BR_OMP(...)
#define BR_THREAD_ID 0
#endif

/* The limit asked for by the user; n < 1 is read as 1. */
void br_threads_set(int n);
int br_threads_limit(void);

/* Processors that the OpenMP runtime offers; 1 without OpenMP. */
int br_threads_available(void);

/* Threads worth starting for that many elementary operations, within the limit;
 * 1 in a forked child, where the pool of the parent does not exist. */
int br_threads_for(double operations);

/* Called once when the library is loaded. */
void br_threads_init(void);

#endif
