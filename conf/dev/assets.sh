#!/bin/bash
# Gathers what is embedded in the executable: flat, because kodev names the
# symbols after the basenames.  assets.sh FROM TO
set -eu
from=$1
to=$2
mkdir -p "$to"
keep=
for f in "$from"/sql/*.sql "$from"/web/* "$from"/*.json; do
  [ -f "$f" ] || continue
  name=$(basename "$f")
  keep="$keep $name"
  cmp -s "$f" "$to/$name" || cp "$f" "$to/$name"
done
for f in "$to"/*; do
  [ -f "$f" ] || continue
  case " $keep " in *" $(basename "$f") "*) ;; *) rm -f "$f" ;; esac
done
