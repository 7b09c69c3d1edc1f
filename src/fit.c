#include "fit.h"

#include "sum.h"
#include "tails.h"

#include <math.h>
#include <string.h>

/* Up to this dimension Q is a full symmetric matrix; above it Q is diagonal plus
 * one direction an atom, which keeps the cost of a step linear in d^2. */
#define FULL_QUADRATIC 12

#define BLENDED .7       /* share of x'x/2 that the components begin with */
#define BLEND_STEPS 5    /* mirror steps at one barrier in a round of a fit with components */
#define MAX_HALVINGS 40  /* of atoms that the target refuses */
#define ROUND_STEPS 20   /* at one barrier in a round: only the end needs a certificate */
#define CENTRED 2        /* certificate, over that of the exact centre, at which to leave it */
#define HOPELESS 1       /* nats a point above the best validation at which to give up */
#define EARLY .1         /* decrement^2, over the certificate of a round, at which to end it */
#define HEAD_START 10    /* times that barrier, where new atoms push many others towards zero */
#define LOWER_BARRIER 10 /* factor between one barrier and the next */
#define VANISHED .3      /* theta sqrt(h) over sqrt(beta) below which an atom is dropped */

const char *const br_trace_names[BR_TRACE_COLUMNS] = {
    "iter",           "round",     "objective", "validation",   "eta",         "step",
    "min_eigenvalue", "decrement", "gap",       "barrier",      "evaluations", "atoms",
    "seconds",        "jeffreys",  "regret",    "regret_bound", "identity"};
enum { TRACE_STEP = 5, TRACE_JEFFREYS = 13, TRACE_BOUND = 15, TRACE_IDENTITY = 16 };
const char *const br_round_names[BR_ROUND_COLUMNS] = {
    "round", "atoms", "objective", "validation", "validation_square", "score"};

typedef struct {
  const br_fit_options *options;
  const br_host *host;
  br_fit *fit;
  br_learner learner;
  br_mirror mirror;
  br_columns columns;
  br_ledger ledger;
  br_tails tails;
  br_loss_plan tails_plan;
  br_stopping stop;
  double validation;
  br_potential best; /* of the best validation so far, if it is kept */
  int round;
  int patience; /* steps at one barrier, at most */
} fitter;

static void append(br_table *table, int columns, const double *values) {
  if (table->n >= table->capacity) return;
  for (int k = 0; k < columns; k++) table->rows[(size_t)k * table->capacity + table->n] = values[k];
  table->n++;
}

/* Atoms that the fit chose: the frozen ones of the tails do not count. */
static int n_atoms(const fitter *f) {
  const br_potential *u = br_sum_ridge(&f->fit->u);
  int count = 0;
  for (int j = br_ridge_first_atom(u); j < u->n_coef; j++) count += !u->frozen[j];
  return count;
}

/* Batches of the target, or passes over the samples. */
static double evaluations(const fitter *f) {
  const br_target *target = f->learner.data.target;
  return target ? (double)target->batches : f->mirror.evaluations;
}

/* The state that a step starts from; the length of the step is not known yet. */
static void describe(fitter *f, double *row) {
  br_potential *u = &f->fit->u;
  const br_mirror *m = &f->mirror;
  const double values[BR_TRACE_COLUMNS] = {m->steps,
                                           f->round,
                                           m->objective,
                                           f->validation,
                                           m->eta,
                                           NAN,
                                           u->family->min_eigenvalue(u),
                                           m->decrement,
                                           m->gap,
                                           m->beta,
                                           evaluations(f),
                                           n_atoms(f),
                                           br_stopping_seconds(&f->stop),
                                           NAN,
                                           f->ledger.regret,
                                           f->ledger.first + f->ledger.stability,
                                           NAN};
  memcpy(row, values, sizeof values);
}

