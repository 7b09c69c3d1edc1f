#!/bin/sh
# check.sh [--no-manual] [--no-suggests]
# Builds the package with its vignettes and runs R CMD check --as-cran on it. The output stays in
# .check/. Notes are printed; a warning or an error is a failure. --no-suggests: examples and tests
# see the packages that are imported, and testthat, alone.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tools/common.sh"

manual=
out="$root/.check"
for word; do
  case $word in
  --no-manual) manual=--no-manual ;;
  --no-suggests)
    out="$root/.check/no-suggests"
    export _R_CHECK_DEPENDS_ONLY_=true
    ;;
  *) fail "check.sh does not know $word." ;;
  esac
done
if [ -z "$manual" ] && ! command -v pdflatex >/dev/null 2>&1; then
  echo "pdflatex is missing: the PDF manual is not checked."
  manual=--no-manual
fi

# No clock or web site is asked, and a missing suggested package is no error.
export _R_CHECK_CRAN_INCOMING_REMOTE_=false
export _R_CHECK_SYSTEM_CLOCK_=false
export _R_CHECK_FORCE_SUGGESTS_=false
unset NOT_CRAN || true

rm -rf "$out"
mkdir -p "$out"
# Built outside the checkout, which R CMD build copies whole.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# A suggested package that is missing makes the check ask CRAN whether it is orphaned.
mkdir -p cran/web/packages
"$R" --no-echo --vanilla -e \
  'saveRDS(data.frame(Package = character(), Maintainer = character()), "cran/web/packages/packages.rds")'
R_CRAN_WEB="file://$work/cran"
export R_CRAN_WEB
quietly "$work/build.log" "$R" CMD build $manual "$root" || fail "R CMD build failed."
mv "$work/build.log" brenier_*.tar.gz "$out"
cd "$out"
MAKEFLAGS=-j2 "$R" CMD check --as-cran $manual brenier_*.tar.gz >check.log 2>&1 </dev/null || true

# Every check that did not end well, with what it said.
log=brenier.Rcheck/00check.log
[ -f "$log" ] || { tail -n 60 check.log >&2; fail "R CMD check did not start."; }
awk '
  function flush() { if (bad) printf "%s", block; block = ""; bad = 0 }
  /^\* / || /^Status:/ { flush() }
  { block = block $0 "\n" }
  /(^| )(NOTE|WARNING|ERROR)$/ || /^Status:/ { bad = 1 }
  END { flush() }' "$log"
grep -q '^Status:' "$log" || { tail -n 30 "$log" >&2; fail "R CMD check did not finish."; }
if grep -q -E '^Status:.*(WARNING|ERROR)' "$log"; then
  fail "R CMD check found errors or warnings: see $out/brenier.Rcheck."
fi
