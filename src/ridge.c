#include "ridge.h"

#include "linalg.h"
#include "ridge_barrier.h"
#include "simd.h"

#include <math.h>
#include <string.h>

static br_ridge *self(const br_potential *u) { return u->self; }

int br_ridge_first_atom(const br_potential *u) { return self(u)->n_linear + self(u)->n_quadratic; }

const double *br_ridge_direction(const br_potential *u, int j) {
  return self(u)->dir + (size_t)j * (u->d + u->given);
}

static br_atoms atoms_of(const br_potential *u) {
  const br_ridge *r = self(u);
  int first = br_ridge_first_atom(u);
  br_atoms atoms = {r->d,
                    r->given,
                    r->n_atoms,
                    r->profile + first,
                    br_ridge_direction(u, first),
                    r->centre + first,
                    r->width + first,
                    u->coef + first};
  return atoms;
}

static void prepare(br_potential *u);

/* --- making ------------------------------------------------------------- */

void br_ridge_make(br_potential *u, int d, int given, int max_quadratic, int max_atoms,
                   double kappa, br_workspace *ws) {
  int n_linear = d * (1 + given), max_coef = n_linear + max_quadratic + max_atoms;
  br_ridge *r = (br_ridge *)br_take(ws, (sizeof(br_ridge) + 7) / 8);
  r->d = d;
  r->given = given;
  r->n_linear = n_linear;
  r->max_coef = max_coef;
  r->kappa = kappa;
  r->dir = br_take(ws, (size_t)(d + given) * max_coef);
  r->profile = br_take_int(ws, max_coef);
  r->centre = br_take(ws, max_coef);
  r->width = br_take(ws, max_coef);
  r->dual = br_take(ws, max_coef);
  r->dual_Q = br_take(ws, (size_t)d * d);
  r->Q = br_take(ws, BR_PACKED_SIZE(d));
  r->work =
      br_take(ws, 4 * (size_t)d * d + 8 * (size_t)d + (size_t)max_quadratic * (max_quadratic + 1) +
                      (size_t)d * max_quadratic);
  u->family = &br_ridge_family;
  u->d = d;
  u->given = given;
  u->n_coef = n_linear;
  u->coef = br_take(ws, max_coef);
  u->frozen = br_take_int(ws, max_coef);
  u->self = r;
  for (int j = 0; j < n_linear; j++) r->dir[(size_t)j * (d + given) + j % d] = 1;
  for (int k = 0; k < d; k++) br_ridge_add_quadratic(u, br_ridge_direction(u, k), 1);
}

/* w has so many entries; the rest are 0. */
static void insert(br_potential *u, int at, br_profile profile, const double *w, int entries,
                   double centre, double width, double coef) {
  br_ridge *r = self(u);
  size_t rows = r->d + r->given, after = u->n_coef - at;
  memmove(r->dir + (at + 1) * rows, r->dir + at * rows, after * rows * sizeof(double));
  memmove(r->profile + at + 1, r->profile + at, after * sizeof(int));
  memmove(r->centre + at + 1, r->centre + at, after * sizeof(double));
  memmove(r->width + at + 1, r->width + at, after * sizeof(double));
  memmove(r->dual + at + 1, r->dual + at, after * sizeof(double));
  memmove(u->coef + at + 1, u->coef + at, after * sizeof(double));
  memmove(u->frozen + at + 1, u->frozen + at, after * sizeof(int));
  memset(r->dir + at * rows, 0, rows * sizeof(double));
  memcpy(r->dir + at * rows, w, entries * sizeof(double));
  r->profile[at] = profile;
  r->centre[at] = centre;
  r->width[at] = width;
  r->dual[at] = 0;
  u->coef[at] = coef;
  u->frozen[at] = 0;
  u->n_coef++;
}

static double dot(int d, const double *a, const double *b) {
  double sum = 0;
  for (int k = 0; k < d; k++) sum += a[k] * b[k];
  return sum;
}

