#!/usr/bin/env python3
"""Coefficients of src/normal.h, in the form of C tables. Needs mpmath.

    python3 tools/normal-coefficients.py           prints the tables
    python3 tools/normal-coefficients.py truth     prints the table of tests/c/test-normal.c

Mills ratio. R(s) = (1 - Phi(s)) / phi(s) on [0, S] is replaced by a rational function N(s) / D(s)
of degrees m - 1 and m that interpolates R at 2 m - 2 points and matches R = 1/s + 0/s^2 + O(s^-3)
at infinity. The points are Chebyshev points in y = (s - k) / (s + k), the variable of Shepherd and
Laframboise (1981, Math. Comp. 36, 249-253). All coefficients come out positive, so that Horner's
rule on s >= 0 loses nothing. 1 - s R(s) = (D - s N) / D, and D - s N = M(s) has degree m - 2 and
positive coefficients as well: the part that would cancel is taken out here, in high precision.

Exponential. exp(r) = 1 + r + r^2 P(r), |r| <= log(2) / 2, P from Chebyshev points.
"""
import sys
from mpmath import mp, mpf, matrix, lu_solve, cos, erfc, exp, log, nstr, pi, sqrt

mp.dps = 80
DEGREE, CENTRE, LAST = 11, mpf(4), mpf(39)
EXP_DEGREE, EXP_RANGE = 9, log(mpf(2)) / 2 * (1 + mpf(2) ** -10)


def mills(s):
    """(1 - Phi(s)) / phi(s)."""
    return sqrt(pi / 2) * exp(s * s / 2) * erfc(s / sqrt(mpf(2)))


def horner(coefficients, s):
    value = mpf(0)
    for c in reversed(coefficients):
        value = value * s + c
    return value


def chebyshev(n, low, high):
    return [(low + high) / 2 - (high - low) / 2 * cos(pi * (2 * i + 1) / (2 * n)) for i in range(n)]


def fit_mills():
    """N, D, M, lowest power first.

    Unknown: N_0..N_{m-2}, D_0..D_{m-2}. Fixed: N_{m-1} = D_m = 1 and D_{m-1} = N_{m-2} (the order
    at infinity). Each point s gives the linear equation N(s) - R(s) D(s) = 0.
    """
    m, n = DEGREE, 2 * DEGREE - 2
    a, b = matrix(n, n), matrix(n, 1)
    for i, y in enumerate(chebyshev(n, mpf(-1), (LAST - CENTRE) / (LAST + CENTRE))):
        s = CENTRE * (1 + y) / (1 - y)
        r = mills(s)
        for j in range(m - 1):
            a[i, j] += s ** (j - m)
            a[i, m - 1 + j] -= r * s ** (j - m)
        a[i, m - 2] -= r / s
        b[i] = r - 1 / s
    x = lu_solve(a, b)
    numer = [x[j] for j in range(m - 1)] + [mpf(1)]
    denom = [x[m - 1 + j] for j in range(m - 1)] + [numer[m - 2], mpf(1)]
    rest = [denom[0]] + [denom[j] - numer[j - 1] for j in range(1, m - 1)]
    return numer, denom, rest


def fit_exp():
    """P, lowest power first, by interpolation at Chebyshev points."""
    n = EXP_DEGREE + 1
    r = chebyshev(n, -EXP_RANGE, EXP_RANGE)
    a, b = matrix(n, n), matrix(n, 1)
    for i in range(n):
        for j in range(n):
            a[i, j] = r[i] ** j
        b[i] = (exp(r[i]) - 1 - r[i]) / r[i] ** 2
    return list(lu_solve(a, b))


def show(name, coefficients):
    print("static const double %s[%d] = {" % (name, len(coefficients)))
    words = ["%.17e" % float(c) for c in coefficients]
    for i in range(0, len(words), 3):
        print("  " + ", ".join(words[i:i + 3]) + ("," if i + 3 < len(words) else ""))
    print("};")


def tables():
    numer, denom, rest = fit_mills()
    power = fit_exp()
    assert min(numer) > 0 and min(denom) > 0 and min(rest) > 0
    worst_r = worst_q = worst_e = mpf(0)
    for i in range(1001):
        s = LAST * (mpf(i) / 1000) ** 2
        r = mills(s)
        worst_r = max(worst_r, abs(horner(numer, s) / horner(denom, s) / r - 1))
        worst_q = max(worst_q, abs(horner(rest, s) / horner(denom, s) / (1 - s * r) - 1))
        t = EXP_RANGE * (mpf(2 * i) / 1000 - 1)
        worst_e = max(worst_e, abs((1 + t + t * t * horner(power, t)) / exp(t) - 1))
    print("/* Relative error before rounding: R %s, 1 - s R %s, exp %s. */"
          % (nstr(worst_r, 2), nstr(worst_q, 2), nstr(worst_e, 2)))
    show("br_normal_power", power)
    show("br_normal_numer", numer)
    show("br_normal_denom", denom)
    show("br_normal_rest", rest)


def truth():
    """t, phi, Phi, psi; t are doubles, written exactly as C reads them."""
    points = ("-38 -37.5 -37 -30.25 -25 -20 -15.5 -12 -10 -8.3 -7.1 -6 -5 -4.2 -3.3 -2.75 -2 "
              "-1.6 -1 -0.7 -0.3 -0.1 -1e-3 -1e-9 0 1e-9 1e-3 0.1 0.4 0.9 1.3 1.9 2.6 3.4 4.5 "
              "5.7 6.5 8 8.4 11 16 22.2 29 36.5 37.9").split()
    for word in points:
        t = mpf(float(word))
        phi = exp(-t * t / 2) / sqrt(2 * pi)
        cdf = erfc(-t / sqrt(mpf(2))) / 2
        row = [nstr(v, 18, min_fixed=0, max_fixed=0) for v in (phi, cdf, t * cdf + phi)]
        print("  {%s, %s, %s, %s}," % (word, row[0], row[1], row[2]))


if __name__ == "__main__":
    truth() if sys.argv[1:] == ["truth"] else tables()
