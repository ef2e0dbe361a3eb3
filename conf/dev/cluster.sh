#!/bin/bash
# The private PostgreSQL of one instance: a cluster under VAR that listens on
# loopback alone, with passwords (scram-sha-256), on a port of its own.
#
#   cluster.sh start VAR    creates the cluster when there is none, starts it,
#                           writes VAR/database.url (0600)
#   cluster.sh close VAR    when the schema is there: nobody but its roles connects
#   cluster.sh stop VAR     stops it (fast), leaving no process
#   cluster.sh status VAR   exit 0 when it runs
#
# PostgreSQL refuses to run as root: started by root it runs as the user
# postgres (PGUSER_OS names another), otherwise as whoever calls. PG_OPTIONS: what
# else is on its command line, for a database that no crash of the machine matters to.
set -eu

die() {
  echo "cluster: $*" >&2
  exit 1
}

[ $# -eq 2 ] || die "usage: cluster.sh start|close|stop|status VAR"
action=$1
# Of a folder that is not there nothing runs, and nothing is made.
[ "$action" != start ] || mkdir -p "$2"
if [ ! -d "$2" ]; then
  [ "$action" = stop ]
  exit
fi
var=$(cd "$2" && pwd -P)
data=$var/postgresql
url_file=$var/database.url
log=$var/log/postgresql.log
os_user=${PGUSER_OS:-postgres}

bin=
for dir in /usr/lib/postgresql/*/bin; do
  if [ -x "$dir/initdb" ]; then bin=$dir; fi
done
[ -n "$bin" ] || die "no PostgreSQL server found: apt-get install postgresql"

# As the cluster's user. Where that user could not walk to VAR (a checkout in a
# home folder, say), the process gets the one capability that lets it: search.
if [ "$(id -u)" -eq 0 ]; then
  id "$os_user" >/dev/null 2>&1 || die "there is no user $os_user"
  as() { setpriv --reuid="$os_user" --regid="$os_user" --init-groups "$@"; }
  if ! as sh -c "cd \"\$0\"" "$var" 2>/dev/null; then
    as() {
      setpriv --reuid="$os_user" --regid="$os_user" --init-groups \
        --inh-caps=+dac_read_search --ambient-caps=+dac_read_search "$@"
    }
    as sh -c "cd \"\$0\"" "$var" 2>/dev/null || die "user $os_user cannot reach $var;" \
      "give VAR a folder that it can (make ... VAR=/var/tmp/voicegate)"
  fi
else
  as() { "$@"; }
fi

running() {
  [ -f "$data/postmaster.pid" ] || return 1
  pid=$(head -n 1 "$data/postmaster.pid")
  kill -0 "$pid" 2>/dev/null || return 1
  # The number may be another process's by now: the folder decides.
  [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$data" ]
}

secret() {
  od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

free_port() {
  # A port below the ephemeral range, so that no outgoing connection has it.
  while :; do
    n=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
    port=$((20000 + n % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

create() {
  echo "==> creating the database cluster in $data"
  rm -rf "$data"
  install -d -m 0700 "$data"
  if [ "$(id -u)" -eq 0 ]; then chown "$os_user:" "$data"; fi
  pw_file=$var/.initdb.$$
  password=$(secret)
  (umask 077 && printf '%s\n' "$password" >"$pw_file")
  if [ "$(id -u)" -eq 0 ]; then chown "$os_user:" "$pw_file"; fi
  as "$bin/initdb" -D "$data" -U voicegate -A scram-sha-256 --pwfile="$pw_file" \
    -E UTF8 --locale=C.UTF-8 --data-checksums >"$var/log/initdb.log" 2>&1 || {
    rm -f "$pw_file"
    cat "$var/log/initdb.log" >&2
    die "initdb failed"
  }
  rm -f "$pw_file"
  (umask 077 && printf '%s\n' "$password" >"$var/database.password")
  : >"$var/database.complete"
}

start() {
  mkdir -p "$var/log"
  if running; then
    return
  fi
  if [ ! -f "$var/database.complete" ]; then
    # Nothing, or what an interrupted initdb left.
    create
  elif [ ! -f "$data/PG_VERSION" ] || [ ! -f "$var/database.password" ]; then
    die "$var has a database without its files or its password" \
      "(database.password); restore them, or remove $var/database.complete to begin anew"
  fi
  : >>"$log"
  if [ "$(id -u)" -eq 0 ]; then chown "$os_user:" "$log"; fi
  tries=0
  while :; do
    port=$(cat "$var/postgresql.port" 2>/dev/null || free_port)
    as "$bin/pg_ctl" -D "$data" -s -w -t 60 -l "$log" \
      -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='' -c max_connections=100 ${PG_OPTIONS:-}" \
      start && break
    rm -f "$var/postgresql.port"
    tries=$((tries + 1))
    [ "$tries" -lt 5 ] || die "PostgreSQL does not start; see $log"
  done
  echo "$port" >"$var/postgresql.port"
  password=$(cat "$var/database.password")
  PGPASSWORD=$password psql -X -q -h 127.0.0.1 -p "$port" -U voicegate -d postgres -tAc \
    "select 1 from pg_database where datname = 'voicegate'" | grep -q 1 ||
    PGPASSWORD=$password psql -X -q -h 127.0.0.1 -p "$port" -U voicegate -d postgres \
      -c 'create database voicegate' || die "cannot create the database"
  (umask 077 &&
    printf 'postgresql://voicegate:%s@127.0.0.1:%s/voicegate\n' "$password" "$port" >"$url_file.new" &&
    mv "$url_file.new" "$url_file")
}

# A channel has no privileges: whoever may connect may listen and notify.
close() {
  psql -X -q -v ON_ERROR_STOP=1 "$(cat "$url_file")" \
    -c 'revoke connect, temporary on database voicegate from public' \
    -c 'grant connect on database voicegate to voicegate_server, voicegate_operator'
}

stop() {
  if running; then
    as "$bin/pg_ctl" -D "$data" -s -w -t 60 -m fast stop
  fi
}

case $action in
start) start ;;
close) close ;;
stop) stop ;;
status) running ;;
*) die "usage: cluster.sh start|close|stop|status VAR" ;;
esac
