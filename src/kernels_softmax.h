/* Kernels of the softmax family; included by kernels_body.h alone. With f_k the quadratics,
 * m_k = grad f_k, p their softmax at temperature theta and v_k = m_k - sum p m,
 *
 *   grad p_k = p_k v_k/theta
 *   D^2  p_k = p_k/theta (v_k v_k'/theta + Q_k - D^2 s),   D^2 s = sum p_k (Q_k + v_k v_k'/theta).
 *
 * Column j of a root R has entries in rows j .. root_end(r, j) - 1. */

BR_TARGET static inline int root_end(const br_quadratics *r, int j) {
  return r->full ? r->d : j + 1;
}

BR_TARGET static inline double root_entry(const br_quadratics *r, int k, int i, int j) {
  const double *coef = r->coef + (size_t)k * BR_QUADRATIC_COEFS(r);
  return coef[r->full ? BR_PACKED(i, j) : (size_t)i];
}

/* The slopes b_k, one for each of the d + given coordinates, and then the constant c_k. */
BR_TARGET static inline const double *slopes_of(const br_quadratics *r, int k) {
  return r->coef + (size_t)k * BR_QUADRATIC_COEFS(r) + BR_ROOT_COEFS(r);
}

/* z = (R'x)_j */
BR_TARGET static void root_product(const br_quadratics *r, int k, int j, int n, int ld,
                                   const double *x, double *z) {
  for (int b = 0; b < n; b++) z[b] = 0;
  for (int i = j; i < root_end(r, j); i++) {
    const double entry = root_entry(r, k, i, j), *xi = x + (size_t)i * ld;
    BR_SIMD
    for (int b = 0; b < n; b++) z[b] += entry * xi[b];
  }
}

/* f_k and m_k */
BR_TARGET static void quadratic(const br_quadratics *r, int k, int n, int ld, const double *x,
                                double *height, double *move) {
  const double *slopes = slopes_of(r, k);
  double z[BR_LANES];
  project(r->d + r->given, n, ld, slopes, x, height);
  BR_SIMD
  for (int b = 0; b < n; b++) height[b] += slopes[r->d + r->given];
  for (int i = 0; i < r->d; i++)
    for (int b = 0; b < n; b++) move[(size_t)i * ld + b] = slopes[i];
  for (int j = 0; j < r->d; j++) {
    root_product(r, k, j, n, ld, x, z);
    BR_SIMD
    for (int b = 0; b < n; b++) height[b] += 0.5 * z[b] * z[b];
    for (int i = j; i < root_end(r, j); i++) {
      double entry = root_entry(r, k, i, j), *row = move + (size_t)i * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) row[b] += entry * z[b];
    }
  }
}

/* The weights p of the heights f, which become f less their mean under p. exp(-y) is taken
 * from phi(sqrt(2 y)), which is there in vectors. */
BR_TARGET static void weigh(const br_quadratics *r, int n, int ld, double *height, double *share) {
  double top[BR_LANES], total[BR_LANES], t[BR_LANES], cdf[BR_LANES];
  const double scale = 2 / r->theta;
  for (int b = 0; b < n; b++) {
    top[b] = height[b];
    total[b] = 0;
  }
  for (int k = 1; k < r->n; k++) {
    const double *f = height + (size_t)k * ld;
    BR_SIMD
    for (int b = 0; b < n; b++) top[b] = f[b] > top[b] ? f[b] : top[b];
  }
  for (int k = 0; k < r->n; k++) {
    const double *f = height + (size_t)k * ld;
    double *p = share + (size_t)k * ld;
    for (int b = 0; b < n; b++) t[b] = sqrt(scale * (top[b] - f[b]));
    normal((size_t)n, t, p, cdf);
    BR_SIMD
    for (int b = 0; b < n; b++) total[b] += p[b];
  }
  for (int b = 0; b < n; b++) {
    total[b] = 1 / total[b];
    t[b] = 0;
  }
  for (int k = 0; k < r->n; k++) {
    const double *f = height + (size_t)k * ld;
    double *p = share + (size_t)k * ld;
    BR_SIMD
    for (int b = 0; b < n; b++) {
      p[b] *= total[b];
      t[b] += p[b] * (f[b] - top[b]);
    }
  }
  for (int k = 0; k < r->n; k++) {
    double *f = height + (size_t)k * ld;
    BR_SIMD
    for (int b = 0; b < n; b++) f[b] -= top[b] + t[b];
  }
}

