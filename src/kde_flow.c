#include "kde_flow.h"

#include <math.h>
#include <string.h>

const br_flow_row br_flow_table[BR_N_FLOWS] = {
    [BR_FLOW_PLUGIN] = {"plugin", .data = 1},
    [BR_FLOW_MIXTURE] = {"mixture", .descends = 1, .data = 1, .at_data = 1, .held = 3},
    [BR_FLOW_DATA] = {"data", .descends = 1, .data = 1, .at_data = 1, .held = 2},
    [BR_FLOW_PARTICLE] = {"particle", .descends = 1, .data = 1, .held = 1},
    [BR_FLOW_SMOOTH] = {"smooth", .descends = 1, .data = 1},
    [BR_FLOW_BREGMAN] = {"bregman", .descends = 1, .data = 1, .at_data = 1, .held = 1},
    [BR_FLOW_MMD] = {"mmd", .descends = 1, .data = 1, .at_data = 1},
    [BR_FLOW_ENERGY] = {"energy", .descends = 1, .data = 1},
    [BR_FLOW_SLICED] = {"sliced", .descends = 1, .data = 1},
    [BR_FLOW_BLOB] = {"blob", .descends = 1, .held = 1},
    [BR_FLOW_KNOWN] = {"known", .descends = 0},
    [BR_FLOW_SVGD] = {"svgd", .descends = 0},
    [BR_FLOW_KSD] = {"ksd", .descends = 1},
};

int br_flow_find(const char *name) {
  for (int k = 0; k < BR_N_FLOWS; k++)
    if (strcmp(br_flow_table[k].name, name) == 0) return k;
  return -1;
}

/* What one evaluation shares: the clouds, the pairs of particles with each other, with the data,
 * and of the data with the particles; scratch. */
typedef struct {
  const br_flow *flow;
  const double *x;
  br_flow_state *state;
  br_cloud particles, data;
  br_pairs self, across, back;
  double *log_b;          /* m: log weights of the data */
  double *grad, *grad2;   /* n x d */
  double *a, *w;          /* the longer of n and m */
  double *alone;          /* n, where the self term is left out: whether the rest was too small */
  double *columns, *sums; /* the longer of n and m, times d + 1 */
  /* powers that are held: of self and of across, with the sums of own_density(), of log p and its
   * gradient, and of q at the data; where there are none the sums are NULL */
  br_kept own_powers, data_powers;
  double *own_sums, *data_sums, *back_sums;
  br_workspace *ws;
} work;

/* --- smoothing with a gradient ------------------------------------------------------------ */

/* The caller's points of a cloud, which may hold them in an order of its own. */
static const double *points_of(const work *k, const br_cloud *cloud) {
  return cloud == &k->particles ? k->x : k->flow->y;
}

/* Sums of k and of grad_x k in one sweep, for kernels whose gradient is affine in the centre: those
 * of these columns, the weights (ones if NULL) and each times the centre, */
static void load_affine(work *k, const br_pairs *p, const double *weight) {
  const size_t m = p->m;
  const double *y = points_of(k, p->y);
  for (size_t j = 0; j < m; j++) k->columns[j] = weight ? weight[j] : 1;
  for (int c = 0; c < k->flow->d; c++) /* less the origin, 0 for vmf: the digits of the mean */
    for (size_t j = 0; j < m; j++)
      k->columns[(size_t)(c + 1) * m + j] =
          k->columns[j] * (y[(size_t)c * m + j] - p->y->origin[c]);
}

/* and the gradient of the first of these. */
static void affine_gradient(const work *k, const br_pairs *p, const double *sums, double *grad) {
  const size_t n = p->n;
  const int vmf = p->kernel == BR_VMF;
  const double h2 = p->scale * p->scale, *x = points_of(k, p->x);
  for (int c = 0; c < k->flow->d; c++) {
    const double *mean = sums + (size_t)(c + 1) * n;
    for (size_t i = 0; i < n; i++) {
      const double at = vmf ? 0 : x[(size_t)c * n + i] - p->x->origin[c];
      grad[(size_t)c * n + i] = (mean[i] - at * sums[i]) / h2;
    }
  }
}