void br_ridge_add_quadratic(br_potential *u, const double *w, double coef) {
  br_ridge *r = self(u);
  for (int k = 0; k < r->n_quadratic; k++)
    if (1 - fabs(dot(r->d, w, br_ridge_direction(u, r->n_linear + k))) < 1e-6) {
      u->coef[r->n_linear + k] += coef;
      return;
    }
  insert(u, br_ridge_first_atom(u), BR_BUMP, w, r->d, 0, 1, coef);
  r->n_quadratic++;
}

void br_ridge_add_atom(br_potential *u, br_profile profile, const double *w, double centre,
                       double width, double coef) {
  insert(u, u->n_coef, profile, w, u->d + u->given, centre, width, coef);
  self(u)->n_atoms++;
}

void br_ridge_load(br_potential *u, int n_quadratic, int n_atoms, const double *dir,
                   const int *profile, const double *centre, const double *width,
                   const double *coef) {
  br_ridge *r = self(u);
  size_t first = r->n_linear, rows = r->d + r->given, terms = (size_t)n_quadratic + n_atoms;
  r->n_quadratic = n_quadratic;
  r->n_atoms = n_atoms;
  u->n_coef = (int)(first + terms);
  memcpy(r->dir + first * rows, dir, rows * terms * sizeof(double));
  memcpy(r->profile + first, profile, terms * sizeof(int));
  memcpy(r->centre + first, centre, terms * sizeof(double));
  memcpy(r->width + first, width, terms * sizeof(double));
  memset(r->dual + first, 0, terms * sizeof(double));
  memset(r->dual_Q, 0, (size_t)r->d * r->d * sizeof(double));
  memcpy(u->coef, coef, (first + terms) * sizeof(double));
  prepare(u);
}

void br_ridge_copy(br_potential *u, const br_potential *from) {
  const br_ridge *r = self(from);
  int first = r->n_linear;
  br_ridge_load(u, r->n_quadratic, r->n_atoms, br_ridge_direction(from, first), r->profile + first,
                r->centre + first, r->width + first, from->coef);
  memcpy(u->frozen, from->frozen, from->n_coef * sizeof(int));
}

void br_ridge_truncate(br_potential *u, int atoms) {
  self(u)->n_atoms -= atoms;
  u->n_coef -= atoms;
}

void br_ridge_keep(br_potential *u, const int *keep) {
  br_ridge *r = self(u);
  int first = br_ridge_first_atom(u), to = first;
  size_t rows = r->d + r->given;
  for (int j = 0; j < r->n_atoms; j++) {
    if (!keep[j]) continue;
    int from = first + j;
    memmove(r->dir + to * rows, r->dir + from * rows, rows * sizeof(double));
    r->profile[to] = r->profile[from];
    r->centre[to] = r->centre[from];
    r->width[to] = r->width[from];
    r->dual[to] = r->dual[from];
    u->frozen[to] = u->frozen[from];
    u->coef[to++] = u->coef[from];
  }
  r->n_atoms = to - first;
  u->n_coef = to;
}

/* --- evaluation --------------------------------------------------------- */

static void prepare(br_potential *u) {
  br_ridge *r = self(u);
  int d = r->d;
  memset(r->Q, 0, BR_PACKED_SIZE(d) * sizeof(double));
  for (int k = r->n_linear; k < br_ridge_first_atom(u); k++) {
    const double *w = br_ridge_direction(u, k);
    for (int i = 0; i < d; i++)
      for (int j = 0; j <= i; j++) r->Q[BR_PACKED(i, j)] += u->coef[k] * w[i] * w[j];
  }
}

static size_t scratch_size(const br_potential *u, int ld, int keep) {
  /* of these the quadratic features leave 2 d rows to spare for full jets */
  return 2 * (size_t)ld * (keep ? self(u)->max_coef - self(u)->n_linear + 1 : 1);
}

