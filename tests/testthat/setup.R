# One thread: the fits of the tests are small, and two threads cost more than they save on a busy
# machine. test-threads.R proves that the number does not matter.
threads_before <- brenier_threads()
brenier_threads(1)
withr::defer(brenier_threads(threads_before), teardown_env())
