#!/bin/bash
# What 64 uploads of 10 MiB at once cost a running instance (make up, with
# RATE_LIMIT_ENABLED=false and MAX_CONNECTIONS_PER_CLIENT=0): memory of its workers, bytes written for
# each byte of sound, and how long /api/health takes meanwhile. The session is
# unknown, so that each upload is received whole, answered with 404, and no
# provider has a part in it.
#
#   PORT=8000 VAR=var N=64 MIB=10 tests/uploads.sh
set -u
port=${PORT:-8000}
var=${VAR:-var}
n=${N:-64}
mib=${MIB:-10}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
parent=$(cat "$var/kore.pid")
read -r -a workers <"/proc/$parent/task/$parent/children"
url=http://127.0.0.1:$port

sum() { # FIELD of status, in kB, over the workers
  local pid total=0 v
  for pid in "${workers[@]}"; do
    v=$(awk -v f="$1:" '$1 == f {print $2}' "/proc/$pid/status")
    total=$((total + v))
  done
  echo "$total"
}
written() {
  local pid total=0 v
  for pid in "${workers[@]}"; do
    v=$(awk '$1 == "wchar:" {print $2}' "/proc/$pid/io")
    total=$((total + v))
  done
  echo "$total"
}

# A WAV header and silence.
{
  printf 'RIFF\377\377\377\177WAVEfmt \020\0\0\0\001\0\001\0\200>\0\0\0}\0\0\002\0\020\0data\377\377\377\177'
  head -c $((mib * 1048576 - 44)) /dev/zero
} >"$work/sound.wav"
form=(-s -o /dev/null -w '%{http_code}\n' -F session_id=00000000-0000-4000-8000-000000000000
  -F "audio=@$work/sound.wav")

curl "${form[@]}" "$url/api/voice/process" >/dev/null # once, to be warm
rss=$(sum VmRSS)
before=$(written)
: >"$work/health"
: >"$work/memory"
while [ ! -e "$work/done" ]; do
  curl -s -o /dev/null -w '%{time_total}\n' "$url/api/health/live" >>"$work/health"
  sum VmRSS >>"$work/memory"
done &
watcher=$!
uploads=()
for ((i = 0; i < n; i++)); do
  curl "${form[@]}" "$url/api/voice/process" >"$work/code.$i" &
  uploads+=($!)
done
wait "${uploads[@]}"
: >"$work/done"
wait "$watcher"
peak=$(sort -n "$work/memory" | tail -n 1)
after=$(written)
sent=$((n * mib * 1048576))
echo "answers: $(cat "$work"/code.* | sort | uniq -c | tr '\n' ' ')"
echo "memory of ${#workers[@]} workers: $rss kB before, at most $peak kB; $(((peak - rss) / n)) kB an upload"
echo "written: $((after - before)) bytes for $sent of sound, $(awk -v a=$((after - before)) -v s=$sent 'BEGIN {printf "%.4f", a / s}')"
echo "health meanwhile: $(sort -n "$work/health" | awk '{t[NR] = $1} END {printf "%d asked, median %.1f ms, longest %.1f ms", NR, t[int((NR + 1) / 2)] * 1000, t[NR] * 1000}')"
