/* Standard normal density and distribution function, and the integral of the latter,
 *
 *   phi(t) = exp(-t^2 / 2) / sqrt(2 pi),  Phi(t) = int_{-inf}^t phi,  psi(t) = t Phi(t) + phi(t),
 *
 * for four numbers at a time.
 *
 * The functions read and write 4 doubles through pointers that need no alignment beyond that of
 * double; a caller with n numbers pads its arrays to a multiple of 4. An output may be the
 * input itself (phi == t), because numbers are read before they are written.
 *
 * Accuracy, relative to the exact value while that is a normal double: phi 4e-16; Phi 1.5e-15,
 * also far in the left tail; psi 1.5e-15. Below 2.2e-308 digits are lost gradually, as in libm,
 * and all is exactly 0 left of t = -38.7, where phi is below the smallest double.
 * NaN gives NaN; t = -Inf gives 0, 0, 0 and t = Inf gives 0, 1, Inf, exactly.
 *
 * How. There is one path for all t, without branches, in the vector types that GCC and clang
 * share, so that one body serves every instruction set. With s = |t|,
 *   phi(s) = exp(-s^2/2) / sqrt(2 pi),  1 - Phi(s) = phi(s) R(s),  psi(-s) = phi(s) (1 - s R(s)),
 * and R(s) = N(s) / D(s), 1 - s R(s) = M(s) / D(s) with polynomials of positive coefficients:
 * nothing cancels, for small or large s. The tables come from tools/normal-coefficients.py.
 *
 * A file that wants the functions for AVX2 and FMA defines, before the include, BR_TARGET as
 * __attribute__((target("avx2,fma"))) and BR_NORMAL_LANES as 4, and calls them only from functions
 * with that attribute. It must stand on these functions too: GCC splits vectors wider than a
 * function's own target before it inlines, and comparisons of such vectors even down to scalars.
 * For the same reason the baseline works on 2 + 2 numbers (with gcc 12 that halves the time).
 */
#ifndef BR_NORMAL_H
#define BR_NORMAL_H

#include <stdint.h>

#ifndef BR_TARGET
#define BR_TARGET
#endif
#ifndef BR_NORMAL_LANES
#define BR_NORMAL_LANES 2
#endif

/* Vectors of double, signed and unsigned words, and of double in memory. */
typedef double br_nd __attribute__((vector_size(8 * BR_NORMAL_LANES), aligned(8)));
typedef int64_t br_ns __attribute__((vector_size(8 * BR_NORMAL_LANES), aligned(8)));
typedef uint64_t br_nu __attribute__((vector_size(8 * BR_NORMAL_LANES), aligned(8)));
typedef double br_nd_mem
  __attribute__((vector_size(8 * BR_NORMAL_LANES), aligned(8), may_alias));

/* Vectors go by pointer: passed by value they would draw -Wpsabi. */
#define BR_NORMAL_INLINE BR_TARGET static inline __attribute__((always_inline)) void

#define BR_NORMAL_SCALE 0x1.9884533d43651p-66 /* 2^-64 / sqrt(2 pi) */

/* exp(r) = 1 + r + r^2 power(r) for |r| <= log(2)/2, and N, D, M of the head; constant first.
 * Relative error before rounding: R 2.1e-17, 1 - s R 3.1e-16, exp 1.7e-17. */
static const double br_normal_power[10] = {
  5.00000000000000111e-01, 1.66666666666666685e-01, 4.16666666666238306e-02,
  8.33333333333003898e-03, 1.38888889173630786e-03, 1.98412698631684781e-04,
  2.48015210640765284e-05, 2.75572682816799760e-06, 2.76201986432347483e-07,
  2.51004702388085225e-08
};
static const double br_normal_numer[11] = {
  1.44125840360973729e+06, 2.47983985801520431e+06, 2.10779478764335439e+06,
  1.14714052258365159e+06, 4.39169451060186257e+05, 1.23136262885612799e+05,
  2.55955638019362450e+04, 3.90340515696498596e+03, 4.20139210185138722e+02,
  2.90862103594769756e+01, 1.00000000000000000e+00
};
static const double br_normal_denom[12] = {
  1.14995782836759416e+06, 2.89615953280279972e+06, 3.41759898106285976e+06,
  2.49989993992304616e+06, 1.26276086338654254e+06, 4.63934735525649739e+05,
  1.26981495645125076e+05, 2.60137030117207760e+04, 3.93249136732861643e+03,
  4.21139210185119282e+02, 2.90862103594769756e+01, 1.00000000000000000e+00
};
static const double br_normal_rest[10] = {
  1.14995782836759416e+06, 1.45490112919306220e+06, 9.37759123047655215e+05,
  3.92105152279692120e+05, 1.15620340802891165e+05, 2.47652844654634937e+04,
  3.84523275951228925e+03, 4.18139209784531090e+02, 2.90862103636303004e+01,
  9.99999999980551335e-01
};

