#!/bin/bash
# One instance of everything: the private PostgreSQL (unless DATABASE_URL names
# another), the offline speech server (unless every provider is set) and the
# gateway.
#
#   instance.sh run|up|down|psql|status
#
# VAR is the folder of its run-state (default ./var); two instances with
# different PORT and VAR run side by side. What runs is found again by the pid
# files in VAR and ended by pid, never by name. BIN and SPEECH_BIN name the
# programs.
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd -P)
var=${VAR:-$here/var}
bin=${BIN:-$here/build/voicegate/voicegate}
speech_bin=${SPEECH_BIN:-$here/build/voicegate-speech}
ready_seconds=${READY_SECONDS:-90}
# Only what starts something makes the folder.
case ${1:-} in run | up) mkdir -p "$var/log" ;; esac
if [ -d "$var" ]; then var=$(cd "$var" && pwd -P); else var=$(realpath -m "$var"); fi
export VAR=$var
cd "$here"

say() { echo "==> $*"; }
die() {
  echo "voicegate: $*" >&2
  exit 1
}

# What the program takes for NAME, of the environment and .env; fails, with nothing
# said, where that is wrong: its own check tells all of it.
setting() {
  "$bin" --print-setting "$1" 2>/dev/null
}

# The same, but for what an earlier start left in VAR.
database_url() {
  VAR=/dev/null setting DATABASE_URL
}

# The pid in VAR/$1.pid, if that process lives and runs what $2 names.
alive() {
  local pid
  pid=$(cat "$var/$1.pid" 2>/dev/null) || return 1
  [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "$2" || return 1
  echo "$pid"
}

# Ends a pid: TERM, and after $2 seconds KILL.
end() {
  local pid=$1 left=$(($2 * 10))
  kill -TERM "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null && [ "$left" -gt 0 ]; do
    # A zombie of ours answers kill -0 until it is waited for.
    if grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; then break; fi
    sleep 0.1
    left=$((left - 1))
  done
  if [ "$left" -eq 0 ]; then kill -KILL "$pid" 2>/dev/null || true; fi
}

cluster_wanted() {
  local url
  url=$(database_url) && [ -z "$url" ]
}

# Unless SPEECH_URL says that somebody else runs it; its default, which is also in
# .env.example, does not say so. A service without a provider has SPEECH_URL.
speech_wanted() {
  local url name
  url=$(setting SPEECH_URL)
  [ "$url" = "$("$bin" --help | sed -n 's/^  SPEECH_URL=//p')" ] || return 1
  for name in STT CHAT TTS; do
    if [ "$(setting "${name}_BASE_URL")" = "$url" ]; then return 0; fi
  done
  return 1
}

# Started by root, the gateway and the speech server give root up.
flags=(-f -n)
speech_user=()
if [ "$(id -u)" -eq 0 ]; then
  # One that is wrong is left for the check to tell.
  if run_as=$("$bin" --print-setting RUN_AS_USER 2>/dev/null) && [ -z "$run_as" ]; then
    run_as=voicegate
    export RUN_AS_USER=$run_as
  fi
  speech_user=(--user "$run_as")
else
  flags+=(-r)
fi

# The default one; another is the operator's, and the check says that it is missing.
ensure_user() {
  if [ "$(id -u)" -eq 0 ] && [ "$run_as" = voicegate ] && ! id "$run_as" >/dev/null 2>&1; then
    say "creating the system user $run_as (no login, no home)"
    useradd --system --user-group --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin "$run_as"
  fi
}

private=
start_cluster() {
  if cluster_wanted; then
    say "starting the private PostgreSQL"
    "$here/conf/dev/cluster.sh" start "$var"
    private=yes
    DATABASE_URL=$(cat "$var/database.url")
    export DATABASE_URL
  else
    (umask 077
      database_url >"$var/database.url.new" && mv "$var/database.url.new" "$var/database.url")
  fi
}

start_speech() {
  speech_wanted || return 0
  if ! alive speech voicegate-speech >/dev/null; then
    say "starting the offline speech server"
    # It has given root up when it knows its port, and may not reach VAR then:
    # a folder of its own, for as long as it starts.
    speech_dir=$(mktemp -d "${TMPDIR:-/tmp}/voicegate-speech.XXXXXX")
    if [ "$(id -u)" -eq 0 ]; then chown "$run_as:" "$speech_dir"; fi
    setsid "$speech_bin" --listen 127.0.0.1:0 --port-file "$speech_dir/port" \
      "${speech_user[@]}" >>"$var/log/speech.log" 2>&1 </dev/null &
    echo $! >"$var/speech.pid"
    local left=$((ready_seconds * 10))
    until [ -s "$speech_dir/port" ]; do
      alive speech voicegate-speech >/dev/null || {
        rm -rf "$speech_dir"
        tail -n 20 "$var/log/speech.log" >&2
        die "the speech server did not start"
      }
      [ "$left" -gt 0 ] || die "the speech server is not ready after $ready_seconds s"
      sleep 0.1
      left=$((left - 1))
    done
    cp "$speech_dir/port" "$var/speech.port"
    rm -rf "$speech_dir"
  fi
  SPEECH_URL=http://127.0.0.1:$(cat "$var/speech.port")
  export SPEECH_URL
}

stop_all() {
  local pid child children drain
  if pid=$(alive gateway voicegate); then
    # It may drain for DRAIN_SECONDS; what is left of it then is ended too,
    # before the database is taken away from under it.
    children=$(pgrep -P "$pid" || true)
    drain=$(setting DRAIN_SECONDS) || drain=
    case $drain in '' | *[!0-9]*) drain=10 ;; esac
    end "$pid" $((drain + 15))
    for child in $children; do
      if grep -qs voicegate "/proc/$child/cmdline"; then end "$child" 1; fi
    done
  fi
  if pid=$(alive speech voicegate-speech); then end "$pid" 15; fi
  if [ -d "$var/postgresql" ]; then "$here/conf/dev/cluster.sh" stop "$var"; fi
  rm -f "$var/gateway.pid" "$var/speech.pid" "$var/speech.port" "$var/gateway.ready"
}

