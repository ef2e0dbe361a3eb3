#!/bin/sh
# Builds the test application of the door: stage.sh FOLDER, in the repo's root.
# The folder's name becomes the executable's: FOLDER/door.
set -eu

dir=$1
root=$(pwd)
mkdir -p "$dir/src/core" "$dir/conf"
[ "$(basename "$dir")" = door ] || {
	echo "stage.sh: the folder must be named door" >&2
	exit 64
}
ln -sfn "$root/src/edge" "$dir/src/edge"
ln -sfn "$root/tests/edge/door.c" "$dir/src/door.c"
for f in "$root"/src/core/*.[ch]; do
	case ${f##*/} in
	head*|siphash*|cidr*|netaddr*|errors*|fields*|log*|civil*|timestamp*|httpdate*|decimal*)
		ln -sfn "$f" "$dir/src/core/${f##*/}" ;;
	esac
done
cp "$root/tests/edge/door.conf" "$dir/conf/door.conf"

# Only what src/edge wraps: others stand around Kore, too.
while IFS= read -r line; do
	case $line in
	ldflags=-Wl,--wrap=*)
		for name in $(echo "${line#ldflags=-Wl,}" | tr ',' ' '); do
			grep -qs "__wrap_${name#--wrap=}(" "$root"/src/edge/*.c &&
			    echo "ldflags=-Wl,$name"
		done ;;
	*)
		printf '%s\n' "$line" ;;
	esac
done <"$root/conf/build.conf" >"$dir/conf/build.conf"
cd "$dir"
# kodev looks at .c files alone: a header that changed is everything's.
if [ -e door ] && [ -n "$(find -L src -newer door -name '*.h' -print -quit)" ]; then
	rm -rf .objs
fi
kodev build >build.log 2>&1 || {
	cat build.log >&2
	exit 1
}
