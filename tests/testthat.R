library(testthat)
library(brenier)

test_check("brenier")
