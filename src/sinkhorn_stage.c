#include "sinkhorn_stage.h"

#include <math.h>
#include <string.h>

/* Seconds between questions to the host. */
#define ASK_EVERY 0.1
/* Checks without any progress after which rounding, or a problem without solution, is to blame. */
#define PATIENCE 10

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

/* L1 error of a marginal, relative to the mass, when its potential f is moved by move (tf - f): the
 * marginal is a exp(-f/rho) exp(k (f - tf)), k = 1/eps + 1/rho. */
static double marginal_error(const br_stage *s, size_t n, const double *a, const double *f,
                             const double *tf, double move) {
  const double k = 1 / s->problem.epsilon + 1 / s->problem.reach;
  double error = 0;
  for (size_t i = 0; i < n; i++) {
    if (!(a[i] > 0)) continue;
    const double apart = (1 - move) * (f[i] - tf[i]);
    const double wanted = isinf(s->problem.reach) ? 1 : exp(-(tf[i] + apart) / s->problem.reach);
    error += a[i] * wanted * fabs(expm1(fmin(k * apart, 700)));
  }
  return error / s->mass;
}

static void move_potential(size_t n, double *f, const double *tf, double move) {
  for (size_t i = 0; i < n; i++) f[i] = move == 1 || !isfinite(tf[i]) ? tf[i] : f[i] + move * (tf[i] - f[i]);
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

/* --- over-relaxation ---------------------------------------------------------------- */

/* Sinkhorn is a block Gauss-Seidel iteration, whose error falls by theta each time; over-relaxed
 * by omega it falls by lambda, (lambda + omega - 1)^2 = lambda omega^2 theta, until at
 * omega = 2/(1 + sqrt(1 - theta)) it is omega - 1 (Young 1954). So each window of iterations tells
 * theta, and the next omega. */
typedef struct {
  double omega, last;
  int iterations; /* since last */
} relaxation;

static void relax(relaxation *r, double error) {
  r->iterations++;
  if (r->last > 0 && error > 2 * r->last && r->omega > 1) { /* too far from the solution yet */
    *r = (relaxation){1, 0, 0};
    return;
  }
  if (r->last <= 0 || r->iterations < 5) {
    if (r->last <= 0) *r = (relaxation){r->omega, error, 0};
    return;
  }
  const double lambda = pow(error / r->last, 1.0 / r->iterations), w = r->omega;
  if (lambda >= 1) {
    r->omega = 1;
  } else if (lambda > w - 1) {
    const double up = lambda + w - 1;
    const double theta = fmin(w > 1 ? up * up / (lambda * w * w) : lambda, 1 - 1e-6);
    r->omega = 2 / (1 + sqrt(1 - theta));
  }
  r->last = error;
  r->iterations = 0;
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
      (br_sinkhorn_row){r->iterations, s->problem.n + s->problem.m, s->problem.epsilon, error, gap,
                        br_stopping_seconds(&run->clock)};
}

/* One iteration; the error is that of the marginals with the new f and the old g. g is left, and
 * its update in tg. For symmetric problems f is moved half-way, and the error is that before. */
static double iterate(br_stage *s, double omega, br_stage_run *run, int *stop, double last) {
  const br_transport *t = &s->problem;
  double *visited = &run->result->visited;
  update(s, &s->to_x, s->log_b, s->g, s->f, s->tf, visited);
  if (t->symmetric) return 2 * marginal_error(s, t->n, t->a, s->f, s->tf, 0);
  const double error = marginal_error(s, t->n, t->a, s->f, s->tf, omega);
  move_potential(t->n, s->f, s->tf, omega);
  if ((*stop = interrupted(run, last))) return last;
  update(s, &s->to_y, s->log_a, s->f, s->g, s->tg, visited);
  return error + marginal_error(s, t->m, t->b, s->g, s->tg, 0);
}

br_status br_stage_solve(br_stage *s, double tolerance, int max_iterations, int counted,
                         br_stage_run *run) {
  const int symmetric = s->problem.symmetric, every = run->options->check_every;
  relaxation r = {1, 0, 0};
  double best = INFINITY, error = INFINITY;
  int idle = 0, near = 1, stop = 0;
  for (int k = 1;; k++) {
    const int last = k >= max_iterations;
    const int check = k % every == 0 || last;
    /* a plain update of f makes its marginal exact, as the certificate wants it */
    const int plain = check || near || r.omega == 1;
    error = iterate(s, plain ? 1 : r.omega, run, &stop, error);
    run->result->error = error;
    if (stop) return BR_INTERRUPTED;
    if (counted) run->result->iterations++;
    const int done = error <= tolerance && (plain || symmetric);
    if (counted && (check || done)) record(s, error, run);
    if (done || last) {
      if (!symmetric) memcpy(s->g, s->tg, s->problem.m * sizeof(double));
      return done ? BR_OK : BR_MAX_ITERATIONS;
    }
    near = error <= tolerance;
    move_potential(s->problem.m, s->g, s->tg, symmetric ? 0.5 : r.omega);
    if (isinf(s->problem.reach) && !symmetric) relax(&r, error);
    balance(s);
    if (check) {
      idle = error < best * (1 - 1e-9) ? 0 : idle + 1;
      best = fmin(best, error);
      if (idle >= PATIENCE) return BR_STALLED;
    }
    if (interrupted(run, error)) return BR_INTERRUPTED;
  }
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
