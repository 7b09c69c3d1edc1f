/* Kernel flows: divergences against their formulas and differences; velocities against differences
 * of the energies, for every kind, divergence and kernel; particles at the data do not move; far
 * outliers and duplicates stay finite; guesses and held powers change nothing. */
#include "flow.h"

/* --- divergences ------------------------------------------------------------------------ */

static double plain_f(int k, double r, double a) {
  switch (k) {
  case 0: return r * log(r) - r + 1;
  case 1: return r - 1 - log(r);
  case 2: return (r - 1) * (r - 1);
  case 3: return (r - 1) * (r - 1) / r;
  case 4: return (sqrt(r) - 1) * (sqrt(r) - 1);
  case 5: return (r * log(r) - (1 + r) * log((1 + r) / 2)) / 2;
  default: return (pow(r, a) - a * r + a - 1) / (a * (a - 1));
  }
}

static void divergences(void) {
  const double orders[] = {-1, 0.5, 1.7, 2};
  for (int k = 0; k < BR_N_DIVERGENCES; k++) {
    CHECK(br_divergence_find(br_divergence_table[k].name) == k);
    const br_divergence_at one = br_divergence_table[k].at(0, 1.5);
    CHECK(one.value == 0 && one.slope == 0 && one.weight > 0);
    for (int o = 0; o < 4; o++)
      for (double l = -3; l <= 3; l += 0.37) {
        const double r = exp(l), e = 1e-4 * r, a = orders[o];
        const br_divergence_at f = br_divergence_table[k].at(l, a);
        const double up = plain_f(k, r + e, a), down = plain_f(k, r - e, a);
        const double here = plain_f(k, r, a), size = 1 + fabs(f.slope) + f.weight;
        CHECK_NEAR(f.value, here, 1e-12 * (1 + here));
        CHECK_NEAR(f.slope, (up - down) / (2 * e), 1e-6 * size);
        CHECK_NEAR(f.weight, r * (up - 2 * here + down) / (e * e), 2e-5 * size);
      }
  }
  CHECK(br_divergence_find("kullback") == -1);
  /* chi-squared is twice the alpha divergence of order 2; order 1 and 0 are limits */
  CHECK_NEAR(br_divergence_table[6].at(0.7, 2).value * 2, br_divergence_table[2].at(0.7, 0).value,
             1e-14);
  CHECK_NEAR(br_divergence_table[6].at(0.7, 1).value, br_divergence_table[0].at(0.7, 0).value, 0);
  CHECK_NEAR(br_divergence_table[6].at(0.7, 1e-5).value, br_divergence_table[1].at(0.7, 0).value,
             1e-5);
}

static void the_clip(void) {
  br_mixture mix = {{1, 0.5, 2, 0.25, 1, 1, 0.3}, 1.5, 2};
  for (int phi = 0; phi < 4; phi++)
    for (double l = -4; l <= 4; l += 0.31) {
      double slope, other;
      const double value = br_mixture_energy(&mix, (br_phi)phi, l, &slope), e = 1e-5;
      const double up = br_mixture_energy(&mix, (br_phi)phi, l + e, &other);
      const double down = br_mixture_energy(&mix, (br_phi)phi, l - e, &other);
      CHECK_NEAR(slope, (up - down) / (2 * e), 1e-7 * (1 + fabs(slope)));
      CHECK(value >= 0 || phi == BR_PHI_SMOOTH || fabs(l) > mix.clip);
    }
  CHECK(br_mixture_weight(&mix, 9) == br_mixture_weight(&mix, 2));
  mix.clip = 3;
  CHECK(br_mixture_weight(&mix, 9) > br_mixture_weight(&mix, 2));
}

/* --- flows ------------------------------------------------------------------------------ */

