/* Gram matrices of features; included by kernels_body.h alone.
 *
 * A tile is 2 x 3 products over four lanes: six sums and six accumulators fill
 * the sixteen vector registers, and each load serves two or three products. */

typedef double vector __attribute__((vector_size(8 * BR_VECTOR), aligned(8), may_alias));

/* k is a constant in the callers below, so that the loop over rows unrolls. */
BR_TARGET static inline __attribute__((always_inline)) void tile(int square, int k, int n, int ld,
                                                                 const double *v0, const double *u0,
                                                                 double *M, int ldm) {
  const double *v1 = v0 + (size_t)k * ld, *u1 = u0 + (size_t)k * ld, *u2 = u1 + (size_t)k * ld;
  vector a00 = {0}, a01 = {0}, a02 = {0}, a10 = {0}, a11 = {0}, a12 = {0};
  for (int b = 0; b < n; b += BR_VECTOR) {
    vector s00 = {0}, s01 = {0}, s02 = {0}, s10 = {0}, s11 = {0}, s12 = {0};
    for (int r = 0; r < k; r++) {
      size_t at = (size_t)r * ld + b;
      vector x0 = *(const vector *)(v0 + at), x1 = *(const vector *)(v1 + at);
      vector y0 = *(const vector *)(u0 + at), y1 = *(const vector *)(u1 + at);
      vector y2 = *(const vector *)(u2 + at);
      s00 += x0 * y0;
      s01 += x0 * y1;
      s02 += x0 * y2;
      s10 += x1 * y0;
      s11 += x1 * y1;
      s12 += x1 * y2;
    }
    if (square) {
      a00 += s00 * s00;
      a01 += s01 * s01;
      a02 += s02 * s02;
      a10 += s10 * s10;
      a11 += s11 * s11;
      a12 += s12 * s12;
    } else {
      a00 += s00;
      a01 += s01;
      a02 += s02;
      a10 += s10;
      a11 += s11;
      a12 += s12;
    }
  }
  M[0] += (a00[0] + a00[1]) + (a00[2] + a00[3]);
  M[1] += (a01[0] + a01[1]) + (a01[2] + a01[3]);
  M[2] += (a02[0] + a02[1]) + (a02[2] + a02[3]);
  M[ldm] += (a10[0] + a10[1]) + (a10[2] + a10[3]);
  M[ldm + 1] += (a11[0] + a11[1]) + (a11[2] + a11[3]);
  M[ldm + 2] += (a12[0] + a12[1]) + (a12[2] + a12[3]);
}

BR_TARGET static void gram(int square, int k, int n, int ld, const double *v, int p, int j0,
                           double *M, int ldm) {
  const double *row = v + (size_t)j0 * k * ld;
  double *out = M + (size_t)j0 * ldm;
  for (int l = j0 - j0 % BR_GRAM_COLS; l < p; l += BR_GRAM_COLS) {
    const double *column = v + (size_t)l * k * ld;
    if (square) switch (k) {
      case 1: tile(1, 1, n, ld, row, column, out + l, ldm); break;
      case 2: tile(1, 2, n, ld, row, column, out + l, ldm); break;
      case 3: tile(1, 3, n, ld, row, column, out + l, ldm); break;
      default: tile(1, k, n, ld, row, column, out + l, ldm);
      }
    else switch (k) {
      case 1: tile(0, 1, n, ld, row, column, out + l, ldm); break;
      case 2: tile(0, 2, n, ld, row, column, out + l, ldm); break;
      case 3: tile(0, 3, n, ld, row, column, out + l, ldm); break;
      default: tile(0, k, n, ld, row, column, out + l, ldm);
      }
  }
}
