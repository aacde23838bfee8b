#!/usr/bin/env bash
# Installs the Debian packages that only tests use, where that needs no question: as root, as in a container or in CI.
# Elsewhere it says what to type. A test whose peer is missing skips and says so, so nothing here is an error.
set -euo pipefail
cd "$(dirname "$0")"

mapfile -t wanted < <(grep -v '^#' requirements-test-peers.apt)
missing=()
for package in "${wanted[@]}"; do
  dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "skipped: ${missing[*]}: no apt-get here; the tests with these peers will skip"
elif [ "$(id -u)" -ne 0 ]; then
  echo "skipped: ${missing[*]}: for the tests with these peers, sudo apt-get install --no-install-recommends ${missing[*]}"
else
  export DEBIAN_FRONTEND=noninteractive
  # RUNLEVEL=1: the packages' services (Orthanc has one) are not started; tests start what they need, on loopback.
  export RUNLEVEL=1
  apt-get update --quiet=2 || true
  # One by one: what cannot be had keeps nothing else away.
  for package in "${missing[@]}"; do
    apt-get install --quiet=2 --yes --no-install-recommends "$package" >/dev/null ||
      echo "skipped: $package could not be installed; the tests with it will skip"
  done
fi
