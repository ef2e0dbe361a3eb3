#!/bin/bash
# Runs test programs one after the other and counts: cmocka's own summary lines
# are added up, a program that ends without one counts as failed.  Starts what
# the wire tests share: a private PostgreSQL and the offline speech server, in a
# folder of their own, and ends both by pid.
#
#   run.sh PROGRAM... [--on KIND PROGRAM...]...
#
# KIND is what the wire tests of the programs after it speak to, and how:
# dev-http (without --on), dev-https, release-http, release-https. A release
# runs as an operator would start it: by root, in a chroot, under another user.
# O, BIN, RELEASE_BIN, SPEECH_BIN, SPEECH_FIXTURES are in the environment.
set -u
cd "$(dirname "$0")/.." || exit 1
top=$PWD
work=$(mktemp -d "${TMPDIR:-/tmp}/voicegate-test.XXXXXX")
chmod 0755 "$work"
logs=$O/log
rm -rf "$logs"
mkdir -p "$logs"
passed=0
failed=0
speech=
# What mostly waits, as people and browsers do, runs beside the programs.
beside=tests/checks/browser.sh
beside_pid=

finish() {
  if [ -n "$beside_pid" ]; then
    kill -TERM "$beside_pid" 2>/dev/null
    wait "$beside_pid" 2>/dev/null
  fi
  [ -z "$speech" ] || kill -TERM "$speech" 2>/dev/null
  conf/dev/cluster.sh stop "$work/var" >/dev/null 2>&1
  [ -z "$speech" ] || wait "$speech" 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

echo "==> starting PostgreSQL and the speech server for the tests"
if ! conf/dev/cluster.sh start "$work/var" >"$logs/cluster.log" 2>&1; then
  cat "$logs/cluster.log"
  echo "0 passed, 1 failed"
  exit 1
fi
TEST_DATABASE_URL=$(cat "$work/var/database.url")
# The tests' servers run as a user of no privilege, where root starts them.
TEST_USER=
if [ "$(id -u)" -eq 0 ]; then
  TEST_USER=voicegate
  id voicegate >/dev/null 2>&1 || useradd --system --user-group --no-create-home \
    --home-dir /nonexistent --shell /usr/sbin/nologin voicegate
fi
mkdir -p "$work/tmp"
LSAN_OPTIONS=suppressions=$top/tests/lsan.supp:print_suppressions=0
export LSAN_OPTIONS TEST_DATABASE_URL TEST_USER TEST_TMP=$work/tmp TEST_TOP=$top
"$SPEECH_BIN" --listen 127.0.0.1:0 --port-file "$work/speech.port" \
  >"$logs/speech.log" 2>&1 </dev/null &
speech=$!
for ((i = 0; i < 600; i++)); do
  [ -s "$work/speech.port" ] && break
  kill -0 "$speech" 2>/dev/null || break
  sleep 0.1
done
SPEECH_URL=http://127.0.0.1:$(cat "$work/speech.port" 2>/dev/null)
export SPEECH_URL TEST_SPEECH_PID=$speech

if [ -z "${ONLY_PROGRAMS:-}" ]; then
  timeout -k 10 $((420 * ${VG_PATIENCE:-1})) bash "$beside" >"$logs/$(basename "$beside").log" 2>&1 </dev/null &
  beside_pid=$!
fi

count() { # FILE STATUS
  local p f
  p=$(sed -n 's/.*\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$1" | awk '{s += $1} END {print s + 0}')
  f=$(sed -n 's/.*\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$1" | awk '{s += $1} END {print s + 0}')
  if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
  if [ "$2" -eq 0 ] && [ "$p" -eq 0 ]; then f=1; fi
  passed=$((passed + p))
  failed=$((failed + f))
  printf '%-36s %4d passed' "$3" "$p"
  if [ "$f" -gt 0 ]; then printf ', %d FAILED' "$f"; fi
  printf '\n'
  if [ "$f" -gt 0 ]; then
    grep -E '\[  (ERROR|FAILED|LINE)|error:|Error|ERROR:|runtime error' "$1" | head -n 40
    tail -n 15 "$1"
  fi
}

# The pair lies in the root by the same path: the key's process is confined, too.
tests/edge/certs.sh "$work/tls" >"$logs/certs.log" 2>&1 || cat "$logs/certs.log"
[ -z "$TEST_USER" ] || chown -R "$TEST_USER:" "$work/tls"
mkdir -p "$work/root$work"
cp -a "$work/tls" "$work/root$work/"
export TEST_TLS_CERT=$work/tls/ec.pem TEST_TLS_KEY=$work/tls/ec.key
dev=$BIN

speak_to() { # KIND
  unset TEST_TLS TEST_ROOT
  export BIN=$dev
  case $1 in
  release-*)
    export BIN=$RELEASE_BIN
    # Nobody but root may change root.
    [ -z "$TEST_USER" ] || export TEST_ROOT=$work/root
    ;;
  esac
  case $1 in
  dev-http | release-http) ;;
  dev-https | release-https) export TEST_TLS=1 ;;
  *)
    echo "run.sh: --on $1: no such kind" >&2
    exit 64
    ;;
  esac
}

kind=
while [ $# -gt 0 ]; do
  if [ "$1" = --on ]; then
    kind=$2
    speak_to "$kind"
    shift 2
    continue
  fi
  program=$1
  shift
  name=$(basename "$program")${kind:+ $kind}
  log=$logs/${name/ /.}.log
  timeout -k 10 "${PROGRAM_SECONDS:-300}" "$program" >"$log" 2>&1 </dev/null
  count "$log" $? "$name"
done

# Scripts under tests/checks: each prints "ok NAME" or "not ok NAME: why" lines.
for check in tests/checks/*.sh; do
  if [ ! -f "$check" ] || [ -n "${ONLY_PROGRAMS:-}" ]; then continue; fi
  log=$logs/$(basename "$check").log
  if [ "$check" = "$beside" ]; then
    wait "$beside_pid"
    status=$?
    beside_pid=
  else
    timeout -k 10 300 bash "$check" >"$log" 2>&1 </dev/null
    status=$?
  fi
  p=$(grep -c '^ok ' "$log")
  f=$(grep -c '^not ok ' "$log")
  if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
  passed=$((passed + p))
  failed=$((failed + f))
  printf '%-36s %4d passed' "$(basename "$check")" "$p"
  if [ "$f" -gt 0 ]; then
    printf ', %d FAILED\n' "$f"
    grep '^not ok' "$log" | head -n 20
    tail -n 5 "$log"
  else
    printf '\n'
  fi
done

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
