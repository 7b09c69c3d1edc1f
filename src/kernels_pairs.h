/* Kernels of the sums over pairs (pairs_block.h); included by kernels_body.h alone. The innermost
 * loop runs over centres, in the vectors of normal.h. */
#include "pairs_block.h"

#define PAIR_LOAD(p) (*(const br_nd_mem *)(p))
#define PAIR_STORE(p, v) (*(br_nd_mem *)(p) = (v))

/* e = exp(t), 0 below -708, where digits would be lost, and for -Inf; t < 709. */
BR_NORMAL_INLINE pair_exp(const br_nd *t, br_nd *e) {
  const double shift = 0x1.8p52; /* adding it rounds to an integer */
  const double log2_high = 0x1.62e42feep-1, log2_low = 0x1.a39ef35793c76p-33;
  const br_nd k = *t * 1.4426950408889634 + shift;
  const br_nd n = k - shift;
  const br_nd r = (*t - n * log2_high) - n * log2_low;
  const br_nd power = (br_nd)(((br_nu)k + 1023) << 52);
  br_nd p;
  br_normal_horner(br_normal_power, 9, &r, &p);
  p = (p * (r * r) + r) + 1.0;
  *e = (br_nd)((br_ns)(p * power) & (br_ns)(*t > -708.0));
}

/* clang has had these builtins come and go: it makes one instruction of the loop. */
BR_NORMAL_INLINE pair_sqrt(const br_nd *s, br_nd *root) {
#if defined(__SSE2__) && !defined(__clang__) && BR_NORMAL_LANES == 4
  *root = (br_nd)__builtin_ia32_sqrtpd256((__attribute__((vector_size(32))) double)*s);
#elif defined(__SSE2__) && !defined(__clang__) && BR_NORMAL_LANES == 2
  *root = (br_nd)__builtin_ia32_sqrtpd((__attribute__((vector_size(16))) double)*s);
#else
  for (int i = 0; i < BR_NORMAL_LANES; i++) (*root)[i] = sqrt((*s)[i]);
#endif
}

BR_TARGET static inline __attribute__((always_inline)) double pair_total(const br_nd *v) {
  double sum = 0;
  for (int i = 0; i < BR_NORMAL_LANES; i++) sum += (*v)[i];
  return sum;
}

/* t of one query, where d, rooted and keep are constants: a body for each is made. */
BR_NORMAL_INLINE fill_square(const br_pair_block *b, int d, int rooted, const double *x, double *t,
                             double *square) {
  for (int j = 0; j < b->n; j += BR_NORMAL_LANES) {
    br_nd s = PAIR_LOAD(b->y + j) - x[0];
    s *= s;
#pragma GCC unroll 2
    for (int k = 1; k < d; k++) {
      const br_nd move = PAIR_LOAD(b->y + (size_t)k * b->ld + j) - x[k];
      s += move * move;
    }
    br_nd v = PAIR_LOAD(b->weight + j) - s * b->square;
    if (rooted) {
      br_nd r;
      pair_sqrt(&s, &r);
      v -= r * b->root;
    }
    PAIR_STORE(t + j, v);
    if (square) PAIR_STORE(square + j, s);
  }
}

/* Four queries at once, in tiles that stay in registers: s, or x'y where inner is a constant 1. */
BR_NORMAL_INLINE fill_tile(const br_pair_block *b, int inner, const double *x, double *s) {
  const int d = b->d;
  const double *x0 = x, *x1 = x + d, *x2 = x1 + d, *x3 = x2 + d;
  for (int j = 0; j < b->n; j += 2 * BR_NORMAL_LANES) {
    br_nd a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0}, c0 = {0}, c1 = {0}, c2 = {0}, c3 = {0};
    const double *y = b->y + j;
    for (int k = 0; k < d; k++, y += b->ld) {
      const br_nd ya = PAIR_LOAD(y), yc = PAIR_LOAD(y + BR_NORMAL_LANES);
      if (inner) {
        a0 += ya * x0[k];
        a1 += ya * x1[k];
        a2 += ya * x2[k];
        a3 += ya * x3[k];
        c0 += yc * x0[k];
        c1 += yc * x1[k];
        c2 += yc * x2[k];
        c3 += yc * x3[k];
      } else {
        br_nd u;
        u = ya - x0[k], a0 += u * u;
        u = ya - x1[k], a1 += u * u;
        u = ya - x2[k], a2 += u * u;
        u = ya - x3[k], a3 += u * u;
        u = yc - x0[k], c0 += u * u;
        u = yc - x1[k], c1 += u * u;
        u = yc - x2[k], c2 += u * u;
        u = yc - x3[k], c3 += u * u;
      }
    }
    double *to = s + j;
    PAIR_STORE(to, a0);
    PAIR_STORE(to + BR_NORMAL_LANES, c0);
    to += BR_PAIR_BLOCK;
    PAIR_STORE(to, a1);
    PAIR_STORE(to + BR_NORMAL_LANES, c1);
    to += BR_PAIR_BLOCK;
    PAIR_STORE(to, a2);
    PAIR_STORE(to + BR_NORMAL_LANES, c2);
    to += BR_PAIR_BLOCK;
    PAIR_STORE(to, a3);
    PAIR_STORE(to + BR_NORMAL_LANES, c3);
  }
}