/* lse_i += log sums_i, and grad is then that of the logarithm. */
static void take_log(const work *k, size_t n, const double *sums, double *lse, double *grad) {
  for (size_t i = 0; i < n; i++) lse[i] += log(sums[i]);
  for (int c = 0; c < k->flow->d; c++)
    for (size_t i = 0; i < n; i++) grad[(size_t)c * n + i] /= sums[i];
}

static int affine(const br_pairs *p) { return p->kernel == BR_GAUSSIAN || p->kernel == BR_VMF; }

/* lse_i and its gradient. With a guess in lse one sweep is enough, unless the guess is so poor that
 * powers leave the range of doubles. */
static br_status smooth(work *k, br_pairs *p, const double *log_weight, double *lse, double *grad) {
  const size_t n = p->n;
  const int guessed = k->state->guessed;
  const double *held = p == &k->self ? k->own_sums : k->data_sums;
  br_status status;
  if (held) {
    affine_gradient(k, p, held, grad);
    memset(lse, 0, n * sizeof(double));
    take_log(k, n, held, lse, grad);
    return BR_OK;
  }
  if (guessed && affine(p)) {
    load_affine(k, p, NULL);
    status = br_pairs_sum(p, BR_VALUE, log_weight, lse, k->flow->d + 1, k->columns, k->sums);
    int sound = status == BR_OK;
    for (size_t i = 0; i < n && sound; i++) sound = k->sums[i] > 1e-200 && k->sums[i] < 1e200;
    if (sound) {
      affine_gradient(k, p, k->sums, grad);
      take_log(k, n, k->sums, lse, grad);
      return BR_OK;
    }
  }
  status = br_pairs_lse(p, log_weight, guessed ? lse : NULL, lse);
  if (status != BR_OK) return status;
  return br_pairs_gradient(p, log_weight, lse, NULL, grad);
}

/* velocity_i -= factor * sum_a exp(-lse_a) c_a grad k(x_i, e_a) over the pairs (x_i, e_a). c is in
 * k->a, minus the lse in k->w. */
static br_status gather(work *k, br_pairs *p, double factor) {
  const size_t size = k->flow->n * (size_t)k->flow->d;
  const int own = p == &k->self;
  br_status status = BR_OK;
  if (own ? k->own_sums : k->data_sums) {
    for (size_t j = 0; j < p->m; j++) k->w[j] = exp(k->w[j]) * k->a[j];
    load_affine(k, p, k->w);
    br_kept_sum(own ? &k->own_powers : &k->data_powers, k->flow->d + 1, k->columns, k->sums);
    affine_gradient(k, p, k->sums, k->grad2);
  } else {
    status = br_pairs_gradient(p, k->w, NULL, k->a, k->grad2);
  }
  for (size_t i = 0; i < size; i++) k->state->velocity[i] -= factor * k->grad2[i];
  return status;
}

/* Below this share of the self term the rest of a sum is taken term by term. */
static const double least_rest = 1e-2;

/* The number of centres of q at a particle. */
static double centres(const br_flow *f) { return (double)(f->n - (f->leave_out ? 1 : 0)); }

/* log k(x_i, x_i): 0, but for products of spheres, where |x|^2 is the number of them. */
static double log_self(const work *k, size_t i) {
  const br_flow *f = k->flow;
  if (f->kernel != BR_VMF) return 0;
  double square = 0;
  for (int c = 0; c < f->d; c++) square += k->x[(size_t)c * f->n + i] * k->x[(size_t)c * f->n + i];
  return (square - 1) / (f->scale * f->scale);
}

/* log q at the particles and its gradient, with or without the self term, which has no gradient
 * (but for vmf one across the sphere, where nothing moves). */
static br_status own_density(work *k, double *grad) {
  const br_flow *f = k->flow;
  const size_t n = f->n;
  const double log_n = log(centres(f));
  double *lse = k->state->log_q;
  if (k->state->guessed)
    for (size_t i = 0; i < n; i++) {
      lse[i] += log_n;
      if (!f->leave_out) continue;
      const double own = log_self(k, i), rest = lse[i] - own;
      lse[i] = own + (rest > 0 ? rest + log1p(exp(-rest)) : log1p(exp(rest)));
    }
  const br_status status = smooth(k, &k->self, NULL, lse, grad);
  if (status != BR_OK) return status;
  for (size_t i = 0; i < n && f->leave_out; i++) {
    const double own = log_self(k, i), rest = expm1(lse[i] - own);
    k->alone[i] = rest < least_rest;
    if (k->alone[i]) {
      lse[i] = own + br_flow_others(f, k->x, i, grad);
      continue;
    }
    for (int c = 0; c < f->d; c++) grad[(size_t)c * n + i] *= 1 + 1 / rest;
    lse[i] = own + log(rest);
  }
  for (size_t i = 0; i < n; i++) lse[i] -= log_n;
  return BR_OK;
}

