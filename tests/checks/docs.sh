#!/bin/bash
# The documents tell the truth: settings, routes, headers and links are compared
# with what the program and the folder have. BIN: the gateway's executable.
#
# The patterns below hold backquotes, Markdown's, in single quotes on purpose.
# shellcheck disable=SC2016
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${BIN:-build/voicegate/voicegate}
. tests/lib/checks.sh

# First cell of a table's row, without its backquotes.
cells() { sed 's/^| `\([A-Z0-9_]*\)`.*/\1/'; }

# --- settings: the program's table, the README, .env.example -----------------

# NAME=default lines of --help: two blanks, a name, an equals sign.
table=$("$BIN" --help 2>/dev/null | sed -n 's/^  \([A-Z][A-Z0-9_]*\)=\(.*\)$/\1=\2/p')
reload=$("$BIN" --help 2>/dev/null | awk '
  /^  [A-Z][A-Z0-9_]*=/ {split($1, a, "="); name = a[1]}
  /; SIGHUP\)$/ {print name}')
if [ "$(wc -l <<<"$table")" -lt 10 ]; then
  bad the_program_prints_its_settings "$BIN --help printed none"
  exit 1
fi
ok the_program_prints_its_settings

# | `NAME` | `default` | yes | meaning |: an empty default is spelt "empty", and
# one too long for a table points to .env.example.
rows=$(sed -n '/^## Settings/,/^## Routes/p' README.md | grep '^| `[A-Z]')
readme=$(sed -n 's/^| `\([A-Z0-9_]*\)` | \(`\(.*\)`\|empty\|see \.env\.example\) | \(yes\)\{0,1\} *| .*/\1=\2/p' <<<"$rows" |
  sed 's/=empty$/=/; s/=`\(.*\)`$/=\1/')

# NAME of a text of NAME=VALUE lines; fails when it is not there.
value() {
  awk -v n="$1" 'index($0, n "=") == 1 {print substr($0, length(n) + 2); hit = 1; exit} END {exit !hit}' <<<"$2"
}

none readme_has_each_setting_and_its_default "$(while IFS= read -r line; do
  name=${line%%=*}
  want=${line#*=}
  if ! got=$(value "$name" "$readme"); then
    echo "$name is not in the table;"
  elif [ "$got" = 'see .env.example' ] && [ "${#want}" -gt 80 ]; then
    :
  elif [ "$got" != "$want" ]; then
    echo "$name is \"$want\", not \"$got\";"
  fi
done <<<"$table")"

# The meaning is the program's words, to their full stop; README may go on.
none readme_says_what_the_program_says "$("$BIN" --help | awk '
  /^  [A-Z][A-Z0-9_]*=/ {split($1, a, "="); name = a[1]; getline; sub(/^ +/, ""); print name "=" $0}' |
  while IFS='=' read -r name help; do
    said=$(sed -n "s/^| .$name. | .* | \(yes\)\{0,1\} *| \(.*\) |\$/\2/p" <<<"$rows" | tr -d '`')
    case $said in "${help%.}"[.:]*) ;; *) echo "$name: $help;" ;; esac
  done)"

none readme_has_no_other_setting "$(cells <<<"$rows" | while read -r name; do
  value "$name" "$table" >/dev/null || echo "$name is no setting;"
done)"
none readme_has_each_setting_once "$(cells <<<"$rows" | sort | uniq -d)"
none readme_says_what_sighup_changes "$(diff <(sed -n 's/^| `\([A-Z0-9_]*\)` | .* | yes | .*/\1/p' <<<"$rows" | sort) \
  <(sort <<<"$reload") | grep '^[<>]')"

example=$(sed -n 's/^\([A-Z][A-Z0-9_]*\)=\(.*\)$/\1=\2/p' .env.example | sed 's/=\"\(.*\)\"$/=\1/')
none env_example_is_the_programs_table "$(diff <(sort <<<"$example") <(sort <<<"$table") | grep '^[<>]' | cut -c1-100)"

# What any document spells like a setting is one, or an X_FILE of one.
none documents_name_no_unknown_setting "$(grep -ohE '(^|[^A-Za-z_`$/])`[A-Z][A-Z0-9]*(_[A-Z0-9]+)+(=[^`]*)?`' ./*.md docs/*.md |
  sed 's/^[^`]*`//; s/`$//; s/=.*//' | sort -u | while read -r name; do
  case $name in
  VG_* | HTTP_METHOD_* | KORE_* | O_TMPFILE | PSQL_ARGS | FUZZ_S | DRILL_ROWS | DRILL_ROUNDS | BENCH_* | SIG* | NOTIFY_SOCKET | X_FILE) continue ;;
  esac
  value "$name" "$table" >/dev/null || value "${name%_FILE}" "$table" >/dev/null ||
    echo "$name;"
done)"

# --- routes --------------------------------------------------------------------

# README: `METHODS /path`, the variable part as <uuid>; the conf: as it is, or a
# regular expression. Both become the path's constant part.
told=$(sed -n '/^## Routes/,/^## Providers/p' README.md |
  sed -n 's/^| `\(GET\|POST\|PUT\|PATCH\|DELETE\)[A-Z, ]* \(\/[^` ]*\)`.*/\2/p' | sed 's/<.*//; s/…$//' | sort -u)
