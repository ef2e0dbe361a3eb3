#!/bin/bash
# The page in chromium against the real server: the policy and the origins as a
# browser keeps them, the HTTP Observatory and csp_evaluator, size and shifts, the
# main states; and a conversation over HTTPS with the release, confined to its
# root. All of the page's tests, most of which need no server, run with
# `make test-browser`. Needs what tests/run.sh exports.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/checks.sh
if [ "${F:-plain}" = asan ]; then
  ok 'not_with_sanitizers'
  exit 0
fi

work=$(mktemp -d "$TEST_TMP/browser.XXXXXX")
chmod 0755 "$work"
pids=()
finish() {
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
}
trap finish EXIT

if ! make -s install DESTDIR="$work/dest" O="$O" >"$work/install.log" 2>&1; then
  bad install "$(tail -n 3 "$work/install.log")"
  exit 1
fi
taken=
free_port() {
  local try
  for ((try = 0; try < 50; try++)); do
    port=$((15000 + RANDOM % 5000))
    case " $taken " in *" $port "*) continue ;; esac
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
  done
  taken="$taken $port"
}
tests/edge/certs.sh "$work/tls" >/dev/null 2>&1
free_port
allowed=http://127.0.0.1:$port

# NAME EXE [NAME=VALUE...]: a gateway with folders and a database of its own,
# ready; its port in $port.
start() {
  local name=$1 exe=$2 flags=(-f) i
  shift 2
  free_port
  mkdir -p "$work/$name"
  psql -Xq "$TEST_DATABASE_URL" -c "create database t_browser_${name}_$$" || return 1
  set -- PORT="$port" VAR="$work/$name" ALLOWED_ORIGINS="$allowed" MAX_CONNECTIONS_PER_CLIENT=0 \
    DATABASE_URL="${TEST_DATABASE_URL%/*}/t_browser_${name}_$$" \
    RATE_LIMIT_PER_MINUTE=100000 RATE_LIMIT_HEALTH_PER_MINUTE=100000 "$@"
  if [ "$(id -u)" -eq 0 ]; then
    set -- RUN_AS_USER="$TEST_USER" "$@"
  else
    flags+=(-r)
  fi
  case " $* " in *' CHROOT_DIR='*) ;; *) flags+=(-n) ;; esac
  env "$@" "$exe" --migrate >"$work/$name.log" 2>&1 || return 1
  env "$@" "$exe" "${flags[@]}" --ready-file "$work/$name/ready" >>"$work/$name.log" 2>&1 </dev/null &
  pids+=("$!")
  for ((i = 0; i < 300; i++)); do
    if [ -s "$work/$name/ready" ]; then return 0; fi
    kill -0 "${pids[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 5 "$work/$name.log"
  return 1
}

root=()
if [ "$(id -u)" -eq 0 ]; then
  # The key's process is confined likewise: the pair lies there by the same path.
  mkdir -p "$work/root$work"
  chown -R "$TEST_USER:" "$work/tls"
  cp -a "$work/tls" "$work/root$work/"
  root=(CHROOT_DIR="$work/root")
fi
check starts start plain "$BIN"
plain=http://127.0.0.1:$port
check starts_with_a_tight_limit start tight "$BIN" RATE_LIMIT_PER_MINUTE=1
tight=http://127.0.0.1:$port
check starts_the_release start release "$work/dest/usr/sbin/voicegate" \
  TLS_CERT_FILE="$work/tls/ec.pem" TLS_KEY_FILE="$work/tls/ec.key" "${root[@]}"
secure=https://127.0.0.1:$port
[ "$failed" -eq 0 ] || exit 1

export VG_ALLOWED_ORIGIN=$allowed VG_CERT_FILE=$work/tls/ec.pem VG_ARTEFACTS=$PWD/$O/log/pages
export VG_REPORTS_COMMAND="cat '$work/plain.log' '$work/release.log' | grep -c 'kind=csp_report' || true"

# Each of its lines is one of ours.
told() {
  local line
  while IFS= read -r line; do
    case $line in
    'ok '*) echo "ok $1: ${line#ok }" ;;
    'FAILED '*)
      echo "not ok $1: ${line#FAILED }"
      echo 1 >"$work/failed"
      ;;
    *) printf '  %s\n' "$line" ;;
    esac
  done
}
cd tests/browser || exit 1
VG_BASE_URL=$plain VG_HTTPS_URL=$secure VG_TIGHT_URL=$tight timeout -k 10 $((250 * ${VG_PATIENCE:-1})) node run.mjs \
  'policy:' 'conversation: speaking and' 'conversation: a reload' 'looks: under' 'state: light' 'looks: the API' 2>&1 | told page
VG_BASE_URL=$secure timeout -k 10 $((90 * ${VG_PATIENCE:-1})) node run.mjs 'conversation: speaking and' 2>&1 | told release
[ ! -e "$work/failed" ] || failed=1
for name in plain tight release; do
  none "no_worker_died_$name" "$(grep 'sandbox violation\|restarting worker' "$work/$name.log" | head -n 1)"
done
exit "$failed"
