/* The bodies of the kernels, compiled once an instruction level. The including
 * file sets BR_TARGET (a function attribute), BR_LEVEL and BR_TABLE. Contracts:
 * kernels.h. */
#include "normal.h"
#include "potential.h"

#include <math.h>
#include <string.h>

#if defined(_OPENMP) && _OPENMP >= 201307
#define BR_PRAGMA(text) _Pragma(#text)
#define BR_SIMD BR_PRAGMA(omp simd)
#define BR_SIMD_SUM(...) BR_PRAGMA(omp simd reduction(+ : __VA_ARGS__))
#else
#define BR_SIMD
#define BR_SIMD_SUM(...)
#endif

#include "kernels_gram.h"
#include "kernels_glm.h"
#include "kernels_linear.h"
#include "kernels_pairs.h"
#include "kernels_ridge.h"
#include "kernels_softmax.h"

const br_kernels BR_TABLE = {
    .level = BR_LEVEL,
    .normal = normal,
    .profile = profile_value,
    .affine = affine,
    .atoms = atoms,
    .quadratic = quadratic,
    .softmax = softmax,
    .softmax_jets = softmax_jets,
    .project = project,
    .cholesky = cholesky,
    .half_solve = half_solve,
    .back_solve = back_solve,
    .solve = solve,
    .invert = invert,
    .gram = gram,
    .score = score,
    .multiply = multiply,
    .exponential = exponential,
    .log1pexp = log1pexp,
    .pair_fill = pair_fill,
    .pair_top = pair_top,
    .pair_powers = pair_powers,
    .pair_factor = pair_factor,
    .pair_dots = pair_dots,
    .pair_moves = pair_moves,
    .pair_moments = pair_moments,
    .pair_series = pair_series,
};
