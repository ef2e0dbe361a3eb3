#!/bin/bash
# The production build: hardened, laid out by make install, and at work in a
# chroot, as a user of no privilege, over HTTPS, with its sandbox on. Needs what
# tests/run.sh exports; without root the chroot cannot be tried and the server
# runs without one.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/checks.sh
if [ "${F:-plain}" = asan ]; then
  ok 'not_with_sanitizers'
  exit 0
fi

work=$(mktemp -d "$TEST_TMP/release.XXXXXX")
chmod 0755 "$work"
pid=
finish() {
  if [ -n "$pid" ]; then
    kill -TERM "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  fi
}
trap finish EXIT

if ! make -s install DESTDIR="$work/dest" O="$O" >"$work/install.log" 2>&1; then
  bad install "$(tail -n 3 "$work/install.log")"
  exit 1
fi
exe=$work/dest/usr/sbin/voicegate
for f in usr/sbin/voicegate usr/sbin/voicegate-speech usr/share/man/man8/voicegate.8 \
  usr/lib/systemd/system/voicegate.service usr/lib/sysusers.d/voicegate.conf \
  usr/lib/tmpfiles.d/voicegate.conf usr/share/doc/voicegate/env.example etc/voicegate/.env; do
  check "installs_$(basename "$f")" test -f "$work/dest/$f"
done

elf=$(readelf -hldW "$exe" 2>/dev/null)
has() { grep -q "$1" <<<"$elf"; }
check is_position_independent has 'DYN (Position-Independent Executable file)'
check has_relro has 'GNU_RELRO'
check binds_now has 'BIND_NOW\|FLAGS.*NOW'
check has_no_executable_stack grep -q 'GNU_STACK.*RW ' <<<"$elf"
check has_stack_protector sh -c "readelf -sW --dyn-syms '$exe' | grep -q __stack_chk_fail"
check is_fortified sh -c "readelf -sW --dyn-syms '$exe' | grep -q '_chk@'"

port=
for try in 1 2 3 4 5 6 7 8; do
  port=$((21000 + ($$ * 7 + try * 311) % 9000))
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
done
tests/edge/certs.sh "$work/tls" >/dev/null 2>&1
url=${TEST_DATABASE_URL%/*}/t_release_$$
psql -Xq "$TEST_DATABASE_URL" -c "create database t_release_$$" || exit 1
export DATABASE_URL=$url VAR=$work/var PORT=$port RATE_LIMIT_PER_MINUTE=1000
export TLS_CERT_FILE=$work/tls/ec.pem TLS_KEY_FILE=$work/tls/ec.key
mkdir -p "$work/var" "$work/root"
flags=(-f)
if [ "$(id -u)" -eq 0 ]; then
  export RUN_AS_USER=$TEST_USER CHROOT_DIR=$work/root
  # The key's process is confined likewise: the pair lies there by the same path.
  mkdir -p "$work/root$work"
  chown -R "$TEST_USER:" "$work/tls"
  cp -a "$work/tls" "$work/root$work/"
else
  flags+=(-n -r)
fi
check migrates "$exe" --migrate
"$exe" "${flags[@]}" --ready-file "$work/ready" >"$work/log" 2>&1 </dev/null &
pid=$!
for ((i = 0; i < 300; i++)); do
  [ -s "$work/ready" ] && break
  kill -0 "$pid" 2>/dev/null || break
  sleep 0.1
done
check is_ready test -s "$work/ready"
ask() { curl -sS --cacert "$work/tls/ec.pem" "$@"; }
base=https://localhost:$port
if [ "$(id -u)" -eq 0 ]; then
  worker=$(pgrep -P "$pid" | tail -n 1)
  check is_in_its_root test "$(readlink "/proc/$worker/root")" = "$work/root"
  check gave_root_up test "$(stat -c %U "/proc/$worker")" = "$TEST_USER"
fi
check is_in_its_sandbox grep -q '^Seccomp:.*2' "/proc/$(pgrep -P "$pid" | tail -n 1)/status"
check speaks_tls_1_3 ask --tlsv1.3 -o /dev/null "$base/api/health"
check speaks_tls_1_2 ask --tls-max 1.2 -o /dev/null "$base/api/health"
if ask --tls-max 1.1 -o /dev/null "$base/api/health" 2>/dev/null; then
  bad refuses_tls_1_1 'it was spoken'
else
  ok refuses_tls_1_1
fi
id=$(ask -X POST "$base/api/session/start" | sed 's/.*"session_id":"\([^"]*\)".*/\1/')
check starts_a_session test "${#id}" -eq 36
answer=$(ask -F "session_id=$id" -F "audio=@$SPEECH_FIXTURES/goforward.wav" "$base/api/voice/process")
case $answer in
*'"transcript":"go forward ten meters"'*) ok hears_and_answers ;;
*) bad hears_and_answers "$answer" ;;
esac
audio=$(sed -n 's/.*"audio_url":"\([^"]*\)".*/\1/p' <<<"$answer")
ask -o "$work/reply.wav" "$base$audio"
check speaks sh -c "head -c 4 '$work/reply.wav' | grep -q RIFF"
check leaves_no_upload sh -c "[ -z \"\$(ls -A '$work/var/uploads')\" ]"
kill -TERM "$pid"
wait "$pid"
status=$?
pid=
check ends_well test "$status" -eq 0
if grep -q 'sandbox violation\|restarting worker' "$work/log"; then
  bad no_worker_died "$(grep 'violation\|restarting' "$work/log" | head -n 1)"
