/* Kernels of regressions; included by kernels_body.h alone. Lanes are points of the parameters, so
 * that a row of data is the same in all of them. */

/* c += A b for R rows and V vectors of lanes, both constants in the callers: the sums fill half of
 * the registers. */
BR_TARGET static inline __attribute__((always_inline)) void product(int R, int V, int inner, int ld,
                                                                    const double *a,
                                                                    size_t row_step,
                                                                    size_t inner_step,
                                                                    const double *b, double *c) {
  br_nd sum[4][2];
#pragma GCC unroll 4
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++)
      sum[r][v] = *(br_nd_mem *)(c + (size_t)r * ld + v * BR_NORMAL_LANES);
  for (int k = 0; k < inner; k++) {
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
      for (int v = 0; v < V; v++)
        sum[r][v] += a[r * row_step + k * inner_step] *
                     *(const br_nd_mem *)(b + (size_t)k * ld + v * BR_NORMAL_LANES);
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++)
      *(br_nd_mem *)(c + (size_t)r * ld + v * BR_NORMAL_LANES) = sum[r][v];
}

BR_TARGET static void multiply(int rows, int inner, int n, int ld, const double *a, size_t row_step,
                               size_t inner_step, const double *b, double *c) {
  for (int r = 0; r < rows; r += 4) {
    const int four = r + 4 <= rows, last = four ? r + 4 : rows;
    for (int at = 0; at < n; at += 2 * BR_NORMAL_LANES) {
      const int two = at + 2 * BR_NORMAL_LANES <= n;
      const double *a_r = a + (size_t)r * row_step;
      double *c_r = c + (size_t)r * ld + at;
      if (four && two) {
        product(4, 2, inner, ld, a_r, row_step, inner_step, b + at, c_r);
      } else if (four) {
        product(4, 1, inner, ld, a_r, row_step, inner_step, b + at, c_r);
      } else {
        for (int i = r; i < last; i++, a_r += row_step, c_r += ld)
          if (two) product(1, 2, inner, ld, a_r, 0, inner_step, b + at, c_r);
          else product(1, 1, inner, ld, a_r, 0, inner_step, b + at, c_r);
      }
    }
  }
}

/* e^x: 0 left of -708, where it is next to denormal, and Inf from 709 on. */
BR_NORMAL_INLINE exp_lanes(const br_nd *t, br_nd *e) {
  const double shift = 0x1.8p52; /* adding it rounds to an integer */
  const double log2_high = 0x1.62e42feep-1, log2_low = 0x1.a39ef35793c76p-33;
  const br_nd x = *t;
  const br_nd k = x * 1.4426950408889634 + shift, n = k - shift;
  const br_nd r = (x - n * log2_high) - n * log2_low;
  const br_nd power = (br_nd)(((br_nu)k + 1023) << 52);
  const br_ns low = (br_ns)(x < -708.0), high = (br_ns)(x > 709.0);
  const br_nd zero = {0}, infinite = zero + __builtin_inf();
  br_nd p;
  br_normal_horner(br_normal_power, 9, &r, &p);
  p = ((p * (r * r) + r) + 1.0) * power;
  *e = (br_nd)(((br_ns)p & ~(low | high)) | ((br_ns)infinite & high));
}

/* 1/(2 j + 1): log(1 + e) = 2 artanh(s) = 2 s sum_j s^2j/(2 j + 1), s = e/(2 + e). As s is at most
 * 1/3 what follows is below 2e-17 of the sum. */
static const double artanh_series[16] = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11,
                                         1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23,
                                         1.0 / 25, 1.0 / 27, 1.0 / 29, 1.0 / 31};

BR_NORMAL_INLINE log1pexp_lanes(const double *t, double *value, double *slope) {
  const br_nd x = *(const br_nd_mem *)t;
  const br_ns right = (br_ns)(x > 0.0);
  const br_nd minus = (br_nd)((br_ns)x | INT64_MIN), positive = (br_nd)((br_ns)x & right);
  br_nd e, sum;
  exp_lanes(&minus, &e);
  const br_nd s = e / (2.0 + e), square = s * s, share = 1.0 / (1.0 + e), other = e * share;
  br_normal_horner(artanh_series, 15, &square, &sum);
  *(br_nd_mem *)value = positive + 2.0 * s * sum;
  *(br_nd_mem *)slope = (br_nd)(((br_ns)share & right) | ((br_ns)other & ~right));
}

BR_TARGET static void exponential(size_t n, const double *t, double *e) {
  for (size_t i = 0; i < n; i += BR_NORMAL_LANES) {
    const br_nd x = *(const br_nd_mem *)(t + i);
    br_nd value;
    exp_lanes(&x, &value);
    *(br_nd_mem *)(e + i) = value;
  }
}

BR_TARGET static void log1pexp(size_t n, const double *t, double *value, double *slope) {
  for (size_t i = 0; i < n; i += BR_NORMAL_LANES) log1pexp_lanes(t + i, value + i, slope + i);
}
