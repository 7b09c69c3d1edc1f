/* The hot loops, over a block of points held one coordinate a row:
 *
 *     a[row * ld + lane],   lane = 0 .. n-1,   n a multiple of BR_VECTOR, n <= BR_LANES
 *
 * so that the innermost loop runs over points whatever the dimension. Symmetric
 * matrices are packed by rows of the lower triangle, one row of the block an
 * entry: entry (i, j), j <= i, is row BR_PACKED(i, j).
 *
 * Each kernel is compiled from one body at each instruction level (simd.h). */
#ifndef BR_KERNELS_H
#define BR_KERNELS_H

#include <stddef.h>

#define BR_VECTOR 4 /* lanes are padded to a multiple of this */
#define BR_LANES 64 /* most lanes of a block: its rows stay in the first cache */
#define BR_PACKED(i, j) ((size_t)(i) * ((size_t)(i) + 1) / 2 + (size_t)(j))
#define BR_PACKED_SIZE(d) ((size_t)(d) * ((size_t)(d) + 1) / 2)

/* The AVX2 variants are left out on Windows, where gcc misaligns the stack
 * for 32-byte vectors (gcc bug 54412). */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(_WIN32)
#define BR_HAVE_AVX2 1
#endif

/* Rows in a tile of the Gram kernels: feature counts are padded to this. */
#define BR_GRAM_ROWS 2
#define BR_GRAM_COLS 3
#define BR_GRAM_PAD 6

/* Profiles s of a ridge function a^2 s(t), t = (w'x - c)/a. Its slope along w is a s'(t) and
 * its curvature s''(t):
 *
 *   BR_BUMP   s' = Phi(t)             s'' = phi(t)   curved near c alone
 *   BR_STEP   s' = t Phi(t) + phi(t)  s'' = Phi(t)   curved on one side of c, also far away
 *
 * With covariates there is also the gate, quadratic in x and switched by them: w = [v; g] and
 *
 *   BR_GATE   (v'x)^2 Phi(t)/2, t = (g'b - c)/a, slope v'x Phi(t), curvature Phi(t) along v   */
typedef enum { BR_BUMP = 0, BR_STEP = 1, BR_GATE = 2, BR_N_PROFILES } br_profile;

/* Atoms theta a^2 s((w'x - c)/a), x a point with its covariates, or gates. */
typedef struct {
  int d, given, m;
  const int *profile;   /* m */
  const double *dir;    /* (d + given) x m, column j is w_j */
  const double *centre; /* m */
  const double *width;  /* m */
  const double *coef;   /* m */
} br_atoms;

/* The terms of s(x; b) = theta log sum_k exp(f_k/theta),
 *
 *   f_k = |R_k'x|^2/2 + slopes_k'[x; b] + c_k,
 *
 * each of which is held as R_k, the slopes and c_k. R_k is lower triangular, packed by rows,
 * or diagonal; Q_k = R_k R_k'. */
typedef struct {
  int d, given, n, full; /* full: triangular roots */
  double theta;
  const double *coef; /* BR_QUADRATIC_COEFS a term */
} br_quadratics;

#define BR_ROOT_COEFS(r) ((r)->full ? (int)BR_PACKED_SIZE((r)->d) : (r)->d)
#define BR_QUADRATIC_COEFS(r) (BR_ROOT_COEFS(r) + (r)->d + (r)->given + 1)

/* Rows of work that the jets of these take. */
#define BR_SOFTMAX_WORK(d) ((size_t)(d) * ((d) + 5) + 3 * BR_PACKED_SIZE(d))

typedef struct br_jets br_jets;             /* potential.h */
typedef struct br_pair_block br_pair_block; /* pairs_block.h */