BR_TARGET static void softmax(const br_quadratics *r, int n, int ld, const double *x, double *map,
                              double *hess, double *share, double *height, double *move) {
  const int d = r->d;
  const double cool = 1 / r->theta;
  double pull[BR_LANES];
  for (int k = 0; k < r->n; k++)
    quadratic(r, k, n, ld, x, height + (size_t)k * ld, move + (size_t)k * d * ld);
  weigh(r, n, ld, height, share);
  for (size_t i = 0; i < (size_t)d; i++)
    for (int b = 0; b < n; b++) map[i * ld + b] = 0;
  for (size_t i = 0; i < BR_PACKED_SIZE(d); i++)
    for (int b = 0; b < n; b++) hess[i * ld + b] = 0;
  for (int k = 0; k < r->n; k++)
    for (int i = 0; i < d; i++) {
      const double *p = share + (size_t)k * ld, *m = move + ((size_t)k * d + i) * ld;
      double *row = map + (size_t)i * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) row[b] += p[b] * m[b];
    }
  for (int k = 0; k < r->n; k++) {
    const double *p = share + (size_t)k * ld;
    double *v = move + (size_t)k * d * ld;
    for (int i = 0; i < d; i++) {
      const double *row = map + (size_t)i * ld;
      double *vi = v + (size_t)i * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) {
        vi[b] -= row[b];
        pull[b] = cool * p[b] * vi[b];
      }
      for (int j = 0; j <= i; j++) {
        const double *vj = v + (size_t)j * ld;
        double *entry = hess + BR_PACKED(i, j) * ld, Q = 0;
        for (int l = 0; l <= j; l++)
          if (i < root_end(r, l)) Q += root_entry(r, k, i, l) * root_entry(r, k, j, l);
        BR_SIMD
        for (int b = 0; b < n; b++) entry[b] += p[b] * Q + pull[b] * vj[b];
      }
    }
  }
}

/* --- jets ------------------------------------------------------------------- */

/* a += s w w', packed */
BR_TARGET static void add_outer(int d, int from, int n, int ld, const double *s, const double *w,
                                double *a) {
  double scaled[BR_LANES];
  for (int i = from; i < d; i++) {
    const double *wi = w + (size_t)i * ld;
    BR_SIMD
    for (int b = 0; b < n; b++) scaled[b] = s[b] * wi[b];
    for (int j = from; j <= i; j++) {
      const double *wj = w + (size_t)j * ld;
      double *entry = a + BR_PACKED(i, j) * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) entry[b] += scaled[b] * wj[b];
    }
  }
}

/* w = L^{-1} R_.j from the columns of L^{-1}; zero above row j. */
BR_TARGET static void half_root(const br_quadratics *r, int k, int j, int n, int ld,
                                const double *unit, double *w) {
  const int d = r->d;
  for (int a = 0; a < d; a++) {
    double *row = w + (size_t)a * ld;
    for (int b = 0; b < n; b++) row[b] = 0;
    for (int i = j; i < root_end(r, j) && i <= a; i++) {
      const double entry = root_entry(r, k, i, j), *e = unit + ((size_t)i * d + a) * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) row[b] += entry * e[b];
    }
  }
}

/* A feature p_k phi with grad phi = a, A = L^{-1} a and L^{-1} D^2 phi L^{-T} = w e' + e w';
 * a and w may be NULL for zero. v, V, bend: v_k/theta, L^{-1} of it, and L^{-1} D^2 p_k L^{-T}
 * over p_k. */
typedef struct {
  const double *phi, *a, *A, *w, *e;
} softmax_feature;

