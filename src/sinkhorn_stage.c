#include "sinkhorn_stage.h"

#include <math.h>
#include <string.h>

/* Seconds between questions to the host. */
#define ASK_EVERY 0.1
/* Iterations without any progress after which rounding is to blame. */
#define PATIENCE 50
/* Error below which steps are accelerated. */
#define ACCELERATE_BELOW 0.5
/* How far, in units of eps, it may go beyond a plain one: the plan changes by such powers of e. */
#define LONGEST_STEP 3.0
/* How far below the best dual value it may lead, in units of eps times the error: a step that has
 * to gain at once is too short where few pairs tie parts of the plan together. */
#define SLACK 0.5
/* From so many points on the steps remember this few others, for the sake of memory. */
#define MANY 20000
#define FEW_STEPS 6
/* Most plain steps after an accelerated one was taken back. */
#define MOST_PAUSE 3

/* Where the iterations are. */
typedef struct {
  double error;     /* L1, of the marginals */
  double value;     /* the best dual value */
  int bold;         /* whether the last step was accelerated */
  int plain, pause; /* plain steps to come, and how many there were after the last failure */
} ascent;

static void logarithms(size_t n, const double *w, double *out) {
  for (size_t i = 0; i < n; i++) out[i] = w[i] > 0 ? log(w[i]) : -INFINITY;
}

static double total(size_t n, const double *w) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += w[i];
  return sum;
}

static void take_side(size_t n, const double *w, double **f, double **tf, double **log_w,
                      br_workspace *ws) {
  *f = br_take(ws, n);
  *tf = br_take(ws, n);
  *log_w = br_take(ws, n);
  logarithms(n, w, *log_w);
}

void br_stage_make(br_stage *s, const br_transport *problem, const double *origin,
                   br_workspace *ws) {
  const br_transport *t = problem;
  memset(s, 0, sizeof *s);
  s->problem = *t;
  s->log_weight = br_take(ws, t->n > t->m ? t->n : t->m);
  s->shift = br_take(ws, t->n > t->m ? t->n : t->m);
  s->mean = br_take(ws, t->cost == BR_COST_MATRIX ? 1 : (size_t)t->d);
  take_side(t->n, t->a, &s->f, &s->tf, &s->log_a, ws);
  if (t->symmetric) {
    s->g = s->f;
    s->tg = s->tf;
    s->log_b = s->log_a;
  } else {
    take_side(t->m, t->b, &s->g, &s->tg, &s->log_b, ws);
  }
  br_anderson_make(&s->accelerator, t->m, t->m < MANY ? BR_ANDERSON_MEMORY : FEW_STEPS, ws);
  s->mass = (total(t->n, t->a) + total(t->m, t->b)) / 2;
  if (t->cost == BR_COST_MATRIX) {
    br_pairs_stored(&s->to_x, t->n, t->m, t->matrix, 0, 1, ws);
    br_pairs_stored(&s->to_y, t->m, t->n, t->matrix, 1, 1, ws);
    return;
  }
  const br_kernel_id kernel = t->cost == BR_COST_SQUARE ? BR_GAUSSIAN : BR_LAPLACE;
  br_cloud_make(&s->x, t->n, t->d, t->x, origin, ws);
  if (!t->symmetric) br_cloud_make(&s->y, t->m, t->d, t->y, origin, ws);
  const br_cloud *y = t->symmetric ? &s->x : &s->y;
  br_pairs_make(&s->to_x, &s->x, y, kernel, 1, ws);
  if (!t->symmetric) br_pairs_make(&s->to_y, y, &s->x, kernel, 1, ws);
}

void br_stage_epsilon(br_stage *s, double epsilon, double sums) {
  s->problem.epsilon = epsilon;
  s->to_x.scale = s->problem.cost == BR_COST_SQUARE ? sqrt(epsilon / 2) : epsilon;
  s->to_y.scale = s->to_x.scale;
  s->to_x.tolerance = s->to_y.tolerance = sums;
}

/* 1 for couplings; an update is this times the one of couplings. */
static double damping(const br_transport *t) {
  return isinf(t->reach) ? 1 : t->reach / (t->reach + t->epsilon);
}

static void make_weights(size_t n, const double *log_w, const double *f, double epsilon,
                         double *out) {
  for (size_t j = 0; j < n; j++)
    out[j] = log_w[j] == -INFINITY ? -INFINITY : log_w[j] + f[j] / epsilon;
}

/* out = -damping eps log sum_j w_j exp((from_j - C_ij)/eps); now is what it was last time. */
static void update(br_stage *s, br_pairs *pairs, const double *log_w, const double *from,
                   const double *now, double *out, double *visited) {
  const double factor = s->problem.epsilon * damping(&s->problem);
  make_weights(pairs->m, log_w, from, s->problem.epsilon, s->log_weight);
  for (size_t i = 0; now && i < pairs->n; i++)
    s->shift[i] = isfinite(now[i]) ? -now[i] / factor : 0;
  br_pairs_lse(pairs, s->log_weight, now ? s->shift : NULL, out);
  for (size_t i = 0; i < pairs->n; i++) out[i] *= -factor;
  *visited += pairs->visited;
}

