#include "grid_particles.h"

#include <math.h>

#include "threads.h"

int br_particle_fields(int d, int noise) { return noise ? d + d * (d + 1) / 2 : d; }

/* Where entry (k, l) of a symmetric matrix is. */
static int packed(int k, int l) { return k > l ? k * (k + 1) / 2 + l : l * (l + 1) / 2 + k; }

static double slope(const br_grid *x, const double *v, int k) {
  const ptrdiff_t s = (ptrdiff_t)x->stride[k];
  return (v[s] - v[-s]) / (2 * x->step[k]);
}

static void factor(int d, const double *a, double *root) {
  for (int k = 0; k < d; k++)
    for (int l = 0; l <= k; l++) {
      double value = a[packed(k, l)];
      for (int j = 0; j < l; j++) value -= root[packed(k, j)] * root[packed(l, j)];
      root[packed(k, l)] = k == l ? sqrt(fmax(value, 0)) : value / root[packed(l, l)];
    }
}

void br_particle_drift(br_pma *p, int noise, double *fields) {
  const br_grid *x = &p->x;
  const int d = x->d, pairs = d * (d + 1) / 2, columns = br_particle_fields(d, noise);
  double *a_at[6], *log_mu = p->delta;
  for (int k = 0; k < d; k++)
    for (int l = 0; l <= k; l++) a_at[packed(k, l)] = br_multigrid_k(&p->solver, k, l);
  for (int r = 0; r < x->rows; r++) {
    const size_t at = br_grid_row(x, r);
    const double *mu = p->mu + (size_t)r * (size_t)x->n[0];
    for (int i = 0; i < x->n[0]; i++) {
      for (int q = 0; q < pairs; q++) a_at[q][at + i] /= p->rho[at + i];
      log_mu[at + i] = noise ? log(mu[i]) : 0;
    }
  }
  /* r has no slope across the faces, mu and A may have one */
  br_grid_reflect(x, p->r);
  if (noise) {
    br_grid_extrapolate(x, log_mu, 2);
    for (int q = 0; q < pairs; q++) br_grid_extrapolate(x, a_at[q], 2);
  }
  const double sign = noise ? 1 : -1, *along = noise ? log_mu : p->r;
  const int threads = br_grid_threads(x, 100);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (int r = 0; r < x->rows; r++) {
    double *out = fields + (size_t)r * x->n[0] * columns, a[6] = {0};
    for (size_t at = br_grid_row(x, r), end = at + (size_t)x->n[0]; at < end;
         at++, out += columns) {
      for (int q = 0; q < pairs; q++) a[q] = a_at[q][at];
      for (int k = 0; k < d; k++) {
        out[k] = 0;
        for (int l = 0; l < d; l++) {
          out[k] += sign * a[packed(k, l)] * slope(x, along + at, l);
          if (noise) out[k] += slope(x, a_at[packed(k, l)] + at, l);
        }
      }
      if (noise) factor(d, a, out + d);
    }
  }
}

/* The corners of the cell of centres around a point: linear beyond the outermost centres. */
typedef struct {
  size_t cell[8];
  double share[8];
  int corners;
} place;

static void locate(const br_grid *x, const double *at, place *out) {
  out->corners = 1;
  out->cell[0] = 0;
  out->share[0] = 1;
  size_t stride = 1;
  for (int k = 0; k < x->d; k++) {
    const int n = x->n[k];
    const double v = (at[k] - x->lower[k]) / x->step[k] - 0.5;
    int i = (int)floor(v);
    if (!x->periodic) i = i < 0 ? 0 : i > n - 2 ? n - 2 : i;
    const double weight = v - i;
    const size_t low = (size_t)(i < 0 ? n - 1 : i) * stride;
    const size_t high = (size_t)(i + 1 < n ? i + 1 : 0) * stride;
    for (int c = 0; c < out->corners; c++) {
      out->cell[out->corners + c] = out->cell[c] + high;
      out->share[out->corners + c] = out->share[c] * weight;
      out->cell[c] += low;
      out->share[c] *= 1 - weight;
    }
    out->corners *= 2;
    stride *= (size_t)n;
  }
}

static void gather(const place *p, const double *fields, int columns, int used, double weight,
                   double *value) {
  for (int c = 0; c < p->corners; c++) {
    const double *f = fields + p->cell[c] * (size_t)columns, share = weight * p->share[c];
    for (int q = 0; q < used; q++) value[q] += share * f[q];
  }
}

/* The first `used` fields at a point and a part of the way in time. */
static void fields_at(const br_particles *s, const double *at, double part, int used,
                      double *value) {
  const int columns = br_particle_fields(s->x.d, s->noise);
  place p;
  locate(&s->x, at, &p);
  for (int q = 0; q < used; q++) value[q] = 0;
  if (part < 1) gather(&p, s->from, columns, used, 1 - part, value);
  if (part > 0) gather(&p, s->to, columns, used, part, value);
}

/* Back into the box, by reflection or round the torus; turned[k] is -1 where axis k is mirrored. */
static void fold(const br_grid *x, double *at, double *turned) {
  for (int k = 0; k < x->d; k++) {
    const double size = x->n[k] * x->step[k], end = x->lower[k] + size;
    double v = at[k] - x->lower[k];
    turned[k] = 1;
    if (x->periodic) {
      v -= size * floor(v / size);
    } else {
      v -= 2 * size * floor(v / (2 * size));
      if (v > size) {
        v = 2 * size - v;
        turned[k] = -1;
      }
    }
    at[k] = fmin(x->lower[k] + fmax(v, 0), end); /* whatever the rounding */
  }
}

static void move_one(const br_particles *s, int step, const double *normal, size_t n, double *at) {
  const int d = s->x.d;
  double here[BR_PARTICLE_FIELDS], there[BR_GRID_AXES], next[BR_GRID_AXES], noise[BR_GRID_AXES];
  double turned[BR_GRID_AXES];
  fields_at(s, at, (double)step / s->steps, br_particle_fields(d, s->noise), here);
  for (int k = 0; k < d; k++) {
    noise[k] = 0;
    for (int l = 0; s->noise && l <= k; l++)
      noise[k] += sqrt(2 * s->step) * here[d + packed(k, l)] * normal[(size_t)l * n];
    next[k] = at[k] + s->step * here[k] + noise[k];
  }
  fold(&s->x, next, turned);
  fields_at(s, next, (step + 1.0) / s->steps, d, there);
  for (int k = 0; k < d; k++) at[k] += s->step / 2 * (here[k] + turned[k] * there[k]) + noise[k];
  fold(&s->x, at, turned);
}

void br_particles_move(const br_particles *s, size_t n, double *at, const double *normal) {
  const int d = s->x.d;
  const int threads = br_threads_for(300.0 * (double)n * s->steps);
  (void)threads;
  BR_OMP(parallel for num_threads(threads))
  for (size_t i = 0; i < n; i++) {
    double point[BR_GRID_AXES];
    for (int k = 0; k < d; k++) point[k] = at[(size_t)k * n + i];
    for (int j = 0; j < s->steps; j++)
      move_one(s, j, normal ? normal + (size_t)j * n * (size_t)d + i : NULL, n, point);
    for (int k = 0; k < d; k++) at[(size_t)k * n + i] = point[k];
  }
}