/* From s, or x'y, to t. */
BR_NORMAL_INLINE finish_fill(const br_pair_block *b, int expanded, const double *x, double *s,
                             double *t) {
  double half = 0;
  for (int k = 0; expanded && k < b->d; k++) half += 0.5 * x[k] * x[k];
  for (int j = 0; j < b->n; j += BR_NORMAL_LANES) {
    br_nd v = PAIR_LOAD(s + j);
    if (expanded) {
      v = ((PAIR_LOAD(b->half_square + j) + half) - v) * 2.0;
      v = (br_nd)((br_ns)v & (br_ns)(v > 0.0));
      PAIR_STORE(s + j, v);
    }
    br_nd r = PAIR_LOAD(b->weight + j) - v * b->square;
    if (b->root != 0) {
      br_nd root;
      pair_sqrt(&v, &root);
      r -= root * b->root;
    }
    PAIR_STORE(t + j, r);
  }
}

BR_TARGET static void fill_small(const br_pair_block *b, int n, const double *x, double *t,
                                 double *s) {
  for (int q = 0; q < n; q++, x += b->d, t += BR_PAIR_BLOCK, s += BR_PAIR_BLOCK) {
    if (b->d == 1) {
      if (b->root != 0) fill_square(b, 1, 1, x, t, s);
      else fill_square(b, 1, 0, x, t, s);
    } else if (b->d == 2) {
      if (b->root != 0) fill_square(b, 2, 1, x, t, s);
      else fill_square(b, 2, 0, x, t, s);
    } else {
      if (b->root != 0) fill_square(b, 3, 1, x, t, s);
      else fill_square(b, 3, 0, x, t, s);
    }
  }
}

BR_TARGET static void fill_lean(const br_pair_block *b, int n, const double *x, double *t) {
  for (int q = 0; q < n; q++, x += b->d, t += BR_PAIR_BLOCK) {
    if (b->d == 1) fill_square(b, 1, 0, x, t, NULL);
    else if (b->d == 2) fill_square(b, 2, 0, x, t, NULL);
    else fill_square(b, 3, 0, x, t, NULL);
  }
}

BR_TARGET static void pair_fill(const br_pair_block *b, int n, const double *x, double *t,
                                double *s, int keep) {
  if (b->d <= 3 && b->inner == 0) {
    if (keep || b->root != 0) fill_small(b, n, x, t, s);
    else fill_lean(b, n, x, t);
  } else if (b->inner != 0) {
    fill_tile(b, 1, x, s);
    for (int q = 0; q < n; q++)
      for (int j = 0; j < b->n; j += BR_NORMAL_LANES)
        PAIR_STORE(t + q * BR_PAIR_BLOCK + j,
                   PAIR_LOAD(b->weight + j) + PAIR_LOAD(s + q * BR_PAIR_BLOCK + j) * b->inner);
  } else if (b->half_square) {
    fill_tile(b, 1, x, s);
    for (int q = 0; q < n; q++)
      finish_fill(b, 1, x + (size_t)q * b->d, s + q * BR_PAIR_BLOCK, t + q * BR_PAIR_BLOCK);
  } else {
    fill_tile(b, 0, x, s);
    for (int q = 0; q < n; q++)
      finish_fill(b, 0, x + (size_t)q * b->d, s + q * BR_PAIR_BLOCK, t + q * BR_PAIR_BLOCK);
  }
}

BR_TARGET static double pair_top(int n, const double *t) {
  br_nd top = PAIR_LOAD(t);
  for (int j = BR_NORMAL_LANES; j < n; j += BR_NORMAL_LANES) {
    const br_nd v = PAIR_LOAD(t + j);
    const br_ns more = (br_ns)(v > top);
    top = (br_nd)(((br_ns)v & more) | ((br_ns)top & ~more));
  }
  double best = top[0];
  for (int i = 1; i < BR_NORMAL_LANES; i++) best = top[i] > best ? top[i] : best;
  return best;
}

