/* Inside of the sums over pairs: what a pass is, and what its parts call of each other.
 *
 *   pairs_cloud.c  points in an order whose runs are compact
 *   pairs.c        passes over all pairs; what the solvers call
 *   pairs_tiles.c  passes that leave out or join what is below a tolerance
 *   pairs_kept.c   powers that are held for several sums                                       */
#ifndef BR_PAIRS_PASS_H
#define BR_PAIRS_PASS_H

#include "pairs_block.h"
#include "simd.h"

#define BR_PAIR_LEAF 64  /* points of a leaf */
#define BR_PAIR_LEVELS 3 /* a tile has up to 2^3 leaves */
#define BR_PAIR_TILE (BR_PAIR_LEAF << BR_PAIR_LEVELS)
#define BR_PAIR_TILED 6    /* highest dimension of clouds in order */
#define BR_PAIR_COLUMNS 32 /* right-hand sides a pass */
#define BR_PAIR_ORDER 14   /* most terms of a series in each coordinate, plus one */
#define BR_PAIR_TERMS 560  /* those of total degree below 14 in three coordinates */

static inline size_t br_pairs_round_up(size_t n) {
  return (n + BR_PAIR_PAD - 1) / BR_PAIR_PAD * BR_PAIR_PAD;
}

/* Where the point in place i is with the caller. */
static inline size_t br_cloud_place(const br_cloud *cloud, size_t i) {
  return cloud && cloud->order ? (size_t)cloud->order[i] : i;
}

/* What a thread works with. */
typedef struct {
  int width;           /* of a row of sums: BR_PAIR_COLUMNS, or d if that is more */
  double *x;           /* queries of a chunk, d apart */
  double *at;          /* queries of one fill */
  double *t, *s;       /* BR_PAIR_QUERIES rows of BR_PAIR_BLOCK */
  double *e;           /* one row */
  double *columns;     /* BR_PAIR_COLUMNS rows */
  double *sums;        /* one row a query */
  double *top, *total; /* of the queries: a shift, and sum exp(t - top) */
  double *near;        /* tiles: coordinates in a tile, 4 rows */
  double *terms;       /* of a series */
  double *bound;       /* a tile of centres: the log of the most that it can add */
  int *by_bound;       /* those in decreasing order */
  double visited;      /* pairs */
} br_desk;

typedef enum { BR_POWERS, BR_SUMS, BR_MOVES } br_purpose;

/* One pass over all pairs: which sums, of which columns. */
typedef struct {
  br_pairs *p;
  const br_kernels *simd;
  br_purpose what;
  br_pairs_of of;
  int factored; /* the kernel has a factor */
  int tiled;    /* within the tolerance, by tiles */
  const double *shift;
  int r;           /* columns */
  const double *a; /* m x r, or NULL */
  double *out;
} br_pass;

/* The desk of a thread. */
br_desk br_pass_desk(const br_pairs *p, int thread);

/* The block of the centres in places j0 .. j0 + n - 1, n a multiple of BR_PAIR_PAD. */
br_pair_block br_pass_block(const br_pairs *p, size_t j0, size_t n);

/* Columns of a block, zeros behind the last centre. */
void br_pass_columns(const br_pass *q, br_desk *w, size_t j0, int n);

/* Adds a block of centres to the queries row[0 .. n-1] of the chunk that starts at i0. running:
 * top is the largest exponent so far, and grows; otherwise it stays. */
void br_pass_add(const br_pass *q, br_desk *w, const br_pair_block *b, size_t j0, size_t i0,
                 const int *row, int n, int running);

/* Whether the tolerance allows to leave out anything of this pass. */
int br_tiles_apply(const br_pass *q);

/* Memory for that, before any pass, and what is common to all queries of one pass. */
void br_tiles_make(br_pairs *p, br_workspace *ws);
void br_tiles_start(const br_pass *q);

/* The boxes of tiles of 2^level leaves; the squared distance of those of the tile i of queries and
 * the tile j of centres, *far that of their farthest points. */
void br_tiles_boxes(br_pairs *p, int level);
double br_tiles_gap(const br_pairs *p, size_t i, size_t j, double *far);

/* Queries that pass together. */
size_t br_tiles_chunk(const br_pairs *p);

/* A guess of lse for the chunk that starts at i0. */
double br_tiles_guess(const br_pass *q, size_t i0);

/* As br_pass_add() with all centres, as far as the tolerance asks. */
void br_tiles_over(const br_pass *q, br_desk *w, size_t i0, const int *row, int n, int running);

#endif