/* Tells the ledger of the step to come: it wants the derivative of the likelihood alone. */
static void aim(fitter *f) {
  const br_mirror *m = &f->mirror;
  double derivative = 0;
  for (int j = 0; j < m->u->n_coef; j++)
    derivative += m->learner->moments.gradient[j] * m->delta[j];
  br_ledger_aim(&f->ledger, m->u, m->delta, m->learner->kind->pulled ? NAN : derivative);
}

/* The bound of the regret is J(first) - min J + stability; min J is known at the end. */
static void close_ledger(fitter *f) {
  br_table *trace = &f->fit->trace;
  double *bound = trace->rows + (size_t)TRACE_BOUND * trace->capacity;
  for (int i = 0; i < trace->n; i++) bound[i] -= f->ledger.lowest;
}

/* The potential that the last step started from, which the mirror has in store. */
static void keep_iterate(fitter *f) {
  const br_mirror *m = &f->mirror;
  br_table *table = &f->fit->iterates;
  if (table->n >= table->capacity) return;
  table->rows[table->n] = (isinf(m->eta) ? 1 : m->eta) * m->length;
  for (int j = 0; j < m->u->n_coef; j++)
    table->rows[(size_t)(1 + j) * table->capacity + table->n] = m->start[j];
  table->n++;
  f->fit->iterate_columns = 1 + m->u->n_coef;
}

/* Whether the certificate is within the target. Where there is none, whether decrement^2 is, about
 * twice the decrease that the next step promises; with components, whose rounds are short, whether
 * it is within the tolerance. In the rounds it is enough that steps promise little. */
static int settled(const fitter *f, double target, int certify) {
  const br_mirror *m = &f->mirror;
  int linear = m->u->family->linear;
  if (!certify && linear && m->decrement * m->decrement <= EARLY * target) return 1;
  if (linear && f->learner.kind->gap) return m->gap <= target;
  return m->decrement * m->decrement <= (linear ? target : f->stop.tolerance);
}

/* Mirror steps at one weight of the barrier until the certificate is near what it
 * is at the minimum, or the steps have settled. */
static br_status centre(fitter *f, double beta, int certify) {
  br_mirror *m = &f->mirror;
  int most = m->steps + f->patience;
  double target = CENTRED * beta * f->fit->u.family->barrier_parameter(&f->fit->u);
  m->beta = beta;
  br_ledger_update(&f->ledger, m->u); /* features may have come and gone */
  for (;;) {
    br_status status = br_mirror_prepare(m);
    if (status != BR_OK) return status;
    if (settled(f, target, certify) || m->steps >= most) return BR_OK;
    double row[BR_TRACE_COLUMNS];
    describe(f, row);
    aim(f);
    status = br_mirror_advance(m);
    if (status != BR_OK) return status;
    br_ledger_step(&f->ledger, m->u, m->length);
    keep_iterate(f);
    row[TRACE_STEP] = m->length;
    row[TRACE_JEFFREYS] = f->ledger.jeffreys;
    row[TRACE_IDENTITY] = f->ledger.identity;
    append(&f->fit->trace, BR_TRACE_COLUMNS, row);
    br_progress progress = {m->steps, n_atoms(f), m->objective, f->validation};
    status = br_stopping_tick(&f->stop, f->host, &progress);
    if (status != BR_OK) return status;
  }
}

/* The weight of the barrier at which centre() certifies that gap. */
static double barrier_for(const fitter *f, double gap) {
  const br_potential *u = &f->fit->u;
  return gap / (CENTRED * u->family->barrier_parameter(u));
}

/* Lowers the barrier from where it is until the certificate meets the gap, as it does near the
 * centre; whether it does is made sure of at the end of the fit alone. */
static br_status descend(fitter *f, double gap, int certify) {
  double beta = f->mirror.beta, last = barrier_for(f, gap);
  br_status status;
  do {
    beta = fmax(beta / LOWER_BARRIER, last);
    status = centre(f, beta, certify);
  } while (status == BR_OK && beta > last);
  return status;
}

/* The last atoms, just added, begin where the loss is finite, or not at all: a target may refuse
 * points. Returns how many there are. */