/* The sum is Inf where an exponent is too large, so that nothing is to be trusted. */
BR_TARGET static double pair_powers(int n, double shift, const double *t, double *e) {
  br_nd sum = {0};
  br_ns over = {0};
  if (e)
    for (int j = 0; j < n; j += BR_NORMAL_LANES) {
      const br_nd v = PAIR_LOAD(t + j) - shift;
      br_nd power;
      pair_exp(&v, &power);
      over |= (br_ns)(v > 700.0);
      sum += power;
      PAIR_STORE(e + j, power);
    }
  else
    for (int j = 0; j < n; j += BR_NORMAL_LANES) {
      const br_nd v = PAIR_LOAD(t + j) - shift;
      br_nd power;
      pair_exp(&v, &power);
      over |= (br_ns)(v > 700.0);
      sum += power;
    }
  for (int i = 0; i < BR_NORMAL_LANES; i++)
    if (over[i]) return INFINITY;
  return pair_total(&sum);
}

/* e times the factor of the kernel, s = r^2. */
BR_TARGET static double pair_factor(int kernel, int of, int d, double h, int n,
                                    const double *square, double *e) {
  const double cool = 1 / h, cool2 = cool * cool, root3 = 1.7320508075688772 * cool;
  br_nd sum = {0};
#define PAIR_EACH(value)                         \
  for (int j = 0; j < n; j += BR_NORMAL_LANES) { \
    const br_nd s = PAIR_LOAD(square + j);       \
    br_nd r, v = PAIR_LOAD(e + j);               \
    pair_sqrt(&s, &r);                           \
    v *= (value);                                \
    PAIR_STORE(e + j, v);                        \
    sum += v;                                    \
  }
#define PAIR_OVER_R(value) ((br_nd)((br_ns)((value) / r) & (br_ns)(r > 0.0)))
  switch (kernel) {
  case BR_GAUSSIAN:
    if (of == BR_SLOPE) PAIR_EACH(-cool2)
    else PAIR_EACH((s * cool2 - (double)d) * cool2)
    break;
  case BR_LAPLACE:
    if (of == BR_SLOPE) PAIR_EACH(PAIR_OVER_R(-cool))
    else PAIR_EACH(PAIR_OVER_R(r * cool2 - (d - 1) * cool))
    break;
  case BR_MATERN32:
    if (of == BR_VALUE) PAIR_EACH(r * root3 + 1.0)
    else if (of == BR_SLOPE) PAIR_EACH(-3 * cool2)
    else PAIR_EACH((r * root3 - (double)d) * (3 * cool2))
    break;
  case BR_IMQ:
    for (int j = 0; j < n; j += BR_NORMAL_LANES) {
      const br_nd s = PAIR_LOAD(square + j) * cool2 + 1.0;
      br_nd r, v = PAIR_LOAD(e + j);
      pair_sqrt(&s, &r);
      const br_nd u = 1.0 / r, u3 = u / s;
      if (of == BR_VALUE) v *= u;
      else if (of == BR_SLOPE) v *= u3 * -cool2;
      else v *= u3 * cool2 * ((s - 1.0) / s * 3.0 - (double)d);
      PAIR_STORE(e + j, v);
      sum += v;
    }
    break;
  case BR_ENERGY:
    if (of == BR_VALUE) PAIR_EACH(-r)
    else if (of == BR_SLOPE) PAIR_EACH(PAIR_OVER_R(-1.0))
    else PAIR_EACH(PAIR_OVER_R(1.0 - d))
    break;
  default: PAIR_EACH(of == BR_SLOPE ? cool2 : cool2 * cool2) break;
  }
#undef PAIR_EACH
#undef PAIR_OVER_R
  return pair_total(&sum);
}

/* sum[c] += sum_j e_j a_jc, the columns BR_PAIR_BLOCK apart. Three at a time: one addition waits
 * for the one before it, and e is read once. */
