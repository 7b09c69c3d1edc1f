#include "ledger.h"

#include "inverse.h"
#include "simd.h"

#include <math.h>
#include <string.h>

#define METRIC_POINTS 512 /* points of the data at most: the step size to a few percent */

/* x enters u* to second order only: this leaves u* an error below rounding. */
static const br_inverse_options closely = {.tol = 1e-8, .max_iter = 100};

/* --- memory --------------------------------------------------------------- */

static br_workspace *anew(br_ledger *ledger) { return br_reused_anew(&ledger->reused); }

/* Evenly spaced points of the data, with their weights made to sum to one. */
static br_sample some_of(const br_sample *data, size_t n, br_workspace *ws) {
  double *x = br_take(ws, n * data->d), *weight = br_take(ws, n), total = 0;
  for (size_t i = 0; i < n; i++) {
    size_t from = (size_t)((double)i * ((double)data->n / (double)n));
    for (int k = 0; k < data->d; k++) x[(size_t)k * n + i] = data->x[(size_t)k * data->n + from];
    weight[i] = data->weight[from];
    total += weight[i];
  }
  for (size_t i = 0; i < n; i++) weight[i] /= total;
  return (br_sample){n, data->d, x, weight};
}

/* No books from here on: nothing is known. What was the lowest J stays. */
static void close_books(br_ledger *ledger) {
  ledger->noise.n = 0;
  ledger->semidual = ledger->regret = ledger->stability = NAN;
  ledger->jeffreys = ledger->gain = ledger->bregman = ledger->identity = NAN;
}

void br_ledger_make(br_ledger *ledger, const br_potential *u, const br_sample *data,
                    const br_sample *noise, br_workspace *ws) {
  memset(ledger, 0, sizeof *ledger);
  ledger->data = data;
  ledger->first = ledger->lowest = NAN;
  close_books(ledger);
  if (noise->n == 0) return;
  ledger->noise = *noise;
  int d = u->d;
  size_t n_some = data->n < METRIC_POINTS ? data->n : METRIC_POINTS;
  ledger->lanes = br_block_lanes(d);
  ledger->some = some_of(data, n_some, ws);
  ledger->x = br_take(ws, noise->n * (d + u->given));
  memcpy(ledger->x + noise->n * d, noise->x + noise->n * d, noise->n * u->given * sizeof(double));
  ledger->on_data = br_take(ws, data->n);
  ledger->on_model = br_take(ws, noise->n);
  ledger->pairing = br_take(ws, noise->n);
  ledger->slope = br_take(ws, n_some * d);
  ledger->block =
      br_take(ws, (size_t)ledger->lanes * (4 * (size_t)d + u->given + BR_PACKED_SIZE(d) + 2) +
                      u->family->scratch_size(u, ledger->lanes, 0));
  br_reused_make(&ledger->reused, ws);
}

/* --- means ---------------------------------------------------------------- */

static double mean_on_data(br_ledger *ledger, const br_potential *u) {
  br_potential_eval(u, ledger->data, NULL, NULL, ledger->on_data, anew(ledger));
  return br_mean(ledger->data->n, ledger->on_data, ledger->data->weight);
}

/* u at the x_j, in on_model. */
static void on_model(br_ledger *ledger, const br_potential *u) {
  br_sample model = {ledger->noise.n, ledger->noise.d, ledger->x, NULL};
  br_potential_eval(u, &model, NULL, NULL, ledger->on_model, anew(ledger));
}

/* x_j'y_j less u(x_j), in pairing. */
static void pair(br_ledger *ledger, const br_potential *u) {
  size_t m = ledger->noise.n;
  on_model(ledger, u);
  for (size_t j = 0; j < m; j++) {
    double sum = 0;
    for (int k = 0; k < u->d; k++)
      sum += ledger->x[(size_t)k * m + j] * ledger->noise.x[(size_t)k * m + j];
    ledger->pairing[j] = sum - ledger->on_model[j];
  }
}

/* Moves the x_j to where u maps them to the y_j: from where they are, and where that fails,
 * or they are not known yet, from y. */
static br_status solve(br_ledger *ledger, const br_potential *u) {
  const br_sample *y = &ledger->noise;
  double *x = ledger->x;
  if (ledger->open && br_inverse_from(u, y, x, &closely, x, NULL, anew(ledger)) == BR_OK)
    return BR_OK;
  return br_inverse(u, y, &closely, x, NULL, anew(ledger));
}

/* --- moves ---------------------------------------------------------------- */

/* From the potential before, whose x_j are there, to u: J, and B as the mean of u*(y_j) less
 * what the old x_j give for it. */
