#!/bin/sh
# Installs what is missing for the purposes given: run, test, vignette, check, bench, rival, dev,
# site, release.
# dependencies.dcf, in this folder, says what each one needs. Prints only what it installs.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tools/common.sh"
cd "$root"
purposes=${*:-run}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Prints "tool Debian-name" for every tool that the purposes need.
tools() {
  awk -v purposes="$purposes" '
    BEGIN { RS = ""; FS = "\n"; n = split(purposes, list, " ") }
    {
      split("", field)
      for (i = 1; i <= NF; i++) {
        at = index($i, ": ")
        field[substr($i, 1, at - 1)] = substr($i, at + 2)
      }
      wanted = 0
      for (i = 1; i <= n; i++) if (index(" " field["For"] " ", " " list[i] " ")) wanted = 1
      if (wanted && "Tool" in field) print field["Tool"], field["Debian"]
    }' tools/dependencies.dcf
}

# R counts as present when C code also links against its BLAS and LAPACK, which a bare R on Debian
# cannot do: the link names come with r-base-dev. Other tools need only be on the path.
have() {
  command -v "$1" >/dev/null 2>&1 || return 1
  if [ "$1" = R ]; then
    have gcc && have make || return 1
    flags="$("$R" CMD config LAPACK_LIBS) $("$R" CMD config BLAS_LIBS) $("$R" CMD config FLIBS)"
    echo 'int main(void) { return 0; }' >"$work/link.c"
    gcc "$work/link.c" -o "$work/link" $flags >/dev/null 2>&1
  fi
}

missing_tools() {
  tools | while read -r tool debian; do
    have "$tool" || echo "$tool $debian"
  done
}

can_apt() {
  command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]
}

apt_update() {
  [ -e "$work/updated" ] && return 0
  quietly "$work/log" apt-get -qq update || echo "The list of Debian packages is not fresh." >&2
  touch "$work/updated"
}

apt_install() {
  echo "Installing $*"
  DEBIAN_FRONTEND=noninteractive quietly "$work/log" \
    apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install "$@"
}

need=$(missing_tools)
if [ -n "$need" ]; then
  names=$(echo "$need" | cut -d' ' -f1 | tr '\n' ' ')
  debian=$(echo "$need" | cut -d' ' -f2 | tr '\n' ' ')
  if can_apt; then
    apt_update
    apt_install $debian || fail "apt-get could not install: $debian"
    need=$(missing_tools)
    [ -z "$need" ] || fail "Still missing after apt-get: $need"
  else
    echo "Please install, with compiler and development files: $names" >&2
    fail "On Debian or Ubuntu: sudo apt-get install $debian"
  fi
fi

# Prints "package version Debian-name" for each R package that is missing or too old.
missing_packages() {
  "$RSCRIPT" tools/setup.R check $purposes
}

need=$(missing_packages)
[ -n "$need" ] || exit 0

# Debian's packages serve Debian's R only, and only where they are new enough.
if can_apt && [ "$("$R" RHOME)" = /usr/lib/R ]; then
  apt_update
  debian=$(echo "$need" | while read -r package version name; do
    [ "$name" != - ] || continue
    candidate=$(apt-cache policy "$name" | sed -n 's/^ *Candidate: //p')
    case $candidate in '' | '(none)') continue ;; esac
    candidate=$(echo "$candidate" | sed 's/^[0-9]*://; s/-[^-]*$//; s/[+~].*//')
    dpkg --compare-versions "$candidate" ge "$version" && echo "$name"
  done || true)
  if [ -n "$debian" ]; then
    apt_install $debian || echo "apt-get could not install them all: trying CRAN." >&2
    need=$(missing_packages)
    [ -n "$need" ] || exit 0
  fi
fi

"$RSCRIPT" tools/setup.R install $purposes
