#!/bin/bash
# The page's table (src/gate/webfiles.c) against its folder: a file that is not
# listed is embedded and never served, one that is not there breaks the build
# with a linker's words.
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
exit 0
