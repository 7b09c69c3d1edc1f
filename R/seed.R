#' Runs code with a seed of its own and leaves the user's generator as it was. With `seed = NULL`
#' the code draws from the user's stream.
#' @noRd
with_seed <- function(seed, code) {
  if (is.null(seed)) return(code)
  check_number(seed, "seed", -.Machine$integer.max, .Machine$integer.max)
  kind <- RNGkind()
  old <- globalenv()[[".Random.seed"]]
  on.exit({
    if (is.null(old)) {
      suppressWarnings(do.call(RNGkind, as.list(kind)))
      rm(".Random.seed", envir = globalenv())
    } else {
      assign(".Random.seed", old, envir = globalenv())
    }
  })
  set.seed(seed, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
  code
}