routed=$(sed 's/#.*//' conf/voicegate.conf | awk '$1 == "route" {print $2}' |
  sed 's/(\/v1)?//; s/^\^//; s/\$$//; s/\[.*//; s/\.[*+].*//; s/(.*//' |
  grep -v '^/api/v1/' | grep . | sort -u)
none readme_has_each_route "$(comm -13 <(echo "$told") <(echo "$routed") | sed 's/$/;/')"
none readme_has_no_other_route "$(comm -23 <(echo "$told") <(echo "$routed") | sed 's/$/;/')"

# The methods that the table tells are those of the descriptors.
none readme_has_each_routes_methods "$(sed -n '/^## Routes/,/^## Providers/p' README.md |
  sed -n 's/^| `\([A-Z, ]*\) \(\/[^` ]*\)`.*/\1|\2/p' | while IFS='|' read -r methods path; do
  file=$(grep -lE "^ \* [A-Z, ]+ ${path%%<*}" src/routes/*.c | while read -r f; do
    said=$(sed -n '2s/^ \* [A-Z, ]* \(\/[^ ]*\).*/\1/p' "$f")
    if [ "$said" = "$path" ]; then echo "$f"; fi
  done | head -n 1)
  [ -n "$file" ] || continue
  has=$(sed -n 's/^[[:space:]]*\.methods = \(.*\),$/\1/p' "$file" | head -n 1 |
    sed 's/HTTP_METHOD_//g; s/ | /, /g')
  [ "$has" = "$methods" ] || echo "$path has $has, not $methods;"
done)"

# --- headers --------------------------------------------------------------------

# Every security header that responses have is told in README; and whatever the
# documents spell like one is made somewhere in src/.
none readme_names_each_security_header "$(grep -ohE '"[A-Z][A-Za-z]*(-[A-Z][A-Za-z]*)+: ' src/gate/headers.c |
  tr -d '": ' | sort -u | while read -r name; do
  grep -q "\`$name\`" README.md || echo "$name;"
done)"
none documents_name_no_unknown_header "$(grep -ohE '`[A-Z][A-Za-z]*(-[A-Z][A-Za-z]*)+`' ./*.md docs/*.md | tr -d '`' |
  sort -u | while read -r name; do
  grep -rqiF -e "$name" src || echo "$name;"
done)"

# --- tests and files that the documents name --------------------------------------

none relative_links_are_alive "$(for doc in ./*.md docs/*.md; do
  grep -oE '\]\([^)]+\)' "$doc" | sed 's/^](//; s/)$//' | while read -r link; do
    case $link in
    http://* | https://* | mailto:*) continue ;;
    \#*) target=$doc anchor=${link#\#} ;;
    *\#*) target=$(dirname "$doc")/${link%%\#*} anchor=${link#*\#} ;;
    *) target=$(dirname "$doc")/$link anchor= ;;
    esac
    if [ ! -e "$target" ]; then
      echo "$doc: $link;"
    elif [ -n "$anchor" ]; then
      sed -n 's/^##* //p' "$target" | tr '[:upper:]' '[:lower:]' | tr -cd 'a-z0-9 \n-' | tr ' ' '-' |
        grep -qxF -e "$anchor" || echo "$doc: #$anchor;"
    fi
  done
done)"

none named_files_exist "$(grep -ohE '`(src|conf|tests|speech|assets|docs)/[A-Za-z0-9_./-]+`' ./*.md docs/*.md | tr -d '`' |
  sort -u | while read -r path; do
  # What a run leaves behind is not there before it.
  case $path in tests/browser/artefacts*) continue ;; esac
  [ -e "$path" ] || echo "$path;"
done)"

# SECURITY.md says by which test a promise is kept: the test is there. Only names
# with an underscore, in backquotes, in the last column of its tables.
none named_tests_exist "$(grep '^|' docs/SECURITY.md | sed 's/ |$//; s/.*| //' | grep -oE '`[a-z0-9]+(_[a-z0-9]+)+`' | tr -d '`' |
  sort -u | while read -r name; do
  grep -rqwE "(test_)?$name" tests --include='*.c' --include='*.sh' --include='*.mjs' ||
    [ -e "tests/fuzz/$name.c" ] || echo "$name;"
done)"

# --- words that belong to one machine, or to nobody ---------------------------------

none no_path_of_one_machine "$(grep -nE '(^|[^A-Za-z0-9_.:/])/(home|root|work|Users|mnt)(/|[^A-Za-z]|$)' ./*.md docs/*.md .env.example | cut -c1-80)"
# Packages come from wherever the machine's own settings say.
none no_package_host "$(grep -niE '(deb|security|ftp)\.debian\.org|archive\.ubuntu|snapshot\.debian|registry\.npmjs|pypi\.org|proxy\.golang' \
  ./*.md docs/*.md Makefile | cut -c1-80)"

exit "$failed"
