#!/bin/sh
# release.sh [CHECK ...]
# The checks before a release, or those named, each to its end whatever the others say. One line
# each: "pass", "FAIL", or "not run" with what is missing. The outputs stay in .release/.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tools/common.sh"
cd "$root"
logs="$root/.release"
mkdir -p "$logs"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wanted=" $* "
passed=0 failed=0 missed=0
core='kde-flow|fit|glm|ledger|monge-ampere|pairs|points|simulate|sinkhorn|sinkhorn-flow|tails|vi-fit'
# Written by programs, or tables of numbers.
layout_is_own='init.c|sobol_table.h|normal.h'

# An R package (r:NAME), a flag with which clang can build a program (-f...), or a command.
have() {
  case $1 in
  r:*) "$RSCRIPT" -e "quit(status = !requireNamespace('${1#r:}', quietly = TRUE))" >/dev/null 2>&1 ;;
  -f*) echo 'int main(void) { return 0; }' >"$work/probe.c" &&
    clang "$1" "$work/probe.c" -o "$work/probe" >/dev/null 2>&1 ;;
  *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

# step NAME "what it needs" COMMAND ...: the last line of the output is shown beside the verdict.
step() {
  name=$1 needs=$2
  shift 2
  case $wanted in "  " | *" $name "*) ;; *) return 0 ;; esac
  for need in $needs; do
    if ! have "$need"; then
      printf 'not run  %-14s %s is missing\n' "$name" "$need"
      missed=$((missed + 1))
      return 0
    fi
  done
  began=$(date +%s)
  # With -e off in a condition, a function must chain its commands by &&.
  if ("$@") >"$logs/$name.log" 2>&1 </dev/null; then
    verdict=pass passed=$((passed + 1))
  else
    verdict=FAIL failed=$((failed + 1))
  fi
  printf '%-8s %-14s %4d s  %s\n' "$verdict" "$name" $(($(date +%s) - began)) \
    "$(tail -n 1 "$logs/$name.log" | cut -c 1-100)"
}

# variant NAME VARIABLE=value ...: the package built so, without a warning, and the tests of the
# numeric core.
variant() {
  at="$work/$1"
  shift
  sh tools/install.sh --strict "$@" "$at" && core_tests "$at"
}
core_tests() {
  R_LIBS="$1${R_LIBS:+:$R_LIBS}" "$RSCRIPT" tools/run-tests.R "$work/counts" --strict \
    --filter="^($core)\$" && sed 's/\(.*\) \(.*\) \(.*\) /\1 passed, \2 failed, \3 skipped/' "$work/counts"
}

no_openmp() {
  OPENMP=no sh tests/c/run.sh && variant no-openmp SHLIB_OPENMP_CFLAGS=
}
with_clang() {
  if have -fopenmp; then variant clang CC=clang; else variant clang CC=clang SHLIB_OPENMP_CFLAGS=; fi
}
baseline() {
  variant baseline && BRENIER_SIMD=baseline core_tests "$work/baseline"
}
memcheck() {
  MEMCHECK=yes OPENMP=no sh tests/c/run.sh
}
layout() {
  clang-format --dry-run -Werror $(ls src/*.[ch] tests/c/*.[ch] | grep -v -E "/($layout_is_own)\$")
}
static_check() {
  cppcheck --quiet --std=c11 --enable=warning,performance,portability -DBR_STANDALONE -Isrc \
    --inline-suppr --suppressions-list=tools/cppcheck.txt --error-exitcode=1 $(ls src/*.c | grep -v /r_)
}
tidy() {
  clang-tidy --quiet --warnings-as-errors='*' $(ls src/*.c | grep -v -e /r_ -e init.c) -- \
    -std=gnu11 -DBR_STANDALONE -Isrc
}
by_r() {
  "$RSCRIPT" tools/release.R "$@"
}
site() {
  sh tools/install.sh "$lib" && R_LIBS="$lib${R_LIBS:+:$R_LIBS}" by_r site
}

step tests 'r:testthat' sh tools/test.sh --strict
step as-cran 'r:knitr r:rmarkdown pandoc' sh tools/check.sh
step no-suggests 'r:testthat' sh tools/check.sh --no-manual --no-suggests
step no-openmp 'gcc' no_openmp
step clang 'clang' with_clang
step clang-asan 'clang -fsanitize=address,undefined' env CC=clang sh tests/c/run.sh
step baseline 'gcc' baseline
step valgrind 'valgrind' memcheck
step init '' "$RSCRIPT" tools/make-init.R --check
step names '' by_r names
step lint 'r:lintr' by_r lint
step layout 'clang-format' layout
step cppcheck 'cppcheck' static_check
step clang-tidy 'clang-tidy' tidy
step spelling 'r:spelling' by_r spelling
step links '' by_r links
step site 'r:pkgdown pandoc' site
step coverage 'r:covr gcov' by_r coverage

echo "$passed passed, $failed failed, $missed not run: see .release/"
[ "$failed" -eq 0 ]
