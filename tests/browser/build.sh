#!/bin/sh
#
# Makes of the page's sources what the server sends.
#
#	build.sh SOURCE-FOLDER OUT-FOLDER [C-FILE]
#
# OUT-FOLDER gets index.html and an assets/ folder whose files carry a hash
# of their content in their names, so that they may be cached for ever;
# all references ("/assets/NAME", and {{sri:NAME}} for an integrity value)
# are rewritten, imports in modules too: a module is named only after all
# that it imports has its name. Beside each file lie NAME.gz and, where the
# brotli program is installed, NAME.br, if they are smaller.
#
# C-FILE gets the same as one table for the server (vg_web_assets).
#
# Plain sh, sed, od, openssl and gzip: building the server needs no node.
# index.html is not compressed: its nonce is new in each response.

set -eu
LC_ALL=C
export LC_ALL

[ $# -ge 2 ] || { echo "usage: $0 source-folder out-folder [c-file]" >&2; exit 64; }
src=$1
out=$2
cfile=${3:-}

HASH_CHARS=16
tmp=$out.new.$$
trap 'rm -rf "$tmp"' EXIT
rm -rf "$tmp"
mkdir -p "$tmp/assets"
script=$tmp/names.sed
: > "$script"

hash_of() { openssl dgst -sha256 -r "$1" | cut -c1-$HASH_CHARS; }
sri_of() { printf 'sha384-%s' "$(openssl dgst -sha384 -binary "$1" | openssl base64 -A)"; }
# A name as a regular expression that matches it and nothing else.
quoted() { printf '%s' "$1" | sed 's/[.]/\\./g'; }

todo=
for f in "$src"/*.js "$src"/*.css "$src"/*.svg "$src"/*.webmanifest; do
	[ -e "$f" ] && todo="$todo ${f##*/}"
done

# Each round names the files all of whose references are named already.
while [ -n "$todo" ]; do
	later=
	for name in $todo; do
		sed -f "$script" "$src/$name" > "$tmp/work"
		ready=yes
		for other in $todo; do
			if [ "$other" != "$name" ] && grep -q "[\"'(]/assets/$(quoted "$other")[\"')]" "$tmp/work"; then
				ready=no
			fi
		done
		if [ $ready = no ]; then
			later="$later $name"
			continue
		fi
		hashed=${name%.*}.$(hash_of "$tmp/work").${name##*.}
		sri=$(sri_of "$tmp/work")
		mv "$tmp/work" "$tmp/assets/$hashed"
		# What was named before stays so: the pattern wants the quote.
		printf 's|\\(["'"'"'(]\\)/assets/%s\\(["'"'"')]\\)|\\1/assets/%s\\2|g\n' "$(quoted "$name")" "$hashed" >> "$script"
		printf 's|{{sri:%s}}|%s|g\n' "$(quoted "$name")" "$sri" >> "$script"
	done
	[ "$later" != "$todo" ] || { echo "$0: references in a circle:$todo" >&2; exit 1; }
	todo=$later
done

sed -f "$script" "$src/index.html" > "$tmp/index.html"
rm -f "$script" "$tmp/work"
if grep -n '{{sri:' "$tmp/index.html" >&2; then
	echo "$0: index.html names a file that is not there" >&2
	exit 1
fi

for f in "$tmp"/assets/*; do
	gzip -9n < "$f" > "$f.gz"
	[ "$(wc -c < "$f.gz")" -lt "$(wc -c < "$f")" ] || rm "$f.gz"
	if command -v brotli > /dev/null; then
		brotli -q 11 -c "$f" > "$f.br"
		[ "$(wc -c < "$f.br")" -lt "$(wc -c < "$f")" ] || rm "$f.br"
	fi
done

type_of() {
	case $1 in
	*.html)		echo "text/html; charset=utf-8" ;;
	*.js)		echo "text/javascript; charset=utf-8" ;;
	*.css)		echo "text/css; charset=utf-8" ;;
	*.svg)		echo "image/svg+xml" ;;
	*.webmanifest)	echo "application/manifest+json" ;;
	esac
}

# bytes SYMBOL FILE: the array, or nothing where there is no such file.
bytes() {
	[ -e "$2" ] || return 0
	echo "static const uint8_t $1[] = {"
	od -An -v -tx1 "$2" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'
	echo "};"
}

size() { if [ -e "$1" ]; then wc -c < "$1" | tr -d ' '; else echo 0; fi; }
symbol() { if [ -e "$2" ]; then echo "$1"; else echo NULL; fi; }

# One row of the table: SYMBOL FILE PATH IMMUTABLE
row() {
	printf '\t{ "%s", "%s",\n\t    "%s",\n' "$3" "$(type_of "$2")" "$(hash_of "$2")"
	printf '\t    %s, %s, %s,\n' "$1" "$(symbol "$1_gz" "$2.gz")" "$(symbol "$1_br" "$2.br")"
	printf '\t    %s, %s, %s, %s },\n' "$(size "$2")" "$(size "$2.gz")" "$(size "$2.br")" "$4"
}

if [ -n "$cfile" ]; then
	mkdir -p "$(dirname "$cfile")"
	{
		echo "/* Made by build.sh from the page's sources. Not to be edited. */"
		echo
		echo "#include <stddef.h>"
		echo "#include <stdint.h>"
		echo
		echo "#include \"routes/webtable.h\""
		echo
		bytes page_index "$tmp/index.html"
		i=0
		for f in "$tmp"/assets/*.js "$tmp"/assets/*.css "$tmp"/assets/*.svg "$tmp"/assets/*.webmanifest; do
			bytes "page_$i" "$f"
			bytes "page_${i}_gz" "$f.gz"
			bytes "page_${i}_br" "$f.br"
			i=$((i + 1))
		done
		echo
		echo "const struct vg_web_asset vg_web_assets[] = {"
		row page_index "$tmp/index.html" / 0
		i=0
		for f in "$tmp"/assets/*.js "$tmp"/assets/*.css "$tmp"/assets/*.svg "$tmp"/assets/*.webmanifest; do
			row "page_$i" "$f" "/assets/${f##*/}" 1
			i=$((i + 1))
		done
		echo "};"
		echo
		echo "const size_t vg_web_assets_count ="
		echo "    sizeof(vg_web_assets) / sizeof(vg_web_assets[0]);"
	} > "$cfile.new.$$"
	mv "$cfile.new.$$" "$cfile"
fi

rm -rf "$out"
mv "$tmp" "$out"
