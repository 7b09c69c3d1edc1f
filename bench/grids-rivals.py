# What others need for the densities of grids.R, which writes them as raw doubles: one line of figures.
# python3 grids-rivals.py bfm mu nu n iterations potential
#   The code of Jacobs and Leger, https://github.com/Math-Jacobs/bfm, whose Python module w2 lies in the
#   folder that BRENIER_BFM names: the L1 error of the image that it makes itself, CPU seconds. Its
#   potential goes into the file of that name.
# python3 grids-rivals.py kernel mu nu n cycles epsilon potential
#   Cycles of Sinkhorn with the kernel of each axis as a matrix, not in logarithms: seconds a cycle.
# python3 grids-rivals.py pot mu nu n iterations epsilon
#   Iterations of POT's barycenter of two images, its only method that takes the axes one by one: each
#   applies the kernel twice to either image, as a cycle does to one pair.
import os
import sys
import time

import numpy as np

what, mu_name, nu_name = sys.argv[1:4]
n, most = int(sys.argv[4]), int(sys.argv[5])
mu, nu = (np.fromfile(name).reshape(n, n) for name in (mu_name, nu_name))
centers = (np.arange(n) + 0.5) / n


def bfm(output):
    sys.path.insert(0, os.environ["BRENIER_BFM"])
    from scipy.fft import dctn, idctn
    from w2 import BFM

    a, b = mu * (n * n / mu.sum()), nu * (n * n / nu.sum())
    started = time.process_time()
    square = (centers**2 / 2)[:, None] + centers**2 / 2
    waves = 2 * n * n * (1 - np.cos(np.pi * np.arange(n) / n))
    laplacian = waves[:, None] + waves
    laplacian[0, 0] = 1
    code = BFM(n, n, a)
    phi, psi, image = square.copy(), square.copy(), a.copy()
    sigma = 4 / max(a.max(), b.max())

    def dual():
        return np.mean(square * (a + b) - b * phi - a * psi)

    # ascent for one potential in the metric of the Laplacian; the rate of the step, which is made longer
    # or shorter by how much of the rise that the gradient promises comes true
    def half(first, second, law, other, value):
        nonlocal sigma
        residual = image - law
        wave = dctn(residual, norm="ortho") / laplacian
        wave[0, 0] = 0
        step = idctn(wave, norm="ortho")
        first += sigma * step
        promised = sigma * np.mean(step * residual)
        code.ctransform(second, first)
        code.ctransform(first, second)
        code.pushforward(image, first, law)
        rise = dual() - value
        sigma = sigma / 0.95 if rise > 0.75 * promised else sigma * 0.95 if rise < 0.25 * promised else sigma
        return value + rise

    value = dual()
    for _ in range(most):
        value = half(phi, psi, b, a, value)
        value = half(psi, phi, a, b, value)
    seconds = time.process_time() - started
    code.pushforward(image, psi, a)
    psi.tofile(output)
    print(np.mean(np.abs(image - b)), seconds)


def kernel(epsilon, output):
    a, b = mu / mu.sum(), nu / nu.sum()
    k = np.exp(-((centers[:, None] - centers) ** 2) / (2 * epsilon))
    # u = |x|^2 / 2 to start with: the scaling of x is 1
    p = np.ones_like(a)
    started = time.process_time()
    for _ in range(most):
        q = 1 / (k @ (p * a) @ k)
        p = 1 / (k @ (q * b) @ k)
    seconds = time.process_time() - started
    (-epsilon * np.log(p)).tofile(output)
    print(seconds / most)


def pot(epsilon):
    import warnings

    import ot

    images = np.stack([mu / mu.sum(), nu / nu.sum()])
    warnings.simplefilter("ignore")
    started = time.process_time()
    ot.bregman.convolutional_barycenter2d(images, 2 * epsilon, numItermax=most, stopThr=0)
    print((time.process_time() - started) / most)


if what == "bfm":
    bfm(sys.argv[6])
elif what == "kernel":
    kernel(float(sys.argv[6]), sys.argv[7])
else:
    pot(float(sys.argv[6]))
