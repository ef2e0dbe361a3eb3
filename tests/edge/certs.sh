#!/bin/sh
# Self-signed certificates for the TLS tests: certs.sh FOLDER.
set -eu

dir=$1
mkdir -p "$dir"
san=subjectAltName=DNS:localhost,IP:127.0.0.1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -keyout "$dir/ec.key" -out "$dir/ec.pem" -days 90 -subj /CN=localhost \
    -addext "$san" 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/rsa.key" \
    -out "$dir/rsa.pem" -days 90 -subj /CN=localhost -addext "$san" 2>/dev/null
chmod 600 "$dir/ec.key" "$dir/rsa.key"