/* L1 error of a marginal with potential f, relative to the mass: the marginal is
 * a exp(-f/rho) exp(k (f - tf)), k = 1/eps + 1/rho. */
static double marginal_error(const br_stage *s, size_t n, const double *a, const double *f,
                             const double *tf) {
  const double k = 1 / s->problem.epsilon + 1 / s->problem.reach;
  double error = 0;
  for (size_t i = 0; i < n; i++) {
    if (!(a[i] > 0)) continue;
    const double wanted = isinf(s->problem.reach) ? 1 : exp(-f[i] / s->problem.reach);
    error += a[i] * wanted * fabs(expm1(fmin(k * (f[i] - tf[i]), 700)));
  }
  return error / s->mass;
}

/* The best constant to add to f and take from g: without it masses that differ adapt slowly where
 * rho is much larger than eps (Sejourne, Vialard and Peyre 2022). */
static void balance(br_stage *s) {
  const br_transport *t = &s->problem;
  double left = 0, right = 0;
  if (isinf(t->reach) || t->symmetric) return;
  for (size_t i = 0; i < t->n; i++)
    if (t->a[i] > 0) left += t->a[i] * exp(-s->f[i] / t->reach);
  for (size_t j = 0; j < t->m; j++)
    if (t->b[j] > 0) right += t->b[j] * exp(-s->g[j] / t->reach);
  if (!(left > 0 && right > 0 && isfinite(left) && isfinite(right))) return;
  const double by = t->reach / 2 * log(left / right);
  for (size_t i = 0; i < t->n; i++) s->f[i] += by;
  for (size_t j = 0; j < t->m; j++) s->g[j] -= by;
}

/* --- the loop ------------------------------------------------------------------------ */

static int interrupted(br_stage_run *run, double error) {
  const double now = br_stopping_seconds(&run->clock);
  if (!run->host || !run->host->tick || now - run->asked < ASK_EVERY) return 0;
  const br_progress progress = {run->result->iterations, 0, error, 0};
  run->asked = now;
  return run->host->tick(run->host->ctx, &progress);
}

static void record(br_stage *s, double error, br_stage_run *run) {
  br_sinkhorn *r = run->result;
  if (r->n_trace >= r->most_trace) return;
  double gap = INFINITY;
  if (!s->problem.symmetric && error < 1) {
    const double k = 1 / s->problem.epsilon + 1 / s->problem.reach;
    double *q = s->log_weight, value;
    for (size_t j = 0; j < s->problem.m; j++) {
      const double g = s->g[j], apart = g - s->tg[j];
      const double wanted = isinf(s->problem.reach) ? 1 : exp(-g / s->problem.reach);
      q[j] = s->problem.b[j] > 0 ? s->problem.b[j] * wanted * exp(k * apart) : 0;
    }
    gap = br_stage_gap(s, q, &value, 1);
  }
  r->trace[r->n_trace++] =
      (br_sinkhorn_row){r->iterations, s->problem.n + s->problem.m,     s->problem.epsilon, error,
                        gap,           br_stopping_seconds(&run->clock)};
}

/* The dual value at potentials whose plan has that mass. */
static double dual_value(const br_stage *s, const double *f, const double *g, double mass) {
  const br_transport *t = &s->problem;
  const double reach = t->reach;
  double value = 0, left = 0, right = 0;
  for (size_t i = 0; i < t->n; i++) {
    if (!(t->a[i] > 0)) continue;
    value += t->a[i] * (isinf(reach) ? f[i] : -reach * expm1(-f[i] / reach));
    left += t->a[i];
  }
  for (size_t j = 0; j < t->m; j++) {
    if (!(t->b[j] > 0)) continue;
    value += t->b[j] * (isinf(reach) ? g[j] : -reach * expm1(-g[j] / reach));
    right += t->b[j];
  }
  return value - t->epsilon * (mass - left * right);
}

/* Mass of a plan one of whose marginals is exact, with potential f there. */
static double exact_mass(const br_stage *s, size_t n, const double *a, const double *f) {
  double mass = 0;
  for (size_t i = 0; i < n; i++)
    if (a[i] > 0) mass += a[i] * (isinf(s->problem.reach) ? 1 : exp(-f[i] / s->problem.reach));
  return mass;
}

/* What sums like the dual value may lose. */
static double rounding(const br_stage *s) {
  double size = s->problem.epsilon;
  for (size_t i = 0; i < s->problem.n; i++)
    if (s->problem.a[i] > 0) size += s->problem.a[i] * fabs(s->tf[i]);
  for (size_t j = 0; j < s->problem.m; j++)
    if (s->problem.b[j] > 0) size += s->problem.b[j] * fabs(s->g[j]);
  return 1e-14 * size;
}

/* One iteration. f becomes the update of g, which makes its marginal exact, as the certificate
 * wants it, and tg the update of that f; the error is that of the other marginal. For symmetric
 * problems tf becomes the mean of f and its update, and the error is that of f on both sides.
 *
 * An accelerated step that left the dual value well below the best is taken back. */
