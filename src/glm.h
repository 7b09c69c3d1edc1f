/* The posterior of a generalised linear model, as a target: minus the log density of the
 * coefficients and, where the family has one, of the log of its auxiliary parameter.
 *
 * What depends on eta = X b + offset is a sum over rows with a total t, the sum of w y over the
 * observations that share the row, and their weight w. What does not is in few numbers, so that
 * it costs nothing however many rows there are. */
#ifndef BR_GLM_H
#define BR_GLM_H

#include "kernels.h"
#include "target.h"

typedef struct br_glm br_glm;

/* The auxiliary parameter a in each lane. */
typedef struct {
  const double *log, *value;
} br_glm_aux;

typedef struct {
  const char *name; /* family and link, as R names them: "binomial(logit)" */
  int has_aux;

  /* A row of data in n lanes: adds to value what depends on eta, turns eta into the derivative by
   * it, and adds that by log a to slope. work has 4 BR_LANES doubles. */
  void (*row)(int n, double total, double weight, const br_glm_aux *aux, double *eta, double *value,
              double *slope, double *work);

  /* What depends on a alone, and its derivative by log a; NULL without a. */
  double (*rest)(const br_glm *g, double a, double log_a, double *slope);
} br_glm_family;

/* The family of that name, or NULL. */
const br_glm_family *br_glm_family_named(const char *name);

/* Kernels of priors: of z = (x - location)/scale, without their constants. */
typedef enum {
  BR_PRIOR_FLAT = 0,
  BR_PRIOR_NORMAL,
  BR_PRIOR_STUDENT_T,
  BR_PRIOR_LAPLACE,
  BR_PRIOR_EXPONENTIAL,
  BR_N_PRIORS
} br_prior_kind;

typedef struct {
  const int *kind; /* one of each a parameter; that of the auxiliary one is of a, not of log a */
  const double *location, *scale, *df;
} br_glm_prior;

struct br_glm {
  const br_glm_family *family;
  int p;                              /* coefficients */
  size_t n;                           /* rows */
  const double *X;                    /* p x n: a row of the design is a column here */
  const double *total, *weight;       /* n */
  const double *offset;               /* n, or NULL */
  double constant;                    /* of likelihood and priors */
  double mass;                        /* sum of the weights of the observations */
  double sum;                         /* see the families */
  size_t n_levels;                    /* distinct responses, and the weight of each, where the */
  const double *level, *level_weight; /* family wants to know */
  br_glm_prior prior;
};

/* Memory of evaluations, one a thread. */
typedef struct {
  const br_glm *glm;
  int threads;
  double *memory;
} br_glm_target;

/* The target of a model; both must stay where they are. */
br_target br_glm_target_make(br_glm_target *self, const br_glm *glm, br_workspace *ws);

#endif