static void eval(const br_potential *u, int n, int ld, const double *x, double *map, double *hess,
                 double *scratch, int keep) {
  const br_ridge *r = self(u);
  br_atoms atoms = atoms_of(u);
  double *slope = scratch, *curve = scratch + (size_t)ld * (keep ? r->n_atoms + 1 : 1);
  br_simd()->affine(r->d, r->given, n, ld, u->coef, r->Q, x, map, hess);
  br_simd()->atoms(&atoms, n, ld, x, map, hess, slope, curve, keep);
}

/* psi_j, j beyond the linear ones, in row; t is scratch. */
static void feature(const br_potential *u, int j, int n, int ld, const double *x, double *row,
                    double *t) {
  const br_ridge *r = self(u);
  const br_kernels *kernels = br_simd();
  const double *w = br_ridge_direction(u, j);
  double c = r->centre[j], a = r->width[j];
  int is_atom = j >= br_ridge_first_atom(u), is_gate = is_atom && r->profile[j] == BR_GATE;
  if (is_gate) kernels->project(r->given, n, ld, w + r->d, x + (size_t)r->d * ld, t);
  else kernels->project(r->d + r->given, n, ld, w, x, t);
  if (!is_atom) {
    for (int b = 0; b < n; b++) row[b] = 0.5 * t[b] * t[b];
    return;
  }
  for (int b = 0; b < n; b++) t[b] = (t[b] - c) / a;
  kernels->profile((br_profile)r->profile[j], (size_t)n, t, row);
  if (is_gate) {
    kernels->project(r->d, n, ld, w, x, t);
    for (int b = 0; b < n; b++) row[b] *= 0.5 * t[b] * t[b];
  } else {
    for (int b = 0; b < n; b++) row[b] *= a * a;
  }
}

static void value(const br_potential *u, int n, int ld, const double *x, double *value,
                  double *scratch) {
  const br_ridge *r = self(u);
  double *t = scratch, *row = scratch + ld;
  br_simd()->project(r->d, n, ld, u->coef, x, value);
  for (int l = 1; l <= r->given; l++) {
    br_simd()->project(r->d, n, ld, u->coef + l * r->d, x, t);
    for (int b = 0; b < n; b++) value[b] += t[b] * x[(size_t)(r->d + l - 1) * ld + b];
  }
  for (int j = r->n_linear; j < u->n_coef; j++) {
    feature(u, j, n, ld, x, row, t);
    for (int b = 0; b < n; b++) value[b] += u->coef[j] * row[b];
  }
}

static void features(const br_potential *u, int n, int ld, const double *x, double *values,
                     double *scratch) {
  const br_ridge *r = self(u);
  for (int j = 0; j < r->n_linear; j++) {
    const double *xk = x + (size_t)(j % r->d) * ld;
    double *row = values + (size_t)j * ld;
    if (j < r->d) {
      memcpy(row, xk, n * sizeof(double));
    } else {
      const double *covariate = x + (size_t)(j / r->d - 1 + r->d) * ld;
      for (int b = 0; b < n; b++) row[b] = xk[b] * covariate[b];
    }
  }
  for (int j = r->n_linear; j < u->n_coef; j++)
    feature(u, j, n, ld, x, values + (size_t)j * ld, scratch);
}

/* The rows of a linear or curved feature in full, from sqrt(omega) slope_j and, of curved ones,
 * omega^(1/4) sqrt(curve_j) L^{-1} w_j. */
static void in_full(const br_jets *o, int d, int j, const double *w, const double *slope,
                    const double *curve) {
  const int n = o->n, ld = o->ld;
  double *rows = o->slope + (size_t)j * BR_JET_ROWS(d) * ld, *packed = rows + (size_t)d * ld;
  for (int i = 0; i < d; i++)
    for (int b = 0; b < n; b++) rows[(size_t)i * ld + b] = w[i] * slope[b];
  for (int i = 0; i < d; i++)
    for (int l = 0; l <= i; l++) {
      const double times = i == l ? 1 : 1.41421356237309505;
      double *entry = packed + BR_PACKED(i, l) * ld;
      for (int b = 0; b < n; b++)
        entry[b] = curve ? times * curve[(size_t)i * ld + b] * curve[(size_t)l * ld + b] : 0;
    }
}