/* Largest difference of the velocity from differences of the energy, over the largest velocity. */
static double gradient_error(br_flow *f, double *x, double step) {
  const size_t size = f->n * (size_t)f->d;
  const br_flow_state s = eval_at(f, x);
  double worst = 0, largest = 1e-3;
  for (size_t k = 0; k < size; k++) largest = larger(largest, fabs(s.velocity[k]));
  for (size_t k = 0; k < size; k++) {
    const double at = x[k];
    double e[4];
    for (int side = 0; side < 4; side++) {
      x[k] = at + step * (double[]){-2, -1, 1, 2}[side];
      e[side] = eval_at(f, x).energy;
    }
    x[k] = at;
    const double slope = (e[0] - 8 * e[1] + 8 * e[2] - e[3]) / (12 * step);
    worst = larger(worst, fabs(s.velocity[k] + (double)f->n * s.unit * slope));
  }
  return worst / largest;
}

static void gradients(void) {
  for (int kind = 0; kind < BR_N_FLOWS; kind++) {
    if (!br_flow_table[kind].descends || kind == BR_FLOW_KSD) continue;
    for (int d = 1; d <= 3; d++) {
      uint64_t seed = (uint64_t)(10 * kind + d);
      br_flow f = make_flow((br_flow_kind)kind, 7, 9, d, &seed);
      double *x = normals(7 * (size_t)d, 1.3, &seed);
      prepare(&f);
      f.mix.clip = 40;
      /* the sliced energy is a polynomial between crossings: no error but rounding */
      CHECK_NEAR(gradient_error(&f, x, kind == BR_FLOW_SLICED ? 1e-5 : 1e-3), 0, 1e-8);
    }
  }
}

/* Every divergence and kernel under the energies that take them. */
static void every_divergence(void) {
  const br_flow_kind kinds[] = {BR_FLOW_MIXTURE, BR_FLOW_DATA, BR_FLOW_PARTICLE, BR_FLOW_SMOOTH};
  const br_kernel_id kernels[] = {BR_GAUSSIAN, BR_MATERN32, BR_IMQ};
  for (int k = 0; k < 4; k++)
    for (int div = 0; div <= BR_N_DIVERGENCES; div++) {
      uint64_t seed = (uint64_t)(100 + 10 * k + div);
      br_flow f = make_flow(kinds[k], 6, 8, 2, &seed);
      double *x = normals(12, 1.3, &seed);
      f.kernel = kernels[div % 3];
      for (int j = 0; j < BR_N_DIVERGENCES; j++)
        f.mix.share[j] = div == BR_N_DIVERGENCES ? 0.3 + j : j == div;
      prepare(&f);
      f.mix.clip = 40; /* its edge would spoil the differences */
      CHECK_NEAR(gradient_error(&f, x, 2e-3), 0, 1e-8);
      for (size_t i = 0; i < 12; i++) x[i] = 2 * x[i] + 3; /* beyond the clip, some of them */
      f.mix.clip = 1;
      CHECK_NEAR(gradient_error(&f, x, 1e-4), 0, 1e-7);
    }
}

/* On the sphere the velocity is that of the space around it: its tangent part is the gradient
 * there, so that of the normalised points; on a torus each pair of columns is a circle. */
static void on_sphere(br_flow_kind kind, int d, int circles, int leave_out) {
  enum { n = 6, m = 8 };
  const int block = circles ? 2 : d;
  uint64_t seed = (uint64_t)(5 + kind + 20 * d);
  br_flow f = make_flow(kind, n, m, d, &seed);
  double *x = normals(n * (size_t)d, 1, &seed), *z = br_take(&heap, n * (size_t)d);
  f.kernel = BR_VMF;
  f.leave_out = leave_out;
  for (int b = 0; b < d; b += block) {
    unit_rows(n, block, x + b * n);
    unit_rows(m, block, (double *)f.y + b * m);
  }
  prepare(&f);
  f.mix.clip = 40;
  const br_flow_state s = eval_at(&f, x);
  for (int k = 0; k < n * d; k++) {
    const int i = k % n, first = k / n / block * block;
    double e[4], along = 0;
    for (int side = 0; side < 4; side++) {
      memcpy(z, x, n * (size_t)d * sizeof(double));
      z[k] += 1e-3 * (double[]){-2, -1, 1, 2}[side];
      unit_rows(n, block, z + first * n);
      e[side] = eval_at(&f, z).energy;
    }
    for (int c = first; c < first + block; c++) along += x[c * n + i] * s.velocity[c * n + i];
    const double slope = (e[0] - 8 * e[1] + 8 * e[2] - e[3]) / 12e-3;
    CHECK_NEAR(s.velocity[k] - along * x[k], -n * s.unit * slope, 1e-8);
  }
}