BR_TARGET static void pair_dots(int n, const double *e, int r, const double *a, double *sum) {
  int c = 0;
  for (; c + 3 <= r; c += 3, a += 3 * BR_PAIR_BLOCK) {
    br_nd s0 = {0}, s1 = {0}, s2 = {0};
    for (int j = 0; j < n; j += BR_NORMAL_LANES) {
      const br_nd at = PAIR_LOAD(e + j);
      s0 += at * PAIR_LOAD(a + j);
      s1 += at * PAIR_LOAD(a + BR_PAIR_BLOCK + j);
      s2 += at * PAIR_LOAD(a + 2 * BR_PAIR_BLOCK + j);
    }
    sum[c] += pair_total(&s0);
    sum[c + 1] += pair_total(&s1);
    sum[c + 2] += pair_total(&s2);
  }
  for (; c < r; c++, a += BR_PAIR_BLOCK) {
    br_nd total = {0};
    for (int j = 0; j < n; j += BR_NORMAL_LANES) total += PAIR_LOAD(e + j) * PAIR_LOAD(a + j);
    sum[c] += pair_total(&total);
  }
}

/* sum[c] += sum_j e_j (x_c - y_jc) */
BR_TARGET static void pair_moves(const br_pair_block *b, const double *x, const double *e,
                                 double *sum) {
  for (int c = 0; c < b->d; c++) {
    const double *y = b->y + (size_t)c * b->ld;
    br_nd total = {0};
    for (int j = 0; j < b->n; j += BR_NORMAL_LANES)
      total += PAIR_LOAD(e + j) * (x[c] - PAIR_LOAD(y + j));
    sum[c] += pair_total(&total);
  }
}

/* The last coordinate of the moments: terms of degrees below order there. */
BR_TARGET static void pair_last(int order, int n, const double *v, double *f, double *terms) {
  for (int k = 0; k < order; k += 4) {
    br_nd s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    for (int j = 0; j < n; j += BR_NORMAL_LANES) {
      const br_nd at = PAIR_LOAD(v + j);
      br_nd g = PAIR_LOAD(f + j);
      s0 += g;
      g *= at;
      s1 += g;
      g *= at;
      s2 += g;
      g *= at;
      s3 += g;
      g *= at;
      PAIR_STORE(f + j, g);
    }
    terms[k] += pair_total(&s0);
    if (k + 1 < order) terms[k + 1] += pair_total(&s1);
    if (k + 2 < order) terms[k + 2] += pair_total(&s2);
    if (k + 3 < order) terms[k + 3] += pair_total(&s3);
  }
}

/* to = from * v */
BR_TARGET static void pair_times(int n, const double *from, const double *v, double *to) {
  for (int j = 0; j < n; j += BR_NORMAL_LANES)
    PAIR_STORE(to + j, PAIR_LOAD(from + j) * PAIR_LOAD(v + j));
}

/* terms += sum_j e_j v_j^alpha for degrees |alpha| < order, the last coordinate fastest. */
BR_TARGET static void pair_moments(int d, int order, int n, const double *v, const double *e,
                                   double *work, double *terms) {
  double *first = work, *second = work + BR_PAIR_BLOCK, *last = second + BR_PAIR_BLOCK;
  const size_t bytes = (size_t)n * sizeof(double);
  memcpy(first, e, bytes);
  for (int a = 0; a < (d > 2 ? order : 1); a++) {
    memcpy(second, first, bytes);
    for (int b = 0; b < (d > 1 ? order - a : 1); b++) {
      memcpy(last, second, bytes);
      pair_last(order - a - b, n, v + (d - 1) * BR_PAIR_BLOCK, last, terms);
      terms += order - a - b;
      if (d > 1) pair_times(n, second, v + (d - 2) * BR_PAIR_BLOCK, second);
    }
    if (d > 2) pair_times(n, first, v, first);
  }
}

/* value = sum_alpha terms_alpha u^alpha */
BR_TARGET static void pair_series(int d, int order, int n, const double *u, const double *terms,
                                  double *value) {
  for (int j = 0; j < n; j += BR_NORMAL_LANES) {
    const br_nd u3 = PAIR_LOAD(u + (d - 1) * BR_PAIR_BLOCK + j);
    const br_nd u2 = PAIR_LOAD(u + (d > 1 ? d - 2 : 0) * BR_PAIR_BLOCK + j);
    const br_nd u1 = PAIR_LOAD(u + j);
    const int deep = d > 2 ? order : 1;
    const double *t = terms + (d == 1   ? order
                               : d == 2 ? order * (order + 1) / 2
                                        : order * (order + 1) * (order + 2) / 6);
    br_nd sum = {0};
    for (int a = deep - 1; a >= 0; a--) {
      br_nd plane = {0};
      for (int b = d > 1 ? order - a - 1 : 0; b >= 0; b--) {
        br_nd line = {0};
        for (int c = order - a - b - 1; c >= 0; c--) line = line * u3 + *--t;
        plane = plane * u2 + line;
      }
      sum = sum * u1 + plane;
    }
    PAIR_STORE(value + j, sum);
  }
}