static int admit(fitter *f, int added) {
  br_potential *u = &f->fit->u;
  if (added == 0 || !f->learner.kind->pull) return added;
  for (int halvings = 0; halvings < MAX_HALVINGS; halvings++) {
    u->family->prepare(u);
    if (isfinite(f->learner.kind->loss(&f->learner, u))) return added;
    for (int j = u->n_coef - added; j < u->n_coef; j++) u->coef[j] /= 2;
  }
  br_ridge_truncate(br_sum_ridge(u), added);
  br_sum_refresh(u);
  return 0;
}

/* Adds the columns found; each starts at its own one-dimensional minimum of
 * g theta + h theta^2/2 - beta log theta, shared among them. */
static int add_columns(fitter *f) {
  br_potential *u = &f->fit->u, *ridge = br_sum_ridge(u);
  int room = f->options->max_atoms - n_atoms(f), added = 0;
  double promised = 0, beta;
  if (f->learner.kind->pulled || f->learner.kind->pull) { /* at u as it is */
    u->family->prepare(u);
    /* the next moments say what is amiss; those of a target have its gradient there */
    if (f->learner.kind->pull ? f->learner.kind->moments(&f->learner, u, 0, 0) != BR_OK
                              : !isfinite(f->learner.kind->loss(&f->learner, u)))
      return 0;
  }
  br_columns_search(&f->columns, u, f->host);
  for (int i = 0; i < f->columns.n_found; i++)
    promised += f->columns.found[i].score * f->columns.found[i].score / 2;
  /* the barrier holds back about as much as the columns promise, lest the first
   * steps run into the constraints */
  beta = fmax(barrier_for(f, promised), barrier_for(f, f->options->round_tol));
  beta = f->mirror.beta = u->d > FULL_QUADRATIC ? HEAD_START * beta : beta;
  for (int i = 0; i < f->columns.n_found && added < room; i++) {
    const br_column *c = &f->columns.found[i];
    if (c->score < f->options->min_score) break;
    double theta = (-c->g + sqrt(c->g * c->g + 4 * c->h * beta)) / (2 * c->h);
    /* directions stay when their atoms vanish: there is room for max_atoms of them */
    if (u->d > FULL_QUADRATIC &&
        ((br_ridge *)ridge->self)->n_quadratic < br_fit_max_quadratic(u->d, f->options->max_atoms))
      br_ridge_add_quadratic(ridge, c->w, 0);
    br_ridge_add_atom(ridge, c->profile, c->w, c->centre, c->width, theta / f->columns.n_found);
    br_sum_refresh(u);
    added++;
  }
  return admit(f, added);
}

static void drop_vanished(fitter *f, int *keep) {
  br_potential *u = br_sum_ridge(&f->fit->u);
  const br_moments *m = &f->learner.moments;
  int first = br_ridge_first_atom(u), dropped = 0;
  size_t before = (size_t)(f->fit->u.n_coef - u->n_coef);
  for (int j = first; j < u->n_coef; j++) {
    /* explicit steps have no Hessian */
    double h = (f->options->mirror.implicit ? m->hessian : m->metric)[(before + j) * (m->ldm + 1)];
    keep[j - first] = u->frozen[j] || u->coef[j] * sqrt(h) > VANISHED * sqrt(f->mirror.beta);
    dropped += !keep[j - first];
  }
  if (dropped) br_ridge_keep(u, keep);
  br_sum_refresh(&f->fit->u);
  f->fit->iterates.n = 0; /* atoms were added before, and the tails change after */
}

/* The tails are those of data. */
static int tailed(const fitter *f) { return !f->learner.kind->pulled && !f->learner.kind->pull; }