/* What the particles do to the densities at each other: gather() over themselves, c in k->a. */
static br_status gather_own(work *k, double factor) {
  const br_flow *f = k->flow;
  const size_t n = f->n;
  const double log_n = log(centres(f));
  double *log_q = k->state->log_q;
  for (size_t i = 0; i < n; i++)
    k->w[i] = f->leave_out && k->alone[i] ? -INFINITY : -(log_q[i] + log_n);
  const br_status status = gather(k, &k->self, factor);
  for (size_t i = 0; i < n && f->leave_out; i++)
    if (k->alone[i])
      br_flow_pull(f, k->x, i, log_q[i] + log_n - log_self(k, i), factor * k->a[i],
                   k->state->velocity);
  return status;
}

/* --- the kinds ---------------------------------------------------------------------------- */

static void load_ones(work *k) {
  const br_flow *f = k->flow;
  for (size_t i = 0; i < (f->n > f->m ? f->n : f->m); i++) k->a[i] = 1;
}

static double log_ratio(const work *k, size_t i) { return k->state->log_q[i] - k->state->log_p[i]; }

/* log q, log p and grad log p - grad log q at the particles; log_q and log_p with all constants. */
static br_status score_difference(work *k) {
  const size_t size = k->flow->n * (size_t)k->flow->d;
  br_status status = own_density(k, k->grad2);
  if (status != BR_OK) return status;
  status = smooth(k, &k->across, k->log_b, k->state->log_p, k->grad);
  for (size_t i = 0; i < size; i++) k->grad[i] -= k->grad2[i];
  return status;
}

static br_status eval_plugin(work *k) {
  const size_t n = k->flow->n;
  const double h2 = k->flow->scale * k->flow->scale;
  const br_status status = score_difference(k);
  for (size_t i = 0; i < n; i++) k->a[i] = h2 * br_mixture_weight(&k->flow->mix, log_ratio(k, i));
  for (int c = 0; c < k->flow->d; c++)
    for (size_t i = 0; i < n; i++)
      k->state->velocity[(size_t)c * n + i] = k->a[i] * k->grad[(size_t)c * n + i];
  return status;
}

/* The energies that are means of phi(l): over the particles with share `on_x`, over the data with
 * share `on_y`. Particles act as points where l is taken and as centres of q. */
static br_status eval_means(work *k, br_phi phi, double on_x, double on_y) {
  const br_flow *f = k->flow;
  const size_t n = f->n, m = f->m;
  const double h2 = f->scale * f->scale, log_n = log((double)n);
  br_flow_state *s = k->state;
  br_status status = BR_OK;
  double energy = 0, total = 0;
  if (on_x > 0) {
    status = score_difference(k);
    if (status != BR_OK) return status;
    for (size_t i = 0; i < n; i++) {
      total += br_mixture_energy(&f->mix, phi, log_ratio(k, i), &k->a[i]);
      k->a[i] *= on_x;
      for (int c = 0; c < f->d; c++)
        s->velocity[(size_t)c * n + i] = h2 * k->a[i] * k->grad[(size_t)c * n + i];
    }
    energy += on_x * total / (double)n;
    status = gather_own(k, h2);
  }
  if (on_y > 0 && status == BR_OK) {
    double *lse = s->log_q_data;
    if (s->guessed)
      for (size_t j = 0; j < m; j++) lse[j] += log_n;
    if (k->back_sums)
      for (size_t j = 0; j < m; j++) lse[j] = log(k->back_sums[j]);
    else status = br_pairs_lse(&k->back, NULL, s->guessed ? lse : NULL, lse);
    total = 0;
    for (size_t j = 0; j < m; j++) {
      k->w[j] = -lse[j];
      lse[j] -= log_n;
      const double b = f->weight[j];
      total += b * br_mixture_energy(&f->mix, phi, lse[j] - f->log_p_data[j], &k->a[j]);
      k->a[j] *= on_y * b * (double)n;
    }
    energy += on_y * total;
    if (status == BR_OK) status = gather(k, &k->across, h2);
  }
  s->energy = energy;
  return status;
}

