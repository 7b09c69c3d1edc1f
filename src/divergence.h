/* f-divergences D_f(q || p) = int p f(q/p), f convex with f(1) = f'(1) = 0: a table of them, and
 * positive mixtures. All is a function of l = log r, r = q/p, so that nothing overflows before it
 * has to. */
#ifndef BR_DIVERGENCE_H
#define BR_DIVERGENCE_H

#include <stddef.h>

typedef struct {
  double value;  /* f(r) */
  double slope;  /* f'(r) */
  double weight; /* r f''(r), what the gradient flow weighs grad log p - grad log q with */
} br_divergence_at;

typedef struct {
  const char *name;
  br_divergence_at (*at)(double l, double order); /* order: of the alpha divergences alone */
} br_divergence;

/*              f(r)                                        r f''(r)
 * kl           r log r - r + 1                             1              KL(q || p)
 * reverse_kl   -log r + r - 1                              1/r            KL(p || q)
 * chisq        (r - 1)^2                                   2 r            Pearson
 * neyman       (r - 1)^2/r                                 2/r^2
 * hellinger    (sqrt r - 1)^2                              1/(2 sqrt r)
 * js           (r log r - (1 + r) log((1 + r)/2))/2        1/(2 (1 + r))  Jensen-Shannon
 * alpha        (r^a - a r + a - 1)/(a (a - 1))             r^(a - 1)      a = 1: kl, 0: reverse_kl
 */
#define BR_N_DIVERGENCES 7
extern const br_divergence br_divergence_table[BR_N_DIVERGENCES];

/* The row of that name, or -1. */
int br_divergence_find(const char *name);

/* sum_k share[k] D_k. Beyond |l| = clip the functions of l that are made of it go on with the slope
 * that they have there, see br_mixture_energy(). */
typedef struct {
  double share[BR_N_DIVERGENCES]; /* >= 0 */
  double order, clip;
} br_mixture;

/* r f''(r), l clipped. */
double br_mixture_weight(const br_mixture *mix, double l);

/* What an energy has at a point: phi of l = log r and its derivative by l. */
typedef enum {
  BR_PHI_MIXTURE,  /* 2 f(r)/(1 + r): means over (q + p)/2 estimate D_f */
  BR_PHI_DATA,     /* f(r): means over p do */
  BR_PHI_PARTICLE, /* f(r)/r: means over q do */
  BR_PHI_SMOOTH /* the same with r log r for KL, which has the same mean over the law q itself, and
                 * less variance than r log r - r + 1 by far where q misses mass of p */
} br_phi;

/* phi(l), *slope its derivative; linear in l beyond the clip, so that it stays once continuously
 * differentiable and its slope bounded. */
double br_mixture_energy(const br_mixture *mix, br_phi phi, double l, double *slope);

#endif
