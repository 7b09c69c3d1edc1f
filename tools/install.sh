#!/bin/sh
# install.sh [--strict] [VARIABLE=value ...] [LIBRARY]
# Builds the package from a clean copy, so that no object file lands in src/, and installs it into
# LIBRARY (R's first library if none is given). --strict: a warning of any kind is a failure. The
# variables go into the user's Makevars, as in CC=clang.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tools/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

strict=
if [ "${1:-}" = --strict ]; then
  strict=yes
  shift
fi
makevars="$work/Makevars"
while case "${1:-}" in *=*) true ;; *) false ;; esac; do
  echo "$1" >>"$makevars"
  shift
done
target=
if [ $# -gt 0 ]; then
  mkdir -p "$1"
  target="--library=$1"
fi

cd "$work"
quietly "$work/build.log" "$R" CMD build --no-build-vignettes --no-manual "$root" ||
  fail "R CMD build failed."

MAKEFLAGS=-j2
export MAKEFLAGS
if [ -n "$strict" ]; then
  echo 'CFLAGS += -Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror' >>"$makevars"
fi
if [ -f "$makevars" ]; then
  R_MAKEVARS_USER=$makevars
  export R_MAKEVARS_USER
fi
quietly "$work/install.log" "$R" CMD INSTALL --no-multiarch ${target:+"$target"} brenier_*.tar.gz ||
  fail "R CMD INSTALL failed."
if [ -n "$strict" ] && grep -E -A 4 '^Warning|[Ww]arning:' "$work/install.log" >&2; then
  fail "R CMD INSTALL gave warnings."
fi