/* The draws ride on their particles, whose smoothed law they stand for. */
static br_status eval_smooth(work *k) {
  const br_flow *f = k->flow;
  const size_t n = f->n, draws = (size_t)f->n_draws, points = n * draws, d = (size_t)f->d;
  const double h2 = f->scale * f->scale, log_n = log((double)n);
  double *z = br_take(k->ws, points * d), *a = br_take(k->ws, points);
  double *log_q = br_take(k->ws, points), *log_p = br_take(k->ws, points);
  double *grad_q = br_take(k->ws, points * d), *grad_p = br_take(k->ws, points * d);
  for (size_t c = 0; c < d; c++)
    for (size_t l = 0; l < draws; l++)
      for (size_t i = 0; i < n; i++)
        z[c * points + l * n + i] = k->x[c * n + i] + f->scale * f->draws[c * draws + l];
  br_cloud cloud;
  br_pairs to_q, to_p, back;
  br_cloud_make(&cloud, points, f->d, z, k->particles.origin, k->ws);
  br_pairs_make(&to_q, &cloud, &k->particles, f->kernel, f->scale, k->ws);
  br_pairs_make(&to_p, &cloud, &k->data, f->kernel, f->scale, k->ws);
  br_pairs_make(&back, &k->particles, &cloud, f->kernel, f->scale, k->ws);
  to_q.tolerance = to_p.tolerance = back.tolerance = f->tolerance;
  br_status status = br_pairs_lse(&to_q, NULL, NULL, log_q);
  if (status == BR_OK) status = br_pairs_gradient(&to_q, NULL, log_q, NULL, grad_q);
  if (status == BR_OK) status = br_pairs_lse(&to_p, k->log_b, NULL, log_p);
  if (status == BR_OK) status = br_pairs_gradient(&to_p, k->log_b, log_p, NULL, grad_p);
  if (status != BR_OK) return status;
  double total = 0;
  for (size_t j = 0; j < points; j++) {
    total += br_mixture_energy(&f->mix, BR_PHI_SMOOTH, log_q[j] - log_n - log_p[j], &a[j]);
    a[j] /= (double)draws;
    log_q[j] = -log_q[j];
  }
  k->state->energy = total / (double)points;
  status = br_pairs_gradient(&back, log_q, NULL, a, k->grad2);
  for (size_t c = 0; c < d; c++)
    for (size_t i = 0; i < n; i++) {
      double v = -k->grad2[c * n + i];
      for (size_t l = 0; l < draws; l++) {
        const size_t j = l * n + i;
        v += a[j] * (grad_p[c * points + j] - grad_q[c * points + j]);
      }
      k->state->velocity[c * n + i] = h2 * v;
    }
  return status;
}

static br_status eval_bregman(work *k) {
  const br_flow *f = k->flow;
  const size_t n = f->n, m = f->m, size = n * (size_t)f->d;
  const double h2 = f->scale * f->scale;
  br_flow_state *s = k->state;
  br_status status = score_difference(k);
  if (status != BR_OK) return status;
  memcpy(s->velocity, k->grad, size * sizeof(double));
  load_ones(k);
  status = gather_own(k, 1);
  for (size_t j = 0; j < m && status == BR_OK; j++) k->w[j] = k->log_b[j] - f->log_p_data[j];
  if (status == BR_OK) status = br_pairs_sum(&k->across, BR_VALUE, k->w, NULL, 1, k->a, k->sums);
  if (status == BR_OK) status = br_pairs_gradient(&k->across, k->w, NULL, NULL, k->grad);
  double total = 0;
  for (size_t i = 0; i < n; i++) total += log_ratio(k, i) - k->sums[i];
  s->energy = total / (double)n + 1;
  for (size_t i = 0; i < size; i++) s->velocity[i] = h2 * (s->velocity[i] + k->grad[i]);
  return status;
}

/* Half a squared MMD over `mean`, that of the kernel among the data, times unit for the velocity.
 */
