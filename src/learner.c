#include "learner.h"

#include <string.h>

static const br_learner_kind *const kinds[] = {&br_likelihood_learner, &br_semidual_learner,
                                               &br_logistic_learner, &br_score_learner,
                                               &br_regression_learner};

const br_learner_kind *br_learner_find(const char *name) {
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    if (strcmp(kinds[k]->name, name) == 0) return kinds[k];
  return NULL;
}

void br_learner_make(br_learner *l, const br_learner_kind *kind, const br_learner_data *data,
                     const br_potential *u, int max_coef, br_workspace *ws) {
  memset(l, 0, sizeof *l);
  l->kind = kind;
  l->data = *data;
  kind->make(l, u, max_coef, ws);
}
