#!/bin/bash
# Every fuzzer, shortly: first what is kept of its corpus, then inputs made from
# it by a fixed seed. A number of runs bounds it, not time, so that it is the same
# each time; `make fuzz` runs them for as long as is wanted.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/checks.sh
runs=4000
work=$(mktemp -d "$TEST_TMP/fuzz.XXXXXX")
for source in tests/fuzz/fuzz_*.c; do
  name=$(basename "$source" .c)
  corpus=tests/fuzz/corpus/${name#fuzz_}
  if [ -z "$(ls -A "$corpus" 2>/dev/null)" ]; then
    bad "$name" "no corpus is kept in $corpus"
    continue
  fi
  mkdir -p "$work/$name"
  if build/fuzz/"$name" -seed=1 -runs=$runs -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
    -artifact_prefix="$work/" "$work/$name" "$corpus" >"$work/log" 2>&1; then
    ok "$name"
  else
    bad "$name" "$(grep -m 1 'ERROR\|SUMMARY\|runtime error' "$work/log")"
    tail -n 20 "$work/log"
  fi
done
exit "$failed"