static br_status half_mmd(work *k, double data_kernel, double mean) {
  const br_flow *f = k->flow;
  const size_t n = f->n, size = n * (size_t)f->d;
  br_flow_state *s = k->state;
  double own = 0, cross = 0;
  load_ones(k);
  br_status status = br_pairs_sum(&k->self, BR_VALUE, NULL, NULL, 1, k->a, k->sums);
  if (status == BR_OK) status = br_pairs_gradient(&k->self, NULL, NULL, NULL, k->grad2);
  for (size_t i = 0; i < n; i++) own += k->sums[i] / (double)n;
  if (status == BR_OK)
    status = br_pairs_sum(&k->across, BR_VALUE, k->log_b, NULL, 1, k->a, k->sums);
  if (status == BR_OK) status = br_pairs_gradient(&k->across, k->log_b, NULL, NULL, k->grad);
  for (size_t i = 0; i < n; i++) cross += k->sums[i];
  s->energy = (own / 2 - cross + (double)n * data_kernel / 2) / ((double)n * mean);
  for (size_t i = 0; i < size; i++)
    s->velocity[i] = s->unit * (k->grad[i] - k->grad2[i] / (double)n) / mean;
  return status;
}

static br_status eval_mmd(work *k) {
  const br_flow *f = k->flow;
  double mean = 0;
  for (size_t j = 0; j < f->m; j++) mean += f->weight[j] * exp(f->log_p_data[j]);
  return half_mmd(k, mean, mean);
}

static br_status eval_sliced(work *k) {
  const br_flow *f = k->flow;
  const size_t size = f->n * (size_t)f->d;
  br_flow_state *s = k->state;
  const double mean = f->data_mean;
  s->energy = br_sliced_energy(f->n, k->x, f->m, f->y, f->weight, f->d, f->n_directions,
                               f->directions, s->velocity, k->ws) /
              mean;
  for (size_t i = 0; i < size; i++) s->velocity[i] *= s->unit / mean;
  return BR_OK;
}

static br_status eval_known(work *k, int adjoint) {
  const br_flow *f = k->flow;
  const size_t n = f->n, size = n * (size_t)f->d;
  const double h2 = f->scale * f->scale;
  br_flow_state *s = k->state;
  const br_status status = own_density(k, k->grad);
  double total = 0;
  for (size_t i = 0; i < n && adjoint; i++) total += s->log_q[i] - f->log_target[i];
  for (size_t i = 0; i < size; i++) s->velocity[i] = h2 * (f->score[i] - k->grad[i]);
  if (!adjoint || status != BR_OK) return status;
  s->energy = total / (double)n;
  load_ones(k);
  return gather_own(k, h2);
}

static br_status eval_svgd(work *k) {
  const br_flow *f = k->flow;
  const size_t n = f->n, size = n * (size_t)f->d;
  const double h2 = f->scale * f->scale;
  double *v = k->state->velocity;
  br_status status = br_pairs_sum(&k->self, BR_VALUE, NULL, NULL, f->d, f->score, k->sums);
  if (status == BR_OK) status = br_pairs_gradient(&k->self, NULL, NULL, NULL, k->grad);
  for (size_t i = 0; i < size; i++) v[i] = h2 * (k->sums[i] - k->grad[i]) / (double)n;
  return status;
}

/* --- entry points ------------------------------------------------------------------------- */

static void start(work *k, const br_flow *f, const double *x, br_flow_state *state,
                  br_workspace *ws) {
  const size_t most = f->n > f->m ? f->n : f->m, d = (size_t)f->d;
  memset(k, 0, sizeof *k);
  k->flow = f;
  k->x = x;
  k->state = state;
  k->ws = ws;
  double *origin = br_take(ws, d);
  if (f->kernel != BR_VMF) br_cloud_origin(f->d, f->n, x, f->m, f->m > 0 ? f->y : NULL, origin);
  br_cloud_make(&k->particles, f->n, f->d, x, origin, ws);
  br_pairs_make(&k->self, &k->particles, &k->particles, f->kernel, f->scale, ws);
  k->self.tolerance = f->tolerance;
  if (f->m > 0) {
    br_cloud_make(&k->data, f->m, f->d, f->y, origin, ws);
    br_pairs_make(&k->across, &k->particles, &k->data, f->kernel, f->scale, ws);
    br_pairs_make(&k->back, &k->data, &k->particles, f->kernel, f->scale, ws);
    k->across.tolerance = k->back.tolerance = f->tolerance;
    k->log_b = br_take(ws, f->m);
    for (size_t j = 0; j < f->m; j++) k->log_b[j] = log(f->weight[j]);
  }
  k->grad = br_take(ws, f->n * d);
  k->grad2 = br_take(ws, f->n * d);
  k->a = br_take(ws, most);
  k->alone = br_take(ws, f->n);
  k->w = br_take(ws, most);
  k->columns = br_take(ws, most * (d + 1));
  k->sums = br_take(ws, most * (d + 1));
}

