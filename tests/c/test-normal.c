/* src/normal.h, as compiled into the kernels of each instruction level, against values of mpmath
 * at 80 digits, printed by
 *
 *   python3 tools/normal-coefficients.py truth
 *
 * from erfc, which normal.h does not use. */
#include <math.h>
#include <stddef.h>

#include "../../src/simd.h"
#include "check.h"

typedef struct {
  double t, phi, cdf, psi;
} truth_row;

static const truth_row truth[] = {
    {-38, 1.09722105200759296e-314, 2.88542836006878431e-316, 7.58275181454920832e-318},
    {-37.5, 1.72823373228410522e-306, 4.60535300958195484e-308, 1.22635369087215432e-309},
    {-37, 2.12000655152460563e-298, 5.72557122252457682e-300, 1.54519919051220246e-301},
    {-30.25, 7.89974172266082288e-200, 2.6086402857412605e-201, 8.60485829350987586e-203},
    {-25, 7.65392973641939266e-137, 3.05669670638256092e-138, 1.21879704629903686e-139},
    {-20, 5.52094836215976319e-88, 2.7536241186062337e-89, 1.37001249472957994e-90},
    {-15.5, 2.69951302458858725e-53, 1.73446079179387005e-54, 1.10987973080886729e-55},
    {-12, 2.14638373566306035e-32, 1.776482112077679e-33, 1.46052011698455478e-34},
    {-10, 7.69459862670641935e-23, 7.61985302416052607e-24, 7.47456025458932804e-25},
    {-8.3, 4.38163943550933272e-16, 5.20556974489025402e-17, 6.10165472504215116e-18},
    {-7.1, 4.51354367720552095e-12, 6.23784446333159114e-13, 8.46741082400914653e-14},
    {-6, 6.07588284982328549e-9, 9.86587645037698141e-10, 1.56356979597096643e-10},
    {-5, 1.48671951473429771e-6, 2.86651571879193912e-7, 5.34616553383281495e-8},
    {-4.2, 5.89430677565398222e-5, 1.33457490159063279e-5, 2.89092188973324269e-6},
    {-3.3, 1.72256893905368115e-3, 4.83424142383777507e-4, 1.27269269187215464e-4},
    {-2.75, 9.09356250159105277e-3, 2.97976323505455675e-3, 8.99213605191021696e-4},
    {-2, 5.3990966513188052e-2, 2.27501319481792072e-2, 8.49070261682963755e-3},
    {-1.6, 1.10920834679455543e-1, 5.47992916995579841e-2, 2.32419679601627633e-2},
    {-1, 2.4197072451914335e-1, 1.58655253931457051e-1, 8.33154705876862984e-2},
    {-0.7, 3.12253933366761267e-1, 2.41963652223073029e-1, 1.42879376810610158e-1},
    {-0.3, 3.81387815460524087e-1, 3.82088577811047367e-1, 2.66761242117209881e-1},
    {-0.1, 3.96952547477011765e-1, 4.60172162722971016e-1, 3.50935331204714661e-1},
    {-1e-3, 3.98942080930342345e-1, 4.99601057786088937e-1, 3.98442479872556256e-1},
    {-1e-9, 3.98942280401432678e-1, 4.9999999960105772e-1, 3.98942279901432678e-1},
    {0, 3.98942280401432678e-1, 5.0e-1, 3.98942280401432678e-1},
    {1e-9, 3.98942280401432678e-1, 5.0000000039894228e-1, 3.98942280901432678e-1},
    {1e-3, 3.98942080930342345e-1, 5.00398942213911063e-1, 3.99442479872556256e-1},
    {0.1, 3.96952547477011765e-1, 5.39827837277028984e-1, 4.50935331204714667e-1},
    {0.4, 3.68270140303323304e-1, 6.55421741610324175e-1, 6.30438836947452989e-1},
    {0.9, 2.66085249898754817e-1, 8.15939874653240517e-1, 1.0004311370866713},
    {1.3, 1.71368592047807347e-1, 9.03199515414389674e-1, 1.34552796208651396},
    {1.9, 6.56158147746766023e-2, 9.71283440183998195e-1, 1.91105435112427309},
    {2.6, 1.35829692336856142e-2, 9.95338811976281251e-1, 2.60146388037201696},
    {3.4, 1.23221916847301935e-3, 9.99663070734323119e-1, 3.40008665966517153},
    {4.5, 1.59837411069054744e-5, 9.9999660232687527e-1, 4.50000069421204562},
    {5.7, 3.51395509482043359e-8, 9.99999994009628599e-1, 5.70000000099443414},
    {6.5, 2.66955661476285192e-10, 9.99999999959839994e-1, 6.50000000000591562},
    {8, 5.05227108353689229e-15, 9.99999999999999378e-1, 8.00000000000000008},
    {8.4, 1.90108153790796027e-16, 9.99999999999999978e-1, 8.40000000000000036},
    {11, 2.11881925350935355e-27, 1.0, 1.1e+1},
    {16, 1.02616307279190349e-56, 1.0, 1.6e+1},
    {22.2, 3.82000415438134863e-108, 1.0, 2.21999999999999993e+1},
    {29, 9.55169454194883833e-184, 1.0, 2.9e+1},
    {36.5, 2.02534171621174618e-290, 1.0, 3.65e+1},
    {37.9, 4.88024573403192909e-313, 1.0, 3.78999999999999986e+1}};

#define N_TRUTH (sizeof truth / sizeof truth[0])

