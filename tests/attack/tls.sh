#!/bin/bash
# shellcheck disable=SC2154 # work and port are given by gateway.sh
#
# testssl.sh against the release over HTTPS (`make check-tls`), once with an EC and
# once with an RSA certificate. Prints every finding that is worse than INFO, and
# exits with 1 when there is one that is not a self-signed certificate's own.
. "$(dirname "$0")/gateway.sh"
tests/edge/certs.sh "$work/tls" >/dev/null 2>&1
[ "$(id -u)" -ne 0 ] || chown -R "${RUN_AS_USER:-voicegate}:" "$work/tls"
export RATE_LIMIT_ENABLED=false MAX_CONNECTIONS_PER_CLIENT=0
# Of a certificate that no CA signed: nobody to vouch for it, nor to revoke it, no
# record in the DNS of a name that is not one; what a grade makes of that; and what
# testssl says of the openssl that it runs itself.
own='engine_problem cert_chain_of_trust cert_trust cert_revocation cert_crlDistributionPoints cert_ocspURL DNS_CAArecord overall_grade grade_cap_reason_[0-9]+ trust'
failed=0
for kind in ${KINDS:-ec rsa}; do
  export TLS_CERT_FILE=$work/tls/$kind.pem TLS_KEY_FILE=$work/tls/$kind.key
  start_gateway
  testssl --quiet --color 0 --warnings off --jsonfile "$work/$kind.json" \
    -p -s -f -S -P -h -U "https://localhost:$port/" >"$work/$kind.log" 2>&1 </dev/null
  VAR=$work/var conf/dev/instance.sh down >/dev/null 2>&1
  # One member a line: id, ..., severity, finding.
  findings=$(awk -F'"' '/"id"/ {id = $4} /"severity"/ {sev = $4} /"finding"/ {print id, sev, $4}' "$work/$kind.json")
  n=$(grep -c . <<<"$findings")
  worse=$(awk '$2 != "OK" && $2 != "INFO"' <<<"$findings")
  others=$(grep -vE "^($(tr ' ' '|' <<<"$own"))( |$)" <<<"$worse" | grep .)
  echo "$kind: $n findings; worse than INFO: $(grep -c . <<<"$worse"), of them not the certificate's own: $(grep -c . <<<"$others")"
  [ -z "$worse" ] || sed 's/^/    /' <<<"$worse"
  if [ "$n" -lt 50 ]; then
    echo "    too few: testssl did not finish"
    tail -n 15 "$work/$kind.log"
    failed=1
  fi
  [ -z "$others" ] || failed=1
done
exit "$failed"
