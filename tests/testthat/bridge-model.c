/* A model as BridgeStan compiles one, with the functions of its C interface that a target asks for:
 * mu ~ N(m, 1) and sigma ~ Exp(1), so that z = (mu, log sigma); double = 2 mu is transformed. The
 * data are {"m": number}. A log density beyond mu = 50 is an error. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef BRIDGESTAN_HEADER /* to compare the declarations with those of BridgeStan */
#include <bridgestan.h>
#else
typedef struct bs_model bs_model;
typedef struct bs_rng bs_rng;
#endif

struct bs_model {
  double m;
};

static int alive, messages;

static int fail(char **error_msg, const char *text) {
  *error_msg = malloc(strlen(text) + 1);
  strcpy(*error_msg, text);
  messages++;
  return -1;
}

bs_model *bs_model_construct(const char *data, unsigned int seed, char **error_msg) {
  double m = 0;
  if (data && *data && sscanf(data, " { \"m\" : %lf", &m) != 1) {
    fail(error_msg, "the data have no m");
    return NULL;
  }
  bs_model *model = malloc(sizeof *model);
  model->m = m + 0 * seed;
  alive++;
  return model;
}

void bs_model_destruct(bs_model *model) {
  alive--;
  free(model);
}

void bs_free_error_msg(char *error_msg) {
  messages--;
  free(error_msg);
}

/* What is not freed yet, for the test: as .C() wants it. */
void bs_open(int *models, int *kept) {
  *models = alive;
  *kept = messages;
}

const char *bs_name(const bs_model *model) { return model ? "bridge" : ""; }

const char *bs_param_names(const bs_model *model, bool include_tp, bool include_gq) {
  (void)model, (void)include_gq;
  return include_tp ? "mu,s.1,double" : "mu,s.1";
}

const char *bs_param_unc_names(const bs_model *model) {
  (void)model;
  return "mu,s.1";
}

int bs_param_num(const bs_model *model, bool include_tp, bool include_gq) {
  (void)model, (void)include_gq;
  return 2 + include_tp;
}

int bs_param_unc_num(const bs_model *model) {
  (void)model;
  return 2;
}

int bs_param_constrain(const bs_model *model, bool include_tp, bool include_gq,
                       const double *theta_unc, double *theta, bs_rng *rng, char **error_msg) {
  (void)model, (void)rng;
  if (include_gq) return fail(error_msg, "there is no generator");
  theta[0] = theta_unc[0];
  theta[1] = exp(theta_unc[1]);
  if (include_tp) theta[2] = 2 * theta_unc[0];
  return 0;
}

int bs_param_unconstrain(const bs_model *model, const double *theta, double *theta_unc,
                         char **error_msg) {
  (void)model;
  if (theta[1] <= 0) return fail(error_msg, "s must be positive");
  theta_unc[0] = theta[0];
  theta_unc[1] = log(theta[1]);
  return 0;
}

int bs_log_density_gradient(const bs_model *model, bool propto, bool jacobian,
                            const double *theta_unc, double *val, double *grad, char **error_msg) {
  double r = theta_unc[0] - model->m, s = exp(theta_unc[1]);
  if (theta_unc[0] > 50) return fail(error_msg, "mu is too large");
  *val = -r * r / 2 - s + (jacobian ? theta_unc[1] : 0);
  if (!propto) *val -= log(2 * 3.14159265358979323846) / 2;
  grad[0] = -r;
  grad[1] = -s + jacobian;
  return 0;
}

int bs_log_density(const bs_model *model, bool propto, bool jacobian, const double *theta_unc,
                   double *lp, char **error_msg) {
  double gradient[2];
  return bs_log_density_gradient(model, propto, jacobian, theta_unc, lp, gradient, error_msg);
}
