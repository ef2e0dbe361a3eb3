#!/bin/sh
# Builds the bare Kore application: stage.sh FOLDER, in the repo's root. The
# folder must be named bare: kodev takes the application's name from it.
set -eu

dir=$1
root=$(pwd)
[ "$(basename "$dir")" = bare ] || {
	echo "stage.sh: the folder must be named bare" >&2
	exit 64
}
mkdir -p "$dir/src" "$dir/conf"
ln -sfn "$root/bench/kore/bare.c" "$dir/src/bare.c"
ln -sfn "$root/bench/kore/bare.conf" "$dir/conf/bare.conf"
# The gateway's flavour and flags, but none of what it puts around Kore.
grep -v -e '^ldflags=-Wl,--wrap' "$root/conf/build.conf" >"$dir/conf/build.conf"
cd "$dir"
kodev build >build.log 2>&1 || {
	cat build.log >&2
	exit 1
}