/* sum_j coefficient[j] x^j; -O2 alone would not unroll the loop, and read the table every time. */
BR_NORMAL_INLINE br_normal_horner(const double *coefficient, int degree, const br_nd *x,
                                  br_nd *value) {
  br_nd sum = coefficient[degree] * *x + coefficient[degree - 1];
#pragma GCC unroll 12
  for (int j = degree - 2; j >= 0; j--) sum = sum * *x + coefficient[j];
  *value = sum;
}

/* s = |t| and scaled = 2^64 exp(-s^2/2); where |t| > 38.7, s = 0 and scaled = 0, so that what is
 * computed from s is finite and vanishes when multiplied by scaled. The factor 2^64 keeps scaled
 * normal where phi is denormal: a product with it is then rounded once.
 *
 * s = a + b with the upper 26 bits in a: a^2 is exact, and so is -a^2/2 - n log(2) but for the
 * lower part of log(2). Without the split the relative error would grow like s^2/2 times 1e-16.
 */
BR_NORMAL_INLINE br_normal_exp(const br_nd *t, br_nd *s_out, br_nd *scaled) {
  const double shift = 0x1.8p52; /* adding it rounds to an integer */
  const double log2_high = 0x1.62e42feep-1, log2_low = 0x1.a39ef35793c76p-33;
  const br_nd size = (br_nd)((br_ns)*t & INT64_MAX);
  const br_ns inside = ~(br_ns)(size > 38.7); /* true for NaN, which passes */
  const br_nd s = (br_nd)((br_ns)size & inside);
  const br_nd a = (br_nd)((br_ns)s & INT64_C(-134217728)); /* clears 27 bits */
  const br_nd half = a * a * -0.5;
  const br_nd rest = (s - a) * (s + a) * 0.5;
  const br_nd k = half * 1.4426950408889634 + shift;
  const br_nd n = k - shift;
  const br_nd r = (half - n * log2_high) - (n * log2_low + rest);
  /* The low bits of k hold n; they become the exponent of 2^(n + 64). */
  const br_nd power = (br_nd)(((br_nu)k + (1023 + 64)) << 52);
  br_nd p;
  br_normal_horner(br_normal_power, 9, &r, &p);
  p = (p * (r * r) + r) + 1.0;
  *scaled = (br_nd)((br_ns)(p * power) & inside);
  *s_out = s;
}

BR_NORMAL_INLINE br_normal_lanes(const double *t, double *phi, double *cdf) {
  const br_nd x = *(const br_nd_mem *)t;
  br_nd s, scaled, numer, denom;
  br_normal_exp(&x, &s, &scaled);
  br_normal_horner(br_normal_numer, 10, &s, &numer);
  br_normal_horner(br_normal_denom, 11, &s, &denom);
  const br_nd tail = scaled * (numer / denom) * BR_NORMAL_SCALE, other = 1.0 - tail;
  const br_ns right = (br_ns)(x > 0.0); /* false for NaN: then tail, which is NaN */
  *(br_nd_mem *)phi = scaled * BR_NORMAL_SCALE;
  *(br_nd_mem *)cdf = (br_nd)(((br_ns)tail & ~right) | ((br_ns)other & right));
}

BR_NORMAL_INLINE br_softplus_lanes(const double *t, double *psi) {
  const br_nd x = *(const br_nd_mem *)t;
  br_nd s, scaled, rest, denom;
  br_normal_exp(&x, &s, &scaled);
  br_normal_horner(br_normal_rest, 9, &s, &rest);
  br_normal_horner(br_normal_denom, 11, &s, &denom);
  /* psi(s) = s + psi(-s), because phi is even. */
  const br_nd positive = (br_nd)((br_ns)x & (br_ns)(x > 0.0));
  *(br_nd_mem *)psi = positive + scaled * (rest / denom) * BR_NORMAL_SCALE;
}

/* phi[0..4) = phi(t[0..4)), cdf[0..4) = Phi(t[0..4)) */
BR_TARGET static inline void br_normal4(const double *t, double *phi, double *cdf) {
  for (int i = 0; i < 4; i += BR_NORMAL_LANES) br_normal_lanes(t + i, phi + i, cdf + i);
}

/* psi[0..4) = psi(t[0..4)) */
BR_TARGET static inline void br_softplus4(const double *t, double *psi) {
  for (int i = 0; i < 4; i += BR_NORMAL_LANES) br_softplus_lanes(t + i, psi + i);
}

#endif
