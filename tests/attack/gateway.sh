#!/bin/bash
# For the scripts beside it to source: a gateway of its own, the release unless
# BIN says otherwise, with a private PostgreSQL, in a folder that goes at the end.
# What is exported before holds as a setting. Gives $port and $work.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/voicegate-attack.XXXXXX")
chmod 0755 "$work"
end_gateway() {
  VAR=$work/var conf/dev/instance.sh down >/dev/null 2>&1
  rm -rf "$work"
}
trap end_gateway EXIT
trap 'exit 130' INT TERM
for try in 1 2 3 4 5 6 7 8; do
  port=$((20000 + ($$ * 7 + try * 311) % 9000))
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
done

# Needs no provider: nobody speaks here.
start_gateway() {
  export BIN=${BIN:-$PWD/build/release/voicegate/voicegate}
  export VAR=$work/var PORT=$port SPEECH_URL=http://127.0.0.1:9
  conf/dev/instance.sh up >"$work/up.log" 2>&1 || {
    cat "$work/up.log"
    exit 1
  }
}