BR_TARGET static void emit(const br_jets *o, int j, int d, const softmax_feature *f,
                           const double *root, const double *v, const double *V,
                           const double *bend) {
  const int n = o->n, ld = o->ld;
  double *slope = o->slope + (size_t)j * BR_JET_ROWS(d) * ld, *force = o->force + (size_t)j * ld;
  double *packed = slope + (size_t)d * ld;
  double sum[BR_LANES];
  for (int b = 0; b < n; b++) sum[b] = 0;
  for (int i = 0; i < d; i++) {
    const double *vi = v + (size_t)i * ld, *T = o->map + (size_t)i * ld;
    const double *ai = f->a ? f->a + (size_t)i * ld : NULL;
    double *row = slope + (size_t)i * ld;
    if (ai) {
      BR_SIMD
      for (int b = 0; b < n; b++) row[b] = root[b] * (f->phi[b] * vi[b] + ai[b]);
    } else {
      BR_SIMD
      for (int b = 0; b < n; b++) row[b] = root[b] * f->phi[b] * vi[b];
    }
    BR_SIMD
    for (int b = 0; b < n; b++) sum[b] += row[b] * T[b];
  }
  for (int i = 0; i < d; i++)
    for (int l = 0; l <= i; l++) {
      const double *Vi = V + (size_t)i * ld, *Vl = V + (size_t)l * ld;
      const double *B = bend + BR_PACKED(i, l) * ld;
      const double times = i == l ? 1 : 1.41421356237309505;
      double *row = packed + BR_PACKED(i, l) * ld;
      if (f->w) {
        const double *Ai = f->A + (size_t)i * ld, *Al = f->A + (size_t)l * ld;
        const double *wi = f->w + (size_t)i * ld, *wl = f->w + (size_t)l * ld;
        const double *ei = f->e + (size_t)i * ld, *el = f->e + (size_t)l * ld;
        BR_SIMD
        for (int b = 0; b < n; b++)
          row[b] =
              times * root[b] *
              (f->phi[b] * B[b] + Vi[b] * Al[b] + Ai[b] * Vl[b] + wi[b] * el[b] + ei[b] * wl[b]);
      } else if (f->A) {
        const double *Ai = f->A + (size_t)i * ld, *Al = f->A + (size_t)l * ld;
        BR_SIMD
        for (int b = 0; b < n; b++)
          row[b] = times * root[b] * (f->phi[b] * B[b] + Vi[b] * Al[b] + Ai[b] * Vl[b]);
      } else {
        BR_SIMD
        for (int b = 0; b < n; b++) row[b] = times * root[b] * f->phi[b] * B[b];
      }
      if (i == l) {
        BR_SIMD
        for (int b = 0; b < n; b++) sum[b] -= row[b];
      }
    }
  for (int b = 0; b < n; b++) force[b] = sqrt(o->weight[b]) * sum[b];
  if (!o->steep) return;
  for (int i = 0; i < d; i++) {
    const double *Vi = V + (size_t)i * ld;
    const double *Ai = f->A ? f->A + (size_t)i * ld : NULL;
    double *row = o->steep + ((size_t)j * d + i) * ld;
    if (Ai) {
      BR_SIMD
      for (int b = 0; b < n; b++) row[b] = root[b] * (f->phi[b] * Vi[b] + Ai[b]);
    } else {
      BR_SIMD
      for (int b = 0; b < n; b++) row[b] = root[b] * f->phi[b] * Vi[b];
    }
  }
}

/* v_k and L^{-1} v_k, over theta; bend = L^{-1} (Q_k + v_k v_k'/theta) L^{-T}, packed. w is work.
 */
BR_TARGET static void bend_of(const br_quadratics *r, int k, int n, int ld, const double *unit,
                              const double *move, double *v, double *V, double *w, double *bend) {
  const int d = r->d;
  const double cool = 1 / r->theta;
  double one[BR_LANES], warm[BR_LANES];
  for (int b = 0; b < n; b++) {
    one[b] = 1;
    warm[b] = r->theta;
  }
  for (int i = 0; i < d; i++) {
    const double *from = move + ((size_t)k * d + i) * ld;
    double *vi = v + (size_t)i * ld, *Vi = V + (size_t)i * ld;
    BR_SIMD
    for (int b = 0; b < n; b++) {
      vi[b] = cool * from[b];
      Vi[b] = 0;
    }
    for (int l = 0; l <= i; l++) {
      const double *vl = v + (size_t)l * ld, *e = unit + ((size_t)l * d + i) * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) Vi[b] += e[b] * vl[b];
    }
  }
  for (size_t i = 0; i < BR_PACKED_SIZE(d); i++)
    for (int b = 0; b < n; b++) bend[i * ld + b] = 0;
  add_outer(d, 0, n, ld, warm, V, bend);
  for (int j = 0; j < d; j++) {
    half_root(r, k, j, n, ld, unit, w);
    add_outer(d, j, n, ld, one, w, bend);
  }
}

BR_TARGET static void fill_rows(size_t rows, int n, int ld, double value, double *a) {
  for (size_t i = 0; i < rows; i++)
    for (int b = 0; b < n; b++) a[i * ld + b] = value;
}