static void record_round(fitter *f) {
  br_potential *u = &f->fit->u;
  u->family->prepare(u);
  br_loss loss = f->learner.kind->held_out(&f->learner, u);
  f->validation = loss.mean;
  double score = f->round > 0 && f->columns.n_found > 0 ? f->columns.found[0].score : NAN;
  double row[BR_ROUND_COLUMNS] = {f->round,  n_atoms(f),  f->mirror.objective,
                                  loss.mean, loss.square, score};
  append(&f->fit->rounds, BR_ROUND_COLUMNS, row);
}

static double keep_best(fitter *f) {
  br_sum_copy(&f->best, &f->fit->u);
  return f->validation;
}

static void return_to_best(fitter *f, double validation) {
  br_sum_copy(&f->fit->u, &f->best);
  f->validation = validation;
  f->mirror.objective = NAN; /* until the next moments */
}

static br_status rounds(fitter *f, int *keep) {
  const br_fit_options *o = f->options;
  br_status status = centre(f, barrier_for(f, o->round_tol), 1);
  double best = INFINITY;
  int since = 0;
  if (status >= BR_ERR_SIZE) return status;
  record_round(f);
  if (o->keep_best) best = keep_best(f);
  for (f->round = 1; status == BR_OK && f->round <= o->max_rounds; f->round++) {
    int added = n_atoms(f) < o->max_atoms ? add_columns(f) : 0;
    if (added == 0 && (f->fit->u.family->linear || settled(f, o->tol, 1))) break;
    status = descend(f, o->round_tol, 0);
    if (status >= BR_ERR_SIZE) return status;
    drop_vanished(f, keep);
    if (tailed(f))
      br_tails_complete(&f->tails, &f->fit->u, &f->learner.data.sample, &f->tails_plan);
    record_round(f);
    since = f->validation < best ? 0 : since + 1;
    if (f->validation > best + HOPELESS) break;
    if (f->validation < best) best = o->keep_best ? keep_best(f) : f->validation;
    if (!isnan(f->validation) && since >= o->patience) break;
  }
  if (o->keep_best && since > 0 && !isnan(best)) return_to_best(f, best);
  return status;
}

int br_fit_max_quadratic(int d, int max_atoms) {
  /* more directions than symmetric matrices have dimensions would add nothing */
  size_t all = BR_PACKED_SIZE(d), some = (size_t)d + max_atoms;
  return (int)(d <= FULL_QUADRATIC || some > all ? all : some);
}

static void add_pairs(br_potential *u, double *w) {
  int d = u->d;
  for (int i = 0; i < d; i++)
    for (int j = 0; j < i; j++) {
      memset(w, 0, d * sizeof(double));
      w[i] = w[j] = sqrt(.5);
      br_ridge_add_quadratic(u, w, 0);
    }
}

static const br_ridge *ridge_of(const br_potential *u) {
  return br_sum_ridge((br_potential *)u)->self;
}

/* A potential with room for what the fit may make of it. */
static void make(br_potential *u, const br_fit_options *o, int d, int room, br_workspace *ws) {
  int max_quadratic = br_fit_max_quadratic(d, o->max_atoms);
  if (o->start) max_quadratic += ridge_of(o->start)->n_quadratic; /* they may be others */
  if (o->n_components > 0)
    br_sum_make(u, d, o->given, o->n_components, max_quadratic, room, o->kappa, ws);
  else br_ridge_make(u, d, o->given, max_quadratic, room, o->kappa, ws);
}

/* What the fit begins with: a ridge potential x'x/2; or less of it and components that make up for
 * that; or what it is to go on from. */
static void start(br_potential *u, const br_fit_options *o, const br_sample *train,
                  const br_host *host, br_workspace *ws) {
  br_potential *ridge = br_sum_ridge(u);
  if (o->start) {
    br_sum_copy(u, o->start);
  } else if (o->n_components > 0) {
    double share = BLENDED * (1 - o->kappa);
    br_softmax_start(br_sum_softmax(u), train, share, host, ws);
    int first = ((br_ridge *)ridge->self)->n_linear;
    for (int k = 0; k < u->d; k++) ridge->coef[first + k] = 1 - share;
  }
  if (u->d <= FULL_QUADRATIC) add_pairs(ridge, br_take(ws, u->d));
  br_sum_refresh(u);
}