refuse_second() {
  local pid
  if pid=$(alive gateway voicegate); then
    die "already running in $var (pid $pid); make down ends it"
  fi
}

case ${1:-} in
run | up)
  refuse_second
  ensure_user
  # All mistakes at once, before anything is started; the database's address is
  # only known later, when it is ours.
  if cluster_wanted; then
    DATABASE_URL=postgresql://127.0.0.1/ "$bin" "${flags[@]}" --check-config >/dev/null || exit $?
  else
    "$bin" "${flags[@]}" --check-config >/dev/null || exit $?
  fi
  trap 'stop_all' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  start_cluster
  say "bringing the database schema up"
  "$bin" --migrate
  [ -z "$private" ] || "$here/conf/dev/cluster.sh" close "$var"
  start_speech
  rm -f "$var/gateway.ready"
  say "starting the gateway"
  if [ "$1" = up ]; then
    setsid "$bin" "${flags[@]}" --ready-file "$var/gateway.ready" \
      >>"$var/log/gateway.log" 2>&1 </dev/null &
  else
    # Its own session: Ctrl-C reaches this script, which then ends all in order.
    setsid "$bin" "${flags[@]}" --ready-file "$var/gateway.ready" </dev/null &
  fi
  pid=$!
  echo "$pid" >"$var/gateway.pid"
  left=$((ready_seconds * 10))
  until [ -s "$var/gateway.ready" ]; do
    alive gateway voicegate >/dev/null || {
      status=0
      wait "$pid" || status=$?
      [ "$1" = up ] && tail -n 20 "$var/log/gateway.log" >&2
      echo "voicegate: the gateway did not start (exit $status)" >&2
      exit "$status"
    }
    [ "$left" -gt 0 ] || die "the gateway is not ready after $ready_seconds s"
    sleep 0.1
    left=$((left - 1))
  done
  url=$(cat "$var/gateway.ready")
  say "ready: $url (the page is at /)"
  if [ "$1" = up ]; then
    trap - EXIT
    exit 0
  fi
  say "Ctrl-C stops everything"
  # From now on that is how it is meant to end.
  trap 'exit 0' INT
  status=0
  wait "$pid" || status=$?
  exit "$status"
  ;;
down)
  stop_all
  say "stopped"
  ;;
psql)
  [ -s "$var/database.url" ] || die "no database here yet: make run or make up first"
  # shellcheck disable=SC2086 # PSQL_ARGS is a list of arguments
  eval "exec psql \"\$(cat \"\$var/database.url\")\" ${PSQL_ARGS:-}"
  ;;
status)
  for name in gateway:voicegate speech:voicegate-speech; do
    if pid=$(alive "${name%%:*}" "${name##*:}"); then
      echo "${name%%:*}: running (pid $pid)"
    else
      echo "${name%%:*}: not running"
    fi
  done
  if [ -d "$var" ] && "$here/conf/dev/cluster.sh" status "$var"; then echo "postgresql: running"; else echo "postgresql: not running"; fi
  ;;
*)
  die "usage: instance.sh run|up|down|psql|status"
  ;;
esac
