/* Fit of a convex potential to a sample: mirror steps on a growing dictionary.
 *
 * Round 0 fits the Gaussian map. Every further round adds the columns that violate
 * optimality most, solves again from where it was, and drops atoms that vanished.
 * At the end the barrier is lowered until the certificate meets the tolerance.
 *
 * With components the potential is a sum (sum.h) and the objective is not convex: a round is a few
 * mirror steps, after the new columns if there are to be any, and the fit has no certificate. It
 * ends after as many rounds as were asked for, or before when decrement^2, about twice the decrease
 * that the next step promises, is within the tolerance.
 *
 * Nor is there a certificate with a target: decrement^2 takes its place, which says that the fit is
 * stationary and no more. */
#ifndef BR_FIT_H
#define BR_FIT_H

#include "columns.h"
#include "ledger.h"
#include "mirror.h"
#include "stopping.h"

typedef struct {
  double tol;       /* of the certificate at the end, nats a point */
  double round_tol; /* in the rounds before, of the certificate, or of 10 decrement^2 */
  int max_iter;     /* mirror steps */
  double max_seconds;
  int max_atoms;
  int n_components; /* of a softmax that the potential has as well; 0: none */
  int max_rounds;   /* rounds of column generation */
  int a_round;      /* columns added in a round, at most */
  int patience;     /* rounds without a better validation before the end */
  int keep_best;    /* whether the fit then returns to the round of the best validation */
  int rounds_only;  /* whether the rounds are all that is asked for: no certificate at the end */
  int given;        /* last columns of the samples that are covariates */
  double kappa;     /* floor of the eigenvalues of Q */
  double min_score; /* columns below this violation are not worth adding */
  const br_learner_kind *learner;
  const br_potential *start; /* to go on from, with as many components; NULL: x'x/2 */
  br_mirror_options mirror;
  br_columns_options columns;
  int keep_iterates; /* whether fit->iterates is filled; not with components */
  br_sample noise;   /* points of the reference for the ledger, one a row; none: no ledger */
} br_fit_options;

/* One row a mirror step, and one a round; column-major with a fixed capacity. */
enum { BR_TRACE_COLUMNS = 17, BR_ROUND_COLUMNS = 6 };
extern const char *const br_trace_names[BR_TRACE_COLUMNS];
extern const char *const br_round_names[BR_ROUND_COLUMNS];

typedef struct {
  int n, capacity;
  double *rows; /* capacity x columns */
} br_table;

typedef struct {
  br_potential u;
  br_table trace, rounds;
  /* The potentials that steps started from since the dictionary last changed, if they are kept:
   * eta times the length of the step (its length if eta is infinite), then the coefficients. */
  br_table iterates;
  int iterate_columns;
  double gap;       /* certificate of the potential returned; infinite where there is none */
  br_status status; /* BR_OK: converged; BR_MAX_ITERATIONS, ...: usable; BR_ERR_*: not */
} br_fit;

/* Most quadratic directions that a potential of br_fit_run() has. */
int br_fit_max_quadratic(int d, int max_atoms);

/* Covariates must have mean zero and unit covariance in the samples that are not held out, for
 * the certificate. Everything in fit belongs to the workspace. */
void br_fit_run(br_fit *fit, const br_fit_options *options, const br_learner_data *data,
                const br_host *host, br_workspace *ws);

#endif
