#!/bin/bash
# What make run, up, down, psql and status do, in a folder of its own: with a .env
# that is .env.example, and with one that is written in every way that the program
# reads. Needs what tests/run.sh exports.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/checks.sh

work=$(mktemp -d "$TEST_TMP/instance.XXXXXX")
chmod 0755 "$work"
mkdir -p "$work/conf/dev"
cp conf/dev/instance.sh conf/dev/cluster.sh "$work/conf/dev/"
unset SPEECH_URL DATABASE_URL HOST RUN_AS_USER
export PORT
for try in 1 2 3 4 5 6 7 8; do
  PORT=$((21000 + ($$ * 13 + try * 317) % 9000))
  (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null || break
done
export VAR=$work/var
instance() { "$work/conf/dev/instance.sh" "$@" >>"$work/log" 2>&1; }
trap 'instance down' EXIT
health() { curl -s "http://127.0.0.1:$PORT/api/health"; }

# --- nothing is made by looking ------------------------------------------------

for action in psql status down; do
  instance "$action"
  if [ -e "$VAR" ]; then bad "${action}_makes_no_folder" "$VAR is there"; else ok "${action}_makes_no_folder"; fi
done
if instance psql; then bad psql_needs_an_instance 'it ended with 0'; else ok psql_needs_an_instance; fi

# --- a copy of .env.example changes nothing ---------------------------------------

cp .env.example "$work/.env"
check up_with_the_example instance up
case $(health) in
*'"stt":"connected"'*) ok the_example_has_its_speech_server ;;
*) bad the_example_has_its_speech_server "$(health)" ;;
esac
check psql_is_on_its_database sh -c "[ \"\$(echo 'select 1' | PSQL_ARGS=-At '$work/conf/dev/instance.sh' psql)\" = 1 ]"
of_all=$(echo "select count(*) from pg_database, aclexplode(datacl) as a where datname = 'voicegate' and a.grantee = 0" |
  PSQL_ARGS=-At "$work/conf/dev/instance.sh" psql)
check its_database_is_closed_to_others test "$of_all" = 0
check down instance down

# --- .env is read as the program reads it -------------------------------------------

psql -Xq "$TEST_DATABASE_URL" -c "create database t_instance_$$" || exit 1
there=${TEST_DATABASE_URL%/*}/t_instance_$$
cat >"$work/.env" <<ENV
  export  DATABASE_URL="$there"   # another's
SPEECH_URL='http://127.0.0.1:$PORT' # nobody is there
DRAIN_SECONDS=3 # short
ENV
check up_with_a_written_one instance up
check takes_the_database_of_the_file test "$(cat "$VAR/database.url" 2>/dev/null)" = "$there"
if [ -e "$VAR/speech.pid" ]; then
  bad leaves_the_speech_server_to_others 'it started one'
else
  ok leaves_the_speech_server_to_others
fi
check down_again instance down

# --- a machine that has no user voicegate yet ---------------------------------------

# In a mount namespace of its own /etc/passwd lacks it, and useradd puts it there.
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
  rm -f "$work/.env"
  grep -v '^voicegate:' /etc/passwd >"$work/passwd"
  mkdir -p "$work/bin"
  printf '#!/bin/sh\necho "%s" >>/etc/passwd\n' "$(getent passwd voicegate)" >"$work/bin/useradd"
  chmod 0755 "$work/bin/useradd"
  # shellcheck disable=SC2016 # for the shell in there
  check up_makes_its_user unshare -m sh -c 'mount --bind "$1/passwd" /etc/passwd &&
    PATH=$1/bin:$PATH exec "$1/conf/dev/instance.sh" up >>"$1/log" 2>&1' sh "$work"
  check down_as_before instance down
fi

# --- what is wrong stops it, and nothing is put in its place -----------------------------

wrong() { # NAME TEXT
  : >"$work/log"
  printf '%s\n' "$2" >"$work/.env"
  instance up
  if [ $? -eq 78 ] && grep -q "error: ${2%%=*}" "$work/log"; then ok "$1"; else bad "$1" "$(tail -n 3 "$work/log")"; fi
}
wrong a_wrong_database_is_told 'DATABASE_URL=mysql://127.0.0.1/x'
wrong a_wrong_port_of_it_is_told 'DATABASE_URL=postgresql://127.0.0.1:99999/x'
if [ "$(id -u)" -eq 0 ]; then
  wrong a_wrong_user_is_told "RUN_AS_USER='not a user'"
  wrong a_missing_user_is_told 'RUN_AS_USER=nobody-of-that-name'
fi

[ "$failed" -eq 0 ] || tail -n 30 "$work/log"
psql -Xq "$TEST_DATABASE_URL" -c "drop database t_instance_$$ with (force)"
exit "$failed"
