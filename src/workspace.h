/* Memory of the core: taken from the host before the work starts, never inside
 * a loop or a parallel region, and never freed by the core. From R the host is
 * R_alloc, so that an error or an interrupt leaks nothing. */
#ifndef BR_WORKSPACE_H
#define BR_WORKSPACE_H

#include <stddef.h>

typedef struct {
  void *(*alloc)(void *ctx, size_t bytes); /* does not return on failure */
  void *ctx;
} br_workspace;

/* count doubles or ints, zeroed; count * size is checked for overflow, where
 * the host is asked for SIZE_MAX bytes and so refuses in its own way. */
double *br_take(br_workspace *ws, size_t count);
int *br_take_int(br_workspace *ws, size_t count);

#endif
