/* Kernels of the ridge family; included by kernels_body.h alone. */

BR_TARGET static void normal(size_t n, const double *t, double *phi, double *cdf) {
  for (size_t b = 0; b < n; b += BR_VECTOR) br_normal4(t + b, phi + b, cdf + b);
}

/* s(t) is t Phi + phi for the bump, ((t^2 + 1) Phi + t phi)/2 for the step. The second
 * cancels for t << 0, where it is below 1e-16 of its size at t = 0 and no digit of it counts. */
BR_TARGET static void profile_value(br_profile profile, size_t n, const double *t, double *s) {
  double phi[BR_VECTOR], cdf[BR_VECTOR];
  if (profile == BR_GATE) {
    for (size_t b = 0; b < n; b += BR_VECTOR) br_normal4(t + b, phi, s + b);
    return;
  }
  if (profile == BR_BUMP) {
    for (size_t b = 0; b < n; b += BR_VECTOR) br_softplus4(t + b, s + b);
    return;
  }
  for (size_t b = 0; b < n; b += BR_VECTOR) {
    br_normal4(t + b, phi, cdf);
    for (int k = 0; k < BR_VECTOR; k++) {
      double x = t[b + k];
      s[b + k] = 0.5 * ((x * x + 1) * cdf[k] + x * phi[k]);
    }
  }
}

/* Slope and curvature in place of Phi and phi: a s'(t) and s''(t), or those of a gate. */
BR_TARGET static void turn(br_profile profile, double a, int n, const double *t, const double *arm,
                           double *phi, double *cdf) {
  if (profile == BR_BUMP) {
    BR_SIMD
    for (int b = 0; b < n; b++) cdf[b] *= a;
  } else if (profile == BR_STEP) {
    BR_SIMD
    for (int b = 0; b < n; b++) {
      double curve = cdf[b];
      cdf[b] = a * (t[b] * cdf[b] + phi[b]);
      phi[b] = curve;
    }
  } else {
    BR_SIMD
    for (int b = 0; b < n; b++) {
      phi[b] = cdf[b];
      cdf[b] *= arm[b];
    }
  }
}

BR_TARGET static void affine(int d, int given, int n, int ld, const double *q, const double *Q,
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
    for (int l = 1; l <= given; l++) {
      double qil = q[(size_t)l * d + i];
      const double *given_l = x + (size_t)(d + l - 1) * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) row[b] += qil * given_l[b];
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
                            double *hess, double *slope, double *curve, int keep) {
  double t[BR_LANES], arm[BR_LANES];
  int d = r->d, rows = d + r->given;
  for (int j = 0; j < r->m; j++) {
    const double *w = r->dir + (size_t)j * rows;
    double *slope_j = slope + (keep ? (size_t)j * ld : 0);
    double *curve_j = curve + (keep ? (size_t)j * ld : 0);
    double c = r->centre[j], a = r->width[j], scale = 1 / a, theta = r->coef[j];
    if (r->profile[j] == BR_GATE) {
      project(d, n, ld, w, x, arm);
      project(r->given, n, ld, w + d, x + (size_t)d * ld, t);
    } else {
      project(rows, n, ld, w, x, t);
    }
    BR_SIMD
    for (int b = 0; b < n; b++) t[b] = (t[b] - c) * scale;
    normal((size_t)n, t, curve_j, slope_j);
    turn((br_profile)r->profile[j], a, n, t, arm, curve_j, slope_j);
    for (int i = 0; i < d; i++) {
      double *row = map + (size_t)i * ld;
      double s = theta * w[i];
      BR_SIMD
      for (int b = 0; b < n; b++) row[b] += s * slope_j[b];
      for (int k = 0; k <= i; k++) {
        double *entry = hess + BR_PACKED(i, k) * ld;
        double e = theta * w[i] * w[k];
        BR_SIMD
        for (int b = 0; b < n; b++) entry[b] += e * curve_j[b];
      }
    }
  }
}

/* sums[0] = sum of weight (slope tau - curve q), sums[1] = sum of weight (stretch slope^2 +
 * (curve q)^2), at t = (z - centre)/width. */
BR_TARGET static void score(br_profile profile, size_t n, double centre, double width,
                            const double *weight, const double *z, const double *arm,
                            const double *tau, const double *q, const double *stretch,
                            double *sums) {
  double t[BR_LANES], curve[BR_LANES], slope[BR_LANES], ones[BR_LANES];
  double g = 0, h = 0, scale = 1 / width;
  for (int b = 0; b < BR_LANES; b++) ones[b] = 1;
  for (size_t start = 0; start < n; start += BR_LANES) {
    int m = n - start < BR_LANES ? (int)(n - start) : BR_LANES;
    const double *zs = z + start, *taus = tau + start, *qs = q + start, *ws = weight + start;
    const double *vs = stretch ? stretch + start : ones;
    BR_SIMD
    for (int b = 0; b < m; b++) t[b] = (zs[b] - centre) * scale;
    normal((size_t)m, t, curve, slope);
    turn(profile, width, m, t, profile == BR_GATE ? arm + start : NULL, curve, slope);
    BR_SIMD_SUM(g, h)
    for (int b = 0; b < m; b++) {
      double s = slope[b], c = curve[b] * qs[b];
      g += ws[b] * (s * taus[b] - c);
      h += ws[b] * (vs[b] * s * s + c * c);
    }
  }
  sums[0] = g;
  sums[1] = h;
}
