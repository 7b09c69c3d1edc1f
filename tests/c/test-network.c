/* Networks: values against sums written out, gradients against differences, the same for any number
 * of threads; Adam against its formulas; gradients that are cut or not finite. */
#include "../../src/network.h"
#include "../../src/simd.h"
#include "../../src/threads.h"
#include "heap.h"

static br_network make(int inputs, int outputs, int hidden, const int *width, uint64_t *seed) {
  br_network net = {.inputs = inputs, .outputs = outputs, .hidden = hidden};
  for (int l = 0; l < hidden; l++) net.width[l] = width[l];
  net.coef = br_take(&heap, br_network_coefs(&net));
  double *w = net.coef;
  for (int l = 0; l <= hidden; l++) {
    const int rows = br_network_rows(&net, l), columns = br_network_columns(&net, l);
    for (int r = 0; r < rows; r++, w += br_network_stride(&net, l))
      for (int c = 0; c < columns; c++) w[c] = 0.7 * heap_normal(seed);
  }
  return net;
}

static double *normals(size_t n, uint64_t *seed) {
  double *x = br_take(&heap, n);
  for (size_t i = 0; i < n; i++) x[i] = heap_normal(seed);
  return x;
}

/* G(z_i), a point at a time. */
static void plainly(const br_network *net, size_t n, const double *z, size_t i, double *out) {
  double seen[64], value[64];
  const double *w = net->coef;
  int from = 0;
  for (int l = 0; l <= net->hidden; l++) {
    const int rows = br_network_rows(net, l), columns = br_network_columns(net, l);
    if (l == 0 || l == net->hidden)
      for (int k = 0; k < net->inputs; k++) seen[from++] = z[(size_t)k * n + i];
    seen[from++] = 1;
    CHECK(from == columns);
    for (int r = 0; r < rows; r++, w += br_network_stride(net, l)) {
      value[r] = 0;
      for (int c = 0; c < columns; c++) value[r] += w[c] * seen[c];
      if (l < net->hidden) value[r] = tanh(value[r]);
    }
    for (int r = 0; r < rows; r++) seen[r] = value[r];
    from = rows;
  }
  for (int k = 0; k < net->outputs; k++) out[k] = value[k];
}

static double paired(const br_network *net, size_t n, const double *z, const double *pull) {
  double *x = br_take(&heap, n * (size_t)net->outputs), sum = 0;
  br_network_eval(net, n, z, x, &heap);
  for (size_t i = 0; i < n * (size_t)net->outputs; i++) sum += pull[i] * x[i];
  return sum;
}

static void one_network(int inputs, int outputs, int hidden, const int *width, size_t n) {
  uint64_t seed = 7;
  const br_network net = make(inputs, outputs, hidden, width, &seed);
  const double *z = normals(n * (size_t)inputs, &seed);
  const double *pull = normals(n * (size_t)outputs, &seed);
  double *x = br_take(&heap, n * (size_t)outputs), out[64], worst = 0, size = 0;
  br_network_eval(&net, n, z, x, &heap);
  for (size_t i = 0; i < n; i++) {
    plainly(&net, n, z, i, out);
    for (int k = 0; k < outputs; k++) worst = larger(worst, apart(x[(size_t)k * n + i], out[k]));
  }
  CHECK(worst < 1e-13);

  const size_t coefs = br_network_coefs(&net);
  double *gradient = br_take(&heap, coefs);
  br_network_pull(&net, n, z, pull, gradient, &heap);
  for (size_t j = 0; j < coefs; j++) size = fmax(size, fabs(gradient[j]));
  /* the padding of the rows has no gradient; the rest is that of a five-point difference */
  size_t at = 0;
  worst = 0;
  for (int l = 0; l <= hidden; l++)
    for (int r = 0; r < br_network_rows(&net, l); r++)
      for (int c = 0; c < br_network_stride(&net, l); c++, at++) {
        if (c >= br_network_columns(&net, l)) {
          CHECK(gradient[at] == 0);
          continue;
        }
        const double here = net.coef[at], e = 1e-3;
        double value[4];
        for (int s = 0; s < 4; s++) {
          net.coef[at] = here + e * (s < 2 ? s - 2 : s - 1);
          value[s] = paired(&net, n, z, pull);
        }
        net.coef[at] = here;
        const double slope = (8 * (value[2] - value[1]) - (value[3] - value[0])) / (12 * e);
        worst = larger(worst, fabs(slope - gradient[at]) / size);
      }
  CHECK(at == coefs);
  CHECK(worst < 1e-8);
}

static void gradients(void) {
  const int widths[3] = {5, 8, 3};
  one_network(2, 2, 2, widths, 150);
  one_network(3, 1, 3, widths, 63);
  one_network(1, 2, 1, widths, 1);
  one_network(4, 3, 0, widths, 70);
}

static void threads(void) {
  uint64_t seed = 3;
  const int widths[2] = {60, 50};
  const size_t n = 3000;
  const br_network net = make(3, 2, 2, widths, &seed);
  const size_t coefs = br_network_coefs(&net);
  const double *z = normals(3 * n, &seed), *pull = normals(2 * n, &seed);
  double *x[2], *gradient[2];
  for (int t = 0; t < 2; t++) {
    br_threads_set(t + 1);
    x[t] = br_take(&heap, 2 * n);
    gradient[t] = br_take(&heap, coefs);
    br_network_eval(&net, n, z, x[t], &heap);
    br_network_pull(&net, n, z, pull, gradient[t], &heap);
  }
  br_threads_set(1);
  CHECK(memcmp(x[0], x[1], 2 * n * sizeof(double)) == 0);
  CHECK(memcmp(gradient[0], gradient[1], coefs * sizeof(double)) == 0);
  heap_free();
}

static void cost(void) {
  const int widths[2] = {64, 64};
  const br_network net = {.inputs = 2, .outputs = 2, .hidden = 2, .width = {widths[0], widths[1]}};
  CHECK(br_network_cost(&net) == 2 * 64 + 64 * 64 + 66 * 2);
  CHECK(br_network_coefs(&net) == 64 * 4 + 64 * 68 + 2 * 68);
}

static void adam(void) {
  double coef[2] = {1, -1}, mean[2] = {0}, square[2] = {0}, average[2] = {0};
  br_adam a = {
      .rate = 0.1, .longest = 1, .memory = 3, .mean = mean, .square = square, .average = average};
  double m = 0, v = 0, at = 1, kept = 0;
  for (int t = 1; t <= 9; t++) {
    double gradient[2] = {0.5 * t, 0};
    CHECK_NEAR(br_adam_step(&a, 2, gradient, coef), 0.5 * t, 0);
    const double g = fmin(0.5 * t, 1);
    CHECK_NEAR(gradient[0], g, 1e-15);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    at -= 0.1 * m / (1 - pow(0.9, t)) / (sqrt(v / (1 - pow(0.999, t))) + 1e-8);
    const double fresh = t < 3 ? 1.0 / t : 1.0 / 3;
    kept = (1 - fresh) * kept + fresh * at;
    CHECK_NEAR(coef[0], at, 1e-13);
    CHECK_NEAR(average[0], kept, 1e-13);
    CHECK(coef[1] == -1);
  }
  double bad[2] = {NAN, 1};
  CHECK(isnan(br_adam_step(&a, 2, bad, coef)));
  CHECK(a.steps == 9 && coef[0] == coef[0] && coef[1] == -1);
  CHECK_NEAR(mean[0], m, 1e-15);
}

int main(void) {
  heap_each_level(gradients);
  threads();
  cost();
  adam();
  return CHECK_DONE();
}
