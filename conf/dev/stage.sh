#!/bin/bash
# Builds the gateway with kodev in a folder named voicegate: kodev takes the
# application's name from the folder it runs in, and leaves its objects there.
#
#   stage.sh FOLDER dev|prod [asan]
#
# kodev does not know which object a header belongs to: the compiler's own
# dependency files (-MMD) do, and objects older than one of their headers are
# removed first. An unknown directive in the conf only makes Kore say "ignoring",
# and leaves a route open: that word fails the build.
set -eu

folder=$1
flavor=$2
sanitizer=${3:-}
top=$(cd "$(dirname "$0")/../.." && pwd -P)

mkdir -p "$folder/conf"
cd "$folder"
ln -sfn "$top/src" src
ln -sfn "$top/build/assets" assets
ln -sfn "$top/conf/voicegate.conf" conf/voicegate.conf
# kodev writes its own parameters the first time: not through a link to ours.
rm -f dh2048.pem
new=$(cat "$top/conf/build.conf")
if [ -n "$sanitizer" ]; then
  # Kore itself gets ASan alone: UBSan drowns in its misaligned pools.
  new=$(printf '%s\n' "$new" | sed \
    -e 's/^kore_flavor=\(.*\)/kore_flavor=\1 SANITIZE=address/' \
    -e 's/-D_FORTIFY_SOURCE=2//' -e 's/-O2/-O1/')
  new="$new
cflags=-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
ldflags=-fsanitize=address,undefined"
fi
if [ "$new" != "$(cat conf/build.conf 2>/dev/null)" ]; then
  printf '%s\n' "$new" >conf/build.conf
  # Other flags: our objects are stale; Kore's only when its flavour changed.
  flavor_line=$(printf '%s\n' "$new" | grep '^kore_flavor')
  if [ "$flavor_line" != "$(cat .kore_flavor 2>/dev/null)" ]; then
    rm -rf .objs
    printf '%s\n' "$flavor_line" >.kore_flavor
  fi
  find "$top/src" -name '*.c' -printf '%f\n' | sed 's/\.c$/.o/' |
    while read -r o; do rm -f ".objs/$o"; done
fi

# The assets: what the project keeps in assets/, and the page as it is served.
mkdir -p "$top/build/assets"
"$top/conf/dev/assets.sh" "$top/assets" "$top/build/assets"

if [ -d .objs ]; then
  for d in .objs/*.d; do
    [ -f "$d" ] || continue
    o=${d%.d}.o
    [ -f "$o" ] || continue
    # Words of the dependency file that name headers of ours.
    for h in $(tr -d '\\' <"$d" | tr ' ' '\n' | grep '^src/.*\.h$'); do
      if [ ! -e "$h" ] || [ "$h" -nt "$d" ]; then
        rm -f "$o"
        break
      fi
    done
  done
  # A source that is gone leaves no object behind to be linked.
  for o in .objs/*.d; do
    [ -f "$o" ] || continue
    c=$(sed -n '1s/^[^:]*: *\([^ \\]*\).*/\1/p' "$o")
    case $c in src/*) [ -e "$c" ] || rm -f "$o" "${o%.d}.o" ;; esac
  done
fi

printf '%s\n' "$flavor" >.flavor
log=build.log
if ! kodev build >"$log" 2>&1; then
  grep -v '^[CL]*D*FLAGS=' "$log" | tail -n 60 >&2
  echo "voicegate: the build failed; $folder/$log has it all" >&2
  exit 1
fi
ln -sfn "$top/dh2048.pem" dh2048.pem
n=$(grep -c '^compiling' "$log" || true)
[ "$n" -eq 0 ] || echo "==> built $folder/voicegate ($flavor${sanitizer:+, $sanitizer}, $n files)"
