#!/bin/sh
# run.sh [COUNTS]
# Builds and runs every test-*.c under the address and undefined-behaviour sanitizers, where this
# machine has them, and writes "passed failed skipped" to the file COUNTS. BUILD names a folder that
# keeps the objects for the next run; the default is a temporary one. Both are full paths. More by
# variables: CC, the compiler; OPENMP=no, without it; MEMCHECK=yes, under valgrind instead of the
# sanitizers, and then what valgrind finds is a failure, and no check of numbers: its long double
# has 64 bits, too few for some references.
set -eu
out=${1:-}
cd "$(dirname "$0")"
: "${R:=R}" "${CC:=gcc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
BUILD=${BUILD:-$work/build}
mkdir -p "$BUILD"

# Which flags does this machine build and run a program with?
echo 'int main(void) { return 0; }' >"$work/probe.c"
works() {
  "$CC" "$@" "$work/probe.c" -o "$work/probe" >/dev/null 2>&1 && "$work/probe" >/dev/null 2>&1
}
mode=
run=
[ "${OPENMP:-yes}" = no ] || ! works -fopenmp || mode=-fopenmp
sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=all"
if [ "${MEMCHECK:-no}" = yes ]; then
  run="valgrind --quiet --leak-check=full --error-exitcode=9"
elif works $mode $sanitizers; then
  mode="$mode $sanitizers"
elif ASAN_OPTIONS=detect_leaks=0 works $mode $sanitizers; then
  # The leak checker needs rights that some containers withhold.
  mode="$mode $sanitizers"
  export ASAN_OPTIONS=detect_leaks=0
else
  echo "No sanitizer on this machine: the C tests run without."
fi

config() {
  "$R" CMD config "$1"
}
libs="$(config LAPACK_LIBS) $(config BLAS_LIBS) $(config FLIBS)"
case $libs in
*Rblas* | *Rlapack*)
  LD_LIBRARY_PATH="$("$R" RHOME)/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  export LD_LIBRARY_PATH
  ;;
esac

# -k: one test that does not compile must not hide the others.
MAKEFLAGS= make -s -k -j2 programs BUILD="$BUILD" CC="$CC" MODE="$mode" LIBS="$libs" >&2 || true

passed=0
failed=0
programs=0
for source in test-*.c; do
  [ -e "$source" ] || break
  name=${source%.c}
  programs=$((programs + 1))
  status=0
  if [ -x "$BUILD/$name" ]; then
    $run "$BUILD/$name" >"$work/out" 2>&1 </dev/null || status=$?
  else
    echo "It did not build." >"$work/out"
  fi
  # The last line of the program, "name: N passed, N failed", as two numbers.
  counts=$(sed -n "s/^$name: \([0-9]*\) passed, \([0-9]*\) failed\$/\1 \2/p" "$work/out")
  set -- ${counts:-0 0}
  [ -z "$run" ] || [ "$status" -eq 9 ] || { set -- "$1" 0 && status=0; }
  passed=$((passed + $1))
  failed=$((failed + $2))
  # A program that did not build, died or checked nothing is one failure.
  if [ "$2" -eq 0 ] && { [ "$1" -eq 0 ] || [ "$status" -ne 0 ]; }; then
    failed=$((failed + 1))
    status=1
  fi
  if [ "$status" -ne 0 ]; then
    echo "$name failed:"
    grep -v "^$name: " "$work/out" || echo "It checked nothing, or its exit status was not 0."
  fi
done
echo "C tests: $programs programs, $passed checks hold, $failed do not"
[ -z "$out" ] || echo "$passed $failed 0" >"$out"
[ "$failed" -eq 0 ]
