/* Kernels of the ridge family; included by kernels_body.h alone. */

BR_TARGET static void normal(size_t n, const double *t, double *phi, double *cdf) {
  for (size_t b = 0; b < n; b += BR_VECTOR) br_normal4(t + b, phi + b, cdf + b);
}

BR_TARGET static void softplus(size_t n, const double *t, double *psi) {
  for (size_t b = 0; b < n; b += BR_VECTOR) br_softplus4(t + b, psi + b);
}

BR_TARGET static void affine(int d, int n, int ld, const double *q, const double *Q,
                             const double *x, double *map, double *hess) {
  for (int i = 0; i < d; i++) {
    double *row = map + (size_t)i * ld;
    double qi = q[i];
    BR_SIMD
    for (int b = 0; b < n; b++) row[b] = qi;
    for (int j = 0; j < d; j++) {
      double Qij = Q[i >= j ? BR_PACKED(i, j) : BR_PACKED(j, i)];
      const double *xj = x + (size_t)j * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) row[b] += Qij * xj[b];
    }
  }
  for (size_t k = 0; k < BR_PACKED_SIZE(d); k++) {
    double *row = hess + k * ld;
    double Qk = Q[k];
    BR_SIMD
    for (int b = 0; b < n; b++) row[b] = Qk;
  }
}

BR_TARGET static void project(int d, int n, int ld, const double *w, const double *x, double *z) {
  double w0 = w[0];
  BR_SIMD
  for (int b = 0; b < n; b++) z[b] = w0 * x[b];
  for (int k = 1; k < d; k++) {
    const double *xk = x + (size_t)k * ld;
    double wk = w[k];
    BR_SIMD
    for (int b = 0; b < n; b++) z[b] += wk * xk[b];
  }
}

BR_TARGET static void atoms(const br_atoms *r, int n, int ld, const double *x, double *map,
                            double *hess, double *phi, double *cdf, int keep) {
  double t[BR_LANES];
  int d = r->d;
  for (int j = 0; j < r->m; j++) {
    const double *w = r->dir + (size_t)j * d;
    double *phi_j = phi + (keep ? (size_t)j * ld : 0), *cdf_j = cdf + (keep ? (size_t)j * ld : 0);
    double c = r->centre[j], scale = 1 / r->width[j];
    double slope = r->coef[j] * r->width[j], curve = r->coef[j];
    project(d, n, ld, w, x, t);
    BR_SIMD
    for (int b = 0; b < n; b++) t[b] = (t[b] - c) * scale;
    normal((size_t)n, t, phi_j, cdf_j);
    for (int i = 0; i < d; i++) {
      double *row = map + (size_t)i * ld;
      double s = slope * w[i];
      BR_SIMD
      for (int b = 0; b < n; b++) row[b] += s * cdf_j[b];
      for (int k = 0; k <= i; k++) {
        double *entry = hess + BR_PACKED(i, k) * ld;
        double e = curve * w[i] * w[k];
        BR_SIMD
        for (int b = 0; b < n; b++) entry[b] += e * phi_j[b];
      }
    }
  }
}

/* sums[0] = sum of weight (a Phi tau - phi q), sums[1] = sum of
 * weight (a^2 Phi^2 + phi^2 q^2), at t = (z - centre)/width. */
BR_TARGET static void score(size_t n, double centre, double width, const double *weight,
                            const double *z, const double *tau, const double *q, double *sums) {
  double t[BR_LANES], phi[BR_LANES], cdf[BR_LANES];
  double g = 0, h = 0, scale = 1 / width;
  for (size_t start = 0; start < n; start += BR_LANES) {
    int m = n - start < BR_LANES ? (int)(n - start) : BR_LANES;
    const double *zs = z + start, *taus = tau + start, *qs = q + start, *ws = weight + start;
    BR_SIMD
    for (int b = 0; b < m; b++) t[b] = (zs[b] - centre) * scale;
    normal((size_t)m, t, phi, cdf);
    BR_SIMD_SUM(g, h)
    for (int b = 0; b < m; b++) {
      double slope = width * cdf[b], curve = phi[b] * qs[b];
      g += ws[b] * (slope * taus[b] - curve);
      h += ws[b] * (slope * slope + curve * curve);
    }
  }
  sums[0] = g;
  sums[1] = h;
}
