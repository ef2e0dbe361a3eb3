#!/bin/sh
#
# Makes of the page's sources what a server sends, for the stand-in of the
# browser tests (the gateway does the same by itself when it starts).
#
#	build.sh SOURCE-FOLDER OUT-FOLDER
#
# OUT-FOLDER gets index.html and an assets/ folder whose files carry a hash
# in their names. All references ("/assets/NAME", and {{sri:NAME}} for an
# integrity value) are rewritten. The modules become one script, main.js: each
# without its imports and exports, behind all that it imports. Beside each file
# lie NAME.gz and, where the brotli program is installed, NAME.br, if they are
# smaller.

set -eu
LC_ALL=C
export LC_ALL

[ $# -eq 2 ] || { echo "usage: $0 source-folder out-folder" >&2; exit 64; }
src=$1
out=$2

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

# Each round takes the files all of whose references were taken already.
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
		case $name in
		*.js)
			sed -e '/^import /d' -e 's/^export //' "$tmp/work" >> "$tmp/script"
			[ "$name" = main.js ] || continue
			mv "$tmp/script" "$tmp/work"
			;;
		esac
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

rm -rf "$out"
mv "$tmp" "$out"
