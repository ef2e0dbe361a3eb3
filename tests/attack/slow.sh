#!/bin/bash
# shellcheck disable=SC2154 # work and port are given by gateway.sh
#
# Slow clients against the gateway (`make check-slow`): slowhttptest opens 500
# connections and sends heads, bodies, or reads, by drops, while a normal client on
# another address asks, each time on a new connection. Exits with 1 when the median
# of its times reaches 100 ms, a request of its fails, or the attack was none.
#
#   slow.sh [SECONDS]     of each attack (30)
#
# All 500 come from one address: MAX_CONNECTIONS_PER_CLIENT, which would turn most
# of them away at once, is off.
. "$(dirname "$0")/gateway.sh"
seconds=${1:-30}
limit_ms=100
export MAX_CONNECTIONS_PER_CLIENT=0 RATE_LIMIT_HEALTH_PER_MINUTE=1000000
start_gateway
failed=0

attack() { # NAME OPTION...
  local name=$1 pid
  shift
  slowhttptest -c 500 -r 250 -l "$seconds" -p 3 "$@" >"$work/$name.log" 2>&1 </dev/null &
  pid=$!
  : >"$work/$name.times"
  # In quick succession, as long as the attack lasts.
  while kill -0 "$pid" 2>/dev/null; do
    curl -sS --interface 127.0.0.2 --max-time 10 -o /dev/null -w '%{http_code} %{time_total}\n' \
      "http://127.0.0.1:$port/api/health" >>"$work/$name.times" 2>&1
    sleep 0.05
  done
  wait "$pid"
  # Those that our minimum rate ended count, too.
  local most
  most=$(sed 's/\x1b\[[0-9;]*m//g' "$work/$name.log" |
    awk '/^ *connected:/ {c = $2} /^ *closed:/ && c + $2 > m {m = c + $2} END {print m + 0}')
  awk -v name="$name" -v most="$most" -v limit="$limit_ms" '
    $1 == "200" {t[++n] = $2 * 1000; next}
    {bad++}
    END {
      for (i = 2; i <= n; i++) {
        v = t[i]
        for (j = i - 1; j > 0 && t[j] > v; j--) t[j + 1] = t[j]
        t[j + 1] = v
      }
      m = t[int((n + 1) / 2)]
      printf "%-8s %4d slow connections; %4d requests, %d failed; ms: median %.1f, 99th %.1f, most %.1f\n",
        name, most, n + bad, bad, m, t[int(n * 0.99 + 0.99)], t[n]
      exit !(most >= 450 && n > 0 && bad == 0 && m < limit)
    }' "$work/$name.times" || failed=1
}

attack headers -H -i 5 -t GET -u "http://127.0.0.1:$port/api/health"
attack body -B -i 5 -s 8192 -x 10 -t POST -f application/csp-report -u "http://127.0.0.1:$port/api/csp-report"
attack read -X -w 10 -y 20 -n 5 -z 32 -k 3 -u "http://127.0.0.1:$port/"
exit "$failed"
