# python3 sinkhorn-pot.py x.csv y.csv epsilon tol: CPU seconds, value and L1 error of POT's sinkhorn_log
# for |x - y|^2, stopped when its own L2 error means an L1 error of about tol.
import sys
import time

import numpy as np
import ot

x, y = (np.loadtxt(name, delimiter=",", ndmin=2) for name in sys.argv[1:3])
epsilon, tol = map(float, sys.argv[3:5])
a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
start = time.process_time()
M = ot.dist(x, y)
P, log = ot.bregman.sinkhorn_log(
    a, b, M, epsilon, numItermax=int(sys.argv[5]), stopThr=tol / np.sqrt(len(y)), log=True, warn=False
)
seconds = time.process_time() - start
with np.errstate(divide="ignore", invalid="ignore"):
    kl = np.nansum(P * np.log(P / np.outer(a, b)))
error = np.abs(P.sum(0) - b).sum() + np.abs(P.sum(1) - a).sum()
print(seconds, np.sum(P * M) + epsilon * kl, error, log["niter"])
