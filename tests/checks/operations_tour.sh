#!/bin/bash
# The psql tour of docs/OPERATIONS.md: every command in it is run against a
# database of its own, in its order, and must succeed with the columns that the
# document shows. Needs what tests/run.sh exports.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/checks.sh
fresh_database t_tour_$$

# What the document's session ids stand for.
psql -Xq -v ON_ERROR_STOP=1 "$url" <<'SQL' || exit 1
insert into voicegate.session (id, client, expires_at, purge_at)
    select v::uuid, '127.0.0.1', now() + interval '1 day', now() + interval '30 days'
    from unnest('{d42d60a6-9c90-4df2-8000-231fff37cd0e,cf605356-dc9d-461b-bb62-cc043d0617f4}'::text[]) as v;
SQL

columns() { tr -d ' ' <<<"$1"; }
tour=$(sed -n '/^## In psql/,/^## /p' docs/OPERATIONS.md)
n=0
while IFS= read -r line; do
  case $line in
  '    voicegate=> '*) ;;
  *) continue ;;
  esac
  n=$((n + 1))
  statement=${line#    voicegate=> }
  # The line below it, where that is a head of columns: dashes follow.
  shown=$(grep -Fx -A 2 -e "$line" <<<"$tour" | sed -n '2p;3p')
  head=$(sed -n 1p <<<"$shown")
  case $(sed -n 2p <<<"$shown") in *---*) ;; *) head= ;; esac
  if ! got=$(psql -X -v ON_ERROR_STOP=1 "$url" -c "$statement" 2>&1); then
    bad "tour_$n" "$statement: $got"
  elif [ -n "$head" ] && [ "$(columns "$head")" != "$(columns "$(sed -n 1p <<<"$got")")" ]; then
    bad "tour_$n" "$statement has $(sed -n 1p <<<"$got")"
  else
    ok "tour_$n"
  fi
done <<<"$tour"
if [ "$n" -ge 20 ]; then ok tour_is_there; else bad tour_is_there "only $n commands"; fi