static void sphere(void) {
  const br_flow_kind kinds[] = {BR_FLOW_MIXTURE, BR_FLOW_DATA, BR_FLOW_PARTICLE, BR_FLOW_BREGMAN,
                                BR_FLOW_MMD};
  for (int k = 0; k < 5; k++) {
    on_sphere(kinds[k], 3, 0, 0);
    on_sphere(kinds[k], 4, 1, 0);
  }
  const br_flow_kind others[] = {BR_FLOW_MIXTURE, BR_FLOW_PARTICLE, BR_FLOW_BREGMAN};
  for (int k = 0; k < 3; k++)
    for (int circles = 0; circles < 2; circles++) on_sphere(others[k], 3 + circles, circles, 1);
}

/* Without the self term: q by hand, the gradients of what is then the energy, guesses; among the
 * particles one so far that its sums are taken term by term, and that pulls the nearest. */
static void without_self(void) {
  const br_flow_kind kinds[] = {BR_FLOW_MIXTURE, BR_FLOW_PARTICLE, BR_FLOW_BREGMAN,
                                BR_FLOW_BLOB,    BR_FLOW_PLUGIN,   BR_FLOW_KNOWN};
  const br_kernel_id kernels[] = {BR_GAUSSIAN, BR_MATERN32, BR_IMQ};
  for (int kind = 0; kind < 6; kind++)
    for (int kernel = 0; kernel < 3; kernel++) {
      uint64_t seed = (uint64_t)(200 + 10 * kind + kernel);
      br_flow f = make_flow(kinds[kind], 7, 9, 2, &seed);
      double *x = normals(14, 1, &seed);
      f.kernel = kernels[kernel];
      f.leave_out = 1;
      f.mix.clip = 40;
      x[0] += 6; /* alone */
      prepare(&f);
      const br_flow_state s = eval_at(&f, x);
      int alone = 0;
      for (int i = 0; i < 7; i++) {
        double sum = 0;
        for (int j = 0; j < 7; j++) {
          const double u =
              (x[i] - x[j]) * (x[i] - x[j]) + (x[7 + i] - x[7 + j]) * (x[7 + i] - x[7 + j]);
          const double r = sqrt(u) / f.scale, t = sqrt(3) * r;
          if (j == i) continue;
          sum += (double[]){exp(-r * r / 2), (1 + t) * exp(-t), 1 / sqrt(1 + r * r)}[kernel];
        }
        alone += sum < 1e-2;
        CHECK_NEAR(s.log_q[i], log(sum / 6), 1e-11);
      }
      CHECK(alone >= 1 || kernel > 0);
      if (br_flow_table[kinds[kind]].descends) CHECK_NEAR(gradient_error(&f, x, 1e-3), 0, 1e-8);
      br_flow_state again = make_state(&f);
      for (int i = 0; i < 7; i++) {
        again.log_q[i] = s.log_q[i] + (i % 3 - 1);
        again.log_p[i] = s.log_p[i] - (i % 3 - 1);
      }
      for (int i = 0; i < (int)f.m; i++) again.log_q_data[i] = s.log_q_data[i] + 1;
      again.guessed = 1;
      score_at(&f, x);
      CHECK(br_flow_eval(&f, x, &again, &heap) == BR_OK);
      for (int k = 0; k < 14; k++) CHECK_NEAR(again.velocity[k], s.velocity[k], 1e-11);
      x[0] += 1e6; /* so far that no double holds the kernel */
      const br_flow_state far = eval_at(&f, x);
      for (int k = 0; k < 14; k++) CHECK(isfinite(far.velocity[k]));
    }
}