/* Takes the powers of the pairs that the kind sweeps more than once, where there is memory. */
static void hold(work *k) {
  const br_flow *f = k->flow;
  const size_t n = f->n, own = br_kept_size(n, n), data = br_kept_size(n, f->m);
  const int by_x = br_flow_table[f->kind].held & 1, by_y = br_flow_table[f->kind].held & 2;
  br_flow_state *s = k->state;
  if (!f->memory || (by_x ? own : 0) + (by_y ? data : 0) > f->room || !br_kept_apply(&k->self))
    return;
  if (by_x) {
    double *sums = br_take(k->ws, n * (size_t)(f->d + 1));
    br_kept_make(&k->own_powers, &k->self, f->memory, k->ws);
    load_affine(k, &k->self, NULL);
    for (size_t i = 0; i < n; i++) k->w[i] = s->log_q[i] + log((double)n);
    const double *guess = s->guessed ? k->w : NULL;
    if (br_kept_fill(&k->own_powers, f->d + 1, k->columns, guess, guess, sums, NULL))
      k->own_sums = sums;
  }
  if (by_y) {
    double *sums = br_take(k->ws, n * (size_t)(f->d + 1)), *back = br_take(k->ws, f->m);
    br_kept_make(&k->data_powers, &k->across, f->memory + (by_x ? own : 0), k->ws);
    load_affine(k, &k->across, f->weight);
    for (size_t j = 0; j < f->m; j++) k->w[j] = s->log_q_data[j] + log((double)n);
    const double *guess = s->guessed && by_x ? s->log_p : NULL; /* else nobody knows log p there */
    if (br_kept_fill(&k->data_powers, f->d + 1, k->columns, guess, k->w, sums, back)) {
      k->data_sums = sums;
      k->back_sums = back;
    }
  }
}

br_status br_flow_eval(const br_flow *f, const double *x, br_flow_state *state, br_workspace *ws) {
  work k;
  state->energy = NAN;
  state->unit = f->scale * f->scale;
  memset(state->velocity, 0, f->n * (size_t)f->d * sizeof(double));
  if (f->kind == BR_FLOW_ENERGY || f->kind == BR_FLOW_SLICED)
    state->unit = f->data_mean * f->data_mean / 2;
  if (f->kind == BR_FLOW_KSD) {
    if (f->kernel != BR_GAUSSIAN && f->kernel != BR_IMQ) return BR_ERR_SIZE;
    br_stein_energy(f, x, state, ws);
    return BR_OK;
  }
  start(&k, f, x, state, ws);
  hold(&k);
  switch (f->kind) {
  case BR_FLOW_PLUGIN: return eval_plugin(&k);
  case BR_FLOW_MIXTURE: return eval_means(&k, BR_PHI_MIXTURE, 0.5, 0.5);
  case BR_FLOW_DATA: return eval_means(&k, BR_PHI_DATA, 0, 1);
  case BR_FLOW_PARTICLE: return eval_means(&k, BR_PHI_PARTICLE, 1, 0);
  case BR_FLOW_SMOOTH: return eval_smooth(&k);
  case BR_FLOW_BREGMAN: return eval_bregman(&k);
  case BR_FLOW_MMD: return eval_mmd(&k);
  case BR_FLOW_ENERGY: return half_mmd(&k, -f->data_mean, f->data_mean);
  case BR_FLOW_SLICED: return eval_sliced(&k);
  case BR_FLOW_BLOB: return eval_known(&k, 1);
  case BR_FLOW_KNOWN: return eval_known(&k, 0);
  case BR_FLOW_SVGD: return eval_svgd(&k);
  default: return BR_ERR_SIZE;
  }
}