else
  ok no_worker_died
fi

# As the unit starts it: in its folder, as its user, with its environment and the
# file that was installed; a reload takes up what was changed in that file.
unit=$work/dest/usr/lib/systemd/system/voicegate.service
of_unit() { sed -n "s/^$1=//p" "$unit"; }
conf=$work/dest$(of_unit WorkingDirectory)/.env
sed -i "s|^DATABASE_URL=.*|DATABASE_URL=$url|; s|^PORT=.*|PORT=$port|; s|^RATE_LIMIT_HEALTH_PER_MINUTE=.*|RATE_LIMIT_HEALTH_PER_MINUTE=500|" "$conf"
as_user=()
mkdir -p "$work/state"
if [ "$(id -u)" -eq 0 ]; then
  # What systemd-tmpfiles would do.
  chgrp -R "$TEST_USER" "$work/dest/etc/voicegate"
  chmod 0750 "$work/dest/etc/voicegate"
  chown "$TEST_USER:" "$work/state"
  as_user=(setpriv --reuid "$TEST_USER" --regid "$TEST_USER" --clear-groups)
fi
unit_environment() { of_unit Environment | grep -v '^VAR='; }
unit_run() { # COMMAND of the unit: becomes it
  # shellcheck disable=SC2046 # words of a unit
  cd "${conf%/.env}" && exec env -i PATH="$PATH" $(unit_environment) VAR="$work/state" \
    "${as_user[@]}" "$work/dest"$1
}
before=$(of_unit ExecStartPre)
(unit_run "${before#-}") >"$work/unit-migrate.log" 2>&1
check unit_migrates test "$?" -eq 0
unit_run "$(of_unit ExecStart)" >"$work/unit.log" 2>&1 </dev/null &
pid=$!
soon() { # COMMAND...: within half a minute
  local i
  for ((i = 0; i < 300; i++)); do
    "$@" && return 0
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}
limit_is() { curl -sS -D - -o /dev/null "http://127.0.0.1:$port/api/health" 2>/dev/null | grep -qi "^ratelimit-policy: \"health\";q=$1;"; }
check unit_serves soon limit_is 500
sed -i 's|^RATE_LIMIT_HEALTH_PER_MINUTE=.*|RATE_LIMIT_HEALTH_PER_MINUTE=700|' "$conf"
kill -HUP "$pid"
check unit_reloads_its_file soon limit_is 700
kill -TERM "$pid"
wait "$pid"
status=$?
pid=
check unit_ends_well test "$status" -eq 0

# Without systemd, by the words of the document: in that folder, the same file.
if [ "$(id -u)" -eq 0 ]; then
  by_hand=$(sed -n '/Without systemd/,/voicegate --migrate/p' docs/OPERATIONS.md | sed -n 's/^    //p' |
    sed "s|/etc/voicegate|${conf%/.env}|; s|/var/lib/voicegate|$work/state|; s|RUN_AS_USER=voicegate|RUN_AS_USER=$TEST_USER|; s|^voicegate |'$exe' |")
  env -i PATH="$PATH" bash -ec "$by_hand" >"$work/by-hand.log" 2>&1
  check by_hand_works test "$?" -eq 0
  check by_hand_has_the_file grep -qx "PORT=$port  # .env" "$work/by-hand.log"
fi
[ "$failed" -eq 0 ] || tail -n 20 "$work/unit.log"
[ "$failed" -eq 0 ] || tail -n 20 "$work/log"
exit "$failed"
