#include "workspace.h"

#include <stdint.h>
#include <string.h>

#include "threads.h"

/* Pages that are new to the process come into being here, which takes longer than the zeros. */
#define CHUNK ((size_t)1 << 20)

static void clear(char *memory, size_t bytes) {
  const size_t chunks = (bytes + CHUNK - 1) / CHUNK;
  const int threads = br_threads_for(4.0 * (double)bytes);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (size_t c = 0; c < chunks; c++)
    memset(memory + c * CHUNK, 0, c + 1 < chunks ? CHUNK : bytes - c * CHUNK);
}

static void *take(br_workspace *ws, size_t count, size_t size) {
  size_t bytes = count > SIZE_MAX / size ? SIZE_MAX : count * size;
  if (bytes == 0) bytes = size;
  void *memory = ws->alloc(ws->ctx, bytes);
  if (memory) clear(memory, bytes); /* an arena that counts has none */
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

#define LINE 64 /* bytes: blocks start at lines of the cache */

static void *from_arena(void *ctx, size_t bytes) {
  br_arena *arena = ctx;
  const size_t whole = bytes > SIZE_MAX - LINE ? SIZE_MAX : (bytes + LINE - 1) / LINE * LINE;
  const int over = arena->memory && whole > arena->room - arena->used;
  if (over) return arena->from->alloc(arena->from->ctx, bytes);
  void *block = arena->memory ? arena->memory + arena->used : NULL;
  arena->used = whole > SIZE_MAX - arena->used ? SIZE_MAX : arena->used + whole;
  if (arena->used > arena->most) arena->most = arena->used;
  return block;
}

void br_arena_make(br_arena *arena) {
  memset(arena, 0, sizeof *arena);
  arena->ws = (br_workspace){from_arena, arena};
}

void br_arena_open(br_arena *arena, br_workspace *from) {
  arena->from = from;
  arena->room = arena->most;
  arena->used = 0;
  const size_t bytes = arena->room > SIZE_MAX - LINE ? SIZE_MAX : arena->room + LINE;
  char *memory = from->alloc(from->ctx, bytes);
  arena->memory = memory + (LINE - (uintptr_t)memory % LINE) % LINE;
}

void br_arena_reset(br_arena *arena, size_t mark) { arena->used = mark; }
