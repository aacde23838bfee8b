#!/usr/bin/env bash
# Unpacks the packages of a list into <folder>/node_modules, each checked against its sum. Where npm or the registry
# cannot be had it says so, and the test that needs them will be skipped.
set -euo pipefail
list=$1
folder=$2

if ! command -v npm >/dev/null; then
  echo "skipped: npm is not installed; the tests with the packages of $list will be skipped"
  exit 0
fi
rm -rf "$folder" && mkdir -p "$folder"
while read -r name version sum; do
  [[ -z $name || $name == \#* ]] && continue
  if ! archive=$(npm pack --silent --pack-destination "$folder" "$name@$version"); then
    echo "skipped: $name@$version cannot be had; the tests with the packages of $list will be skipped"
    exit 0
  fi
  echo "$sum  $folder/$archive" | sha512sum --check --quiet
  mkdir -p "$folder/node_modules/$name"
  tar -xzf "$folder/$archive" -C "$folder/node_modules/$name" --strip-components=1
  rm "$folder/$archive"
done <"$list"
touch "$folder/.installed"
