/* Small dense linear algebra, one matrix a lane; included by kernels_body.h alone. */

/* log is taken of the product of this many pivots: they are eigenvalue-like
 * numbers between 1e-6 and 1e6, so that eight neither overflow nor vanish. */
#define PIVOTS_A_LOG 8

BR_TARGET static void cholesky(int d, int n, int ld, double *hess, double *logdet) {
  double product[BR_LANES], inverse[BR_LANES];
  for (int b = 0; b < n; b++) {
    product[b] = 1;
    logdet[b] = 0;
  }
  for (int j = 0; j < d; j++) {
    double *diagonal = hess + BR_PACKED(j, j) * ld;
    for (int k = 0; k < j; k++) {
      const double *jk = hess + BR_PACKED(j, k) * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) diagonal[b] -= jk[b] * jk[b];
    }
    for (int b = 0; b < n; b++) { /* not in vectors: the root may set errno */
      product[b] *= diagonal[b];
      inverse[b] = 1 / sqrt(diagonal[b]);
      diagonal[b] = inverse[b];
    }
    for (int i = j + 1; i < d; i++) {
      double *ij = hess + BR_PACKED(i, j) * ld;
      for (int k = 0; k < j; k++) {
        const double *ik = hess + BR_PACKED(i, k) * ld, *jk = hess + BR_PACKED(j, k) * ld;
        BR_SIMD
        for (int b = 0; b < n; b++) ij[b] -= ik[b] * jk[b];
      }
      BR_SIMD
      for (int b = 0; b < n; b++) ij[b] *= inverse[b];
    }
    if (j % PIVOTS_A_LOG == PIVOTS_A_LOG - 1 || j == d - 1)
      for (int b = 0; b < n; b++) {
        /* two negative pivots must not hide each other: a bad root is NaN */
        logdet[b] += log(product[b]) + 0 * inverse[b];
        product[b] = 1;
      }
  }
}

BR_TARGET static void half_solve(int d, int n, int ld, const double *factor, const double *w,
                                 const double *scale, double *v) {
  for (int i = 0; i < d; i++) {
    double *vi = v + (size_t)i * ld;
    const double *inverse = factor + BR_PACKED(i, i) * ld;
    double wi = w[i];
    BR_SIMD
    for (int b = 0; b < n; b++) vi[b] = wi * scale[b];
    for (int k = 0; k < i; k++) {
      const double *ik = factor + BR_PACKED(i, k) * ld, *vk = v + (size_t)k * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) vi[b] -= ik[b] * vk[b];
    }
    BR_SIMD
    for (int b = 0; b < n; b++) vi[b] *= inverse[b];
  }
}

BR_TARGET static void back_solve(int d, int n, int ld, const double *factor, double *x) {
  for (int i = d - 1; i >= 0; i--) {
    double *xi = x + (size_t)i * ld;
    const double *inverse = factor + BR_PACKED(i, i) * ld;
    for (int k = i + 1; k < d; k++) {
      const double *ki = factor + BR_PACKED(k, i) * ld, *xk = x + (size_t)k * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) xi[b] -= ki[b] * xk[b];
    }
    BR_SIMD
    for (int b = 0; b < n; b++) xi[b] *= inverse[b];
  }
}

/* x = L^{-1} x in place. */
BR_TARGET static void forward(int d, int n, int ld, const double *factor, double *x) {
  for (int i = 0; i < d; i++) {
    double *xi = x + (size_t)i * ld;
    const double *inverse = factor + BR_PACKED(i, i) * ld;
    for (int k = 0; k < i; k++) {
      const double *ik = factor + BR_PACKED(i, k) * ld, *xk = x + (size_t)k * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) xi[b] -= ik[b] * xk[b];
    }
    BR_SIMD
    for (int b = 0; b < n; b++) xi[b] *= inverse[b];
  }
}

BR_TARGET static void solve(int d, int n, int ld, const double *factor, double *x) {
  forward(d, n, ld, factor, x);
  back_solve(d, n, ld, factor, x);
}

/* Column j of L^{-1} has its first nonzero in row j; inverse = L^{-T} L^{-1}. */
BR_TARGET static void invert(int d, int n, int ld, const double *factor, double *inverse) {
  for (int j = 0; j < d; j++) {
    const double *jj = factor + BR_PACKED(j, j) * ld;
    double *out = inverse + BR_PACKED(j, j) * ld;
    BR_SIMD
    for (int b = 0; b < n; b++) out[b] = jj[b];
    for (int i = j + 1; i < d; i++) {
      const double *ii = factor + BR_PACKED(i, i) * ld;
      double *ij = inverse + BR_PACKED(i, j) * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) ij[b] = 0;
      for (int k = j; k < i; k++) {
        const double *ik = factor + BR_PACKED(i, k) * ld, *kj = inverse + BR_PACKED(k, j) * ld;
        BR_SIMD
        for (int b = 0; b < n; b++) ij[b] -= ik[b] * kj[b];
      }
      BR_SIMD
      for (int b = 0; b < n; b++) ij[b] *= ii[b];
    }
  }
  /* Entry (i, j) of the product uses rows k >= i of columns i and j of L^{-1}:
   * by increasing i and j nothing still needed is overwritten. */
  for (int i = 0; i < d; i++)
    for (int j = 0; j <= i; j++) {
      double *ij = inverse + BR_PACKED(i, j) * ld;
      const double *ii = inverse + BR_PACKED(i, i) * ld;
      double sum[BR_LANES];
      BR_SIMD
      for (int b = 0; b < n; b++) sum[b] = ii[b] * ij[b];
      for (int k = i + 1; k < d; k++) {
        const double *ki = inverse + BR_PACKED(k, i) * ld, *kj = inverse + BR_PACKED(k, j) * ld;
        BR_SIMD
        for (int b = 0; b < n; b++) sum[b] += ki[b] * kj[b];
      }
      BR_SIMD
      for (int b = 0; b < n; b++) ij[b] = sum[b];
    }
}