typedef struct {
  const char *level;

  /* phi and Phi of n values, n a multiple of BR_VECTOR. */
  void (*normal)(size_t n, const double *t, double *phi, double *cdf);

  /* The profile itself, s(t), of n values; for a gate Phi(t). */
  void (*profile)(br_profile profile, size_t n, const double *t, double *s);

  /* map = q [1; b] + Q x, b the covariates, hess = Q in every lane; q d x (1 + given), Q
   * packed. */
  void (*affine)(int d, int given, int n, int ld, const double *q, const double *Q, const double *x,
                 double *map, double *hess);

  /* Adds the atoms to map (d rows) and hess (packed). Where keep is true the
   * values a s'(t_j) and s''(t_j) stay in row j of slope and curve; otherwise each
   * of the two is one row of scratch. O(m d^2) a point. */
  void (*atoms)(const br_atoms *r, int n, int ld, const double *x, double *map, double *hess,
                double *slope, double *curve, int keep);

  /* f_k and its gradient, d rows. */
  void (*quadratic)(const br_quadratics *r, int k, int n, int ld, const double *x, double *height,
                    double *move);

  /* grad s, packed D^2 s, and what the jets need: p_k (row k of share), f_k less its mean
   * under p (row k of height), and grad f_k less the mean of these (rows k d + i of move). */
  void (*softmax)(const br_quadratics *r, int n, int ld, const double *x, double *map, double *hess,
                  double *share, double *height, double *move);

  /* The full jets of s: of log theta, then of the terms in turn, in the order of coef. */
  void (*softmax_jets)(const br_quadratics *r, const br_jets *jets, const double *share,
                       const double *height, const double *move, double *work);

  /* z = w'x. */
  void (*project)(int d, int n, int ld, const double *w, const double *x, double *z);

  /* Packed Cholesky factor in place, its diagonal inverted; logdet of the
   * matrix. A lane whose matrix is not positive definite gets NaN. */
  void (*cholesky)(int d, int n, int ld, double *hess, double *logdet);

  /* v = scale * L^{-1} w, d rows; w the same in every lane. */
  void (*half_solve)(int d, int n, int ld, const double *factor, const double *w,
                     const double *scale, double *v);

  /* b = L^{-T} b in place. */
  void (*back_solve)(int d, int n, int ld, const double *factor, double *b);

  /* b = (L L')^{-1} b in place. */
  void (*solve)(int d, int n, int ld, const double *factor, double *b);

  /* (L L')^{-1}, packed. */
  void (*invert)(int d, int n, int ld, const double *factor, double *inverse);

  /* Rows j0 .. j0+1 of a Gram matrix of p features with k rows each,
   *   square = 0:  M[j,l] += sum_lane sum_r v_jr v_lr
   *   square = 1:  M[j,l] += sum_lane (sum_r v_jr v_lr)^2
   * for l >= j0 rounded down to a tile. v[(j k + r) ld + lane]; M has ldm >= p
   * doubles a row, p a multiple of BR_GRAM_PAD. Here n may pass BR_LANES. */
  void (*gram)(int square, int k, int n, int ld, const double *v, int p, int j0, double *M,
               int ldm);

  /* Sums of one candidate atom over n points, see columns.h; arm is v'x of a gate, stretch NULL or
   * a factor of slope^2. */
  void (*score)(br_profile profile, size_t n, double centre, double width, const double *weight,
                const double *z, const double *arm, const double *tau, const double *q,
                const double *stretch, double *sums);

  /* c += A b with so many rows of lanes in c and `inner` rows in b; A[r, k] is
   * a[r row_step + k inner_step]. */
  void (*multiply)(int rows, int inner, int n, int ld, const double *a, size_t row_step,
                   size_t inner_step, const double *b, double *c);

  /* e^t of n values, n a multiple of BR_VECTOR; 0 for t < -708 and Inf for t > 709. */
  void (*exponential)(size_t n, const double *t, double *e);

  /* log(1 + e^t) and its derivative. */
  void (*log1pexp)(size_t n, const double *t, double *value, double *slope);

  /* The stages of a sum over a block of centres, see pairs_block.h. Rows of t and s are
   * BR_PAIR_BLOCK apart, one a query; x has n rows of d, and memory for BR_PAIR_QUERIES. s is
   * filled where keep is true or the exponent needs it. */
  void (*pair_fill)(const br_pair_block *b, int n, const double *x, double *t, double *s, int keep);
  double (*pair_top)(int n, const double *t);
  double (*pair_powers)(int n, double shift, const double *t, double *e);
  double (*pair_factor)(int kernel, int of, int d, double h, int n, const double *s, double *e);
  void (*pair_dots)(int n, const double *e, int r, const double *a, double *sum);
  void (*pair_moves)(const br_pair_block *b, const double *x, const double *e, double *sum);

  /* terms += sum_j e_j v_j^alpha and value_j = sum terms u_j^alpha, of total degree below order in
   * d <= 3 coordinates, which are rows BR_PAIR_BLOCK apart; work 3 such rows. */
  void (*pair_moments)(int d, int order, int n, const double *v, const double *e, double *work,
                       double *terms);
  void (*pair_series)(int d, int order, int n, const double *u, const double *terms, double *value);
} br_kernels;

extern const br_kernels br_kernels_baseline;
#ifdef BR_HAVE_AVX2
extern const br_kernels br_kernels_avx2;
#endif

#endif
