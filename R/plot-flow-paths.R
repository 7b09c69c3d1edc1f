# plot(simulate(sinkhorn_flow(...)))
NULL