void br_fit_run(br_fit *fit, const br_fit_options *options, const br_learner_data *data,
                const br_host *host, br_workspace *ws) {
  const br_sample *train = &data->sample, none = {0, 0, NULL, NULL};
  int d = train->d - options->given, linear = options->n_components == 0;
  int room = options->max_atoms > 0 || !linear ? options->max_atoms + BR_MAX_TAILS(d) : 0;
  if (options->start) room += ridge_of(options->start)->n_atoms;
  fitter f = {.options = options, .host = host, .fit = fit, .validation = NAN};
  br_potential *u = &fit->u;
  memset(fit, 0, sizeof *fit);
  make(u, options, d, room, ws);
  start(u, options, train, host, ws);
  if (options->keep_best) make(&f.best, options, d, room, ws);
  fit->trace.capacity = options->max_iter + 1;
  fit->trace.rows = br_take(ws, (size_t)fit->trace.capacity * BR_TRACE_COLUMNS);
  if (options->keep_iterates && linear) fit->iterates.capacity = options->max_iter;
  fit->rounds.capacity = options->max_rounds + 1;
  fit->rounds.rows = br_take(ws, (size_t)fit->rounds.capacity * BR_ROUND_COLUMNS);
  /* what the potential has, and the atoms and quadratic directions that there is room for */
  const br_ridge *ridge = br_sum_ridge(u)->self;
  int max_coef = u->n_coef - br_sum_ridge(u)->n_coef + ridge->max_coef;
  fit->iterates.rows = br_take(ws, (size_t)fit->iterates.capacity * (1 + max_coef));
  br_learner_make(&f.learner, options->learner, data, u, max_coef, ws);
  const br_sample *pulled = options->learner->pulled ? options->learner->pulled(&f.learner)
                            : options->learner->pull ? options->learner->pull(&f.learner)
                                                     : NULL;
  br_mirror_make(&f.mirror, &options->mirror, u, &f.learner, max_coef, ws);
  /* the books are of features that stay as they are */
  br_ledger_make(&f.ledger, u, train, linear ? &options->noise : &none, ws);
  br_columns_options columns = options->columns;
  /* the gradient vanishes over all points: over some of them it would not, and ask for atoms */
  if (options->learner->pull) columns.max_points = train->n;
  if (options->max_atoms > 0)
    br_columns_make(&f.columns, &columns, u, train, options->learner->violation, pulled,
                    options->a_round, ws);
  if (room > 0 && tailed(&f)) {
    br_tails_make(&f.tails, u, train, room, ws);
    br_loss_plan_make(&f.tails_plan, u, train->n, (double)train->n * max_coef * (20.0 + d * d), ws);
  }
  br_stopping_start(&f.stop, options->tol, options->max_iter, options->max_seconds);
  int *keep = br_take_int(ws, room);
  f.patience = linear ? ROUND_STEPS : BLEND_STEPS;
  fit->status = rounds(&f, keep);
  f.patience = options->max_iter;
  if (options->rounds_only && linear) {
    close_ledger(&f);
    fit->gap = INFINITY;
    return;
  }
  if (linear && fit->status == BR_OK) fit->status = descend(&f, f.stop.tolerance, 1);
  double row[BR_TRACE_COLUMNS];
  br_ledger_update(&f.ledger, u);
  br_mirror_prepare(&f.mirror); /* the state that is returned, whatever ended the fit */
  describe(&f, row);
  append(&fit->trace, BR_TRACE_COLUMNS, row);
  close_ledger(&f);
  fit->gap = f.mirror.gap;
  int met = settled(&f, f.stop.tolerance, 1);
  if (linear && fit->status == BR_OK && !met) fit->status = BR_STALLED;
  if (met && fit->status != BR_INTERRUPTED && fit->status < BR_ERR_SIZE)
    fit->status = BR_OK; /* it was the last step that was needed */
}
