# Sourced by the scripts beside it, after they set `root`, the top of the checkout.

: "${R:=R}" "${RSCRIPT:=Rscript}"
export R RSCRIPT
lib="$root/.lib"

# Compilers and R answer in English, and R reads and writes UTF-8.
export LANGUAGE=en
if [ -z "${LC_ALL:-}${LC_CTYPE:-}${LANG:-}" ]; then
  export LC_ALL=C.UTF-8
fi

fail() {
  echo "$*" >&2
  exit 1
}

# Runs a command with its output in a file. When it fails, shows the end of the file, without the
# compiler's command lines.
quietly() {
  log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null || {
    grep -v -E '^(gcc|clang|cc) ' "$log" | tail -n 60 >&2
    return 1
  }
}
