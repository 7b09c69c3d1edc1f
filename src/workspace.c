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

static void *reuse(void *ctx, size_t bytes) {
  br_reused *r = ctx;
  if (r->next >= BR_REUSED_BLOCKS) return r->from.alloc(r->from.ctx, bytes);
  int at = r->next++;
  if (bytes > r->size[at]) {
    r->block[at] = r->from.alloc(r->from.ctx, bytes);
    r->size[at] = bytes;
  }
  return r->block[at];
}

void br_reused_make(br_reused *reused, const br_workspace *from) {
  memset(reused, 0, sizeof *reused);
  reused->from = *from;
  reused->ws = (br_workspace){reuse, reused};
}

br_workspace *br_reused_anew(br_reused *reused) {
  reused->next = 0;
  return &reused->ws;
}
