/* What a mirror step learns from samples. All learners serve one step (mirror.h); they differ
 * in the objective, in the metric, and in how they come to a direction:
 *
 *   likelihood  minus the log likelihood of the sample; the metric is that of the
 *               parabolic Monge-Ampere equation (likelihood.c)
 *   semidual    the semi-dual of optimal transport between two samples (semidual.h)
 *   logistic    the same objective; directions by telling the samples apart (logistic.c)
 *   score       the same objective; directions by the score, against N(0, I) (score.c)
 *   regression  half the mean square distance of the map from given points (regression.c)
 *   variational from a log density in the place of a sample, on points of the reference: KL(model |
 *               target) up to a constant (variational.c)
 *
 * A learner is one row of a table and a state of its own. */
#ifndef BR_LEARNER_H
#define BR_LEARNER_H

#include "moments.h"
#include "target.h"

/* Samples without points are missing. The held-out ones take the places of the two before them
 * where the objective is validated. */
typedef struct {
  br_sample sample; /* where the potential and its features are averaged as they are */
  br_sample other;  /* of the second law, in the space of the map, for learners of two samples; for
                     * regression the point that each of the sample is to go to */
  br_sample held_sample, held_other;
  const double *held_offset; /* added to the held-out loss of each point, or NULL */
  br_target *target;         /* for the learner of a log density; NULL: none */
} br_learner_data;

typedef struct br_learner br_learner;

typedef struct {
  const char *name;
  const struct br_violation *violation; /* of an atom, for columns.h */

  /* Fills self and the storage of moments; max_coef bounds the coefficients that u ever has. */
  void (*make)(br_learner *l, const br_potential *u, int max_coef, br_workspace *ws);

  /* The moments at the coefficients of u, which is prepared: the loss, its gradient, and the two
   * matrices where they are asked for. */
  br_status (*moments)(br_learner *l, const br_potential *u, int want_hessian, int want_metric);

  /* From the gradient of the whole objective F that a step lowers, after moments(), the force
   * that takes its place in the step; the gradient itself where this is NULL. */
  br_status (*force)(br_learner *l, const br_potential *u, const double *gradient, double *force);

  /* The loss alone; not finite where there is none. */
  double (*loss)(br_learner *l, const br_potential *u);

  /* Mean and mean square of the loss with the held-out samples; NaN where there are none. */
  br_loss (*held_out)(br_learner *l, const br_potential *u);

  /* The other sample pulled back by grad u as of the last call; NULL for learners of one sample. */
  const br_sample *(*pulled)(br_learner *l);

  /* Gradients of minus the log density at the map of the sample, as of the last call; NULL for
   * learners without a target. */
  const br_sample *(*pull)(br_learner *l);

  /* After moments(): the objective loss + lambda sum theta is nowhere on the constraints less
   * than what it is, loss + penalty, minus this. work has n_coef doubles. NULL where nothing of
   * the kind is known, as for losses that are not convex. */
  double (*gap)(br_learner *l, br_potential *u, double lambda, double penalty, double beta,
                double *work);
} br_learner_kind;

struct br_learner {
  const br_learner_kind *kind;
  br_learner_data data;
  br_moments moments;
  br_status status; /* not BR_OK once the learner cannot go on; then there is no loss */
  void *self;
};

extern const br_learner_kind br_likelihood_learner, br_semidual_learner, br_logistic_learner,
    br_score_learner, br_regression_learner, br_variational_learner;

/* Of those that learn from samples alone; NULL if there is none of that name. */
const br_learner_kind *br_learner_find(const char *name);

void br_learner_make(br_learner *l, const br_learner_kind *kind, const br_learner_data *data,
                     const br_potential *u, int max_coef, br_workspace *ws);

#endif