static int iterate(br_stage *s, br_stage_run *run, ascent *path) {
  const br_transport *t = &s->problem;
  double *visited = &run->result->visited;
  for (;;) {
    update(s, &s->to_x, s->log_b, s->g, s->f, s->tf, visited);
    double value, mass = 0;
    if (t->symmetric) {
      const double k = 1 / t->epsilon + 1 / t->reach;
      for (size_t i = 0; i < t->n; i++)
        if (t->a[i] > 0)
          mass += t->a[i] * (isinf(t->reach) ? 1 : exp(-s->f[i] / t->reach)) *
                  exp(fmin(k * (s->f[i] - s->tf[i]), 700));
      value = dual_value(s, s->f, s->f, mass);
    } else {
      value = dual_value(s, s->tf, s->g, exact_mass(s, t->n, t->a, s->tf));
    }
    const double loss = path->value - value;
    path->value = fmax(path->value, value);
    if (!path->bold || loss <= SLACK * t->epsilon * path->error || loss < rounding(s)) break;
    memcpy(s->g, s->accelerator.image, t->m * sizeof(double));
    br_anderson_reset(&s->accelerator);
    path->bold = 0;
    path->pause = path->pause < MOST_PAUSE ? 2 * path->pause + 1 : MOST_PAUSE;
    path->plain = path->pause;
    if (interrupted(run, path->error)) return 0;
  }
  if (t->symmetric) {
    path->error = 2 * marginal_error(s, t->n, t->a, s->f, s->tf);
    for (size_t i = 0; i < t->n; i++) s->tf[i] = (s->f[i] + s->tf[i]) / 2;
    return 1;
  }
  memcpy(s->f, s->tf, t->n * sizeof(double));
  if (interrupted(run, path->error)) return 0;
  update(s, &s->to_y, s->log_a, s->f, s->g, s->tg, visited);
  path->error = marginal_error(s, t->m, t->b, s->g, s->tg);
  path->value = fmax(path->value, dual_value(s, s->f, s->tg, exact_mass(s, t->m, t->b, s->tg)));
  return 1;
}

/* The next g. T is almost linear once the error is moderate: then steps are accelerated. */
static void advance(br_stage *s, ascent *path) {
  const br_transport *t = &s->problem;
  path->bold = path->plain == 0 && path->error < ACCELERATE_BELOW;
  if (path->bold) {
    br_anderson_step(&s->accelerator, t->b, s->tg, LONGEST_STEP * t->epsilon, s->g);
  } else {
    br_anderson_reset(&s->accelerator);
    memcpy(s->g, s->tg, t->m * sizeof(double));
    if (path->plain > 0) path->plain--;
  }
  balance(s);
}

br_status br_stage_solve(br_stage *s, double tolerance, int max_iterations, int counted,
                         br_stage_run *run) {
  ascent path = {.error = INFINITY, .value = -INFINITY};
  double least_error = INFINITY, most_value = -INFINITY;
  int idle = 0;
  br_anderson_reset(&s->accelerator);
  for (int k = 1;; k++) {
    if (!iterate(s, run, &path)) return BR_INTERRUPTED;
    run->result->error = path.error;
    if (counted) run->result->iterations++;
    const int done = path.error <= tolerance, last = k >= max_iterations;
    const int check = k % run->options->check_every == 0;
    if (counted && (check || done || last)) record(s, path.error, run);
    if (done || last) {
      memcpy(s->g, s->tg, s->problem.m * sizeof(double));
      return done ? BR_OK : BR_MAX_ITERATIONS;
    }
    if (path.error < least_error / 2) path.pause = 0;
    const int better =
        path.error < least_error * (1 - 1e-9) || path.value > most_value + 1e-14 * fabs(most_value);
    least_error = fmin(least_error, path.error);
    most_value = fmax(most_value, path.value);
    idle = better ? 0 : idle + 1;
    if (idle >= PATIENCE) {
      memcpy(s->g, s->tg, s->problem.m * sizeof(double));
      return BR_STALLED;
    }
    advance(s, &path);
    if (interrupted(run, path.error)) return BR_INTERRUPTED;
  }
}

void br_stage_split(br_stage *s, double *g, br_sinkhorn *result) {
  update(s, &s->to_x, s->log_a, s->f, s->f, g, &result->visited);
  s->g = g;
}

void br_stage_prolong(br_stage *to, br_stage *from, br_workspace *ws) {
  br_pairs pairs;
  double visited = 0;
  const br_kernel_id kernel = to->to_x.kernel;
  const br_transport *t = &to->problem;
  br_stage_epsilon(to, from->problem.epsilon, from->to_x.tolerance);
  br_pairs_make(&pairs, &to->x, t->symmetric ? &from->x : &from->y, kernel, to->to_x.scale, ws);
  pairs.tolerance = to->to_x.tolerance;
  update(to, &pairs, from->log_b, from->g, NULL, to->f, &visited);
  if (t->symmetric) return;
  br_pairs_make(&pairs, &to->y, &from->x, kernel, to->to_x.scale, ws);
  pairs.tolerance = to->to_x.tolerance;
  update(to, &pairs, from->log_a, from->f, NULL, to->g, &visited);
}