static br_status move(br_ledger *ledger, br_potential *u) {
  size_t m = ledger->noise.n;
  double below = 0;
  u->family->prepare(u);
  if (ledger->open) {
    pair(ledger, u);
    below = br_mean(m, ledger->pairing, NULL);
  }
  br_status status = solve(ledger, u);
  if (status != BR_OK) return status;
  pair(ledger, u);
  double conjugate = br_mean(m, ledger->pairing, NULL);
  ledger->semidual = mean_on_data(ledger, u) + conjugate;
  ledger->bregman = conjugate - below;
  return BR_OK;
}

static void enter(br_ledger *ledger) {
  ledger->regret += ledger->gain;
  ledger->stability += ledger->bregman;
  ledger->lowest = fmin(ledger->lowest, ledger->semidual);
}

void br_ledger_update(br_ledger *ledger, br_potential *u) {
  if (ledger->noise.n == 0) return;
  double before = ledger->semidual;
  if (move(ledger, u) != BR_OK) {
    close_books(ledger);
    return;
  }
  if (!ledger->open) {
    ledger->open = 1;
    ledger->first = ledger->lowest = ledger->semidual;
    ledger->regret = ledger->stability = 0;
    return;
  }
  /* the features differ, so that Delta has no coefficients: its part by the identity */
  ledger->gain = before - ledger->semidual + ledger->bregman;
  enter(ledger);
}

/* mean of grad delta'(D^2 u)^{-1} grad delta, with grad delta in slope. */
static double metric(br_ledger *ledger, const br_potential *u) {
  const br_sample *some = &ledger->some;
  int d = u->d, ld = ledger->lanes;
  size_t rows = (size_t)d * ld;
  br_sample slopes = {some->n, d, ledger->slope, NULL};
  double *x = ledger->block, *map = x + rows + (size_t)u->given * ld, *v = map + rows,
         *solved = v + rows;
  double *hess = solved + rows, *logdet = hess + BR_PACKED_SIZE(d) * ld, *weight = logdet + ld;
  double *scratch = weight + ld, total = 0;
  for (size_t start = 0; start < some->n; start += ld) {
    int count = some->n - start < (size_t)ld ? (int)(some->n - start) : ld;
    int n = (count + BR_VECTOR - 1) / BR_VECTOR * BR_VECTOR;
    br_sample_block(some, start, count, n, ld, x, weight);
    br_sample_block(&slopes, start, count, n, ld, v, NULL);
    u->family->eval(u, n, ld, x, map, hess, scratch, 0);
    br_simd()->cholesky(d, n, ld, hess, logdet);
    memcpy(solved, v, rows * sizeof(double));
    br_simd()->solve(d, n, ld, hess, solved);
    for (int k = 0; k < d; k++)
      for (int b = 0; b < n; b++)
        total += weight[b] * v[(size_t)k * ld + b] * solved[(size_t)k * ld + b];
  }
  return total;
}

/* of delta over the x_j. */
static double variance(const br_ledger *ledger) {
  size_t m = ledger->noise.n;
  double mean = br_mean(m, ledger->on_model, NULL), square = 0;
  for (size_t j = 0; j < m; j++) square += pow(ledger->on_model[j] - mean, 2);
  return square / (double)m;
}

void br_ledger_aim(br_ledger *ledger, br_potential *u, const double *delta, double derivative) {
  if (ledger->noise.n == 0) return;
  /* delta is a potential too, though not a convex one: the same features */
  br_potential along = *u;
  along.coef = (double *)delta;
  along.family->prepare(&along);
  br_potential_eval(&along, &ledger->some, ledger->slope, NULL, NULL, anew(ledger));
  on_model(ledger, &along);
  ledger->unit_gain =
      br_mean(ledger->noise.n, ledger->on_model, NULL) - mean_on_data(ledger, &along);
  u->family->prepare(u);
  double square = isnan(derivative) ? variance(ledger) : metric(ledger, u);
  if (isnan(derivative)) derivative = -ledger->unit_gain;
  ledger->jeffreys = square > 0 ? -derivative / square * ledger->unit_gain : 0;
}

void br_ledger_step(br_ledger *ledger, br_potential *u, double length) {
  if (ledger->noise.n == 0) return;
  double before = ledger->semidual;
  if (move(ledger, u) != BR_OK) {
    close_books(ledger);
    return;
  }
  ledger->gain = length * ledger->unit_gain;
  double residual = ledger->semidual - before + ledger->gain - ledger->bregman;
  ledger->identity = fabs(residual) / (fabs(before) + fabs(ledger->semidual));
  enter(ledger);
}