/* Weights of the plug-in field by hand, at one particle and two data. */
static void plugin_by_hand(void) {
  uint64_t seed = 1;
  br_flow f = make_flow(BR_FLOW_PLUGIN, 1, 2, 1, &seed);
  const double y[] = {0, 4}, weight[] = {0.05, 0.95};
  double x[] = {0.3};
  f.y = y;
  f.weight = weight;
  f.scale = 1;
  const double p0 = 0.05 * exp(-0.045), p4 = 0.95 * exp(-3.7 * 3.7 / 2);
  const double s = (p0 * (0 - 0.3) + p4 * (4 - 0.3)) / (p0 + p4), r = 1 / (p0 + p4);
  CHECK_NEAR(eval_at(&f, x).velocity[0], s, 1e-14);
  CHECK_NEAR(eval_at(&f, x).velocity[0], -0.217, 5e-4);
  const double plain[] = {1, 1 / r, 2 * r, 2 / r / r, 0.5 / sqrt(r), 0.5 / (1 + r), sqrt(r)};
  for (int k = 0; k < BR_N_DIVERGENCES; k++) {
    memset(f.mix.share, 0, sizeof f.mix.share);
    f.mix.share[k] = 1;
    CHECK_NEAR(eval_at(&f, x).velocity[0], plain[k] * s, 1e-12);
  }
}

/* Particles that are the data: nothing moves, the energy is 0. */
static void at_the_data(void) {
  for (int kind = 0; kind < BR_N_FLOWS; kind++) {
    if (!br_flow_table[kind].data) continue;
    uint64_t seed = (uint64_t)kind;
    br_flow f = make_flow((br_flow_kind)kind, 9, 9, 2, &seed);
    double *weight = br_take(&heap, 9);
    for (int j = 0; j < 9; j++) weight[j] = 1 / 9.0;
    f.weight = weight;
    prepare(&f);
    if (kind == BR_FLOW_SMOOTH) { /* of KL up to the error of the quadrature */
      f.mix.share[0] = 0;
      f.mix.share[2] = 1;
    }
    const br_flow_state s = eval_at(&f, f.y);
    for (int k = 0; k < 18; k++) CHECK_NEAR(s.velocity[k], 0, 1e-14);
    if (br_flow_table[kind].descends) CHECK_NEAR(s.energy, 0, 1e-14);
  }
}

static void stays_finite(void) {
  for (int kind = 0; kind < BR_N_FLOWS; kind++) {
    uint64_t seed = (uint64_t)kind;
    br_flow f = make_flow((br_flow_kind)kind, 8, 9, 2, &seed);
    double *x = normals(16, 1, &seed);
    for (int c = 0; c < 2; c++) {
      x[8 * c] = 1e6;              /* far */
      x[8 * c + 1] = x[8 * c + 2]; /* one on the other */
      if (f.y) x[8 * c + 3] = f.y[9 * c + 1];
    }
    for (int k = 0; k < BR_N_DIVERGENCES; k++) f.mix.share[k] = 1;
    prepare(&f);
    const br_flow_state s = eval_at(&f, x);
    for (int k = 0; k < 16; k++) CHECK(isfinite(s.velocity[k]));
    CHECK(isfinite(s.energy) || !br_flow_table[kind].descends);
  }
}

