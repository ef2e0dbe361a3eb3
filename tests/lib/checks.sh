#!/bin/bash
# What the scripts of tests/checks say, for them to source: one line a check, as
# tests/run.sh counts them. They end with `exit "$failed"`.
# shellcheck disable=SC2034 # failed is theirs
failed=0

ok() { echo "ok $1"; }
bad() {
  echo "not ok $1: $2"
  failed=1
}
# NAME LIST: ok when the list of complaints is empty.
none() {
  if [ -z "$2" ]; then ok "$1"; else bad "$1" "$(tr '\n' ' ' <<<"$2")"; fi
}
# NAME COMMAND...: ok when it succeeds.
check() {
  local name=$1
  shift
  if "$@" >/dev/null 2>&1; then ok "$name"; else bad "$name" "$*"; fi
}
# NAME: an empty database with the schema, its URL in $url; gone at the end.
fresh_database() {
  database=$1
  url=${TEST_DATABASE_URL%/*}/$database
  psql -Xq "$TEST_DATABASE_URL" -c "create database $database" || exit 1
  trap 'psql -Xq "$TEST_DATABASE_URL" -c "drop database $database with (force)"' EXIT
  check migrates env DATABASE_URL="$url" VAR="$TEST_TMP" "$BIN" --migrate
}
