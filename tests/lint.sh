#!/bin/bash
# Style and static analysis. Says what is wrong, file by file, and fails.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0
complain() {
  echo "lint: $*"
  bad=1
}

# Dependencies point one way: routes -> gate -> (store, upstream) -> core; edge
# and the process file stand at the door.  ROOM: what its files may include.
room() {
  local room=$1 allowed=$2 f inc
  for f in src/"$room"/*.[ch]; do
    while read -r inc; do
      case $inc in
      */*)
        case " $allowed $room " in
        *" ${inc%%/*} "*) ;;
        *) complain "$f includes $inc: $room may use $allowed" ;;
        esac
        ;;
      esac
    done < <(sed -n 's/^#include "\(.*\)"/\1/p' "$f")
  done
}
room core ""
room store "core"
room upstream "core"
room edge "core"
room gate "core store edge"
room routes "core gate store upstream"
if grep -n '#include.*\(kore/\|libpq\|curl/\)' src/core/*.[ch]; then complain 'src/core is plain C and Jansson'; fi
if grep -n '#include.*libpq' src/routes/*.[ch] src/gate/*.[ch] src/edge/*.[ch]; then
  complain 'only the store speaks to PostgreSQL'
fi
for f in speech/*.[ch]; do
  if grep -n '#include "\(gate\|store\|edge\|upstream\|routes\)/' "$f"; then
    complain "$f: the speech server is a program of its own"
  fi
done

# Two files of one name break kodev's link; so does a name of Kore's.
dup=$(find src -name '*.c' -printf '%f\n' | sort | uniq -d)
[ -z "$dup" ] || complain "two files are named $dup"
while read -r f; do
  if [ -e "/usr/share/kore/src/$f" ]; then complain "$f is a name of Kore's"; fi
done < <(find src -name '*.c' -printf '%f\n')

# Files stay small enough to be read in one go.
while read -r n f; do
  [ "$f" = total ] || [ "$n" -le 550 ] || complain "$f has $n lines"
done < <(wc -l src/*.[ch] src/*/*.[ch] speech/*.[ch])

# Line ends, tabs, width.
if git grep -nIE '[[:space:]]+$' -- '*.c' '*.h' '*.sh' '*.sql' '*.md' Makefile | head -n 5 | grep .; then
  complain 'blanks at the end of a line'
fi
long=$(awk '{ line = $0; gsub(/\t/, "        ", line); if (length(line) > 100) print FILENAME ":" FNR }' \
  src/*.[ch] src/*/*.[ch] speech/*.[ch] | head -n 5)
[ -z "$long" ] || complain "over 100 columns: $long"

# KNF: a function's name stands first on its line, so that grep finds it.
knf=$(awk 'FNR == 1 { last = "" }
  $0 == "{" && last ~ /^[a-z].*[ \t*][a-z_0-9]+\(.*\)$/ { print FILENAME ":" FNR - 1 }
  { last = $0 }' src/*/*.c src/*.c speech/*.c | head -n 5)
[ -z "$knf" ] || complain "the name of a function stands on a line of its own (KNF): $knf"

# The project speaks of itself alone.
if git grep -nIE '(^|[^A-Za-z0-9_.])/(root|home/[a-z])/|"resolved": *"http' -- . ':!tests/lint.sh' ':!tests/checks' | head -n 5 | grep .; then
  complain 'a path of a machine, or a package host'
fi

flags=$(sed -n 's/^cflags=//p' conf/build.conf | tr '\n' ' ' | sed 's/-MMD//')
gen=$(mktemp -d)
: >"$gen/assets.h"
trap 'rm -rf "$gen"' EXIT
echo 'lint: clang, with the flags of conf/build.conf'
for f in src/*.c src/*/*.c; do
  # shellcheck disable=SC2086 # a list of flags
  clang $flags -DKORE_USE_CURL -DKORE_SINGLE_BINARY -Isrc -I"$gen" -fsyntax-only "$f" || bad=1
done
echo 'lint: cppcheck'
cppcheck --quiet --error-exitcode=1 --std=c11 --language=c -j2 \
  --enable=warning,portability --inline-suppr --suppress=missingIncludeSystem \
  --suppress=syntaxError --suppress=unknownMacro --suppress=preprocessorErrorDirective \
  -Isrc src/core src/gate src/routes src/store speech 2>&1 | grep -v '^$' | head -n 20
[ "${PIPESTATUS[0]}" -eq 0 ] || bad=1
echo 'lint: shellcheck'
shellcheck -S warning conf/dev/*.sh tests/*.sh tests/*/*.sh .ci/run || bad=1

if [ "$bad" -eq 0 ]; then echo 'lint: clean'; fi
exit "$bad"