/* Guesses, good, poor and absurd, give what no guesses give. */
static void guesses(void) {
  for (int kind = 0; kind < BR_N_FLOWS; kind++) {
    uint64_t seed = (uint64_t)kind;
    br_flow f = make_flow((br_flow_kind)kind, 8, 9, 2, &seed);
    double *x = normals(16, 1, &seed);
    prepare(&f);
    const br_flow_state truth = eval_at(&f, x);
    for (int guess = 0; guess < 3; guess++) {
      br_flow_state s = make_state(&f);
      for (int i = 0; i < 8; i++) {
        s.log_q[i] = truth.log_q[i] + (double[]){0, 5, 2000}[guess] * (i % 3 - 1);
        s.log_p[i] = truth.log_p[i] + (double[]){0, 5, 2000}[guess] * (i % 3 - 1);
      }
      for (int i = 0; i < (int)f.m; i++) s.log_q_data[i] = truth.log_q_data[i] + 3 * guess;
      s.guessed = 1;
      CHECK(br_flow_eval(&f, x, &s, &heap) == BR_OK);
      for (int k = 0; k < 16; k++) CHECK_NEAR(s.velocity[k], truth.velocity[k], 1e-12);
      if (br_flow_table[kind].descends) CHECK_NEAR(s.energy, truth.energy, 1e-13);
      const int used = truth.log_q[0] != 0;
      for (int i = 0; i < 8 && used; i++) CHECK_NEAR(s.log_q[i], truth.log_q[i], 1e-12);
    }
  }
}

/* As many points as clouds may put in an order of their own. */
static void many(void) {
  uint64_t seed = 8;
  br_flow f = make_flow(BR_FLOW_MIXTURE, 300, 700, 2, &seed);
  double *x = normals(600, 1, &seed);
  prepare(&f);
  const br_flow_state truth = eval_at(&f, x);
  br_flow_state s = truth;
  s.velocity = br_take(&heap, 600);
  s.guessed = 1;
  CHECK(br_flow_eval(&f, x, &s, &heap) == BR_OK);
  double worst = 0;
  for (int k = 0; k < 600; k++) worst = larger(worst, fabs(s.velocity[k] - truth.velocity[k]));
  CHECK_NEAR(worst, 0, 1e-12);
  CHECK_NEAR(s.energy, truth.energy, 1e-14);
}

/* Powers that are held change nothing: for each kind that holds them, with and without guesses,
 * good and poor, tolerance and self term, in the order of the caller and in others; with a datum so
 * far that nothing can be held; and on any number of threads. */
static void held(void) {
  for (int kind = 0; kind < BR_N_FLOWS; kind++) {
    const int mixture = kind == BR_FLOW_MIXTURE;
    if (!br_flow_table[kind].held) continue;
    for (int run = 0; run < (mixture ? 13 : 12); run++) {
      if (!mixture && run % 3 != 1) continue;
      const int d = (int[]){1, 2, 8}[run % 3], far = run / 3 == 3;
      uint64_t seed = (uint64_t)(20 * kind + run);
      const size_t n = run < 12 ? 290 : 1000; /* the last for two threads */
      br_flow f = make_flow((br_flow_kind)kind, n, 2 * n + 70, d, &seed);
      double *x = normals(f.n * (size_t)d, 1.2, &seed);
      const double tolerance = run / 3 == 1 ? 1e-8 : 0;
      f.scale = run / 3 == 1 ? 0.05 * d : 0.5;
      f.leave_out = run / 3 == 2 && kind != BR_FLOW_DATA;
      if (far && f.m) ((double *)f.y)[3] = 1e3;
      prepare(&f);
      const br_flow_state truth = eval_at(&f, x); /* all pairs */
      f.tolerance = tolerance;
      f.room = br_kept_size(f.n, f.n) + br_kept_size(f.n, f.m);
      f.memory = br_take(&heap, f.room);
      double largest = 1e-3;
      for (size_t k = 0; k < f.n * (size_t)d; k++)
        largest = larger(largest, fabs(truth.velocity[k]));
      for (int guess = run < 12 ? 0 : 2; guess < 3; guess++) {
        br_flow_state s = make_state(&f), again = make_state(&f);
        for (size_t i = 0; i < f.n && guess; i++) {
          s.log_q[i] = truth.log_q[i] + (guess == 2 ? 35 : 0.1);
          s.log_p[i] = truth.log_p[i] + (guess == 2 ? 35 : 0.1);
        }
        for (size_t j = 0; j < f.m && guess; j++)
          s.log_q_data[j] = truth.log_q_data[j] + (guess == 2 ? 35 : 0.1);
        s.guessed = again.guessed = guess > 0;
        memcpy(again.log_q, s.log_q, f.n * sizeof(double));
        memcpy(again.log_p, s.log_p, f.n * sizeof(double));
        memcpy(again.log_q_data, s.log_q_data, f.m * sizeof(double));
        CHECK(br_flow_eval(&f, x, &s, &heap) == BR_OK);
        const double near = tolerance > 0 ? 2e-8 : 1e-12;
        double worst = 0;
        for (size_t k = 0; k < f.n * (size_t)d; k++)
          worst = larger(worst, fabs(s.velocity[k] - truth.velocity[k]));
        CHECK_NEAR(worst / largest, 0, near);
        CHECK_NEAR(s.energy, truth.energy, near * (1 + fabs(truth.energy)));
        for (size_t j = 0; j < f.m && truth.log_q_data[0] != 0; j++)
          CHECK_NEAR(s.log_q_data[j], truth.log_q_data[j], near * (far ? 1e6 : 10));
        const int threads = br_threads_limit();
        br_threads_set(threads == 1 ? 2 : 1);
        CHECK(br_flow_eval(&f, x, &again, &heap) == BR_OK);
        br_threads_set(threads);
        CHECK(memcmp(again.velocity, s.velocity, f.n * (size_t)d * sizeof(double)) == 0);
        CHECK(again.energy == s.energy);
      }
    }
  }
}

