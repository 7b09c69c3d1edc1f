/* The kernel Stein discrepancy of particles against differences of the kernel, and its gradient
 * against differences of it, for a law whose Hessian is known and varies. */
#include "flow.h"

/* log pi = sum_c [-x_c^2/2 + 0.3 sin(x_c + 2 x_{c+1})], c + 1 taken modulo d: its score, and its
 * Hessian times v. */
static void waves(size_t n, int d, const double *x, const double *v, double *score,
                  double *turned) {
  for (size_t i = 0; i < n; i++)
    for (int c = 0; c < d; c++) {
      score[(size_t)c * n + i] -= x[(size_t)c * n + i];
      if (v) turned[(size_t)c * n + i] -= v[(size_t)c * n + i];
    }
  for (size_t i = 0; i < n; i++)
    for (int c = 0; c < d; c++) {
      const size_t a = (size_t)c * n + i, b = (size_t)((c + 1) % d) * n + i;
      const double at = x[a] + 2 * x[b], slope = 0.3 * cos(at), bend = -0.3 * sin(at);
      score[a] += slope;
      score[b] += 2 * slope;
      if (!v) continue;
      turned[a] += bend * (v[a] + 2 * v[b]);
      turned[b] += 2 * bend * (v[a] + 2 * v[b]);
    }
}

static br_flow_state eval_waves(br_flow *f, const double *x) {
  double *score = br_take(&heap, f->n * (size_t)f->d);
  br_flow_state s = make_state(f);
  waves(f->n, f->d, x, NULL, score, NULL);
  f->score = score;
  CHECK(br_flow_eval(f, x, &s, &heap) == BR_OK);
  return s;
}

/* The mean over pairs of the Stein kernel, whose derivatives are differences of the kernel. */
static double plain_stein(const br_flow *f, const double *x, const double *s) {
  const double e = 1e-3, h2 = f->scale * f->scale;
  const size_t n = f->n;
  double total = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double square = 0, product = 0, own;
      for (int c = 0; c < f->d; c++) {
        const double apart = x[(size_t)c * n + i] - x[(size_t)c * n + j];
        square += apart * apart;
        product += s[(size_t)c * n + i] * s[(size_t)c * n + j];
      }
      own = f->kernel == BR_IMQ ? 1 / sqrt(1 + square / h2) : exp(-square / (2 * h2));
      total += product * own;
      for (int c = 0; c < f->d; c++) {
        const double apart = x[(size_t)c * n + i] - x[(size_t)c * n + j];
        double k[5];
        for (int side = -2; side <= 2; side++) {
          const double q = square + side * e * (2 * apart + side * e);
          k[side + 2] = f->kernel == BR_IMQ ? 1 / sqrt(1 + q / h2) : exp(-q / (2 * h2));
        }
        const double slope = (k[0] - 8 * k[1] + 8 * k[3] - k[4]) / (12 * e);
        const double bend = (-k[0] + 16 * k[1] - 30 * k[2] + 16 * k[3] - k[4]) / (12 * e * e);
        total += slope * (s[(size_t)c * n + j] - s[(size_t)c * n + i]) - bend;
      }
    }
  return total / (double)(n * n);
}

static void stein(void) {
  const br_kernel_id kernels[] = {BR_GAUSSIAN, BR_IMQ};
  for (int kernel = 0; kernel < 2; kernel++)
    for (int d = 1; d <= 4; d++) {
      uint64_t seed = (uint64_t)(300 + d);
      br_flow f = make_flow(BR_FLOW_KSD, 8, 0, d, &seed);
      const size_t size = 8 * (size_t)d;
      double *x = normals(size, 1.2, &seed), *score = br_take(&heap, size);
      double *turned = br_take(&heap, size), worst = 0, largest = 1e-3;
      f.kernel = kernels[kernel];
      x[1] = x[0]; /* for d = 1 a coincident pair */
      const br_flow_state s = eval_waves(&f, x);
      CHECK_NEAR(s.energy, plain_stein(&f, x, f.score), 1e-8 * (1 + fabs(s.energy)));
      waves(8, d, x, s.pull, score, turned);
      for (size_t k = 0; k < size; k++) {
        const double at = x[k], step = 1e-3, v = s.velocity[k] - turned[k];
        double e[4];
        for (int side = 0; side < 4; side++) {
          x[k] = at + step * (double[]){-2, -1, 1, 2}[side];
          e[side] = eval_waves(&f, x).energy;
        }
        x[k] = at;
        const double slope = (e[0] - 8 * e[1] + 8 * e[2] - e[3]) / (12 * step);
        worst = larger(worst, fabs(v + 8 * s.unit * slope));
        largest = larger(largest, fabs(v));
      }
      CHECK_NEAR(worst / largest, 0, 1e-8);
    }
  uint64_t seed = 1;
  br_flow f = make_flow(BR_FLOW_KSD, 8, 0, 2, &seed);
  br_flow_state s = make_state(&f);
  f.kernel = BR_MATERN32;
  CHECK(br_flow_eval(&f, normals(16, 1, &seed), &s, &heap) == BR_ERR_SIZE);
}

int main(void) {
  heap_each_setting(stein);
  return CHECK_DONE();
}
