/* What the core may ask of its host, in one struct. Both functions are called
 * on the main thread, between outer iterations, never inside a parallel region. */
#ifndef BR_HOST_H
#define BR_HOST_H

typedef struct {
  int iteration;     /* mirror steps so far */
  int atoms;         /* atoms of the potential */
  double objective;  /* of the training sample */
  double validation; /* of the held-out sample; NaN without one */
} br_progress;

typedef struct {
  void *ctx;
  int (*tick)(void *ctx, const br_progress *progress); /* nonzero asks to stop; may be NULL */
  double (*uniform)(void *ctx);                        /* a draw from (0, 1) */
} br_host;

#endif
