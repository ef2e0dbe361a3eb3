#!/bin/bash
# The page's table (src/gate/webfiles.c) against its folder: a file that is not
# listed is embedded and never served, one that is not there breaks the build
# with a linker's words. And the modules, which become one script
# (src/gate/webscript.c), against what that asks of them.
set -u
cd "$(dirname "$0")/../.." || exit 1
table=src/gate/webfiles.c
folder=assets/web
listed=$(sed -n 's/^[[:space:]]*FILE_OF("\([^"]*\)".*/\1/p' "$table")
[ -n "$listed" ] || {
  echo "not ok page_files: no file is listed in $table"
  exit 1
}

for f in "$folder"/*; do
  name=${f##*/}
  symbol=$(printf '%s' "$name" | tr '.-' '__')
  row=$(grep -F "FILE_OF(\"$name\"" "$table")
  case $name in
  *.html) type=HTML ;;
  *.css) type=CSS ;;
  *.js) type=JAVASCRIPT ;;
  *.svg) type=SVG ;;
  *.webmanifest) type=MANIFEST ;;
  *) type= ;;
  esac
  if [ -z "$row" ]; then
    echo "not ok page_files $name: it is not in the table"
  elif ! [[ $row =~ FILE_OF\(\"$name\",\ $type,\ $symbol\) ]] || [ -z "$type" ]; then
    echo "not ok page_files $name: its row has another media type or symbol"
  elif ! grep -q "^ASSET($symbol);" "$table"; then
    echo "not ok page_files $name: its symbol is not declared"
  elif [ ! -s "$f" ]; then
    echo "not ok page_files $name: empty, and kodev leaves it out"
  else
    echo "ok page_files $name"
  fi
done

for name in $listed; do
  [ -e "$folder/$name" ] || echo "not ok page_files $name: it is not in $folder"
done

# What a file names must be there: the gateway does not start otherwise.
grep -oH "[\"'(]/assets/[^\"')]*[\"')]" "$folder"/* | while IFS=: read -r f ref; do
  name=${ref#?/assets/}
  name=${name%?}
  if [ ! -e "$folder/$name" ] || [ "$name" = index.html ]; then
    echo "not ok page_files ${f##*/}: it refers to $name, which is not there"
  fi
done

# An import is one line, keeps the names, and of a module that stands before.
order=" $(printf '%s ' $listed | grep -o '[^ ]*\.js' | tr '\n' ' ')"
order="${order/ main.js / }main.js "
seen=' '
for name in $order; do
  wrong=
  while IFS= read -r line; do
    if ! [[ $line =~ ^import\ \{\ ([^{}]*)\ \}\ from\ \"/assets/([a-z]+\.js)\"\;$ ]]; then
      wrong="$wrong; not as it is asked for: $line"
      continue
    fi
    from=${BASH_REMATCH[2]}
    [[ $seen == *" $from "* ]] || wrong="$wrong; $from stands behind it in $table"
    for word in ${BASH_REMATCH[1]//,/ }; do
      grep -qE "^export (async )?(const|function|class) ${word//\$/\\$}[^A-Za-z0-9_]" "$folder/$from" ||
        wrong="$wrong; $from exports no $word"
    done
  done < <(grep '^import' "$folder/$name")
  ! grep -nE '^export (default|\{|\*)|^[[:space:]]+(import|export) |[^.a-zA-Z]import\(' "$folder/$name" ||
    wrong="$wrong; an import or export of another kind"
  seen="$seen$name "
  if [ -n "$wrong" ]; then
    echo "not ok page_files $name joins the script: ${wrong#; }"
  else
    echo "ok page_files $name joins the script"
  fi
done
twice=$(for name in $order; do
  sed -nE 's/^(export )?(async )?(const|let|var|function|class) ([A-Za-z0-9_$]+).*/\4/p' "$folder/$name"
done | sort | uniq -d | tr '\n' ' ')
if [ -n "$twice" ]; then
  echo "not ok page_files names: at the top of more than one module: $twice"
else
  echo "ok page_files names"
fi
exit 0
