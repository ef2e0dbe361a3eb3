#!/bin/bash
# The route files and the conf agree: every exported route function is routed,
# under /api and /api/v1 alike, through the gate, with the catch-all last; every
# function the conf names exists; every file states its contract.
set -u
cd "$(dirname "$0")/../.." || exit 1
conf=conf/voicegate.conf
. tests/lib/checks.sh

# Function and file of each exported route function: its definition, which is
# what stands at the start of a line with no semicolon behind.
defined=$(grep -HE '^route_[a-z0-9_]+\(struct http_request \*[a-z]*\)$' src/routes/*.c |
  sed 's/^\([^:]*\):\(route_[a-z0-9_]*\)(.*/\2 \1/')
# Path, function and what follows, of each route of the conf.
routed=$(sed 's/#.*//' "$conf" | awk '$1 == "route" {print $2, $3, ($4 == "" ? "-" : $4)}')

if [ -z "$defined" ] || [ -z "$routed" ]; then
  bad routes_are_found "no route function, or no route, was read"
  exit 1
fi
ok routes_are_found

none each_function_is_routed "$(while read -r function file; do
  awk -v f="$function" '$2 == f {hit = 1} END {exit !hit}' <<<"$routed" ||
    echo "$function of $file is in no route;"
done <<<"$defined")"

none each_routed_function_exists "$(awk '{print $2}' <<<"$routed" | sort -u | while read -r function; do
  awk -v f="$function" '$1 == f {hit = 1} END {exit !hit}' <<<"$defined" ||
    echo "$function is in no file;"
done)"

none each_function_is_defined_once "$(awk '{print $1}' <<<"$defined" | sort | uniq -d)"

none each_file_has_its_route "$(for file in src/routes/*.c; do
  grep -q " $file\$" <<<"$defined" || echo "$file exports none;"
done)"

none each_route_goes_through_the_gate "$(awk '$3 != "gate" {print $1 ";"}' <<<"$routed")"

if [ "$(tail -n 1 <<<"$routed")" = '^.*$ route_not_found gate' ]; then
  ok catch_all_is_last
else
  bad catch_all_is_last "the last route is $(tail -n 1 <<<"$routed")"
fi
none catch_all_is_one "$(head -n -1 <<<"$routed" | awk '$1 == "^.*$" {print}')"

# A regular expression covers both when it says so; a path has its twin. The
# page, what it loads, and the catch-all belong to no version of the API.
none each_version_has_the_same_routes "$(while read -r path function _; do
  case $path in
  '^.*$' | / | ^/\$ | /assets/* | ^/assets/*) ;;
  '^/api(/v1)?/'*) ;;
  /api/v1/*)
    awk -v p="/api/${path#/api/v1/}" -v f="$function" '$1 == p && $2 == f {hit = 1} END {exit !hit}' \
      <<<"$routed" || echo "$path has no twin under /api;"
    ;;
  /api/*)
    awk -v p="/api/v1/${path#/api/}" -v f="$function" '$1 == p && $2 == f {hit = 1} END {exit !hit}' \
      <<<"$routed" || echo "$path has no twin under /api/v1;"
    ;;
  *)
    # What a page wants at the root, by a function of its own room.
    case $function in route_page* | route_asset*) ;; *) echo "$path is outside of /api;" ;; esac
    ;;
  esac
done <<<"$routed")"

none each_path_is_routed_once "$(awk '{print $1}' <<<"$routed" | sort | uniq -d)"

# Kore only says "ignoring" about a directive that it does not know.
none each_directive_is_known "$(sed 's/#.*//' "$conf" | awk 'NF && $1 != "}" {print $1}' | sort -u |
  grep -vxE 'validator|authentication|authentication_type|authentication_validator|domain|attach|route|params|validate')"

# The contract: a comment at the top that says what it serves, and Out; what it
# answers otherwise; one const descriptor.
none each_file_states_its_contract "$(for file in src/routes/*.c; do
  top=$(awk 'NR == 1 && $0 != "/*" {exit} {print} /\*\//{exit}' "$file")
  if [ -z "$top" ]; then
    echo "$file does not begin with a comment;"
    continue
  fi
  grep -q 'Out:' <<<"$top" || echo "$file does not say Out;"
  if ! grep -q 'route_not_found' "$file"; then
    sed -n 2p <<<"$top" | grep -qE '^ \* (GET|POST|PUT|PATCH|DELETE|HEAD)(, [A-Z]+)* /' ||
      echo "$file does not begin with METHOD /path;"
    grep -qE 'Errors:' <<<"$top" || echo "$file does not say Errors;"
  fi
done)"
none each_file_has_one_descriptor "$(for file in src/routes/*.c; do
  n=$(grep -cE '^static const struct vg_route[[:space:]]' "$file")
  m=$(grep -c " $file\$" <<<"$defined")
  [ "$n" -eq "$m" ] || echo "$file has $n for $m functions;"
done)"

# The contract names the path that the conf routes.
none each_contract_names_its_path "$(while read -r function file; do
  path=$(sed -n '2s/^ \* [A-Z, ]* \(\/[^ ]*\).*/\1/p' "$file")
  [ -n "$path" ] || continue
  static=${path%%<*}
  awk -v f="$function" '$2 == f {print $1}' <<<"$routed" | sed 's/(\/v1)?//; s/^\^//; s/\[.*//; s/\$$//' |
    grep -qxF -e "$static" -e "${static%/}" || echo "$file says $path, the conf another;"
done <<<"$defined")"

exit "$failed"
