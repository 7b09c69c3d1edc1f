#include "workspace.h"

#include <stdint.h>
#include <string.h>

static void *take(br_workspace *ws, size_t count, size_t size) {
  size_t bytes = count > SIZE_MAX / size ? SIZE_MAX : count * size;
  if (bytes == 0) bytes = size;
  void *memory = ws->alloc(ws->ctx, bytes);
  memset(memory, 0, bytes);
  return memory;
}

double *br_take(br_workspace *ws, size_t count) { return take(ws, count, sizeof(double)); }

int *br_take_int(br_workspace *ws, size_t count) { return take(ws, count, sizeof(int)); }