/* In one dimension the sliced energy is the energy; in more its constant makes it so on average. */
static void sliced(void) {
  uint64_t seed = 3;
  br_flow f = make_flow(BR_FLOW_ENERGY, 8, 9, 1, &seed);
  double *x = normals(8, 1, &seed);
  prepare(&f);
  const br_flow_state exact = eval_at(&f, x);
  const double one = 1;
  f.kind = BR_FLOW_SLICED;
  f.n_directions = 1;
  f.directions = &one;
  const br_flow_state s = eval_at(&f, x);
  CHECK_NEAR(s.energy, exact.energy, 1e-14);
  for (int i = 0; i < 8; i++) CHECK_NEAR(s.velocity[i], exact.velocity[i], 1e-14);
  /* heaps far apart, ties, both zeros: still the energy of the pairs */
  const double heaps[] = {-1e3, 1e3, 0, 1e9};
  br_flow g = make_flow(BR_FLOW_ENERGY, 200, 300, 1, &seed);
  double *z = normals(200, 1e-3, &seed), *y = (double *)g.y;
  for (size_t i = 0; i < 200; i++) z[i] = i < 4 ? -0.0 : z[i] + heaps[i * 7 % 4];
  for (size_t j = 0; j < 300; j++)
    y[j] = j < 50 ? (j % 2 ? z[j] : 0.0) : 1e-3 * y[j] + heaps[j % 3];
  prepare(&g);
  const br_flow_state far = eval_at(&g, z);
  g.kind = BR_FLOW_SLICED;
  g.n_directions = 1;
  g.directions = &one;
  const br_flow_state again = eval_at(&g, z);
  CHECK_NEAR(again.energy / far.energy, 1, 1e-11);
  for (int i = 0; i < 200; i++)
    CHECK_NEAR(again.velocity[i], far.velocity[i], 1e-11 * (1 + fabs(far.velocity[i])));
  CHECK_NEAR(br_sliced_constant(1), 1, 1e-14);
  CHECK_NEAR(br_sliced_constant(2), 3.141592653589793 / 2, 1e-14);
  CHECK_NEAR(br_sliced_constant(3), 2, 1e-14);
}

static void all_flows(void) {
  gradients();
  every_divergence();
  sphere();
  without_self();
  plugin_by_hand();
  at_the_data();
  stays_finite();
  guesses();
  many();
  held();
  sliced();
}

int main(void) {
  divergences();
  the_clip();
  heap_free();
  heap_each_setting(all_flows);
  for (int k = 0; k < BR_N_FLOWS; k++) CHECK(br_flow_find(br_flow_table[k].name) == k);
  CHECK(br_flow_find("gradient") == -1);
  return CHECK_DONE();
}
