#!/bin/bash
# Runs test programs and counts: cmocka's own summary lines are added up, a
# program that ends without one counts as failed.  Starts what the wire tests
# share: a private PostgreSQL and the offline speech server, in a folder of their
# own, and ends both by pid.
#
#   run.sh PROGRAM... [--on KIND PROGRAM...]...
#
# KIND is what the wire tests of the programs after it speak to, and how:
# dev-http (without --on), dev-https, release-http, release-https. A release
# runs as an operator would start it: by root, in a chroot, under another user.
# O, BIN, RELEASE_BIN, SPEECH_BIN, SPEECH_FIXTURES are in the environment.
#
# Most programs wait most of their time, each for servers of its own with ports,
# folders and databases of their own: LANES of them run at once (as many as
# there are processors). Of those that hold an answer to a number of milliseconds
# only one runs at a time, first of all.
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
lanes=${LANES:-$(nproc)}
# Those with milliseconds; and what takes longest, which begins first.
timed=' test_store_exact test_store_away test_upcall test_uppipeline speech_pool test_wire_outage test_wire_rows '
long=' browser.sh test_wire_exact test_wire_faults test_wire_kill test_wire_voice '
declare -A job_of=()

finish() {
  local pid
  for pid in "${!job_of[@]}"; do kill -TERM "$pid" 2>/dev/null; done
  for pid in "${!job_of[@]}"; do wait "$pid" 2>/dev/null; done
  [ -z "$speech" ] || kill -TERM "$speech" 2>/dev/null
  conf/dev/cluster.sh stop "$work/var" >/dev/null 2>&1
  [ -z "$speech" ] || wait "$speech" 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The tests kill processes, not the machine: what the kernel has is safe, and a
# transaction need not wait for a disk.
export PG_OPTIONS=${PG_OPTIONS--c fsync=off -c full_page_writes=off}

# What else the machine does is not known: deadlines are far off (tests/lib/patience.h).
export VG_PATIENCE=${VG_PATIENCE:-4}
export LSAN_OPTIONS=suppressions=$top/tests/lsan.supp:print_suppressions=0

echo "==> starting PostgreSQL and the speech server for the tests"
if ! conf/dev/cluster.sh start "$work/var" >"$logs/cluster.log" 2>&1; then
  cat "$logs/cluster.log"
  echo "0 passed, 1 failed"
  exit 1
fi
TEST_DATABASE_URL=$(cat "$work/var/database.url")
# What each test's database is a copy of.
export TEST_TEMPLATE=t_template
template_url=${TEST_DATABASE_URL%/*}/$TEST_TEMPLATE
if ! psql -Xq "$TEST_DATABASE_URL" -c "create database $TEST_TEMPLATE" >"$logs/migrate.log" 2>&1 ||
  ! DATABASE_URL=$template_url VAR=$work/var "$BIN" --migrate >>"$logs/migrate.log" 2>&1; then
  cat "$logs/migrate.log"
  echo "0 passed, 1 failed"
  exit 1
fi
# The tests' servers run as a user of no privilege, where root starts them.
TEST_USER=
if [ "$(id -u)" -eq 0 ]; then
  TEST_USER=voicegate
  id voicegate >/dev/null 2>&1 || useradd --system --user-group --no-create-home \
    --home-dir /nonexistent --shell /usr/sbin/nologin voicegate
fi
mkdir -p "$work/tmp"
export TEST_DATABASE_URL TEST_USER TEST_TMP=$work/tmp TEST_TOP=$top
"$SPEECH_BIN" --listen 127.0.0.1:0 --port-file "$work/speech.port" \
  >"$logs/speech.log" 2>&1 </dev/null &
speech=$!
for ((i = 0; i < 600; i++)); do
  [ -s "$work/speech.port" ] && break
  kill -0 "$speech" 2>/dev/null || break
  sleep 0.1
done
SPEECH_URL=http://127.0.0.1:$(cat "$work/speech.port" 2>/dev/null)
export SPEECH_URL

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

# One job: a program of cmocka's, or a script of tests/checks, which prints
# "ok NAME" or "not ok NAME: why" lines.
run_job() { # KIND PROGRAM LOG
  speak_to "$1"
  case $2 in
  *.sh) exec timeout -k 10 "${CHECK_SECONDS:-1800}" bash "$2" >"$3" 2>&1 </dev/null ;;
  *) exec timeout -k 10 "${PROGRAM_SECONDS:-300}" "$2" >"$3" 2>&1 </dev/null ;;
  esac
}

count() { # NAME LOG STATUS SECONDS
  local p f pattern
  case $1 in
  *.sh)
    p=$(grep -c '^ok ' "$2")
    f=$(grep -c '^not ok ' "$2")
    pattern='^not ok'
    ;;
  *)
    p=$(sed -n 's/.*\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$2" | awk '{s += $1} END {print s + 0}')
    f=$(sed -n 's/.*\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$2" | awk '{s += $1} END {print s + 0}')
    if [ "$3" -eq 0 ] && [ "$p" -eq 0 ]; then f=1; fi
    pattern='\[  (ERROR|FAILED|LINE)|error:|Error|ERROR:|runtime error'
    ;;
  esac
  if [ "$3" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
  passed=$((passed + p))
  failed=$((failed + f))
  printf '%-36s %4d passed %6d s' "$1" "$p" "$4"
  if [ "$f" -gt 0 ]; then printf ', %d FAILED' "$f"; fi
  printf '\n'
  if [ "$f" -gt 0 ]; then
    grep -E "$pattern" "$2" | head -n 40
    tail -n 15 "$2"
  fi
}

# Until one of the jobs ends.
reap() {
  local pid=0 status name log began
  wait -n -p pid "${!job_of[@]}"
  status=$?
  IFS='|' read -r name log began <<<"${job_of[$pid]}"
  unset "job_of[$pid]"
  if [ "$pid" = "$timed_pid" ]; then timed_pid=; fi
  count "$name" "$log" "$status" $((SECONDS - began))
}

start_job() { # KIND|PROGRAM
  local name log
  name=$(basename "${1#*|}")
  [ "${1%%|*}" = dev-http ] || name="$name ${1%%|*}"
  log=$logs/${name/ /.}.log
  run_job "${1%%|*}" "${1#*|}" "$log" &
  job_of[$!]="$name|$log|$SECONDS"
}

run_all() {
  while [ ${#with_time[@]} -gt 0 ] || [ ${#first[@]} -gt 0 ] || [ ${#job_of[@]} -gt 0 ]; do
    if [ -z "$timed_pid" ] && [ ${#with_time[@]} -gt 0 ] && [ ${#job_of[@]} -lt "$lanes" ]; then
      start_job "${with_time[0]}"
      timed_pid=$!
      with_time=("${with_time[@]:1}")
    elif [ ${#job_of[@]} -lt "$lanes" ] && [ ${#first[@]} -gt 0 ]; then
      start_job "${first[0]}"
      first=("${first[@]:1}")
    else
      reap
    fi
  done
}

with_time=()
first=()
rest=()
timed_pid=
sort_in() { # KIND PROGRAM
  local name
  name=" $(basename "$2") "
  case $timed in *"$name"*)
    with_time+=("$1|$2")
    return
    ;;
  esac
  case $long in *"$name"*) first+=("$1|$2") ;; *) rest+=("$1|$2") ;; esac
}

kind="dev-http"
while [ $# -gt 0 ]; do
  if [ "$1" = --on ]; then
    kind=$2
    (speak_to "$kind") || exit 64
    shift 2
  else
    sort_in "$kind" "$1"
    shift
  fi
done
if [ -z "${ONLY_PROGRAMS:-}" ]; then
  for check in tests/checks/*.sh; do sort_in dev-http "$check"; done
fi
first+=("${rest[@]}")
run_all

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
