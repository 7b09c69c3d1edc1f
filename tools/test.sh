#!/bin/sh
# test.sh [--strict]
# Builds the package with every warning an error, runs the R tests and the C tests, and ends with
# their counts. --strict: a warning in the R tests is a failure too.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tools/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"

"$RSCRIPT" tools/make-init.R --check
sh tools/install.sh --strict "$lib"

# A runner that dies before it writes its counts is one failure.
status=0
echo 0 1 0 >"$work/r"
echo 0 1 0 >"$work/c"
R_LIBS="$lib${R_LIBS:+:$R_LIBS}" "$RSCRIPT" tools/run-tests.R "$work/r" "$@" || status=1
sh tests/c/run.sh "$work/c" || status=1

set -- $(cat "$work/r" "$work/c")
passed=$(($1 + $4))
failed=$(($2 + $5))
skipped=$(($3 + $6))
if [ "$((passed + failed))" -eq 0 ]; then
  echo "No test ran." >&2
  status=1
fi
[ "$failed" -eq 0 ] || status=1
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