typedef struct {
  double phi, cdf, psi;
} values;

/* One number in all lanes; test_lanes() shows that lanes do not mix. */
static values normal_at(double t) {
  const double in[BR_VECTOR] = {t, t, t, t};
  double phi[BR_VECTOR], cdf[BR_VECTOR], psi[BR_VECTOR];
  br_simd()->normal(BR_VECTOR, in, phi, cdf);
  br_simd()->profile(BR_BUMP, BR_VECTOR, in, psi);
  return (values){phi[0], cdf[0], psi[0]};
}

/* Rounding of about ten operations, each 1.1e-16, and the table's own 3e-16 give at most 2e-15.
 * A denormal result has in addition an absolute error of some units of 4.9e-324. */
static double tolerance(double value) { return 2e-15 * fabs(value) + 1.5e-323; }

static void test_truth(void) {
  for (size_t i = 0; i < N_TRUTH; i++) {
    const values v = normal_at(truth[i].t);
    CHECK_NEAR(v.phi, truth[i].phi, tolerance(truth[i].phi));
    CHECK_NEAR(v.cdf, truth[i].cdf, tolerance(truth[i].cdf));
    CHECK_NEAR(v.psi, truth[i].psi, tolerance(truth[i].psi));
  }
}

/* A dense sweep against libm. The multiples of 2^-20 have exact squares, so that exp() gets an
 * exact argument. erfc() of glibc and the rounding of its argument s/sqrt(2), 1.1e-16 relative,
 * magnified by the condition number s^2 of the tail, allow 2e-15 + 3e-16 s^2. */
static void test_sweep(void) {
  const double root = 0.398942280401432678, half = 0.707106781186547524;
  int uneven = 0;
  double worst_phi = 0, worst_cdf = 0, worst_sum = 0, worst_psi = 0;
  for (int i = 0; i <= 37000; i++) {
    const double s = floor(i * 1e-3 * 0x1p20) * 0x1p-20;
    const values left = normal_at(-s), right = normal_at(s);
    const double phi = root * exp(-0.5 * s * s), cdf = 0.5 * erfc(half * s);
    worst_phi = fmax(worst_phi, fabs(left.phi / phi - 1));
    worst_cdf = fmax(worst_cdf, fabs(left.cdf / cdf - 1) / (2e-15 + 3e-16 * s * s));
    worst_sum = fmax(worst_sum, fabs(left.cdf + right.cdf - 1));
    worst_psi = fmax(worst_psi, fabs(right.psi - left.psi - s) / (1 + s));
    uneven += left.phi != right.phi;
  }
  CHECK(uneven == 0);
  CHECK(worst_phi < 2e-15);
  CHECK(worst_cdf < 1);
  CHECK(worst_sum < 3e-16); /* two roundings of numbers up to 1 */
  CHECK(worst_psi < 3e-16);
}

static void test_limits(void) {
  const double large[] = {38.75, 40, 1e3, 1e30, 1e160, 1.7e308, INFINITY};
  for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
    const values right = normal_at(large[i]), left = normal_at(-large[i]);
    CHECK(right.phi == 0 && right.cdf == 1 && right.psi == large[i]);
    CHECK(left.phi == 0 && left.cdf == 0 && left.psi == 0);
  }
  const values nan = normal_at(NAN), minus_nan = normal_at(-NAN);
  CHECK(isnan(nan.phi) && isnan(nan.cdf) && isnan(nan.psi));
  CHECK(isnan(minus_nan.phi) && isnan(minus_nan.cdf) && isnan(minus_nan.psi));
  CHECK_NEAR(normal_at(-0.0).cdf, 0.5, 1.2e-16);
  /* The tail falls without a step through the denormal numbers to 0. */
  values last = normal_at(-37);
  for (double t = -37; t > -39; t -= 0x1p-7) {
    const values v = normal_at(t);
    CHECK(v.phi <= last.phi && v.cdf <= last.cdf && v.psi <= last.psi && v.psi >= 0);
    last = v;
  }
}

/* Numbers in one array give what each gives alone, at any alignment, beside NaN, and in place. */
static void test_lanes(void) {
  enum { n = 2 * BR_VECTOR };
  double in[n + 3], phi[n + 3], cdf[n + 3], psi[n + 3];
  for (size_t i = 0; i + n <= N_TRUTH; i++) {
    const size_t at = i % 4, hole = i % n;
    for (size_t j = 0; j < n; j++) in[at + j] = j == hole ? NAN : truth[i + j].t;
    br_simd()->normal(n, in + at, phi + at, cdf + at);
    br_simd()->profile(BR_BUMP, n, in + at, psi + at);
    br_simd()->normal(n, in + at, in + at, cdf + at);
    for (size_t j = 0; j < n; j++) {
      const values v = normal_at(truth[i + j].t);
      if (j == hole) {
        CHECK(isnan(phi[at + j]) && isnan(cdf[at + j]) && isnan(psi[at + j]));
      } else {
        CHECK(phi[at + j] == v.phi && cdf[at + j] == v.cdf && psi[at + j] == v.psi);
        CHECK(in[at + j] == v.phi);
      }
    }
  }
}

static void test_level(void) {
  test_truth();
  test_sweep();
  test_limits();
  test_lanes();
}

int main(void) {
  CHECK(br_simd_set("baseline"));
  test_level();
  /* Absent on other processors: then there is nothing to test. */
  if (br_simd_set("avx2")) test_level();
  return CHECK_DONE();
}