static void jets(const br_potential *u, const br_jets *o, double *scratch) {
  const br_ridge *r = self(u);
  const br_kernels *kernels = br_simd();
  int d = r->d, n = o->n, ld = o->ld, first = br_ridge_first_atom(u);
  const double *slopes = scratch, *curves = scratch + (size_t)ld * (r->n_atoms + 1);
  double *spare = scratch + 2 * (size_t)ld * (r->n_atoms + 1);
  double root[BR_LANES], scale[BR_LANES], tau[BR_LANES], own[BR_LANES];
  for (int b = 0; b < n; b++) root[b] = sqrt(o->weight[b]);
  for (int j = 0; j < u->n_coef; j++) {
    const double *w = br_ridge_direction(u, j);
    double *slope = o->full ? own : o->slope + (size_t)j * ld;
    double *curve =
        o->full || j < r->n_linear ? spare : o->curve + (size_t)(j - r->n_linear) * d * ld;
    double *force = o->force + (size_t)j * ld;
    kernels->project(d, n, ld, w, o->map, tau);
    if (j < d) {
      for (int b = 0; b < n; b++) slope[b] = root[b];
    } else if (j < r->n_linear) {
      const double *covariate = o->x + (size_t)(j / d - 1 + d) * ld;
      for (int b = 0; b < n; b++) slope[b] = root[b] * covariate[b];
    } else if (j < first) {
      kernels->project(d, n, ld, w, o->x, slope);
      for (int b = 0; b < n; b++) {
        slope[b] *= root[b];
        scale[b] = sqrt(root[b]);
      }
    } else {
      const double *slope_j = slopes + (size_t)(j - first) * ld;
      const double *curve_j = curves + (size_t)(j - first) * ld;
      for (int b = 0; b < n; b++) {
        slope[b] = root[b] * slope_j[b];
        scale[b] = sqrt(root[b] * curve_j[b]);
      }
    }
    for (int b = 0; b < n; b++) force[b] = root[b] * slope[b] * tau[b];
    if (j >= r->n_linear) {
      kernels->half_solve(d, n, ld, o->factor, w, scale, curve);
      for (int k = 0; k < d; k++) {
        const double *row = curve + (size_t)k * ld;
        for (int b = 0; b < n; b++) force[b] -= root[b] * row[b] * row[b];
      }
    }
    if (o->full) in_full(o, d, j, w, slope, j < r->n_linear ? NULL : curve);
    if (o->steep) kernels->half_solve(d, n, ld, o->factor, w, slope, o->steep + (size_t)j * d * ld);
  }
}

static void scale_by_directions(const br_potential *u, double *M, int ldm) {
  const br_ridge *r = self(u);
  for (int j = 0; j < u->n_coef; j++)
    for (int l = j; l < u->n_coef; l++)
      M[(size_t)j * ldm + l] *= dot(r->d, br_ridge_direction(u, j), br_ridge_direction(u, l));
}

static int n_linear(const br_potential *u) { return self(u)->n_linear; }

/* --- the rest, and the table ------------------------------------------------ */

static double min_eigenvalue(br_potential *u) {
  br_ridge *r = self(u);
  return br_min_eigenvalue(r->d, r->Q, r->work);
}

const br_family br_ridge_family = {
    .name = "ridge",
    .linear = 1,
    .rank_one = 1,
    .prepare = prepare,
    .scratch_size = scratch_size,
    .eval = eval,
    .value = value,
    .features = features,
    .jets = jets,
    .scale_by_directions = scale_by_directions,
    .n_linear = n_linear,
    .barrier = br_ridge_barrier,
    .penalty = br_ridge_penalty,
    .barrier_parameter = br_ridge_barrier_parameter,
    .max_step = br_ridge_max_step,
    .follow = br_ridge_follow,
    .dual_minimum = br_ridge_dual_minimum,
    .min_eigenvalue = min_eigenvalue,
};
