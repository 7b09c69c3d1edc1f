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

/* A workspace that gives the same memory again each time it starts anew, for calls in a loop. It
 * must stay where it was made. */
#define BR_REUSED_BLOCKS 4
typedef struct {
  br_workspace from, ws; /* ws is the one to hand out */
  void *block[BR_REUSED_BLOCKS];
  size_t size[BR_REUSED_BLOCKS];
  int next;
} br_reused;

void br_reused_make(br_reused *reused, const br_workspace *from);

/* The workspace of one call, free again at the next. */
br_workspace *br_reused_anew(br_reused *reused);

/* Memory for work that is done again and again with less, or other, needs: one block, taken from
 * the host once. It is first made without it: what is then taken from ws is counted, and NULL.
 * After br_arena_open() all of it can be taken, again after each br_arena_reset() to the mark that
 * br_arena_mark() gave. It must stay where it was made. What is too much comes from the host. */
typedef struct {
  br_workspace ws;
  br_workspace *from;
  char *memory;
  size_t used, most, room;
} br_arena;

void br_arena_make(br_arena *arena);
void br_arena_open(br_arena *arena, br_workspace *from);
size_t br_arena_mark(const br_arena *arena);
void br_arena_reset(br_arena *arena, size_t mark);

#endif