/* The features of the quadratic k: of its root, its slopes and its constant. */
BR_TARGET static void quadratic_jets(const br_quadratics *r, int k, const br_jets *o,
                                     const double *root, const double *unit, const double *v,
                                     const double *V, const double *bend, double *w, double *a,
                                     double *A) {
  const int d = r->d, n = o->n, ld = o->ld, first = 1 + k * BR_QUADRATIC_COEFS(r);
  double z[BR_LANES], phi[BR_LANES];
  for (int j = 0; j < d; j++) {
    root_product(r, k, j, n, ld, o->x, z);
    half_root(r, k, j, n, ld, unit, w);
    for (int i = j; i < root_end(r, j); i++) {
      const double *xi = o->x + (size_t)i * ld, *e = unit + (size_t)i * d * ld;
      BR_SIMD
      for (int b = 0; b < n; b++) phi[b] = z[b] * xi[b];
      for (int l = 0; l < d; l++) {
        double *al = a + (size_t)l * ld, *Al = A + (size_t)l * ld;
        const double *wl = w + (size_t)l * ld, *el = e + (size_t)l * ld;
        const double entry = l >= j && l < root_end(r, j) ? root_entry(r, k, l, j) : 0;
        BR_SIMD
        for (int b = 0; b < n; b++) {
          al[b] = entry * xi[b] + (l == i ? z[b] : 0);
          Al[b] = xi[b] * wl[b] + z[b] * el[b];
        }
      }
      const softmax_feature f = {phi, a, A, w, e};
      emit(o, first + (r->full ? (int)BR_PACKED(i, j) : i), d, &f, root, v, V, bend);
    }
  }
  for (int i = 0; i < d + r->given; i++) {
    softmax_feature f = {.phi = o->x + (size_t)i * ld};
    if (i < d) {
      fill_rows((size_t)d, n, ld, 0, a);
      fill_rows(1, n, ld, 1, a + (size_t)i * ld);
      f.a = a;
      f.A = unit + (size_t)i * d * ld;
    }
    emit(o, first + BR_ROOT_COEFS(r) + i, d, &f, root, v, V, bend);
  }
  fill_rows(1, n, ld, 1, phi);
  const softmax_feature f = {.phi = phi};
  emit(o, first + BR_ROOT_COEFS(r) + d + r->given, d, &f, root, v, V, bend);
}

BR_TARGET static void softmax_jets(const br_quadratics *r, const br_jets *o, const double *share,
                                   const double *height, const double *move, double *work) {
  const int d = r->d, n = o->n, ld = o->ld;
  const size_t rows = (size_t)d * ld, packed = BR_PACKED_SIZE(d) * ld;
  double *unit = work, *v = unit + d * rows, *V = v + rows, *w = V + rows, *a = w + rows;
  double *A = a + rows, *bend = A + rows, *mean = bend + packed, *cross = mean + packed;
  double *g = a, *G = A; /* of the temperature, while these are free */
  double omega[BR_LANES], one[BR_LANES], root[BR_LANES], with_V[BR_LANES];
  fill_rows(1, n, ld, 1, one);
  fill_rows((size_t)d, n, ld, 0, g);
  fill_rows((size_t)d, n, ld, 0, G);
  fill_rows(BR_PACKED_SIZE(d), n, ld, 0, mean);
  fill_rows(BR_PACKED_SIZE(d), n, ld, 0, cross);
  for (int b = 0; b < n; b++) omega[b] = sqrt(o->weight[b]);
  for (int i = 0; i < d; i++) {
    double *e = unit + (size_t)i * rows;
    fill_rows((size_t)d, n, ld, 0, e);
    fill_rows(1, n, ld, 1, e + (size_t)i * ld);
    forward(d, n, ld, o->factor, e);
  }
  /* the temperature moves s by theta times the entropy of p */
  for (int k = 0; k < r->n; k++) {
    const double *p = share + (size_t)k * ld, *f = height + (size_t)k * ld;
    bend_of(r, k, n, ld, unit, move, v, V, w, bend);
    BR_SIMD
    for (int b = 0; b < n; b++) {
      root[b] = -p[b] * f[b];
      with_V[b] = -r->theta * p[b];
    }
    for (size_t i = 0; i < (size_t)d; i++) BR_SIMD
    for (int b = 0; b < n; b++) {
      g[i * ld + b] += root[b] * v[i * ld + b];
      G[i * ld + b] += root[b] * V[i * ld + b];
    }
    for (size_t i = 0; i < BR_PACKED_SIZE(d); i++) BR_SIMD
    for (int b = 0; b < n; b++) {
      mean[i * ld + b] += p[b] * bend[i * ld + b];
      cross[i * ld + b] += root[b] / r->theta * bend[i * ld + b];
    }
    add_outer(d, 0, n, ld, with_V, V, cross);
  }
  const softmax_feature temperature = {.phi = one};
  emit(o, 0, d, &temperature, omega, g, G, cross);
  for (int k = 0; k < r->n; k++) {
    const double *p = share + (size_t)k * ld;
    bend_of(r, k, n, ld, unit, move, v, V, w, bend);
    for (size_t i = 0; i < BR_PACKED_SIZE(d); i++) BR_SIMD
    for (int b = 0; b < n; b++) bend[i * ld + b] = (bend[i * ld + b] - mean[i * ld + b]) / r->theta;
    BR_SIMD
    for (int b = 0; b < n; b++) root[b] = omega[b] * p[b];
    quadratic_jets(r, k, o, root, unit, v, V, bend, w, a, A);
  }
}
