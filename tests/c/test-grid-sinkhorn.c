/* Half a cycle on grids against sums over all pairs of cells: one to three dimensions, grids of
 * different cells, tori, densities that vanish, any temperature; on any number of threads. */
#include "../../src/grid_sinkhorn.h"
#include "../../src/threads.h"
#include "heap.h"

static double kernel(const br_grid *from, const br_grid *to, size_t i, size_t j, double epsilon) {
  double log_product = 0;
  for (int k = 0; k < from->d; k++) {
    const double apart = br_grid_centre(from, k, (int)(i % (size_t)from->n[k])) -
                         br_grid_centre(to, k, (int)(j % (size_t)to->n[k]));
    const double period = from->n[k] * from->step[k];
    const int images = from->periodic ? 2 + (int)(10 * sqrt(epsilon) / period) : 0;
    double most = -INFINITY, sum = 0;
    for (int pass = 0; pass < 2; pass++)
      for (int image = -images; image <= images; image++) {
        const double t = -pow(apart + image * period, 2) / (2 * epsilon);
        if (pass == 0) most = fmax(most, t);
        else sum += exp(t - most);
      }
    log_product += most + log(sum);
    i /= (size_t)from->n[k];
    j /= (size_t)to->n[k];
  }
  return log_product;
}

static double naive(const br_grid *from, const double *mass, const double *f, const br_grid *to,
                    size_t j, double epsilon) {
  double most = -INFINITY, sum = 0, total = 0;
  for (size_t i = 0; i < from->cells; i++) total += mass[i];
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < from->cells; i++) {
      if (mass[i] == 0) continue;
      const double t = log(mass[i] / total) - f[i] / epsilon + kernel(from, to, i, j, epsilon);
      if (pass == 0) most = fmax(most, t);
      else sum += exp(t - most);
    }
  return epsilon * (most + log(sum));
}

/* f like that of a flow, |x|^2 / 2 and more, or rough. */
static void compare(int d, const int *n, const int *m, int periodic, double epsilon, double rough,
                    uint64_t *seed) {
  const double low[3] = {0, -0.5, 0}, up[3] = {1, 1, 2}, below[3] = {0.1, -0.4, 0};
  br_grid x, y;
  br_grid_make(&x, d, n, low, up, periodic);
  br_grid_make(&y, d, m, periodic ? low : below, up, periodic);
  double *mu = br_take(&heap, x.cells), *nu = br_take(&heap, y.cells);
  double *f[2] = {br_take(&heap, x.cells), br_take(&heap, y.cells)};
  for (int side = 0; side < 2; side++) {
    const br_grid *g = side ? &y : &x;
    double *mass = side ? nu : mu;
    for (size_t i = 0; i < g->cells; i++) {
      size_t rest = i;
      mass[i] = heap_uniform(seed) < 0.3 ? 0 : heap_uniform(seed);
      f[side][i] = rough * heap_uniform(seed);
      for (int k = 0; k < d; k++) {
        const double at = br_grid_centre(g, k, (int)(rest % (size_t)g->n[k]));
        f[side][i] += (side ? 0.7 : -0.6) * at * at;
        rest /= (size_t)g->n[k];
      }
    }
    if (d > 1) memset(mass, 0, (size_t)g->n[0] * sizeof(double)); /* a line without mass */
  }
  br_grid_sinkhorn s;
  br_grid_sinkhorn_make(&s, &x, mu, &y, nu, epsilon, &heap);
  for (int back = 0; back < 2; back++) {
    const br_grid *from = back ? &y : &x, *to = back ? &x : &y;
    double *out = br_take(&heap, to->cells), *again = br_take(&heap, to->cells), worst = 0;
    br_grid_sinkhorn_half(&s, back, f[back], out);
    for (size_t j = 0; j < to->cells; j++) {
      const double truth = naive(from, back ? nu : mu, f[back], to, j, epsilon);
      worst = fmax(worst, fabs(out[j] - truth) / (epsilon + fabs(truth)));
    }
    CHECK_NEAR(worst, 0, 1e-13);
    br_threads_set(br_threads_limit() == 1 ? 2 : 1);
    br_grid_sinkhorn_half(&s, back, f[back], again);
    CHECK(memcmp(out, again, to->cells * sizeof(double)) == 0);
  }
}

int main(void) {
  uint64_t seed = 3;
  const int cells[4][3] = {{70, 1, 1}, {45, 6, 1}, {150, 1, 1}, {64, 5, 1}};
  for (int periodic = 0; periodic < 2; periodic++)
    for (double epsilon = 1e-8; epsilon < 1e3; epsilon *= 10)
      for (double rough = 0; rough < 1; rough += 0.3) {
        compare(1, cells[2], periodic ? cells[2] : cells[0], periodic, epsilon, rough, &seed);
        if (rough > 0.2 || epsilon < 1e-6 || epsilon > 5) continue; /* all pairs take their time */
        compare(2, cells[1], periodic ? cells[1] : cells[3], periodic, epsilon, rough, &seed);
        if (epsilon > 1e-3 && epsilon < 1)
          compare(3, (int[]){12, 7, 5}, periodic ? (int[]){12, 7, 5} : (int[]){8, 9, 6}, periodic,
                  epsilon, rough, &seed);
      }
  return CHECK_DONE();
}
